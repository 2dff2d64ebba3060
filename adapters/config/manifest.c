/* The manifest of a function: read by the same table machine as the configuration, then completed by what the daemon
 * says about functions of its language. */
#include "adapters/config/config_internal.h"
#include "adapters/cloudevents/names.h"

#include <string.h>

enum { LABEL_BYTES_MAX = 63 };

static bool given(const struct config_table *table, const struct config_origin *origins, const char *path)
{
    const struct config_key *key = config_key_find(table, path);
    return key != NULL && origins[key - table->keys].source != CONFIG_FROM_DEFAULT;
}

static const struct config_group *group_find(const struct config *config, const char *language)
{
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        if (strcmp(config->queue_groups.items[i].language, language) == 0) {
            return &config->queue_groups.items[i];
        }
    }
    return NULL;
}

/* maxRetries wherever it was said, then maxDeliver less one, the nearer first. functions.maxRetries holds what
 * nats.queue.maxDeliver says if nobody gave it. */
int64_t config_retries_of(const struct config *config, const struct config_group *group)
{
    if (group != NULL && given(&group_table, group->origins, "maxRetries")) {
        return group->retries_max;
    }
    const struct config_origin *origin = config_origin_of(config, "functions.maxRetries");
    bool derived = origin->spelling != NULL && strcmp(origin->spelling->path, "nats.queue.maxDeliver") == 0;
    bool said = origin->source != CONFIG_FROM_DEFAULT && !derived;
    bool counted = group != NULL && given(&group_table, group->origins, "maxDeliver") && group->deliveries_max > 0;
    return counted && !said ? group->deliveries_max - 1 : config->functions_retries_max;
}

void manifest_inherit(struct manifest *manifest, const struct config *defaults, const char *language)
{
    const struct config_group *group = group_find(defaults, language);
#define INHERIT(name, member, from)                                                                                    \
    do {                                                                                                               \
        if (!given(&manifest_table, manifest->book->origins, "spec." name)) {                                          \
            bool grouped = group != NULL && given(&group_table, group->origins, name);                                 \
            manifest->member = grouped ? group->member : defaults->from;                                               \
        }                                                                                                              \
    } while (0)
    INHERIT("timeout", timeout_ns, functions_timeout_ns);
    INHERIT("concurrency", concurrency, functions_concurrency);
    INHERIT("maxWorkers", workers_max, functions_workers_max);
    INHERIT("keepAlive", keep_alive_ns, functions_keep_alive_ns);
    INHERIT("memory", memory_bytes, functions_memory_bytes);
#undef INHERIT
#define INHERIT_PLAIN(name, member, from)                                                                              \
    do {                                                                                                               \
        if (!given(&manifest_table, manifest->book->origins, "spec." name)) {                                          \
            manifest->member = defaults->from;                                                                         \
        }                                                                                                              \
    } while (0)
    INHERIT_PLAIN("adaptiveConcurrency", concurrency_adapts, functions_concurrency_adapts);
    INHERIT_PLAIN("minConcurrency", concurrency_min, functions_concurrency_min);
    INHERIT_PLAIN("retries.error", retries_error, functions_retries_error);
    INHERIT_PLAIN("retries.throttled", retries_throttled, functions_retries_throttled);
    INHERIT_PLAIN("retries.timeout", retries_timeout, functions_retries_timeout);
    INHERIT_PLAIN("retries.crash", retries_crash, functions_retries_crash);
    INHERIT_PLAIN("retries.outOfMemory", retries_out_of_memory, functions_retries_out_of_memory);
    INHERIT_PLAIN("retries.invalidOutput", retries_invalid_output, functions_retries_invalid_output);
    INHERIT_PLAIN("retries.notStarted", retries_not_started, functions_retries_not_started);
#undef INHERIT_PLAIN
    if (!given(&manifest_table, manifest->book->origins, "spec.maxRetries")) {
        manifest->retries_max = config_retries_of(defaults, group);
    }
}

bool manifest_fits(const struct manifest *manifest, const struct config *config, const char *name,
                   struct config_problems *problems)
{
    const struct config_attempts attempts = { .count = manifest->retries_max + 1,
                                              .timeout_ns = manifest->timeout_ns,
                                              .keys = " (spec.maxRetries) of spec.timeout" };
    return config_outlives(config, name, &attempts, problems);
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

static bool label_valid(const char *text, bool empty_allowed)
{
    size_t length = strlen(text);
    return length <= LABEL_BYTES_MAX && (length > 0 || empty_allowed) &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./") == length;
}

static void check_labels(const struct manifest *manifest, const char *name, struct config_problems *problems)
{
    for (size_t i = 0; i < manifest->labels.count; i++) {
        const struct config_pair *label = &manifest->labels.items[i];
        if (!label_valid(label->name, false) || !label_valid(label->value, true)) {
            config_problem(problems,
                           "%s: metadata.labels: \"%.40s: %.40s\": use letters, digits and - _ . /, at most %d in each",
                           name, label->name, label->value, LABEL_BYTES_MAX);
        }
    }
}

static void check_long_lived(const struct manifest *manifest, const char *name, struct config_problems *problems)
{
    for (size_t i = 0; manifest->long_lived && i < manifest_table.count; i++) {
        const char *path = manifest_table.keys[i].path;
        if (strncmp(path, "spec.longLived.", 15) == 0 && given(&manifest_table, manifest->book->origins, path)) {
            config_problem(problems,
                           "%s: spec.longLived: long-lived functions can't be deployed yet: remove the section, or say "
                           "enabled: false",
                           name);
            return;
        }
    }
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
        config_problem(problems, "%s: spec.language: \"%.40s\" is not one of " CLOUDEVENTS_LANGUAGE_WORDS, name,
                       manifest->language);
    }
    check_long_lived(manifest, name, problems);
    check_labels(manifest, name, problems);
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
        struct config_place place = { &manifest_table, &manifest, manifest.book->origins, manifest.book };
        config_yaml_read(text, length, name, &place, NULL, problems);
    }
    manifest_check(&manifest, name, problems);
    if (problems->count > 0) {
        manifest_free(&manifest);
        return false;
    }
    if (defaults != NULL) {
        manifest_inherit(&manifest, defaults, manifest.language);
    }
    *ret_manifest = manifest;
    return true;
}

void manifest_free(struct manifest *manifest)
{
    config_book_free(manifest->book);
    *manifest = (struct manifest){ 0 };
}
