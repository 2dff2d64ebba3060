/* Decoding in three steps: the wire walk bounds the work, protobuf-c unpacks into a capped arena, and the content is
 * checked: texts for UTF-8 and NUL, the event by the CloudEvents adapter.
 *
 * A request for the loop owns its memory. The event is repacked into a buffer of its own and the scratch arena is used
 * again at once; the requests of the other methods are unpacked into an arena that they keep. */
#include "adapters/grpc/rpc_decode.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/cloudevents/names.h"
#include "adapters/grpc/rpc_decode_inside.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/function_service.pb-c.h"
#include "proto/health.pb-c.h"

enum {
    FIELDS_MAX_EXECUTE = 1024,
    SMALL_BYTES_MAX = 64 * 1024,
    MESSAGE_BYTES_BESIDE_EVENT = 64 * 1024, /* the name, and what protobuf's own framing adds to an event */
    ARENA_BYTES_SLACK = 256 * 1024,
    RETRY_MS = 100,
};

/* Of all servers of the process: the loop thread frees requests, perhaps after their server is gone. */
static _Atomic size_t kept_bytes;

void rpc_decoder_init(struct rpc_decoder *decoder, size_t event_bytes_max, size_t deploy_bytes_max)
{
    *decoder = (struct rpc_decoder){ .event_bytes_max = event_bytes_max,
                                     .deploy_bytes_max = deploy_bytes_max,
                                     .kept_bytes_max = 4 * deploy_bytes_max };
    rpc_arena_init(&decoder->arena, 2 * (event_bytes_max + MESSAGE_BYTES_BESIDE_EVENT) + ARENA_BYTES_SLACK);
}

void rpc_decoder_free(struct rpc_decoder *decoder)
{
    rpc_arena_free(&decoder->arena);
}

struct rpc_request *rpc_request_blank(void)
{
    _Static_assert(offsetof(struct rpc_request_box, request) == 0, "a request is its box");
    struct rpc_request_box *box = calloc(1, sizeof *box);
    return (struct rpc_request *)box;
}

void rpc_request_free(struct rpc_request *request)
{
    if (!request)
        return;
    struct rpc_request_box *box = (struct rpc_request_box *)request;
    atomic_fetch_sub_explicit(&kept_bytes, box->kept_bytes, memory_order_relaxed);
    event_buffer_free(&box->packed);
    rpc_arena_free(&box->arena);
    free(box);
}

void rpc_decode_refuse(struct rpc_refusal *refusal, enum rpc_status status, const char *reason, const char *field,
                       const char *text)
{
    *refusal = (struct rpc_refusal){ .status = status, .reason = reason, .retry_after_ms = RPC_NEVER_RETRY };
    snprintf(refusal->text, sizeof refusal->text, "%s", text);
    snprintf(refusal->field, sizeof refusal->field, "%s", field);
}

void rpc_decode_no_memory(struct rpc_refusal *refusal)
{
    rpc_decode_refuse(refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", "",
                      "out of memory for this request; try again later");
    refusal->retry_after_ms = 1000;
}

