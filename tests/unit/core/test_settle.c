/* From the end of an execution to the ack: results create-only, dead letters, and the order of it all. */
#include "tests/unit/core/one_request.h"

/* -- results ----------------------------------------------------------------------------------------------------- */

static void stores_then_answers_then_acks(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_call(puppet, 5, 1, 7, 0);
    struct effect store = succeed(fixture);
    expect_end(&store, END_SUCCEEDED, REASON_NONE, 1);
    assert_true(store.second.slot != 0);
    assert_int_equal(puppet_count(puppet, EFFECT_ACK), 0);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_ANSWER, EFFECT_ACK, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(puppet_one(puppet, EFFECT_ANSWER)->second.slot, store.second.slot);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->blob.slot, store.second.slot);
    assert_int_equal(puppet_one(puppet, EFFECT_ACK)->blob.slot, fixture->message.slot);
    assert_int_equal(puppet->blobs, 0);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0); /* again */
    assert_int_equal(puppet->seen_count, 0);
}

static void stores_a_permanent_error_without_a_charge(void **state)
{
    struct fixture *fixture = *state;
    puppet_error(fixture->puppet, fixture->worker, fixture->stream, ERROR_PERMANENT, 0);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_LEDGER_PUT), 0);
    expect_end(puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT), END_FAILED, REASON_FUNCTION_ERROR, 1);
}

static void asks_again_while_nobody_confirms_the_result(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect store = succeed(fixture);
    puppet_wait(puppet, 2 * SECOND);
    struct effect again = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(again.second.slot, store.second.slot);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0); /* of the first: not what we wait for now */
    expect_state(fixture, DELIVERY_STORING);
    puppet_published(puppet, again.operation, OUTCOME_UNKNOWN, 0);
    puppet_wait(puppet, 2 * SECOND);
    again = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    puppet_published(puppet, again.operation, OUTCOME_REFUSED, 10076); /* whatever that is, it may pass */
    puppet_wait(puppet, 2 * SECOND);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(puppet_count(puppet, EFFECT_ACK), 0);
}

static void answers_with_the_bytes_that_are_stored(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_call(puppet, 5, 1, 7, 0);
    struct effect store = succeed(fixture);
    puppet_published(puppet, store.operation, OUTCOME_REFUSED, 10071);
    expect_state(fixture, DELIVERY_FETCHING);
    uint64_t operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
    puppet_fetched(puppet, operation, OUTCOME_UNKNOWN, END_NONE, 0);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 2 * SECOND);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_FAILED, 7);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_ANSWER, EFFECT_ACK, EFFECT_COUNT);
    const struct effect *answer = puppet_one(puppet, EFFECT_ANSWER);
    assert_int_equal(answer->end, END_FAILED);
    assert_int_equal(answer->count, 3);
    assert_int_not_equal(answer->second.slot, store.second.slot);
    assert_int_equal(puppet->blobs, 0);
}

static void says_whose_input_the_stored_result_answers(void **state)
{
    struct fixture *fixture = *state;
    puppet_call(fixture->puppet, 5, 1, 7, 0);
    puppet_published(fixture->puppet, succeed(fixture).operation, OUTCOME_REFUSED, 10071);
    puppet_fetched(fixture->puppet, puppet_one(fixture->puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE,
                   END_SUCCEEDED, 8);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_REPLY)->code, REASON_ID_CONFLICT);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_ANSWER)->reference, 8); /* the gateway compares it */
    puppet_one(fixture->puppet, EFFECT_ACK);
}

static void stores_again_what_has_gone_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    puppet_published(fixture->puppet, succeed(fixture).operation, OUTCOME_REFUSED, 10071);
    puppet_fetched(fixture->puppet, puppet_one(fixture->puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED,
                   END_NONE, 0); /* past its retention */
    expect_end(puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT), END_SUCCEEDED, REASON_NONE, 1);
}

static void fails_what_is_too_large_to_be_stored(void **state)
{
    struct fixture *fixture = *state;
    struct effect store = succeed(fixture);
    puppet_published(fixture->puppet, store.operation, OUTCOME_REFUSED, 10054);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_DROP_BLOB)->blob.slot, store.second.slot);
    store = *puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
    expect_end(&store, END_FAILED, REASON_RESULT_TOO_LARGE, 1);
    assert_int_equal(store.second.slot, 0);
    puppet_published(fixture->puppet, store.operation, OUTCOME_REFUSED, 10054); /* even without its body: ask later */
    assert_int_equal(fixture->puppet->seen_count, 0);
    puppet_wait(fixture->puppet, 2 * SECOND);
    puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
}

