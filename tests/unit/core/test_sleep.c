/* An instance that was stopped, or whose machine slept: what others did meanwhile in good time waits to be heard, and
 * counts. What did not come is over a tenth of a second later. */
#include "tests/unit/core/puppet.h"

/* A run whose time is a second. */
static struct effect run(struct puppet *puppet)
{
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    return *puppet_one(puppet, EFFECT_EXECUTE);
}

/* What is heard first after that is something else. */
static void sleep_for(struct puppet *puppet, uint64_t for_ns)
{
    puppet->now_ns += for_ns;
    puppet_fact(puppet, (struct input){ .kind = INPUT_HEARD });
}

static void takes_a_result_that_waited(void **state)
{
    struct puppet *puppet = *state;
    struct effect execute = run(puppet);
    sleep_for(puppet, 5 * SECOND);
    puppet_expect_delivery(puppet, 5, DELIVERY_RUNNING);
    puppet_result(puppet, execute.about, execute.stream);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
}

static void charges_for_an_error_that_waited_not_for_the_time(void **state)
{
    struct puppet *puppet = *state;
    struct effect execute = run(puppet);
    sleep_for(puppet, 5 * SECOND);
    puppet_error(puppet, execute.about, execute.stream, ERROR_RETRY, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_LEDGER_PUT)->cause, CAUSE_ERROR);
}

static void takes_a_process_that_had_said_that_it_is_ready(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = SECOND });
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    puppet_deliver(puppet, function, 6, 1006, 1);
    struct handle starting = puppet_one(puppet, EFFECT_START_WORKER)->about;
    sleep_for(puppet, 20 * SECOND); /* longer than a start may take */
    assert_int_equal(puppet_count(puppet, EFFECT_KILL_WORKER), 0);
    puppet_ready(puppet, starting, 1);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_EXECUTE)->about, starting));
}

static void waits_a_moment_for_what_does_not_come(void **state)
{
    struct puppet *puppet = *state;
    run(puppet);
    sleep_for(puppet, 5 * SECOND);
    uint64_t woke_ns = puppet->now_ns;
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_CANCEL), woke_ns + 100 * MS);
}

/* A machine that is slow at every step still gets on. */
static void waits_for_nobody_who_is_always_late(void **state)
{
    struct puppet *puppet = *state;
    run(puppet);
    for (uint32_t sleeps = 0; sleeps < 8; sleeps++) {
        sleep_for(puppet, 5 * SECOND);
        assert_int_equal(puppet_count(puppet, EFFECT_CANCEL), 0);
    }
    sleep_for(puppet, 5 * SECOND);
    puppet_one(puppet, EFFECT_CANCEL);
}

static void is_not_late_by_the_moment_that_it_waits(void **state)
{
    struct puppet *puppet = *state;
    run(puppet);
    sleep_for(puppet, 5 * SECOND);
    puppet->now_ns += 190 * MS; /* and the timer is late itself */
    puppet_fact(puppet, (struct input){ .kind = INPUT_TICK });
    puppet_one(puppet, EFFECT_CANCEL);
}

/* Nothing to do for long is no sleep, and neither is a timer that is a little late. */
static void is_in_time_if_it_was_stepped_in_time(void **state)
{
    struct puppet *puppet = *state;
    run(puppet);
    puppet->now_ns += SECOND + 90 * MS;
    puppet_fact(puppet, (struct input){ .kind = INPUT_HEARD });
    puppet_one(puppet, EFFECT_CANCEL);
}

#define SLEEP_TEST(name) cmocka_unit_test_setup_teardown(name, puppet_up, puppet_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SLEEP_TEST(takes_a_result_that_waited),
        SLEEP_TEST(charges_for_an_error_that_waited_not_for_the_time),
        SLEEP_TEST(takes_a_process_that_had_said_that_it_is_ready),
        SLEEP_TEST(waits_a_moment_for_what_does_not_come),
        SLEEP_TEST(waits_for_nobody_who_is_always_late),
        SLEEP_TEST(is_not_late_by_the_moment_that_it_waits),
        SLEEP_TEST(is_in_time_if_it_was_stepped_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
