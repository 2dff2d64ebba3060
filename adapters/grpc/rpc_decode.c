/* Decoding in three steps: the wire walk bounds the work, protobuf-c unpacks into a capped arena, and the content is
 * checked: texts for UTF-8 and NUL, the event by the CloudEvents adapter.
 *
 * A request for the loop owns its memory. The event is repacked into a buffer of its own and the scratch arena is used
 * again at once; a deploy request, rare and nested, is unpacked into an arena that it keeps. */
#include "adapters/grpc/rpc_decode.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/function_admin.pb-c.h"
#include "proto/function_service.pb-c.h"
#include "proto/health.pb-c.h"

enum {
    FIELDS_MAX_EXECUTE = 1024,
    FIELDS_MAX_DEPLOY = 64 * 1024,
    FIELDS_MAX_SMALL = 64,
    FILES_MAX = 4096,
    MESSAGE_BYTES_BESIDE_EVENT = 64 * 1024, /* the name, and what protobuf's own framing adds to an event */
    ARENA_BYTES_SLACK = 256 * 1024,
};

struct request_box {
    struct rpc_request request; /* first: rpc_request_free() casts back */
    struct event_buffer packed;
    struct rpc_arena arena;
    struct rpc_deploy deploy;
};

void rpc_decoder_init(struct rpc_decoder *decoder, size_t event_bytes_max, size_t deploy_bytes_max)
{
    *decoder = (struct rpc_decoder){ .event_bytes_max = event_bytes_max, .deploy_bytes_max = deploy_bytes_max };
    rpc_arena_init(&decoder->arena, 2 * (event_bytes_max + MESSAGE_BYTES_BESIDE_EVENT) + ARENA_BYTES_SLACK);
}

void rpc_decoder_free(struct rpc_decoder *decoder)
{
    rpc_arena_free(&decoder->arena);
}

struct rpc_request *rpc_request_blank(void)
{
    _Static_assert(offsetof(struct request_box, request) == 0, "a request is its box");
    struct request_box *box = calloc(1, sizeof *box);
    return (struct rpc_request *)box;
}

void rpc_request_free(struct rpc_request *request)
{
    if (!request)
        return;
    struct request_box *box = (struct request_box *)request;
    event_buffer_free(&box->packed);
    rpc_arena_free(&box->arena);
    free(box);
}

static void refuse(struct rpc_refusal *refusal, enum rpc_status status, const char *reason, const char *field,
                   const char *text)
{
    *refusal = (struct rpc_refusal){ .status = status, .reason = reason, .retry_after_ms = RPC_NO_RETRY_HINT };
    snprintf(refusal->text, sizeof refusal->text, "%s", text);
    snprintf(refusal->field, sizeof refusal->field, "%s", field);
}

static void refuse_memory(struct rpc_refusal *refusal)
{
    refuse(refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", "", "out of memory for this request; try again later");
    refusal->retry_after_ms = 1000;
}

/* The unpacked message, in `arena`; or NULL and why. */
static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, struct bytes message, size_t fields_max,
                                struct rpc_arena *arena, struct rpc_refusal *ret_refusal)
{
    enum rpc_wire wire = rpc_wire_check(type, message, fields_max);
    if (wire == RPC_WIRE_TOO_MANY || wire == RPC_WIRE_TOO_DEEP) {
        refuse(ret_refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "EVENT_TOO_LARGE", "",
               "the request has too many fields; send fewer attributes or files");
        return NULL;
    }
    ProtobufCMessage *unpacked = NULL;
    if (wire == RPC_WIRE_FINE)
        unpacked = protobuf_c_message_unpack(type, &arena->allocator, message.length, message.at);
    if (unpacked)
        return unpacked;
    if (arena->exhausted)
        refuse_memory(ret_refusal);
    else
        refuse(ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", "",
               "the request is not the protobuf message that this method takes; check the .proto that made the client");
    return NULL;
}

static struct bytes view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

/* True if `text` is UTF-8 without NUL and, unless it may be, not empty. */
static bool text_check(struct bytes text, const char *field, bool may_be_empty, struct rpc_refusal *ret_refusal)
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
    refuse(ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", field, why);
    return false;
}

static void refuse_event(const struct cloudevents_error *error, struct rpc_refusal *ret_refusal)
{
    bool too_large = error->reason == CLOUDEVENTS_TOO_LARGE;
    refuse(ret_refusal, too_large ? RPC_STATUS_RESOURCE_EXHAUSTED : RPC_STATUS_INVALID_ARGUMENT,
           too_large ? "EVENT_TOO_LARGE" : "INVALID_EVENT", "", error->message);
    snprintf(ret_refusal->field, sizeof ret_refusal->field, error->attribute[0] ? "event.%s" : "event%s",
             error->attribute);
    ret_refusal->detail = cloudevents_reason_name(error->reason);
}

/* The name and the event share one allocation: the name comes first, the packed event after it. */
static struct rpc_request *execute_request(const Function__V1__ExecuteFunctionRequest *message, size_t event_bytes_max,
                                           struct rpc_refusal *ret_refusal)
{
    struct bytes name = view(message->name);
    if (!text_check(name, "name", false, ret_refusal))
        return NULL;
    if (!message->event) {
        refuse(ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event",
               "the request has no event; set `event` with id, source, spec_version and type");
        ret_refusal->detail = cloudevents_reason_name(CLOUDEVENTS_MISSING_ATTRIBUTE);
        return NULL;
    }
    struct request_box *box = calloc(1, sizeof *box);
    if (!box) {
        refuse_memory(ret_refusal);
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
        refuse_memory(ret_refusal);
        rpc_request_free(&box->request);
        return NULL;
    }
    box->request.packed_event = (struct bytes){ box->packed.at, event_length };
    box->request.name = (struct bytes){ box->packed.at + event_length, name.length };
    return &box->request;
}

