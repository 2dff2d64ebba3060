/* Addressed randomness: known values, so that every compiler gives the same runs, and the properties that the
 * simulator and the jitter stand on. */
#include "tests/unit/core/puppet.h"

#include "core/draw.h"

static void gives_the_known_values(void **state)
{
    static const struct {
        uint64_t seed, entity, purpose, counter, value;
    } cases[] = {
        /* clang-format off */
        { UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0xc213c59a64d9cf09) },
        { UINT64_C(0x1), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x6f970d2d208a1266) },
        { UINT64_C(0x0), UINT64_C(0x1), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x9b2903f7bf1ed983) },
        { UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x1), UINT64_C(0x0), UINT64_C(0xbca629675981fdf5) },
        { UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x0), UINT64_C(0x1), UINT64_C(0x99d3cea654edaabc) },
        { UINT64_C(0x2a), UINT64_C(0x7), UINT64_C(0x1), UINT64_C(0x3), UINT64_C(0x77b864b4a48e3294) },
        { UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffffff), UINT64_C(0x855005373e980671) },
        { UINT64_C(0x123456789abcdef), UINT64_C(0xfedcba9876543210), UINT64_C(0x64), UINT64_C(0x100000000), UINT64_C(0x3c331872a5cc1aa1) },
        /* clang-format on */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(draw(cases[i].seed, cases[i].entity, cases[i].purpose, cases[i].counter), cases[i].value);
    }
    /* The first output of SplitMix64 with seed 0, as published with the generator. */
    assert_int_equal(draw_mix(UINT64_C(0x9e3779b97f4a7c15)), UINT64_C(0xe220a8397b1dcdaf));
}

static void stays_below_the_bound_and_reaches_all_of_it(void **state)
{
    static const uint64_t bounds[] = { 1, 2, 3, 7, 64, 1000 };
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint32_t seen[1000] = { 0 };
        for (uint64_t i = 0; i < 100 * bounds[b]; i++) {
            uint64_t value = draw_below(draw(3, i, DRAW_USER, b), bounds[b]);
            assert_true(value < bounds[b]);
            seen[value]++;
        }
        for (uint64_t i = 0; i < bounds[b]; i++) {
            assert_in_range(seen[i], 50, 150);
        }
    }
    assert_int_equal(draw_below(UINT64_MAX, 0), 0);
    assert_int_equal(draw_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    assert_int_equal(draw_below(0, UINT64_MAX), 0);
}

static void shifts_nothing_when_one_part_of_the_address_changes(void **state)
{
    uint64_t value = draw(1, 2, DRAW_BACKOFF, 4);
    const uint64_t others[] = {
        draw(0, 2, DRAW_BACKOFF, 4), draw(1, 3, DRAW_BACKOFF, 4), draw(1, 2, DRAW_NONCE, 4),
        draw(1, 2, DRAW_BACKOFF, 5), draw(2, 1, DRAW_BACKOFF, 4), draw(1, 4, DRAW_BACKOFF, 2),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        int bits = __builtin_popcountll(value ^ others[i]);
        assert_in_range(bits, 12, 52); /* about half of 64 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_known_values),
        cmocka_unit_test(stays_below_the_bound_and_reaches_all_of_it),
        cmocka_unit_test(shifts_nothing_when_one_part_of_the_address_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
