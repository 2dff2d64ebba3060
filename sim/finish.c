/* The last judgement. After the heal the world must become quiet: nothing queued, nobody waiting, every core at
 * rest. Then the books are compared: every message that was ever stored has its one result, every dead letter is
 * there, no blob is held. */
#include "sim/bounds.h"
#include "sim/sweeper.h"
#include "sim/taken.h"

/* Whether it is there at all. */
static const char *node_away(const struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    if (node->state == NODE_DRAINING) {
        return "L5: a drain does not end";
    }
    if (node->state != NODE_UP) {
        return "L4: an instance is not up";
    }
    return node->link.told_up ? NULL : "L4: an instance is not connected";
}

/* What never ends keeps a process, and others wait for that. */
static const char *node_runs(const struct world *world, uint32_t index)
{
    struct core_view view;
    core_view(world->nodes[index].core, &view);
    return view.running != 0 ? "L1: a message still runs" : NULL;
}

/* A message whose request has ended, and which does not run, waits for nothing but to leave the queue. */
static const char *node_works(const struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    struct core_view view;
    core_view(node->core, &view);
    for (uint32_t slot = 1; view.deliveries != 0 && slot < node->slots_used; slot++) {
        const struct content *content = &node->slots[slot].content;
        bool message = node->slots[slot].use != BLOB_FREE && content->kind == CONTENT_MESSAGE;
        if (message && world->jet.stored[content->request].count == 0) {
            return "L1: a message is still in hand";
        }
    }
    return view.deliveries != 0 ? "L7: a message that is answered is still in hand" : NULL;
}

static const char *node_serves(const struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    struct core_view view;
    uint32_t ready = 0;
    core_view(node->core, &view);
    if (node->seen.known != world->records.last) {
        return "L8: an instance has not read the records";
    }
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        bool here = !served_elsewhere(world, index, number) && !nobody_deployed(world, number);
        ready += here;
        if (here && node->serves_version[number] != world->functions[number].version) {
            return "L8: a function runs in a version that is replaced";
        }
    }
    return view.functions_ready != ready ? "L8: a function is not ready on an instance" : NULL;
}

/* What it has not put away. */
static const char *node_holds(const struct world *world, uint32_t index)
{
    struct core_view view;
    core_view(world->nodes[index].core, &view);
    if (view.calls != 0) {
        return "L1: a core still holds a call";
    }
    return world->nodes[index].slots_held != 0 ? "B1: a blob is still held" : NULL;
}

/* The first thing that one of the instances lacks. */
static const char *nodes_lack(const struct world *world, const char *(*lack)(const struct world *, uint32_t))
{
    const char *unmet = NULL;
    for (uint32_t index = 0; unmet == NULL && index < world->choices.nodes; index++) {
        unmet = world->nodes[index].left_out ? NULL : lack(world, index);
    }
    return unmet;
}

static uint32_t calls_held(const struct world *world)
{
    uint32_t held = 0;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        struct core_view view;
        core_view(world->nodes[index].core, &view);
        held += world->nodes[index].state == NODE_DOWN ? 0 : view.calls;
    }
    return held;
}

static bool queue_is_left(const struct world *world)
{
    bool left = false;
    for (uint32_t number = 0; number < world->choices.functions && world->jet.messages_live != 0; number++) {
        left = left || world->jet.live[number] != 0;
    }
    return left;
}

/* What may be the cause of the others comes first. */
const char *finish_unmet(struct world *world)
{
    const char *unmet = nodes_lack(world, node_away);
    unmet = unmet != NULL ? unmet : nodes_lack(world, node_runs);
    unmet = unmet != NULL ? unmet : nodes_lack(world, node_serves);
    unmet = unmet != NULL ? unmet : nodes_lack(world, node_works);
    if (unmet == NULL && queue_is_left(world)) {
        return "L7: the work queue is not empty";
    }
    if (unmet == NULL && world->calls_open != 0) {
        return calls_held(world) == 0 ? "S7: a caller was forgotten" : "L1: a caller has no answer";
    }
    return unmet != NULL ? unmet : nodes_lack(world, node_holds);
}

