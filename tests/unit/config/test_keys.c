/* Every key of the service has a row: a good value, one below and one above what is allowed, one of another kind. */
#include "adapters/config/config.h"
#include "adapters/config/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct config_sources none;
static struct config_problems problems;

/* clang-format off */
static const struct {
    const char *path, *good, *below, *above, *wrong, *why;
} rows[] = {
    { "nats.url", "nats://a:1", NULL, NULL, "[a]", "must be one value" },
    { "nats.credentials", "\"text\"", NULL, NULL, "[a]", "must be one value" },
    { "nats.name", "\"text\"", NULL, NULL, "[a]", "must be one value" },
    { "nats.tls.ca", "\"text\"", NULL, NULL, "[a]", "must be one value" },
    { "nats.tls.cert", "\"\"", NULL, NULL, "[a]", "must be one value" },
    { "nats.tls.key", "\"\"", NULL, NULL, "[a]", "must be one value" },
    { "nats.queue.maxDeliver", "0", "-2", "102", "3s", "is not a whole number" },
    { "service.name", "one-1", NULL, NULL, "[a]", "must be one value" },
    { "service.slots", "7", "0", "4097", "3s", "is not a whole number" },
    { "service.languages", "[go]", NULL, NULL, "[lisp]", "is not one of" },
    { "service.shutdownGrace", "45s", NULL, "2h", "3", "is not a duration" },
    { "service.instances.min", "3", NULL, "1001", "3s", "is not a whole number" },
    { "service.instances.max", "11", "0", "1001", "3s", "is not a whole number" },
    { "service.routing.strategy", "random", NULL, NULL, "other", "is not one of" },
    { "service.routing.languageBased", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "grpc.listen", "[127.0.0.1:1]", NULL, NULL, "[nowhere]", "is no address" },
    { "grpc.allowPlaintext", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "grpc.maxInFlight", "4097", "0", "65537", "3s", "is not a whole number" },
    { "grpc.maxConnections", "1025", "0", "65537", "3s", "is not a whole number" },
    { "grpc.maxDeadline", "20s", "999ms", "2h", "3", "is not a duration" },
    { "grpc.reflection", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "grpc.maxCallsPerConnection", "129", "0", "4097", "3s", "is not a whole number" },
    { "grpc.keepaliveTime", "45s", "999ms", "25h", "3", "is not a duration" },
    { "grpc.keepaliveTimeout", "45s", "999ms", "2h", "3", "is not a duration" },
    { "grpc.minPingInterval", "45s", NULL, "2h", "3", "is not a duration" },
    { "grpc.maxConnectionAge", "45s", NULL, "169h", "3", "is not a duration" },
    { "grpc.bodyTimeout", "45s", "99ms", "2h", "3", "is not a duration" },
    { "http.listen", "127.0.0.1:2", NULL, NULL, "nowhere", "is no address" },
    { "http.allowRemote", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "limits.eventSize", "1Mi", "65535", "65Mi", "3MB", "is not a size" },
    { "limits.resultSize", "1Mi", "65535", "65Mi", "3MB", "is not a size" },
    { "limits.bufferSize", "300Mi", "16777215", "65Gi", "3MB", "is not a size" },
    { "functions.timeout", "31s", "999us", "2h", "3", "is not a duration" },
    { "functions.maxRetries", "4", NULL, "101", "3s", "is not a whole number" },
    { "functions.retry.base", "200ms", "999us", "2h", "3", "is not a duration" },
    { "functions.retry.max", "40s", "999us", "25h", "3", "is not a duration" },
    { "functions.retry.jitter", "none", NULL, NULL, "other", "is not one of" },
    { "functions.retries.error", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.throttled", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.timeout", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.crash", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.outOfMemory", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.invalidOutput", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.retries.notStarted", "3", NULL, "101", "3s", "is not a whole number" },
    { "functions.quarantine.crashes", "3", NULL, "10001", "3s", "is not a whole number" },
    { "functions.quarantine.window", "45s", "999ms", "25h", "3", "is not a duration" },
    { "functions.quarantine.base", "45s", "99ms", "25h", "3", "is not a duration" },
    { "functions.quarantine.max", "45s", "99ms", "169h", "3", "is not a duration" },
    { "functions.maxWorkers", "9", "0", "1025", "3s", "is not a whole number" },
    { "functions.concurrency", "2", "0", "1025", "3s", "is not a whole number" },
    { "functions.adaptiveConcurrency", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "functions.minConcurrency", "2", "0", "1025", "3s", "is not a whole number" },
    { "functions.keepAlive", "45s", NULL, "169h", "3", "is not a duration" },
    { "functions.startTimeout", "45s", "99ms", "11m", "3", "is not a duration" },
    { "functions.stopTimeout", "45s", "99ms", "6m", "3", "is not a duration" },
    { "functions.holdMax", "45s", NULL, "6m", "3", "is not a duration" },
    { "functions.memory", "300Mi", NULL, "2Ti", "3MB", "is not a size" },
    { "functions.cpu", "1.5", NULL, "1025", "3Mi", "is not a number of CPUs" },
    { "functions.versionsKept", "11", "0", "65", "3s", "is not a whole number" },
    { "queue.maxPending", "10001", "0", "10000001", "3s", "is not a whole number" },
    { "queue.maxAge", "2h", "59s", "721h", "3", "is not a duration" },
    { "queue.ackWait", "11s", "999ms", "11m", "3", "is not a duration" },
    { "queue.timeout", "20m", "99ms", "25h", "3", "is not a duration" },
    { "queue.sweepInterval", "20s", "999ms", "11m", "3", "is not a duration" },
    { "results.retention", "3m", "9999ms", "169h", "3", "is not a duration" },
    { "results.maxCount", "1000001", "999", "100000001", "3s", "is not a whole number" },
    { "storage.replicas", "2", "0", "6", "3s", "is not a whole number" },
    { "storage.type", "memory", NULL, NULL, "other", "is not one of" },
    { "store.directory", "\"text\"", NULL, NULL, "[a]", "must be one value" },
    { "journal.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "journal.size", "256Mi", "63Mi", "65Gi", "3MB", "is not a size" },
    { "journal.files", "5", "1", "17", "3s", "is not a whole number" },
    { "log.level", "info", NULL, NULL, "other", "is not one of" },
    { "log.format", "logfmt", NULL, NULL, "other", "is not one of" },
    { "build.timeout", "45s", "999ms", "2h", "3", "is not a duration" },
    { "build.memory", "300Mi", "67108863", "2Ti", "3MB", "is not a size" },
    { "build.allowNetwork", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.bin.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.bin.version", "\"\"", NULL, NULL, "[a]", "must be one value" },
    { "function.languages.c.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.c.version", "\"1.2\"", NULL, NULL, "[a]", "must be one value" },
    { "function.languages.go.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.go.version", "\"1.2\"", NULL, NULL, "[a]", "must be one value" },
    { "function.languages.js.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.js.version", "\"1.2\"", NULL, NULL, "[a]", "must be one value" },
    { "function.languages.python.enabled", "false", NULL, NULL, "yes", "is neither true nor false" },
    { "function.languages.python.version", "\"1.2\"", NULL, NULL, "[a]", "must be one value" },
    { "runtime.longLived.enabled", "true", NULL, NULL, "yes", "is neither true nor false" },
    { "runtime.longLived.stateSyncInterval", "45s", "99ms", "25h", "3", "is not a duration" },
    { "runtime.longLived.recoveryTimeout", "45s", "999ms", "25h", "3", "is not a duration" },
    { "runtime.longLived.maxRetries", "4", NULL, "101", "3s", "is not a whole number" },
    { "runtime.longLived.healthCheckInterval", "45s", "999ms", "2h", "3", "is not a duration" },
    { "runtime.longLived.maxInstances", "65", "0", "1025", "3s", "is not a whole number" },
};
/* clang-format on */

/* "a.b.c" and "1" as "a: {b: {c: 1}}". */
static bool load(const char *path, const char *value, struct config *ret_config)
{
    char text[512] = "";
    size_t used = 0, depth = 0;
    for (;; depth++) {
        size_t part = strcspn(path, ".");
        bool last = path[part] == '\0';
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s: %s", (int)part, path, last ? value : "{");
        if (last) {
            break;
        }
        path += part + 1;
    }
    while (depth-- > 0) {
        used += (size_t)snprintf(text + used, sizeof text - used, "}");
    }
    return config_load_text(text, used, "s.yaml", &none, ret_config, &problems);
}

static void is_refused(const char *path, const char *value, const char *why)
{
    struct config config;
    char place[CONFIG_PATH_BYTES];
    if (value == NULL) {
        return;
    }
    if (load(path, value, &config)) {
        fail_msg("%s: %s was taken", path, value);
    }
    snprintf(place, sizeof place, "%s: ", path);
    if (strstr(problems.text[0], place) == NULL || strstr(problems.text[0], why) == NULL) {
        fail_msg("%s: %s: have %s, want %s", path, value, problems.text[0], why);
    }
}

static void takes_what_is_allowed(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config;
        if (!load(rows[i].path, rows[i].good, &config)) {
            fail_msg("%s: %s: %s", rows[i].path, rows[i].good, problems.text[0]);
        }
        const struct config_origin *origin = config_origin_of(&config, rows[i].path);
        assert_int_equal(origin->source, CONFIG_FROM_FILE);
        assert_string_equal(origin->where, "s.yaml:1");
        config_free(&config);
    }
}

static void refuses_what_is_not(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        is_refused(rows[i].path, rows[i].below, "is too small: the least is ");
        is_refused(rows[i].path, rows[i].above, "is too large: the most is ");
        is_refused(rows[i].path, rows[i].wrong, rows[i].why);
        is_refused(rows[i].path, "~", "has no value");
    }
}

