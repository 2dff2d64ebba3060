/* Inputs: the facts that the core learns. One fact, one step.
 *
 * A completion quotes the operation that it answers (`answers`); a late, repeated or unknown one is legal and changes
 * nothing (its blob is dropped), but for PULL_ENDED, which the broker sends at most once per pull and connection: a
 * second one would give credit back twice, which is harmless and short-lived. A fact from the broker carries the epoch
 * of the connection that it came on; facts of a passed epoch are ignored by rule. */
#ifndef STEAD_CORE_INPUT_H
#define STEAD_CORE_INPUT_H

#include "core/cause.h"
#include "core/types.h"

/* X(NAME, what the fields mean) */
#define INPUTS(X)                                                                                                      \
    X(TICK, "the deadline of core_next_deadline() has passed")                                                         \
    X(LINK_UP, "connected, all that must exist is there; epoch is new")                                                \
    X(LINK_DOWN, "the connection of this epoch is lost, or an attempt failed: there is none")                          \
    X(HEARD, "a heartbeat of a pull arrived; nothing else")                                                            \
    X(CLOCK, "a bracketed sample of the broker's clock; as.clock")                                                     \
    X(CALL, "a caller at our door; blob is the request; as.call")                                                      \
    X(CALL_CANCELLED, "the caller of `about` is gone; the request goes on")                                            \
    X(DELIVERY, "a message for function `about`; blob is the message; as.delivery; code: reason if invalid")           \
    X(PULL_ENDED, "pull `answers` is over; as.pull; code 409 if the consumer is gone")                                 \
    X(PUBLISHED, "publish `answers` ended: DONE, REFUSED (code: JetStream error) or UNKNOWN; as.published")            \
    X(RESULT, "result get `answers` ended: DONE (blob, as.result), REFUSED (there is none) or UNKNOWN")                \
    X(ANSWER, "a result arrived at our inbox, unasked; blob; as.result")                                               \
    X(FOUND, "search `answers` for a queued request ended: DONE (as.found), REFUSED (not in the queue) or UNKNOWN")    \
    X(REMOVED, "removal `answers` of a queued request ended: DONE, REFUSED (it was gone) or UNKNOWN")                  \
    X(CANCEL_HEARD, "somebody stored `cancelled` as the result of as.cancel.request")                                  \
    X(LEDGER, "ledger get or put `answers` ended; as.ledger; REFUSED: absent (get) or lost the race (put; or code)")   \
    X(FUNCTION_SET, "the desired state of a function; as.function")                                                    \
    X(FUNCTION_REMOVED, "the function as.function.name is no longer desired")                                          \
    X(BUILT, "build `answers` ended: DONE or REFUSED (code: reason)")                                                  \
    X(CONSUMER_READY, "ensure `answers` ended; DONE: as.consumer; REFUSED or UNKNOWN: it is asked again")              \
    X(WORKER_READY, "the process of worker `about` shook hands; as.worker.concurrency")                                \
    X(WORKER_RESULT, "an invocation succeeded; blob is the result; as.worker.stream")                                  \
    X(WORKER_ERROR, "an invocation failed; blob is the error; as.worker: stream, class, after_ns")                     \
    X(WORKER_BROKEN, "worker `about` broke the protocol; it is to be killed")                                          \
    X(WORKER_EXITED, "the process of worker `about` is gone; code: reason")                                            \
    X(SETTING, "a setting has another value from now on; as.setting")                                                  \
    X(DRAIN, "stop taking work, finish what runs; as.drain.grace_ns")                                                  \
    X(FUNCTION_POLICY, "how the failures and the load of a function are treated from now on; as.policy")               \
    X(RELEASE, "somebody wants the function as.function.name out of quarantine")                                       \
    X(QUEUE, "what was seen of a function's queue just now; as.queue")                                                 \
    X(STRAY, "mail is queued for as.queue.function, of which there is no record; as.queue")                            \
    X(LEASE, "lease put `answers` ended: DONE (as.lease), REFUSED (somebody else wrote it) or UNKNOWN")                \
    X(LINK_REFUSED, "connected, and what must exist on the broker could not be made sure of")                          \
    X(WALKED, "walk `answers` ended: DONE (blob, as.walked), REFUSED (nothing is there) or UNKNOWN")                   \
    X(CHANGE, "a change that is told to everyone came to light: by itself, or only when it was looked for; as.change") \
    X(STREAM, "what was seen of the request stream just now; as.stream")

