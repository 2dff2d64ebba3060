/* Clients. They come in an open loop, whatever the system's state, at any node that is up; some come back with an
 * id that they used before, some of those with another input; some leave; some have no patience; some go past our
 * doors and publish to the stream themselves, not always sense. Who is refused tells the others to wait a little. */
#include "sim/history.h"
#include "sim/world.h"

enum { RECENT = 64, REFUSED_PAUSE = 20 };

static uint64_t digest_of(uint32_t request, bool other)
{
    return draw_mix((uint64_t)request << 1 | (uint64_t)other) | 1;
}

static bool publishes(enum call_kind kind)
{
    return kind == CALL_KIND_EXECUTE || kind == CALL_KIND_SUBMIT;
}

static uint32_t request_new(struct world *world)
{
    uint32_t request = world->requests_count++;
    uint64_t random = world_draw(world, request, PURPOSE_CALL, 0);
    world->requests[request] = (struct request){ .key = { request, draw_mix(random) | 1 } };
    world->requests[request].function = (uint32_t)draw_below(random, world->choices.functions);
    world->requests[request].digest = digest_of(request, false);
    uint64_t named = world->choices.fault[FAULT_ALIAS];
    bool other = named != 0 && world_draw_below(world, 1000000, request, PURPOSE_ALIAS, 0) < named;
    world->requests[request].alias = other ? 1 : ALIAS_LIVE;
    world->report->faults[FAULT_ALIAS] += other;
    return request;
}

/* A new request or, now and then, a recent one again; the room ends with the table. */
static uint32_t request_pick(struct world *world, bool *ret_other)
{
    uint32_t count = world->requests_count;
    bool again = count > 0 && world_strikes(world, FAULT_CLIENT_RESUBMIT, count);
    *ret_other = false;
    if (!again && count < world->requests_max) {
        return request_new(world);
    }
    uint64_t reach = count < RECENT ? count : RECENT;
    *ret_other = again && world_strikes(world, FAULT_CLIENT_CONFLICT, count);
    return count - 1 - (uint32_t)world_draw_below(world, reach, count, PURPOSE_CALL, world->arrivals);
}

static void raw_publish(struct world *world, uint32_t request, const struct entry *entry)
{
    const struct request *wanted = &world->requests[request];
    struct content content = { .kind = CONTENT_MESSAGE, .request = request, .function = wanted->function };
    content.digest = digest_of(request, entry->number[CALL_OTHER] != 0);
    content.has_id = entry->number[CALL_UNNAMED] == 0;
    content.misleads = entry->number[CALL_MISLEADS] != 0;
    content.budget_ns = entry->number[CALL_BUDGET_NS];
    if (entry->number[CALL_INVALID] != 0) {
        content.invalid = entry->number[CALL_INVALID] == 1 ? REASON_INVALID_EVENT : REASON_EVENT_TOO_LARGE;
    }
    if (world->broker_up_ns > world->now || cluster_asked(world, GROUP_REQUESTS) != CLUSTER_SERVES) {
        return;
    }
    struct jet_ack ack = jet_publish(&world->jet, world->now, broker_wall(world), &content);
    history_published(world, &content, ack.code == 0);
    if (ack.code == 0 && !world->requests[request].accepted) {
        world->requests[request].accepted = true;
        world->requests_accepted++;
    }
}

/* Which door it comes by; only the first two bring a request. */
static enum call_kind door_pick(struct world *world)
{
    static const struct {
        enum sim_fault fault;
        enum call_kind kind;
    } doors[] = { { FAULT_CLIENT_AWAIT, CALL_KIND_AWAIT },
                  { FAULT_CLIENT_LOOK, CALL_KIND_LOOK },
                  { FAULT_CLIENT_END, CALL_KIND_CANCEL },
                  { FAULT_CLIENT_SUBMIT, CALL_KIND_SUBMIT } };
    for (uint32_t at = 0; at < sizeof(doors) / sizeof(doors[0]); at++) {
        if (world_strikes(world, doors[at].fault, world->arrivals)) {
            return doors[at].kind;
        }
    }
    return CALL_KIND_EXECUTE;
}

