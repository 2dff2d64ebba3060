/* The check of a whole event: one walk over the attribute block with the rules of CloudEvents 1.0 and our limits. What
 * each known attribute must look like stands in one table; everything else is an extension, whose value only has to be
 * a CloudEvents String. */
#include "adapters/cloudevents/internal.h"

#include <string.h>

static bool check_specversion(struct bytes value)
{
    return bytes_equal_text(value, "1.0");
}

/* A protobuf type URL ("type.googleapis.com/a.B") has no scheme; data that came as proto_data carries one. */
static bool check_dataschema(struct bytes value)
{
    return cloudevents_uri_absolute_valid(value);
}

struct rule {
    const char *name;
    bool required;
    bool (*check)(struct bytes value); /* NULL: any non-empty text */
    enum cloudevents_reason reason;
    const char *advice;
};

static const struct rule rules[] = {
    { "id", true, NULL, CLOUDEVENTS_NONE, NULL },
    { "source", true, cloudevents_uri_reference_valid, CLOUDEVENTS_BAD_SOURCE,
      "source must be a URI-reference such as /orders or https://example.com/orders; percent-encode other characters" },
    { "specversion", true, check_specversion, CLOUDEVENTS_BAD_SPECVERSION, "specversion must be \"1.0\"" },
    { "type", true, NULL, CLOUDEVENTS_NONE, NULL },
    { "datacontenttype", false, cloudevents_media_type_valid, CLOUDEVENTS_BAD_MEDIA_TYPE,
      "datacontenttype must be a media type such as application/json" },
    { "dataschema", false, check_dataschema, CLOUDEVENTS_BAD_DATASCHEMA,
      "dataschema must be a URI with a scheme such as https://example.com/schema.json" },
    { "subject", false, NULL, CLOUDEVENTS_NONE, NULL },
    { "time", false, cloudevents_time_valid, CLOUDEVENTS_BAD_TIME,
      "time must be RFC 3339 such as 2026-11-23T17:31:00Z" },
    { "expirytime", false, cloudevents_time_valid, CLOUDEVENTS_BAD_TIME,
      "expirytime must be RFC 3339 such as 2026-11-23T17:31:00Z" },
    { "recordedtime", false, cloudevents_time_valid, CLOUDEVENTS_BAD_TIME,
      "recordedtime must be RFC 3339 such as 2026-11-23T17:31:00Z" },
    { "partitionkey", false, NULL, CLOUDEVENTS_NONE, NULL },
    { "sequence", false, NULL, CLOUDEVENTS_NONE, NULL },
    { "dataref", false, cloudevents_uri_reference_valid, CLOUDEVENTS_BAD_SOURCE,
      "dataref must be a URI-reference; percent-encode other characters" },
};
enum { RULES = sizeof rules / sizeof rules[0] };
_Static_assert(RULES <= 32, "`seen` is one bit a rule");

static bool check_name(struct bytes name, struct cloudevents_error *error)
{
    bool good = name.length <= CLOUDEVENTS_NAME_BYTES_MAX && !bytes_equal_text(name, "data");
    for (size_t i = 0; good && i < name.length; i++) {
        uint8_t c = name.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    }
    return good || cloudevents_fail(error, CLOUDEVENTS_BAD_ATTRIBUTE_NAME, name,
                                    "an attribute name may hold only a-z and 0-9, at most %d, and not be \"data\": "
                                    "rename it",
                                    CLOUDEVENTS_NAME_BYTES_MAX);
}

/* U+0000-001F, U+007F-009F and noncharacters are not allowed in a String. */
static bool character_allowed(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    bool noncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe;
    return !control && !noncharacter;
}

static bool check_characters(struct attribute attribute, struct cloudevents_error *error)
{
    struct bytes value = attribute.value;
    for (size_t at = 0; at < value.length;) {
        uint32_t code;
        size_t length = cloudevents_utf8_next(value.at + at, value.length - at, &code);
        if (length == 0) {
            return cloudevents_fail(error, CLOUDEVENTS_BAD_UTF8, attribute.name,
                                    "the value is not UTF-8 at byte %zu: encode it as UTF-8", at);
        }
        if (!character_allowed(code)) {
            return cloudevents_fail(error, CLOUDEVENTS_BAD_CHARACTER, attribute.name,
                                    "the value holds U+%04X at byte %zu: control characters are not allowed",
                                    (unsigned)code, at);
        }
        at += length;
    }
    return true;
}

