/* A call is a caller who waits at our door. It is published under its own id until the broker has confirmed it, then it
 * waits for the result: from a delivery that ran here, from an answer in our inbox, or, since both can be lost, from
 * the stored result, which is read after every reconnect and every `reply_poll_ns`. Its row is free as soon as it is
 * answered.
 *
 * SUBMIT is answered at the confirmation. AWAIT and LOOK publish nothing and read the stored result of any request.
 * CANCEL is in cancel.c.
 *
 * An unconfirmed publish is never refused as "certainly not started": it is asked again with the same id until the
 * caller's deadline. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum { LOOK_NS = 20000000, LOOK_DOUBLINGS = 16 };

static const uint32_t call_next[CALL_COUNT] = {
#define X(name, next) [CALL_##name] = (next),
    CALL_STATES(X)
#undef X
};

void call_become(struct core *core, uint32_t index, enum call_state next)
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
    if (call->function != NOWHERE) {
        struct function *function = function_at(core, call->function);
        ASSERT(function->references > 0);
        function->references--;
        if (function->row.state == FUNCTION_RETIRING) {
            function_dirty(core, call->function);
        }
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
    reply->starts = call->kind == CALL_KIND_SUBMIT && call->in_doubt && reason == REASON_NONE;
    call_free(core, index);
}

void call_end(struct core *core, uint32_t index, enum end end, enum reason reason)
{
    call_reply(core, index, end, reason, 0, (struct blob){ 0 });
}

void call_arm(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    uint64_t due = call->deadline_ns < call->poll_ns ? call->deadline_ns : call->poll_ns;
    timer_set(core, timer_of_call(core, index), due);
}

struct effect *call_ask(struct core *core, uint32_t index, enum effect_kind kind)
{
    struct call *call = call_at(core, index);
    ASSERT(core->link_up);
    call->operation = operation_new(core, pool_handle(core, &core->calls, index));
    call->operation_epoch = core->epoch;
    struct effect *effect = emit(core, kind);
    effect->operation = call->operation;
    effect->about = pool_handle(core, &core->calls, index);
    effect->reference = call->reference;
    effect->key = call->request;
    return effect;
}

bool call_answers_now(struct core *core, uint32_t index, const struct input *input)
{
    const struct call *call = call_at(core, index);
    return call->operation != 0 && call->operation == input->answers && call->operation_epoch == core->epoch &&
           core->link_up;
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
        call->poll_ns = core->now_ns + (core->settings.publish_timeout_ns << doublings);
        call->tries = (uint8_t)(call->tries < UINT8_MAX ? call->tries + 1 : UINT8_MAX);
        struct effect *publish = call_ask(core, index, EFFECT_PUBLISH_REQUEST);
        publish->other = pool_handle(core, &core->functions, call->function);
        publish->blob = call->blob;
        /* How long its caller waits says nothing about how long a submitted request may. */
        publish->amount = call->kind == CALL_KIND_SUBMIT ? 0 : call->deadline_ns - core->now_ns;
    }
    call_arm(core, index);
}

/* One that waits for the end of its own request hears of it by other ways too; the others depend on the answer. */
void call_fetch(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    ASSERT(call->row.state == CALL_WAITING || call->row.state == CALL_STORING);
    bool own = call->kind == CALL_KIND_EXECUTE;
    call->operation = 0;
    call->poll_ns = CORE_NEVER;
    if (core->link_up) {
        call->poll_ns = core->now_ns + (own ? core->settings.reply_poll_ns : core->settings.publish_timeout_ns);
        call_ask(core, index, EFFECT_FETCH_RESULT);
    }
    call_arm(core, index);
}

void call_look_later(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    uint64_t wait_ns = (uint64_t)LOOK_NS << (call->tries < LOOK_DOUBLINGS ? call->tries : LOOK_DOUBLINGS);
    uint64_t most_ns = core->settings.reply_poll_ns;
    call->tries = (uint8_t)(call->tries < UINT8_MAX ? call->tries + 1 : UINT8_MAX);
    call->operation = 0;
    call->poll_ns = core->now_ns + (wait_ns < most_ns ? wait_ns : most_ns);
    call_arm(core, index);
}

/* -- the door ------------------------------------------------------------------------------------------------------ */

