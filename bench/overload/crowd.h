/* One core, one function, and more requests than it can take: what becomes of them when the executions slow each other
 * down. Time is simulated, so the same options give the same report everywhere. Public headers of the core only. */
#ifndef STEAD_BENCH_OVERLOAD_CROWD_H
#define STEAD_BENCH_OVERLOAD_CROWD_H

#include "core/core.h"

/* X(NAME, text, what beside-running executions do to each other, `n` of them where `c` fit) */
#define CROWD_MODELS(X)                                                                                                \
    X(ALONE, "healthy", "nothing")                                                                                     \
    X(TAILED, "healthy, long tail", "nothing, and one in twenty takes a hundred times as long")                        \
    X(SHARED, "shared", "each takes n/c times as long")                                                                \
    X(THRASHING, "thrashing", "each takes (n/c)^2 times as long")                                                      \
    X(THROTTLED, "throttled", "nothing, but more than c are turned away at once")

enum crowd_model {
#define X(name, text, what) CROWD_##name,
    CROWD_MODELS(X)
#undef X
        CROWD_MODEL_COUNT
};

struct crowd_options {
    enum crowd_model model;
    bool adaptive;
    uint32_t fits; /* c */
    uint64_t run_ns, timeout_ns, for_ns;
    uint64_t seed;
};

struct crowd_report {
    uint64_t succeeded, others;     /* others: executions that failed, were turned away or overran their time-out */
    uint64_t p50_ns, p99_ns;        /* of executions that succeeded */
    uint32_t limit_mean, limit_max; /* of what may run at once; mean over executions, in 1/100 */
};

enum { CROWD_WORKERS = 8, CROWD_CONCURRENCY = 4 }; /* 32 at once are configured */

/* False if memory ran out. */
bool crowd_run(const struct crowd_options *options, struct crowd_report *ret_report);
const char *crowd_model_text(enum crowd_model model);
const char *crowd_model_meaning(enum crowd_model model);

#endif
