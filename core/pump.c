/* The pump moves a function on: messages to workers, workers to life, credit to the broker. It runs whenever something
 * about the function changed, at most once per step and function, and leaves what does not fit for the next step.
 *
 * Credit: every ready function with nothing in hand keeps one message asked for, which wakes it. Beyond that the free
 * slots are shared evenly among the functions that have work. A function is asked for no more than its workers can
 * take; if its executions are so short that the broker's round trip is the longer part, for eight times as much. */
#include "core/banned.h"
#include "core/machine.h"

enum {
    PULL_BATCH_MAX = 256,
    PULL_SLACK_NS = 2000000000,
    SHORT_EXECUTION_NS = 2000000,
    SHORT_EXECUTION_FACTOR = 8,
    START_AGAIN_NS = 10000000,
    ENDING_CAPACITY = 64,
};

bool function_brief(const struct function *function)
{
    return function->execute_ns != 0 && function->execute_ns <= SHORT_EXECUTION_NS;
}

void function_dirty(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->dirty) {
        return;
    }
    function->dirty = true;
    function->dirty_next = NOWHERE;
    if (core->dirty_last == NOWHERE) {
        core->dirty_first = index;
    } else {
        function_at(core, core->dirty_last)->dirty_next = index;
    }
    core->dirty_last = index;
}

void function_in_hand(struct core *core, uint32_t index, int change)
{
    struct function *function = function_at(core, index);
    ASSERT(change >= 0 || function->in_hand > 0);
    function->in_hand += (uint32_t)change;
    core->in_hand += (uint32_t)change;
    if (change != 0) {
        instance_update(core);
        if (function->owner != NOWHERE) {
            function_dirty(core, function->owner); /* It pulls for its routes. */
        }
    }
}

static uint32_t beyond_standing(uint32_t outstanding)
{
    return outstanding > 1 ? outstanding - 1 : 0;
}

