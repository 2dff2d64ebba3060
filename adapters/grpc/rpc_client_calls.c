/* The blocking calls by name: encode a request, call, and leave the reading of the response to rpc_reply.c. */
#include "adapters/grpc/rpc_client.h"
#include "adapters/grpc/rpc_reply.h"
#include "adapters/grpc/rpc_request.h"
#include "proto/health.pb-c.h"

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
        reply = rpc_reply_make(&bad, path);
    event_buffer_free(message);
    return reply;
}

struct rpc_reply *rpc_client_execute(struct rpc_client *client, const struct rpc_query *query)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_client_encode(query, &message);
    return call_encoded(client, RPC_PATH_EXECUTE, &message, encoded, query->timeout_ns);
}

struct rpc_reply *rpc_client_submit(struct rpc_client *client, const struct rpc_query *query)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_client_encode(query, &message);
    return call_encoded(client, RPC_PATH_SUBMIT, &message, encoded, query->timeout_ns);
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

struct rpc_reply *rpc_client_versions(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_VERSIONS, name, timeout_ns);
}

struct rpc_reply *rpc_client_rollout(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_ROLLOUT, name, timeout_ns);
}

struct rpc_reply *rpc_client_cancel(struct rpc_client *client, struct bytes request_id, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_CANCEL, request_id, timeout_ns);
}

struct rpc_reply *rpc_client_release(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_name(client, RPC_PATH_RELEASE, name, timeout_ns);
}

struct rpc_reply *rpc_client_letters(struct rpc_client *client, const struct rpc_letters_query *query,
                                     int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_letters(query, &message);
    return call_encoded(client, RPC_PATH_LETTERS, &message, encoded, timeout_ns);
}

static struct rpc_reply *call_letter(struct rpc_client *client, const char *path, struct bytes name,
                                     struct bytes request_id, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_letter(name, request_id, &message);
    return call_encoded(client, path, &message, encoded, timeout_ns);
}

struct rpc_reply *rpc_client_redrive(struct rpc_client *client, struct bytes name, struct bytes request_id,
                                     int64_t timeout_ns)
{
    return call_letter(client, RPC_PATH_REDRIVE, name, request_id, timeout_ns);
}

struct rpc_reply *rpc_client_drop(struct rpc_client *client, struct bytes name, struct bytes request_id,
                                  int64_t timeout_ns)
{
    return call_letter(client, RPC_PATH_DROP, name, request_id, timeout_ns);
}

struct rpc_reply *rpc_client_instances(struct rpc_client *client, int64_t timeout_ns)
{
    return rpc_client_call(client, RPC_PATH_INSTANCES, (struct bytes){ 0 }, timeout_ns);
}

struct rpc_reply *rpc_client_queues(struct rpc_client *client, int64_t timeout_ns)
{
    return rpc_client_call(client, RPC_PATH_QUEUES, (struct bytes){ 0 }, timeout_ns);
}

struct rpc_reply *rpc_client_pause(struct rpc_client *client, struct bytes name, bool paused, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_pause(name, paused, &message);
    return call_encoded(client, RPC_PATH_PAUSE, &message, encoded, timeout_ns);
}

struct rpc_reply *rpc_client_result(struct rpc_client *client, struct bytes request_id, bool wait, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_result(request_id, wait, &message);
    return call_encoded(client, RPC_PATH_RESULT, &message, encoded, timeout_ns);
}

static struct rpc_reply *call_remove(struct rpc_client *client, struct bytes name, bool now, int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_remove(name, now, &message);
    return call_encoded(client, RPC_PATH_REMOVE, &message, encoded, timeout_ns);
}

struct rpc_reply *rpc_client_remove(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_remove(client, name, false, timeout_ns);
}

struct rpc_reply *rpc_client_remove_now(struct rpc_client *client, struct bytes name, int64_t timeout_ns)
{
    return call_remove(client, name, true, timeout_ns);
}

struct rpc_reply *rpc_client_rollback(struct rpc_client *client, struct bytes name, struct bytes version,
                                      int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = rpc_request_rollback(name, version, &message);
    return call_encoded(client, RPC_PATH_ROLLBACK, &message, encoded, timeout_ns);
}

struct rpc_reply *rpc_client_alias(struct rpc_client *client, struct bytes name, const struct rpc_alias *alias,
                                   int64_t timeout_ns)
{
    struct event_buffer message = { 0 };
    bool encoded = alias->route_count <= RPC_ROUTES_MAX && rpc_request_alias(name, alias, &message);
    return call_encoded(client, RPC_PATH_ALIAS, &message, encoded, timeout_ns);
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
