/* How a delivery ends. The order is fixed: an attempt is charged in the ledger, and the end marked there if it is to
 * become a dead letter, the result is stored create-only, the waiting callers are answered, a dead letter is stored,
 * and only then is the message acked. Every step can be asked again: a lost answer is followed by the same question,
 * and "it exists already" is a good answer. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum {
    FULL_PAUSE_NS = 1000000000,
};
#define DEAD_FULL_PAUSE_NS UINT64_C(10000000000)

struct effect *delivery_ask(struct core *core, uint32_t index, enum effect_kind kind)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery->operation = operation_new(core, pool_handle(core, &core->deliveries, index));
    delivery->operation_epoch = core->epoch;
    struct effect *effect = emit(core, kind);
    effect->operation = delivery->operation;
    effect->about = pool_handle(core, &core->deliveries, index);
    effect->other = pool_handle(core, &core->functions, delivery->function);
    effect->blob = delivery->message;
    effect->key = delivery->request;
    return effect;
}

#ifdef STEAD_MUTANTS
static struct blob another_error(struct core *core, uint32_t index)
{
    uint32_t at = 0;
    while (at < core->deliveries.rows && (at == index || delivery_at(core, at)->row.state != DELIVERY_BURYING)) {
        at++;
    }
    return delivery_at(core, at < core->deliveries.rows ? at : index)->result;
}
#else
#define another_error(core, index) ((struct blob){ 0 })
#endif

static void issue_store(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    bool dead = delivery->row.state == DELIVERY_BURYING;
    struct effect *store = delivery_ask(core, index, dead ? EFFECT_PUBLISH_DEAD : EFFECT_PUBLISH_RESULT);
    store->second = MUTANT(ERROR_OF_ANOTHER) && dead ? another_error(core, index) : delivery->result; /* S21 */
    store->code = delivery->reason;
    store->end = delivery->end;
    store->cause = delivery->cause;
    store->count = delivery->attempts;
    store->causes = delivery->causes;
    store->create_only = !MUTANT(OVERWRITES); /* S2 */
}

void delivery_issue(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery->operation = 0;
    delivery->deadline_ns = CORE_NEVER; /* The next link asks again. */
    if (core->link_up) {
        delivery->deadline_ns = core->now_ns + core->settings.publish_timeout_ns;
        if (ledger_unseen(core, delivery)) {
            delivery_read_first(core, index);
        }
        switch (delivery->row.state) {
        case DELIVERY_CHECKING:
        case DELIVERY_FETCHING:
            delivery_ask(core, index, EFFECT_FETCH_RESULT);
            break;
        case DELIVERY_READING:
        case DELIVERY_RECHECKING:
            delivery_ask(core, index, EFFECT_LEDGER_GET);
            break;
        case DELIVERY_CLAIMING:
        case DELIVERY_CHARGING:
        case DELIVERY_MARKING:
            ledger_put(core, index);
            break;
        default:
            ASSERT(delivery->row.state == DELIVERY_STORING || delivery->row.state == DELIVERY_BURYING);
            issue_store(core, index);
        }
    }
    delivery_arm(core, index);
}

void delivery_go(struct core *core, uint32_t index, enum delivery_state next)
{
    delivery_become(core, index, next);
    delivery_issue(core, index);
}

/* Asks the same again after a while, or goes on waiting for the next link. */
void delivery_ask_later(struct core *core, uint32_t index, uint64_t delay_ns)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery->operation = 0;
    delivery->deadline_ns = core->link_up ? core->now_ns + delay_ns : CORE_NEVER;
    delivery_arm(core, index);
}

bool delivery_answers_now(const struct core *core, const struct delivery *delivery, const struct input *input)
{
    return delivery->operation != 0 && delivery->operation == input->answers &&
           delivery->operation_epoch == core->epoch && core->link_up;
}

/* A token dies with its connection: behind a lost power the stream gives sequences out again, and the ack would remove
 * another request (docs/adr/0016-tokens-die-with-their-connection.md). The message comes again and is acked then. */
