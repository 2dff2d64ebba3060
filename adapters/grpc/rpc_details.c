/* A status with details is a google.rpc.Status whose `details` are Any messages: ErrorInfo always, RetryInfo if there
 * is a delay, BadRequest if a field is at fault. All are small, so they are packed into an arena on the way. */
#include "adapters/grpc/rpc_details.h"

#include <string.h>

#include "proto/error_details.pb-c.h"

#define TYPE_PREFIX "type.googleapis.com/"

enum { PAIRS_MAX = 16, DETAILS_MAX = 3, ARENA_BYTES = 64 * 1024 };

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.length, .data = (uint8_t *)bytes.at };
}

static struct bytes view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

struct bytes rpc_text_cut(struct bytes text, size_t max)
{
    if (text.length <= max)
        return text;
    size_t length = max;
    while (length > 0 && (text.at[length] & 0xc0) == 0x80)
        length--;
    return (struct bytes){ text.at, length };
}

/* Packs `message` into an Any that is appended to the status; silently leaves it out if the arena is full. */
static void detail_add(struct rpc_arena *arena, Google__Rpc__Status *status, const char *type,
                       const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = rpc_arena_take(arena, length);
    Google__Protobuf__Any *any = rpc_arena_take(arena, sizeof *any);
    if (!packed || !any || status->n_details >= DETAILS_MAX)
        return;
    protobuf_c_message_pack(message, packed);
    google__protobuf__any__init(any);
    any->type_url = data_of(bytes_of(type));
    any->value = (ProtobufCBinaryData){ .len = length, .data = packed };
    status->details[status->n_details++] = any;
}

static void error_info_add(struct rpc_arena *arena, Google__Rpc__Status *status, const struct rpc_answer *answer)
{
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__ErrorInfo__MapEntry entries[PAIRS_MAX];
    Google__Rpc__ErrorInfo__MapEntry *places[PAIRS_MAX];
    info.reason = data_of(rpc_text_cut(answer->reason, 63));
    info.domain = data_of(bytes_of(RPC_ERROR_DOMAIN));
    info.metadata = places;
    size_t room = RPC_DETAILS_BYTES_MAX - RPC_MESSAGE_BYTES_MAX - 500;
    for (size_t i = 0; i < answer->pair_count && i < PAIRS_MAX; i++) {
        const struct rpc_pair *pair = &answer->pairs[i];
        struct bytes value = rpc_text_cut(pair->value, room / 2);
        if (pair->key.length + value.length > room)
            break;
        room -= pair->key.length + value.length;
        google__rpc__error_info__map_entry__init(&entries[i]);
        entries[i].key = data_of(pair->key);
        entries[i].value = data_of(value);
        places[info.n_metadata++] = &entries[i];
    }
    detail_add(arena, status, TYPE_PREFIX "google.rpc.ErrorInfo", &info.base);
}

static void retry_info_add(struct rpc_arena *arena, Google__Rpc__Status *status, int64_t retry_after_ms)
{
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
    delay.seconds = retry_after_ms / 1000;
    delay.nanos = (int32_t)(retry_after_ms % 1000) * 1000000;
    info.retry_delay = &delay;
    detail_add(arena, status, TYPE_PREFIX "google.rpc.RetryInfo", &info.base);
}

static void bad_request_add(struct rpc_arena *arena, Google__Rpc__Status *status, const struct rpc_answer *answer)
{
    Google__Rpc__BadRequest__FieldViolation violation = GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *place = &violation;
    Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
    violation.field = data_of(rpc_text_cut(answer->violation_field, 100));
    violation.description = data_of(rpc_text_cut(answer->text, 300));
    bad.n_field_violations = 1;
    bad.field_violations = &place;
    detail_add(arena, status, TYPE_PREFIX "google.rpc.BadRequest", &bad.base);
}

bool rpc_details_pack(const struct rpc_answer *answer, grpc_slice *ret_slice)
{
    if (answer->reason.length == 0)
        return false;
    struct rpc_arena arena;
    rpc_arena_init(&arena, ARENA_BYTES);
    Google__Protobuf__Any *places[DETAILS_MAX];
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    status.code = answer->status;
    status.message = data_of(rpc_text_cut(answer->text, RPC_MESSAGE_BYTES_MAX));
    status.details = places;
    error_info_add(&arena, &status, answer);
    if (answer->retry_after_ms > 0)
        retry_info_add(&arena, &status, answer->retry_after_ms);
    if (answer->violation_field.length > 0)
        bad_request_add(&arena, &status, answer);
    *ret_slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(&status.base));
    protobuf_c_message_pack(&status.base, GRPC_SLICE_START_PTR(*ret_slice));
    rpc_arena_free(&arena);
    return true;
}

static void error_info_read(struct rpc_arena *arena, const Google__Rpc__ErrorInfo *info, struct rpc_reply *reply)
{
    reply->reason = view(info->reason);
    reply->domain = view(info->domain);
    struct rpc_pair *pairs = rpc_arena_take(arena, info->n_metadata * sizeof *pairs);
    if (!pairs)
        return;
    for (size_t i = 0; i < info->n_metadata; i++)
        pairs[i] = (struct rpc_pair){ view(info->metadata[i]->key), view(info->metadata[i]->value) };
    reply->pairs = pairs;
    reply->pair_count = info->n_metadata;
}

static void bad_request_read(struct rpc_arena *arena, const Google__Rpc__BadRequest *bad, struct rpc_reply *reply)
{
    struct rpc_pair *violations = rpc_arena_take(arena, bad->n_field_violations * sizeof *violations);
    if (!violations)
        return;
    for (size_t i = 0; i < bad->n_field_violations; i++)
        violations[i] =
            (struct rpc_pair){ view(bad->field_violations[i]->field), view(bad->field_violations[i]->description) };
    reply->violations = violations;
    reply->violation_count = bad->n_field_violations;
}

static void detail_read(struct rpc_arena *arena, const Google__Protobuf__Any *any, struct rpc_reply *reply)
{
    struct bytes type = view(any->type_url);
    size_t length = any->value.len;
    const uint8_t *at = any->value.data;
    if (bytes_equal_text(type, TYPE_PREFIX "google.rpc.ErrorInfo")) {
        Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(&arena->allocator, length, at);
        if (info)
            error_info_read(arena, info, reply);
    } else if (bytes_equal_text(type, TYPE_PREFIX "google.rpc.BadRequest")) {
        Google__Rpc__BadRequest *bad = google__rpc__bad_request__unpack(&arena->allocator, length, at);
        if (bad)
            bad_request_read(arena, bad, reply);
    } else if (bytes_equal_text(type, TYPE_PREFIX "google.rpc.RetryInfo")) {
        Google__Rpc__RetryInfo *info = google__rpc__retry_info__unpack(&arena->allocator, length, at);
        int64_t seconds = info && info->retry_delay ? info->retry_delay->seconds : -1;
        if (seconds >= 0 && seconds < INT64_MAX / 1000 - 1)
            reply->retry_after_ms = seconds * 1000 + info->retry_delay->nanos / 1000000;
    }
}

void rpc_details_unpack(struct rpc_arena *arena, struct bytes packed, struct rpc_reply *reply)
{
    Google__Rpc__Status *status = google__rpc__status__unpack(&arena->allocator, packed.length, packed.at);
    if (!status)
        return;
    for (size_t i = 0; i < status->n_details; i++)
        detail_read(arena, status->details[i], reply);
}
