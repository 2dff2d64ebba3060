/* The end of executions: an overrun is cancelled, then its process killed; who is charged when a process goes, and who
 * is not; and answers that belong to nothing that runs. */
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

static void cancels_then_kills_what_overruns_its_timeout(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
    struct effect execute = run(puppet, function, 5);
    uint64_t started_ns = puppet->now_ns;
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_CANCEL)->stream, execute.stream);
    assert_int_equal(puppet_when(puppet, EFFECT_CANCEL), started_ns + SECOND);
    puppet_expect_delivery(puppet, 5, DELIVERY_CHARGING);
    expect_worker(puppet, execute.about, WORKER_BUSY); /* its place is taken until it answers */
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    puppet_one(puppet, EFFECT_HAND_BACK);
    puppet_deliver(puppet, function, 6, 1006, 1);
    puppet_expect_delivery(puppet, 6, DELIVERY_QUEUED);
    puppet_wait(puppet, 3 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_KILL_WORKER), started_ns + 4 * SECOND);
    puppet_exited(puppet, execute.about, REASON_NONE);
    puppet_one(puppet, EFFECT_START_WORKER);
}

static void goes_on_with_one_that_answers_its_cancel(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
    struct effect execute = run(puppet, function, 5);
    puppet_wait(puppet, SECOND);
    puppet_one(puppet, EFFECT_CANCEL);
    puppet_result(puppet, execute.about, execute.stream); /* too late: it is charged already */
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_RESULT), 0);
    expect_worker(puppet, execute.about, WORKER_IDLE);
    assert_true(handle_equal(run(puppet, function, 6).about, execute.about));
    puppet_wait(puppet, SECOND - 1);
    assert_int_equal(puppet_count(puppet, EFFECT_KILL_WORKER), 0);
}

/* Two run side by side, one overruns and takes the process with it: the other is run again, uncharged. */
static void charges_nobody_for_the_fault_of_a_neighbour(void **state)
{
    struct puppet *puppet = *state;
    struct handle function =
        puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1, .concurrency = 2, .timeout_ns = 2 * SECOND });
    struct effect guilty = run(puppet, function, 5);
    puppet_wait(puppet, SECOND);
    struct effect neighbour = run(puppet, function, 6);
    assert_true(handle_equal(guilty.about, neighbour.about));
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_CANCEL)->stream, guilty.stream);
    puppet_exited(puppet, guilty.about, REASON_PLUGIN_CRASHED);
    puppet_expect_delivery(puppet, 6, DELIVERY_QUEUED);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    puppet_ready(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, 2);
    assert_int_equal(puppet_one(puppet, EFFECT_EXECUTE)->count, 1);
}

static void forgives_when_the_overdue_one_answers_and_another_runs_on(void **state)
{
    struct puppet *puppet = *state;
    struct handle function =
        puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1, .concurrency = 2, .timeout_ns = 2 * SECOND });
    struct effect guilty = run(puppet, function, 5);
    puppet_wait(puppet, SECOND);
    struct effect neighbour = run(puppet, function, 6);
    puppet_wait(puppet, SECOND);
    puppet_one(puppet, EFFECT_CANCEL);
    puppet_error(puppet, guilty.about, guilty.stream, ERROR_PERMANENT, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_RESULT), 0);
    assert_true(handle_equal(run(puppet, function, 7).about, neighbour.about)); /* has room again */
    finish(puppet, neighbour);
    puppet_wait(puppet, 10 * MS);
    assert_int_equal(puppet_count(puppet, EFFECT_KILL_WORKER), 0);
}

static void charges_what_ran_in_a_process_that_is_gone(void **state)
{
    static const struct {
        enum reason exit, reason;
    } cases[] = {
        { REASON_NONE, REASON_PLUGIN_CRASHED },
        { REASON_PLUGIN_CRASHED, REASON_PLUGIN_CRASHED },
        { REASON_OUT_OF_MEMORY, REASON_OUT_OF_MEMORY },
    };
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
        if (puppet_count(puppet, EFFECT_START_WORKER) > 0) {
            puppet_ready(puppet, puppet->worker, 1);
        }
        struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
        puppet_exited(puppet, execute.about, cases[i].exit);
        puppet_one(puppet, EFFECT_FORGET);
        struct effect put = *puppet_one(puppet, EFFECT_LEDGER_PUT);
        puppet_ledger(puppet, put.operation, OUTCOME_DONE, 1, 0, 0, 0);
        const struct effect *store = puppet_one(puppet, EFFECT_PUBLISH_RESULT);
        assert_int_equal(store->end, END_DEAD_LETTERED); /* no retries */
        assert_string_equal(reason_name((enum reason)store->code), reason_name(cases[i].reason));
        assert_int_equal(store->count, 1);
    }
}

static void kills_one_that_breaks_the_protocol_and_charges_what_ran(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct effect execute = run(puppet, function, 5);
    puppet_broken(puppet, execute.about);
    puppet_one(puppet, EFFECT_KILL_WORKER);
    expect_worker(puppet, execute.about, WORKER_DYING);
    puppet_expect_delivery(puppet, 5, DELIVERY_RUNNING);
    puppet_exited(puppet, execute.about, REASON_NONE);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_INVALID_RESULT);
}

static void takes_a_result_from_one_that_is_dying(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct effect execute = run(puppet, function, 5);
    puppet_broken(puppet, execute.about);
    puppet_result(puppet, execute.about, execute.stream);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    puppet_exited(puppet, execute.about, REASON_NONE);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
}

static void ignores_answers_to_streams_that_do_not_run(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct effect execute = run(puppet, function, 5);
    puppet_result(puppet, execute.about, (uint16_t)(execute.stream + 1));
    puppet_error(puppet, execute.about, 0, ERROR_RETRY, 0);
    puppet_ready(puppet, execute.about, 1);
    puppet_result(puppet, (struct handle){ execute.about.bits + 1 }, execute.stream);
    puppet_expect_delivery(puppet, 5, DELIVERY_RUNNING);
    assert_int_equal(puppet->blobs, 1); /* its message; nothing else was kept */
}

static void never_reuses_stream_zero(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t i = 0; i < UINT16_MAX + 3; i++) {
        struct effect execute = run(puppet, function, 5);
        assert_int_equal(execute.stream, i % UINT16_MAX + 1);
        finish(puppet, execute);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cancels_then_kills_what_overruns_its_timeout),
        TEST(goes_on_with_one_that_answers_its_cancel),
        TEST(charges_nobody_for_the_fault_of_a_neighbour),
        TEST(forgives_when_the_overdue_one_answers_and_another_runs_on),
        TEST(charges_what_ran_in_a_process_that_is_gone),
        TEST(kills_one_that_breaks_the_protocol_and_charges_what_ran),
        TEST(takes_a_result_from_one_that_is_dying),
        TEST(ignores_answers_to_streams_that_do_not_run),
        TEST(never_reuses_stream_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
