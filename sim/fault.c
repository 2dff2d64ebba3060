/* Bad luck by the clock: each kind that exists in this world strikes after drawn times until the world is healed.
 * Bad luck that needs an occasion (a lost answer, a failing function) is drawn where the occasion arises, by
 * world_strikes(). */
#include "sim/garble.h"
#include "sim/history.h"
#include "sim/sweeper.h"
#include "sim/world.h"

#include <string.h>

static uint64_t fault_draw(const struct world *world, enum sim_fault fault, enum world_draw purpose)
{
    return world_draw(world, fault, purpose, world->fault_counter[fault]);
}

static void fault_again(struct world *world, enum sim_fault fault)
{
    if (world->options.schedule != NULL) {
        follow_fault_next(world, fault);
        return;
    }
    uint64_t mean = world->choices.fault[fault];
    uint64_t wait = mean / 4 + draw_below(fault_draw(world, fault, PURPOSE_FAULT_WHEN), mean * 3 / 2);
    world_post(world, world->now + wait, EVENT_FAULT)->how = (uint8_t)fault;
}

void fault_begin(struct world *world)
{
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        bool exists = world->options.schedule != NULL || world->choices.fault[fault] != 0;
        if (exists && choices_timed((enum sim_fault)fault)) {
            fault_again(world, (enum sim_fault)fault);
        }
    }
}

void fault_change_setting(struct world *world, uint32_t index, uint64_t random)
{
    static const uint8_t which[] = { SETTING_hold_ns_max,  SETTING_reply_poll_ns, SETTING_start_timeout_ns,
                                     SETTING_retry_ns_max, SETTING_stop_grace_ns, SETTING_pull_expires_ns };
    struct input input = { .kind = INPUT_SETTING };
    input.as.setting.which = which[draw_below(draw_mix(random + 1), sizeof which)];
    const uint64_t *values = (const uint64_t *)&world->choices.settings;
    uint64_t value = values[input.as.setting.which];
    input.as.setting.value = value / 2 + draw_below(draw_mix(random + 2), value / 2 + 1);
    node_step(world, index, &input, NULL);
}

/* Stopped again it sleeps no shorter: what waits for it was put off until then. */
static void fault_pause(struct world *world, struct node *node, uint64_t random)
{
    uint64_t until_ns = world->now + draw_below(random, 8 * SECOND);
    node->paused_until_ns = until_ns > node->paused_until_ns ? until_ns : node->paused_until_ns;
}

void fault_drain(struct world *world, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    if (node->state == NODE_UP && node->paused_until_ns <= world->now) {
        node->state = NODE_DRAINING;
        node->drained_ns = node_clock(world, node);
        node->drain_grace_ns = draw_below(random, 20 * SECOND);
        history_drain(world, index, false);
        struct core_view view;
        core_view(node->core, &view);
        world->report->seen[SEEN_DRAINED_WITH_WORK] += view.running > 0;
        struct input input = { .kind = INPUT_DRAIN };
        input.as.drain.grace_ns = node->drain_grace_ns;
        node_step(world, index, &input, NULL);
    }
}

void fault_crash(struct world *world, uint32_t index, uint64_t random)
{
    if (world->nodes[index].state != NODE_DOWN) {
        story_event(world, "%c%u crashes", 'a' + (int)index, world->nodes[index].incarnation);
        node_crash(world, index);
        node_boot_later(world, index, 100 * MILLISECOND + draw_below(random, 10 * SECOND));
    }
}

static int64_t jump(uint64_t random)
{
    return (int64_t)draw_below(random, 120 * SECOND) - (int64_t)(60 * SECOND);
}

static void strike_node(struct world *world, enum sim_fault fault, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    switch (fault) {
    case FAULT_LINK_CUT:
        wire_cut(world, index);
        return;
    case FAULT_LINK_MUTE:
        wire_mute(world, index, true, true);
        return;
    case FAULT_LINK_DEAF:
        wire_mute(world, index, false, true);
        return;
    case FAULT_LINK_UNHEARD:
        wire_mute(world, index, true, false);
        return;
    case FAULT_PARTITION:
        wire_part(world, index, world->now + draw_below(random, 20 * SECOND));
        return;
    case FAULT_CLOCK_RATE:
        clock_set_rate(world, index, random);
        return;
    case FAULT_WALL_RATE:
        clock_set_wall_rate(world, index, random);
        return;
    case FAULT_NODE_CRASH:
        fault_crash(world, index, random);
        return;
    case FAULT_NODE_PAUSE:
        fault_pause(world, node, random);
        return;
    case FAULT_NODE_DRAIN:
        fault_drain(world, index, random);
        return;
    case FAULT_WALL_JUMP:
        clock_jump_wall(world, index, jump(random));
        return;
    case FAULT_GARBLE:
        garble(world, index, random);
        return;
    case FAULT_WORKER_DIE:
        process_die(world, index, random);
        return;
    case FAULT_SETTING:
        if (node->paused_until_ns <= world->now) {
            fault_change_setting(world, index, random);
        }
        return;
    default:
        return;
    }
}

static uint64_t full_until(const struct world *world, uint64_t random, const char *what)
{
    story_event(world, "the broker has no room: %s", what);
    return world->now + draw_below(draw_mix(random), 10 * SECOND);
}

