/* Routes that come and go: what happens to their messages, when their rows are free, what their function asks for on
 * their behalf, and their processes. Function 1 runs version 1; routes are the functions 2 and 3, versions 2 and 3. */
#include "tests/unit/core/shares.h"

#include "core/index.h"
#include "core/machine.h"

enum { ALIAS_NEXT = 1, SEQUENCES = 1000 };

static const struct share canary_30 = { .of = 1, .version = 2, .weight = 30 };
static const struct share next_all = { .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 100 };

static struct handle deploy(struct puppet *puppet)
{
    return puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 20 * SECOND });
}

static uint32_t row_of(const struct puppet *puppet, uint32_t name)
{
    uint32_t at = index_find_function(puppet->core, puppet_name(name));
    assert_int_not_equal(at, NOWHERE);
    return at;
}

/* About so many of a hundred messages run on that one. */
static void expect_per_cent(struct puppet *puppet, uint32_t name, uint32_t per_cent)
{
    uint32_t wanted = row_of(puppet, name), owner = row_of(puppet, 1), count = 0;
    for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
        count += route_choose(puppet->core, owner, ALIAS_LIVE, sequence) == wanted;
    }
    assert_in_range(count, per_cent * 10 - 60, per_cent * 10 + 60);
}

/* -- removal ------------------------------------------------------------------------------------------------------- */

static void goes_when_what_it_runs_has_ended(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_up(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 100 });
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    assert_int_equal(puppet_delivery(puppet, 2), DELIVERY_QUEUED);
    puppet_function_removed(puppet, 2);
    assert_int_equal(puppet_function(puppet, 2), FUNCTION_RETIRING);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_RUNNING);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE); /* its share falls to the function */
    expect_runs(puppet, 1);
    puppet_result(puppet, execute.about, execute.stream);
    struct effect store = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store.end, END_SUCCEEDED);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
    puppet_exited(puppet, execute.about, REASON_NONE);
    assert_int_equal(puppet_function(puppet, 2), FUNCTION_FREE);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_READY);
    assert_int_equal(share_row(puppet, 1)->route_first, NOWHERE);
}

static void an_alias_goes_with_its_last_route(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    struct handle worker = (share_up(puppet, 2, next_all), puppet->worker);
    puppet_function_removed(puppet, 2);
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT); /* it retires still */
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_ALIAS_NOT_FOUND);
    puppet_exited(puppet, worker, REASON_NONE);
    share_deliver(puppet, function, 2, 201, ALIAS_NEXT);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_ALIAS_NOT_FOUND);
}

static void removes_one_of_several_and_keeps_the_others(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    struct handle second = puppet->worker;
    share_up(puppet, 3, (struct share){ .of = 1, .version = 3, .weight = 20 });
    puppet_function_removed(puppet, 2);
    puppet_exited(puppet, second, REASON_NONE);
    assert_int_equal(puppet_function(puppet, 2), FUNCTION_FREE);
    expect_per_cent(puppet, 3, 20);
    expect_per_cent(puppet, 1, 80);
}

/* The function waits for its routes, in whichever order their removals come. */
static void a_function_outlives_its_routes(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    struct handle first = puppet->worker, second = (share_up(puppet, 2, canary_30), puppet->worker);
    puppet_function_removed(puppet, 1);
    puppet_exited(puppet, first, REASON_NONE);
    assert_int_equal(puppet_function(puppet, 1), FUNCTION_RETIRING);
    assert_int_equal(puppet_function(puppet, 2), FUNCTION_READY);
    puppet_wait(puppet, 60 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
    puppet_function_removed(puppet, 2);
    puppet_exited(puppet, second, REASON_NONE);
    assert_int_equal(puppet_view(puppet).functions, 0);
}

static void can_be_of_a_function_only(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 3, (struct share){ .of = 4, .version = 3 }); /* of nobody */
    assert_int_equal(puppet_one(puppet, EFFECT_FUNCTION_STATE)->count, FUNCTION_FAILED);
    share_up(puppet, 2, canary_30);
    share_set(puppet, 3, (struct share){ .of = 2, .version = 3 }); /* of a route */
    assert_int_equal(puppet_one(puppet, EFFECT_FUNCTION_STATE)->count, FUNCTION_FAILED);
    share_deliver(puppet, function, 1, share_sequence(puppet, 1, ALIAS_LIVE, 1, 200), ALIAS_LIVE);
    puppet_function_removed(puppet, 1);
    share_set(puppet, 3, (struct share){ .of = 1, .version = 3 }); /* of one that goes */
    assert_int_equal(puppet_one(puppet, EFFECT_FUNCTION_STATE)->count, FUNCTION_FAILED);
    assert_int_equal(puppet_view(puppet).functions, 2);
}

