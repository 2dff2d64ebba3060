/* Rules between keys: each value is fine by itself, together they would break a promise. One line a rule, with the way
 * out. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { URL_BYTES_MAX = 255, TEXT_BYTES = 64 };

static void at_most(const struct config *config, struct config_problems *problems, int64_t small,
                    const char *small_path, int64_t large, const char *large_path, const char *why)
{
    if (small > large) {
        config_problem(problems, "%s may not exceed %s: %s", config_given_name(config, small_path),
                       config_given_name(config, large_path), why);
    }
}

/* A request that the broker has dropped by its age ends nowhere; so whatever ends requests must come first. */
static bool outlives(const struct config *config, const char *file, int64_t life_ns, const char *life,
                     struct config_problems *problems)
{
    char age_text[TEXT_BYTES], life_text[TEXT_BYTES];
    if (config->queue_age_ns_max > life_ns) {
        return true;
    }
    config_write_duration(config->queue_age_ns_max, age_text, sizeof age_text);
    config_write_duration(life_ns, life_text, sizeof life_text);
    config_problem(
        problems,
        "%s%s%s %s must be longer than %s, %s: the broker would drop requests that may still run, without a word; "
        "raise the one or lower the other",
        file, *file == '\0' ? "" : ": ", config_given_name(config, "queue.maxAge"), age_text, life, life_text);
    return false;
}

bool config_outlives(const struct config *config, const char *file, const struct config_attempts *attempts,
                     struct config_problems *problems)
{
    char life[4 * TEXT_BYTES], timeout[TEXT_BYTES];
    config_write_duration(attempts->timeout_ns, timeout, sizeof timeout);
    snprintf(life, sizeof life, "%" PRId64 " attempt%s%s %s%s%.60s", attempts->count, attempts->count == 1 ? "" : "s",
             attempts->keys, timeout, attempts->group == NULL ? "" : " in queue.groups, ",
             attempts->group == NULL ? "" : attempts->group);
    return outlives(config, file, attempts->count * attempts->timeout_ns, life, problems);
}

static bool group_given(const struct config_group *group, const char *path)
{
    return group->origins[config_key_find(&group_table, path) - group_table.keys].source != CONFIG_FROM_DEFAULT;
}

/* What a function of the group gets that says nothing itself. */
static void check_group_age(const struct config *config, const struct config_group *group,
                            struct config_problems *problems)
{
    bool own = group_given(group, "timeout");
    const struct config_attempts attempts = { .count = config_retries_of(config, group) + 1,
                                              .timeout_ns = own ? group->timeout_ns : config->functions_timeout_ns,
                                              .keys = " of timeout",
                                              .group = group->name };
    if (own || attempts.count != config_retries_of(config, NULL) + 1) {
        config_outlives(config, "", &attempts, problems);
    }
}

static void check_age(const struct config *config, struct config_problems *problems)
{
    const struct config_attempts attempts = { .count = config_retries_of(config, NULL) + 1,
                                              .timeout_ns = config->functions_timeout_ns,
                                              .keys = " (functions.maxRetries) of functions.timeout" };
    outlives(config, "", config->queue_timeout_ns, config_given_name(config, "queue.timeout"), problems);
    outlives(config, "", config->grpc_deadline_ns_max, config_given_name(config, "grpc.maxDeadline"), problems);
    config_outlives(config, "", &attempts, problems);
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        check_group_age(config, &config->queue_groups.items[i], problems);
    }
}

static void check_addresses(const struct config *config, struct config_problems *problems)
{
    for (size_t i = 0; i < config->grpc_listen.count; i++) {
        const char *address = config->grpc_listen.items[i];
        if (!config->grpc_allow_plaintext && !config_address_loopback(address)) {
            config_problem(
                problems,
                "grpc.listen: %.80s is reachable from other machines and has no TLS: use a loopback address, "
                "or set grpc.allowPlaintext if something in front protects it",
                address);
        }
    }
    if (!config->http_allow_remote && !config_address_loopback(config->http_listen)) {
        config_problem(problems,
                       "http.listen: %.80s is reachable from other machines: use a loopback address, or set "
                       "http.allowRemote",
                       config->http_listen);
    }
}

const char *config_language_version(const struct config *config, const char *language)
{
    const struct {
        const char *language, *version;
    } rows[] = { { "c", config->language_version_c },
                 { "go", config->language_version_go },
                 { "js", config->language_version_js },
                 { "python", config->language_version_python },
                 { "bin", config->language_version_bin } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].language, language) == 0) {
            return rows[i].version;
        }
    }
    return "";
}

static bool is_version(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

bool config_version_named(const char *line, const char *version)
{
    size_t length = strlen(version);
    if (length == 0) {
        return true;
    }
    for (const char *at = strstr(line, version); at != NULL; at = strstr(at + 1, version)) {
        bool begins = at == line || !is_version(at[-1]);
        bool ends = !is_version(at[length]) || at[length] == '.';
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

static void check_versions(const struct config *config, struct config_problems *problems)
{
    static const char *const languages[] = { "c", "go", "js", "python" };
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
        const char *version = config_language_version(config, languages[i]);
        if (strspn(version, "0123456789.") != strlen(version)) {
            config_problem(problems, "function.languages.%s.version: \"%.40s\": write a version such as 1.2",
                           languages[i], version);
        }
    }
    if (*config->language_version_bin != '\0') {
        config_problem(problems, "function.languages.bin.version: prebuilt executables have no toolchain: remove it");
    }
    if ((*config->nats_tls_certificate == '\0') != (*config->nats_tls_key == '\0')) {
        config_problem(problems, "nats.tls.cert and nats.tls.key belong together: give both or none");
    }
}

static void check_name(const struct config *config, struct config_problems *problems)
{
    const char *name = config->service_name;
    if (strlen(name) > 40 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        config_problem(problems, "service.name: \"%.60s\": use a-z, 0-9 and '-', at most 40 characters", name);
    }
    if (*config->nats_url == '\0') {
        config_problem(problems, "nats.url is empty: write a server such as nats://127.0.0.1:4222");
    }
    if (strlen(config->nats_url) > URL_BYTES_MAX) {
        config_problem(problems, "nats.url: the list is over %d bytes: name fewer servers, the broker tells the others",
                       URL_BYTES_MAX);
    }
    if (*config->store_directory == '\0') {
        config_problem(problems, "store.directory is empty: name a folder");
    }
}

void config_check_values(const struct config *config, struct config_problems *problems)
{
    at_most(config, problems, config->functions_retry_base_ns, "functions.retry.base", config->functions_retry_max_ns,
            "functions.retry.max", "the first wait would be longer than the longest");
    at_most(config, problems, config->functions_quarantine_base_ns, "functions.quarantine.base",
            config->functions_quarantine_max_ns, "functions.quarantine.max",
            "the first quarantine would be longer than the longest");
    at_most(config, problems, config->grpc_deadline_ns_max, "grpc.maxDeadline", config->results_retention_ns,
            "results.retention", "a result could be gone before its caller is");
    at_most(config, problems, config->limits_event_bytes, "limits.eventSize", config->limits_buffer_bytes,
            "limits.bufferSize", "the largest event would never fit");
    at_most(config, problems, config->limits_result_bytes, "limits.resultSize", config->limits_buffer_bytes,
            "limits.bufferSize", "the largest result would never fit");
    at_most(config, problems, config->service_instances_min, "service.instances.min", config->service_instances_max,
            "service.instances.max", "no number of instances would do");
    check_age(config, problems);
    check_addresses(config, problems);
    check_versions(config, problems);
    check_name(config, problems);
}
