/* Limits size the core's tables once; settings steer its decisions. Limits are fixed at core_init();
 * settings may change by INPUT_SETTING. */
#ifndef STEAD_CORE_LIMITS_H
#define STEAD_CORE_LIMITS_H

#include <stdint.h>

/* Calls that a worker which runs one at a time may hold beside the one that runs, if its executions are short: without
 * them each call costs a wake-up, a send and a receive of its own (docs/adr/0009-calls-ahead.md). */
enum { WORKER_AHEAD_MAX = 3 };

struct limits {
    uint32_t calls_max;      /* callers that wait at our door */
    uint32_t deliveries_max; /* messages in hand, whatever their stage; bounds the credit, too */
    uint32_t functions_max;
    uint32_t workers_max; /* plugin processes of this instance */
    uint32_t slots;       /* messages in hand that wait for or occupy a worker: bounds the credit */
};

enum jitter { JITTER_NONE, JITTER_FULL, JITTER_EQUAL, JITTER_DECORRELATED };

/* X(name, meaning) */
#define SETTINGS(X)                                                                                                    \
    X(ack_wait_ns, "of the consumers; in-progress is sent every third of it")                                          \
    X(hold_ns_max, "a message that finds no worker is handed back after this long")                                    \
    X(publish_timeout_ns, "no PubAck for so long: outcome unknown, asked again with the same id")                      \
    X(reply_poll_ns, "a waiting call looks for its stored result itself this often")                                   \
    X(pull_expires_ns, "how long a pull waits at the broker")                                                          \
    X(start_timeout_ns, "from START_WORKER to WORKER_READY")                                                           \
    X(stop_grace_ns, "from STOP_WORKER or CANCEL to KILL_WORKER")                                                      \
    X(call_budget_ns_max, "a request without a deadline gets this; also the cap")                                      \
    X(queue_ns_max, "a message without a budget may wait this long; 0: call_budget_ns_max")                            \
    X(silence_ns_max, "a connection that says nothing for so long is cut")                                             \
    X(retry_ns_base, "before the first retry")                                                                         \
    X(retry_ns_max, "before any retry")                                                                                \
    X(starts_max, "executions begun per request beside charged attempts; more is POISON")                              \
    X(jitter, "enum jitter")                                                                                           \
    X(quarantine_crashes, "so many crashes in a row put a function into quarantine; 0: never")                         \
    X(quarantine_window_ns, "within so long")                                                                          \
    X(quarantine_ns_base, "the first quarantine lasts so long; each further one twice as long as the one before")      \
    X(quarantine_ns_max, "and no longer than this")                                                                    \
    X(lease_ns, "how long a lease lives at the broker after it was written last")                                      \
    X(sweep_ns, "between two looks at a queue that no instance takes from; 0: this instance never sweeps")

enum setting {
#define X(name, meaning) SETTING_##name,
    SETTINGS(X)
#undef X
        SETTING_COUNT
};

struct settings {
#define X(name, meaning) uint64_t name;
    SETTINGS(X)
#undef X
};

#endif
