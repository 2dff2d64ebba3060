/* What time and the link do to a waiting call: it asks again what its state waits for, ever more slowly, until its
 * deadline has passed, and at once when a link comes back. */
#include "core/banned.h"
#include "core/machine.h"

/* Asks again what the state waits for. */
static void call_again(struct core *core, uint32_t index)
{
    uint8_t state = call_at(core, index)->row.state;
    bool asked = call_at(core, index)->operation != 0 && call_at(core, index)->operation_epoch == core->epoch;
    if (asked && state == CALL_PUBLISHING) {
        link_unanswered(core);
    }
    if (MUTANT(UNKNOWN_IS_REFUSED) && state == CALL_PUBLISHING) {
        call_end(core, index, END_NONE, REASON_NATS_REFUSED);
    } else if (MUTANT(NO_ANSWER_IS_NONE) && call_at(core, index)->kind == CALL_KIND_LOOK) {
        call_found_nothing(core, index);
    } else if (state == CALL_PUBLISHING) {
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
        if (call_at(core, at)->row.state != CALL_FREE && call_reads(call_at(core, at)->kind)) {
            timer_set(core, timer_of_call(core, at), core->now_ns);
        }
    }
}

void call_timer(struct core *core, uint32_t index)
{
    const struct call *call = call_at(core, index);
    if (core->draining && call_reads(call->kind)) {
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
