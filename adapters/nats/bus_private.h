/* Internal to the bus: its state, shared by bus.c (life and link), bus_send.c (out) and bus_receive.c (in). */
#ifndef STEAD_ADAPTERS_NATS_BUS_PRIVATE_H
#define STEAD_ADAPTERS_NATS_BUS_PRIVATE_H

#include <nats/nats.h>

#include "adapters/nats/bus.h"
#include "adapters/nats/bus_connector.h"

/* Our own two inboxes come first. They are two because a "no responders" answer tells nothing but the subscription. */
enum { BUS_INBOX_REPLY, BUS_INBOX_PULL, BUS_INBOX_COUNT };

/* The letter before the op in a reply inbox: how to read the answer. */
enum { BUS_KIND_PUBLISH = 'p', BUS_KIND_REQUEST = 'r', BUS_KIND_GET = 'g' };

/* Messages already handed over or sent, kept to be destroyed together. */
enum { BUS_SPENT_MAX = 128, BUS_SPENT_BYTES_MAX = 1 << 20 };

struct bus_consumer; /* stream.consumer -> tag, a uthash table in bus_send.c */

struct bus {
    struct loop *loop;
    struct bus_callbacks callbacks;
    void *owner;
    struct connector *connector;

    natsConnection *connection; /* NULL while down; everything down to `last_read_ns` belongs to it */
    struct loop_watch *watch;
    int socket;
    bool write_wanted; /* nats.c holds bytes for the socket */
    bool lost;         /* nats.c closed the socket: tear down as soon as we are out of its calls */
    bool receiving;    /* inside callbacks of ours */
    uint64_t last_read_ns;
    natsSubscription *inboxes[BUS_INBOX_COUNT + BUS_SUBSCRIPTIONS_MAX];

    char *prefixes[BUS_INBOX_COUNT];                         /* "<inbox>.reply.", "<inbox>.pull." */
    char *subjects[BUS_INBOX_COUNT + BUS_SUBSCRIPTIONS_MAX]; /* what the inboxes subscribe */
    uint32_t tags[BUS_INBOX_COUNT + BUS_SUBSCRIPTIONS_MAX];
    size_t subject_count;

    uint32_t epoch;
    struct bus_traffic before; /* of the connections that are gone */
    struct bus_consumer *consumers;
    struct bus_header headers[BUS_HEADERS_MAX]; /* of the message that is being handed over */
    uint8_t *scratch;                           /* a stored message, decoded */
    size_t scratch_capacity;
    natsMsg *spent[BUS_SPENT_MAX];
    uint32_t spent_count;
    size_t spent_bytes;
};

/* Hands over everything that one read brought. */
void bus_receive_all(struct bus *bus);
/* Takes a message that was handed over or sent, to be destroyed with others: nats.c gives every destroyed message
 * to its garbage thread and wakes it, a switch away from this thread each time (6.8 futex calls and a quarter of
 * the CPU per call of a function); many at once wake it once. */
void bus_spend(struct bus *bus, natsMsg *message);
void bus_spent_clear(struct bus *bus);
uint32_t bus_consumer_tag(const struct bus *bus, struct bytes stream_and_consumer);
void bus_consumers_free(struct bus *bus);

#endif
