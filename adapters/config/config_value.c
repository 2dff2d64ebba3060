/* Values: from texts into members, by the kind and the bounds of their key. */
#include "adapters/config/config_internal.h"

#include <stdarg.h>
#include <string.h>

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static bool port_valid(const char *text)
{
    int64_t port;
    return config_read_integer(text, &port) && port >= 0 && port <= 65535;
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
                                   : config_read_integer(text, ret_number);
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
