/* The doors of callers who do not run a function and wait: submit answers at the broker's confirmation, await and look
 * read the stored result of a request that anybody made. */
#include "tests/unit/core/puppet.h"

enum { DIGEST = 7, OTHER_DIGEST = 8 };

static void expect_reply(struct puppet *puppet, enum end end, enum reason reason)
{
    const struct effect *reply = puppet_one(puppet, EFFECT_REPLY);
    assert_int_equal(reply->end, end);
    assert_string_equal(reason_name((enum reason)reply->code), reason_name(reason));
    assert_int_equal(puppet_view(puppet).calls, 0);
    assert_int_equal(puppet->blobs, 0);
}

static void confirm(struct puppet *puppet, uint64_t operation, bool duplicate)
{
    struct input input = { .kind = INPUT_PUBLISHED, .answers = operation };
    input.as.published.duplicate = duplicate;
    puppet_fact(puppet, input);
}

/* Up to the question for the stored result of an id that the broker knew. */
static uint64_t submit_again(struct puppet *puppet, uint32_t request)
{
    puppet_door(puppet, CALL_KIND_SUBMIT, request, 10 * SECOND);
    confirm(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, true);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0);
    return puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
}

/* -- submit ------------------------------------------------------------------------------------------------------ */

static void is_accepted_at_the_confirmation(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_door(puppet, CALL_KIND_SUBMIT, 5, 10 * SECOND);
    const struct effect *publish = puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    assert_int_equal(publish->amount, 0); /* The caller's patience is no budget of the request. */
    confirm(puppet, publish->operation, false);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->reference, 2005);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->starts, 0);
    expect_reply(puppet, END_NONE, REASON_NONE);
}

static void says_that_the_broker_knew_it(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_fetched(puppet, submit_again(puppet, 5), OUTCOME_REFUSED, END_NONE, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->starts, 1);
    expect_reply(puppet, END_NONE, REASON_NONE);
    puppet_fetched(puppet, submit_again(puppet, 5), OUTCOME_DONE, END_FAILED, DIGEST);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->starts, 1);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->blob.slot, 0); /* its result is not told */
    expect_reply(puppet, END_NONE, REASON_NONE);
    puppet_fetched(puppet, submit_again(puppet, 5), OUTCOME_DONE, END_SUCCEEDED, OTHER_DIGEST);
    expect_reply(puppet, END_NONE, REASON_ID_CONFLICT);
}

static void asks_again_whether_it_is_the_same_input(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_fetched(puppet, submit_again(puppet, 5), OUTCOME_UNKNOWN, END_NONE, 0);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 20 * MS);
    puppet_one(puppet, EFFECT_FETCH_RESULT); /* no answer to this one */
    puppet_wait(puppet, 2 * SECOND);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    expect_reply(puppet, END_NONE, REASON_NONE);
}

static void is_unknown_without_a_confirmation(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_door(puppet, CALL_KIND_SUBMIT, 5, 3 * SECOND);
    puppet_wait(puppet, 3 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_REQUEST), 1); /* once more after two seconds */
    expect_reply(puppet, END_NONE, REASON_OUTCOME_UNKNOWN);
}

static void is_refused_like_a_call(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_SUBMIT, 5, 0);
    expect_reply(puppet, END_NONE, REASON_FUNCTION_NOT_FOUND);
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_door(puppet, CALL_KIND_SUBMIT, 5, 0);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_REFUSED, 10077);
    expect_reply(puppet, END_NONE, REASON_QUEUE_FULL);
    puppet_call(puppet, 6, 1, OTHER_DIGEST, 0);
    puppet_door(puppet, CALL_KIND_SUBMIT, 6, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_ID_CONFLICT);
    puppet_link_down(puppet);
    puppet_door(puppet, CALL_KIND_SUBMIT, 7, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_NATS_UNAVAILABLE);
}

static void is_accepted_by_a_result_that_comes_first(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_door(puppet, CALL_KIND_SUBMIT, 5, 0);
    puppet_answer(puppet, 5, END_SUCCEEDED, DIGEST);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->blob.slot, 0);
    expect_reply(puppet, END_NONE, REASON_NONE);
}

