/* Effects become inputs of a queue that is told in order, one every 8 us of the world's own time; ticks are told when
 * the core asked for them. The broker gives out messages as far as it was asked, and remembers the rest.
 *
 * The tables are filled as on a busy instance: 1,000 calls wait for results that do not come, and look for them now and
 * then; 64 functions are ready, 16 of them busy with several workers each. */
#include "bench/core_step/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/assert.h"

const struct limits world_limits = {
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

void world_fail(const char *what)
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
        world_fail("the queue of inputs is full");
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

static struct world_function *function_of(struct world *world, struct handle handle)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        if (handle_equal(world->functions[i].handle, handle)) {
            return &world->functions[i];
        }
    }
    world_fail("an effect for an unknown function");
    return NULL;
}

/* The broker gives out what it has as far as it was asked. */
static void deliver(struct world *world, struct world_function *function)
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
    struct world_function *function = function_of(world, effect->other);
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
    struct world_function *function = function_of(world, effect->about);
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
        world_fail(effect_name((enum effect_kind)effect->kind)); /* not on the happy path */
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

bool world_drive(struct world *world, struct input *ret_input)
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

static void deploy(struct world *world)
{
    tell(world, INPUT_LINK_UP, 0);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        struct input *input = tell(world, INPUT_FUNCTION_SET, 0);
        input->as.function.name = key_of(i);
        input->as.function.version = key_of(10000 + i);
        input->as.function.timeout_ns = 30ull * SECOND_NS;
        input->as.function.keep_alive_ns = 3600ull * SECOND_NS;
        input->as.function.concurrency = 1;
        input->as.function.workers_max = 8;
        input->as.function.retries_max = 3;
    }
}

static struct core *core_new(void)
{
    void *memory = aligned_alloc(64, (core_size(&world_limits) + 63) & ~UINT64_C(63));
    struct core *core = memory ? core_init(memory, &world_limits, &settings, 7) : NULL;
    if (!core) {
        world_fail("no memory for a core");
    }
    return core;
}

static void run_until_quiet(struct world *world)
{
    struct input input;
    while (world_drive(world, &input)) {
        core_step(world->timed, &input, &world->effects);
    }
}

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    if (!world) {
        world_fail("no memory");
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

void world_free(struct world *world)
{
    free(world->driven);
    free(world->timed);
    free(world);
}
