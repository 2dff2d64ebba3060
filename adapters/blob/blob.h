/* Payload buffers named by slot. The core holds slots and lengths and never sees a byte; adapters put payloads in, look
 * at them, and drop them. Slots are reference-counted; the last drop frees the bytes.
 *
 * Bounds: at most `slots_max` buffers and `bytes_max` bytes together. Full is an answer (false), not an accident.
 * Misuse (a slot that is empty or out of range) is a bug of ours and aborts, in release builds too.
 * Ownership: the store owns its buffers; views stay valid until the slot's last drop.
 * Threads: none of its own; all calls on one store belong to one thread. */
#ifndef STEAD_ADAPTERS_BLOB_H
#define STEAD_ADAPTERS_BLOB_H

#include "adapters/event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOB_NONE = 0 }; /* the slot that is no blob */

struct blob_store;

struct blob_counts {
    uint32_t slots_used, slots_max;
    size_t bytes_used, bytes_max;
    uint64_t refused; /* puts and adoptions that found no room, since the start */
};

/* NULL if memory ran out. slots_max is 1 or more. */
struct blob_store *blob_store_create(uint32_t slots_max, size_t bytes_max);
void blob_store_free(struct blob_store *store); /* frees what is still held; NULL is fine */

/* Copies `length` bytes (0 is fine) into a new slot with one reference. False: no room; ret_slot is untouched. */
bool blob_put(struct blob_store *store, const void *at, size_t length, uint32_t *ret_slot);
/* Takes over a buffer from malloc() without copying. False: no room; the buffer stays the caller's. */
bool blob_adopt(struct blob_store *store, void *at, size_t length, uint32_t *ret_slot);
struct bytes blob_get(const struct blob_store *store, uint32_t slot);
void blob_keep(struct blob_store *store, uint32_t slot); /* one more reference */
void blob_drop(struct blob_store *store, uint32_t slot); /* one less; BLOB_NONE is fine */
struct blob_counts blob_counts(const struct blob_store *store);

#endif
