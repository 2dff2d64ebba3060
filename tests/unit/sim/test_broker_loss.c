/* What a modelled broker loses: its power and what was not on the disk; a consumer's leader; room. The rules are those
 * of the measurements on real servers: three nodes of 2.10.27, and rule 26, no sync on the way of a publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/sim/bench.h"

/* Sequences are given out again, ids and records forgotten, and all of it is in the book of what was forgotten. */
static void the_tail_behind_the_last_sync_is_lost(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    struct stored result = { .payload = 11 };
    struct ledger entry = { .attempts = 1, .nonce = 5 };
    bench->jet.settings.sync_ns = 1;
    publish(bench, 1);
    advance(bench, 10);
    bench->jet.settings.sync_ns = UINT64_MAX; /* never since the last restart */
    assert_int_equal(jet_lose_power(&bench->jet, bench->now), 1);
    assert_int_equal(bench->jet.last_sequence, 0);
    assert_true(bench->jet.forgotten[1]);
    publish(bench, 1);
    publish(bench, 2);
    bench->jet.settings.sync_ns = 0;
    assert_int_equal(jet_lose_power(&bench->jet, bench->now), 2);
    assert_int_equal(bench->jet.last_sequence, 2); /* each was synced before it was confirmed */
    assert_false(bench->jet.forgotten[2]);
    bench->jet.settings.sync_ns = UINT64_MAX;
    advance(bench, 10);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 2, &result, true), 0);
    assert_int_equal(jet_ledger_put(&bench->jet, bench->now, 2, 0, &entry), 0);
    assert_int_equal(publish(bench, 3).sequence, 3);
    assert_int_equal(jet_lose_power(&bench->jet, bench->now), 3);
    assert_int_equal(bench->jet.last_sequence, 2); /* what a restart found stays */
    assert_null(jet_result(&bench->jet, bench->now, 2));
    assert_int_equal(bench->jet.ledger[2].revision, 0);
    assert_true(bench->jet.forgotten[2]);
    assert_int_equal(publish(bench, 4).sequence, 3);
    assert_int_equal(bench->jet.messages_live, 3);
    jet_free(&bench->jet);
}

/* The reason of docs/adr/0016: the server looks at the sequence alone. */
static void an_ack_of_before_the_loss_removes_a_stranger(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 1, 1000);
    assert_int_equal(bench->deliveries, 1);
    bench->jet.settings.sync_ns = UINT64_MAX;
    jet_lose_power(&bench->jet, bench->now);
    publish(bench, 2);
    pull(bench, 2, 1, 1000);
    assert_int_equal(bench->delivered[1], 1);
    ack(bench, 1); /* of request 1 */
    assert_int_equal(jet_message(&bench->jet, 1)->state, MESSAGE_GONE);
    assert_int_equal(jet_message(&bench->jet, 1)->content.request, 2);
    jet_free(&bench->jet);
}

/* Counts on, tells who waits, brings nothing back; only ids of what is gone are forgotten. */
static void a_gentle_end_forgets_no_delivery(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_9);
    publish(bench, 1);
    publish(bench, 2);
    pull(bench, 1, 2, 1000);
    ack(bench, 1);
    pull(bench, 2, 1, 9000);
    jet_end(&bench->jet, bench->now);
    assert_int_equal(bench->ends, 1);
    assert_int_equal(bench->end_code, JET_LEADER_CHANGED);
    assert_int_equal(jet_message(&bench->jet, 1)->state, MESSAGE_GONE);
    assert_true(publish(bench, 2).duplicate);
    pull(bench, 3, 1, 9000);
    advance(bench, 2000 + LATE);
    assert_int_equal(bench->delivered[2], 2);
    assert_int_equal(bench->count[2], 2);
    assert_false(publish(bench, 1).duplicate);
    jet_free(&bench->jet);
}

