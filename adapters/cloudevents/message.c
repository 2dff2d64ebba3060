/* The NATS binding: which mode a message is in, its attributes from headers, and headers from attributes.
 *
 * Header values are percent-encoded: space, '"', '%' and everything outside U+0021-007E, as UTF-8 bytes. A reader takes
 * a quoted value first, then decodes once; needless escapes and lower-case digits are accepted, bad ones are not. */
#include "adapters/cloudevents/internal.h"
#include "adapters/cloudevents/json.h"

#include <stdio.h>
#include <string.h>

static const char bare_type[] = "stead.request.bare.v1";

static bool has_prefix_nocase(struct bytes text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.length >= length && bytes_equal_text_nocase((struct bytes){ text.at, length }, prefix);
}

bool cloudevents_header_find(const struct cloudevents_header *headers, size_t count, const char *name,
                             struct bytes *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_text_nocase(headers[i].name, name)) {
            *ret_value = headers[i].value;
            return true;
        }
    }
    return false;
}

void cloudevents_percent_encode(struct event_buffer *text, struct bytes value)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t plain = 0;
    for (size_t at = 0; at < value.length; at++) {
        uint8_t c = value.at[at];
        if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
            continue;
        }
        char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
        event_buffer_append(text, value.at + plain, at - plain);
        event_buffer_append(text, escape, sizeof escape);
        plain = at + 1;
    }
    if (plain < value.length) {
        event_buffer_append(text, value.at + plain, value.length - plain);
    }
}

static int hex_of(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One character of a header value: plain, escaped by '\' inside quotes, or %XX. Returns its length in `text` or 0. */
static size_t percent_next(struct bytes text, size_t at, bool quoted, uint8_t *ret_byte)
{
    uint8_t c = text.at[at];
    size_t skipped = 0;
    if (quoted && c == '\\') {
        if (at + 1 >= text.length) {
            return 0;
        }
        skipped = 1;
        c = text.at[at + 1];
    }
    if (c != '%') {
        *ret_byte = c;
        return skipped + 1;
    }
    at += skipped;
    int high = at + 2 < text.length ? hex_of(text.at[at + 1]) : -1;
    int low = at + 2 < text.length ? hex_of(text.at[at + 2]) : -1;
    if (high < 0 || low < 0) {
        return 0;
    }
    *ret_byte = (uint8_t)(high << 4 | low);
    return skipped + 3;
}

bool cloudevents_percent_decode(struct bytes text, struct event_buffer *value)
{
    size_t start = value->length;
    bool quoted = text.length >= 2 && text.at[0] == '"' && text.at[text.length - 1] == '"';
    if (quoted) {
        text = (struct bytes){ text.at + 1, text.length - 2 };
    }
    for (size_t at = 0; at < text.length;) {
        uint8_t byte = 0;
        size_t length = percent_next(text, at, quoted, &byte);
        if (length == 0) {
            return false;
        }
        event_buffer_append(value, &byte, 1);
        at += length;
    }
    bool none = value->failed || value->length == start;
    return none || cloudevents_utf8_valid((struct bytes){ value->at + start, value->length - start });
}

/* ---- binary mode ------------------------------------------------------------------------------------------------- */

static bool read_header(struct packer *packer, struct cloudevents_header header, struct event_buffer *scratch)
{
    char name[CLOUDEVENTS_NAME_BYTES_MAX + 2];
    struct bytes full = { header.name.at + 3, header.name.length - 3 }, ignored;
    size_t length = full.length < sizeof name - 1 ? full.length : sizeof name - 1;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = full.at[i];
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    name[length] = '\0';
    struct bytes attribute = { (const uint8_t *)name, length };
    if (length > 0 && name[0] == ':') {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_ATTRIBUTE_NAME, attribute,
                                "an attribute name may hold only a-z and 0-9: rename it");
    }
    if (packer_find(packer, name, &ignored)) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, attribute,
                                "the header ce-%s is given twice: send it once", name);
    }
    scratch->length = 0;
    if (!cloudevents_percent_decode(header.value, scratch)) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_UTF8, attribute,
                                "the header ce-%s is not percent-encoded UTF-8: write %% as %%25", name);
    }
    return packer_attribute(packer, attribute, (struct bytes){ scratch->at, scratch->length });
}

static bool read_binary(const struct cloudevents_message *message, const struct cloudevents_limits *limits,
                        struct event_buffer *packed, struct cloudevents_error *error)
{
    struct packer packer = packer_open(packed, limits, error);
    struct event_buffer scratch = { 0 };
    bool good = true;
    for (size_t i = 0; good && i < message->header_count; i++) {
        if (has_prefix_nocase(message->headers[i].name, "ce-")) {
            good = read_header(&packer, message->headers[i], &scratch);
        }
    }
    packed->failed = packed->failed || scratch.failed;
    event_buffer_free(&scratch);
    return good && packer_close(&packer, message->body);
}

/* ---- bare bodies ------------------------------------------------------------------------------------------------- */

