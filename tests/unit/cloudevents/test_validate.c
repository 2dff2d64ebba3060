/* Validation: one table of a good event with one attribute changed, and the reason that must come out. */
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

/* A complete event in which `name` has `value` (NULL: is missing). */
static enum cloudevents_reason validate_with(const char *name, const char *value, struct cloudevents_error *error)
{
    static const char *const core[][2] = {
        { "specversion", "1.0" }, { "id", "1" }, { "source", "/s" }, { "type", "t" }
    };
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&block, ":attempt", "1");
    for (size_t i = 0; i < COUNT(core); i++) {
        if (strcmp(core[i][0], name) != 0) {
            event_buffer_attribute_text(&block, core[i][0], core[i][1]);
        }
    }
    if (value != NULL) {
        event_buffer_attribute_text(&block, name, value);
    }
    *error = (struct cloudevents_error){ 0 };
    bool good = cloudevents_validate((struct event){ { block.at, block.length }, bytes_of("x") }, NULL, error);
    event_buffer_free(&block);
    assert_int_equal(good, error->reason == CLOUDEVENTS_NONE);
    return error->reason;
}

static void gives_each_mistake_its_reason(void **state)
{
    static const struct {
        const char *name, *value;
        enum cloudevents_reason reason;
    } rows[] = {
        { "id", "1", CLOUDEVENTS_NONE },
        { "id", NULL, CLOUDEVENTS_MISSING_ATTRIBUTE },
        { "source", NULL, CLOUDEVENTS_MISSING_ATTRIBUTE },
        { "specversion", NULL, CLOUDEVENTS_MISSING_ATTRIBUTE },
        { "type", NULL, CLOUDEVENTS_MISSING_ATTRIBUTE },
        { "id", "", CLOUDEVENTS_EMPTY_ATTRIBUTE },
        { "subject", "", CLOUDEVENTS_EMPTY_ATTRIBUTE },
        { "partitionkey", "", CLOUDEVENTS_EMPTY_ATTRIBUTE },
        { "ext", "", CLOUDEVENTS_NONE },
        { "specversion", "0.3", CLOUDEVENTS_BAD_SPECVERSION },
        { "specversion", "1.0.2", CLOUDEVENTS_BAD_SPECVERSION },
        { "Ext", "x", CLOUDEVENTS_BAD_ATTRIBUTE_NAME },
        { "ex_t", "x", CLOUDEVENTS_BAD_ATTRIBUTE_NAME },
        { "data", "x", CLOUDEVENTS_BAD_ATTRIBUTE_NAME },
        { "id", "a\x01", CLOUDEVENTS_BAD_CHARACTER },
        { "id", "a\x7f", CLOUDEVENTS_BAD_CHARACTER },
        { "id", "a\xc2\x85", CLOUDEVENTS_BAD_CHARACTER },
        { "id", "a\xef\xbf\xbf", CLOUDEVENTS_BAD_CHARACTER },
        { "id", "a\xef\xb7\x90", CLOUDEVENTS_BAD_CHARACTER },
        { "id", "a\xff", CLOUDEVENTS_BAD_UTF8 },
        { "id", "a\xed\xa0\x80", CLOUDEVENTS_BAD_UTF8 },
        { "id", "a\xf4\x90\x80\x80", CLOUDEVENTS_BAD_UTF8 },
        { "source", "urn:uuid:6e8bc430", CLOUDEVENTS_NONE },
        { "source", "https://a/b?c=%20#d", CLOUDEVENTS_NONE },
        { "source", "nats:function.c.x", CLOUDEVENTS_NONE },
        { "source", "a b", CLOUDEVENTS_BAD_SOURCE },
        { "source", "1a:b", CLOUDEVENTS_BAD_SOURCE },
        { "source", "%2", CLOUDEVENTS_BAD_SOURCE },
        { "source", "a#b#c", CLOUDEVENTS_BAD_SOURCE },
        { "dataschema", "https://a/b", CLOUDEVENTS_NONE },
        { "dataschema", "/a/b", CLOUDEVENTS_BAD_DATASCHEMA },
        { "time", "2026-11-23T17:31:00Z", CLOUDEVENTS_NONE },
        { "time", "2024-02-29t23:59:60.123456789+05:30", CLOUDEVENTS_NONE },
        { "time", "2026-02-29T00:00:00Z", CLOUDEVENTS_BAD_TIME },
        { "time", "2026-11-23 17:31:00Z", CLOUDEVENTS_BAD_TIME },
        { "time", "2026-11-23T17:31:00", CLOUDEVENTS_BAD_TIME },
        { "time", "2026-11-23T24:00:00Z", CLOUDEVENTS_BAD_TIME },
        { "time", "2026-11-23T17:31:00.Z", CLOUDEVENTS_BAD_TIME },
        { "expirytime", "tomorrow", CLOUDEVENTS_BAD_TIME },
        { "datacontenttype", "text/plain; charset=\"utf-8\"", CLOUDEVENTS_NONE },
        { "datacontenttype", "text", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { "datacontenttype", "text/plain charset", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { "datacontenttype", "text/plain; a=\"", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { "dataref", "a b", CLOUDEVENTS_BAD_SOURCE },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cloudevents_error error;
        if (validate_with(rows[i].name, rows[i].value, &error) != rows[i].reason) {
            fail_msg("%s=%s: %s, not %s", rows[i].name, rows[i].value, cloudevents_reason_name(error.reason),
                     cloudevents_reason_name(rows[i].reason));
        }
        assert_true(error.reason == CLOUDEVENTS_NONE || strcmp(error.attribute, rows[i].name) == 0);
        assert_true(error.reason == CLOUDEVENTS_NONE || error.message[0] != '\0');
    }
}

static void refuses_blocks_that_are_wrong_as_a_whole(void **state)
{
    struct event_buffer block = { 0 };
    struct cloudevents_error error;
    event_buffer_attribute_text(&block, "id", "1");
    event_buffer_attribute_text(&block, "id", "1");
    struct event event = { { block.at, block.length }, bytes_of("") };
    assert_false(cloudevents_validate(event, NULL, &error));
    assert_int_equal(error.reason, CLOUDEVENTS_DUPLICATE_ATTRIBUTE);
    event.block.length--;
    assert_false(cloudevents_validate(event, NULL, &error));
    assert_int_equal(error.reason, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE);
    struct cloudevents_limits small = { .event_bytes_max = 3 };
    assert_false(cloudevents_validate(event, &small, &error));
    assert_int_equal(error.reason, CLOUDEVENTS_TOO_LARGE);
    assert_string_equal(cloudevents_reason_name(error.reason), "too_large");
    event_buffer_free(&block);
}

static void knows_media_types(void **state)
{
    static const struct {
        const char *type;
        bool json, text;
    } rows[] = {
        { "application/json", true, true },
        { "Text/JSON ; a=b", true, true },
        { "a/b+json", true, true },
        { "text/html", false, true },
        { "application/xml", false, true },
        { "image/svg+xml", false, true },
        { "application/jsonx", false, false },
        { "json", false, false },
        { "", false, false },
        { "application/octet-stream", false, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(cloudevents_is_json(bytes_of(rows[i].type)), rows[i].json);
        assert_int_equal(cloudevents_is_text(bytes_of(rows[i].type)), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_mistake_its_reason),
        cmocka_unit_test(refuses_blocks_that_are_wrong_as_a_whole),
        cmocka_unit_test(knows_media_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
