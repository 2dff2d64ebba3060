/* Charges in the ledger, by compare-and-set with a nonce: one for each run, whatever is refused or not answered. */
#include "tests/unit/core/one_request.h"

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

/* The second attempt updates the record that the first one made: it runs, claimed as revision 12. */
static struct effect claimed_as_12(struct fixture *fixture)
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
    return claim;
}

/* The same, and its charge was refused. */
static struct effect refused_charge_over_12(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    struct effect claim = claimed_as_12(fixture);
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

/* It fails on another connection than that on which it was claimed: whether revision 12 is still its own must be read
 * first, for the broker compares numbers alone. Returns the claim. */
static struct effect fails_on_another_connection(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    struct effect claim = claimed_as_12(fixture);
    puppet_link_down(puppet);
    puppet_link_up(puppet);
    puppet_error(puppet, fixture->worker, fixture->stream, ERROR_RETRY, 0);
    expect_state(fixture, DELIVERY_RECHECKING);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    return claim;
}

static void reads_what_it_saw_on_an_earlier_connection(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect claim = fails_on_another_connection(fixture), look = *puppet_one(puppet, EFFECT_LEDGER_GET);
    puppet_ledger(puppet, look.operation, OUTCOME_DONE, 12, claim.amount, 1, 1);
    struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(put.reference, 12);
    assert_int_equal(put.count, 2);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 13, 0, 0, 0);
    expect_end(puppet_one(puppet, EFFECT_PUBLISH_RESULT), END_DEAD_LETTERED, REASON_FUNCTION_ERROR, 2);
}

static void writes_over_no_record_of_another(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect claim = fails_on_another_connection(fixture), look = *puppet_one(puppet, EFFECT_LEDGER_GET);
    puppet_ledger(puppet, look.operation, OUTCOME_DONE, 12, claim.amount + 1, 2, 1);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    expect_state(fixture, DELIVERY_FREE);
}

/* What the lost power took: the record is made anew, with what the holder knows. */
static void makes_a_lost_record_anew(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    fails_on_another_connection(fixture);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(put.reference, 0);
    assert_int_equal(put.count, 2);
}

/* Nothing was there to be seen: to create needs no look, it fails if there is a record. */
static void creates_without_a_look(void **state)
{
    struct fixture *fixture = *state;
    puppet_link_down(fixture->puppet);
    puppet_link_up(fixture->puppet);
    assert_int_equal(fail_once(fixture).reference, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTLE_TEST(charges_before_it_hands_back),
        SETTLE_TEST(waits_as_long_as_the_function_says),
        SETTLE_TEST(knows_its_own_charge_by_the_nonce),
        SETTLE_TEST(charges_again_what_was_not_written),
        SETTLE_TEST(leaves_the_charge_to_the_holder_who_won),
        SETTLE_TEST(updates_the_revision_that_it_read),
        SETTLE_TEST(a_revision_that_was_given_out_again_is_not_its_own),
        SETTLE_TEST(reads_what_it_saw_on_an_earlier_connection),
        SETTLE_TEST(writes_over_no_record_of_another),
        SETTLE_TEST(makes_a_lost_record_anew),
        SETTLE_TEST(creates_without_a_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
