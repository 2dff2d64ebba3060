/* Rows are taken from the front of the free list and given back at its end (FIFO): a stale handle stays recognisable
 * for as many reuses of the table as there are generations. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/pool.h"

enum { GENERATION_MASK = (1 << HANDLE_GENERATION_BITS) - 1 };

static uint64_t *taken_word(struct core *core, const struct pool *pool, uint32_t index)
{
    return (uint64_t *)((char *)core + pool->taken_at) + index / POOL_WORD_BITS;
}

static uint64_t taken_bit(uint32_t index)
{
    return UINT64_C(1) << index % POOL_WORD_BITS;
}

static uint64_t generation_drawn(uint32_t index, const struct row *row)
{
    return row->generation == 0 ? 0 : draw_mix((uint64_t)index << 32 | row->generation);
}

uint32_t pool_take(struct core *core, struct pool *pool)
{
    uint32_t index = pool->free_first;
    if (index == NOWHERE) {
        ASSERT(pool->live == pool->rows);
        return NOWHERE;
    }
    struct row *row = pool_row(core, pool, index);
    ASSERT(row->state == 0);
    pool->free_first = row->next_free;
    if (pool->free_first == NOWHERE) {
        pool->free_last = NOWHERE;
    }
    row->next_free = NOWHERE;
    pool->generations -= generation_drawn(index, row);
    row->generation = (uint16_t)(row->generation % GENERATION_MASK + 1);
    pool->generations += generation_drawn(index, row);
    *taken_word(core, pool, index) |= taken_bit(index);
    pool->live++;
    return index;
}

void pool_give(struct core *core, struct pool *pool, uint32_t index)
{
    struct row *row = pool_row(core, pool, index);
    ASSERT(pool->live > 0);
    *taken_word(core, pool, index) &= ~taken_bit(index);
    row->state = 0;
    row->next_free = NOWHERE;
    if (pool->free_last == NOWHERE) {
        pool->free_first = index;
    } else {
        pool_row(core, pool, pool->free_last)->next_free = index;
    }
    pool->free_last = index;
    pool->live--;
}

uint32_t pool_find(struct core *core, const struct pool *pool, struct handle handle)
{
    uint32_t index = handle_index(handle);
    if (handle_table(handle) != pool->table || index >= pool->rows) {
        return NOWHERE;
    }
    const struct row *row = pool_row(core, pool, index);
    uint32_t generation = handle.bits >> HANDLE_INDEX_BITS & GENERATION_MASK;
    bool owned = row->generation == generation || MUTANT(HANDLE_UNCHECKED);
    return row->state != 0 && owned ? index : NOWHERE;
}

uint32_t pool_next_taken(struct core *core, const struct pool *pool, uint32_t at)
{
    uint64_t mask = ~(taken_bit(at) - 1);
    while (at < pool->rows) {
        uint64_t rest = *taken_word(core, pool, at) & mask;
        if (rest != 0) {
            return at / POOL_WORD_BITS * POOL_WORD_BITS + (uint32_t)__builtin_ctzll(rest);
        }
        at = (at / POOL_WORD_BITS + 1) * POOL_WORD_BITS;
        mask = ~UINT64_C(0);
    }
    return NOWHERE;
}

struct handle pool_handle(struct core *core, const struct pool *pool, uint32_t index)
{
    const struct row *row = pool_row(core, pool, index);
    ASSERT(row->generation != 0);
    return handle_make((enum table)pool->table, row->generation, index);
}
