/* Why something ended as it did, and how a request ended: one table each, from which names, gRPC statuses, NATS error
 * codes and docs are made elsewhere. The order is part of journals and stored results: append only. */
#ifndef STEAD_CORE_REASON_H
#define STEAD_CORE_REASON_H

/* X(NAME, what it means to a caller) */
#define REASONS(X)                                                                                                     \
    X(NONE, "no reason: it succeeded")                                                                                 \
    X(FUNCTION_ERROR, "the function ran and said no")                                                                  \
    X(FUNCTION_NOT_FOUND, "no function of that name is deployed")                                                      \
    X(NOT_DEPLOYED, "the function is known but has no version that is ready")                                          \
    X(LANGUAGE_NOT_SUPPORTED, "no instance serves that language")                                                      \
    X(INVALID_EVENT, "the event breaks the CloudEvents rules")                                                         \
    X(EVENT_TOO_LARGE, "the event is over the size limit")                                                             \
    X(QUEUE_FULL, "the queue or the table of waiting calls is full; try again later")                                  \
    X(ID_CONFLICT, "the same id was used before with another input")                                                   \
    X(DEADLINE_EXCEEDED, "the caller's deadline passed")                                                               \
    X(EXECUTION_TIMEOUT, "the function ran longer than its timeout")                                                   \
    X(QUEUE_TIMEOUT, "the request's time was over before an attempt could start")                                      \
    X(PLUGIN_CRASHED, "the function's process ended while it ran")                                                     \
    X(OUT_OF_MEMORY, "the function's process was killed for its memory use")                                           \
    X(PLUGIN_NOT_STARTED, "the function's process did not start or did not become ready")                              \
    X(INVALID_RESULT, "the function's process broke the plugin protocol")                                              \
    X(RESULT_TOO_LARGE, "the result is over the size limit of the broker")                                             \
    X(POISON, "the request took down too many instances")                                                              \
    X(NATS_UNAVAILABLE, "the broker is not connected; the function certainly did not start")                           \
    X(NATS_REFUSED, "the broker refused the message")                                                                  \
    X(RUNTIME_UNAVAILABLE, "no process could be started")                                                              \
    X(SHUTTING_DOWN, "this instance is shutting down; the function certainly did not start")                           \
    X(OUTCOME_UNKNOWN, "the request may or may not have been accepted; ask for its result by id")                      \
    X(BUILD_FAILED, "the code does not build; the message of the compiler says why")                                   \
    X(CANCELLED, "the caller cancelled")                                                                               \
    X(HANDED_BACK, "another instance should run it; nobody is charged")                                                \
    X(BROKER_LOST, "the broker was lost meanwhile; nobody is charged")                                                 \
    X(RESULT_NOT_FOUND, "no result of that id is stored: it has not ended, was never accepted, or is no longer kept")  \
    X(REQUEST_NOT_FOUND, "no request of that id is queued or running")                                                 \
    X(ALREADY_ENDED, "the request has ended already; its result stands")                                               \
    X(ALIAS_NOT_FOUND, "the function has no alias of that name")                                                       \
    X(FUNCTION_REMOVED, "the function is being removed")                                                               \
    X(QUARANTINED, "the function killed its process again and again and rests for a while")

enum reason {
#define X(name, meaning) REASON_##name,
    REASONS(X)
#undef X
        REASON_COUNT
};

/* The terminal outcomes of a request (exactly one each). X(NAME, text used on the wire) */
#define ENDS(X)                                                                                                        \
    X(NONE, "none")                                                                                                    \
    X(SUCCEEDED, "succeeded")                                                                                          \
    X(FAILED, "failed")                                                                                                \
    X(EXPIRED, "expired")                                                                                              \
    X(DEAD_LETTERED, "dead-lettered")                                                                                  \
    X(CANCELLED, "cancelled")

enum end {
#define X(name, text) END_##name,
    ENDS(X)
#undef X
        END_COUNT
};

const char *reason_name(enum reason reason);    /* "FUNCTION_NOT_FOUND"; never NULL */
const char *reason_meaning(enum reason reason); /* one sentence without a period; never NULL */
const char *end_name(enum end end);             /* "dead-lettered"; never NULL */

#endif
