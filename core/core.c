/* The core's front: lays out memory, takes an input to the machine that it concerns, then lets due timers, the sweep
 * and dirty functions run as long as the list of effects has room. What is left over makes core_next_deadline() `now`.
 *
 * Nothing here knows a policy; each machine's file says how it decides. */
#include "core/banned.h"
#include "core/machine.h"

static uint64_t aligned(uint64_t size)
{
    return (size + 15) & ~UINT64_C(15);
}

static uint32_t buckets_for(uint32_t rows)
{
    uint32_t buckets = 16;
    while (buckets < rows) {
        buckets *= 2;
    }
    return buckets;
}

static uint64_t carve(uint64_t *cursor, uint64_t size)
{
    uint64_t at = aligned(*cursor);
    *cursor = at + size;
    return at;
}

static void carve_pool(struct pool *pool, uint64_t *cursor, enum table table, uint32_t rows, uint64_t row_size)
{
    *pool = (struct pool){ .table = (uint8_t)table, .rows = rows, .row_size = (uint32_t)row_size };
    pool->at = carve(cursor, rows * row_size);
}

static void carve_index(struct index *index, uint64_t *cursor, uint32_t rows)
{
    uint32_t buckets = buckets_for(rows);
    *index = (struct index){ .mask = buckets - 1 };
    index->at = carve(cursor, (uint64_t)buckets * sizeof(uint32_t));
}

static bool limits_good(const struct limits *limits)
{
    const uint32_t all[] = { limits->calls_max, limits->deliveries_max, limits->functions_max, limits->workers_max,
                             limits->slots };
    for (uint32_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] == 0 || all[i] > HANDLE_ROWS_MAX) {
            return false;
        }
    }
    return true;
}

static void layout(struct core *core, const struct limits *limits)
{
    uint64_t cursor = sizeof(struct core);
    core->limits = *limits;
    carve_pool(&core->calls, &cursor, TABLE_CALL, limits->calls_max, sizeof(struct call));
    carve_pool(&core->deliveries, &cursor, TABLE_DELIVERY, limits->deliveries_max, sizeof(struct delivery));
    carve_pool(&core->functions, &cursor, TABLE_FUNCTION, limits->functions_max, sizeof(struct function));
    carve_pool(&core->workers, &cursor, TABLE_WORKER, limits->workers_max, sizeof(struct worker));
    carve_index(&core->calls_by_request, &cursor, limits->calls_max);
    carve_index(&core->deliveries_by_request, &cursor, limits->deliveries_max);
    carve_index(&core->functions_by_name, &cursor, limits->functions_max);
    core->timers_count = limits->calls_max + limits->deliveries_max + limits->functions_max + limits->workers_max + 1;
    core->timers_at = carve(&cursor, (uint64_t)core->timers_count * sizeof(struct timer));
    core->heap_at = carve(&cursor, (uint64_t)core->timers_count * sizeof(uint32_t));
    core->size = aligned(cursor);
}

uint64_t core_size(const struct limits *limits)
{
    struct core shape;
    if (!limits_good(limits)) {
        return 0;
    }
    layout(&shape, limits);
    return shape.size;
}

static void pool_init(struct core *core, struct pool *pool)
{
    pool->free_first = 0;
    pool->free_last = pool->rows - 1;
    for (uint32_t at = 0; at < pool->rows; at++) {
        pool_row(core, pool, at)->next_free = at + 1 < pool->rows ? at + 1 : NOWHERE;
    }
}

static void index_init(struct core *core, const struct index *index)
{
    uint32_t *buckets = (uint32_t *)((char *)core + index->at);
    for (uint32_t at = 0; at <= index->mask; at++) {
        buckets[at] = NOWHERE;
    }
}

struct core *core_init(void *memory, const struct limits *limits, const struct settings *settings, uint64_t seed)
{
    ASSERT(((uintptr_t)memory & 15) == 0);
    uint64_t size = core_size(limits);
    ASSERT(size > 0);
    __builtin_memset(memory, 0, size);
    struct core *core = memory;
    layout(core, limits);
    core->settings = *settings;
    core->seed = seed;
    core->dirty_first = core->dirty_last = NOWHERE;
    core->sweep_calls = core->sweep_deliveries = core->sweep_functions = NOWHERE;
    struct pool *const pools[] = { &core->calls, &core->deliveries, &core->functions, &core->workers };
    for (uint32_t i = 0; i < 4; i++) {
        pool_init(core, pools[i]);
    }
    index_init(core, &core->calls_by_request);
    index_init(core, &core->deliveries_by_request);
    index_init(core, &core->functions_by_name);
    struct timer *timers = (struct timer *)((char *)core + core->timers_at);
    for (uint32_t at = 0; at < core->timers_count; at++) {
        timers[at].place = NOWHERE;
    }
    return core;
}

