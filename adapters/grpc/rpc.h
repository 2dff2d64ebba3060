/* What the gRPC server and the gRPC client of Stead have in common: plain values, no gRPC and no protobuf type.
 *
 * All texts are UTF-8, borrowed and not NUL-terminated unless they say so. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_H
#define STEAD_ADAPTERS_GRPC_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/event/event.h"

/* gRPC status codes: name, number, the word that users see. */
#define RPC_STATUSES(X)                                                                                                \
    X(OK, 0)                                                                                                           \
    X(CANCELLED, 1)                                                                                                    \
    X(UNKNOWN, 2)                                                                                                      \
    X(INVALID_ARGUMENT, 3)                                                                                             \
    X(DEADLINE_EXCEEDED, 4)                                                                                            \
    X(NOT_FOUND, 5)                                                                                                    \
    X(ALREADY_EXISTS, 6)                                                                                               \
    X(PERMISSION_DENIED, 7)                                                                                            \
    X(RESOURCE_EXHAUSTED, 8)                                                                                           \
    X(FAILED_PRECONDITION, 9)                                                                                          \
    X(ABORTED, 10)                                                                                                     \
    X(OUT_OF_RANGE, 11)                                                                                                \
    X(UNIMPLEMENTED, 12)                                                                                               \
    X(INTERNAL, 13)                                                                                                    \
    X(UNAVAILABLE, 14)                                                                                                 \
    X(DATA_LOSS, 15)                                                                                                   \
    X(UNAUTHENTICATED, 16)

enum rpc_status {
#define RPC_STATUS_ENUM(name, number) RPC_STATUS_##name = number,
    RPC_STATUSES(RPC_STATUS_ENUM)
#undef RPC_STATUS_ENUM
};

/* "NOT_FOUND" for RPC_STATUS_NOT_FOUND; "UNKNOWN" for a number that is none. */
const char *rpc_status_name(int status);

/* The paths that a call can name. */
#define RPC_PATH_EXECUTE      "/function.v1.FunctionService/ExecuteFunction"
#define RPC_PATH_EXECUTE_BARE "/FunctionService/ExecuteFunction"
#define RPC_PATH_SUBMIT       "/function.v1.FunctionService/SubmitFunction"
#define RPC_PATH_SUBMIT_BARE  "/FunctionService/SubmitFunction"
#define RPC_PATH_RESULT       "/function.v1.FunctionService/GetResult"
#define RPC_PATH_RESULT_BARE  "/FunctionService/GetResult"
#define RPC_PATH_CANCEL       "/function.v1.FunctionService/Cancel"
#define RPC_PATH_CANCEL_BARE  "/FunctionService/Cancel"
#define RPC_PATH_DEPLOY       "/function.v1.FunctionAdmin/Deploy"
#define RPC_PATH_LIST         "/function.v1.FunctionAdmin/List"
#define RPC_PATH_GET          "/function.v1.FunctionAdmin/Get"
#define RPC_PATH_REMOVE       "/function.v1.FunctionAdmin/Remove"
#define RPC_PATH_VERSIONS     "/function.v1.FunctionAdmin/Versions"
#define RPC_PATH_ROLLBACK     "/function.v1.FunctionAdmin/Rollback"
#define RPC_PATH_ALIAS        "/function.v1.FunctionAdmin/SetAlias"
#define RPC_PATH_ROLLOUT      "/function.v1.FunctionAdmin/Rollout"
#define RPC_PATH_INSTANCES    "/function.v1.FunctionAdmin/Instances"
#define RPC_PATH_QUEUES       "/function.v1.FunctionAdmin/Queues"
#define RPC_PATH_PAUSE        "/function.v1.FunctionAdmin/PauseQueue"
#define RPC_PATH_RELEASE      "/function.v1.FunctionAdmin/Release"
#define RPC_PATH_LETTERS      "/function.v1.FunctionAdmin/DeadLetters"
#define RPC_PATH_REDRIVE      "/function.v1.FunctionAdmin/Redrive"
#define RPC_PATH_DROP         "/function.v1.FunctionAdmin/Drop"
#define RPC_PATH_CHECK        "/grpc.health.v1.Health/Check"
#define RPC_PATH_WATCH        "/grpc.health.v1.Health/Watch"
#define RPC_PATH_REFLECT      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define RPC_PATH_REFLECT_OLD  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

