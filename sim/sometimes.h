/* What must happen sometimes: a fleet of seeds that never comes to one of these proves little about it.
 *
 * Beside the situations of SOMETIMES these are each kind of fault, input and effect, each end of a request, each reason
 * that a caller can be told, and each edge of each machine of the core. */
#ifndef STEAD_SIM_SOMETIMES_H
#define STEAD_SIM_SOMETIMES_H

#include <stdint.h>

/* X(NAME, what happened) */
#define SOMETIMES(X)                                                                                                   \
    X(ACK_LOST, "an ack did not arrive")                                                                               \
    X(STORED_UNHEARD, "a result was stored, and the answer was lost")                                                  \
    X(RESULT_EXISTED, "a result was refused because another was stored")                                               \
    X(CHARGE_LOST_RACE, "the ledger had changed before a charge or a claim arrived")                                   \
    X(REDELIVERED, "a message came again")                                                                             \
    X(RESURRECTED, "an acked message came again after the broker was killed")                                          \
    X(FORGOTTEN, "the broker lost with its power what it had confirmed")                                               \
    X(NO_ROOM, "a full queue dropped at its restart what nobody had settled")                                          \
    X(BACKOFF_AT_MAX, "a message went back for the longest backoff")                                                   \
    X(DRAINED_WITH_WORK, "a drain began while calls ran")                                                              \
    X(GRACE_OVER, "a drain ended with its grace, and calls ran")                                                       \
    X(SPENT_ON_ARRIVAL, "a message came when its time was over")                                                       \
    X(VERSION_SWITCHED, "who runs what changed between a delivery and its execution")                                  \
    X(KILLED, "a process was killed")                                                                                  \
    X(CANCEL_WON, "a cancel was the first to store a result")                                                          \
    X(CANCEL_LOST, "a cancel came second")                                                                             \
    X(LIMIT_FELL, "a function ran with less at once than is configured")                                               \
    X(BASELINE_TRIED, "a function ran less at once, to see how long it takes then")                                    \
    X(DEAF_TO_ANSWERS, "a connection was renewed since no answers came")                                               \
    X(DEAF_TO_HINTS, "a connection was renewed since no hints of changes came")                                        \
    X(SUSPECTS_TOGETHER, "requests that were lost with instances ran beside each other")                               \
    X(SUSPECT_APART, "such a request was handed back, not to run beside another")                                      \
    X(TAKEN, "somebody else took a request from the queue that had not ended")                                         \
    X(AGED, "the queue's age limit removed a request that had not ended")                                              \
    X(AGED_UNATTENDED, "the same, and nobody could have ended it sooner")                                              \
    X(TAKEN_ENDED, "such a request ended all the same")                                                                \
    X(TAKEN_LOST, "such a request was lost with the instance that had it, or with nobody having it")

enum sometimes {
#define X(name, what) SEEN_##name,
    SOMETIMES(X)
#undef X
        SEEN_COUNT
};

enum { SOMETIMES_ROWS_MAX = 512, SOMETIMES_NAME_BYTES = 56 };

struct sometimes_row {
    char name[SOMETIMES_NAME_BYTES]; /* "fault LINK_CUT", "edge delivery RUNNING > STORING" */
    uint64_t times;                  /* of an edge: 1 or 0 */
};

struct sometimes_list {
    struct sometimes_row row[SOMETIMES_ROWS_MAX];
    uint32_t count, reached;
};

struct swarm_report;
struct world;

const char *sometimes_name(enum sometimes situation); /* "ACK_LOST"; never NULL */
void sometimes_list(const struct swarm_report *report, struct sometimes_list *ret_list);

/* -- while a world runs -- */
void sometimes_edges(struct world *world, uint32_t index); /* of a core that is about to go */

#endif
