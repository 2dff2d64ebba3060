/* Every planted bug in turn: seeds are played until one finds it. Only in builds with STEAD_MUTANTS. */
#ifndef STEAD_SIM_MUTANTS_H
#define STEAD_SIM_MUTANTS_H

#include "core/mutants.h"
#include "sim/sim.h"

enum { MUTANTS_MAX = 128, MUTANTS_JOBS_MAX = 64 };

struct mutant_row {
    uint32_t number;
    const char *name, *invariant, *what; /* invariant: the one that must find it */
    uint64_t seeds;                      /* played until it was found, or all */
    struct sim_violation violation;      /* empty: it was not found */
    bool found;                          /* and by the right one */
};

struct mutants_options {
    uint64_t seeds, steps; /* at most so many seeds for each */
    uint32_t jobs;
    const char *check; /* of the matrix: NULL, or the one check whose bugs are played */
    void (*progress)(void *owner, uint32_t done, uint32_t count); /* by any thread, one at a time; NULL: never */
    void *owner;
};

struct mutants_report {
    struct mutant_row row[MUTANTS_MAX]; /* by number */
    uint32_t count, found;
};

/* One seed, by all checks: the violation is empty if none of them finds anything. False if memory ran out. */
bool mutants_seed(const struct sim_options *options, struct sim_violation *ret_violation);
/* False if memory or threads ran out. */
bool mutants_run(const struct mutants_options *options, struct mutants_report *ret_report);

#endif
