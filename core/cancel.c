/* Cancelling: a caller ends a request that anybody made. The order is fixed, so that a crash anywhere leaves either a
 * request that goes on or one that is cancelled: its message is found in the queue, the result `cancelled` is stored
 * create-only, and only then is the message removed and every instance told. Whoever stores a result first has ended
 * the request: an execution that is under way loses the race, or the cancel does.
 *
 * What an instance hears of a cancel is a hint that may be lost or forged. It looks for the stored result itself: a
 * message that waits is checked again, one that runs goes on until the result is seen. */
#include "core/banned.h"
#include "core/machine.h"

enum { AGAIN_DOUBLINGS = 4 };

static void cancel_remove(struct core *core, uint32_t index)
{
    struct effect *announce = emit(core, EFFECT_ANNOUNCE_CANCEL);
    announce->about = pool_handle(core, &core->calls, index);
    announce->key = call_at(core, index)->request;
    call_ask(core, index, EFFECT_REMOVE_REQUEST)->amount = call_at(core, index)->sequence;
}

/* The sequence was found on an earlier connection, and may be another request's by now. The result is stored; whoever
 * gets the message meets it. */
static void cancel_leave(struct core *core, uint32_t index)
{
    struct effect *announce = emit(core, EFFECT_ANNOUNCE_CANCEL);
    announce->about = pool_handle(core, &core->calls, index);
    announce->key = call_at(core, index)->request;
    call_end(core, index, END_CANCELLED, REASON_NONE);
}

void cancel_issue(struct core *core, uint32_t index)
{
    struct call *call = call_at(core, index);
    if (call->row.state == CALL_REMOVING && core->link_up && call->found_epoch != core->epoch) {
        cancel_leave(core, index);
        return;
    }
    bool storing = call->row.state == CALL_STORING;
    call->in_doubt = call->in_doubt || (storing && call->operation != 0); /* The last one had no answer. */
    call->operation = 0;
    call->poll_ns = CORE_NEVER; /* The next link asks again. */
    if (core->link_up) {
        uint32_t doublings = call->tries < AGAIN_DOUBLINGS ? call->tries : AGAIN_DOUBLINGS;
        call->poll_ns = core->now_ns + (core->settings.publish_timeout_ns << doublings);
        call->tries = (uint8_t)(call->tries < UINT8_MAX ? call->tries + 1 : UINT8_MAX);
        if (call->row.state == CALL_FINDING) {
            call_ask(core, index, EFFECT_FIND_REQUEST);
        } else if (storing) {
            call_ask(core, index, EFFECT_PUBLISH_CANCELLED)->amount = call->sequence;
        } else {
            ASSERT(call->row.state == CALL_REMOVING);
            cancel_remove(core, index);
        }
    }
    call_arm(core, index);
}

static void cancel_go(struct core *core, uint32_t index, enum call_state next)
{
    struct call *call = call_at(core, index);
    call_become(core, index, next);
    call->operation = 0;
    call->tries = 0;
    cancel_issue(core, index);
}

void cancel_begin(struct core *core, uint32_t index)
{
    ASSERT(call_at(core, index)->kind == CALL_KIND_CANCEL);
    cancel_go(core, index, CALL_FINDING);
}

void cancel_found(struct core *core, uint32_t index, const struct input *input)
{
    struct call *call = call_at(core, index);
    if (call->row.state != CALL_FINDING || call->operation != input->answers) {
        return;
    }
    call->operation = 0;
    bool marked = input->outcome == OUTCOME_DONE && input->as.found.end == END_DEAD_LETTERED;
    if (input->outcome == OUTCOME_DONE && !marked) {
        call->sequence = input->as.found.sequence;
        call->found_epoch = call->operation_epoch;
        if (MUTANT(REMOVES_FIRST) && core->link_up) {
            cancel_remove(core, index); /* S5 */
        }
        cancel_go(core, index, CALL_STORING);
    } else if (marked || input->outcome == OUTCOME_REFUSED || MUTANT(UNKNOWN_IS_ABSENT)) {
        call->in_doubt = marked; /* Its result is to come, perhaps anew: it was dead-lettered, and has no letter yet. */
        call_become(core, index, CALL_WAITING); /* It has ended, or there never was one: a result tells. */
        call->tries = 0;
        call_fetch(core, index);
    } /* Unknown: its timer asks again. */
}