/* Whose result or end is asked for: mostly one of the last few, sometimes one that nobody ever heard of. */
static uint32_t door_request(struct world *world)
{
    uint32_t count = world->requests_count;
    uint64_t random = world_draw(world, world->arrivals, PURPOSE_DOOR, 0);
    if (count == 0 || ((random & 31) == 0 && count < world->requests_max)) {
        return request_new(world);
    }
    uint64_t reach = random & 32 ? 4 : RECENT;
    return count - 1 - (uint32_t)draw_below(draw_mix(random), reach < count ? reach : count);
}

static void call_note(struct world *world, uint32_t number, uint32_t index, uint32_t request, enum call_kind kind)
{
    const struct stored *stored = jet_result(&world->jet, world->now, request);
    struct call *call = &world->calls[number];
    *call = (struct call){ .request = request, .node = index, .incarnation = world->nodes[index].incarnation };
    call->function = world->requests[request].function;
    call->kind = (uint8_t)kind;
    call->since_ns = world->now;
    call->looked_ns = world->nodes[index].looked_ns;
    call->born_ns = world->nodes[index].born_ns;
    call->queued = jet_find(&world->jet, request);
    call->stored = stored == NULL ? 0 : stored->count;
    world->calls_open++;
}

static void call_post(struct world *world, uint32_t index, uint32_t request, const struct entry *entry)
{
    uint32_t number = world->calls_count++;
    enum call_kind kind = (enum call_kind)entry->what;
    struct call *call = &world->calls[number];
    call_note(world, number, index, request, kind);
    struct input input = { .kind = INPUT_CALL };
    input.as.call.kind = (uint8_t)kind;
    input.as.call.request = world->requests[request].key;
    input.as.call.reference = number + 1;
    input.as.call.budget_ns = entry->number[CALL_BUDGET_NS];
    struct content content = { .kind = CONTENT_NONE };
    if (publishes(kind)) {
        call->digest = digest_of(request, entry->number[CALL_OTHER] != 0);
        input.as.call.digest = call->digest;
        input.as.call.size = 1;
        input.as.call.alias = world->requests[request].alias;
        bool strange = entry->number[CALL_STRANGE] != 0;
        input.as.call.function = strange ? version_key(FUNCTIONS_MAX + 1, 1) : world->functions[call->function].name;
        content = (struct content){ .kind = CONTENT_REQUEST, .request = request, .function = call->function };
        content.digest = call->digest;
    }
    history_called(world, number, entry->number[CALL_BUDGET_NS]);
    if (entry->number[CALL_LEAVES_NS] != 0) {
        world_post(world, world->now + entry->number[CALL_LEAVES_NS] - 1, EVENT_CANCEL)->number = number;
    }
    node_step(world, index, &input, &content);
}

/* -- what is done -- */

static void client_perform(struct world *world, const struct entry *entry)
{
    uint32_t request = (uint32_t)entry->number[CALL_REQUEST];
    if (entry->number[CALL_FORGED] != 0) {
        far_end_announce(world, request);
    }
    if (publishes((enum call_kind)entry->what) && entry->number[CALL_RAW] != 0) {
        raw_publish(world, request, entry);
        return;
    }
    uint32_t index = (uint32_t)(entry->number[CALL_NODE] % world->choices.nodes);
    for (uint32_t tries = 0; tries < world->choices.nodes && world->nodes[index].state != NODE_UP; tries++) {
        index = (index + 1) % world->choices.nodes;
    }
    if (world->nodes[index].state != NODE_DOWN && world->nodes[index].paused_until_ns <= world->now) {
        call_post(world, index, request, entry);
    }
}

/* Requests keep their numbers although others may be missing: what is drawn about them stays the same. */
void client_do(struct world *world, const struct entry *entry)
{
    if (entry->number[CALL_REQUEST] >= world->requests_max || world->calls_count >= world->calls_max) {
        return;
    }
    while (world->requests_count <= entry->number[CALL_REQUEST]) {
        request_new(world);
    }
    follow_call_note(world, entry);
    client_perform(world, entry);
}

/* -- what is drawn -- */

