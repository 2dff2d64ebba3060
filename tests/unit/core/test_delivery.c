/* A message in hand, up to its execution: fresh or not, expired, invalid, delivered twice, held while no worker
 * has room, and its ack wait extended. Function 1 is deployed, fresh after sequence 100; its only worker is
 * `worker`. */
#include "tests/unit/core/one_function.h"

static void runs_a_fresh_one_without_reading_anything(void **state)
{
    struct fixture *fixture = *state;
    deliver(fixture, 5);
    const struct effect *execute = puppet_one(fixture->puppet, EFFECT_EXECUTE);
    assert_true(handle_equal(execute->about, fixture->worker));
    assert_int_equal(execute->count, 1);
    assert_int_equal(execute->amount, 60 * SECOND); /* its budget is less than the function's timeout */
    assert_int_not_equal(execute->stream, 0);
    assert_true(key_equal(execute->key, puppet_request(5)));
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_FETCH_RESULT), 0);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_LEDGER_GET), 0);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_RUNNING);
}

static void checks_first_what_is_not_fresh(void **state)
{
    static const struct {
        uint64_t sequence;
        uint32_t delivered;
        bool fresh;
    } cases[] = { { 101, 1, true }, { 100, 1, false }, { 1, 1, false }, { 101, 2, false }, { 101, 0, false } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture;
        one_function_up((void **)&fixture);
        puppet_deliver(fixture->puppet, fixture->function, 5, cases[i].sequence, cases[i].delivered);
        puppet_expect_delivery(fixture->puppet, 5, cases[i].fresh ? DELIVERY_RUNNING : DELIVERY_CHECKING);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_FETCH_RESULT), !cases[i].fresh);
        one_function_down((void **)&fixture);
    }
}

/* Until the consumer was seen on this connection, nothing is fresh: the number of deliveries is no evidence. */
static void finds_nothing_fresh_before_the_consumer_was_seen(void **state)
{
    struct fixture *fixture = *state;
    puppet_link_down(fixture->puppet);
    puppet_link_up(fixture->puppet);
    uint64_t ensure = puppet_one(fixture->puppet, EFFECT_ENSURE_CONSUMER)->operation;
    deliver(fixture, 5);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_CHECKING);
    puppet_consumer(fixture->puppet, ensure, OUTCOME_DONE, 1006);
    deliver(fixture, 6); /* sequence 1006: was there when we looked */
    puppet_expect_delivery(fixture->puppet, 6, DELIVERY_CHECKING);
    deliver(fixture, 7);
    puppet_expect_delivery(fixture->puppet, 7, DELIVERY_RUNNING);
}

/* Checks, reads and claims request 5; returns the claim. */
static struct effect claim(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, fixture->function, 5, 50, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_expect_delivery(puppet, 5, DELIVERY_READING);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 31, 77, 1, 2);
    puppet_expect_delivery(puppet, 5, DELIVERY_CLAIMING);
    return *puppet_one(puppet, EFFECT_LEDGER_PUT);
}

static void claims_its_start_before_it_runs_again(void **state)
{
    struct fixture *fixture = *state;
    struct effect put = claim(fixture);
    assert_int_equal(put.reference, 31);
    assert_int_equal(put.count, 1);  /* charged before, and not now */
    assert_int_equal(put.starts, 3); /* begun before, and now */
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_EXECUTE), 0);
    puppet_ledger(fixture->puppet, put.operation, OUTCOME_DONE, 32, put.amount, 0, 0);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_EXECUTE)->count, 2);
}

static void reads_again_when_a_claim_is_lost_and_gives_up_after_five(void **state)
{
    static const enum outcome outcomes[] = { OUTCOME_REFUSED, OUTCOME_UNKNOWN, OUTCOME_REFUSED, OUTCOME_REFUSED };
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = claim(fixture);
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        puppet_ledger(puppet, put.operation, outcomes[i], 0, 0, 0, 0);
        puppet_expect_delivery(puppet, 5, DELIVERY_READING);
        puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 40 + i, 1, 0, 0);
        put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        assert_int_equal(put.reference, 40 + i);
    }
    puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 2 * SECOND);
    puppet_expect_delivery(puppet, 5, DELIVERY_FREE);
}

static void reads_again_when_nobody_answers_a_claim(void **state)
{
    struct fixture *fixture = *state;
    claim(fixture);
    puppet_wait(fixture->puppet, 2 * SECOND);
    puppet_one(fixture->puppet, EFFECT_LEDGER_GET);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_READING);
}

static void goes_back_to_the_head_of_the_queue_once_claimed(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = claim(fixture);
    deliver(fixture, 6); /* takes the worker meanwhile */
    uint16_t stream = puppet_one(puppet, EFFECT_EXECUTE)->stream;
    deliver(fixture, 7);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 32, put.amount, 0, 0);
    puppet_expect_delivery(puppet, 5, DELIVERY_QUEUED);
    puppet_result(puppet, fixture->worker, stream);
    assert_true(key_equal(puppet_one(puppet, EFFECT_EXECUTE)->key, puppet_request(5)));
    puppet_expect_delivery(puppet, 7, DELIVERY_QUEUED);
}

static void acks_what_has_a_result_already(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_call(puppet, 5, 1, 7, 0);
    puppet_deliver(puppet, fixture->function, 5, 50, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_FAILED, 7);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_ACK, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->end, END_FAILED);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->count, 3);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_RESULT), 0);
    puppet_expect_delivery(puppet, 5, DELIVERY_FREE);
}

