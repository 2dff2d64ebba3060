/* What the core of a fork waits for. Each question to the broker is lost, done, or done with its answer lost; those
 * that no connection carries always end, so if nothing tells what they were (they are older than the recording) they
 * are made up from the row that waits. */
#include "sim/fork.h"

enum { FATE_LOST, FATE_UNANSWERED, FATES = 4 };

static struct key number_key(uint64_t number)
{
    return (struct key){ 0, number };
}

static bool of_control(enum effect_kind kind)
{
    return kind == EFFECT_BUILD || kind == EFFECT_ENSURE_CONSUMER || kind == EFFECT_FIND_REQUEST;
}

/* The row still waits for just that. */
static bool awaited(const struct fork *fork, const struct effect *effect)
{
    const struct core *core = fork->from->core;
    uint32_t row = handle_index(effect->about);
    struct portrait_call call;
    struct portrait_delivery delivery;
    struct portrait_function function;
    switch (handle_table(effect->about)) {
    case TABLE_CALL:
        return portrait_call(core, row, &call) && call.operation == effect->operation;
    case TABLE_DELIVERY:
        return portrait_delivery(core, row, &delivery) && delivery.operation == effect->operation;
    case TABLE_FUNCTION:
        return portrait_function(core, row, &function) && handle_equal(function.handle, effect->about) &&
               (effect->kind == EFFECT_PULL ? function.outstanding > 0
                                            : effect->operation == function.build_operation ||
                                                  effect->operation == function.consumer_operation);
    default:
        return false;
    }
}

static bool blob_renamed(const struct fork *fork, struct blob *blob)
{
    uint64_t slot = fork_map_get(&fork->map, FORK_BLOB, number_key(blob->slot));
    bool good = blob->slot == 0 || slot != 0;
    blob->slot = (uint32_t)slot;
    return good;
}

static bool effect_renamed(const struct fork *fork, struct effect *effect)
{
    const struct world *world = fork->world;
    bool of_call = handle_table(effect->about) == TABLE_CALL;
    if (fork_map_get(&fork->map, FORK_REQUEST, effect->key) != 0) {
        effect->key = world->requests[fork_request_of(fork, effect->key)].key;
    } else if (!key_is_none(effect->key)) {
        uint64_t version = fork_map_get(&fork->map, FORK_VERSION, fork_version_name(effect->about, effect->key));
        if (version == 0) {
            return false;
        }
        effect->key = version_key(fork_function_of(fork, effect->about), (uint32_t)version);
    }
    if (of_call) {
        effect->reference = fork_map_get(&fork->map, FORK_CALLER, number_key(effect->reference));
    }
    if (effect->kind == EFFECT_PUBLISH_CANCELLED || effect->kind == EFFECT_REMOVE_REQUEST) {
        effect->amount = fork_sequence_of(fork, effect->amount);
    }
    return blob_renamed(fork, &effect->blob) && blob_renamed(fork, &effect->second);
}

/* It arrives by a connection that is no more. */
static void send_unanswered(struct world *world, const struct effect *effect)
{
    struct event *event = world_post_effect(world, world->now + world->choices.latency_ns, 0, effect);
    event->connection = world->nodes[0].link.last_connection;
}

static void pull_again(struct fork *fork, struct effect *effect)
{
    struct portrait_function function;
    portrait_function(fork->from->core, handle_index(effect->about), &function);
    uint64_t now = fork->portrait.now_ns, until = function.pull_until_ns;
    effect->count = function.outstanding;
    effect->amount = until > now + SECOND ? until - now - SECOND : MILLISECOND;
}

static void perform_again(struct fork *fork, struct effect effect)
{
    uint64_t fate = fork_draw(fork, FATES);
    if (effect.kind == EFFECT_PULL) {
        pull_again(fork, &effect);
        fate = fate == FATE_UNANSWERED ? FATES : fate;
    }
    if (of_control((enum effect_kind)effect.kind) || fate >= 2) {
        world_perform(fork->world, 0, &effect);
    } else if (fate == FATE_UNANSWERED && effect.epoch == fork->portrait.epoch) {
        send_unanswered(fork->world, &effect);
    }
}

static bool is_pending(const struct fork *fork, enum effect_kind kind, uint64_t operation)
{
    bool found = operation == 0;
    for (uint32_t at = 0; !found && at < fork->from->pending_count; at++) {
        found = fork->from->pending[at].kind == kind && fork->from->pending[at].operation == operation;
    }
    return found;
}

static void function_unknown(struct fork *fork, const struct portrait_function *function)
{
    struct effect effect = { .about = function->handle, .epoch = fork->portrait.epoch };
    effect.kind = EFFECT_BUILD;
    effect.operation = function->build_operation;
    effect.key = function->candidate;
    if (function->state == FUNCTION_BUILDING && !is_pending(fork, EFFECT_BUILD, effect.operation)) {
        world_perform(fork->world, 0, &effect);
    }
    effect.kind = EFFECT_ENSURE_CONSUMER;
    effect.operation = function->consumer_operation;
    effect.key = (struct key){ 0, 0 };
    if (!function->consumer_ready && !is_pending(fork, EFFECT_ENSURE_CONSUMER, effect.operation)) {
        world_perform(fork->world, 0, &effect);
    }
}

static void call_unknown(struct fork *fork, const struct portrait_call *call)
{
    struct effect effect = { .about = call->handle, .key = call->request, .reference = call->reference };
    effect.kind = EFFECT_FIND_REQUEST;
    effect.operation = call->operation;
    effect.epoch = fork->portrait.epoch;
    if (call->state == CALL_FINDING && !is_pending(fork, EFFECT_FIND_REQUEST, effect.operation)) {
        world_perform(fork->world, 0, &effect);
    }
}

void fork_pending(struct fork *fork)
{
    const struct core *core = fork->world->nodes[0].core;
    struct portrait_function function;
    struct portrait_call call;
    for (uint32_t at = 0; at < fork->from->pending_count; at++) {
        struct effect effect = fork->from->pending[at];
        if (awaited(fork, &effect) && effect_renamed(fork, &effect)) {
            perform_again(fork, effect);
        }
    }
    for (uint32_t row = 0; row < fork->portrait.limits.functions_max; row++) {
        if (portrait_function(core, row, &function)) {
            function_unknown(fork, &function);
        }
    }
    for (uint32_t row = 0; row < fork->portrait.limits.calls_max; row++) {
        if (portrait_call(core, row, &call)) {
            call_unknown(fork, &call);
        }
    }
}
