/* The broker around a fork: the messages, results and ledger entries that the core believes in, and those that it can't
 * know of. A message in hand is outstanding. What other instances may have done meanwhile is drawn: stored a result,
 * charged an attempt, settled the message. */
#include "sim/fork.h"

#include <string.h>

enum { ELSEWHERE = UINT32_MAX }; /* a connection and an incarnation that are nobody's here */

static struct key number_key(uint64_t number)
{
    return (struct key){ 0, number };
}

/* -- callers -- */

static bool publishes(uint8_t kind)
{
    return kind == CALL_KIND_EXECUTE || kind == CALL_KIND_SUBMIT;
}

void fork_calls(struct fork *fork)
{
    struct world *world = fork->world;
    struct portrait_call row;
    for (uint32_t at = 0; at < fork->portrait.limits.calls_max; at++) {
        if (portrait_call(fork->from->core, at, &row)) {
            struct call *call = &world->calls[world->calls_count++];
            *call = (struct call){ .request = fork_request_of(fork, row.request), .handle = row.handle };
            call->incarnation = world->nodes[0].incarnation;
            call->function = world->requests[call->request].function;
            call->digest = row.digest;
            call->kind = row.kind;
            call->since_ns = world->now;
            world->calls_open++;
            fork_put(fork, FORK_CALLER, number_key(row.reference), world->calls_count);
        }
    }
}

/* The call of that request that would have published it, plus one; 0: none here. */
static uint32_t publisher_of(const struct world *world, uint32_t request, bool *ret_waits)
{
    *ret_waits = false;
    for (uint32_t number = 0; number < world->calls_count; number++) {
        if (world->calls[number].request == request && publishes(world->calls[number].kind)) {
            *ret_waits = world->calls[number].kind == CALL_KIND_EXECUTE;
            return number + 1;
        }
    }
    return 0;
}

/* -- results and the ledger -- */

/* In the ledger, as whoever stores such a result does first: another revision than anybody knows. */
static void mark(struct world *world, uint32_t request, enum reason reason)
{
    struct ledger *entry = &world->jet.ledger[request];
    entry->end = END_DEAD_LETTERED;
    entry->reason = (uint8_t)reason;
    entry->stored_ns = world->now;
    entry->revision = ++world->jet.revision;
}

static void store(struct fork *fork, uint32_t request, enum end end, uint64_t digest, uint64_t payload)
{
    struct world *world = fork->world;
    struct stored stored = { .payload = payload, .digest = digest, .end = (uint8_t)end };
    stored.function = world->requests[request].function;
    stored.attempts = 1;
    stored.reason = end == END_CANCELLED   ? REASON_CANCELLED
                    : end == END_SUCCEEDED ? REASON_NONE
                                           : REASON_FUNCTION_ERROR;
    jet_store_result(&world->jet, world->now, request, &stored, true);
    if (end == END_DEAD_LETTERED) {
        mark(world, request, (enum reason)stored.reason);
    }
}

/* As another instance may have ended it. */
static void store_of_others(struct fork *fork, uint32_t request, uint64_t digest)
{
    static const enum end ends[] = { END_SUCCEEDED, END_SUCCEEDED, END_FAILED, END_DEAD_LETTERED };
    enum end end = ends[fork_draw(fork, 4)];
    store(fork, request, end, digest, end == END_SUCCEEDED ? (uint64_t)++fork->world->executions << 1 : 0);
    if (end == END_DEAD_LETTERED && fork_draw(fork, 2) == 0) {
        jet_store_dead(&fork->world->jet, fork->world->now, request);
    }
}

static void ledger_write(struct fork *fork, const struct portrait_delivery *delivery, uint32_t request)
{
    struct world *world = fork->world;
    struct ledger *entry = &world->jet.ledger[request];
    uint32_t most = 1u + world->functions[world->requests[request].function].retries_max;
    bool may_be_charged = delivery->state == DELIVERY_RECHECKING && fork_draw(fork, 2) == 0;
    if (delivery->revision == 0 && !may_be_charged) {
        return; /* none, or it was not looked for */
    }
    entry->attempts = delivery->attempts < most ? delivery->attempts : most;
    entry->starts = delivery->starts;
    entry->causes = delivery->causes;
    entry->last = delivery->cause;
    entry->stored_ns = world->now;
    entry->revision = delivery->revision;
    entry->nonce = delivery->known_nonce;
    entry->seen_by = 1u << 0;
    if (delivery->state == DELIVERY_STORING && delivery->end == END_DEAD_LETTERED) {
        mark(world, request, (enum reason)delivery->reason);
    }
    if (may_be_charged && entry->attempts < most) {
        entry->attempts++;
        entry->nonce = delivery->nonce;
        entry->revision++;
    }
    world->jet.revision = entry->revision > world->jet.revision ? entry->revision : world->jet.revision;
}

