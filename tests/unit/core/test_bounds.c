/* The worst cases of a single step: more to say than its list of effects holds. Nothing overflows; the rest
 * follows in the next steps, for which core_next_deadline() asks at once. */
#include "tests/unit/core/puppet.h"

static const struct limits large = {
    .calls_max = 2000, .deliveries_max = 2400, .functions_max = 8, .workers_max = 64, .slots = 2000
};

static struct handle deploy_large(struct puppet *puppet)
{
    puppet_link_up(puppet);
    return puppet_deploy(puppet, 1,
                         (struct deployed){ .workers_max = 4, .concurrency = 512, .timeout_ns = 50 * SECOND });
}

static void expect_unfinished(struct puppet *puppet)
{
    assert_true(puppet->seen_count <= EFFECTS_MAX);
    assert_int_equal(core_next_deadline(puppet->core), puppet->now_ns);
}

/* Eight callers of one id and a gateway elsewhere, all answered, buried and forgotten in one step. */
static void answers_eight_callers_and_a_gateway_in_one_step(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    for (int i = 0; i < 8; i++) {
        puppet_call(puppet, 5, 1, 7, 0); /* none of them confirmed: each still holds its payload */
    }
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(5);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = 1005;
    input.as.delivery.delivered = 1;
    input.as.delivery.has_reply_to = 1;
    puppet_fact(puppet, input);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_result(puppet, execute.about, execute.stream);
    uint64_t operation = puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation;
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_PUBLISHED, .answers = operation });
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 8);
    puppet_one(puppet, EFFECT_ANSWER);
    puppet_one(puppet, EFFECT_ACK);
    assert_int_equal(puppet_count(puppet, EFFECT_FORGET), 9);
    assert_int_equal(puppet_count(puppet, EFFECT_DROP_BLOB), 10);
    assert_int_equal(puppet->blobs, 0);
}

static void ends_a_thousand_calls_that_are_due_at_once(void **state)
{
    struct puppet *puppet = puppet_new(&large, NULL);
    deploy_large(puppet);
    for (uint32_t i = 0; i < 1000; i++) {
        puppet_call(puppet, i, 1, 7, SECOND);
    }
    puppet->now_ns += SECOND;
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_TICK });
    expect_unfinished(puppet);
    puppet_wait(puppet, 0);
    assert_int_equal(puppet_view(puppet).calls, 0);
    assert_true(puppet->steps < 300);
    puppet_free(puppet);
}

static void asks_again_for_full_tables_after_a_lost_link(void **state)
{
    enum { REQUESTS = 1500, CALLS = 2000 };
    struct puppet *puppet = puppet_new(&large, NULL);
    struct handle function = deploy_large(puppet);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        puppet_deliver(puppet, function, i, 50, 2);
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        puppet_call(puppet, 5000 + i, 1, 7, 0);
    }
    puppet_link_down(puppet);
    assert_true(puppet->steps <= 2);
    puppet->epoch++;
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_LINK_UP });
    expect_unfinished(puppet);
    puppet_fact(puppet, (struct input){ .kind = INPUT_TICK });
    uint32_t fetches = 0, publishes = 0;
    for (uint32_t at = 0; at < puppet->core->deliveries.rows; at++) {
        fetches += delivery_at(puppet->core, at)->operation_epoch == puppet->epoch;
    }
    for (uint32_t at = 0; at < puppet->core->calls.rows; at++) {
        publishes += call_at(puppet->core, at)->operation_epoch == puppet->epoch;
    }
    assert_int_equal(fetches, REQUESTS);
    assert_int_equal(publishes, CALLS);
    puppet_free(puppet);
}

