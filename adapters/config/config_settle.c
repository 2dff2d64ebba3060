/* Making values fit together. Some of the original configuration's keys contradict each other, or say of a queue what
 * Stead does otherwise (docs/adr/0011-configuration.md); here is what holds instead, and each time a note that says so.
 * Only what somebody gave is noted: defaults contradict nothing. A contradiction without a good answer is a problem. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_BYTES = 64, BACKSTOP_PART = 5, ACK_WAIT_PARTS = 3 };

static const struct config_spelling by_deliveries = { CONFIG_LEAST, "nats.queue.maxDeliver", "functions.maxRetries",
                                                      "" };

const struct config_origin *config_origin_of(const struct config *config, const char *path)
{
    return &config->book->origins[config_key_find(&config_table, path) - config_table.keys];
}

static bool given(const struct config *config, const char *path)
{
    return config_origin_of(config, path)->source != CONFIG_FROM_DEFAULT;
}

static bool spelled(const struct config *config, const char *path)
{
    return config_origin_of(config, path)->spelling != NULL;
}

const char *config_given_name(const struct config *config, const char *path)
{
    const struct config_origin *origin = config_origin_of(config, path);
    return origin->spelling == NULL ? path : origin->spelling->path;
}

static const char *where(const struct config *config, const char *path)
{
    const char *text = config_origin_of(config, path)->where;
    return text == NULL ? "default" : text;
}

/* A key and its value as notes name them: "nats.queue.maxAge 1h". */
struct words {
    char text[CONFIG_PATH_BYTES + TEXT_BYTES];
};

static struct words words_of(const struct config *config, const char *path)
{
    struct words words;
    char value[TEXT_BYTES];
    config_value_text(config_key_find(&config_table, path), config, value, sizeof value);
    snprintf(words.text, sizeof words.text, "%s %s", config_given_name(config, path), value);
    return words;
}

static void settle_languages(struct config *config, struct config_problems *problems)
{
    const struct {
        const char *language;
        bool enabled;
    } rows[] = { { "bin", config->language_enabled_bin },
                 { "c", config->language_enabled_c },
                 { "go", config->language_enabled_go },
                 { "js", config->language_enabled_js },
                 { "python", config->language_enabled_python } };
    struct config_list *list = &config->service_languages;
    bool chosen = given(config, "service.languages");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; !rows[i].enabled && k < list->count; k++) {
            if (strcmp(list->items[k], rows[i].language) != 0) {
                continue;
            }
            if (chosen) {
                config_problem(problems, "function.languages.%s.enabled is false, but %s lists it: change one of them",
                               rows[i].language, config_given_name(config, "service.languages"));
            }
            memmove(&list->items[k], &list->items[k + 1], (list->count - k - 1) * sizeof list->items[0]);
            list->count--;
        }
    }
    if (list->count == 0 && problems->count == 0) {
        config_problem(problems, "function.languages: none is enabled: leave at least one");
    }
}

/* An attempt that ended badly is charged, a delivery is not: the broker's count grows by being busy or by a restart. */
static void settle_retries(struct config *config)
{
    int64_t deliveries = config->nats_queue_deliveries_max;
    if (!given(config, "nats.queue.maxDeliver")) {
        return;
    }
    struct words delivered = words_of(config, "nats.queue.maxDeliver");
    if (deliveries <= 0) {
        config_add_note(config->book,
                        "%s: %s: attempts are bounded all the same: %" PRId64 " in all, by functions.maxRetries",
                        where(config, "nats.queue.maxDeliver"), delivered.text, config->functions_retries_max + 1);
    } else if (!given(config, "functions.maxRetries")) {
        struct config_origin *origin =
            &config->book->origins[config_key_find(&config_table, "functions.maxRetries") - config_table.keys];
        config->functions_retries_max = deliveries - 1;
        *origin = *config_origin_of(config, "nats.queue.maxDeliver");
        origin->spelling = &by_deliveries;
    } else if (deliveries != config->functions_retries_max + 1) {
        config_add_note(config->book,
                        "%s: %s and %s: maxRetries counts the attempts after the first and holds: %" PRId64
                        " attempts in all; what the broker delivers again without an attempt is not counted",
                        where(config, "nats.queue.maxDeliver"), delivered.text,
                        words_of(config, "functions.maxRetries").text, config->functions_retries_max + 1);
    }
}

/* queue.timeout ends a request with a stored result; queue.maxAge makes the broker drop it without a word, and must
 * come later. */
static void settle_ages(struct config *config)
{
    int64_t least = config->queue_timeout_ns + config->queue_timeout_ns / BACKSTOP_PART;
    if (!spelled(config, "queue.timeout")) {
        return;
    }
    struct words age = words_of(config, "queue.maxAge"), wait = words_of(config, "queue.timeout");
    char raised[TEXT_BYTES];
    config_write_duration(least, raised, sizeof raised);
    if (config->queue_age_ns_max < least) {
        config->queue_age_ns_max = least;
        config_add_note(config->book,
                        "%s: %s: a request that waited so long ends as expired, with a stored result; the broker, "
                        "which drops silently, must come later: queue.maxAge is raised to %s (%s)",
                        where(config, "queue.timeout"), wait.text, raised, age.text);
    } else if (given(config, "queue.maxAge")) {
        config_add_note(config->book,
                        "%s: %s and %s: the shorter is when a waiting request ends as expired, with a stored result "
                        "(queue.timeout); the longer is when the broker would drop it silently (queue.maxAge)",
                        where(config, "queue.timeout"), wait.text, age.text);
    }
}

