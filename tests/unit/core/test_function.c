/* What is deployed: a version is built and probed while the one before serves; what fails changes nothing; what is
 * removed ends when nobody refers to it. */
#include "tests/unit/core/puppet.h"

static void expect_function(struct puppet *puppet, enum function_state expected)
{
    assert_string_equal(function_state_name(puppet_function(puppet, 1)), function_state_name(expected));
}

static void expect_said(struct puppet *puppet, enum function_state state, enum reason reason, uint32_t version)
{
    const struct effect *said = puppet_one(puppet, EFFECT_FUNCTION_STATE);
    assert_string_equal(function_state_name(said->count), function_state_name(state));
    assert_string_equal(reason_name((enum reason)said->code), reason_name(reason));
    assert_true(key_equal(said->key, puppet_version(version)));
}

static uint64_t set_version(struct puppet *puppet, uint32_t version)
{
    puppet_function_set(puppet, 1, (struct deployed){ .version = version });
    return puppet_one(puppet, EFFECT_BUILD)->operation;
}

static struct handle build_and_probe(struct puppet *puppet, uint32_t version)
{
    uint64_t operation = set_version(puppet, version);
    puppet_built(puppet, operation, OUTCOME_DONE, REASON_NONE);
    struct effect start = *puppet_one(puppet, EFFECT_START_WORKER);
    assert_true(key_equal(start.key, puppet_version(version)));
    expect_function(puppet, FUNCTION_PROBING);
    return start.about;
}

static void builds_probes_and_serves(void **state)
{
    struct puppet *puppet = *state;
    uint64_t build = set_version(puppet, 1);
    assert_true(key_equal(puppet_one(puppet, EFFECT_BUILD)->key, puppet_version(1)));
    uint64_t ensure = puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation;
    puppet_function_set(puppet, 1, (struct deployed){ .version = 1 }); /* told twice */
    assert_int_equal(puppet->seen_count, 0);
    puppet_built(puppet, build, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, 1);
    expect_function(puppet, FUNCTION_READY);
    assert_int_equal(puppet->seen_count, 0); /* Not said before a message can reach it. */
    puppet_consumer(puppet, ensure, OUTCOME_DONE, 0);
    expect_said(puppet, FUNCTION_READY, REASON_NONE, 1);
    assert_int_equal(puppet_one(puppet, EFFECT_PULL)->count, 1);
    assert_int_equal(puppet_view(puppet).functions_ready, 1);
}

static void asks_for_the_consumer_until_it_is_there(void **state)
{
    static const enum outcome outcomes[] = { OUTCOME_REFUSED, OUTCOME_UNKNOWN };
    struct puppet *puppet = *state;
    set_version(puppet, 1);
    struct effect ensure = *puppet_one(puppet, EFFECT_ENSURE_CONSUMER);
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        puppet_consumer(puppet, ensure.operation, outcomes[i], 0);
        assert_int_equal(puppet->seen_count, 0);
        puppet_wait(puppet, SECOND);
        ensure = *puppet_one(puppet, EFFECT_ENSURE_CONSUMER);
    }
    puppet_wait(puppet, SECOND); /* no answer at all */
    uint64_t last = puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation;
    puppet_consumer(puppet, ensure.operation, OUTCOME_DONE, 0); /* late */
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_ENSURE_CONSUMER), 1);
    puppet_consumer(puppet, last, OUTCOME_DONE, 0);
    puppet_wait(puppet, SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_ENSURE_CONSUMER), 1);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 0);
    puppet_wait(puppet, 10 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_ENSURE_CONSUMER), 0);
}

/* Where it was deployed it did build, so what is wrong here may pass. */
static void builds_again_ever_more_rarely(void **state)
{
    struct puppet *puppet = *state;
    uint64_t build = set_version(puppet, 1);
    for (uint32_t doublings = 0; doublings <= 10; doublings++) {
        puppet_built(puppet, build, OUTCOME_REFUSED, REASON_NONE);
        expect_said(puppet, FUNCTION_FAILED, REASON_BUILD_FAILED, 1);
        puppet_wait(puppet, (SECOND << (doublings < 8 ? doublings : 8)) - 1);
        assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
        puppet_wait(puppet, 1);
        build = puppet_one(puppet, EFFECT_BUILD)->operation;
    }
    puppet_built(puppet, build, OUTCOME_REFUSED, REASON_NONE);
    set_version(puppet, 1); /* or when somebody wants it again */
    expect_function(puppet, FUNCTION_BUILDING);
}

