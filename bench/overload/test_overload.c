/* Functions that are overloaded, and some that are not, with a fixed limit and with one that adapts. Time is simulated:
 * what is asserted is a property of the algorithm, not of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/overload/crowd.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { SEEDS = 3 };

static struct crowd_report run(enum crowd_model model, bool adaptive, uint64_t timeout_ns, uint64_t seed)
{
    struct crowd_options options = { .model = model, .adaptive = adaptive, .fits = 4, .run_ns = 20 * MS };
    struct crowd_report report;
    options.timeout_ns = timeout_ns;
    options.for_ns = 120 * SECOND;
    options.seed = seed;
    assert_true(crowd_run(&options, &report));
    return report;
}

/* Of the fixed limit's. */
static const struct {
    enum crowd_model model;
    uint64_t timeout_ns;
    uint64_t goodput_percent_min, p50_percent_max;
} rows[] = {
    { CROWD_ALONE, 30 * SECOND, 98, 105 }, { CROWD_TAILED, 30 * SECOND, 85, 105 },
    { CROWD_SHARED, 30 * SECOND, 97, 50 }, { CROWD_THRASHING, 30 * SECOND, 300, 10 },
    { CROWD_THRASHING, SECOND, 500, 10 },  { CROWD_THROTTLED, 30 * SECOND, 95, 105 },
};

static void gives_no_less_and_sooner(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct crowd_report fixed = run(rows[i].model, false, rows[i].timeout_ns, seed);
            struct crowd_report adaptive = run(rows[i].model, true, rows[i].timeout_ns, seed);
            if (adaptive.succeeded * 100 < fixed.succeeded * rows[i].goodput_percent_min ||
                adaptive.p50_ns * 100 > fixed.p50_ns * rows[i].p50_percent_max) {
                fail_msg("%s, seed %u: %u succeed instead of %u, half of them within %u ms instead of %u",
                         crowd_model_text(rows[i].model), (unsigned)seed, (unsigned)adaptive.succeeded,
                         (unsigned)fixed.succeeded, (unsigned)(adaptive.p50_ns / MS), (unsigned)(fixed.p50_ns / MS));
            }
        }
    }
}

static void asks_less_often_of_who_turns_away(void **state)
{
    struct crowd_report fixed = run(CROWD_THROTTLED, false, 30 * SECOND, 1);
    struct crowd_report adaptive = run(CROWD_THROTTLED, true, 30 * SECOND, 1);
    assert_true(adaptive.others * 50 < fixed.others);
}

static void moves_only_if_it_adapts(void **state)
{
    assert_int_equal(run(CROWD_THRASHING, false, 30 * SECOND, 1).limit_mean, 3200);
    struct crowd_report adaptive = run(CROWD_THRASHING, true, 30 * SECOND, 1);
    assert_in_range(adaptive.limit_mean, 200, 1000);
    assert_int_equal(adaptive.limit_max, 32);
}

static void is_the_same_each_time(void **state)
{
    struct crowd_report one = run(CROWD_SHARED, true, 30 * SECOND, 7), other = run(CROWD_SHARED, true, 30 * SECOND, 7);
    assert_int_equal(one.succeeded, other.succeeded);
    assert_int_equal(one.limit_mean, other.limit_mean);
    assert_int_equal(one.p99_ns, other.p99_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_no_less_and_sooner),
        cmocka_unit_test(asks_less_often_of_who_turns_away),
        cmocka_unit_test(moves_only_if_it_adapts),
        cmocka_unit_test(is_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
