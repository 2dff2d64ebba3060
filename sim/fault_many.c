/* Misfortunes that come together: a rack that loses its power, restarts one after the other, a random part that is
 * stopped one by one and started in another order, a rollout with a changed setting in the middle of it.
 *
 * Each is one entry of a schedule. What follows from it is drawn from that entry's number and happens by EVENT_STEP,
 * unless all has healed by then. */
#include "sim/world.h"

static void step_later(struct world *world, enum sim_fault fault, uint32_t index, uint64_t delay_ns, uint64_t random)
{
    struct event *event = world_post(world, world->now + delay_ns, EVENT_STEP);
    event->how = (uint8_t)fault;
    event->number = index;
    event->random = random;
}

/* At least one, not always all. */
static bool is_in(const struct world *world, uint64_t random, uint32_t index)
{
    uint32_t sure = (uint32_t)draw_below(draw_mix(random + 99), world->choices.nodes);
    return index == sure || (draw_mix(random + index) & 1) != 0;
}

static void rack(struct world *world, uint64_t random)
{
    story_event(world, "a rack loses its power");
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        if (is_in(world, random, index)) {
            fault_crash(world, index, draw_mix(random + 10 + index));
        }
    }
    fault_broker(world, draw_mix(random + 20));
}

static void rolling(struct world *world, enum sim_fault fault, uint64_t random)
{
    uint64_t after = 0;
    for (uint32_t at = 0; at < world->choices.nodes; at++) {
        uint32_t index = (uint32_t)((random + at) % world->choices.nodes);
        step_later(world, fault, index, after, draw_mix(random + at));
        after += 500 * MILLISECOND + draw_below(draw_mix(random + 10 + at), 6 * SECOND);
    }
}

/* All stop within three seconds and are back within the five after. */
static void swizzle(struct world *world, uint64_t random)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        if (is_in(world, random, index)) {
            uint64_t stop = draw_below(draw_mix(random + 10 + index), 3 * SECOND);
            step_later(world, FAULT_SWIZZLE, index, stop,
                       8 * SECOND - stop - draw_below(draw_mix(random + 20 + index), 5 * SECOND));
        }
    }
}

static void rollout(struct world *world, uint64_t random)
{
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        if ((draw_mix(random + 30 + function) & 1) != 0) {
            fault_redeploy(world, function);
        }
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        step_later(world, FAULT_SETTING, index, draw_below(draw_mix(random + 50 + index), 10 * SECOND), random);
    }
    rolling(world, FAULT_ROLLING, random);
}

void fault_many(struct world *world, enum sim_fault fault, uint64_t random)
{
    switch (fault) {
    case FAULT_RACK:
        rack(world, random);
        return;
    case FAULT_ROLLING:
        rolling(world, fault, random);
        return;
    case FAULT_SWIZZLE:
        swizzle(world, random);
        return;
    case FAULT_ROLLOUT:
        rollout(world, random);
        return;
    default:
        return;
    }
}

void fault_step(struct world *world, const struct event *event)
{
    if (world->healed) {
        return;
    }
    if (event->how == FAULT_NAKS_FORGED) {
        stranger_step(world, event);
        return;
    }
    if (event->how == FAULT_AGE_CUT) {
        operator_mend_age(world);
        return;
    }
    struct node *node = &world->nodes[event->number];
    switch ((enum sim_fault)event->how) {
    case FAULT_ROLLING:
        fault_drain(world, event->number, event->random);
        return;
    case FAULT_SETTING:
        if (node->state == NODE_UP && node->paused_until_ns <= world->now) {
            fault_change_setting(world, event->number, event->random);
        }
        return;
    case FAULT_SWIZZLE:
        if (node->state != NODE_DOWN) {
            story_event(world, "%c%u is stopped", 'a' + (int)event->number, node->incarnation);
            node_crash(world, event->number);
            node_boot_later(world, event->number, event->random);
        }
        return;
    default:
        return;
    }
}
