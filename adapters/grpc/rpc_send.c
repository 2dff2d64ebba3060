/* Each answer is one batch: initial metadata, the message if there is one, and the status with its trailers. gRPC takes
 * the message's slices and copies or references the trailers at once, so all of it is freed right after the start. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "adapters/grpc/rpc_details.h"
#include "adapters/grpc/rpc_encode.h"
#include "adapters/grpc/rpc_inside.h"
#include "adapters/grpc/rpc_library.h"

enum { TRAILERS_MAX = 4, TYPE_BYTES_MAX = 128 };

struct trailers {
    grpc_metadata pairs[TRAILERS_MAX];
    size_t count;
};

static void trailer_add(struct trailers *trailers, const char *key, grpc_slice value)
{
    assert(trailers->count < TRAILERS_MAX);
    trailers->pairs[trailers->count++] = (grpc_metadata){ .key = grpc_slice_from_static_string(key), .value = value };
}

static void trailers_free(struct trailers *trailers)
{
    for (size_t i = 0; i < trailers->count; i++)
        grpc_slice_unref(trailers->pairs[i].value);
}

static void trailer_number(struct trailers *trailers, const char *key, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    trailer_add(trailers, key, grpc_slice_from_copied_string(text));
}

/* A function chooses the name of its error; a header takes printable ASCII only. */
static void trailer_type(struct trailers *trailers, struct bytes type)
{
    char text[TYPE_BYTES_MAX];
    size_t length = type.length < sizeof text ? type.length : sizeof text;
    for (size_t i = 0; i < length; i++)
        text[i] = type.at[i] > 0x20 && type.at[i] < 0x7f ? (char)type.at[i] : '?';
    if (length > 0)
        trailer_add(trailers, "stead-error-type", grpc_slice_from_copied_buffer(text, length));
}

static void trailers_make(struct trailers *trailers, const struct rpc_answer *answer)
{
    grpc_slice details;
    if (answer->kind == RPC_ANSWER_FUNCTION_ERROR) {
        trailer_type(trailers, answer->type);
        bool retryable = rpc_error_retryable(answer->error_class);
        trailer_add(trailers, "stead-error-retryable", grpc_slice_from_static_string(retryable ? "true" : "false"));
    }
    if (answer->kind == RPC_ANSWER_STATUS) {
        if (rpc_details_pack(answer, &details))
            trailer_add(trailers, "grpc-status-details-bin", details);
        if (answer->retry_after_ms > 0)
            trailer_number(trailers, "grpc-retry-pushback-ms", answer->retry_after_ms);
        else if (answer->retry_after_ms == RPC_NEVER_RETRY)
            trailer_number(trailers, "grpc-retry-pushback-ms", -1);
    }
    if (answer->attempts > 0)
        trailer_number(trailers, "stead-attempts", answer->attempts);
}

static void start(struct rpc_call *call, const grpc_op *ops, size_t count, struct rpc_tag *tag)
{
    grpc_call_error error = grpc_call_start_batch(call->grpc, ops, count, tag, NULL);
    assert(error == GRPC_CALL_OK);
    (void)error;
    call->refs++;
}

static void finish(struct rpc_call *call, grpc_byte_buffer *message, const struct rpc_answer *answer)
{
    assert(!call->answered);
    call->answered = true;
    struct trailers trailers = { .count = 0 };
    trailers_make(&trailers, answer);
    bool failed = answer->kind == RPC_ANSWER_STATUS;
    struct bytes text = failed ? rpc_text_cut(answer->text, RPC_MESSAGE_BYTES_MAX) : (struct bytes){ 0 };
    grpc_slice details = grpc_slice_from_copied_buffer((const char *)text.at, text.length);
    grpc_op ops[3] = { 0 };
    size_t count = 0;
    if (!call->begun)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->begun = true;
    if (message) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = message;
    }
    grpc_op *last = &ops[count++];
    last->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    last->data.send_status_from_server.status = failed ? (grpc_status_code)answer->status : GRPC_STATUS_OK;
    last->data.send_status_from_server.status_details = text.length > 0 ? &details : NULL;
    last->data.send_status_from_server.trailing_metadata_count = trailers.count;
    last->data.send_status_from_server.trailing_metadata = trailers.pairs;
    start(call, ops, count, &call->tag_done);
    grpc_slice_unref(details);
    trailers_free(&trailers);
    if (message)
        grpc_byte_buffer_destroy(message);
}

void rpc_send_left(struct rpc_call *call)
{
    if (call->out_bytes == 0)
        return;
    call->door->server->leaving_bytes -= call->out_bytes;
    call->out_bytes = 0;
    rpc_call_list_remove(&call->door->server->leaving, call);
}

static void give_up(struct rpc_call *call)
{
    rpc_send_left(call);
    grpc_call_cancel_with_status(call->grpc, GRPC_STATUS_RESOURCE_EXHAUSTED,
                                 "the answer was not read in time; ask again, or ask for the result", NULL);
}

/* Answers that wait for a client to read them are bounded as a whole: the oldest make room. */
static void leaving_add(struct rpc_call *call, size_t length)
{
    struct rpc_server *server = call->door->server;
    while (server->leaving && server->leaving_bytes + length > server->options.quota_bytes / 2) {
        struct rpc_call *oldest = server->leaving;
        while (oldest->next)
            oldest = oldest->next;
        give_up(oldest);
    }
    call->out_bytes = length;
    call->left_ns = rpc_now_ns();
    server->leaving_bytes += length;
    rpc_call_list_add(&server->leaving, call);
}

void rpc_send_sweep(struct rpc_server *server, int64_t now_ns)
{
    struct rpc_call *next;
    for (struct rpc_call *call = server->leaving; call; call = next) {
        next = call->next;
        if (now_ns - call->left_ns >= server->options.body_ns_max)
            give_up(call);
    }
}

void rpc_send_message(struct rpc_call *call, grpc_byte_buffer *message, const struct rpc_answer *answer)
{
    assert(message);
    size_t length = grpc_byte_buffer_length(message);
    if (length > 0)
        leaving_add(call, length);
    finish(call, message, answer);
}

void rpc_send_status(struct rpc_call *call, const struct rpc_answer *answer)
{
    finish(call, NULL, answer);
}

/* A stream sends its initial metadata with its first message. */
void rpc_send_part(struct rpc_call *call, grpc_byte_buffer *message)
{
    assert(!call->answered);
    assert(!call->write_pending);
    grpc_op ops[2] = { 0 };
    size_t count = 0;
    if (!call->begun)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->begun = true;
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
    call->write_pending = true;
    start(call, ops, count, &call->tag_written);
    grpc_byte_buffer_destroy(message);
}