static void delivery_ack(struct core *core, uint32_t index)
{
    if (!delivery_token_current(core, delivery_at(core, index)) && !MUTANT(ACKS_LATE)) {
        return; /* S5 */
    }
    if (delivery_at(core, index)->walked) {
        delivery_ask(core, index, EFFECT_REMOVE_REQUEST)->amount = delivery_at(core, index)->sequence;
        return; /* Should that be lost, the next round finds it again. */
    }
    struct effect *ack = emit(core, EFFECT_ACK);
    ack->about = pool_handle(core, &core->deliveries, index);
    ack->blob = delivery_at(core, index)->message;
    function_let_go(core, delivery_at(core, index)->function);
}

static void stored_as_ours(const struct delivery *delivery, struct input *ret_stored)
{
    ret_stored->as.result.digest = delivery->digest;
    ret_stored->as.result.end = delivery->end;
    ret_stored->as.result.reason = delivery->reason;
    ret_stored->as.result.cause = delivery->cause;
    ret_stored->as.result.attempts = delivery->attempts;
    ret_stored->as.result.causes = delivery->causes;
}

void delivery_ended(struct core *core, uint32_t index, enum end end, enum reason reason, struct blob *result)
{
    struct delivery *delivery = delivery_at(core, index);
    if (result->slot != 0) {
        blob_release(core, &delivery->result);
        delivery->result = *result;
        *result = (struct blob){ 0 };
    }
    delivery->end = (uint8_t)end;
    delivery->reason = (uint8_t)reason;
    if (end == END_SUCCEEDED) {
        delivery->cause = CAUSE_NONE;
    }
    /* The run that ends here counts as an attempt for whoever reads the result, though nobody is charged for it. */
    delivery->attempts += delivery->row.state == DELIVERY_RUNNING;
    if (MUTANT(ANSWERS_EARLY)) {
        struct input early = { .kind = INPUT_RESULT };
        stored_as_ours(delivery, &early);
        calls_answer(core, delivery->request, &early, delivery->result);
    }
    if (MUTANT(ACK_FIRST)) {
        delivery_ack(core, index); /* S5 */
    }
    bool marks = end == END_DEAD_LETTERED && !delivery->marked && !MUTANT(END_UNMARKED);
    delivery_go(core, index, marks ? DELIVERY_MARKING : DELIVERY_STORING);
}

void delivery_given_up(struct core *core, uint32_t index, enum end end, enum reason reason, enum cause cause)
{
    struct blob none = { 0 };
    delivery_at(core, index)->cause = (uint8_t)cause;
    delivery_ended(core, index, end, reason, &none);
}

void delivery_failed(struct core *core, uint32_t index, enum cause cause, uint64_t after_ns, struct blob *error)
{
    struct delivery *delivery = delivery_at(core, index);
    ASSERT(cause_charged(cause));
    concurrency_dropped(core, index, cause);
    delivery->cause = (uint8_t)cause;
    if (cause == CAUSE_PERMANENT) {
        causes_count(&delivery->causes, cause);
        delivery_ended(core, index, END_FAILED, cause_reason(cause), error);
        return;
    }
    blob_release(core, &delivery->result);
    delivery->result = *error;
    *error = (struct blob){ 0 };
    delivery->reason = (uint8_t)cause_reason(cause);
    delivery->after_ns = after_ns;
    delivery->nonce = draw(core->seed, delivery->request.lo, DRAW_NONCE, core->operations);
    delivery_go(core, index, DELIVERY_CHARGING);
}

void delivery_charged(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    delivery->attempts++;
    causes_count(&delivery->causes, (enum cause)delivery->cause);
    if (delivery->marked || budget_spent(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, (enum reason)delivery->reason, &none);
        return;
    }
    delivery_hand_back(core, index, (enum cause)delivery->cause, budget_delay_ns(core, delivery, delivery->attempts));
}