static void asks_again_for_what_could_not_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, fixture->function, 5, 50, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_UNKNOWN, END_NONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_FETCH_RESULT), 0);
    puppet_wait(puppet, 2 * SECOND);
    puppet_one(puppet, EFFECT_FETCH_RESULT);
    puppet_wait(puppet, 2 * SECOND); /* nor did anybody answer */
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_UNKNOWN, 0, 0, 0, 0);
    puppet_wait(puppet, 2 * SECOND);
    puppet_one(puppet, EFFECT_LEDGER_GET);
    puppet_expect_delivery(puppet, 5, DELIVERY_READING);
}

static void ends_what_the_ledger_says_is_over(void **state)
{
    static const struct {
        uint32_t attempts, starts;
        enum reason reason; /* NONE: it may run */
    } cases[] = {
        { 2, 4, REASON_NONE },   { 3, 0, REASON_FUNCTION_ERROR },  { UINT32_MAX, 0, REASON_FUNCTION_ERROR },
        { 0, 5, REASON_POISON }, { 0, UINT32_MAX, REASON_POISON },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture;
        one_function_up((void **)&fixture);
        struct puppet *puppet = fixture->puppet;
        puppet_deliver(puppet, fixture->function, 5, 50, 2);
        puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
        puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 9, 1, cases[i].attempts,
                      cases[i].starts);
        struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        assert_int_equal(put.code, cases[i].reason); /* of the end that it marks, if any */
        if (cases[i].reason != REASON_NONE) {
            puppet_ledger(puppet, put.operation, OUTCOME_DONE, 10, 0, 0, 0);
            const struct effect *store = puppet_one(puppet, EFFECT_PUBLISH_RESULT);
            assert_int_equal(store->end, END_DEAD_LETTERED);
            assert_string_equal(reason_name((enum reason)store->code), reason_name(cases[i].reason));
            assert_int_equal(store->count, cases[i].attempts);
        }
        one_function_down((void **)&fixture);
    }
}

/* -- in hand ----------------------------------------------------------------------------------------------------- */

static void adopts_the_token_of_a_message_that_comes_again(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    deliver(fixture, 5);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_wait(puppet, 5 * SECOND);
    puppet_deliver(puppet, fixture->function, 5, 1005, 2);
    assert_int_equal(puppet_one(puppet, EFFECT_DROP_BLOB)->blob.slot, execute.blob.slot);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
    assert_int_equal(puppet_view(puppet).deliveries, 1);
    puppet_result(puppet, fixture->worker, execute.stream);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    assert_int_not_equal(puppet_one(puppet, EFFECT_ACK)->blob.slot, execute.blob.slot);
}

/* After a lost power of the broker: its own number and id, and another input. */
static void hands_back_another_message_of_the_same_number_and_id(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    deliver(fixture, 5);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(5);
    input.as.delivery.sequence = 1005;
    input.as.delivery.digest = 99;
    input.as.delivery.delivered = 1;
    puppet_fact(puppet, input);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->blob.slot, input.blob.slot);
    assert_int_equal(puppet_view(puppet).deliveries, 1);
    puppet_result(puppet, fixture->worker, execute.stream);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->blob.slot, execute.blob.slot);
}

static void extends_every_third_of_the_ack_wait(void **state)
{
    struct fixture *fixture = *state;
    deliver(fixture, 5);
    for (int i = 0; i < 6; i++) {
        puppet_wait(fixture->puppet, 10 * SECOND - 1);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_EXTEND), 0);
        puppet_wait(fixture->puppet, 1);
        puppet_one(fixture->puppet, EFFECT_EXTEND);
    }
}

static void is_held_while_no_worker_has_room_and_then_handed_back(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    deliver(fixture, 5);
    deliver(fixture, 6);
    puppet_expect_delivery(puppet, 6, DELIVERY_QUEUED);
    assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 0);
    puppet_wait(puppet, 5 * SECOND - 1);
    assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 0);
    puppet_wait(puppet, 1);
    const struct effect *back = puppet_one(puppet, EFFECT_HAND_BACK);
    assert_int_equal(back->amount, 0);
    puppet_order(puppet, EFFECT_HAND_BACK, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0); /* uncharged */
    puppet_expect_delivery(puppet, 5, DELIVERY_RUNNING);
    puppet_expect_delivery(puppet, 6, DELIVERY_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_FUNCTION_TEST(runs_a_fresh_one_without_reading_anything),
        ONE_FUNCTION_TEST(checks_first_what_is_not_fresh),
        ONE_FUNCTION_TEST(finds_nothing_fresh_before_the_consumer_was_seen),
        ONE_FUNCTION_TEST(claims_its_start_before_it_runs_again),
        ONE_FUNCTION_TEST(reads_again_when_a_claim_is_lost_and_gives_up_after_five),
        ONE_FUNCTION_TEST(reads_again_when_nobody_answers_a_claim),
        ONE_FUNCTION_TEST(goes_back_to_the_head_of_the_queue_once_claimed),
        ONE_FUNCTION_TEST(acks_what_has_a_result_already),
        ONE_FUNCTION_TEST(asks_again_for_what_could_not_be_read),
        ONE_FUNCTION_TEST(ends_what_the_ledger_says_is_over),
        ONE_FUNCTION_TEST(adopts_the_token_of_a_message_that_comes_again),
        ONE_FUNCTION_TEST(hands_back_another_message_of_the_same_number_and_id),
        ONE_FUNCTION_TEST(extends_every_third_of_the_ack_wait),
        ONE_FUNCTION_TEST(is_held_while_no_worker_has_room_and_then_handed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
