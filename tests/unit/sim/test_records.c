/* Publishes, restarts and records of the broker model against what real servers were seen to do: each test is a
 * small script, one operation a line, and the number in its name is the rule of the measurements that the model
 * follows. Times are in ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/sim/bench.h"

/* -- publishing -- */

static void ids_are_known_for_the_window_also_after_the_ack_rule_16(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    assert_int_equal(publish(bench, 1).sequence, 1);
    pull(bench, 1, 1, 100);
    ack(bench, 1);
    advance(bench, 1500);
    struct jet_ack again = publish(bench, 1);
    assert_true(again.duplicate);
    assert_int_equal(again.sequence, 1);
    advance(bench, 501); /* a duplicate does not extend the window */
    assert_false(publish(bench, 1).duplicate);
    jet_free(&bench->jet);
}

static void a_full_stream_refuses_and_an_ack_makes_room_rule_17(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 2, JET_2_10);
    publish(bench, 1);
    publish(bench, 2);
    assert_int_equal(publish(bench, 3).code, JET_FULL);
    pull(bench, 1, 1, 100);
    ack(bench, 1);
    assert_int_equal(publish(bench, 3).code, 0);
    jet_free(&bench->jet);
}

/* -- kill -9 -- */

static void acks_of_the_last_moment_come_undone_on_2_9_rule_27(void **state)
{
    (void)state;
    static const struct {
        enum jet_profile profile;
        uint64_t age_ms;
        uint32_t resurrected;
    } cases[] = { { JET_2_9, 10, 1 }, { JET_2_9, 150, 0 }, { JET_2_10, 10, 0 } };
    for (uint32_t at = 0; at < 3; at++) {
        struct bench *bench = bench_new(100, 100, cases[at].profile);
        publish(bench, 1);
        pull(bench, 1, 1, 100);
        ack(bench, 1);
        advance(bench, cases[at].age_ms);
        jet_kill(&bench->jet, bench->now);
        assert_int_equal(bench->jet.resurrected, cases[at].resurrected);
        assert_int_equal(bench->jet.messages_live, cases[at].resurrected);
        jet_free(&bench->jet);
    }
}

static void old_deliveries_are_remembered_rule_28(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 1, 10000);
    advance(bench, 300);
    jet_kill(&bench->jet, bench->now);
    pull(bench, 2, 1, 10000);
    advance(bench, 1000 + LATE);
    assert_int_equal(bench->deliveries, 2);
    assert_int_equal(bench->count[1], 2);
    jet_free(&bench->jet);
}

static void settled_ids_are_forgotten_rule_29(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    publish(bench, 2);
    pull(bench, 1, 1, 100);
    ack(bench, 1);
    advance(bench, 200);
    jet_kill(&bench->jet, bench->now);
    assert_false(publish(bench, 1).duplicate);
    assert_true(publish(bench, 2).duplicate);
    jet_free(&bench->jet);
}

static void waiting_pulls_die_in_silence_rule_30(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    pull(bench, 1, 5, 1000);
    jet_kill(&bench->jet, bench->now);
    publish(bench, 1);
    advance(bench, 5000);
    assert_int_equal(bench->deliveries, 0);
    assert_int_equal(bench->ends, 0);
    jet_free(&bench->jet);
}

/* -- records -- */

static void create_only_holds_over_a_kill(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_9);
    struct stored first = { .payload = 11 }, second = { .payload = 22 };
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 1, &first, true), 0);
    jet_kill(&bench->jet, bench->now);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 1, &second, true), JET_WRONG_LAST);
    assert_int_equal(jet_result(&bench->jet, bench->now, 1)->payload, 11);
    advance(bench, 60001);
    assert_null(jet_result(&bench->jet, bench->now, 1));
    jet_free(&bench->jet);
}

static void the_ledger_compares_and_sets_rule_33(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    struct ledger mine = { .attempts = 1, .nonce = 5 }, late = { .attempts = 1, .nonce = 6 };
    assert_int_equal(jet_ledger_put(&bench->jet, 1000, 1, 0, &mine), 0);
    assert_int_equal(mine.revision, 1);
    assert_int_equal(jet_ledger_put(&bench->jet, 1000, 1, 0, &late), JET_WRONG_LAST);
    mine.attempts = 2;
    assert_int_equal(jet_ledger_put(&bench->jet, 1000, 1, 1, &mine), 0);
    assert_int_equal(bench->jet.ledger[1].attempts, 2);
    jet_free(&bench->jet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_known_for_the_window_also_after_the_ack_rule_16),
        cmocka_unit_test(a_full_stream_refuses_and_an_ack_makes_room_rule_17),
        cmocka_unit_test(acks_of_the_last_moment_come_undone_on_2_9_rule_27),
        cmocka_unit_test(old_deliveries_are_remembered_rule_28),
        cmocka_unit_test(settled_ids_are_forgotten_rule_29),
        cmocka_unit_test(waiting_pulls_die_in_silence_rule_30),
        cmocka_unit_test(create_only_holds_over_a_kill),
        cmocka_unit_test(the_ledger_compares_and_sets_rule_33),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
