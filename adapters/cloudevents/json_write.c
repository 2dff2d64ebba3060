/* An event as JSON in structured mode. Attributes are written as strings in their canonical form; data is written as it
 * is when it is JSON, as a string when it is text, and as base64 otherwise. */
#include "adapters/cloudevents/internal.h"

#include <stdio.h>

static void append_text(struct event_buffer *json, const char *text)
{
    event_buffer_append(json, text, bytes_of(text).length);
}

/* The escape of one ASCII character, or NULL if it stands for itself. */
static const char *escape_of(uint32_t code, char scratch[8])
{
    switch (code) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (code < 0x20 || code == 0x7f) {
            snprintf(scratch, 8, "\\u%04x", (unsigned)code);
            return scratch;
        }
        return NULL;
    }
}

void cloudevents_json_string(struct event_buffer *json, struct bytes text)
{
    append_text(json, "\"");
    size_t plain = 0;
    for (size_t at = 0; at < text.length;) {
        uint32_t code;
        char scratch[8];
        size_t length = cloudevents_utf8_next(text.at + at, text.length - at, &code);
        const char *escape = length == 0 ? "\xef\xbf\xbd" : escape_of(code, scratch);
        size_t step = length == 0 ? 1 : length;
        if (escape != NULL) {
            event_buffer_append(json, text.at + plain, at - plain);
            append_text(json, escape);
            plain = at + step;
        }
        at += step;
    }
    if (plain < text.length) {
        event_buffer_append(json, text.at + plain, text.length - plain);
    }
    append_text(json, "\"");
}

static void append_data(struct event_buffer *json, struct event event)
{
    struct bytes type;
    bool typed = event_find(event.block, "datacontenttype", &type);
    if (typed && cloudevents_is_json(type) && cloudevents_json_valid(event.data)) {
        append_text(json, ",\"data\":");
        event_buffer_append(json, event.data.at, event.data.length);
    } else if (typed && !cloudevents_is_json(type) && cloudevents_is_text(type) && cloudevents_utf8_valid(event.data)) {
        append_text(json, ",\"data\":");
        cloudevents_json_string(json, event.data);
    } else {
        append_text(json, ",\"data_base64\":\"");
        cloudevents_base64_encode(json, event.data);
        append_text(json, "\"");
    }
}

bool cloudevents_to_json(struct event event, struct event_buffer *json)
{
    size_t cursor = 0;
    const char *before = "{";
    for (struct attribute attribute; event_next(event.block, &cursor, &attribute);) {
        if (event_is_control(attribute)) {
            continue;
        }
        append_text(json, before);
        cloudevents_json_string(json, attribute.name);
        append_text(json, ":");
        cloudevents_json_string(json, attribute.value);
        before = ",";
    }
    if (before[0] == '{') {
        append_text(json, before);
    } else if (event.data.length > 0) {
        append_data(json, event);
    }
    append_text(json, "}");
    return !json->failed;
}
