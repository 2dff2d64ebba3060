/* What a seed decides before anything happens: the size of the world, its settings, and which faults exist in it.
 *
 * Swarm testing: each seed switches whole kinds of faults off and draws how hard the others strike. A run without
 * disconnects reaches states that one with everything at once never does, and the other way round. */
#ifndef STEAD_SIM_CHOICES_H
#define STEAD_SIM_CHOICES_H

#include "core/limits.h"
#include "sim/jet.h"
#include "sim/sim.h"

#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

enum { REQUESTS_SPARE = 512 }; /* a world has room for half as many requests as steps, and these */

struct choices {
    uint32_t nodes, functions;
    struct limits limits;
    struct settings settings;
    struct jet_settings jet;
    uint64_t latency_ns;      /* typical, one way */
    uint64_t arrival_ns_mean; /* between two calls */
    uint64_t run_ns_mean;     /* of an execution */
    uint64_t exit_ns_max;     /* of a process that is killed */
    uint64_t timer_late_ns;   /* ticks come up to this much late */
    uint64_t clock_every_ns, heartbeat_ns;
    /* 0: this fault does not exist here. Faults of the world: mean time between two, ns. Others: parts per million. */
    uint64_t fault[FAULT_COUNT];
    bool calm; /* no fault exists at all */
};

void choices_draw(uint64_t seed, uint64_t steps, struct choices *ret_choices);
/* What follows from other choices: the sizes of the broker's tables and its copies of numbers. */
void choices_size(struct choices *choices, uint64_t seed, uint64_t steps);
/* The age limit of the request stream, which the settings decide. */
void choices_age(struct choices *choices, uint64_t seed);
/* Whether the fault strikes by itself, by the clock, rather than when something is done. */
bool choices_timed(enum sim_fault fault);

#endif
