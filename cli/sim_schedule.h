/* `stead sim shrink`, and what `stead sim run` shares with it: schedule files and exit statuses. */
#ifndef STEAD_CLI_SIM_SCHEDULE_H
#define STEAD_CLI_SIM_SCHEDULE_H

#include <stdbool.h>

#include "sim/number.h"
#include "sim/schedule.h"
#include "sim/sim.h"

enum sim_exit {
    SIM_EXIT_CLEAN = 0,
    SIM_EXIT_CRASH = 1, /* A0: an assertion of the core failed */
    SIM_EXIT_USAGE = 2,
    SIM_EXIT_LIVENESS = 3, /* L*: something that must happen did not */
    SIM_EXIT_SAFETY = 4,   /* S*, B*, E*: something happened that must not */
    SIM_EXIT_DETERMINISM = 5,
    SIM_EXIT_NO_OUTPUT = 73, /* a file could not be written */
    SIM_EXIT_NO_MEMORY = 70,
};

int sim_exit_of(const struct sim_violation *violation);

/* False after a line on stderr. What was loaded is to be freed with schedule_free(). A schedule of a planted bug is
 * refused by programs without planted bugs, which could only play another run. */
bool sim_schedule_load(const char *path, struct schedule *ret_schedule);
bool sim_schedule_save(const char *path, const struct schedule *schedule);

/* argv[0] is "shrink". Returns an enum sim_exit: the class of the failure that was made small. */
int sim_shrink_main(int argc, char **argv);

#endif
