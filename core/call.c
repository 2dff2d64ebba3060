/* A call is a caller who waits at our door. It is published under its own id until the broker has confirmed it, then
 * it waits for the result: from a delivery that ran here, from an answer in our inbox, or, since both can be lost,
 * from the stored result, read after every reconnect and every `reply_poll_ns`. Its row is free as soon as it is
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
    core->edges.next[MACHINE_CALL][call->row.state] |= 1u << next;
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
    if (call->row.state == CALL_PUBLISHING) {
        room_confirmed(core);
    }
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

/* `stored`: how the request ended, NULL if the answer does not say; the blob goes with it. */
static void call_reply(struct core *core, uint32_t index, enum end end, enum reason reason, const struct input *stored,
                       struct blob blob)
{
    const struct call *call = call_at(core, index);
    struct effect *reply = emit(core, EFFECT_REPLY);
    reply->about = pool_handle(core, &core->calls, index);
    reply->reference = call->reference;
    reply->key = call->request;
    reply->code = (uint16_t)reason;
    reply->end = (uint8_t)end;
    reply->count = stored == 0 ? 0 : stored->as.result.attempts;
    reply->cause = stored == 0 ? CAUSE_NONE : stored->as.result.cause;
    reply->causes = stored == 0 ? (struct causes){ { 0 } } : stored->as.result.causes;
    reply->blob = blob;
    reply->starts = call->kind == CALL_KIND_SUBMIT && call->in_doubt && reason == REASON_NONE;
    if (MUTANT(ANSWERS_TWICE) && call->kind == CALL_KIND_AWAIT) {
        struct effect again = *reply;
        *emit(core, EFFECT_REPLY) = again;
    }
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

void call_publish(struct core *core, uint32_t index)
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
    call->poll_ns = MUTANT(LOOKS_OFTEN) ? core->now_ns + 1000000 : call->poll_ns; /* L10 */
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
        function_at(core, function)->messages++;
        queue_message(function_at(core, function), input->as.call.size);
        room_let_in(core);
    } else {
        blob_release(core, &blob);
    }
    call->request = input->as.call.request;
    call->digest = input->as.call.digest;
    call->reference = input->as.call.reference;
    uint64_t budget = MUTANT(BUDGET_HALVED) ? input->as.call.budget_ns / 2 : input->as.call.budget_ns,
             most = core->settings.call_budget_ns_max;
    call->deadline_ns = core->now_ns + (budget == 0 || budget > most ? most : budget);
    if (MUTANT(WAITS_FOR_EVER) && call->kind == CALL_KIND_AWAIT) {
        call->deadline_ns = CORE_NEVER; /* L1 */
    }
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
    if (MUTANT(BLOB_DROPPED_TWICE)) {
        emit(core, EFFECT_DROP_BLOB)->blob = call->blob;
    }
    blob_release(core, &call->blob);
    room_confirmed(core);
    call_become(core, index, CALL_WAITING);
    call->operation = 0;
    call->in_doubt = duplicate;
    call->confirmed_epoch = core->epoch;
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
    if (MUTANT(DROPS_SILENTLY) && input->outcome == OUTCOME_REFUSED && first) {
        call_free(core, index);
        return;
    }
    if (MUTANT(ACCEPTS_UNKNOWN) && input->outcome != OUTCOME_DONE && call->kind == CALL_KIND_SUBMIT) {
        call_end(core, index, END_NONE, REASON_NONE);
        return;
    }
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
void call_found_nothing(struct core *core, uint32_t index)
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
    } else if (call_publishes(call->kind) && call->digest != stored->as.result.digest && !MUTANT(CONFLICT_IGNORED)) {
        call_end(core, index, END_NONE, REASON_ID_CONFLICT);
    } else if (call->kind == CALL_KIND_SUBMIT) {
        call_end(core, index, END_NONE, REASON_NONE);
    } else {
        call_reply(core, index, (enum end)stored->as.result.end, (enum reason)stored->as.result.reason, stored, blob);
    }
}

/* Whoever ended it sent an answer to our inbox, unless it ended by a cancel; ours alone we need no answer of. */
static bool call_unheard(const struct core *core, const struct call *call, const struct input *input)
{
    bool waited = call->kind == CALL_KIND_EXECUTE && call->row.state == CALL_WAITING;
    return waited && !call->in_doubt && call->confirmed_epoch == core->epoch && core->link_up &&
           input->outcome == OUTCOME_DONE && input->as.result.end != END_CANCELLED;
}

void call_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct call *call = call_at(core, index);
    bool waiting = call->row.state == CALL_WAITING, cancel = call->kind == CALL_KIND_CANCEL;
    if (call->operation != input->answers || !(waiting || call->row.state == CALL_STORING)) {
        return;
    }
    call->operation = 0;
    if (call_unheard(core, call, input)) {
        hearing_missed(core, HEARD_ANSWER);
    }
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

void calls_answer(struct core *core, struct key request, const struct input *stored, struct blob blob)
{
    uint32_t at = index_next_call(core, request, NOWHERE);
    while (at != NOWHERE) {
        uint32_t next = index_next_call(core, request, at);
        if (call_reads(call_at(core, at)->kind)) {
            call_fetch(core, at); /* Every reader sees what is stored, not what it was made from. */
        } else {
            call_answer(core, at, stored, blob);
        }
        at = next;
    }
}
