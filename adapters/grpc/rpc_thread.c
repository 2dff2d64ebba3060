/* The gRPC thread: one completion queue, one thread, everything of gRPC and protobuf. More threads only cost CPU on the
 * small machines that Stead is made for.
 *
 * A turn: pop all answers, look at the wishes of the loop thread (health, drain, stop), sleep on the queue, handle one
 * completion. The loop thread wakes it by an empty batch on a call of a lame channel, the one public way to put a tag
 * into a completion queue from outside; it does so only if the `answers` ring says that this thread sleeps.
 *
 * Leaving, in the order that gRPC wants: shut the doors; once the grace is over cancel all calls; when doors and calls
 * are gone, shut the queue; end at its last event. */
#include <assert.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

#include "adapters/grpc/rpc_inside.h"
#include "adapters/grpc/rpc_library.h"

enum {
    WAITING_CALLS_BUSY =
        16, /* requests kept outstanding for ExecuteFunction and SubmitFunction; more would cost in gRPC's tag lists */
    WAITING_CALLS_OTHER = 2,
    TICK_NS = 250 * 1000 * 1000,
    METADATA_BYTES_MAX = 16 * 1024,
    HANDSHAKE_MS_MAX = 5000,
    TRIM_BYTES_MIN = 4 * 1024 * 1024,
};

static grpc_arg number_arg(const char *key, size_t value)
{
    return (grpc_arg){ .type = GRPC_ARG_INTEGER,
                       .key = (char *)key,
                       .value.integer = value < INT_MAX ? (int)value : INT_MAX };
}

/* gRPC takes INT_MAX milliseconds for no limit; so does 0 here. */
static grpc_arg time_arg(const char *key, int64_t ns)
{
    return number_arg(key, ns > 0 ? (size_t)((ns + 999999) / 1000000) : INT_MAX);
}

/* Compression is off: a small message could unpack to any size, past the memory quota. */
static grpc_server *door_create(const struct rpc_server_options *options)
{
    grpc_resource_quota *quota = grpc_resource_quota_create("stead");
    grpc_resource_quota_resize(quota, options->quota_bytes);
    grpc_arg args[] = {
        { .type = GRPC_ARG_POINTER,
          .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
          .value.pointer = { .p = quota, .vtable = grpc_resource_quota_arg_vtable() } },
        number_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1),
        number_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options->deploy_bytes_max),
        number_arg(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES_MAX),
        number_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, options->calls_per_connection_max),
        number_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS_MAX),
        time_arg(GRPC_ARG_KEEPALIVE_TIME_MS, options->keepalive_ns),
        time_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options->keepalive_timeout_ns),
        time_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, options->ping_interval_ns_min),
        time_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, options->connection_age_ns_max),
        time_arg(GRPC_ARG_MAX_CONNECTION_IDLE_MS, options->connection_idle_ns_max),
        number_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
    };
    grpc_channel_args all = { .num_args = sizeof args / sizeof args[0], .args = args };
    grpc_server *server = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
    return server;
}

/* A method that isn't served is unknown, like any other that we don't have. */
static bool method_served(const struct rpc_server *server, const struct rpc_method *method)
{
    return method->type != RPC_METHOD_REFLECT || server->options.reflection;
}

bool rpc_door_open(struct rpc_server *server, struct rpc_door *door, bool reads_body)
{
    door->server = server;
    door->reads_body = reads_body;
    door->grpc = door_create(&server->options);
    if (!door->grpc)
        return false;
    grpc_server_register_completion_queue(door->grpc, server->queue, NULL);
    for (size_t i = 0; i < RPC_METHOD_COUNT; i++) {
        if (!method_served(server, &rpc_methods[i]))
            continue;
        door->registered[i] = grpc_server_register_method(door->grpc, rpc_methods[i].path, NULL,
                                                          rpc_body_comes_along(door, &rpc_methods[i])
                                                              ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                                                              : GRPC_SRM_PAYLOAD_NONE,
                                                          0);
        if (!door->registered[i])
            return false;
    }
    grpc_server_start(door->grpc);
    server->doors_open++;
    for (size_t i = 0; i < RPC_METHOD_COUNT; i++) {
        bool busy = rpc_methods[i].type == RPC_METHOD_REQUEST &&
                    (rpc_methods[i].kind == RPC_EXECUTE || rpc_methods[i].kind == RPC_SUBMIT);
        for (int n = 0; door->registered[i] && n < (busy ? WAITING_CALLS_BUSY : WAITING_CALLS_OTHER); n++)
            rpc_call_await(door, &rpc_methods[i]);
    }
    for (int n = 0; n < WAITING_CALLS_OTHER; n++)
        rpc_call_await(door, &rpc_method_unknown);
    return true;
}

