/* Quantities: durations follow Go ("1h30m", "250ms"; a unit is needed except for 0), sizes and CPUs the quantities of
 * Kubernetes ("512Mi", "1.5G", "500m", at most three decimals). All are fixed-point integers from end to end. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
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

bool config_read_integer(const char *text, int64_t *ret_number)
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
