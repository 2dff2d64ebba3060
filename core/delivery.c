/* A delivery is a message in hand. If it is fresh it waits for a worker at once; any other may have run before, here
 * or elsewhere, so the stored result and the ledger are asked first, also if its time is over: how it ended before
 * stays its end, though the result is gone by now. While it is in hand, its ack wait is extended every third of it.
 * Before a message that was not fresh is executed, its start is claimed in the ledger, so that a request that takes
 * instances down with it comes to an end. A message that finds no worker is held, not handed back: handing back costs
 * a delivery and a round trip. What happens after the execution is in settle.c.
 *
 * Fresh means that the broker counts one delivery and that the message is younger than the last look at the stream on
 * this connection: after kill -9, nats-server reported 1 for 50 of 50 messages that had been delivered before. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

#include <stddef.h>

static const uint32_t delivery_next[DELIVERY_COUNT] = {
#define X(name, next) [DELIVERY_##name] = (next),
    DELIVERY_STATES(X)
#undef X
};

struct node_place delivery_node(const struct core *core)
{
    return (struct node_place){ &core->deliveries, offsetof(struct delivery, node) };
}

/* In hand: it waits for a worker or occupies one. Only these use slots. */
static bool in_hand(const struct delivery *delivery, enum delivery_state state)
{
    return state != DELIVERY_FREE && state <= DELIVERY_RUNNING && !delivery->walked && !delivery->over;
}

_Static_assert(DELIVERY_RUNNING < DELIVERY_CHARGING, "in_hand() counts the states up to RUNNING");

void delivery_become(struct core *core, uint32_t index, enum delivery_state next)
{
    struct delivery *delivery = delivery_at(core, index);
    enum delivery_state before = (enum delivery_state)delivery->row.state;
    ASSERT(next < DELIVERY_COUNT);
    ASSERT(delivery_next[before] & 1u << next);
    struct function *function = function_at(core, delivery->function);
    if (before == DELIVERY_QUEUED) {
        list_remove(core, &function->queue, delivery_node(core), index);
    }
    ASSERT(!delivery->node.linked);
    core->edges.next[MACHINE_DELIVERY][before] |= 1u << next;
    delivery->row.state = (uint8_t)next;
    if (next == DELIVERY_QUEUED) {
        delivery->started_ns = core->now_ns;
        if (before == DELIVERY_CLAIMING) {
            list_add_first(core, &function->queue, delivery_node(core), index);
        } else {
            list_add_last(core, &function->queue, delivery_node(core), index);
        }
    }
    function_in_hand(core, delivery->function, (int)in_hand(delivery, next) - (int)in_hand(delivery, before));
}

void delivery_free(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    struct function *function = function_at(core, delivery->function);
    if (delivery->row.state == DELIVERY_QUEUED) {
        list_remove(core, &function->queue, delivery_node(core), index);
    }
    ASSERT(!delivery->node.linked);
    ASSERT(function->references > 0);
    function->references--;
    function_in_hand(core, delivery->function, -(int)in_hand(delivery, (enum delivery_state)delivery->row.state));
    blob_release(core, &delivery->message);
    blob_release(core, &delivery->result);
    timer_clear(core, timer_of_delivery(core, index));
    index_remove_delivery(core, index);
    struct effect *forget = emit(core, EFFECT_FORGET);
    forget->about = pool_handle(core, &core->deliveries, index);
    forget->other = pool_handle(core, &core->functions, delivery->function);
    forget->cause = delivery->cause;
    pool_give(core, &core->deliveries, index);
    function_dirty(core, delivery->function);
    if (delivery->walked) {
        walk_freed(core);
    }
}

void delivery_arm(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    if ((delivery->epoch != core->epoch && !MUTANT(EXTENDS_LATE)) || !core->link_up) {
        delivery->extend_ns = CORE_NEVER; /* The token died with its connection. */
    }
    uint64_t due = delivery->extend_ns < delivery->deadline_ns ? delivery->extend_ns : delivery->deadline_ns;
    timer_set(core, timer_of_delivery(core, index), due);
}

