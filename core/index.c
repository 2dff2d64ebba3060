/* One generic chain, used for three tables: a row's key and its `bucket_next` are found by offsets. */
#include "core/banned.h"
#include "core/index.h"

#include <stddef.h>

struct chain {
    const struct index *index;
    const struct pool *pool;
    uint32_t next_offset, key_offset;
};

static uint32_t *chain_next(struct core *core, const struct chain *chain, uint32_t row)
{
    return (uint32_t *)((char *)pool_row(core, chain->pool, row) + chain->next_offset);
}

static struct key chain_key(struct core *core, const struct chain *chain, uint32_t row)
{
    return *(struct key *)((char *)pool_row(core, chain->pool, row) + chain->key_offset);
}

static void chain_add(struct core *core, const struct chain *chain, uint32_t row)
{
    uint32_t *bucket = index_bucket(core, chain->index, chain_key(core, chain, row));
    *chain_next(core, chain, row) = *bucket;
    *bucket = row;
}

static void chain_remove(struct core *core, const struct chain *chain, uint32_t row)
{
    uint32_t *link = index_bucket(core, chain->index, chain_key(core, chain, row));
    for (uint32_t steps = 0; *link != row; steps++) {
        ASSERT(*link != NOWHERE);
        ASSERT(steps < chain->pool->rows);
        link = chain_next(core, chain, *link);
    }
    *link = *chain_next(core, chain, row);
    *chain_next(core, chain, row) = NOWHERE;
}

static uint32_t chain_find(struct core *core, const struct chain *chain, struct key key, uint32_t row)
{
    uint32_t steps = 0;
    while (row != NOWHERE && !key_equal(chain_key(core, chain, row), key)) {
        ASSERT(steps++ < chain->pool->rows);
        row = *chain_next(core, chain, row);
    }
    return row;
}

static struct chain chain_calls(const struct core *core)
{
    return (struct chain){ &core->calls_by_request, &core->calls, offsetof(struct call, bucket_next),
                           offsetof(struct call, request) };
}

static struct chain chain_deliveries(const struct core *core)
{
    return (struct chain){ &core->deliveries_by_request, &core->deliveries, offsetof(struct delivery, bucket_next),
                           offsetof(struct delivery, request) };
}

static struct chain chain_functions(const struct core *core)
{
    return (struct chain){ &core->functions_by_name, &core->functions, offsetof(struct function, bucket_next),
                           offsetof(struct function, name) };
}

void index_add_call(struct core *core, uint32_t index)
{
    struct chain chain = chain_calls(core);
    chain_add(core, &chain, index);
}

void index_remove_call(struct core *core, uint32_t index)
{
    struct chain chain = chain_calls(core);
    chain_remove(core, &chain, index);
}

uint32_t index_next_call(struct core *core, struct key request, uint32_t index)
{
    struct chain chain = chain_calls(core);
    uint32_t from = index == NOWHERE ? *index_bucket(core, chain.index, request) : call_at(core, index)->bucket_next;
    return chain_find(core, &chain, request, from);
}

void index_add_delivery(struct core *core, uint32_t index)
{
    struct chain chain = chain_deliveries(core);
    chain_add(core, &chain, index);
}

void index_remove_delivery(struct core *core, uint32_t index)
{
    struct chain chain = chain_deliveries(core);
    chain_remove(core, &chain, index);
}

uint32_t index_find_delivery(struct core *core, struct key request)
{
    struct chain chain = chain_deliveries(core);
    return chain_find(core, &chain, request, *index_bucket(core, chain.index, request));
}

void index_add_function(struct core *core, uint32_t index)
{
    struct chain chain = chain_functions(core);
    chain_add(core, &chain, index);
}

void index_remove_function(struct core *core, uint32_t index)
{
    struct chain chain = chain_functions(core);
    chain_remove(core, &chain, index);
}

uint32_t index_find_function(struct core *core, struct key name)
{
    struct chain chain = chain_functions(core);
    return chain_find(core, &chain, name, *index_bucket(core, chain.index, name));
}