static void settle_storage(struct config *config)
{
    bool copies = given(config, "storage.replicas") && config->storage_replicas > 1;
    struct words replicas = words_of(config, "storage.replicas");
    if (config->storage_type == CONFIG_STORAGE_MEMORY && config->storage_replicas > 1) {
        struct words type = words_of(config, "storage.type");
        bool meant = !spelled(config, "storage.type");
        config_add_note(config->book, "%s: %s and %s: copies in memory are gone when all servers restart: %s",
                        where(config, "storage.type"), type.text, replicas.text,
                        meant ? "accepted requests may be lost then"
                              : "file holds; write storage.type: memory if that loss is meant");
        config->storage_type = meant ? CONFIG_STORAGE_MEMORY : CONFIG_STORAGE_FILE;
    }
    if (copies) {
        config_add_note(config->book,
                        "%s: %s: needs as many servers; on a broker with fewer, 1 copy is kept and the log warns",
                        where(config, "storage.replicas"), replicas.text);
    }
}

static void settle_ack_wait(struct config *config)
{
    char third[TEXT_BYTES];
    bool asked = spelled(config, "queue.ackWait") || config->queue_ack_wait_ns == config->functions_timeout_ns;
    if (!given(config, "queue.ackWait") || !asked || config->queue_ack_wait_ns > config->functions_timeout_ns) {
        return;
    }
    config_write_duration(config->queue_ack_wait_ns / ACK_WAIT_PARTS, third, sizeof third);
    config_add_note(config->book,
                    "%s: %s and %s: they do not race: while a request runs, the broker is told so every %s; ackWait "
                    "is only how long the requests of a dead instance wait for another",
                    where(config, "queue.ackWait"), words_of(config, "queue.ackWait").text,
                    words_of(config, "functions.timeout").text, third);
}

static void settle_sizes(struct config *config)
{
    bool both = given(config, "queue.maxPending") && spelled(config, "grpc.maxInFlight");
    if (both && config->grpc_in_flight_max != config->queue_pending_max) {
        config_add_note(config->book,
                        "%s: %s and %s: two lines: the first bounds the callers that wait at this instance "
                        "(grpc.maxInFlight), the second the requests that wait at the broker (queue.maxPending)",
                        where(config, "grpc.maxInFlight"), words_of(config, "grpc.maxInFlight").text,
                        words_of(config, "queue.maxPending").text);
    }
}

/* What is read and checked, and means nothing here or something else than it says. */
static void note_the_rest(struct config *config, struct config_problems *problems)
{
    if (config->service_routing_strategy != CONFIG_ROUND_ROBIN) {
        config_add_note(config->book,
                        "%s: %s: instances pull what they have room for, so the free ones share the work as with "
                        "round-robin; nobody is picked",
                        where(config, "service.routing.strategy"), words_of(config, "service.routing.strategy").text);
    }
    if (!config->service_routing_language_based) {
        config_problem(problems,
                       "%s: service.routing.languageBased: false would send requests to instances that can't "
                       "run their language: remove the key",
                       where(config, "service.routing.languageBased"));
    }
    const char *bound = given(config, "service.instances.min") ? "service.instances.min" : "service.instances.max";
    if (given(config, bound)) {
        config_add_note(config->book,
                        "%s: service.instances %" PRId64 " to %" PRId64
                        ": this process is one instance and starts no others: start that many `stead serve`",
                        where(config, bound), config->service_instances_min, config->service_instances_max);
    }
    if (config->functions_cpu_milli != 0) {
        config_add_note(config->book,
                        "%s: %s: not enforced: a worker may use what the machine has; functions.timeout, "
                        "functions.memory and functions.maxWorkers bound it",
                        where(config, "functions.cpu"), words_of(config, "functions.cpu").text);
    }
    for (size_t i = 0; i < config_table.count; i++) {
        if (strncmp(config_table.keys[i].path, "runtime.longLived.", 18) == 0 &&
            given(config, config_table.keys[i].path)) {
            config_add_note(config->book,
                            "%s: runtime.longLived: checked and without effect: this version runs no long-lived "
                            "functions",
                            where(config, config_table.keys[i].path));
            return;
        }
    }
}

void config_settle(struct config *config, struct config_problems *problems)
{
    settle_languages(config, problems);
    config_settle_groups(config, problems);
    settle_ages(config);
    settle_sizes(config);
    settle_storage(config);
    settle_ack_wait(config);
    settle_retries(config);
    config_note_group_retries(config);
    note_the_rest(config, problems);
}
