/* stead.yaml of a function: what it says, what it takes from the daemon's configuration, and what is refused. */
#include "adapters/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND       INT64_C(1000000000)

static const struct config_sources none;
static struct config_problems problems;

static bool load(const char *text, struct config *ret_config)
{
    return config_load_text(text, strlen(text), "s.yaml", &none, ret_config, &problems);
}

static bool load_manifest(const char *text, const struct config *defaults, struct manifest *ret_manifest)
{
    return manifest_load_text(text, strlen(text), "f/stead.yaml", defaults, ret_manifest, &problems);
}

static void reads_manifests(void **state)
{
    struct config config;
    struct manifest manifest;
    assert_true(load("functions: {timeout: 7s, maxRetries: 9}", &config));
    assert_true(load_manifest("apiVersion: stead/v1\nkind: Function\nmetadata: {name: count}\nspec:\n  language: c\n"
                              "  maxRetries: 0\n  env:\n    A: \"1\"\n    B: yes\n",
                              &config, &manifest));
    assert_string_equal(manifest.name, "count");
    assert_true(manifest.timeout_ns == INT64_C(7000000000));
    assert_int_equal(manifest.retries_max, 0);
    assert_int_equal(manifest.env.count, 2);
    assert_string_equal(manifest.env.items[1].name, "B");
    assert_string_equal(manifest.env.items[1].value, "yes");
    manifest_free(&manifest);
    assert_true(load_manifest("spec:\n  env:\n", NULL, &manifest));
    assert_int_equal(manifest.env.count, 0);
    manifest_free(&manifest);
    assert_true(load_manifest("", NULL, &manifest));
    assert_string_equal(manifest.language, "");
    manifest_free(&manifest);
    config_free(&config);
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "metadata: {name: A.b}", "f/stead.yaml: metadata.name: \"A.b\" is no function name" },
        { "spec: {language: result}", "f/stead.yaml: spec.language: \"result\" is not one of bin, c, go, js, python" },
        { "kind: Job", "f/stead.yaml:1:7: kind: \"Job\" is not one of Function" },
        { "spec: {env: {STEAD_X: 1}}", "f/stead.yaml: spec.env: \"STEAD_X\" is no variable name" },
        { "spec: {env: {A: 1, A: 2}}", "f/stead.yaml:1:20: \"A\" is given twice in spec.env: keep one" },
        { "spec: {env: [A]}", "f/stead.yaml:1:13: spec.env: must be a mapping of names to values" },
        { "spec: {language: lisp}", "f/stead.yaml: spec.language: \"lisp\" is not one of bin, c, go, js, python" },
        { "spec: {command: {a: b}}", "f/stead.yaml:1:17: spec.command: must be a list such as [a, b]" },
        { "spec: {longLived: {stateSyncInterval: 5s}}", "f/stead.yaml: spec.longLived: long-lived functions can't be" },
        { "spec: {longLived: {enabled: true}}",
          "f/stead.yaml: spec.longLived: long-lived functions can't be deployed" },
        { "spec: {longLived: {stateSyncInterval: 5}}",
          "f/stead.yaml:1:39: spec.longLived.stateSyncInterval: \"5\" is" },
        { "metadata: {labels: {team: \"a b\"}}", "f/stead.yaml: metadata.labels: \"team: a b\": use letters, digits" },
        { "metadata: {labels: {\"\": a}}", "f/stead.yaml: metadata.labels: \": a\": use letters" },
        { "spec: {timeut: 1s}", "f/stead.yaml:1:8: unknown key \"spec.timeut\"; did you mean \"spec.timeout\"?" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(load_manifest(rows[i].text, NULL, &manifest));
        if (strncmp(problems.text[0], rows[i].want, strlen(rows[i].want)) != 0) {
            fail_msg("have %s\nwant %s", problems.text[0], rows[i].want);
        }
    }
}

static void reads_commands_and_labels(void **state)
{
    struct manifest manifest;
    assert_true(load_manifest("metadata: {labels: {team: search, tier: \"\"}}\n"
                              "spec: {language: bin, command: [./run, -v, -v, a b], longLived: {enabled: false}}",
                              NULL, &manifest));
    assert_int_equal(manifest.command.count, 4);
    assert_string_equal(manifest.command.items[2], "-v");
    assert_string_equal(manifest.command.items[3], "a b");
    assert_int_equal(manifest.labels.count, 2);
    assert_string_equal(manifest.labels.items[0].value, "search");
    manifest_free(&manifest);
    assert_true(load_manifest("spec: {command: []}", NULL, &manifest));
    assert_int_equal(manifest.command.count, 0);
    manifest_free(&manifest);
}

