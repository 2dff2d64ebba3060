/* The configuration: one table of keys (config_keys.h) from which come this struct, the YAML parser, defaults,
 * STEAD_... variables, `stead config check|print|schema` and docs/reference/config.md. A second table
 * (config_spellings.h) takes the keys of the original configuration.
 *
 * A value comes from, in this order: a flag, the environment, the file, the default; its origin is kept. What was given
 * and does not hold as it stands (two keys contradict each other, or a key has no effect here) is told in a note.
 * Units: durations are int64_t ns, sizes int64_t bytes. Texts are never NULL; "" means not set.
 *
 * Ownership: config_free() frees everything that the struct points to.
 * Errors: bool functions return false and fill `problems`, one line each: file:line:column: what is wrong and what to
 * do. Parsing goes on after a problem, so that one run shows them all (up to CONFIG_PROBLEMS_MAX).
 * Threads: no shared state; a loaded config is read-only. */
#ifndef STEAD_ADAPTERS_CONFIG_H
#define STEAD_ADAPTERS_CONFIG_H

#include "adapters/config/config_keys.h"
#include "adapters/config/config_spellings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CONFIG_PROBLEMS_MAX = 16,
    CONFIG_PROBLEM_BYTES = 320,
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
    CONFIG_NOTES_MAX = 32,
    CONFIG_CHANGES_MAX = 128,
};

struct config_problems {
    size_t count; /* may exceed CONFIG_PROBLEMS_MAX; the texts stop there */
    char text[CONFIG_PROBLEMS_MAX][CONFIG_PROBLEM_BYTES];
};

struct config_list {
    const char **items;
    size_t count;
};

struct config_pair {
    const char *name;
    const char *value;
};

struct config_pairs {
    struct config_pair *items;
    size_t count;
};

/* The order of the choices in config_keys.h. */
enum config_jitter { CONFIG_JITTER_FULL, CONFIG_JITTER_NONE, CONFIG_JITTER_EQUAL, CONFIG_JITTER_DECORRELATED };
enum manifest_jitter { MANIFEST_JITTER_INHERIT }; /* the others are enum config_jitter + 1 */
enum config_storage { CONFIG_STORAGE_FILE, CONFIG_STORAGE_MEMORY };
enum config_routing { CONFIG_ROUND_ROBIN, CONFIG_RANDOM, CONFIG_LEAST_LOADED, CONFIG_LEAST_CONNECTIONS };
enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };

struct config_book; /* private: memory, origins, notes */
struct config_origin;

#define CONFIG_TYPE_STRING    const char *
#define CONFIG_TYPE_BOOL      bool
#define CONFIG_TYPE_INTEGER   int64_t
#define CONFIG_TYPE_DURATION  int64_t
#define CONFIG_TYPE_SIZE      int64_t
#define CONFIG_TYPE_CPU       int64_t /* thousandths */
#define CONFIG_TYPE_LIST      struct config_list
#define CONFIG_TYPE_WORDS     struct config_list
#define CONFIG_TYPE_ADDRESS   const char *
#define CONFIG_TYPE_ADDRESSES struct config_list
#define CONFIG_TYPE_CHOICE    int
#define CONFIG_TYPE_PAIRS     struct config_pairs

/* An entry of queue.groups. Members that were not given hold defaults; manifest_inherit() knows which. */
struct config_group {
#define X(kind, path, member, default_text, min, max, choices, reload, doc) CONFIG_TYPE_##kind member;
    CONFIG_GROUP_KEYS(X)
#undef X
    const char *language; /* "go" */
    struct config_origin *origins;
};

struct config_groups {
    struct config_group *items;
    size_t count;
};

struct config {
#define X(kind, path, member, default_text, min, max, choices, reload, doc) CONFIG_TYPE_##kind member;
    CONFIG_KEYS(X)
#undef X
    struct config_groups queue_groups;
    struct config_book *book;
};

struct config_flag {
    const char *path; /* "grpc.listen" */
    const char *text;
    const char *flag; /* "--grpc", for messages */
};

