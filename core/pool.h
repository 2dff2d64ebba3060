/* Tables of rows with generations, and the handles that name rows from outside. Freed rows go to the end of the free
 * list, so that a generation is reused as late as possible. */
#ifndef STEAD_CORE_POOL_H
#define STEAD_CORE_POOL_H

#include "core/state.h"

enum { POOL_WORD_BITS = 64 };

/* A free row's index with its generation advanced, or NOWHERE if the table is full. Its state is still FREE. */
uint32_t pool_take(struct core *core, struct pool *pool);
/* Gives a row back: its state becomes FREE and its handle stale. */
void pool_give(struct core *core, struct pool *pool, uint32_t index);
/* The live row that a handle names, or NOWHERE for a stranger's or a stale one. */
uint32_t pool_find(struct core *core, const struct pool *pool, struct handle handle);
/* The first taken row from `at` on, or NOWHERE. Free rows are not looked at: of thousands some tens are taken. */
uint32_t pool_next_taken(struct core *core, const struct pool *pool, uint32_t at);
struct handle pool_handle(struct core *core, const struct pool *pool, uint32_t index);

#endif
