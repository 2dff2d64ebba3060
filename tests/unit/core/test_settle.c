/* From the end of an execution to the ack: charges by compare-and-set, results create-only, dead letters, and the
 * order of it all. Function 1 is deployed with one retry; request 5 runs on its only worker. */
#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function, worker;
    uint16_t stream;
    struct blob message;
};

/* Delivers request 5 with somebody waiting for the answer elsewhere. */
static void deliver(struct fixture *fixture)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .blob = puppet_blob(fixture->puppet) };
    fixture->message = input.blob;
    input.as.delivery.request = puppet_request(5);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = 1005;
    input.as.delivery.delivered = 1;
    input.as.delivery.has_reply_to = 1;
    puppet_fact(fixture->puppet, input);
    fixture->stream = puppet_one(fixture->puppet, EFFECT_EXECUTE)->stream;
}

static int up_with(void **state, uint16_t retries_max)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    fixture->function = puppet_deploy(fixture->puppet, 1, (struct deployed){ .retries_max = retries_max });
    fixture->worker = fixture->puppet->worker;
    deliver(fixture);
    *state = fixture;
    return 0;
}

static int up(void **state)
{
    return up_with(state, 1);
}

static int down(void **state)
{
    struct fixture *fixture = *state;
    puppet_free(fixture->puppet);
    test_free(fixture);
    return 0;
}

static void expect_state(struct fixture *fixture, enum delivery_state expected)
{
    assert_string_equal(delivery_state_name(puppet_delivery(fixture->puppet, 5)), delivery_state_name(expected));
}

static void expect_end(const struct effect *store, enum end end, enum reason reason, uint32_t attempts)
{
    assert_string_equal(end_name((enum end)store->end), end_name(end));
    assert_string_equal(reason_name((enum reason)store->code), reason_name(reason));
    assert_int_equal(store->count, attempts);
    assert_true(store->create_only);
    assert_true(key_equal(store->key, puppet_request(5)));
}

/* Ends the execution well; returns the publish of its result. */
static struct effect succeed(struct fixture *fixture)
{
    puppet_result(fixture->puppet, fixture->worker, fixture->stream);
    return *puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
}

/* Ends it by an error that may be retried; returns the charge. */
static struct effect fail_once(struct fixture *fixture)
{
    puppet_error(fixture->puppet, fixture->worker, fixture->stream, ERROR_RETRY, 0);
    expect_state(fixture, DELIVERY_CHARGING);
    return *puppet_one(fixture->puppet, EFFECT_LEDGER_PUT);
}

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

/* -- charges ----------------------------------------------------------------------------------------------------- */

static void charges_before_it_hands_back(void **state)
{
    struct fixture *fixture = *state;
    struct effect put = fail_once(fixture);
    assert_int_equal(put.reference, 0); /* create */
    assert_int_equal(put.count, 1);
    assert_int_equal(put.starts, 0);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_HAND_BACK), 0);
    puppet_ledger(fixture->puppet, put.operation, OUTCOME_DONE, 11, put.amount, 1, 0);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_HAND_BACK)->amount, 100 * MS);
    puppet_order(fixture->puppet, EFFECT_HAND_BACK, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    assert_int_equal(fixture->puppet->blobs, 0); /* the error text too */
    expect_state(fixture, DELIVERY_FREE);
}

static void waits_as_long_as_the_function_says(void **state)
{
    static const struct {
        enum error_class class;
        uint64_t after_ns, delay_ns;
    } cases[] = {
        { ERROR_THROTTLE, 7 * SECOND, 7 * SECOND },  { ERROR_THROTTLE, 0, 100 * MS },
        { ERROR_THROTTLE, UINT64_MAX, 60 * SECOND }, { ERROR_RETRY, 0, 100 * MS },
        { ERROR_RETRY, 7 * SECOND, 7 * SECOND },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture;
        up((void **)&fixture);
        puppet_error(fixture->puppet, fixture->worker, fixture->stream, cases[i].class, cases[i].after_ns);
        uint64_t operation = puppet_one(fixture->puppet, EFFECT_LEDGER_PUT)->operation;
        puppet_ledger(fixture->puppet, operation, OUTCOME_DONE, 1, 0, 0, 0);
        assert_int_equal(puppet_one(fixture->puppet, EFFECT_HAND_BACK)->amount, cases[i].delay_ns);
        down((void **)&fixture);
    }
}

