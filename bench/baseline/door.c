/* ExecuteFunction, unary, by the C core of gRPC: one completion queue on one thread. A call is two completions: NEW,
 * when its message is here, and DONE, when the answer has left and the call is over on the wire. The loop thread hands
 * answers over by ring and wakes this thread, if it sleeps, by an empty batch on a call of a lame channel. */
#include "bench/baseline/baseline.h"

#include <ctype.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/function_service.pb-c.h"

enum { WAITING_CALLS = 32 };

typedef Function__V1__ExecuteFunctionRequest Request;
typedef Function__V1__ExecuteFunctionResponse Response;

struct door_call {
    struct call call; /* first, so that the one is the other */
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    Request *request;
    int cancelled;
    bool answered;
};

struct door {
    grpc_server *server;
    grpc_completion_queue *queue;
    void *method;
    struct ring *calls;
    struct ring answers;
    grpc_channel *lame_channel;
    grpc_call *lame_call;
    pthread_t thread;
};

static void wake(void *owner)
{
    struct door *door = owner;
    grpc_call_start_batch(door->lame_call, NULL, 0, NULL, NULL);
}

static void await_call(struct door *door)
{
    struct door_call *call = calloc(1, sizeof *call);
    if (!call) {
        baseline_fail("no memory");
    }
    grpc_metadata_array_init(&call->metadata);
    grpc_server_request_registered_call(door->server, door->method, &call->grpc, &call->deadline, &call->metadata,
                                        &call->payload, door->queue, door->queue, call);
}

static void call_free(struct door_call *call)
{
    if (call->request) {
        function__v1__execute_function_request__free_unpacked(call->request, NULL);
    }
    if (call->payload) {
        grpc_byte_buffer_destroy(call->payload);
    }
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_unref(call->grpc);
    free(call->call.answer);
    free(call);
}

static grpc_byte_buffer *response_of(const struct call *call)
{
    Response response = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__INIT;
    response.result_case = FUNCTION__V1__EXECUTE_FUNCTION_RESPONSE__RESULT_DATA;
    response.data = (ProtobufCBinaryData){ call->answer_length, call->answer };
    response.request_id = (ProtobufCBinaryData){ strlen(call->id), (uint8_t *)call->id };
    grpc_slice slice = grpc_slice_malloc(function__v1__execute_function_response__get_packed_size(&response));
    function__v1__execute_function_response__pack(&response, GRPC_SLICE_START_PTR(slice));
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void send_answer(struct door_call *call, grpc_status_code status)
{
    grpc_op ops[4] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },
                       { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
                       { .op = GRPC_OP_RECV_CLOSE_ON_SERVER },
                       { .op = GRPC_OP_SEND_MESSAGE } };
    const char *problem = call->call.problem ? call->call.problem : "";
    grpc_slice text = grpc_slice_from_static_string(problem);
    grpc_byte_buffer *response = status == GRPC_STATUS_OK ? response_of(&call->call) : NULL;
    ops[1].data.send_status_from_server.status = status;
    ops[1].data.send_status_from_server.status_details = &text;
    ops[2].data.recv_close_on_server.cancelled = &call->cancelled;
    ops[3].data.send_message.send_message = response;
    call->answered = true;
    if (grpc_call_start_batch(call->grpc, ops, response ? 4 : 3, call, NULL) != GRPC_CALL_OK) {
        baseline_fail("gRPC refuses an answer");
    }
    if (response) {
        grpc_byte_buffer_destroy(response);
    }
}

static bool token_valid(struct bytes id)
{
    for (size_t i = 0; i < id.length; i++) {
        if (!isalnum(id.at[i]) && id.at[i] != '-' && id.at[i] != '_') {
            return false;
        }
    }
    return id.length > 0 && id.length < CALL_ID_BYTES;
}

static Request *request_unpack(grpc_byte_buffer *payload)
{
    grpc_byte_buffer_reader reader;
    if (!payload || !grpc_byte_buffer_reader_init(&reader, payload)) {
        return NULL;
    }
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    Request *request =
        function__v1__execute_function_request__unpack(NULL, GRPC_SLICE_LENGTH(whole), GRPC_SLICE_START_PTR(whole));
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
    return request;
}

