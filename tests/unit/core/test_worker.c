/* Plugin processes: started when they pay off, reused most recent first, stopped when idle, cancelled and killed
 * when they overrun; who is charged when one goes, and who is not. */
#include "tests/unit/core/puppet.h"

static struct effect run(struct puppet *puppet, struct handle function, uint32_t request)
{
    puppet_deliver(puppet, function, request, 1000 + request, 1);
    return *puppet_one(puppet, EFFECT_EXECUTE);
}

/* Ends an execution and all that follows from it. */
static void finish(struct puppet *puppet, struct effect execute)
{
    puppet_result(puppet, execute.about, execute.stream);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
}

static void expect_worker(struct puppet *puppet, struct handle worker, enum worker_state expected)
{
    assert_string_equal(worker_state_name(puppet_worker(puppet, worker)), worker_state_name(expected));
}

/* The only worker of the function exits while idle. */
static void lose_probe(struct puppet *puppet)
{
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    assert_int_equal(puppet_view(puppet).workers, 0);
}

/* -- starts ------------------------------------------------------------------------------------------------------ */

static void starts_cold_for_a_message_and_runs_it_when_ready(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    lose_probe(puppet);
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct effect start = *puppet_one(puppet, EFFECT_START_WORKER);
    assert_true(handle_equal(start.other, function));
    assert_true(key_equal(start.key, puppet_version(1)));
    puppet_expect_delivery(puppet, 5, DELIVERY_QUEUED);
    expect_worker(puppet, start.about, WORKER_STARTING);
    puppet_ready(puppet, start.about, 0); /* says nothing of its room: one */
    assert_true(handle_equal(puppet_one(puppet, EFFECT_EXECUTE)->about, start.about));
    expect_worker(puppet, start.about, WORKER_BUSY);
}

static void starts_one_for_each_that_waits_up_to_the_most(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 3 });
    lose_probe(puppet);
    for (uint32_t i = 0; i < 5; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
        assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), i < 3);
    }
}

static void counts_the_room_of_those_that_start(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 3, .concurrency = 2 });
    lose_probe(puppet);
    for (uint32_t i = 0; i < 4; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
        assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), i % 2 == 0);
    }
    puppet_ready(puppet, puppet->worker, 9); /* offers more room than its function allows */
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 2);
}

static void gives_a_worker_no_more_than_it_offers(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .concurrency = 8 });
    lose_probe(puppet);
    for (uint32_t i = 0; i < 4; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
    }
    puppet_ready(puppet, puppet->worker, 3);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 3);
    puppet_expect_delivery(puppet, 3, DELIVERY_QUEUED);
}

/* Once it is known how long a start and an execution take, a short wait is not worth a process. */
static void does_not_start_what_would_come_too_late(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 3, .timeout_ns = 50 * SECOND });
    lose_probe(puppet);
    puppet_deliver(puppet, function, 1, 1001, 1);
    struct handle worker = puppet->worker;
    puppet_wait(puppet, SECOND);
    puppet_ready(puppet, worker, 1); /* a start takes a second or so: the average with the probe's 0 */
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_wait(puppet, 10 * MS);
    finish(puppet, execute);
    run(puppet, function, 2);
    puppet_deliver(puppet, function, 3, 1003, 1);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
    puppet_wait(puppet, SECOND); /* but it has waited longer than expected */
    puppet_one(puppet, EFFECT_START_WORKER);
}

static void reuses_the_most_recent_and_stops_the_others(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(
        puppet, 1, (struct deployed){ .workers_max = 2, .keep_alive_ns = 20 * SECOND, .timeout_ns = 50 * SECOND });
    struct handle first = puppet->worker;
    struct effect a = run(puppet, function, 1);
    puppet_deliver(puppet, function, 2, 1002, 1);
    puppet_ready(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, 1);
    struct effect b = *puppet_one(puppet, EFFECT_EXECUTE);
    assert_true(handle_equal(a.about, first));
    assert_false(handle_equal(b.about, first));
    finish(puppet, a);
    puppet_wait(puppet, SECOND);
    finish(puppet, b);
    for (uint32_t i = 0; i < 18; i++) { /* always the second: it was used last */
        struct effect again = run(puppet, function, 10 + i);
        assert_true(handle_equal(again.about, b.about));
        puppet_wait(puppet, SECOND - 1);
        finish(puppet, again);
    }
    puppet_wait(puppet, SECOND + 18);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, first));
    expect_worker(puppet, first, WORKER_STOPPING);
    puppet_exited(puppet, first, REASON_NONE);
    assert_int_equal(puppet_view(puppet).workers, 1);
    puppet_wait(puppet, 20 * SECOND); /* scales to zero */
    puppet_one(puppet, EFFECT_STOP_WORKER);
}

