/* A message at the door: what can never run ends at once, what we can not take goes back, and age is judged by a clock
 * only while that clock is known. Function 1 is deployed; its only worker is `worker`. */
#include "tests/unit/core/one_function.h"

static void ends_an_invalid_one_without_running_it(void **state)
{
    struct fixture *fixture = *state;
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .code = REASON_INVALID_EVENT };
    input.blob = puppet_blob(fixture->puppet);
    input.as.delivery.request = puppet_request(5);
    input.as.delivery.sequence = 1000;
    puppet_fact(fixture->puppet, input);
    const struct effect *store = puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store->end, END_FAILED);
    assert_int_equal(store->code, REASON_INVALID_EVENT);
    assert_int_equal(store->second.slot, 0);
    puppet_published(fixture->puppet, store->operation, OUTCOME_DONE, 0);
    puppet_one(fixture->puppet, EFFECT_ACK);
}

static void deliver_aged(struct fixture *fixture, uint32_t request, uint64_t age_ns, uint64_t budget_ns)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .blob = puppet_blob(fixture->puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.sequence = 1000 + request;
    input.as.delivery.delivered = 1;
    input.as.delivery.budget_ns = budget_ns;
    input.as.delivery.stored_ns = (int64_t)(fixture->puppet->now_ns + 500 * SECOND - age_ns);
    puppet_fact(fixture->puppet, input);
}

/* The broker's clock is 500 s ahead of ours, give or take `error_ns`. */
static void sample_clock(struct fixture *fixture, int64_t offset_ns, int64_t error_ns)
{
    struct input input = { .kind = INPUT_CLOCK };
    input.as.clock.offset_ns_min = offset_ns - error_ns;
    input.as.clock.offset_ns_max = offset_ns + error_ns;
    puppet_fact(fixture->puppet, input);
}

static void expires_only_what_is_certainly_over_its_budget(void **state)
{
    static const struct {
        uint64_t age_ns, budget_ns;
        bool expires;
    } cases[] = {
        { 2 * SECOND, 1 * SECOND, true },   { 2 * SECOND, 3 * SECOND, false },
        { SECOND + 5 * MS, SECOND, false }, /* within the error of the clocks */
        { SECOND + 15 * MS, SECOND, true }, { 61 * SECOND, 0, true },
        { 59 * SECOND, 0, false },          { 61 * SECOND, 100 * SECOND, true }, /* the cap */
    };
    struct fixture *fixture = *state;
    sample_clock(fixture, 500 * (int64_t)SECOND, 10 * (int64_t)MS);
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        deliver_aged(fixture, i, cases[i].age_ns, cases[i].budget_ns);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), cases[i].expires);
        if (cases[i].expires) {
            assert_int_equal(puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT)->end, END_EXPIRED);
            assert_int_equal(puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT)->code, REASON_QUEUE_TIMEOUT);
        }
    }
}

static void expires_nothing_while_the_clock_is_not_known(void **state)
{
    struct fixture *fixture = *state;
    deliver_aged(fixture, 1, 100 * SECOND, SECOND);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), 0);
    sample_clock(fixture, 500 * (int64_t)SECOND, 0);
    sample_clock(fixture, 502 * (int64_t)SECOND, 0); /* it jumped */
    deliver_aged(fixture, 2, 100 * SECOND, SECOND);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), 0);
    sample_clock(fixture, 502 * (int64_t)SECOND, 0); /* and stays there */
    deliver_aged(fixture, 3, 100 * SECOND, SECOND);
    puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
    sample_clock(fixture, 498 * (int64_t)SECOND, 0); /* back */
    deliver_aged(fixture, 4, 100 * SECOND, SECOND);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), 0);
    sample_clock(fixture, 498 * (int64_t)SECOND, -1); /* a sample upside down says nothing */
    sample_clock(fixture, INT64_MAX, 0);              /* nor does one that can't be */
    sample_clock(fixture, INT64_MIN, 0);
    deliver_aged(fixture, 5, 100 * SECOND, SECOND);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_PUBLISH_RESULT), 0);
}

static void expires_those_without_a_budget_by_the_queue_s_own(void **state)
{
    struct settings settings = puppet_settings;
    settings.queue_ns_max = 3 * SECOND;
    struct fixture fixture = { .puppet = puppet_new(NULL, &settings) };
    puppet_link_up(fixture.puppet);
    fixture.function = puppet_deploy(fixture.puppet, 1, (struct deployed){ 0 });
    sample_clock(&fixture, 500 * (int64_t)SECOND, 0);
    deliver_aged(&fixture, 1, 4 * SECOND, 10 * SECOND);
    puppet_one(fixture.puppet, EFFECT_EXECUTE);
    deliver_aged(&fixture, 2, 4 * SECOND, 0);
    assert_int_equal(puppet_one(fixture.puppet, EFFECT_PUBLISH_RESULT)->end, END_EXPIRED);
    puppet_free(fixture.puppet);
}

static void hands_back_what_it_can_not_take(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    puppet_deliver(puppet, (struct handle){ 0 }, 5, 1005, 1); /* a function that we do not know */
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 2 * SECOND);
    deliver(fixture, 6);
    puppet_deliver(puppet, fixture->function, 6, 2006, 1); /* the same id once more, under another sequence */
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 2 * SECOND);
    puppet_expect_delivery(puppet, 6, DELIVERY_RUNNING);
    puppet_function_set(puppet, 2, (struct deployed){ 0 });
    puppet_deliver(puppet, puppet_one(puppet, EFFECT_BUILD)->about, 7, 1007, 1); /* nothing of it serves yet */
    puppet_one(puppet, EFFECT_HAND_BACK);
    for (uint32_t i = 0; puppet_view(puppet).deliveries < puppet_limits.deliveries_max; i++) {
        deliver(fixture, 100 + i);
    }
    deliver(fixture, 8);
    puppet_order(puppet, EFFECT_HAND_BACK, EFFECT_DROP_BLOB, EFFECT_COUNT);
    puppet_drain(puppet, 10 * SECOND);
    deliver(fixture, 9);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
}

static void ignores_deliveries_of_a_passed_connection(void **state)
{
    struct fixture *fixture = *state;
    puppet_link_down(fixture->puppet);
    deliver(fixture, 5);
    puppet_link_up(fixture->puppet);
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .epoch = 1 };
    input.blob = puppet_blob(fixture->puppet);
    input.as.delivery.request = puppet_request(5);
    puppet_fact(fixture->puppet, input);
    puppet_one(fixture->puppet, EFFECT_DROP_BLOB);
    assert_int_equal(fixture->puppet->seen_count, 1);
    assert_int_equal(puppet_view(fixture->puppet).deliveries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_FUNCTION_TEST(ends_an_invalid_one_without_running_it),
        ONE_FUNCTION_TEST(expires_only_what_is_certainly_over_its_budget),
        ONE_FUNCTION_TEST(expires_nothing_while_the_clock_is_not_known),
        ONE_FUNCTION_TEST(expires_those_without_a_budget_by_the_queue_s_own),
        ONE_FUNCTION_TEST(hands_back_what_it_can_not_take),
        ONE_FUNCTION_TEST(ignores_deliveries_of_a_passed_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
