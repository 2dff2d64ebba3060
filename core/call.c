/* A call is a caller who waits at our door. It is published under its own id until the broker has confirmed it, then it
 * waits for the result: from a delivery that ran here, from an answer in our inbox, or, since both can be lost, from
 * the stored result, which is read after every reconnect and every `reply_poll_ns`. Its row is free as soon as it is
 * answered.
 *
 * An unconfirmed publish is never refused as "certainly not started": it is asked again with the same id until the
 * caller's deadline. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

static const uint32_t call_next[CALL_COUNT] = {
#define X(name, next) [CALL_##name] = (next),
    CALL_STATES(X)
#undef X
};

static void call_become(struct core *core, uint32_t index, enum call_state next)
{
    struct call *call = call_at(core, index);
    ASSERT(next < CALL_COUNT);
    ASSERT(call_next[call->row.state] & 1u << next);
    call->row.state = (uint8_t)next;
}

static void call_refuse(struct core *core, const struct input *input, enum reason reason)
{
    struct effect *reply = emit(core, EFFECT_REPLY);
    reply->reference = input->as.call.reference;
    reply->code = (uint16_t)reason;
    reply->key = input->as.call.request;
}

static void call_free(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    blob_release(core, &call->blob);
    timer_clear(core, timer_of_call(core, index));
    index_remove_call(core, index);
    struct function *function = function_at(core, call->function);
    ASSERT(function->references > 0);
    function->references--;
    if (function->row.state == FUNCTION_RETIRING) {
        function_dirty(core, call->function);
    }
    emit(core, EFFECT_FORGET)->about = pool_handle(core, &core->calls, index);
    pool_give(core, &core->calls, index);
}

static void call_reply(struct core *core, uint32_t index, enum end end, enum reason reason, uint32_t attempts,
                       struct blob blob)
{
    const struct call *call = call_at(core, index);
    struct effect *reply = emit(core, EFFECT_REPLY);
    reply->about = pool_handle(core, &core->calls, index);
    reply->reference = call->reference;
    reply->key = call->request;
    reply->code = (uint16_t)reason;
    reply->end = (uint8_t)end;
    reply->count = attempts;
    reply->blob = blob;
    call_free(core, index);
}

static void call_arm(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    uint64_t due = call->deadline_ns < call->poll_ns ? call->deadline_ns : call->poll_ns;
    timer_set(core, timer_of_call(core, index), due);
}

static void call_publish(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    ASSERT(call->row.state == CALL_PUBLISHING);
    ASSERT(call->blob.slot != 0);
    call->operation = 0;
    call->poll_ns = CORE_NEVER;
    if (core->link_up) {
        uint32_t doublings = call->tries < 4 ? call->tries : 4;
        call->operation = operation_new(core, pool_handle(core, &core->calls, index));
        call->operation_epoch = core->epoch;
        call->poll_ns = core->now_ns + (core->settings.publish_timeout_ns << doublings);
        call->tries = (uint8_t)(call->tries < UINT8_MAX ? call->tries + 1 : UINT8_MAX);
        struct effect *publish = emit(core, EFFECT_PUBLISH_REQUEST);
        publish->operation = call->operation;
        publish->about = pool_handle(core, &core->calls, index);
        publish->other = pool_handle(core, &core->functions, call->function);
        publish->blob = call->blob;
        publish->reference = call->reference;
        publish->key = call->request;
        publish->amount = call->deadline_ns - core->now_ns;
    }
    call_arm(core, index);
}

static void call_fetch(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    ASSERT(call->row.state == CALL_WAITING);
    call->poll_ns = core->now_ns + core->settings.reply_poll_ns;
    if (core->link_up) {
        call->operation = operation_new(core, pool_handle(core, &core->calls, index));
        call->operation_epoch = core->epoch;
        struct effect *fetch = emit(core, EFFECT_FETCH_RESULT);
        fetch->operation = call->operation;
        fetch->about = pool_handle(core, &core->calls, index);
        fetch->key = call->request;
    }
    call_arm(core, index);
}

/* Why a call can't be taken, or REASON_NONE. */
static enum reason call_obstacle(struct core *core, const struct input *input, uint32_t function)
{
    if (core->draining) {
        return REASON_SHUTTING_DOWN;
    }
    if (function == NOWHERE || function_at(core, function)->row.state == FUNCTION_RETIRING) {
        return REASON_FUNCTION_NOT_FOUND;
    }
    if (!function_at(core, function)->serving) {
        return function_at(core, function)->row.state == FUNCTION_FAILED ? REASON_RUNTIME_UNAVAILABLE
                                                                         : REASON_NOT_DEPLOYED;
    }
    if (!core->link_up) {
        return REASON_NATS_UNAVAILABLE;
    }
    uint32_t waiters = 0;
    for (uint32_t at = index_next_call(core, input->as.call.request, NOWHERE); at != NOWHERE;
         at = index_next_call(core, input->as.call.request, at)) {
        if (call_at(core, at)->digest != input->as.call.digest) {
            return REASON_ID_CONFLICT;
        }
        waiters++;
    }
    return waiters >= WAITERS_PER_REQUEST_MAX || core->full_until_ns > core->now_ns ? REASON_QUEUE_FULL : REASON_NONE;
}

