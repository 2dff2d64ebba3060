/* The bounds of a function's queue at our door: how many, how long the first has waited, how many bytes. Function 1 is
 * deployed; each request is 100 bytes long. */
#include "tests/unit/core/puppet.h"

static void bounds(struct puppet *puppet, uint64_t age_ns_max, uint64_t size_max)
{
    struct input input = { .kind = INPUT_FUNCTION_POLICY };
    input.as.policy.name = puppet_name(1);
    input.as.policy.age_ns_max = age_ns_max;
    input.as.policy.size_max = size_max;
    puppet_fact(puppet, input);
}

static void told(struct puppet *puppet, uint32_t messages, uint64_t oldest_ns, uint32_t size_mean)
{
    struct input input = { .kind = INPUT_QUEUE };
    input.as.queue.function = puppet_name(1);
    input.as.queue.messages = messages;
    input.as.queue.oldest_ns = oldest_ns;
    input.as.queue.size_mean = size_mean;
    input.as.queue.takers = TAKERS_UNKNOWN;
    puppet_fact(puppet, input);
}

static enum reason call(struct puppet *puppet)
{
    static uint32_t request = 100;
    puppet_call(puppet, ++request, 1, 7, 0);
    if (puppet_count(puppet, EFFECT_REPLY) == 0) {
        puppet_one(puppet, EFFECT_PUBLISH_REQUEST);
        return REASON_NONE;
    }
    return (enum reason)puppet_one(puppet, EFFECT_REPLY)->code;
}

static uint64_t size(const struct puppet *puppet)
{
    struct core_queue queue;
    assert_true(core_queue(puppet->core, puppet_name(1), &queue));
    return queue.size;
}

static void refuses_while_the_first_waits_too_long(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    static const struct {
        uint64_t bound_ns, oldest_ns;
        enum reason reason;
    } rows[] = {
        { 0, 3600 * SECOND, REASON_NONE },
        { 10 * SECOND, 0, REASON_NONE },
        { 10 * SECOND, 10 * SECOND, REASON_NONE },
        { 10 * SECOND, 10 * SECOND + 1, REASON_QUEUE_FULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bounds(puppet, rows[i].bound_ns, 0);
        told(puppet, 5, rows[i].oldest_ns, 0);
        assert_int_equal(call(puppet), rows[i].reason);
    }
}

static void believes_an_age_for_a_few_seconds_only(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    bounds(puppet, SECOND, 0);
    told(puppet, 5, 2 * SECOND, 0);
    puppet_wait(puppet, 2 * SECOND);
    told(puppet, 5, OLDEST_UNKNOWN, 0); /* It was not looked at: what was told before holds. */
    assert_int_equal(call(puppet), REASON_QUEUE_FULL);
    puppet_wait(puppet, 4 * SECOND);
    told(puppet, 5, OLDEST_UNKNOWN, 0);
    assert_int_equal(call(puppet), REASON_NONE);
}

static void refuses_over_so_many_bytes(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    bounds(puppet, 0, 450);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(call(puppet), REASON_NONE);
    }
    assert_int_equal(size(puppet), 500);
    assert_int_equal(call(puppet), REASON_QUEUE_FULL);
    told(puppet, 4, 0, 0);
    assert_int_equal(call(puppet), REASON_NONE);
    assert_int_equal(call(puppet), REASON_QUEUE_FULL);
}

static void takes_the_mean_of_the_stream_until_it_saw_one(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    told(puppet, 3, 0, 1000);
    assert_int_equal(size(puppet), 3000);
    told(puppet, 3, 0, 2000); /* The first that was told stands. */
    assert_int_equal(size(puppet), 3000);
    assert_int_equal(call(puppet), REASON_NONE);
    assert_int_equal(size(puppet), 400);
}

static void follows_sizes_slowly(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    assert_int_equal(call(puppet), REASON_NONE);
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.size = 1700;
    input.as.delivery.request = puppet_request(9);
    input.as.delivery.sequence = 1009;
    input.as.delivery.delivered = 1;
    puppet_fact(puppet, input);
    told(puppet, 10, 0, 0);
    assert_int_equal(size(puppet), 10 * (100 - 100 / 16.0 + 1700 / 16.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_while_the_first_waits_too_long),
        TEST(believes_an_age_for_a_few_seconds_only),
        TEST(refuses_over_so_many_bytes),
        TEST(takes_the_mean_of_the_stream_until_it_saw_one),
        TEST(follows_sizes_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
