/* A node is one instance: a core, its clocks, its blobs and what it knows of its functions. One input at a time
 * goes in; the effects that come out are judged, then carried out in order, before anything else happens.
 *
 * Its clocks are in clock.c. */
#include "sim/history.h"
#include "sim/sweeper.h"

#include <string.h>

enum { CHECK_EVERY = 256, COPY_EVERY = 4 * CHECK_EVERY }; /* steps; a copy and its hash cost forty steps */

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
    uint64_t bytes = world->options.other_lengths ? draw_mix(content->payload + content->digest) : content->payload;
    slot->length = 1 + (uint32_t)(bytes % 4000);
    node->slots_held++;
    return (struct blob){ index, slot->length };
}

/* The slot that holds it, though a power loss made its sequence another message's: it was published once more, and got
 * the same number. */
static uint32_t slot_of_lost(const struct world *world, const struct node *node, uint32_t index)
{
    const struct content *content = &node->slots[index].content;
    uint32_t used = world->report->faults[FAULT_POWER_LOSS] > 0 ? node->slots_used : 0;
    for (uint32_t at = 1; at < used; at++) {
        const struct content *other = &node->slots[at].content;
        bool held = node->slots[at].use == BLOB_HELD && other->kind == CONTENT_MESSAGE && at != index;
        bool same = other->request == content->request && other->digest == content->digest; /* as the core asks */
        if (held && same && other->sequence == content->sequence) {
            return at;
        }
    }
    return 0;
}

/* It came again, by a connection that is over, and the core keeps what it had; 0 if it has not. */
uint32_t slot_before(const struct node *node, const struct slot *slot)
{
    const struct slot *before = &node->slots[slot->before];
    bool same = before->content.kind == CONTENT_MESSAGE && before->content.sequence == slot->content.sequence;
    return slot->before != 0 && before->use == BLOB_HELD && same ? slot->before : 0;
}

/* A message that is in hand already comes again: the core keeps one delivery, with the token of the later one. */
static void slot_inherit(const struct world *world, struct node *node, uint32_t index, uint32_t *held)
{
    *held = *held != 0 ? *held : slot_of_lost(world, node, index);
    if (*held != 0) {
        const struct slot *before = &node->slots[*held];
        struct slot *slot = &node->slots[index];
        slot->since_ns = before->since_ns;
        slot->executed = before->executed;
        slot->worker = before->worker;
        slot->stream = before->stream;
        slot->succeeded = before->succeeded;
        slot->faults = before->faults;
        slot->puts = before->puts;
        slot->charges = before->charges;
        slot->lost = before->lost;
        slot->after_ns = before->after_ns;
        slot->conditions = before->conditions;
        slot->visited = slot->visited || before->visited;
        slot->before = *held;
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
    clock_boot(world, index);
    node->tick_ns = CORE_NEVER;
    node->paused_until_ns = 0;
    slots_clear(node);
    memset(node->held, 0, (world->jet.last_sequence + 1) * sizeof(*node->held));
    memset(node->notes, 0, choices->limits.functions_max * sizeof(node->notes[0]));
    memset(node->serves, 0, sizeof(node->serves));
    memset(node->serves_version, 0, sizeof(node->serves_version));
    memset(node->start_failed, 0, sizeof(node->start_failed));
    memset(node->routes, 0, sizeof(node->routes));
    memset(node->paused, 0, sizeof(node->paused));
    memset(node->told, 0, sizeof(node->told));
    memset(&node->hearing, 0, sizeof(node->hearing));
    memset(node->resumed_ns, 0, sizeof(node->resumed_ns));
    for (uint32_t row = 0; row < node->workers_count; row++) {
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
    memset(&node->seen, 0, sizeof(node->seen));
    history_life(world, index, "up");
    for (uint32_t function = 0; function < choices->functions; function++) {
        bool elsewhere = served_elsewhere(world, index, function);
        world->report->faults[FAULT_ELSEWHERE] += elsewhere;
        world->report->faults[FAULT_UNSERVED] += elsewhere && index == 0 && !world->functions[function].elsewhere;
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
    history_life(world, index, "down");
    sometimes_edges(world, index);
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
    input.as.function.paused = function->paused;
    input.as.function.pending_max = function->bounds.pending_max;
    input.as.function.elsewhere = served_elsewhere(world, index, number);
    return input;
}

/* Also of routes: they are told after their own row was set. */
static void node_set_policy(struct world *world, uint32_t index, const struct function *function, struct key row)
{
    struct input input = { .kind = INPUT_FUNCTION_POLICY };
    input.as.policy.name = row;
    input.as.policy.retry_ns_base = function->policy.retry_ns_base;
    input.as.policy.retry_ns_max = function->policy.retry_ns_max;
    input.as.policy.jitter = function->policy.jitter;
    memcpy(input.as.policy.retries, function->policy.retries, sizeof(input.as.policy.retries));
    load_policy(&function->bounds, &input);
    node_step(world, index, &input, NULL);
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
    node_set_policy(world, index, function, input.as.function.name);
}

/* A function first, its routes after it; they go in the other order. */
void node_set_function(struct world *world, uint32_t index, uint32_t number)
{
    const struct function *function = &world->functions[number];
    struct input input = function_input(world, index, number, function->version);
    if (nobody_deployed(world, number)) {
        world->report->faults[FAULT_UNDEPLOYED]++;
        return;
    }
    sweeper_told(world, index, number);
    share_closing(world, index, number, function->closing);
    if (function->removed) {
        input.kind = INPUT_FUNCTION_REMOVED;
        world->nodes[index].serves[number] = false;
    } else {
        node_step(world, index, &input, NULL);
        node_set_policy(world, index, function, function->name);
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
    if (node->steps % COPY_EVERY != 0) {
        return;
    }
    const struct core *copy = core_copy(world->copy, node->core);
    if (core_hash(copy) != core_hash(node->core)) {
        world_violation(world, "S20", "a copy of the core has another hash");
    }
}

void node_arm(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    uint64_t deadline = core_next_deadline(node->core);
    if (deadline == CORE_NEVER) {
        return;
    }
    uint64_t at = node_moment(world, node, deadline);
    if (at > world->now && world->choices.timer_late_ns != 0) {
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
        load_judge_effect(world, index, effect);
        hearing_judge_effect(world, index, effect);
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
            node->slots[input->blob.slot].visited = sweeper_visits(world, index, content->function);
            slot_inherit(world, node, input->blob.slot, &node->held[content->sequence]);
        }
    }
    if (input->kind == INPUT_STRAY || input->kind == INPUT_WALKED) {
        struct key name = input->kind == INPUT_STRAY ? input->as.queue.function : input->as.walked.function;
        node->stray = (uint32_t)(name.hi >> 32 & 0xff);
    }
    input->now_ns = node_clock(world, node);
    input->wall_ns = node_wall(world, node);
    story_input(world, index, input);
    judge_input(world, index, input);
    load_judge_input(world, index, input);
    hearing_judge_input(world, index, input);
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