void fault_broker(struct world *world, uint64_t random)
{
    if (world->choices.jet.replicas == REPLICAS) {
        cluster_kill(world, (uint32_t)draw_below(random, REPLICAS), random);
    } else if (world->broker_up_ns <= world->now) {
        story_event(world, "the broker is killed");
        far_end_kill(world);
    }
}

static void fault_broker_end(struct world *world, uint64_t random)
{
    if (world->choices.jet.replicas == REPLICAS) {
        cluster_end(world, (uint32_t)draw_below(random, REPLICAS), random);
    } else if (world->broker_up_ns <= world->now) {
        story_event(world, "the broker is ended, and starts again");
        far_end_end(world);
    }
}

static void fault_leaders(struct world *world, enum sim_fault fault, uint64_t random)
{
    if (world->choices.jet.replicas != REPLICAS) {
        return;
    }
    if (fault == FAULT_LEADER_CHANGE) {
        cluster_step_down(world, random);
    } else {
        cluster_lose_quorum(world, random);
    }
}

static void burst(struct world *world, uint64_t random)
{
    for (uint64_t calls = 1 + draw_below(random, 60); calls > 0; calls--) {
        client_arrival(world);
    }
}

static void strike_broker(struct world *world, enum sim_fault fault, uint64_t random)
{
    switch (fault) {
    case FAULT_BROKER_KILL:
        fault_broker(world, random);
        return;
    case FAULT_BROKER_END:
        fault_broker_end(world, random);
        return;
    case FAULT_LEADER_CHANGE:
    case FAULT_QUORUM_LOST:
        fault_leaders(world, fault, random);
        return;
    case FAULT_POWER_LOSS:
        if (world->broker_up_ns <= world->now) {
            far_end_lose_power(world);
        }
        return;
    case FAULT_LEAP:
        clock_leap(world);
        return;
    case FAULT_STORAGE_FULL:
        world->storage_until_ns = full_until(world, random, "its storage");
        return;
    case FAULT_QUEUE_FULL:
        world->jet.full_until_ns[JET_REQUESTS] = full_until(world, random, "the request stream");
        return;
    case FAULT_RESULTS_FULL:
        world->jet.full_until_ns[JET_RESULTS] = full_until(world, random, "the result stream");
        return;
    case FAULT_DEAD_FULL:
        world->jet.full_until_ns[JET_DEAD] = full_until(world, random, "the dead-letter stream");
        if ((draw_mix(random + 1) & 7) == 0) { /* Nobody looks after it, and results are gone before it has room. */
            world->jet.full_until_ns[JET_DEAD] += world->choices.jet.retention_ns;
        }
        return;
    case FAULT_BROKER_JUMP:
        broker_wall_set(world, jump(random) / 8);
        return;
    case FAULT_BROKER_STEP:
        broker_wall_step(world, jump(random) * 10);
        return;
    case FAULT_NAKS_FORGED:
        stranger_naks(world, random);
        return;
    case FAULT_ACK_FORGED:
        stranger_acks(world, random);
        return;
    default:
        return;
    }
}

static void strike_world(struct world *world, enum sim_fault fault, uint64_t random)
{
    uint32_t function = (uint32_t)draw_below(random, world->choices.functions);
    switch (fault) {
    case FAULT_CONSUMER_DELETE:
        story_event(world, "the consumer of f%u is deleted", function);
        jet_delete_consumer(&world->jet, function);
        return;
    case FAULT_AGE_CUT:
        operator_cut_age(world, random);
        return;
    case FAULT_REDEPLOY:
        fault_redeploy(world, function);
        return;
    case FAULT_FUNCTION_REMOVE:
        operator_remove(world, function, random);
        return;
    case FAULT_SHARE:
        operator_share(world, function, random);
        return;
    case FAULT_PAUSE:
        sweeper_pause(world, function, random);
        return;
    case FAULT_CLOSE:
        operator_close(world, function, random);
        return;
    case FAULT_SLOW_NETWORK:
        world->slow_until_ns = world->now + draw_below(random, 5 * SECOND);
        return;
    case FAULT_BURST:
        burst(world, random);
        return;
    default:
        return;
    }
}

void fault_event(struct world *world, const struct event *event)
{
    enum sim_fault fault = (enum sim_fault)event->how;
    if (world->healed) {
        return;
    }
    world->fault_counter[fault]++;
    world->report->faults[fault]++;
    uint64_t random = fault_draw(world, fault, PURPOSE_FAULT_HOW);
    uint32_t index = (uint32_t)draw_below(fault_draw(world, fault, PURPOSE_FAULT_WHO), world->choices.nodes);
    if (world->options.schedule != NULL) {
        const struct entry *entry = follow_fault_take(world, fault);
        random = entry->number[FAULT_RANDOM];
        index = (uint32_t)(entry->number[FAULT_NODE] % world->choices.nodes);
    }
    follow_fault_note(world, fault, index, random);
    history_fault(world, fault, index);
    fault_again(world, fault);
    strike_node(world, fault, index, random);
    strike_broker(world, fault, random);
    strike_world(world, fault, random);
    fault_many(world, fault, random);
}
