/* A core laid open, row by row: for people who want to know what an instance believed, and for a world that is to be
 * built around it. Copies only; nothing here is asked while a service runs.
 *
 * Times are the core's monotonic ones; CORE_NEVER is none. Names are the keyed hashes that the adapters made. */
#ifndef STEAD_CORE_PORTRAIT_H
#define STEAD_CORE_PORTRAIT_H

#include "core/core.h"

struct portrait {
    struct limits limits;
    struct settings settings; /* as they are now */
    uint64_t now_ns, heard_ns, drain_until_ns;
    int64_t clock_ns_min, clock_ns_max; /* the broker's wall clock minus our monotonic one, if clock_known */
    uint64_t lease_revision, lease_until_ns, lease_operation; /* the sweeper's lease; 0: not its own, not asked for */
    uint32_t epoch;
    bool link_up, clock_known, draining, stopped;
    uint8_t instance; /* enum instance_state */
};

struct portrait_call {
    struct handle handle, function; /* function: none unless it is published */
    struct key request;
    struct blob blob;
    uint64_t digest, reference, operation, deadline_ns, poll_ns, sequence;
    uint8_t state, kind, tries; /* enum call_state, enum call_kind */
    bool in_doubt;
};

struct portrait_delivery {
    struct handle handle, function, worker; /* worker: while it runs */
    struct key request;
    struct blob message, result;
    uint64_t digest, sequence, operation, revision, nonce, known_nonce, deadline_ns, expires_ns, extend_ns;
    uint64_t after_ns; /* the delay that the function asked for when it failed */
    uint32_t epoch, attempts, starts;
    struct causes causes;
    uint16_t stream;
    uint8_t state, end, reason, cause; /* enum delivery_state, enum end, enum reason, enum cause */
    bool has_reply_to, needs_claim;
};

struct portrait_function {
    struct handle handle, owner; /* owner: of a route */
    struct key name, current, candidate;
    uint64_t timeout_ns, keep_alive_ns, build_operation, consumer_operation, fresh_after, pull_until_ns;
    uint32_t outstanding, pending, queued, in_hand, workers;
    uint16_t retries_max, concurrency, workers_max; /* the larger ones of both versions */
    uint8_t state, alias, place, weight, closing;   /* enum function_state, enum closing */
    bool serving, consumer_ready, quarantined;
    uint64_t retry_ns_base, retry_ns_max; /* of its own policy; 0: the settings' */
    uint8_t jitter, retries[CAUSE_KEPT];
};

struct portrait_worker {
    struct handle handle, function;
    struct key version;
    uint64_t started_ns;
    uint32_t running;
    uint16_t concurrency, stream_last, zombies; /* zombies: cancelled, and no answer yet */
    uint8_t state;                              /* enum worker_state */
    bool probe, ahead, overdue, gone;
};

void portrait_of(const struct core *core, struct portrait *ret_portrait);
/* False: nothing is in that row (limits say how many there are). */
bool portrait_call(const struct core *core, uint32_t row, struct portrait_call *ret_call);
bool portrait_delivery(const struct core *core, uint32_t row, struct portrait_delivery *ret_delivery);
bool portrait_function(const struct core *core, uint32_t row, struct portrait_function *ret_function);
bool portrait_worker(const struct core *core, uint32_t row, struct portrait_worker *ret_worker);

/* Other names for all that strangers named. The core can't tell the difference: it compares names, and never reads
 * them. Sequences must keep their order. Each function is asked for every live row, and must be one-to-one. */
struct names {
    void *owner;
    struct key (*request)(void *owner, struct key request);
    struct key (*function)(void *owner, struct handle function, struct key name);
    struct key (*version)(void *owner, struct handle function, struct key version);
    struct blob (*blob)(void *owner, struct blob blob); /* not of none */
    uint64_t (*caller)(void *owner, uint64_t reference);
    uint64_t (*sequence)(void *owner, uint64_t sequence);
};

void core_rename(struct core *core, const struct names *names);

#endif
