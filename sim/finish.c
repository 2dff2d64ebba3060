/* The last judgement. After the heal the world must become quiet: nothing queued, nobody waiting, every core at
 * rest. Then the books are compared: every message that was ever stored has its one result, every dead letter is
 * there, no blob is held. */
#include "sim/world.h"

static const char *node_unmet(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct core_view view;
    if (node->state != NODE_UP) {
        return "L4: an instance is not up";
    }
    if (!node->link.told_up) {
        return "L4: an instance is not connected";
    }
    core_view(node->core, &view);
    if (view.deliveries != 0) {
        return "L1: a message is still in hand";
    }
    if (view.calls != 0) {
        return "L1: a core still holds a call";
    }
    uint32_t ready = 0;
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        ready += !served_elsewhere(world, index, number);
    }
    if (view.functions_ready != ready) {
        return "L8: a function is not ready on an instance";
    }
    return node->slots_held != 0 ? "B1: a blob is still held" : NULL;
}

const char *finish_unmet(struct world *world)
{
    if (world->jet.messages_live != 0) {
        return "L7: the work queue is not empty";
    }
    if (world->calls_open != 0) {
        return "L1: a caller has no answer";
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const char *unmet = node_unmet(world, index);
        if (unmet != NULL) {
            return unmet;
        }
    }
    return NULL;
}

static void judge_requests(struct world *world)
{
    for (uint64_t sequence = 1; sequence <= world->jet.last_sequence; sequence++) {
        uint32_t request = jet_message(&world->jet, sequence)->content.request;
        const struct stored *stored = &world->jet.stored[request];
        if (stored->count == 0) {
            world_violation(world, "S1", "R%u was accepted and never ended", request);
        }
        if (stored->end == END_DEAD_LETTERED && !stored->dead) {
            world_violation(world, "S1", "R%u is dead-lettered and there is no dead letter", request);
        }
    }
    for (uint32_t request = 0; request < world->requests_count; request++) {
        const struct stored *stored = &world->jet.stored[request];
        uint32_t cancelled = world->requests[request].cancelled;
        if (world->requests[request].accepted && stored->count == 0) {
            world_violation(world, "S1", "R%u was accepted and has no result", request);
        }
        if (cancelled != 0 && stored->count == cancelled && stored->end != END_CANCELLED) {
            world_violation(world, "S22", "R%u was cancelled and has ended otherwise", request);
        }
        uint32_t most = 1u + world->functions[world->requests[request].function].retries_max;
        if (world->jet.ledger[request].attempts > most) {
            world_violation(world, "S4", "R%u was charged %u attempts, %u are allowed", request,
                            world->jet.ledger[request].attempts, most);
        }
    }
}

/* Where nothing goes wrong, a function whose requests all end without ever having run does not work at all. */
static void judge_starved(struct world *world)
{
    enum { REQUESTS_ENOUGH = 10 };
    uint32_t ended[FUNCTIONS_MAX + 1] = { 0 }, ran[FUNCTIONS_MAX + 1] = { 0 };
    for (uint32_t request = 0; request < world->requests_count; request++) {
        uint32_t function = world->requests[request].function;
        ended[function] += world->jet.stored[request].count > 0;
        ran[function] += world->requests[request].executions > 0;
    }
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        if (world->choices.calm && ended[number] >= REQUESTS_ENOUGH && ran[number] == 0) {
            world_violation(world, "L1", "nothing went wrong, and none of %u requests of f%u ever ran", ended[number],
                            number);
        }
    }
}

void finish_judge(struct world *world)
{
    judge_requests(world);
    judge_starved(world);
    for (uint32_t number = 0; number < world->calls_count; number++) {
        const struct call *call = &world->calls[number];
        if (call->state == CALLER_REPLIED && call->replies != 1) {
            world_violation(world, "S7", "call %u has %u answers", number + 1, call->replies);
        }
    }
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        node_check(world, index);
        world_hash(world, core_hash(world->nodes[index].core));
    }
}
