/* The gRPC door: turns calls into requests for the loop thread and its answers into gRPC answers.
 *
 * The server has two threads of its own: one accepts connections (TCP and Unix sockets), one runs everything of gRPC
 * and protobuf. The loop thread never enters gRPC: it receives requests from one bounded ring and pushes answers into
 * another. A call is named by an id (index and generation); an answer to a call that is over is dropped.
 *
 * What is refused here, before the loop sees it: unknown methods (UNIMPLEMENTED), compressed messages (UNIMPLEMENTED),
 * messages over event_bytes_max, over the memory quota or beyond in_flight_max (RESOURCE_EXHAUSTED), bytes that are no
 * protobuf, an empty name, an event that is not a valid CloudEvent, a request id that is no NATS subject token, routes
 * over RPC_ROUTES_MAX or with weights that don't sum up (INVALID_ARGUMENT, with BadRequest details).
 * grpc.health.v1.Health and grpc.reflection are answered here too.
 *
 * Thread rule: every function below belongs to the one thread that called rpc_server_start(), the loop thread. Only
 * options.wake is called on another thread. None blocks but rpc_server_start (bind) and rpc_server_stop. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_SERVER_H
#define STEAD_ADAPTERS_GRPC_RPC_SERVER_H

#include "adapters/grpc/rpc.h"

struct rpc_server;

struct rpc_server_options {
    const char *const *listen; /* "127.0.0.1:7600", "[::1]:0", "unix:/path"; port 0 takes a free one */
    size_t listen_count;       /* 1 to RPC_LISTEN_MAX */
    uint32_t in_flight_max;    /* calls at once, 1 to 4096; 0 takes 1024 */
    uint32_t connections_max;  /* 0 takes 1024 */
    size_t event_bytes_max;    /* largest event, block and data; 0 takes CLOUDEVENTS_EVENT_BYTES_DEFAULT */
    size_t deploy_bytes_max;   /* largest message of any kind, at least an event's; 0 takes 16 MiB */
    size_t quota_bytes;        /* gRPC's buffers, for each kind of listener (TCP, Unix); 0 takes 128 MiB */
    int64_t deadline_ns_max;   /* a call with a later or without a deadline gets now + this; 0: no limit */
    int64_t body_ns_max;       /* how long a caller may take to send its message; 0 takes 30 s */

    uint32_t calls_per_connection_max; /* told to clients, which then wait by themselves; 0 takes 128 */
    int64_t keepalive_ns;              /* a quiet connection is pinged after this; 0 takes 2 min */
    int64_t keepalive_timeout_ns;      /* and closed if it doesn't answer in this; 0 takes 20 s */
    int64_t ping_interval_ns_min;      /* clients that ping a quiet connection more often are sent away; 0 takes 10 s */
    int64_t connection_age_ns_max;     /* then a client is asked to connect anew, its calls go on; 0: no limit */
    int64_t connection_idle_ns_max;    /* a connection without calls is closed after this; 0: no limit */
    bool reflection;                   /* answer grpc.reflection.v1 and v1alpha */

    void (*wake)(void *owner); /* called on the gRPC thread: make the loop call rpc_server_receive */
    void *owner;
};

enum {
    RPC_LISTEN_MAX = 8,
    RPC_IN_FLIGHT_MAX = 4096,
};

enum rpc_kind {
    RPC_EXECUTE,  /* name, packed_event */
    RPC_DEPLOY,   /* deploy */
    RPC_LIST,     /* name holds the language to list, or nothing */
    RPC_GET,      /* name */
    RPC_REMOVE,   /* name, now */
    RPC_SUBMIT,   /* name, packed_event */
    RPC_RESULT,   /* request_id, wait */
    RPC_CANCEL,   /* request_id */
    RPC_VERSIONS, /* name */
    RPC_ROLLBACK, /* name, version */
    RPC_ALIAS,    /* name, alias (its name and routes) */
    RPC_ROLLOUT,  /* name */
    RPC_INSTANCES,
    RPC_QUEUES,
    RPC_PAUSE,     /* name, now: paused */
    RPC_RELEASE,   /* name */
    RPC_LETTERS,   /* letters */
    RPC_REDRIVE,   /* name, request_id */
    RPC_DROP,      /* name, request_id */
    RPC_CANCELLED, /* the call named by id is over (client left, deadline passed, server stops): no answer is due */
};

/* One request. Its memory, with all that it points to, is the receiver's until rpc_request_free(). */
struct rpc_request {
    uint64_t id; /* never 0 */
    enum rpc_kind kind;
    int64_t received_ns;       /* CLOCK_MONOTONIC */
    int64_t deadline_ns;       /* CLOCK_MONOTONIC; INT64_MAX if none */
    struct bytes name;         /* UTF-8 without NUL, not empty but for RPC_LIST; not checked further */
    struct bytes packed_event; /* validated; see adapters/event/event.h */
    const struct rpc_deploy *deploy;
    struct bytes request_id; /* one NATS subject token, checked */
    struct bytes version;    /* may be empty */
    struct rpc_alias alias;
    struct rpc_letters_query letters;
    bool wait, now;
};

