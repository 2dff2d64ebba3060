/* What `stead sim run` and `stead sim swarm` share: their arguments, and how they tell what was found.
 *
 * Everything goes to stdout unless a stream is named. Main thread. */
#ifndef STEAD_CLI_SIM_TELL_H
#define STEAD_CLI_SIM_TELL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

struct sim_arguments {
    const char *schedule, *schedule_out, *history, *report; /* NULL: none */
    uint64_t first, last, steps, jobs, mutant;
    bool seeds_given, steps_given, trace, json, swarm, stop, sometimes;
};

void sim_tell_failure(FILE *out, const struct sim_arguments *arguments, uint64_t seed,
                      const struct sim_violation *violation);
/* The command that shows the run again, without a line end. */
void sim_tell_again(FILE *out, const struct sim_arguments *arguments, uint64_t seed);
void sim_json_violation(uint64_t seed, const struct sim_violation *violation);
/* ,"name":{"A":1,...} without the zeros */
void sim_json_counters(const char *name, const uint64_t *counters, uint32_t count, const char *(*name_of)(uint32_t));

const char *sim_name_of_fault(uint32_t at);
const char *sim_name_of_effect(uint32_t at);
const char *sim_name_of_end(uint32_t at);
const char *sim_name_of_reason(uint32_t at);
const char *sim_name_of_situation(uint32_t at);

/* sim_mutants.c. argv[0] is "mutants". */
int sim_mutants_main(int argc, char **argv);

/* sim_swarm.c. Returns an enum sim_exit: the class of the first seed that failed. */
int sim_swarm_main(const struct sim_arguments *arguments);

#endif
