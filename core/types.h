/* The small values that inputs and effects are made of. All are plain data: copyable, comparable field by field. */
#ifndef STEAD_CORE_TYPES_H
#define STEAD_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* A keyed 128-bit hash of a name or an id, made by the adapters; the text stays with them. 0:0 is none. */
struct key {
    uint64_t hi, lo;
};

/* Names one row of one table: table (3 bits) | generation (11) | index (18). 0 is none. A handle whose generation has
 * passed is a stranger's and is ignored. */
struct handle {
    uint32_t bits;
};

enum table { TABLE_NONE, TABLE_CALL, TABLE_DELIVERY, TABLE_FUNCTION, TABLE_WORKER, TABLE_COUNT };

enum { HANDLE_INDEX_BITS = 18, HANDLE_GENERATION_BITS = 11, HANDLE_ROWS_MAX = 1 << HANDLE_INDEX_BITS };

/* A payload that the core may hold, pass on or drop, and never read. slot 0 is none.
 * Ownership: a blob that arrives in an input is the core's until it emits EFFECT_DROP_BLOB for it, once. Every other
 * effect only borrows the blob: whoever performs the effect copies or keeps what it needs before the next step. */
struct blob {
    uint32_t slot, length;
};

/* How an operation ended. UNKNOWN (timeout, lost link) is never folded into REFUSED: it may have happened. */
enum outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_UNKNOWN };

static inline bool key_equal(struct key a, struct key b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline bool key_is_none(struct key key)
{
    return key.hi == 0 && key.lo == 0;
}

static inline bool handle_equal(struct handle a, struct handle b)
{
    return a.bits == b.bits;
}

static inline uint32_t handle_index(struct handle handle)
{
    return handle.bits & (HANDLE_ROWS_MAX - 1);
}

static inline enum table handle_table(struct handle handle)
{
    return (enum table)(handle.bits >> (HANDLE_INDEX_BITS + HANDLE_GENERATION_BITS));
}

static inline struct handle handle_make(enum table table, uint32_t generation, uint32_t index)
{
    return (struct handle){ (uint32_t)table << (HANDLE_INDEX_BITS + HANDLE_GENERATION_BITS) |
                            generation << HANDLE_INDEX_BITS | index };
}

/* An operation number holds the row that waits for it, so a completion needs to quote nothing else. */
static inline struct handle operation_owner(uint64_t operation)
{
    return (struct handle){ (uint32_t)(operation >> 32) };
}

#endif
