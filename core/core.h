/* The core of Stead: every decision, and nothing else.
 *
 *     core_step(core, input, effects)     one fact in, requests to the world out
 *     core_next_deadline(core)            call again with INPUT_TICK at that time if nothing else happens
 *
 * No I/O, clock, threads, allocation or payload bytes. A core lives in one piece of memory that the caller gives, holds
 * no pointers, and can be copied by core_copy(). The same inputs give the same effects and the same hash on every
 * compiler and at every optimisation level. Not thread-safe: one core, one thread at a time.
 *
 * Limits are explicit: a full table is an answer (QUEUE_FULL, or a message handed back), never an accident. Work that
 * would overflow the list of effects goes on at the next step; core_next_deadline() is then `now`.
 *
 * Who is stepped late slept: timers then wait a moment, so that what waited to be heard comes first (docs/adr/0021). */
#ifndef STEAD_CORE_CORE_H
#define STEAD_CORE_CORE_H

#include "core/effect.h"
#include "core/input.h"
#include "core/limits.h"
#include "core/states.h"
#include "core/types.h"

#define CORE_NEVER UINT64_MAX /* core_next_deadline(): nothing is due */

/* Counts up whenever the same inputs may lead to other effects or another state, or a state is laid out otherwise: what
 * was recorded by another one is not replayed. */
enum { CORE_BEHAVIOUR = 21 };

struct core;

/* Bytes that core_init needs, aligned to 16; 0 if a limit is 0 or over HANDLE_ROWS_MAX. */
uint64_t core_size(const struct limits *limits);
/* Lays a core out in `memory` of core_size() bytes. `seed` feeds jitter and nonces: unlike for every instance. */
struct core *core_init(void *memory, const struct limits *limits, const struct settings *settings, uint64_t seed);
void core_step(struct core *core, const struct input *input, struct effects *effects);
uint64_t core_next_deadline(const struct core *core);
/* Hash of the meaning of the whole state, field by field; equal states give equal hashes on every build. */
uint64_t core_hash(const struct core *core);
/* Makes `to` (core_size() bytes) an equal and independent core. */
struct core *core_copy(void *to, const struct core *from);
/* The same from the `size` bytes of a copy that was kept, of a core with these limits and this CORE_BEHAVIOUR; NULL if
 * they are not laid out so. Bytes that were changed since must be found out before, by a sum. */
struct core *core_restore(void *to, const struct limits *limits, const void *bytes, uint64_t size);

/* What people and metrics may look at. Gauges are derived; counters only grow. */
struct core_view {
    uint32_t calls, deliveries, queued, running, functions, functions_ready, workers, workers_idle;
    uint32_t credits; /* messages asked for and not yet delivered */
    uint8_t instance; /* enum instance_state */
    uint8_t link_up;
    uint8_t sweeps; /* the sweeper's lease is this core's */
    uint64_t steps;
    uint64_t inputs[INPUT_COUNT], effects[EFFECT_COUNT];
};
void core_view(const struct core *core, struct core_view *ret_view);

/* The edges that were taken since core_init(). Valid as long as the core is. */
struct edges;
const struct edges *core_edges(const struct core *core);

/* Calls of this function that our door let in and the broker has not confirmed yet: they may still reach its queue, and
 * no one else can know of them. Looks at every call. */
uint32_t core_unconfirmed(const struct core *core, struct key function);

/* What is known of the queue of one function. */
struct core_queue {
    uint32_t messages; /* as told last, and let in here since */
    uint32_t in_hand;  /* here: waiting for a worker or running, also on other versions */
    uint8_t takes;     /* this core asks for its messages, or would if there were room */
    uint8_t stray;     /* there is no record of it, only mail */
    uint64_t size;     /* what all of them take, estimated: messages by the average of those seen here, in bytes */
};
/* False if no function is called so. */
bool core_queue(const struct core *core, struct key function, struct core_queue *ret_queue);

/* How much of a function, or a route, runs at once, and may. */
struct core_concurrency {
    uint32_t running;
    uint32_t limit;                /* as it has adapted; 0: it does not */
    uint32_t limit_min, limit_max; /* between which it moves; limit_max also if it does not; 0: it serves nothing */
    uint32_t limit_now;            /* less than `limit` while the baseline is measured */
};
/* False if there is no such row. */
bool core_concurrency(const struct core *core, struct handle function, struct core_concurrency *ret_load);

/* Checks every internal invariant at once (linked lists, counts, handles, blobs held); asserts. Slow: for the
 * simulator. */
void core_check(const struct core *core);
/* Blobs held now; the simulator compares it with its own ledger. */
uint32_t core_blobs_held(const struct core *core);

/* Planted bugs, only in builds with STEAD_MUTANTS: switches mutant `id` on (0: none). See docs/invariants.md. */
#ifdef STEAD_MUTANTS
void core_set_mutant(struct core *core, uint32_t id);
#endif

#endif
