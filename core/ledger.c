/* The ledger of a request: attempts that were charged, starts, how often each cause struck, and that it has ended. It
 * outlives instances.
 *
 * Charges are compare-and-set with a nonce: of two holders of one message only one charges an attempt, and a charge
 * whose answer was lost is recognised as ours. A revision alone tells no record from another: after a power loss of the
 * broker it is given out again. That ends every connection, so what is to go over a record that was seen on an earlier
 * one reads it first, and knows it by its nonce.
 *
 * Who is dead-lettered is marked here before its result is stored: while its letter finds no room, or nobody is there
 * to store it, the result may be dropped for its age, and whoever gets the message then must end it as it was ended.
 * That its budget is spent does not say so for good: another version allows more, and a quarantine spends nothing. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum { PUT_TRIES_MAX = 5 };

void causes_count(struct causes *causes, enum cause cause)
{
    ASSERT(cause < CAUSE_KEPT);
    causes->count[cause] = (uint8_t)(causes->count[cause] + (causes->count[cause] < CAUSE_COUNTED_MAX));
}

void ledger_put(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    bool charge = delivery->row.state == DELIVERY_CHARGING, start = delivery->row.state == DELIVERY_CLAIMING;
    if (start) {
        delivery->nonce = draw(core->seed, delivery->request.lo, DRAW_NONCE, core->operations);
    }
    struct effect *put = delivery_ask(core, index, EFFECT_LEDGER_PUT);
    put->reference = delivery->revision;
    put->amount = charge || start ? delivery->nonce : 0;
    put->count = delivery->attempts + (charge ? 1 : 0);
    put->starts = delivery->starts + (start ? 1 : 0);
    put->causes = delivery->causes;
    put->cause = start ? CAUSE_NONE : delivery->cause;
    if (charge) {
        causes_count(&put->causes, (enum cause)delivery->cause);
    }
    delivery->marked = charge ? budget_spent_by_charge(core, delivery) && !MUTANT(END_UNMARKED) : !start;
    if (delivery->marked) {
        put->end = END_DEAD_LETTERED;
        put->code = delivery->reason;
    }
}

/* As it was read or written now. */
static void ledger_seen(struct core *core, struct delivery *delivery, uint64_t revision)
{
    delivery->revision = revision;
    delivery->revision_epoch = core->epoch;
}

bool ledger_unseen(const struct core *core, const struct delivery *delivery)
{
    return delivery->revision != 0 && delivery->revision_epoch != core->epoch && !MUTANT(WRITES_UNSEEN);
}

static bool ledger_marked(struct core *core, const struct input *input)
{
    return input->outcome == OUTCOME_DONE && input->as.ledger.end == END_DEAD_LETTERED && !MUTANT(MARK_IGNORED);
}

/* Takes over what the ledger says. A start that nobody followed up with a charge was cut short by no fault of the
 * function's. */
static void ledger_adopt(struct core *core, struct delivery *delivery, const struct input *input)
{
    bool found = input->outcome == OUTCOME_DONE;
    uint8_t last = input->as.ledger.last;
    delivery->attempts = found ? input->as.ledger.attempts : 0;
    delivery->starts = found ? input->as.ledger.starts : 0;
    ledger_seen(core, delivery, found ? input->as.ledger.revision : 0);
    delivery->known_nonce = found ? input->as.ledger.nonce : 0;
    delivery->causes = found ? input->as.ledger.causes : (struct causes){ { 0 } };
    delivery->end = END_NONE; /* What could not be marked is decided anew. */
    delivery->marked = ledger_marked(core, input);
    if (delivery->marked) {
        delivery->cause = last;
        return;
    }
    delivery->cause = (uint8_t)(!found ? CAUSE_NONE : cause_charged((enum cause)last) ? last : CAUSE_INSTANCE_LOST);
    if (delivery->cause == CAUSE_INSTANCE_LOST) {
        causes_count(&delivery->causes, CAUSE_INSTANCE_LOST);
    }
}

