/* The walk: what is in the queue and no consumer gives anybody. A nats-server 2.9 that was killed, or whose disk was
 * full, may bring acked messages back while its consumers, or its index by subject, still take them for gone. Neither a
 * consumer that is made anew nor the counts show all of them: a ghost (consumer.c) and a message that was left behind
 * make the counts agree again. They would fill the queue until they are too old.
 *
 * So on each new connection whoever has the sweeper's lease reads what the queue holds by number, one message after
 * the other. One whose result is stored is removed, which is what its ack asked for, after its dead letter is there if
 * it needs one. One that is over its time, and that whoever has it must have ended by now, ends as the ledger says
 * that it did, or as expired. All others are left alone, and looked at again in the next round, as long as there are
 * any; the rounds become rarer, but one begins when the last of what was left alone is over its time.
 *
 * What is found is a delivery without a token: it is never run, extended or handed back, takes no slot, and ends with
 * its connection, behind which its number may be another message's. */
#include "core/banned.h"
#include "core/index.h"
#include "core/machine.h"
#include "core/pool.h"
#include "core/timers.h"

enum { DOUBLINGS_MAX = 6 };

#define PACE_NS  UINT64_C(1000000)     /* between two messages: work that may wait */
#define RETRY_NS UINT64_C(1000000000)  /* after an unknown outcome, or for want of a row */
#define LOST_NS  UINT64_C(60000000000) /* no answer came: it is asked again */

void walk_arm(struct core *core)
{
    bool goes =
        core->walk.wanted && core->walk.delivery == NOWHERE && sweep_held(core) && !MUTANT(WALKS_NEVER); /* L7 */
    timer_set(core, timer_of_walk(core), goes ? core->walk.due_ns : CORE_NEVER);
}

static void walk_later(struct core *core, uint64_t delay_ns)
{
    core->walk.due_ns = core->now_ns + delay_ns;
    walk_arm(core);
}

void walk_begin(struct core *core)
{
    ASSERT(core->link_up);
    uint32_t delivery = core->walk.delivery; /* of the connection before: the sweep of the link drops it */
    core->walk = (struct walk){ .next = 1, .delivery = delivery, .wanted = true };
    walk_later(core, RETRY_NS);
}

/* Nothing is left of what the queue held then; or once more from the beginning. */
static void walk_round(struct core *core)
{
    struct walk *walk = &core->walk;
    uint64_t pause_ns = core->settings.sweep_ns << walk->rounds;
    uint64_t left_ns = walk->over_ns > core->now_ns ? walk->over_ns - core->now_ns : 0;
    left_ns = left_ns > core->settings.sweep_ns ? left_ns : core->settings.sweep_ns;
    bool early = walk->over_ns != 0 && left_ns < pause_ns && !MUTANT(WALKS_LATE); /* L7 */
    walk->wanted = walk->found > 0;
    walk->rounds += walk->rounds < DOUBLINGS_MAX;
    walk->next = 1;
    walk->found = 0;
    walk->over_ns = 0;
    walk_later(core, early ? left_ns : pause_ns);
}

void walk_timer(struct core *core)
{
    struct walk *walk = &core->walk;
    if (!walk->wanted || walk->delivery != NOWHERE || !sweep_held(core)) {
        return;
    }
    if (walk->until != 0 && walk->next > walk->until) {
        walk_round(core);
        return;
    }
    if (pump_table_room(core) == 0 || core->full_until_ns > core->now_ns) {
        walk_later(core, RETRY_NS);
        return;
    }
    walk->operation = operation_new(core, (struct handle){ 0 });
    struct effect *ask = emit(core, EFFECT_WALK);
    ask->operation = walk->operation;
    ask->amount = walk->next;
    ask->reference = walk->until;
    walk_later(core, LOST_NS);
}

/* The row of its function, of which there may be no record; NOWHERE if it can't be had. */
static uint32_t walk_function(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.walked.function);
    index = index != NOWHERE ? index : function_stray(core, input->as.walked.function);
    return index != NOWHERE && function_at(core, index)->owner == NOWHERE ? index : NOWHERE;
}

/* How long until it is older than its budget allows and than the ack wait of whoever was given it in time; 0: it is. */
static uint64_t walk_left_ns(const struct core *core, const struct input *input)
{
    uint64_t over_ns = delivery_budget_ns(core, input->as.walked.budget_ns) + core->settings.ack_wait_ns;
    uint64_t age_ns = link_age_ns(core, input->as.walked.stored_ns);
    return age_ns > over_ns ? 0 : over_ns - age_ns + 1;
}

static void walk_check(struct core *core, uint32_t function, const struct input *input, struct blob *blob, bool over)
{
    uint32_t index = pool_take(core, &core->deliveries);
    ASSERT(index != NOWHERE);
    struct delivery *delivery = delivery_at(core, index);
    *delivery = (struct delivery){ .row = delivery->row, .worker = NOWHERE, .message = *blob, .walked = true };
    *blob = (struct blob){ 0 };
    delivery->function = function;
    delivery->request = input->as.walked.request;
    delivery->digest = input->as.walked.digest;
    delivery->sequence = input->as.walked.sequence;
    delivery->epoch = core->epoch;
    delivery->extend_ns = delivery->deadline_ns = CORE_NEVER;
    function_at(core, function)->references++;
    index_add_delivery(core, index);
    core->walk.delivery = index;
    delivery->over = over;
    if (over && MUTANT(EXPIRES_FIRST)) {
        delivery_expired(core, index, function);
    } else {
        delivery_go(core, index, DELIVERY_CHECKING);
    }
    walk_arm(core);
}

void walk_told(struct core *core, const struct input *input, struct blob *blob)
{
    struct walk *walk = &core->walk;
    if (walk->operation == 0 || walk->operation != input->answers || input->epoch != core->epoch || !core->link_up) {
        return;
    }
    walk->operation = 0;
    bool known = input->outcome != OUTCOME_UNKNOWN;
    if (!known || !sweep_held(core) || (input->outcome == OUTCOME_DONE && pump_table_room(core) == 0)) {
        walk_later(core, RETRY_NS);
        return;
    }
    walk->until = walk->until == 0 ? input->as.walked.last : walk->until;
    if (input->outcome == OUTCOME_REFUSED) {
        walk_round(core);
        return;
    }
    walk->next = input->as.walked.sequence + 1;
    walk->found++;
    uint64_t left_ns = walk_left_ns(core, input), over_ns = left_ns != 0 ? core->now_ns + left_ns : 0;
    walk->over_ns = over_ns > walk->over_ns ? over_ns : walk->over_ns;
    walk_later(core, PACE_NS);
    bool in_hand = index_find_delivery(core, input->as.walked.request) != NOWHERE;
    uint32_t function = in_hand ? NOWHERE : walk_function(core, input);
    if (function != NOWHERE) {
        walk_check(core, function, input, blob, left_ns == 0);
    }
}

void walk_freed(struct core *core)
{
    core->walk.delivery = NOWHERE;
    walk_later(core, core->walk.next == 1 ? RETRY_NS : PACE_NS);
}
