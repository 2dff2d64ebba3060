/* What callers and gateways are told, against what is stored. A refusal must be true; so must "there is none" and "it
 * has ended already", for as long as the books can tell: what was so during the whole call was so when it was
 * answered. */
#include "sim/sweeper.h"

static char letter(uint32_t index)
{
    return (char)('a' + index);
}

/* What a reader is told of an ended request is what is stored. */
void judge_told(struct world *world, uint32_t request, const struct effect *effect, const struct slot *result)
{
    const struct stored *stored = &world->jet.stored[request];
    if (world->jet.forgotten[request]) {
        return;
    }
    uint64_t payload = result == NULL ? 0 : result->content.payload;
    if (stored->count == 0) {
        world_wrong(world, "S5", "the caller of R%u is told %s before it is stored", request, end_name(effect->end));
    }
    if (stored->end != effect->end || stored->payload != payload) {
        world_wrong(world, "S2", "a caller of R%u is told %s %llu, stored is %s %llu", request, end_name(effect->end),
                    (unsigned long long)payload, end_name(stored->end), (unsigned long long)stored->payload);
    }
}

static bool certainly_not_started(uint16_t reason)
{
    return reason == REASON_QUEUE_FULL || reason == REASON_NATS_UNAVAILABLE || reason == REASON_SHUTTING_DOWN ||
           reason == REASON_NATS_REFUSED || reason == REASON_FUNCTION_NOT_FOUND || reason == REASON_NOT_DEPLOYED ||
           reason == REASON_EVENT_TOO_LARGE || reason == REASON_RUNTIME_UNAVAILABLE ||
           reason == REASON_FUNCTION_REMOVED || reason == REASON_ALIAS_NOT_FOUND || reason == REASON_QUARANTINED;
}

/* A request that was in the queue all the time can be found, a result that was kept all the time can be read. */
static void judge_absent(struct world *world, const struct call *call, uint16_t reason)
{
    if (world->jet.forgotten[call->request]) {
        return;
    }
    const struct message *message = jet_message(&world->jet, call->queued);
    const struct stored *stored = jet_result(&world->jet, world->now, call->request);
    if (reason == REASON_REQUEST_NOT_FOUND && message != NULL && message->state != MESSAGE_GONE &&
        message->content.request == call->request && message->acked_ns <= call->since_ns) {
        world_wrong(world, "S22", "R%u is said to be unknown and was in the queue all the time", call->request);
    }
    bool had_result = call->stored != 0 && stored != NULL && stored->count == call->stored;
    if (had_result && (reason == REASON_RESULT_NOT_FOUND || reason == REASON_REQUEST_NOT_FOUND)) {
        world_wrong(world, "S22", "R%u is said to have no result and had one all the time", call->request);
    }
    if (call->ended && reason != REASON_OUTCOME_UNKNOWN) {
        world_wrong(world, "S22", "who cancelled R%u is told %s", call->request, reason_name(reason));
    }
    if (reason == REASON_ALREADY_ENDED && world->jet.stored[call->request].count == 0) {
        world_wrong(world, "S22", "R%u is said to have ended and has no result", call->request);
    }
}

static void judge_refusal(struct world *world, uint32_t index, const struct effect *effect, struct call *call)
{
    bool published = call->kind == CALL_KIND_EXECUTE || call->kind == CALL_KIND_SUBMIT;
    bool accepted = call->kind == CALL_KIND_SUBMIT && effect->code == REASON_NONE;
    if (effect->code == REASON_NONE && !accepted) {
        world_wrong(world, "S7", "%c refuses R%u without a reason", letter(index), call->request);
    }
    if (accepted && !world->requests[call->request].accepted) {
        world_wrong(world, "S1", "%c accepts R%u, which the broker did not store", letter(index), call->request);
    }
    judge_absent(world, call, effect->code);
    sweeper_judge_refusal(world, index, call, effect->code);
    call->certainly_not_started = published && certainly_not_started(effect->code);
    if (call->certainly_not_started && call->executed) {
        world_wrong(world, "S7", "%c says %s for R%u, which ran", letter(index), reason_name(effect->code),
                    call->request);
    }
}

/* "Cancelled" is what is stored, and stays. */
static void judge_cancelled(struct world *world, const struct effect *effect, const struct call *call)
{
    const struct stored *stored = &world->jet.stored[call->request];
    if (effect->end != END_CANCELLED || effect->code != REASON_NONE || effect->blob.slot != 0) {
        world_wrong(world, "S22", "a canceller of R%u is told %s", call->request, end_name(effect->end));
    }
    if (!world->jet.forgotten[call->request] && (stored->count == 0 || stored->end != END_CANCELLED)) {
        world_wrong(world, "S22", "R%u is said to be cancelled, stored is %s", call->request, end_name(stored->end));
    }
    world->requests[call->request].cancelled = stored->count;
}

void judge_reply(struct world *world, uint32_t index, const struct effect *effect)
{
    if (effect->reference == 0 || effect->reference > world->calls_count) {
        world_violation(world, "B1", "%c answers a call that nobody made", letter(index));
    }
    struct call *call = &world->calls[effect->reference - 1];
    const struct slot *result = judge_blob(world, index, effect->blob);
    if (call->node != index || call->incarnation != world->nodes[index].incarnation || call->replies != 0) {
        world_wrong(world, "S7", "%c answers call %llu, R%u, a second time", letter(index),
                    (unsigned long long)effect->reference, call->request);
    }
    if (effect->end == END_NONE) {
        judge_refusal(world, index, effect, call);
        return;
    }
    if (call->kind == CALL_KIND_CANCEL) {
        judge_cancelled(world, effect, call);
        return;
    }
    judge_told(world, call->request, effect, result);
    if (call->kind == CALL_KIND_EXECUTE && !world->jet.forgotten[call->request] &&
        world->jet.stored[call->request].digest != call->digest) {
        world_wrong(world, "S2", "a caller of R%u gets the result of another input", call->request);
    }
    if (call->kind == CALL_KIND_SUBMIT) {
        world_wrong(world, "S7", "who submits R%u is told how it ended", call->request);
    }
}
