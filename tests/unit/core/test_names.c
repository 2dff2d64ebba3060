/* Every number of every table has a name, no two have the same, and a number that is none is "?" instead of a
 * crash. */
#include "tests/unit/core/puppet.h"

#include <string.h>

enum { NAMES_MAX = 64 };

typedef const char *(*name_of)(uint32_t number);

/* One wrapper for each table, since its function takes the table's own enum. */
#define WRAP(function, type)                                                                                           \
    static const char *wrapped_##function(uint32_t number)                                                             \
    {                                                                                                                  \
        return function((type)number);                                                                                 \
    }
WRAP(input_name, enum input_kind)
WRAP(effect_name, enum effect_kind)
WRAP(reason_name, enum reason)
WRAP(reason_meaning, enum reason)
WRAP(end_name, enum end)

static void names_every_number_once(void **state)
{
    static const struct {
        name_of name;
        uint32_t count;
    } tables[] = {
        { wrapped_input_name, INPUT_COUNT },     { wrapped_effect_name, EFFECT_COUNT },
        { wrapped_reason_name, REASON_COUNT },   { wrapped_reason_meaning, REASON_COUNT },
        { wrapped_end_name, END_COUNT },         { call_state_name, CALL_COUNT },
        { delivery_state_name, DELIVERY_COUNT }, { worker_state_name, WORKER_COUNT },
        { function_state_name, FUNCTION_COUNT }, { instance_state_name, INSTANCE_COUNT },
    };
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        const char *seen[NAMES_MAX];
        assert_true(tables[t].count <= NAMES_MAX);
        for (uint32_t number = 0; number < tables[t].count; number++) {
            seen[number] = tables[t].name(number);
            assert_non_null(seen[number]);
            assert_true(strlen(seen[number]) > 1);
            for (uint32_t other = 0; other < number; other++) {
                assert_string_not_equal(seen[number], seen[other]);
            }
        }
        assert_string_equal(tables[t].name(tables[t].count), "?");
        assert_string_equal(tables[t].name(UINT32_MAX), "?");
    }
}

static void names_what_the_wire_and_people_rely_on(void **state)
{
    assert_string_equal(input_name(INPUT_TICK), "TICK");
    assert_string_equal(effect_name(EFFECT_PUBLISH_REQUEST), "PUBLISH_REQUEST");
    assert_string_equal(reason_name(REASON_FUNCTION_NOT_FOUND), "FUNCTION_NOT_FOUND");
    assert_string_equal(end_name(END_DEAD_LETTERED), "dead-lettered");
    assert_string_equal(delivery_state_name(DELIVERY_CHARGING), "CHARGING");
    /* The order of reasons and ends is part of stored results: append only. */
    assert_int_equal(REASON_NONE, 0);
    assert_int_equal(REASON_EXECUTION_TIMEOUT, 10);
    assert_int_equal(REASON_BROKER_LOST, 26);
    assert_int_equal(END_SUCCEEDED, 1);
    assert_int_equal(END_CANCELLED, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_number_once),
        cmocka_unit_test(names_what_the_wire_and_people_rely_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
