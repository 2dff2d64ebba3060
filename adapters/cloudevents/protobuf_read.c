/* A decoded io.cloudevents.v1.CloudEvent becomes a packed event. protobuf-c checks no UTF-8 and keeps a NUL inside a
 * string (strings are bytes with a length here), so everything is checked by cloudevents_validate() at the end. */
#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/cloudevents/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef Io__Cloudevents__V1__CloudEvent message_t;
typedef Io__Cloudevents__V1__CloudEvent__CloudEventAttributeValue value_t;

#define VALUE(kind) IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_##kind

static struct bytes view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

/* RFC 3339 in UTC, with as many digits of a second as it needs in threes. False outside the years 1 to 9999. */
static bool time_text(const Google__Protobuf__Timestamp *time, char ret_text[40])
{
    time_t seconds = (time_t)time->seconds;
    struct tm parts;
    if (time->seconds < INT64_C(-62135596800) || time->seconds > INT64_C(253402300799) || time->nanos < 0 ||
        time->nanos > 999999999 || gmtime_r(&seconds, &parts) == NULL) {
        return false;
    }
    int length = snprintf(ret_text, 40, "%04d-%02d-%02dT%02d:%02d:%02d", (parts.tm_year + 1900) % 10000,
                          (parts.tm_mon + 1) % 100, parts.tm_mday % 100, parts.tm_hour % 100, parts.tm_min % 100,
                          parts.tm_sec % 100);
    if (time->nanos % 1000000 == 0 && time->nanos != 0) {
        length += snprintf(ret_text + length, 12, ".%03d", time->nanos / 1000000);
    } else if (time->nanos % 1000 == 0 && time->nanos != 0) {
        length += snprintf(ret_text + length, 12, ".%06d", time->nanos / 1000);
    } else if (time->nanos != 0) {
        length += snprintf(ret_text + length, 12, ".%09d", time->nanos);
    }
    snprintf(ret_text + length, 2, "Z");
    return true;
}

static bool add_bytes(struct packer *packer, struct bytes name, struct bytes value)
{
    struct event_buffer text = { 0 };
    if (value.length <= packer->limits.value_bytes_max) {
        cloudevents_base64_encode(&text, value);
    }
    /* Over the limit the raw length is reported: base64 would only make it longer. */
    bool good = packer_attribute(packer, name, text.at == NULL ? value : (struct bytes){ text.at, text.length });
    event_buffer_free(&text);
    return good;
}

static bool add_value(struct packer *packer, struct bytes name, const value_t *value)
{
    char text[40];
    switch (value->attr_case) {
    case VALUE(BOOLEAN):
        return packer_attribute(packer, name, bytes_of(value->ce_boolean ? "true" : "false"));
    case VALUE(INTEGER):
        snprintf(text, sizeof text, "%" PRId32, value->ce_integer);
        return packer_attribute(packer, name, bytes_of(text));
    case VALUE(STRING):
    case VALUE(URI):
    case VALUE(URI_REF):
        return packer_attribute(packer, name, view(value->ce_string));
    case VALUE(BYTES):
        return add_bytes(packer, name, view(value->ce_bytes));
    case VALUE(TIMESTAMP):
        if (value->ce_timestamp == NULL || !time_text(value->ce_timestamp, text)) {
            return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_TIME, name,
                                    "the timestamp is outside the years 1 to 9999");
        }
        return packer_attribute(packer, name, bytes_of(text));
    default:
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, name,
                                "the attribute has no value: set one or leave it out");
    }
}

/* The four attributes that are fields of the message may not come again in the map. */
static bool is_field(struct bytes name)
{
    return bytes_equal_text(name, "id") || bytes_equal_text(name, "source") || bytes_equal_text(name, "type") ||
           bytes_equal_text(name, "specversion");
}

static bool add_entry(struct packer *packer, const Io__Cloudevents__V1__CloudEvent__MapEntry *entry)
{
    struct bytes name = view(entry->key);
    if (is_field(name)) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, name,
                                "the attribute is a field of the message: take it out of the map");
    }
    if (name.length == 0 || name.at[0] == ':') {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_ATTRIBUTE_NAME, name,
                                "an attribute name may hold only a-z and 0-9: rename it");
    }
    if (entry->value == NULL) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, name,
                                "the attribute has no value: set one or leave it out");
    }
    return add_value(packer, name, entry->value);
}

/* proto3 sends an empty string for "not set", so an empty field is a missing attribute. */
static bool add_field(struct packer *packer, const char *name, ProtobufCBinaryData value)
{
    return value.len == 0 || packer_attribute(packer, bytes_of(name), view(value));
}

/* The attribute that proto_data implies, which may also be given, but not as something else. */
static bool add_implied(struct packer *packer, const char *name, struct bytes value, bool as_media_type)
{
    struct bytes given;
    if (!packer_find(packer, name, &given)) {
        return packer_attribute(packer, bytes_of(name), value);
    }
    bool same = as_media_type ? bytes_equal_text_nocase(cloudevents_media_type_essence(given), "application/protobuf")
                              : bytes_equal(given, value);
    return same || cloudevents_fail(packer->error, CLOUDEVENTS_DATA_CONFLICT, bytes_of(name),
                                    "%s says something else than proto_data: leave it out", name);
}

static bool close_with_proto_data(struct packer *packer, const Google__Protobuf__Any *any)
{
    if (any == NULL || any->type_url.len == 0) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_PROTOBUF, bytes_of("data"),
                                "proto_data has no type_url: set it, or send binary_data");
    }
    return add_implied(packer, "datacontenttype", bytes_of("application/protobuf"), true) &&
           add_implied(packer, "dataschema", view(any->type_url), false) && packer_close(packer, view(any->value));
}

static bool close_with_data(struct packer *packer, const message_t *message)
{
    switch (message->data_case) {
    case IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_BINARY_DATA:
        return packer_close(packer, view(message->binary_data));
    case IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_TEXT_DATA:
        if (!cloudevents_utf8_valid(view(message->text_data))) {
            return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_UTF8, bytes_of("data"),
                                    "text_data is not UTF-8: encode it, or send binary_data");
        }
        return packer_close(packer, view(message->text_data));
    case IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_PROTO_DATA:
        return close_with_proto_data(packer, message->proto_data);
    default:
        return packer_close(packer, (struct bytes){ NULL, 0 });
    }
}

bool cloudevents_from_protobuf(const Io__Cloudevents__V1__CloudEvent *message, const struct cloudevents_limits *limits,
                               struct event_buffer *packed, struct cloudevents_error *error)
{
    struct packer packer = packer_open(packed, limits, error);
    if (!add_field(&packer, "specversion", message->spec_version) || !add_field(&packer, "id", message->id) ||
        !add_field(&packer, "source", message->source) || !add_field(&packer, "type", message->type)) {
        return false;
    }
    for (size_t i = 0; i < message->n_attributes; i++) {
        if (!add_entry(&packer, message->attributes[i])) {
            return false;
        }
    }
    return close_with_data(&packer, message);
}
