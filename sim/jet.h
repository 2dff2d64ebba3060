/* A model of the parts of JetStream that Stead uses: what real servers were seen to do, not what one would wish.
 *
 * One work-queue stream with one filtered durable consumer per function, a result stream and a dead-letter stream
 * written create-only, and a key-value bucket for the ledger of attempts. Payloads are numbers. The model knows no
 * network: whoever calls decides what arrives and when; what it sends leaves through hooks. Behaviour is that of
 * nats-server 2.9.10 and 2.10.27 (`profile`); the comments in jet*.c cite what was seen.
 *
 * Time is given with every call and never goes back. No allocation after jet_init(). Not thread-safe. */
#ifndef STEAD_SIM_JET_H
#define STEAD_SIM_JET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    JET_FUNCTIONS_MAX = 7,
    JET_PULLS_MAX = 512,      /* waiting pulls of one consumer, the server's max_waiting */
    JET_WRONG_LAST = 10071,   /* "wrong last sequence" */
    JET_FULL = 10077,         /* "maximum messages exceeded" */
    JET_NO_RESOURCES = 10023, /* "insufficient resources" */
    JET_EXPIRED = 408,
    JET_CONSUMER_GONE = 409,
    JET_NO_RESPONDERS = 503,
};

enum jet_profile { JET_2_9, JET_2_10 };

enum content_kind { CONTENT_NONE, CONTENT_REQUEST, CONTENT_MESSAGE, CONTENT_RESULT, CONTENT_ERROR, CONTENT_STORED };

/* What a payload is, in numbers. A blob of a node and a message of a stream both carry one. */
struct content {
    uint64_t digest;    /* of the input */
    uint64_t payload;   /* identity of result or error bytes; 0 none */
    uint64_t budget_ns; /* of a request; 0 none */
    uint64_t sequence;  /* of a message, in the request stream */
    uint32_t request, function;
    uint32_t call;    /* MESSAGE: the call that published it, plus one; 0: a raw publisher */
    uint32_t gateway; /* MESSAGE: incarnation of the node that waits for the answer; 0 none */
    uint32_t gateway_node;
    uint32_t attempts;
    uint32_t epoch; /* of the connection that brought it */
    uint8_t kind;   /* enum content_kind */
    uint8_t end, reason;
    uint8_t invalid; /* enum reason: why the event is not acceptable */
    bool has_id;     /* published with Nats-Msg-Id */
};

enum message_state {
    MESSAGE_GONE,    /* acknowledged and removed */
    MESSAGE_NEW,     /* not delivered by this consumer, as far as the server remembers */
    MESSAGE_PENDING, /* delivered, ack wait or a NAK's delay runs */
    MESSAGE_DUE,     /* in the redelivery queue */
};

struct message {
    struct content content;
    uint64_t sequence, stored_ns, delivered_ns, acked_ns, due_ns;
    int64_t stored_wall_ns;
    uint32_t delivered; /* as the server counts it */
    uint32_t stamp;     /* timers of an earlier life of `due_ns` are void */
    uint32_t next;      /* in the list of its state; sequence, 0 ends it */
    uint32_t earlier;   /* sequence of the message before it with the same request; 0 ends it */
    uint8_t state;      /* enum message_state */
};

struct pull {
    uint64_t operation, expires_at_ns;
    uint32_t connection, node, function, remaining, stamp;
    uint32_t handle; /* the core's name for the function */
    uint32_t next;   /* index plus one */
    bool used;
};

struct jet_list {
    uint32_t head, tail;
};

struct jet_consumer {
    bool exists;
    uint32_t pending; /* PENDING and DUE: what max_ack_pending counts */
    struct jet_list fresh, due, pulls;
};

struct stored {
    uint64_t payload, digest, stored_ns;
    uint32_t count; /* how often something was stored under this id, ever */
    uint32_t attempts, function;
    uint8_t end, reason;
    bool present, dead;
};

struct ledger {
    uint64_t revision, nonce;
    uint32_t attempts, starts;
};

