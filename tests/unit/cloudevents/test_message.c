/* The NATS binding: which mode a message is in, percent-encoding, bare bodies, and headers that read back. */
#include "adapters/cloudevents/cloudevents.h"
#include "adapters/cloudevents/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CORE         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}"

enum { PAIRS_MAX = 8 };

/* Headers as "name", "value" pairs, closed by NULL. */
static size_t headers_of(const char *const *pairs, struct cloudevents_header *ret_headers)
{
    size_t count = 0;
    for (; count < PAIRS_MAX && pairs[2 * count] != NULL; count++) {
        ret_headers[count].name = bytes_of(pairs[2 * count]);
        ret_headers[count].value = bytes_of(pairs[2 * count + 1]);
    }
    return count;
}

static bool read_message(const char *const *pairs, const char *body, struct event_buffer *packed,
                         enum cloudevents_mode *ret_mode, struct cloudevents_error *error)
{
    struct cloudevents_header headers[PAIRS_MAX];
    struct cloudevents_message message = { headers, headers_of(pairs, headers), bytes_of(body), "c", "echo", "r-1" };
    return cloudevents_from_message(&message, NULL, packed, ret_mode, error);
}

static void tells_the_modes_apart(void **state)
{
    static const struct {
        const char *headers[9];
        const char *body;
        enum cloudevents_mode mode;
        const char *type, *data_type;
    } rows[] = {
        { { "content-type", "APPLICATION/cloudevents+json; charset=utf-8" }, CORE, CLOUDEVENTS_STRUCTURED, "t", NULL },
        { { "ce-specversion", "1.0", "CE-Id", "1", "ce-source", "s", "ce-type", "b" },
          "{}",
          CLOUDEVENTS_BINARY,
          "b",
          NULL },
        { { NULL }, " " CORE, CLOUDEVENTS_STRUCTURED, "t", NULL },
        { { NULL }, "{\"text\":1}", CLOUDEVENTS_BARE, "stead.request.bare.v1", "application/json" },
        { { NULL }, "{\"text\":", CLOUDEVENTS_BARE, "stead.request.bare.v1", NULL },
        { { NULL }, "[1]", CLOUDEVENTS_BARE, "stead.request.bare.v1", "application/json" },
        { { NULL }, "", CLOUDEVENTS_BARE, "stead.request.bare.v1", NULL },
        { { "Content-Type", "text/csv" }, "{}", CLOUDEVENTS_BARE, "stead.request.bare.v1", "text/csv" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer packed = { 0 };
        struct cloudevents_error error;
        enum cloudevents_mode mode;
        struct event event;
        struct bytes value;
        if (!read_message(rows[i].headers, rows[i].body, &packed, &mode, &error)) {
            fail_msg("row %zu: %s", i, error.message);
        }
        assert_int_equal(mode, rows[i].mode);
        assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
        assert_true(event_find(event.block, "type", &value) && bytes_equal_text(value, rows[i].type));
        bool typed = event_find(event.block, "datacontenttype", &value);
        assert_int_equal(typed, rows[i].data_type != NULL);
        assert_true(!typed || bytes_equal_text(value, rows[i].data_type));
        event_buffer_free(&packed);
    }
}

static void names_a_bare_body(void **state)
{
    static const char *const none[] = { NULL };
    struct event_buffer packed = { 0 };
    struct cloudevents_error error;
    struct event event;
    struct bytes value;
    assert_true(read_message(none, "hello", &packed, NULL, &error));
    assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
    assert_true(event_find(event.block, "id", &value) && bytes_equal_text(value, "r-1"));
    assert_true(event_find(event.block, "source", &value) && bytes_equal_text(value, "nats:function.c.echo"));
    assert_true(bytes_equal_text(event.data, "hello"));
    event_buffer_free(&packed);
}

static void refuses_bad_messages(void **state)
{
    static const struct {
        const char *headers[11];
        const char *body;
        enum cloudevents_reason reason;
    } rows[] = {
        { { "ce-id", "1" }, CORE, CLOUDEVENTS_MISSING_ATTRIBUTE },
        { { "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "b", "CE-ID", "2" },
          "",
          CLOUDEVENTS_DUPLICATE_ATTRIBUTE },
        { { "ce-id", "%zz" }, "", CLOUDEVENTS_BAD_UTF8 },
        { { "ce-id", "%C0%A0" }, "", CLOUDEVENTS_BAD_UTF8 },
        { { "ce-", "x" }, "", CLOUDEVENTS_BAD_ATTRIBUTE_NAME },
        { { "ce-:ack", "x" }, "", CLOUDEVENTS_BAD_ATTRIBUTE_NAME },
        { { "Content-Type", "application/cloudevents-batch+json" }, "[]", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { { "Content-Type", "application/cloudevents+protobuf" }, "", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { { "Content-Type", "application/cloudevents+json" }, "{", CLOUDEVENTS_BAD_JSON },
        { { "Content-Type", "nonsense" }, "", CLOUDEVENTS_BAD_MEDIA_TYPE },
        { { NULL },
          "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}",
          CLOUDEVENTS_BAD_SPECVERSION },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer packed = { 0 };
        struct cloudevents_error error;
        assert_false(read_message(rows[i].headers, rows[i].body, &packed, NULL, &error));
        if (error.reason != rows[i].reason) {
            fail_msg("row %zu: %s", i, cloudevents_reason_name(error.reason));
        }
        event_buffer_free(&packed);
    }
}

static void percent_codes_both_ways(void **state)
{
    static const struct {
        const char *encoded, *value;
        bool canonical;
    } rows[] = {
        { "plain", "plain", true },
        { "Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \xe2\x82\xac \xf0\x9f\x98\x80", true },
        { "100%25%22", "100%\"", true },
        { "%e2%82%ac", "\xe2\x82\xac", false },
        { "%41", "A", false },
        { "\"a%20\\\"b\"", "a \"b", false },
        { "\"", "\"", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer value = { 0 }, text = { 0 };
        assert_true(cloudevents_percent_decode(bytes_of(rows[i].encoded), &value));
        assert_true(bytes_equal_text((struct bytes){ value.at, value.length }, rows[i].value));
        cloudevents_percent_encode(&text, (struct bytes){ value.at, value.length });
        assert_int_equal(bytes_equal_text((struct bytes){ text.at, text.length }, rows[i].encoded), rows[i].canonical);
        event_buffer_free(&value);
        event_buffer_free(&text);
    }
    static const char *const bad[] = { "%", "%4", "%4g", "%80", "a%C3", "\"\\\"" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct event_buffer value = { 0 };
        assert_false(cloudevents_percent_decode(bytes_of(bad[i]), &value));
        event_buffer_free(&value);
    }
}

static void writes_headers_as_c_strings(void **state)
{
    struct event_buffer block = { 0 }, text = { 0 };
    struct cloudevents_header headers[3];
    event_buffer_attribute_text(&block, "id", "a b");
    event_buffer_attribute_text(&block, ":ack", "secret");
    event_buffer_attribute_text(&block, "type", "t");
    struct event event = { { block.at, block.length }, bytes_of("") };
    assert_int_equal(cloudevents_to_headers(event, &text, headers, 3), 2);
    assert_string_equal((const char *)headers[0].name.at, "ce-id");
    assert_string_equal((const char *)headers[0].value.at, "a%20b");
    assert_string_equal((const char *)headers[1].value.at, "t");
    assert_true(cloudevents_to_headers(event, &text, headers, 1) == SIZE_MAX);
    event_buffer_free(&block);
    event_buffer_free(&text);
}

static void finds_the_request_id(void **state)
{
    static const struct {
        const char *headers[5];
        const char *id;
        enum cloudevents_reason reason;
    } rows[] = {
        { { "Stead-Request-Id", "r1", "Nats-Msg-Id", "m" }, "r1", CLOUDEVENTS_NONE },
        { { "nats-msg-id", "m" }, "m", CLOUDEVENTS_NONE },
        { { "Nats-Msg-Id", "m.n" }, NULL, CLOUDEVENTS_NONE },
        { { "stead-request-id", "a b", "Nats-Msg-Id", "m" }, NULL, CLOUDEVENTS_BAD_CHARACTER },
        { { "stead-request-id", "r1", "Stead-Request-Id", "r1" }, "r1", CLOUDEVENTS_NONE },
        { { "stead-request-id", "r1", "Stead-Request-Id", "r2" }, NULL, CLOUDEVENTS_DUPLICATE_ATTRIBUTE },
        { { NULL }, NULL, CLOUDEVENTS_NONE },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cloudevents_header headers[PAIRS_MAX];
        struct cloudevents_error error;
        struct bytes id;
        size_t count = headers_of(rows[i].headers, headers);
        assert_int_equal(cloudevents_request_id_of(headers, count, &id, &error), rows[i].id != NULL);
        assert_true(rows[i].id == NULL || bytes_equal_text(id, rows[i].id));
        assert_int_equal(error.reason, rows[i].reason);
    }
}

static void hashes_identities(void **state)
{
    char hex[CLOUDEVENTS_REQUEST_ID_HEX + 1], other[CLOUDEVENTS_REQUEST_ID_HEX + 1];
    cloudevents_request_id(bytes_of("echo"), bytes_of("/s"), bytes_of("1"), hex);
    /* printf 'echo\0/s\0001' | sha256sum | cut -c1-32 */
    assert_string_equal(hex, "df8974b232a293508906eb747e3f6959");
    cloudevents_request_id(bytes_of("echo"), bytes_of("/s1"), bytes_of(""), other);
    assert_string_not_equal(hex, other);
}

static uint64_t digest_of(const char *type, const char *time, const char *data)
{
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&block, "type", type);
    event_buffer_attribute_text(&block, "time", time);
    uint64_t digest = cloudevents_digest((struct event){ { block.at, block.length }, bytes_of(data) });
    event_buffer_free(&block);
    return digest;
}

static void digests_the_input_only(void **state)
{
    char hex[CLOUDEVENTS_DIGEST_HEX + 1];
    assert_true(digest_of("t", "1", "data") == digest_of("t", "2", "data"));
    assert_false(digest_of("t", "1", "data") == digest_of("t", "1", "date"));
    assert_false(digest_of("td", "1", "ata") == digest_of("t", "1", "data"));
    cloudevents_digest_text(0xab, hex);
    assert_string_equal(hex, "00000000000000ab");
}

static void checks_names(void **state)
{
    static const struct {
        const char *name;
        bool function, id;
    } rows[] = {
        { "a", true, true },     { "word_count-2", true, true }, { "", false, false },         { "A", false, true },
        { "1a", false, true },   { "a.b", false, false },        { "a*", false, false },       { "a>", false, false },
        { "a b", false, false }, { "a/b", false, true },         { "\xc3\xa9", false, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(cloudevents_function_name_valid(bytes_of(rows[i].name)), rows[i].function);
        assert_int_equal(cloudevents_request_id_valid(bytes_of(rows[i].name)), rows[i].id);
    }
    char long_name[66] = { 0 };
    memset(long_name, 'a', 63);
    assert_true(cloudevents_function_name_valid(bytes_of(long_name)));
    long_name[63] = 'a';
    assert_false(cloudevents_function_name_valid(bytes_of(long_name)));
    enum cloudevents_language language;
    assert_true(cloudevents_language_find(bytes_of("python"), &language));
    assert_string_equal(cloudevents_language_name(language), "python");
    assert_false(cloudevents_language_find(bytes_of("result"), &language));
    char words[128] = "";
    for (int i = 0; i < CLOUDEVENTS_LANGUAGE_COUNT; i++) {
        size_t length = strlen(words);
        snprintf(words + length, sizeof words - length, "%s%s", i == 0 ? "" : ", ",
                 cloudevents_language_name((enum cloudevents_language)i));
    }
    assert_string_equal(words, CLOUDEVENTS_LANGUAGE_WORDS);
    assert_true(cloudevents_language_reserved(bytes_of("dead")));
    struct bytes part, name;
    assert_true(cloudevents_subject_parse(bytes_of("function.c.echo"), &part, &name));
    assert_true(bytes_equal_text(part, "c") && bytes_equal_text(name, "echo"));
    assert_false(cloudevents_subject_parse(bytes_of("function.result.x"), &part, &name));
    assert_false(cloudevents_subject_parse(bytes_of("function.c.a.b"), &part, &name));
    assert_false(cloudevents_subject_parse(bytes_of("function.c"), &part, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_modes_apart),
        cmocka_unit_test(names_a_bare_body),
        cmocka_unit_test(refuses_bad_messages),
        cmocka_unit_test(percent_codes_both_ways),
        cmocka_unit_test(writes_headers_as_c_strings),
        cmocka_unit_test(finds_the_request_id),
        cmocka_unit_test(hashes_identities),
        cmocka_unit_test(digests_the_input_only),
        cmocka_unit_test(checks_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
