/* Values: from texts into members. Durations follow Go ("1h30m", "250ms"; a unit is needed except for 0), sizes the
 * quantities of Kubernetes ("512Mi", "1.5G", at most three decimals); both are fixed-point integers from end to end. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t size;
};

static const struct unit duration_units[] = {
    { "ns", 1 },         { "us", 1000 },       { "\xc2\xb5s", 1000 },  { "ms", 1000000 },
    { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }, { NULL, 0 },
};

static const struct unit size_units[] = {
    { "", 1 },
    { "k", 1000 },
    { "M", 1000000 },
    { "G", 1000000000 },
    { "T", 1000000000000 },
    { "Ki", INT64_C(1) << 10 },
    { "Mi", INT64_C(1) << 20 },
    { "Gi", INT64_C(1) << 30 },
    { "Ti", INT64_C(1) << 40 },
    { NULL, 0 },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with an optional fraction: the whole part and the fraction as `fraction / scale`. */
static bool read_number(const char **text, int64_t *ret_whole, int64_t *ret_fraction, int64_t *ret_scale)
{
    const char *at = *text;
    int64_t whole = 0, fraction = 0, scale = 1;
    if (!is_digit(*at)) {
        return false;
    }
    for (; is_digit(*at); at++) {
        if (whole > (INT64_MAX - 9) / 10) {
            return false;
        }
        whole = whole * 10 + (*at - '0');
    }
    if (*at == '.') {
        for (at++; is_digit(*at); at++) {
            if (scale == 1000000000) {
                return false;
            }
            fraction = fraction * 10 + (*at - '0');
            scale *= 10;
        }
        if (scale == 1) {
            return false;
        }
    }
    *text = at;
    *ret_whole = whole;
    *ret_fraction = fraction;
    *ret_scale = scale;
    return true;
}

/* whole.fraction * unit, if it is an integer that fits. */
static bool scale_number(int64_t whole, int64_t fraction, int64_t scale, int64_t unit, int64_t *ret_value)
{
    int64_t large, part;
    if (__builtin_mul_overflow(whole, unit, &large) || __builtin_mul_overflow(fraction, unit, &part) ||
        part % scale != 0) {
        return false;
    }
    return !__builtin_add_overflow(large, part / scale, ret_value);
}

static const struct unit *unit_find(const struct unit *units, const char *text, size_t length)
{
    for (; units->name != NULL; units++) {
        if (strlen(units->name) == length && memcmp(units->name, text, length) == 0) {
            return units;
        }
    }
    return NULL;
}

bool config_read_duration(const char *text, int64_t *ret_ns)
{
    int64_t total = 0;
    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return true;
    }
    if (*text == '\0') {
        return false;
    }
    while (*text != '\0') {
        int64_t whole, fraction, scale, ns;
        if (!read_number(&text, &whole, &fraction, &scale)) {
            return false;
        }
        size_t length = 0;
        while (text[length] != '\0' && !is_digit(text[length]) && text[length] != '.') {
            length++;
        }
        const struct unit *unit = unit_find(duration_units, text, length);
        if (unit == NULL || !scale_number(whole, fraction, scale, unit->size, &ns) ||
            __builtin_add_overflow(total, ns, &total)) {
            return false;
        }
        text += length;
    }
    *ret_ns = total;
    return true;
}

bool config_read_size(const char *text, int64_t *ret_bytes)
{
    int64_t whole, fraction, scale;
    if (!read_number(&text, &whole, &fraction, &scale) || scale > 1000) {
        return false;
    }
    const struct unit *unit = unit_find(size_units, text, strlen(text));
    return unit != NULL && scale_number(whole, fraction, scale, unit->size, ret_bytes);
}

bool config_read_cpu(const char *text, int64_t *ret_milli)
{
    int64_t whole, fraction, scale;
    if (!read_number(&text, &whole, &fraction, &scale) || scale > 1000 || (*text != '\0' && strcmp(text, "m") != 0)) {
        return false;
    }
    return scale_number(whole, fraction, scale, *text == 'm' ? 1 : 1000, ret_milli);
}

void config_write_duration(int64_t ns, char *ret_text, size_t size)
{
    static const struct unit order[] = { { "h", 3600000000000 }, { "m", 60000000000 }, { "s", 1000000000 },
                                         { "ms", 1000000 },      { "us", 1000 },       { "ns", 1 } };
    size_t length = 0;
    ret_text[0] = '\0';
    if (ns == 0) {
        snprintf(ret_text, size, "0");
    }
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        int64_t count = ns / order[i].size;
        if (count > 0 && length < size) {
            length += (size_t)snprintf(ret_text + length, size - length, "%" PRId64 "%s", count, order[i].name);
        }
        ns %= order[i].size;
    }
}

