/* Switches for planted bugs in the stand-ins for adapters (core/mutants.h has the table). Private to sim/. */
#ifndef STEAD_SIM_PLANTED_H
#define STEAD_SIM_PLANTED_H

#include "core/mutants.h"

#ifdef STEAD_MUTANTS
#define WORLD_MUTANT(world, name) ((world)->options.mutant == MUTANT_##name)
#else
#define WORLD_MUTANT(world, name) false
#endif

#endif
