/* Loading: defaults, then the file, then the environment, then flags; each writes over the one before and leaves its
 * origin. Every source is checked, also where a later one overrides it: a mistake that is hidden today is a surprise
 * tomorrow. */
#include "adapters/config/config_internal.h"
#include "adapters/cloudevents/names.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void config_problem(struct config_problems *problems, const char *format, ...)
{
    if (problems->count < CONFIG_PROBLEMS_MAX) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(problems->text[problems->count], CONFIG_PROBLEM_BYTES, format, arguments);
        va_end(arguments);
    }
    problems->count++;
}

void config_defaults(const struct config_table *table, struct config_book *book, void *target)
{
    static _Thread_local struct config_raw raw;
    for (size_t i = 0; i < table->count; i++) {
        char why[CONFIG_WHY_BYTES];
        bool good = config_raw_of_text(&table->keys[i], table->keys[i].default_text, book, &raw) &&
                    config_value_read(&table->keys[i], &raw, book, target, why);
        assert(good);
        (void)good;
    }
}

/* One text from the environment or a flag. */
static void apply(const struct config_key *key, const char *text, struct config_origin origin, struct config *config,
                  struct config_problems *problems)
{
    static _Thread_local struct config_raw raw;
    char why[CONFIG_WHY_BYTES] = "no memory";
    if (!config_raw_of_text(key, text, config->book, &raw) ||
        !config_value_read(key, &raw, config->book, config, why)) {
        config_problem(problems, "%s (%s): %s", origin.where, key->path, why);
        return;
    }
    origin.where = config_book_copy(config->book, origin.where, strlen(origin.where));
    config->book->origins[key - config_table.keys] = origin;
}

static const char *environment_find(const char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
            return *environment + length + 1;
        }
    }
    return NULL;
}

/* Names that every NATS tool honours, after ours. */
static const char *environment_alias(const char *path)
{
    return strcmp(path, "nats.url") == 0 ? "NATS_URL" : strcmp(path, "nats.credentials") == 0 ? "NATS_CREDS" : NULL;
}

static void apply_environment(const struct config_sources *sources, struct config *config,
                              struct config_problems *problems)
{
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        char name[CONFIG_PATH_BYTES];
        config_environment_name(key->path, name);
        const char *where = name, *text = environment_find(sources->environment, name);
        const char *alias = environment_alias(key->path);
        if (text == NULL && alias != NULL && config->book->origins[i].source == CONFIG_FROM_DEFAULT) {
            where = alias;
            text = environment_find(sources->environment, alias);
        }
        if (text != NULL) {
            apply(key, text, (struct config_origin){ CONFIG_FROM_ENVIRONMENT, where }, config, problems);
        }
    }
}

static void apply_flags(const struct config_sources *sources, struct config *config, struct config_problems *problems)
{
    for (size_t i = 0; i < sources->flag_count; i++) {
        const struct config_flag *flag = &sources->flags[i];
        const struct config_key *key = config_key_find(&config_table, flag->path);
        assert(key != NULL);
        if (key != NULL) {
            apply(key, flag->text, (struct config_origin){ CONFIG_FROM_FLAG, flag->flag }, config, problems);
        }
    }
}

static bool load(const char *text, size_t length, const char *name, const struct config_sources *sources,
                 struct config *ret_config, struct config_problems *problems)
{
    struct config config = { .book = config_book_create() };
    size_t before = problems->count;
    if (config.book == NULL) {
        config_problem(problems, "no memory for the configuration");
        return false;
    }
    config_defaults(&config_table, config.book, &config);
    if (text != NULL) {
        config_yaml_read(text, length, name, &config_table, config.book, &config, problems);
    }
    apply_environment(sources, &config, problems);
    apply_flags(sources, &config, problems);
    if (problems->count == before) {
        config_check_values(&config, problems);
    }
    if (problems->count != before) {
        config_free(&config);
        return false;
    }
    *ret_config = config;
    return true;
}

bool config_load_text(const char *text, size_t length, const char *name, const struct config_sources *sources,
                      struct config *ret_config, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    return load(text, length, name, sources, ret_config, problems);
}

