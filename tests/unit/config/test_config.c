/* The configuration: units, precedence, and the exact text of every kind of problem. Also fails when the generated
 * pages in docs/reference are stale. */
#include "adapters/config/config.h"
#include "adapters/config/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct config_sources none;
static struct config_problems problems;

static bool load(const char *text, const struct config_sources *sources, struct config *ret_config)
{
    return config_load_text(text, strlen(text), "s.yaml", sources, ret_config, &problems);
}

static void has_good_defaults(void **state)
{
    struct config config;
    assert_true(load("", &none, &config));
    assert_string_equal(config.nats_url, "nats://127.0.0.1:4222");
    assert_int_equal(config.service_slots, 64);
    assert_int_equal(config.service_languages.count, 5);
    assert_string_equal(config.service_languages.items[4], "python");
    assert_int_equal(config.limits_event_bytes, 1024 * 1024 - 64 * 1024);
    assert_true(config.functions_timeout_ns == INT64_C(30000000000));
    assert_int_equal(config.functions_retry_jitter, CONFIG_JITTER_FULL);
    assert_int_equal(config.storage_type, CONFIG_STORAGE_FILE);
    assert_int_equal(config.log_level, CONFIG_LOG_INFO);
    assert_string_equal(config.service_name, "");
    config_free(&config);
}

static void reads_units(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } durations[] = { { "0", 0 },
                      { "250ms", 250000000 },
                      { "1h30m", 5400000000000 },
                      { "1.5s", 1500000000 },
                      { "1us", 1000 },
                      { "1\xc2\xb5s", 1000 },
                      { "2m0.5s", 120500000000 },
                      { "", -1 },
                      { "5", -1 },
                      { "-5s", -1 },
                      { "5 s", -1 },
                      { "1d", -1 },
                      { "9999999h", -1 },
                      { "1.s", -1 },
                      { "0.5ns", -1 },
                      { "s", -1 } };
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = { { "0", 0 },           { "512Mi", 536870912 }, { "1.5Gi", 1610612736 }, { "64k", 64000 },
                  { "1.125Ki", 1152 },  { "1.0001Ki", -1 },     { "0.3Ki", -1 },         { "1e3", -1 },
                  { "99999999Ti", -1 }, { "1KB", -1 },          { "500m", -1 },          { "", -1 } };
    for (size_t i = 0; i < COUNT(durations); i++) {
        int64_t ns = -1;
        assert_int_equal(config_read_duration(durations[i].text, &ns), durations[i].ns >= 0);
        assert_true(ns == durations[i].ns);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int64_t bytes = -1;
        assert_int_equal(config_read_size(sizes[i].text, &bytes), sizes[i].bytes >= 0);
        assert_true(bytes == sizes[i].bytes);
    }
    char text[64];
    config_write_duration(5400500000000, text, sizeof text);
    assert_string_equal(text, "1h30m500ms");
    config_write_size(983040, text, sizeof text);
    assert_string_equal(text, "960Ki");
}

static void prefers_flags_to_environment_to_file(void **state)
{
    static const char *const environment[] = { "STEAD_SERVICE_SLOTS=3",
                                               "STEAD_GRPC_MAX_IN_FLIGHT=5",
                                               "STEAD_SERVICE_LANGUAGES=[js, go]",
                                               "NATS_URL=nats://alias:1",
                                               "STEAD_GRPC_LISTEN=[::1]:0, unix:/tmp/s",
                                               NULL };
    static const struct config_flag flags[] = { { "service.slots", "4", "--slots" } };
    const struct config_sources sources = { NULL, environment, flags, 1 };
    struct config config;
    assert_true(load("service: {slots: 2, shutdownGrace: 7s}\ngrpc: {maxInFlight: 2}", &sources, &config));
    assert_int_equal(config.service_slots, 4);
    assert_int_equal(config.grpc_in_flight_max, 5);
    assert_int_equal(config.service_shutdown_grace_ns, 7000000000);
    assert_string_equal(config.service_languages.items[0], "js");
    assert_string_equal(config.nats_url, "nats://alias:1");
    assert_string_equal(config.grpc_listen.items[0], "[::1]:0");
    assert_string_equal(config.grpc_listen.items[1], "unix:/tmp/s");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_print(&config, out, false);
    fclose(out);
    assert_non_null(strstr(text, "service:\n  name: \"\"  # default\n  slots: 4  # flag --slots\n"));
    assert_non_null(strstr(text, "  shutdownGrace: \"7s\"  # file s.yaml:1\n"));
    assert_non_null(strstr(text, "  maxRetries: 3  # default\n  retry:\n    base: \"100ms\"  # default\n"));
    struct config again; /* what is printed can be read */
    assert_true(load(text, &none, &again));
    assert_int_equal(again.service_slots, 4);
    config_free(&again);
    free(text);
    config_free(&config);
}

