/* That a request is dead-lettered is written into its ledger before its result is stored, and stands there whatever
 * settings, versions and quarantines come after: one end for each request. */
#include "tests/unit/core/one_function.h"

/* Delivers request 5 once more, and answers that no result of it is there; the question to the ledger is open. */
static void redeliver(struct fixture *fixture)
{
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, fixture->function, 5, 1005, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_expect_delivery(puppet, 5, DELIVERY_READING);
}

/* Answers the question to the ledger. */
static void read_ledger(struct puppet *puppet, uint32_t attempts, uint32_t starts, uint64_t revision, enum end end)
{
    struct input input = { .kind = INPUT_LEDGER, .outcome = OUTCOME_DONE };
    input.answers = puppet_one(puppet, EFFECT_LEDGER_GET)->operation;
    input.as.ledger.attempts = attempts;
    input.as.ledger.starts = starts;
    input.as.ledger.revision = revision;
    input.as.ledger.last = end != END_NONE ? CAUSE_CRASH : attempts > 0 ? CAUSE_ERROR : CAUSE_NONE;
    input.as.ledger.end = (uint8_t)end;
    input.as.ledger.reason = end != END_NONE ? REASON_QUARANTINED : REASON_NONE;
    puppet_fact(puppet, input);
}

static void expect_mark(const struct effect *put, enum reason reason)
{
    assert_string_equal(end_name((enum end)put->end), end_name(END_DEAD_LETTERED));
    assert_string_equal(reason_name((enum reason)put->code), reason_name(reason));
}

/* Reads that too many starts came to nothing; returns what is written then. */
static struct effect poison(struct fixture *fixture)
{
    redeliver(fixture);
    read_ledger(fixture->puppet, 0, 5, 9, END_NONE);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_MARKING);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), 0);
    return *puppet_one(fixture->puppet, EFFECT_LEDGER_PUT);
}

static void marks_what_no_charge_ends_before_it_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct effect put = poison(fixture);
    expect_mark(&put, REASON_POISON);
    assert_int_equal(put.reference, 9);
    assert_int_equal(put.amount, 0); /* nobody's charge */
    assert_int_equal(put.count, 0);
    assert_int_equal(put.starts, 5);
    assert_int_equal(put.cause, CAUSE_INSTANCE_LOST);
    puppet_ledger(fixture->puppet, put.operation, OUTCOME_DONE, 10, 0, 0, 0);
    const struct effect *store = puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store->end, END_DEAD_LETTERED);
    assert_int_equal(store->code, REASON_POISON);
}

/* No second write for the usual dead letter. */
static void marks_with_the_charge_that_is_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    for (uint32_t charged = 1; charged <= 2; charged++) {
        redeliver(fixture);
        read_ledger(puppet, charged, 0, 9, END_NONE);
        puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 10, 0, 0, 0);
        puppet_error(puppet, fixture->worker, puppet_one(puppet, EFFECT_EXECUTE)->stream, ERROR_RETRY, 0);
        struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        assert_int_equal(put.count, charged + 1);
        assert_int_equal(put.end, charged == 2 ? END_DEAD_LETTERED : END_NONE);
        assert_int_equal(put.code, charged == 2 ? REASON_FUNCTION_ERROR : REASON_NONE);
        puppet_ledger(puppet, put.operation, OUTCOME_DONE, 11, 0, 0, 0);
    }
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
}

/* Fewer retries are wanted since: the charge does not say that it was the last. */
static void marks_after_a_charge_that_did_not_know(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    deliver(fixture, 5);
    puppet_error(puppet, fixture->worker, puppet_one(puppet, EFFECT_EXECUTE)->stream, ERROR_RETRY, 0);
    struct effect charge = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    puppet_fact(puppet, (struct input){ .kind = INPUT_FUNCTION_POLICY, .as.policy.name = puppet_name(1) });
    puppet_ledger(puppet, charge.operation, OUTCOME_DONE, 10, 0, 0, 0);
    struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    expect_mark(&put, REASON_FUNCTION_ERROR);
    assert_int_equal(put.count, 1);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 11, 0, 0, 0);
    assert_true(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->second.slot != 0); /* the error text */
}

/* More retries are wanted since: it is over all the same, others may have read so. */
static void ends_by_the_mark_that_a_charge_carried(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_fact(puppet, (struct input){ .kind = INPUT_FUNCTION_POLICY, .as.policy.name = puppet_name(1) });
    deliver(fixture, 5);
    puppet_error(puppet, fixture->worker, puppet_one(puppet, EFFECT_EXECUTE)->stream, ERROR_RETRY, 0);
    struct effect charge = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    expect_mark(&charge, REASON_FUNCTION_ERROR);
    struct input many = { .kind = INPUT_FUNCTION_POLICY, .as.policy.name = puppet_name(1) };
    many.as.policy.retries[CAUSE_ERROR] = UINT8_MAX;
    puppet_fact(puppet, many);
    puppet_ledger(puppet, charge.operation, OUTCOME_DONE, 10, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->end, END_DEAD_LETTERED);
}

