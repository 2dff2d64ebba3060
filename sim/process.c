/* Plugin processes as a core sees them: they start, or do not; they answer, fail, hang, crash, talk nonsense; they
 * obey when asked to stop, or must be killed. What one does is drawn from the worker and the execution, so the same
 * execution in another world with one fault less does the same. */
#include "sim/history.h"
#include "sim/planted.h"
#include "sim/world.h"

#include <string.h>

enum worker_news {
    NEWS_READY,
    NEWS_EXIT,
    NEWS_RESULT,
    NEWS_RETRY,
    NEWS_PERMANENT,
    NEWS_THROTTLE,
    NEWS_CRASH,
    NEWS_MEMORY,
    NEWS_GARBAGE,
    NEWS_FLOOD,
    NEWS_INSTANCE_DEAD,
};

static struct worker *process_find(struct world *world, uint32_t index, struct handle handle)
{
    uint32_t row = handle_index(handle);
    struct worker *worker = row < world->nodes[index].workers_count ? &world->nodes[index].workers[row] : NULL;
    bool known = worker != NULL && worker->state != PROCESS_NONE && handle_equal(worker->handle, handle);
    return known ? worker : NULL;
}

static struct event *process_news(struct world *world, uint32_t index, const struct worker *worker, uint64_t delay_ns,
                                  enum worker_news news)
{
    struct event *event = world_post_node(world, world->now + delay_ns, EVENT_WORKER, index);
    event->number = handle_index(worker->handle);
    event->stamp = worker->stamp;
    event->how = (uint8_t)news;
    return event;
}

void process_start(struct world *world, uint32_t index, const struct effect *effect)
{
    struct worker *worker = &world->nodes[index].workers[handle_index(effect->about)];
    uint32_t stamp = worker->stamp + 1;
    memset(worker, 0, sizeof(*worker));
    worker->handle = effect->about;
    worker->stamp = stamp;
    worker->state = PROCESS_STARTING;
    worker->row = effect->other;
    worker->function = function_of_key(world, effect->key);
    worker->version = (uint32_t)effect->key.hi;
    uint64_t random = world_draw(world, effect->about.bits, PURPOSE_WORKER, world->nodes[index].incarnation);
    worker->concurrency = (uint16_t)(1 + draw_below(draw_mix(random), 4));
    worker->ahead = worker->concurrency == 1 || (random & 1) == 0; /* some say so although they run several at once */
    if (world_strikes(world, FAULT_START_HANG, index)) {
        return;
    }
    uint64_t delay = MILLISECOND + draw_below(random, 300 * MILLISECOND);
    if (world_strikes(world, FAULT_START_SLOW, index)) { /* in time or not */
        delay += draw_below(draw_mix(random + 1), 2 * world->choices.settings.start_timeout_ns);
    }
    process_news(world, index, worker, delay, world_strikes(world, FAULT_START_FAIL, index) ? NEWS_EXIT : NEWS_READY);
}

/* -- executions: drawn by request, so that another request less is the same fate for this one -- */

/* Once and for all: by its first execution. */
static bool is_poisonous(struct world *world, uint32_t number)
{
    struct request *request = &world->requests[number];
    if (request->executions == 0) {
        request->poisonous = world_strikes(world, FAULT_POISON, number);
    }
    return request->poisonous && !world->healed;
}

static enum worker_news execution_end(struct world *world, uint32_t request, bool *ret_hangs)
{
    *ret_hangs = false;
    if (is_poisonous(world, request)) {
        return NEWS_INSTANCE_DEAD;
    }
    *ret_hangs = world_strikes(world, FAULT_WORKER_HANG, request);
    if (world_strikes(world, FAULT_WORKER_CRASH, request)) {
        return NEWS_CRASH;
    }
    if (world_strikes(world, FAULT_WORKER_MEMORY, request)) {
        return NEWS_MEMORY;
    }
    if (world_strikes(world, FAULT_WORKER_FLOOD, request)) {
        return NEWS_FLOOD;
    }
    if (world_strikes(world, FAULT_WORKER_GARBAGE, request)) {
        return NEWS_GARBAGE;
    }
    if (world_strikes(world, FAULT_ERROR_PERMANENT, request)) {
        return NEWS_PERMANENT;
    }
    if (world_strikes(world, FAULT_ERROR_THROTTLE, request)) {
        return NEWS_THROTTLE;
    }
    return world_strikes(world, FAULT_ERROR_RETRY, request) ? NEWS_RETRY : NEWS_RESULT;
}

