/* The baseline: the hops of a durable call, and nothing else. It is a yardstick, not a service.
 *
 *     gRPC call -> publish, PubAck -> pull consumer -> child process over a socketpair -> create-only result, PubAck
 *               -> ack -> gRPC answer
 *
 * Threads as in Stead: one gRPC thread (door.c) with one completion queue, one loop thread (main.c) that owns the NATS
 * connection (broker.c) and the children (children.c), two rings between them. There are no retries, time-outs,
 * reconnects or limits: whatever goes wrong is told to the caller of that call, or ends the program. */
#ifndef STEAD_BENCH_BASELINE_H
#define STEAD_BENCH_BASELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "adapters/event/event.h"
#include "adapters/ring/ring.h"

#define BASELINE_STREAM   "functions"
#define BASELINE_CONSUMER "c-echo"
#define BASELINE_SUBJECT  "function.c.echo"
#define BASELINE_RESULTS  "function.result."

enum {
    CALL_ID_BYTES = 80,
    CALLS_MAX = 1024, /* under way at once; the load generator asks for no more */
    CHILDREN_MAX = 16,
    FRAME_PREFIX = 8, /* u32 length of what follows, u32 number of the delivery */
    FRAME_DATA_MAX = 1 << 20,
};

/* One caller. Made by the door, lent to the loop by ring, given back with an answer or a problem. */
struct call {
    UT_hash_handle hh;      /* the loop's: calls by id */
    char id[CALL_ID_BYTES]; /* of the event; a token of a NATS subject */
    struct bytes data;      /* of the event */
    bool request_stored, result_stored;
    uint8_t *answer; /* malloc'ed; freed by the door */
    size_t answer_length;
    const char *problem; /* static text; NULL if all went well */
};

/* door.c: the gRPC thread */
struct door;
/* Listens on `address`, port 0 picks one; every call goes to `calls`. NULL if it can't be bound. */
struct door *door_open(const char *address, struct ring *calls, int *ret_port);
void door_answer(struct door *door, struct call *call); /* on the loop thread */

/* provision.c: streams and the consumer, by a connection of its own, before any thread starts. NULL or what failed. */
const char *provision(const char *url);

/* broker.c: the NATS connection, on the loop thread */
struct broker;
struct broker_owner {
    void (*on_delivery)(void *owner, uint32_t delivery, struct bytes data);
    void (*on_call_over)(void *owner, struct call *call);
    void *owner;
};
struct broker *broker_connect(const char *url, const struct broker_owner *owner);
int broker_socket(const struct broker *broker);
void broker_submit(struct broker *broker, struct call *call);
void broker_store_result(struct broker *broker, uint32_t delivery, struct bytes data);
void broker_read(struct broker *broker);
/* Writes what the turn produced. True if the socket took it all. */
bool broker_flush(struct broker *broker);

/* children.c: the processes that play the function */
struct children;
struct children *children_start(uint32_t count); /* before any thread */
int children_socket(const struct children *children, uint32_t number);
void children_execute(struct children *children, uint32_t delivery, struct bytes data);
/* Takes what child `number` answered; false once it is gone. */
bool children_read(struct children *children, uint32_t number, struct broker *broker);
/* Writes what the turn produced. True if the socket of child `number` took it all. */
bool children_flush(struct children *children, uint32_t number);

/* Ends the program: "baseline: <what>". */
_Noreturn void baseline_fail(const char *what);

#endif
