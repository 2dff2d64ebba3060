/* Who may ask the broker for how much. Every ready function with nothing in hand keeps one message asked for, which
 * wakes it. Beyond that the free slots are shared evenly among the functions that have work. A function is asked
 * for no more than its workers can take; if its executions are so short that the broker's round trip is the longer
 * part, for eight times as much. */
#include "core/banned.h"
#include "core/machine.h"

enum {
    PULL_BATCH_MAX = 256,
    PULL_SLACK_NS = 2000000000,
    SHORT_EXECUTION_NS = 2000000,
    SHORT_EXECUTION_FACTOR = 8,
    ENDING_CAPACITY = 64,
};

void function_measured(struct core *core, uint32_t function, uint64_t took_ns)
{
    struct function *owner = function_at(core, function);
    owner->execute_ns = owner->execute_ns == 0 ? took_ns | 1 : owner->execute_ns - owner->execute_ns / 8 + took_ns / 8;
}

bool function_brief(const struct function *function)
{
    return function->execute_ns != 0 && function->execute_ns <= SHORT_EXECUTION_NS;
}

static uint32_t beyond_standing(uint32_t outstanding)
{
    return outstanding > 1 ? outstanding - 1 : 0;
}

void function_outstanding(struct core *core, uint32_t index, uint32_t outstanding)
{
    struct function *function = function_at(core, index);
    if (core->outstanding == 0 && outstanding > 0 && !core->unanswered) {
        core->heard_ns = core->now_ns; /* Silence counts from the first question. */
    }
    core->outstanding += outstanding - function->outstanding;
    core->extra += beyond_standing(outstanding) - beyond_standing(function->outstanding);
    function->outstanding = outstanding;
}

void function_pull_ended(struct core *core, uint32_t index, const struct input *input)
{
    enum { RETRY_NS = 1000000000 };
    struct function *function = function_at(core, index);
    uint32_t number = (uint32_t)input->answers; /* 0: a part of some pull, given up by the adapter */
    bool before = number != 0 && (int32_t)(number - function->renewed) < 0; /* of a consumer that is gone */
    if (input->epoch != core->epoch || function->pull_epoch != core->epoch || before) {
        return;
    }
    uint32_t unfilled = input->as.pull.unfilled;
    function_outstanding(core, index, function->outstanding > unfilled ? function->outstanding - unfilled : 0);
    if (input->code == CODE_CONSUMER_GONE || input->code == CODE_NO_RESPONDERS) {
        function_outstanding(core, index, 0);
        function->consumer_ready = false;
        /* No responders may also be a missing leader, for 5 to 8 s. */
        function->consumer_retry_ns = input->code == CODE_CONSUMER_GONE ? 0 : core->now_ns + RETRY_NS;
    }
    function->pending = 0;
    function_dirty(core, index);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t pump_own_capacity(const struct core *core, const struct function *function)
{
    uint32_t capacity = least((uint32_t)function->current.workers_max * function->current.concurrency, HANDLE_ROWS_MAX);
    capacity = least(capacity, concurrency_limit(core, function));
    return function_brief(function) ? capacity * SHORT_EXECUTION_FACTOR : capacity;
}

/* What its workers, and those of its routes, can take. */
static uint32_t pump_capacity(struct core *core, const struct function *function)
{
    if (function->closing == CLOSING_END) {
        return ENDING_CAPACITY;
    }
    uint32_t capacity = pump_own_capacity(core, function);
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        const struct function *route = function_at(core, at);
        capacity += route->serving ? pump_own_capacity(core, route) : 0;
    }
    return capacity;
}

uint32_t pump_spare(const struct core *core, const struct function *function)
{
    uint32_t free_slots = core->limits.slots > core->in_hand ? core->limits.slots - core->in_hand : 0;
    uint32_t others = core->extra - beyond_standing(function->outstanding);
    return free_slots > others ? free_slots - others : 0;
}

uint32_t pump_table_room(const struct core *core)
{
    return core->deliveries.rows - least(core->deliveries.rows, core->deliveries.live + core->outstanding);
}

/* How many messages the function may have asked for, all in all. */
static uint32_t pump_credit(struct core *core, const struct function *function)
{
    uint32_t capacity = pump_capacity(core, function), in_hand = route_in_hand(core, function);
    if (capacity <= in_hand) {
        return 0;
    }
    uint32_t room = capacity - in_hand;
    uint32_t free_slots = core->limits.slots > core->in_hand ? core->limits.slots - core->in_hand : 0;
    uint32_t share = function->active && core->active > 0 ? free_slots / core->active : 1;
    uint32_t spare = MUTANT(CREDIT_UNBOUNDED) ? room : pump_spare(core, function);
    share = MUTANT(CREDIT_UNBOUNDED) ? room : share;
    uint32_t want = least(room, share == 0 ? 1 : share);
    uint32_t standing = in_hand == 0; /* One that has work already is awake. */
    return least(want, standing + spare);
}

void pump_ask(struct core *core, uint32_t index, uint32_t count, uint64_t expires_ns)
{
    struct function *function = function_at(core, index);
    function_outstanding(core, index, function->outstanding + count);
    function->pull_epoch = core->epoch;
    function->pull_until_ns = core->now_ns + expires_ns + PULL_SLACK_NS;
    struct effect *pull = emit(core, EFFECT_PULL);
    pull->operation = operation_new(core, pool_handle(core, &core->functions, index));
    pull->about = pool_handle(core, &core->functions, index);
    pull->count = count;
    pull->amount = expires_ns;
}

/* Whether it has to look again: it asked for nothing since the table of messages in hand is full, and nothing that
 * frees a row there says so to it. */
bool pump_pull(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->outstanding > 0 && core->now_ns >= function->pull_until_ns && !MUTANT(LOST_PULL_FORGOTTEN)) {
        /* Its end was lost: perhaps nobody was there to hear it. Make sure of the consumer before the next pull. */
        function_outstanding(core, index, 0);
        core->unanswered = true;
        function->consumer_ready = false;
        function_consumer_ask(core, index);
        return false;
    }
    uint32_t want = least(pump_credit(core, function), PULL_BATCH_MAX);
    uint32_t table = pump_table_room(core);
    if (function->outstanding * 2 > want || function->outstanding >= want || table == 0) {
        return function->outstanding == 0 && want > 0;
    }
    pump_ask(core, index, least(want - function->outstanding, table), core->settings.pull_expires_ns);
    return false;
}

/* One of its messages is settled; a route's is its function's. */
void function_let_go(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    struct function *owner = function->owner == NOWHERE ? function : function_at(core, function->owner);
    owner->messages -= owner->messages > 0;
    room_let_go(core);
}
