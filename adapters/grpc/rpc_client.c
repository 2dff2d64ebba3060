/* Each call is one batch of six operations and one tag. A started call's tag comes to the client's one completion
 * queue; a blocking call brings a queue of its own, so that any number of threads can wait, each for its own call. A
 * client's channels have subchannel pools of their own: gRPC would otherwise share one connection among all channels
 * of an address. Calls in flight are counted per channel, without a lock: a choice by a stale count is only a little
 * worse. */
#include "adapters/grpc/rpc_client.h"

#include <assert.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include "adapters/grpc/rpc_library.h"
#include "adapters/grpc/rpc_reply.h"

enum {
    RESPONSE_BYTES_MAX = 64 * 1024 * 1024,
    RECONNECT_MS_MIN = 100,
    RECONNECT_MS_MAX = 2000,
    ATTEMPT_MS = 5000,
    CONNECT_MS_DEFAULT = 20000,
    KEEPALIVE_TIMEOUT_MS_DEFAULT = 20000,
};

struct connection {
    grpc_channel *channel;
    _Atomic uint32_t in_flight;
};

/* One call under way; it is the tag. */
struct pending {
    struct pending *next, *previous; /* of started calls */
    struct connection *connection;
    grpc_call *call;
    const char *path;
    void *tag;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *response;
    grpc_status_code status;
    grpc_slice message;
};

struct rpc_client {
    struct connection connections[RPC_CLIENT_CONNECTIONS_MAX];
    uint32_t connection_count;
    bool wait_for_ready;
    grpc_completion_queue *queue; /* of started calls */
    struct pending *pending;
};

/* Nanoseconds as gRPC's milliseconds, rounded up; `otherwise` for 0. */
static int milliseconds(int64_t ns, int otherwise)
{
    int64_t ms = ns / 1000000 + (ns % 1000000 > 0);
    if (ns <= 0)
        return otherwise;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static grpc_channel *channel_create(const struct rpc_client_options *options)
{
    int connect_ms = milliseconds(options->connect_timeout_ns, CONNECT_MS_DEFAULT);
    const struct {
        const char *key;
        int value;
    } wanted[] = {
        { GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1 },
        { GRPC_ARG_ENABLE_HTTP_PROXY, 0 },
        { GRPC_ARG_ENABLE_RETRIES, 0 },
        { GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RESPONSE_BYTES_MAX },
        /* In fact the time for one attempt: on a busy machine 100 ms end it before the server accepts. */
        { GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, options->connect_timeout_ns > 0 ? connect_ms : ATTEMPT_MS },
        { GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MS_MIN },
        { GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MS_MAX },
        { GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(options->keepalive_ns, INT_MAX) },
        { GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(options->keepalive_timeout_ns, KEEPALIVE_TIMEOUT_MS_DEFAULT) },
        { GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0 },
    };
    enum { COUNT = sizeof wanted / sizeof wanted[0] };
    grpc_arg args[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        args[i] =
            (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)wanted[i].key, .value.integer = wanted[i].value };
    grpc_channel_args all = { .num_args = COUNT, .args = args };
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(options->address, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return channel;
}

struct rpc_client *rpc_client_open(const struct rpc_client_options *options)
{
    assert(options->connections <= RPC_CLIENT_CONNECTIONS_MAX);
    struct rpc_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    rpc_library_acquire();
    client->connection_count = options->connections ? options->connections : 1;
    client->wait_for_ready = options->wait_for_ready;
    for (uint32_t i = 0; i < client->connection_count; i++)
        client->connections[i].channel = channel_create(options);
    client->queue = grpc_completion_queue_create_for_next(NULL);
    return client;
}

struct rpc_client *rpc_client_connect(const char *address)
{
    return rpc_client_open(&(struct rpc_client_options){ .address = address });
}

static struct connection *connection_choose(struct rpc_client *client)
{
    struct connection *best = &client->connections[0];
    for (uint32_t i = 1; i < client->connection_count; i++)
        if (atomic_load(&client->connections[i].in_flight) < atomic_load(&best->in_flight))
            best = &client->connections[i];
    atomic_fetch_add(&best->in_flight, 1);
    return best;
}

/* Starts a call whose tag, `pending`, comes to `queue`. */
static void pending_start(struct rpc_client *client, struct pending *pending, grpc_completion_queue *queue,
                          struct bytes message, int64_t timeout_ns)
{
    int64_t deadline_ns = timeout_ns > 0 ? rpc_now_ns() + timeout_ns : INT64_MAX;
    pending->connection = connection_choose(client);
    grpc_slice method = grpc_slice_from_copied_string(pending->path);
    pending->call = grpc_channel_create_call(pending->connection->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method,
                                             NULL, rpc_timespec(deadline_ns), NULL);
    grpc_slice_unref(method);
    pending->message = grpc_empty_slice();
    grpc_metadata_array_init(&pending->initial);
    grpc_metadata_array_init(&pending->trailing);
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)message.at, message.length);
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    grpc_op ops[6] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },  { .op = GRPC_OP_SEND_MESSAGE },
                       { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT }, { .op = GRPC_OP_RECV_INITIAL_METADATA },
                       { .op = GRPC_OP_RECV_MESSAGE },           { .op = GRPC_OP_RECV_STATUS_ON_CLIENT } };
    if (client->wait_for_ready)
        ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    ops[1].data.send_message.send_message = request;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &pending->initial;
    ops[4].data.recv_message.recv_message = &pending->response;
    ops[5].data.recv_status_on_client.trailing_metadata = &pending->trailing;
    ops[5].data.recv_status_on_client.status = &pending->status;
    ops[5].data.recv_status_on_client.status_details = &pending->message;
    grpc_call_error error = grpc_call_start_batch(pending->call, ops, 6, pending, NULL);
    assert(error == GRPC_CALL_OK);
    (void)error;
    grpc_byte_buffer_destroy(request);
}

