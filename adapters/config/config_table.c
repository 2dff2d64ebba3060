/* The tables of config_keys.h as data, and looking things up in them. */
#include "adapters/config/config_internal.h"

#include <stdlib.h>
#include <string.h>

static const struct config_key config_key_table[] = {
#define X(kind, path, member, default_text, min, max, choices, reload, doc)                                            \
    { CONFIG_##kind, path, offsetof(struct config, member), default_text, min, max, choices, CONFIG_##reload, doc },
    CONFIG_KEYS(X)
#undef X
};

static const struct config_key group_key_table[] = {
#define X(kind, path, member, default_text, min, max, choices, reload, doc)                                            \
    {                                                                                                                  \
        CONFIG_##kind,   path, offsetof(struct config_group, member), default_text, min, max, choices,                 \
        CONFIG_##reload, doc                                                                                           \
    },
    CONFIG_GROUP_KEYS(X)
#undef X
};

static const struct config_spelling spelling_table[] = {
#define X(how, path, target, why) { CONFIG_##how, path, target, why },
    CONFIG_SPELLINGS(X)
#undef X
};

static const struct config_key manifest_key_table[] = {
#define X(kind, path, member, default_text, min, max, choices, reload, doc)                                            \
    { CONFIG_##kind, path, offsetof(struct manifest, member), default_text, min, max, choices, CONFIG_##reload, doc },
    MANIFEST_KEYS(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
_Static_assert(COUNT(config_key_table) <= CONFIG_KEYS_MAX, "origins are one slot a key");

const struct config_table config_table = { "stead.yaml of the service", config_key_table, COUNT(config_key_table),
                                           spelling_table, COUNT(spelling_table) };
const struct config_table manifest_table = { "stead.yaml of a function", manifest_key_table, COUNT(manifest_key_table),
                                             NULL, 0 };
const struct config_table group_table = { "an entry of queue.groups", group_key_table, COUNT(group_key_table), NULL,
                                          0 };

const struct config_key *config_key_find(const struct config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->keys[i].path, path) == 0) {
            return &table->keys[i];
        }
    }
    return NULL;
}

/* Keys first, then other spellings. */
static size_t path_count(const struct config_table *table)
{
    return table->count + table->spelling_count;
}

static const char *path_at(const struct config_table *table, size_t index)
{
    return index < table->count ? table->keys[index].path : table->spellings[index - table->count].path;
}

bool config_section_known(const struct config_table *table, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < path_count(table); i++) {
        const char *known = path_at(table, i);
        if (strncmp(known, path, length) == 0 && known[length] == '.') {
            return true;
        }
    }
    return false;
}

bool config_path_known(const char *path, char ret_near[CONFIG_NEAR_BYTES])
{
    char section[CONFIG_PATH_BYTES];
    struct config_name name = config_name_find(&config_table, path);
    const char *near = config_nearest(&config_table, path, section);
    snprintf(ret_near, CONFIG_NEAR_BYTES, "%s", near == NULL ? "" : near);
    return name.key != NULL || name.spelling != NULL;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

void config_environment_name(const char *path, char ret_name[CONFIG_PATH_BYTES])
{
    size_t length = 6;
    memcpy(ret_name, "STEAD_", length);
    for (; *path != '\0' && length + 2 < CONFIG_PATH_BYTES; path++) {
        if (is_upper(*path)) {
            ret_name[length++] = '_';
        }
        char c = *path >= 'a' && *path <= 'z' ? (char)(*path - ('a' - 'A')) : *path;
        ret_name[length++] = c == '.' ? '_' : c;
    }
    ret_name[length] = '\0';
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance, two rows at a time; a difference in case alone counts nothing. */
static size_t distance(const char *a, const char *b)
{
    size_t row[CONFIG_PATH_BYTES + 1], length = strlen(b);
    if (strlen(a) > CONFIG_PATH_BYTES || length > CONFIG_PATH_BYTES) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];
            bool same = (a[i - 1] | 0x20) == (b[j - 1] | 0x20);
            row[j] = least(least(above, row[j - 1]) + 1, diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[length];
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL ? path : dot + 1;
}

const char *config_nearest(const struct config_table *table, const char *path, char ret_section[CONFIG_PATH_BYTES])
{
    const char *nearest = NULL;
    size_t best = least(3, (strlen(path) + 2) / 3) + 1; /* a third of it may be wrong */
    for (size_t i = 0; i < path_count(table); i++) {
        const char *known = path_at(table, i);
        size_t far = distance(path, known);
        if (far < best) {
            best = far;
            nearest = known;
        }
        for (const char *dot = strchr(known, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
            char section[CONFIG_PATH_BYTES] = { 0 };
            memcpy(section, known, (size_t)(dot - known));
            far = distance(path, section);
            if (far < best) {
                best = far;
                nearest = memcpy(ret_section, section, sizeof section);
            }
        }
    }
    for (size_t i = 0; nearest == NULL && i < path_count(table); i++) {
        if (strcmp(last_part(path), last_part(path_at(table, i))) == 0) {
            nearest = path_at(table, i); /* the right name in the wrong section */
        }
    }
    return nearest;
}

/* ---- the book ---------------------------------------------------------------------------------------------------- */

struct config_block {
    struct config_block *next;
    max_align_t memory[];
};

struct config_book *config_book_create(void)
{
    return calloc(1, sizeof(struct config_book));
}

void config_book_free(struct config_book *book)
{
    if (book == NULL) {
        return;
    }
    for (struct config_block *block = book->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(book);
}

void *config_book_allocate(struct config_book *book, size_t size)
{
    struct config_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->next = book->blocks;
    book->blocks = block;
    return block->memory;
}

char *config_book_copy(struct config_book *book, const char *text, size_t length)
{
    char *copy = config_book_allocate(book, length + 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}