/* Its first question; one that publishes nothing says first which row is its own. */
static void call_begin(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    if (call_publishes(call->kind)) {
        call_become(core, index, CALL_PUBLISHING);
        call_publish(core, index);
        return;
    }
    struct effect *admit = emit(core, EFFECT_ADMIT);
    admit->about = pool_handle(core, &core->calls, index);
    admit->reference = call->reference;
    admit->key = call->request;
    if (call->kind == CALL_KIND_CANCEL) {
        cancel_begin(core, index);
        return;
    }
    call_become(core, index, CALL_WAITING);
    call_fetch(core, index);
}

void call_submitted(struct core *core, const struct input *input)
{
    ASSERT(input->as.call.kind <= CALL_KIND_CANCEL);
    struct blob blob = input->blob;
    bool published = call_publishes(input->as.call.kind);
    uint32_t function = published ? index_find_function(core, input->as.call.function) : NOWHERE;
    enum reason obstacle = call_obstacle(core, input, function);
    uint32_t index = obstacle == REASON_NONE ? pool_take(core, &core->calls) : NOWHERE;
    if (index == NOWHERE) {
        call_refuse(core, input, obstacle == REASON_NONE ? REASON_QUEUE_FULL : obstacle);
        blob_release(core, &blob);
        return;
    }
    struct call *call = call_at(core, index);
    *call = (struct call){ .row = call->row, .function = function, .kind = input->as.call.kind };
    if (published) {
        ASSERT(blob.slot != 0);
        call->blob = blob;
        function_at(core, function)->references++;
    } else {
        blob_release(core, &blob);
    }
    call->request = input->as.call.request;
    call->digest = input->as.call.digest;
    call->reference = input->as.call.reference;
    uint64_t budget = input->as.call.budget_ns, most = core->settings.call_budget_ns_max;
    call->deadline_ns = core->now_ns + (budget == 0 || budget > most ? most : budget);
    index_add_call(core, index);
    call_begin(core, index);
}

void call_cancelled(struct core *core, uint32_t index)
{
    uint8_t state = call_at(core, index)->row.state;
    if (state != CALL_STORING && state != CALL_REMOVING) { /* A cancel that has begun is finished. */
        call_free(core, index);
    }
}

/* -- the publish --------------------------------------------------------------------------------------------------- */

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

static void call_confirmed(struct core *core, uint32_t index, bool duplicate)
{
    struct call *call = call_at(core, index);
    blob_release(core, &call->blob);
    call_become(core, index, CALL_WAITING);
    call->operation = 0;
    call->in_doubt = duplicate;
    call->poll_ns = core->now_ns + core->settings.reply_poll_ns;
    if (duplicate) {
        /* It may have ended long ago, and then nobody will answer; or it answered another input. */
        call->tries = 0;
        call_fetch(core, index);
    } else if (call->kind == CALL_KIND_SUBMIT) {
        call_end(core, index, END_NONE, REASON_NONE);
    } else {
        call_arm(core, index);
    }
}

void call_published(struct core *core, uint32_t index, const struct input *input)
{
    struct call *call = call_at(core, index);
    if (call->row.state == CALL_STORING) {
        cancel_stored(core, index, input);
        return;
    }
    if (call->row.state != CALL_PUBLISHING || call->operation != input->answers ||
        call->operation_epoch != core->epoch) {
        return;
    }
    if (input->outcome == OUTCOME_DONE) {
        call_confirmed(core, index, input->as.published.duplicate);
        return;
    }
    bool first = call->tries == 1;
    if (input->outcome == OUTCOME_REFUSED && input->code != CODE_NO_RESPONDERS && first) {
        call_end(core, index, END_NONE, publish_refusal(input->code));
        return;
    }
    /* Unknown, or refused after an unknown one: the first may be stored. A missing leader answers no-responders for
     * 5 to 8 s. Ask again with the same id. */
    call->operation = 0;
    call->poll_ns = core->now_ns + core->settings.publish_timeout_ns;
    call_arm(core, index);
}

/* -- the result ---------------------------------------------------------------------------------------------------- */