/* True: the ledger says that it is over, and it is being ended so. */
static bool ledger_ends(struct core *core, uint32_t index, const struct input *input)
{
    const struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    if (delivery->marked) {
        delivery_ended(core, index, END_DEAD_LETTERED, (enum reason)input->as.ledger.reason, &none);
    } else if (delivery->refusal != REASON_NONE) { /* Nobody knows the retries of what is removed. */
        delivery_given_up(core, index, END_FAILED, (enum reason)delivery->refusal, CAUSE_REFUSED);
    } else if (budget_spent(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, cause_reason((enum cause)delivery->cause), &none);
    } else if (budget_starts_spent(core, delivery)) {
        delivery_given_up(core, index, END_DEAD_LETTERED, REASON_POISON, CAUSE_INSTANCE_LOST);
    } else {
        return false;
    }
    return true;
}

static void ledger_read(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    ledger_adopt(core, delivery, input);
    if (ledger_ends(core, index, input)) {
        return;
    }
    blob_release(core, &delivery->result); /* the error of an end that could not be marked */
    if (delivery->over) {
        delivery_expired(core, index, delivery->function);
    } else if (suspect_waits(core, index)) {
        delivery_hand_back(core, index, CAUSE_APART, core->settings.publish_timeout_ns);
    } else {
        delivery->needs_claim = true;
        delivery_wait(core, index);
    }
}

/* Nobody wrote since we did or looked. */
static bool ledger_as_known(struct core *core, const struct delivery *delivery, const struct input *input)
{
    return input->as.ledger.revision == delivery->revision &&
           (input->as.ledger.nonce == delivery->known_nonce || MUTANT(REVISIONS_BELIEVED)); /* S4 */
}

static void ledger_rechecked(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    bool found = input->outcome == OUTCOME_DONE;
    if (found && input->as.ledger.nonce == delivery->nonce && MUTANT(CHARGES_TWICE)) {
        ledger_seen(core, delivery, input->as.ledger.revision);
        delivery->attempts = input->as.ledger.attempts;
        delivery->nonce++;
        delivery_go(core, index, DELIVERY_CHARGING);
    } else if (found && input->as.ledger.nonce == delivery->nonce) {
        ledger_seen(core, delivery, input->as.ledger.revision);
        delivery->marked = ledger_marked(core, input);
        delivery_charged(core, index);
    } else if (!found || ledger_as_known(core, delivery, input)) {
        ledger_seen(core, delivery, found ? delivery->revision : 0);
        delivery_go(core, index, DELIVERY_CHARGING);
    } else {
        /* Another holder of this message wrote after we read: the attempt is theirs to charge. */
        delivery_hand_back(core, index, CAUSE_CONTENDED, budget_delay_ns(core, delivery, delivery->attempts + 1));
    }
}

/* A start or an end. */
static void ledger_written(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    if (input->outcome == OUTCOME_DONE && delivery->row.state == DELIVERY_MARKING) {
        ledger_seen(core, delivery, input->as.ledger.revision);
        delivery_go(core, index, DELIVERY_STORING);
    } else if (input->outcome == OUTCOME_DONE) {
        ledger_seen(core, delivery, input->as.ledger.revision);
        delivery->known_nonce = delivery->nonce;
        delivery->starts++;
        delivery->needs_claim = false;
        delivery_wait(core, index);
    } else if (++delivery->tries >= PUT_TRIES_MAX) {
        delivery_hand_back(core, index, CAUSE_CONTENDED, core->settings.publish_timeout_ns);
    } else {
        delivery_go(core, index, DELIVERY_READING);
    }
}

/* Refused, and not because another holder was first: a full storage, a missing leader. To ask again at once would be
 * refused at once, as fast as the broker answers. */
static bool ledger_has_no_room(const struct input *input)
{
    return input->outcome == OUTCOME_REFUSED && input->code != 0 && input->code != CODE_WRONG_LAST_SEQUENCE;
}

void delivery_ledger(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    if (!delivery_answers_now(core, delivery, input)) {
        return;
    }
    bool unknown = input->outcome == OUTCOME_UNKNOWN;
    if (ledger_has_no_room(input)) {
        delivery_ask_later(core, index, core->settings.publish_timeout_ns);
        return;
    }
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
    case DELIVERY_MARKING:
        ledger_written(core, index, input);
        break;
    case DELIVERY_CHARGING:
        if (input->outcome == OUTCOME_DONE) {
            ledger_seen(core, delivery, input->as.ledger.revision);
            delivery_charged(core, index);
        } else {
            delivery_go(core, index, DELIVERY_RECHECKING);
        }
        break;
    default:
        break;
    }
}
