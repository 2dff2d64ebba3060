/* The whole state of a core: fixed tables, intrusive lists of indices, one heap of timers. Private to core/.
 *
 * All of it lies in one block: this struct, then the tables at the offsets below, so that a copy of the block is a copy
 * of the core. Rows are named by index inside, by handle outside. NOWHERE ends lists. Each machine's states are a
 * table in states.h; one function per machine changes a state, and it asserts the edge. */
#ifndef STEAD_CORE_STATE_H
#define STEAD_CORE_STATE_H

#include "core/assert.h"
#include "core/core.h"
#include "core/mutants.h"
#include "core/states.h"

enum { NOWHERE = UINT32_MAX };

/* What comes unasked (hearing.c). */
enum heard { HEARD_ANSWER, HEARD_CHANGE, HEARD_COUNT };

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
    bool in_doubt;       /* SUBMIT: the broker knew the id. CANCEL: a store may have been done, or it is marked */
    uint32_t function;   /* NOWHERE unless it is published */
    uint32_t bucket_next, operation_epoch;
    uint32_t confirmed_epoch; /* EXECUTE, SUBMIT: the connection on which its publish was confirmed */
    uint32_t found_epoch;     /* CANCEL: the connection on which `sequence` was found */
    struct blob blob;         /* the request, until the PubAck */
    struct key request;
    uint64_t digest, reference, operation, deadline_ns, poll_ns;
    uint64_t sequence; /* CANCEL: of the message that was found */
};

struct delivery {
    struct row row;
    uint8_t end, reason, tries;
    uint8_t cause;                           /* of the failure that is being charged, or that was last: enum cause */
    bool has_reply_to, needs_claim, visited; /* visited: it came to be looked at, not to be run */
    bool walked;                             /* nobody delivered it, the walk found it: walk.c */
    bool over;       /* it waits for no worker: its time was over when it came, or it was refused then */
    uint8_t refusal; /* enum reason: how it ends if it has not ended yet; NONE: it may run */
    bool marked;     /* the ledger says that it has ended, or will by what is being written to it */
    struct causes causes;
    uint16_t stream;
    uint32_t function, worker, bucket_next, epoch, operation_epoch, attempts, starts;
    uint32_t revision_epoch; /* the connection on which `revision` was seen */
    struct node node;        /* in its function's queue or in its worker's list of running ones */
    struct blob message, result;
    struct key request;
    uint64_t digest, sequence, operation, nonce, extend_ns, deadline_ns, expires_ns, after_ns, started_ns;
    uint64_t revision;    /* of its ledger, as it was read or written last */
    uint64_t known_nonce; /* of the record that a charge goes over: as it was read, or our start */
};

struct worker {
    struct row row;
    bool probe, ahead, charged, overdue; /* overdue: a cancelled invocation has not answered yet */
    bool gone;                           /* the process has ended; what ran in it is being ended */
    uint8_t exit_cause;                  /* enum cause */
    uint16_t concurrency, stream_last, zombies;
    uint16_t occupied; /* of its function's `busy` */
    uint32_t function;
    struct node node; /* in its function's list of ready ones with room */
    struct list running;
    struct key version;
    uint64_t started_ns;
    uint64_t ready_ns;  /* since when it takes messages */
    uint64_t yields_ns; /* since when it takes no more, for the sake of `yields_to`; 0: it does not yield */
    uint32_t yields_to; /* the function that is to have its place */
};

struct version {
    struct key key;
    uint64_t timeout_ns, keep_alive_ns;
    uint16_t retries_max, concurrency, workers_max;
};

/* How failures are treated: what the function said, 0 where it said nothing. */
struct policy {
    uint64_t retry_ns_base, retry_ns_max;
    uint8_t jitter; /* enum jitter + 1 */
    uint8_t retries[CAUSE_KEPT];
    uint16_t concurrency_min;      /* how far the concurrency may go down; 0: it does not adapt */
    uint64_t age_ns_max, size_max; /* of what is queued, before the door refuses; 0: no bound */
};

/* How much may run at once, and the window of executions by which it moves. Logarithms are to the base 2, in 1/256. */
struct adaptive {
    uint32_t limit, peak; /* peak: most that ran at once in this window */
    uint32_t settled, dropped;
    uint32_t baseline;   /* mean logarithm of executions with little beside them; 0: not known */
    uint32_t age, pause; /* windows at the limit since the baseline was measured, and before it is again */
    uint64_t logarithms, since_ns;
    uint64_t trial_ns, tried_ns; /* how long the last trial took, and when it ended */
    bool trial, starved;         /* starved: no process was left for what waited */
    bool anew, above; /* anew: only what began in this window counts; above: the window before was too slow */
    bool careful;     /* it was told that this is too much */
};

/* Processes that died while they ran something, since one of them last answered. */
struct crashes {
    uint32_t count;
    bool several;   /* not all while they ran the same request */
    bool probation; /* the next one is enough */
    uint8_t quarantines;
    uint8_t cause; /* enum cause: of the last */
    struct key request;
    uint64_t first_ns, until_ns; /* until_ns: in quarantine; 0: not */
};

/* How far the watchdog is with a function that is given nothing. */
enum watch {
    WATCH_WAITS,
    WATCH_LOOKED, /* at its consumer */
    WATCH_HELD,   /* and others had the mail, who have as long as a run takes */
};

