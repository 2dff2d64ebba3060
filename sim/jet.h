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

#include "core/input.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JET_FUNCTIONS_MAX = 65,
    JET_PULLS_MAX = 512,      /* waiting pulls of one consumer, the server's max_waiting */
    JET_WRONG_LAST = 10071,   /* "wrong last sequence" */
    JET_FULL = 10077,         /* "maximum messages exceeded" */
    JET_NO_RESOURCES = 10023, /* "insufficient resources" */
    JET_TOO_LARGE = 10054,    /* "message size exceeds maximum allowed" */
    JET_NOT_FOUND = 10037,    /* "no message found" */
    JET_EXPIRED = 408,
    JET_CONSUMER_GONE = 409,
    JET_NO_RESPONDERS = 503,
    JET_LEADER_CHANGED = 1409, /* also a 409, but the consumer is still there */
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
    uint8_t end, reason, cause;
    struct causes causes;
    uint8_t invalid; /* enum reason: why the event is not acceptable */
    bool has_id;     /* published with Nats-Msg-Id */
    bool misleads;   /* its answer is to go where no gateway is: a forged stead-reply-to */
};

enum message_state {
    MESSAGE_GONE,    /* acknowledged and removed */
    MESSAGE_NEW,     /* not delivered by this consumer, as far as the server remembers */
    MESSAGE_PENDING, /* delivered, ack wait or a NAK's delay runs */
    MESSAGE_DUE,     /* in the redelivery queue */
    MESSAGE_LEFT,    /* in the stream, though its consumer counts it as settled: nobody is given it */
    MESSAGE_HIDDEN,  /* the same, and the index by subject counts it as gone: only its number finds it */
};

/* Of a message that is gone, whether its consumer waits for the ack of it (jet_ghost.c). */
enum ghost { GHOST_NONE, GHOST_WAITS, GHOST_DUE };

struct message {
    struct content content;
    uint64_t sequence, stored_ns, delivered_ns, acked_ns, due_ns;
    int64_t stored_wall_ns;
    uint64_t before_ns[2]; /* the two deliveries before that of delivered_ns, the later one first */
    uint32_t delivered;    /* as the server counts it */
    uint32_t stamp;        /* timers of an earlier life of `due_ns` are void */
    uint32_t next;         /* in the list of its state; sequence, 0 ends it */
    uint32_t earlier;      /* sequence of the message before it with the same request; 0 ends it */
    uint8_t state;         /* enum message_state */
    bool redone;           /* pending, and given once more as if it were new (jet_redo.c) */
    uint8_t ghost;         /* enum ghost */
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
    bool exists, away; /* away: no leader, nothing is delivered */
    bool ghosts_due;   /* some of its messages are GHOST_DUE */
    bool stale;        /* pulls of a connection that is gone were waiting, and nothing was served since */
    uint32_t behind;   /* sequence of the message that was put behind what falls due at `behind_ns`; 0: none */
    uint64_t behind_ns;
    uint32_t pending; /* PENDING and DUE: what max_ack_pending counts; ghosts too */
    uint64_t next;    /* from there on it looks for what is new; 0: not yet looked */
    struct jet_list fresh, due, pulls;
};

struct stored {
    uint64_t payload, digest, stored_ns, dead_ns;
    uint32_t count; /* how often something was stored under this id, ever */
    uint32_t attempts, function;
    uint8_t end, reason, cause;
    struct causes causes;
    bool present, dead;
};

struct ledger {
    uint64_t revision, nonce, stored_ns;
    uint32_t attempts, starts;
    uint32_t seen_by; /* a bit for each node that wrote or read it */
    struct causes causes;
    uint8_t last, end, reason;
};

/* The streams and buckets, where it matters which one. */
enum jet_stream { JET_REQUESTS, JET_RESULTS, JET_DEAD, JET_LEDGER, JET_STREAM_COUNT };
/* Others, which the model does not hold: records of functions, and their code. */
enum { JET_RECORDS = JET_STREAM_COUNT, JET_OBJECTS };

