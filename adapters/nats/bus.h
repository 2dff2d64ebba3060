/* The data connection to the broker: publishes, pulls, acks and what comes back, on the loop thread.
 *
 * One connection object of nats.c lives for one epoch. When it is lost it is destroyed, and a new one is made by a
 * helper thread, so that nothing here ever waits and nothing of an old connection can leak into a new one: a publish
 * that was buffered for a lost connection is gone with it (its fate is unknown, which the caller must assume anyway).
 * Everything is fire and forget; answers come as callbacks that quote the caller's `op`. There are no time-outs, no
 * retries and no table of operations here: an op that is never answered is the caller's to give up.
 *
 * Callbacks run while the loop handles the socket; what they cause to be sent leaves in one write at the end of the
 * turn (a LOOP_TURN_FLUSH hook), so that a turn is one read, many messages, one write.
 *
 * Thread rule: every function on the loop thread, also from inside callbacks; only bus_destroy() must not be called
 * from a callback. Every pointer given to a callback is borrowed and valid until the callback returns. */
#ifndef STEAD_ADAPTERS_NATS_BUS_H
#define STEAD_ADAPTERS_NATS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/event/event.h"
#include "adapters/nats/endpoint.h"

struct bus;
struct loop;

enum {
    BUS_SUBJECT_BYTES_MAX = 512, /* longer subjects are refused */
    BUS_HEADERS_MAX = 512,       /* of one message; more are cut off and flagged */
    BUS_SUBSCRIPTIONS_MAX = 16,
};

struct bus_options {
    struct endpoint endpoint;    /* inbox_prefix is required */
    uint32_t connect_timeout_ms; /* of one attempt; 0 = 1000 */
};

struct bus_header {
    struct bytes name;  /* case as received */
    struct bytes value; /* blanks around it removed; encoded as on the wire */
};

struct bus_message {
    struct bytes subject;
    struct bytes reply;               /* empty if none */
    const struct bus_header *headers; /* in order of arrival; repeated names appear repeatedly */
    size_t header_count;
    bool headers_cut; /* more than BUS_HEADERS_MAX, or malformed: do not trust what is missing */
    struct bytes body;
};

/* The connection came up, an attempt failed, or it went down. */
struct bus_link {
    bool up;
    uint32_t epoch;           /* grows by one with each connection that came up; 0 before the first */
    uint64_t at_ns;           /* CLOCK_MONOTONIC */
    size_t payload_bytes_max; /* up only: what this server accepts in one message */
    const char *server;       /* up only: URL without credentials */
    const char *reason;       /* down only: why, for a log line */
};

enum bus_outcome {
    BUS_DONE,
    BUS_REFUSED, /* the broker said no: `code` and `error_code` tell why */
    BUS_GARBLED, /* an answer that can't be read: treat the op's outcome as unknown */
};

/* The answer to bus_publish(), bus_request() or bus_get() with that op. May come late, twice, or never. */
struct bus_reply {
    uint64_t op;
    enum bus_outcome outcome;
    uint32_t code;              /* 3-digit, as in HTTP: 404 no such message, 503 storage; 0 if done */
    uint32_t error_code;        /* JetStream err_code: 10071 wrong last sequence, 10077 full, 10037 no message */
    struct bytes description;   /* the broker's words, if refused */
    uint64_t sequence;          /* publish, get: stream sequence */
    bool duplicate;             /* publish: the broker had that Nats-Msg-Id already */
    int64_t stored_wall_ns;     /* get: the broker's clock when it was stored, ns since 1970 */
    struct bus_message message; /* get: the stored message. request: body is the whole JSON answer */
};

/* A message that a pull brought. */
struct bus_delivery {
    uint32_t consumer_tag; /* as given to bus_pull(); 0 if that consumer is not known here */
    struct bytes stream;
    struct bytes consumer;
    uint64_t delivered; /* 1 the first time, as far as the broker remembers */
    uint64_t stream_sequence;
    uint64_t consumer_sequence;
    int64_t stored_wall_ns;     /* the broker's clock when the message was stored */
    uint64_t pending;           /* how many more match the consumer */
    struct bus_message message; /* message.reply is the ack subject */
};

enum bus_pull_event {
    BUS_PULL_HEARTBEAT, /* the pull lives */
    BUS_PULL_EXPIRED,   /* 404, 408: its time is over, or nothing there */
    BUS_PULL_ENDED,     /* 409: consumer deleted, leadership change, server shutdown */
    BUS_PULL_REFUSED,   /* 400, 409 Exceeded…: the request itself is not accepted */
};

struct bus_pull_status {
    uint64_t op;
    uint32_t consumer_tag;
    enum bus_pull_event event;
    uint32_t code; /* 100, 400, 404, 408, 409 */
    bool unfilled_known;
    uint64_t unfilled;   /* messages of the batch that will not come, if the broker said so */
    struct bytes reason; /* "Consumer Deleted", "Leadership Change", … */
};

/* nats.c 3.4.1 swallows the subject of a "no responders" answer, so only the kind of the operation is known: the
 * caller must wait for its own time-out of the op, but learns early that a stream or consumer has no leader. Not to be
 * relied on: a single 2.9.10 says nothing at all to a pull from a consumer that does not exist. */
