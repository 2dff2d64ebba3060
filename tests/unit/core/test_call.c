/* A caller at our door: admission and each reason of refusal, the publish under one id until the broker has
 * confirmed it, and all the ways by which an answer may come, or not. Function 1 is deployed where a test needs
 * one. */
#include "tests/unit/core/puppet.h"

enum { DIGEST = 7, OTHER_DIGEST = 8 };

static void expect_refusal(struct puppet *puppet, uint32_t function, enum reason reason)
{
    puppet_call(puppet, 99, function, DIGEST, 0);
    const struct effect *reply = puppet_one(puppet, EFFECT_REPLY);
    assert_string_equal(reason_name((enum reason)reply->code), reason_name(reason));
    assert_int_equal(reply->end, END_NONE);
    assert_int_equal(reply->reference, 1099);
    assert_int_equal(reply->about.bits, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_REQUEST), 0);
    puppet_one(puppet, EFFECT_DROP_BLOB);
}

/* The PubAck has come: the call waits for its result. */
static struct handle wait_for_result(struct puppet *puppet, uint32_t request)
{
    puppet_call(puppet, request, 1, DIGEST, 0);
    struct effect publish = *puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    puppet_published(puppet, publish.operation, OUTCOME_DONE, 0);
    assert_int_equal(puppet_call_state(puppet, request), CALL_WAITING);
    return publish.about;
}

static void expect_reply(struct puppet *puppet, enum end end, enum reason reason)
{
    const struct effect *reply = puppet_one(puppet, EFFECT_REPLY);
    assert_int_equal(reply->end, end);
    assert_string_equal(reason_name((enum reason)reply->code), reason_name(reason));
    assert_int_equal(puppet_view(puppet).calls, 0);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_FORGET, EFFECT_COUNT);
}

/* -- admission --------------------------------------------------------------------------------------------------- */

static void is_published_under_its_own_id(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 9 * SECOND);
    const struct effect *publish = puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    assert_true(key_equal(publish->key, puppet_request(5)));
    assert_true(handle_equal(publish->other, function));
    assert_true(handle_equal(operation_owner(publish->operation), publish->about));
    assert_int_equal(publish->reference, 1005);
    assert_int_equal(publish->amount, 9 * SECOND);
    assert_int_equal(puppet_call_state(puppet, 5), CALL_PUBLISHING);
    puppet_published(puppet, publish->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_DROP_BLOB); /* Published is the broker's: at rest no payload is held. */
    assert_int_equal(puppet->blobs, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0);
}

static void caps_the_budget(void **state)
{
    static const struct {
        uint64_t given_ns, budget_ns;
    } cases[] = { { 0, 60 * SECOND }, { 1, 1 }, { 60 * SECOND, 60 * SECOND }, { UINT64_MAX, 60 * SECOND } };
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        puppet_call(puppet, i, 1, DIGEST, cases[i].given_ns);
        assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->amount, cases[i].budget_ns);
    }
}

static void is_unconfirmed_until_it_is_queued(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    assert_int_equal(core_unconfirmed(puppet->core, puppet_name(1)), 0);
    puppet_call(puppet, 7, 1, 7, 0);
    struct effect publish = *puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    assert_int_equal(core_unconfirmed(puppet->core, puppet_name(1)), 1);
    assert_int_equal(core_unconfirmed(puppet->core, puppet_name(2)), 0);
    puppet_published(puppet, publish.operation, OUTCOME_DONE, 100);
    assert_int_equal(core_unconfirmed(puppet->core, puppet_name(1)), 0);
}

static void is_refused_by_what_is_deployed(void **state)
{
    struct puppet *puppet = *state;
    expect_refusal(puppet, 1, REASON_FUNCTION_NOT_FOUND);
    puppet_function_set(puppet, 1, (struct deployed){ 0 });
    uint64_t build = puppet_one(puppet, EFFECT_BUILD)->operation;
    expect_refusal(puppet, 1, REASON_NOT_DEPLOYED);
    puppet_built(puppet, build, OUTCOME_REFUSED, REASON_NONE);
    expect_refusal(puppet, 1, REASON_RUNTIME_UNAVAILABLE);
    puppet_deploy(puppet, 2, (struct deployed){ 0 });
    puppet_function_removed(puppet, 2);
    assert_int_equal(puppet_function(puppet, 2), FUNCTION_RETIRING);
    expect_refusal(puppet, 2, REASON_FUNCTION_NOT_FOUND);
}

static void is_refused_without_a_broker_and_in_a_drain(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_link_down(puppet);
    expect_refusal(puppet, 1, REASON_NATS_UNAVAILABLE);
    puppet_link_up(puppet);
    wait_for_result(puppet, 1); /* keeps the drain from ending */
    puppet_drain(puppet, 10 * SECOND);
    expect_refusal(puppet, 1, REASON_SHUTTING_DOWN);
}