void rpc_decode_refuse_field(struct rpc_refusal *refusal, const char *field, const char *text)
{
    rpc_decode_refuse(refusal, RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", field, text);
}

ProtobufCMessage *rpc_decode_message(const ProtobufCMessageDescriptor *type, struct bytes message, size_t fields_max,
                                     struct rpc_arena *arena, struct rpc_refusal *ret_refusal)
{
    enum rpc_wire wire = rpc_wire_check(type, message, fields_max);
    if (wire == RPC_WIRE_TOO_MANY || wire == RPC_WIRE_TOO_DEEP) {
        rpc_decode_refuse(ret_refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "EVENT_TOO_LARGE", "",
                          "the request has too many fields; send fewer attributes or files");
        return NULL;
    }
    ProtobufCMessage *unpacked = NULL;
    if (wire == RPC_WIRE_FINE)
        unpacked = protobuf_c_message_unpack(type, &arena->allocator, message.length, message.at);
    if (unpacked)
        return unpacked;
    if (arena->exhausted)
        rpc_decode_no_memory(ret_refusal);
    else
        rpc_decode_refuse(
            ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", "",
            "the request is not the protobuf message that this method takes; check the .proto that made the client");
    return NULL;
}

bool rpc_decode_text(struct bytes text, const char *field, bool may_be_empty, struct rpc_refusal *ret_refusal)
{
    char why[128];
    if (text.length == 0 && !may_be_empty)
        snprintf(why, sizeof why, "%s is empty; set it", field);
    else if (text.length > 0 && memchr(text.at, 0, text.length))
        snprintf(why, sizeof why, "%s holds a NUL character; remove it", field);
    else if (!cloudevents_utf8_valid(text))
        snprintf(why, sizeof why, "%s is not valid UTF-8; encode it as UTF-8", field);
    else
        return true;
    rpc_decode_refuse_field(ret_refusal, field, why);
    return false;
}

static void refuse_event(const struct cloudevents_error *error, struct rpc_refusal *ret_refusal)
{
    bool too_large = error->reason == CLOUDEVENTS_TOO_LARGE;
    rpc_decode_refuse(ret_refusal, too_large ? RPC_STATUS_RESOURCE_EXHAUSTED : RPC_STATUS_INVALID_ARGUMENT,
                      too_large ? "EVENT_TOO_LARGE" : "INVALID_EVENT", "", error->message);
    snprintf(ret_refusal->field, sizeof ret_refusal->field, error->attribute[0] ? "event.%s" : "event%s",
             error->attribute);
    ret_refusal->detail = cloudevents_reason_name(error->reason);
}

/* The name and the event share one allocation: the name comes first, the packed event after it. */
static struct rpc_request *execute_request(const Function__V1__ExecuteFunctionRequest *message, size_t event_bytes_max,
                                           struct rpc_refusal *ret_refusal)
{
    struct bytes name = rpc_view(message->name);
    if (!rpc_decode_text(name, "name", false, ret_refusal))
        return NULL;
    if (!message->event) {
        rpc_decode_refuse(ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event",
                          "the request has no event; set `event` with id, source, spec_version and type");
        ret_refusal->detail = cloudevents_reason_name(CLOUDEVENTS_MISSING_ATTRIBUTE);
        return NULL;
    }
    struct rpc_request_box *box = calloc(1, sizeof *box);
    if (!box) {
        rpc_decode_no_memory(ret_refusal);
        return NULL;
    }
    struct cloudevents_limits limits = { .event_bytes_max = event_bytes_max };
    struct cloudevents_error error = { 0 };
    if (!cloudevents_from_protobuf(message->event, &limits, &box->packed, &error)) {
        refuse_event(&error, ret_refusal);
        rpc_request_free(&box->request);
        return NULL;
    }
    size_t event_length = box->packed.length;
    event_buffer_append(&box->packed, name.at, name.length);
    if (box->packed.failed) {
        rpc_decode_no_memory(ret_refusal);
        rpc_request_free(&box->request);
        return NULL;
    }
    box->request.packed_event = (struct bytes){ box->packed.at, event_length };
    box->request.name = (struct bytes){ box->packed.at + event_length, name.length };
    return &box->request;
}

/* Submit takes the same fields as Execute. */
static struct rpc_request *decode_execute(struct rpc_decoder *decoder, struct bytes message,
                                          struct rpc_refusal *ret_refusal)
{
    if (message.length > decoder->event_bytes_max + MESSAGE_BYTES_BESIDE_EVENT) {
        rpc_decode_refuse(ret_refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "EVENT_TOO_LARGE", "event", "");
        snprintf(ret_refusal->text, sizeof ret_refusal->text,
                 "the request has %zu bytes, an event may have %zu; send a reference to the data instead",
                 message.length, decoder->event_bytes_max);
        ret_refusal->detail = cloudevents_reason_name(CLOUDEVENTS_TOO_LARGE);
        return NULL;
    }
    _Static_assert(sizeof(Function__V1__SubmitFunctionRequest) == sizeof(Function__V1__ExecuteFunctionRequest),
                   "a name and an event each");
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__execute_function_request__descriptor, message,
                                                    FIELDS_MAX_EXECUTE, &decoder->arena, ret_refusal);
    if (!unpacked)
        return NULL;
    return execute_request((const Function__V1__ExecuteFunctionRequest *)unpacked, decoder->event_bytes_max,
                           ret_refusal);
}

