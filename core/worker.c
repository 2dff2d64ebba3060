/* A worker is one plugin process of one version. It has room for `concurrency` invocations; the workers of a function
 * that have room are kept in a list, the most recently used first, so that a small hot set does the work and the rest
 * falls idle and is stopped. An invocation that overran its timeout is cancelled; a worker that does not answer the
 * cancel in time is killed, and whatever else ran in it is queued again, uncharged. */
#include "core/banned.h"
#include "core/machine.h"

#include <stddef.h>

enum { CONCURRENCY_MAX = 1024, IDLE_AGAIN_NS = 1000000 };

static const uint32_t worker_next[WORKER_COUNT] = {
#define X(name, next) [WORKER_##name] = (next),
    WORKER_STATES(X)
#undef X
};

struct node_place worker_node(const struct core *core)
{
    return (struct node_place){ &core->workers, offsetof(struct worker, node) };
}

static void worker_become(struct core *core, uint32_t index, enum worker_state next)
{
    struct worker *worker = worker_at(core, index);
    ASSERT(next < WORKER_COUNT);
    ASSERT(worker_next[worker->row.state] & 1u << next);
    core->edges.next[MACHINE_WORKER][worker->row.state] |= 1u << next;
    worker->row.state = (uint8_t)next;
}

static struct handle worker_handle(struct core *core, uint32_t index)
{
    return pool_handle(core, &core->workers, index);
}

static void worker_timer_in(struct core *core, uint32_t index, uint64_t delay_ns)
{
    uint64_t most = CORE_NEVER - core->now_ns; /* A worker may be kept for ever. */
    timer_set(core, timer_of_worker(core, index), core->now_ns + (delay_ns < most ? delay_ns : most));
}

bool worker_start(struct core *core, uint32_t function, struct key version, bool probe)
{
    uint32_t index = pool_take(core, &core->workers);
    if (index == NOWHERE) {
        return false;
    }
    struct worker *worker = worker_at(core, index);
    *worker = (struct worker){ .row = worker->row, .function = function, .version = version, .probe = probe };
    worker->running = LIST_EMPTY;
    worker->started_ns = core->now_ns;
    worker->exit_cause = CAUSE_CRASH;
    worker_become(core, index, WORKER_STARTING);
    struct function *owner = function_at(core, function);
    owner->workers++;
    owner->starting++;
    owner->references++;
    worker_timer_in(core, index, core->settings.start_timeout_ns);
    struct effect *start = emit(core, EFFECT_START_WORKER);
    start->about = worker_handle(core, index);
    start->other = pool_handle(core, &core->functions, function);
    start->key = version;
    return true;
}

bool worker_serves(const struct worker *worker, const struct function *function)
{
    return function->serving && key_equal(worker->version, function->current.key);
}

static bool worker_has_room(const struct core *core, const struct worker *worker, const struct function *function)
{
    uint32_t ahead = (worker->ahead && function_brief(function) ? WORKER_AHEAD_MAX : 0) + MUTANT(WORKER_OVERFILLED);
    return worker->running.count + worker->zombies < worker->concurrency + ahead;
}

/* Puts the worker into its function's list of those with room, or takes it out: the idle ones first, the most recently
 * used of them before the others; the busy ones after them, in turn. */
void worker_offer(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    struct function *function = function_at(core, worker->function);
    bool ready = worker->row.state == WORKER_IDLE || worker->row.state == WORKER_BUSY ||
                 (MUTANT(STOPPED_WORKER_USED) && worker->row.state == WORKER_STOPPING);
    bool offered = ready && worker_serves(worker, function) && worker_has_room(core, worker, function) &&
                   !worker->overdue && worker->yields_ns == 0;
    concurrency_count(core, index);
    if (worker->node.linked) {
        list_remove(core, &function->ready, worker_node(core), index);
    }
    if (offered && worker->row.state == WORKER_IDLE) {
        list_add_first(core, &function->ready, worker_node(core), index);
    } else if (offered) {
        list_add_last(core, &function->ready, worker_node(core), index);
    }
}

