/* The JSON format: the scanner, what structured events become, and what is refused with which reason. */
#include "adapters/cloudevents/cloudevents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CORE         "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\""

static void scans_strictly(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "1", true },           { " {} ", true },      { "[1,2]", true },         { "\"\\ud83d\\ude00\"", true },
        { "-0.5e+10", true },    { "1e400", true },     { "\"\xc3\xa9\"", true },  { "12345678901234567890123", true },
        { "", false },           { "01", false },       { "+1", false },           { "1.", false },
        { ".5", false },         { "NaN", false },      { "tru", false },          { "[1,]", false },
        { "{\"a\":1,}", false }, { "{,}", false },      { "{a:1}", false },        { "'a'", false },
        { "\"\n\"", false },     { "\"\\x\"", false },  { "\"\\u12g4\"", false },  { "\"", false },
        { "1 2", false },        { "\"\xff\"", false }, { "\"\xc0\xaf\"", false }, { "\"\xed\xa0\x80\"", false },
        { "{\"a\"}", false },    { "[", false },        { "{\"a\":", false },      { "1e", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (cloudevents_json_valid(bytes_of(rows[i].text)) != rows[i].good) {
            fail_msg("%s should be %s", rows[i].text, rows[i].good ? "valid" : "refused");
        }
    }
}

static void bounds_the_depth(void **state)
{
    char text[300] = { 0 };
    memset(text, '[', CLOUDEVENTS_DEPTH_MAX);
    memset(text + CLOUDEVENTS_DEPTH_MAX, ']', CLOUDEVENTS_DEPTH_MAX);
    assert_true(cloudevents_json_valid(bytes_of(text)));
    memset(text, '[', CLOUDEVENTS_DEPTH_MAX + 1);
    memset(text + CLOUDEVENTS_DEPTH_MAX + 1, ']', CLOUDEVENTS_DEPTH_MAX + 1);
    assert_false(cloudevents_json_valid(bytes_of(text)));
}