bool delivery_token_current(const struct core *core, const struct delivery *delivery)
{
    return core->link_up && delivery->epoch == core->epoch;
}

void delivery_hand_back(struct core *core, uint32_t index, enum cause cause, uint64_t delay_ns)
{
    struct delivery *delivery = delivery_at(core, index);
    ASSERT(cause != CAUSE_NONE);
    if (delivery->walked) {
        delivery_free(core, index); /* Nobody gave it to us. */
        return;
    }
    delivery->cause =
        (uint8_t)(delivery_token_current(core, delivery) || cause_charged(cause) ? cause : CAUSE_BROKER_LOST);
    if (delivery_token_current(core, delivery) || (MUTANT(HANDS_BACK_LATE) && core->link_up)) {
        struct effect *back = emit(core, EFFECT_HAND_BACK);
        back->about = pool_handle(core, &core->deliveries, index);
        back->other = pool_handle(core, &core->functions, delivery->function);
        back->blob = delivery->message;
        back->cause = delivery->cause;
        back->amount = delay_ns;
    }
    delivery_free(core, index);
}

/* A message that can't be taken into the table goes back at once, uncharged. */
static void message_refuse(struct core *core, const struct input *input, uint64_t delay_ns)
{
    struct blob blob = input->blob;
    struct effect *back = emit(core, EFFECT_HAND_BACK);
    back->blob = blob;
    back->cause = core->draining ? CAUSE_DRAINING : CAUSE_BUSY;
    back->amount = delay_ns;
    blob_release(core, &blob);
}

static void message_adopt(struct core *core, uint32_t index, const struct input *input)
{
    struct delivery *delivery = delivery_at(core, index);
    if (!MUTANT(BLOB_KEPT)) {
        blob_release(core, &delivery->message);
    }
    delivery->message = input->blob;
    delivery->epoch = core->epoch;
    delivery->extend_ns = core->now_ns + core->settings.ack_wait_ns / 3;
    delivery_arm(core, index);
}

static bool message_fresh(struct core *core, const struct function *function, const struct input *input)
{
    ASSERT(function->owner == NOWHERE);
    return input->as.delivery.delivered == 1 && !function->visited && function->consumer_ready &&
           function->consumer_epoch == core->epoch && input->as.delivery.sequence > function->fresh_after;
}

/* Into its function's queue, for at most hold_ns_max. */
void delivery_wait(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery_become(core, index, DELIVERY_QUEUED);
    delivery->deadline_ns = core->now_ns + core->settings.hold_ns_max;
    delivery->deadline_ns += MUTANT(LENGTH_DECIDES) ? delivery->message.length : 0; /* S21 */
    delivery_arm(core, index);
    function_dirty(core, delivery->function);
}

uint64_t delivery_budget_ns(const struct core *core, uint64_t asked_ns)
{
    uint64_t most = core->settings.call_budget_ns_max;
    uint64_t unasked = core->settings.queue_ns_max == 0 ? most : core->settings.queue_ns_max;
    return asked_ns == 0 ? unasked : asked_ns > most ? most : asked_ns;
}

void delivery_expired(struct core *core, uint32_t index, uint32_t owner)
{
    bool nowhere = function_at(core, owner)->row.state == FUNCTION_ELSEWHERE;
    delivery_given_up(core, index, END_EXPIRED, nowhere ? REASON_LANGUAGE_NOT_SUPPORTED : REASON_QUEUE_TIMEOUT,
                      CAUSE_EXPIRED);
}

