/* What one step of the core costs, alone: no adapters, no system calls, public headers of the core only.
 *
 * Two equal cores live side by side. A small world of 64 callers drives the first through the happy path of stateless
 * calls (CALL, PUBLISHED, DELIVERY, WORKER_RESULT, PUBLISHED; the broker and the workers answer in order of asking) and
 * records every input. After each batch of inputs the second core gets the same ones in a tight loop, and only that loop
 * is timed; so nothing but core_step() is inside. Both cores must end with the same hash, or nothing is reported.
 *
 * The tables are filled as on a busy instance: 1,000 more calls wait for results that do not come, and look for them now
 * and then; 64 functions are ready, 16 of them busy with eight workers each.
 *
 *     bench_core_step [--batches N]     JSON: ns per step (median and p99 over batches of 64 steps) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/core.h"

enum {
    CALLERS = 64,
    WAITERS = 1000,
    FUNCTIONS = 64,
    FUNCTIONS_BUSY = 16,
    BATCH_STEPS = 64,
    BATCHES_WARM_UP = 500,
    BATCHES_DEFAULT = 20000,
    QUEUE_ROWS = 8192, /* a power of two, more than can ever be on its way */
    STEP_INTERVAL_NS = 8000,
    SECOND_NS = 1000000000,
};

struct function {
    struct handle handle;
    uint32_t credit; /* messages asked for and not delivered */
    struct input backlog[CALLERS + WAITERS];
    uint32_t backlog_first, backlog_count;
};

struct world {
    struct core *driven, *timed;
    struct effects effects;
    struct input queue[QUEUE_ROWS]; /* what has happened and is not told yet */
    uint32_t queue_first, queue_count;
    struct input batch[BATCH_STEPS];
    struct function functions[FUNCTIONS];
    uint64_t now_ns, calls, calls_done, sequence;
    uint32_t blob_slot;
};

static const struct limits limits = {
    .calls_max = 4096, .deliveries_max = 512, .functions_max = 256, .workers_max = 256, .slots = 256
};

static const struct settings settings = {
    .ack_wait_ns = 10ull * SECOND_NS,
    .hold_ns_max = 5ull * SECOND_NS,
    .publish_timeout_ns = 2ull * SECOND_NS,
    .reply_poll_ns = 5ull * SECOND_NS,
    .pull_expires_ns = 30ull * SECOND_NS,
    .start_timeout_ns = 10ull * SECOND_NS,
    .stop_grace_ns = 1ull * SECOND_NS,
    .call_budget_ns_max = 3600ull * SECOND_NS,
    .silence_ns_max = 3600ull * SECOND_NS,
    .retry_ns_base = 100000000,
    .retry_ns_max = 30ull * SECOND_NS,
    .starts_max = 10,
    .jitter = JITTER_FULL,
};

static void fail(const char *what)
{
    fprintf(stderr, "core_step: %s\n", what);
    exit(1);
}

/* An assertion of the core did not hold. */
_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "core_step: %s:%d: %s\n", file, line, condition);
    abort();
}

/* CPU time of this thread: what others do on the machine meanwhile is not the core's. */
static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Spreads a number over 64 bits, as the adapters' keyed hashes do with names. */
static struct key key_of(uint64_t number)
{
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (struct key){ mixed ^ mixed >> 31, mixed * UINT64_C(0xbf58476d1ce4e5b9) };
}

static struct blob blob_new(struct world *world)
{
    return (struct blob){ (++world->blob_slot & 0xffffff) + 1, 256 };
}

static struct input *tell(struct world *world, enum input_kind kind, uint64_t answers)
{
    if (world->queue_count == QUEUE_ROWS) {
        fail("the queue of inputs is full");
    }
    struct input *input = &world->queue[(world->queue_first + world->queue_count++) & (QUEUE_ROWS - 1)];
    *input = (struct input){ .kind = (uint8_t)kind, .answers = answers, .epoch = 1 };
    return input;
}

/* Waiters call the quiet functions, whose messages stay at the broker. */
static void tell_call(struct world *world, uint32_t caller)
{
    uint64_t number = world->calls++;
    struct input *input = tell(world, INPUT_CALL, 0);
    input->blob = blob_new(world);
    input->as.call.request = key_of(1000000 + number);
    input->as.call.function = key_of(caller < CALLERS ? caller % FUNCTIONS_BUSY : FUNCTIONS - 1);
    input->as.call.digest = input->as.call.request.lo;
    input->as.call.reference = caller;
    input->as.call.budget_ns = caller < CALLERS ? 30ull * SECOND_NS : settings.call_budget_ns_max;
}

static struct function *function_of(struct world *world, struct handle handle)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        if (handle_equal(world->functions[i].handle, handle)) {
            return &world->functions[i];
        }
    }
    fail("an effect for an unknown function");
    return NULL;
}

