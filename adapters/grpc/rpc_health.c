/* grpc.health.v1: Check answers at once; a Watch stays in a list and is sent each change, one message at a time. When
 * the server leaves, watchers are told NOT_SERVING and then ended, so that they don't hold up the shutdown. */
#include "adapters/grpc/rpc_encode.h"
#include "adapters/grpc/rpc_inside.h"
#include "proto/health.pb-c.h"

enum {
    SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
    SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

static const char *const services[] = { "", "function.v1.FunctionService", "function.v1.FunctionAdmin",
                                        "FunctionService" };

static bool service_known(struct bytes service)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (bytes_equal_text(service, services[i]))
            return true;
    return false;
}

static grpc_byte_buffer *health_message(int status)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = status;
    return rpc_encode_message(&response.base);
}

static int health_now(const struct rpc_server *server)
{
    return atomic_load(&server->serving) && !atomic_load(&server->draining) ? SERVING : NOT_SERVING;
}

/* Shows a watcher what it has not seen; ends it when the server leaves. */
static void watcher_update(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    if (call->write_pending || call->answered)
        return;
    int status = call->status_shown == SERVICE_UNKNOWN ? SERVICE_UNKNOWN : health_now(server);
    if (status != call->status_shown) {
        call->status_shown = status;
        rpc_send_part(call, health_message(status));
    } else if (atomic_load(&server->draining)) {
        rpc_call_refuse(call, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", RPC_NO_RETRY_HINT,
                        "the server shuts down; watch another one");
    }
}

static void watch_begin(struct rpc_call *call, int status)
{
    struct rpc_server *server = call->door->server;
    if (server->watcher_count >= RPC_WATCHERS_MAX) {
        rpc_call_refuse(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OVERLOAD_RETRY_MS,
                        "too many health watchers; poll with Check instead");
        return;
    }
    server->watcher_count++;
    call->watching = true;
    call->status_shown = status;
    rpc_call_list_add(&server->watchers, call);
    rpc_send_part(call, health_message(status));
}

void rpc_health_body(struct rpc_call *call, struct bytes message)
{
    struct rpc_server *server = call->door->server;
    struct bytes service;
    if (!rpc_decode_health(&server->decoder, message, &service)) {
        rpc_call_refuse(call, RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", RPC_NEVER_RETRY,
                        "the request is not a HealthCheckRequest");
        return;
    }
    bool known = service_known(service);
    if (call->method->type == RPC_METHOD_WATCH) {
        watch_begin(call, known ? health_now(server) : SERVICE_UNKNOWN);
    } else if (!known) {
        rpc_call_refuse(call, RPC_STATUS_NOT_FOUND, "SERVICE_NOT_FOUND", RPC_NEVER_RETRY,
                        "there is no such service here; \"\" names the whole server");
    } else {
        struct rpc_answer fine = { .kind = RPC_ANSWER_RESULT };
        rpc_send_message(call, health_message(health_now(server)), &fine);
    }
}

void rpc_health_written(struct rpc_call *call, bool ok)
{
    if (ok && call->watching)
        watcher_update(call);
}

void rpc_health_leave(struct rpc_call *call)
{
    if (!call->watching)
        return;
    struct rpc_server *server = call->door->server;
    call->watching = false;
    server->watcher_count--;
    rpc_call_list_remove(&server->watchers, call);
}

void rpc_health_update(struct rpc_server *server)
{
    int state = health_now(server) + 16 * atomic_load(&server->draining);
    if (state == server->health_shown)
        return;
    server->health_shown = state;
    struct rpc_call *next;
    for (struct rpc_call *call = server->watchers; call; call = next) {
        next = call->next;
        watcher_update(call);
    }
}