struct jet_settings {
    uint64_t ack_wait_ns, dedup_ns, retention_ns;
    uint64_t sync_ns;      /* between two syncs of a file; 0: with each message */
    uint32_t messages_max; /* discard new */
    uint64_t bytes_max;    /* the same; 0: no bound */
    uint64_t age_max_ns;   /* of a message in the request stream; 0: no bound */
    uint32_t ack_pending_max;
    uint32_t requests_max, history_max; /* room: ids, and messages ever stored */
    uint32_t functions;
    uint8_t profile; /* enum jet_profile */
    uint8_t replicas;
    uint64_t seed;
    uint32_t bug; /* a planted bug of the model, in builds with STEAD_MUTANTS; 0: none */
};

/* What became of a request: the stream never had it; it waits there, or runs; it has a result; a power loss excuses it;
 * somebody else took it out of the stream; none of these, which must never be. */
enum book { BOOK_NONE, BOOK_OPEN, BOOK_ENDED, BOOK_EXCUSED, BOOK_TAKEN, BOOK_LOST, BOOK_COUNT };

/* Who takes messages out of the stream that Stead has not settled. */
enum jet_taker { TAKER_STRANGER, TAKER_AGE };

enum jet_timer { JET_TIMER_MESSAGE, JET_TIMER_PULL, JET_TIMER_AGE };

/* Where real servers do one thing now and another then, so may the model: X(NAME, when, what no is, what yes is). Each
 * is a draw of the seed unless a hook decides. `stead sim conform` tries both and counts which was seen for real. */
#define JET_CHOICES(X)                                                                                                 \
    X(STRAY_ACK, "an ack reaches a consumer that has not delivered the message", "it is ignored", "it removes it")     \
    X(ACK_LOST, "2.9 is killed 20 to 100 ms after an ack", "the message stays away", "the message is back")            \
    X(LEFT_BEHIND, "2.9 is killed after an ack", "the message stays away", "the stream has it, its consumer does not") \
    X(HIDDEN, "2.9 leaves a message behind", "its index by subject counts it", "only its number finds it")             \
    X(HAUNTED, "a server is killed, and a message is gone", "its consumer knows", "it waits for the ack")              \
    X(REDONE, "on 2.9 a redelivery falls to the pull of a connection that is gone", "it waits for the next pull",      \
      "the youngest delivery is repeated as if it were the first")                                                     \
    X(ACKED_AGAIN, "a consumer of 2.9 stalls before a message that it is to repeat, and that is acked", "it is gone",  \
      "in a cluster it is given first")                                                                                \
    X(BEHIND, "on 2.15 a redelivery falls to the pull of a connection that is gone", "it is the next one",             \
      "it goes behind the others")                                                                                     \
    X(DELIVERY_FORGOTTEN, "a kill within 100 ms of a delivery", "it counts", "it is forgotten")

enum jet_choice {
#define JET_CHOICE_NAME(name, when, no, yes) JET_##name,
    JET_CHOICES(JET_CHOICE_NAME)
#undef JET_CHOICE_NAME
        JET_CHOICE_COUNT
};

/* What the model sends. `deliver` and `ended` go to the connection of the pull, which may be dead by then. `choose` and
 * `spread` may be NULL: then the seed decides. With `spread` each timer is armed for its earliest moment, and the call
 * before says by how much it may be later. */
