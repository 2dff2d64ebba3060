/* A reply lives in an arena of its own with all that it points to: the response bytes are copied in, unpacked there,
 * and the members are views of the unpacked message. */
#include "adapters/grpc/rpc_reply_inside.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/grpc/rpc_details.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/function_service.pb-c.h"

enum { ARENA_BYTES_SLACK = 1024 * 1024, FIELDS_MAX = 1024 * 1024 };

static struct bytes copied(struct rpc_arena *arena, struct bytes bytes)
{
    uint8_t *to = rpc_arena_take(arena, bytes.length + 1);
    if (!to)
        return (struct bytes){ 0 };
    if (bytes.length > 0)
        memcpy(to, bytes.at, bytes.length);
    return (struct bytes){ to, bytes.length };
}

void rpc_reply_unreadable(struct rpc_reply *reply)
{
    reply->status = RPC_STATUS_INTERNAL;
    reply->message = bytes_of("the server's response is not the message that this method returns");
}

ProtobufCMessage *rpc_reply_unpack(struct rpc_reply_box *box, const ProtobufCMessageDescriptor *type)
{
    struct bytes raw = box->reply.raw;
    if (rpc_wire_check(type, raw, FIELDS_MAX) == RPC_WIRE_FINE) {
        ProtobufCMessage *message = protobuf_c_message_unpack(type, &box->arena.allocator, raw.length, raw.at);
        if (message)
            return message;
    }
    rpc_reply_unreadable(&box->reply);
    return NULL;
}

/* The event comes without its data, which are in `data`; here the two are one again. */
static void event_read(struct rpc_reply_box *box, const Io__Cloudevents__V1__CloudEvent *message)
{
    struct event_buffer bare = { 0 };
    struct cloudevents_error error;
    struct cloudevents_limits limits = { .event_bytes_max = SIZE_MAX / 2 };
    struct event event;
    if (cloudevents_from_protobuf(message, &limits, &bare, &error) &&
        event_unpack((struct bytes){ bare.at, bare.length }, &event)) {
        event.data = event.data.length > 0 ? event.data : box->reply.data;
        event_pack(&box->packed, event);
        if (!box->packed.failed)
            box->reply.packed_event = (struct bytes){ box->packed.at, box->packed.length };
    }
    event_buffer_free(&bare);
}

static void detail_read(struct rpc_reply *reply, const Function__V1__ErrorDetail *detail)
{
    if (!detail)
        return;
    reply->error_type = rpc_reply_view(detail->type);
    reply->error_class = rpc_reply_view(detail->error_class);
    reply->retryable = detail->retryable;
    reply->attempts = detail->attempts;
}

static void execute_read(struct rpc_reply_box *box)
{
    const Function__V1__ExecuteFunctionResponse *response =
        (const Function__V1__ExecuteFunctionResponse *)rpc_reply_unpack(
            box, &function__v1__execute_function_response__descriptor);
    if (!response)
        return;
    struct rpc_reply *reply = &box->reply;
    reply->request_id = rpc_reply_view(response->request_id);
    if (response->result_case == FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_DATA)
        reply->data = rpc_reply_view(response->data);
    if (response->result_case == FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_ERROR) {
        reply->function_failed = true;
        reply->error = rpc_reply_view(response->error);
    }
    detail_read(reply, response->error_detail);
    if (response->event)
        event_read(box, response->event);
}

static void submit_read(struct rpc_reply_box *box)
{
    const Function__V1__SubmitFunctionResponse *response =
        (const Function__V1__SubmitFunctionResponse *)rpc_reply_unpack(
            box, &function__v1__submit_function_response__descriptor);
    if (!response)
        return;
    box->reply.request_id = rpc_reply_view(response->request_id);
    box->reply.duplicate = response->duplicate;
}

static void cancel_read(struct rpc_reply_box *box)
{
    const Function__V1__CancelResponse *response =
        (const Function__V1__CancelResponse *)rpc_reply_unpack(box, &function__v1__cancel_response__descriptor);
    if (response)
        box->reply.request_id = rpc_reply_view(response->request_id);
}