static void is_refused_when_the_table_is_full(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < puppet_limits.calls_max; i++) {
        puppet_call(puppet, i, 1, DIGEST, 0);
        puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    }
    expect_refusal(puppet, 1, REASON_QUEUE_FULL);
}

static void is_refused_over_the_waiters_of_one_id(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < 8; i++) {
        puppet_call(puppet, 99, 1, DIGEST, 0);
        puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    }
    expect_refusal(puppet, 1, REASON_QUEUE_FULL);
}

static void is_refused_for_the_same_id_with_another_input(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 99, 1, OTHER_DIGEST, 0);
    expect_refusal(puppet, 1, REASON_ID_CONFLICT);
}

/* -- publish ----------------------------------------------------------------------------------------------------- */

static void is_refused_as_the_broker_says(void **state)
{
    static const struct {
        uint16_t code;
        enum reason reason;
    } cases[] = {
        { 10077, REASON_QUEUE_FULL },   { 10023, REASON_QUEUE_FULL }, { 10054, REASON_EVENT_TOO_LARGE },
        { 10060, REASON_NATS_REFUSED }, { 0, REASON_NATS_REFUSED },
    };
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        puppet_call(puppet, i, 1, DIGEST, 0);
        puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_REFUSED, cases[i].code);
        expect_reply(puppet, END_NONE, cases[i].reason);
        assert_int_equal(puppet->blobs, 0);
    }
}

/* 503 is a missing leader for a few seconds; unknown may be stored. Both are asked again, by the same id. */
static void is_asked_again_with_the_same_id(void **state)
{
    static const struct {
        enum outcome outcome;
        uint16_t code;
    } cases[] = { { OUTCOME_UNKNOWN, 0 }, { OUTCOME_REFUSED, 503 } };
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        puppet_call(puppet, i, 1, DIGEST, 10 * SECOND);
        struct effect first = *puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
        puppet_published(puppet, first.operation, cases[i].outcome, cases[i].code);
        assert_int_equal(puppet->seen_count, 0);
        puppet_wait(puppet, 2 * SECOND);
        struct effect again = *puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
        assert_true(key_equal(again.key, first.key));
        assert_true(again.operation != first.operation);
        assert_int_equal(again.blob.slot, first.blob.slot);
        assert_int_equal(again.amount, 8 * SECOND);                 /* the budget that is left */
        puppet_published(puppet, first.operation, OUTCOME_DONE, 0); /* late: changes nothing */
        assert_int_equal(puppet_call_state(puppet, i), CALL_PUBLISHING);
        puppet_published(puppet, again.operation, OUTCOME_DONE, 0);
        assert_int_equal(puppet_call_state(puppet, i), CALL_WAITING);
    }
}

static void is_never_refused_after_an_unknown_publish(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 10 * SECOND);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_UNKNOWN, 0);
    puppet_wait(puppet, 2 * SECOND);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_REFUSED, 10077);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0); /* The first may be stored. */
    puppet_wait(puppet, 2 * SECOND);
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
}

static void is_asked_ever_more_slowly_while_nobody_answers(void **state)
{
    static const uint64_t after_ns[] = { 2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND };
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 0);
    for (size_t i = 0; i < sizeof after_ns / sizeof after_ns[0]; i++) {
        puppet_wait(puppet, after_ns[i] - 1);
        assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_REQUEST), 0);
        puppet_wait(puppet, 1);
        puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    }
    puppet_wait(puppet, 30 * SECOND); /* 2 + 4 + 8 + 16 + 30: the budget of 60 s is over */
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
}

static void looks_for_the_result_of_a_duplicate(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 0);
    struct input input = { .kind = INPUT_PUBLISHED, .as.published.duplicate = 1 };
    input.answers = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
    puppet_fact(puppet, input);
    const struct effect *fetch = puppet_one(puppet, EFFECT_FETCH_RESULT);
    assert_true(key_equal(fetch->key, puppet_request(5)));
    puppet_fetched(puppet, fetch->operation, OUTCOME_DONE, END_SUCCEEDED, DIGEST);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->count, 3);
    expect_reply(puppet, END_SUCCEEDED, REASON_NONE);
    assert_int_equal(puppet->blobs, 0);
}

/* -- answers ----------------------------------------------------------------------------------------------------- */

static void takes_an_answer_before_the_confirmation(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 0);
    uint64_t operation = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
    puppet_answer(puppet, 5, END_FAILED, DIGEST);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->count, 2);
    assert_true(puppet_one(puppet, EFFECT_REPLY)->blob.slot != 0);
    expect_reply(puppet, END_FAILED, REASON_NONE);
    assert_int_equal(puppet->blobs, 0); /* the request's too */
    puppet_published(puppet, operation, OUTCOME_DONE, 0);
    assert_int_equal(puppet->seen_count, 0);
}