static struct rpc_request *decode_execute(struct rpc_decoder *decoder, struct bytes message,
                                          struct rpc_refusal *ret_refusal)
{
    if (message.length > decoder->event_bytes_max + MESSAGE_BYTES_BESIDE_EVENT) {
        refuse(ret_refusal, RPC_STATUS_RESOURCE_EXHAUSTED, "EVENT_TOO_LARGE", "event", "");
        snprintf(ret_refusal->text, sizeof ret_refusal->text,
                 "the request has %zu bytes, an event may have %zu; send a reference to the data instead",
                 message.length, decoder->event_bytes_max);
        ret_refusal->detail = cloudevents_reason_name(CLOUDEVENTS_TOO_LARGE);
        return NULL;
    }
    ProtobufCMessage *unpacked = unpack(&function__v1__execute_function_request__descriptor, message,
                                        FIELDS_MAX_EXECUTE, &decoder->arena, ret_refusal);
    if (!unpacked)
        return NULL;
    return execute_request((const Function__V1__ExecuteFunctionRequest *)unpacked, decoder->event_bytes_max,
                           ret_refusal);
}

static bool deploy_files(struct request_box *box, const Function__V1__DeployRequest *message,
                         struct rpc_refusal *ret_refusal)
{
    if (message->n_files == 0 || message->n_files > FILES_MAX) {
        refuse(ret_refusal, RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", "files",
               message->n_files == 0 ? "there are no files; send the function's folder" : "more than 4096 files");
        return false;
    }
    struct rpc_file *files = rpc_arena_take(&box->arena, message->n_files * sizeof *files);
    if (!files) {
        refuse_memory(ret_refusal);
        return false;
    }
    for (size_t i = 0; i < message->n_files; i++) {
        const Function__V1__File *file = message->files[i];
        files[i] = (struct rpc_file){ view(file->path), view(file->content), file->executable };
        if (!text_check(files[i].path, "files.path", false, ret_refusal))
            return false;
    }
    box->deploy.files = files;
    box->deploy.file_count = message->n_files;
    return true;
}

static bool decode_deploy(struct request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked =
        unpack(&function__v1__deploy_request__descriptor, bytes, FIELDS_MAX_DEPLOY, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__DeployRequest *message = (const Function__V1__DeployRequest *)unpacked;
    box->deploy.language = view(message->language);
    box->deploy.name = view(message->name);
    box->deploy.manifest = view(message->manifest);
    box->request.deploy = &box->deploy;
    box->request.name = box->deploy.name;
    return text_check(box->deploy.language, "language", true, ret_refusal) &&
           text_check(box->deploy.name, "name", false, ret_refusal) &&
           text_check(box->deploy.manifest, "manifest", true, ret_refusal) && deploy_files(box, message, ret_refusal);
}

/* List, Get and Remove: one text in field 1 each. */
static bool decode_name(struct request_box *box, struct bytes bytes, bool may_be_empty, struct rpc_refusal *ret_refusal)
{
    _Static_assert(sizeof(Function__V1__ListRequest) == sizeof(Function__V1__GetRequest), "one text each");
    ProtobufCMessage *unpacked =
        unpack(&function__v1__get_request__descriptor, bytes, FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    box->request.name = view(((const Function__V1__GetRequest *)unpacked)->name);
    return text_check(box->request.name, may_be_empty ? "language" : "name", may_be_empty, ret_refusal);
}

static struct rpc_request *decode_admin(struct rpc_decoder *decoder, enum rpc_kind kind, struct bytes message,
                                        struct rpc_refusal *ret_refusal)
{
    struct request_box *box = calloc(1, sizeof *box);
    if (!box) {
        refuse_memory(ret_refusal);
        return NULL;
    }
    rpc_arena_init(&box->arena, 4 * decoder->deploy_bytes_max + ARENA_BYTES_SLACK);
    bool fine = kind == RPC_DEPLOY ? decode_deploy(box, message, ret_refusal)
                                   : decode_name(box, message, kind == RPC_LIST, ret_refusal);
    if (fine)
        return &box->request;
    rpc_request_free(&box->request);
    return NULL;
}

struct rpc_request *rpc_decode(struct rpc_decoder *decoder, enum rpc_kind kind, struct bytes message,
                               struct rpc_refusal *ret_refusal)
{
    struct rpc_request *request;
    if (kind == RPC_EXECUTE)
        request = decode_execute(decoder, message, ret_refusal);
    else
        request = decode_admin(decoder, kind, message, ret_refusal);
    rpc_arena_reset(&decoder->arena);
    if (request)
        request->kind = kind;
    return request;
}

bool rpc_decode_health(struct rpc_decoder *decoder, struct bytes message, struct bytes *ret_service)
{
    struct rpc_refusal refusal;
    rpc_arena_reset(&decoder->arena);
    ProtobufCMessage *unpacked = unpack(&grpc__health__v1__health_check_request__descriptor, message, FIELDS_MAX_SMALL,
                                        &decoder->arena, &refusal);
    if (!unpacked)
        return false;
    *ret_service = view(((const Grpc__Health__V1__HealthCheckRequest *)unpacked)->service);
    return true;
}