/* The result is stored, by us or by someone before us: answer, bury if need be, ack. */
static void delivery_settle(struct core *core, uint32_t index, const struct input *stored)
{
    struct delivery *delivery = delivery_at(core, index);
    struct input ours = { .kind = INPUT_RESULT };
    if (stored == 0) {
        stored_as_ours(delivery, &ours);
        stored = &ours;
    } else if (MUTANT(OWN_RESULT_TOLD) && delivery->end != END_NONE) {
        stored_as_ours(delivery, &ours);
        stored = &ours;
    } else { /* The dead letter repeats it. */
        delivery->end = stored->as.result.end;
        delivery->reason = stored->as.result.reason;
        delivery->cause = stored->as.result.cause;
        delivery->attempts = stored->as.result.attempts;
        delivery->causes = stored->as.result.causes;
    }
    calls_answer(core, delivery->request, stored, delivery->result);
    if (delivery->has_reply_to) {
        struct effect *answer = emit(core, EFFECT_ANSWER);
        answer->about = pool_handle(core, &core->deliveries, index);
        answer->other = pool_handle(core, &core->functions, delivery->function);
        answer->blob = delivery->message;
        answer->second = delivery->result;
        answer->code = delivery->reason;
        answer->end = delivery->end;
        answer->cause = delivery->cause;
        answer->count = delivery->attempts;
        answer->causes = delivery->causes;
        answer->reference = stored->as.result.digest;
        answer->key = delivery->request;
        delivery->has_reply_to = false;
    }
    if (delivery->end == END_DEAD_LETTERED && !MUTANT(DEAD_LETTER_FORGOTTEN)) {
        delivery_go(core, index, DELIVERY_BURYING);
        return;
    }
    delivery_ack(core, index);
    delivery_free(core, index);
}

static void delivery_refused(struct core *core, uint32_t index, uint16_t code)
{
    struct delivery *delivery = delivery_at(core, index);
    if (code == CODE_MESSAGE_TOO_LARGE && delivery->result.slot != 0) {
        blob_release(core, &delivery->result);
        if (delivery->row.state == DELIVERY_STORING) {
            delivery->end = END_FAILED;
            delivery->reason = REASON_RESULT_TOO_LARGE;
            delivery->cause = CAUSE_INVALID_OUTPUT;
            causes_count(&delivery->causes, CAUSE_INVALID_OUTPUT);
        }
        delivery_issue(core, index);
        return;
    }
    if (code == CODE_STREAM_FULL && delivery->row.state == DELIVERY_BURYING) {
        /* Its result is stored and its callers know it. Holding it here would in time hold up every other function. */
        delivery_hand_back(core, index, CAUSE_BROKER_FULL, DEAD_FULL_PAUSE_NS);
        return;
    }
    if (code == CODE_STREAM_FULL) {
        core->full_until_ns = core->now_ns + FULL_PAUSE_NS; /* No new work until results have room again. */
        delivery_ask_later(core, index, FULL_PAUSE_NS);
        return;
    }
    delivery_ask_later(core, index, core->settings.publish_timeout_ns);
}

void delivery_published(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    bool storing = delivery->row.state == DELIVERY_STORING;
    if (!delivery_answers_now(core, delivery, input) || (!storing && delivery->row.state != DELIVERY_BURYING)) {
        return;
    }
    bool exists = input->outcome == OUTCOME_REFUSED && input->code == CODE_WRONG_LAST_SEQUENCE;
    if (storing && exists) {
        delivery_go(core, index, DELIVERY_FETCHING);
    } else if (storing && input->outcome == OUTCOME_DONE) {
        delivery_settle(core, index, 0);
    } else if (exists || input->outcome == OUTCOME_DONE) {
        delivery_ack(core, index);
        delivery_free(core, index);
    } else if (input->outcome == OUTCOME_REFUSED) {
        delivery_refused(core, index, input->code);
    } else {
        delivery_ask_later(core, index, core->settings.publish_timeout_ns);
    }
}

void delivery_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct delivery *delivery = delivery_at(core, index);
    bool checking = delivery->row.state == DELIVERY_CHECKING;
    if (!delivery_answers_now(core, delivery, input) || (!checking && delivery->row.state != DELIVERY_FETCHING)) {
        return;
    }
    if (input->outcome == OUTCOME_DONE) {
        blob_release(core, &delivery->result);
        delivery->result = *blob;
        *blob = (struct blob){ 0 };
        delivery_settle(core, index, input);
    } else if (input->outcome == OUTCOME_UNKNOWN) {
        delivery_ask_later(core, index, core->settings.publish_timeout_ns);
    } else if (checking && delivery->walked && !delivery->over) {
        if (MUTANT(WALK_REMOVES)) {
            delivery_ack(core, index); /* S5 */
        }
        delivery_free(core, index);
    } else if (!checking && delivery->end == END_NONE) {
        /* It ran when its cancel was seen, and that result is gone again: it is to be run once more. */
        delivery_hand_back(core, index, CAUSE_CANCELLED, 0);
    } else {
        delivery_go(core, index, checking ? DELIVERY_READING : DELIVERY_STORING);
    }
}
