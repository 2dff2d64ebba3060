/* Files written for the original configuration: a whole one with the exact explanations that it gets, each other
 * spelling by itself, and what happens where two of them contradict each other. */
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
#define FOLDER       STEAD_SOURCE_DIR "/tests/unit/config/"

enum { FILE_BYTES = 64 * 1024 };

static const struct config_sources none;
static struct config_problems problems;

static bool load(const char *text, const struct config_sources *sources, struct config *ret_config)
{
    return config_load_text(text, strlen(text), "s.yaml", sources, ret_config, &problems);
}

static void read_file(const char *path, char ret_text[FILE_BYTES])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(ret_text, 1, FILE_BYTES - 1, file);
    ret_text[length] = '\0';
    fclose(file);
}

/* If this fails on purpose: `stead config check original.yaml > original.check` in the folder of this file. */
static void explains_the_whole_file(void **state)
{
    static char text[FILE_BYTES], want[FILE_BYTES];
    struct config config;
    char *have = NULL;
    size_t size;
    read_file(FOLDER "original.yaml", text);
    read_file(FOLDER "original.check", want);
    bool good = config_load_text(text, strlen(text), "original.yaml", &none, &config, &problems);
    if (!good) {
        fail_msg("%s", problems.text[0]);
    }
    FILE *out = open_memstream(&have, &size);
    config_check_print(&problems, &config, out, false);
    fclose(out);
    assert_string_equal(have, want);
    free(have);
    assert_true(config.queue_timeout_ns == INT64_C(3600000000000));
    assert_true(config.queue_age_ns_max == INT64_C(86400000000000));
    assert_int_equal(config.queue_pending_max, 10000);
    assert_int_equal(config.grpc_in_flight_max, 1000);
    assert_int_equal(config.functions_retries_max, 3);
    assert_int_equal(config.storage_type, CONFIG_STORAGE_FILE);
    assert_int_equal(config.storage_replicas, 3);
    assert_int_equal(config.service_languages.count, 4);
    assert_string_equal(config.nats_url, "nats://127.0.0.1:4222,nats://127.0.0.1:4223");
    assert_int_equal(config.queue_groups.count, 3);
    assert_string_equal(config.queue_groups.items[2].language, "js");
    config_free(&config);
}

/* What `config print` shows of it means the same, by the names of ours, and contradicts nothing any more. */
static void prints_what_holds(void **state)
{
    static char text[FILE_BYTES];
    struct config config, again;
    static struct config_change changes[CONFIG_CHANGES_MAX];
    char *printed = NULL;
    size_t size;
    read_file(FOLDER "original.yaml", text);
    assert_true(config_load_text(text, strlen(text), "original.yaml", &none, &config, &problems));
    FILE *out = open_memstream(&printed, &size);
    config_print(&config, out, false);
    fclose(out);
    if (!load(printed, &none, &again)) {
        fail_msg("%s", problems.text[0]);
    }
    assert_int_equal(config_changes(&config, &again, changes), 0);
    assert_non_null(strstr(printed, "timeout: \"1h\"  # file original.yaml:43 (nats.queue.maxAge)\n"));
    assert_non_null(strstr(printed, "  groups:\n    - name: \"function.go\"  # file original.yaml:65\n"));
    free(printed);
    config_free(&again);
    config_free(&config);
}