/* It waits in the queue, and nobody who may run it was healed. */
static bool is_stranded(const struct world *world, uint64_t sequence)
{
    const struct message *message = jet_message(&world->jet, sequence);
    return message != NULL && message->state != MESSAGE_GONE && !heal_serves(world, message->content.function);
}

/* Excused, if there was what excuses it. */
static void judge_forgotten(struct world *world, uint32_t request)
{
    if (world->report->faults[FAULT_POWER_LOSS] == 0 && world->jet.dropped == 0) {
        world_wrong(world, "S1", "something of R%u was forgotten, and neither the power was lost nor room", request);
    }
}

/* A nats-server 2.9 that is killed drops what it has no room for; our doors leave it room, raw publishers need not. */
static void judge_room(struct world *world)
{
    if (world->jet.dropped_of_ours != 0) {
        world_wrong(world, "S1",
                    "a killed broker dropped %llu messages that nobody had settled: our doors had filled it",
                    (unsigned long long)world->jet.dropped_of_ours);
    }
}

static void judge_requests(struct world *world)
{
    for (uint64_t sequence = 1; sequence <= world->jet.last_sequence; sequence++) {
        uint32_t request = jet_message(&world->jet, sequence)->content.request;
        const struct stored *stored = &world->jet.stored[request];
        if (world->jet.forgotten[request] || taken_for_good(world, request)) {
            continue;
        }
        if (is_stranded(world, sequence)) {
            world->report->stranded++;
            continue;
        }
        if (stored->count == 0) {
            world_wrong(world, "S1", "R%u was accepted and never ended", request);
        }
        if (stored->end == END_DEAD_LETTERED && !stored->dead) {
            world_wrong(world, "S1", "R%u is dead-lettered and there is no dead letter", request);
        }
    }
    for (uint32_t request = 0; request < world->requests_count; request++) {
        const struct stored *stored = &world->jet.stored[request];
        uint32_t cancelled = world->requests[request].cancelled;
        if (world->jet.forgotten[request]) {
            judge_forgotten(world, request);
            continue;
        }
        uint64_t queued = jet_find(&world->jet, request);
        bool excused = is_stranded(world, queued) || taken_for_good(world, request);
        if (world->requests[request].accepted && stored->count == 0 && !excused) {
            world_wrong(world, "S1", "R%u was accepted and has no result", request);
        }
        if (cancelled != 0 && stored->count == cancelled && stored->end != END_CANCELLED) {
            world_wrong(world, "S22", "R%u was cancelled and has ended otherwise", request);
        }
        uint32_t most = 1u + world->functions[world->requests[request].function].retries_max;
        if (world->jet.ledger[request].attempts > most) {
            world_wrong(world, "S4", "R%u was charged %u attempts, %u are allowed", request,
                        world->jet.ledger[request].attempts, most);
        }
    }
}

/* Where nothing goes wrong, a function whose requests all end without ever having run does not work at all. */
static void judge_starved(struct world *world)
{
    enum { REQUESTS_ENOUGH = 10 };
    uint32_t ended[FUNCTIONS_MAX + 1] = { 0 }, ran[FUNCTIONS_MAX + 1] = { 0 };
    if (!world->choices.calm) {
        return;
    }
    for (uint32_t request = 0; request < world->requests_count; request++) {
        uint32_t function = world->requests[request].function;
        ended[function] += world->jet.stored[request].count > 0;
        ran[function] += world->requests[request].executions > 0;
    }
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        if (ended[number] >= REQUESTS_ENOUGH && ran[number] == 0) {
            world_violation(world, "L1", "nothing went wrong, and none of %u requests of f%u ever ran", ended[number],
                            number);
        }
    }
}

void finish_judge(struct world *world)
{
    bounds_judge_all_books(world);
    judge_room(world);
    judge_requests(world);
    judge_starved(world);
    for (uint32_t number = 0; number < world->calls_count; number++) {
        const struct call *call = &world->calls[number];
        if (call->state == CALLER_REPLIED && call->replies != 1) {
            world_wrong(world, "S7", "call %u has %u answers", number + 1, call->replies);
        }
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        node_check(world, index);
        world_hash(world, core_hash(world->nodes[index].core));
    }
}
