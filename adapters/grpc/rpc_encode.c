/* A response is built as a protobuf-c message that borrows everything from the answer, then packed once, straight into
 * the slice that gRPC sends. */
#include "adapters/grpc/rpc_encode.h"

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "proto/function_admin.pb-c.h"
#include "proto/function_service.pb-c.h"

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.length, .data = (uint8_t *)bytes.at };
}

bool rpc_error_retryable(struct bytes error_class)
{
    return !bytes_equal_text(error_class, "permanent");
}

grpc_byte_buffer *rpc_encode_message(const ProtobufCMessage *message)
{
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

/* The event goes without its data: they are in `data` already, and a large result is not sent twice. */
static grpc_byte_buffer *encode_result(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    struct event event;
    if (!event_unpack(answer->packed_event, &event))
        return NULL;
    Function__V1__ExecuteFunctionResponse response = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__INIT;
    response.result_case = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_DATA;
    response.data = data_of(event.data);
    response.request_id = data_of(answer->request_id);
    struct event bare = { .block = event.block };
    response.event = cloudevents_to_protobuf(bare, &arena->allocator);
    return response.event ? rpc_encode_message(&response.base) : NULL;
}

static grpc_byte_buffer *encode_function_error(const struct rpc_answer *answer)
{
    Function__V1__ErrorDetail detail = FUNCTION__V1__ERROR_DETAIL__INIT;
    Function__V1__ExecuteFunctionResponse response = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__INIT;
    detail.type = data_of(answer->type);
    detail.error_class = data_of(answer->error_class);
    detail.retryable = rpc_error_retryable(answer->error_class);
    detail.attempts = answer->attempts;
    response.result_case = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_ERROR;
    response.error = data_of(answer->text);
    response.error_detail = &detail;
    response.request_id = data_of(answer->request_id);
    return rpc_encode_message(&response.base);
}

struct function_message {
    Function__V1__Function message;
    Google__Protobuf__Timestamp created;
};

static void function_fill(struct function_message *to, const struct rpc_function *from)
{
    function__v1__function__init(&to->message);
    google__protobuf__timestamp__init(&to->created);
    to->message.language = data_of(from->language);
    to->message.name = data_of(from->name);
    to->message.version = data_of(from->version);
    to->message.state = data_of(from->state);
    to->message.message = data_of(from->message);
    to->message.digest = data_of(from->digest);
    to->message.workers = from->workers;
    int64_t ms = from->created_unix_ms;
    to->created.seconds = ms / 1000 - (ms % 1000 < 0);
    to->created.nanos = (int32_t)(ms - to->created.seconds * 1000) * 1000000;
    to->message.created = ms ? &to->created : NULL;
}

/* Deploy, Get and Remove answer with one function in field 1. */
static grpc_byte_buffer *encode_function(enum rpc_kind kind, const struct rpc_answer *answer)
{
    if (answer->function_count != 1)
        return NULL;
    struct function_message one;
    function_fill(&one, answer->functions);
    Function__V1__DeployResponse deploy = FUNCTION__V1__DEPLOY_RESPONSE__INIT;
    Function__V1__GetResponse get = FUNCTION__V1__GET_RESPONSE__INIT;
    Function__V1__RemoveResponse removed = FUNCTION__V1__REMOVE_RESPONSE__INIT;
    deploy.function = get.function = removed.function = &one.message;
    if (kind == RPC_DEPLOY)
        return rpc_encode_message(&deploy.base);
    return rpc_encode_message(kind == RPC_GET ? &get.base : &removed.base);
}

static grpc_byte_buffer *encode_list(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__ListResponse list = FUNCTION__V1__LIST_RESPONSE__INIT;
    size_t count = answer->function_count;
    struct function_message *messages = rpc_arena_take(arena, count * sizeof *messages);
    list.functions = rpc_arena_take(arena, count * sizeof *list.functions);
    if (!messages || !list.functions)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        function_fill(&messages[i], &answer->functions[i]);
        list.functions[i] = &messages[i].message;
    }
    list.n_functions = count;
    return rpc_encode_message(&list.base);
}

grpc_byte_buffer *rpc_encode(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena)
{
    grpc_byte_buffer *buffer = NULL;
    if (answer->kind == RPC_ANSWER_RESULT && kind == RPC_EXECUTE)
        buffer = encode_result(answer, arena);
    else if (answer->kind == RPC_ANSWER_FUNCTION_ERROR && kind == RPC_EXECUTE)
        buffer = encode_function_error(answer);
    else if (answer->kind == RPC_ANSWER_FUNCTIONS && kind == RPC_LIST)
        buffer = encode_list(answer, arena);
    else if (answer->kind == RPC_ANSWER_FUNCTIONS && kind != RPC_EXECUTE)
        buffer = encode_function(kind, answer);
    rpc_arena_reset(arena);
    return buffer;
}
