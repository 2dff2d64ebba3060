/* Attribute blocks and packed events: what is built reads back, and malformed bytes end a walk instead of leaving it.
 */
#include "adapters/event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void builds_and_reads_back(void **state)
{
    struct event_buffer block = { 0 }, packed = { 0 };
    event_buffer_attribute_text(&block, "id", "a1");
    event_buffer_attribute_text(&block, "subject", "");
    event_buffer_attribute_u64(&block, ":budget-ms", UINT64_MAX);
    event_pack(&packed, (struct event){ { block.at, block.length }, bytes_of("data\0more") });
    struct event event;
    assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
    struct bytes value;
    uint64_t number = 0;
    assert_true(event_block_valid(event.block));
    assert_true(event_find(event.block, "subject", &value));
    assert_int_equal(value.length, 0);
    assert_true(event_find_u64(event.block, ":budget-ms", &number));
    assert_true(number == UINT64_MAX);
    assert_false(event_find(event.block, "ID", &value));
    assert_true(bytes_equal_text(event.data, "data"));
    event_buffer_free(&block);
    event_buffer_free(&packed);
}

static void refuses_malformed_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        size_t entries;
    } rows[] = {
        { "", 0, 0 },
        { "\0", 1, 0 },          /* a name of no bytes */
        { "\2id", 3, 0 },        /* no value length */
        { "\2id\1\0", 5, 0 },    /* value longer than the block */
        { "\2id\1\0x\2", 7, 1 }, /* a good entry, then a cut one */
        { "\377id\1\0x", 6, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes block = { (const uint8_t *)rows[i].bytes, rows[i].length };
        size_t cursor = 0, entries = 0;
        struct attribute attribute;
        while (event_next(block, &cursor, &attribute)) {
            entries++;
        }
        assert_int_equal(entries, rows[i].entries);
        assert_int_equal(event_block_valid(block), rows[i].length == 0);
    }
    struct event event;
    assert_false(event_unpack((struct bytes){ (const uint8_t *)"\0\0\0", 3 }, &event));
    assert_false(event_unpack((struct bytes){ (const uint8_t *)"\5\0\0\0abcd", 8 }, &event));
}

static void reads_numbers_strictly(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = { { "0", true },
                 { "18446744073709551615", true },
                 { "18446744073709551616", false },
                 { "", false },
                 { "-1", false },
                 { "1 ", false },
                 { "000000000000000000001", false } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event_buffer block = { 0 };
        uint64_t number;
        event_buffer_attribute_text(&block, "n", rows[i].text);
        assert_int_equal(event_find_u64((struct bytes){ block.at, block.length }, "n", &number), rows[i].good);
        event_buffer_free(&block);
    }
}

static void buffer_keeps_its_limit(void **state)
{
    struct event_buffer buffer = { .limit = 8 };
    event_buffer_append(&buffer, "12345678", 8);
    assert_false(buffer.failed);
    event_buffer_append(&buffer, "9", 1);
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 8);
    event_buffer_free(&buffer);
    assert_int_equal(buffer.limit, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_and_reads_back),
        cmocka_unit_test(refuses_malformed_bytes),
        cmocka_unit_test(reads_numbers_strictly),
        cmocka_unit_test(buffer_keeps_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
