/* grpc.reflection.v1 and v1alpha, which are the same on the wire: a stream of questions, each answered before the
 * next is read, so that a client that doesn't read is given nothing more and costs nothing more. A question about a
 * file or a symbol is answered by the file and all that it imports: clients may then do without further questions.
 *
 * A stream ends when the client has no more questions, asks too many, is silent for too long (rpc_call_sweep) or the
 * server leaves. */
#include <assert.h>
#include <stdio.h>

#include <grpc/byte_buffer_reader.h>

#include "adapters/grpc/rpc_encode.h"
#include "adapters/grpc/rpc_inside.h"
#include "adapters/grpc/rpc_library.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/reflection.pb-c.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

enum {
    QUESTION_BYTES_MAX = 4096,
    FIELDS_MAX = 32,
};

bool rpc_reflect_admit(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    if (server->reflections >= RPC_REFLECTIONS_MAX) {
        rpc_call_refuse(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OVERLOAD_RETRY_MS,
                        "too many reflection streams are open here; try again");
        return false;
    }
    server->reflections++;
    call->reflecting = true;
    return true;
}

void rpc_reflect_leave(struct rpc_call *call)
{
    call->door->server->reflections -= call->reflecting;
    call->reflecting = false;
}

/* What the answers of one question borrow. */
struct scratch {
    ProtobufCBinaryData files[RPC_DESCRIPTOR_FILES_MAX];
    Grpc__Reflection__V1__FileDescriptorResponse file_response;
    Grpc__Reflection__V1__ServiceResponse services[RPC_DESCRIPTOR_SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *service_places[RPC_DESCRIPTOR_SERVICES_MAX];
    char service_names[RPC_DESCRIPTOR_SERVICES_MAX][RPC_DESCRIPTOR_NAME_BYTES];
    Grpc__Reflection__V1__ListServiceResponse list;
    Grpc__Reflection__V1__ExtensionNumberResponse extensions;
    Grpc__Reflection__V1__ErrorResponse error;
};

static struct bytes view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

static void answer_error(struct scratch *scratch, Response *response, enum rpc_status status, const char *text)
{
    grpc__reflection__v1__error_response__init(&scratch->error);
    scratch->error.error_code = status;
    scratch->error.error_message = rpc_data_of(bytes_of(text));
    response->message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response->error_response = &scratch->error;
}

static void answer_file(const struct rpc_descriptors *descriptors, int file, struct scratch *scratch,
                        Response *response)
{
    int files[RPC_DESCRIPTOR_FILES_MAX];
    if (file < 0) {
        answer_error(scratch, response, RPC_STATUS_NOT_FOUND, "there is no such file or symbol; ask for list_services");
        return;
    }
    grpc__reflection__v1__file_descriptor_response__init(&scratch->file_response);
    size_t count = rpc_descriptors_closure(descriptors, file, files);
    for (size_t i = 0; i < count; i++)
        scratch->files[i] = rpc_data_of(descriptors->files[files[i]].bytes);
    scratch->file_response.file_descriptor_proto = scratch->files;
    scratch->file_response.n_file_descriptor_proto = count;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response->file_descriptor_response = &scratch->file_response;
}

static void answer_services(const struct rpc_descriptors *descriptors, struct scratch *scratch, Response *response)
{
    grpc__reflection__v1__list_service_response__init(&scratch->list);
    size_t count = rpc_descriptors_services(descriptors, scratch->service_names);
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&scratch->services[i]);
        scratch->services[i].name = rpc_data_of(bytes_of(scratch->service_names[i]));
        scratch->service_places[i] = &scratch->services[i];
    }
    scratch->list.service = scratch->service_places;
    scratch->list.n_service = count;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response->list_services_response = &scratch->list;
}

/* None of our messages has extensions: a message that we have has an empty list of them. */
static void answer_extensions(const struct rpc_descriptors *descriptors, struct bytes type, struct scratch *scratch,
                              Response *response)
{
    if (!rpc_descriptors_message(descriptors, type)) {
        answer_error(scratch, response, RPC_STATUS_NOT_FOUND, "there is no such message type");
        return;
    }
    grpc__reflection__v1__extension_number_response__init(&scratch->extensions);
    scratch->extensions.base_type_name = rpc_data_of(type);
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    response->all_extension_numbers_response = &scratch->extensions;
}

static grpc_byte_buffer *answer(const struct rpc_descriptors *descriptors, Request *request)
{
    struct scratch scratch;
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = request->host;
    response.original_request = request;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(descriptors, rpc_descriptors_file(descriptors, view(request->file_by_filename)), &scratch,
                    &response);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(descriptors, rpc_descriptors_symbol(descriptors, view(request->file_containing_symbol)), &scratch,
                    &response);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        answer_error(&scratch, &response, RPC_STATUS_NOT_FOUND, "there are no extensions here");
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_extensions(descriptors, view(request->all_extension_numbers_of_type), &scratch, &response);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(descriptors, &scratch, &response);
        break;
    default:
        answer_error(&scratch, &response, RPC_STATUS_INVALID_ARGUMENT, "the request asks for nothing");
        break;
    }
    return rpc_encode_message(&response.base);
}

/* The question in `message`, in the server's scratch arena; NULL if it is none. */
static Request *question(struct rpc_server *server, struct bytes message)
{
    struct rpc_arena *arena = &server->encode_arena;
    const ProtobufCMessageDescriptor *type = &grpc__reflection__v1__server_reflection_request__descriptor;
    if (message.length > QUESTION_BYTES_MAX || rpc_wire_check(type, message, FIELDS_MAX) != RPC_WIRE_FINE)
        return NULL;
    return (Request *)protobuf_c_message_unpack(type, &arena->allocator, message.length, message.at);
}

static void question_answer(struct rpc_call *call, struct bytes message)
{
    struct rpc_server *server = call->door->server;
    Request *request = question(server, message);
    if (request)
        rpc_send_part(call, answer(&server->descriptors, request));
    else
        rpc_call_refuse(call, RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", RPC_NEVER_RETRY,
                        "the message is not a ServerReflectionRequest, or is too large for one");
    rpc_arena_reset(&server->encode_arena);
}

void rpc_reflect_body(struct rpc_call *call, grpc_byte_buffer *body)
{
    static const struct rpc_answer fine = { .kind = RPC_ANSWER_RESULT };
    if (!body) {
        rpc_send_status(call, &fine);
        return;
    }
    if (++call->messages > RPC_REFLECTION_MESSAGES_MAX) {
        rpc_call_refuse(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OVERLOAD_RETRY_MS,
                        "too many questions on one reflection stream; open another one");
    } else {
        grpc_byte_buffer_reader reader;
        grpc_byte_buffer_reader_init(&reader, body);
        grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
        question_answer(call, rpc_slice_bytes(&whole));
        grpc_slice_unref(whole);
    }
    grpc_byte_buffer_destroy(body);
}

void rpc_reflect_written(struct rpc_call *call, bool ok)
{
    if (!ok || call->answered)
        return;
    if (call->door->server->shutdown_begun)
        rpc_call_refuse(call, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", RPC_NO_RETRY_HINT, "the server shuts down");
    else
        rpc_call_receive(call);
}

void rpc_reflect_end_all(struct rpc_server *server)
{
    for (struct rpc_call *call = server->bodies; call; call = call->next)
        if (call->reflecting)
            rpc_call_refuse(call, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", RPC_NO_RETRY_HINT, "the server shuts down");
}