static void execution_start(struct world *world, uint32_t index, const struct worker *worker, struct running *running)
{
    bool hangs;
    uint32_t request = running->message.request;
    enum worker_news end = execution_end(world, request, &hangs);
    running->started = true;
    history_execution(world, index, worker, running);
    running->started_ns = node_clock(world, &world->nodes[index]);
    world->report->executions++;
    uint32_t executions = world->requests[request].executions++;
    if (hangs) {
        return;
    }
    uint64_t mean = world->functions[worker->function].run_ns;
    uint64_t delay = mean / 4 + world_draw_below(world, mean * 3 / 2, request, PURPOSE_RUN, executions);
    delay *= world_strikes(world, FAULT_WORKER_SLOW, request) ? 50 : 1;
    delay *= world_strikes(world, FAULT_OVERLOAD, request) ? load_running(world, index, worker->function) : 1;
    delay /= end == NEWS_INSTANCE_DEAD ? 16 : 1; /* before those beside it are done */
    struct event *event = process_news(world, index, worker, delay, end);
    event->execution = running->execution;
    running->ends_ns = event->at;
}

/* What was sent first runs next; executions are numbered in that order. */
static void execution_start_next(struct world *world, uint32_t index, struct worker *worker)
{
    struct running *next = NULL;
    for (uint32_t at = 0; at < STREAMS_MAX; at++) {
        struct running *running = &worker->running[at];
        if (running->used && !running->started && (next == NULL || running->execution < next->execution)) {
            next = running;
        }
    }
    if (next != NULL) {
        execution_start(world, index, worker, next);
    }
}

void process_execute(struct world *world, uint32_t index, const struct effect *effect)
{
    struct node *node = &world->nodes[index];
    struct worker *worker = process_find(world, index, effect->about);
    uint32_t stream = 0;
    while (stream < STREAMS_MAX && worker->running[stream].used) {
        stream++;
    }
    struct running *running = &worker->running[stream];
    *running = (struct running){ .used = true, .stream = effect->stream, .execution = ++world->executions };
    running->attempt = effect->count;
    running->message = node->slots[effect->blob.slot].content;
    running->lost = node->slots[effect->blob.slot].lost;
    worker->busy++;
    if (running->message.call != 0) {
        world->calls[running->message.call - 1].executed = true;
    }
    if (worker->busy <= worker->concurrency) {
        execution_start(world, index, worker, running);
    }
}

static struct running *running_of(struct worker *worker, uint32_t execution)
{
    for (uint32_t at = 0; at < STREAMS_MAX; at++) {
        if (worker->running[at].used && worker->running[at].execution == execution) {
            return &worker->running[at];
        }
    }
    return NULL;
}

/* Half of them obey, in their own way: with an error. The others go on as if nothing had been said. */
void process_cancel(struct world *world, uint32_t index, const struct effect *effect)
{
    struct worker *worker = process_find(world, index, effect->about);
    for (uint32_t at = 0; worker != NULL && at < STREAMS_MAX; at++) {
        struct running *running = &worker->running[at];
        running->let_go = running->let_go || (running->used && running->stream == effect->stream);
        bool obeys = running->used && running->started && (running->execution & 1) == 0;
        if (obeys && running->stream == effect->stream) {
            struct event *event = process_news(world, index, worker, MILLISECOND, NEWS_RETRY);
            event->execution = running->execution;
        }
    }
}

void process_stop(struct world *world, uint32_t index, const struct effect *effect)
{
    struct worker *worker = process_find(world, index, effect->about);
    if (worker == NULL) {
        return;
    }
    worker->stopping = true;
    if (worker->busy == 0 && worker->state == PROCESS_READY && !world_strikes(world, FAULT_WORKER_HANG, index)) {
        process_news(world, index, worker, MILLISECOND, NEWS_EXIT);
    }
}

void process_kill(struct world *world, uint32_t index, const struct effect *effect)
{
    struct worker *worker = process_find(world, index, effect->about);
    if (worker != NULL) {
        worker->overdue = worker->overdue || worker->state == PROCESS_STARTING;
        for (uint32_t at = 0; at < STREAMS_MAX; at++) {
            worker->running[at].let_go = true;
        }
        process_news(world, index, worker,
                     world_draw_below(world, world->choices.exit_ns_max, index, PURPOSE_WORKER, effect->about.bits),
                     NEWS_EXIT);
    }
}