/* What is malformed was so whenever it came. What is refused for want of a function, or for its age, may have run. */
static void delivery_admit(struct core *core, uint32_t index, uint32_t owner, const struct input *input,
                           enum reason refusal)
{
    struct delivery *delivery = delivery_at(core, index);
    uint64_t budget = delivery_budget_ns(core, input->as.delivery.budget_ns);
    uint64_t age = link_age_ns(core, input->as.delivery.stored_ns);
    bool fresh = message_fresh(core, function_at(core, owner), input);
    delivery->expires_ns = core->now_ns + (age < budget ? budget - age : 0);
    delivery->over = age > budget || refusal != REASON_NONE;
    delivery->refusal = (uint8_t)refusal;
    if (refusal != REASON_NONE && (fresh || input->code != REASON_NONE)) {
        delivery_given_up(core, index, END_FAILED, refusal, CAUSE_REFUSED);
    } else if (delivery->over && (fresh || MUTANT(EXPIRES_FIRST))) {
        delivery_expired(core, index, owner);
    } else if (fresh) {
        delivery_wait(core, index);
        if (MUTANT(BUSY_HANDS_BACK) && function_at(core, delivery->function)->ready.count == 0) {
            delivery_hand_back(core, index, CAUSE_BUSY, 0); /* S5 */
        }
    } else {
        delivery_become(core, index, DELIVERY_CHECKING);
        delivery_issue(core, index);
    }
}

void delivery_arrived(struct core *core, const struct input *input)
{
    uint32_t owner = pool_find(core, &core->functions, input->about);
    if (input->epoch != core->epoch || !core->link_up) {
        struct blob blob = input->blob;
        blob_release(core, &blob);
        return;
    }
    if (owner != NOWHERE && function_at(core, owner)->owner != NOWHERE) {
        owner = NOWHERE; /* A route asks for nothing. */
    }
    if (owner != NOWHERE) {
        struct function *function = function_at(core, owner);
        function_outstanding(core, owner, function->outstanding > 0 ? function->outstanding - 1 : 0);
        function->pending = input->as.delivery.pending;
        function->visit_got += function->visited;
        watch_delivered(core, function);
        queue_message(function, input->as.delivery.size);
        function_dirty(core, owner);
    }
    uint32_t known = index_find_delivery(core, input->as.delivery.request);
    if (known != NOWHERE && delivery_at(core, known)->walked) {
        delivery_free(core, known); /* Somebody gives it to us after all. */
        known = NOWHERE;
    }
    /* After a lost power the number may be another message's, even of the same id with another input. */
    bool same = known != NOWHERE && delivery_at(core, known)->sequence == input->as.delivery.sequence &&
                delivery_at(core, known)->digest == input->as.delivery.digest;
    if (same) {
        message_adopt(core, known, input);
        return;
    }
    bool visited = owner != NOWHERE && function_at(core, owner)->visited;
    bool busy = owner == NOWHERE || known != NOWHERE || core->draining ||
                !(visited || function_takes(function_at(core, owner)));
    uint32_t index = busy ? NOWHERE : pool_take(core, &core->deliveries);
    if (index == NOWHERE) {
        message_refuse(core, input, core->draining ? 0 : core->settings.publish_timeout_ns);
        return;
    }
    uint32_t route = visited ? owner : route_choose(core, owner, input->as.delivery.alias, input->as.delivery.sequence);
    struct delivery *delivery = delivery_at(core, index);
    *delivery = (struct delivery){ .row = delivery->row, .worker = NOWHERE, .message = input->blob };
    delivery->function = route == NOWHERE ? owner : route;
    delivery->request = input->as.delivery.request;
    delivery->digest = input->as.delivery.digest;
    delivery->sequence = input->as.delivery.sequence;
    delivery->visited = visited;
    delivery->has_reply_to = input->as.delivery.has_reply_to;
    delivery->epoch = core->epoch;
    delivery->extend_ns = core->now_ns + core->settings.ack_wait_ns / 3;
    delivery->deadline_ns = CORE_NEVER;
    function_at(core, delivery->function)->references++;
    index_add_delivery(core, index);
    enum reason refusal = (enum reason)input->code;
    if (refusal == REASON_NONE && route == NOWHERE) {
        refusal = REASON_ALIAS_NOT_FOUND;
    } else if (refusal == REASON_NONE && visited) {
        refusal = sweep_verdict(core, owner, input->as.delivery.sequence);
    }
    delivery_admit(core, index, owner, input, refusal);
}

