/* How the load of functions is bounded, and the law about it. Private to sim/. */
#ifndef STEAD_SIM_LOAD_H
#define STEAD_SIM_LOAD_H

#include "core/core.h"

/* What a node was told last of a function's queue, and what it acked since. */
struct told {
    uint64_t at_ns, oldest_ns;
    uint32_t messages, acked;
};

/* What a function says of its load; 0: nothing. */
struct bounds {
    uint64_t age_ns_max, size_max;
    uint32_t pending_max;
    uint16_t concurrency_min;
};

struct world;

void load_make(struct world *world, uint32_t function);
void load_policy(const struct bounds *bounds, struct input *policy);
/* What runs of a function beside one another on a node, of all its versions. */
uint32_t load_running(const struct world *world, uint32_t index, uint32_t function);
void load_look(const struct world *world, uint32_t function, struct input *queue); /* the broker's figures of it */
void load_judge_input(struct world *world, uint32_t index, const struct input *input);
void load_judge_effect(struct world *world, uint32_t index, const struct effect *effect);

#endif
