/* The states of every machine and the edges between them: one X-macro table each, from which come the enums, the names,
 * the legal edges that each machine asserts, and the documentation.
 *
 * X(NAME, mask of the states that may follow). FREE (an unused row) may follow every state of a row. */
#ifndef STEAD_CORE_STATES_H
#define STEAD_CORE_STATES_H

#include <stdint.h>

#define CALL_STATES(X)                                                                                                 \
    X(FREE, 1u << CALL_PUBLISHING | 1u << CALL_WAITING | 1u << CALL_FINDING)                                           \
    X(PUBLISHING, 1u << CALL_WAITING)                                                                                  \
    X(WAITING, 0)                                                                                                      \
    X(FINDING, 1u << CALL_WAITING | 1u << CALL_STORING)                                                                \
    X(STORING, 1u << CALL_REMOVING)                                                                                    \
    X(REMOVING, 0)

#define DELIVERY_STATES(X)                                                                                             \
    X(FREE, 1u << DELIVERY_CHECKING | 1u << DELIVERY_QUEUED | 1u << DELIVERY_STORING)                                  \
    X(CHECKING, 1u << DELIVERY_READING | 1u << DELIVERY_BURYING)                                                       \
    X(READING, 1u << DELIVERY_QUEUED | 1u << DELIVERY_MARKING | 1u << DELIVERY_STORING | 1u << DELIVERY_CHECKING)      \
    X(CLAIMING, 1u << DELIVERY_READING | 1u << DELIVERY_QUEUED | 1u << DELIVERY_CHECKING)                              \
    X(QUEUED, 1u << DELIVERY_RUNNING | 1u << DELIVERY_CLAIMING | 1u << DELIVERY_CHARGING | 1u << DELIVERY_MARKING |    \
                  1u << DELIVERY_STORING | 1u << DELIVERY_CHECKING)                                                    \
    X(RUNNING, 1u << DELIVERY_STORING | 1u << DELIVERY_CHARGING | 1u << DELIVERY_QUEUED | 1u << DELIVERY_FETCHING)     \
    X(CHARGING, 1u << DELIVERY_RECHECKING | 1u << DELIVERY_MARKING | 1u << DELIVERY_STORING)                           \
    X(RECHECKING, 1u << DELIVERY_CHARGING | 1u << DELIVERY_MARKING | 1u << DELIVERY_STORING)                           \
    X(MARKING, 1u << DELIVERY_READING | 1u << DELIVERY_STORING)                                                        \
    X(STORING, 1u << DELIVERY_FETCHING | 1u << DELIVERY_BURYING)                                                       \
    X(FETCHING, 1u << DELIVERY_BURYING | 1u << DELIVERY_STORING)                                                       \
    X(BURYING, 0)

#define WORKER_STATES(X)                                                                                               \
    X(FREE, 1u << WORKER_STARTING)                                                                                     \
    X(STARTING, 1u << WORKER_IDLE | 1u << WORKER_STOPPING | 1u << WORKER_DYING)                                        \
    X(IDLE, 1u << WORKER_BUSY | 1u << WORKER_STOPPING | 1u << WORKER_DYING)                                            \
    X(BUSY, 1u << WORKER_IDLE | 1u << WORKER_DYING)                                                                    \
    X(STOPPING, 1u << WORKER_DYING)                                                                                    \
    X(DYING, 0)

#define FUNCTION_STATES(X)                                                                                             \
    X(FREE, 1u << FUNCTION_BUILDING | 1u << FUNCTION_ELSEWHERE)                                                        \
    X(BUILDING, 1u << FUNCTION_BUILDING | 1u << FUNCTION_PROBING | 1u << FUNCTION_FAILED | 1u << FUNCTION_READY |      \
                    1u << FUNCTION_RETIRING)                                                                           \
    X(PROBING, 1u << FUNCTION_BUILDING | 1u << FUNCTION_READY | 1u << FUNCTION_FAILED | 1u << FUNCTION_RETIRING)       \
    X(READY, 1u << FUNCTION_BUILDING | 1u << FUNCTION_RETIRING)                                                        \
    X(FAILED, 1u << FUNCTION_BUILDING | 1u << FUNCTION_READY | 1u << FUNCTION_RETIRING)                                \
    X(RETIRING, 1u << FUNCTION_BUILDING | 1u << FUNCTION_ELSEWHERE)                                                    \
    X(ELSEWHERE, 1u << FUNCTION_RETIRING)

#define INSTANCE_STATES(X)                                                                                             \
    X(AVAILABLE, 1u << INSTANCE_BUSY | 1u << INSTANCE_SHUTTING_DOWN)                                                   \
    X(BUSY, 1u << INSTANCE_AVAILABLE | 1u << INSTANCE_SHUTTING_DOWN)                                                   \
    X(SHUTTING_DOWN, 0)

#define X(name, next) CALL_##name,
enum call_state { CALL_STATES(X) CALL_COUNT };
#undef X
#define X(name, next) DELIVERY_##name,
enum delivery_state { DELIVERY_STATES(X) DELIVERY_COUNT };
#undef X
#define X(name, next) WORKER_##name,
enum worker_state { WORKER_STATES(X) WORKER_COUNT };
#undef X
#define X(name, next) FUNCTION_##name,
enum function_state { FUNCTION_STATES(X) FUNCTION_COUNT };
#undef X
#define X(name, next) INSTANCE_##name,
enum instance_state { INSTANCE_STATES(X) INSTANCE_COUNT };
#undef X

/* Which edges were ever taken: for each machine and state the mask of the states that followed. */
enum machine { MACHINE_CALL, MACHINE_DELIVERY, MACHINE_WORKER, MACHINE_FUNCTION, MACHINE_INSTANCE, MACHINE_COUNT };
enum { MACHINE_STATES_MAX = 12 };
_Static_assert((int)DELIVERY_COUNT <= (int)MACHINE_STATES_MAX, "the machine with the most states has room");

struct edges {
    uint32_t next[MACHINE_COUNT][MACHINE_STATES_MAX];
};

/* Adds those of `more`. */
void edges_merge(struct edges *edges, const struct edges *more);

/* The legal ones. */
uint32_t states_next(enum machine machine, uint32_t state);
uint32_t states_count(enum machine machine);
const char *states_name(enum machine machine, uint32_t state);

/* "READY"; "?" for a number that is none. */
const char *call_state_name(uint32_t state);
const char *delivery_state_name(uint32_t state);
const char *worker_state_name(uint32_t state);
const char *function_state_name(uint32_t state);
const char *instance_state_name(uint32_t state);

#endif