struct jet_hooks {
    void *owner;
    void (*deliver)(void *owner, const struct pull *pull, const struct message *message);
    void (*ended)(void *owner, const struct pull *pull, uint16_t code);
    void (*arm)(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp);
    bool (*choose)(void *owner, enum jet_choice choice);
    void (*spread)(void *owner, uint64_t by_ns);
    /* The last message of a request that is not settled is about to go; NULL: nobody wants to know. */
    void (*taken)(void *owner, const struct message *message, enum jet_taker taker);
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
    uint32_t live[JET_FUNCTIONS_MAX];   /* messages of each function in the stream */
    uint32_t hidden[JET_FUNCTIONS_MAX]; /* of these: MESSAGE_HIDDEN */
    struct message *messages;           /* by sequence - 1 */
    struct pull *pulls;
    struct stored *stored; /* by request */
    struct ledger *ledger; /* by request */
    uint64_t *known_ns;    /* by request: when its Nats-Msg-Id was first seen; 0 unknown */
    uint64_t *known_sequence;
    uint32_t *latest;                 /* by request: sequence of its youngest message, whatever became of it; 0 none */
    bool *forgotten;                  /* by request: a power loss took something of it */
    uint8_t *taken;                   /* by request: who took its last message, a bit for each enum jet_taker */
    uint16_t *queued;                 /* by request: messages of it in the stream */
    uint8_t *book;                    /* by request: enum book */
    uint32_t books[BOOK_COUNT], lost; /* how many requests; the last that was lost */
    uint64_t last_sequence, revision, kills;
    uint64_t dropped;         /* messages that nobody had settled, and for which a restart had no room */
    uint64_t dropped_of_ours; /* of these: though raw publishers had not filled the stream */
    uint64_t messages_used;   /* rows of `messages` that ever held one */
    uint64_t powered_ns;      /* when it lost its power last */
    uint64_t full_until_ns[JET_STREAM_COUNT]; /* discard new: nothing more goes in */
    uint64_t bytes_live;
    uint32_t messages_live, pull_free, redeliveries, resurrected;
    int64_t wall_ahead_ns; /* the server's wall clock less the time of the calls: it may be set */
    uint32_t age_stamp;    /* of the one timer that looks for old messages */
    bool age_armed;
    bool ids_stale; /* after a kill, until the next publish with an id */
};

bool jet_init(struct jet *jet, const struct jet_settings *settings, const struct jet_hooks *hooks);
void jet_free(struct jet *jet);
/* Whether the books are what counting gives. Slow. */
bool jet_books_right(const struct jet *jet);
bool jet_owes(const struct jet *jet, uint32_t request); /* a result or a dead letter of it is still to come */

/* -- the request stream -- */
enum { CONTENT_BYTES_MIN = 200, CONTENT_BYTES_SPREAD = 3896, CONTENT_BYTES_MEAN = 200 + 3896 / 2 };
uint64_t content_bytes(const struct content *content);
struct jet_ack jet_publish(struct jet *jet, uint64_t now_ns, int64_t wall_ns, const struct content *content);
const struct message *jet_message(const struct jet *jet, uint64_t sequence); /* NULL if there never was one */
void jet_acknowledge(struct jet *jet, uint64_t now_ns, uint64_t sequence);
/* The same, by a client that is not ours. */
void jet_acknowledge_forged(struct jet *jet, uint64_t now_ns, uint64_t sequence);
void jet_progress(struct jet *jet, uint64_t now_ns, uint64_t sequence);
void jet_hand_back(struct jet *jet, uint64_t now_ns, uint64_t sequence, uint64_t delay_ns);
/* STREAM.MSG.DELETE: false if there is no such message (any more). */
bool jet_remove(struct jet *jet, uint64_t now_ns, uint64_t sequence);
/* The first message of that request that is still in the stream; 0: none. What a walk through the stream finds. */
uint64_t jet_find(const struct jet *jet, uint32_t request);

/* The first message that is in the stream from there on, up to `last`, by number; 0: none. */
uint64_t jet_walk(const struct jet *jet, uint64_t from, uint64_t last);

/* An operator changes the stream's max_age; 0: none. What is older goes at once. */
void jet_set_age(struct jet *jet, uint64_t now_ns, uint64_t age_max_ns);

