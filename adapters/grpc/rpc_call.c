/* The life of a call, as completions on the queue:
 *
 *     NEW    gRPC has a call for a method (or for none that we know). Ask for the next, arm CLOSE, admit or refuse.
 *     BODY   its message is here: decode, and hand the request to the loop, or refuse.
 *     DONE   the status has left.            WRITTEN   one message of a Watch has left.
 *     CLOSE  the call is over on the wire; `cancelled` if the client left, its deadline passed or we shut down.
 *
 * Each tag under way is a reference; the call is freed with the last one. Admission comes before the body is read, so
 * that a slow sender costs a slot and nothing else, and is swept away in time. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <grpc/byte_buffer_reader.h>

#include "adapters/grpc/rpc_encode.h"
#include "adapters/grpc/rpc_inside.h"
#include "adapters/grpc/rpc_library.h"

#define RPC_METHOD_ROW(path, type, kind) { path, type, kind },
const struct rpc_method rpc_methods[RPC_METHOD_COUNT] = { RPC_METHODS(RPC_METHOD_ROW) };
#undef RPC_METHOD_ROW
const struct rpc_method rpc_method_unknown = { "", RPC_METHOD_UNKNOWN, RPC_EXECUTE };

bool rpc_body_comes_along(const struct rpc_door *door, const struct rpc_method *method)
{
    return door->reads_body && method->type != RPC_METHOD_REFLECT;
}

enum { DEPLOY_RETRY_MS = 2000 };

static struct rpc_call *call_new(struct rpc_door *door, const struct rpc_method *method)
{
    struct rpc_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->tag_new = (struct rpc_tag){ RPC_TAG_NEW, call };
    call->tag_body = (struct rpc_tag){ RPC_TAG_BODY, call };
    call->tag_close = (struct rpc_tag){ RPC_TAG_CLOSE, call };
    call->tag_written = (struct rpc_tag){ RPC_TAG_WRITTEN, call };
    call->tag_done = (struct rpc_tag){ RPC_TAG_DONE, call };
    call->door = door;
    call->method = method;
    call->slot = RPC_SLOT_NONE;
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    door->server->calls++;
    return call;
}

static void call_unref(struct rpc_call *call)
{
    assert(call->refs > 0);
    if (--call->refs > 0)
        return;
    assert(call->slot == RPC_SLOT_NONE);
    assert(!call->body_awaited);
    assert(!call->watching);
    assert(!call->reflecting);
    struct rpc_server *server = call->door->server;
    server->calls--;
    server->active -= call->counted;
    if (call->body)
        grpc_byte_buffer_destroy(call->body);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    if (call->grpc)
        grpc_call_unref(call->grpc);
    free(call);
}

void rpc_call_list_add(struct rpc_call **list, struct rpc_call *call)
{
    assert(!call->next && !call->previous);
    call->next = *list;
    if (*list)
        (*list)->previous = call;
    *list = call;
}

void rpc_call_list_remove(struct rpc_call **list, struct rpc_call *call)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        *list = call->next;
    if (call->next)
        call->next->previous = call->previous;
    call->next = call->previous = NULL;
}

void rpc_call_await(struct rpc_door *door, const struct rpc_method *method)
{
    struct rpc_server *server = door->server;
    if (server->shutdown_begun)
        return;
    struct rpc_call *call = call_new(door, method);
    if (!call)
        return; /* one waiting request less; the others still take calls */
    grpc_call_error error;
    if (method->type == RPC_METHOD_UNKNOWN)
        error = grpc_server_request_call(door->grpc, &call->grpc, &call->details, &call->metadata, server->queue,
                                         server->queue, &call->tag_new);
    else
        error = grpc_server_request_registered_call(
            door->grpc, door->registered[method - rpc_methods], &call->grpc, &call->deadline, &call->metadata,
            rpc_body_comes_along(door, method) ? &call->body : NULL, server->queue, server->queue, &call->tag_new);
    assert(error == GRPC_CALL_OK);
    (void)error;
    call->refs++;
}

void rpc_call_fail(struct rpc_call *call, const struct rpc_refusal *refusal)
{
    if (call->answered)
        return;
    struct rpc_pair violation = { bytes_of("violation"), { 0 } };
    struct rpc_answer answer = { .kind = RPC_ANSWER_STATUS,
                                 .status = refusal->status,
                                 .retry_after_ms = refusal->retry_after_ms,
                                 .text = bytes_of(refusal->text),
                                 .violation_field = bytes_of(refusal->field) };
    if (refusal->reason)
        answer.reason = bytes_of(refusal->reason);
    if (refusal->detail) {
        violation.value = bytes_of(refusal->detail);
        answer.pairs = &violation;
        answer.pair_count = 1;
    }
    rpc_slot_drop(call);
    rpc_send_status(call, &answer);
}