/* Nobody knows whether the charge is in the ledger: it is read, and the nonce tells. */
static void knows_its_own_charge_by_the_nonce(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = fail_once(fixture);
    puppet_ledger(puppet, put.operation, OUTCOME_UNKNOWN, 0, 0, 0, 0);
    expect_state(fixture, DELIVERY_RECHECKING);
    uint64_t operation = puppet_one(puppet, EFFECT_LEDGER_GET)->operation;
    puppet_ledger(puppet, operation, OUTCOME_UNKNOWN, 0, 0, 0, 0);
    puppet_wait(puppet, 2 * SECOND);
    operation = puppet_one(puppet, EFFECT_LEDGER_GET)->operation;
    puppet_ledger(puppet, operation, OUTCOME_DONE, 12, put.amount, 1, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 100 * MS);
}

static void charges_again_what_was_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = fail_once(fixture);
    puppet_wait(puppet, 2 * SECOND); /* nobody answers */
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    struct effect again = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(again.amount, put.amount); /* the same nonce: at most one of both can win */
    assert_int_equal(again.reference, 0);
    assert_int_equal(again.count, 1);
}

static void leaves_the_charge_to_the_holder_who_won(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_ledger(puppet, fail_once(fixture).operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 15, 4711, 1, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 100 * MS);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
}

/* The second attempt updates the record that the first one made: claimed as revision 12, and its charge was refused. */
static struct effect refused_charge_over_12(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    puppet_ledger(puppet, fail_once(fixture).operation, OUTCOME_DONE, 11, 0, 0, 0);
    puppet_deliver(puppet, fixture->function, 5, 1005, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 11, 1, 1, 0);
    struct effect claim = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(claim.reference, 11);
    puppet_ledger(puppet, claim.operation, OUTCOME_DONE, 12, 0, 0, 0);
    fixture->stream = puppet_one(puppet, EFFECT_EXECUTE)->stream;
    assert_int_equal(puppet_one(puppet, EFFECT_EXECUTE)->count, 2);
    struct effect put = fail_once(fixture);
    assert_int_equal(put.reference, 12);
    assert_int_equal(put.count, 2);
    assert_int_equal(put.starts, 1);
    puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    return claim;
}

static void updates_the_revision_that_it_read(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect claim = refused_charge_over_12(fixture), look = *puppet_one(puppet, EFFECT_LEDGER_GET);
    puppet_ledger(puppet, look.operation, OUTCOME_DONE, 12, claim.amount, 1, 1);
    assert_int_equal(puppet_one(puppet, EFFECT_LEDGER_PUT)->reference, 12); /* nothing was written: once more */
}

/* After a power loss of the broker another holder's record may have the revision that its own had. */
static void a_revision_that_was_given_out_again_is_not_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect claim = refused_charge_over_12(fixture), look = *puppet_one(puppet, EFFECT_LEDGER_GET);
    puppet_ledger(puppet, look.operation, OUTCOME_DONE, 12, claim.amount + 1, 2, 2);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 1);
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

#define SETTLE_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

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
        SETTLE_TEST(charges_before_it_hands_back),
        SETTLE_TEST(waits_as_long_as_the_function_says),
        SETTLE_TEST(knows_its_own_charge_by_the_nonce),
        SETTLE_TEST(charges_again_what_was_not_written),
        SETTLE_TEST(leaves_the_charge_to_the_holder_who_won),
        SETTLE_TEST(updates_the_revision_that_it_read),
        SETTLE_TEST(a_revision_that_was_given_out_again_is_not_its_own),
        SETTLE_TEST(buries_after_the_result_and_before_the_ack),
        SETTLE_TEST(buries_again_what_was_stored_as_dead),
        SETTLE_TEST(ignores_answers_to_other_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
