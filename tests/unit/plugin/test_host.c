/* The plugin host against real processes: both SDKs and the plugins of tests/plugins that misbehave. */
#include "tests/unit/plugin/host_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define C_PLUGIN(name) ((const char *const[]){ PLUGINS "/plugin-" name, NULL })
#define PYTHON_PLUGIN(name)                                                                                            \
    ((const char *const[]){ "/usr/bin/python3", "-I", "-S", "-B", SDK "/python/stead/__main__.py",                     \
                            SOURCES "/" name "/main.py", NULL })

static struct spawner *spawner;
static struct host_test test;
static uint32_t one = 100; /* ids are never used twice: each test has its own */
#define TWO (one + 1)

static int set_up(void **state)
{
    one += 2;
    host_test_open(&test, spawner, NULL);
    return 0;
}

static int tear_down(void **state)
{
    host_test_close(&test);
    return 0;
}

static void start_ready(uint32_t worker, const char *const *argv)
{
    host_test_start(&test, worker, argv);
    const struct plugin_event *started = host_test_await(&test, worker, PLUGIN_STARTED);
    assert_non_null(started);
    assert_true(started->pid > 0);
    const struct plugin_event *ready = host_test_await(&test, worker, PLUGIN_READY);
    assert_non_null(ready);
    assert_int_equal(ready->concurrency, 1);
}

static void expect_text(struct bytes text, const char *part)
{
    char copy[PLUGIN_STDERR_TAIL_BYTES + 1];
    snprintf(copy, sizeof copy, "%.*s", (int)text.length, text.at != NULL ? (const char *)text.at : "");
    if (strstr(copy, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, copy);
    }
}

static void echo_with(const char *const *argv, uint32_t worker)
{
    start_ready(worker, argv);
    host_test_call(&test, worker, 5, bytes_of("{\"a\": 1}"), "application/json");
    const struct plugin_event *result = host_test_await(&test, worker, PLUGIN_RESULT);
    assert_non_null(result);
    assert_int_equal(result->stream, 5);
    assert_true(bytes_equal_text(result->event.data, "{\"a\": 1}"));
    struct bytes value = { 0 };
    assert_true(event_find(result->event.block, "echoed", &value) && bytes_equal_text(value, "\xc3\xa9"));
    assert_true(event_find(result->event.block, "causationid", &value) && bytes_equal_text(value, "event-1"));
    assert_true(event_find(result->event.block, "id", &value) && bytes_equal_text(value, "request-1.result"));
    plugin_ping(test.host, worker);
    assert_non_null(host_test_await(&test, worker, PLUGIN_PONG));
    plugin_stop(test.host, worker);
    const struct plugin_event *exited = host_test_await(&test, worker, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->exit_status, 0);
    assert_int_equal(host_test_count(&test, worker, PLUGIN_BROKEN), 0);
    assert_true(exited->exit_memory_bytes_max > 0);
    plugin_forget(test.host, worker);
}

static void test_echo_c(void **state)
{
    echo_with(C_PLUGIN("echo"), one);
}

static void test_echo_python(void **state)
{
    echo_with(PYTHON_PLUGIN("echo-python"), one);
}

static void test_large_and_many(void **state)
{
    enum { LARGE = 1500 * 1000, CALLS = 300 };
    start_ready(one, C_PLUGIN("echo"));
    uint8_t *large = malloc(LARGE);
    assert_non_null(large);
    memset(large, 'L', LARGE);
    for (int stream = 1; stream <= CALLS; stream++) {
        host_test_call(&test, one, (uint16_t)stream, stream == 7 ? (struct bytes){ large, LARGE } : bytes_of("small"),
                       NULL);
    }
    for (int stream = 1; stream <= CALLS; stream++) {
        const struct plugin_event *result = host_test_await(&test, one, PLUGIN_RESULT);
        assert_non_null(result);
        assert_int_equal(result->stream, stream);
        assert_int_equal(result->event.data.length, stream == 7 ? LARGE : 5);
    }
    free(large);
}

static void test_input_too_large(void **state)
{
    start_ready(one, C_PLUGIN("echo"));
    size_t size = 17 * 1024 * 1024;
    uint8_t *data = calloc(1, size);
    assert_non_null(data);
    host_test_call(&test, one, 9, (struct bytes){ data, size }, NULL);
    free(data);
    const struct plugin_event *error = host_test_await(&test, one, PLUGIN_ERROR);
    assert_non_null(error);
    assert_int_equal(error->stream, 9);
    assert_int_equal(error->error_class, PLUGIN_PERMANENT);
    assert_true(bytes_equal_text(error->type, "input-too-large"));
    host_test_call(&test, one, 9, bytes_of("ok"), NULL);
    assert_non_null(host_test_await(&test, one, PLUGIN_RESULT));
}

static void test_garbage_breaks_that_worker_only(void **state)
{
    start_ready(TWO, C_PLUGIN("echo"));
    host_test_start(&test, one, C_PLUGIN("garbage"));
    const struct plugin_event *broken = host_test_await(&test, one, PLUGIN_BROKEN);
    assert_non_null(broken);
    expect_text(broken->text, "frame");
    const struct plugin_event *exited = host_test_await(&test, one, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->exit_signal, SIGKILL);
    host_test_call(&test, TWO, 1, bytes_of("alive"), NULL);
    assert_non_null(host_test_await(&test, TWO, PLUGIN_RESULT));
}

static void test_exit_at_start(void **state)
{
    host_test_start(&test, one, PYTHON_PLUGIN("exits"));
    const struct plugin_event *exited = host_test_await(&test, one, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->exit_status, 3);
    expect_text(exited->text, "the moon is full");
    assert_int_equal(host_test_count(&test, one, PLUGIN_READY), 0);
}

