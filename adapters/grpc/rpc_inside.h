/* The private part of the gRPC server: what its files share. Nobody else includes this.
 *
 * Who owns what: the gRPC thread owns calls, slots, doors and the decoder; the loop thread owns `loop`; both meet only
 * in the two rings and the atomics under "shared".
 *
 * A slot is the loop's name for a call. It is taken when a call is admitted and given back when the loop has said its
 * last word on it: an answer, or the sight of RPC_CANCELLED. So a ring never holds more than two requests and one
 * answer a slot, and pushes can't fail. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_INSIDE_H
#define STEAD_ADAPTERS_GRPC_RPC_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include "adapters/grpc/rpc_decode.h"
#include "adapters/grpc/rpc_descriptors.h"
#include "adapters/grpc/rpc_server.h"
#include "adapters/ring/ring.h"

#define RPC_METHODS(X)                                                                                                 \
    X(RPC_PATH_EXECUTE, RPC_METHOD_REQUEST, RPC_EXECUTE)                                                               \
    X(RPC_PATH_EXECUTE_BARE, RPC_METHOD_REQUEST, RPC_EXECUTE)                                                          \
    X(RPC_PATH_SUBMIT, RPC_METHOD_REQUEST, RPC_SUBMIT)                                                                 \
    X(RPC_PATH_SUBMIT_BARE, RPC_METHOD_REQUEST, RPC_SUBMIT)                                                            \
    X(RPC_PATH_RESULT, RPC_METHOD_REQUEST, RPC_RESULT)                                                                 \
    X(RPC_PATH_RESULT_BARE, RPC_METHOD_REQUEST, RPC_RESULT)                                                            \
    X(RPC_PATH_CANCEL, RPC_METHOD_REQUEST, RPC_CANCEL)                                                                 \
    X(RPC_PATH_CANCEL_BARE, RPC_METHOD_REQUEST, RPC_CANCEL)                                                            \
    X(RPC_PATH_DEPLOY, RPC_METHOD_REQUEST, RPC_DEPLOY)                                                                 \
    X(RPC_PATH_LIST, RPC_METHOD_REQUEST, RPC_LIST)                                                                     \
    X(RPC_PATH_GET, RPC_METHOD_REQUEST, RPC_GET)                                                                       \
    X(RPC_PATH_REMOVE, RPC_METHOD_REQUEST, RPC_REMOVE)                                                                 \
    X(RPC_PATH_VERSIONS, RPC_METHOD_REQUEST, RPC_VERSIONS)                                                             \
    X(RPC_PATH_ROLLBACK, RPC_METHOD_REQUEST, RPC_ROLLBACK)                                                             \
    X(RPC_PATH_ALIAS, RPC_METHOD_REQUEST, RPC_ALIAS)                                                                   \
    X(RPC_PATH_ROLLOUT, RPC_METHOD_REQUEST, RPC_ROLLOUT)                                                               \
    X(RPC_PATH_INSTANCES, RPC_METHOD_REQUEST, RPC_INSTANCES)                                                           \
    X(RPC_PATH_QUEUES, RPC_METHOD_REQUEST, RPC_QUEUES)                                                                 \
    X(RPC_PATH_PAUSE, RPC_METHOD_REQUEST, RPC_PAUSE)                                                                   \
    X(RPC_PATH_RELEASE, RPC_METHOD_REQUEST, RPC_RELEASE)                                                               \
    X(RPC_PATH_LETTERS, RPC_METHOD_REQUEST, RPC_LETTERS)                                                               \
    X(RPC_PATH_REDRIVE, RPC_METHOD_REQUEST, RPC_REDRIVE)                                                               \
    X(RPC_PATH_DROP, RPC_METHOD_REQUEST, RPC_DROP)                                                                     \
    X(RPC_PATH_CHECK, RPC_METHOD_CHECK, RPC_EXECUTE)                                                                   \
    X(RPC_PATH_WATCH, RPC_METHOD_WATCH, RPC_EXECUTE)                                                                   \
    X(RPC_PATH_REFLECT, RPC_METHOD_REFLECT, RPC_EXECUTE)                                                               \
    X(RPC_PATH_REFLECT_OLD, RPC_METHOD_REFLECT, RPC_EXECUTE)

enum rpc_method_type {
    RPC_METHOD_REQUEST,
    RPC_METHOD_CHECK,
    RPC_METHOD_WATCH,
    RPC_METHOD_REFLECT, /* a stream both ways, answered here message by message */
    RPC_METHOD_UNKNOWN,
};

struct rpc_method {
    const char *path;
    enum rpc_method_type type;
    enum rpc_kind kind; /* of RPC_METHOD_REQUEST */
};

