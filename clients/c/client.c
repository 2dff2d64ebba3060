/* A client is a pool of adapters/grpc with retries around it. An event is packed once and sent until the call ends as
 * anything but UNAVAILABLE, or until its retries or its time are used up. gRPC's own retries are off: they hide whether
 * an earlier attempt was lost on the way, and then `not_started` could not be trusted. */
#include "clients/c/inside.h"

#include <stdlib.h>
#include <sys/random.h>

#include "adapters/grpc/rpc_client.h"

#define ADDRESS_DEFAULT "127.0.0.1:7600"

enum {
    CONNECTIONS_DEFAULT = 2,
    RETRIES_DEFAULT = 7,
    KEEPALIVE_MS_DEFAULT = 30000,
    PROBE_MS_MAX = 20000, /* an answer to a probe may take as long as the silence before it, and no longer than this */
    TIMEOUT_MS_DEFAULT = 60000,
    CONNECT_MS = 5000,
    DELAY_MS_FIRST = 100,
    DELAY_MS_MAX = 2000,
};

static const int64_t NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000;

struct stead_client {
    struct rpc_client *rpc;
    int32_t retries;
};

/* One call; exactly one of `query` and `request_id` counts. */
struct call {
    struct rpc_reply *(*run)(struct rpc_client *client, const struct call *call, int64_t timeout_ns);
    struct rpc_query query;
    struct bytes request_id;
    bool wait;
    bool stored; /* the answer is a stored result */
};

stead_client *stead_client_open(const stead_client_settings *settings)
{
    stead_client_settings chosen = settings ? *settings : (stead_client_settings){ 0 };
    const char *from_environment = getenv("STEAD_ADDR");
    if (!chosen.address)
        chosen.address = from_environment && from_environment[0] ? from_environment : ADDRESS_DEFAULT;
    int64_t keepalive_ms = chosen.keepalive_ms == 0 ? KEEPALIVE_MS_DEFAULT : chosen.keepalive_ms;
    struct rpc_client_options options = {
        .address = chosen.address,
        .connections = chosen.connections ? chosen.connections : CONNECTIONS_DEFAULT,
        .connect_timeout_ns = CONNECT_MS * NS_PER_MS,
        .keepalive_ns = keepalive_ms > 0 && keepalive_ms < INT64_MAX / NS_PER_MS ? keepalive_ms * NS_PER_MS : 0,
    };
    if (options.keepalive_ns > 0)
        options.keepalive_timeout_ns = keepalive_ms < PROBE_MS_MAX ? options.keepalive_ns : PROBE_MS_MAX * NS_PER_MS;
    if (options.connections > RPC_CLIENT_CONNECTIONS_MAX)
        return NULL;
    stead_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->rpc = rpc_client_open(&options);
    client->retries = chosen.retries == 0 ? RETRIES_DEFAULT : chosen.retries;
    if (client->rpc)
        return client;
    free(client);
    return NULL;
}

