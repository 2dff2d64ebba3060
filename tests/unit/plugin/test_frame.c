/* The codec against the byte vectors of docs/reference/pipe-1.md and against wrong input, one table each. */
#include "adapters/plugin/frame.h"
#include "adapters/plugin/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const uint8_t ping[] = { 0x0a, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69 };
static const uint8_t hello[] = { 0x11, 0, 0,    0,    0x01, 0,    0,    0, 0x09, 0,   0,
                                 0,    5, 0x3a, 0x70, 0x69, 0x70, 0x65, 1, 0,    0x31 };

static void test_vectors(void **state)
{
    struct frame frame;
    size_t used = 0;
    const char *why = NULL;
    assert_int_equal(frame_decode((struct bytes){ ping, sizeof ping }, 1000, &frame, &used, &why), FRAME_COMPLETE);
    assert_int_equal(frame.type, FRAME_PING);
    assert_int_equal(used, sizeof ping);
    assert_true(bytes_equal_text(frame.body, "hi"));
    assert_int_equal(frame_decode((struct bytes){ hello, sizeof hello }, 1000, &frame, &used, &why), FRAME_COMPLETE);
    struct bytes version = { 0 };
    assert_true(event_find(frame.header, ":pipe", &version) && bytes_equal_text(version, "1"));
    struct event_buffer buffer = { 0 };
    assert_true(frame_append(&buffer, frame, 1000));
    assert_int_equal(buffer.length, sizeof hello);
    assert_memory_equal(buffer.at, hello, sizeof hello);
    event_buffer_free(&buffer);
}

static void test_every_prefix_is_partial(void **state)
{
    struct frame frame;
    const char *why = NULL;
    for (size_t length = 0; length < sizeof hello; length++) {
        size_t wanted = 0;
        assert_int_equal(frame_decode((struct bytes){ hello, length }, 1000, &frame, &wanted, &why), FRAME_PARTIAL);
        assert_true(wanted > length);
        assert_true(wanted <= sizeof hello);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *what;
        size_t length;
        uint8_t bytes[24];
    } rows[] = {
        { "length 7", 4, { 7 } },
        { "over the limit", 4, { 0xe9, 3 } },
        { "all ones", 4, { 255, 255, 255, 255 } },
        { "unknown flag", 6, { 8, 0, 0, 0, 0x20, 4 } },
        { "header longer than the frame", 12, { 8, 0, 0, 0, 0x20, 0, 0, 0, 1, 0, 0, 0 } },
        { "entry without a name", 15, { 11, 0, 0, 0, 0x10, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0 } },
        { "entry cut short", 15, { 11, 0, 0, 0, 0x10, 0, 1, 0, 3, 0, 0, 0, 9, 'a', 0 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct frame frame;
        size_t used = 0;
        const char *why = NULL;
        struct bytes input = { rows[i].bytes, rows[i].length };
        if (frame_decode(input, 1000, &frame, &used, &why) != FRAME_BAD || why == NULL) {
            fail_msg("not refused: %s", rows[i].what);
        }
    }
}

static void test_too_many_entries(void **state)
{
    struct event_buffer block = { 0 };
    struct event_buffer buffer = { 0 };
    for (int i = 0; i <= FRAME_ENTRIES_MAX; i++) {
        event_buffer_attribute_text(&block, "a", "");
    }
    struct frame frame = { .type = FRAME_CALL, .stream = 1, .header = { block.at, block.length } };
    assert_true(frame_append(&buffer, frame, 100000));
    size_t used = 0;
    const char *why = NULL;
    assert_int_equal(frame_decode((struct bytes){ buffer.at, buffer.length }, 100000, &frame, &used, &why), FRAME_BAD);
    assert_false(frame_append(&buffer, (struct frame){ .body = { block.at, block.length } }, 20));
    event_buffer_free(&block);
    event_buffer_free(&buffer);
}

static void test_result_problem(void **state)
{
    static const char *const required[] = { "specversion", "id", "source", "type" };
    for (int missing = -1; missing < 4; missing++) {
        struct event_buffer block = { 0 };
        for (int i = 0; i < 4; i++) {
            if (i != missing) {
                event_buffer_attribute_text(&block, required[i], "x");
            }
        }
        const char *why = frame_result_problem((struct bytes){ block.at, block.length });
        assert_true(missing < 0 ? why == NULL : why != NULL && strstr(why, required[missing]) != NULL);
        event_buffer_attribute_text(&block, "Bad-Name", "x");
        assert_non_null(frame_result_problem((struct bytes){ block.at, block.length }));
        event_buffer_free(&block);
    }
}

static char collected[256];

static void collect(void *owner, struct bytes line)
{
    size_t length = strlen(collected);
    snprintf(collected + length, sizeof collected - length, "[%.*s]", (int)line.length, (const char *)line.at);
}

static void test_lines(void **state)
{
    struct lines lines;
    assert_true(lines_create(&lines, 8));
    static const char *const pieces[] = { "one\ntw",         "o\r\n",        "\n",  "a very long line",
                                          " and more\nnext", "\n12345678\n", "tail" };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        lines_feed(&lines, bytes_of(pieces[i]), collect, NULL);
    }
    lines_end(&lines, collect, NULL);
    assert_string_equal(collected, "[one][two][][a very l][next][12345678][tail]");
    lines_free(&lines);
}

static void test_line_budget(void **state)
{
    struct line_budget budget = { 0 };
    int passed = 0;
    for (int i = 0; i < 1000; i++) {
        passed += line_budget_take(&budget, 1000, 10);
    }
    assert_int_equal(passed, 20);
    assert_int_equal(budget.dropped, 980);
    assert_false(line_budget_take(&budget, 1000 + 99000000u, 10));
    assert_true(line_budget_take(&budget, 1000 + 100000000u, 10));
}

static void test_tail(void **state)
{
    static struct tail tail;
    static uint8_t big[5000];
    memset(big, 'b', sizeof big);
    tail_feed(&tail, bytes_of("start"));
    assert_int_equal(tail.length, 5);
    tail_feed(&tail, (struct bytes){ big, 4094 });
    assert_int_equal(tail.length, 4096);
    assert_memory_equal(tail.bytes, "rtb", 3);
    tail_feed(&tail, (struct bytes){ big, sizeof big });
    tail_feed(&tail, bytes_of("end"));
    assert_memory_equal(tail.bytes + 4092, "bend", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_prefix_is_partial),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_too_many_entries),
        cmocka_unit_test(test_result_problem),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_line_budget),
        cmocka_unit_test(test_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