/* manifest, then the group of its language, then functions.* */
static void inherits_from_the_group_of_its_language(void **state)
{
    static const struct {
        const char *config, *manifest;
        int64_t timeout_s, retries;
    } rows[] = {
        { "", "spec: {language: go}", 30, 3 },
        { "functions: {timeout: 5s}", "spec: {language: go}", 5, 3 },
        { "functions: {timeout: 5s}\nqueue: {groups: [{name: function.go, timeout: 6s}]}", "spec: {language: go}", 6,
          3 },
        { "functions: {timeout: 5s}\nqueue: {groups: [{name: function.go, timeout: 6s}]}", "spec: {language: c}", 5,
          3 },
        { "queue: {groups: [{name: function.go, timeout: 6s}]}", "spec: {language: go, timeout: 7s}", 7, 3 },
        { "queue: {groups: [{name: function.javascript, maxRetries: 1}]}", "spec: {language: js}", 30, 1 },
        { "queue: {groups: [{name: function.go, maxDeliver: 6}]}", "spec: {language: go}", 30, 5 },
        { "queue: {groups: [{name: function.go, maxDeliver: 6}]}", "spec: {language: go, maxRetries: 0}", 30, 0 },
        { "queue: {groups: [{name: function.go, maxDeliver: 6, maxRetries: 2}]}", "spec: {language: go}", 30, 2 },
        { "nats: {queue: {maxDeliver: 9}}", "spec: {language: go}", 30, 8 },
        { "nats: {queue: {maxDeliver: 9}}\nqueue: {groups: [{name: function.go, maxDeliver: 6}]}",
          "spec: {language: go}", 30, 5 },
        { "functions: {maxRetries: 4}\nqueue: {groups: [{name: function.go, maxDeliver: 3}]}", "spec: {language: go}",
          30, 4 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config;
        struct manifest manifest;
        assert_true(load(rows[i].config, &config));
        assert_true(load_manifest(rows[i].manifest, &config, &manifest));
        if (manifest.timeout_ns != rows[i].timeout_s * SECOND || manifest.retries_max != rows[i].retries) {
            fail_msg("row %zu: %d s, %d retries", i, (int)(manifest.timeout_ns / SECOND), (int)manifest.retries_max);
        }
        manifest_free(&manifest);
        config_free(&config);
    }
}

/* The language may become known only by the folder's content. */
static void inherits_again_once_the_language_is_known(void **state)
{
    struct config config;
    struct manifest manifest;
    assert_true(
        load("functions: {memory: 1Gi}\nqueue: {groups: [{name: function.c, memory: 64Mi, maxWorkers: 2}]}", &config));
    assert_true(load_manifest("spec: {maxWorkers: 3}", &config, &manifest));
    assert_int_equal(manifest.memory_bytes, 1 << 30);
    manifest_inherit(&manifest, &config, "c");
    assert_int_equal(manifest.memory_bytes, 64 << 20);
    assert_int_equal(manifest.workers_max, 3);
    manifest_free(&manifest);
    config_free(&config);
}

static void fits_into_the_age_of_the_queue(void **state)
{
    static const struct {
        const char *config, *manifest, *problem; /* NULL: it fits */
    } rows[] = {
        { "{}", "spec: {timeout: 14m}", NULL },
        { "{}", "spec: {timeout: 15m}",
          "f/stead.yaml: queue.maxAge 1h must be longer than 4 attempts (spec.maxRetries) of spec.timeout 15m, 1h: the "
          "broker would drop requests that may still run, without a word; raise the one or lower the other" },
        { "queue: {maxAge: 2h}", "spec: {timeout: 15m}", NULL },
        { "{}", "spec: {timeout: 59m, maxRetries: 0}", NULL },
        { "{}", "spec: {timeout: 1h, maxRetries: 0}",
          "f/stead.yaml: queue.maxAge 1h must be longer than 1 attempt (spec.maxRetries) of spec.timeout 1h, 1h:" },
        { "{}", "spec: {maxRetries: 100, timeout: 36s}",
          "f/stead.yaml: queue.maxAge 1h must be longer than 101 attempts (spec.maxRetries) of" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config;
        struct manifest manifest;
        assert_true(load(rows[i].config, &config));
        assert_true(load_manifest(rows[i].manifest, &config, &manifest));
        bool fits = manifest_fits(&manifest, &config, "f/stead.yaml", &problems);
        const char *problem = rows[i].problem == NULL ? "" : rows[i].problem;
        assert_int_equal(fits, *problem == '\0');
        if (!fits && strncmp(problems.text[0], problem, strlen(problem)) != 0) {
            fail_msg("row %zu: %s", i, problems.text[0]);
        }
        manifest_free(&manifest);
        config_free(&config);
    }
}

static void bounds_what_is_queued_and_runs(void **state)
{
    struct config config;
    struct manifest manifest;
    assert_true(load("functions: {adaptiveConcurrency: true, minConcurrency: 2}", &config));
    assert_true(load_manifest("spec: {maxAge: 5m, maxSize: 64Mi, minConcurrency: 3}", &config, &manifest));
    assert_true(manifest.age_ns_max == INT64_C(300000000000));
    assert_int_equal(manifest.bytes_max, 64 << 20);
    assert_true(manifest.concurrency_adapts);
    assert_int_equal(manifest.concurrency_min, 3);
    manifest_free(&manifest);
    assert_true(load_manifest("spec: {adaptiveConcurrency: false}", &config, &manifest));
    assert_false(manifest.concurrency_adapts);
    assert_int_equal(manifest.age_ns_max, 0);
    assert_int_equal(manifest.bytes_max, 0);
    manifest_free(&manifest);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_manifests),
        cmocka_unit_test(reads_commands_and_labels),
        cmocka_unit_test(inherits_from_the_group_of_its_language),
        cmocka_unit_test(inherits_again_once_the_language_is_known),
        cmocka_unit_test(fits_into_the_age_of_the_queue),
        cmocka_unit_test(bounds_what_is_queued_and_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