static void pending_end(struct pending *pending)
{
    grpc_metadata_array_destroy(&pending->initial);
    grpc_metadata_array_destroy(&pending->trailing);
    if (pending->response)
        grpc_byte_buffer_destroy(pending->response);
    grpc_slice_unref(pending->message);
    grpc_call_unref(pending->call);
    atomic_fetch_sub(&pending->connection->in_flight, 1);
}

/* Of a started call. */
static void pending_free(struct rpc_client *client, struct pending *pending)
{
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        client->pending = pending->next;
    if (pending->next)
        pending->next->previous = pending->previous;
    pending_end(pending);
    free(pending);
}

void rpc_client_cancel_all(struct rpc_client *client)
{
    for (struct pending *pending = client->pending; pending; pending = pending->next)
        grpc_call_cancel(pending->call, NULL);
}

void rpc_client_close(struct rpc_client *client)
{
    if (!client)
        return;
    rpc_client_cancel_all(client);
    grpc_completion_queue_shutdown(client->queue);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(client->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        pending_free(client, event.tag);
    }
    grpc_completion_queue_destroy(client->queue);
    for (uint32_t i = 0; i < client->connection_count; i++)
        grpc_channel_destroy(client->connections[i].channel);
    free(client);
    rpc_library_release();
}

bool rpc_client_start(struct rpc_client *client, const char *path, struct bytes message, int64_t timeout_ns, void *tag)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        return false;
    pending->path = path;
    pending->tag = tag;
    pending->next = client->pending;
    if (pending->next)
        pending->next->previous = pending;
    client->pending = pending;
    pending_start(client, pending, client->queue, message, timeout_ns);
    return true;
}

static struct bytes trailer(const struct pending *pending, const char *key)
{
    for (size_t i = 0; i < pending->trailing.count; i++) {
        const grpc_metadata *pair = &pending->trailing.metadata[i];
        if (bytes_equal_text(rpc_slice_bytes(&pair->key), key))
            return rpc_slice_bytes(&pair->value);
    }
    return (struct bytes){ 0 };
}

static struct rpc_reply *reply_of(const struct pending *pending)
{
    struct rpc_outcome outcome = { .status = (int)pending->status,
                                   .message = rpc_slice_bytes(&pending->message),
                                   .details = trailer(pending, "grpc-status-details-bin"),
                                   .attempts = trailer(pending, "stead-attempts"),
                                   .pushback = trailer(pending, "grpc-retry-pushback-ms") };
    grpc_slice whole = grpc_empty_slice();
    if (pending->response) {
        grpc_byte_buffer_reader reader;
        grpc_byte_buffer_reader_init(&reader, pending->response);
        whole = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
        outcome.response = rpc_slice_bytes(&whole);
    }
    struct rpc_reply *reply = rpc_reply_make(&outcome, pending->path);
    grpc_slice_unref(whole);
    return reply;
}

bool rpc_client_next(struct rpc_client *client, int64_t wait_ns, void **ret_tag, struct rpc_reply **ret_reply)
{
    if (!client->pending)
        return false;
    gpr_timespec until = rpc_timespec(wait_ns == INT64_MAX ? INT64_MAX : rpc_now_ns() + wait_ns);
    grpc_event event = grpc_completion_queue_next(client->queue, until, NULL);
    if (event.type != GRPC_OP_COMPLETE)
        return false;
    struct pending *pending = event.tag;
    *ret_tag = pending->tag;
    *ret_reply = reply_of(pending);
    pending_free(client, pending);
    return true;
}

struct rpc_reply *rpc_client_call(struct rpc_client *client, const char *path, struct bytes message, int64_t timeout_ns)
{
    struct pending pending = { .path = path };
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    pending_start(client, &pending, queue, message, timeout_ns);
    grpc_event event = grpc_completion_queue_pluck(queue, &pending, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    assert(event.type == GRPC_OP_COMPLETE);
    (void)event;
    struct rpc_reply *reply = reply_of(&pending);
    pending_end(&pending);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    return reply;
}
