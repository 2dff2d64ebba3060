/* Effects: what the core asks of the world. They are performed in list order; none returns a value. Whatever ends later
 * ends as an input that quotes `operation`.
 *
 * Effects are flat, so that they can be counted, hashed, journaled, dropped and duplicated without knowing their kind.
 * Fields that a kind does not name are 0. */
#ifndef STEAD_CORE_EFFECT_H
#define STEAD_CORE_EFFECT_H

#include "core/cause.h"
#include "core/types.h"

/* X(NAME, fields beside kind and epoch) */
#define EFFECTS(X)                                                                                                     \
    X(PUBLISH_REQUEST, "operation, about call, other function, blob request, reference caller, key request, "          \
                       "amount budget_ns (0 none) -> PUBLISHED")                                                       \
    X(FETCH_RESULT, "operation, about call or delivery, blob message or none, key request -> RESULT")                  \
    X(ADMIT, "about call, reference caller, key request: the row of a caller who publishes nothing")                   \
    X(FIND_REQUEST, "operation, about call, key request, reference caller -> FOUND")                                   \
    X(PUBLISH_CANCELLED, "operation, about call, key request, amount sequence: the result `cancelled`, create-only "   \
                         "-> PUBLISHED")                                                                               \
    X(REMOVE_REQUEST, "operation, about call, key request, amount sequence in the request stream -> REMOVED")          \
    X(ANNOUNCE_CANCEL, "about call, key request: tell every instance")                                                 \
    X(REPLY,                                                                                                           \
      "about call, reference caller, code reason, end, cause, blob result or none, count attempts, causes; end and "   \
      "code none: accepted, starts 1 if the broker had it already")                                                    \
    X(PULL, "operation, about function, count messages, amount expires_ns -> DELIVERY..., PULL_ENDED")                 \
    X(ACK, "about delivery, blob message")                                                                             \
    X(EXTEND, "about delivery, blob message: restart the broker's ack wait")                                           \
    X(HAND_BACK, "about delivery, other function, blob message, amount delay_ns, cause: deliver again after "          \
                 "the delay")                                                                                          \
    X(PUBLISH_RESULT, "operation, about delivery, other function, blob message, second result or error or none, "      \
                      "code reason, end, cause, count attempts, causes, create_only -> PUBLISHED")                     \
    X(PUBLISH_DEAD, "operation, about delivery, other function, blob message, second error or none, code reason, "     \
                    "cause, count attempts, causes -> PUBLISHED")                                                      \
    X(ANSWER, "about delivery, other function, blob message, second result, code reason, end, cause, count "           \
              "attempts, causes: to the waiting gateway")                                                              \
    X(LEDGER_GET, "operation, about delivery, blob message -> LEDGER")                                                 \
    X(LEDGER_PUT, "operation, about delivery, blob message, reference revision (0: create), amount nonce (0: nothing " \
                  "is charged or begun), count attempts, starts, causes, cause of the charge or the end (NONE: a "     \
                  "start), end and code reason: it has ended so -> LEDGER")                                            \
    X(BUILD, "operation, about function, key version -> BUILT")                                                        \
    X(ENSURE_CONSUMER, "operation, about function -> CONSUMER_READY")                                                  \
    X(RENEW_CONSUMER, "operation, about function: delete its consumer and make it anew -> CONSUMER_READY")             \
    X(DROP_CONSUMER, "about function: delete its consumer, nobody uses it any more")                                   \
    X(LEASE_PUT, "operation, reference revision (0: create): the sweeper's lease -> LEASE")                            \
    X(LEASE_DROP, "reference revision: give the lease up, if that is still its revision")                              \
    X(FUNCTION_STATE, "about function, key version, code reason, count state: for people and for waiting deploys")     \
    X(START_WORKER, "about worker, other function, key version -> WORKER_READY or WORKER_EXITED")                      \
    X(EXECUTE, "about worker, other delivery, blob message, count attempt, stream, amount timeout_ns -> "              \
               "WORKER_RESULT or WORKER_ERROR or WORKER_EXITED")                                                       \
    X(CANCEL, "about worker, stream")                                                                                  \
    X(STOP_WORKER, "about worker: ask it to end -> WORKER_EXITED")                                                     \
    X(KILL_WORKER, "about worker: end it now -> WORKER_EXITED")                                                        \
    X(FORGET, "about a row that is free from now on: drop the adapters' notes of it; of a delivery: other function, "  \
              "cause of what became of it")                                                                            \
    X(DROP_BLOB, "blob")                                                                                               \
    X(DISCONNECT, "count enum disconnect: the connection is of no use: cut it -> LINK_DOWN")                           \
    X(INSTANCE_STATE, "count state: publish the status of this instance")                                              \
    X(STOPPED, "the drain is over: nothing runs, or the grace is past")                                                \
    X(QUARANTINE, "about function, key version, count 1: it begins, cause, amount duration_ns; 0: it is over")         \
    X(CONNECT, "amount delay_ns: connect when that is over -> LINK_UP, LINK_REFUSED or LINK_DOWN")                     \
    X(PROVISION, "amount delay_ns: make sure again, when that is over, of what must exist -> LINK_UP, LINK_REFUSED "   \
                 "or LINK_DOWN")                                                                                       \
    X(WALK, "operation, amount from, reference to (0: the end of the queue now): the first message by its number, "    \
            "whatever its consumer says -> WALKED")

enum effect_kind {
#define X(name, meaning) EFFECT_##name,
    EFFECTS(X)
#undef X
        EFFECT_COUNT
};

/* Why a connection that stands is made anew. X(NAME, text in metrics, what happened) */
#define DISCONNECTS(X)                                                                                                 \
    X(SILENT, "silent", "the broker is silent")                                                                        \
    X(STALLED, "stalled", "mail is queued and the broker gives none")                                                  \
    X(UNANSWERED, "unanswered", "results are stored and no answer of them arrives")                                    \
    X(UNTOLD, "untold", "records change and no word of it arrives")

enum disconnect {
#define X(name, text, meaning) DISCONNECT_##name,
    DISCONNECTS(X)
#undef X
        DISCONNECT_COUNT
};

struct effect {
    uint64_t operation;
    uint64_t reference;
    uint64_t amount;
    struct key key;
    struct blob blob, second;
    struct handle about, other;
    uint32_t epoch; /* of the connection that it is meant for; dropped if that has passed */
    uint32_t count;
    uint32_t starts;
    uint16_t stream;
    uint16_t code; /* enum reason */
    uint8_t kind;  /* enum effect_kind */
    uint8_t end;   /* enum end */
    uint8_t create_only;
    uint8_t cause; /* enum cause */
    struct causes causes;
};

/* The caller's list: capacity at least EFFECTS_MAX; the core resets `count` at each step. */
enum { EFFECTS_MAX = 64 };
struct effects {
    uint32_t count;
    struct effect list[EFFECTS_MAX];
};

const char *effect_name(enum effect_kind kind);
const char *disconnect_text(enum disconnect disconnect);    /* "stalled"; never NULL */
const char *disconnect_meaning(enum disconnect disconnect); /* part of a sentence; never NULL */

#endif
