/* Limits size the core's tables once; settings steer its decisions. Both are fixed at core_init(). */
#ifndef STEAD_CORE_LIMITS_H
#define STEAD_CORE_LIMITS_H

#include <stdint.h>

/* Calls that a worker which runs one at a time may hold beside the one that runs, if its executions are short: without
 * them each call costs a wake-up, a send and a receive of its own (docs/adr/0009-calls-ahead.md). */
enum { WORKER_AHEAD_MAX = 3 };

struct limits {
    uint32_t calls_max;      /* callers that wait at our door */
    uint32_t deliveries_max; /* messages in hand, whatever their stage; at least slots + functions_max */
    uint32_t functions_max;
    uint32_t workers_max; /* plugin processes of this instance */
    uint32_t slots;       /* messages in hand that wait for or occupy a worker: bounds the credit */
};

enum jitter { JITTER_NONE, JITTER_FULL, JITTER_EQUAL, JITTER_DECORRELATED };

struct settings {
    uint64_t ack_wait_ns;        /* of the consumers; in-progress is sent every third of it */
    uint64_t hold_ns_max;        /* a message that finds no worker is handed back after this long */
    uint64_t publish_timeout_ns; /* no PubAck for so long: outcome unknown, asked again with the same id */
    uint64_t reply_poll_ns;      /* a waiting call looks for its stored result itself this often */
    uint64_t pull_expires_ns;
    uint64_t start_timeout_ns;   /* from START_WORKER to WORKER_READY */
    uint64_t stop_grace_ns;      /* from STOP_WORKER or CANCEL to KILL_WORKER */
    uint64_t call_budget_ns_max; /* a request without a deadline gets this; also the cap */
    uint64_t queue_ns_max;       /* a message without a budget may wait this long; 0: call_budget_ns_max */
    uint64_t silence_ns_max;     /* a connection that says nothing for so long is cut */
    uint64_t retry_ns_base, retry_ns_max;
    uint32_t starts_max; /* executions begun per request beside charged attempts; more is POISON */
    uint8_t jitter;      /* enum jitter */
};

#endif
