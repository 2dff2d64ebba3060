/* Facts that make no sense, for a copy of a core. Private to sim/. */
#ifndef STEAD_SIM_GARBLE_H
#define STEAD_SIM_GARBLE_H

#include "sim/world.h"

/* S19 if the copy does anything about what means nothing, or asserts. The node itself learns nothing. */
void garble(struct world *world, uint32_t index, uint64_t random);

#endif
