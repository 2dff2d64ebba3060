/* Rules between keys: each value is fine by itself, together they would break a promise. One line a rule, with the way
 * out. Also which changes a running service can take. */
#include "adapters/config/config_internal.h"

#include <string.h>

static void at_most(struct config_problems *problems, int64_t small, const char *small_path, int64_t large,
                    const char *large_path, const char *why)
{
    if (small > large) {
        config_problem(problems, "%s may not exceed %s: %s", small_path, large_path, why);
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

static void check_name(const struct config *config, struct config_problems *problems)
{
    const char *name = config->service_name;
    if (strlen(name) > 40 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        config_problem(problems, "service.name: \"%.60s\": use a-z, 0-9 and '-', at most 40 characters", name);
    }
    if (*config->nats_url == '\0') {
        config_problem(problems, "nats.url is empty: write a server such as nats://127.0.0.1:4222");
    }
    if (*config->store_directory == '\0') {
        config_problem(problems, "store.directory is empty: name a folder");
    }
}

void config_check_values(const struct config *config, struct config_problems *problems)
{
    at_most(problems, config->functions_retry_base_ns, "functions.retry.base", config->functions_retry_max_ns,
            "functions.retry.max", "the first wait would be longer than the longest");
    at_most(problems, config->grpc_deadline_ns_max, "grpc.maxDeadline", config->results_retention_ns,
            "results.retention", "a result could be gone before its caller is");
    at_most(problems, config->limits_event_bytes, "limits.eventSize", config->limits_buffer_bytes, "limits.bufferSize",
            "the largest event would never fit");
    at_most(problems, config->limits_result_bytes, "limits.resultSize", config->limits_buffer_bytes,
            "limits.bufferSize", "the largest result would never fit");
    at_most(problems, config->queue_timeout_ns, "queue.timeout", config->queue_age_ns_max, "queue.maxAge",
            "the broker would drop requests that may still run");
    check_addresses(config, problems);
    check_name(config, problems);
}

static bool list_same(const struct config_list *a, const struct config_list *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool same(const struct config_key *key, const struct config *old, const struct config *new)
{
    const void *a = (const char *)old + key->offset, *b = (const char *)new + key->offset;
    switch (key->kind) {
    case CONFIG_STRING:
    case CONFIG_ADDRESS:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case CONFIG_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONFIG_CHOICE:
        return *(const int *)a == *(const int *)b;
    case CONFIG_LIST:
    case CONFIG_WORDS:
    case CONFIG_ADDRESSES:
        return list_same(a, b);
    case CONFIG_PAIRS:
        return false; /* not among the keys of the service */
    default:
        return *(const int64_t *)a == *(const int64_t *)b;
    }
}

bool config_reloadable(const struct config *old, const struct config *new, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        if (key->reload == CONFIG_RESTART && !same(key, old, new)) {
            config_problem(problems, "%s can't change while the service runs: restart it", key->path);
        }
    }
    return problems->count == 0;
}