enum {
#define RPC_METHOD_ONE(path, type, kind) +1
    RPC_METHOD_COUNT = 0 RPC_METHODS(RPC_METHOD_ONE),
#undef RPC_METHOD_ONE
    RPC_DOOR_COUNT = 2, /* TCP, Unix */
    RPC_WATCHERS_MAX = 64,
    RPC_REFLECTIONS_MAX = 16,
    RPC_REFLECTION_MESSAGES_MAX = 1000,
    RPC_SLOT_NONE = -1,
    RPC_INTAKE_NS = 10 * 1000 * 1000, /* how often, and how late a message has to be */
    RPC_FD_MAX = 64 * 1024,
    RPC_OVERLOAD_RETRY_MS = 100,
};

extern const struct rpc_method rpc_methods[RPC_METHOD_COUNT];
extern const struct rpc_method rpc_method_unknown;

/* Listeners of one kind of trust share a grpc_server with a memory quota of its own, so that strangers on TCP can't use
 * up what callers on the Unix socket need. */
struct rpc_door {
    struct rpc_server *server;
    grpc_server *grpc;
    void *registered[RPC_METHOD_COUNT];
    bool reads_body; /* gRPC reads a unary message before it shows the call: cheaper, but slow senders are invisible */
};

struct rpc_call;

/* What a completion means. Tags live in what they are about. */
enum rpc_tag_kind {
    RPC_TAG_NEW,
    RPC_TAG_BODY,
    RPC_TAG_CLOSE,
    RPC_TAG_WRITTEN,
    RPC_TAG_DONE,
    RPC_TAG_WAKE,
    RPC_TAG_STOP,
    RPC_TAG_SHUT
};

struct rpc_tag {
    enum rpc_tag_kind kind;
    struct rpc_call *call; /* NULL for WAKE, STOP and SHUT */
};

struct rpc_call {
    struct rpc_tag tag_new, tag_body, tag_close, tag_written, tag_done;
    struct rpc_door *door;
    const struct rpc_method *method;
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* of unknown methods */
    grpc_byte_buffer *body;
    int64_t received_ns;
    int64_t awaited_ns; /* since when its message is awaited */
    int64_t deadline_ns;
    int cancelled;                    /* written by gRPC before tag_close */
    unsigned refs;                    /* tags under way */
    int slot;                         /* RPC_SLOT_NONE until admitted and after the end */
    bool answered;                    /* a status is on its way or the call is over: nothing more may be sent */
    bool body_awaited;                /* then in server->bodies */
    bool counted;                     /* in in_flight */
    bool watching;                    /* then in server->watchers */
    bool reflecting;                  /* counted in reflections */
    bool begun;                       /* initial metadata were sent */
    bool write_pending;               /* a message of a stream is on its way */
    int fd;                           /* of its connection; see rpc_intake.c */
    unsigned messages;                /* of a reflection, so far */
    int status_shown;                 /* the last health that this Watch was sent */
    size_t out_bytes;                 /* of its answer, while in server->leaving */
    int64_t left_ns;                  /* when it was handed to gRPC */
    struct rpc_call *next, *previous; /* in bodies, watchers or leaving */
};

struct rpc_slot {
    uint32_t generation;
    struct rpc_call *call;         /* NULL if the call is over but the loop hasn't said its last word */
    struct rpc_request *cancelled; /* made ready beforehand, so that a cancellation can always be told */
    enum rpc_kind kind;
    size_t deploy_bytes; /* of a deploy that awaits its answer */
    int next_free;
};

/* An answer on its way to the gRPC thread, or just the word that the loop is done with an id. */
struct rpc_answer_box {
    struct rpc_answer answer;
    size_t bytes;     /* of the box with its copies */
    bool closes_only; /* the loop saw RPC_CANCELLED */
    bool lost;        /* no memory to copy the answer, or too much of it waits already */
    bool is_static;   /* lives in loop.closing, not to be freed */
};

struct rpc_acceptor;
struct intake;

struct rpc_server {
    struct rpc_server_options options; /* defaults filled in, listen not valid after the start */
    grpc_completion_queue *queue;
    grpc_channel *wake_channel; /* a lame channel: its call exists to post wake-ups */
    grpc_call *wake_call;
    struct rpc_tag tag_wake, tag_stop, tag_shut;
    struct rpc_acceptor *acceptor;
    pthread_t thread;
    struct rpc_door doors[RPC_DOOR_COUNT];

    /* the gRPC thread's */
    struct rpc_decoder decoder;
    struct rpc_arena encode_arena;
    struct rpc_slot *slots;
    int free_slot;
    size_t deploy_bytes; /* of all deploys that await an answer: the loop holds their files in more than one form */
    struct rpc_call *bodies;
    struct rpc_call *watchers;
    struct rpc_call *leaving; /* answered, but not all of the answer is on the wire; the newest first */
    size_t leaving_bytes;
    unsigned watcher_count;
    unsigned reflections;
    struct rpc_descriptors descriptors;
    struct intake *intakes; /* by descriptor */
    uint64_t intake_turn, intake_held;
    bool intake_watched;
    bool trim_due;
    unsigned calls;  /* that exist, waiting ones too */
    unsigned active; /* that a client made and that are not over */
    unsigned doors_open;
    bool stop_seen; /* the loop's last wake-up has come: no one else posts to the queue */
    bool shutdown_begun, all_cancelled, queue_closed;
    int health_shown;

