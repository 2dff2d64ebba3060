/* The ledger of a request: attempts that were charged, starts, and how often each cause struck. It outlives instances.
 *
 * Charges are compare-and-set with a nonce: of two holders of one message only one charges an attempt, and a charge
 * whose answer was lost is recognised as ours. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum { CLAIM_TRIES_MAX = 5 };

void causes_count(struct causes *causes, enum cause cause)
{
    ASSERT(cause < CAUSE_KEPT);
    causes->count[cause] = (uint8_t)(causes->count[cause] + (causes->count[cause] < CAUSE_COUNTED_MAX));
}

void ledger_put(struct core *core, uint32_t index)
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
    put->causes = delivery->causes;
    if (charge) {
        put->cause = delivery->cause;
        causes_count(&put->causes, (enum cause)delivery->cause);
    }
}

/* Takes over what the ledger says. A start that nobody followed up with a charge was cut short by no fault of the
 * function's. */
static void ledger_adopt(struct delivery *delivery, const struct input *input)
{
    bool found = input->outcome == OUTCOME_DONE;
    uint8_t last = input->as.ledger.last;
    delivery->attempts = found ? input->as.ledger.attempts : 0;
    delivery->starts = found ? input->as.ledger.starts : 0;
    delivery->revision = found ? input->as.ledger.revision : 0;
    delivery->causes = found ? input->as.ledger.causes : (struct causes){ { 0 } };
    delivery->cause = (uint8_t)(!found ? CAUSE_NONE : cause_charged((enum cause)last) ? last : CAUSE_INSTANCE_LOST);
    if (delivery->cause == CAUSE_INSTANCE_LOST) {
        causes_count(&delivery->causes, CAUSE_INSTANCE_LOST);
    }
}

static void ledger_read(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    ledger_adopt(delivery, input);
    if (budget_spent(core, delivery)) {
        delivery_ended(core, index, END_DEAD_LETTERED, cause_reason((enum cause)delivery->cause), &none);
    } else if (budget_starts_spent(core, delivery)) {
        delivery_given_up(core, index, END_DEAD_LETTERED, REASON_POISON, CAUSE_INSTANCE_LOST);
    } else if (delivery->over) {
        delivery_expired(core, index, delivery->function);
    } else if (suspect_waits(core, index)) {
        delivery_hand_back(core, index, CAUSE_APART, core->settings.publish_timeout_ns);
    } else {
        delivery->needs_claim = true;
        delivery_wait(core, index);
    }
}

static void ledger_rechecked(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    bool found = input->outcome == OUTCOME_DONE;
    if (found && input->as.ledger.nonce == delivery->nonce && MUTANT(CHARGES_TWICE)) {
        delivery->revision = input->as.ledger.revision;
        delivery->attempts = input->as.ledger.attempts;
        delivery->nonce++;
        delivery_go(core, index, DELIVERY_CHARGING);
    } else if (found && input->as.ledger.nonce == delivery->nonce) {
        delivery->revision = input->as.ledger.revision;
        delivery_charged(core, index);
    } else if (!found || input->as.ledger.revision == delivery->revision) {
        delivery->revision = found ? delivery->revision : 0;
        delivery_go(core, index, DELIVERY_CHARGING);
    } else {
        /* Another holder of this message wrote after we read: the attempt is theirs to charge. */
        delivery_hand_back(core, index, CAUSE_CONTENDED, budget_delay_ns(core, delivery, delivery->attempts + 1));
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