enum input_kind {
#define X(name, meaning) INPUT_##name,
    INPUTS(X)
#undef X
        INPUT_COUNT
};

/* What the broker means by `code`, where the core cares: three digits are statuses, five are JetStream errors (seen on
 * nats-server 2.9.10 and 2.10.27). */
enum input_code {
    CODE_CONSUMER_GONE = 409,
    CODE_NO_RESPONDERS = 503, /* nobody there, or no leader for 5 to 8 s */
    CODE_NO_RESOURCES = 10023,
    CODE_MESSAGE_TOO_LARGE = 10054,
    CODE_WRONG_LAST_SEQUENCE = 10071, /* a create-only or compare-and-set publish lost */
    CODE_STREAM_FULL = 10077,
};

/* What a caller at our door wants. EXECUTE waits for the result, SUBMIT for the PubAck; AWAIT and LOOK ask for the
 * result of a request that anybody made, now or until the deadline; CANCEL ends one. */
enum call_kind { CALL_KIND_EXECUTE, CALL_KIND_SUBMIT, CALL_KIND_AWAIT, CALL_KIND_LOOK, CALL_KIND_CANCEL };

/* An alias by the place that the function's record gives it: 0 is `live`, ALIAS_UNKNOWN is none of its names. */
enum { ALIAS_LIVE = 0, ALIAS_UNKNOWN = 255 };

/* How a function that is to be removed treats its requests: OPEN not at all, DRAIN runs what is queued and refuses new
 * calls, END ends what is queued as failed. */
enum closing { CLOSING_OPEN, CLOSING_DRAIN, CLOSING_END };

enum { TAKERS_UNKNOWN = UINT32_MAX };
#define OLDEST_UNKNOWN UINT64_MAX

enum error_class { ERROR_RETRY, ERROR_PERMANENT, ERROR_THROTTLE };

