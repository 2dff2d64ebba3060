/* The clockwork: events come out in the order of their times, and those of one time in the order of posting.
 *
 * Wheels of 64 slots, one for each base-64 digit of a time. An event waits in the wheel of the highest digit in which
 * its time differs from `now`, in the slot of that digit; a slot is a list in the order of posting. So the first slot
 * in use of the lowest wheel in use holds what comes next. Whoever is alone there comes out; if several are, time
 * moves to the earliest, and all of them move to lower wheels in that order. Most are alone by then: a post and a pop
 * cost the same however many wait.
 *
 * Events live in chunks that never move. A popped event is valid until the next kernel_pop(), a posted one until it is
 * popped. Not thread-safe; a kernel belongs to one world. */
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
    EVENT_CONNECT_TOLD,         /* LINK_UP arrives */
    EVENT_TICK,                 /* the first that is no more than a head: the core of `node` asked for it */
    EVENT_CONNECT,              /* `node` tries to connect */
    EVENT_CONNECTION_FORGOTTEN, /* the broker notices that `connection` is gone */
    EVENT_HEARTBEAT,
    EVENT_CLOCK,
    EVENT_BOOT,
    EVENT_WORKER,     /* number: row; stamp; how: enum worker_news; stream; execution */
    EVENT_BROKER_DUE, /* how: enum jet_timer; number, stamp */
    EVENT_BROKER_UP,
    EVENT_ARRIVAL,
    EVENT_CANCEL,  /* number: call */
    EVENT_FAULT,   /* how: enum sim_fault */
    EVENT_STEP,    /* of a fault in several steps. how: enum sim_fault; number: node, or a message; random */
    EVENT_ELECTED, /* number: enum group */
    EVENT_STOPPED,
    EVENT_HINT,          /* `node` hears that records have changed */
    EVENT_RECORDS,       /* `node` has read them */
    EVENT_FUNCTION_GONE, /* a closed function is removed */
    EVENT_FUNCTION_BACK, /* a removed function is put back */
    EVENT_RESUME,        /* a paused function goes on */
    EVENT_SURVEY,        /* `node` sees what is queued */
};

struct event {
    uint64_t at;
    uint64_t sent_ns; /* EVENT_TO_BROKER, EVENT_FROM_BROKER */
    uint8_t kind;     /* enum event_kind */
    uint8_t how;
    uint16_t stream;
    uint32_t node, incarnation, connection;
    uint32_t number, stamp, execution;
    /* The head ends here. Half of all events have no more than that, and touch one line of the cache, not four. */
    union {
        struct input input;
        struct {
            struct effect effect; /* EVENT_TO_BROKER */
            uint64_t second;      /* payload of its second blob */
        };
        uint64_t random; /* EVENT_STEP */
    };
    struct content content; /* where there is an effect, or an input */
};
_Static_assert(sizeof(struct event) == 256, "whole lines of the cache");

enum { KERNEL_CHUNKS_MAX = 4096, KERNEL_CHUNK_EVENTS = 1024 };
enum { KERNEL_DIGIT_BITS = 6, KERNEL_SLOTS = 1 << KERNEL_DIGIT_BITS, KERNEL_WHEELS = 64 / KERNEL_DIGIT_BITS + 1 };

/* What is in an empty one means nothing. */
struct kernel_slot {
    uint64_t earliest;    /* of the times of its events */
    uint32_t first, last; /* numbers of events plus one */
};

struct kernel_wheel {
    uint64_t used; /* a bit for each slot that is not empty */
    struct kernel_slot slot[KERNEL_SLOTS];
};

/* Beside each event, so that lists can be walked without touching the events. */
struct kernel_entry {
    uint64_t at;
    uint32_t next; /* in its slot, or in the list of free ones; plus one */
};

struct kernel {
    struct kernel_wheel wheel[KERNEL_WHEELS];
    uint32_t wheels_used; /* a bit for each wheel that is not empty */
    uint64_t now;         /* the time of the event that came out last */
    struct event *chunks[KERNEL_CHUNKS_MAX];
    struct kernel_entry *entries; /* of capacity */
    uint32_t capacity, chunks_count, free_first;
    uint32_t out; /* the event that is being handled, plus one; 0: none */
    uint64_t popped;
};

bool kernel_init(struct kernel *kernel);
void kernel_free(struct kernel *kernel);
/* An event, due at `at`, which is not before that of the last one that came out; NULL if memory ran out. Its head is
 * cleared; what is behind it is left to the caller. */
struct event *kernel_post(struct kernel *kernel, uint64_t at);
/* When the earliest event is due; 0 if there is none. */
uint64_t kernel_next_at(const struct kernel *kernel);
/* Takes the earliest event out; NULL if there is none. */
const struct event *kernel_pop(struct kernel *kernel);

#endif