static void names_place_and_cure_of_each_problem(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "grpc:\n  lisen: 127.0.0.1:1", "s.yaml:2:3: unknown key \"grpc.lisen\"; did you mean \"grpc.listen\"?" },
        { "grcp:\n  listen: 127.0.0.1:1", "s.yaml:1:1: unknown key \"grcp\"; did you mean \"grpc\"?" },
        { "maxRetries: 3", "s.yaml:1:1: unknown key \"maxRetries\"; did you mean \"functions.maxRetries\"?" },
        { "zzzzzzzzzzzz: {a: 1}", "s.yaml:1:1: unknown key \"zzzzzzzzzzzz\": see docs/reference/config.md" },
        { "grpc: {}\ngrpc: {}", "s.yaml:2:1: \"grpc\" is given twice: keep one" },
        { "service:\n  slots: 1\n  slots: 2", "s.yaml:3:3: \"service.slots\" is given twice: keep one" },
        { "service: &a {slots: 1}", "s.yaml:1:10: anchors are not allowed: remove &a" },
        { "log: {level: !!str info}", "s.yaml:1:14: tags are not allowed: remove tag:yaml.org,2002:str" },
        { "log: {level: *x}", "s.yaml:1:14: aliases such as *x are not allowed: write the value out" },
        { "service: {slots: many}", "s.yaml:1:18: service.slots: \"many\" is not a whole number" },
        { "service: {slots: 010}", "s.yaml:1:18: service.slots: \"010\" is not a whole number" },
        { "service: {slots: 0}", "s.yaml:1:18: service.slots: 0 is too small: the least is 1" },
        { "service: {slots: [1]}", "s.yaml:1:18: service.slots: must be one value, not a list or a mapping" },
        { "service: {slots: }", "s.yaml:1:18: service.slots: has no value: write one, or remove the key to get 64" },
        { "service: {languages: []}", "s.yaml:1:22: service.languages: the list is empty: name at least one" },
        { "service: {languages: [c, c]}", "s.yaml:1:22: service.languages: \"c\" is listed twice" },
        { "service: {languages: [lisp]}", "s.yaml:1:22: service.languages: \"lisp\" is not one of bin|c|go|js|python" },
        { "service: {languages: [[c]]}",
          "s.yaml:1:23: service.languages may hold single values only, no lists or mappings" },
        { "service: 5", "s.yaml:1:10: \"service\" is a section: put its keys below it, indented" },
        { "functions: {timeout: 30}",
          "s.yaml:1:22: functions.timeout: \"30\" is not a duration such as 30s, 250ms or 1h30m" },
        { "functions: {memory: 1TB}", "s.yaml:1:21: functions.memory: \"1TB\" is not a size such as 512Mi or 64Ki" },
        { "limits: {eventSize: 1Ki}", "s.yaml:1:21: limits.eventSize: 1Ki is too small: the least is 64Ki" },
        { "grpc: {allowPlaintext: yes}", "s.yaml:1:24: grpc.allowPlaintext: \"yes\" is neither true nor false" },
        { "grpc: {listen: [nowhere]}",
          "s.yaml:1:16: grpc.listen: \"nowhere\" is no address: write host:port or unix:/path" },
        { "http: {listen: 1.2.3.4:99999}",
          "s.yaml:1:16: http.listen: \"1.2.3.4:99999\" is no address: write host:port, such as 127.0.0.1:7601" },
        { "- a", "s.yaml:1:1: the file must be a mapping of sections, such as \"grpc:\"" },
        { "\tgrpc: 1", "s.yaml:1:1: not YAML: found character that cannot start any token" },
        { "{}\n---\n{}", "s.yaml:2:1: only one document a file is read: remove the second \"---\"" },
        { "grpc: {listen: 0.0.0.0:1}", "grpc.listen: 0.0.0.0:1 is reachable from other machines and has no TLS" },
        { "http: {listen: 0.0.0.0:1}", "http.listen: 0.0.0.0:1 is reachable from other machines" },
        { "grpc: {maxDeadline: 5m}", "grpc.maxDeadline may not exceed results.retention" },
        { "queue: {maxAge: 50m}", "queue.maxAge 50m must be longer than queue.timeout, 50m: the broker would drop" },
        { "queue: {maxAge: 30m}", "queue.maxAge 30m must be longer than queue.timeout, 50m" },
        { "queue: {maxAge: 2m, timeout: 1m}\ngrpc: {maxDeadline: 2m}",
          "queue.maxAge 2m must be longer than grpc.maxDeadline, 2m" },
        { "functions: {timeout: 20m, maxRetries: 2}",
          "queue.maxAge 1h must be longer than 3 attempts (functions.maxRetries) of functions.timeout 20m, 1h" },
        { "functions: {timeout: 1h, maxRetries: 0}",
          "queue.maxAge 1h must be longer than 1 attempt (functions.maxRetries) of" },
        { "queue: {groups: [{name: function.go, timeout: 20m}]}",
          "queue.maxAge 1h must be longer than 4 attempts of timeout 20m in queue.groups, function.go, 1h20m" },
        { "functions: {timeout: 10m}\nqueue: {groups: [{name: function.c, maxRetries: 9}]}",
          "queue.maxAge 1h must be longer than 10 attempts of timeout 10m in queue.groups, function.c, 1h40m" },
        { "queue: {groups: [{name: function.c, timeout: 1h, maxDeliver: 1}]}",
          "queue.maxAge 1h must be longer than 1 attempt of timeout 1h in queue.groups, function.c, 1h" },
        { "service: {name: \"A b\"}", "service.name: \"A b\": use a-z, 0-9 and '-', at most 40 characters" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config = { 0 };
        assert_false(load(rows[i].text, &none, &config));
        assert_null(config.book);
        if (strncmp(problems.text[0], rows[i].want, strlen(rows[i].want)) != 0) {
            fail_msg("%s:\n have %s\n want %s", rows[i].text, problems.text[0], rows[i].want);
        }
    }
}