void process_die(struct world *world, uint32_t index, uint64_t pick)
{
    struct worker *worker = &world->nodes[index].workers[pick % world->nodes[index].workers_count];
    if (worker->state != PROCESS_NONE) {
        process_news(world, index, worker, 0, (pick & 32) != 0 ? NEWS_CRASH : NEWS_MEMORY);
    }
}

/* -- news -- */

static void news_exit(struct world *world, uint32_t index, struct worker *worker, enum worker_news news)
{
    struct input input = { .kind = INPUT_WORKER_EXITED, .about = worker->handle };
    if (news == NEWS_CRASH || news == NEWS_MEMORY) {
        input.code = news == NEWS_CRASH ? REASON_PLUGIN_CRASHED : REASON_OUT_OF_MEMORY;
    } else if (worker->state == PROCESS_STARTING && !worker->stopping) {
        input.code = REASON_PLUGIN_NOT_STARTED;
    }
    history_exited(world, index, worker);
    worker->state = PROCESS_NONE;
    worker->stamp++;
    node_step(world, index, &input, NULL);
}

static void news_ready(struct world *world, uint32_t index, struct worker *worker)
{
    if (worker->state != PROCESS_STARTING) {
        return;
    }
    if (worker->stopping) {
        news_exit(world, index, worker, NEWS_EXIT); /* it read STOP first */
        return;
    }
    worker->state = PROCESS_READY;
    struct input input = { .kind = INPUT_WORKER_READY, .about = worker->handle };
    input.as.worker.concurrency = worker->concurrency;
    input.as.worker.ahead = worker->ahead;
    node_step(world, index, &input, NULL);
}

static void news_garbage(struct world *world, uint32_t index, struct worker *worker)
{
    if (worker->state == PROCESS_READY) {
        worker->state = PROCESS_BROKEN;
        history_exited(world, index, worker); /* It is of no use any more, and its core is about to kill it. */
        struct input input = { .kind = INPUT_WORKER_BROKEN, .about = worker->handle };
        node_step(world, index, &input, NULL);
    }
}

static void news_end(struct world *world, uint32_t index, struct worker *worker, const struct event *event)
{
    struct running *running = running_of(worker, event->execution);
    if (running == NULL || worker->state != PROCESS_READY) {
        return;
    }
    struct content content = running->message;
    struct input input = { .kind = INPUT_WORKER_RESULT, .about = worker->handle };
    content.kind = CONTENT_RESULT;
    content.payload = (uint64_t)running->execution << 1;
    input.as.worker.stream = running->stream;
    if (event->how == NEWS_FLOOD) {
        content.payload |= PAYLOAD_FLOOD;
    } else if (event->how != NEWS_RESULT) {
        content.kind = CONTENT_ERROR;
        content.payload |= 1;
        input.kind = INPUT_WORKER_ERROR;
        input.as.worker.class = (uint8_t)(event->how == NEWS_RETRY       ? ERROR_RETRY
                                          : event->how == NEWS_PERMANENT ? ERROR_PERMANENT
                                                                         : ERROR_THROTTLE);
        if (event->how == NEWS_THROTTLE) {
            input.as.worker.after_ns = world_draw_below(world, 3 * SECOND, running->execution, PURPOSE_RUN, 1);
        }
    }
    history_executed(world, index, worker, running->execution, content.kind == CONTENT_RESULT, content.payload);
    content.payload ^= WORLD_MUTANT(world, ADAPTER_GARBLES) ? 4 : 0;
    running->used = false;
    worker->busy--;
    uint32_t stamp = worker->stamp;
    execution_start_next(world, index, worker);
    node_step(world, index, &input, &content);
    if (worker->stamp == stamp && worker->stopping && worker->busy == 0) {
        process_news(world, index, worker, MILLISECOND, NEWS_EXIT);
    }
}

void process_event(struct world *world, const struct event *event)
{
    struct worker *worker = &world->nodes[event->node].workers[event->number];
    if (worker->stamp != event->stamp || worker->state == PROCESS_NONE) {
        return;
    }
    switch ((enum worker_news)event->how) {
    case NEWS_READY:
        news_ready(world, event->node, worker);
        return;
    case NEWS_EXIT:
    case NEWS_CRASH:
    case NEWS_MEMORY:
        news_exit(world, event->node, worker, (enum worker_news)event->how);
        return;
    case NEWS_GARBAGE:
        news_garbage(world, event->node, worker);
        return;
    case NEWS_INSTANCE_DEAD:
        if (running_of(worker, event->execution) != NULL) {
            fault_crash(world, event->node, event->execution);
        }
        return;
    default:
        news_end(world, event->node, worker, event);
    }
}
