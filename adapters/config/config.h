/* The configuration: one table of keys (config_keys.h) from which come this struct, the YAML parser, defaults,
 * STEAD_... variables, `stead config check|print|schema` and docs/reference/config.md.
 *
 * A value comes from, in this order: a flag, the environment, the file, the default; its origin is kept.
 * Units: durations are int64_t ns, sizes int64_t bytes. Texts are never NULL; "" means not set.
 *
 * Ownership: config_free() frees everything that the struct points to.
 * Errors: bool functions return false and fill `problems`, one line each: file:line:column: what is wrong and what to
 * do. Parsing goes on after a problem, so that one run shows them all (up to CONFIG_PROBLEMS_MAX).
 * Threads: no shared state; a loaded config is read-only. */
#ifndef STEAD_ADAPTERS_CONFIG_H
#define STEAD_ADAPTERS_CONFIG_H

#include "adapters/config/config_keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_PROBLEMS_MAX = 16, CONFIG_PROBLEM_BYTES = 320, CONFIG_FILE_BYTES_MAX = 1024 * 1024 };

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
enum config_storage { CONFIG_STORAGE_FILE, CONFIG_STORAGE_MEMORY };
enum config_routing { CONFIG_ROUND_ROBIN, CONFIG_RANDOM, CONFIG_LEAST_LOADED, CONFIG_LEAST_CONNECTIONS };
enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };

struct config_book; /* private: memory and origins */

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

struct config {
#define X(kind, path, member, default_text, min, max, choices, reload, doc) CONFIG_TYPE_##kind member;
    CONFIG_KEYS(X)
#undef X
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
/* `stead config check`: one line a problem, or the JSON {"ok": ..., "problems": [...]}. */
void config_check_print(const struct config_problems *problems, FILE *out, bool json);
/* `stead config schema`: a JSON Schema (2020-12) of the file. */
void config_schema_print(FILE *out);
/* docs/reference/config.md */
void config_page_print(FILE *out);
/* Which changed keys need a restart: writes their paths into `problems`; true if every change can be applied live. */
bool config_reloadable(const struct config *old, const struct config *new, struct config_problems *problems);

/* ---- the manifest of a function: stead.yaml beside its code --------------------------------------------------- */

struct manifest {
#define X(kind, path, member, default_text, min, max, choices, reload, doc) CONFIG_TYPE_##kind member;
    MANIFEST_KEYS(X)
#undef X
    struct config_book *book;
};

/* Reads a manifest. Keys that are not given take the daemon's function defaults from `defaults` (NULL: the table's).
 * Name and language may be "" : the deployer then takes the folder's name and looks at the content. */
bool manifest_load_text(const char *text, size_t length, const char *name, const struct config *defaults,
                        struct manifest *ret_manifest, struct config_problems *problems);
void manifest_free(struct manifest *manifest);
void manifest_schema_print(FILE *out);

#endif
