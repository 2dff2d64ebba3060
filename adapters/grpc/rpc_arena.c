/* The arena is a list of chunks, newest first; only the newest is bumped. A chunk is 4 KiB or as large as the one
 * allocation that asked for it. */
#include "adapters/grpc/rpc_arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 4096 };

struct rpc_arena_chunk {
    struct rpc_arena_chunk *older;
    size_t capacity;
    size_t used;
    alignas(max_align_t) uint8_t at[];
};

static void *allocate(void *arena, size_t size)
{
    return rpc_arena_take(arena, size);
}

static void forget(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

void rpc_arena_init(struct rpc_arena *arena, size_t limit)
{
    *arena = (struct rpc_arena){ .limit = limit };
    arena->allocator = (ProtobufCAllocator){ .alloc = allocate, .free = forget, .allocator_data = arena };
}

static struct rpc_arena_chunk *chunk_add(struct rpc_arena *arena, size_t size)
{
    size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    if (capacity > arena->limit || arena->reserved > arena->limit - capacity)
        return NULL;
    struct rpc_arena_chunk *chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    *chunk = (struct rpc_arena_chunk){ .older = arena->chunks, .capacity = capacity };
    arena->chunks = chunk;
    arena->reserved += capacity;
    return chunk;
}

void *rpc_arena_take(struct rpc_arena *arena, size_t size)
{
    struct rpc_arena_chunk *chunk = arena->chunks;
    size_t step = alignof(max_align_t);
    if (size > SIZE_MAX - step)
        return NULL;
    size = (size + step - 1) / step * step;
    if (!chunk || size > chunk->capacity - chunk->used)
        chunk = chunk_add(arena, size);
    if (!chunk) {
        arena->exhausted = true;
        return NULL;
    }
    void *at = chunk->at + chunk->used;
    chunk->used += size;
    assert(chunk->used <= chunk->capacity);
    return at;
}

void rpc_arena_reset(struct rpc_arena *arena)
{
    struct rpc_arena_chunk *kept = NULL;
    while (arena->chunks) {
        struct rpc_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        if (!kept && chunk->capacity == CHUNK_BYTES)
            kept = chunk;
        else
            free(chunk);
    }
    if (kept) {
        kept->older = NULL;
        kept->used = 0;
    }
    arena->chunks = kept;
    arena->reserved = kept ? kept->capacity : 0;
    arena->exhausted = false;
}

void rpc_arena_free(struct rpc_arena *arena)
{
    rpc_arena_reset(arena);
    free(arena->chunks);
    *arena = (struct rpc_arena){ 0 };
}
