/* A capped bump arena for protobuf-c: unpacking a hostile message costs at most `limit` bytes, and freeing is one call.
 *
 * A 4 MiB message of two-byte fields unpacks to over 200 MB with malloc; here protobuf-c gets NULL at the limit and
 * gives up cleanly. Not thread-safe: one arena, one thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_ARENA_H
#define STEAD_ADAPTERS_GRPC_RPC_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct rpc_arena_chunk;

struct rpc_arena {
    ProtobufCAllocator allocator; /* pass &arena.allocator; its free does nothing */
    struct rpc_arena_chunk *chunks;
    size_t reserved; /* bytes held in chunks */
    size_t limit;
    bool exhausted; /* an allocation was refused since the last reset */
};

/* The arena must not move afterwards: the allocator points to it. */
void rpc_arena_init(struct rpc_arena *arena, size_t limit);
/* Aligned for any type; NULL beyond the limit or out of memory. */
void *rpc_arena_take(struct rpc_arena *arena, size_t size);
/* Forgets all allocations; keeps one small chunk for the next message. */
void rpc_arena_reset(struct rpc_arena *arena);
void rpc_arena_free(struct rpc_arena *arena);

#endif