/* -- who may be called ------------------------------------------------------------------------------------------- */

static void call_alias(struct puppet *puppet, uint8_t alias)
{
    struct input input = { .kind = INPUT_CALL, .blob = puppet_blob(puppet) };
    input.as.call.request = puppet_request(5);
    input.as.call.function = puppet_name(1);
    input.as.call.alias = alias;
    puppet_fact(puppet, input);
}

static void refuses_what_has_no_such_alias_or_closes(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    call_alias(puppet, ALIAS_UNKNOWN);
    expect_reply(puppet, END_NONE, REASON_ALIAS_NOT_FOUND);
    call_alias(puppet, 3); /* one that the record names; what it stands for is found at the delivery */
    puppet_cancelled(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->about);
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(1);
    input.as.function.version = puppet_version(1);
    input.as.function.closing = CLOSING_DRAIN;
    puppet_fact(puppet, input);
    call_alias(puppet, ALIAS_LIVE);
    expect_reply(puppet, END_NONE, REASON_FUNCTION_REMOVED);
}

static void passes_calls_of_languages_served_elsewhere(void **state)
{
    struct puppet *puppet = *state;
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(1);
    input.as.function.version = puppet_version(1);
    input.as.function.elsewhere = 1;
    puppet_fact(puppet, input);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_ELSEWHERE);
    puppet_call(puppet, 5, 1, DIGEST, 0);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    puppet_answer(puppet, 5, END_SUCCEEDED, DIGEST);
    expect_reply(puppet, END_SUCCEEDED, REASON_NONE);
}

/* -- await and look ---------------------------------------------------------------------------------------------- */

static void says_which_row_is_the_callers(void **state)
{
    static const enum call_kind kinds[] = { CALL_KIND_AWAIT, CALL_KIND_LOOK, CALL_KIND_CANCEL };
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        puppet_door(puppet, kinds[i], 5 + i, 0);
        struct effect admit = *puppet_one(puppet, EFFECT_ADMIT);
        assert_int_equal(admit.reference, 2005 + i);
        assert_true(key_equal(admit.key, puppet_request(5 + i)));
        puppet_cancelled(puppet, admit.about);
        assert_true(handle_equal(puppet_one(puppet, EFFECT_FORGET)->about, admit.about));
        assert_int_equal(puppet_view(puppet).calls, 0);
    }
}

static void awaits_ever_more_slowly(void **state)
{
    static const uint64_t after_ns[] = { 20 * MS,  40 * MS,   80 * MS,   160 * MS,   320 * MS,
                                         640 * MS, 1280 * MS, 2560 * MS, 5 * SECOND, 5 * SECOND };
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_AWAIT, 5, 0);
    uint64_t operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
    for (uint32_t i = 0; i < sizeof after_ns / sizeof after_ns[0]; i++) {
        puppet_fetched(puppet, operation, i % 3 == 2 ? OUTCOME_UNKNOWN : OUTCOME_REFUSED, END_NONE, 0);
        puppet_wait(puppet, after_ns[i] - 1);
        assert_int_equal(puppet->seen_count, 0);
        puppet_wait(puppet, 1);
        operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
    }
    puppet_fetched(puppet, operation, OUTCOME_DONE, END_EXPIRED, OTHER_DIGEST); /* whatever its input was */
    assert_true(puppet_one(puppet, EFFECT_REPLY)->blob.slot != 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->count, 3);
    expect_reply(puppet, END_EXPIRED, REASON_NONE);
}

static void awaits_without_a_broker_until_the_deadline(void **state)
{
    struct puppet *puppet = *state;
    puppet_link_down(puppet);
    puppet_door(puppet, CALL_KIND_AWAIT, 5, 0);
    puppet_door(puppet, CALL_KIND_AWAIT, 6, 9 * SECOND);
    puppet_wait(puppet, 8 * SECOND);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_DEADLINE_EXCEEDED);
    puppet_link_up(puppet);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_FAILED, DIGEST);
    expect_reply(puppet, END_FAILED, REASON_NONE);
}