/* GetResult and Cancel. The id becomes a part of subjects, so it has to be one token of them. */
static bool decode_request_id(struct rpc_request_box *box, enum rpc_kind kind, struct bytes bytes,
                              struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(kind == RPC_RESULT ? &function__v1__get_result_request__descriptor
                                                                       : &function__v1__cancel_request__descriptor,
                                                    bytes, RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    if (kind == RPC_RESULT) {
        const Function__V1__GetResultRequest *message = (const Function__V1__GetResultRequest *)unpacked;
        box->request.request_id = rpc_view(message->request_id);
        box->request.wait = message->wait;
    } else {
        box->request.request_id = rpc_view(((const Function__V1__CancelRequest *)unpacked)->request_id);
    }
    if (!rpc_decode_text(box->request.request_id, "request_id", false, ret_refusal))
        return false;
    return rpc_decode_id(box->request.request_id, ret_refusal);
}

bool rpc_decode_id(struct bytes id, struct rpc_refusal *ret_refusal)
{
    if (cloudevents_request_id_valid(id))
        return true;
    rpc_decode_refuse_field(ret_refusal, "request_id",
                            "request_id must be 1 to 128 printable ASCII characters other than space . * >; pass the "
                            "id that the answer to the request gave");
    return false;
}

/* All methods whose request keeps the unpacked message: they are rare, and small but for Deploy. */
static struct rpc_request *decode_kept(struct rpc_decoder *decoder, enum rpc_kind kind, struct bytes message,
                                       struct rpc_refusal *ret_refusal)
{
    if (kind != RPC_DEPLOY && message.length > SMALL_BYTES_MAX) {
        rpc_decode_refuse_field(ret_refusal, "", "");
        snprintf(ret_refusal->text, sizeof ret_refusal->text, "the request has %zu bytes, this method takes %d",
                 message.length, SMALL_BYTES_MAX);
        return NULL;
    }
    struct rpc_request_box *box = calloc(1, sizeof *box);
    if (!box) {
        rpc_decode_no_memory(ret_refusal);
        return NULL;
    }
    rpc_arena_init(&box->arena, (kind == RPC_DEPLOY ? 4 * decoder->deploy_bytes_max : 0) + ARENA_BYTES_SLACK);
    bool fine = kind == RPC_RESULT || kind == RPC_CANCEL ? decode_request_id(box, kind, message, ret_refusal)
                                                         : rpc_decode_admin(box, kind, message, ret_refusal);
    if (fine)
        return &box->request;
    rpc_request_free(&box->request);
    return NULL;
}

struct rpc_request *rpc_decode(struct rpc_decoder *decoder, enum rpc_kind kind, struct bytes message,
                               struct rpc_refusal *ret_refusal)
{
    struct rpc_request *request;
    size_t kept = atomic_load_explicit(&kept_bytes, memory_order_relaxed);
    if (kept > 0 && kept + message.length > decoder->kept_bytes_max) {
        rpc_decode_refuse(ret_refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", "",
                          "requests of too many bytes wait here; try again");
        ret_refusal->retry_after_ms = RETRY_MS;
        return NULL;
    }
    if (kind == RPC_EXECUTE || kind == RPC_SUBMIT)
        request = decode_execute(decoder, message, ret_refusal);
    else
        request = decode_kept(decoder, kind, message, ret_refusal);
    rpc_arena_reset(&decoder->arena);
    if (!request)
        return NULL;
    request->kind = kind;
    ((struct rpc_request_box *)request)->kept_bytes = message.length;
    atomic_fetch_add_explicit(&kept_bytes, message.length, memory_order_relaxed);
    return request;
}

bool rpc_decode_health(struct rpc_decoder *decoder, struct bytes message, struct bytes *ret_service)
{
    struct rpc_refusal refusal;
    rpc_arena_reset(&decoder->arena);
    ProtobufCMessage *unpacked = rpc_decode_message(&grpc__health__v1__health_check_request__descriptor, message,
                                                    RPC_FIELDS_MAX_SMALL, &decoder->arena, &refusal);
    if (!unpacked)
        return false;
    *ret_service = rpc_view(((const Grpc__Health__V1__HealthCheckRequest *)unpacked)->service);
    return true;
}