static void reads_data_by_its_type(void **state)
{
    static const struct {
        const char *members, *type, *data;
    } rows[] = {
        { ",\"data\":{\"n\": 1234567890123456789}", "application/json", "{\"n\": 1234567890123456789}" },
        { ",\"data\":\"text\"", "application/json", "\"text\"" },
        { ",\"data\":null", "application/json", "null" },
        { ",\"data\":1e400,\"datacontenttype\":\"a/b+JSON; x=y\"", "a/b+JSON; x=y", "1e400" },
        { ",\"datacontenttype\":\"text/plain\",\"data\":\"a\\nb\\u20ac\"", "text/plain", "a\nb\xe2\x82\xac" },
        { ",\"data_base64\":\"aGk=\"", NULL, "hi" },
        { ",\"data_base64\":\"\\/\\/8=\",\"datacontenttype\":\"a/b\"", "a/b", "\xff\xff" },
        { ",\"data_base64\":null,\"data\":1", "application/json", "1" },
        { "", NULL, "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        struct event_buffer packed = { 0 };
        struct cloudevents_error error;
        struct event event;
        struct bytes type;
        snprintf(text, sizeof text, " {" CORE "%s}\n", rows[i].members);
        if (!cloudevents_from_json(bytes_of(text), NULL, &packed, &error)) {
            fail_msg("%s: %s", text, error.message);
        }
        assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
        assert_int_equal(event_find(event.block, "datacontenttype", &type), rows[i].type != NULL);
        assert_true(rows[i].type == NULL || bytes_equal_text(type, rows[i].type));
        assert_true(bytes_equal_text(event.data, rows[i].data));
        event_buffer_free(&packed);
    }
}

static void refuses_with_a_reason(void **state)
{
    static const struct {
        const char *text;
        enum cloudevents_reason reason;
        const char *attribute;
    } rows[] = {
        { "", CLOUDEVENTS_BAD_JSON, "" },
        { "[]", CLOUDEVENTS_BAD_JSON, "" },
        { "{" CORE "} x", CLOUDEVENTS_BAD_JSON, "" },
        { "{" CORE, CLOUDEVENTS_BAD_JSON, "" },
        { "{" CORE ",\"a\":\"\xff\"}", CLOUDEVENTS_BAD_JSON, "" },
        { "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\"}", CLOUDEVENTS_MISSING_ATTRIBUTE, "type" },
        { "{" CORE ",\"id\":\"2\"}", CLOUDEVENTS_DUPLICATE_ATTRIBUTE, "id" },
        { "{" CORE ",\"i\\u0064\":\"2\"}", CLOUDEVENTS_DUPLICATE_ATTRIBUTE, "id" },
        { "{" CORE ",\"data\":1,\"data\":2}", CLOUDEVENTS_DUPLICATE_ATTRIBUTE, "data" },
        { "{" CORE ",\"data\":1,\"data_base64\":\"\"}", CLOUDEVENTS_DATA_CONFLICT, "data" },
        { "{" CORE ",\"data_base64\":\"a\"}", CLOUDEVENTS_BAD_BASE64, "data_base64" },
        { "{" CORE ",\"data_base64\":\"aGl=\"}", CLOUDEVENTS_BAD_BASE64, "data_base64" },
        { "{" CORE ",\"data_base64\":\"aG k\"}", CLOUDEVENTS_BAD_BASE64, "data_base64" },
        { "{" CORE ",\"data_base64\":7}", CLOUDEVENTS_BAD_BASE64, "data_base64" },
        { "{" CORE ",\"ext\":{}}", CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, "ext" },
        { "{" CORE ",\"ext\":1.5}", CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, "ext" },
        { "{" CORE ",\"ext\":2147483648}", CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, "ext" },
        { "{" CORE ",\"subject\":true}", CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, "subject" },
        { "{" CORE ",\"Ext\":\"x\"}", CLOUDEVENTS_BAD_ATTRIBUTE_NAME, "Ext" },
        { "{" CORE ",\":reply-to\":\"x\"}", CLOUDEVENTS_BAD_ATTRIBUTE_NAME, ":reply-to" },
        { "{" CORE ",\"\":\"x\"}", CLOUDEVENTS_BAD_ATTRIBUTE_NAME, "" },
        { "{" CORE ",\"ext\":\"a\\u0000b\"}", CLOUDEVENTS_BAD_CHARACTER, "ext" },
        { "{" CORE ",\"ext\":\"\\ud800\"}", CLOUDEVENTS_BAD_UTF8, "ext" },
        { "{" CORE ",\"datacontenttype\":\"text/plain\",\"data\":{}}", CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, "data" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer packed = { 0 };
        struct cloudevents_error error;
        assert_false(cloudevents_from_json(bytes_of(rows[i].text), NULL, &packed, &error));
        if (error.reason != rows[i].reason || strcmp(error.attribute, rows[i].attribute) != 0) {
            fail_msg("%s: %s \"%s\": %s", rows[i].text, cloudevents_reason_name(error.reason), error.attribute,
                     error.message);
        }
        event_buffer_free(&packed);
    }
}

static void reads_integers_and_booleans(void **state)
{
    struct event_buffer packed = { 0 };
    struct cloudevents_error error;
    struct event event;
    struct bytes value;
    const char *text = "{" CORE ",\"a\":-2147483648,\"b\":false,\"c\":-0,\"d\":null}";
    assert_true(cloudevents_from_json(bytes_of(text), NULL, &packed, &error));
    assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
    assert_true(event_find(event.block, "a", &value) && bytes_equal_text(value, "-2147483648"));
    assert_true(event_find(event.block, "b", &value) && bytes_equal_text(value, "false"));
    assert_true(event_find(event.block, "c", &value) && bytes_equal_text(value, "0"));
    assert_false(event_find(event.block, "d", &value));
    event_buffer_free(&packed);
}

static void keeps_the_limits(void **state)
{
    static const char text[] = "{" CORE ",\"a\":\"12345\",\"data\":\"123456789\"}";
    static const struct {
        struct cloudevents_limits limits;
        enum cloudevents_reason reason;
    } rows[] = {
        { { .event_bytes_max = 60 }, CLOUDEVENTS_TOO_LARGE },
        { { .value_bytes_max = 4 }, CLOUDEVENTS_TOO_LARGE },
        { { .attributes_max = 5 }, CLOUDEVENTS_TOO_MANY_ATTRIBUTES },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer packed = { 0 };
        struct cloudevents_error error;
        assert_false(cloudevents_from_json(bytes_of(text), &rows[i].limits, &packed, &error));
        assert_int_equal(error.reason, rows[i].reason);
        event_buffer_free(&packed);
    }
}

static void assert_written(const char *type, struct bytes data, const char *want)
{
    struct event_buffer block = { 0 }, json = { 0 };
    event_buffer_attribute_text(&block, "id", "a\"\n");
    event_buffer_attribute_text(&block, ":ack", "secret");
    if (type != NULL) {
        event_buffer_attribute_text(&block, "datacontenttype", type);
    }
    assert_true(cloudevents_to_json((struct event){ { block.at, block.length }, data }, &json));
    event_buffer_append(&json, "", 1);
    assert_string_equal((const char *)json.at, want);
    event_buffer_free(&block);
    event_buffer_free(&json);
}

static void writes_data_by_its_type(void **state)
{
    assert_written(NULL, bytes_of(""), "{\"id\":\"a\\\"\\n\"}");
    assert_written(NULL, bytes_of("hi"), "{\"id\":\"a\\\"\\n\",\"data_base64\":\"aGk=\"}");
    assert_written("a/json", bytes_of("[1]"), "{\"id\":\"a\\\"\\n\",\"datacontenttype\":\"a/json\",\"data\":[1]}");
    assert_written("a/json", bytes_of("[1"),
                   "{\"id\":\"a\\\"\\n\",\"datacontenttype\":\"a/json\",\"data_base64\":\"WzE=\"}");
    assert_written("text/x", bytes_of("\x01\xc3\xa9"),
                   "{\"id\":\"a\\\"\\n\",\"datacontenttype\":\"text/x\",\"data\":\"\\u0001\xc3\xa9\"}");
    assert_written("text/x", bytes_of("\xff"),
                   "{\"id\":\"a\\\"\\n\",\"datacontenttype\":\"text/x\",\"data_base64\":\"/w==\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_strictly),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(reads_data_by_its_type),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(reads_integers_and_booleans),
        cmocka_unit_test(keeps_the_limits),
        cmocka_unit_test(writes_data_by_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
