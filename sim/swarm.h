/* Many seeds at once: threads take seeds from a counter, each runs its own world, and what they found is added up.
 *
 * One seed in twenty is played twice and must have one hash; the history of its second run is judged by check/.
 *
 * Seeds do not depend on who ran them, so a fleet's findings are the same for any number of jobs; only the order in
 * which failures are reported may differ, and the report sorts them by seed. */
#ifndef STEAD_SIM_SWARM_H
#define STEAD_SIM_SWARM_H

#include "sim/sim.h"

enum { SWARM_FAILURES_MAX = 64, SWARM_JOBS_MAX = 64 };

struct swarm_failure {
    uint64_t seed;
    struct sim_violation violation;
};

struct swarm_report {
    uint64_t seeds, clean, steps, events, simulated_ns, executions, accepted, redeliveries, resurrected, turns,
        refused_results;
    uint64_t faults[FAULT_COUNT], effects[EFFECT_COUNT], inputs[INPUT_COUNT], ends[END_COUNT], replies[REASON_COUNT];
    uint64_t seen[SEEN_COUNT]; /* what must happen sometimes */
    struct edges edges;
    uint64_t hash;     /* sum of all hashes: the same for any number of jobs */
    uint64_t replayed; /* seeds that were played again, and judged from outside */
    uint64_t failures; /* seeds with a violation; the first ones are listed, by seed */
    struct swarm_failure failure[SWARM_FAILURES_MAX];
    uint32_t failures_listed;
    uint64_t steps_again; /* of runs that were compared with an earlier one of the same seed: not among `steps` */
    uint64_t slowest_seed, slowest_ns; /* the run that took most of its thread's time, and how much */
};

struct swarm_options {
    uint64_t first, last, steps;
    uint32_t jobs, mutant;
    bool stop_at_failure;
    /* Called now and then by the calling thread while the others work; NULL: never. */
    void (*progress)(void *owner, const struct swarm_report *so_far);
    void *owner;
};

/* False if memory or threads ran out. */
bool swarm_run(const struct swarm_options *options, struct swarm_report *ret_report);

#endif
