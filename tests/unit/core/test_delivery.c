/* A message in hand, up to its execution: fresh or not, expired, invalid, delivered twice, held while no worker
 * has room, and its ack wait extended. Function 1 is deployed, fresh after sequence 100; its only worker is
 * `worker`. */
#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function, worker;
};

static int up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    fixture->function =
        puppet_deploy(fixture->puppet, 1, (struct deployed){ .retries_max = 2, .timeout_ns = 3600 * SECOND });
    fixture->worker = fixture->puppet->worker;
    *state = fixture;
    return 0;
}

static int down(void **state)
{
    struct fixture *fixture = *state;
    puppet_free(fixture->puppet);
    test_free(fixture);
    return 0;
}

static void expect_state(struct puppet *puppet, uint32_t request, enum delivery_state expected)
{
    assert_string_equal(delivery_state_name(puppet_delivery(puppet, request)), delivery_state_name(expected));
}

static void deliver(struct fixture *fixture, uint32_t request)
{
    puppet_deliver(fixture->puppet, fixture->function, request, 1000 + request, 1);
}

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
    expect_state(fixture->puppet, 5, DELIVERY_RUNNING);
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
        up((void **)&fixture);
        puppet_deliver(fixture->puppet, fixture->function, 5, cases[i].sequence, cases[i].delivered);
        expect_state(fixture->puppet, 5, cases[i].fresh ? DELIVERY_RUNNING : DELIVERY_CHECKING);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_FETCH_RESULT), !cases[i].fresh);
        down((void **)&fixture);
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
    expect_state(fixture->puppet, 5, DELIVERY_CHECKING);
    puppet_consumer(fixture->puppet, ensure, OUTCOME_DONE, 1006);
    deliver(fixture, 6); /* sequence 1006: was there when we looked */
    expect_state(fixture->puppet, 6, DELIVERY_CHECKING);
    deliver(fixture, 7);
    expect_state(fixture->puppet, 7, DELIVERY_RUNNING);
}

/* Checks, reads and claims request 5; returns the claim. */
static struct effect claim(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, fixture->function, 5, 50, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    expect_state(puppet, 5, DELIVERY_READING);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 31, 77, 1, 2);
    expect_state(puppet, 5, DELIVERY_CLAIMING);
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
        expect_state(puppet, 5, DELIVERY_READING);
        puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 40 + i, 1, 0, 0);
        put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        assert_int_equal(put.reference, 40 + i);
    }
    puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 2 * SECOND);
    expect_state(puppet, 5, DELIVERY_FREE);
}

static void reads_again_when_nobody_answers_a_claim(void **state)
{
    struct fixture *fixture = *state;
    claim(fixture);
    puppet_wait(fixture->puppet, 2 * SECOND);
    puppet_one(fixture->puppet, EFFECT_LEDGER_GET);
    expect_state(fixture->puppet, 5, DELIVERY_READING);
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
    expect_state(puppet, 5, DELIVERY_QUEUED);
    puppet_result(puppet, fixture->worker, stream);
    assert_true(key_equal(puppet_one(puppet, EFFECT_EXECUTE)->key, puppet_request(5)));
    expect_state(puppet, 7, DELIVERY_QUEUED);
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
    expect_state(puppet, 5, DELIVERY_FREE);
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
    expect_state(puppet, 5, DELIVERY_READING);
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
        up((void **)&fixture);
        struct puppet *puppet = fixture->puppet;
        puppet_deliver(puppet, fixture->function, 5, 50, 2);
        puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
        puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 9, 1, cases[i].attempts,
                      cases[i].starts);
        if (cases[i].reason == REASON_NONE) {
            puppet_one(puppet, EFFECT_LEDGER_PUT);
        } else {
            const struct effect *store = puppet_one(puppet, EFFECT_PUBLISH_RESULT);
            assert_int_equal(store->end, END_DEAD_LETTERED);
            assert_string_equal(reason_name((enum reason)store->code), reason_name(cases[i].reason));
            assert_int_equal(store->count, cases[i].attempts);
        }
        down((void **)&fixture);
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
    expect_state(puppet, 6, DELIVERY_QUEUED);
    assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 0);
    puppet_wait(puppet, 5 * SECOND - 1);
    assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 0);
    puppet_wait(puppet, 1);
    const struct effect *back = puppet_one(puppet, EFFECT_HAND_BACK);
    assert_int_equal(back->amount, 0);
    puppet_order(puppet, EFFECT_HAND_BACK, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0); /* uncharged */
    expect_state(puppet, 5, DELIVERY_RUNNING);
    expect_state(puppet, 6, DELIVERY_FREE);
}

#define DELIVERY_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DELIVERY_TEST(runs_a_fresh_one_without_reading_anything),
        DELIVERY_TEST(checks_first_what_is_not_fresh),
        DELIVERY_TEST(finds_nothing_fresh_before_the_consumer_was_seen),
        DELIVERY_TEST(claims_its_start_before_it_runs_again),
        DELIVERY_TEST(reads_again_when_a_claim_is_lost_and_gives_up_after_five),
        DELIVERY_TEST(reads_again_when_nobody_answers_a_claim),
        DELIVERY_TEST(goes_back_to_the_head_of_the_queue_once_claimed),
        DELIVERY_TEST(acks_what_has_a_result_already),
        DELIVERY_TEST(asks_again_for_what_could_not_be_read),
        DELIVERY_TEST(ends_what_the_ledger_says_is_over),
        DELIVERY_TEST(adopts_the_token_of_a_message_that_comes_again),
        DELIVERY_TEST(hands_back_another_message_of_the_same_number_and_id),
        DELIVERY_TEST(extends_every_third_of_the_ack_wait),
        DELIVERY_TEST(is_held_while_no_worker_has_room_and_then_handed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