/* A completion goes to the row that its operation names; a stranger's changes nothing. */
static void step_completion(struct core *core, const struct input *input, struct blob *blob)
{
    struct handle owner = operation_owner(input->answers);
    uint32_t call = pool_find(core, &core->calls, owner);
    uint32_t delivery = pool_find(core, &core->deliveries, owner);
    uint32_t function = pool_find(core, &core->functions, owner);
    switch (input->kind) {
    case INPUT_PUBLISHED:
        if (call != NOWHERE) {
            call_published(core, call, input);
        } else if (delivery != NOWHERE) {
            delivery_published(core, delivery, input);
        }
        break;
    case INPUT_RESULT:
        if (call != NOWHERE) {
            call_fetched(core, call, input, blob);
        } else if (delivery != NOWHERE && delivery_at(core, delivery)->row.state == DELIVERY_RUNNING) {
            delivery_cancel_fetched(core, delivery, input);
        } else if (delivery != NOWHERE) {
            delivery_fetched(core, delivery, input, blob);
        }
        break;
    case INPUT_LEDGER:
        if (delivery != NOWHERE) {
            delivery_ledger(core, delivery, input);
        }
        break;
    case INPUT_PULL_ENDED:
        if (function != NOWHERE) {
            function_pull_ended(core, function, input);
        }
        break;
    case INPUT_BUILT:
        if (function != NOWHERE) {
            function_built(core, function, input);
        }
        break;
    case INPUT_FOUND:
        if (call != NOWHERE) {
            cancel_found(core, call, input);
        }
        break;
    case INPUT_REMOVED:
        if (call != NOWHERE) {
            cancel_removed(core, call, input);
        }
        break;
    default:
        ASSERT(input->kind == INPUT_CONSUMER_READY);
        if (function != NOWHERE) {
            function_consumer_ready(core, function, input);
        }
    }
}

static void step_worker(struct core *core, const struct input *input, struct blob *blob)
{
    uint32_t worker = pool_find(core, &core->workers, input->about);
    if (worker != NOWHERE) {
        worker_input(core, worker, input, blob);
    }
}

static void step_cancelled(struct core *core, const struct input *input)
{
    uint32_t call = pool_find(core, &core->calls, input->about);
    if (call != NOWHERE) {
        call_cancelled(core, call);
    }
}

/* Fields are equal in size and in the order of the table. */
static void step_setting(struct core *core, const struct input *input)
{
    _Static_assert(sizeof(struct settings) == SETTING_COUNT * sizeof(uint64_t), "a setting is one word");
    ASSERT(input->as.setting.which < SETTING_COUNT);
    uint64_t *words = (uint64_t *)&core->settings;
    words[input->as.setting.which] = input->as.setting.value;
}

/* Calls and deliveries take their blob over; every other input's is dropped here unless a machine kept it. */
static void step_input(struct core *core, const struct input *input)
{
    struct blob blob = input->blob;
    switch (input->kind) {
    case INPUT_TICK:
    case INPUT_HEARD:
        break;
    case INPUT_LINK_UP:
        link_up(core, input);
        break;
    case INPUT_LINK_DOWN:
        link_down(core, input);
        break;
    case INPUT_CLOCK:
        link_clock(core, input);
        break;
    case INPUT_CALL:
        call_submitted(core, input);
        return;
    case INPUT_CALL_CANCELLED:
        step_cancelled(core, input);
        break;
    case INPUT_DELIVERY:
        delivery_arrived(core, input);
        return;
    case INPUT_ANSWER:
        calls_answer(core, input->as.result.request, input->as.result.digest, (enum end)input->as.result.end,
                     (enum reason)input->as.result.reason, input->as.result.attempts, blob);
        break;
    case INPUT_FUNCTION_SET:
        function_set(core, input);
        break;
    case INPUT_FUNCTION_REMOVED:
        function_removed(core, input);
        break;
    case INPUT_WORKER_READY:
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
    case INPUT_WORKER_BROKEN:
    case INPUT_WORKER_EXITED:
        step_worker(core, input, &blob);
        break;
    case INPUT_SETTING:
        step_setting(core, input);
        break;
    case INPUT_CANCEL_HEARD:
        cancel_heard(core, input);
        break;
    case INPUT_DRAIN:
        instance_drain(core, input);
        break;
    default:
        step_completion(core, input, &blob);
    }
    blob_release(core, &blob);
}