static void may_be_kept_for_ever(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ .keep_alive_ns = UINT64_MAX });
    puppet_wait(puppet, 7200 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_STOP_WORKER), 0);
    assert_int_equal(puppet_view(puppet).workers_idle, 1);
}

/* Timers run before the pump: it must not be stopped in the step in which it became ready. */
static void runs_what_waits_before_it_stops_at_once(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .cold = true });
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct handle worker = puppet_one(puppet, EFFECT_START_WORKER)->about;
    puppet_ready(puppet, worker, 1);
    assert_int_equal(puppet_count(puppet, EFFECT_STOP_WORKER), 0);
    finish(puppet, *puppet_one(puppet, EFFECT_EXECUTE));
    puppet_wait(puppet, SECOND);
    expect_worker(puppet, worker, WORKER_STOPPING); /* nothing waits */
}

static void kills_what_does_not_stop(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ .keep_alive_ns = 20 * SECOND });
    struct handle worker = puppet->worker;
    puppet_wait(puppet, 20 * SECOND);
    puppet_one(puppet, EFFECT_STOP_WORKER);
    puppet_wait(puppet, 3 * SECOND);
    puppet_one(puppet, EFFECT_KILL_WORKER);
    expect_worker(puppet, worker, WORKER_DYING);
    puppet_wait(puppet, 3 * SECOND);
    puppet_one(puppet, EFFECT_KILL_WORKER); /* and again, until it is gone */
    puppet_exited(puppet, worker, REASON_NONE);
    puppet_one(puppet, EFFECT_FORGET);
    puppet_exited(puppet, worker, REASON_NONE);
    assert_int_equal(puppet->seen_count, 0);
}

static void waits_longer_after_each_failed_start_and_charges_the_third(void **state)
{
    static const uint64_t pauses_ns[] = { 200 * MS, 400 * MS };
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
    lose_probe(puppet);
    puppet_deliver(puppet, function, 5, 1005, 1);
    for (size_t i = 0; i < sizeof pauses_ns / sizeof pauses_ns[0]; i++) {
        puppet_exited(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, REASON_NONE);
        assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
        puppet_wait(puppet, pauses_ns[i] - 1);
        assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
        puppet_wait(puppet, 2);
    }
    puppet_exited(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, REASON_NONE);
    puppet_expect_delivery(puppet, 5, DELIVERY_CHARGING);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    puppet_one(puppet, EFFECT_HAND_BACK);
}

static void kills_what_does_not_become_ready(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    lose_probe(puppet);
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct handle worker = puppet_one(puppet, EFFECT_START_WORKER)->about;
    uint64_t started_ns = puppet->now_ns;
    puppet_wait(puppet, 10 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_KILL_WORKER), started_ns + 10 * SECOND);
    puppet_ready(puppet, worker, 1); /* too late */
    expect_worker(puppet, worker, WORKER_DYING);
    puppet_exited(puppet, worker, REASON_NONE);
    puppet_deliver(puppet, function, 6, 1006, 1);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0); /* a pause first, as after any failed start */
}

static void ends_a_start_that_speaks_nonsense(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    lose_probe(puppet);
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct handle worker = puppet_one(puppet, EFFECT_START_WORKER)->about;
    puppet_broken(puppet, worker);
    puppet_one(puppet, EFFECT_KILL_WORKER);
    puppet_broken(puppet, worker); /* once is enough */
    assert_int_equal(puppet->seen_count, 0);
    puppet_exited(puppet, worker, REASON_NONE);
    assert_int_equal(puppet_view(puppet).workers, 0);
    puppet_expect_delivery(puppet, 5, DELIVERY_QUEUED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_cold_for_a_message_and_runs_it_when_ready),
        TEST(starts_one_for_each_that_waits_up_to_the_most),
        TEST(counts_the_room_of_those_that_start),
        TEST(gives_a_worker_no_more_than_it_offers),
        TEST(does_not_start_what_would_come_too_late),
        TEST(reuses_the_most_recent_and_stops_the_others),
        TEST(may_be_kept_for_ever),
        TEST(runs_what_waits_before_it_stops_at_once),
        TEST(kills_what_does_not_stop),
        TEST(waits_longer_after_each_failed_start_and_charges_the_third),
        TEST(kills_what_does_not_become_ready),
        TEST(ends_a_start_that_speaks_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
