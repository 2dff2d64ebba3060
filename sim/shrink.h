/* Makes a failing schedule small: leaves out what the failure does not need, then makes its numbers small.
 *
 * A smaller schedule counts if the same invariant fails. The result is minimal in this sense: no single entry can be
 * left out, and no number be halved, without losing the failure. Deterministic. */
#ifndef STEAD_SIM_SHRINK_H
#define STEAD_SIM_SHRINK_H

#include "sim/schedule.h"
#include "sim/sim.h"

enum { SHRINK_RUNS_DEFAULT = 20000 };

struct shrink_options {
    const struct sim_fork *fork; /* what the failing run went on from; NULL: nothing */
    uint64_t runs_max;           /* 0: SHRINK_RUNS_DEFAULT. When they are used up the best so far is the result */
    /* Called after each run by the calling thread; NULL: never. */
    void (*progress)(void *owner, uint64_t runs, uint32_t entries);
    void *owner;
};

struct shrink_report {
    uint32_t entries_before, entries_after;
    uint64_t runs;
    bool minimal;                   /* nothing more could be removed; else runs_max was reached */
    struct sim_violation violation; /* of the small schedule */
};

enum shrink_result { SHRINK_DONE, SHRINK_CLEAN /* nothing fails */, SHRINK_NO_MEMORY };

/* Shrinks the schedule in place. */
enum shrink_result shrink(struct schedule *schedule, const struct shrink_options *options,
                          struct shrink_report *ret_report);

#endif
