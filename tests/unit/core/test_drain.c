/* A drain: no more pulls, what waits goes back, what runs finishes, and the end comes when all is done or the
 * grace is over. */
#include "tests/unit/core/puppet.h"

static void is_over_at_once_when_nothing_is_in_hand(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_drain(puppet, 10 * SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_INSTANCE_STATE)->count, INSTANCE_SHUTTING_DOWN);
    puppet_one(puppet, EFFECT_STOPPED);
    puppet_drain(puppet, 10 * SECOND); /* told twice */
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 100 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_STOPPED), 0);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
}

static void hands_back_what_waits_and_finishes_what_runs(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_deliver(puppet, function, 6, 1006, 1);
    puppet_call(puppet, 5, 1, 7, 0);
    puppet_drain(puppet, 60 * SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_STOPPED), 0);
    puppet_wait(puppet, 10 * SECOND);
    puppet_one(puppet, EFFECT_EXTEND); /* still ours */
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
    puppet_result(puppet, execute.about, execute.stream);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_ACK, EFFECT_STOPPED, EFFECT_COUNT);
}

static void hands_back_what_comes_out_of_the_ledger_meanwhile(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_deliver(puppet, function, 5, 50, 2);
    uint64_t fetch = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
    puppet_drain(puppet, 60 * SECOND);
    puppet_fetched(puppet, fetch, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    puppet_order(puppet, EFFECT_HAND_BACK, EFFECT_STOPPED, EFFECT_COUNT);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
}

static void ends_at_the_grace_whatever_still_runs(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    uint64_t began_ns = puppet->now_ns;
    puppet_drain(puppet, 10 * SECOND);
    puppet_wait(puppet, 20 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_STOPPED), began_ns + 10 * SECOND);
}

/* A link that is lost or comes back in between moves the end of the grace by nothing. */
static void ends_at_the_grace_over_a_reconnect(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    uint64_t began_ns = puppet->now_ns;
    puppet_drain(puppet, 10 * SECOND);
    puppet_link_down(puppet);
    puppet_wait(puppet, 3 * SECOND);
    puppet_link_up(puppet);
    puppet_wait(puppet, 20 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_STOPPED), began_ns + 10 * SECOND);
}

static void may_wait_for_ever(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_drain(puppet, UINT64_MAX);
    puppet_wait(puppet, 40 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_STOPPED), 0);
    puppet_result(puppet, execute.about, execute.stream);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_STOPPED);
}

static void ends_without_a_broker_too(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_call(puppet, 5, 1, 7, 0);
    puppet_link_down(puppet);
    uint64_t began_ns = puppet->now_ns;
    puppet_drain(puppet, 10 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_STOPPED), 0);
    puppet_wait(puppet, 20 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_STOPPED), began_ns + 10 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_over_at_once_when_nothing_is_in_hand),
        TEST(hands_back_what_waits_and_finishes_what_runs),
        TEST(hands_back_what_comes_out_of_the_ledger_meanwhile),
        TEST(ends_at_the_grace_whatever_still_runs),
        TEST(ends_at_the_grace_over_a_reconnect),
        TEST(may_wait_for_ever),
        TEST(ends_without_a_broker_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