void worker_stop(struct core *core, uint32_t index)
{
    worker_become(core, index, WORKER_STOPPING);
    worker_offer(core, index);
    worker_timer_in(core, index, core->settings.stop_grace_ns);
    emit(core, EFFECT_STOP_WORKER)->about = worker_handle(core, index);
}

bool worker_dies(struct core *core, uint32_t index)
{
    return worker_at(core, index)->row.state == WORKER_DYING;
}

static void worker_kill(struct core *core, uint32_t index, enum cause cause)
{
    struct worker *worker = worker_at(core, index);
    if (worker->row.state == WORKER_STARTING) {
        function_at(core, worker->function)->starting--;
    }
    if (worker->row.state != WORKER_DYING) {
        worker->exit_cause = (uint8_t)cause;
        worker_become(core, index, WORKER_DYING);
    }
    worker_offer(core, index);
    worker_timer_in(core, index, core->settings.stop_grace_ns);
    emit(core, EFFECT_KILL_WORKER)->about = worker_handle(core, index);
}

/* After an invocation left: idle, or still busy, or no longer wanted. */
static void worker_settle(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    const struct function *function = function_at(core, worker->function);
    if (worker->row.state == WORKER_BUSY && worker->running.count == 0 && worker->zombies == 0) {
        worker->overdue = false;
        worker_become(core, index, WORKER_IDLE);
        worker->started_ns = core->now_ns;
        if (!worker_serves(worker, function) || worker->yields_ns != 0) {
            worker_stop(core, index);
            return;
        }
        worker_timer_in(core, index, function->current.keep_alive_ns);
    } else if (worker->row.state == WORKER_BUSY && worker->overdue && worker->zombies == 0) {
        worker->overdue = false;
        timer_clear(core, timer_of_worker(core, index));
    }
    worker_offer(core, index);
}

void worker_execute(struct core *core, uint32_t index, uint32_t delivery)
{
    struct worker *worker = worker_at(core, index);
    bool again = worker->stream_last == UINT16_MAX || MUTANT(STREAM_REUSED);
    worker->stream_last = (uint16_t)(again ? 1 : worker->stream_last + 1);
    delivery_executed(core, delivery, index, worker->stream_last);
    list_add_last(core, &worker->running, delivery_node(core), delivery);
    if (worker->running.count <= worker->concurrency) {
        delivery_started(core, delivery);
    }
    if (worker->row.state == WORKER_IDLE) {
        worker_become(core, index, WORKER_BUSY);
        timer_clear(core, timer_of_worker(core, index));
    }
    worker_offer(core, index);
    const struct delivery *row = delivery_at(core, delivery);
    struct effect *execute = emit(core, EFFECT_EXECUTE);
    execute->about = worker_handle(core, index);
    execute->other = pool_handle(core, &core->deliveries, delivery);
    execute->blob = row->message;
    execute->count = row->attempts + 1;
    execute->stream = row->stream;
    execute->amount = delivery_time_left(core, delivery);
    execute->key = row->request;
}

static uint32_t worker_running(struct core *core, const struct worker *worker, uint16_t stream)
{
    uint32_t at = worker->running.first;
    while (at != NOWHERE && delivery_at(core, at)->stream != stream && !MUTANT(RESULT_OF_ANOTHER)) {
        at = delivery_at(core, at)->node.after;
    }
    return at;
}

/* The next of those sent ahead runs from now on, as far as can be known from here. */
static void worker_unlink(struct core *core, uint32_t index, uint32_t delivery)
{
    struct worker *worker = worker_at(core, index);
    bool first = worker->running.first == delivery;
    list_remove(core, &worker->running, delivery_node(core), delivery);
    delivery_at(core, delivery)->worker = NOWHERE;
    if (worker->ahead && first && worker->running.count > 0 && !worker->gone) {
        delivery_started(core, worker->running.first);
    }
}

void worker_finish(struct core *core, uint32_t index, uint32_t delivery)
{
    struct delivery *row = delivery_at(core, delivery);
    function_measured(core, row->function, core->now_ns - row->started_ns);
    worker_unlink(core, index, delivery);
    worker_settle(core, index);
    function_dirty(core, row->function);
}