static void tries_again_ever_more_slowly_what_may_pass(void **state)
{
    static const uint64_t after_ns[] = { SECOND,      2 * SECOND,  4 * SECOND, 8 * SECOND,
                                         16 * SECOND, 32 * SECOND, 32 * SECOND };
    struct puppet *puppet = *state;
    uint64_t build = set_version(puppet, 1);
    for (size_t i = 0; i < sizeof after_ns / sizeof after_ns[0]; i++) {
        puppet_built(puppet, build, OUTCOME_REFUSED, REASON_RUNTIME_UNAVAILABLE);
        expect_said(puppet, FUNCTION_FAILED, REASON_RUNTIME_UNAVAILABLE, 1);
        puppet_wait(puppet, after_ns[i] - 1);
        assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
        puppet_wait(puppet, 1);
        build = puppet_one(puppet, EFFECT_BUILD)->operation;
    }
}

static void fails_if_its_probe_does_not_come_up(void **state)
{
    struct puppet *puppet = *state;
    struct handle probe = build_and_probe(puppet, 1);
    puppet_exited(puppet, probe, REASON_NONE);
    expect_said(puppet, FUNCTION_FAILED, REASON_PLUGIN_NOT_STARTED, 1);
    puppet_wait(puppet, SECOND);
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    probe = puppet_one(puppet, EFFECT_START_WORKER)->about;
    puppet_wait(puppet, 10 * SECOND); /* silent */
    puppet_one(puppet, EFFECT_KILL_WORKER);
    puppet_exited(puppet, probe, REASON_NONE);
    expect_said(puppet, FUNCTION_FAILED, REASON_PLUGIN_NOT_STARTED, 1);
}

/* All rows of workers are taken by one that is busy: the probe waits for room, but not for ever. */
static void waits_for_room_to_probe(void **state)
{
    const struct limits limits = {
        .calls_max = 4, .deliveries_max = 24, .functions_max = 4, .workers_max = 1, .slots = 8
    };
    struct puppet *puppet = puppet_new(&limits, NULL);
    puppet_link_up(puppet);
    struct handle other = puppet_deploy(puppet, 2, (struct deployed){ .timeout_ns = 50 * SECOND });
    struct handle busy = puppet->worker;
    puppet_deliver(puppet, other, 5, 1005, 1);
    puppet_built(puppet, set_version(puppet, 1), OUTCOME_DONE, REASON_NONE);
    expect_function(puppet, FUNCTION_PROBING);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
    puppet_wait(puppet, 10 * SECOND);
    expect_said(puppet, FUNCTION_FAILED, REASON_RUNTIME_UNAVAILABLE, 1);
    puppet_wait(puppet, SECOND);
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    puppet_exited(puppet, busy, REASON_NONE);
    puppet_wait(puppet, 100 * MS);
    puppet_one(puppet, EFFECT_START_WORKER);
    puppet_free(puppet);
}

static void hands_over_to_a_new_version_while_the_old_one_finishes(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct effect old = *puppet_one(puppet, EFFECT_EXECUTE);
    struct handle probe = build_and_probe(puppet, 2);
    puppet_call(puppet, 7, 1, 7, 0); /* the old version still serves */
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    puppet_ready(puppet, probe, 1);
    expect_said(puppet, FUNCTION_READY, REASON_NONE, 2);
    assert_int_equal(puppet_count(puppet, EFFECT_STOP_WORKER), 0); /* it is busy */
    puppet_deliver(puppet, function, 6, 1006, 1);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_EXECUTE)->about, probe));
    puppet_result(puppet, old.about, old.stream);
    puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, old.about));
}

static void stops_the_idle_of_the_old_version(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct handle old = puppet->worker, probe = build_and_probe(puppet, 2);
    puppet_ready(puppet, probe, 1);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, old));
    puppet_ready(puppet, old, 1); /* nonsense from one that is stopping */
    assert_int_equal(puppet->seen_count, 0);
}

