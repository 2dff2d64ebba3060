/* One record as text. Both formats share one escaping rule, so that a value can neither end its field nor its line:
 * controls, DEL, C1 controls, line and paragraph separators and bytes that are not UTF-8 are escaped; logfmt quotes a
 * value that is empty or holds a space, '=', '"' or '\'. Values that would make the record too long are cut with "...".
 */
#include "adapters/log/log.h"

#include <stdio.h>
#include <time.h>

enum { TAIL_BYTES = 16, ESCAPE_BYTES_MAX = 8 };

static void append(struct event_buffer *record, const char *text)
{
    event_buffer_append(record, text, bytes_of(text).length);
}

/* The length of the well-formed UTF-8 character at `at`, 0 if there is none; *ret_escape if it must not stand as is. */
static size_t character(const uint8_t *at, size_t left, bool *ret_escape)
{
    uint8_t c = at[0];
    *ret_escape = c < 0x20 || c == 0x7f;
    if (c < 0x80) {
        return 1;
    }
    size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && at[1] < 0xa0) || (c == 0xf0 && at[1] < 0x90);
    bool outside = (c == 0xed && at[1] > 0x9f) || (c == 0xf4 && at[1] > 0x8f);
    bool c1 = c == 0xc2 && at[1] < 0xa0;
    bool separator = c == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
    *ret_escape = c1 || separator;
    return overlong || outside ? 0 : length;
}

static void append_escape(struct event_buffer *record, const uint8_t *at, size_t length)
{
    char text[ESCAPE_BYTES_MAX];
    if (length == 0) {
        append(record, "\xef\xbf\xbd"); /* U+FFFD for what is not UTF-8 */
    } else if (at[0] == '\n') {
        append(record, "\\n");
    } else if (at[0] == '\r') {
        append(record, "\\r");
    } else if (at[0] == '\t') {
        append(record, "\\t");
    } else if (length == 3) {
        append(record, at[2] == 0xa8 ? "\\u2028" : "\\u2029");
    } else {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)at[length - 1]);
        append(record, text);
    }
}

static void append_escaped(struct event_buffer *record, struct bytes value)
{
    size_t room = LOG_RECORD_BYTES_MAX - TAIL_BYTES;
    for (size_t i = 0; i < value.length;) {
        if (record->length + ESCAPE_BYTES_MAX > room) {
            append(record, "...");
            return;
        }
        bool escape;
        size_t length = character(value.at + i, value.length - i, &escape);
        if (length == 0 || escape) {
            append_escape(record, value.at + i, length);
        } else {
            if (value.at[i] == '"' || value.at[i] == '\\') {
                append(record, "\\");
            }
            event_buffer_append(record, value.at + i, length);
        }
        i += length == 0 ? 1 : length;
    }
}

static bool needs_quotes(struct bytes value)
{
    for (size_t i = 0; i < value.length; i++) {
        uint8_t c = value.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '=' || c == '"' || c == '\\') {
            return true;
        }
    }
    return value.length == 0;
}

static void append_key(struct event_buffer *record, enum log_format format, const char *key)
{
    bool first = record->length == 0 || record->at[record->length - 1] == '\n';
    if (format == LOG_FORMAT_JSON) {
        append(record, first ? "{\"" : ",\"");
        append(record, key);
        append(record, "\":");
    } else {
        append(record, first ? "" : " ");
        append(record, key);
        append(record, "=");
    }
}

static void append_text_field(struct event_buffer *record, enum log_format format, const char *key, struct bytes value)
{
    append_key(record, format, key);
    bool quotes = format == LOG_FORMAT_JSON || needs_quotes(value);
    append(record, quotes ? "\"" : "");
    append_escaped(record, value);
    append(record, quotes ? "\"" : "");
}

static void append_time(struct event_buffer *record, enum log_format format, int64_t wall_ns)
{
    char text[48];
    time_t seconds = (time_t)(wall_ns / 1000000000);
    long micros = (long)(wall_ns % 1000000000 / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, sizeof text - length, ".%06ldZ", micros);
    append_text_field(record, format, "ts", bytes_of(text));
}

static void append_field(struct event_buffer *record, enum log_format format, const struct log_field *field)
{
    char text[48];
    switch (field->kind) {
    case LOG_KIND_BYTES:
        append_text_field(record, format, field->key, field->as.bytes);
        return;
    case LOG_KIND_U64:
        snprintf(text, sizeof text, "%" PRIu64, field->as.u64);
        break;
    case LOG_KIND_I64:
        snprintf(text, sizeof text, "%" PRId64, field->as.i64);
        break;
    case LOG_KIND_BOOL:
        snprintf(text, sizeof text, "%s", field->as.boolean ? "true" : "false");
        break;
    case LOG_KIND_SECONDS:
        snprintf(text, sizeof text, "%" PRIu64 ".%06" PRIu64, field->as.nanoseconds / 1000000000u,
                 field->as.nanoseconds % 1000000000u / 1000u);
        break;
    }
    append_key(record, format, field->key);
    append(record, text);
}

void log_format_record(struct event_buffer *record, enum log_format format, int64_t wall_ns, enum log_level level,
                       const char *logger, const char *message, const struct log_field *fields, size_t count)
{
    append_time(record, format, wall_ns);
    append_text_field(record, format, "level", bytes_of(log_level_name(level)));
    append_text_field(record, format, "msg", bytes_of(message));
    append_text_field(record, format, "logger", bytes_of(logger));
    for (size_t i = 0; i < count; i++) {
        if (record->length + 128 > LOG_RECORD_BYTES_MAX - TAIL_BYTES) {
            break; /* no room for another key: what stands is more use than a broken line */
        }
        append_field(record, format, &fields[i]);
    }
    append(record, format == LOG_FORMAT_JSON ? "}\n" : "\n");
}
