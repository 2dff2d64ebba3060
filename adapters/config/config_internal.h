/* What the files of this folder share: the table in memory, a value as text, and the book that owns a config's memory.
 *
 * A value is read in two steps: config_yaml.c (or the environment, a flag, the default) gives a struct config_raw,
 * texts without meaning; config_value.c turns it into the member that the key names. */
#ifndef STEAD_ADAPTERS_CONFIG_INTERNAL_H
#define STEAD_ADAPTERS_CONFIG_INTERNAL_H

#include "adapters/config/config.h"

enum config_kind {
    CONFIG_STRING,
    CONFIG_BOOL,
    CONFIG_INTEGER,
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_CPU,
    CONFIG_LIST,  /* each item once */
    CONFIG_WORDS, /* as written; may be empty */
    CONFIG_ADDRESS,
    CONFIG_ADDRESSES,
    CONFIG_CHOICE,
    CONFIG_PAIRS,
};

enum config_reload { CONFIG_LIVE, CONFIG_RESTART };

struct config_key {
    enum config_kind kind;
    const char *path;
    size_t offset; /* of the member in the struct */
    const char *default_text, *min, *max, *choices;
    enum config_reload reload;
    const char *doc;
};

enum config_how { CONFIG_SAME, CONFIG_LEAST, CONFIG_MOST, CONFIG_JOIN, CONFIG_FIXED, CONFIG_REFUSED, CONFIG_GROUPS };

struct config_spelling {
    enum config_how how;
    const char *path, *target, *why;
};

struct config_table {
    const char *title;
    const struct config_key *keys;
    size_t count;
    const struct config_spelling *spellings;
    size_t spelling_count;
};

extern const struct config_table config_table;
extern const struct config_table manifest_table;
extern const struct config_table group_table;

enum {
    CONFIG_KEYS_MAX = 128,
    CONFIG_PATH_BYTES = 128,
    CONFIG_WHY_BYTES = 160,
    CONFIG_ITEMS_MAX = 256,
    CONFIG_GROUPS_MAX = 16
};

enum config_shape { CONFIG_SCALAR, CONFIG_SEQUENCE, CONFIG_MAPPING };

/* Texts are borrowed from the book. */
struct config_raw {
    enum config_shape shape;
    bool empty; /* a plain scalar without text, "~" or null */
    size_t count;
    const char *names[CONFIG_ITEMS_MAX]; /* of a mapping */
    const char *items[CONFIG_ITEMS_MAX];
};

enum config_source { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_FLAG };

struct config_origin {
    enum config_source source;
    const char *where;                      /* "stead.yaml:3", "STEAD_GRPC_LISTEN", "--grpc"; NULL for a default */
    const struct config_spelling *spelling; /* NULL: by its own name */
};

struct config_block;
struct config_book {
    struct config_block *blocks;
    struct config_origin origins[CONFIG_KEYS_MAX];
    const char *notes[CONFIG_NOTES_MAX];
    size_t note_count;
};

/* What a path names: `key` is NULL if it is fixed, refused or the groups; both are NULL if nobody knows it. */
struct config_name {
    const struct config_key *key;
    const struct config_spelling *spelling;
};

/* Where values of one table go to. */
struct config_place {
    const struct config_table *table;
    void *target;
    struct config_origin *origins;
    struct config_book *book;
};

struct config_book *config_book_create(void);
void config_book_free(struct config_book *book);
/* Zeroed memory that lives as long as the book; NULL if there is none. */
void *config_book_allocate(struct config_book *book, size_t size);
char *config_book_copy(struct config_book *book, const char *text, size_t length);