/* Waiting pulls end; counts and clocks of deliveries live on; what comes meanwhile is delivered by the next leader. */
static void a_consumer_without_a_leader_delivers_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    publish(bench, 1);
    pull(bench, 1, 1, 1000);
    pull(bench, 2, 5, 9000);
    jet_consumer_leave(&bench->jet, 0, JET_LEADER_CHANGED);
    assert_int_equal(bench->ends, 1);
    assert_int_equal(bench->end_code, JET_LEADER_CHANGED);
    publish(bench, 2);
    pull(bench, 3, 5, 9000);
    advance(bench, 1000 + LATE);
    assert_int_equal(bench->deliveries, 1);
    jet_consumer_return(&bench->jet, bench->now, 0);
    assert_int_equal(bench->deliveries, 3);
    assert_int_equal(bench->delivered[1], 1); /* due meanwhile: first, and counted on */
    assert_int_equal(bench->count[1], 2);
    assert_int_equal(bench->delivered[2], 2);
    jet_free(&bench->jet);
}

/* An id that is known and a result that exists are recognised before the room is looked at. */
static void full_streams_refuse_what_is_new_rule_17(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    struct stored result = { .payload = 11 };
    publish(bench, 1);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 1, &result, true), 0);
    for (int stream = 0; stream < JET_STREAM_COUNT; stream++) {
        bench->jet.full_until_ns[stream] = bench->now + 100 * MS;
    }
    assert_true(publish(bench, 1).duplicate);
    assert_int_equal(publish(bench, 2).code, JET_FULL);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 1, &result, true), JET_WRONG_LAST);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 2, &result, true), JET_FULL);
    assert_int_equal(jet_store_dead(&bench->jet, bench->now, 1), JET_FULL);
    advance(bench, 100);
    assert_int_equal(publish(bench, 2).code, 0);
    assert_int_equal(jet_store_dead(&bench->jet, bench->now, 1), 0);
    bench->jet.settings.bytes_max = bench->jet.bytes_live + 1;
    assert_int_equal(publish(bench, 3).code, JET_FULL);
    ack(bench, 1);
    jet_free(&bench->jet);
}

/* Its books say who took a request that had not ended; what has ended, or is there once more, nobody misses. */
static void a_stranger_takes_what_he_acks(void **state)
{
    (void)state;
    struct bench *bench = bench_new(100, 100, JET_2_10);
    struct stored result = { .payload = 11 };
    publish(bench, 1);
    publish(bench, 2);
    publish(bench, 3);
    advance(bench, 3000);
    publish(bench, 3); /* its id was forgotten meanwhile */
    pull(bench, 1, 9, 10000);
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 2, &result, true), 0);
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        jet_acknowledge_forged(&bench->jet, bench->now, sequence);
    }
    assert_int_equal(bench->jet.messages_live, 1);
    assert_int_equal(bench->jet.taken[1], 1 << TAKER_STRANGER);
    assert_int_equal(bench->jet.taken[2], 0);
    assert_int_equal(bench->jet.taken[3], 0);
    assert_int_equal(bench->jet.book[1], BOOK_TAKEN);
    assert_int_equal(bench->jet.book[2], BOOK_ENDED);
    assert_int_equal(bench->jet.book[3], BOOK_OPEN);
    assert_true(jet_books_right(&bench->jet));
    assert_int_equal(jet_store_result(&bench->jet, bench->now, 1, &result, true), 0);
    assert_int_equal(bench->jet.book[1], BOOK_ENDED);
    jet_free(&bench->jet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_takes_what_he_acks),
        cmocka_unit_test(the_tail_behind_the_last_sync_is_lost),
        cmocka_unit_test(an_ack_of_before_the_loss_removes_a_stranger),
        cmocka_unit_test(a_gentle_end_forgets_no_delivery),
        cmocka_unit_test(a_consumer_without_a_leader_delivers_nothing),
        cmocka_unit_test(full_streams_refuse_what_is_new_rule_17),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
