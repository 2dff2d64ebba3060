/* The clockwork: events in a 4-ary heap ordered by (time, sequence), so that ties go by the order of posting.
 *
 * Events live in a pool that only grows (doubling); the heap holds time, sequence and index. An event is valid until
 * the next kernel_post(). Not thread-safe; a kernel belongs to one world. */
#ifndef STEAD_SIM_KERNEL_H
#define STEAD_SIM_KERNEL_H

#include <stdbool.h>

#include "core/effect.h"
#include "core/input.h"
#include "sim/jet.h"

enum event_kind {
    EVENT_TO_BROKER,            /* effect of `node` by `connection` (0: the control connection); content, second */
    EVENT_FROM_BROKER,          /* input for `node` by `connection`; content */
    EVENT_INPUT,                /* input for `node` that no connection carries; content */
    EVENT_TICK,                 /* the core of `node` asked for it */
    EVENT_CONNECT,              /* `node` tries to connect */
    EVENT_CONNECT_TOLD,         /* LINK_UP arrives */
    EVENT_CONNECTION_FORGOTTEN, /* the broker notices that `connection` is gone */
    EVENT_HEARTBEAT,
    EVENT_CLOCK,
    EVENT_BOOT,
    EVENT_WORKER,     /* number: row; stamp; how: enum worker_news; stream; execution */
    EVENT_BROKER_DUE, /* how: enum jet_timer; number, stamp */
    EVENT_BROKER_UP,
    EVENT_ARRIVAL,
    EVENT_CANCEL, /* number: call */
    EVENT_FAULT,  /* how: enum sim_fault */
    EVENT_RECONCILE,
    EVENT_STOPPED,
    EVENT_FUNCTION_TOLD, /* `node` learns the desired state of function `number` */
    EVENT_FUNCTION_GONE, /* a closed function is removed */
    EVENT_FUNCTION_BACK, /* a removed function is put back */
};

struct event {
    uint64_t at;
    uint8_t kind; /* enum event_kind */
    uint8_t how;
    uint16_t stream;
    uint32_t node, incarnation, connection;
    uint32_t number, stamp, execution;
    uint64_t second; /* EVENT_TO_BROKER: payload of the effect's second blob */
    union {
        struct input input;
        struct effect effect; /* EVENT_TO_BROKER */
    };
    struct content content;
};

struct kernel_entry {
    uint64_t at, sequence;
    uint32_t index;
};

struct kernel {
    struct kernel_entry *heap;
    struct event *pool;
    uint32_t *free_list;
    uint32_t count, capacity, free_count;
    uint64_t sequence, popped;
};

bool kernel_init(struct kernel *kernel, uint32_t capacity);
void kernel_free(struct kernel *kernel);
/* A cleared event to be filled in by the caller, due at `at`; NULL if memory ran out. */
struct event *kernel_post(struct kernel *kernel, uint64_t at);
/* Takes the earliest event out; false if there is none. */
bool kernel_pop(struct kernel *kernel, struct event *ret_event);

#endif
