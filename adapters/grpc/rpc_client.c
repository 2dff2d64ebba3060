/* Each call is one batch of six operations and one tag on the client's own completion queue. A blocking call is a
 * started call that is waited for. The channel has a subchannel pool of its own: gRPC would otherwise share one
 * connection among all clients of an address, and a load generator would measure that. */
#include "adapters/grpc/rpc_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include "adapters/grpc/rpc_library.h"
#include "adapters/grpc/rpc_reply.h"
#include "adapters/grpc/rpc_request.h"
#include "proto/health.pb-c.h"

enum { RESPONSE_BYTES_MAX = 64 * 1024 * 1024, RECONNECT_MS_MIN = 100 };

/* One call under way; it is the tag. */
struct pending {
    struct pending *next, *previous;
    grpc_call *call;
    enum rpc_response response_type;
    void *tag;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *response;
    grpc_status_code status;
    grpc_slice message;
};

struct rpc_client {
    grpc_channel *channel;
    grpc_completion_queue *queue;
    struct pending *pending;
};

struct rpc_client *rpc_client_connect(const char *address)
{
    struct rpc_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    rpc_library_acquire();
    const struct {
        const char *key;
        int value;
    } wanted[] = {
        { GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1 },
        { GRPC_ARG_ENABLE_HTTP_PROXY, 0 },
        { GRPC_ARG_ENABLE_RETRIES, 0 },
        { GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RESPONSE_BYTES_MAX },
        { GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, RECONNECT_MS_MIN },
        { GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MS_MIN },
    };
    enum { COUNT = sizeof wanted / sizeof wanted[0] };
    grpc_arg args[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        args[i] =
            (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)wanted[i].key, .value.integer = wanted[i].value };
    grpc_channel_args all = { .num_args = COUNT, .args = args };
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    client->channel = grpc_channel_create(address, credentials, &all);
    grpc_channel_credentials_release(credentials);
    client->queue = grpc_completion_queue_create_for_next(NULL);
    return client;
}

static void pending_free(struct rpc_client *client, struct pending *pending)
{
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        client->pending = pending->next;
    if (pending->next)
        pending->next->previous = pending->previous;
    grpc_metadata_array_destroy(&pending->initial);
    grpc_metadata_array_destroy(&pending->trailing);
    if (pending->response)
        grpc_byte_buffer_destroy(pending->response);
    grpc_slice_unref(pending->message);
    grpc_call_unref(pending->call);
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
    grpc_channel_destroy(client->channel);
    free(client);
    rpc_library_release();
}

static struct pending *pending_new(struct rpc_client *client, const char *path, int64_t timeout_ns)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        return NULL;
    int64_t deadline_ns = timeout_ns > 0 ? rpc_now_ns() + timeout_ns : INT64_MAX;
    grpc_slice method = grpc_slice_from_copied_string(path);
    pending->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->queue, method,
                                             NULL, rpc_timespec(deadline_ns), NULL);
    grpc_slice_unref(method);
    pending->response_type = rpc_response_of(path);
    pending->message = grpc_empty_slice();
    grpc_metadata_array_init(&pending->initial);
    grpc_metadata_array_init(&pending->trailing);
    pending->next = client->pending;
    if (pending->next)
        pending->next->previous = pending;
    client->pending = pending;
    return pending;
}

bool rpc_client_start(struct rpc_client *client, const char *path, struct bytes message, int64_t timeout_ns, void *tag)
{
    struct pending *pending = pending_new(client, path, timeout_ns);
    if (!pending)
        return false;
    pending->tag = tag;
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)message.at, message.length);
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    grpc_op ops[6] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },  { .op = GRPC_OP_SEND_MESSAGE },
                       { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT }, { .op = GRPC_OP_RECV_INITIAL_METADATA },
                       { .op = GRPC_OP_RECV_MESSAGE },           { .op = GRPC_OP_RECV_STATUS_ON_CLIENT } };
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
                                   .attempts = trailer(pending, "stead-attempts") };
    grpc_slice whole = grpc_empty_slice();
    if (pending->response) {
        grpc_byte_buffer_reader reader;
        grpc_byte_buffer_reader_init(&reader, pending->response);
        whole = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
        outcome.response = rpc_slice_bytes(&whole);
    }
    struct rpc_reply *reply = rpc_reply_make(&outcome, pending->response_type);
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
    assert(!client->pending);
    void *tag;
    struct rpc_reply *reply = NULL;
    if (rpc_client_start(client, path, message, timeout_ns, NULL))
        rpc_client_next(client, INT64_MAX, &tag, &reply);
    return reply;
}

/* Sends what was encoded and frees it; what could not be encoded is answered here. */
static struct rpc_reply *call_encoded(struct rpc_client *client, const char *path, struct event_buffer *message,
                                      bool encoded, int64_t timeout_ns)
{
    static const struct rpc_outcome bad = { .status = RPC_STATUS_INVALID_ARGUMENT,
                                            .message = { (const uint8_t *)"the request could not be encoded", 32 } };
    struct rpc_reply *reply;
    if (encoded)
        reply = rpc_client_call(client, path, (struct bytes){ message->at, message->length }, timeout_ns);
    else
        reply = rpc_reply_make(&bad, RPC_RESPONSE_RAW);
    event_buffer_free(message);
    return reply;
}

struct rpc_reply *rpc_client_execute(struct rpc_client *client, const struct rpc_query *query)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_client_encode(query, &message);
    return call_encoded(client, RPC_PATH_EXECUTE, &message, encoded, query->timeout_ns);
}

struct rpc_reply *rpc_client_deploy(struct rpc_client *client, const struct rpc_deploy *deploy, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_deploy(deploy, &message);
    return call_encoded(client, RPC_PATH_DEPLOY, &message, encoded, timeout_ns);
}

static struct rpc_reply *call_name(struct rpc_client *client, const char *path, struct bytes name, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_name(name, &message);
    return call_encoded(client, path, &message, encoded, timeout_ns);
}

struct rpc_reply *rpc_client_list(struct rpc_client *client, struct bytes language, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_LIST, language, timeout_ns);
}

struct rpc_reply *rpc_client_get(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_GET, name, timeout_ns);
}

struct rpc_reply *rpc_client_remove(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_REMOVE, name, timeout_ns);
}

struct rpc_reply *rpc_client_check(struct rpc_client *client, const char *service, int64_t timeout_ns,
                                   bool *ret_serving)
{
    struct rpc_reply *reply = call_name(client, RPC_PATH_CHECK, bytes_of(service), timeout_ns);
    if (!reply || reply->status != RPC_STATUS_OK)
        return reply;
    Grpc__Health__V1__HealthCheckResponse *response =
        grpc__health__v1__health_check_response__unpack(NULL, reply->raw.length, reply->raw.at);
    *ret_serving = response && response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    if (response)
        grpc__health__v1__health_check_response__free_unpacked(response, NULL);
    return reply;
}