static void result_write(struct fork *fork, const struct portrait_delivery *delivery, uint32_t request)
{
    struct world *world = fork->world;
    uint64_t payload = world->nodes[0].slots[delivery->result.slot].content.payload;
    uint64_t fate = fork_draw(fork, 4);
    switch (delivery->state) {
    case DELIVERY_BURYING:
        store(fork, request, END_DEAD_LETTERED, delivery->digest, payload);
        world->jet.stored[request].attempts = delivery->attempts;
        world->jet.stored[request].reason = world->jet.ledger[request].reason = delivery->reason;
        world->jet.stored[request].cause = delivery->cause;
        world->jet.stored[request].causes = delivery->causes;
        if (fate == 0) {
            jet_store_dead(&world->jet, world->now, request);
        }
        return;
    case DELIVERY_FETCHING:
        store_of_others(fork, request, delivery->digest);
        return;
    case DELIVERY_CHECKING:
    case DELIVERY_READING:
    case DELIVERY_STORING:
        if (fate == 0) {
            store_of_others(fork, request, delivery->digest);
        }
        return;
    default:
        return;
    }
}

/* -- messages -- */

static void nothing_delivered(void *owner, const struct pull *pull, const struct message *message)
{
    (void)owner;
    (void)pull;
    (void)message;
}

static void nothing_ended(void *owner, const struct pull *pull, uint16_t code)
{
    (void)owner;
    (void)pull;
    (void)code;
}

/* Delivered to somebody, and not acknowledged; it comes again after `due_ns`, or its ack wait. */
static void deliver(struct fork *fork, uint32_t function, uint64_t sequence, uint64_t due_ns)
{
    struct world *world = fork->world;
    struct pull pull = { .connection = ELSEWHERE, .function = function, .remaining = 1 };
    pull.expires_at_ns = world->now + SECOND;
    jet_pull(&world->jet, world->now, &pull);
    if (due_ns != 0) {
        jet_hand_back(&world->jet, world->now, sequence, due_ns);
    }
}

static uint64_t publish(struct fork *fork, uint32_t request, uint64_t digest, uint64_t budget_ns, bool to_others)
{
    struct world *world = fork->world;
    struct content content = { .kind = CONTENT_MESSAGE, .request = request, .digest = digest, .has_id = true };
    bool waits;
    content.function = world->requests[request].function;
    content.call = publisher_of(world, request, &waits);
    content.gateway = waits ? world->nodes[0].incarnation : to_others ? ELSEWHERE : 0;
    uint64_t age = fork_draw(fork, 200 * MILLISECOND);
    content.budget_ns = budget_ns == 0 ? 0 : budget_ns + age;
    world->requests[request].accepted = true;
    world->requests_accepted++;
    int64_t stored = broker_wall(world) - (int64_t)age;
    return jet_publish(&world->jet, world->now, stored, &content).sequence;
}

static uint64_t time_left(const struct fork *fork, uint64_t until_ns)
{
    return until_ns > fork->portrait.now_ns ? until_ns - fork->portrait.now_ns : 1;
}

/* Of an old connection it may come again at any time; of this one it was extended lately. */
static void held_message(struct fork *fork, const struct portrait_delivery *delivery)
{
    struct world *world = fork->world;
    uint32_t request = request_of_key(world, delivery->request);
    struct slot *slot = &world->nodes[0].slots[delivery->message.slot];
    bool current = fork->portrait.link_up && delivery->epoch == fork->portrait.epoch;
    uint64_t wait = fork->portrait.settings.ack_wait_ns;
    uint64_t left = time_left(fork, delivery->expires_ns);
    uint64_t sequence = publish(fork, request, delivery->digest, left, delivery->has_reply_to);
    deliver(fork, world->requests[request].function, sequence,
            current ? wait / 2 + fork_draw(fork, wait / 2) : 1 + fork_draw(fork, wait));
    bool invalid = delivery->reason == REASON_INVALID_EVENT || delivery->reason == REASON_EVENT_TOO_LARGE;
    uint32_t epoch = slot->content.epoch;
    slot->content = jet_message(&world->jet, sequence)->content;
    slot->content.epoch = epoch;
    slot->content.invalid = invalid ? delivery->reason : 0;
    world->jet.messages[sequence - 1].content.invalid = slot->content.invalid;
    ledger_write(fork, delivery, request);
    result_write(fork, delivery, request);
    bool may_be_gone = delivery->state == DELIVERY_FETCHING && world->jet.stored[request].end != END_DEAD_LETTERED;
    if (may_be_gone && fork_draw(fork, 4) == 0) {
        jet_acknowledge(&world->jet, world->now, sequence);
    }
}

