/* The loop thread's side of the gRPC server: start, receive, answer, drain, stop.
 *
 * `loop.open` knows which ids await an answer, so a stale or second answer is dropped here before anything is copied.
 * See rpc_box.c for how an answer is copied, rpc_inside.h for who owns what and rpc_thread.c for the other side. */
#include "adapters/grpc/rpc_server.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloudevents/cloudevents.h"
#include "adapters/grpc/rpc_accept.h"
#include "adapters/grpc/rpc_library.h"
#include "proto/descriptors.h"

#define SECOND_NS ((int64_t)1000000000)

enum {
    IN_FLIGHT_DEFAULT = 1024,
    CONNECTIONS_DEFAULT = 1024,
    DEPLOY_BYTES_DEFAULT = 16 * 1024 * 1024,
    QUOTA_BYTES_DEFAULT = 128 * 1024 * 1024,
    ENCODE_BYTES_MAX = 16 * 1024 * 1024,
    BODY_SECONDS_DEFAULT = 30,
    SMALL_BYTES = 64 * 1024,
    CALLS_PER_CONNECTION_DEFAULT = 128,
    KEEPALIVE_SECONDS_DEFAULT = 120,
    KEEPALIVE_TIMEOUT_SECONDS_DEFAULT = 20,
    PING_INTERVAL_SECONDS_MIN_DEFAULT = 10,
};

static struct rpc_server_options options_filled(const struct rpc_server_options *given)
{
    struct rpc_server_options options = *given;
    if (!options.in_flight_max)
        options.in_flight_max = IN_FLIGHT_DEFAULT;
    if (options.in_flight_max > RPC_IN_FLIGHT_MAX)
        options.in_flight_max = RPC_IN_FLIGHT_MAX;
    if (!options.connections_max)
        options.connections_max = CONNECTIONS_DEFAULT;
    if (!options.event_bytes_max)
        options.event_bytes_max = CLOUDEVENTS_EVENT_BYTES_DEFAULT;
    if (!options.deploy_bytes_max)
        options.deploy_bytes_max = DEPLOY_BYTES_DEFAULT;
    if (options.deploy_bytes_max < 2 * options.event_bytes_max)
        options.deploy_bytes_max = 2 * options.event_bytes_max;
    if (!options.quota_bytes)
        options.quota_bytes = QUOTA_BYTES_DEFAULT;
    if (!options.body_ns_max)
        options.body_ns_max = BODY_SECONDS_DEFAULT * SECOND_NS;
    if (!options.calls_per_connection_max)
        options.calls_per_connection_max = CALLS_PER_CONNECTION_DEFAULT;
    if (!options.keepalive_ns)
        options.keepalive_ns = KEEPALIVE_SECONDS_DEFAULT * SECOND_NS;
    if (!options.keepalive_timeout_ns)
        options.keepalive_timeout_ns = KEEPALIVE_TIMEOUT_SECONDS_DEFAULT * SECOND_NS;
    if (!options.ping_interval_ns_min)
        options.ping_interval_ns_min = PING_INTERVAL_SECONDS_MIN_DEFAULT * SECOND_NS;
    return options;
}

static void thread_wake(void *owner)
{
    struct rpc_server *server = owner;
    grpc_call_start_batch(server->wake_call, NULL, 0, &server->tag_wake, NULL);
}

