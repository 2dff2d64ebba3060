/* A core in memory: one block that holds the struct, then the tables at offsets, sized from the limits. A copy of the
 * block is a copy of the core, and bytes that were kept are a core again if they are laid out as these limits ask. */
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
    pool->taken_at = carve(cursor, (rows + POOL_WORD_BITS - 1) / POOL_WORD_BITS * sizeof(uint64_t));
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
    core->timers_count = limits->calls_max + limits->deliveries_max + limits->functions_max + limits->workers_max + 3;
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
    core->walk.delivery = NOWHERE;
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

struct core *core_copy(void *to, const struct core *from)
{
    ASSERT(from->out == 0);
    __builtin_memcpy(to, from, from->size);
    return to;
}

static bool pool_alike(const struct pool *a, const struct pool *b)
{
    return a->at == b->at && a->taken_at == b->taken_at && a->row_size == b->row_size && a->rows == b->rows &&
           a->table == b->table;
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
