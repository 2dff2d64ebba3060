/* The pump moves a function on: messages to workers, workers to life, credit to the broker. It runs whenever something
 * about the function changed, at most once per step and function, and leaves what does not fit for the next step. */
#include "core/banned.h"
#include "core/machine.h"

enum { START_AGAIN_NS = 10000000, PULL_AGAIN_NS = 20000000 };

void function_in_hand(struct core *core, uint32_t index, int change)
{
    struct function *function = function_at(core, index);
    ASSERT(change >= 0 || function->in_hand > 0);
    function->in_hand += (uint32_t)change;
    core->in_hand += (uint32_t)change;
    core->in_hand -= MUTANT(SLOT_MISCOUNTED) && change > 0 && core->in_hand == 3;
    if (change != 0) {
        instance_update(core);
        if (function->owner != NOWHERE) {
            function_dirty(core, function->owner); /* It pulls for its routes. */
        }
    }
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
    uint32_t worker;
    while (function->queue.count > 0 && (worker = concurrency_next_worker(core, function)) != NOWHERE &&
           emit_room(core)) {
        uint32_t first = function->queue.first;
        if (delivery_at(core, first)->visited) {
            delivery_hand_back(core, first, CAUSE_NOT_SERVED, 0); /* Resumed: perhaps another version is to run it. */
        } else if (delivery_at(core, first)->expires_ns <= core->now_ns) {
            delivery_given_up(core, first, END_EXPIRED, REASON_QUEUE_TIMEOUT, CAUSE_EXPIRED);
        } else if (delivery_at(core, first)->needs_claim) {
            delivery_become(core, first, DELIVERY_CLAIMING); /* Back at the head of the queue once it is claimed. */
            delivery_issue(core, first);
        } else {
            worker_execute(core, worker, first);
        }
    }
    if (function->queue.count > 0 && !emit_room(core)) {
        function_dirty(core, index);
    }
}

/* Hands back what can't run here now; it comes again after the delay. */
static void pump_return(struct core *core, uint32_t index, uint64_t delay_ns)
{
    struct function *function = function_at(core, index);
    while (function->queue.count > 0 && (emit_room(core) || MUTANT(RETURNS_ALL))) { /* S18 */
        delivery_hand_back(core, function->queue.first, core->draining ? CAUSE_DRAINING : CAUSE_NOT_SERVED, delay_ns);
    }
    if (function->queue.count > 0) {
        function_dirty(core, index);
    }
}

/* The function is to go, and what is queued with it; or it is in quarantine, and what is queued becomes dead letters,
 * which can be redriven once it is better. */
