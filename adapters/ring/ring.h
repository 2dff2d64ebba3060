/* A bounded ring that carries pointers from one thread to another without locks: one pusher, one popper.
 *
 * The popper announces that it is about to sleep with ring_sleep(); the first push after that calls `wake` once. Under
 * load nobody sleeps and nobody is woken, so a hand-over costs a store and a load.
 *
 *     popper:  for (;;) { while ((item = ring_pop(r))) work(item);  if (ring_sleep(r)) wait for the wake-up; }
 *
 * `wake` runs on the pusher's thread and must be callable from there; it may be called once too often, never too
 * seldom. The ring doesn't own what it carries. */
#ifndef STEAD_ADAPTERS_RING_H
#define STEAD_ADAPTERS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { RING_CACHE_LINE_BYTES = 64 };

struct ring {
    /* the pusher's line */
    _Alignas(RING_CACHE_LINE_BYTES) _Atomic size_t tail; /* next place to write; only the pusher changes it */
    size_t head_seen;                                    /* the pusher's last look at head */
    /* the popper's line */
    _Alignas(RING_CACHE_LINE_BYTES) _Atomic size_t head; /* next place to read; only the popper changes it */
    size_t tail_seen;
    /* shared */
    _Alignas(RING_CACHE_LINE_BYTES) _Atomic bool sleeping;
    void **slots;
    size_t mask;
    void (*wake)(void *owner);
    void *owner;
};

/* Room for at least `capacity` items (rounded up to a power of two). False if out of memory. */
bool ring_init(struct ring *ring, size_t capacity, void (*wake)(void *owner), void *owner);
/* Only when both threads are done with it. What is still in the ring is forgotten. */
void ring_free(struct ring *ring);

/* Pusher: false if full, then nothing has changed. `item` is not NULL. */
bool ring_push(struct ring *ring, void *item);
/* Popper: the oldest item, or NULL if empty. */
void *ring_pop(struct ring *ring);
/* Popper: true if it may sleep, because the ring is empty and the next push will wake; false if there is more to pop.
 */
bool ring_sleep(struct ring *ring);
/* Popper: it woke for another reason and will pop before it sleeps again; saves the pusher a needless wake. */
void ring_awake(struct ring *ring);

#endif
