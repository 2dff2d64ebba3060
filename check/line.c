/* One line of a history: a JSON object whose known keys have the kind that HISTORY_KEYS says, integers or texts.
 *
 * Other keys may hold any JSON value and are skipped, so that writers can add what only they read. A key that stands
 * twice, a number that is no integer from 0 to 2^64-1, and a text with a zero byte are refused: a judge must not
 * guess. */
#include "check/history.h"

#include <string.h>

enum kind { KIND_NUMBER, KIND_TEXT };

enum { DEPTH_MAX = 16, TEXT_BYTES_MAX = 1024 };

struct reader {
    const char *at, *end;
    const char *fault; /* NULL: none yet */
    char text[TEXT_BYTES_MAX];
    size_t length;
};

#define X(name, kind) #name,
static const char *const key_names[] = { HISTORY_KEYS(X) };
#undef X
#define X(name, kind) sizeof(#name) - 1,
static const uint8_t key_lengths[] = { HISTORY_KEYS(X) };
#undef X
#define X(name, kind) KIND_##kind,
static const uint8_t key_kinds[] = { HISTORY_KEYS(X) };
#undef X

static bool refuse(struct reader *reader, const char *fault)
{
    reader->fault = reader->fault != NULL ? reader->fault : fault;
    return false;
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r')) {
        reader->at++;
    }
}

static bool take(struct reader *reader, char wanted)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != wanted) {
        return false;
    }
    reader->at++;
    return true;
}

static void append(struct reader *reader, char byte)
{
    if (reader->length < sizeof(reader->text)) {
        reader->text[reader->length] = byte;
    }
    reader->length++;
}

static void append_code(struct reader *reader, uint32_t code)
{
    if (code < 0x80) {
        append(reader, (char)code);
    } else if (code < 0x800) {
        append(reader, (char)(0xc0 | code >> 6));
        append(reader, (char)(0x80 | (code & 0x3f)));
    } else {
        append(reader, (char)(0xe0 | code >> 12));
        append(reader, (char)(0x80 | (code >> 6 & 0x3f)));
        append(reader, (char)(0x80 | (code & 0x3f)));
    }
}

static bool read_code(struct reader *reader)
{
    uint32_t code = 0;
    for (int digit = 0; digit < 4; digit++) {
        char c = reader->at < reader->end ? *reader->at++ : 0;
        uint32_t value = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (value == 16) {
            return refuse(reader, "\\u without four hexadecimal digits");
        }
        code = code << 4 | value;
    }
    if (code == 0) {
        return refuse(reader, "a text with a zero byte");
    }
    append_code(reader, code); /* Halves of a pair stay halves: texts are compared, never shown as such. */
    return true;
}

static bool read_escape(struct reader *reader)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = reader->at < reader->end ? *reader->at++ : 0;
    if (c == 'u') {
        return read_code(reader);
    }
    const char *found = c != 0 ? strchr(from, c) : NULL;
    if (found == NULL) {
        return refuse(reader, "an unknown escape in a text");
    }
    append(reader, to[found - from]);
    return true;
}

/* The opening quote has been taken. */
static bool read_text(struct reader *reader)
{
    reader->length = 0;
    while (reader->at < reader->end) {
        char c = *reader->at++;
        if (c == '"') {
            return true;
        }
        if ((unsigned char)c < ' ') {
            return refuse(reader, "a control character in a text");
        }
        if (c != '\\') {
            append(reader, c);
        } else if (!read_escape(reader)) {
            return false;
        }
    }
    return refuse(reader, "a text without its closing quote");
}

static bool read_number(struct reader *reader, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *begin = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        uint64_t digit = (uint64_t)(*reader->at++ - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return refuse(reader, "a number over 2^64-1");
        }
        number = number * 10 + digit;
    }
    bool more = reader->at < reader->end && strchr(".eE", *reader->at) != NULL && *reader->at != 0;
    if (reader->at == begin || more || (*begin == '0' && reader->at - begin > 1)) {
        return refuse(reader, "not an integer from 0 to 2^64-1 where one is due");
    }
    *ret_number = number;
    return true;
}