/* Only a cancel knows of it. */
static void found_message(struct fork *fork, const struct portrait_call *call)
{
    struct world *world = fork->world;
    uint32_t request = request_of_key(world, call->request);
    uint64_t sequence = publish(fork, request, world->requests[request].digest, 0, false);
    if (fork_draw(fork, 2) == 0) {
        deliver(fork, world->requests[request].function, sequence, 0);
    }
}

/* What is known of each sequence, in their order: whoever holds it, or found it. */
static void message_make(struct fork *fork, uint64_t sequence)
{
    const struct core *core = fork->world->nodes[0].core;
    struct portrait_delivery delivery;
    struct portrait_call call;
    for (uint32_t row = 0; row < fork->portrait.limits.deliveries_max; row++) {
        if (portrait_delivery(core, row, &delivery) && delivery.sequence == sequence) {
            held_message(fork, &delivery);
            return;
        }
    }
    for (uint32_t row = 0; row < fork->portrait.limits.calls_max; row++) {
        if (portrait_call(core, row, &call) && call.sequence == sequence) {
            found_message(fork, &call);
            return;
        }
    }
}

/* -- what callers wait for -- */

static void cancel_make(struct fork *fork, const struct portrait_call *row, struct call *call)
{
    struct world *world = fork->world;
    const struct stored *stored = &world->jet.stored[call->request];
    bool done = row->state == CALL_REMOVING || (row->state == CALL_STORING && row->in_doubt && fork_draw(fork, 2) == 0);
    if (done && stored->count == 0) {
        store(fork, call->request, END_CANCELLED, world->requests[call->request].digest, 0);
        call->ended = true;
    }
    if (row->state == CALL_REMOVING && fork_draw(fork, 3) == 0) {
        jet_remove(&world->jet, world->now, row->sequence);
    }
}

/* It is in the queue, with somebody else, or has ended and the answer was lost. */
static void waiting_make(struct fork *fork, const struct portrait_call *row, const struct call *call)
{
    struct world *world = fork->world;
    uint64_t fate = fork_draw(fork, 3), sequence;
    bool queued = world->jet.latest[call->request] != 0;
    if (queued || world->jet.stored[call->request].count != 0 || (!publishes(row->kind) && fork_draw(fork, 2) == 0)) {
        return;
    }
    /* Its only publish is on its way (fork_pending.c); an earlier one may have been stored, and its answer lost. */
    if (row->state == CALL_PUBLISHING && (row->tries < 2 || fork_draw(fork, 2) == 0)) {
        return;
    }
    sequence = publish(fork, call->request, world->requests[call->request].digest, 0, false);
    if (fate == 1) {
        deliver(fork, call->function, sequence, 0);
    } else if (fate == 2) {
        deliver(fork, call->function, sequence, 0);
        store_of_others(fork, call->request, world->requests[call->request].digest);
        if (world->jet.stored[call->request].end != END_DEAD_LETTERED) {
            jet_acknowledge(&world->jet, world->now, sequence);
        }
    }
}

static void calls_settle(struct fork *fork)
{
    struct world *world = fork->world;
    struct portrait_call row;
    for (uint32_t at = 0; at < fork->portrait.limits.calls_max; at++) {
        if (portrait_call(world->nodes[0].core, at, &row) && row.kind == CALL_KIND_CANCEL) {
            cancel_make(fork, &row, &world->calls[row.reference - 1]);
        }
    }
    for (uint32_t at = 0; at < fork->portrait.limits.calls_max; at++) {
        if (portrait_call(world->nodes[0].core, at, &row) && row.kind != CALL_KIND_CANCEL) {
            waiting_make(fork, &row, &world->calls[row.reference - 1]);
        }
    }
}

/* Of other people; those that nobody has pulled yet come last. */
static void extra_messages(struct fork *fork)
{
    struct world *world = fork->world;
    uint64_t count = fork_draw(fork, FORK_EXTRA_MAX);
    for (uint64_t at = 0; at < count; at++) {
        uint32_t number = world->requests_count++;
        struct request *request = &world->requests[number];
        uint64_t random = fork_draw(fork, UINT64_MAX);
        *request = (struct request){ .key = { number, draw_mix(random) | 1 } };
        request->function = (uint32_t)draw_below(random, world->choices.functions);
        request->digest = draw_mix(random + 1) | 1;
        publish(fork, number, request->digest, 0, false);
    }
}

void fork_messages(struct fork *fork)
{
    struct world *world = fork->world;
    struct jet_hooks hooks = world->jet.hooks;
    world->jet.hooks.deliver = nothing_delivered;
    world->jet.hooks.ended = nothing_ended;
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        jet_ensure_consumer(&world->jet, world->now, function);
    }
    for (uint32_t at = 0; at < fork->sequences_count; at++) {
        message_make(fork, at + 1);
    }
    calls_settle(fork);
    extra_messages(fork);
    world->jet.hooks = hooks;
}
