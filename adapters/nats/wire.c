/* Readers walk a cursor over borrowed bytes and stop at the first byte that does not belong; nothing is copied but what
 * base64 turns into something else. Numbers are checked for overflow digit by digit. */
#include "adapters/nats/wire.h"

#include <string.h>

enum { WIRE_TOKENS_MAX = 16 };

bool wire_number_parse(struct bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.length == 0) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        uint8_t digit = (uint8_t)(text.at[i] - '0');
        if (digit > 9 || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

/* Splits at dots; returns the number of tokens, or 0 if there are more than WIRE_TOKENS_MAX. */
static size_t split_tokens(struct bytes subject, struct bytes tokens[WIRE_TOKENS_MAX])
{
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= subject.length; i++) {
        if (i < subject.length && subject.at[i] != '.') {
            continue;
        }
        if (count == WIRE_TOKENS_MAX) {
            return 0;
        }
        tokens[count++] = (struct bytes){ subject.at + start, i - start };
        start = i + 1;
    }
    return count;
}

bool wire_ack_parse(struct bytes subject, struct wire_ack *ret_ack)
{
    static const char prefix[] = "$JS.ACK.";
    if (subject.length < sizeof prefix - 1 || memcmp(subject.at, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    struct bytes tokens[WIRE_TOKENS_MAX];
    size_t count = split_tokens(subject, tokens);
    if (count != 9 && count < 11) {
        return false;
    }
    const struct bytes *token = count == 9 ? tokens + 2 : tokens + 4;
    struct wire_ack ack = { .stream = token[0], .consumer = token[1] };
    uint64_t stored = 0;
    if (ack.stream.length == 0 || ack.consumer.length == 0 || !wire_number_parse(token[2], &ack.delivered) ||
        !wire_number_parse(token[3], &ack.stream_sequence) || !wire_number_parse(token[4], &ack.consumer_sequence) ||
        !wire_number_parse(token[5], &stored) || stored > INT64_MAX || !wire_number_parse(token[6], &ack.pending)) {
        return false;
    }
    ack.stored_wall_ns = (int64_t)stored;
    *ret_ack = ack;
    return true;
}

/* What follows `label` and spaces; empty if the label is not there. */
static struct bytes value_after(struct bytes body, const char *label)
{
    const uint8_t *end = body.at + body.length;
    const uint8_t *at = memmem(body.at, body.length, label, strlen(label));
    if (at == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    at += strlen(label);
    while (at < end && *at == ' ') {
        at++;
    }
    return (struct bytes){ at, (size_t)(end - at) };
}

bool wire_puback_parse(struct bytes body, uint64_t *ret_sequence, bool *ret_duplicate)
{
    static const char prefix[] = "{\"stream\":";
    if (body.length < sizeof prefix || memcmp(body.at, prefix, sizeof prefix - 1) != 0 ||
        memmem(body.at, body.length, "\"error\"", 7) != NULL) {
        return false;
    }
    struct bytes sequence = value_after(body, "\"seq\":");
    struct bytes duplicate = value_after(body, "\"duplicate\":");
    size_t digits = 0;
    while (digits < sequence.length && sequence.at[digits] >= '0' && sequence.at[digits] <= '9') {
        digits++;
    }
    if (!wire_number_parse((struct bytes){ sequence.at, digits }, ret_sequence)) {
        return false;
    }
    *ret_duplicate = duplicate.length >= 4 && memcmp(duplicate.at, "true", 4) == 0;
    return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date (years 1970 to 2261, so that ns fit 64 bits). */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day)
{
    static const int16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    int64_t past = year - 1;
    int64_t leaps = (past / 4 - past / 100 + past / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return (year - 1970) * 365 + leaps + before[month - 1] + (leap && month > 2 ? 1 : 0) + day - 1;
}

/* `digits` decimal digits at *at. */
static bool take_digits(struct bytes text, size_t *at, size_t digits, int64_t *ret_number)
{
    uint64_t number = 0;
    if (text.length - *at < digits || !wire_number_parse((struct bytes){ text.at + *at, digits }, &number)) {
        return false;
    }
    *at += digits;
    *ret_number = (int64_t)number;
    return true;
}

static bool take_byte(struct bytes text, size_t *at, char byte)
{
    if (*at >= text.length || text.at[*at] != (uint8_t)byte) {
        return false;
    }
    *at += 1;
    return true;
}

/* ".123" as ns; nothing is 0. Digits beyond the ninth are dropped. */
static int64_t take_fraction(struct bytes text, size_t *at)
{
    int64_t ns = 0;
    int64_t unit = 100 * 1000 * 1000;
    if (!take_byte(text, at, '.')) {
        return 0;
    }
    while (*at < text.length && text.at[*at] >= '0' && text.at[*at] <= '9') {
        ns += unit * (text.at[*at] - '0');
        unit /= 10;
        *at += 1;
    }
    return ns;
}

/* "Z" or "+01:00", as seconds east. */
static bool take_offset(struct bytes text, size_t *at, int64_t *ret_seconds)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    if (take_byte(text, at, 'Z')) {
        *ret_seconds = 0;
        return true;
    }
    bool west = *at < text.length && text.at[*at] == '-';
    if (!west && !(*at < text.length && text.at[*at] == '+')) {
        return false;
    }
    *at += 1;
    if (!take_digits(text, at, 2, &hours) || !take_byte(text, at, ':') || !take_digits(text, at, 2, &minutes)) {
        return false;
    }
    *ret_seconds = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool wire_time_parse(struct bytes text, int64_t *ret_wall_ns)
{
    int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, offset = 0;
    size_t at = 0;
    bool read = take_digits(text, &at, 4, &year) && take_byte(text, &at, '-') && take_digits(text, &at, 2, &month) &&
                take_byte(text, &at, '-') && take_digits(text, &at, 2, &day) && take_byte(text, &at, 'T') &&
                take_digits(text, &at, 2, &hour) && take_byte(text, &at, ':') && take_digits(text, &at, 2, &minute) &&
                take_byte(text, &at, ':') && take_digits(text, &at, 2, &second);
    if (!read || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
        minute > 59 || second > 60) {
        return false;
    }
    int64_t fraction_ns = take_fraction(text, &at);
    if (!take_offset(text, &at, &offset) || at != text.length) {
        return false;
    }
    int64_t seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    *ret_wall_ns = seconds * 1000 * 1000 * 1000 + fraction_ns;
    return true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\0';
}

static struct bytes trim(const uint8_t *at, const uint8_t *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    while (end > at && is_blank(end[-1])) {
        end--;
    }
    return (struct bytes){ at, (size_t)(end - at) };
}

/* One line without its '\n'. False if it is no header. */
static bool header_parse(const uint8_t *at, const uint8_t *end, struct bus_header *ret_header)
{
    const uint8_t *colon = at;
    while (colon < end && *colon != ':' && *colon != '\0') {
        colon++;
    }
    if (colon == end || colon == at || *at == ' ' || *at == '\t') {
        return false;
    }
    *ret_header = (struct bus_header){ { at, (size_t)(colon - at) }, trim(colon + 1, end) };
    return true;
}

static const uint8_t *line_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
    return newline != NULL ? newline : end;
}

static bool has_version(struct bytes block)
{
    static const char version[] = "NATS/1.0";
    return block.length >= sizeof version - 1 && memcmp(block.at, version, sizeof version - 1) == 0;
}

bool wire_headers_parse(struct bytes block, struct bus_header *headers, size_t capacity, size_t *ret_count,
                        bool *ret_cut)
{
    size_t count = 0;
    bool cut = false;
    if (!has_version(block)) {
        return false;
    }
    const uint8_t *end = block.at + block.length;
    for (const uint8_t *at = line_end(block.at, end); at < end && !cut; at = line_end(at, end)) {
        at++;
        if (at == end || *at == '\r' || *at == '\n') {
            break;
        }
        struct bus_header header;
        if (!header_parse(at, line_end(at, end), &header)) {
            return false;
        }
        cut = count == capacity;
        if (!cut) {
            headers[count++] = header;
        }
    }
    *ret_count = count;
    *ret_cut = cut;
    return true;
}

bool wire_status_parse(struct bytes block, uint32_t *ret_code, struct bytes *ret_description)
{
    uint64_t code = 0;
    if (!has_version(block)) {
        return false;
    }
    struct bytes line = trim(block.at + 8, line_end(block.at, block.at + block.length));
    if (line.length < 3 || !wire_number_parse((struct bytes){ line.at, 3 }, &code)) {
        return false;
    }
    *ret_code = (uint32_t)code;
    *ret_description = trim(line.at + 3, line.at + line.length);
    return true;
}

bool wire_subject_valid(struct bytes subject, bool wildcards)
{
    bool token_empty = true;
    if (subject.length == 0 || subject.length > BUS_SUBJECT_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < subject.length; i++) {
        uint8_t byte = subject.at[i];
        if (byte <= ' ' || byte >= 0x7f || (!wildcards && (byte == '*' || byte == '>'))) {
            return false;
        }
        if (byte == '.' && token_empty) {
            return false;
        }
        token_empty = byte == '.';
    }
    return !token_empty;
}

bool wire_name_valid(struct bytes name)
{
    if (name.length == 0 || name.length > 255) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        if (name.at[i] <= ' ' || name.at[i] >= 0x7f || strchr(".*>/\\", name.at[i]) != NULL) {
            return false;
        }
    }
    return true;
}

bool wire_header_valid(struct bytes name, struct bytes value)
{
    if (name.length == 0) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        if (name.at[i] <= ' ' || name.at[i] >= 0x7f || name.at[i] == ':') {
            return false;
        }
    }
    for (size_t i = 0; i < value.length; i++) {
        if ((value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

bool wire_json_quote(struct bytes text, char *ret_text, size_t capacity)
{
    size_t used = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool escape = text.at[i] == '"' || text.at[i] == '\\';
        if (text.at[i] < ' ' || used + (escape ? 2u : 1u) >= capacity) {
            return false;
        }
        if (escape) {
            ret_text[used++] = '\\';
        }
        ret_text[used++] = (char)text.at[i];
    }
    if (used >= capacity) {
        return false;
    }
    ret_text[used] = '\0';
    return true;
}