void rpc_call_refuse(struct rpc_call *call, enum rpc_status status, const char *reason, int64_t retry_after_ms,
                     const char *text)
{
    struct rpc_refusal refusal = { .status = status, .reason = reason, .retry_after_ms = retry_after_ms };
    snprintf(refusal.text, sizeof refusal.text, "%s", text);
    rpc_call_fail(call, &refusal);
}

void rpc_call_answer(struct rpc_call *call, const struct rpc_answer *answer, enum rpc_kind kind)
{
    if (answer->kind == RPC_ANSWER_STATUS && answer->status > RPC_STATUS_OK &&
        answer->status <= RPC_STATUS_UNAUTHENTICATED) {
        rpc_send_status(call, answer);
        return;
    }
    grpc_byte_buffer *message = rpc_encode(kind, answer, &call->door->server->encode_arena);
    if (message)
        rpc_send_message(call, message, answer);
    else
        rpc_call_refuse(call, RPC_STATUS_INTERNAL, "INVALID_RESULT", RPC_NO_RETRY_HINT,
                        "the answer could not be put into a response message");
}

static void batch_start(struct rpc_call *call, const grpc_op *op, struct rpc_tag *tag)
{
    grpc_call_error error = grpc_call_start_batch(call->grpc, op, 1, tag, NULL);
    assert(error == GRPC_CALL_OK);
    (void)error;
    call->refs++;
}

/* False if the call was refused. One deploy is always taken, whatever its size. */
static bool deploy_admit(struct rpc_call *call, size_t length)
{
    struct rpc_server *server = call->door->server;
    if (server->deploy_bytes > 0 && server->deploy_bytes + length > server->options.deploy_bytes_max) {
        atomic_fetch_add_explicit(&server->count_refused_load, 1, memory_order_relaxed);
        rpc_call_refuse(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", DEPLOY_RETRY_MS,
                        "other large deploys are under way here; try again when they have ended");
        return false;
    }
    server->slots[call->slot].deploy_bytes = length;
    server->deploy_bytes += length;
    return true;
}

static void body_handle(struct rpc_call *call, struct bytes message)
{
    struct rpc_server *server = call->door->server;
    if (call->method->type != RPC_METHOD_REQUEST) {
        rpc_health_body(call, message);
        return;
    }
    if (call->method->kind == RPC_DEPLOY && !deploy_admit(call, message.length))
        return;
    struct rpc_refusal refusal;
    struct rpc_request *request = rpc_decode(&server->decoder, call->method->kind, message, &refusal);
    if (!request) {
        atomic_fetch_add_explicit(&server->count_refused_invalid, 1, memory_order_relaxed);
        rpc_call_fail(call, &refusal);
        return;
    }
    const struct rpc_slot *slot = &server->slots[call->slot];
    request->id = (uint64_t)slot->generation << 32 | (uint32_t)call->slot;
    request->received_ns = call->received_ns;
    request->deadline_ns = call->deadline_ns;
    bool pushed = ring_push(&server->requests, request);
    assert(pushed);
    (void)pushed;
}

/* Most messages are one slice and are read in place. A message that is missing was cut off, too large or compressed:
 * then gRPC has ended the call itself, with a status that says so, and ours is not seen. */
static void body_read(struct rpc_call *call)
{
    if (call->answered)
        return;
    if (call->method->type == RPC_METHOD_REFLECT) {
        grpc_byte_buffer *body = call->body;
        call->body = NULL;
        rpc_reflect_body(call, body);
        return;
    }
    if (!call->body) {
        rpc_call_refuse(call, RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", RPC_NEVER_RETRY,
                        "the call has no complete message");
        return;
    }
    grpc_slice_buffer *slices = &call->body->data.raw.slice_buffer;
    if (call->body->type == GRPC_BB_RAW && slices->count == 1) {
        body_handle(call, rpc_slice_bytes(&slices->slices[0]));
    } else {
        grpc_byte_buffer_reader reader;
        grpc_byte_buffer_reader_init(&reader, call->body);
        grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
        body_handle(call, rpc_slice_bytes(&whole));
        grpc_slice_unref(whole);
    }
    grpc_byte_buffer_destroy(call->body);
    call->body = NULL;
}

static void deadline_set(struct rpc_call *call)
{
    const struct rpc_server_options *options = &call->door->server->options;
    bool unknown = call->method->type == RPC_METHOD_UNKNOWN;
    call->received_ns = rpc_now_ns();
    call->deadline_ns = rpc_timespec_ns(unknown ? call->details.deadline : call->deadline);
    if (options->deadline_ns_max > 0 && call->deadline_ns - call->received_ns > options->deadline_ns_max)
        call->deadline_ns = call->received_ns + options->deadline_ns_max;
}