static void takes_no_work_while_results_have_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_published(puppet, succeed(fixture).operation, OUTCOME_REFUSED, 10077);
    puppet_call(puppet, 6, 1, 7, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_QUEUE_FULL);
    struct effect pull = { .operation = (uint64_t)fixture->function.bits << 32 | 1 };
    puppet_pull_ended(puppet, pull.operation, 1, 408);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
    puppet_wait(puppet, SECOND - 1);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 1);
    puppet_one(puppet, EFFECT_PULL);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    puppet_call(puppet, 6, 1, 7, 0);
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
}

/* -- dead letters ------------------------------------------------------------------------------------------------ */

static void buries_after_the_result_and_before_the_ack(void **state)
{
    struct fixture *fixture;
    up_with((void **)&fixture, 0);
    struct puppet *puppet = fixture->puppet;
    struct effect put = fail_once(fixture);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 11, 0, 0, 0);
    struct effect store = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    expect_end(&store, END_DEAD_LETTERED, REASON_FUNCTION_ERROR, 1);
    assert_true(store.second.slot != 0); /* the error text */
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_DEAD), 0);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0);
    puppet_order(puppet, EFFECT_ANSWER, EFFECT_PUBLISH_DEAD, EFFECT_COUNT);
    assert_int_equal(puppet_count(puppet, EFFECT_ACK), 0);
    struct effect dead = *puppet_one(puppet, EFFECT_PUBLISH_DEAD);
    expect_end(&dead, END_DEAD_LETTERED, REASON_FUNCTION_ERROR, 1);
    puppet_published(puppet, dead.operation, OUTCOME_UNKNOWN, 0);
    puppet_wait(puppet, 2 * SECOND);
    dead = *puppet_one(puppet, EFFECT_PUBLISH_DEAD);
    puppet_published(puppet, dead.operation, OUTCOME_REFUSED, 10054);
    dead = *puppet_one(puppet, EFFECT_PUBLISH_DEAD); /* too large with the error text: without it */
    assert_int_equal(dead.second.slot, 0);
    assert_int_equal(dead.code, REASON_FUNCTION_ERROR);
    puppet_published(puppet, dead.operation, OUTCOME_REFUSED, 10071); /* the first one was stored after all */
    puppet_order(puppet, EFFECT_ACK, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(puppet->blobs, 0);
    down((void **)&fixture);
}

/* A redelivery repeats the dead letter: the one before may have died between both. */
static void buries_again_what_was_stored_as_dead(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, fixture->function, 6, 50, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_DEAD_LETTERED, 7);
    struct effect dead = *puppet_one(puppet, EFFECT_PUBLISH_DEAD);
    assert_int_equal(dead.count, 3); /* as stored */
    puppet_published(puppet, dead.operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
    puppet_published(puppet, succeed(fixture).operation, OUTCOME_REFUSED, 10071);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_DEAD_LETTERED, 7);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_DEAD)->count, 3);
    assert_int_equal(puppet_count(puppet, EFFECT_ANSWER), 1);
}

static void ignores_answers_to_other_questions(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = fail_once(fixture);
    puppet_published(puppet, put.operation, OUTCOME_DONE, 0);
    puppet_fetched(puppet, put.operation, OUTCOME_DONE, END_SUCCEEDED, 7);
    puppet_ledger(puppet, put.operation + 1, OUTCOME_DONE, 1, 1, 1, 1);
    puppet_ledger(puppet, (put.operation >> 32) << 32, OUTCOME_DONE, 1, 1, 1, 1);
    puppet_built(puppet, put.operation, OUTCOME_DONE, REASON_NONE);
    puppet_consumer(puppet, put.operation, OUTCOME_DONE, 0);
    puppet_pull_ended(puppet, put.operation, 1, 0);
    expect_state(fixture, DELIVERY_CHARGING);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 11, 0, 0, 0);
    puppet_one(puppet, EFFECT_HAND_BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTLE_TEST(stores_then_answers_then_acks),
        SETTLE_TEST(stores_a_permanent_error_without_a_charge),
        SETTLE_TEST(asks_again_while_nobody_confirms_the_result),
        SETTLE_TEST(answers_with_the_bytes_that_are_stored),
        SETTLE_TEST(says_whose_input_the_stored_result_answers),
        SETTLE_TEST(stores_again_what_has_gone_meanwhile),
        SETTLE_TEST(fails_what_is_too_large_to_be_stored),
        SETTLE_TEST(takes_no_work_while_results_have_no_room),
        SETTLE_TEST(buries_after_the_result_and_before_the_ack),
        SETTLE_TEST(buries_again_what_was_stored_as_dead),
        SETTLE_TEST(ignores_answers_to_other_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
