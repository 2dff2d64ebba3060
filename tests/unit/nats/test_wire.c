/* The texts of JetStream as tables: what is read from each, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/nats/wire.h"

static void test_ack_subjects(void **state)
{
    static const char *const good[] = {
        "$JS.ACK.functions.c-echo.2.17.5.1700000000123456789.9",
        "$JS.ACK._.hash.functions.c-echo.2.17.5.1700000000123456789.9.random",
        "$JS.ACK.domain.hash.functions.c-echo.2.17.5.1700000000123456789.9",
    };
    static const char *const bad[] = {
        "",
        "$JS.ACK.",
        "$JS.ACK.s.c.1.2.3.4",
        "$JS.ACK.s.c.1.2.3.4.5.6",
        "$JS.ACK.s.c.1.2.x.4.5",
        "$JS.ACK.s.c.1.2.-3.4.5",
        "$JS.ACK.s.c.1.2.3.18446744073709551616.5",
        "$JS.ACK..c.1.2.3.4.5",
        "$JS.ACX.s.c.1.2.3.4.5",
        "$JS.ACK.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17",
    };
    struct wire_ack ack;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(wire_ack_parse(bytes_of(good[i]), &ack));
        assert_true(bytes_equal_text(ack.stream, "functions"));
        assert_true(bytes_equal_text(ack.consumer, "c-echo"));
        assert_int_equal(ack.delivered, 2);
        assert_int_equal(ack.stream_sequence, 17);
        assert_int_equal(ack.consumer_sequence, 5);
        assert_int_equal(ack.stored_wall_ns, 1700000000123456789);
        assert_int_equal(ack.pending, 9);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(wire_ack_parse(bytes_of(bad[i]), &ack));
    }
}

static void test_pubacks(void **state)
{
    static const struct {
        const char *body;
        bool read;
        uint64_t sequence;
        bool duplicate;
    } rows[] = {
        { "{\"stream\":\"functions\",\"seq\":12}", true, 12, false },
        { "{\"stream\":\"functions\", \"domain\":\"d\", \"seq\": 12,\"duplicate\": true}", true, 12, true },
        { "{\"stream\":\"f\",\"seq\":18446744073709551615}", true, UINT64_MAX, false },
        { "{\"stream\":\"f\",\"seq\":18446744073709551616}", false, 0, false },
        { "{\"error\":{\"code\":503,\"err_code\":10077},\"stream\":\"f\",\"seq\":0}", false, 0, false },
        { "{\"stream\":\"f\",\"error\":{},\"seq\":0}", false, 0, false },
        { "{\"stream\":\"f\"}", false, 0, false },
        { "{\"stream\":\"f\",\"seq\":", false, 0, false },
        { "", false, 0, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t sequence = 0;
        bool duplicate = false;
        assert_int_equal(wire_puback_parse(bytes_of(rows[i].body), &sequence, &duplicate), rows[i].read);
        assert_int_equal(sequence, rows[i].sequence);
        assert_int_equal(duplicate, rows[i].duplicate);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ns;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00.5Z", 500000000 },
        { "2000-02-29T12:34:56.123456789Z", 951827696123456789 },
        { "2024-03-01T00:00:00Z", 1709251200000000000 },
        { "2026-11-23T22:44:51.1234567891Z", 1795473891123456789 },
        { "2026-11-23T23:44:51+01:00", 1795473891000000000 },
        { "2100-03-01T00:00:00Z", 4107542400000000000 },
    };
    static const char *const bad[] = { "",
                                       "2026-11-23",
                                       "2026-11-23T22:44:51",
                                       "2026-13-23T22:44:51Z",
                                       "2026-00-23T22:44:51Z",
                                       "2026-11-23T24:44:51Z",
                                       "1969-11-23T22:44:51Z",
                                       "2300-11-23T22:44:51Z",
                                       "2026-11-23T22:44:51Zx",
                                       "2026-11-23 22:44:51Z",
                                       "2026-11-23T22:44:51+1:00" };
    int64_t wall_ns = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(wire_time_parse(bytes_of(rows[i].text), &wall_ns));
        assert_int_equal(wall_ns, rows[i].wall_ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(wire_time_parse(bytes_of(bad[i]), &wall_ns));
    }
}

static void test_base64(void **state)
{
    static const char *const pairs[][2] = { { "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
                                            { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xfb\xff", "-_8=" },
                                            { "a b", "YSBi" } };
    static const char *const bad[] = { "A", "AA", "AAA", "A===", "====", "AA=A", "AA\nA", "AA A", "AA*A", "=AAA" };
    char text[32];
    uint8_t bytes[32];
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_true(wire_base64url_encode(bytes_of(pairs[i][0]), text, sizeof text));
        assert_string_equal(text, pairs[i][1]);
        assert_true(wire_base64url_decode(bytes_of(pairs[i][1]), text, sizeof text));
        assert_string_equal(text, pairs[i][0]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wire_base64_decode(bytes_of(bad[i]), bytes, sizeof bytes), -1);
    }
    assert_int_equal(wire_base64_decode(bytes_of("+/8="), bytes, sizeof bytes), 2);
    assert_int_equal(wire_base64_decode(bytes_of("Zm9vYg=="), bytes, 3), -1);
    assert_false(wire_base64url_encode(bytes_of("foo"), text, 4));
    assert_false(wire_base64url_decode(bytes_of("AAAA"), text, sizeof text)); /* NULs */
}