/* False if the call was refused. */
static bool admit(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    if (call->method->type == RPC_METHOD_UNKNOWN) {
        struct rpc_refusal refusal = { .status = RPC_STATUS_UNIMPLEMENTED,
                                       .reason = "METHOD_NOT_FOUND",
                                       .retry_after_ms = RPC_NEVER_RETRY };
        struct bytes path = rpc_slice_bytes(&call->details.method);
        snprintf(refusal.text, sizeof refusal.text, "there is no method %.*s; see %s",
                 path.length < 128 ? (int)path.length : 128, (const char *)path.at, RPC_PATH_EXECUTE);
        atomic_fetch_add_explicit(&server->count_unknown, 1, memory_order_relaxed);
        rpc_call_fail(call, &refusal);
        return false;
    }
    if (call->method->type == RPC_METHOD_REFLECT)
        return rpc_reflect_admit(call);
    if (call->method->type != RPC_METHOD_REQUEST || rpc_slot_take(call))
        return true;
    atomic_fetch_add_explicit(&server->count_refused_load, 1, memory_order_relaxed);
    rpc_call_refuse(call, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OVERLOAD_RETRY_MS,
                    "too many calls are in flight here; try again");
    return false;
}

void rpc_call_receive(struct rpc_call *call)
{
    grpc_op receive = { .op = GRPC_OP_RECV_MESSAGE };
    receive.data.recv_message.recv_message = &call->body;
    batch_start(call, &receive, &call->tag_body);
    call->awaited_ns = rpc_now_ns();
    call->body_awaited = true;
    rpc_call_list_add(&call->door->server->bodies, call);
}

static void on_new(struct rpc_call *call, bool ok)
{
    struct rpc_server *server = call->door->server;
    if (!ok)
        return; /* the server shuts down and takes no more calls */
    rpc_call_await(call->door, call->method);
    server->active++;
    call->counted = true;
    atomic_fetch_add_explicit(&server->count_calls, 1, memory_order_relaxed);
    deadline_set(call);
    grpc_op close = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
    close.data.recv_close_on_server.cancelled = &call->cancelled;
    batch_start(call, &close, &call->tag_close);
    if (!admit(call))
        return;
    if (rpc_body_comes_along(call->door, call->method))
        body_read(call);
    else
        rpc_call_receive(call);
}

static void body_unlist(struct rpc_call *call)
{
    if (!call->body_awaited)
        return;
    call->body_awaited = false;
    rpc_call_list_remove(&call->door->server->bodies, call);
}

static void on_close(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    rpc_health_leave(call);
    rpc_reflect_leave(call);
    if (call->cancelled && !call->answered)
        atomic_fetch_add_explicit(&server->count_cancelled, 1, memory_order_relaxed);
    call->answered = true;
    if (call->slot == RPC_SLOT_NONE)
        return;
    if (call->body_awaited)
        rpc_slot_drop(call);
    else
        rpc_slot_cancel(call);
}

void rpc_call_event(struct rpc_tag *tag, bool ok)
{
    struct rpc_call *call = tag->call;
    switch (tag->kind) {
    case RPC_TAG_NEW:
        on_new(call, ok);
        break;
    case RPC_TAG_BODY:
        body_unlist(call);
        if (call->body)
            rpc_intake_delivered(call, grpc_byte_buffer_length(call->body));
        body_read(call);
        break;
    case RPC_TAG_WRITTEN:
        assert(call->write_pending);
        call->write_pending = false;
        if (call->method->type == RPC_METHOD_REFLECT)
            rpc_reflect_written(call, ok);
        else
            rpc_health_written(call, ok);
        break;
    case RPC_TAG_CLOSE:
        on_close(call);
        break;
    default:
        assert(tag->kind == RPC_TAG_DONE);
        rpc_send_left(call);
        break;
    }
    call_unref(call);
}

void rpc_call_body_give_up(struct rpc_call *call, enum rpc_status status, const char *reason, int64_t retry_after_ms,
                           const char *text)
{
    body_unlist(call);
    rpc_call_refuse(call, status, reason, retry_after_ms, text);
}

void rpc_call_sweep(struct rpc_server *server, int64_t now_ns)
{
    struct rpc_call *next;
    for (struct rpc_call *call = server->bodies; call; call = next) {
        next = call->next;
        if (call->deadline_ns > now_ns && now_ns - call->awaited_ns < server->options.body_ns_max)
            continue;
        rpc_call_body_give_up(call, RPC_STATUS_DEADLINE_EXCEEDED, "REQUEST_TIMEOUT", RPC_NEVER_RETRY,
                              "the message of this call did not arrive in time");
    }
}
