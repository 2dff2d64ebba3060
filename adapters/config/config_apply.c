/* Setting one key from one source. A key may have several spellings; a source of higher rank writes over what a lower
 * one said, whatever the spelling, while two spellings from sources of the same rank must agree, or their row in
 * config_spellings.h says which one holds. */
#include "adapters/config/config_internal.h"

#include <stdarg.h>
#include <string.h>

enum { NOTE_BYTES = 512, TEXT_BYTES = 64, MEMBER_BYTES_MAX = 32 };

void config_add_note(struct config_book *book, const char *format, ...)
{
    char text[NOTE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = config_book_copy(book, text, strlen(text));
    if (copy != NULL && book->note_count < CONFIG_NOTES_MAX) {
        book->notes[book->note_count++] = copy;
    }
}

struct config_name config_name_find(const struct config_table *table, const char *path)
{
    struct config_name name = { .key = config_key_find(table, path) };
    for (size_t i = 0; name.key == NULL && name.spelling == NULL && i < table->spelling_count; i++) {
        if (strcmp(table->spellings[i].path, path) == 0) {
            name.spelling = &table->spellings[i];
        }
    }
    if (name.spelling != NULL && name.spelling->how < CONFIG_FIXED) {
        name.key = config_key_find(table, name.spelling->target);
    }
    return name;
}

static bool say(char ret_why[CONFIG_WHY_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(char ret_why[CONFIG_WHY_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, CONFIG_WHY_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool apply_fixed(const struct config_spelling *spelling, const struct config_raw *raw, char *ret_why)
{
    if (spelling->how == CONFIG_GROUPS) {
        return say(ret_why, "can be given in the file only");
    }
    if (spelling->how == CONFIG_REFUSED) {
        return say(ret_why, "%s", spelling->why);
    }
    return (raw->shape == CONFIG_SCALAR && strcmp(raw->items[0], spelling->target) == 0) ||
           say(ret_why, "is always \"%s\" (%s): remove the key", spelling->target, spelling->why);
}

/* "[a, b]" as "a,b". */
static bool join(struct config_raw *raw, struct config_book *book)
{
    size_t length = 0;
    for (size_t i = 0; i < raw->count; i++) {
        length += strlen(raw->items[i]) + 1;
    }
    char *text = config_book_allocate(book, length + 1), *at = text;
    for (size_t i = 0; text != NULL && i < raw->count; i++) {
        size_t part = strlen(raw->items[i]);
        memcpy(at, raw->items[i], part);
        at += part;
        *at++ = i + 1 < raw->count ? ',' : '\0';
    }
    raw->shape = CONFIG_SCALAR;
    raw->items[0] = text;
    raw->count = 1;
    return text != NULL;
}

static enum config_how rule_of(const struct config_spelling *one, const struct config_spelling *other)
{
    enum config_how a = one == NULL ? CONFIG_SAME : one->how, b = other == NULL ? CONFIG_SAME : other->how;
    return a == CONFIG_LEAST || a == CONFIG_MOST ? a : b;
}

static int64_t number_of(const struct config_key *key, const void *member)
{
    return key->kind == CONFIG_CHOICE ? *(const int *)member : *(const int64_t *)member;
}

/* Two spellings differ: `before` is what the first said, the target holds what the second says. */
static bool decide(const struct config_place *place, const struct config_key *key, const void *before,
                   const struct config_origin *first, const struct config_origin *second, char *ret_why)
{
    enum config_how rule = rule_of(first->spelling, second->spelling);
    const char *one = first->spelling == NULL ? key->path : first->spelling->path;
    const char *other = second->spelling == NULL ? key->path : second->spelling->path;
    char now_text[TEXT_BYTES], before_text[TEXT_BYTES], holds[TEXT_BYTES];
    void *member = (char *)place->target + key->offset;
    struct config_key bare = *key;
    bare.offset = 0;
    config_value_text(&bare, before, before_text, sizeof before_text);
    config_value_text(key, place->target, now_text, sizeof now_text);
    if (rule != CONFIG_LEAST && rule != CONFIG_MOST) {
        memcpy(member, before, config_member_bytes(key));
        return say(ret_why, "says %s, but %s (%s) says %s, and they mean the same: keep one", now_text, one,
                   first->where, before_text);
    }
    bool keep_before = rule == CONFIG_LEAST ? number_of(key, before) < number_of(key, member)
                                            : number_of(key, before) > number_of(key, member);
    if (keep_before) {
        memcpy(member, before, config_member_bytes(key));
    } else {
        place->origins[key - place->table->keys] = *second;
    }
    config_value_text(key, place->target, holds, sizeof holds);
    const struct config_spelling *why = second->spelling != NULL ? second->spelling : first->spelling;
    config_add_note(place->book, "%s: %s %s and %s %s: %s; %s holds (%s)", second->where, one, before_text, other,
                    now_text, why->why, holds, key->path);
    return true;
}

bool config_apply(const struct config_place *place, struct config_name name, struct config_raw *raw,
                  struct config_origin origin, char ret_why[CONFIG_WHY_BYTES])
{
    if (name.key == NULL) {
        return apply_fixed(name.spelling, raw, ret_why);
    }
    const struct config_key *key = name.key;
    struct config_origin *mine = &place->origins[key - place->table->keys], first = *mine;
    char before[MEMBER_BYTES_MAX];
    void *member = (char *)place->target + key->offset;
    memcpy(before, member, config_member_bytes(key));
    if (name.spelling != NULL && name.spelling->how == CONFIG_JOIN && raw->shape == CONFIG_SEQUENCE &&
        !join(raw, place->book)) {
        return say(ret_why, "no memory");
    }
    if (!config_value_read(key, raw, place->book, place->target, ret_why)) {
        return false;
    }
    origin.spelling = name.spelling;
    bool again = first.source == origin.source && first.spelling != origin.spelling;
    if (again && !config_member_same(key, before, member)) {
        return decide(place, key, before, &first, &origin, ret_why);
    }
    *mine = origin;
    return true;
}
