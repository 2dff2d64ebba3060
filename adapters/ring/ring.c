/* How the ring works: head and tail count up for ever and are masked on use, so full and empty differ. Each side keeps
 * its last look at the other's counter and reads the shared one only when that look says full or empty.
 *
 * The sleep protocol needs one total order of (store sleeping, load tail) against (store tail, load sleeping); both
 * sides use sequentially consistent operations for exactly these four, so at least one of the two sees the other. */
#include "adapters/ring/ring.h"

#include <assert.h>
#include <stdlib.h>

bool ring_init(struct ring *ring, size_t capacity, void (*wake)(void *owner), void *owner)
{
    assert(capacity > 0);
    assert(capacity <= (size_t)1 << 30);
    size_t places = 1;
    while (places < capacity)
        places *= 2;
    void **slots = calloc(places, sizeof *slots);
    if (!slots)
        return false;
    *ring = (struct ring){ .slots = slots, .mask = places - 1, .wake = wake, .owner = owner };
    return true;
}

void ring_free(struct ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}

bool ring_push(struct ring *ring, void *item)
{
    assert(item);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen > ring->mask) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen > ring->mask)
            return false;
    }
    ring->slots[tail & ring->mask] = item;
    atomic_store(&ring->tail, tail + 1);
    if (atomic_load(&ring->sleeping) && atomic_exchange(&ring->sleeping, false) && ring->wake)
        ring->wake(ring->owner);
    return true;
}

void *ring_pop(struct ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == ring->tail_seen) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head == ring->tail_seen)
            return NULL;
    }
    void *item = ring->slots[head & ring->mask];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return item;
}

bool ring_sleep(struct ring *ring)
{
    atomic_store(&ring->sleeping, true);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (atomic_load(&ring->tail) == head)
        return true;
    atomic_store(&ring->sleeping, false);
    return false;
}

void ring_awake(struct ring *ring)
{
    atomic_store_explicit(&ring->sleeping, false, memory_order_relaxed);
}
