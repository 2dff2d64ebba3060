/* A node is one instance: a core, its clocks, its blobs and what it knows of its functions. One input at a time
 * goes in; the effects that come out are judged, then carried out in order, before anything else happens.
 *
 * The core's monotonic clock starts at a random place at each boot; its wall clock may be anything. */
#include "sim/world.h"

#include <string.h>

enum { CHECK_EVERY = 256 };

uint64_t node_clock(const struct world *world, const struct node *node)
{
    return node->clock_base_ns + (world->now - node->booted_ns);
}

/* -- blobs -- */

static void slots_clear(struct node *node)
{
    node->slots_used = 1; /* slot 0 is "none" */
    node->slots_free = 0;
    node->slots_held = 0;
}

static struct blob slot_take(struct world *world, struct node *node, const struct content *content, uint32_t epoch)
{
    uint32_t index = node->slots_free;
    if (index != 0) {
        node->slots_free = node->slots[index].next_free;
    } else if (node->slots_used < BLOBS_MAX) {
        index = node->slots_used++;
    } else {
        world_violation(world, "B1", "the core holds %u blobs and lets none go", node->slots_held);
    }
    struct slot *slot = &node->slots[index];
    memset(slot, 0, sizeof(*slot));
    slot->content = *content;
    slot->content.epoch = epoch;
    slot->since_ns = node_clock(world, node);
    slot->use = BLOB_HELD;
    slot->length = 1 + (uint32_t)(content->payload % 4000);
    node->slots_held++;
    return (struct blob){ index, slot->length };
}

/* A message that is in hand already comes again: the core keeps one delivery, with the token of the later one. */
static void slot_inherit(struct node *node, uint32_t index, uint32_t *held)
{
    if (*held != 0) {
        const struct slot *before = &node->slots[*held];
        struct slot *slot = &node->slots[index];
        slot->since_ns = before->since_ns;
        slot->executed = before->executed;
        slot->puts = before->puts;
        slot->charges = before->charges;
        slot->after_ns = before->after_ns;
        slot->conditions = before->conditions;
    }
    *held = index;
}

/* -- life and death -- */

bool node_boot(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    const struct choices *choices = &world->choices;
    node->incarnation = ++world->incarnations;
    node->state = NODE_UP;
    node->booted_ns = world->now;
    node->clock_base_ns = 1 + world_draw_below(world, 1000000 * SECOND, index, PURPOSE_BOOT, node->incarnation);
    node->tick_ns = CORE_NEVER;
    node->paused_until_ns = 0;
    slots_clear(node);
    memset(node->held, 0, (choices->jet.history_max + 1) * sizeof(*node->held));
    memset(node->notes, 0, sizeof(node->notes));
    memset(node->serves, 0, sizeof(node->serves));
    memset(node->routes, 0, sizeof(node->routes));
    for (uint32_t row = 0; row < WORKERS_MAX; row++) {
        node->workers[row].state = PROCESS_NONE;
        node->workers[row].handle.bits = 0;
        node->workers[row].stamp++;
    }
    uint64_t seed = world_draw(world, index, PURPOSE_BOOT, ~(uint64_t)node->incarnation);
    node->core = core_init(node->memory, &choices->limits, &choices->settings, seed);
    if (node->core == NULL) {
        return false;
    }
#ifdef STEAD_MUTANTS
    core_set_mutant(node->core, world->options.mutant);
#endif
    story_event(world, "%c%u boots", 'a' + (int)index, node->incarnation);
    for (uint32_t function = 0; function < choices->functions; function++) {
        node_set_function(world, index, function);
        world->report->faults[FAULT_ELSEWHERE] += served_elsewhere(world, index, function);
    }
    wire_connect_later(world, index,
                       world_draw_below(world, 50 * MILLISECOND, index, PURPOSE_RECONNECT, node->incarnation));
    return true;
}

void node_boot_later(struct world *world, uint32_t index, uint64_t delay_ns)
{
    world_post_node(world, world->now + delay_ns, EVENT_BOOT, index);
}

void node_crash(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    node->state = NODE_DOWN;
    node->incarnation = ++world->incarnations; /* what is on its way to it is lost */
    client_node_gone(world, index);
    wire_drop(world, index);
}

static struct input function_input(const struct world *world, uint32_t index, uint32_t number, uint32_t version)
{
    const struct function *function = &world->functions[number];
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = function->name;
    input.as.function.version = version_key(number, version);
    input.as.function.timeout_ns = function->timeout_ns;
    input.as.function.keep_alive_ns = function->keep_alive_ns;
    input.as.function.retries_max = function->retries_max;
    input.as.function.concurrency = function->concurrency;
    input.as.function.workers_max = function->workers_max;
    input.as.function.closing = function->closing;
    input.as.function.elsewhere = served_elsewhere(world, index, number);
    return input;
}

