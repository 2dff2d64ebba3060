/* The small grammars inside attribute values: UTF-8, media types, RFC 3339 times, URIs and base64. All are strict,
 * ASCII by table or range, independent of the locale, and read each byte once. */
#include "adapters/cloudevents/internal.h"

#include <string.h>

size_t cloudevents_utf8_next(const uint8_t *at, size_t left, uint32_t *ret_code)
{
    uint8_t lead = at[0];
    if (lead < 0x80) {
        *ret_code = lead;
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length) {
        return 0;
    }
    uint32_t code = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    *ret_code = code;
    return length;
}

bool cloudevents_utf8_valid(struct bytes text)
{
    size_t at = 0;
    while (at < text.length) {
        uint32_t code;
        size_t length = cloudevents_utf8_next(text.at + at, text.length - at, &code);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static bool is_alpha(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(uint8_t c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static bool is_token(uint8_t c)
{
    return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
}

struct bytes cloudevents_trim(struct bytes text)
{
    while (text.length > 0 && is_one_of(text.at[0], " \t")) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && is_one_of(text.at[text.length - 1], " \t")) {
        text.length--;
    }
    return text;
}

/* ---- media types: token "/" token *( ";" token "=" ( token | quoted ) ) -------------------------------------------
 */

static bool skip_token(struct bytes text, size_t *at)
{
    size_t start = *at;
    while (*at < text.length && is_token(text.at[*at])) {
        (*at)++;
    }
    return *at > start;
}

static bool skip_character(struct bytes text, size_t *at, uint8_t c)
{
    if (*at >= text.length || text.at[*at] != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool skip_quoted(struct bytes text, size_t *at)
{
    if (!skip_character(text, at, '"')) {
        return false;
    }
    while (*at < text.length && text.at[*at] != '"') {
        *at += text.at[*at] == '\\' ? 2 : 1;
    }
    return skip_character(text, at, '"');
}

static void skip_blanks(struct bytes text, size_t *at)
{
    while (*at < text.length && is_one_of(text.at[*at], " \t")) {
        (*at)++;
    }
}

bool cloudevents_media_type_valid(struct bytes text)
{
    size_t at = 0;
    if (!skip_token(text, &at) || !skip_character(text, &at, '/') || !skip_token(text, &at)) {
        return false;
    }
    for (skip_blanks(text, &at); at < text.length; skip_blanks(text, &at)) {
        if (!skip_character(text, &at, ';')) {
            return false;
        }
        skip_blanks(text, &at);
        if (at == text.length) {
            return true; /* a trailing ';' is common and harmless */
        }
        if (!skip_token(text, &at) || !skip_character(text, &at, '=') ||
            !(skip_token(text, &at) || skip_quoted(text, &at))) {
            return false;
        }
    }
    return true;
}

struct bytes cloudevents_media_type_essence(struct bytes text)
{
    const uint8_t *end = text.length == 0 ? NULL : memchr(text.at, ';', text.length);
    return cloudevents_trim((struct bytes){ text.at, end == NULL ? text.length : (size_t)(end - text.at) });
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length &&
           bytes_equal_text_nocase((struct bytes){ text.at + text.length - length, length }, end);
}

bool cloudevents_is_json(struct bytes media_type)
{
    struct bytes essence = cloudevents_media_type_essence(media_type);
    return ends_with(essence, "/json") || ends_with(essence, "+json");
}

bool cloudevents_is_text(struct bytes media_type)
{
    struct bytes essence = cloudevents_media_type_essence(media_type);
    bool text = essence.length > 5 && bytes_equal_text_nocase((struct bytes){ essence.at, 5 }, "text/");
    return text || cloudevents_is_json(essence) || ends_with(essence, "/xml") || ends_with(essence, "+xml");
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static bool read_digits(struct bytes text, size_t *at, size_t count, int *ret_number)
{
    int number = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        if (*at >= text.length || !is_digit(text.at[*at])) {
            return false;
        }
        number = number * 10 + (text.at[*at] - '0');
    }
    *ret_number = number;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; years start in March, so that a leap day is the last. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static bool read_date(struct bytes text, size_t *at, int64_t *ret_days)
{
    int year, month, day;
    if (!read_digits(text, at, 4, &year) || !skip_character(text, at, '-') || !read_digits(text, at, 2, &month) ||
        !skip_character(text, at, '-') || !read_digits(text, at, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *ret_days = days_from_date(year, month, day);
    return true;
}

static bool read_clock(struct bytes text, size_t *at, int *ret_seconds)
{
    int hour, minute, second;
    if (!read_digits(text, at, 2, &hour) || !skip_character(text, at, ':') || !read_digits(text, at, 2, &minute) ||
        !skip_character(text, at, ':') || !read_digits(text, at, 2, &second)) {
        return false;
    }
    *ret_seconds = hour * 3600 + minute * 60 + second;
    return hour <= 23 && minute <= 59 && second <= 60; /* 60: a leap second */
}

static bool read_fraction(struct bytes text, size_t *at, int32_t *ret_nanoseconds)
{
    *ret_nanoseconds = 0;
    if (!skip_character(text, at, '.')) {
        return true;
    }
    size_t start = *at;
    int32_t unit = 100000000;
    for (; *at < text.length && is_digit(text.at[*at]); (*at)++, unit /= 10) {
        *ret_nanoseconds += (text.at[*at] - '0') * unit;
    }
    return *at > start;
}

static bool read_offset(struct bytes text, size_t *at, int *ret_seconds)
{
    *ret_seconds = 0;
    if (*at >= text.length) {
        return false;
    }
    uint8_t sign = text.at[(*at)++];
    if (sign == 'Z' || sign == 'z') {
        return true;
    }
    int hour, minute;
    if ((sign != '+' && sign != '-') || !read_digits(text, at, 2, &hour) || !skip_character(text, at, ':') ||
        !read_digits(text, at, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ret_seconds = (hour * 3600 + minute * 60) * (sign == '-' ? -1 : 1);
    return true;
}

bool cloudevents_time_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanoseconds)
{
    size_t at = 0;
    int64_t days;
    int clock, offset;
    int32_t nanoseconds;
    if (!read_date(text, &at, &days) || !(skip_character(text, &at, 'T') || skip_character(text, &at, 't'))) {
        return false;
    }
    if (!read_clock(text, &at, &clock) || !read_fraction(text, &at, &nanoseconds) || !read_offset(text, &at, &offset) ||
        at != text.length) {
        return false;
    }
    *ret_seconds = days * 86400 + clock - offset;
    *ret_nanoseconds = nanoseconds;
    return true;
}

bool cloudevents_time_valid(struct bytes text)
{
    int64_t seconds;
    int32_t nanoseconds;
    return cloudevents_time_read(text, &seconds, &nanoseconds);
}

/* ---- URIs: the characters of RFC 3986 and its rule for the first colon --------------------------------------------
 */

static size_t scheme_length(struct bytes text)
{
    size_t at = 0;
    while (at < text.length &&
           (is_alpha(text.at[at]) || (at > 0 && (is_digit(text.at[at]) || is_one_of(text.at[at], "+-."))))) {
        at++;
    }
    return at > 0 && at < text.length && text.at[at] == ':' ? at : 0;
}

static bool uri_characters_valid(struct bytes text)
{
    bool fragment = false;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.at[i];
        if (c == '%') {
            if (text.length - i < 3 || !is_hex(text.at[i + 1]) || !is_hex(text.at[i + 2])) {
                return false;
            }
        } else if (c == '#') {
            if (fragment) {
                return false;
            }
            fragment = true;
        } else if (!is_alpha(c) && !is_digit(c) && !is_one_of(c, "-._~:/?[]@!$&'()*+,;=")) {
            return false;
        }
    }
    return true;
}

bool cloudevents_uri_reference_valid(struct bytes text)
{
    if (!uri_characters_valid(text)) {
        return false;
    }
    for (size_t i = 0; i < text.length && !is_one_of(text.at[i], "/?#"); i++) {
        if (text.at[i] == ':') {
            return scheme_length(text) > 0; /* a colon in the first segment ends a scheme */
        }
    }
    return true;
}

bool cloudevents_uri_absolute_valid(struct bytes text)
{
    return scheme_length(text) > 0 && uri_characters_valid(text);
}