/* ErrorInfo.domain of every status that Stead itself gives. */
#define RPC_ERROR_DOMAIN "stead"

/* Where gRPC's own log lines go, at most ten a second; by default nowhere. Call it before the first server or client
 * starts. `sink` runs on any thread. */
void rpc_log_to(void (*sink)(const char *text));

struct rpc_pair {
    struct bytes key;
    struct bytes value;
};

struct rpc_file {
    struct bytes path;
    struct bytes content;
    bool executable;
};

struct rpc_deploy {
    struct bytes language; /* may be empty: tell by content */
    struct bytes name;
    struct bytes manifest; /* YAML text, may be empty */
    const struct rpc_file *files;
    size_t file_count;
    uint32_t canary_percent; /* 0: the new version gets all requests of the alias */
    struct bytes alias;      /* empty: live */
    bool no_wait;
};

enum {
    RPC_ALIASES_MAX = 4,
    RPC_ROUTES_MAX = 4, /* versions that one alias divides its requests among */
};

struct rpc_route {
    struct bytes version;
    uint32_t weight;
};

struct rpc_alias {
    struct bytes name;
    struct rpc_route routes[RPC_ROUTES_MAX];
    size_t route_count;
};

/* One deployed function, as List, Get, Deploy and Remove show it. */
struct rpc_function {
    struct bytes language;
    struct bytes name;
    struct bytes version;
    struct bytes state;
    struct bytes message;
    struct bytes digest;
    int64_t created_unix_ms;
    uint32_t workers;
    uint64_t revision;
    struct rpc_alias aliases[RPC_ALIASES_MAX];
    size_t alias_count;
};

/* One stored version, as Versions shows it. */
struct rpc_version {
    struct bytes version;
    struct bytes digest;
    int64_t created_unix_ms;
    struct bytes aliases[RPC_ALIASES_MAX]; /* "live=90" */
    size_t alias_count;
};

/* What the broker gives for what it has acknowledged; storage "": not known yet. */
struct rpc_durability {
    struct bytes storage;
    uint32_t replicas;
    int64_t sync_interval_ms; /* 0: with each message */
    bool sync_told;           /* otherwise the default of the broker's version */
};

/* One live instance, as Instances shows it. */
struct rpc_instance {
    struct bytes name;
    struct bytes state;
    struct bytes version;
    int64_t started_unix_ms;
    const struct bytes *languages;
    size_t language_count;
    uint32_t slots, running, functions;
    struct rpc_durability durability;
};

/* What is queued for one function, as Queues shows it. */
struct rpc_queue {
    struct bytes name;
    struct bytes language;
    uint64_t messages, pending_max;
    uint64_t bytes, bytes_max; /* estimated, and before the door refuses; 0: no bound */
    int64_t age_ms_max;        /* the same */
    uint32_t running, concurrency_limit, concurrency_max;
    int64_t oldest_ms;         /* -1: not known */
    int64_t processed_unix_ms; /* when one last ended on the instance that answers; 0: never */
    uint32_t takers, in_hand;  /* in_hand: there */
    bool paused, unknown;
};

/* One dead letter, as DeadLetters shows it; `stderr_end`, `data` only if the whole was asked for. */
struct rpc_letter {
    struct bytes request_id, function, reason, cause, causes, error, redriven_as, exit, stderr_end, content_type, data;
    uint32_t attempts;
    int64_t buried_unix_ms;
    uint64_t sequence, size;
};

/* Which of them. */
struct rpc_letters_query {
    struct bytes name, request_id, cause; /* each may be empty */
    uint64_t after;
    uint32_t limit;
    bool whole;
};

/* How far one instance is, as Rollout shows it. */
struct rpc_instance_rollout {
    struct bytes instance;
    struct bytes state;
    struct bytes message;
    uint32_t outdated;
};

struct rpc_rollout {
    struct bytes name;
    struct bytes version;
    uint64_t revision;
    uint32_t ready, total;
    const struct rpc_instance_rollout *instances;
    size_t instance_count;
};

#endif