uint64_t delivery_time_left(struct core *core, uint32_t index)
{
    const struct delivery *delivery = delivery_at(core, index);
    uint64_t timeout = function_at(core, delivery->function)->current.timeout_ns;
    uint64_t left = delivery->expires_ns > core->now_ns ? delivery->expires_ns - core->now_ns : 0;
    return left < timeout ? left : timeout;
}

void delivery_executed(struct core *core, uint32_t index, uint32_t worker, uint16_t stream)
{
    struct delivery *delivery = delivery_at(core, index);
    delivery_become(core, index, DELIVERY_RUNNING);
    delivery->worker = worker;
    delivery->stream = stream;
    delivery->started_ns = core->now_ns;
    delivery->deadline_ns = CORE_NEVER; /* Sent ahead, until it is its turn. */
    delivery_arm(core, index);
}

void delivery_started(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    ASSERT(delivery->row.state == DELIVERY_RUNNING);
    delivery->started_ns = core->now_ns;
    delivery->deadline_ns =
        core->now_ns + delivery_time_left(core, index) * (MUTANT(TIMES_OUT_LATE) ? 100 : 1); /* L1 */
    delivery->deadline_ns = MUTANT(TIME_OUT_NEVER) ? CORE_NEVER : delivery->deadline_ns;
    delivery_arm(core, index);
}

/* It lost its worker through no fault of its own. */
void delivery_requeue(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    ASSERT(delivery->row.state == DELIVERY_RUNNING);
    delivery->worker = NOWHERE;
    delivery_wait(core, index);
}

static void delivery_extend(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    bool current = delivery_token_current(core, delivery) || (MUTANT(EXTENDS_LATE) && core->link_up);
    if (delivery->extend_ns > core->now_ns || !current) {
        return;
    }
    delivery->extend_ns = core->now_ns + core->settings.ack_wait_ns / 3;
    struct effect *extend = emit(core, EFFECT_EXTEND);
    extend->about = pool_handle(core, &core->deliveries, index);
    extend->blob = delivery->message;
}

void delivery_read_first(struct core *core, uint32_t index)
{
    const struct delivery *delivery = delivery_at(core, index);
    if (delivery->row.state == DELIVERY_CLAIMING || delivery->row.state == DELIVERY_MARKING) {
        delivery_become(core, index, DELIVERY_READING);
    } else if (delivery->row.state == DELIVERY_CHARGING) {
        delivery_become(core, index, DELIVERY_RECHECKING);
    }
}

/* A write whose outcome is unknown is read first. */
void delivery_ask_again(struct core *core, uint32_t index)
{
    delivery_read_first(core, index);
    delivery_issue(core, index);
}

static void delivery_overdue(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    struct blob none = { 0 };
    bool asked = delivery->operation != 0 && delivery->operation_epoch == core->epoch;
    if (asked && delivery->row.state != DELIVERY_QUEUED && delivery->row.state != DELIVERY_RUNNING) {
        link_unanswered(core);
    }
    switch (delivery->row.state) {
    case DELIVERY_QUEUED:
        delivery_hand_back(core, index, CAUSE_BUSY, 0);
        return;
    case DELIVERY_RUNNING:
        if (worker_dies(core, delivery->worker) && delivery->expires_ns > core->now_ns && !MUTANT(KILLED_ARE_LATE)) {
            delivery->deadline_ns = delivery->expires_ns; /* Its time ended with the process, whose exit is to come. */
            delivery_arm(core, index);
            return;
        }
        worker_abandon(core, delivery->worker, index);
        if (delivery->expires_ns <= core->now_ns) {
            delivery_given_up(core, index, END_EXPIRED, REASON_DEADLINE_EXCEEDED, CAUSE_EXPIRED);
            return;
        }
        delivery_failed(core, index, CAUSE_TIMEOUT, 0, &none);
        return;
    default:
        delivery_ask_again(core, index);
    }
}

void delivery_timer(struct core *core, uint32_t index)
{
    delivery_extend(core, index);
    if (delivery_at(core, index)->deadline_ns <= core->now_ns) {
        delivery_overdue(core, index);
    } else {
        delivery_arm(core, index);
    }
}