/* A new key gets a row, and bounds that are tested if it has bounds. */
static void knows_every_key(void **state)
{
    assert_int_equal(COUNT(rows), config_table.count);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct config_key *key = &config_table.keys[i];
        assert_string_equal(rows[i].path, key->path);
        assert_true(*key->max == '\0' || rows[i].above != NULL);
        assert_true(*key->min == '\0' || strcmp(key->min, "0") == 0 || rows[i].below != NULL);
        assert_true(strlen(key->doc) > 10);
    }
}

/* Every key can come from the environment, and what is printed of it is read again as the same. */
static void reads_what_it_prints(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config, again;
        char value[512], entry[1024], name[CONFIG_PATH_BYTES];
        assert_true(load(rows[i].path, rows[i].good, &config));
        config_value_text(&config_table.keys[i], &config, value, sizeof value);
        config_environment_name(rows[i].path, name);
        snprintf(entry, sizeof entry, "%s=%s", name, value);
        const char *const environment[] = { entry, NULL };
        const struct config_sources sources = { NULL, environment, NULL, 0 };
        if (!config_load_text("", 0, "s.yaml", &sources, &again, &problems)) {
            fail_msg("%s: %s", entry, problems.text[0]);
        }
        const void *one = (const char *)&config + config_table.keys[i].offset;
        assert_true(config_member_same(&config_table.keys[i], one, (const char *)&again + config_table.keys[i].offset));
        assert_int_equal(config_origin_of(&again, rows[i].path)->source, CONFIG_FROM_ENVIRONMENT);
        config_free(&again);
        config_free(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_key),
        cmocka_unit_test(takes_what_is_allowed),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(reads_what_it_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