/* The broker gives out what it has as far as it was asked. */
static void deliver(struct world *world, struct function *function)
{
    while (function->credit > 0 && function->backlog_count > 0) {
        function->credit--;
        struct input *input = tell(world, INPUT_DELIVERY, 0);
        *input = function->backlog[function->backlog_first];
        input->as.delivery.pending = --function->backlog_count & 0x7fffffff;
        function->backlog_first = (function->backlog_first + 1) % (CALLERS + WAITERS);
    }
}

static void on_publish_request(struct world *world, const struct effect *effect)
{
    struct input *published = tell(world, INPUT_PUBLISHED, effect->operation);
    published->as.published.sequence = ++world->sequence;
    if (effect->reference >= CALLERS) {
        return;
    }
    struct function *function = function_of(world, effect->other);
    uint32_t at = (function->backlog_first + function->backlog_count++) % (CALLERS + WAITERS);
    struct input *input = &function->backlog[at];
    *input = (struct input){ .kind = INPUT_DELIVERY, .about = effect->other, .epoch = 1, .blob = blob_new(world) };
    input->as.delivery.request = effect->key;
    input->as.delivery.digest = effect->key.lo;
    input->as.delivery.sequence = world->sequence;
    input->as.delivery.budget_ns = effect->amount;
    input->as.delivery.delivered = 1;
    deliver(world, function);
}

static void on_reply(struct world *world, const struct effect *effect)
{
    if (effect->end != END_SUCCEEDED) {
        fprintf(stderr, "core_step: a call ended as %s %s\n", end_name(effect->end), reason_name(effect->code));
        exit(1);
    }
    world->calls_done++;
    tell_call(world, (uint32_t)effect->reference);
}

static void on_build(struct world *world, const struct effect *effect)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        if (key_equal(effect->key, key_of(10000 + i))) {
            world->functions[i].handle = effect->about;
        }
    }
    tell(world, INPUT_BUILT, effect->operation);
}

static void on_pull(struct world *world, const struct effect *effect)
{
    struct function *function = function_of(world, effect->about);
    function->credit += effect->count;
    deliver(world, function);
}

static void on_execute(struct world *world, const struct effect *effect)
{
    struct input *input = tell(world, INPUT_WORKER_RESULT, 0);
    input->about = effect->about;
    input->blob = blob_new(world);
    input->as.worker.stream = effect->stream;
}

static void on_start_worker(struct world *world, const struct effect *effect)
{
    struct input *input = tell(world, INPUT_WORKER_READY, 0);
    input->about = effect->about;
    input->as.worker.concurrency = 1;
}

static void perform(struct world *world, const struct effect *effect)
{
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
        on_publish_request(world, effect);
        return;
    case EFFECT_PUBLISH_RESULT:
        tell(world, INPUT_PUBLISHED, effect->operation)->as.published.sequence = ++world->sequence;
        return;
    case EFFECT_EXECUTE:
        on_execute(world, effect);
        return;
    case EFFECT_REPLY:
        on_reply(world, effect);
        return;
    case EFFECT_PULL:
        on_pull(world, effect);
        return;
    case EFFECT_BUILD:
        on_build(world, effect);
        return;
    case EFFECT_ENSURE_CONSUMER:
        tell(world, INPUT_CONSUMER_READY, effect->operation);
        return;
    case EFFECT_START_WORKER:
        on_start_worker(world, effect);
        return;
    case EFFECT_FETCH_RESULT:
        tell(world, INPUT_RESULT, effect->operation)->outcome = OUTCOME_REFUSED;
        return;
    case EFFECT_ACK:
    case EFFECT_DROP_BLOB:
    case EFFECT_FORGET:
    case EFFECT_FUNCTION_STATE:
    case EFFECT_INSTANCE_STATE:
        return;
    default:
        fail(effect_name((enum effect_kind)effect->kind)); /* not on the happy path */
    }
}

/* The oldest fact, or the tick that is due. False if nothing happens now. */
static bool next_input(struct world *world, struct input *ret_input)
{
    world->now_ns += STEP_INTERVAL_NS;
    if (core_next_deadline(world->driven) <= world->now_ns) {
        *ret_input = (struct input){ .kind = INPUT_TICK };
    } else if (world->queue_count > 0) {
        *ret_input = world->queue[world->queue_first];
        world->queue_first = (world->queue_first + 1) & (QUEUE_ROWS - 1);
        world->queue_count--;
    } else {
        return false;
    }
    ret_input->now_ns = world->now_ns;
    ret_input->wall_ns = (int64_t)world->now_ns;
    return true;
}

static bool drive(struct world *world, struct input *ret_input)
{
    if (!next_input(world, ret_input)) {
        return false;
    }
    core_step(world->driven, ret_input, &world->effects);
    for (uint32_t i = 0; i < world->effects.count; i++) {
        perform(world, &world->effects.list[i]);
    }
    return true;
}

