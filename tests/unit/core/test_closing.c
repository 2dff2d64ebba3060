/* Functions that are about to go, functions that other instances serve, and settings that change. Function 1 runs
 * version 1 and may have two processes; its only route is function 2. */
#include "tests/unit/core/shares.h"

#include "core/index.h"
#include "core/machine.h"

enum { ALIAS_NEXT = 1 };

static const struct share closing_drain = { .version = 1, .closing = CLOSING_DRAIN };
static const struct share closing_end = { .version = 1, .closing = CLOSING_END };
static const struct share elsewhere = { .version = 1, .elsewhere = true };

static struct handle deploy(struct puppet *puppet)
{
    return puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 20 * SECOND });
}

static void expect_ended(struct puppet *puppet, enum reason reason)
{
    struct effect store = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store.end, END_FAILED);
    assert_int_equal(store.code, reason);
    assert_int_equal(store.count, 0); /* it never ran */
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
}

static void expect_refused(struct puppet *puppet, uint32_t request, enum reason reason)
{
    puppet_call(puppet, request, 1, 7, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, reason);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_REQUEST), 0);
}

/* -- DRAIN ------------------------------------------------------------------------------------------------------- */

static void runs_what_is_queued_and_refuses_new_calls(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    share_set(puppet, 1, closing_drain);
    assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
    expect_refused(puppet, 7, REASON_FUNCTION_REMOVED);
    puppet_result(puppet, execute.about, execute.stream);
    expect_runs(puppet, 1);
    execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_result(puppet, execute.about, execute.stream);
    assert_true(share_row(puppet, 1)->outstanding > 0); /* for what is still in the stream */
    share_deliver(puppet, function, 3, 202, ALIAS_LIVE);
    expect_runs(puppet, 1);
}

static void opens_again(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_set(puppet, 1, closing_drain);
    expect_refused(puppet, 7, REASON_FUNCTION_REMOVED);
    share_set(puppet, 1, (struct share){ .version = 1 });
    puppet_call(puppet, 8, 1, 7, 0);
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
}

/* -- END --------------------------------------------------------------------------------------------------------- */

static void ends_what_is_queued_and_lets_finish_what_runs(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    share_set(puppet, 1, closing_end);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
    expect_refused(puppet, 7, REASON_FUNCTION_REMOVED);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_RUNNING);
    puppet_result(puppet, execute.about, execute.stream);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->end, END_SUCCEEDED);
    share_deliver(puppet, function, 3, 202, ALIAS_LIVE);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
}

/* Not fresh: its result may be stored already, and then that one stands. */
static void asks_for_the_result_of_what_may_have_run(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 1, closing_end);
    puppet_deliver(puppet, function, 1, 200, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_SUCCEEDED, 7);
    puppet_one(puppet, EFFECT_ACK);
    puppet_deliver(puppet, function, 2, 201, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
}

/* It takes many more than its workers could: none of them runs. */
static void takes_what_is_left_in_large_pieces(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 1, closing_end);
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(1);
    input.as.delivery.sequence = 200;
    input.as.delivery.delivered = 1;
    input.as.delivery.pending = 100;
    puppet_fact(puppet, input);
    assert_int_equal(share_row(puppet, 1)->outstanding, puppet_limits.slots);
}

static void ends_all_of_a_function_that_never_served(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, closing_end);
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 100);
    puppet_one(puppet, EFFECT_PULL);
    share_deliver(puppet, build.about, 1, 200, ALIAS_LIVE);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
    puppet_built(puppet, build.operation, OUTCOME_REFUSED, REASON_BUILD_FAILED);
    share_deliver(puppet, build.about, 2, 201, ALIAS_LIVE);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_FAILED);
}

/* What an instance that served it has charged is not held against the request here, where it never did. */
static void ends_as_removed_what_was_tried_elsewhere(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, (struct share){ .version = 1, .closing = CLOSING_END, .retries_max = 3 });
    struct handle function = puppet_one(puppet, EFFECT_BUILD)->about;
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 100);
    puppet_deliver(puppet, function, 1, 200, 2);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 5, 0, 1, 0);
    struct effect store = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store.end, END_FAILED);
    assert_int_equal(store.code, REASON_FUNCTION_REMOVED);
}