static void looks_when_something_happens_here(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_AWAIT, 5, 0);
    puppet_door(puppet, CALL_KIND_LOOK, 5, 0);
    puppet_answer(puppet, 5, END_SUCCEEDED, OTHER_DIGEST);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0); /* They are told what is stored. */
    assert_int_equal(puppet_count(puppet, EFFECT_FETCH_RESULT), 2);
    uint64_t operation = puppet_nth(puppet, EFFECT_FETCH_RESULT, 1)->operation;
    puppet_fetched(puppet, puppet_nth(puppet, EFFECT_FETCH_RESULT, 0)->operation, OUTCOME_DONE, END_SUCCEEDED, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->end, END_SUCCEEDED);
    puppet_fetched(puppet, operation, OUTCOME_DONE, END_SUCCEEDED, OTHER_DIGEST);
    expect_reply(puppet, END_SUCCEEDED, REASON_NONE);
    puppet_door(puppet, CALL_KIND_AWAIT, 6, 0);
    puppet_cancel_heard(puppet, 6); /* looks at once */
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 0);
    expect_reply(puppet, END_CANCELLED, REASON_NONE);
}

static void looks_once(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_LOOK, 5, 0);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    expect_reply(puppet, END_NONE, REASON_RESULT_NOT_FOUND);
    puppet_door(puppet, CALL_KIND_LOOK, 5, 0);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_SUCCEEDED, DIGEST);
    expect_reply(puppet, END_SUCCEEDED, REASON_NONE);
    puppet_door(puppet, CALL_KIND_LOOK, 5, SECOND); /* an answer that says nothing is no answer */
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_UNKNOWN, END_NONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0);
    puppet_wait(puppet, SECOND);
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
    puppet_link_down(puppet);
    puppet_door(puppet, CALL_KIND_LOOK, 5, 0);
    expect_reply(puppet, END_NONE, REASON_NATS_UNAVAILABLE);
}

static void counts_all_waiters_of_one_id(void **state)
{
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < 8; i++) {
        puppet_door(puppet, CALL_KIND_AWAIT, 5, 0);
        puppet_one(puppet, EFFECT_ADMIT);
    }
    puppet_door(puppet, CALL_KIND_AWAIT, 5, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_QUEUE_FULL);
    puppet_answer(puppet, 5, END_SUCCEEDED, DIGEST);
    assert_int_equal(puppet_count(puppet, EFFECT_FETCH_RESULT), 8);
}

/* A drain waits for those whose request may run here, not for readers. */
static void sends_readers_away_in_a_drain(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 4, 1, DIGEST, 0);
    uint64_t operation = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
    puppet_published(puppet, operation, OUTCOME_DONE, 0);
    for (uint32_t i = 0; i < 12; i++) {
        puppet_door(puppet, i % 4 == 3 ? CALL_KIND_LOOK : CALL_KIND_AWAIT, 5 + i / 4, 0);
    }
    puppet_drain(puppet, 60 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 12);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(puppet_nth(puppet, EFFECT_REPLY, i)->code, REASON_SHUTTING_DOWN);
    }
    assert_int_equal(puppet_count(puppet, EFFECT_STOPPED), 0);
    puppet_answer(puppet, 4, END_SUCCEEDED, DIGEST);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_STOPPED, EFFECT_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_accepted_at_the_confirmation),
        TEST(says_that_the_broker_knew_it),
        TEST(asks_again_whether_it_is_the_same_input),
        TEST(is_unknown_without_a_confirmation),
        TEST(is_refused_like_a_call),
        TEST(is_accepted_by_a_result_that_comes_first),
        TEST(refuses_what_has_no_such_alias_or_closes),
        TEST(passes_calls_of_languages_served_elsewhere),
        TEST(says_which_row_is_the_callers),
        TEST(awaits_ever_more_slowly),
        TEST(awaits_without_a_broker_until_the_deadline),
        TEST(looks_when_something_happens_here),
        TEST(looks_once),
        TEST(counts_all_waiters_of_one_id),
        TEST(sends_readers_away_in_a_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
