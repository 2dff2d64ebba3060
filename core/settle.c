/* How a delivery ends. The order is fixed: an attempt is charged in the ledger, the result is stored create-only, the
 * waiting callers are answered, a dead letter is stored, and only then is the message acked. Every step can be asked
 * again: a lost answer is followed by the same question, and "it exists already" is a good answer.
 *
 * Charges are compare-and-set with a nonce: of two holders of one message only one charges an attempt, and a charge
 * whose answer was lost is recognised as ours. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"
#include "core/retry.h"

enum {
    CLAIM_TRIES_MAX = 5,
    FULL_PAUSE_NS = 1000000000,
};

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

static void issue_put(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    bool charge = delivery->row.state == DELIVERY_CHARGING;
    if (!charge) {
        delivery->nonce = draw(core->seed, delivery->request.lo, DRAW_NONCE, core->operations);
    }
    struct effect *put = delivery_ask(core, index, EFFECT_LEDGER_PUT);
    put->reference = delivery->revision;
    put->amount = delivery->nonce;
    put->count = delivery->attempts + (charge ? 1 : 0);
    put->starts = delivery->starts + (charge ? 0 : 1);
}

static void issue_store(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    bool dead = delivery->row.state == DELIVERY_BURYING;
    struct effect *store = delivery_ask(core, index, dead ? EFFECT_PUBLISH_DEAD : EFFECT_PUBLISH_RESULT);
    store->second = delivery->result;
    store->code = delivery->reason;
    store->end = delivery->end;
    store->count = delivery->attempts;
    store->create_only = !MUTANT(2); /* M02: results overwrite each other; S2 must catch it */
}

void delivery_issue(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery->operation = 0;
    delivery->deadline_ns = CORE_NEVER; /* The next link asks again. */
    if (core->link_up) {
        delivery->deadline_ns = core->now_ns + core->settings.publish_timeout_ns;
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
            issue_put(core, index);
            break;
        default:
            ASSERT(delivery->row.state == DELIVERY_STORING || delivery->row.state == DELIVERY_BURYING);
            issue_store(core, index);
        }
    }
    delivery_arm(core, index);
}

static void delivery_go(struct core *core, uint32_t index, enum delivery_state next)
{
    delivery_become(core, index, next);
    delivery_issue(core, index);
}

/* Asks the same again after a while, or goes on waiting for the next link. */
static void delivery_ask_later(struct core *core, uint32_t index, uint64_t delay_ns)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery->operation = 0;
    delivery->deadline_ns = core->link_up ? core->now_ns + delay_ns : CORE_NEVER;
    delivery_arm(core, index);
}

static bool answers_now(const struct core *core, const struct delivery *delivery, const struct input *input)
{
    return delivery->operation != 0 && delivery->operation == input->answers &&
           delivery->operation_epoch == core->epoch && core->link_up;
}

static void delivery_ack(struct core *core, uint32_t index)
{
    struct effect *ack = emit(core, EFFECT_ACK);
    ack->about = pool_handle(core, &core->deliveries, index);
    ack->blob = delivery_at(core, index)->message;
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
    /* The run that ends here counts as an attempt for whoever reads the result, though nobody is charged for it. */
    delivery->attempts += delivery->row.state == DELIVERY_RUNNING;
    if (MUTANT(1)) {
        delivery_ack(core, index); /* M01: ack before the result is stored; S5 must catch it */
    }
    delivery_go(core, index, DELIVERY_STORING);
}

void delivery_failed(struct core *core, uint32_t index, enum reason reason, enum error_class class, uint64_t after_ns,
                     struct blob *error)
{
    if (class == ERROR_PERMANENT) {
        delivery_ended(core, index, END_FAILED, reason, error);
        return;
    }
    struct delivery *delivery = delivery_at(core, index);
    blob_release(core, &delivery->result);
    delivery->result = *error;
    *error = (struct blob){ 0 };
    delivery->reason = (uint8_t)reason;
    delivery->error_class = (uint8_t) class;
    delivery->after_ns = after_ns;
    delivery->nonce = draw(core->seed, delivery->request.lo, DRAW_NONCE, core->operations);
    delivery_go(core, index, DELIVERY_CHARGING);
}

/* A message may be in hand before the version that it waits for is up. */
static uint32_t retries_max(struct core *core, const struct delivery *delivery)
{
    const struct function *function = function_at(core, delivery->function);
    return function->serving ? function->current.retries_max : function->candidate.retries_max;
}

static void delivery_charged(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    delivery->attempts++;
    if (delivery->attempts > retries_max(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, (enum reason)delivery->reason, &none);
        return;
    }
    uint64_t delay = retry_delay_ns(&core->settings, core->seed, delivery->request, delivery->attempts);
    bool throttled = delivery->error_class == ERROR_THROTTLE && delivery->after_ns > 0;
    if (throttled || delivery->after_ns > delay) {
        uint64_t most = core->settings.call_budget_ns_max;
        delay = delivery->after_ns < most ? delivery->after_ns : most;
    }
    delivery_hand_back(core, index, delay);
}