static bool queue_open(struct rpc_server *server)
{
    server->queue = grpc_completion_queue_create_for_next(NULL);
    server->wake_channel = grpc_lame_client_channel_create("stead-wake", GRPC_STATUS_UNAVAILABLE, "never used");
    server->wake_call = grpc_channel_create_call(server->wake_channel, NULL, GRPC_PROPAGATE_DEFAULTS, server->queue,
                                                 grpc_slice_from_static_string("/wake"), NULL,
                                                 gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    server->tag_wake = (struct rpc_tag){ RPC_TAG_WAKE, NULL };
    server->tag_stop = (struct rpc_tag){ RPC_TAG_STOP, NULL };
    server->tag_shut = (struct rpc_tag){ RPC_TAG_SHUT, NULL };
    return server->wake_call != NULL;
}

/* Frees all that is left when no thread of ours runs any more. */
static void server_free(struct rpc_server *server)
{
    struct rpc_request *request;
    struct rpc_answer_box *box;
    while (server->requests.slots && (request = ring_pop(&server->requests)))
        rpc_request_free(request);
    while (server->answers.slots && (box = ring_pop(&server->answers)))
        if (!box->is_static)
            free(box);
    ring_free(&server->requests);
    ring_free(&server->answers);
    rpc_slots_free(server);
    free(server->intakes);
    rpc_decoder_free(&server->decoder);
    rpc_arena_free(&server->encode_arena);
    rpc_acceptor_free(server->acceptor);
    free(server);
}

static struct rpc_server *server_new(const struct rpc_server_options *given)
{
    size_t size =
        (sizeof(struct rpc_server) + RING_CACHE_LINE_BYTES - 1) / RING_CACHE_LINE_BYTES * RING_CACHE_LINE_BYTES;
    struct rpc_server *server = aligned_alloc(RING_CACHE_LINE_BYTES, size);
    if (!server)
        return NULL;
    memset(server, 0, size);
    server->options = options_filled(given);
    rpc_decoder_init(&server->decoder, server->options.event_bytes_max, server->options.deploy_bytes_max);
    rpc_arena_init(&server->encode_arena, ENCODE_BYTES_MAX);
    rpc_descriptors_init(&server->descriptors, (struct bytes){ stead_descriptors, stead_descriptors_length });
    size_t calls = server->options.in_flight_max;
    if (rpc_slots_init(server) && rpc_intake_init(server) &&
        ring_init(&server->requests, 2 * calls, given->wake, given->owner) &&
        ring_init(&server->answers, calls, thread_wake, server))
        return server;
    server_free(server);
    return NULL;
}

/* The doors of a server that was started only by half are shut by its own thread, like any other's. */
static bool server_run(struct rpc_server *server)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are for the caller's threads: gRPC's and ours inherit this */
    rpc_library_acquire();
    if (!queue_open(server))
        abort(); /* gRPC itself aborts where it has no memory; this can't fail otherwise */
    bool doors = true;
    for (int is_unix = 0; is_unix < RPC_DOOR_COUNT; is_unix++)
        if (rpc_acceptor_has(server->acceptor, is_unix))
            doors = doors && rpc_door_open(server, &server->doors[is_unix], is_unix);
    if (pthread_create(&server->thread, NULL, rpc_thread_run, server) != 0)
        abort(); /* no thread, at the start, and nothing that could end the doors: there is no way on */
    bool running = doors && rpc_acceptor_start(server->acceptor, server->doors[0].grpc, server->doors[1].grpc);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return running;
}

struct rpc_server *rpc_server_start(const struct rpc_server_options *options, char *ret_error, size_t error_size)
{
    assert(options->wake);
    assert(options->listen_count >= 1);
    assert(options->listen_count <= RPC_LISTEN_MAX);
    struct rpc_server *server = server_new(options);
    if (!server) {
        snprintf(ret_error, error_size, "can't start the gRPC server: out of memory");
        return NULL;
    }
    server->acceptor = rpc_acceptor_bind(&server->options, ret_error, error_size);
    if (!server->acceptor) {
        server_free(server);
        return NULL;
    }
    ring_sleep(&server->requests);
    if (server_run(server))
        return server;
    snprintf(ret_error, error_size, "can't start the gRPC server: no thread or no gRPC server could be made");
    rpc_server_stop(server, 0);
    return NULL;
}

const char *rpc_server_address(const struct rpc_server *server, size_t which)
{
    return rpc_acceptor_address(server->acceptor, which);
}