static void test_headers(void **state)
{
    struct bus_header headers[2];
    size_t count = 0;
    bool cut = false;
    const char *block = "NATS/1.0\r\nce-id: 7\r\nEmpty:\r\n\r\n";
    assert_true(wire_headers_parse(bytes_of(block), headers, 2, &count, &cut));
    assert_int_equal(count, 2);
    assert_false(cut);
    assert_true(bytes_equal_text(headers[0].name, "ce-id"));
    assert_true(bytes_equal_text(headers[0].value, "7"));
    assert_true(bytes_equal_text(headers[1].value, ""));
    assert_true(wire_headers_parse(bytes_of(block), headers, 1, &count, &cut));
    assert_true(cut);
    assert_int_equal(count, 1);
    assert_true(wire_headers_parse(bytes_of("NATS/1.0 408 Request Timeout\r\n\r\n"), headers, 2, &count, &cut));
    assert_int_equal(count, 0);
    static const char lifted[] = "NATS/1.0\0\nce-id\0 7\0\nEmpty\0\r\nX\0 a: b\0\n\r\n"; /* by nats.c */
    struct bytes lifted_block = { (const uint8_t *)lifted, sizeof lifted - 1 };
    assert_true(wire_headers_parse(lifted_block, headers, 2, &count, &cut));
    assert_true(cut);
    assert_true(bytes_equal_text(headers[0].value, "7"));
    assert_true(bytes_equal_text(headers[1].name, "Empty"));
    assert_true(bytes_equal_text(headers[1].value, ""));
    uint32_t code = 0;
    struct bytes reason;
    assert_true(wire_status_parse(bytes_of("NATS/1.0 408 Request Timeout\r\n\r\n"), &code, &reason));
    assert_int_equal(code, 408);
    assert_true(bytes_equal_text(reason, "Request Timeout"));
    assert_true(wire_status_parse(bytes_of("NATS/1.0 503\r\n\r\n"), &code, &reason));
    assert_int_equal(reason.length, 0);
    assert_false(wire_status_parse(bytes_of("NATS/1.0\r\n\r\n"), &code, &reason));
    assert_false(wire_headers_parse(bytes_of("NATS/1.0\r\n folded\r\n\r\n"), headers, 2, &count, &cut));
    assert_false(wire_headers_parse(bytes_of("NATS/1.0\r\nno colon\r\n\r\n"), headers, 2, &count, &cut));
    assert_false(wire_headers_parse(bytes_of("HTTP/1.0\r\n\r\n"), headers, 2, &count, &cut));
    assert_false(wire_headers_parse(bytes_of(""), headers, 2, &count, &cut));
}

static void test_names(void **state)
{
    assert_true(wire_subject_valid(bytes_of("function.c.x"), false));
    assert_true(wire_subject_valid(bytes_of("$KV.b.>"), true));
    static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\tb", "a\x7f", "\xc3\xa9" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(wire_subject_valid(bytes_of(bad[i]), false));
    }
    assert_true(wire_name_valid(bytes_of("c-echo_1")));
    assert_false(wire_name_valid(bytes_of("a.b")));
    assert_false(wire_name_valid(bytes_of("a/b")));
    assert_true(wire_header_valid(bytes_of("ce-id"), bytes_of("x y\t")));
    assert_false(wire_header_valid(bytes_of("ce id"), bytes_of("x")));
    assert_false(wire_header_valid(bytes_of("a:b"), bytes_of("x")));
    assert_false(wire_header_valid(bytes_of("a"), bytes_of("x\ry")));
    assert_false(wire_header_valid(bytes_of("a"), (struct bytes){ (const uint8_t *)"x\0y", 3 }));
}

static void test_json_quote(void **state)
{
    char text[8];
    assert_true(wire_json_quote(bytes_of("a\"\\b"), text, sizeof text));
    assert_string_equal(text, "a\\\"\\\\b");
    assert_false(wire_json_quote(bytes_of("12345678"), text, sizeof text));
    assert_false(wire_json_quote(bytes_of("a\nb"), text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ack_subjects), cmocka_unit_test(test_pubacks), cmocka_unit_test(test_times),
        cmocka_unit_test(test_base64),       cmocka_unit_test(test_headers), cmocka_unit_test(test_names),
        cmocka_unit_test(test_json_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