/* The result is stored, by us or by someone before us: answer, bury if need be, ack. */
static void delivery_settle(struct core *core, uint32_t index, const struct input *stored)
{
    struct delivery *delivery = delivery_at(core, index);
    uint64_t digest = delivery->digest;
    if (stored != 0) {
        delivery->end = stored->as.result.end;
        delivery->reason = stored->as.result.reason;
        delivery->attempts = stored->as.result.attempts; /* The dead letter repeats them. */
        digest = stored->as.result.digest;
    }
    calls_answer(core, delivery->request, digest, (enum end)delivery->end, (enum reason)delivery->reason,
                 delivery->attempts, delivery->result);
    if (delivery->has_reply_to) {
        struct effect *answer = emit(core, EFFECT_ANSWER);
        answer->about = pool_handle(core, &core->deliveries, index);
        answer->other = pool_handle(core, &core->functions, delivery->function);
        answer->blob = delivery->message;
        answer->second = delivery->result;
        answer->code = delivery->reason;
        answer->end = delivery->end;
        answer->count = delivery->attempts;
        answer->reference = digest;
        answer->key = delivery->request;
        delivery->has_reply_to = false;
    }
    if (delivery->end == END_DEAD_LETTERED) {
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
        }
        delivery_issue(core, index);
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
    if (!answers_now(core, delivery, input) || (!storing && delivery->row.state != DELIVERY_BURYING)) {
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
    if (!answers_now(core, delivery, input) || (!checking && delivery->row.state != DELIVERY_FETCHING)) {
        return;
    }
    if (input->outcome == OUTCOME_DONE) {
        blob_release(core, &delivery->result);
        delivery->result = *blob;
        *blob = (struct blob){ 0 };
        delivery_settle(core, index, input);
    } else if (input->outcome == OUTCOME_UNKNOWN) {
        delivery_ask_later(core, index, core->settings.publish_timeout_ns);
    } else {
        delivery_go(core, index, checking ? DELIVERY_READING : DELIVERY_STORING);
    }
}

static void ledger_read(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    bool found = input->outcome == OUTCOME_DONE;
    delivery->attempts = found ? input->as.ledger.attempts : 0;
    delivery->starts = found ? input->as.ledger.starts : 0;
    delivery->revision = found ? input->as.ledger.revision : 0;
    if (delivery->attempts > retries_max(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, REASON_FUNCTION_ERROR, &none);
    } else if (delivery->starts >= core->settings.starts_max + retries_max(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, REASON_POISON, &none);
    } else {
        delivery->needs_claim = true;
        delivery_wait(core, index);
    }
}

static void ledger_rechecked(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    bool found = input->outcome == OUTCOME_DONE;
    if (found && input->as.ledger.nonce == delivery->nonce) {
        delivery->revision = input->as.ledger.revision;
        delivery_charged(core, index);
    } else if (!found || input->as.ledger.revision == delivery->revision) {
        delivery->revision = found ? delivery->revision : 0;
        delivery_go(core, index, DELIVERY_CHARGING);
    } else {
        /* Another holder of this message wrote after we read: the attempt is theirs to charge. */
        uint64_t delay = retry_delay_ns(&core->settings, core->seed, delivery->request, delivery->attempts + 1);
        delivery_hand_back(core, index, delay);
    }
}

static void ledger_claimed(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    if (input->outcome == OUTCOME_DONE) {
        delivery->revision = input->as.ledger.revision;
        delivery->starts++;
        delivery->needs_claim = false;
        delivery_wait(core, index);
    } else if (++delivery->tries >= CLAIM_TRIES_MAX) {
        delivery_hand_back(core, index, core->settings.publish_timeout_ns);
    } else {
        delivery_go(core, index, DELIVERY_READING);
    }
}

void delivery_ledger(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    if (!answers_now(core, delivery, input)) {
        return;
    }
    bool unknown = input->outcome == OUTCOME_UNKNOWN;
    switch (delivery->row.state) {
    case DELIVERY_READING:
    case DELIVERY_RECHECKING:
        if (unknown) {
            delivery_ask_later(core, index, core->settings.publish_timeout_ns);
        } else if (delivery->row.state == DELIVERY_READING) {
            ledger_read(core, index, input);
        } else {
            ledger_rechecked(core, index, input);
        }
        break;
    case DELIVERY_CLAIMING:
        ledger_claimed(core, index, input);
        break;
    case DELIVERY_CHARGING:
        if (input->outcome == OUTCOME_DONE) {
            delivery->revision = input->as.ledger.revision;
            delivery_charged(core, index);
        } else {
            delivery_go(core, index, DELIVERY_RECHECKING);
        }
        break;
    default:
        break;
    }
}
