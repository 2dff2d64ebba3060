/* How many messages are asked for: one standing for each function, the free slots shared by those that have work,
 * never more than a function's workers or the table can take; and what becomes of pulls whose end is bad or lost. */
#include "tests/unit/core/puppet.h"

enum { CONSUMER_GONE = 409, NO_RESPONDERS = 503, PULL_EXPIRED = 408 };

static struct handle deploy(struct puppet *puppet, uint32_t function, uint16_t room)
{
    return puppet_deploy(puppet, function,
                         (struct deployed){ .workers_max = room, .timeout_ns = 50 * SECOND, .retries_max = 1 });
}

/* A message of `function` while the broker says how many more it has. */
static void deliver(struct puppet *puppet, struct handle function, uint32_t request, uint32_t pending)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.sequence = 1000 + request;
    input.as.delivery.delivered = 1;
    input.as.delivery.pending = pending;
    puppet_fact(puppet, input);
}

static uint32_t pulled(struct puppet *puppet)
{
    uint32_t sum = 0;
    const struct effect *pull;
    for (uint32_t i = 0; (pull = puppet_nth(puppet, EFFECT_PULL, i)) != NULL; i++) {
        sum += pull->count;
    }
    return sum;
}

static void keeps_one_standing_pull_for_each_function(void **state)
{
    struct puppet *puppet = *state;
    for (uint32_t i = 1; i <= 3; i++) {
        struct handle function = deploy(puppet, i, 6);
        const struct effect *pull = puppet_one(puppet, EFFECT_PULL);
        assert_int_equal(pull->count, 1);
        assert_int_equal(pull->amount, 30 * SECOND);
        assert_true(handle_equal(pull->about, function));
        assert_int_equal(puppet_view(puppet).credits, i);
    }
}

static void asks_for_more_when_more_is_pending(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet, 1, 6);
    deliver(puppet, function, 1, 100);
    assert_int_equal(pulled(puppet), 5); /* six workers at most, one message in hand */
}

static void shares_the_free_slots_among_those_that_have_work(void **state)
{
    struct puppet *puppet = *state;
    struct handle first = deploy(puppet, 1, 60), second = deploy(puppet, 2, 60);
    deliver(puppet, first, 1, 100);
    assert_int_equal(pulled(puppet), 7); /* 8 slots, one in hand: all the rest to the only one with work */
    deliver(puppet, second, 2, 100);
    assert_int_equal(pulled(puppet), 0); /* it is awake, and the slots are promised to the first */
    for (uint32_t next = 3; puppet_view(puppet).credits > 0; next++) {
        assert_true(next < 30);
        bool ours = function_at(puppet->core, handle_index(first))->outstanding > 0;
        deliver(puppet, ours ? first : second, next, 100);
        struct core_view view = puppet_view(puppet);
        assert_true(view.deliveries + view.credits <= puppet_limits.slots + 1); /* the second's standing one */
    }
    assert_in_range(puppet_view(puppet).deliveries, puppet_limits.slots, puppet_limits.slots + 1);
}

static void asks_for_nothing_without_room(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet, 1, 1);
    deliver(puppet, function, 1, 100);
    assert_int_equal(pulled(puppet), 0);
    assert_int_equal(puppet_view(puppet).credits, 0);
}

/* If an execution takes less than a round trip to the broker, more are asked for than can run at once. */
static void asks_for_eight_times_as_much_of_what_is_brief(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet, 1, 1);
    deliver(puppet, function, 1, 100);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_wait(puppet, MS);
    puppet_result(puppet, execute.about, execute.stream);
    assert_int_equal(pulled(puppet), 8);
}

static void stays_within_the_table(void **state)
{
    const struct limits limits = {
        .calls_max = 4, .deliveries_max = 4, .functions_max = 2, .workers_max = 6, .slots = 8
    };
    struct puppet *puppet = puppet_new(&limits, NULL);
    puppet_link_up(puppet);
    struct handle function = deploy(puppet, 1, 6);
    deliver(puppet, function, 1, 100);
    assert_int_equal(pulled(puppet), 3);
    for (uint32_t i = 2; i <= 4; i++) {
        deliver(puppet, function, i, 100);
        assert_int_equal(pulled(puppet), 0);
    }
    puppet_free(puppet);
}

