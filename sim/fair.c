/* Equally free instances are treated equally (S17), judged in worlds without any fault.
 *
 * The broker serves waiting pulls in turn, so fairness is a matter of who has how many of them there. Two things are
 * judged. An instance that is at rest has a pull waiting for each function that it serves, soon after it came to rest.
 * And while all instances that serve a function have exactly one pull waiting each whenever a message goes out, and no
 * pull ends unfilled, nobody gets two messages more than another. An instance that takes many messages at once may have
 * more than one pull waiting, and is then not as free as the rest. */
#include "sim/world.h"

#include <string.h>

enum { AT_REST_SECONDS = 3 };

static uint32_t pulls_waiting(const struct world *world, uint32_t index, uint32_t function)
{
    uint32_t count = 0;
    for (uint32_t at = world->jet.consumers[function].pulls.head; at != 0; at = world->jet.pulls[at - 1].next) {
        count += world->jet.pulls[at - 1].node == index;
    }
    return count;
}

static bool serves(const struct world *world, uint32_t index, uint32_t function)
{
    const struct node *node = &world->nodes[index];
    return node->state == NODE_UP && node->link.told_up && node->serves[function];
}

void fair_disturbed(struct world *world, uint32_t function)
{
    memset(world->fair[function].turns, 0, sizeof world->fair[function].turns);
}

/* `taken` made the pull that this message goes to; it waits no more. */
void fair_delivered(struct world *world, uint32_t function, uint32_t taken)
{
    struct fair *fair = &world->fair[function];
    uint32_t least = UINT32_MAX, most = 0;
    fair->idle_ns[taken] = 0; /* It had asked, whatever each heartbeat may have missed. */
    if (!world->choices.calm) {
        return;
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        bool here = !served_elsewhere(world, index, function);
        uint32_t waiting = pulls_waiting(world, index, function) + (index == taken);
        if (here && (waiting != 1 || !serves(world, index, function))) {
            fair_disturbed(world, function);
            return;
        }
        fair->turns[index] += index == taken;
        least = here && fair->turns[index] < least ? fair->turns[index] : least;
        most = fair->turns[index] > most ? fair->turns[index] : most;
    }
    world->report->turns++;
    if (most > least + 1) {
        world_violation(world, "S17", "one instance got %u messages of f%u in turn, another one %u", most, function,
                        least);
    }
}

/* Looked at with each heartbeat. */
void fair_heartbeat(struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    struct core_view view;
    if (!world->choices.calm) {
        return;
    }
    core_view(node->core, &view);
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        struct fair *fair = &world->fair[function];
        bool rests = serves(world, index, function) && view.deliveries == 0;
        if (!rests || pulls_waiting(world, index, function) > 0) {
            fair->idle_ns[index] = 0;
        } else if (fair->idle_ns[index] == 0) {
            fair->idle_ns[index] = world->now;
        } else if (world->now - fair->idle_ns[index] > AT_REST_SECONDS * SECOND) {
            world_violation(world, "S17", "%c has nothing to do and does not ask for messages of f%u", 'a' + (int)index,
                            function);
        }
    }
}