/* There is none. */
static void call_found_nothing(struct core *core, uint32_t index)
{
    switch (call_at(core, index)->kind) {
    case CALL_KIND_SUBMIT:
        call_end(core, index, END_NONE, REASON_NONE);
        return;
    case CALL_KIND_LOOK:
        call_end(core, index, END_NONE, REASON_RESULT_NOT_FOUND);
        return;
    case CALL_KIND_AWAIT:
        call_look_later(core, index);
        return;
    default:
        return; /* EXECUTE: its timer runs. */
    }
}

/* A result is stored; the blob is only borrowed. */
static void call_answer(struct core *core, uint32_t index, const struct input *stored, struct blob blob)
{
    const struct call *call = call_at(core, index);
    if (call->kind == CALL_KIND_CANCEL) {
        cancel_answered(core, index, (enum end)stored->as.result.end);
    } else if (call_publishes(call->kind) && call->digest != stored->as.result.digest) {
        call_end(core, index, END_NONE, REASON_ID_CONFLICT);
    } else if (call->kind == CALL_KIND_SUBMIT) {
        call_end(core, index, END_NONE, REASON_NONE);
    } else {
        call_reply(core, index, (enum end)stored->as.result.end, (enum reason)stored->as.result.reason,
                   stored->as.result.attempts, blob);
    }
}

void call_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct call *call = call_at(core, index);
    bool waiting = call->row.state == CALL_WAITING, cancel = call->kind == CALL_KIND_CANCEL;
    if (call->operation != input->answers || !(waiting || call->row.state == CALL_STORING)) {
        return;
    }
    call->operation = 0;
    if (cancel) {
        cancel_fetched(core, index, input);
    } else if (input->outcome == OUTCOME_DONE) {
        call_answer(core, index, input, *blob);
    } else if (input->outcome == OUTCOME_REFUSED) {
        call_found_nothing(core, index);
    } else if (call->kind != CALL_KIND_EXECUTE) {
        call_look_later(core, index);
    }
}

static bool reads(uint32_t kind)
{
    return kind == CALL_KIND_AWAIT || kind == CALL_KIND_LOOK;
}

void calls_answer(struct core *core, struct key request, uint64_t digest, enum end end, enum reason reason,
                  uint32_t attempts, struct blob blob)
{
    struct input stored = { .kind = INPUT_RESULT };
    stored.as.result.digest = digest;
    stored.as.result.end = (uint8_t)end;
    stored.as.result.reason = (uint8_t)reason;
    stored.as.result.attempts = attempts;
    uint32_t at = index_next_call(core, request, NOWHERE);
    while (at != NOWHERE) {
        uint32_t next = index_next_call(core, request, at);
        if (reads(call_at(core, at)->kind)) {
            call_fetch(core, at); /* Every reader sees what is stored, not what it was made from. */
        } else {
            call_answer(core, at, &stored, blob);
        }
        at = next;
    }
}

/* -- time and the link --------------------------------------------------------------------------------------------- */

/* Asks again what the state waits for. */
static void call_again(struct core *core, uint32_t index)
{
    uint8_t state = call_at(core, index)->row.state;
    if (state == CALL_PUBLISHING) {
        call_publish(core, index);
    } else if (state == CALL_WAITING) {
        call_fetch(core, index);
    } else {
        cancel_issue(core, index);
    }
}

/* Who only reads can do so at another instance, and must not hold up the end of this one. */
void calls_drain(struct core *core)
{
    for (uint32_t at = 0; at < core->calls.rows; at++) {
        if (call_at(core, at)->row.state != CALL_FREE && reads(call_at(core, at)->kind)) {
            timer_set(core, timer_of_call(core, at), core->now_ns);
        }
    }
}

void call_timer(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    if (core->draining && reads(call->kind)) {
        call_end(core, index, END_NONE, REASON_SHUTTING_DOWN);
    } else if (call->deadline_ns > core->now_ns) {
        call_again(core, index);
    } else if (call->kind == CALL_KIND_CANCEL) {
        cancel_overdue(core, index);
    } else {
        bool submit = call->kind == CALL_KIND_SUBMIT; /* It may be stored: its caller can ask for the result. */
        call_end(core, index, END_NONE, submit ? REASON_OUTCOME_UNKNOWN : REASON_DEADLINE_EXCEEDED);
    }
}

void call_link_up(struct core *core, uint32_t index)
{
    if (call_at(core, index)->row.state != CALL_FREE) {
        call_again(core, index);
    }
}