/* The whole file, NULL with a problem if it can't be read. */
static char *read_file(const char *path, size_t *ret_length, struct config_problems *problems)
{
    FILE *file = fopen(path, "rbe");
    char *text = file == NULL ? NULL : malloc(CONFIG_FILE_BYTES_MAX + 1);
    if (text == NULL) {
        config_problem(problems, "%s: can't be read: %s", path, strerror(errno));
    } else {
        *ret_length = fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, file);
        bool failed = ferror(file) != 0;
        if (failed || *ret_length > CONFIG_FILE_BYTES_MAX) {
            config_problem(problems, "%s: %s", path, failed ? "can't be read: is it a file?" : "is larger than 1 MiB");
            free(text);
            text = NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

bool config_load(const struct config_sources *sources, struct config *ret_config, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    if (sources->file == NULL) {
        return load(NULL, 0, "", sources, ret_config, problems);
    }
    size_t length = 0;
    char *text = read_file(sources->file, &length, problems);
    if (text == NULL) {
        return false;
    }
    bool good = load(text, length, sources->file, sources, ret_config, problems);
    free(text);
    return good;
}

void config_free(struct config *config)
{
    config_book_free(config->book);
    *config = (struct config){ 0 };
}

/* ---- the manifest ------------------------------------------------------------------------------------------------ */

static void manifest_inherit(struct manifest *manifest, const struct config *defaults)
{
#define INHERIT(path, member, from)                                                                                    \
    do {                                                                                                               \
        const struct config_key *key = config_key_find(&manifest_table, path);                                         \
        if (manifest->book->origins[key - manifest_table.keys].source == CONFIG_FROM_DEFAULT) {                        \
            manifest->member = defaults->from;                                                                         \
        }                                                                                                              \
    } while (0)
    INHERIT("spec.timeout", timeout_ns, functions_timeout_ns);
    INHERIT("spec.maxRetries", retries_max, functions_retries_max);
    INHERIT("spec.concurrency", concurrency, functions_concurrency);
    INHERIT("spec.maxWorkers", workers_max, functions_workers_max);
    INHERIT("spec.keepAlive", keep_alive_ns, functions_keep_alive_ns);
    INHERIT("spec.memory", memory_bytes, functions_memory_bytes);
#undef INHERIT
}

static bool variable_name_valid(const char *name)
{
    if (*name == '\0' || (*name >= '0' && *name <= '9')) {
        return false;
    }
    for (; *name != '\0'; name++) {
        bool letter = (*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z') || *name == '_';
        if (!letter && !(*name >= '0' && *name <= '9')) {
            return false;
        }
    }
    return true;
}

static void manifest_check(const struct manifest *manifest, const char *name, struct config_problems *problems)
{
    enum cloudevents_language language;
    /* Defaults are set through the table, which the analyser can't follow: texts are never NULL after it. */
    bool named = manifest->name != NULL && *manifest->name != '\0';
    if (named && !cloudevents_function_name_valid(bytes_of(manifest->name))) {
        config_problem(problems,
                       "%s: metadata.name: \"%.70s\" is no function name: use a-z, 0-9, _ and -, start with a letter, "
                       "at most %d",
                       name, manifest->name, CLOUDEVENTS_FUNCTION_BYTES_MAX);
    }
    bool spoken = manifest->language != NULL && *manifest->language != '\0';
    if (spoken && !cloudevents_language_find(bytes_of(manifest->language), &language)) {
        config_problem(problems, "%s: spec.language: \"%.40s\" is not one of bin, c, go, js, python", name,
                       manifest->language);
    }
    for (size_t i = 0; i < manifest->env.count; i++) {
        const char *variable = manifest->env.items[i].name;
        if (variable == NULL || !variable_name_valid(variable) || strncmp(variable, "STEAD_", 6) == 0) {
            config_problem(problems,
                           "%s: spec.env: \"%.60s\" is no variable name: use letters, digits and _, and no STEAD_ in "
                           "front",
                           name, variable == NULL ? "" : variable);
        }
    }
}

bool manifest_load_text(const char *text, size_t length, const char *name, const struct config *defaults,
                        struct manifest *ret_manifest, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    struct manifest manifest = { .book = config_book_create() };
    if (manifest.book == NULL) {
        config_problem(problems, "%s: no memory", name);
        return false;
    }
    config_defaults(&manifest_table, manifest.book, &manifest);
    if (length > CONFIG_FILE_BYTES_MAX) {
        config_problem(problems, "%s: is larger than 1 MiB", name);
    } else {
        config_yaml_read(text, length, name, &manifest_table, manifest.book, &manifest, problems);
    }
    manifest_check(&manifest, name, problems);
    if (problems->count > 0) {
        manifest_free(&manifest);
        return false;
    }
    if (defaults != NULL) {
        manifest_inherit(&manifest, defaults);
    }
    *ret_manifest = manifest;
    return true;
}

void manifest_free(struct manifest *manifest)
{
    config_book_free(manifest->book);
    *manifest = (struct manifest){ 0 };
}