static void is_not_to_be_called_by_its_own_name(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    puppet_call(puppet, 7, 2, 7, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_FUNCTION_NOT_FOUND);
}

/* -- credit and processes ---------------------------------------------------------------------------------------- */

static void asks_for_nothing_of_its_own(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_set(puppet, 2, canary_30);
    assert_int_equal(puppet_count(puppet, EFFECT_ENSURE_CONSUMER), 0);
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet->worker, 1);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0); /* nothing waits: one stands already */
    puppet_wait(puppet, 120 * SECOND);
    for (uint32_t i = 0; i < puppet_count(puppet, EFFECT_PULL); i++) {
        assert_int_equal(handle_index(puppet_nth(puppet, EFFECT_PULL, i)->about), row_of(puppet, 1));
    }
    puppet_link_down(puppet);
    puppet_link_up(puppet);
    assert_int_equal(handle_index(puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->about), row_of(puppet, 1));
    expect_per_cent(puppet, 2, 30);
}

/* One message in hand and many more to come: how many may be in hand in the end? */
static uint32_t room_with(struct puppet *puppet, struct handle function, uint32_t request)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.sequence = 200 + request;
    input.as.delivery.delivered = 1;
    input.as.delivery.pending = 100;
    puppet_fact(puppet, input);
    return puppet_view(puppet).queued + puppet_view(puppet).running + share_row(puppet, 1)->outstanding;
}

static void pulls_for_the_workers_of_its_routes_too(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 2 });
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 50, .workers_max = 3 });
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    assert_int_equal(room_with(puppet, function, 1), 2); /* it is not up yet */
    puppet_built(puppet, build.operation, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet->worker, 1);
    assert_int_equal(room_with(puppet, function, 2), 5);
    puppet_function_removed(puppet, 2);
    assert_int_equal(room_with(puppet, function, 3), 5); /* what is asked for already comes */
}

/* What waits for a version that is not up takes no place of those that are: only slots. */
static void pulls_on_while_messages_wait_for_a_version(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, next_all);
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    assert_int_equal(share_row(puppet, 1)->outstanding, 1);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    expect_runs(puppet, 1);
}

static void starts_as_many_processes_as_it_may(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_up(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 100, .workers_max = 2 });
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    expect_runs(puppet, 2);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    assert_true(key_equal(puppet_one(puppet, EFFECT_START_WORKER)->key, puppet_version(2)));
    puppet_ready(puppet, puppet->worker, 1);
    expect_runs(puppet, 2);
    share_deliver(puppet, function, 3, 202, ALIAS_LIVE);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
    assert_int_equal(puppet_delivery(puppet, 3), DELIVERY_QUEUED);
}

/* A start takes a second and a run a tenth of that: another process pays off once a message has waited for a second,
 * and somebody must look then. */
static void starts_another_when_the_queue_stands_still(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 100, .workers_max = 2 });
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    puppet_wait(puppet, SECOND);
    puppet_ready(puppet, puppet->worker, 1);
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_wait(puppet, 100 * MS);
    puppet_result(puppet, execute.about, execute.stream);
    share_deliver(puppet, function, 2, 201, ALIAS_LIVE);
    share_deliver(puppet, function, 3, 202, ALIAS_LIVE);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
    puppet_wait(puppet, 2 * SECOND);
    puppet_one(puppet, EFFECT_START_WORKER);
}

/* A process that did not come up is tried again after a pause, though no other message comes. */
static void tries_again_to_start_a_process(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_up(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 100 });
    puppet_exited(puppet, puppet->worker, REASON_NONE); /* idle */
    share_deliver(puppet, function, 1, 200, ALIAS_LIVE);
    puppet_exited(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, REASON_PLUGIN_NOT_STARTED);
    assert_int_equal(puppet_count(puppet, EFFECT_START_WORKER), 0);
    puppet_wait(puppet, SECOND);
    puppet_one(puppet, EFFECT_START_WORKER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_when_what_it_runs_has_ended),
        TEST(an_alias_goes_with_its_last_route),
        TEST(removes_one_of_several_and_keeps_the_others),
        TEST(a_function_outlives_its_routes),
        TEST(can_be_of_a_function_only),
        TEST(is_not_to_be_called_by_its_own_name),
        TEST(asks_for_nothing_of_its_own),
        TEST(pulls_for_the_workers_of_its_routes_too),
        TEST(pulls_on_while_messages_wait_for_a_version),
        TEST(starts_as_many_processes_as_it_may),
        TEST(starts_another_when_the_queue_stands_still),
        TEST(tries_again_to_start_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