/* A function that came when the table was full asked for nothing and, once, was never asked again. */
static void asks_when_the_table_has_room_again(void **state)
{
    const struct limits limits = {
        .calls_max = 4, .deliveries_max = 4, .functions_max = 2, .workers_max = 6, .slots = 8
    };
    struct puppet *puppet = puppet_new(&limits, NULL);
    puppet_link_up(puppet);
    struct handle first = deploy(puppet, 1, 3);
    deliver(puppet, first, 1, 100);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    deliver(puppet, first, 2, 100);
    deliver(puppet, first, 3, 100);
    puppet_wait(puppet, SECOND);
    puppet_result(puppet, execute.about, execute.stream);
    uint64_t store = puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation;
    deliver(puppet, first, 4, 100);
    assert_int_equal(puppet_view(puppet).deliveries, 4);
    puppet_function_set(puppet, 2, (struct deployed){ 0 });
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 100);
    puppet_built(puppet, build.operation, OUTCOME_DONE, REASON_NONE);
    puppet_ready(puppet, puppet->worker, UINT16_MAX);
    assert_int_equal(pulled(puppet), 0);
    puppet_published(puppet, store, OUTCOME_DONE, 0);
    assert_int_equal(puppet_view(puppet).deliveries, 3);
    puppet_wait(puppet, 20 * MS);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_PULL)->about, build.about));
    puppet_free(puppet);
}

static void pulls_again_when_a_pull_has_ended(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    uint64_t operation = puppet_one(puppet, EFFECT_PULL)->operation;
    puppet_pull_ended(puppet, operation, 1, PULL_EXPIRED);
    assert_int_equal(puppet_one(puppet, EFFECT_PULL)->count, 1);
    assert_int_equal(puppet_view(puppet).credits, 1);
    puppet_pull_ended(puppet, operation, 100, PULL_EXPIRED); /* more than was asked for: no credit below none */
    assert_int_equal(puppet_view(puppet).credits, 1);
}

static void makes_sure_of_a_consumer_that_is_gone(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_pull_ended(puppet, puppet_one(puppet, EFFECT_PULL)->operation, 0, CONSUMER_GONE);
    assert_int_equal(puppet_count(puppet, EFFECT_PULL), 0);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_PULL)->count, 1);
}

/* Nobody answered: the consumer is gone, or its leader for 5 to 8 s. Not at once, that would be a storm. */
static void gives_a_leader_time_to_come_back(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_pull_ended(puppet, puppet_one(puppet, EFFECT_PULL)->operation, 1, NO_RESPONDERS);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, SECOND);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_PULL);
}

static void does_not_wait_for_ever_for_the_end_of_a_pull(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_wait(puppet, 32 * SECOND - 1);
    assert_int_equal(puppet->seen_count, 0);
    puppet_wait(puppet, 1);
    assert_int_equal(puppet_view(puppet).credits, 0);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_PULL);
}

static void says_when_no_slot_is_free(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet, 1, 6);
    for (uint32_t i = 0; i < puppet_limits.slots; i++) {
        assert_int_equal(puppet_view(puppet).instance, INSTANCE_AVAILABLE);
        deliver(puppet, function, i, 0);
    }
    assert_int_equal(puppet_view(puppet).instance, INSTANCE_BUSY);
    assert_int_equal(puppet_one(puppet, EFFECT_INSTANCE_STATE)->count, INSTANCE_BUSY);
    puppet_wait(puppet, 6 * SECOND); /* what found no worker went back; not said more often than once a second */
    assert_int_equal(puppet_view(puppet).instance, INSTANCE_AVAILABLE);
    assert_int_equal(puppet_one(puppet, EFFECT_INSTANCE_STATE)->count, INSTANCE_AVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_one_standing_pull_for_each_function),
        TEST(asks_for_more_when_more_is_pending),
        TEST(shares_the_free_slots_among_those_that_have_work),
        TEST(asks_for_nothing_without_room),
        TEST(asks_for_eight_times_as_much_of_what_is_brief),
        TEST(stays_within_the_table),
        TEST(asks_when_the_table_has_room_again),
        TEST(pulls_again_when_a_pull_has_ended),
        TEST(makes_sure_of_a_consumer_that_is_gone),
        TEST(gives_a_leader_time_to_come_back),
        TEST(does_not_wait_for_ever_for_the_end_of_a_pull),
        TEST(says_when_no_slot_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
