/* What only a part that is healed lacks. Private to sim/. */
#ifndef STEAD_SIM_PART_H
#define STEAD_SIM_PART_H

#include "sim/sim.h"

/* Names the violation of a run L9 where it is one. Plays the world again; false if memory ran out. */
bool part_judge(const struct sim_options *options, struct sim_report *report);

#endif