void call_submitted(struct core *core, const struct input *input)
{
    struct blob blob = input->blob;
    uint32_t function = index_find_function(core, input->as.call.function);
    enum reason obstacle = call_obstacle(core, input, function);
    uint32_t index = obstacle == REASON_NONE ? pool_take(core, &core->calls) : NOWHERE;
    if (index == NOWHERE) {
        call_refuse(core, input, obstacle == REASON_NONE ? REASON_QUEUE_FULL : obstacle);
        blob_release(core, &blob);
        return;
    }
    struct call *call = call_at(core, index);
    *call = (struct call){ .row = call->row, .function = function, .blob = blob };
    call->request = input->as.call.request;
    call->digest = input->as.call.digest;
    call->reference = input->as.call.reference;
    uint64_t budget = input->as.call.budget_ns, most = core->settings.call_budget_ns_max;
    call->deadline_ns = core->now_ns + (budget == 0 || budget > most ? most : budget);
    function_at(core, function)->references++;
    call_become(core, index, CALL_PUBLISHING);
    index_add_call(core, index);
    call_publish(core, index);
}

void call_cancelled(struct core *core, uint32_t index)
{
    call_free(core, index);
}

static enum reason publish_refusal(uint16_t code)
{
    switch (code) {
    case CODE_STREAM_FULL:
    case CODE_NO_RESOURCES:
        return REASON_QUEUE_FULL;
    case CODE_MESSAGE_TOO_LARGE:
        return REASON_EVENT_TOO_LARGE;
    default:
        return REASON_NATS_REFUSED;
    }
}

void call_published(struct core *core, uint32_t index, const struct input *input)
{
    struct call *call = call_at(core, index);
    if (call->row.state != CALL_PUBLISHING || call->operation != input->answers ||
        call->operation_epoch != core->epoch) {
        return;
    }
    if (input->outcome == OUTCOME_DONE) {
        blob_release(core, &call->blob);
        call_become(core, index, CALL_WAITING);
        call->operation = 0;
        call->poll_ns = core->now_ns + core->settings.reply_poll_ns;
        if (input->as.published.duplicate) {
            call_fetch(core, index); /* It may have ended long ago, and then nobody will answer. */
        }
        call_arm(core, index);
        return;
    }
    bool first = call->tries == 1;
    if (input->outcome == OUTCOME_REFUSED && input->code != CODE_NO_RESPONDERS && first) {
        call_reply(core, index, END_NONE, publish_refusal(input->code), 0, (struct blob){ 0 });
        return;
    }
    /* Unknown, or refused after an unknown one: the first may be stored. A missing leader answers no-responders for
     * 5 to 8 s. Ask again with the same id. */
    call->operation = 0;
    call->poll_ns = core->now_ns + core->settings.publish_timeout_ns;
    call_arm(core, index);
}

void call_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct call *call = call_at(core, index);
    if (call->operation != input->answers || call->row.state != CALL_WAITING) {
        return;
    }
    call->operation = 0;
    if (input->outcome != OUTCOME_DONE) {
        return;
    }
    if (call->digest != input->as.result.digest) {
        call_reply(core, index, END_NONE, REASON_ID_CONFLICT, 0, (struct blob){ 0 });
        return;
    }
    call_reply(core, index, (enum end)input->as.result.end, (enum reason)input->as.result.reason,
               input->as.result.attempts, *blob);
}

void calls_answer(struct core *core, struct key request, uint64_t digest, enum end end, enum reason reason,
                  uint32_t attempts, struct blob blob)
{
    uint32_t at = index_next_call(core, request, NOWHERE);
    while (at != NOWHERE) {
        uint32_t next = index_next_call(core, request, at);
        if (call_at(core, at)->digest == digest) {
            call_reply(core, at, end, reason, attempts, blob);
        } else {
            call_reply(core, at, END_NONE, REASON_ID_CONFLICT, 0, (struct blob){ 0 });
        }
        at = next;
    }
}

void call_timer(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    if (call->deadline_ns <= core->now_ns) {
        call_reply(core, index, END_NONE, REASON_DEADLINE_EXCEEDED, 0, (struct blob){ 0 });
    } else if (call->row.state == CALL_PUBLISHING) {
        call_publish(core, index);
    } else {
        call_fetch(core, index);
    }
}

void call_link_up(struct core *core, uint32_t index)
{
    if (call_at(core, index)->row.state == CALL_PUBLISHING) {
        call_publish(core, index);
    } else if (call_at(core, index)->row.state == CALL_WAITING) {
        call_fetch(core, index);
    }
}
