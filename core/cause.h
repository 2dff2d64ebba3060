/* Why a delivery did not end in success, exactly one cause each, from one table. Only what the function itself did is
 * charged to a request as an attempt; the rest costs nobody anything and is bounded by the starts in the ledger
 * (POISON) and by the request's own time. The order is part of journals: append only; what is charged comes first, so
 * that counts of it can be kept in a small array. */
#ifndef STEAD_CORE_CAUSE_H
#define STEAD_CORE_CAUSE_H

#include "core/reason.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, CHARGED or FREE, reason if the request ends by it, text on the wire, what happened) */
#define CAUSES(X)                                                                                                      \
    X(NONE, FREE, NONE, "none", "nothing went wrong")                                                                  \
    X(ERROR, CHARGED, FUNCTION_ERROR, "error", "the function said no, and may be asked again")                         \
    X(PERMANENT, CHARGED, FUNCTION_ERROR, "permanent", "the function said no for good")                                \
    X(THROTTLED, CHARGED, FUNCTION_ERROR, "throttled",                                                                 \
      "the function asked to be called again after a time of its own")                                                 \
    X(TIMEOUT, CHARGED, EXECUTION_TIMEOUT, "timeout", "the function ran longer than its timeout")                      \
    X(CRASH, CHARGED, PLUGIN_CRASHED, "crash", "the function's process ended while it ran")                            \
    X(OUT_OF_MEMORY, CHARGED, OUT_OF_MEMORY, "out-of-memory", "the function's process ended for want of memory")       \
    X(INVALID_OUTPUT, CHARGED, INVALID_RESULT, "invalid-output", "the function's process broke the plugin protocol")   \
    X(NOT_STARTED, CHARGED, PLUGIN_NOT_STARTED, "not-started", "again and again no process of the function came up")   \
    X(INSTANCE_LOST, FREE, POISON, "instance-lost", "an instance began it and was not heard of again")                 \
    X(NEIGHBOUR, FREE, NONE, "neighbour", "its process ended for the fault of another call in it")                     \
    X(BROKER_LOST, FREE, NONE, "broker-lost", "the connection that it came on was lost")                               \
    X(BUSY, FREE, NONE, "busy", "no worker was free in time")                                                          \
    X(DRAINING, FREE, NONE, "draining", "the instance was shutting down")                                              \
    X(NOT_SERVED, FREE, NONE, "not-served", "its function did not serve here any more")                                \
    X(CONTENDED, FREE, NONE, "contended", "another instance held the same message")                                    \
    X(BROKER_FULL, FREE, NONE, "broker-full", "the broker had no room for its dead letter")                            \
    X(EXPIRED, FREE, NONE, "expired", "the request's own time was over")                                               \
    X(CANCELLED, FREE, NONE, "cancelled", "somebody cancelled the request")                                            \
    X(REFUSED, FREE, NONE, "refused", "it could never run")                                                            \
    X(APART, FREE, NONE, "apart", "it was lost with instances, and so was another request in hand")

enum cause {
#define X(name, payer, reason, text, meaning) CAUSE_##name,
    CAUSES(X)
#undef X
        CAUSE_COUNT,
    CAUSE_CHARGED_MAX = CAUSE_NOT_STARTED,
    CAUSE_KEPT = CAUSE_INSTANCE_LOST + 1, /* of those before it the ledger keeps how often each happened to a request */
};

enum { CAUSE_COUNTED_MAX = 255 };

struct causes {
    uint8_t count[CAUSE_KEPT]; /* by cause; [NONE] is 0. Stops at CAUSE_COUNTED_MAX */
};

const char *cause_text(enum cause cause);    /* "out-of-memory"; never NULL */
const char *cause_meaning(enum cause cause); /* one sentence without a period; never NULL */
enum reason cause_reason(enum cause cause);  /* why a request ends by it */
bool cause_charged(enum cause cause);

#endif