struct input {
    uint64_t now_ns;  /* monotonic; never goes back; the only time that decides */
    int64_t wall_ns;  /* stamped, never compared */
    uint64_t answers; /* operation that this completes, 0 if unsolicited */
    struct blob blob; /* the core's from now on */
    struct handle about;
    uint32_t epoch;
    uint8_t kind;    /* enum input_kind */
    uint8_t outcome; /* enum outcome */
    uint16_t code;
    union {
        struct {
            int64_t offset_ns_min, offset_ns_max; /* broker's wall clock minus our monotonic clock */
        } clock;
        struct {
            struct key request, function;
            uint64_t digest;    /* of the input; the same id with another digest is refused */
            uint64_t budget_ns; /* time left for the caller, 0 if it gave none */
            uint64_t reference; /* the adapter's own name for the caller, returned in EFFECT_REPLY */
            uint32_t size;      /* what the request takes, in bytes; 0: not known */
            uint8_t kind;       /* enum call_kind; for the last three function and digest are none */
            uint8_t alias;      /* of the function */
        } call;
        struct {
            uint64_t sequence; /* in the request stream */
            uint8_t end;       /* enum end: its ledger says that it has ended so; NONE: that says nothing */
        } found;
        struct {
            struct key request;
        } cancel;
        struct {
            uint64_t value;
            uint8_t which; /* enum setting */
        } setting;
        struct {
            struct key request;
            uint64_t digest;
            uint64_t sequence;  /* in the request stream */
            int64_t stored_ns;  /* broker's wall clock */
            uint64_t budget_ns; /* 0 if none */
            uint32_t delivered; /* the broker's count: a hint only */
            uint32_t size;      /* what it takes, in bytes; 0: not known */
            uint32_t pending : 31;
            uint32_t has_reply_to : 1; /* a gateway elsewhere waits for the answer */
            uint8_t alias;
        } delivery;
        struct {
            uint32_t unfilled;
        } pull;
        struct {
            uint64_t sequence;
            uint8_t duplicate; /* the broker had this message id already */
        } published;
        struct {
            struct key request;
            uint64_t digest; /* of the input that the stored result answers */
            uint8_t end;     /* enum end */
            uint8_t reason;  /* enum reason */
            uint8_t cause;   /* enum cause: the last, unless it succeeded */
            uint32_t attempts;
            struct causes causes;
        } result;
        struct {
            uint64_t revision, nonce;
            uint32_t attempts; /* charged so far */
            uint32_t starts;   /* executions begun on deliveries that were not fresh */
            struct causes causes;
            uint8_t last; /* enum cause: of the charge that was written last, NONE: a start was; or of the end */
            uint8_t end; /* enum end: how the request has ended, whether or not its result is there; NONE: it has not */
            uint8_t reason; /* enum reason: of the end */
        } ledger;
        struct {
            struct key name, version;
            struct key of; /* a route: of this function's requests some run on another version; none: a function */
            uint64_t timeout_ns, keep_alive_ns;
            uint16_t retries_max, concurrency, workers_max;
            uint8_t alias;        /* route: never another than when it was made */
            uint8_t place;        /* route: its own among those of its alias, the same on every instance; as above */
            uint8_t weight;       /* route: its share of the alias, in per cent */
            uint8_t elsewhere;    /* this instance does not serve its language: calls pass through */
            uint8_t closing;      /* enum closing */
            uint8_t paused;       /* nothing of it is to begin; calls are queued all the same */
            uint32_t pending_max; /* requests of it that may be queued before the door refuses; 0: no bound */
        } function;
        struct {
            uint64_t fresh_after; /* last sequence of the request stream when the consumer was seen to exist */
            uint64_t first;       /* sequence of the oldest message of the function in the stream; 0: there is none */
            uint64_t floor;       /* the consumer takes everything up to here for acknowledged */
            uint32_t messages_min, messages_max; /* in the stream, before and after the consumer was looked at */
            uint32_t waiting;                    /* what the consumer has yet to deliver */
            uint32_t ack_pending;                /* what it takes for delivered and not acknowledged */
        } consumer;
        struct {
            struct key function;
            uint64_t oldest_ns; /* how long the first that nobody was given yet has waited; 0: none; OLDEST_UNKNOWN */
            uint32_t messages;  /* in the stream, whatever their stage */
            uint32_t size_mean; /* of a message of the stream, of any function; 0: not known */
            uint32_t takers;    /* other live instances that take them; TAKERS_UNKNOWN */
        } queue;
        struct {
            uint64_t sequence;                                 /* the last */
            uint64_t messages, messages_max, bytes, bytes_max; /* 0: no bound */
            uint32_t pending_max;                              /* how many the doors may fill it up to; 0: no bound */
            uint32_t instances;                                /* whose doors let requests in, this one included */
            uint8_t drops; /* if it is killed it drops what it has no room for; else it is not looked at */
        } stream;
        struct {
            uint64_t revision;
        } lease;
        struct {
            struct key request, function;
            uint64_t digest, sequence;
            int64_t stored_ns;  /* broker's wall clock */
            uint64_t budget_ns; /* 0 if none */
            uint64_t last;      /* REFUSED too: where the walk ends */
        } walked;
        struct {
            uint64_t after_ns; /* THROTTLE: the function's own delay */
            uint16_t stream;
            uint16_t concurrency;
            uint8_t class; /* enum error_class */
            uint8_t ahead; /* READY: it runs calls one after the other and lets them be sent ahead */
        } worker;
        struct {
            uint64_t grace_ns;
        } drain;
        struct {
            struct key name;
            uint64_t retry_ns_base, retry_ns_max; /* 0: the setting of the instance */
            uint8_t jitter;                       /* enum jitter + 1; 0: the setting of the instance */
            uint8_t retries[CAUSE_KEPT];          /* after each charged cause, within retries_max */
            uint16_t concurrency_min; /* the concurrency adapts, and goes no lower; 0: it is as configured */
            /* Before the door refuses: how long the first may have waited, how many bytes may be queued; 0: no bound */
            uint64_t age_ns_max, size_max;
        } policy;
        struct {
            uint8_t looked_for;
        } change;
    } as;
};

_Static_assert(sizeof(struct input) <= 128, "an input fits into two cache lines");

const char *input_name(enum input_kind kind);

#endif