/* Each spelling sets its key from the file and from the environment. */
static void takes_every_spelling(void **state)
{
    for (size_t i = 0; i < config_table.spelling_count; i++) {
        const struct config_spelling *spelling = &config_table.spellings[i];
        const struct config_key *key = config_key_find(&config_table, spelling->target);
        struct config config;
        char name[CONFIG_PATH_BYTES], entry[512];
        config_environment_name(spelling->path, name);
        if (spelling->how == CONFIG_GROUPS || spelling->how == CONFIG_REFUSED) {
            assert_null(key);
            snprintf(entry, sizeof entry, "%s=x", name);
        } else {
            const char *value = spelling->how == CONFIG_FIXED ? spelling->target : key->default_text;
            snprintf(entry, sizeof entry, "%s=%s", name, value);
        }
        const char *const environment[] = { entry, NULL };
        const struct config_sources sources = { NULL, environment, NULL, 0 };
        bool taken = load("", &sources, &config);
        bool wanted = spelling->how != CONFIG_GROUPS && spelling->how != CONFIG_REFUSED;
        if (taken != wanted) {
            fail_msg("%s: %s", entry, taken ? "taken" : problems.text[0]);
        }
        if (taken && key != NULL) {
            assert_ptr_equal(config_origin_of(&config, key->path)->spelling, spelling);
        }
        if (taken) {
            config_free(&config);
        }
    }
}

