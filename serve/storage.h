/* What Stead keeps on the broker, and for how long, beside what the configuration says: by these figures instances make
 * their streams, buckets and consumers, and `stead doctor` judges those that are there. */
#ifndef STEAD_SERVE_STORAGE_H
#define STEAD_SERVE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Messages of one function that may be delivered and not settled, over all instances; delayed retries count. */
enum { SERVE_ACK_PENDING_MAX = 20000 };

/* Above queue.maxPending, on a broker that drops what it has no room for: what was settled within the seven seconds
 * that the core counts may come back, and the doors share half of the rest (core/room.c). Enough for 17,000 requests a
 * second; what it costs is that raw publishers are refused so much later. */
enum { SERVE_QUEUE_ROOM = 1 << 18 };

#define SERVE_LEASE_NS     INT64_C(10000000000) /* the bucket of leases forgets what is not written again for so long */
#define SERVE_INSTANCES_NS INT64_C(15000000000) /* told anew every 5 s (registry.c) */
#define SERVE_DEAD_NS      (7 * 24 * INT64_C(3600000000000))

/* The ledger must outlive every request: one that came back after its record was gone would begin anew. */
#define SERVE_ATTEMPTS_NS_MIN (24 * INT64_C(3600000000000))
static inline int64_t serve_attempts_ns(int64_t queue_age_ns_max)
{
    int64_t twice_ns = 2 * queue_age_ns_max;
    return twice_ns > SERVE_ATTEMPTS_NS_MIN ? twice_ns : SERVE_ATTEMPTS_NS_MIN;
}

/* What the broker gives for what it has acknowledged, as it was found at the last connection. */
struct durability {
    char storage[16]; /* of the request stream; "": not known yet */
    uint32_t replicas;
    int64_t sync_ns; /* between two writes to disk; 0: with each message */
    bool sync_told;  /* by the broker; otherwise the default of its version */
};

#endif
