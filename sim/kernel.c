/* A whole simulation spends more time here than anywhere else. What is touched is small, and the events themselves are
 * touched only when they are posted and when they come out. */
#include "core/assert.h"
#include "sim/kernel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE_BYTES = 64 };

/* Room for one chunk of events more; what is there stays. */
static bool kernel_grow(struct kernel *kernel)
{
    uint32_t capacity = kernel->capacity + KERNEL_CHUNK_EVENTS;
    if (kernel->chunks_count == KERNEL_CHUNKS_MAX) {
        return false;
    }
    struct kernel_entry *entries = realloc(kernel->entries, capacity * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    kernel->entries = entries;
    struct event *chunk = aligned_alloc(CACHE_LINE_BYTES, KERNEL_CHUNK_EVENTS * sizeof(*chunk));
    if (chunk == NULL) {
        return false;
    }
    kernel->chunks[kernel->chunks_count++] = chunk;
    for (uint32_t number = capacity; number > kernel->capacity; number--) {
        entries[number - 1].next = kernel->free_first;
        kernel->free_first = number;
    }
    kernel->capacity = capacity;
    return true;
}

static struct event *event_at(const struct kernel *kernel, uint32_t number)
{
    return &kernel->chunks[(number - 1) / KERNEL_CHUNK_EVENTS][(number - 1) % KERNEL_CHUNK_EVENTS];
}

bool kernel_init(struct kernel *kernel)
{
    memset(kernel, 0, sizeof(*kernel));
    return kernel_grow(kernel);
}

void kernel_free(struct kernel *kernel)
{
    for (uint32_t at = 0; at < kernel->chunks_count; at++) {
        free(kernel->chunks[at]);
    }
    free(kernel->entries);
    memset(kernel, 0, sizeof(*kernel));
}

/* -- slots -- */

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

/* Puts the event behind all others of its slot. */
static void slot_append(struct kernel *kernel, uint32_t number)
{
    struct kernel_entry *entry = &kernel->entries[number - 1];
    uint64_t differs = (entry->at ^ kernel->now) | 1;
    uint32_t digit = (63 - (uint32_t)__builtin_clzll(differs)) / KERNEL_DIGIT_BITS;
    uint32_t value = (uint32_t)(entry->at >> digit * KERNEL_DIGIT_BITS) % KERNEL_SLOTS;
    struct kernel_wheel *wheel = &kernel->wheel[digit];
    struct kernel_slot *slot = &wheel->slot[value];
    bool empty = (wheel->used >> value & 1) == 0;
    *(empty ? &slot->first : &kernel->entries[slot->last - 1].next) = number;
    slot->last = number;
    slot->earliest = empty || entry->at < slot->earliest ? entry->at : slot->earliest;
    wheel->used |= UINT64_C(1) << value;
    kernel->wheels_used |= 1u << digit;
    entry->next = 0;
}

/* The first slot in use; there must be one. */
static struct kernel_slot *slot_next(struct kernel *kernel)
{
    struct kernel_wheel *wheel = &kernel->wheel[lowest(kernel->wheels_used)];
    return &wheel->slot[lowest(wheel->used)];
}

/* The first slot in use is empty from now on. */
static void slot_clear_next(struct kernel *kernel)
{
    struct kernel_wheel *wheel = &kernel->wheel[lowest(kernel->wheels_used)];
    wheel->used &= wheel->used - 1;
    kernel->wheels_used &= wheel->used != 0 ? UINT32_MAX : kernel->wheels_used - 1;
}

/* Moves time to the earliest event of the first slot in use, and all that is in it to lower wheels. */
static void slot_spread_next(struct kernel *kernel)
{
    struct kernel_slot slot = *slot_next(kernel);
    slot_clear_next(kernel);
    kernel->now = slot.earliest;
    for (uint32_t number = slot.first, next; number != 0; number = next) {
        next = kernel->entries[number - 1].next;
        slot_append(kernel, number);
    }
}

/* Takes out the first of those that are due first. */
static uint32_t slot_take_next(struct kernel *kernel)
{
    struct kernel_slot *slot = slot_next(kernel);
    if (slot->first != slot->last && slot->earliest / KERNEL_SLOTS != kernel->now / KERNEL_SLOTS) {
        slot_spread_next(kernel);
        slot = slot_next(kernel);
    }
    /* It is alone, or in the lowest wheel, where all of a slot are due at the same time. */
    uint32_t number = slot->first;
    kernel->now = slot->earliest;
    if (number == slot->last) {
        slot_clear_next(kernel);
    } else {
        slot->first = kernel->entries[number - 1].next;
    }
    return number;
}

/* -- in -- */

struct event *kernel_post(struct kernel *kernel, uint64_t at)
{
    ASSERT(at >= kernel->now);
    if (kernel->free_first == 0 && !kernel_grow(kernel)) {
        return NULL;
    }
    uint32_t number = kernel->free_first;
    kernel->free_first = kernel->entries[number - 1].next;
    kernel->entries[number - 1].at = at;
    slot_append(kernel, number);
    struct event *event = event_at(kernel, number);
    memset(event, 0, offsetof(struct event, input));
    event->at = at;
    return event;
}

/* -- out -- */

uint64_t kernel_next_at(const struct kernel *kernel)
{
    if (kernel->wheels_used == 0) {
        return 0;
    }
    const struct kernel_wheel *wheel = &kernel->wheel[lowest(kernel->wheels_used)];
    return wheel->slot[lowest(wheel->used)].earliest;
}

/* What probably comes next is asked for ahead: it was posted long ago and has left the cache since. */
static void next_prefetch(struct kernel *kernel)
{
    const char *next = (const char *)event_at(kernel, slot_next(kernel)->first);
    for (size_t at = 0; at < sizeof(struct event); at += CACHE_LINE_BYTES) {
        __builtin_prefetch(next + at);
    }
}

const struct event *kernel_pop(struct kernel *kernel)
{
    if (kernel->out != 0) {
        kernel->entries[kernel->out - 1].next = kernel->free_first;
        kernel->free_first = kernel->out;
        kernel->out = 0;
    }
    if (kernel->wheels_used == 0) {
        return NULL;
    }
    kernel->out = slot_take_next(kernel);
    kernel->popped++;
    if (kernel->wheels_used != 0) {
        next_prefetch(kernel);
    }
    return event_at(kernel, kernel->out);
}
