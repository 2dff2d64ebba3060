/* The blob store: an array of slots, each a malloc'ed buffer with a reference count, and a stack of free slots threaded
 * through the array. Slot 0 is never used, so that 0 can mean "none". Payloads are malloc'ed one by one: they differ
 * widely in size, and adopting a buffer saves the copy that a slab of our own would need. */
#include "adapters/blob/blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint8_t *at;
    size_t length;
    uint32_t references; /* 0: free */
    uint32_t next_free;
};

struct blob_store {
    struct blob_counts counts;
    uint32_t free; /* head of the free list, 0: none */
    struct slot slots[];
};

/* Misuse would corrupt another request's payload, so it ends the process in every build. */
static void blob_panic(const char *what, uint32_t slot)
{
    fprintf(stderr, "stead: bug: blob store: %s (slot %u)\n", what, (unsigned)slot);
    abort();
}

struct blob_store *blob_store_create(uint32_t slots_max, size_t bytes_max)
{
    if (slots_max == 0 || slots_max == UINT32_MAX) {
        return NULL;
    }
    size_t count = (size_t)slots_max + 1;
    struct blob_store *store = calloc(1, sizeof *store + count * sizeof store->slots[0]);
    if (store == NULL) {
        return NULL;
    }
    store->counts.slots_max = slots_max;
    store->counts.bytes_max = bytes_max;
    store->free = 1;
    for (uint32_t slot = 1; slot < slots_max; slot++) {
        store->slots[slot].next_free = slot + 1;
    }
    return store;
}

void blob_store_free(struct blob_store *store)
{
    if (store == NULL) {
        return;
    }
    for (uint32_t slot = 1; slot <= store->counts.slots_max; slot++) {
        free(store->slots[slot].at);
    }
    free(store);
}

static struct slot *blob_held(const struct blob_store *store, uint32_t slot)
{
    if (slot == BLOB_NONE || slot > store->counts.slots_max || store->slots[slot].references == 0) {
        blob_panic("use of an empty slot", slot);
    }
    return (struct slot *)(uintptr_t)&store->slots[slot];
}

static bool blob_room(struct blob_store *store, size_t length)
{
    if (store->free == BLOB_NONE || length > store->counts.bytes_max - store->counts.bytes_used) {
        store->counts.refused++;
        return false;
    }
    return true;
}

static uint32_t blob_take(struct blob_store *store, uint8_t *at, size_t length)
{
    uint32_t slot = store->free;
    struct slot *taken = &store->slots[slot];
    store->free = taken->next_free;
    *taken = (struct slot){ .at = at, .length = length, .references = 1 };
    store->counts.slots_used++;
    store->counts.bytes_used += length;
    return slot;
}

bool blob_put(struct blob_store *store, const void *at, size_t length, uint32_t *ret_slot)
{
    if (!blob_room(store, length)) {
        return false;
    }
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    if (copy == NULL) {
        store->counts.refused++;
        return false;
    }
    if (length > 0) {
        memcpy(copy, at, length);
    }
    *ret_slot = blob_take(store, copy, length);
    return true;
}

bool blob_adopt(struct blob_store *store, void *at, size_t length, uint32_t *ret_slot)
{
    if (!blob_room(store, length)) {
        return false;
    }
    *ret_slot = blob_take(store, at, length);
    return true;
}

struct bytes blob_get(const struct blob_store *store, uint32_t slot)
{
    const struct slot *held = blob_held(store, slot);
    return (struct bytes){ held->at, held->length };
}

void blob_keep(struct blob_store *store, uint32_t slot)
{
    struct slot *held = blob_held(store, slot);
    if (held->references == UINT32_MAX) {
        blob_panic("too many references", slot);
    }
    held->references++;
}

void blob_drop(struct blob_store *store, uint32_t slot)
{
    if (slot == BLOB_NONE) {
        return;
    }
    struct slot *held = blob_held(store, slot);
    if (--held->references > 0) {
        return;
    }
    free(held->at);
    store->counts.slots_used--;
    store->counts.bytes_used -= held->length;
    *held = (struct slot){ .next_free = store->free };
    store->free = slot;
}

struct blob_counts blob_counts(const struct blob_store *store)
{
    return store->counts;
}