static void charges_hundreds_that_ran_in_one_lost_process(void **state)
{
    struct puppet *puppet = puppet_new(&large, NULL);
    struct handle function = deploy_large(puppet);
    struct handle worker = puppet->worker;
    for (uint32_t i = 0; i < 400; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
        puppet_one(puppet, EFFECT_EXECUTE);
    }
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_WORKER_EXITED, .about = worker });
    expect_unfinished(puppet);
    puppet_exited(puppet, worker, REASON_NONE); /* told again in the middle of it */
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(puppet_delivery(puppet, i), DELIVERY_CHARGING);
    }
    assert_int_equal(puppet_worker(puppet, worker), WORKER_FREE);
    puppet_free(puppet);
}

static void hands_back_a_long_queue_step_by_step(void **state)
{
    struct puppet *puppet = puppet_new(&large, NULL);
    struct handle function = deploy_large(puppet);
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    for (uint32_t i = 0; i < 1000; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
    }
    assert_int_equal(puppet_view(puppet).queued, 1000);
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_DRAIN, .as.drain.grace_ns = SECOND });
    expect_unfinished(puppet);
    puppet_wait(puppet, 0);
    assert_int_equal(puppet_view(puppet).deliveries, 0);
    puppet_one(puppet, EFFECT_STOPPED);
    puppet_free(puppet);
}

static void runs_a_long_queue_step_by_step(void **state)
{
    struct puppet *puppet = puppet_new(&large, NULL);
    struct handle function = deploy_large(puppet);
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    for (uint32_t i = 0; i < 512; i++) {
        puppet_deliver(puppet, function, i, 1000 + i, 1);
    }
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){
                            .kind = INPUT_WORKER_READY, .about = puppet->worker, .as.worker.concurrency = UINT16_MAX });
    expect_unfinished(puppet);
    puppet_wait(puppet, 0);
    assert_int_equal(puppet_view(puppet).running, 512);
    puppet_free(puppet);
}

/* A removal with more processes to stop than one step can name. What they say before it is their turn changes nothing.
 */
static void stops_many_processes_over_several_steps(void **state)
{
    struct puppet *puppet = puppet_new(&large, NULL);
    puppet_link_up(puppet);
    struct handle function =
        puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 62, .timeout_ns = 50 * SECOND });
    for (uint32_t i = 0; i < 62; i++) { /* each message starts one: none is ever ready in time */
        puppet_deliver(puppet, function, i, 1000 + i, 1);
    }
    struct handle late = puppet->worker;
    puppet_function_set(puppet, 1, (struct deployed){ .version = 2 });
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    struct handle probe = puppet_one(puppet, EFFECT_START_WORKER)->about;
    assert_int_equal(puppet_view(puppet).workers, 63);
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_FUNCTION_REMOVED, .as.function.name = puppet_name(1) });
    expect_unfinished(puppet);
    puppet->seen_count = 0;
    puppet_step(puppet, (struct input){ .kind = INPUT_WORKER_EXITED, .about = probe });
    assert_int_equal(puppet_count(puppet, EFFECT_FUNCTION_STATE), 0);
    assert_int_equal(puppet_worker(puppet, probe), WORKER_FREE);
    puppet_ready(puppet, late, 1);
    assert_int_equal(puppet_worker(puppet, late), WORKER_STOPPING);
    assert_int_equal(puppet_view(puppet).queued, 0);
    assert_int_equal(puppet_view(puppet).workers_idle, 0);
    puppet_free(puppet);
}

static void refuses_what_is_no_input_at_all(void **state)
{
    struct puppet *puppet = *state;
    struct effects effects;
    assert_panics(core_step(puppet->core, &(struct input){ .kind = INPUT_COUNT }, &effects));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_eight_callers_and_a_gateway_in_one_step),
        cmocka_unit_test(ends_a_thousand_calls_that_are_due_at_once),
        cmocka_unit_test(asks_again_for_full_tables_after_a_lost_link),
        cmocka_unit_test(charges_hundreds_that_ran_in_one_lost_process),
        cmocka_unit_test(hands_back_a_long_queue_step_by_step),
        cmocka_unit_test(runs_a_long_queue_step_by_step),
        cmocka_unit_test(stops_many_processes_over_several_steps),
        TEST(refuses_what_is_no_input_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
