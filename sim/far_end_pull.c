/* A pull arrives at the broker: it is served, refused, lost, or forgotten. */
#include "sim/world.h"

/* For good, as far as this connection goes. */
static bool pull_forgotten(struct world *world, const struct event *event, uint32_t function)
{
    struct link *link = &world->nodes[event->node].link;
    if (event->connection != link->connection) {
        return false;
    }
    if (world_strikes(world, FAULT_PULLS_FORGOTTEN, event->node)) {
        link->forgotten |= UINT64_C(1) << function;
    }
    return (link->forgotten >> function & 1) != 0;
}

void far_end_pull(struct world *world, const struct event *event)
{
    struct pull pull = { .operation = event->effect.operation, .connection = event->connection };
    const struct function_note *note = node_note(&world->nodes[event->node], event->effect.about);
    if (note == NULL || event->effect.count == 0 || world_strikes(world, FAULT_PULL_LOST, event->node)) {
        return; /* the function is gone meanwhile; its inbox too */
    }
    if (pull_forgotten(world, event, note->function)) {
        return;
    }
    pull.node = event->node;
    pull.function = note->function;
    pull.handle = event->effect.about.bits;
    pull.remaining = event->effect.count;
    pull.expires_at_ns = world->now + event->effect.amount;
    if (world_strikes(world, FAULT_PULL_REFUSED, event->node)) {
        far_end_pull_ended(world, &pull, 0); /* 409 Exceeded MaxWaiting and the like */
        return;
    }
    jet_pull(&world->jet, world->now, &pull);
}