static void node_set_route(struct world *world, uint32_t index, uint32_t number, uint32_t place, uint8_t alias)
{
    const struct function *function = &world->functions[number];
    const struct route *route = &function->routes[place];
    struct input input = function_input(world, index, number, route->version);
    bool gone = function->removed || route->version == 0 || route->alias != alias || input.as.function.elsewhere;
    input.kind = gone ? INPUT_FUNCTION_REMOVED : INPUT_FUNCTION_SET;
    input.as.function.name = version_key(number, UINT32_MAX - place * 2 - alias);
    input.as.function.of = function->name;
    input.as.function.alias = alias;
    input.as.function.place = (uint8_t)place;
    input.as.function.weight = route->weight;
    share_told(world, index, number, place, &input);
    node_step(world, index, &input, NULL);
}

/* A function first, its routes after it; they go in the other order. */
void node_set_function(struct world *world, uint32_t index, uint32_t number)
{
    const struct function *function = &world->functions[number];
    struct input input = function_input(world, index, number, function->version);
    world->nodes[index].routes[number].closing = function->closing;
    if (function->removed) {
        input.kind = INPUT_FUNCTION_REMOVED;
        world->nodes[index].serves[number] = false;
    } else {
        node_step(world, index, &input, NULL);
    }
    for (uint32_t place = 0; place < ROUTES_MAX && function->route_versions != 0; place++) {
        node_set_route(world, index, number, place, 0);
        node_set_route(world, index, number, place, 1);
    }
    if (function->removed) {
        node_step(world, index, &input, NULL);
    }
}

/* -- steps -- */

struct function_note *node_note(struct node *node, struct handle function)
{
    uint32_t row = handle_index(function);
    bool known = row < ROWS_MAX && function.bits != 0 && node->notes[row].handle.bits == function.bits;
    return known ? &node->notes[row] : NULL;
}

void node_check(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    core_check(node->core);
    if (core_blobs_held(node->core) != node->slots_held) {
        world_violation(world, "B1", "%c%u holds %u blobs by its own count, %u by ours", 'a' + (int)index,
                        node->incarnation, core_blobs_held(node->core), node->slots_held);
    }
    const struct core *copy = core_copy(world->copy, node->core);
    if (core_hash(copy) != core_hash(node->core)) {
        world_violation(world, "S20", "a copy of the core has another hash");
    }
}

/* Asks the core when it wants to be woken, and makes sure that it is. */
static void node_arm(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    uint64_t deadline = core_next_deadline(node->core);
    if (deadline == CORE_NEVER) {
        return;
    }
    uint64_t clock = node_clock(world, node);
    uint64_t at = world->now + (deadline > clock ? deadline - clock : 0);
    if (deadline > clock && world->choices.timer_late_ns != 0) {
        at += world_draw_below(world, world->choices.timer_late_ns, index, PURPOSE_LATENCY, node->steps);
    }
    if (node->tick_ns > at) {
        node->tick_ns = at;
        world_post_node(world, at, EVENT_TICK, index);
    }
}

static void node_carry_out(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    for (uint32_t at = 0; at < node->effects.count; at++) {
        const struct effect *effect = &node->effects.list[at];
        digest_effect(world, index, effect);
        story_effect(world, index, effect);
        judge_effect(world, index, effect);
        world_perform(world, index, effect);
    }
}

void node_step(struct world *world, uint32_t index, struct input *input, const struct content *content)
{
    struct node *node = &world->nodes[index];
    if (node->state == NODE_DOWN) {
        return;
    }
    if (content != NULL && content->kind != CONTENT_NONE) {
        input->blob = slot_take(world, node, content, input->epoch);
        if (input->kind == INPUT_DELIVERY) {
            node->slots[input->blob.slot].conditions = share_conditions(world, index, content->function);
            slot_inherit(node, input->blob.slot, &node->held[content->sequence]);
        }
    }
    input->now_ns = node_clock(world, node);
    input->wall_ns = broker_wall(world) - world->broker_offset_ns + node->wall_offset_ns;
    story_input(world, index, input);
    judge_input(world, index, input);
    digest_input(world, index, input);
    core_step(node->core, input, &node->effects);
    world->steps++;
    node->steps++;
    node_carry_out(world, index);
    if (node->steps % CHECK_EVERY == 0) {
        node_check(world, index);
    }
    node_arm(world, index);
}

void node_tick(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    if (node->tick_ns > world->now) {
        return; /* an earlier tick took its place */
    }
    node->tick_ns = CORE_NEVER;
    if (core_next_deadline(node->core) > node_clock(world, node)) {
        node_arm(world, index);
        return;
    }
    struct input input = { .kind = INPUT_TICK };
    node_step(world, index, &input, NULL);
}