struct config_sources {
    const char *file;               /* NULL: none */
    const char *const *environment; /* like environ; NULL: none */
    const struct config_flag *flags;
    size_t flag_count;
};

/* Loads and checks. On failure ret_config is untouched. The numbers fit together afterwards (see config_check.c). */
bool config_load(const struct config_sources *sources, struct config *ret_config, struct config_problems *problems);
/* The same from text in memory; `name` stands for the file in messages. */
bool config_load_text(const char *text, size_t length, const char *name, const struct config_sources *sources,
                      struct config *ret_config, struct config_problems *problems);
void config_free(struct config *config);

/* `stead config print`: every key with its effective value and origin, as YAML with comments or as JSON.
 * Secrets are not among the keys: credentials are named by file. */
void config_print(const struct config *config, FILE *out, bool json);
/* What was given and does not hold as it stands: "file:line: key: what holds instead, and why". */
size_t config_note_count(const struct config *config);
const char *config_note(const struct config *config, size_t index);
/* `stead config check`: one line a problem or note, or the JSON {"ok": ..., "problems": [...], "notes": [...]}.
 * config: NULL if there are problems. */
void config_check_print(const struct config_problems *problems, const struct config *config, FILE *out, bool json);
/* `stead config schema`: a JSON Schema (2020-12) of the file. */
void config_schema_print(FILE *out);
/* docs/reference/config.md */
void config_page_print(FILE *out);

/* What function.languages.<language>.version asks for, "" if nothing; and whether the line that a tool says of itself,
 * such as "go version go1.19.8 linux/amd64", names that version or one below it (1.19 names 1.19.8, not 1.190). */
const char *config_language_version(const struct config *config, const char *language);
bool config_version_named(const char *line, const char *version);

/* True if it is a key or another spelling of one, as --set takes it; otherwise ret_near is the nearest one or "". */
enum { CONFIG_NEAR_BYTES = 128 };
bool config_path_known(const char *path, char ret_near[CONFIG_NEAR_BYTES]);

/* ---- reload ---------------------------------------------------------------------------------------------------- */

struct config_change {
    const char *path;
    bool live; /* applies to a running service; otherwise after a restart */
    char from[48], to[48];
};

/* What differs, in the table's order; returns how many, at most CONFIG_CHANGES_MAX. */
size_t config_changes(const struct config *old, const struct config *new,
                      struct config_change ret_changes[CONFIG_CHANGES_MAX]);
/* Makes of a fresh config what can hold in a process that was started with `started`: keys that need a restart are put
 * back. False, with the rules that the mixture would break; then it must not be used. Afterwards `config` borrows texts
 * from `started`, which must live as long. */
bool config_keep_started(struct config *config, const struct config *started, struct config_problems *problems);

/* ---- the manifest of a function: stead.yaml beside its code --------------------------------------------------- */

struct manifest {
#define X(kind, path, member, default_text, min, max, choices, reload, doc) CONFIG_TYPE_##kind member;
    MANIFEST_KEYS(X)
#undef X
    struct config_book *book;
};

/* Reads a manifest. Keys that are not given take the daemon's defaults for functions of the manifest's language from
 * `defaults` (NULL: the table's). Name and language may be "": the deployer then takes the folder's name, looks at the
 * content, and calls manifest_inherit() once it knows the language. */
bool manifest_load_text(const char *text, size_t length, const char *name, const struct config *defaults,
                        struct manifest *ret_manifest, struct config_problems *problems);
/* Sets what the manifest does not give: from the queue group of the language, else from functions.*. Repeatable. */
void manifest_inherit(struct manifest *manifest, const struct config *defaults, const char *language);
/* After that: whether all attempts of a request end before queue.maxAge does; if not, `problems` says so. */
bool manifest_fits(const struct manifest *manifest, const struct config *config, const char *name,
                   struct config_problems *problems);
void manifest_free(struct manifest *manifest);
void manifest_schema_print(FILE *out);

#endif