static void goes_on_with_the_old_version_if_the_new_one_fails(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct handle old = puppet->worker;
    puppet_built(puppet, set_version(puppet, 2), OUTCOME_REFUSED, REASON_NONE);
    expect_said(puppet, FUNCTION_FAILED, REASON_BUILD_FAILED, 2);
    puppet_call(puppet, 7, 1, 7, 0);
    puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
    puppet_deliver(puppet, function, 5, 1005, 1);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_EXECUTE)->about, old));
    puppet_function_set(puppet, 1, (struct deployed){ .version = 1 }); /* and somebody takes the new one back */
    assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
    expect_said(puppet, FUNCTION_READY, REASON_NONE, 1);
}

static void forgets_a_candidate_that_is_overtaken(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    uint64_t second = set_version(puppet, 2), third = set_version(puppet, 3);
    puppet_built(puppet, second, OUTCOME_DONE, REASON_NONE);
    assert_int_equal(puppet->seen_count, 0);
    puppet_built(puppet, third, OUTCOME_DONE, REASON_NONE);
    struct handle probe = puppet_one(puppet, EFFECT_START_WORKER)->about;
    puppet_function_set(puppet, 1, (struct deployed){ .version = 1 }); /* never mind */
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, probe));
    expect_function(puppet, FUNCTION_READY);
    puppet_exited(puppet, probe, REASON_NONE);
    assert_int_equal(puppet_count(puppet, EFFECT_FUNCTION_STATE), 0);
}

static void is_gone_when_nothing_refers_to_it(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    puppet_deliver(puppet, function, 5, 1005, 1);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_deliver(puppet, function, 6, 1006, 1); /* waits */
    puppet_function_removed(puppet, 1);
    expect_said(puppet, FUNCTION_RETIRING, REASON_NONE, 1);
    puppet_one(puppet, EFFECT_HAND_BACK);
    puppet_function_removed(puppet, 1);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 40 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
    puppet_result(puppet, execute.about, execute.stream);
    puppet_one(puppet, EFFECT_STOP_WORKER);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
    expect_function(puppet, FUNCTION_RETIRING); /* its worker still refers to it */
    puppet_exited(puppet, execute.about, REASON_NONE);
    assert_int_equal(puppet_count(puppet, EFFECT_FORGET), 2);
    expect_function(puppet, FUNCTION_FREE);
    assert_int_equal(puppet_view(puppet).functions, 0);
}

static void comes_back_while_it_retires(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_function_removed(puppet, 1);
    uint64_t build = set_version(puppet, 1);
    expect_function(puppet, FUNCTION_BUILDING);
    puppet_built(puppet, build, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, 1);
    expect_said(puppet, FUNCTION_READY, REASON_NONE, 1);
}

static void says_that_its_table_is_full(void **state)
{
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < puppet_limits.functions_max; i++) {
        puppet_function_set(puppet, 10 + i, (struct deployed){ 0 });
        puppet_one(puppet, EFFECT_BUILD);
    }
    puppet_function_set(puppet, 1, (struct deployed){ .version = 9 });
    expect_said(puppet, FUNCTION_FAILED, REASON_QUEUE_FULL, 9);
    puppet_function_removed(puppet, 1); /* never there */
    assert_int_equal(puppet->seen_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(builds_probes_and_serves),
        TEST(asks_for_the_consumer_until_it_is_there),
        TEST(builds_again_ever_more_rarely),
        TEST(tries_again_ever_more_slowly_what_may_pass),
        TEST(fails_if_its_probe_does_not_come_up),
        TEST(waits_for_room_to_probe),
        TEST(hands_over_to_a_new_version_while_the_old_one_finishes),
        TEST(stops_the_idle_of_the_old_version),
        TEST(goes_on_with_the_old_version_if_the_new_one_fails),
        TEST(forgets_a_candidate_that_is_overtaken),
        TEST(is_gone_when_nothing_refers_to_it),
        TEST(comes_back_while_it_retires),
        TEST(says_that_its_table_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