/* The invocation's time is over: it is cancelled, and its place stays taken until the worker answers or dies. */
void worker_abandon(struct core *core, uint32_t index, uint32_t delivery)
{
    struct worker *worker = worker_at(core, index);
    struct effect *cancel = emit(core, EFFECT_CANCEL);
    cancel->about = worker_handle(core, index);
    cancel->stream = delivery_at(core, delivery)->stream;
    function_measured(core, worker->function, core->now_ns - delivery_at(core, delivery)->started_ns);
    bool others_wait = worker->ahead && worker->running.count > 1;
    worker_unlink(core, index, delivery);
    worker->zombies++;
    if (!worker->overdue && worker->row.state == WORKER_BUSY) {
        worker_timer_in(core, index, core->settings.stop_grace_ns);
    }
    worker->overdue = true;
    if (others_wait && worker->row.state == WORKER_BUSY) {
        worker_kill(core, index, CAUSE_TIMEOUT); /* What was sent behind it can't wait for the grace. */
    }
    worker_offer(core, index);
    function_dirty(core, worker->function);
}

static void worker_ready(struct core *core, uint32_t index, const struct input *input)
{
    struct worker *worker = worker_at(core, index);
    struct function *function = function_at(core, worker->function);
    if (worker->row.state != WORKER_STARTING) {
        return;
    }
    const struct version *version = worker->probe ? &function->candidate : &function->current;
    uint32_t most = version->concurrency < CONCURRENCY_MAX ? version->concurrency : CONCURRENCY_MAX;
    uint32_t offered = input->as.worker.concurrency == 0 ? 1 : input->as.worker.concurrency;
    worker->concurrency = (uint16_t)(offered < most ? offered : most);
    worker->ahead = input->as.worker.ahead != 0 && offered == 1;
    uint64_t took_ns = core->now_ns - worker->started_ns;
    function->start_ns =
        function->start_ns == 0 ? took_ns | 1 : function->start_ns - function->start_ns / 8 + took_ns / 8;
    function->starting--;
    function->start_failures = 0;
    worker->started_ns = worker->ready_ns = core->now_ns;
    worker_become(core, index, WORKER_IDLE);
    worker_timer_in(core, index, version->keep_alive_ns);
    if (worker->probe) {
        worker->probe = false;
        if (key_equal(worker->version, function->candidate.key)) {
            function_probed(core, worker->function, true, REASON_NONE);
        }
    }
    if (!worker_serves(worker, function)) {
        worker_stop(core, index);
    } else {
        worker_offer(core, index);
    }
    function_dirty(core, worker->function);
}

static void worker_answered(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct worker *worker = worker_at(core, index);
    static const uint8_t causes[] = {
        [ERROR_RETRY] = CAUSE_ERROR, [ERROR_PERMANENT] = CAUSE_PERMANENT, [ERROR_THROTTLE] = CAUSE_THROTTLED
    };
    uint32_t delivery = worker_running(core, worker, input->as.worker.stream);
    quarantine_answered(core, worker->function);
    if (delivery == NOWHERE) {
        if (worker->zombies > 0) {
            worker->zombies--;
            worker_settle(core, index);
            function_dirty(core, worker->function);
        }
        return;
    }
    concurrency_ran(core, index, delivery, input->kind == INPUT_WORKER_RESULT);
    worker_finish(core, index, delivery);
    if (input->kind == INPUT_WORKER_RESULT) {
        delivery_ended(core, delivery, END_SUCCEEDED, REASON_NONE, blob);
        return;
    }
    uint8_t class = input->as.worker.class <= ERROR_THROTTLE ? input->as.worker.class : ERROR_RETRY;
    delivery_failed(core, delivery, (enum cause)causes[class], input->as.worker.after_ns, blob);
}