static void step_timers(struct core *core)
{
    uint32_t timer, index;
    while (emit_room(core) && timers_due(core, &timer)) {
        switch (timer_owner(core, timer, &index)) {
        case TABLE_CALL:
            call_timer(core, index);
            break;
        case TABLE_DELIVERY:
            delivery_timer(core, index);
            break;
        case TABLE_WORKER:
            worker_timer(core, index);
            break;
        case TABLE_FUNCTION:
            function_timer(core, index);
            break;
        default:
            link_timer(core);
        }
    }
}

static void step_dirty(struct core *core)
{
    uint32_t last = core->dirty_last;
    while (core->dirty_first != NOWHERE && emit_room(core)) {
        uint32_t index = core->dirty_first;
        struct function *function = function_at(core, index);
        core->dirty_first = function->dirty_next;
        if (core->dirty_first == NOWHERE) {
            core->dirty_last = NOWHERE;
        }
        function->dirty = false;
        function_pump(core, index);
        if (index == last) {
            break; /* Once each: a function that needs more goes on at the next step. */
        }
    }
}

static bool heard_from_broker(const struct core *core, const struct input *input)
{
    bool broker = input->kind == INPUT_HEARD || input->kind == INPUT_DELIVERY || input->kind == INPUT_PULL_ENDED ||
                  input->kind == INPUT_PUBLISHED || input->kind == INPUT_RESULT || input->kind == INPUT_ANSWER ||
                  input->kind == INPUT_REMOVED || input->kind == INPUT_CANCEL_HEARD;
    return broker && input->epoch == core->epoch && input->outcome != OUTCOME_UNKNOWN;
}

void core_step(struct core *core, const struct input *input, struct effects *effects)
{
    ASSERT(input->kind < INPUT_COUNT);
    effects->count = 0;
    core->out = effects;
    core->now_ns = input->now_ns > core->now_ns ? input->now_ns : core->now_ns;
    core->steps++;
    core->inputs[input->kind]++;
    core->blobs += input->blob.slot != 0;
    if (heard_from_broker(core, input)) {
        core->heard_ns = core->now_ns;
        core->pull_lost = false;
    }
    step_input(core, input);
    step_timers(core);
    if (link_sweeping(core)) {
        link_sweep(core);
    }
    step_dirty(core);
    if (emit_room(core)) {
        instance_drained(core);
    }
    core->out = 0;
}

uint64_t core_next_deadline(const struct core *core)
{
    if (core->dirty_first != NOWHERE || link_sweeping(core)) {
        return core->now_ns;
    }
    return timers_next(core);
}

uint32_t core_blobs_held(const struct core *core)
{
    return core->blobs;
}

struct core *core_copy(void *to, const struct core *from)
{
    ASSERT(from->out == 0);
    __builtin_memcpy(to, from, from->size);
    return to;
}

static bool pool_alike(const struct pool *a, const struct pool *b)
{
    return a->at == b->at && a->row_size == b->row_size && a->rows == b->rows && a->table == b->table;
}

static bool index_alike(const struct index *a, const struct index *b)
{
    return a->at == b->at && a->mask == b->mask;
}

struct core *core_restore(void *to, const struct limits *limits, const void *bytes, uint64_t size)
{
    struct core shape = { .size = 0 }, found;
    if (!limits_good(limits) || size < sizeof found) {
        return 0;
    }
    layout(&shape, limits);
    __builtin_memcpy(&found, bytes, sizeof found);
    bool alike = size == shape.size && found.size == size && found.out == 0 && pool_alike(&found.calls, &shape.calls) &&
                 pool_alike(&found.deliveries, &shape.deliveries) && pool_alike(&found.functions, &shape.functions) &&
                 pool_alike(&found.workers, &shape.workers) &&
                 index_alike(&found.calls_by_request, &shape.calls_by_request) &&
                 index_alike(&found.deliveries_by_request, &shape.deliveries_by_request) &&
                 index_alike(&found.functions_by_name, &shape.functions_by_name) &&
                 found.timers_at == shape.timers_at && found.heap_at == shape.heap_at &&
                 found.timers_count == shape.timers_count && found.heap_count <= shape.timers_count;
    if (!alike) {
        return 0;
    }
    __builtin_memcpy(to, bytes, size);
    return to;
}

#ifdef STEAD_MUTANTS
void core_set_mutant(struct core *core, uint32_t id)
{
    core->mutant = id;
}
#endif