void stead_client_close(stead_client *client)
{
    if (!client)
        return;
    rpc_client_close(client->rpc);
    free(client);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
    struct timespec left = { .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* From half of the step to all of it. */
static int64_t jittered_ns(int64_t step_ms)
{
    uint16_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = UINT16_MAX;
    return (step_ms * NS_PER_MS / 2) + (step_ms * NS_PER_MS / 2) * random / UINT16_MAX;
}

static int64_t deadline_of(int64_t timeout_ms)
{
    if (timeout_ms == STEAD_CLIENT_TIMEOUT_DEFAULT)
        timeout_ms = TIMEOUT_MS_DEFAULT;
    if (timeout_ms < 0 || timeout_ms > (INT64_MAX - now_ns()) / NS_PER_MS)
        return INT64_MAX;
    return now_ns() + timeout_ms * NS_PER_MS;
}

static stead_client_reply *call(stead_client *client, const struct call *call, int64_t timeout_ms)
{
    int64_t deadline_ns = deadline_of(timeout_ms), step_ms = DELAY_MS_FIRST;
    bool refused_each = true; /* an attempt without Stead's word may have been accepted */
    for (int32_t left = client->retries;; left--) {
        int64_t left_ns = deadline_ns - now_ns();
        int64_t timeout_ns = deadline_ns == INT64_MAX ? 0 : left_ns > 0 ? left_ns : 1;
        struct rpc_reply *rpc = call->run(client->rpc, call, timeout_ns);
        if (!rpc)
            return NULL;
        bool unavailable = rpc->status == RPC_STATUS_UNAVAILABLE;
        refused_each = refused_each && unavailable && bytes_equal_text(rpc->domain, RPC_ERROR_DOMAIN);
        int64_t delay_ns = rpc->retry_after_ms > 0 ? rpc->retry_after_ms * NS_PER_MS : jittered_ns(step_ms);
        if (!unavailable || rpc->retry_forbidden || left <= 0 || delay_ns >= deadline_ns - now_ns()) {
            stead_client_reply *reply = client_reply_make(rpc, call->stored, refused_each);
            rpc_reply_free(rpc);
            return reply;
        }
        rpc_reply_free(rpc);
        step_ms = 2 * step_ms < DELAY_MS_MAX ? 2 * step_ms : DELAY_MS_MAX;
        sleep_ns(delay_ns);
    }
}

static stead_client_reply *call_with_event(stead_client *client, struct call *made, const char *name,
                                           const stead_client_event *event, int64_t timeout_ms)
{
    struct event_buffer packed = { 0 };
    stead_client_event *empty = event ? NULL : stead_client_event_new(NULL, NULL, NULL, 0);
    stead_client_reply *reply = NULL;
    if (!event && !empty)
        return NULL;
    if (client_event_pack(event ? event : empty, &packed)) {
        made->query.name = bytes_of(name);
        made->query.packed_event = (struct bytes){ packed.at, packed.length };
        reply = call(client, made, timeout_ms);
    } else {
        reply = client_reply_local(RPC_STATUS_INVALID_ARGUMENT, "an attribute of the event is too long");
    }
    event_buffer_free(&packed);
    stead_client_event_free(empty);
    return reply;
}

static struct rpc_reply *run_execute(struct rpc_client *rpc, const struct call *call, int64_t timeout_ns)
{
    struct rpc_query query = call->query;
    query.timeout_ns = timeout_ns;
    return rpc_client_execute(rpc, &query);
}

static struct rpc_reply *run_submit(struct rpc_client *rpc, const struct call *call, int64_t timeout_ns)
{
    struct rpc_query query = call->query;
    query.timeout_ns = timeout_ns;
    return rpc_client_submit(rpc, &query);
}

static struct rpc_reply *run_result(struct rpc_client *rpc, const struct call *call, int64_t timeout_ns)
{
    return rpc_client_result(rpc, call->request_id, call->wait, timeout_ns);
}

static struct rpc_reply *run_cancel(struct rpc_client *rpc, const struct call *call, int64_t timeout_ns)
{
    return rpc_client_cancel(rpc, call->request_id, timeout_ns);
}

stead_client_reply *stead_client_execute(stead_client *client, const char *name, const stead_client_event *event,
                                         int64_t timeout_ms)
{
    return call_with_event(client, &(struct call){ .run = run_execute }, name, event, timeout_ms);
}

stead_client_reply *stead_client_submit(stead_client *client, const char *name, const stead_client_event *event,
                                        int64_t timeout_ms)
{
    return call_with_event(client, &(struct call){ .run = run_submit }, name, event, timeout_ms);
}

stead_client_reply *stead_client_result(stead_client *client, const char *request_id, bool wait, int64_t timeout_ms)
{
    struct call result = { .run = run_result, .request_id = bytes_of(request_id), .wait = wait, .stored = true };
    return call(client, &result, timeout_ms);
}

stead_client_reply *stead_client_cancel(stead_client *client, const char *request_id, int64_t timeout_ms)
{
    struct call cancel = { .run = run_cancel, .request_id = bytes_of(request_id) };
    return call(client, &cancel, timeout_ms);
}