static void answers_pop(struct rpc_server *server)
{
    struct rpc_answer_box *box;
    while ((box = ring_pop(&server->answers))) {
        bool owned = !box->is_static;
        if (owned)
            atomic_fetch_sub(&server->boxed_bytes, box->bytes);
        rpc_slot_answer(server, box);
        if (owned)
            free(box);
    }
}

static void shutdown_begin(struct rpc_server *server)
{
    server->shutdown_begun = true;
    rpc_reflect_end_all(server);
    for (size_t i = 0; i < RPC_DOOR_COUNT; i++)
        if (server->doors[i].grpc)
            grpc_server_shutdown_and_notify(server->doors[i].grpc, server->queue, &server->tag_shut);
}

static void calls_cancel(struct rpc_server *server)
{
    server->all_cancelled = true;
    for (size_t i = 0; i < RPC_DOOR_COUNT; i++)
        if (server->doors[i].grpc)
            grpc_server_cancel_all_calls(server->doors[i].grpc);
}

static void wishes_heed(struct rpc_server *server)
{
    rpc_health_update(server);
    if (atomic_load(&server->draining) && !server->shutdown_begun)
        shutdown_begin(server);
    if (!server->stop_seen)
        return;
    if (!server->all_cancelled && server->active > 0 && rpc_now_ns() >= atomic_load(&server->stop_at_ns))
        calls_cancel(server);
    if (server->doors_open > 0 || server->calls > 0 || server->queue_closed)
        return;
    grpc_completion_queue_shutdown(server->queue);
    server->queue_closed = true;
}

/* While the server stops, its deadline may be nearer than the tick. */
static gpr_timespec sleep_until(struct rpc_server *server)
{
    int64_t now = rpc_now_ns();
    int64_t until = now + (server->bodies ? RPC_INTAKE_NS : TICK_NS);
    if (!ring_sleep(&server->answers))
        until = now;
    else if (server->stop_seen && !server->all_cancelled && server->active > 0)
        until = atomic_load(&server->stop_at_ns) < until ? atomic_load(&server->stop_at_ns) : until;
    return rpc_timespec(until);
}

/* What a flood leaves behind is free memory that glibc would keep for the next one. Once it is over, most is given
 * back: it takes some milliseconds, so only after much was in use. */
static void memory_trim(struct rpc_server *server)
{
    size_t busy = server->leaving_bytes + server->deploy_bytes + (server->intake_watched ? server->intake_held : 0);
    if (busy > TRIM_BYTES_MIN)
        server->trim_due = true;
    if (!server->trim_due || busy > 0)
        return;
    server->trim_due = false;
    malloc_trim(0);
}

static void sweep(struct rpc_server *server, int64_t now_ns)
{
    rpc_call_sweep(server, now_ns);
    rpc_send_sweep(server, now_ns);
    memory_trim(server);
}

void *rpc_thread_run(void *argument)
{
    struct rpc_server *server = argument;
    int64_t swept_ns = rpc_now_ns();
    int64_t looked_ns = swept_ns;
    for (;;) {
        answers_pop(server);
        wishes_heed(server);
        gpr_timespec until = sleep_until(server);
        grpc_event event = grpc_completion_queue_next(server->queue, until, NULL);
        ring_awake(&server->answers);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type == GRPC_OP_COMPLETE) {
            struct rpc_tag *tag = event.tag;
            server->doors_open -= tag->kind == RPC_TAG_SHUT;
            server->stop_seen |= tag->kind == RPC_TAG_STOP;
            if (tag->call)
                rpc_call_event(tag, event.success); /* may free the tag */
        }
        int64_t now = rpc_now_ns();
        if (server->bodies && now - looked_ns >= RPC_INTAKE_NS) {
            looked_ns = now;
            rpc_intake_check(server, now);
        }
        if (now - swept_ns >= TICK_NS) {
            swept_ns = now;
            sweep(server, now);
        }
    }
}
