/* A reply lives in an arena of its own with all that it points to: the response bytes are copied in, unpacked there,
 * and the members are views of the unpacked message. */
#include "adapters/grpc/rpc_reply.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/grpc/rpc_details.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/function_admin.pb-c.h"
#include "proto/function_service.pb-c.h"

enum { ARENA_BYTES_SLACK = 1024 * 1024, FIELDS_MAX = 1024 * 1024 };

struct reply_box {
    struct rpc_reply reply; /* first: rpc_reply_free() casts back */
    struct rpc_arena arena;
    struct event_buffer packed;
};

static struct bytes view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

static struct bytes copied(struct rpc_arena *arena, struct bytes bytes)
{
    uint8_t *to = rpc_arena_take(arena, bytes.length + 1);
    if (!to)
        return (struct bytes){ 0 };
    if (bytes.length > 0)
        memcpy(to, bytes.at, bytes.length);
    return (struct bytes){ to, bytes.length };
}

static void unreadable(struct rpc_reply *reply)
{
    reply->status = RPC_STATUS_INTERNAL;
    reply->message = bytes_of("the server's response is not the message that this method returns");
}

static ProtobufCMessage *unpack(struct reply_box *box, const ProtobufCMessageDescriptor *type)
{
    struct bytes raw = box->reply.raw;
    if (rpc_wire_check(type, raw, FIELDS_MAX) == RPC_WIRE_FINE) {
        ProtobufCMessage *message = protobuf_c_message_unpack(type, &box->arena.allocator, raw.length, raw.at);
        if (message)
            return message;
    }
    unreadable(&box->reply);
    return NULL;
}

/* The event comes without its data, which are in `data`; here the two are one again. */
static void event_read(struct reply_box *box, const Io__Cloudevents__V1__CloudEvent *message)
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

static void execute_read(struct reply_box *box)
{
    const Function__V1__ExecuteFunctionResponse *response = (const Function__V1__ExecuteFunctionResponse *)unpack(
        box, &function__v1__execute_function_response__descriptor);
    if (!response)
        return;
    struct rpc_reply *reply = &box->reply;
    reply->request_id = view(response->request_id);
    if (response->result_case == FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_DATA)
        reply->data = view(response->data);
    if (response->result_case == FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_ERROR) {
        reply->function_failed = true;
        reply->error = view(response->error);
    }
    if (response->error_detail) {
        reply->error_type = view(response->error_detail->type);
        reply->error_class = view(response->error_detail->error_class);
        reply->retryable = response->error_detail->retryable;
        reply->attempts = response->error_detail->attempts;
    }
    if (response->event)
        event_read(box, response->event);
}

static void function_read(const Function__V1__Function *from, struct rpc_function *to)
{
    *to = (struct rpc_function){ .language = view(from->language),
                                 .name = view(from->name),
                                 .version = view(from->version),
                                 .state = view(from->state),
                                 .message = view(from->message),
                                 .digest = view(from->digest),
                                 .workers = from->workers };
    if (from->created)
        to->created_unix_ms = from->created->seconds * 1000 + from->created->nanos / 1000000;
}

static void functions_read(struct reply_box *box, Function__V1__Function *const *functions, size_t count)
{
    struct rpc_function *list = rpc_arena_take(&box->arena, count * sizeof *list);
    if (!list) {
        unreadable(&box->reply);
        return;
    }
    for (size_t i = 0; i < count; i++)
        function_read(functions[i], &list[i]);
    box->reply.functions = list;
    box->reply.function_count = count;
}

static void list_read(struct reply_box *box)
{
    const Function__V1__ListResponse *response =
        (const Function__V1__ListResponse *)unpack(box, &function__v1__list_response__descriptor);
    if (response)
        functions_read(box, response->functions, response->n_functions);
}

/* Deploy, Get and Remove all answer with one function in field 1. */
static void one_function_read(struct reply_box *box)
{
    const Function__V1__GetResponse *response =
        (const Function__V1__GetResponse *)unpack(box, &function__v1__get_response__descriptor);
    if (response && response->function)
        functions_read(box, &response->function, 1);
}

enum rpc_response rpc_response_of(const char *path)
{
    static const struct {
        const char *path;
        enum rpc_response type;
    } table[] = {
        { RPC_PATH_EXECUTE, RPC_RESPONSE_EXECUTE }, { RPC_PATH_EXECUTE_BARE, RPC_RESPONSE_EXECUTE },
        { RPC_PATH_LIST, RPC_RESPONSE_LIST },       { RPC_PATH_GET, RPC_RESPONSE_FUNCTION },
        { RPC_PATH_DEPLOY, RPC_RESPONSE_FUNCTION }, { RPC_PATH_REMOVE, RPC_RESPONSE_FUNCTION },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(path, table[i].path) == 0)
            return table[i].type;
    return RPC_RESPONSE_RAW;
}

static uint32_t number_read(struct bytes text)
{
    uint32_t number = 0;
    for (size_t i = 0; i < text.length && i < 9 && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (text.at[i] - '0');
    return number;
}

struct rpc_reply *rpc_reply_make(const struct rpc_outcome *outcome, enum rpc_response type)
{
    struct reply_box *box = calloc(1, sizeof *box);
    if (!box)
        return NULL;
    rpc_arena_init(&box->arena, 64 * outcome->response.length + 64 * outcome->details.length + ARENA_BYTES_SLACK);
    struct rpc_reply *reply = &box->reply;
    reply->status = outcome->status;
    reply->message = copied(&box->arena, outcome->message);
    reply->raw = copied(&box->arena, outcome->response);
    reply->attempts = number_read(outcome->attempts);
    reply->retry_after_ms = -1;
    if (outcome->details.length > 0)
        rpc_details_unpack(&box->arena, copied(&box->arena, outcome->details), reply);
    if (reply->status != RPC_STATUS_OK)
        return reply;
    if (type == RPC_RESPONSE_EXECUTE)
        execute_read(box);
    else if (type == RPC_RESPONSE_LIST)
        list_read(box);
    else if (type == RPC_RESPONSE_FUNCTION)
        one_function_read(box);
    return reply;
}

void rpc_reply_free(struct rpc_reply *reply)
{
    if (!reply)
        return;
    struct reply_box *box = (struct reply_box *)reply;
    event_buffer_free(&box->packed);
    rpc_arena_free(&box->arena);
    free(box);
}