/* What names another alias ends in its route: if the function is opened again, it must not run on the live version. */
static void ends_what_waits_for_its_routes(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 1 });
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    share_set(puppet, 1, closing_end);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED); /* the route hears of it for itself */
    share_set(puppet, 2,
              (struct share){ .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 1, .closing = CLOSING_END });
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
    share_deliver(puppet, function, 2, 201, ALIAS_NEXT);
    expect_ended(puppet, REASON_FUNCTION_REMOVED);
    share_deliver(puppet, function, 3, 202, ALIAS_UNKNOWN);
    expect_ended(puppet, REASON_ALIAS_NOT_FOUND);
}

static void is_removed_after_it_closed(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_set(puppet, 1, closing_end);
    puppet_function_removed(puppet, 1);
    puppet_exited(puppet, puppet_one(puppet, EFFECT_STOP_WORKER)->about, REASON_NONE);
    assert_int_equal(puppet_view(puppet).functions, 0);
    expect_refused(puppet, 7, REASON_FUNCTION_NOT_FOUND);
}

/* -- elsewhere ----------------------------------------------------------------------------------------------------- */

static void passes_calls_on_and_does_nothing_else(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, elsewhere);
    struct effect said = *puppet_one(puppet, EFFECT_FUNCTION_STATE);
    assert_int_equal(said.count, FUNCTION_ELSEWHERE);
    assert_int_equal(puppet->seen_count, 1); /* no build, no consumer, no pull, no process */
    puppet_call(puppet, 7, 1, 7, 0);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    puppet_answer(puppet, 7, END_SUCCEEDED, 7);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->end, END_SUCCEEDED);
    puppet_link_down(puppet);
    puppet_link_up(puppet);
    puppet_wait(puppet, 120 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL) + puppet_count(puppet, EFFECT_ENSURE_CONSUMER) +
                         puppet_count(puppet, EFFECT_BUILD) + puppet_count(puppet, EFFECT_START_WORKER),
                     0);
    assert_int_equal(puppet_view(puppet).functions_ready, 0);
}

static void hands_back_a_stray_message(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, elsewhere);
    share_deliver(puppet, puppet_one(puppet, EFFECT_FUNCTION_STATE)->about, 1, 200, ALIAS_LIVE);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, puppet_settings.publish_timeout_ns);
    assert_int_equal(puppet_view(puppet).deliveries, 0);
}

static void passes_on_a_new_version_too(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, elsewhere);
    share_set(puppet, 1, (struct share){ .version = 2, .elsewhere = true });
    struct effect said = *puppet_one(puppet, EFFECT_FUNCTION_STATE);
    assert_int_equal(said.count, FUNCTION_ELSEWHERE);
    assert_true(key_equal(said.key, puppet_version(2)));
    assert_int_equal(puppet->seen_count, 1);
}

static void closes_elsewhere_too(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, elsewhere);
    share_set(puppet, 1, (struct share){ .version = 1, .elsewhere = true, .closing = CLOSING_END });
    expect_refused(puppet, 7, REASON_FUNCTION_REMOVED);
    puppet_wait(puppet, 60 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0); /* who serves it ends what is queued */
}

/* A caller who waits keeps it until he is answered. */
static void goes_when_its_callers_are_answered(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, elsewhere);
    puppet_call(puppet, 7, 1, 7, 0);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    puppet_function_removed(puppet, 1);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_RETIRING);
    expect_refused(puppet, 8, REASON_FUNCTION_NOT_FOUND);
    puppet_answer(puppet, 7, END_SUCCEEDED, 7);
    puppet_one(puppet, EFFECT_REPLY);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_FREE);
}

static void comes_back_elsewhere_while_it_retires(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    puppet_function_removed(puppet, 1);
    share_set(puppet, 1, elsewhere);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_ELSEWHERE);
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_ELSEWHERE);
}

/* The name of a function was given to another language, and nobody saw the removal in between. */
static void goes_elsewhere_with_another_language(void **state)
{
    static const enum outcome outcomes[] = { OUTCOME_DONE, OUTCOME_REFUSED };
    struct puppet *puppet = *state;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        share_set(puppet, 1, (struct share){ .version = 1 });
        puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, outcomes[i], REASON_NONE);
        share_set(puppet, 1, (struct share){ .version = 2, .elsewhere = true });
        assert_int_equal(puppet_function(puppet, 1), FUNCTION_ELSEWHERE);
        assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
        share_set(puppet, 1, (struct share){ .version = 3 });
        assert_int_equal(puppet_function(puppet, 1), FUNCTION_BUILDING);
        puppet_function_removed(puppet, 1);
    }
}

