/* Loading: defaults, then the file, then the environment, then flags; each writes over the one before and leaves its
 * origin. Every source is checked, also where a later one overrides it: a mistake that is hidden today is a surprise
 * tomorrow. */
#include "adapters/config/config_internal.h"

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
static void apply(const char *path, const char *text, struct config_origin origin, struct config *config,
                  struct config_problems *problems)
{
    static _Thread_local struct config_raw raw;
    char why[CONFIG_WHY_BYTES] = "no memory";
    struct config_name name = config_name_find(&config_table, path);
    struct config_place place = { &config_table, config, config->book->origins, config->book };
    static const struct config_key text_key = { .kind = CONFIG_STRING };
    origin.where = config_book_copy(config->book, origin.where, strlen(origin.where));
    if (origin.where == NULL ||
        !config_raw_of_text(name.key == NULL ? &text_key : name.key, text, config->book, &raw) ||
        !config_apply(&place, name, &raw, origin, why)) {
        config_problem(problems, "%s (%s): %s", origin.where == NULL ? "" : origin.where, path, why);
    }
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
    for (size_t i = 0; i < config_table.count + config_table.spelling_count; i++) {
        bool spelling = i >= config_table.count;
        const char *path = spelling ? config_table.spellings[i - config_table.count].path : config_table.keys[i].path;
        char name[CONFIG_PATH_BYTES];
        config_environment_name(path, name);
        const char *where = name, *text = environment_find(sources->environment, name);
        const char *alias = spelling ? NULL : environment_alias(path);
        if (text == NULL && alias != NULL && config->book->origins[i].source == CONFIG_FROM_DEFAULT) {
            where = alias;
            text = environment_find(sources->environment, alias);
        }
        if (text != NULL) {
            apply(path, text, (struct config_origin){ CONFIG_FROM_ENVIRONMENT, where, NULL }, config, problems);
        }
    }
}

static void apply_flags(const struct config_sources *sources, struct config *config, struct config_problems *problems)
{
    for (size_t i = 0; i < sources->flag_count; i++) {
        const struct config_flag *flag = &sources->flags[i];
        struct config_name name = config_name_find(&config_table, flag->path);
        assert(name.key != NULL || name.spelling != NULL);
        if (name.key != NULL || name.spelling != NULL) {
            apply(flag->path, flag->text, (struct config_origin){ CONFIG_FROM_FLAG, flag->flag, NULL }, config,
                  problems);
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
        struct config_place place = { &config_table, &config, config.book->origins, config.book };
        config_yaml_read(text, length, name, &place, &config.queue_groups, problems);
    }
    apply_environment(sources, &config, problems);
    apply_flags(sources, &config, problems);
    if (problems->count == before) {
        config_settle(&config, problems);
    }
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

size_t config_note_count(const struct config *config)
{
    return config->book->note_count;
}

const char *config_note(const struct config *config, size_t index)
{
    return config->book->notes[index];
}
