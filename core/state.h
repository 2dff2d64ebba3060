/* The whole state of a core: fixed tables, intrusive lists of indices, one heap of timers. Private to core/.
 *
 * All of it lies in one block: this struct, then the tables at the offsets below, so that a copy of the block is a copy
 * of the core. Rows are named by index inside, by handle outside. NOWHERE ends lists. Each machine's states are a
 * table in states.h; one function per machine changes a state, and it asserts the edge. */
#ifndef STEAD_CORE_STATE_H
#define STEAD_CORE_STATE_H

#include "core/assert.h"
#include "core/core.h"
#include "core/states.h"

enum { NOWHERE = UINT32_MAX };

/* -- rows ---------------------------------------------------------------------------------------------------------- */

struct row {
    uint32_t next_free;
    uint16_t generation;
    uint8_t state; /* 0 is FREE in every table */
};

struct node {
    uint32_t before, after;
    bool linked;
};

struct list {
    uint32_t first, last, count;
};

struct call {
    struct row row;
    uint8_t tries, kind; /* enum call_kind */
    bool in_doubt;       /* SUBMIT: the broker knew the id. CANCEL: an earlier store may have been done */
    uint32_t function;   /* NOWHERE unless it is published */
    uint32_t bucket_next, operation_epoch;
    struct blob blob; /* the request, until the PubAck */
    struct key request;
    uint64_t digest, reference, operation, deadline_ns, poll_ns;
    uint64_t sequence; /* CANCEL: of the message that was found */
};

struct delivery {
    struct row row;
    uint8_t end, reason, tries, error_class;
    bool has_reply_to, needs_claim;
    uint16_t stream;
    uint32_t function, worker, bucket_next, epoch, operation_epoch, attempts, starts;
    struct node node; /* in its function's queue or in its worker's list of running ones */
    struct blob message, result;
    struct key request;
    uint64_t digest, sequence, operation, revision, nonce, extend_ns, deadline_ns, expires_ns, after_ns, started_ns;
};

struct worker {
    struct row row;
    bool probe, ahead, charged, overdue; /* overdue: a cancelled invocation has not answered yet */
    bool gone;                           /* the process has ended; what ran in it is being ended */
    uint8_t exit_reason;
    uint16_t concurrency, stream_last, zombies;
    uint32_t function;
    struct node node; /* in its function's list of ready ones with room */
    struct list running;
    struct key version;
    uint64_t started_ns;
};

struct version {
    struct key key;
    uint64_t timeout_ns, keep_alive_ns;
    uint16_t retries_max, concurrency, workers_max;
};

struct function {
    struct row row;
    bool dirty, serving, consumer_ready, active, announced, stale_workers, probe_wanted;
    uint8_t tries; /* of the candidate */
    uint8_t alias, place, weight, closing;
    uint16_t start_failures;
    uint32_t owner; /* a route: the function whose requests it shares; NOWHERE: a function */
    uint32_t route_first, route_next;
    uint32_t bucket_next, dirty_next, pull_epoch, outstanding, pending, in_hand, workers, starting, consumer_epoch,
        references;
    struct list queue, ready;
    struct key name;
    struct version current, candidate;
    uint64_t build_operation, consumer_operation, fresh_after, consumer_retry_ns, start_after_ns, pull_until_ns,
        attend_ns, probe_until_ns;
    uint64_t execute_ns, start_ns; /* moving averages; 0 is unknown */
};

struct pool {
    uint64_t at; /* offset of the first row */
    uint32_t row_size, rows, live, free_first, free_last;
    uint8_t table;
};

struct index {
    uint64_t at; /* offset of the buckets */
    uint32_t mask;
};

struct timer {
    uint64_t due_ns, order;
    uint32_t place; /* in the heap, NOWHERE if not set */
};

struct core {
    struct limits limits;
    struct settings settings;
    uint64_t seed, size, now_ns, steps, timer_order;
    int64_t clock_ns_min, clock_ns_max;
    uint64_t heard_ns, drain_until_ns, full_until_ns, instance_ns;
    struct pool calls, deliveries, functions, workers;
    struct index calls_by_request, deliveries_by_request, functions_by_name;
    uint64_t timers_at, heap_at;
    uint32_t timers_count, heap_count, operations, epoch, in_hand, outstanding, extra, active, blobs;
    uint32_t dirty_first, dirty_last, sweep_calls, sweep_deliveries, sweep_functions;
    bool link_up, clock_known, draining, stopped;
    bool pull_lost; /* a pull's end never came, and nothing was heard since */
    uint8_t instance;
    uint32_t mutant;
    uint64_t inputs[INPUT_COUNT], emitted[EFFECT_COUNT];
    struct effects *out; /* only during a step */
};

/* -- access -------------------------------------------------------------------------------------------------------- */

static inline struct row *pool_row(struct core *core, const struct pool *pool, uint32_t index)
{
    ASSERT(index < pool->rows);
    return (struct row *)((char *)core + pool->at + (uint64_t)index * pool->row_size);
}

static inline struct call *call_at(struct core *core, uint32_t index)
{
    return (struct call *)pool_row(core, &core->calls, index);
}

static inline struct delivery *delivery_at(struct core *core, uint32_t index)
{
    return (struct delivery *)pool_row(core, &core->deliveries, index);
}

static inline struct function *function_at(struct core *core, uint32_t index)
{
    return (struct function *)pool_row(core, &core->functions, index);
}

static inline struct worker *worker_at(struct core *core, uint32_t index)
{
    return (struct worker *)pool_row(core, &core->workers, index);
}

static inline uint32_t *index_bucket(struct core *core, const struct index *index, struct key key)
{
    uint32_t *buckets = (uint32_t *)((char *)core + index->at);
    return &buckets[(uint32_t)(key.lo ^ key.hi >> 17) & index->mask];
}

#ifdef STEAD_MUTANTS
#define MUTANT(id) (core->mutant == (id))
#else
#define MUTANT(id) false
#endif

#endif