void function_outstanding(struct core *core, uint32_t index, uint32_t outstanding)
{
    struct function *function = function_at(core, index);
    if (core->outstanding == 0 && outstanding > 0 && !core->pull_lost) {
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
    if (input->epoch != core->epoch || function->pull_epoch != core->epoch) {
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

static void pump_active(struct core *core, struct function *function)
{
    bool active = function->owner == NOWHERE && (route_in_hand(core, function) > 0 || function->pending > 0);
    core->active += (uint32_t)active - (uint32_t)function->active;
    function->active = active;
}

static void pump_dispatch(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    while (function->queue.count > 0 && function->ready.count > 0 && emit_room(core)) {
        uint32_t first = function->queue.first;
        struct blob none = { 0 };
        if (delivery_at(core, first)->expires_ns <= core->now_ns) {
            delivery_ended(core, first, END_EXPIRED, REASON_QUEUE_TIMEOUT, &none);
        } else if (delivery_at(core, first)->needs_claim) {
            delivery_become(core, first, DELIVERY_CLAIMING); /* Back at the head of the queue once it is claimed. */
            delivery_issue(core, first);
        } else {
            worker_execute(core, function->ready.first, first);
        }
    }
    if (function->queue.count > 0 && function->ready.count > 0) {
        function_dirty(core, index);
    }
}

/* Hands back what can't run here any more, but not to come back at once to where it failed. */
static void pump_return(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    bool failed = function->row.state == FUNCTION_FAILED && !core->draining;
    uint64_t delay_ns = failed ? core->settings.publish_timeout_ns : 0;
    while (function->queue.count > 0 && emit_room(core)) {
        delivery_hand_back(core, function->queue.first, delay_ns);
    }
    if (function->queue.count > 0) {
        function_dirty(core, index);
    }
}

/* The function is to go, and what is queued with it. */
static void pump_end(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    struct blob none = { 0 };
    while (function->queue.count > 0 && emit_room(core)) {
        delivery_ended(core, function->queue.first, END_FAILED, REASON_FUNCTION_REMOVED, &none);
    }
    if (function->queue.count > 0) {
        function_dirty(core, index);
    }
}

/* A busy one with room for more would otherwise get the next message, though its version is replaced. */
static void pump_withdraw_stale(struct core *core, uint32_t index)
{
    const struct function *function = function_at(core, index);
    uint32_t next;
    for (uint32_t at = function->ready.first; at != NOWHERE; at = next) {
        next = worker_at(core, at)->node.after;
        if (!worker_serves(worker_at(core, at), function)) {
            worker_offer(core, at);
        }
    }
}

static void pump_stop_stale(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    function->stale_workers = false;
    pump_withdraw_stale(core, index);
    for (uint32_t at = 0; at < core->workers.rows; at++) {
        struct worker *worker = worker_at(core, at);
        bool ours = worker->row.state != WORKER_FREE && worker->function == index;
        bool serves = worker_serves(worker, function);
        bool probes = worker->probe && function->row.state == FUNCTION_PROBING &&
                      key_equal(worker->version, function->candidate.key);
        bool idle = worker->row.state == WORKER_IDLE || worker->row.state == WORKER_STARTING;
        if (ours && !probes) {
            worker->probe = false; /* Whatever becomes of it no longer says anything about the candidate. */
        }
        if (!ours || serves || probes || !idle) {
            continue;
        }
        if (!emit_room(core)) {
            function->stale_workers = true;
            function_dirty(core, index);
            return;
        }
        if (worker->row.state == WORKER_STARTING) {
            function->starting--;
        }
        worker_stop(core, at);
    }
}

/* Another process pays off if the queue would take longer than a start takes, or has already. */
static bool pump_worth_starting(struct core *core, const struct function *function)
{
    uint32_t ready = function->workers - function->starting;
    if (ready == 0 || function->execute_ns == 0 || function->start_ns == 0) {
        return true;
    }
    uint64_t waited_ns = core->now_ns - delivery_at(core, function->queue.first)->started_ns;
    uint64_t expected_ns = function->execute_ns * function->queue.count / ready;
    return expected_ns > function->start_ns || waited_ns > function->start_ns;
}

/* All processes are taken: the one that has been idle longest makes room. */
void pump_evict(struct core *core)
{
    uint32_t oldest = NOWHERE;
    for (uint32_t at = 0; at < core->workers.rows; at++) {
        const struct worker *worker = worker_at(core, at);
        if (worker->row.state == WORKER_STOPPING || worker->row.state == WORKER_DYING) {
            return; /* A place is about to be free. */
        }
        if (worker->row.state == WORKER_IDLE &&
            (oldest == NOWHERE || worker->started_ns < worker_at(core, oldest)->started_ns)) {
            oldest = at;
        }
    }
    if (oldest != NOWHERE) {
        worker_stop(core, oldest);
    }
}

static void pump_start(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    uint32_t concurrency = function->current.concurrency;
    while (function->queue.count > function->starting * concurrency && function->ready.count == 0 &&
           function->workers < function->current.workers_max && function->start_after_ns <= core->now_ns &&
           emit_room(core) && pump_worth_starting(core, function)) {
        if (!worker_start(core, index, function->current.key, false)) {
            pump_evict(core);
            return;
        }
    }
    if (!emit_room(core)) {
        function_dirty(core, index);
    }
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t pump_own_capacity(const struct function *function)
{
    uint32_t capacity = least((uint32_t)function->current.workers_max * function->current.concurrency, HANDLE_ROWS_MAX);
    return function_brief(function) ? capacity * SHORT_EXECUTION_FACTOR : capacity;
}

/* What its workers, and those of its routes, can take. */
static uint32_t pump_capacity(struct core *core, const struct function *function)
{
    if (function->closing == CLOSING_END) {
        return ENDING_CAPACITY;
    }
    uint32_t capacity = pump_own_capacity(function);
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        const struct function *route = function_at(core, at);
        capacity += route->serving ? pump_own_capacity(route) : 0;
    }
    return capacity;
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
    uint32_t others = core->extra - beyond_standing(function->outstanding);
    uint32_t spare = free_slots > others ? free_slots - others : 0;
    uint32_t want = least(room, share == 0 ? 1 : share);
    uint32_t standing = in_hand == 0; /* One that has work already is awake. */
    return least(want, standing + spare);
}

static void pump_pull(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->outstanding > 0 && core->now_ns >= function->pull_until_ns) {
        /* Its end was lost: perhaps nobody was there to hear it. Make sure of the consumer before the next pull. */
        function_outstanding(core, index, 0);
        core->pull_lost = true;
        function->consumer_ready = false;
        function_consumer_ask(core, index);
        return;
    }
    uint32_t want = least(pump_credit(core, function), PULL_BATCH_MAX);
    uint32_t table = core->deliveries.rows - least(core->deliveries.rows, core->deliveries.live + core->outstanding);
    if (function->outstanding * 2 > want || function->outstanding >= want || table == 0) {
        return;
    }
    uint32_t batch = least(want - function->outstanding, table);
    function_outstanding(core, index, function->outstanding + batch);
    function->pull_epoch = core->epoch;
    function->pull_until_ns = core->now_ns + core->settings.pull_expires_ns + PULL_SLACK_NS;
    struct effect *pull = emit(core, EFFECT_PULL);
    pull->operation = operation_new(core, pool_handle(core, &core->functions, index));
    pull->about = pool_handle(core, &core->functions, index);
    pull->count = batch;
    pull->amount = core->settings.pull_expires_ns;
}

/* When another process may pay off, though nothing happens: the start of one that is under way wakes us anyway. */
static uint64_t pump_start_due(struct core *core, const struct function *function)
{
    if (function->queue.count <= function->starting * function->current.concurrency || function->ready.count > 0 ||
        function->workers >= function->current.workers_max) {
        return CORE_NEVER;
    }
    uint64_t waited = delivery_at(core, function->queue.first)->started_ns + function->start_ns + 1;
    uint64_t start = waited > function->start_after_ns ? waited : function->start_after_ns;
    return start > core->now_ns ? start : core->now_ns + START_AGAIN_NS; /* no row for it yet */
}

/* When the pump has to look again although nothing happens. */
static void pump_arm(struct core *core, uint32_t index, bool wanted)
{
    const struct function *function = function_at(core, index);
    uint64_t due = CORE_NEVER;
    if (wanted && !function->consumer_ready) {
        due = function->consumer_retry_ns;
    } else if (wanted && core->full_until_ns > core->now_ns) {
        due = core->full_until_ns;
    } else if (wanted && function_takes(function) && function->outstanding > 0) {
        due = function->pull_until_ns;
    }
    bool starts = function->row.state != FUNCTION_RETIRING && !core->draining && core->link_up;
    uint64_t start = starts ? pump_start_due(core, function) : CORE_NEVER; /* of routes too */
    due = start < due ? start : due;
    if (!core->draining && function->attend_ns < due) {
        due = function->attend_ns;
    }
    timer_set(core, timer_of_function(core, index), due);
}

static void function_free(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    ASSERT(function->queue.count == 0);
    ASSERT(function->workers == 0);
    ASSERT(function->route_first == NOWHERE);
    function_outstanding(core, index, 0);
    core->active -= (uint32_t)function->active;
    if (function->owner != NOWHERE) {
        route_detach(core, index);
    }
    timer_clear(core, timer_of_function(core, index));
    index_remove_function(core, index);
    emit(core, EFFECT_FORGET)->about = pool_handle(core, &core->functions, index);
    pool_give(core, &core->functions, index);
}

/* What comes of the messages in hand. A route that is on its way up keeps them. */
static void pump_queue(struct core *core, uint32_t index)
{
    const struct function *function = function_at(core, index);
    bool coming = function->row.state == FUNCTION_BUILDING || function->row.state == FUNCTION_PROBING;
    if (core->draining || function->row.state == FUNCTION_RETIRING) {
        pump_return(core, index);
    } else if (function->closing == CLOSING_END) {
        pump_end(core, index);
    } else if (function->serving) {
        pump_dispatch(core, index);
        pump_start(core, index);
    } else if (!coming) {
        pump_return(core, index);
    }
}

void function_pump(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->stale_workers) {
        pump_stop_stale(core, index);
    }
    pump_queue(core, index);
    if (function->row.state == FUNCTION_RETIRING && function->references == 0 && !function->dirty) {
        function_free(core, index);
        return;
    }
    function_attend(core, index);
    pump_active(core, function);
    bool pulls = function->owner == NOWHERE && function->row.state != FUNCTION_ELSEWHERE;
    bool wanted = pulls && function->row.state != FUNCTION_RETIRING && !core->draining && core->link_up;
    if (wanted && !function->consumer_ready && function->consumer_retry_ns <= core->now_ns) {
        function_consumer_ask(core, index);
    }
    if (wanted && function_takes(function) && function->consumer_ready && core->full_until_ns <= core->now_ns) {
        pump_pull(core, index);
    }
    pump_arm(core, index, wanted);
}
