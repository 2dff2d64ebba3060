/* A gRPC client of Stead, for the command line, for libraries and for load generators.
 *
 * One client is one or more connections of its own to one address; a call goes to the connection with the fewest calls
 * in flight. Nothing is retried. A server that isn't there is a reply with status UNAVAILABLE, not an error of its own.
 *
 * Thread rule: the blocking calls, rpc_client_execute and its siblings, are for any number of threads at once. Many
 * calls in flight on one thread: rpc_client_start, rpc_client_next and rpc_client_cancel_all, which belong to one
 * thread. Opening and closing happen alone. There is no TLS yet: addresses are for trusted networks. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_CLIENT_H
#define STEAD_ADAPTERS_GRPC_RPC_CLIENT_H

#include "adapters/grpc/rpc.h"

struct rpc_client;

struct rpc_client_options {
    const char *address;          /* "127.0.0.1:7600", "host:port" or "unix:/path" */
    uint32_t connections;         /* 1 to RPC_CLIENT_CONNECTIONS_MAX; 0 takes 1 */
    bool wait_for_ready;          /* a call waits for the server within its timeout instead of ending as UNAVAILABLE */
    int64_t connect_timeout_ns;   /* for one attempt; 0 takes gRPC's 20 s */
    int64_t keepalive_ns;         /* ping after this much silence while calls are in flight; 0: never */
    int64_t keepalive_timeout_ns; /* and give the connection up without an answer; 0 takes 20 s */
};

enum { RPC_CLIENT_CONNECTIONS_MAX = 64 };

/* Connects at the first call. The options are copied. NULL if out of memory. */
struct rpc_client *rpc_client_open(const struct rpc_client_options *options);
/* The same with nothing but an address. */
struct rpc_client *rpc_client_connect(const char *address);
/* Cancels what was started. No blocking call may be in flight. NULL is ignored. */
void rpc_client_close(struct rpc_client *client);

/* The answer to any call; members that a call doesn't give are zero. Freed, with all it points to, by rpc_reply_free.
 */
struct rpc_reply {
    int status;           /* enum rpc_status */
    struct bytes message; /* of the status */
    struct bytes reason;  /* ErrorInfo; or of a stored result */
    struct bytes domain;
    const struct rpc_pair *pairs; /* ErrorInfo.metadata */
    size_t pair_count;
    const struct rpc_pair *violations; /* BadRequest: field and description */
    size_t violation_count;
    int64_t retry_after_ms; /* RetryInfo; -1 if none */
    bool retry_forbidden;   /* by a negative grpc-retry-pushback-ms */

    bool function_failed; /* status OK, but the function said no: error, error_type, error_class, retryable; or a stored
                             result that is no success: error, reason */
    struct bytes data;    /* of the result */
    struct bytes error;
    struct bytes error_type;
    struct bytes error_class;
    bool retryable;
    uint32_t attempts;
    struct bytes request_id;
    struct bytes packed_event; /* the result event, with its data; empty if the answer has none or it's not valid */

    const struct rpc_function *functions;
    size_t function_count;
    bool duplicate;                          /* submit: accepted before */
    struct bytes outcome, function, version; /* of a stored result */
    const struct rpc_version *versions;
    size_t version_count;
    struct rpc_rollout rollout;
    const struct rpc_instance *instances;
    size_t instance_count;
    const struct rpc_queue *queues;
    size_t queue_count;
    const struct rpc_letter *letters;
    size_t letter_count;
    uint64_t next;              /* letters: 0: there are no more */
    struct bytes cause, causes; /* of a stored result: "crash", "error=2,crash=1" */
    struct bytes raw;           /* the response message as it came */
};
void rpc_reply_free(struct rpc_reply *reply);

/* What to run. With an empty packed_event a new event is made around `data`: id random, source "stead:client". */
struct rpc_query {
    struct bytes name;
    struct bytes packed_event;
    struct bytes data;
    struct bytes content_type; /* of `data`; may be empty */
    int64_t timeout_ns;        /* 0: none */
};

/* All return a reply, never NULL but out of memory. */
struct rpc_reply *rpc_client_execute(struct rpc_client *client, const struct rpc_query *query);
struct rpc_reply *rpc_client_deploy(struct rpc_client *client, const struct rpc_deploy *deploy, int64_t timeout_ns);
struct rpc_reply *rpc_client_list(struct rpc_client *client, struct bytes language, int64_t timeout_ns);
struct rpc_reply *rpc_client_get(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_remove(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_submit(struct rpc_client *client, const struct rpc_query *query);
struct rpc_reply *rpc_client_result(struct rpc_client *client, struct bytes request_id, bool wait, int64_t timeout_ns);
struct rpc_reply *rpc_client_cancel(struct rpc_client *client, struct bytes request_id, int64_t timeout_ns);
struct rpc_reply *rpc_client_remove_now(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_versions(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_rollback(struct rpc_client *client, struct bytes name, struct bytes version,
                                      int64_t timeout_ns);
struct rpc_reply *rpc_client_alias(struct rpc_client *client, struct bytes name, const struct rpc_alias *alias,
                                   int64_t timeout_ns);
struct rpc_reply *rpc_client_rollout(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_release(struct rpc_client *client, struct bytes name, int64_t timeout_ns);
struct rpc_reply *rpc_client_letters(struct rpc_client *client, const struct rpc_letters_query *query,
                                     int64_t timeout_ns);
struct rpc_reply *rpc_client_redrive(struct rpc_client *client, struct bytes name, struct bytes request_id,
                                     int64_t timeout_ns);
struct rpc_reply *rpc_client_drop(struct rpc_client *client, struct bytes name, struct bytes request_id,
                                  int64_t timeout_ns);
struct rpc_reply *rpc_client_instances(struct rpc_client *client, int64_t timeout_ns);
struct rpc_reply *rpc_client_queues(struct rpc_client *client, int64_t timeout_ns);
struct rpc_reply *rpc_client_pause(struct rpc_client *client, struct bytes name, bool paused, int64_t timeout_ns);
/* Any unary method with any request bytes; the reply has status, details and raw. */
struct rpc_reply *rpc_client_call(struct rpc_client *client, const char *path, struct bytes message,
                                  int64_t timeout_ns);
/* Health Check of a service ("" is the server): status OK and *ret_serving, or the status that says why not. */
struct rpc_reply *rpc_client_check(struct rpc_client *client, const char *service, int64_t timeout_ns,
                                   bool *ret_serving);

/* Starts a call and returns at once; `path` has to outlive it, `tag` comes back with its reply. False if out of
 * memory or the event is invalid. For load: prepare the message once with rpc_client_encode, then start it many
 * times. */
bool rpc_client_start(struct rpc_client *client, const char *path, struct bytes message, int64_t timeout_ns, void *tag);
bool rpc_client_encode(const struct rpc_query *query, struct event_buffer *ret_message);
/* Waits for any started call to end. False if none did within wait_ns, or none is under way. */
bool rpc_client_next(struct rpc_client *client, int64_t wait_ns, void **ret_tag, struct rpc_reply **ret_reply);
/* Cancels all that was started; their replies still come. */
void rpc_client_cancel_all(struct rpc_client *client);

#endif