static void test_cannot_start(void **state)
{
    host_test_start(&test, one, (const char *const[]){ "/no/such/program", NULL });
    const struct plugin_event *exited = host_test_await(&test, one, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->start_error, ENOENT);
    expect_text(exited->text, "No such file");
}

static void test_prints(void **state)
{
    start_ready(one, PYTHON_PLUGIN("prints"));
    host_test_call(&test, one, 1, bytes_of("1"), NULL);
    const struct plugin_event *result = host_test_await(&test, one, PLUGIN_RESULT);
    assert_non_null(result);
    assert_true(bytes_equal_text(result->event.data, "{\"printed\":true}"));
    plugin_stop(test.host, one);
    assert_non_null(host_test_await(&test, one, PLUGIN_EXITED));
    static const char *const lines[] = { "at import", "on stdout", "on stderr", "by the log", "half a line" };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        bool found = false;
        for (size_t k = 0; k < test.count; k++) {
            const struct plugin_event *event = &test.seen[k].event;
            found = found || (event->kind == PLUGIN_LOG && bytes_equal_text(event->text, lines[i]));
        }
        if (!found) {
            fail_msg("the line '%s' was not captured", lines[i]);
        }
    }
}

static void test_hang_is_killed(void **state)
{
    start_ready(one, PYTHON_PLUGIN("hangs"));
    host_test_call(&test, one, 1, bytes_of("1"), NULL);
    loop_run_once(test.loop, 50000000u);
    plugin_kill(test.host, one);
    const struct plugin_event *exited = host_test_await(&test, one, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->exit_signal, SIGKILL);
    assert_int_equal(host_test_count(&test, one, PLUGIN_RESULT), 0);
}

static void test_crash(void **state)
{
    start_ready(one, C_PLUGIN("crashes"));
    host_test_call(&test, one, 1, (struct bytes){ 0 }, NULL);
    assert_non_null(host_test_await(&test, one, PLUGIN_RESULT));
    host_test_call(&test, one, 1, bytes_of("now"), NULL);
    const struct plugin_event *exited = host_test_await(&test, one, PLUGIN_EXITED);
    assert_non_null(exited);
    assert_int_equal(exited->exit_signal, SIGABRT);
    expect_text(exited->text, "about to crash");
}

static void test_result_too_large(void **state)
{
    start_ready(one, PYTHON_PLUGIN("toomuch"));
    host_test_call(&test, one, 1, bytes_of("1"), NULL);
    const struct plugin_event *error = host_test_await(&test, one, PLUGIN_ERROR);
    assert_non_null(error);
    assert_int_equal(error->error_class, PLUGIN_PERMANENT);
    expect_text(error->text, "the limit is");
}

static void test_error_classes(void **state)
{
    static const struct {
        const char *data;
        enum plugin_error_class error_class;
        uint64_t after_ms;
        const char *text;
    } rows[] = {
        { "\"reject\"", PLUGIN_PERMANENT, 0, "not with me" },
        { "\"retry\"", PLUGIN_RETRY, 1500, "later" },
        { "\"throttle\"", PLUGIN_THROTTLE, 0, "too many" },
        { "\"connection\"", PLUGIN_RETRY, 0, "ConnectionError: gone" },
        { "\"other\"", PLUGIN_PERMANENT, 0, "ValueError: a mistake" },
        { "{not json", PLUGIN_PERMANENT, 0, "not JSON" },
    };
    start_ready(one, PYTHON_PLUGIN("rejects"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        host_test_call(&test, one, (uint16_t)(i + 1), bytes_of(rows[i].data), "application/json");
        const struct plugin_event *error = host_test_await(&test, one, PLUGIN_ERROR);
        assert_non_null(error);
        assert_int_equal(error->error_class, rows[i].error_class);
        assert_int_equal(error->after_ms, rows[i].after_ms);
        expect_text(error->text, rows[i].text);
    }
}

static void test_unknown_is_harmless(void **state)
{
    struct event none = { 0 };
    plugin_execute(test.host, 99, 1, (struct bytes){ 0 }, none);
    plugin_cancel(test.host, 99, 1);
    plugin_stop(test.host, 99);
    plugin_kill(test.host, 99);
    plugin_forget(test.host, 99);
    start_ready(one, C_PLUGIN("echo"));
    plugin_cancel(test.host, one, 500);
    assert_int_equal(plugin_start(test.host, one, &(struct plugin_program){ .argv = C_PLUGIN("echo") }), -EEXIST);
    host_test_call(&test, one, 1, bytes_of("alive"), NULL);
    assert_non_null(host_test_await(&test, one, PLUGIN_RESULT));
    plugin_forget(test.host, one);
    size_t before = test.count;
    loop_run_once(test.loop, 100000000u);
    assert_int_equal(test.count, before);
}

int main(void)
{
    if (spawner_start(NULL, &spawner) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        HOST_TEST(test_echo_c),
        HOST_TEST(test_echo_python),
        HOST_TEST(test_large_and_many),
        HOST_TEST(test_input_too_large),
        HOST_TEST(test_garbage_breaks_that_worker_only),
        HOST_TEST(test_exit_at_start),
        HOST_TEST(test_cannot_start),
        HOST_TEST(test_prints),
        HOST_TEST(test_hang_is_killed),
        HOST_TEST(test_crash),
        HOST_TEST(test_result_too_large),
        HOST_TEST(test_error_classes),
        HOST_TEST(test_unknown_is_harmless),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    spawner_stop(spawner);
    return failures;
}
