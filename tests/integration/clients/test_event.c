/* Events and replies of libstead that need no server: attributes and their bounds, JSON, and an address where nobody
 * is. Calls are tested by test_clients.py in all languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/c/stead/client.h"

static stead_client_event *event_new(void)
{
    stead_client_event *event = stead_client_event_new("test.v1", "text/plain", "hi", 2);
    assert_non_null(event);
    return event;
}

static void test_new(void **state)
{
    size_t size;
    stead_client_event *event = event_new(), *other = stead_client_event_new(NULL, NULL, "\0\1", 2);
    stead_client_event *empty = stead_client_event_new(NULL, NULL, NULL, 0);
    assert_string_equal(stead_client_event_get(event, "type"), "test.v1");
    assert_string_equal(stead_client_event_get(event, "source"), "stead:client");
    assert_int_equal(strlen(stead_client_event_get(event, "id")), 32);
    assert_string_not_equal(stead_client_event_get(event, "id"), stead_client_event_get(other, "id"));
    assert_memory_equal(stead_client_event_data(event, &size), "hi", 2);
    assert_int_equal(size, 2);
    assert_string_equal(stead_client_event_get(other, "datacontenttype"), "application/octet-stream");
    assert_string_equal(stead_client_event_get(other, "type"), "stead.request.v1");
    assert_null(stead_client_event_get(empty, "datacontenttype"));
    assert_null(stead_client_event_data(empty, &size));
    assert_int_equal(size, 0);
    stead_client_event_free(event);
    stead_client_event_free(other);
    stead_client_event_free(empty);
    stead_client_event_free(NULL);
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",     "Upper",       "with-hyphen", "with space",
        "data", "specversion", "grüße",       "a2345678901234567890123456789012345678901234567890123456789012345",
    };
    stead_client_event *event = event_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(stead_client_event_set(event, bad[i], "x"));
        assert_null(stead_client_event_get(event, bad[i]));
    }
    assert_true(stead_client_event_set(event, "subject", "a"));
    assert_true(stead_client_event_set(event, "subject", "b"));
    assert_string_equal(stead_client_event_get(event, "subject"), "b");
    assert_true(stead_client_event_set(event, "subject", ""));
    assert_null(stead_client_event_get(event, "subject"));
    assert_true(stead_client_event_set(event, "subject", NULL));
    assert_false(stead_client_event_set(event, "id", NULL));
    assert_non_null(stead_client_event_get(event, "id"));
    stead_client_event_free(event);
}

static void test_types(void **state)
{
    stead_client_event *event = event_new();
    char *big = calloc(1, 8193);
    assert_true(stead_client_event_set_boolean(event, "no", false));
    assert_true(stead_client_event_set_integer(event, "least", INT32_MIN));
    assert_true(stead_client_event_set_bytes(event, "bytes", "\0\xff\x10\x20", 4));
    assert_true(stead_client_event_set_time(event, "time", (struct timespec){ .tv_sec = 951782400, .tv_nsec = 5 }));
    assert_false(stead_client_event_set_time(event, "time", (struct timespec){ .tv_nsec = 1000000000 }));
    assert_false(stead_client_event_set_bytes(event, "big", big, 8193));
    assert_string_equal(stead_client_event_get(event, "no"), "false");
    assert_string_equal(stead_client_event_get(event, "least"), "-2147483648");
    assert_string_equal(stead_client_event_get(event, "bytes"), "AP8QIA==");
    assert_string_equal(stead_client_event_get(event, "time"), "2000-02-29T00:00:00.000000005Z");
    free(big);
    stead_client_event_free(event);
}

static void test_at_most_64_attributes(void **state)
{
    stead_client_event *event = event_new(); /* id, source, type, datacontenttype */
    char name[16];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "x%d", i);
        assert_true(stead_client_event_set(event, name, "y"));
    }
    assert_false(stead_client_event_set(event, "onemore", "y"));
    assert_true(stead_client_event_set(event, "x59", "z"));
    assert_true(stead_client_event_set(event, "x0", NULL));
    assert_true(stead_client_event_set(event, "onemore", "y"));
    stead_client_event_free(event);
}

static void test_json(void **state)
{
    static const char text[] =
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\",\"n\":5,\"data\":[1,2]}";
    char why[80];
    size_t size;
    stead_client_event *event = stead_client_event_from_json(text, strlen(text), why, sizeof why);
    assert_non_null(event);
    assert_string_equal(stead_client_event_get(event, "n"), "5");
    assert_memory_equal(stead_client_event_data(event, &size), "[1,2]", 5);
    char *again = stead_client_event_to_json(event);
    assert_non_null(strstr(again, "\"data\":[1,2]"));
    stead_client_event *copy = stead_client_event_from_json(again, strlen(again), NULL, 0);
    assert_non_null(copy);
    assert_string_equal(stead_client_event_get(copy, "id"), "1");
    assert_null(stead_client_event_from_json("{\"id\":1}", 8, why, sizeof why));
    assert_true(strlen(why) > 0);
    assert_null(stead_client_event_from_json("", 0, why, 4));
    assert_true(strlen(why) < 4);
    free(again);
    stead_client_event_free(event);
    stead_client_event_free(copy);
}

static void test_nobody_there(void **state)
{
    stead_client_settings settings = { .address = "unix:/nowhere/at/all", .connections = 1, .retries = 1 };
    stead_client *client = stead_client_open(&settings);
    stead_client_reply *replies[] = {
        stead_client_execute(client, "x", NULL, 1000),
        stead_client_submit(client, "x", NULL, 1000),
        stead_client_result(client, "x", true, 1000),
        stead_client_cancel(client, "x", 1000),
    };
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        assert_int_equal(replies[i]->end, STEAD_CLIENT_PLATFORM_ERROR);
        assert_string_equal(replies[i]->status_name, "UNAVAILABLE");
        assert_string_equal(replies[i]->reason, "");
        assert_true(strlen(replies[i]->message) > 0);
        assert_false(replies[i]->not_started);
        assert_int_equal(replies[i]->retry_after_ms, -1);
        assert_int_equal(replies[i]->data_size, 0);
        assert_null(replies[i]->event);
        stead_client_reply_free(replies[i]);
    }
    stead_client_reply_free(NULL);
    stead_client_close(client);
    stead_client_close(NULL);
    settings.connections = 65;
    assert_null(stead_client_open(&settings));
}

static void test_attribute_too_long(void **state)
{
    stead_client *client = stead_client_open(NULL);
    stead_client_event *event = event_new();
    char *value = malloc(70001);
    memset(value, 'x', 70000);
    value[70000] = '\0';
    assert_true(stead_client_event_set(event, "long", value));
    stead_client_reply *reply = stead_client_execute(client, "x", event, 1000);
    assert_string_equal(reply->status_name, "INVALID_ARGUMENT");
    stead_client_reply_free(reply);
    assert_null(stead_client_event_to_json(event));
    free(value);
    stead_client_event_free(event);
    stead_client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_at_most_64_attributes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_attribute_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
