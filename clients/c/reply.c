/* A reply is one block: the public struct, its violations, and all texts with a NUL behind each. It is measured first
 * and filled then, by the same walk over what the reply of the adapter holds. */
#include "clients/c/inside.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/grpc/rpc_client.h"

/* First counts (`at` is NULL), then copies. */
struct texts {
    char *at;
    size_t used;
};

static const char *copy(struct texts *texts, struct bytes from)
{
    char *to = texts->at ? texts->at + texts->used : NULL;
    texts->used += from.length + 1;
    if (!to)
        return "";
    if (from.length > 0)
        memcpy(to, from.at, from.length);
    to[from.length] = '\0';
    return to;
}

static stead_client_end end_of(const struct rpc_reply *rpc, bool stored)
{
    if (rpc->status != RPC_STATUS_OK)
        return STEAD_CLIENT_PLATFORM_ERROR;
    if (!rpc->function_failed)
        return STEAD_CLIENT_OK;
    bool by_function = !stored || bytes_equal_text(rpc->reason, "FUNCTION_ERROR") || rpc->error_class.length > 0;
    return by_function ? STEAD_CLIENT_FUNCTION_ERROR : STEAD_CLIENT_OUTCOME;
}

/* A refusal names its request among the pairs of ErrorInfo. */
static struct bytes request_id_of(const struct rpc_reply *rpc)
{
    for (size_t i = 0; rpc->request_id.length == 0 && i < rpc->pair_count; i++)
        if (bytes_equal_text(rpc->pairs[i].key, "request-id"))
            return rpc->pairs[i].value;
    return rpc->request_id;
}

/* An OUTCOME may come without a text. */
static struct bytes message_of(const struct rpc_reply *rpc, stead_client_end end)
{
    if (end == STEAD_CLIENT_PLATFORM_ERROR)
        return rpc->message;
    return end == STEAD_CLIENT_OUTCOME && rpc->error.length == 0 ? rpc->outcome : rpc->error;
}

static void fill(stead_client_reply *to, struct texts *texts, const struct rpc_reply *rpc, bool stored,
                 stead_client_violation *violations)
{
    to->end = end_of(rpc, stored);
    to->request_id = copy(texts, request_id_of(rpc));
    to->message = copy(texts, message_of(rpc, to->end));
    to->data = copy(texts, rpc->data);
    to->data_size = rpc->data.length;
    to->error_type = copy(texts, rpc->error_type);
    to->error_class = copy(texts, rpc->error_class);
    to->retryable = rpc->retryable;
    to->attempts = rpc->attempts;
    to->outcome = copy(texts, rpc->outcome);
    to->function = copy(texts, rpc->function);
    to->version = copy(texts, rpc->version);
    to->duplicate = rpc->duplicate;
    to->status = rpc->status;
    to->status_name = rpc_status_name(rpc->status);
    to->reason = copy(texts, rpc->reason);
    to->retry_after_ms = rpc->retry_after_ms;
    to->violations = violations;
    to->violation_count = rpc->violation_count;
    for (size_t i = 0; i < rpc->violation_count; i++) {
        stead_client_violation one = { copy(texts, rpc->violations[i].key), copy(texts, rpc->violations[i].value) };
        if (violations)
            violations[i] = one;
    }
}

stead_client_reply *client_reply_make(const struct rpc_reply *rpc, bool stored, bool not_started)
{
    stead_client_reply measured;
    struct texts texts = { 0 };
    fill(&measured, &texts, rpc, stored, NULL);
    size_t head = sizeof(stead_client_reply) + rpc->violation_count * sizeof(stead_client_violation);
    stead_client_reply *reply = calloc(1, head + texts.used);
    if (!reply)
        return NULL;
    texts = (struct texts){ .at = (char *)reply + head };
    fill(reply, &texts, rpc, stored, (stead_client_violation *)(reply + 1));
    reply->not_started = not_started;
    if (reply->end == STEAD_CLIENT_OK)
        reply->event = client_event_unpack(rpc->packed_event);
    return reply;
}

stead_client_reply *client_reply_local(int status, const char *message)
{
    struct rpc_reply rpc = { .status = status, .message = bytes_of(message), .retry_after_ms = -1 };
    return client_reply_make(&rpc, false, false);
}

void stead_client_reply_free(stead_client_reply *reply)
{
    if (!reply)
        return;
    stead_client_event_free((stead_client_event *)reply->event);
    free(reply);
}