static void says_what_holds(void **state)
{
    static const struct {
        const char *text, *want; /* the first note; NULL: none */
    } rows[] = {
        { "function: {execution: {timeout: 5s}}", NULL },
        { "functions: {timeout: 5s}\nfunction: {execution: {timeout: 5000ms}}", NULL },
        { "nats: {queue: {maxAge: 30m}}", NULL },
        { "nats: {queue: {maxAge: 1h}}",
          "s.yaml:1: nats.queue.maxAge 1h: a request that waited so long ends as expired, with a stored result; the "
          "broker, which drops silently, must come later: queue.maxAge is raised to 1h12m (queue.maxAge 1h)" },
        { "nats: {queue: {maxSize: 10}}\nqueue: {settings: {maxSize: 20}}",
          "s.yaml:2: nats.queue.maxSize 10 and queue.settings.maxSize 20: both bound the one queue at the broker; 10 "
          "holds (queue.maxPending)" },
        { "queue: {maxPending: 5, settings: {maxSize: 20}}",
          "s.yaml:1: queue.maxPending 5 and queue.settings.maxSize 20: both bound" },
        { "nats: {queue: {storage: memory}}", NULL },
        { "nats: {queue: {storage: memory}}\nqueue: {settings: {storage: file}}",
          "s.yaml:2: nats.queue.storage memory and queue.settings.storage file: what was accepted must outlive a "
          "restart of the broker; file holds (storage.type)" },
        { "nats: {queue: {storage: memory, replicas: 3}}",
          "s.yaml:1: nats.queue.storage memory and nats.queue.replicas 3: copies in memory are gone when all servers "
          "restart: file holds; write storage.type: memory if that loss is meant" },
        { "storage: {type: memory, replicas: 3}",
          "s.yaml:1: storage.type memory and storage.replicas 3: copies in memory are gone when all servers restart: "
          "accepted requests may be lost then" },
        { "storage: {replicas: 3}", "s.yaml:1: storage.replicas 3: needs as many servers" },
        { "nats: {queue: {replicas: 1}}\nstorage: {replicas: 2}",
          "s.yaml:2: nats.queue.replicas 1 and storage.replicas 2: both are the copies that the broker keeps; 2 "
          "holds" },
        { "nats: {queue: {ackWait: 30s}}", "s.yaml:1: nats.queue.ackWait 30s and functions.timeout 30s: they do not" },
        { "queue: {ackWait: 10s}", NULL },
        { "nats: {queue: {maxDeliver: 4}}\nfunctions: {maxRetries: 3}", NULL },
        { "nats: {queue: {maxDeliver: 3}}", NULL },
        { "nats: {queue: {maxDeliver: -1}}",
          "s.yaml:1: nats.queue.maxDeliver -1: attempts are bounded all the same: 4" },
        { "service: {routing: {strategy: least-loaded}}",
          "s.yaml:1: service.routing.strategy least-loaded: instances" },
        { "service: {instances: {min: 2}}", "s.yaml:1: service.instances 2 to 10: this process is one instance" },
        { "functions: {cpu: 500m}", "s.yaml:1: functions.cpu 500m: not enforced" },
        { "runtime: {longLived: {maxRetries: 1}}", "s.yaml:1: runtime.longLived: checked and without effect" },
        { "queue: {groups: [{name: function.go, ackWait: 20s}, {name: function.c, ackWait: 15s}]}",
          "s.yaml:1: queue.groups: one ackWait holds for all functions: 15s, the smallest that is given "
          "(queue.ackWait)" },
        { "queue: {groups: [{name: function.go, maxAge: 20m}, {name: function.c, maxAge: 30m}]}",
          "s.yaml:1: queue.groups: one maxAge holds for all functions: 20m, the smallest that is given "
          "(queue.timeout)" },
        { "queue: {groups: [{name: function.go, maxPending: 20}, {name: function.c, maxPending: 30}]}",
          "s.yaml:1: queue.groups: maxPending: the queue is bounded as a whole, not by language: 50, the sum of the" },
        { "functions: {maxRetries: 3}\nqueue: {groups: [{name: function.go, maxDeliver: 3}]}",
          "s.yaml:2: function.go: maxDeliver 3: maxRetries is given too and holds: 4 attempts in all" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config;
        if (!load(rows[i].text, &none, &config)) {
            fail_msg("%s: %s", rows[i].text, problems.text[0]);
        }
        const char *have = config_note_count(&config) > 0 ? config_note(&config, 0) : NULL;
        if ((have == NULL) != (rows[i].want == NULL) ||
            (have != NULL && strncmp(have, rows[i].want, strlen(rows[i].want)) != 0)) {
            fail_msg("%s:\n have %s\n want %s", rows[i].text, have == NULL ? "no note" : have,
                     rows[i].want == NULL ? "no note" : rows[i].want);
        }
        config_free(&config);
    }
}

static void refuses_what_has_no_answer(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "functions: {timeout: 5s}\nfunction: {execution: {timeout: 6s}}",
          "s.yaml:2:33: function.execution.timeout: says 6s, but functions.timeout (s.yaml:1) says 5s, and they mean "
          "the same: keep one" },
        { "nats: {url: \"nats://a:1\", urls: [nats://b:1]}", "s.yaml:1:33: nats.urls: says nats://b:1, but nats.url" },
        { "nats: {stream: {name: mine}}", "s.yaml:1:23: nats.stream.name: is always \"functions\" (all instances" },
        { "nats: {objectStore: {bucket: [a]}}", "s.yaml:1:30: nats.objectStore.bucket: is always \"function-code\"" },
        { "nats: {password: secret}", "s.yaml:1:18: nats.password: passwords do not belong into this file" },
        { "function: {execution: {timout: 5s}}",
          "s.yaml:1:24: unknown key \"function.execution.timout\"; did you mean \"function.execution.timeout\"?" },
        { "function: {execution: {timeout: 5}}", "s.yaml:1:33: function.execution.timeout: \"5\" is not a duration" },
        { "function: {languages: [lisp]}", "s.yaml:1:23: function.languages: \"lisp\" is not one of bin|c|go|js" },
        { "function: {languages: {go: {enabled: false}}}\nservice: {languages: [go]}",
          "function.languages.go.enabled is false, but service.languages lists it: change one of them" },
        { "function: {languages: {go: {version: new}}}", "function.languages.go.version: \"new\": write a version" },
        { "service: {routing: {languageBased: false}}", "s.yaml:1: service.routing.languageBased: false would send" },
        { "service: {routing: {strategy: sticky}}", "s.yaml:1:31: service.routing.strategy: \"sticky\" is not one of" },
        { "service: {instances: {min: 3, max: 2}}", "service.instances.min may not exceed service.instances.max" },
        { "service: {queue: {timeout: 5m}}", "service.queue.timeout may not exceed results.retention: a result" },
        { "nats: {tls: {cert: /a.pem}}", "nats.tls.cert and nats.tls.key belong together" },
        { "queue: {groups: 5}", "s.yaml:1:17: queue.groups must be a list of queue groups, each with a name" },
        { "queue: {groups: [5]}", "s.yaml:1:18: queue.groups: each entry is a mapping such as {name: function.go" },
        { "queue: {groups: [{maxAge: 1h}]}", "queue.groups[0] has no name: write name: function.<language>" },
        { "queue: {groups: [{name: go}]}", "s.yaml:1: queue.groups[0]: name \"go\": write function.<language>" },
        { "queue: {groups: [{name: function.c}, {name: function.c}]}",
          "s.yaml:1: queue.groups[1]: \"function.c\" has" },
        { "queue: {groups: [{name: function.c, maxRetry: 1}]}",
          "s.yaml:1:37: unknown key \"queue.groups[0].maxRetry\"; did you mean \"maxRetries\"?" },
        { "queue: {groups: [{name: function.c, timeout: 5s, timeout: 6s}]}",
          "s.yaml:1:50: \"queue.groups[0].timeout\" is given twice: keep one" },
        { "queue: {groups: [{name: function.c, maxRetries: many}]}",
          "s.yaml:1:49: queue.groups[0].maxRetries: \"many\" is not a whole number" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config = { 0 };
        if (load(rows[i].text, &none, &config)) {
            fail_msg("%s: taken", rows[i].text);
        }
        assert_null(config.book);
        if (strncmp(problems.text[0], rows[i].want, strlen(rows[i].want)) != 0) {
            fail_msg("%s:\n have %s\n want %s", rows[i].text, problems.text[0], rows[i].want);
        }
    }
}