/* -- consumers and pulls -- */
/* Creates it if it is absent; returns the last sequence of the stream, taken when the consumer exists. */
/* What the server says of it: how much waits, and the oldest message of its function. */
void jet_look(const struct jet *jet, uint32_t function, struct input *input);
uint64_t jet_ensure_consumer(struct jet *jet, uint64_t now_ns, uint32_t function);
void jet_delete_consumer(struct jet *jet, uint32_t function);
void jet_pull(struct jet *jet, uint64_t now_ns, const struct pull *pull);
uint32_t jet_fresh(const struct jet *jet, uint32_t function); /* what it has yet to give for the first time */
void jet_forget_connection(struct jet *jet, uint32_t connection);
bool jet_waits(const struct jet *jet, uint32_t connection); /* whether it has a pull waiting */
void jet_due(struct jet *jet, uint64_t now_ns, enum jet_timer timer, uint32_t number, uint32_t stamp);

/* -- results, dead letters, ledger: 0 or an error code -- */
uint16_t jet_store_result(struct jet *jet, uint64_t now_ns, uint32_t request, const struct stored *result,
                          bool create_only);
const struct stored *jet_result(const struct jet *jet, uint64_t now_ns, uint32_t request); /* NULL: none */
uint16_t jet_store_dead(struct jet *jet, uint64_t now_ns, uint32_t request);
void jet_ledger_read(const struct ledger *entry, struct input *input);
uint16_t jet_ledger_put(struct jet *jet, uint64_t now_ns, uint32_t request, uint64_t revision, struct ledger *entry);

/* Planted bugs of the model, which `stead sim conform` must find: X(number, what). */
#define JET_BUGS(X)                                                                                                    \
    X(1, "the delay of a NAK is ignored")                                                                              \
    X(2, "an ack of a message that is due again is ignored")                                                           \
    X(3, "new messages go before redeliveries")                                                                        \
    X(4, "redeliveries stall at max_ack_pending too")                                                                  \
    X(5, "an id is forgotten with its message")                                                                        \
    X(6, "in-progress does not restart the ack wait")                                                                  \
    X(7, "a full stream takes one more")                                                                               \
    X(8, "a kill forgets nothing")

#ifdef STEAD_MUTANTS
#define JET_BUG(jet, number) ((jet)->settings.bug == (number))
#else
#define JET_BUG(jet, number) false
#endif

/* What happens of two things that may: `drawn`, unless a hook decides. */
static inline bool jet_choose(const struct jet *jet, enum jet_choice choice, bool drawn)
{
    return jet->hooks.choose != NULL ? jet->hooks.choose(jet->hooks.owner, choice) : drawn;
}

/* Of a delay below `bound_ns`: `drawn`, or with a hook the least, and the hook learns the bound. */
static inline uint64_t jet_delay(const struct jet *jet, uint64_t bound_ns, uint64_t drawn)
{
    if (jet->hooks.spread == NULL) {
        return drawn;
    }
    jet->hooks.spread(jet->hooks.owner, bound_ns);
    return 0;
}

/* Whether our doors have filled the request stream of a 2.9 so far that, were it killed now, it had no room for what
 * may come back; they know what raw publishers had put there at `known_ns`, if it was not gone at `born_ns`. */
bool jet_overfilled(const struct jet *jet, uint64_t now_ns, uint64_t known_ns, uint64_t born_ns);
/* kill -9 and restart with file storage: messages stay, some memory of what happened to them does not. */
void jet_kill(struct jet *jet, uint64_t now_ns);
/* SIGTERM and restart: waiting pulls are told, nothing that was settled comes back, deliveries count on. */
void jet_end(struct jet *jet, uint64_t now_ns);
/* jet_kill() without what was not on the disk. Returns the last sequence before it: those after jet->last_sequence are
 * given out again. */
uint64_t jet_lose_power(struct jet *jet, uint64_t now_ns);
/* Up to when a stream's file is on the disk, should the power be lost now. */
uint64_t jet_synced_ns(const struct jet *jet, uint32_t stream, uint64_t now_ns);

/* The consumer loses its leader, and its waiting pulls with a status (`code`) or without (0); it gets another one. */
void jet_consumer_leave(struct jet *jet, uint32_t function, uint16_t code);
void jet_consumer_return(struct jet *jet, uint64_t now_ns, uint32_t function);

#endif