static void reports_all_problems_of_a_run(void **state)
{
    static const char *const environment[] = { "STEAD_SERVICE_SLOTS=x", NULL };
    const struct config_sources sources = { NULL, environment, NULL, 0 };
    struct config config;
    assert_false(load("a: 1\ngrpc: {b: 2, maxInFlight: z}\nlog: {level: loud}", &sources, &config));
    assert_int_equal(problems.count, 5);
    assert_string_equal(problems.text[4], "STEAD_SERVICE_SLOTS (service.slots): \"x\" is not a whole number");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_check_print(&problems, NULL, out, true);
    fclose(out);
    assert_non_null(strstr(text, "{\"ok\": false, \"problems\": [\"s.yaml:1:1: unknown key"));
    free(text);
    const struct config_sources missing = { "/nonexistent/s.yaml", NULL, NULL, 0 };
    assert_false(config_load(&missing, &config, &problems));
    assert_string_equal(problems.text[0], "/nonexistent/s.yaml: can't be read: No such file or directory");
}

static void tells_what_a_reload_may_change(void **state)
{
    static const char first[] = "functions: {timeout: 5s}\nqueue: {groups: [{name: function.c, timeout: 9s}]}";
    static const char second[] = "functions: {timeout: 6s}\nservice: {languages: [python, c]}\n"
                                 "queue: {groups: [{name: function.c, timeout: 8s}]}";
    static struct config_change changes[CONFIG_CHANGES_MAX];
    struct config old, new;
    assert_true(load(first, &none, &old));
    assert_true(load(first, &none, &new));
    assert_int_equal(config_changes(&old, &new, changes), 0);
    config_free(&new);
    assert_true(load(second, &none, &new));
    assert_int_equal(config_changes(&old, &new, changes), 3);
    assert_string_equal(changes[0].path, "service.languages");
    assert_false(changes[0].live);
    assert_string_equal(changes[1].path, "functions.timeout");
    assert_true(changes[1].live);
    assert_string_equal(changes[1].from, "5s");
    assert_string_equal(changes[1].to, "6s");
    assert_string_equal(changes[2].path, "queue.groups");
    assert_true(config_keep_started(&new, &old, &problems));
    assert_int_equal(new.service_languages.count, 5);
    assert_true(new.functions_timeout_ns == INT64_C(6000000000));
    config_free(&new);
    /* Fine as a file, but not beside a retention that can't change now. */
    assert_true(load("grpc: {maxDeadline: 5m}\nresults: {retention: 10m}", &none, &new));
    assert_false(config_keep_started(&new, &old, &problems));
    assert_non_null(strstr(problems.text[0], "grpc.maxDeadline may not exceed results.retention"));
    config_free(&new);
    config_free(&old);
}

static void assert_fresh(void (*print)(FILE *out), const char *path)
{
    char *text = NULL, *have = calloc(1, 256 * 1024);
    size_t size;
    FILE *out = open_memstream(&text, &size), *file = fopen(path, "r");
    print(out);
    fclose(out);
    assert_non_null(file);
    assert_int_equal(fread(have, 1, 256 * 1024 - 1, file) > 0, 1);
    fclose(file);
    if (strcmp(text, have) != 0) {
        fail_msg("%s is stale: run config_reference", path);
    }
    free(text);
    free(have);
}

static void generated_pages_are_fresh(void **state)
{
    assert_fresh(config_page_print, STEAD_SOURCE_DIR "/docs/reference/config.md");
    assert_fresh(config_schema_print, STEAD_SOURCE_DIR "/docs/reference/config.schema.json");
    assert_fresh(manifest_schema_print, STEAD_SOURCE_DIR "/docs/reference/manifest.schema.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_good_defaults),
        cmocka_unit_test(reads_units),
        cmocka_unit_test(prefers_flags_to_environment_to_file),
        cmocka_unit_test(names_place_and_cure_of_each_problem),
        cmocka_unit_test(reports_all_problems_of_a_run),
        cmocka_unit_test(tells_what_a_reload_may_change),
        cmocka_unit_test(generated_pages_are_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