void config_write_size(int64_t bytes, char *ret_text, size_t size)
{
    static const char *const names[] = { "", "Ki", "Mi", "Gi", "Ti" };
    size_t power = 0;
    while (power < 4 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        power++;
    }
    snprintf(ret_text, size, "%" PRId64 "%s", bytes, names[power]);
}

void config_write_cpu(int64_t milli, char *ret_text, size_t size)
{
    bool whole = milli % 1000 == 0;
    snprintf(ret_text, size, whole ? "%" PRId64 : "%" PRId64 "m", whole ? milli / 1000 : milli);
}

static bool read_integer(const char *text, int64_t *ret_number)
{
    bool negative = *text == '-';
    const char *digits = text + (negative ? 1 : 0);
    int64_t number, fraction, scale;
    const char *end = digits;
    if ((digits[0] == '0' && digits[1] != '\0') || !read_number(&end, &number, &fraction, &scale) || scale != 1 ||
        *end != '\0') {
        return false;
    }
    *ret_number = negative ? -number : number;
    return true;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static bool port_valid(const char *text)
{
    int64_t port;
    return read_integer(text, &port) && port >= 0 && port <= 65535;
}

bool config_address_valid(const char *text, bool allow_unix)
{
    if (strncmp(text, "unix:", 5) == 0) {
        return allow_unix && text[5] == '/' && strlen(text + 5) < 108; /* sizeof sockaddr_un.sun_path */
    }
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || !port_valid(colon + 1) || strlen(text) > 80) {
        return false;
    }
    size_t length = (size_t)(colon - text);
    bool bracketed = text[0] == '[' && text[length - 1] == ']' && length > 2;
    return (bracketed || memchr(text, ':', length) == NULL) && strpbrk(text, " \t/") == NULL;
}

bool config_address_loopback(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 || strncmp(text, "127.", 4) == 0 || strncmp(text, "localhost:", 10) == 0 ||
           strncmp(text, "[::1]:", 6) == 0;
}

/* ---- reading by kind --------------------------------------------------------------------------------------------- */