    /* the loop thread's */
    struct {
        uint32_t *open;                 /* by index: generation of the request that awaits an answer, or 0 */
        struct rpc_answer_box *closing; /* by index: a box that needs no memory */
    } loop;

    /* shared */
    struct ring requests; /* gRPC thread to loop */
    struct ring answers;  /* loop to gRPC thread */
    _Atomic bool serving, draining;
    _Atomic int64_t stop_at_ns;
    _Atomic uint64_t count_calls, count_refused_load, count_refused_invalid, count_unknown, count_cancelled;
    _Atomic uint32_t in_flight;
    _Atomic size_t boxed_bytes; /* of answers on their way to the gRPC thread */
};

/* rpc_box.c: a copy of an answer on its way to the gRPC thread; NULL if out of memory. Loop thread. */
struct rpc_answer_box *rpc_box_new(const struct rpc_answer *answer);

/* rpc_call.c: the life of a call. gRPC thread only. */
bool rpc_body_comes_along(const struct rpc_door *door, const struct rpc_method *method);
void rpc_call_await(struct rpc_door *door, const struct rpc_method *method); /* asks gRPC for the next such call */
void rpc_call_event(struct rpc_tag *tag, bool ok);
void rpc_call_fail(struct rpc_call *call, const struct rpc_refusal *refusal);
void rpc_call_refuse(struct rpc_call *call, enum rpc_status status, const char *reason, int64_t retry_after_ms,
                     const char *text);
/* Refuses a call whose message was awaited until now. */
void rpc_call_body_give_up(struct rpc_call *call, enum rpc_status status, const char *reason, int64_t retry_after_ms,
                           const char *text);
void rpc_call_receive(struct rpc_call *call); /* awaits the next message of the call */
void rpc_call_answer(struct rpc_call *call, const struct rpc_answer *answer, enum rpc_kind kind);
void rpc_call_sweep(struct rpc_server *server, int64_t now_ns); /* ends callers that are too slow with their message */
void rpc_call_list_add(struct rpc_call **list, struct rpc_call *call);
void rpc_call_list_remove(struct rpc_call **list, struct rpc_call *call);

/* rpc_send.c: what goes out on a call, one batch each; the call's tag comes back when it has left. */
void rpc_send_message(struct rpc_call *call, grpc_byte_buffer *message, const struct rpc_answer *answer);
void rpc_send_status(struct rpc_call *call, const struct rpc_answer *answer);
void rpc_send_left(struct rpc_call *call);                            /* the answer is on the wire, or lost */
void rpc_send_sweep(struct rpc_server *server, int64_t now_ns);       /* ends callers that don't take their answers */
void rpc_send_part(struct rpc_call *call, grpc_byte_buffer *message); /* one of a stream */

/* rpc_slot.c: names of calls. gRPC thread only. */
bool rpc_slots_init(struct rpc_server *server);
void rpc_slots_free(struct rpc_server *server);
uint64_t rpc_slot_take(struct rpc_call *call); /* 0 if all are taken */
void rpc_slot_cancel(struct rpc_call *call);   /* tells the loop that the call is over */
void rpc_slot_drop(struct rpc_call *call);     /* gives back a slot that the loop never heard of */
void rpc_slot_answer(struct rpc_server *server, const struct rpc_answer_box *box);

/* rpc_health.c. gRPC thread only. */
void rpc_health_body(struct rpc_call *call, struct bytes message);
void rpc_health_written(struct rpc_call *call, bool ok);
void rpc_health_leave(struct rpc_call *call);
void rpc_health_update(struct rpc_server *server); /* tells all watchers when `serving` has changed */

/* rpc_reflect.c: grpc.reflection. gRPC thread only. */
bool rpc_reflect_admit(struct rpc_call *call);                        /* false if it was refused */
void rpc_reflect_body(struct rpc_call *call, grpc_byte_buffer *body); /* NULL: the client is done */
void rpc_reflect_written(struct rpc_call *call, bool ok);
void rpc_reflect_leave(struct rpc_call *call);
void rpc_reflect_end_all(struct rpc_server *server); /* the server leaves */

/* rpc_intake.c: memory of incomplete messages. gRPC thread only. */
bool rpc_intake_init(struct rpc_server *server);
void rpc_intake_check(struct rpc_server *server, int64_t now_ns); /* ends calls that hold too much */
void rpc_intake_delivered(struct rpc_call *call, size_t length);

/* rpc_thread.c: the gRPC thread. */
void *rpc_thread_run(void *server);
bool rpc_door_open(struct rpc_server *server, struct rpc_door *door, bool reads_body);

#endif