static void no_longer_serves_what_went_elsewhere(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_set(puppet, 1, (struct share){ .version = 2, .elsewhere = true });
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_ELSEWHERE);
    puppet_one(puppet, EFFECT_STOP_WORKER);
    puppet_wait(puppet, 60 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
}

/* A process of the old version has room for another call, and gets none: what comes after the change is for the new. */
static void gives_no_more_to_a_version_that_is_replaced(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 20 * SECOND, .concurrency = 4 });
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    expect_runs(puppet, 1);
    share_up(puppet, 1, (struct share){ .version = 2 });
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    expect_runs(puppet, 2);
}

/* -- settings ------------------------------------------------------------------------------------------------------ */

static void set(struct puppet *puppet, enum setting which, uint64_t value)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_SETTING, .as.setting = { value, (uint8_t)which } });
    assert_int_equal(puppet->seen_count, 0);
}

static void holds_as_long_as_is_said_now(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    set(puppet, SETTING_hold_ns_max, SECOND);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
}

static void backs_off_as_is_said_now(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 3 });
    set(puppet, SETTING_retry_ns_base, 7 * SECOND);
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_error(puppet, execute.about, execute.stream, ERROR_RETRY, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 7 * SECOND);
}

static void asks_the_broker_as_is_said_now(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    set(puppet, SETTING_publish_timeout_ns, 100 * MS);
    set(puppet, SETTING_call_budget_ns_max, 9 * SECOND);
    puppet_call(puppet, 7, 1, 7, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->amount, 9 * SECOND);
    puppet_wait(puppet, 100 * MS);
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    set(puppet, SETTING_pull_expires_ns, 3 * SECOND);
    puppet_link_down(puppet);
    puppet_link_up(puppet);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 100);
    assert_int_equal(puppet_one(puppet, EFFECT_PULL)->amount, 3 * SECOND);
}

static void starts_and_stops_processes_as_is_said_now(void **state)
{
    struct puppet *puppet = *state;
    share_set(puppet, 1, (struct share){ .version = 1 });
    set(puppet, SETTING_start_timeout_ns, 2 * SECOND);
    set(puppet, SETTING_stop_grace_ns, SECOND);
    share_set(puppet, 2, (struct share){ .version = 2 });
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    struct handle silent = puppet_one(puppet, EFFECT_START_WORKER)->about;
    puppet_wait(puppet, 2 * SECOND);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_KILL_WORKER)->about, silent));
    puppet_exited(puppet, silent, REASON_NONE);
    puppet_wait(puppet, SECOND);
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet->worker, 1);
    puppet_function_removed(puppet, 2);
    puppet_one(puppet, EFFECT_STOP_WORKER);
    puppet_wait(puppet, SECOND);
    puppet_one(puppet, EFFECT_KILL_WORKER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_what_is_queued_and_refuses_new_calls),
        TEST(opens_again),
        TEST(ends_what_is_queued_and_lets_finish_what_runs),
        TEST(asks_for_the_result_of_what_may_have_run),
        TEST(takes_what_is_left_in_large_pieces),
        TEST(ends_all_of_a_function_that_never_served),
        TEST(ends_as_removed_what_was_tried_elsewhere),
        TEST(ends_what_waits_for_its_routes),
        TEST(is_removed_after_it_closed),
        TEST(passes_calls_on_and_does_nothing_else),
        TEST(hands_back_a_stray_message),
        TEST(passes_on_a_new_version_too),
        TEST(closes_elsewhere_too),
        TEST(goes_when_its_callers_are_answered),
        TEST(comes_back_elsewhere_while_it_retires),
        TEST(goes_elsewhere_with_another_language),
        TEST(no_longer_serves_what_went_elsewhere),
        TEST(gives_no_more_to_a_version_that_is_replaced),
        TEST(holds_as_long_as_is_said_now),
        TEST(backs_off_as_is_said_now),
        TEST(asks_the_broker_as_is_said_now),
        TEST(starts_and_stops_processes_as_is_said_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
