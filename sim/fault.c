/* Bad luck by the clock: each kind that exists in this world strikes after drawn times until the world is healed.
 * Bad luck that needs an occasion (a lost answer, a failing function) is drawn where the occasion arises, by
 * world_strikes(). */
#include "sim/world.h"

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

/* All nodes hear of it, one after another. */
static void tell_all(struct world *world, uint32_t function, uint64_t random)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        uint64_t delay = draw_below(draw_mix(random + index), 300 * MILLISECOND);
        world_post_node(world, world->now + delay, EVENT_FUNCTION_TOLD, index)->number = function;
    }
}

static void redeploy(struct world *world, uint32_t number, uint64_t random, bool good)
{
    struct function *function = &world->functions[number];
    function->version++;
    function->named[ALIAS_LIVE] |= UINT64_C(1) << function->version % 64;
    function->build_fails = !good && world_strikes(world, FAULT_BUILD_FAIL, number);
    story_event(world, "f%u becomes version %u%s", number, function->version,
                function->build_fails ? ", which does not build" : "");
    tell_all(world, number, random);
}

/* Sometimes a canary under the alias `live`, sometimes another alias; sometimes it goes. */
static void share(struct world *world, uint32_t number, uint64_t random)
{
    struct function *function = &world->functions[number];
    uint32_t place = (uint32_t)draw_below(draw_mix(random + 1), ROUTES_MAX);
    struct route *route = &function->routes[place];
    if (draw_below(draw_mix(random + 2), 3) == 0) {
        *route = (struct route){ 0 };
        story_event(world, "f%u has route %u no more", number, place);
    } else {
        *route = (struct route){ .version = ROUTE_VERSION_FIRST + function->route_versions++ };
        route->alias = (uint8_t)draw_below(draw_mix(random + 3), 2);
        route->weight = (uint8_t)(1 + draw_below(draw_mix(random + 4), 100));
        route->build_fails = world_strikes(world, FAULT_BUILD_FAIL, number);
        function->named[route->alias] |= UINT64_C(1) << route->version % 64;
        story_event(world, "f%u gets version %u as route %u: %u %% of alias %u%s", number, route->version, place,
                    route->weight, route->alias, route->build_fails ? ", which does not build" : "");
    }
    tell_all(world, number, random);
}

static void remove_function(struct world *world, uint32_t number, uint64_t random)
{
    if (!world->functions[number].removed) {
        world->functions[number].removed = true;
        world->functions[number].closing = CLOSING_OPEN;
        story_event(world, "f%u is removed", number);
        tell_all(world, number, random);
        uint64_t back = SECOND + draw_below(draw_mix(random), 10 * SECOND);
        world_post(world, world->now + back, EVENT_FUNCTION_BACK)->number = number;
    }
}

/* As an operator does it: no new requests, what is queued runs or ends, then it is removed. */
static void close_function(struct world *world, uint32_t number, uint64_t random)
{
    struct function *function = &world->functions[number];
    if (!function->removed && function->closing == CLOSING_OPEN) {
        function->closing = (uint8_t)(CLOSING_DRAIN + draw_below(draw_mix(random + 1), 2));
        story_event(world, "f%u closes: %s", number, function->closing == CLOSING_END ? "all ends" : "the rest runs");
        tell_all(world, number, random);
        uint64_t gone = SECOND + draw_below(draw_mix(random + 2), 5 * SECOND);
        world_post(world, world->now + gone, EVENT_FUNCTION_GONE)->number = number;
    }
}

void fault_gone(struct world *world, uint32_t number)
{
    if (world->functions[number].closing != CLOSING_OPEN) {
        remove_function(world, number, number + world->now);
    }
}

/* Only to values that the bounds of the last judgement allow for. */
static void change_setting(struct world *world, uint32_t index, uint64_t random)
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

static void drain(struct world *world, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    if (node->state == NODE_UP && node->paused_until_ns <= world->now) {
        node->state = NODE_DRAINING;
        node->drained_ns = node_clock(world, node);
        node->drain_grace_ns = draw_below(random, 20 * SECOND);
        struct input input = { .kind = INPUT_DRAIN };
        input.as.drain.grace_ns = node->drain_grace_ns;
        node_step(world, index, &input, NULL);
    }
}

static void crash(struct world *world, uint32_t index, uint64_t random)
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
        wire_mute(world, index);
        return;
    case FAULT_NODE_CRASH:
        crash(world, index, random);
        return;
    case FAULT_NODE_PAUSE:
        node->paused_until_ns = world->now + draw_below(random, 8 * SECOND);
        return;
    case FAULT_NODE_DRAIN:
        drain(world, index, random);
        return;
    case FAULT_WALL_JUMP:
        node->wall_offset_ns += world->options.wall_jumps_never ? 0 : jump(random);
        return;
    case FAULT_WORKER_DIE:
        process_die(world, index, random);
        return;
    case FAULT_SETTING:
        change_setting(world, index, random);
        return;
    default:
        return;
    }
}

static void strike_world(struct world *world, enum sim_fault fault, uint64_t random)
{
    uint32_t function = (uint32_t)draw_below(random, world->choices.functions);
    switch (fault) {
    case FAULT_BROKER_KILL:
        if (world->broker_up_ns <= world->now) {
            story_event(world, "the broker is killed");
            far_end_kill(world);
        }
        return;
    case FAULT_CONSUMER_DELETE:
        story_event(world, "the consumer of f%u is deleted", function);
        jet_delete_consumer(&world->jet, function);
        return;
    case FAULT_BROKER_JUMP:
        world->broker_offset_ns += jump(random) / 8;
        return;
    case FAULT_REDEPLOY:
        redeploy(world, function, random, false);
        return;
    case FAULT_FUNCTION_REMOVE:
        remove_function(world, function, random);
        return;
    case FAULT_SHARE:
        share(world, function, random);
        return;
    case FAULT_CLOSE:
        close_function(world, function, random);
        return;
    case FAULT_SLOW_NETWORK:
        world->slow_until_ns = world->now + draw_below(random, 5 * SECOND);
        return;
    case FAULT_BURST:
        for (uint64_t calls = 1 + draw_below(random, 60); calls > 0; calls--) {
            client_arrival(world);
        }
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
    fault_again(world, fault);
    strike_node(world, fault, index, random);
    strike_world(world, fault, random);
}

/* Somebody looks after it: an instance on which a function failed to start is told again what is wanted. */
void fault_reconcile(struct world *world)
{
    enum { EVERY_SECONDS = 10 };
    world_post(world, world->now + EVERY_SECONDS * SECOND, EVENT_RECONCILE);
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        tell_all(world, number, number);
    }
}

/* From now on nothing new goes wrong; what is broken is mended: nodes start, mute connections are cut, every
 * function is there in a version that builds. */
void fault_heal(struct world *world)
{
    world->healed = true;
    world->healed_ns = world->now;
    world->slow_until_ns = 0;
    story_event(world, "all heals");
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        struct function *function = &world->functions[number];
        bool stale = function->removed || function->build_fails || function->closing != CLOSING_OPEN ||
                     function->route_versions != 0;
        function->removed = false;
        function->closing = CLOSING_OPEN;
        for (uint32_t place = 0; place < ROUTES_MAX; place++) {
            function->routes[place] = (struct route){ 0 };
        }
        if (stale) {
            redeploy(world, number, number, true);
        }
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        struct node *node = &world->nodes[index];
        node->paused_until_ns = 0;
        if (node->link.up && node->link.sends_until_ns != UINT64_MAX) {
            wire_cut(world, index);
        }
    }
    fault_reconcile(world);
}