static void raw_draw(struct world *world, struct entry *entry)
{
    uint64_t random = world_draw(world, world->arrivals, PURPOSE_CALL, 2);
    entry->number[CALL_RAW] = 1;
    entry->number[CALL_UNNAMED] = (random & 3) == 0;
    entry->number[CALL_BUDGET_NS] = (random & 12) == 0 ? SECOND + draw_below(random, 20 * SECOND) : 0;
    if (world_strikes(world, FAULT_RAW_INVALID, entry->number[CALL_REQUEST])) {
        entry->number[CALL_INVALID] = random & 16 ? 1 : 2;
    }
}

static void call_draw(struct world *world, struct entry *entry)
{
    uint32_t number = world->calls_count;
    uint64_t random = world_draw(world, number, PURPOSE_CALL, 3);
    uint64_t budget = random & 1 ? 5 * SECOND + draw_below(random, 60 * SECOND) : 0;
    bool hurries = world_strikes(world, FAULT_CLIENT_HURRY, number);
    entry->number[CALL_BUDGET_NS] = hurries ? MILLISECOND + draw_below(random, 2 * SECOND) : budget;
    entry->number[CALL_STRANGE] =
        publishes((enum call_kind)entry->what) && world_strikes(world, FAULT_CLIENT_STRANGE, number);
    if (world_strikes(world, FAULT_CLIENT_CANCEL, number)) {
        entry->number[CALL_LEAVES_NS] = 1 + draw_below(draw_mix(random), SECOND);
    }
}

void client_arrival(struct world *world)
{
    uint64_t random = world_draw(world, world->arrivals++, PURPOSE_ARRIVAL, 0);
    bool other = false;
    if (world->calls_count >= world->calls_max) {
        return;
    }
    enum call_kind kind = door_pick(world);
    struct entry entry = { .kind = ENTRY_CALL, .what = (uint8_t)kind };
    uint32_t request = publishes(kind) ? request_pick(world, &other) : door_request(world);
    entry.number[CALL_AT] = world->now;
    entry.number[CALL_REQUEST] = request;
    entry.number[CALL_OTHER] = other;
    entry.number[CALL_NODE] = draw_below(random, world->choices.nodes);
    entry.number[CALL_FORGED] = world_strikes(world, FAULT_CANCEL_FORGED, request);
    if (publishes(kind) && world_strikes(world, FAULT_RAW_PUBLISH, request)) {
        raw_draw(world, &entry);
    } else {
        call_draw(world, &entry);
    }
    client_do(world, &entry);
}

void client_cancel(struct world *world, uint32_t number)
{
    struct call *call = &world->calls[number];
    struct node *node = &world->nodes[call->node];
    if (call->state != CALLER_OPEN || call->handle.bits == 0 || node->incarnation != call->incarnation ||
        node->paused_until_ns > world->now) {
        return;
    }
    call->state = CALLER_CANCELLED;
    history_left(world, number);
    world->calls_open--;
    struct input input = { .kind = INPUT_CALL_CANCELLED, .about = call->handle };
    node_step(world, call->node, &input, NULL);
}

void client_learn(struct world *world, uint32_t index, const struct effect *effect)
{
    (void)index;
    world->calls[effect->reference - 1].handle = effect->about;
}

void client_reply(struct world *world, uint32_t index, const struct effect *effect)
{
    struct call *call = &world->calls[effect->reference - 1];
    call->replies++;
    if (call->state != CALLER_CANCELLED) {
        history_replied(world, index, effect);
    }
    if (call->state == CALLER_OPEN) {
        call->state = CALLER_REPLIED;
        world->calls_open--;
    }
    world->report->replies[effect->code < REASON_COUNT ? effect->code : 0]++;
    if (call->certainly_not_started) {
        world->calm_until_ns = world->now + REFUSED_PAUSE * world->choices.arrival_ns_mean;
    }
}

void client_node_gone(struct world *world, uint32_t index)
{
    while (world->calls_settled < world->calls_count && world->calls[world->calls_settled].state != CALLER_OPEN) {
        world->calls_settled++;
    }
    for (uint32_t number = world->calls_settled; number < world->calls_count; number++) {
        struct call *call = &world->calls[number];
        if (call->state == CALLER_OPEN && call->node == index) {
            call->state = CALLER_CRASHED;
            history_left(world, number);
            world->calls_open--;
        }
    }
}