/* A higher source writes over a lower one, whatever the spelling; within one source they must agree. */
static void ranks_sources_before_spellings(void **state)
{
    static const char *const one[] = { "STEAD_FUNCTION_EXECUTION_TIMEOUT=6s", NULL };
    static const char *const two[] = { "STEAD_FUNCTION_EXECUTION_TIMEOUT=6s", "STEAD_FUNCTIONS_TIMEOUT=7s", NULL };
    static const struct config_flag flags[] = { { "function.execution.timeout", "8s", "--set" } };
    const struct config_sources environment = { NULL, one, NULL, 0 }, flag = { NULL, one, flags, 1 };
    const struct config_sources both = { NULL, two, NULL, 0 };
    struct config config;
    assert_true(load("functions: {timeout: 5s}", &environment, &config));
    assert_true(config.functions_timeout_ns == INT64_C(6000000000));
    config_free(&config);
    assert_true(load("functions: {timeout: 5s}", &flag, &config));
    assert_true(config.functions_timeout_ns == INT64_C(8000000000));
    config_free(&config);
    assert_false(load("", &both, &config));
    assert_string_equal(problems.text[0], "STEAD_FUNCTION_EXECUTION_TIMEOUT (function.execution.timeout): says 6s, but "
                                          "functions.timeout (STEAD_FUNCTIONS_TIMEOUT) says 7s, and they mean the "
                                          "same: keep one");
}

static void compares_versions_of_tools(void **state)
{
    static const struct {
        const char *line, *version;
        bool named;
    } rows[] = {
        { "go version go1.19.8 linux/amd64", "1.19", true },
        { "go version go1.19.8 linux/amd64", "1.1", false },
        { "go version go1.19.8 linux/amd64", "9.8", false },
        { "v20.20.2", "20", true },
        { "Python 3.11.2", "3.11.2", true },
        { "Python 3.11.2", "3.11.20", false },
        { "cc (Debian 12.2.0-14) 12.2.0", "12.2", true },
        { "cc (Debian 12.2.0-14) 12.2.0", "2.0", false },
        { "anything", "", true },
        { "", "", true },
        { "", "1", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(config_version_named(rows[i].line, rows[i].version), rows[i].named);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explains_the_whole_file),    cmocka_unit_test(prints_what_holds),
        cmocka_unit_test(takes_every_spelling),       cmocka_unit_test(says_what_holds),
        cmocka_unit_test(refuses_what_has_no_answer), cmocka_unit_test(ranks_sources_before_spellings),
        cmocka_unit_test(compares_versions_of_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