struct jet_settings {
    uint64_t ack_wait_ns, dedup_ns, retention_ns;
    uint32_t messages_max; /* discard new */
    uint32_t ack_pending_max;
    uint32_t requests_max, history_max; /* room: ids, and messages ever stored */
    uint32_t functions;
    uint8_t profile; /* enum jet_profile */
    uint64_t seed;
};

enum jet_timer { JET_TIMER_MESSAGE, JET_TIMER_PULL };

/* What the model sends. `deliver` and `ended` go to the connection of the pull, which may be dead by then. */
struct jet_hooks {
    void *owner;
    void (*deliver)(void *owner, const struct pull *pull, const struct message *message);
    void (*ended)(void *owner, const struct pull *pull, uint16_t code);
    void (*arm)(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp);
};

struct jet_ack {
    uint16_t code; /* 0: stored or known */
    bool duplicate;
    uint64_t sequence;
};

struct jet {
    struct jet_settings settings;
    struct jet_hooks hooks;
    struct jet_consumer consumers[JET_FUNCTIONS_MAX];
    struct message *messages; /* by sequence - 1 */
    struct pull *pulls;
    struct stored *stored; /* by request */
    struct ledger *ledger; /* by request */
    uint64_t *known_ns;    /* by request: when its Nats-Msg-Id was first seen; 0 unknown */
    uint64_t *known_sequence;
    uint32_t *latest; /* by request: sequence of its youngest message, whatever became of it; 0 none */
    uint64_t last_sequence, revision, kills;
    uint32_t messages_live, pull_free, redeliveries, resurrected;
};

bool jet_init(struct jet *jet, const struct jet_settings *settings, const struct jet_hooks *hooks);
void jet_free(struct jet *jet);

/* -- the request stream -- */
bool jet_has_room(const struct jet *jet); /* for one more message in the history; when false, publish nothing more */
struct jet_ack jet_publish(struct jet *jet, uint64_t now_ns, int64_t wall_ns, const struct content *content);
const struct message *jet_message(const struct jet *jet, uint64_t sequence); /* NULL if there never was one */
void jet_acknowledge(struct jet *jet, uint64_t now_ns, uint64_t sequence);
void jet_progress(struct jet *jet, uint64_t now_ns, uint64_t sequence);
void jet_hand_back(struct jet *jet, uint64_t now_ns, uint64_t sequence, uint64_t delay_ns);
/* STREAM.MSG.DELETE: false if there is no such message (any more). */
bool jet_remove(struct jet *jet, uint64_t now_ns, uint64_t sequence);
/* The first message of that request that is still in the stream; 0: none. What a walk through the stream finds. */
uint64_t jet_find(const struct jet *jet, uint32_t request);

/* -- consumers and pulls -- */
/* Creates it if it is absent; returns the last sequence of the stream, taken when the consumer exists. */
uint64_t jet_ensure_consumer(struct jet *jet, uint64_t now_ns, uint32_t function);
void jet_delete_consumer(struct jet *jet, uint32_t function);
void jet_pull(struct jet *jet, uint64_t now_ns, const struct pull *pull);
void jet_forget_connection(struct jet *jet, uint32_t connection);
bool jet_waits(const struct jet *jet, uint32_t connection); /* whether it has a pull waiting */
void jet_due(struct jet *jet, uint64_t now_ns, enum jet_timer timer, uint32_t number, uint32_t stamp);

/* -- results, dead letters, ledger: 0 or an error code -- */
uint16_t jet_store_result(struct jet *jet, uint64_t now_ns, uint32_t request, const struct stored *result,
                          bool create_only);
const struct stored *jet_result(const struct jet *jet, uint64_t now_ns, uint32_t request); /* NULL: none */
uint16_t jet_store_dead(struct jet *jet, uint32_t request);
uint16_t jet_ledger_put(struct jet *jet, uint32_t request, uint64_t revision, struct ledger *entry);

/* kill -9 and restart with file storage: messages stay, some memory of what happened to them does not. */
void jet_kill(struct jet *jet, uint64_t now_ns);

#endif