enum bus_unanswered { BUS_UNANSWERED_PUBLISH, BUS_UNANSWERED_PULL };

struct bus_callbacks {
    void (*on_link)(void *owner, const struct bus_link *link);
    void (*on_reply)(void *owner, const struct bus_reply *reply);
    void (*on_delivery)(void *owner, const struct bus_delivery *delivery);
    void (*on_pull)(void *owner, const struct bus_pull_status *status);
    void (*on_message)(void *owner, uint32_t tag, const struct bus_message *message); /* bus_subscribe() */
    void (*on_unanswered)(void *owner, enum bus_unanswered kind);
    void (*on_trouble)(void *owner, const char *text); /* permission violations, slow consumers: for the log */
};

/* What became of a call: nothing was sent unless BUS_SENT, and that only says it is on its way. */
enum bus_sent {
    BUS_SENT,
    BUS_DOWN,      /* no connection */
    BUS_TOO_LARGE, /* over the server's max_payload */
    BUS_INVALID,   /* subject or header holds what the wire does not allow */
    BUS_NO_MEMORY,
    BUS_FULL, /* a publish: BUS_BUFFERED_MAX bytes wait for the socket already; twice that for a small one */
};

enum {
    BUS_BUFFERED_MAX = 16 * 1024 * 1024,
    BUS_SMALL_MAX = 4096, /* bytes of a body */
};

struct bus_publish {
    const char *subject;
    const struct bus_header *headers;
    size_t header_count;
    struct bytes body;
    uint64_t op;       /* 0: no answer wanted (core publish, results unknown) */
    const char *reply; /* a reply subject of one's own instead of op's; NULL: none */
};

enum bus_verb { BUS_ACK, BUS_NAK, BUS_PROGRESS, BUS_TERM };

/* Starts the first attempt to connect. NULL with *ret_error (static text) if memory or descriptors ran out or options
 * are wrong. An absent server is no error: on_link tells. The callbacks are copied. */
struct bus *bus_create(struct loop *loop, const struct bus_options *options, const struct bus_callbacks *callbacks,
                       void *owner, const char **ret_error);
/* Sends what is buffered if the socket takes it at once, then closes. May wait for a running attempt to connect. */
void bus_destroy(struct bus *bus);

/* Starts an attempt after `delay_ns` if there is neither a connection nor an attempt; an earlier wish stands. The bus
 * never tries again by itself: whoever hears that the link is down asks for the next attempt when it sees fit. */
void bus_connect(struct bus *bus, uint64_t delay_ns);
bool bus_up(const struct bus *bus);
uint32_t bus_epoch(const struct bus *bus);

enum bus_sent bus_publish(struct bus *bus, const struct bus_publish *publish);
/* A request whose answer is passed on as it is (message.body), with `error` of JetStream answers already parsed. */
enum bus_sent bus_request(struct bus *bus, const char *subject, struct bytes body, uint64_t op);
/* STREAM.MSG.GET through the leader: the last message of `subject`, or, if it is NULL, the one at `sequence`. Both:
 * the first one at or after `sequence` on `subject` (which may hold wildcards). */
enum bus_sent bus_get(struct bus *bus, const char *stream, const char *subject, uint64_t sequence, uint64_t op);
/* Asks the consumer for `batch` messages; waits at most expires_ns at the broker, heartbeat_ns (0: none) ≤ expires/2.
 */
enum bus_sent bus_pull(struct bus *bus, const char *stream, const char *consumer, uint32_t consumer_tag, uint64_t op,
                       uint32_t batch, uint64_t expires_ns, uint64_t heartbeat_ns);
/* Forgets the tag of a consumer that is no longer pulled from (a few bytes each). */
void bus_forget_consumer(struct bus *bus, const char *stream, const char *consumer);
/* `delay_ns` belongs to BUS_NAK alone; 0 means at once. Not confirmed by the broker. */
enum bus_sent bus_ack(struct bus *bus, struct bytes ack_subject, enum bus_verb verb, uint64_t delay_ns);

/* Core subscription for as long as the bus lives, made again on each connection before on_link says up.
 * False if there are BUS_SUBSCRIPTIONS_MAX already or the subject is not valid. */
bool bus_subscribe(struct bus *bus, const char *subject, uint32_t tag);

/* Writes what is buffered now instead of at the end of the turn. Needed only by who publishes while no turn runs
 * (tests, tools): otherwise that would wait for the next turn. */
void bus_flush(struct bus *bus);

/* What went through the connections so far, all of them together. */
struct bus_traffic {
    uint64_t messages_in, bytes_in, messages_out, bytes_out;
};
void bus_traffic(const struct bus *bus, struct bus_traffic *ret_traffic);

/* For the caller's watchdogs. */
uint64_t bus_idle_ns(const struct bus *bus); /* since the last byte read; 0 while down */
size_t bus_buffered(const struct bus *bus);  /* bytes not yet taken by the socket */
/* Cuts the connection (a mute or stuck server); on_link follows from the loop. */
void bus_shutdown_socket(struct bus *bus);

/* The value of that header, names compared without case; false if absent. */
bool bus_header_find(const struct bus_message *message, const char *name, struct bytes *ret_value);

#endif