/* Ends what ran in a process that is gone, a few per step, then forgets the worker. */
static void worker_bury(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    struct blob none = { 0 };
    while (worker->running.count > 0) {
        if (!emit_room(core)) {
            timer_set(core, timer_of_worker(core, index), core->now_ns);
            return;
        }
        uint32_t delivery = worker->running.first;
        worker_unlink(core, index, delivery);
        /* Of calls that are run one after the other only the first had started. */
        bool started = !worker->overdue && !(worker->ahead && worker->charged);
        worker->charged = true;
        if (started && worker_serves(worker, function_at(core, worker->function))) {
            quarantine_crashed(core, worker->function, delivery_at(core, delivery)->request,
                               (enum cause)worker->exit_cause);
        }
        if (!started && !MUTANT(NEIGHBOURS_CHARGED)) { /* S4 */
            delivery_requeue(core, delivery);
        } else {
            delivery_failed(core, delivery, (enum cause)worker->exit_cause, 0, &none);
        }
    }
    function_at(core, worker->function)->workers--;
    function_at(core, worker->function)->references--;
    concurrency_leave(core, index);
    timer_clear(core, timer_of_worker(core, index));
    emit(core, EFFECT_FORGET)->about = worker_handle(core, index);
    place_given(core, worker); /* Before its own function, which would start another. */
    function_dirty(core, worker->function);
    pool_give(core, &core->workers, index);
}

static void worker_exited(struct core *core, uint32_t index, const struct input *input)
{
    struct worker *worker = worker_at(core, index);
    uint8_t before = worker->row.state;
    bool unready = before == WORKER_STARTING || (before == WORKER_DYING && worker->exit_cause == CAUSE_NOT_STARTED);
    if (worker->gone) {
        return;
    }
    worker->gone = true;
    if (before != WORKER_DYING) {
        worker->exit_cause = input->code == REASON_OUT_OF_MEMORY ? CAUSE_OUT_OF_MEMORY : CAUSE_CRASH;
        if (before == WORKER_STARTING) {
            function_at(core, worker->function)->starting--;
        }
        worker_become(core, index, WORKER_DYING);
        worker_offer(core, index);
    }
    if (unready) {
        struct function *function = function_at(core, worker->function);
        function->start_failures = (uint16_t)(function->start_failures + (function->start_failures < UINT16_MAX));
        function_start_failed(core, worker->function);
        if (worker->probe && key_equal(worker->version, function->candidate.key)) {
            function_probed(core, worker->function, false, REASON_PLUGIN_NOT_STARTED);
        }
    }
    worker_bury(core, index);
}

void worker_input(struct core *core, uint32_t index, const struct input *input, struct blob *blob)
{
    struct worker *worker = worker_at(core, index);
    switch (input->kind) {
    case INPUT_WORKER_READY:
        worker_ready(core, index, input);
        break;
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
        if (!worker->gone) {
            worker_answered(core, index, input, blob);
        }
        break;
    case INPUT_WORKER_BROKEN:
        if (worker->row.state != WORKER_DYING) {
            bool starting = worker->row.state == WORKER_STARTING;
            worker_kill(core, index, starting ? CAUSE_NOT_STARTED : CAUSE_INVALID_OUTPUT);
        }
        break;
    default:
        ASSERT(input->kind == INPUT_WORKER_EXITED);
        worker_exited(core, index, input);
    }
}

/* Nothing is kept warm for longer than it is wanted, but what waits goes first: timers run before the pump, and with a
 * keep-alive of 0 a process would end before its first call. */
static void worker_idle_over(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    const struct function *function = function_at(core, worker->function);
    bool wanted = worker->node.linked && function->queue.count > 0 && !core->draining;
    if (!wanted) {
        worker_stop(core, index);
        return;
    }
    worker_timer_in(core, index, IDLE_AGAIN_NS);
    function_dirty(core, worker->function);
}

void worker_timer(struct core *core, uint32_t index)
{
    const struct worker *worker = worker_at(core, index);
    if (worker->gone) {
        worker_bury(core, index);
    } else if (worker->row.state == WORKER_IDLE) {
        worker_idle_over(core, index);
    } else {
        worker_kill(core, index, worker->row.state == WORKER_STARTING ? CAUSE_NOT_STARTED : CAUSE_CRASH);
    }
}