/* NULL, or what is wrong with the request. */
static const char *call_read(struct door_call *call)
{
    call->request = request_unpack(call->payload);
    if (!call->request || !call->request->event) {
        return "no event";
    }
    Io__Cloudevents__V1__CloudEvent *event = call->request->event;
    struct bytes id = { event->id.data, event->id.len };
    if (!token_valid(id) || event->source.len == 0 || event->type.len == 0) {
        return "the event has no id that is a token, no source or no type";
    }
    if (event->data_case != IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_BINARY_DATA ||
        event->binary_data.len > FRAME_DATA_MAX) {
        return "the event has no binary data, or too much";
    }
    memcpy(call->call.id, id.at, id.length);
    call->call.data = (struct bytes){ event->binary_data.data, event->binary_data.len };
    return NULL;
}

static void on_new(struct door *door, struct door_call *call)
{
    await_call(door);
    call->call.problem = call_read(call);
    if (call->call.problem) {
        send_answer(call, GRPC_STATUS_INVALID_ARGUMENT);
    } else if (!ring_push(door->calls, &call->call)) {
        call->call.problem = "too many calls";
        send_answer(call, GRPC_STATUS_RESOURCE_EXHAUSTED);
    }
}

static void send_answers(struct door *door)
{
    struct call *call;
    while ((call = ring_pop(&door->answers))) {
        send_answer((struct door_call *)call, call->problem ? GRPC_STATUS_UNAVAILABLE : GRPC_STATUS_OK);
    }
}

static void *door_main(void *argument)
{
    struct door *door = argument;
    for (;;) {
        send_answers(door);
        bool sleep = ring_sleep(&door->answers);
        gpr_timespec until = sleep ? gpr_inf_future(GPR_CLOCK_MONOTONIC) : gpr_inf_past(GPR_CLOCK_MONOTONIC);
        grpc_event event = grpc_completion_queue_next(door->queue, until, NULL);
        ring_awake(&door->answers);
        struct door_call *call = event.tag;
        if (event.type != GRPC_OP_COMPLETE || !call) {
            continue; /* woken */
        }
        if (call->answered) {
            call_free(call);
        } else {
            on_new(door, call);
        }
    }
    return NULL;
}

void door_answer(struct door *door, struct call *call)
{
    if (!ring_push(&door->answers, call)) {
        baseline_fail("the ring of answers is full");
    }
}

static void lame_create(struct door *door)
{
    door->lame_channel = grpc_lame_client_channel_create("lame", GRPC_STATUS_UNAVAILABLE, "lame");
    grpc_slice method = grpc_slice_from_static_string("/wake");
    door->lame_call = grpc_channel_create_call(door->lame_channel, NULL, GRPC_PROPAGATE_DEFAULTS, door->queue, method,
                                               NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

static bool listen_on(struct door *door, const char *address, int *ret_port)
{
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    *ret_port = grpc_server_add_http2_port(door->server, address, credentials);
    grpc_server_credentials_release(credentials);
    return *ret_port > 0;
}

struct door *door_open(const char *address, struct ring *calls, int *ret_port)
{
    struct door *door = calloc(1, sizeof *door);
    if (!door || !ring_init(&door->answers, CALLS_MAX, wake, door)) {
        return NULL;
    }
    grpc_init();
    door->calls = calls;
    door->queue = grpc_completion_queue_create_for_next(NULL);
    door->server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(door->server, door->queue, NULL);
    door->method = grpc_server_register_method(door->server, "/function.v1.FunctionService/ExecuteFunction", NULL,
                                               GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    if (!listen_on(door, address, ret_port)) {
        return NULL;
    }
    lame_create(door);
    grpc_server_start(door->server);
    for (int i = 0; i < WAITING_CALLS; i++) {
        await_call(door);
    }
    return pthread_create(&door->thread, NULL, door_main, door) == 0 ? door : NULL;
}