/* The loop has seen that a call is over: its slot is free for another, unless it was answered before. */
static void cancellation_close(struct rpc_server *server, uint32_t index, uint64_t id)
{
    server->loop.open[index] = 0;
    struct rpc_answer_box *box = &server->loop.closing[index];
    *box = (struct rpc_answer_box){ .answer.id = id, .closes_only = true, .is_static = true };
    bool pushed = ring_push(&server->answers, box);
    assert(pushed);
    (void)pushed;
}

bool rpc_server_receive(struct rpc_server *server, struct rpc_request **ret_request)
{
    for (;;) {
        struct rpc_request *request = ring_pop(&server->requests);
        if (!request) {
            if (ring_sleep(&server->requests))
                return false;
            continue;
        }
        uint32_t index = (uint32_t)request->id;
        uint32_t generation = (uint32_t)(request->id >> 32);
        if (request->kind != RPC_CANCELLED) {
            assert(server->loop.open[index] == 0);
            server->loop.open[index] = generation;
        } else if (server->loop.open[index] == generation) {
            cancellation_close(server, index, request->id);
        } else {
            rpc_request_free(request); /* answered already: no news */
            continue;
        }
        *ret_request = request;
        return true;
    }
}

void rpc_server_answer(struct rpc_server *server, const struct rpc_answer *answer)
{
    uint32_t index = (uint32_t)answer->id;
    uint32_t generation = (uint32_t)(answer->id >> 32);
    if (generation == 0 || index >= server->options.in_flight_max || server->loop.open[index] != generation)
        return;
    server->loop.open[index] = 0;
    bool crowded = atomic_load(&server->boxed_bytes) > server->options.quota_bytes / 2;
    struct rpc_answer_box *box = crowded && answer->packed_event.length > SMALL_BYTES ? NULL : rpc_box_new(answer);
    if (box) {
        atomic_fetch_add(&server->boxed_bytes, box->bytes);
    } else {
        box = &server->loop.closing[index];
        *box = (struct rpc_answer_box){ .answer.id = answer->id, .lost = true, .is_static = true };
    }
    bool pushed = ring_push(&server->answers, box);
    assert(pushed);
    (void)pushed;
}

void rpc_server_serving(struct rpc_server *server, bool serving)
{
    if (atomic_exchange(&server->serving, serving) != serving)
        thread_wake(server);
}

void rpc_server_counters(const struct rpc_server *server, struct rpc_server_counters *ret_counters)
{
    *ret_counters = (struct rpc_server_counters){
        .calls = atomic_load(&server->count_calls),
        .refused_load = atomic_load(&server->count_refused_load),
        .refused_invalid = atomic_load(&server->count_refused_invalid),
        .unknown_methods = atomic_load(&server->count_unknown),
        .cancelled = atomic_load(&server->count_cancelled),
        .in_flight = atomic_load(&server->in_flight),
    };
    rpc_acceptor_count(server->acceptor, ret_counters);
}

void rpc_server_drain(struct rpc_server *server)
{
    if (atomic_load(&server->draining))
        return;
    rpc_acceptor_stop(server->acceptor);
    atomic_store(&server->draining, true);
    thread_wake(server);
}

void rpc_server_stop(struct rpc_server *server, int64_t grace_ns)
{
    if (!server)
        return;
    rpc_server_drain(server);
    atomic_store(&server->stop_at_ns, rpc_now_ns() + grace_ns);
    grpc_call_start_batch(server->wake_call, NULL, 0, &server->tag_stop, NULL);
    pthread_join(server->thread, NULL);
    grpc_call_unref(server->wake_call);
    grpc_channel_destroy(server->wake_channel);
    for (size_t i = 0; i < RPC_DOOR_COUNT; i++)
        if (server->doors[i].grpc)
            grpc_server_destroy(server->doors[i].grpc);
    grpc_completion_queue_destroy(server->queue);
    server_free(server);
    rpc_library_release();
}