static bool read_bare(const struct cloudevents_message *message, struct bytes content_type,
                      const struct cloudevents_limits *limits, struct event_buffer *packed,
                      struct cloudevents_error *error)
{
    char source[160];
    struct packer packer = packer_open(packed, limits, error);
    snprintf(source, sizeof source, "nats:function.%s.%s", message->language, message->function);
    struct json json = { .text = message->body };
    json_space(&json);
    bool composite = json_peek(&json) == '{' || json_peek(&json) == '[';
    if (content_type.length == 0 && composite && cloudevents_json_valid(message->body)) {
        content_type = bytes_of("application/json");
    }
    return packer_attribute(&packer, bytes_of("specversion"), bytes_of("1.0")) &&
           packer_attribute(&packer, bytes_of("id"), bytes_of(message->request_id)) &&
           packer_attribute(&packer, bytes_of("source"), bytes_of(source)) &&
           packer_attribute(&packer, bytes_of("type"), bytes_of(bare_type)) &&
           (content_type.length == 0 || packer_attribute(&packer, bytes_of("datacontenttype"), content_type)) &&
           packer_close(&packer, message->body);
}

/* ---- telling them apart ------------------------------------------------------------------------------------------ */

/* A JSON object with a member "specversion" at its top, and well-formed up to there. */
static bool looks_structured(struct bytes body)
{
    struct json json = { .text = body, .depth = 1 };
    bool first = true;
    struct bytes name, value;
    if (!json_take(&json, '{', "")) {
        return false;
    }
    while (json_member(&json, &first, &name)) {
        if (bytes_equal_text(name, "specversion")) {
            return true;
        }
        if (!json_value(&json, &value)) {
            return false;
        }
    }
    return false;
}

static bool has_attribute_header(const struct cloudevents_message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (has_prefix_nocase(message->headers[i].name, "ce-")) {
            return true;
        }
    }
    return false;
}

static enum cloudevents_mode mode_of(const struct cloudevents_message *message, struct bytes content_type)
{
    if (has_prefix_nocase(content_type, "application/cloudevents")) {
        return CLOUDEVENTS_STRUCTURED;
    }
    if (has_attribute_header(message)) {
        return CLOUDEVENTS_BINARY;
    }
    return looks_structured(message->body) ? CLOUDEVENTS_STRUCTURED : CLOUDEVENTS_BARE;
}

bool cloudevents_from_message(const struct cloudevents_message *message, const struct cloudevents_limits *limits,
                              struct event_buffer *packed, enum cloudevents_mode *ret_mode,
                              struct cloudevents_error *error)
{
    struct bytes type = { NULL, 0 };
    cloudevents_header_find(message->headers, message->header_count, "Content-Type", &type);
    type = cloudevents_trim(type);
    enum cloudevents_mode mode = mode_of(message, type);
    if (ret_mode != NULL) {
        *ret_mode = mode;
    }
    if (mode == CLOUDEVENTS_BINARY) {
        return read_binary(message, limits, packed, error);
    }
    if (mode == CLOUDEVENTS_BARE) {
        return read_bare(message, type, limits, packed, error);
    }
    struct bytes essence = cloudevents_media_type_essence(type);
    if (has_prefix_nocase(type, "application/cloudevents") &&
        !bytes_equal_text_nocase(essence, "application/cloudevents") &&
        !bytes_equal_text_nocase(essence, "application/cloudevents+json")) {
        return cloudevents_fail(
            error, CLOUDEVENTS_BAD_MEDIA_TYPE, bytes_of("Content-Type"),
            "only application/cloudevents+json is read from NATS: send one event a message in JSON");
    }
    return cloudevents_from_json(message->body, limits, packed, error);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The texts were appended as name NUL value NUL; a growing buffer moves, so views are taken at the end. */
static void headers_view(const struct event_buffer *text, size_t at, struct cloudevents_header *ret_headers,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ret_headers[i].name = bytes_of((const char *)text->at + at);
        at += ret_headers[i].name.length + 1;
        ret_headers[i].value = bytes_of((const char *)text->at + at);
        at += ret_headers[i].value.length + 1;
    }
}

size_t cloudevents_to_headers(struct event event, struct event_buffer *text, struct cloudevents_header *ret_headers,
                              size_t max)
{
    size_t start = text->length, cursor = 0, count = 0;
    for (struct attribute attribute; event_next(event.block, &cursor, &attribute);) {
        if (event_is_control(attribute)) {
            continue;
        }
        if (count == max || memchr(attribute.name.at, 0, attribute.name.length) != NULL) {
            return SIZE_MAX;
        }
        event_buffer_append(text, "ce-", 3);
        event_buffer_append(text, attribute.name.at, attribute.name.length);
        event_buffer_append(text, "", 1);
        cloudevents_percent_encode(text, attribute.value);
        event_buffer_append(text, "", 1);
        count++;
    }
    if (text->failed) {
        return SIZE_MAX;
    }
    headers_view(text, start, ret_headers, count);
    return count;
}
