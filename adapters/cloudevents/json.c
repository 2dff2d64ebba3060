/* The JSON scanner: recursive descent over bytes, each looked at once. See json.h. */
#include "adapters/cloudevents/json.h"
#include "adapters/cloudevents/internal.h"

#include <string.h>

static bool json_fail(struct json *json, const char *why)
{
    if (json->why == NULL) {
        json->why = why;
    }
    return false;
}

uint8_t json_peek(const struct json *json)
{
    return json->at < json->text.length ? json->text.at[json->at] : 0;
}

void json_space(struct json *json)
{
    for (uint8_t c = json_peek(json); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = json_peek(json)) {
        json->at++;
    }
}

bool json_take(struct json *json, uint8_t c, const char *why)
{
    json_space(json);
    if (json_peek(json) != c) {
        return json_fail(json, why);
    }
    json->at++;
    return true;
}

static bool hex_digit(uint8_t c, unsigned *ret_digit)
{
    if (c >= '0' && c <= '9') {
        *ret_digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
        *ret_digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
        *ret_digit = c - 'A' + 10;
    } else {
        return false;
    }
    return true;
}

static bool hex_four(struct bytes text, size_t at, unsigned *ret_unit)
{
    unsigned unit = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned digit;
        if (at + i >= text.length || !hex_digit(text.at[at + i], &digit)) {
            return false;
        }
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return true;
}

static bool json_escape(struct json *json)
{
    json->at++;
    uint8_t c = json_peek(json);
    unsigned unit;
    if (c == 'u') {
        if (!hex_four(json->text, json->at + 1, &unit)) {
            return json_fail(json, "\\u needs four hex digits");
        }
        json->at += 5;
        return true;
    }
    if (c == 0 || strchr("\"\\/bfnrt", c) == NULL) {
        return json_fail(json, "unknown escape");
    }
    json->at++;
    return true;
}

bool json_string(struct json *json, struct bytes *ret_inner)
{
    if (!json_take(json, '"', "a string is expected")) {
        return false;
    }
    size_t start = json->at;
    while (json->at < json->text.length) {
        uint8_t c = json->text.at[json->at];
        if (c == '"') {
            *ret_inner = (struct bytes){ json->text.at + start, json->at - start };
            json->at++;
            return true;
        }
        if (c < 0x20) {
            return json_fail(json, "a control character must be escaped");
        }
        if (c == '\\') {
            if (!json_escape(json)) {
                return false;
            }
            continue;
        }
        uint32_t code;
        size_t length = cloudevents_utf8_next(json->text.at + json->at, json->text.length - json->at, &code);
        if (length == 0) {
            return json_fail(json, "the text is not UTF-8");
        }
        json->at += length;
    }
    return json_fail(json, "the string does not end");
}

static bool json_digits(struct json *json)
{
    size_t start = json->at;
    while (json_peek(json) >= '0' && json_peek(json) <= '9') {
        json->at++;
    }
    return json->at > start || json_fail(json, "a digit is expected");
}

static bool json_number(struct json *json)
{
    if (json_peek(json) == '-') {
        json->at++;
    }
    if (json_peek(json) == '0') {
        json->at++;
    } else if (!json_digits(json)) {
        return false;
    }
    if (json_peek(json) == '.') {
        json->at++;
        if (!json_digits(json)) {
            return false;
        }
    }
    if (json_peek(json) == 'e' || json_peek(json) == 'E') {
        json->at++;
        if (json_peek(json) == '+' || json_peek(json) == '-') {
            json->at++;
        }
        return json_digits(json);
    }
    return true;
}

static bool json_word(struct json *json, const char *word)
{
    size_t length = strlen(word);
    if (json->text.length - json->at < length || memcmp(json->text.at + json->at, word, length) != 0) {
        return json_fail(json, "a value is expected");
    }
    json->at += length;
    return true;
}

bool json_member(struct json *json, bool *first, struct bytes *ret_inner_name)
{
    json_space(json);
    if (json_peek(json) == '}') {
        json->at++;
        return false;
    }
    if (!*first && !json_take(json, ',', "',' or '}' is expected")) {
        return false;
    }
    *first = false;
    return json_string(json, ret_inner_name) && json_take(json, ':', "':' is expected");
}