static void answers_all_callers_of_one_id(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    wait_for_result(puppet, 5);
    wait_for_result(puppet, 5);
    puppet_answer(puppet, 5, END_SUCCEEDED, DIGEST);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 2);
    assert_int_equal(puppet_nth(puppet, EFFECT_REPLY, 0)->blob.slot, puppet_nth(puppet, EFFECT_REPLY, 1)->blob.slot);
    assert_int_equal(puppet_view(puppet).calls, 0);
}

static void never_gives_a_stranger_s_result(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    wait_for_result(puppet, 5);
    puppet_answer(puppet, 5, END_SUCCEEDED, OTHER_DIGEST);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->blob.slot, 0);
    expect_reply(puppet, END_NONE, REASON_ID_CONFLICT);
    wait_for_result(puppet, 6);
    puppet_wait(puppet, 5 * SECOND);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_SUCCEEDED,
                   OTHER_DIGEST);
    expect_reply(puppet, END_NONE, REASON_ID_CONFLICT);
    puppet_answer(puppet, 6, END_SUCCEEDED, DIGEST); /* nobody waits any more */
    puppet_one(puppet, EFFECT_DROP_BLOB);
    assert_int_equal(puppet->seen_count, 1);
}

static void looks_itself_every_few_seconds(void **state)
{
    static const enum outcome outcomes[] = { OUTCOME_REFUSED, OUTCOME_UNKNOWN, OUTCOME_REFUSED };
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    wait_for_result(puppet, 5);
    uint64_t operation = 0;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        puppet_wait(puppet, 5 * SECOND);
        operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
        puppet_fetched(puppet, operation, outcomes[i], END_NONE, 0);
        assert_int_equal(puppet->seen_count, 0);
    }
    puppet_fetched(puppet, operation, OUTCOME_DONE, END_SUCCEEDED, DIGEST); /* answered before: a repetition */
    puppet_one(puppet, EFFECT_DROP_BLOB);
    assert_int_equal(puppet->seen_count, 1);
}

static void ends_at_its_deadline(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, SECOND); /* not confirmed */
    puppet_wait(puppet, SECOND - 1);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 1);
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
    assert_int_equal(puppet->blobs, 0);
    wait_for_result(puppet, 6);
    puppet_wait(puppet, 60 * SECOND);
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
}

static void leaves_without_a_reply_when_its_caller_is_gone(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, DIGEST, 0);
    puppet_cancelled(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->about);
    puppet_order(puppet, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    struct handle call = wait_for_result(puppet, 6);
    puppet_cancelled(puppet, call);
    puppet_one(puppet, EFFECT_FORGET);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0);
    puppet_cancelled(puppet, call); /* stale */
    puppet_cancelled(puppet, (struct handle){ 12345 });
    assert_int_equal(puppet->seen_count, 0);
    assert_int_equal(puppet_view(puppet).calls, 0);
}

static void asks_again_on_the_next_link(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    wait_for_result(puppet, 6);
    puppet_call(puppet, 5, 1, DIGEST, 0);
    uint64_t old = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
    puppet_link_down(puppet);
    puppet_wait(puppet, 20 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_REQUEST), 0);
    assert_int_equal(puppet_count(puppet, EFFECT_FETCH_RESULT), 0);
    puppet_link_up(puppet);
    assert_true(key_equal(puppet_one(puppet, EFFECT_FETCH_RESULT)->key, puppet_request(6)));
    struct effect publish = *puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    assert_true(key_equal(publish.key, puppet_request(5)));
    assert_int_equal(publish.amount, 40 * SECOND);
    assert_int_equal(publish.epoch, 2);
    puppet_published(puppet, old, OUTCOME_DONE, 0);
    assert_int_equal(puppet_call_state(puppet, 5), CALL_PUBLISHING);
    puppet_link_down(puppet); /* and an answer that comes when its link has passed is no answer */
    puppet_link_up(puppet);
    puppet_published(puppet, publish.operation, OUTCOME_REFUSED, 10077);
    assert_int_equal(puppet_call_state(puppet, 5), CALL_PUBLISHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_published_under_its_own_id),
        TEST(caps_the_budget),
        TEST(is_refused_by_what_is_deployed),
        TEST(is_refused_without_a_broker_and_in_a_drain),
        TEST(is_refused_when_the_table_is_full),
        TEST(is_refused_over_the_waiters_of_one_id),
        TEST(is_refused_for_the_same_id_with_another_input),
        TEST(is_refused_as_the_broker_says),
        TEST(is_asked_again_with_the_same_id),
        TEST(is_never_refused_after_an_unknown_publish),
        TEST(is_asked_ever_more_slowly_while_nobody_answers),
        TEST(looks_for_the_result_of_a_duplicate),
        TEST(takes_an_answer_before_the_confirmation),
        TEST(answers_all_callers_of_one_id),
        TEST(never_gives_a_stranger_s_result),
        TEST(looks_itself_every_few_seconds),
        TEST(ends_at_its_deadline),
        TEST(leaves_without_a_reply_when_its_caller_is_gone),
        TEST(asks_again_on_the_next_link),
        TEST(is_unconfirmed_until_it_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