static void ends_what_is_marked_as_it_was_ended(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    redeliver(fixture);
    read_ledger(puppet, 1, 0, 9, END_DEAD_LETTERED);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    const struct effect *store = puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store->end, END_DEAD_LETTERED);
    assert_string_equal(reason_name((enum reason)store->code), reason_name(REASON_QUARANTINED));
    assert_string_equal(cause_text((enum cause)store->cause), cause_text(CAUSE_CRASH));
    assert_int_equal(store->count, 1);
    assert_int_equal(store->causes.count[CAUSE_INSTANCE_LOST], 0);
}

/* What an adapter can't read, or what a later version may write, is no end of this kind. */
static void takes_no_other_end_for_a_mark(void **state)
{
    struct fixture *fixture = *state;
    redeliver(fixture);
    read_ledger(fixture->puppet, 1, 0, 9, END_SUCCEEDED);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_CLAIMING);
}

static void reads_again_when_another_holder_wrote_before_the_mark(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = poison(fixture);
    puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    read_ledger(puppet, 1, 0, 12, END_NONE); /* it is not over after all, and what was decided before is forgotten */
    puppet_expect_delivery(puppet, 5, DELIVERY_CLAIMING);
    struct effect claim = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(claim.end, END_NONE);
    assert_int_equal(claim.code, REASON_NONE);
}

static void reads_first_when_nobody_answers_the_mark(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    poison(fixture);
    puppet_wait(puppet, 2 * SECOND);
    puppet_expect_delivery(puppet, 5, DELIVERY_READING);
    read_ledger(puppet, 0, 5, 10, END_DEAD_LETTERED); /* it was written */
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
}

static void asks_later_when_the_mark_finds_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct input full = { .kind = INPUT_LEDGER, .answers = poison(fixture).operation, .outcome = OUTCOME_REFUSED };
    full.code = CODE_STREAM_FULL;
    puppet_fact(puppet, full);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_GET), 0);
    puppet_wait(puppet, 2 * SECOND);
    read_ledger(puppet, 0, 5, 9, END_NONE);
    struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    expect_mark(&put, REASON_POISON);
}

static void hands_back_what_others_write_again_and_again(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct effect put = poison(fixture);
    for (uint64_t revision = 20; revision < 24; revision++) {
        puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
        read_ledger(puppet, 0, 5, revision, END_NONE);
        put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        assert_int_equal(put.reference, revision);
    }
    puppet_ledger(puppet, put.operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->cause, CAUSE_CONTENDED);
}

/* A function in quarantine: who waits for it was charged nothing. */
static void marks_what_a_quarantine_ends(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    struct function *function = function_at(puppet->core, 0);
    deliver(fixture, 4); /* takes the worker */
    function->crashes.until_ns = puppet->now_ns + 10 * SECOND;
    function->crashes.cause = CAUSE_OUT_OF_MEMORY;
    deliver(fixture, 5);
    struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
    expect_mark(&put, REASON_QUARANTINED);
    assert_int_equal(put.reference, 0);
    assert_int_equal(put.cause, CAUSE_OUT_OF_MEMORY);
    puppet_ledger(puppet, put.operation, OUTCOME_DONE, 10, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_QUARANTINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_FUNCTION_TEST(marks_what_no_charge_ends_before_it_is_stored),
        ONE_FUNCTION_TEST(marks_with_the_charge_that_is_the_last),
        ONE_FUNCTION_TEST(marks_after_a_charge_that_did_not_know),
        ONE_FUNCTION_TEST(ends_by_the_mark_that_a_charge_carried),
        ONE_FUNCTION_TEST(ends_what_is_marked_as_it_was_ended),
        ONE_FUNCTION_TEST(takes_no_other_end_for_a_mark),
        ONE_FUNCTION_TEST(reads_again_when_another_holder_wrote_before_the_mark),
        ONE_FUNCTION_TEST(reads_first_when_nobody_answers_the_mark),
        ONE_FUNCTION_TEST(asks_later_when_the_mark_finds_no_room),
        ONE_FUNCTION_TEST(hands_back_what_others_write_again_and_again),
        ONE_FUNCTION_TEST(marks_what_a_quarantine_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