/* A bare word: a number of any kind, true, false or null. */
static bool skip_word(struct reader *reader)
{
    const char *begin = reader->at;
    while (reader->at < reader->end && *reader->at != 0 && strchr(",]} \t\r", *reader->at) == NULL) {
        if ((unsigned char)*reader->at < ' ' || strchr("\"[{:\\", *reader->at) != NULL) {
            return refuse(reader, "a value that is none");
        }
        reader->at++;
    }
    return reader->at > begin || refuse(reader, "a value is missing");
}

/* Any value. Brackets are only balanced, not matched with commas: nobody reads what is in them. */
static bool skip_value(struct reader *reader)
{
    char closing[DEPTH_MAX];
    uint32_t depth = 0;
    do {
        skip_blanks(reader);
        char c = reader->at < reader->end ? *reader->at : 0;
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) {
                return refuse(reader, "nested too deeply");
            }
            closing[depth++] = c == '{' ? '}' : ']';
            reader->at++;
        } else if (depth > 0 && c == closing[depth - 1]) {
            depth--;
            reader->at++;
        } else if (depth > 0 && (c == ',' || c == ':')) {
            reader->at++;
        } else if (c == '"') {
            reader->at++;
            if (!read_text(reader)) {
                return false;
            }
        } else if (!skip_word(reader)) {
            return false;
        }
    } while (depth > 0);
    return true;
}

static bool read_value(struct reader *reader, struct symbols *symbols, uint32_t key, uint64_t *ret_value)
{
    skip_blanks(reader);
    if (key_kinds[key] == KIND_NUMBER) {
        return read_number(reader, ret_value);
    }
    if (!take(reader, '"')) {
        return refuse(reader, "not a text where one is due");
    }
    if (!read_text(reader)) {
        return false;
    }
    if (reader->length > sizeof(reader->text)) {
        return refuse(reader, "a text over 1024 bytes");
    }
    uint32_t symbol = symbols_of(symbols, reader->text, reader->length);
    *ret_value = symbol;
    return symbol != NOTHING || refuse(reader, "out of memory");
}

static uint32_t key_of(const struct reader *reader)
{
    for (uint32_t key = 0; key < KEY_COUNT; key++) {
        if (key_lengths[key] == reader->length && memcmp(key_names[key], reader->text, reader->length) == 0) {
            return key;
        }
    }
    return KEY_COUNT;
}

static bool read_member(struct reader *reader, struct symbols *symbols, struct line *line)
{
    if (!take(reader, '"')) {
        return refuse(reader, "a key is missing");
    }
    if (!read_text(reader)) {
        return false;
    }
    uint32_t key = reader->length <= sizeof(reader->text) ? key_of(reader) : KEY_COUNT;
    if (!take(reader, ':')) {
        return refuse(reader, "a colon is missing after a key");
    }
    if (key == KEY_COUNT) {
        return skip_value(reader);
    }
    if ((line->has & UINT64_C(1) << key) != 0) {
        return refuse(reader, "a key stands twice");
    }
    line->has |= UINT64_C(1) << key;
    return read_value(reader, symbols, key, &line->value[key]);
}

const char *line_read(struct symbols *symbols, const char *text, size_t length, struct line *ret_line)
{
    struct reader reader;
    reader.at = text;
    reader.end = text + length;
    reader.fault = NULL;
    reader.length = 0; /* what is behind it in `text` is never read */
    memset(ret_line, 0, sizeof(*ret_line));
    if (!take(&reader, '{')) {
        return "not a JSON object";
    }
    if (!take(&reader, '}')) {
        do {
            if (!read_member(&reader, symbols, ret_line)) {
                return reader.fault;
            }
        } while (take(&reader, ','));
        if (!take(&reader, '}')) {
            return "a comma or the closing brace is missing";
        }
    }
    skip_blanks(&reader);
    return reader.at == reader.end ? NULL : "something follows the object";
}