void cancel_stored(struct core *core, uint32_t index, const struct input *input)
{
    struct call *call = call_at(core, index);
    ASSERT(call->row.state == CALL_STORING);
    if (!call_answers_now(core, index, input)) {
        return;
    }
    call->operation = 0;
    bool exists = input->outcome == OUTCOME_REFUSED && input->code == CODE_WRONG_LAST_SEQUENCE;
    if (input->outcome == OUTCOME_DONE || (exists && MUTANT(CANCELS_ANYTHING))) {
        cancel_go(core, index, CALL_REMOVING);
    } else if (exists && !call->in_doubt) {
        call_end(core, index, END_NONE, REASON_ALREADY_ENDED);
    } else if (exists) {
        call_fetch(core, index); /* Perhaps it is ours. */
    } else {
        call->in_doubt = call->in_doubt || input->outcome != OUTCOME_REFUSED;
    }
}

void cancel_fetched(struct core *core, uint32_t index, const struct input *input)
{
    bool waiting = call_at(core, index)->row.state == CALL_WAITING;
    if (input->outcome == OUTCOME_DONE && !waiting && input->as.result.end == END_CANCELLED) {
        cancel_go(core, index, CALL_REMOVING); /* Ours, or as good as ours. */
    } else if (input->outcome == OUTCOME_DONE) {
        call_end(core, index, END_NONE, REASON_ALREADY_ENDED);
    } else if (waiting && input->outcome == OUTCOME_REFUSED && !call_at(core, index)->in_doubt) {
        call_end(core, index, END_NONE, REASON_REQUEST_NOT_FOUND);
    } else {
        call_look_later(core, index); /* STORING stores again then. */
    }
}

void cancel_answered(struct core *core, uint32_t index, enum end end)
{
    uint8_t state = call_at(core, index)->row.state;
    bool ours = state == CALL_REMOVING || (state == CALL_STORING && end == END_CANCELLED);
    if (!ours) {
        call_end(core, index, END_NONE, REASON_ALREADY_ENDED);
    }
}

void cancel_removed(struct core *core, uint32_t index, const struct input *input)
{
    struct call *call = call_at(core, index);
    if (call->row.state != CALL_REMOVING || call->operation != input->answers) {
        return;
    }
    call->operation = 0;
    if (input->outcome != OUTCOME_UNKNOWN) {
        call_end(core, index, END_CANCELLED, REASON_NONE);
    }
}

void cancel_overdue(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    bool asked = call->in_doubt || call->operation != 0;
    if (call->row.state == CALL_REMOVING) {
        call_end(core, index, END_CANCELLED, REASON_NONE); /* The result is stored: that is what counts. */
    } else if (call->row.state == CALL_STORING && asked) {
        call_end(core, index, END_NONE, REASON_OUTCOME_UNKNOWN);
    } else {
        call_end(core, index, END_NONE, REASON_DEADLINE_EXCEEDED);
    }
}

/* -- the others ---------------------------------------------------------------------------------------------------- */

static void delivery_cancel_heard(struct core *core, uint32_t index)
{
    switch (delivery_at(core, index)->row.state) {
    case DELIVERY_QUEUED:
    case DELIVERY_READING:
    case DELIVERY_CLAIMING:
        delivery_become(core, index, DELIVERY_CHECKING);
        delivery_issue(core, index);
        return;
    case DELIVERY_CHECKING:
        delivery_issue(core, index); /* What it asked before may have been too early. */
        return;
    case DELIVERY_RUNNING:
        delivery_ask(core, index, EFFECT_FETCH_RESULT); /* It runs on meanwhile. */
        return;
    default:
        return; /* It meets the stored result on its way. */
    }
}

void delivery_cancel_fetched(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    ASSERT(delivery->row.state == DELIVERY_RUNNING);
    const struct worker *worker = worker_at(core, delivery->worker);
    bool ours = delivery->operation != 0 && delivery->operation == input->answers &&
                delivery->operation_epoch == core->epoch && core->link_up;
    /* One that was sent ahead and has not begun can't be stopped without those before it: it runs for nothing. */
    bool behind = worker->ahead && worker->running.first != index;
    if (!ours || input->outcome != OUTCOME_DONE || behind) {
        return;
    }
    worker_abandon(core, delivery->worker, index);
    delivery_become(core, index, DELIVERY_FETCHING); /* From here on it is like any that came second. */
    delivery_issue(core, index);
}

void cancel_heard(struct core *core, const struct input *input)
{
    struct key request = input->as.cancel.request;
    if (input->epoch != core->epoch || !core->link_up) {
        return;
    }
    for (uint32_t at = index_next_call(core, request, NOWHERE); at != NOWHERE;
         at = index_next_call(core, request, at)) {
        const struct call *call = call_at(core, at);
        bool waits = call->kind == CALL_KIND_EXECUTE || call->kind == CALL_KIND_AWAIT;
        if (waits && call->row.state == CALL_WAITING) {
            call_fetch(core, at);
        }
    }
    uint32_t delivery = index_find_delivery(core, request);
    if (delivery != NOWHERE) {
        delivery_cancel_heard(core, delivery);
    }
}
