/* The broker model against what real servers were seen to do: each test is a small script, one operation a line, and the
 * number in its name is the rule of the measurements that the model follows. Time is in ms and moves only by hand;
 * redelivery may come up to 5 ms late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "sim/jet.h"

#define MS UINT64_C(1000000)

enum { LATE = 5, TIMERS_MAX = 256, CONNECTION = 7 };

struct timer {
    uint64_t at;
    enum jet_timer timer;
    uint32_t number, stamp;
    bool used;
};

/* One broker, what it sent last, and its clock. */
struct bench {
    struct jet jet;
    uint64_t now;
    struct timer timers[TIMERS_MAX];
    uint32_t deliveries;
    uint64_t delivered[64]; /* sequences, in order */
    uint64_t delivered_to[64];
    uint32_t count[64]; /* the server's count of each */
    uint32_t ends;
    uint16_t end_code;
    uint32_t end_unfilled;
};

static void on_deliver(void *owner, const struct pull *pull, const struct message *message)
{
    struct bench *bench = owner;
    assert_true(bench->deliveries < 64);
    bench->delivered[bench->deliveries] = message->sequence;
    bench->delivered_to[bench->deliveries] = pull->operation;
    bench->count[bench->deliveries++] = message->delivered;
}

static void on_ended(void *owner, const struct pull *pull, uint16_t code)
{
    struct bench *bench = owner;
    bench->ends++;
    bench->end_code = code;
    bench->end_unfilled = pull->remaining;
}

static void on_arm(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    struct bench *bench = owner;
    for (uint32_t at = 0; at < TIMERS_MAX; at++) {
        if (!bench->timers[at].used) {
            bench->timers[at] = (struct timer){ at_ns, timer, number, stamp, true };
            return;
        }
    }
    fail_msg("too many timers");
}

static struct bench *bench_new(uint32_t ack_pending_max, uint32_t messages_max, enum jet_profile profile)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    struct jet_settings settings = { .ack_wait_ns = 1000 * MS, .dedup_ns = 2000 * MS, .retention_ns = 60000 * MS };
    settings.messages_max = messages_max;
    settings.ack_pending_max = ack_pending_max;
    settings.requests_max = settings.history_max = 64;
    settings.functions = 2;
    settings.profile = (uint8_t)profile;
    settings.seed = 42;
    struct jet_hooks hooks = { &bench, on_deliver, on_ended, on_arm };
    bench.now = 1000 * MS;
    assert_true(jet_init(&bench.jet, &settings, &hooks));
    jet_ensure_consumer(&bench.jet, bench.now, 0);
    return &bench;
}

static struct timer *timer_next(struct bench *bench, uint64_t until)
{
    struct timer *next = NULL;
    for (uint32_t at = 0; at < TIMERS_MAX; at++) {
        struct timer *timer = &bench->timers[at];
        if (timer->used && timer->at <= until && (next == NULL || timer->at < next->at)) {
            next = timer;
        }
    }
    return next;
}

static void advance(struct bench *bench, uint64_t ms)
{
    uint64_t until = bench->now + ms * MS;
    for (struct timer *timer; (timer = timer_next(bench, until)) != NULL;) {
        struct timer due = *timer;
        timer->used = false;
        bench->now = due.at > bench->now ? due.at : bench->now;
        jet_due(&bench->jet, bench->now, due.timer, due.number, due.stamp);
    }
    bench->now = until;
}

static struct jet_ack publish(struct bench *bench, uint32_t request)
{
    struct content content = { .request = request, .has_id = true };
    return jet_publish(&bench->jet, bench->now, 0, &content);
}

static void pull(struct bench *bench, uint64_t name, uint32_t batch, uint64_t expires_ms)
{
    struct pull pull = { .operation = name, .connection = CONNECTION, .remaining = batch };
    pull.expires_at_ns = bench->now + expires_ms * MS;
    jet_pull(&bench->jet, bench->now, &pull);
}

static void ack(struct bench *bench, uint64_t sequence)
{
    jet_acknowledge(&bench->jet, bench->now, sequence);
}

static void hand_back(struct bench *bench, uint64_t sequence, uint64_t delay_ms)
{
    jet_hand_back(&bench->jet, bench->now, sequence, delay_ms * MS);
}

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
    assert_int_equal(jet_ledger_put(&bench->jet, 1, 0, &mine), 0);
    assert_int_equal(mine.revision, 1);
    assert_int_equal(jet_ledger_put(&bench->jet, 1, 0, &late), JET_WRONG_LAST);
    mine.attempts = 2;
    assert_int_equal(jet_ledger_put(&bench->jet, 1, 1, &mine), 0);
    assert_int_equal(bench->jet.ledger[1].attempts, 2);
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
