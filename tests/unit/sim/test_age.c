/* The age limit of the modelled request stream, against what real servers were seen to do (rule 20, scripts 13, 62 and
 * 63): who is dropped, when, and what the books say of it. Times are in ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/sim/bench.h"

enum { LOOK = 10, LOOK_LATER = 1010 }; /* so much late may be what is dropped; later servers look once a second */

static struct bench *bench_of(enum jet_profile profile)
{
    struct bench *bench = bench_new(100, 100, profile);
    bench->jet.settings.age_max_ns = 1000 * MS;
    return bench;
}

static bool is_there(struct bench *bench, uint64_t sequence)
{
    return jet_message(&bench->jet, sequence)->state != MESSAGE_GONE;
}

static void what_is_too_old_goes_delivered_or_not(void **state)
{
    (void)state;
    struct bench *bench = bench_of(JET_2_9);
    struct stored result = { .payload = 11 };
    publish(bench, 1);
    publish(bench, 2);
    publish(bench, 3);
    pull(bench, 1, 1, 500);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 3, &result, true), 0);
    advance(bench, 600);
    publish(bench, 4);
    advance(bench, 399);
    assert_int_equal(bench->jet.messages_live, 4);
    advance(bench, 1 + LOOK);
    assert_int_equal(bench->jet.messages_live, 1);
    assert_int_equal(bench->jet.taken[1], 1 << TAKER_AGE);
    assert_int_equal(bench->jet.taken[2], 1 << TAKER_AGE);
    assert_int_equal(bench->jet.taken[3], 0); /* It had ended. */
    assert_int_equal(bench->jet.consumers[0].pending, 0);
    advance(bench, 600 + LOOK);
    assert_int_equal(bench->jet.messages_live, 0);
    assert_true(jet_books_right(&bench->jet));
    assert_false(publish(bench, 1).duplicate); /* An id is kept no longer than its message. */
    jet_free(&bench->jet);
}

static void a_later_server_looks_once_a_second_and_still_gives_it_out(void **state)
{
    (void)state;
    struct bench *bench = bench_of(JET_2_10);
    publish(bench, 1);
    advance(bench, 200);
    publish(bench, 2);
    advance(bench, 800 + LOOK);
    assert_false(is_there(bench, 1));
    advance(bench, 200);
    assert_true(is_there(bench, 2));
    pull(bench, 1, 1, 100);
    assert_int_equal(bench->deliveries, 1);
    advance(bench, LOOK_LATER);
    assert_false(is_there(bench, 2));
    jet_free(&bench->jet);
}

/* By the wall clock; but nobody looks before the timer goes off. */
static void a_clock_that_is_set_forward_is_noticed_late(void **state)
{
    (void)state;
    struct bench *bench = bench_of(JET_2_9);
    publish(bench, 1);
    advance(bench, 500);
    publish(bench, 2);
    bench->jet.wall_ahead_ns = 3600000 * (int64_t)MS;
    advance(bench, 499);
    assert_true(is_there(bench, 1));
    advance(bench, 1 + LOOK);
    assert_false(is_there(bench, 1));
    assert_false(is_there(bench, 2));
    jet_free(&bench->jet);
}

static void a_clock_that_is_set_back_lets_messages_live_longer(void **state)
{
    (void)state;
    struct bench *bench = bench_of(JET_2_9);
    publish(bench, 1);
    bench->jet.wall_ahead_ns = -2500 * (int64_t)MS;
    advance(bench, 3400);
    assert_true(is_there(bench, 1));
    advance(bench, 1100 + 4 * LOOK);
    assert_false(is_there(bench, 1));
    jet_free(&bench->jet);
}

static void a_restart_and_a_changed_limit_look_at_once(void **state)
{
    (void)state;
    struct bench *bench = bench_of(JET_2_10);
    publish(bench, 1);
    advance(bench, 600);
    publish(bench, 2);
    jet_set_age(&bench->jet, bench->now, 500 * MS);
    assert_false(is_there(bench, 1));
    assert_true(is_there(bench, 2));
    jet_set_age(&bench->jet, bench->now, 0);
    advance(bench, 5000);
    assert_true(is_there(bench, 2));
    bench->jet.settings.age_max_ns = 1000 * MS;
    jet_end(&bench->jet, bench->now);
    assert_false(is_there(bench, 2));
    jet_free(&bench->jet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_old_goes_delivered_or_not),
        cmocka_unit_test(a_later_server_looks_once_a_second_and_still_gives_it_out),
        cmocka_unit_test(a_clock_that_is_set_forward_is_noticed_late),
        cmocka_unit_test(a_clock_that_is_set_back_lets_messages_live_longer),
        cmocka_unit_test(a_restart_and_a_changed_limit_look_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