/* Time of one batch in the second core. */
static uint64_t batch_ns(struct world *world)
{
    for (uint32_t i = 0; i < BATCH_STEPS; i++) {
        if (!drive(world, &world->batch[i])) {
            fail("nothing happens any more: a call was lost");
        }
    }
    uint64_t before_ns = clock_ns();
    for (uint32_t i = 0; i < BATCH_STEPS; i++) {
        core_step(world->timed, &world->batch[i], &world->effects);
    }
    return clock_ns() - before_ns;
}

static void deploy(struct world *world)
{
    tell(world, INPUT_LINK_UP, 0);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        struct input *input = tell(world, INPUT_FUNCTION_SET, 0);
        input->as.function.name = key_of(i);
        input->as.function.version = key_of(10000 + i);
        input->as.function.timeout_ns = 30ull * SECOND_NS;
        input->as.function.keep_alive_ns = 3600ull * SECOND_NS;
        input->as.function.language = 1;
        input->as.function.concurrency = 1;
        input->as.function.workers_max = 8;
        input->as.function.retries_max = 3;
    }
}

static struct core *core_new(void)
{
    void *memory = aligned_alloc(64, (core_size(&limits) + 63) & ~UINT64_C(63));
    struct core *core = memory ? core_init(memory, &limits, &settings, 7) : NULL;
    if (!core) {
        fail("no memory for a core");
    }
    return core;
}

static void run_until_quiet(struct world *world)
{
    struct input input;
    while (drive(world, &input)) {
        core_step(world->timed, &input, &world->effects);
    }
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    if (!world) {
        fail("no memory");
    }
    world->driven = core_new();
    world->timed = core_new();
    world->now_ns = SECOND_NS;
    deploy(world);
    run_until_quiet(world);
    for (uint32_t i = 0; i < WAITERS; i++) {
        tell_call(world, CALLERS + i);
        run_until_quiet(world);
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        tell_call(world, i);
    }
    return world;
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Two readings of the clock cost about as much as a cheap step; the batch spreads them, this takes them out. */
static uint64_t clock_cost_ns(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t before_ns = clock_ns();
        uint64_t took_ns = clock_ns() - before_ns;
        least_ns = took_ns < least_ns ? took_ns : least_ns;
    }
    return least_ns;
}

static void report(struct world *world, uint64_t *took_ns, uint32_t batches)
{
    struct core_view view;
    core_view(world->driven, &view);
    qsort(took_ns, batches, sizeof *took_ns, by_size);
    uint32_t middle = batches / 2, last_but_few = (uint32_t)((uint64_t)batches * 99 / 100);
    double median_ns = (double)took_ns[middle] / BATCH_STEPS;
    double p99_ns = (double)took_ns[last_but_few] / BATCH_STEPS;
    double steps_per_call = (double)batches * BATCH_STEPS / (double)world->calls_done;
    printf("{\"median_ns\":%.1f,\"p99_ns\":%.1f,\"steps\":%" PRIu64 ",\"calls\":%" PRIu64
           ",\"steps_per_call\":%.2f,\"ns_per_call\":%.0f,\"core_bytes\":%" PRIu64
           ",\"waiting_calls\":%u,\"functions\":%u,\"workers\":%u,\"batch_steps\":%d}\n",
           median_ns, p99_ns, (uint64_t)batches * BATCH_STEPS, world->calls_done, steps_per_call,
           median_ns * steps_per_call, core_size(&limits), view.calls, view.functions, view.workers, BATCH_STEPS);
}

int main(int argc, char **argv)
{
    uint32_t batches = BATCHES_DEFAULT;
    if (argc == 3 && strcmp(argv[1], "--batches") == 0) {
        batches = (uint32_t)strtoul(argv[2], NULL, 10);
    }
    if (batches == 0 || (argc != 1 && argc != 3)) {
        fail("usage: bench_core_step [--batches N]");
    }
    uint64_t *took_ns = calloc(batches, sizeof *took_ns);
    struct world *world = world_new();
    if (took_ns == NULL) {
        fail("no memory");
    }
    for (uint32_t i = 0; i < BATCHES_WARM_UP; i++) {
        batch_ns(world);
    }
    world->calls_done = 0;
    uint64_t clock_cost = clock_cost_ns();
    for (uint32_t i = 0; i < batches; i++) {
        uint64_t whole_ns = batch_ns(world);
        took_ns[i] = whole_ns > clock_cost ? whole_ns - clock_cost : 0;
    }
    if (core_hash(world->driven) != core_hash(world->timed)) {
        fail("the two cores differ: core_step is not deterministic");
    }
    report(world, took_ns, batches);
    free(took_ns);
    free(world->driven);
    free(world->timed);
    free(world);
    return 0;
}