/* Adds a note; what does not fit is counted nowhere: the table of notes holds one a rule. */
void config_add_note(struct config_book *book, const char *format, ...) __attribute__((format(printf, 2, 3)));
void config_problem(struct config_problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads `raw` into the key's member of `target`; on failure says why and leaves the member. */
bool config_value_read(const struct config_key *key, const struct config_raw *raw, struct config_book *book,
                       void *target, char ret_why[CONFIG_WHY_BYTES]);
/* Makes the raw form of one text, as defaults, environment and flags give it: "[a, b]" and "a, b" are lists. */
bool config_raw_of_text(const struct config_key *key, const char *text, struct config_book *book,
                        struct config_raw *ret_raw);
bool config_kind_is_list(enum config_kind kind);
bool config_read_integer(const char *text, int64_t *ret_number);
bool config_read_duration(const char *text, int64_t *ret_ns);
bool config_read_size(const char *text, int64_t *ret_bytes);
bool config_read_cpu(const char *text, int64_t *ret_milli);
void config_write_duration(int64_t ns, char *ret_text, size_t size);
void config_write_size(int64_t bytes, char *ret_text, size_t size);
void config_write_cpu(int64_t milli, char *ret_text, size_t size);
bool config_address_valid(const char *text, bool allow_unix);
bool config_address_loopback(const char *text); /* unix: counts as loopback */

/* Parses YAML text and sets the members it names in `place`. `groups`: NULL if the table has none. False if there was
 * any problem. */
bool config_yaml_read(const char *text, size_t length, const char *name, const struct config_place *place,
                      struct config_groups *groups, struct config_problems *problems);
/* The known key or section that is nearest to `path`, or NULL if none is near. */
const char *config_nearest(const struct config_table *table, const char *path, char ret_section[CONFIG_PATH_BYTES]);
struct config_name config_name_find(const struct config_table *table, const char *path);
/* Sets what `name` names, by the rules of config_spellings.h if it is set already from a source of the same rank. On
 * failure says why. */
bool config_apply(const struct config_place *place, struct config_name name, struct config_raw *raw,
                  struct config_origin origin, char ret_why[CONFIG_WHY_BYTES]);
const struct config_key *config_key_find(const struct config_table *table, const char *path);
bool config_section_known(const struct config_table *table, const char *path);
/* "grpc.maxInFlight" -> "STEAD_GRPC_MAX_IN_FLIGHT" */
void config_environment_name(const char *path, char ret_name[CONFIG_PATH_BYTES]);
/* Sets every member to its default; the table is ours, so a bad default is a bug. */
void config_defaults(const struct config_table *table, struct config_book *book, void *target);

/* Whether two members, wherever they are, hold the same. */
bool config_member_same(const struct config_key *key, const void *a, const void *b);
size_t config_member_bytes(const struct config_key *key);
void config_value_print(const struct config_key *key, const void *target, FILE *out);
/* As config_value_print() writes it, without quotation marks; cut to fit. */
void config_value_text(const struct config_key *key, const void *target, char *ret_text, size_t size);

/* Makes the values fit together and says what was made of them; problems where that can't be. */
void config_settle(struct config *config, struct config_problems *problems);
void config_settle_groups(struct config *config, struct config_problems *problems);
void config_note_group_retries(struct config *config);
/* maxRetries for functions of a group (NULL: of none) whose manifest says nothing. */
int64_t config_retries_of(const struct config *config, const struct config_group *group);
/* The spelling by which the key at `path` was given, or the path itself. */
const char *config_given_name(const struct config *config, const char *path);
const struct config_origin *config_origin_of(const struct config *config, const char *path);
void config_check_values(const struct config *config, struct config_problems *problems);
/* So many attempts of a request, one after another. */
struct config_attempts {
    int64_t count, timeout_ns;
    const char *keys;  /* how the problem names what both came from: " (functions.maxRetries) of functions.timeout" */
    const char *group; /* NULL: of none */
};
/* Whether queue.maxAge is longer than they take; if not, says so, beginning with `file` ("": none). */
bool config_outlives(const struct config *config, const char *file, const struct config_attempts *attempts,
                     struct config_problems *problems);
void config_json_text(FILE *out, const char *text);

#endif