struct function {
    struct row row;
    bool dirty, serving, consumer_ready, active, announced, stale_workers, probe_wanted;
    uint8_t tries;                          /* of the candidate */
    bool paused, stray, visited, leftovers; /* visited: the sweeper looks at its queue; leftovers: consumer.c */
    uint8_t alias, place, weight, closing;
    uint16_t start_failures;
    uint32_t owner; /* a route: the function whose requests it shares; NOWHERE: a function */
    uint32_t route_first, route_next;
    uint32_t bucket_next, dirty_next, pull_epoch, outstanding, pending, in_hand, workers, starting, consumer_epoch,
        references;
    struct list queue, ready;
    struct key name;
    struct version current, candidate;
    struct policy policy;
    struct crashes crashes;
    struct adaptive adaptive;
    uint32_t busy; /* executions, also cancelled ones that have not answered; not what was sent ahead */
    uint64_t build_operation, consumer_operation, fresh_after, consumer_retry_ns, start_after_ns, pull_until_ns,
        attend_ns, probe_until_ns;
    uint64_t execute_ns, start_ns; /* moving averages; 0 is unknown */
    uint32_t pending_max, messages, takers, visit_got,
        visit_want;               /* messages, takers: as told last, and let in since */
    uint64_t told_ns, visit_ns;   /* visit_ns: when the next may begin */
    uint64_t seen_ns, oldest_ns;  /* seen_ns: when `oldest_ns` was told: how long the first has waited; 0: none does */
    uint64_t size_16ths;          /* of a request on average, in 1/16 bytes; 0: not known */
    uint64_t mark, mark_ns, ripe; /* of a stray: its stream went up to `mark` at mark_ns, to `ripe` before that */
    uint64_t look_ns, suspect, held_from; /* consumer.c */
    uint32_t suspicions, renewed;         /* renewed: number of the operation that made the consumer anew last */
    uint64_t moved_ns;                    /* watch.c: nothing was amiss then */
    uint32_t renewals;                    /* of the connection, since the last delivery */
    uint8_t watch;                        /* enum watch */
    bool size_told;                       /* size_16ths is the broker's, of no message of its own */
};

struct pool {
    uint64_t at;       /* offset of the first row */
    uint64_t taken_at; /* offset of a bit for every row: it is taken */
    uint64_t
        generations; /* sum of what pool.c draws of every row's generation: of the free ones the hash needs no more */
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

/* What had to be looked for since the last that came by itself, and when that was; renewals of the connection since. */
struct unheard {
    uint64_t came_ns;
    uint32_t count, renewals;
};

/* The sweeper's lease, as far as this core knows. */
struct lease {
    uint64_t operation, revision, asked_ns, until_ns, next_ns; /* revision 0: not ours */
    uint32_t tries;
};

/* The walk through the queue by number. */
struct walk {
    uint64_t operation, next, until, due_ns; /* until: the end of the queue when the connection was new; 0: unknown */
    uint64_t over_ns;                        /* when the last of what this round left alone is over its time, or 0 */
    uint32_t delivery;                       /* what was found last and is being checked, or NOWHERE */
    uint32_t found, rounds;                  /* in this round; rounds that were walked to the end */
    bool wanted;
};

enum { ROOM_LOOKS = 8 }; /* a second between two, and what was removed 7 seconds ago is known to have gone */

/* The room of the request stream (room.c). Messages, unless it says bytes. */
struct room {
    uint64_t removed[ROOM_LOOKS]; /* from the stream, ever, as it was at the last looks */
    uint64_t looked_ns;           /* the youngest of them */
    uint64_t there;               /* as told last, and let in or settled here since */
    uint64_t possible;            /* if the broker had been killed at the last look: with what comes back */
    uint64_t messages_max, pending_max, bytes_max; /* 0: no bound */
    uint64_t size_mean;                            /* bytes */
    uint64_t unconfirmed;                          /* let in here; whether they are in the stream nobody knows */
    uint64_t confirmed, confirmed_before;          /* since the last look, and between the two before */
    uint32_t looks, instances;
    bool drops; /* what it has no room for, when it is killed */
};

struct core {
    struct limits limits;
    struct settings settings;
    uint64_t seed, size, now_ns, steps, timer_order;
    int64_t clock_ns_min, clock_ns_max;
    uint64_t heard_ns, drain_until_ns, full_until_ns, instance_ns;
    uint64_t heed_ns; /* it slept: timers run then, after what waited was heard; 0: it didn't */
    uint32_t heeds;   /* how often it did since they ran */
    struct pool calls, deliveries, functions, workers;
    struct index calls_by_request, deliveries_by_request, functions_by_name;
    uint64_t timers_at, heap_at;
    uint32_t timers_count, heap_count, operations, epoch, in_hand, outstanding, extra, active, blobs;
    uint32_t dirty_first, dirty_last, sweep_calls, sweep_deliveries, sweep_functions;
    bool link_up, clock_known, draining, stopped;
    uint32_t connect_failures, connects; /* failures in a row; connects: how often was waited before another attempt */
    uint64_t up_ns;                      /* since when the link is up */
    bool unanswered;                     /* an answer never came, and nothing was heard since */
    struct unheard unheard[HEARD_COUNT];
    uint8_t instance;
    struct lease lease;
    struct walk walk;
    struct room room;
    struct edges edges; /* for people, as the counters are */
    uint32_t mutant;
#ifdef STEAD_MUTANTS
    int64_t wall_ns;
#endif
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
#define MUTANT(name) (core->mutant == MUTANT_##name)
#else
#define MUTANT(name) false
#endif

#endif
