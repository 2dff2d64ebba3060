/* The histogram against exact quantiles of known values: never below, at most one step (1/64) above. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bench/load/histogram.h"

static struct histogram histogram;

static int fresh(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    return 0;
}

static void nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 64; value++) {
        histogram_add(&histogram, value);
    }
    assert_int_equal(histogram_quantile(&histogram, 0.5), 31);
    assert_int_equal(histogram_quantile(&histogram, 1), 63);
    assert_int_equal(histogram_quantile(&histogram, 0), 0);
}

static void one_value_of_any_size(void **state)
{
    (void)state;
    static const uint64_t values[] = { 1, 63, 64, 65, 127, 128, 1000003, 1ull << 40, UINT64_MAX - 1, UINT64_MAX };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        fresh(NULL);
        histogram_add(&histogram, values[i]);
        assert_true(histogram_quantile(&histogram, 0.5) == values[i]); /* never over the most */
    }
}

static void quantiles_are_within_a_step(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    for (uint64_t i = 1; i <= COUNT; i++) {
        histogram_add(&histogram, i * 37);
    }
    static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 0.999 };
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t exact = (uint64_t)(shares[i] * COUNT + 0.5) * 37;
        uint64_t found = histogram_quantile(&histogram, shares[i]);
        assert_in_range(found, exact, exact + exact / 64 + 37);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_zero, fresh),
        cmocka_unit_test_setup(small_values_are_exact, fresh),
        cmocka_unit_test_setup(one_value_of_any_size, fresh),
        cmocka_unit_test_setup(quantiles_are_within_a_step, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
