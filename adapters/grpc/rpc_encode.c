/* A response is built as a protobuf-c message that borrows everything from the answer, then packed once, straight into
 * the slice that gRPC sends. */
#include "adapters/grpc/rpc_encode.h"

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "proto/function_service.pb-c.h"

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
    response.data = rpc_data_of(event.data);
    response.request_id = rpc_data_of(answer->request_id);
    struct event bare = { .block = event.block };
    response.event = cloudevents_to_protobuf(bare, &arena->allocator);
    return response.event ? rpc_encode_message(&response.base) : NULL;
}

static void detail_fill(Function__V1__ErrorDetail *detail, const struct rpc_answer *answer)
{
    function__v1__error_detail__init(detail);
    detail->type = rpc_data_of(answer->type);
    detail->error_class = rpc_data_of(answer->error_class);
    detail->retryable = rpc_error_retryable(answer->error_class);
    detail->attempts = answer->attempts;
}

static grpc_byte_buffer *encode_function_error(const struct rpc_answer *answer)
{
    Function__V1__ErrorDetail detail;
    Function__V1__ExecuteFunctionResponse response = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__INIT;
    detail_fill(&detail, answer);
    response.result_case = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_ERROR;
    response.error = rpc_data_of(answer->text);
    response.error_detail = &detail;
    response.request_id = rpc_data_of(answer->request_id);
    return rpc_encode_message(&response.base);
}

/* Stored results are told apart by their event: one that succeeded has it. Function errors alone name a class. */
static grpc_byte_buffer *encode_stored(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__ErrorDetail detail;
    Function__V1__GetResultResponse response = FUNCTION__V1__GET_RESULT_RESPONSE__INIT;
    response.request_id = rpc_data_of(answer->request_id);
    response.outcome = rpc_data_of(answer->outcome);
    response.function = rpc_data_of(answer->function);
    response.version = rpc_data_of(answer->version);
    response.reason = rpc_data_of(answer->reason);
    response.attempts = answer->attempts;
    response.cause = rpc_data_of(answer->cause);
    response.causes = rpc_data_of(answer->causes);
    if (answer->packed_event.length > 0) {
        struct event event;
        if (!event_unpack(answer->packed_event, &event))
            return NULL;
        response.result_case = FUNCTION__V1__GET_RESULT_RESPONSE__RESULT_DATA;
        response.data = rpc_data_of(event.data);
        struct event bare = { .block = event.block };
        response.event = cloudevents_to_protobuf(bare, &arena->allocator);
        return response.event ? rpc_encode_message(&response.base) : NULL;
    }
    response.result_case = FUNCTION__V1__GET_RESULT_RESPONSE__RESULT_ERROR;
    response.error = rpc_data_of(answer->text);
    if (answer->type.length > 0 || answer->error_class.length > 0) {
        detail_fill(&detail, answer);
        response.error_detail = &detail;
    }
    return rpc_encode_message(&response.base);
}

static grpc_byte_buffer *encode_accepted(enum rpc_kind kind, const struct rpc_answer *answer)
{
    Function__V1__SubmitFunctionResponse submitted = FUNCTION__V1__SUBMIT_FUNCTION_RESPONSE__INIT;
    Function__V1__CancelResponse cancelled = FUNCTION__V1__CANCEL_RESPONSE__INIT;
    submitted.request_id = cancelled.request_id = rpc_data_of(answer->request_id);
    submitted.duplicate = answer->duplicate;
    return rpc_encode_message(kind == RPC_SUBMIT ? &submitted.base : &cancelled.base);
}

/* Which answers a kind of call can have is written down here, once. */
static grpc_byte_buffer *encode(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena)
{
    switch (answer->kind) {
    case RPC_ANSWER_RESULT:
        return kind == RPC_EXECUTE ? encode_result(answer, arena) : NULL;
    case RPC_ANSWER_FUNCTION_ERROR:
        return kind == RPC_EXECUTE ? encode_function_error(answer) : NULL;
    case RPC_ANSWER_STORED:
        return kind == RPC_RESULT ? encode_stored(answer, arena) : NULL;
    case RPC_ANSWER_ACCEPTED:
        return kind == RPC_SUBMIT || kind == RPC_CANCEL ? encode_accepted(kind, answer)
                                                        : rpc_encode_admin(kind, answer, arena);
    default:
        return rpc_encode_admin(kind, answer, arena);
    }
}

grpc_byte_buffer *rpc_encode(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena)
{
    grpc_byte_buffer *buffer = encode(kind, answer, arena);
    rpc_arena_reset(arena);
    return buffer;
}