static bool json_object(struct json *json)
{
    json->at++;
    bool first = true;
    struct bytes name, value;
    while (json_member(json, &first, &name)) {
        if (!json_value(json, &value)) {
            return false;
        }
    }
    return json->why == NULL;
}

static bool json_array(struct json *json)
{
    json->at++;
    json_space(json);
    if (json_peek(json) == ']') {
        json->at++;
        return true;
    }
    for (;;) {
        struct bytes value;
        if (!json_value(json, &value)) {
            return false;
        }
        json_space(json);
        if (json_peek(json) == ']') {
            json->at++;
            return true;
        }
        if (!json_take(json, ',', "',' or ']' is expected")) {
            return false;
        }
    }
}

static bool json_nested(struct json *json, bool (*scan)(struct json *))
{
    if (json->depth == CLOUDEVENTS_DEPTH_MAX) {
        return json_fail(json, "the value is nested too deeply");
    }
    json->depth++;
    bool good = scan(json);
    json->depth--;
    return good;
}

bool json_value(struct json *json, struct bytes *ret_raw)
{
    json_space(json);
    size_t start = json->at;
    bool good;
    struct bytes inner;
    switch (json_peek(json)) {
    case '{':
        good = json_nested(json, json_object);
        break;
    case '[':
        good = json_nested(json, json_array);
        break;
    case '"':
        good = json_string(json, &inner);
        break;
    case 't':
        good = json_word(json, "true");
        break;
    case 'f':
        good = json_word(json, "false");
        break;
    case 'n':
        good = json_word(json, "null");
        break;
    case '-':
    case '0' ... '9':
        good = json_number(json);
        break;
    default:
        good = json_fail(json, "a value is expected");
    }
    if (good) {
        *ret_raw = (struct bytes){ json->text.at + start, json->at - start };
    }
    return good;
}

bool json_end(struct json *json)
{
    json_space(json);
    return json->at == json->text.length || json_fail(json, "nothing may follow the value");
}

static void append_code(struct event_buffer *text, uint32_t code)
{
    uint8_t bytes[4];
    size_t length;
    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        length = 1;
    } else if (code < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code >> 6);
        length = 2;
    } else if (code < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code >> 12);
        length = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | code >> 18);
        length = 4;
    }
    for (size_t i = 1; i < length; i++) {
        bytes[i] = (uint8_t)(0x80 | (code >> (6 * (length - 1 - i)) & 0x3f));
    }
    event_buffer_append(text, bytes, length);
}

/* A \u escape at `at` (which stands behind the 'u'), or a pair of them; moves `at` behind it. */
static bool unescape_unit(struct bytes inner, size_t *at, struct event_buffer *text)
{
    unsigned unit, low;
    if (!hex_four(inner, *at, &unit)) {
        return false;
    }
    *at += 4;
    if (unit < 0xd800 || unit > 0xdfff) {
        append_code(text, unit);
        return true;
    }
    bool pair = unit <= 0xdbff && inner.length - *at >= 6 && inner.at[*at] == '\\' && inner.at[*at + 1] == 'u' &&
                hex_four(inner, *at + 2, &low) && low >= 0xdc00 && low <= 0xdfff;
    if (!pair) {
        return false;
    }
    *at += 6;
    append_code(text, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    return true;
}

bool json_unescape(struct bytes inner, struct event_buffer *text)
{
    size_t at = 0;
    while (at < inner.length) {
        const uint8_t *slash = memchr(inner.at + at, '\\', inner.length - at);
        size_t plain = slash == NULL ? inner.length - at : (size_t)(slash - (inner.at + at));
        event_buffer_append(text, inner.at + at, plain);
        at += plain;
        if (slash == NULL || at + 1 >= inner.length) {
            return slash == NULL;
        }
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        uint8_t c = inner.at[at + 1];
        at += 2;
        if (c == 'u') {
            if (!unescape_unit(inner, &at, text)) {
                return false;
            }
        } else {
            const char *found = c == 0 ? NULL : strchr(from, c);
            if (found == NULL) {
                return false;
            }
            event_buffer_append(text, &to[found - from], 1);
        }
    }
    return true;
}

bool cloudevents_json_valid(struct bytes text)
{
    struct json json = { .text = text };
    struct bytes raw;
    return json_value(&json, &raw) && json_end(&json);
}
