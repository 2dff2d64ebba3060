/* A 4-ary heap: half the depth of a binary one, and the four children share a cache line or two. Only 24-byte entries
 * move; the events themselves stay in the pool until they are popped. */
#include "sim/kernel.h"

#include <stdlib.h>
#include <string.h>

static bool entry_before(const struct kernel_entry *a, const struct kernel_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

/* Makes room for `capacity` events; what is there stays. */
static bool kernel_grow(struct kernel *kernel, uint32_t capacity)
{
    struct kernel_entry *heap = realloc(kernel->heap, capacity * sizeof(*heap));
    if (heap != NULL) {
        kernel->heap = heap;
    }
    struct event *pool = realloc(kernel->pool, capacity * sizeof(*pool));
    if (pool != NULL) {
        kernel->pool = pool;
    }
    uint32_t *free_list = realloc(kernel->free_list, capacity * sizeof(*free_list));
    if (free_list != NULL) {
        kernel->free_list = free_list;
    }
    if (heap == NULL || pool == NULL || free_list == NULL) {
        return false;
    }
    for (uint32_t index = capacity; index > kernel->capacity; index--) {
        kernel->free_list[kernel->free_count++] = index - 1;
    }
    kernel->capacity = capacity;
    return true;
}

bool kernel_init(struct kernel *kernel, uint32_t capacity)
{
    memset(kernel, 0, sizeof(*kernel));
    return kernel_grow(kernel, capacity);
}

void kernel_free(struct kernel *kernel)
{
    free(kernel->heap);
    free(kernel->pool);
    free(kernel->free_list);
    memset(kernel, 0, sizeof(*kernel));
}

struct event *kernel_post(struct kernel *kernel, uint64_t at)
{
    if (kernel->free_count == 0 && !kernel_grow(kernel, kernel->capacity * 2)) {
        return NULL;
    }
    struct kernel_entry entry = { at, kernel->sequence++, kernel->free_list[--kernel->free_count] };
    uint32_t place = kernel->count++;
    while (place > 0 && entry_before(&entry, &kernel->heap[(place - 1) / 4])) {
        kernel->heap[place] = kernel->heap[(place - 1) / 4];
        place = (place - 1) / 4;
    }
    kernel->heap[place] = entry;
    struct event *event = &kernel->pool[entry.index];
    memset(event, 0, sizeof(*event));
    event->at = at;
    return event;
}

static void kernel_sink(struct kernel *kernel, struct kernel_entry entry)
{
    uint32_t place = 0;
    for (;;) {
        uint32_t child = place * 4 + 1, best = child;
        if (child >= kernel->count) {
            break;
        }
        for (uint32_t other = child + 1; other < child + 4 && other < kernel->count; other++) {
            if (entry_before(&kernel->heap[other], &kernel->heap[best])) {
                best = other;
            }
        }
        if (!entry_before(&kernel->heap[best], &entry)) {
            break;
        }
        kernel->heap[place] = kernel->heap[best];
        place = best;
    }
    kernel->heap[place] = entry;
}

bool kernel_pop(struct kernel *kernel, struct event *ret_event)
{
    if (kernel->count == 0) {
        return false;
    }
    uint32_t index = kernel->heap[0].index;
    *ret_event = kernel->pool[index];
    kernel->free_list[kernel->free_count++] = index;
    kernel->popped++;
    if (--kernel->count > 0) {
        kernel_sink(kernel, kernel->heap[kernel->count]);
    }
    return true;
}
