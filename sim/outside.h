/* A run that is also judged from outside, by its history alone (check/). Private to sim/. */
#ifndef STEAD_SIM_OUTSIDE_H
#define STEAD_SIM_OUTSIDE_H

#include "sim/sim.h"

/* Plays a seed as sim_run() does; *ret_violation is the first one of the history, if it has one, else untouched.
 * False if memory ran out. */
bool outside_run(const struct sim_options *options, struct sim_report *ret_report, struct sim_violation *ret_violation);

/* The same, and once more with wall clocks that never jump. *report is what sim_run() said of it: another hash is S20,
 * other effects without jumps are S15. Only the first violation is kept. *ret_steps is how many steps that took. */
bool outside_play(const struct sim_options *options, const struct sim_report *report,
                  struct sim_violation *ret_violation, uint64_t *ret_steps);

#endif