/* Data that came as a protobuf Any keeps its type URL as dataschema. */
static bool is_type_url(struct bytes value, struct bytes block)
{
    struct bytes type;
    return event_find(block, "datacontenttype", &type) &&
           bytes_equal_text_nocase(cloudevents_media_type_essence(type), "application/protobuf") &&
           memchr(value.at, '/', value.length) != NULL && cloudevents_uri_reference_valid(value);
}

static bool check_rule(const struct rule *rule, struct attribute attribute, struct bytes block,
                       struct cloudevents_error *error)
{
    if (attribute.value.length == 0) {
        return cloudevents_fail(error, CLOUDEVENTS_EMPTY_ATTRIBUTE, attribute.name, "%s is empty: give it a value%s",
                                rule->name, rule->required ? "" : " or leave it out");
    }
    if (rule->check == NULL || rule->check(attribute.value)) {
        return true;
    }
    if (rule->check == check_dataschema && is_type_url(attribute.value, block)) {
        return true;
    }
    return cloudevents_fail(error, rule->reason, attribute.name, "%s", rule->advice);
}

static bool seen_before(struct bytes block, size_t before, struct bytes name)
{
    size_t cursor = 0;
    struct attribute attribute;
    while (cursor < before && event_next(block, &cursor, &attribute) && cursor <= before) {
        if (bytes_equal(attribute.name, name)) {
            return true;
        }
    }
    return false;
}

static bool check_attribute(struct attribute attribute, struct bytes block, size_t start, uint32_t *seen,
                            const struct cloudevents_limits *limits, struct cloudevents_error *error)
{
    if (!check_name(attribute.name, error) || !check_characters(attribute, error)) {
        return false;
    }
    if (attribute.value.length > limits->value_bytes_max) {
        return cloudevents_fail(error, CLOUDEVENTS_TOO_LARGE, attribute.name,
                                "the attribute's value has %zu bytes, the limit is %zu: move it into the data",
                                attribute.value.length, limits->value_bytes_max);
    }
    if (seen_before(block, start, attribute.name)) {
        return cloudevents_fail(error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, attribute.name,
                                "the attribute is given twice: send it once");
    }
    for (uint32_t i = 0; i < RULES; i++) {
        if (bytes_equal_text(attribute.name, rules[i].name)) {
            *seen |= 1u << i;
            return check_rule(&rules[i], attribute, block, error);
        }
    }
    return true;
}

static bool check_required(uint32_t seen, struct cloudevents_error *error)
{
    for (uint32_t i = 0; i < RULES; i++) {
        if (rules[i].required && (seen & 1u << i) == 0) {
            return cloudevents_fail(error, CLOUDEVENTS_MISSING_ATTRIBUTE, bytes_of(rules[i].name),
                                    "%s is missing: every event needs id, source, specversion and type", rules[i].name);
        }
    }
    return true;
}

bool cloudevents_validate(struct event event, const struct cloudevents_limits *given, struct cloudevents_error *error)
{
    struct cloudevents_limits limits = cloudevents_limits_of(given);
    if (event.block.length > limits.event_bytes_max ||
        event.data.length > limits.event_bytes_max - event.block.length) {
        return cloudevents_fail(error, CLOUDEVENTS_TOO_LARGE, bytes_of(""),
                                "the event has %zu bytes, the limit is %zu: send a reference to the data instead",
                                event.block.length + event.data.length, limits.event_bytes_max);
    }
    uint32_t seen = 0, count = 0;
    size_t cursor = 0, start = 0;
    for (struct attribute attribute; event_next(event.block, &cursor, &attribute); start = cursor) {
        if (event_is_control(attribute)) {
            continue;
        }
        if (++count > limits.attributes_max) {
            return cloudevents_fail(error, CLOUDEVENTS_TOO_MANY_ATTRIBUTES, attribute.name,
                                    "the event has more than %u attributes: move some into the data",
                                    (unsigned)limits.attributes_max);
        }
        if (!check_attribute(attribute, event.block, start, &seen, &limits, error)) {
            return false;
        }
    }
    if (cursor != event.block.length) {
        return cloudevents_fail(error, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, bytes_of(""),
                                "the attribute block is malformed at byte %zu", cursor);
    }
    return check_required(seen, error);
}