/* NULL and a text for users in ret_error if an address can't be bound or memory is short. */
struct rpc_server *rpc_server_start(const struct rpc_server_options *options, char *ret_error, size_t error_size);

/* The address as a client writes it, with the real port; NULL if there are not that many. */
const char *rpc_server_address(const struct rpc_server *server, size_t which);

/* The next request. False if there is none now; then `wake` will be called when there is one. */
bool rpc_server_receive(struct rpc_server *server, struct rpc_request **ret_request);
void rpc_request_free(struct rpc_request *request);

enum rpc_answer_kind {
    RPC_ANSWER_RESULT,         /* packed_event (the result event), request_id, attempts */
    RPC_ANSWER_FUNCTION_ERROR, /* text, type, error_class, attempts, request_id; gRPC status OK with `error` set */
    RPC_ANSWER_STATUS,         /* status, text, reason, pairs, retry_after_ms; violation_* for invalid arguments */
    RPC_ANSWER_FUNCTIONS,      /* functions: any number for List, one for Deploy, Get, Remove, Rollback and SetAlias */
    RPC_ANSWER_ACCEPTED,       /* Submit, Redrive: request_id, duplicate. Cancel, Drop: request_id */
    RPC_ANSWER_STORED,         /* GetResult: request_id, outcome, attempts, function, version; packed_event if it
                                  succeeded, else reason and text, and type and error_class if the function gave them */
    RPC_ANSWER_VERSIONS,       /* versions */
    RPC_ANSWER_ROLLOUT,        /* rollout */
    RPC_ANSWER_INSTANCES,      /* instances */
    RPC_ANSWER_QUEUES,         /* queues: any number for Queues, one for PauseQueue */
    RPC_ANSWER_LETTERS,        /* letters, next */
};

enum {
    RPC_NO_RETRY_HINT = 0, /* retry_after_ms: say nothing about retrying */
    RPC_NEVER_RETRY = -1,  /* retry_after_ms: tell the client's library not to retry by itself */
};

/* One answer, borrowed during rpc_server_answer() only. Unused members are zero. */
struct rpc_answer {
    uint64_t id;
    enum rpc_answer_kind kind;
    enum rpc_status status;
    uint32_t attempts;
    int64_t retry_after_ms; /* RPC_ANSWER_STATUS: > 0 gives RetryInfo and the trailer grpc-retry-pushback-ms */
    struct bytes request_id;
    struct bytes packed_event;
    struct bytes text;            /* error text or status message, UTF-8 */
    struct bytes type;            /* the function's own name for its error */
    struct bytes error_class;     /* "retry", "permanent" or "throttle" */
    struct bytes reason;          /* ErrorInfo.reason; empty: no details */
    struct bytes violation_field; /* BadRequest: the field at fault, or nothing */
    const struct rpc_pair *pairs; /* ErrorInfo.metadata */
    size_t pair_count;
    const struct rpc_function *functions;
    size_t function_count;
    bool duplicate;
    struct bytes outcome, function, version;
    const struct rpc_version *versions;
    size_t version_count;
    const struct rpc_rollout *rollout;
    const struct rpc_instance *instances;
    size_t instance_count;
    const struct rpc_queue *queues;
    size_t queue_count;
    const struct rpc_letter *letters;
    size_t letter_count;
    uint64_t next;
    struct bytes cause, causes; /* RPC_ANSWER_STORED: "crash", "error=2,crash=1" */
};

/* Copies the answer and hands it to the gRPC thread. An id that is over, or answered already, is dropped. */
void rpc_server_answer(struct rpc_server *server, const struct rpc_answer *answer);

/* What health checks say. A server starts as not serving. */
void rpc_server_serving(struct rpc_server *server, bool serving);

struct rpc_server_counters {
    uint64_t calls;           /* that reached us, refused ones too */
    uint64_t refused_load;    /* by in_flight_max */
    uint64_t refused_invalid; /* INVALID_ARGUMENT or too large, found here */
    uint64_t unknown_methods;
    uint64_t cancelled; /* ended before their answer */
    uint64_t connections;
    uint64_t connections_refused; /* by connections_max */
    uint64_t accept_errors;       /* EMFILE and the like; the server lives on */
    uint32_t in_flight;
};
void rpc_server_counters(const struct rpc_server *server, struct rpc_server_counters *ret_counters);

/* Begins to leave: not serving, no new connection, no new call (clients are told to go elsewhere); calls in flight go
 * on and are still to be answered. Watch counters.in_flight for 0, then stop. Idempotent. */
void rpc_server_drain(struct rpc_server *server);

/* Drains if that was not done, waits at most grace_ns for the answers already given to leave, cancels the rest, ends
 * both threads, removes Unix sockets and frees the server. Requests not yet freed stay valid. NULL is ignored. */
void rpc_server_stop(struct rpc_server *server, int64_t grace_ns);

#endif