static void pump_end(struct core *core, uint32_t index, enum end end, enum reason reason, enum cause cause)
{
    struct function *function = function_at(core, index);
    while (function->queue.count > 0 && emit_room(core)) {
        delivery_given_up(core, function->queue.first, end, reason, cause);
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

static void pump_start(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    uint32_t concurrency = function->current.concurrency;
    while (function->queue.count > function->starting * concurrency && function->ready.count == 0 &&
           (concurrency_wants_worker(core, function) || MUTANT(WORKERS_UNBOUNDED)) &&
           function->start_after_ns <= core->now_ns && emit_room(core) && pump_worth_starting(core, function)) {
        if (!worker_start(core, index, function->current.key, false)) {
            place_wanted(core, index);
            return;
        }
    }
    if (!emit_room(core)) {
        function_dirty(core, index);
    }
}

/* When another process may pay off, though nothing happens: the start of one that is under way wakes us anyway. */
static uint64_t pump_start_due(struct core *core, const struct function *function)
{
    if (function->queue.count <= function->starting * function->current.concurrency || function->ready.count > 0 ||
        !concurrency_wants_worker(core, function)) {
        return CORE_NEVER;
    }
    uint64_t waited = delivery_at(core, function->queue.first)->started_ns + function->start_ns + 1;
    uint64_t start = waited > function->start_after_ns ? waited : function->start_after_ns;
    return start > core->now_ns ? start : core->now_ns + START_AGAIN_NS; /* no row for it yet */
}

/* When the pump has to look again although nothing happens. */
static void pump_arm(struct core *core, uint32_t index, bool wanted, bool again, uint64_t due_ns)
{
    const struct function *function = function_at(core, index);
    uint64_t due = CORE_NEVER;
    if (wanted && !function->consumer_ready) {
        due = function->consumer_retry_ns;
    } else if (wanted && core->full_until_ns > core->now_ns) {
        due = core->full_until_ns;
    } else if (wanted && function_takes(function) && function->outstanding > 0 && !MUTANT(LOST_PULL_FORGOTTEN)) {
        due = function->pull_until_ns;
    } else if (again) {
        due = core->now_ns + PULL_AGAIN_NS;
    }
    bool starts = function->row.state != FUNCTION_RETIRING && !core->draining && core->link_up;
    starts = starts && !quarantine_holds(function);
    uint64_t start = starts ? pump_start_due(core, function) : CORE_NEVER; /* of routes too */
    due = start < due ? start : due;
    if (!core->draining && function->attend_ns < due) {
        due = function->attend_ns;
    }
    if (quarantine_holds(function) && function->crashes.until_ns < due) {
        due = function->crashes.until_ns;
    }
    due = MUTANT(BUSY_TIMER) && function->pending > 0 ? core->now_ns : due;
    due = MUTANT(TICKS_IDLY) && due > core->now_ns + 5000000 ? core->now_ns + 5000000 : due;
    timer_set(core, timer_of_function(core, index), due_ns < due ? due_ns : due);
}

/* It, or the function that it is a route of. */
static bool pump_paused(struct core *core, const struct function *function)
{
    return function->paused || (function->owner != NOWHERE && function_at(core, function->owner)->paused);
}

/* What comes of the messages in hand. A route that is on its way up keeps them, and so does a visit. */
static void pump_queue(struct core *core, uint32_t index)
{
    const struct function *function = function_at(core, index);
    bool coming = function->row.state == FUNCTION_BUILDING || function->row.state == FUNCTION_PROBING;
    if (core->draining || function->row.state == FUNCTION_RETIRING) {
        pump_return(core, index, 0);
    } else if (function->closing == CLOSING_END && function->row.state != FUNCTION_ELSEWHERE) {
        pump_end(core, index, END_FAILED, REASON_FUNCTION_REMOVED, CAUSE_REFUSED);
    } else if (function->visited) {
        return;
    } else if (pump_paused(core, function) && !MUTANT(PAUSE_IGNORED)) { /* S26 */
        pump_return(core, index, 0);
    } else if (quarantine_holds(function) && !MUTANT(QUARANTINE_IDLE)) { /* S23 */
        if (!coming) {                                                   /* else the next version will run them */
            pump_end(core, index, END_DEAD_LETTERED, REASON_QUARANTINED, (enum cause)function->crashes.cause);
        }
    } else if (function->serving) {
        pump_dispatch(core, index);
        pump_start(core, index);
    } else if (!coming) { /* Not to come back at once to where it failed. */
        pump_return(core, index, function->row.state == FUNCTION_FAILED ? core->settings.publish_timeout_ns : 0);
    }
}

void function_pump(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->stale_workers) {
        pump_stop_stale(core, index);
    }
    quarantine_attend(core, index);
    uint64_t due_ns = sweep_visit(core, index);
    pump_queue(core, index);
    if (function->row.state == FUNCTION_RETIRING && function->references == 0 && !function->dirty) {
        function_free(core, index);
        return;
    }
    function_attend(core, index);
    pump_active(core, function);
    bool pulls = function->owner == NOWHERE && function->row.state != FUNCTION_ELSEWHERE;
    bool draining = core->draining && !MUTANT(DRAIN_PULLS);
    bool wanted = pulls && function->row.state != FUNCTION_RETIRING && !draining && core->link_up;
    if (wanted && !function->consumer_ready && function->consumer_retry_ns <= core->now_ns) {
        function_consumer_ask(core, index);
    }
    bool again = false;
    if (wanted && function_takes(function) && function->consumer_ready && core->full_until_ns <= core->now_ns) {
        again = pump_pull(core, index);
    }
    if (wanted) {
        uint64_t look_ns = consumer_attend(core, index);
        due_ns = look_ns < due_ns ? look_ns : due_ns;
    }
    if (wanted || sweep_wants(core, function)) {
        uint64_t watch_ns = watch_attend(core, index);
        due_ns = watch_ns < due_ns ? watch_ns : due_ns;
    } else {
        watch_moved(core, function);
    }
    pump_arm(core, index, wanted, again, due_ns);
}