static void stored_read(struct rpc_reply_box *box)
{
    const Function__V1__GetResultResponse *response =
        (const Function__V1__GetResultResponse *)rpc_reply_unpack(box, &function__v1__get_result_response__descriptor);
    if (!response)
        return;
    struct rpc_reply *reply = &box->reply;
    reply->request_id = rpc_reply_view(response->request_id);
    reply->outcome = rpc_reply_view(response->outcome);
    reply->reason = rpc_reply_view(response->reason);
    reply->function = rpc_reply_view(response->function);
    reply->version = rpc_reply_view(response->version);
    detail_read(reply, response->error_detail);
    reply->attempts = response->attempts;
    reply->cause = rpc_reply_view(response->cause);
    reply->causes = rpc_reply_view(response->causes);
    if (response->result_case == FUNCTION__V1__GET_RESULT_RESPONSE__RESULT_DATA)
        reply->data = rpc_reply_view(response->data);
    if (response->result_case == FUNCTION__V1__GET_RESULT_RESPONSE__RESULT_ERROR) {
        reply->function_failed = true;
        reply->error = rpc_reply_view(response->error);
    }
    if (response->event)
        event_read(box, response->event);
}

typedef void rpc_response_read(struct rpc_reply_box *box);

/* How the responses of a path are read; NULL: only as bytes. */
static rpc_response_read *reader_of(const char *path)
{
    static const struct {
        const char *path;
        rpc_response_read *read;
    } table[] = {
        { RPC_PATH_EXECUTE, execute_read },
        { RPC_PATH_EXECUTE_BARE, execute_read },
        { RPC_PATH_SUBMIT, submit_read },
        { RPC_PATH_SUBMIT_BARE, submit_read },
        { RPC_PATH_RESULT, stored_read },
        { RPC_PATH_RESULT_BARE, stored_read },
        { RPC_PATH_CANCEL, cancel_read },
        { RPC_PATH_CANCEL_BARE, cancel_read },
        { RPC_PATH_LIST, rpc_reply_list_read },
        { RPC_PATH_GET, rpc_reply_function_read },
        { RPC_PATH_DEPLOY, rpc_reply_function_read },
        { RPC_PATH_REMOVE, rpc_reply_function_read },
        { RPC_PATH_RELEASE, rpc_reply_function_read },
        { RPC_PATH_LETTERS, rpc_reply_letters_read },
        { RPC_PATH_REDRIVE, rpc_reply_redriven_read },
        { RPC_PATH_DROP, cancel_read },
        { RPC_PATH_ROLLBACK, rpc_reply_function_read },
        { RPC_PATH_ALIAS, rpc_reply_function_read },
        { RPC_PATH_VERSIONS, rpc_reply_versions_read },
        { RPC_PATH_ROLLOUT, rpc_reply_rollout_read },
        { RPC_PATH_INSTANCES, rpc_reply_instances_read },
        { RPC_PATH_QUEUES, rpc_reply_queues_read },
        { RPC_PATH_PAUSE, rpc_reply_pause_read },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(path, table[i].path) == 0)
            return table[i].read;
    return NULL;
}

static uint32_t number_read(struct bytes text)
{
    uint32_t number = 0;
    for (size_t i = 0; i < text.length && i < 9 && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (text.at[i] - '0');
    return number;
}

struct rpc_reply *rpc_reply_make(const struct rpc_outcome *outcome, const char *path)
{
    struct rpc_reply_box *box = calloc(1, sizeof *box);
    if (!box)
        return NULL;
    rpc_arena_init(&box->arena, 64 * outcome->response.length + 64 * outcome->details.length + ARENA_BYTES_SLACK);
    struct rpc_reply *reply = &box->reply;
    reply->status = outcome->status;
    reply->message = copied(&box->arena, outcome->message);
    reply->raw = copied(&box->arena, outcome->response);
    reply->attempts = number_read(outcome->attempts);
    reply->retry_forbidden = outcome->pushback.length > 0 && outcome->pushback.at[0] == '-';
    reply->retry_after_ms = -1;
    if (outcome->details.length > 0)
        rpc_details_unpack(&box->arena, copied(&box->arena, outcome->details), reply);
    rpc_response_read *read = reader_of(path);
    if (reply->status == RPC_STATUS_OK && read)
        read(box);
    return reply;
}

void rpc_reply_free(struct rpc_reply *reply)
{
    if (!reply)
        return;
    struct rpc_reply_box *box = (struct rpc_reply_box *)reply;
    event_buffer_free(&box->packed);
    rpc_arena_free(&box->arena);
    free(box);
}
