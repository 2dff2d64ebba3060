/* Deliveries and pulls of the broker model against what real servers were seen to do: each test is a small script,
 * one operation a line, and the number in its name is the rule of the measurements that the model follows. Times
 * are in ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/sim/bench.h"

/* -- ack wait and redelivery -- */

static void redelivery_comes_after_the_ack_wait_rule_1(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 10, 10000);
    assert_int_equal(bench->deliveries, 1);
    advance(bench, 999);
    assert_int_equal(bench->deliveries, 1);
    advance(bench, 1 + LATE);
    assert_int_equal(bench->deliveries, 2);
    assert_int_equal(bench->count[1], 2);
    jet_free(&bench->jet);
}

static void redelivery_goes_before_new_ones_rule_2(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    publish(bench, 2);
    publish(bench, 3);
    pull(bench, 1, 3, 100);
    hand_back(bench, 3, 0);
    hand_back(bench, 1, 0);
    publish(bench, 4);
    pull(bench, 2, 3, 100);
    uint64_t expected[] = { 1, 2, 3, 3, 1, 4 }; /* in the order of the NAKs, then what is new */
    assert_memory_equal(bench->delivered, expected, sizeof(expected));
    jet_free(&bench->jet);
}

static void only_first_deliveries_stall_rules_4_13(void **state)
{
    (void)state;
    struct bench *bench = bench_new(2, 100, JET_2_10);
    for (uint32_t request = 1; request <= 4; request++) {
        publish(bench, request);
    }
    pull(bench, 1, 10, 10000);
    assert_int_equal(bench->deliveries, 2);
    hand_back(bench, 1, 0);
    assert_int_equal(bench->deliveries, 3); /* again, in spite of the stall */
    ack(bench, 2);
    assert_int_equal(bench->deliveries, 4);
    assert_int_equal(bench->delivered[3], 3);
    jet_free(&bench->jet);
}

static void progress_restarts_the_ack_wait_rule_5(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 10, 10000);
    advance(bench, 800);
    jet_progress(&bench->jet, bench->now, 1);
    advance(bench, 999);
    assert_int_equal(bench->deliveries, 1);
    advance(bench, 1 + LATE);
    assert_int_equal(bench->deliveries, 2);
    assert_int_equal(bench->count[1], 2);
    jet_free(&bench->jet);
}

static void hand_back_delays_are_kept_rule_6(void **state)
{
    (void)state;
    static const uint64_t delays[] = { 0, 200, 500, 1500 }; /* shorter and longer than the ack wait */
    for (uint32_t at = 0; at < sizeof(delays) / sizeof(delays[0]); at++) {
        struct bench *bench = bench_new(100, 100, JET_2_10);
        publish(bench, 1);
        pull(bench, 1, 10, 10000);
        hand_back(bench, 1, delays[at]);
        if (delays[at] > 0) {
            advance(bench, delays[at] - 1);
            assert_int_equal(bench->deliveries, 1);
            advance(bench, 1 + LATE);
        }
        assert_int_equal(bench->deliveries, 2);
        jet_free(&bench->jet);
    }
}

static void a_delayed_message_counts_as_pending_rule_6(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, 100, JET_2_10);
    publish(bench, 1);
    publish(bench, 2);
    pull(bench, 1, 10, 10000);
    hand_back(bench, 1, 500);
    advance(bench, 100);
    assert_int_equal(bench->deliveries, 1);
    jet_free(&bench->jet);
}

static void tokens_are_not_fenced_rule_8(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 10, 100000);
    advance(bench, 1000 + LATE); /* somebody else has it now */
    assert_int_equal(bench->deliveries, 2);
    ack(bench, 1); /* the first holder's */
    ack(bench, 1);
    assert_int_equal(bench->jet.messages_live, 0);
    advance(bench, 5000);
    assert_int_equal(bench->deliveries, 2);
    jet_free(&bench->jet);
}

/* -- pulls -- */

static void pulls_take_turns(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    pull(bench, 1, 3, 10000);
    pull(bench, 2, 3, 10000);
    for (uint32_t request = 1; request <= 6; request++) {
        publish(bench, request);
    }
    uint64_t expected[] = { 1, 2, 1, 2, 1, 2 };
    assert_memory_equal(bench->delivered_to, expected, sizeof(expected));
    jet_free(&bench->jet);
}

static void a_pull_expires_with_its_rest_rule_14(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 5, 300);
    advance(bench, 301);
    assert_int_equal(bench->ends, 1);
    assert_int_equal(bench->end_code, JET_EXPIRED);
    assert_int_equal(bench->end_unfilled, 4);
    jet_free(&bench->jet);
}

static void deleting_a_consumer_ends_its_pulls_and_starts_counts_anew_rule_23(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 5, 10000);
    jet_delete_consumer(&bench->jet, 0);
    assert_int_equal(bench->end_code, JET_CONSUMER_GONE);
    pull(bench, 2, 1, 10000);
    assert_int_equal(bench->end_code, JET_NO_RESPONDERS);
    assert_int_equal(jet_ensure_consumer(&bench->jet, bench->now, 0), 1);
    pull(bench, 3, 1, 10000);
    assert_int_equal(bench->deliveries, 2);
    assert_int_equal(bench->count[1], 1);
    jet_free(&bench->jet);
}

static void pulls_of_a_dead_connection_are_dropped_in_silence(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    pull(bench, 1, 5, 10000);
    assert_true(jet_waits(&bench->jet, CONNECTION));
    jet_forget_connection(&bench->jet, CONNECTION);
    assert_false(jet_waits(&bench->jet, CONNECTION));
    publish(bench, 1);
    assert_int_equal(bench->deliveries, 0);
    assert_int_equal(bench->ends, 0);
    jet_free(&bench->jet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redelivery_comes_after_the_ack_wait_rule_1),
        cmocka_unit_test(redelivery_goes_before_new_ones_rule_2),
        cmocka_unit_test(only_first_deliveries_stall_rules_4_13),
        cmocka_unit_test(progress_restarts_the_ack_wait_rule_5),
        cmocka_unit_test(hand_back_delays_are_kept_rule_6),
        cmocka_unit_test(a_delayed_message_counts_as_pending_rule_6),
        cmocka_unit_test(tokens_are_not_fenced_rule_8),
        cmocka_unit_test(pulls_take_turns),
        cmocka_unit_test(a_pull_expires_with_its_rest_rule_14),
        cmocka_unit_test(deleting_a_consumer_ends_its_pulls_and_starts_counts_anew_rule_23),
        cmocka_unit_test(pulls_of_a_dead_connection_are_dropped_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