static bool say(char ret_why[CONFIG_WHY_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(char ret_why[CONFIG_WHY_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, CONFIG_WHY_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool read_by_kind(enum config_kind kind, const char *text, int64_t *ret_number)
{
    return kind == CONFIG_DURATION ? config_read_duration(text, ret_number)
           : kind == CONFIG_SIZE   ? config_read_size(text, ret_number)
           : kind == CONFIG_CPU    ? config_read_cpu(text, ret_number)
                                   : read_integer(text, ret_number);
}

static bool read_quantity(const struct config_key *key, const char *text, void *member, char *ret_why)
{
    const char *form = key->kind == CONFIG_DURATION ? "a duration such as 30s, 250ms or 1h30m"
                       : key->kind == CONFIG_SIZE   ? "a size such as 512Mi or 64Ki"
                       : key->kind == CONFIG_CPU    ? "a number of CPUs such as 2, 0.5 or 500m"
                                                    : "a whole number";
    int64_t number, bound;
    if (!read_by_kind(key->kind, text, &number)) {
        return say(ret_why, "\"%.40s\" is not %s", text, form);
    }
    if (*key->min != '\0' && read_by_kind(key->kind, key->min, &bound) && number < bound) {
        return say(ret_why, "%.40s is too small: the least is %s", text, key->min);
    }
    if (*key->max != '\0' && read_by_kind(key->kind, key->max, &bound) && number > bound) {
        return say(ret_why, "%.40s is too large: the most is %s", text, key->max);
    }
    *(int64_t *)member = number;
    return true;
}

/* The index of `text` among "a|b|c", or -1. */
static int choice_index(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (int i = 0;; i++) {
        size_t part = strcspn(choices, "|");
        if (part == length && memcmp(choices, text, part) == 0) {
            return i;
        }
        if (choices[part] == '\0') {
            return -1;
        }
        choices += part + 1;
    }
}

static bool read_list(const struct config_key *key, const struct config_raw *raw, struct config_book *book,
                      struct config_list *member, char *ret_why)
{
    const char **items = config_book_allocate(book, (raw->count + 1) * sizeof *items);
    if (items == NULL) {
        return say(ret_why, "no memory for the list");
    }
    if (raw->count == 0 && key->kind != CONFIG_WORDS) {
        return say(ret_why, "the list is empty: name at least one");
    }
    for (size_t i = 0; i < raw->count; i++) {
        const char *item = raw->items[i];
        if (key->kind == CONFIG_ADDRESSES && !config_address_valid(item, true)) {
            return say(ret_why, "\"%.60s\" is no address: write host:port or unix:/path", item);
        }
        if (*key->choices != '\0' && choice_index(key->choices, item) < 0) {
            return say(ret_why, "\"%.40s\" is not one of %s", item, key->choices);
        }
        for (size_t j = 0; j < i && key->kind != CONFIG_WORDS; j++) {
            if (strcmp(items[j], item) == 0) {
                return say(ret_why, "\"%.40s\" is listed twice", item);
            }
        }
        items[i] = item;
    }
    *member = (struct config_list){ items, raw->count };
    return true;
}

static bool read_pairs(const struct config_raw *raw, struct config_book *book, struct config_pairs *member,
                       char *ret_why)
{
    struct config_pair *items = config_book_allocate(book, (raw->count + 1) * sizeof *items);
    if (items == NULL) {
        return say(ret_why, "no memory for the mapping");
    }
    size_t count = raw->shape == CONFIG_MAPPING ? raw->count : 0; /* "env:" without a value is an empty scalar */
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct config_pair){ raw->names[i], raw->items[i] };
    }
    *member = (struct config_pairs){ items, count };
    return true;
}

static bool read_scalar(const struct config_key *key, const char *text, void *member, char *ret_why)
{
    switch (key->kind) {
    case CONFIG_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return say(ret_why, "\"%.40s\" is neither true nor false", text);
        }
        *(bool *)member = text[0] == 't';
        return true;
    case CONFIG_CHOICE:
        if (choice_index(key->choices, text) < 0) {
            return say(ret_why, "\"%.40s\" is not one of %s", text, key->choices);
        }
        *(int *)member = choice_index(key->choices, text);
        return true;
    case CONFIG_ADDRESS:
        if (!config_address_valid(text, false)) {
            return say(ret_why, "\"%.60s\" is no address: write host:port, such as 127.0.0.1:7601", text);
        }
        *(const char **)member = text;
        return true;
    case CONFIG_STRING:
        *(const char **)member = text;
        return true;
    default:
        return read_quantity(key, text, member, ret_why);
    }
}

bool config_kind_is_list(enum config_kind kind)
{
    return kind == CONFIG_LIST || kind == CONFIG_WORDS || kind == CONFIG_ADDRESSES;
}

bool config_value_read(const struct config_key *key, const struct config_raw *raw, struct config_book *book,
                       void *target, char ret_why[CONFIG_WHY_BYTES])
{
    void *member = (char *)target + key->offset;
    bool list = config_kind_is_list(key->kind);
    if (raw->empty && key->kind != CONFIG_PAIRS) {
        return say(ret_why, "has no value: write one, or remove the key to get %s",
                   *key->default_text == '\0' ? "the default" : key->default_text);
    }
    if (key->kind == CONFIG_PAIRS) {
        return raw->shape == CONFIG_MAPPING || raw->empty ? read_pairs(raw, book, member, ret_why)
                                                          : say(ret_why, "must be a mapping of names to values");
    }
    if (list) {
        return raw->shape == CONFIG_MAPPING ? say(ret_why, "must be a list such as [a, b]")
                                            : read_list(key, raw, book, member, ret_why);
    }
    return raw->shape == CONFIG_SCALAR ? read_scalar(key, raw->items[0], member, ret_why)
                                       : say(ret_why, "must be one value, not a list or a mapping");
}

/* ---- one text ---------------------------------------------------------------------------------------------------- */

static const char *copy_item(const char *at, size_t length, struct config_book *book)
{
    while (length > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        length--;
    }
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t')) {
        length--;
    }
    if (length >= 2 && (at[0] == '"' || at[0] == '\'') && at[length - 1] == at[0]) {
        at++;
        length -= 2;
    }
    return config_book_copy(book, at, length);
}

bool config_raw_of_text(const struct config_key *key, const char *text, struct config_book *book,
                        struct config_raw *ret_raw)
{
    bool list = config_kind_is_list(key->kind);
    size_t length = strlen(text);
    ret_raw->count = 0;
    ret_raw->empty = key->kind == CONFIG_PAIRS;
    ret_raw->shape = key->kind == CONFIG_PAIRS ? CONFIG_MAPPING : list ? CONFIG_SEQUENCE : CONFIG_SCALAR;
    if (!list) {
        ret_raw->items[0] = config_book_copy(book, text, length);
        ret_raw->count = key->kind == CONFIG_PAIRS ? 0 : 1;
        return ret_raw->items[0] != NULL;
    }
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') { /* "[::1]:7600" ends in a digit */
        text++;
        length -= 2;
    }
    for (const char *end = text + length; text < end && ret_raw->count < CONFIG_ITEMS_MAX;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t part = comma == NULL ? (size_t)(end - text) : (size_t)(comma - text);
        ret_raw->items[ret_raw->count] = copy_item(text, part, book);
        if (ret_raw->items[ret_raw->count++] == NULL) {
            return false;
        }
        text += part + 1;
    }
    return true;
}
