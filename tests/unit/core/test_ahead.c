/* Calls sent ahead: a worker that runs one call after the other may hold a few more, if they are brief. Only the first
 * of them has started; what waits behind it is not charged for it. Function 1 has one worker, which has run one brief
 * call. */
#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function, worker;
};

enum { AHEAD_MAX = 3 };

static void ready_ahead(struct puppet *puppet, struct handle worker, uint16_t concurrency, uint8_t ahead)
{
    struct input input = { .kind = INPUT_WORKER_READY, .about = worker };
    input.as.worker.concurrency = concurrency;
    input.as.worker.ahead = ahead;
    puppet_fact(puppet, input);
}

static void deliver(struct fixture *fixture, uint32_t request)
{
    puppet_deliver(fixture->puppet, fixture->function, request, 1000 + request, 1);
}

/* Runs request 99 for so long. */
static void run_once(struct fixture *fixture, uint64_t for_ns)
{
    deliver(fixture, 99);
    struct effect execute = *puppet_one(fixture->puppet, EFFECT_EXECUTE);
    puppet_wait(fixture->puppet, for_ns);
    puppet_result(fixture->puppet, execute.about, execute.stream);
    puppet_published(fixture->puppet, puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    puppet_one(fixture->puppet, EFFECT_ACK);
}

static struct fixture make(uint16_t concurrency, uint8_t ahead, uint64_t ran_ns)
{
    struct fixture fixture = { .puppet = puppet_new(NULL, NULL) };
    struct deployed deployed = { .retries_max = 1, .concurrency = concurrency, .timeout_ns = 2 * SECOND };
    puppet_link_up(fixture.puppet);
    fixture.function = puppet_deploy(fixture.puppet, 1, deployed);
    puppet_exited(fixture.puppet, fixture.puppet->worker, REASON_NONE);
    deliver(&fixture, 98);
    fixture.worker = fixture.puppet->worker;
    ready_ahead(fixture.puppet, fixture.worker, concurrency, ahead);
    uint16_t stream = puppet_one(fixture.puppet, EFFECT_EXECUTE)->stream;
    puppet_wait(fixture.puppet, ran_ns);
    puppet_result(fixture.puppet, fixture.worker, stream);
    puppet_published(fixture.puppet, puppet_one(fixture.puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    run_once(&fixture, ran_ns);
    return fixture;
}

/* Delivers that many, one after the other; returns how many were sent to the worker. */
static uint32_t sent(struct fixture *fixture, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        deliver(fixture, i);
        sum += puppet_count(fixture->puppet, EFFECT_EXECUTE);
    }
    return sum;
}

static void sends_ahead_only_what_is_brief_and_only_to_who_says_so(void **state)
{
    static const struct {
        uint16_t concurrency;
        uint8_t ahead;
        uint64_t ran_ns;
        uint32_t sent;
    } cases[] = {
        { 1, 1, MS, 1 + AHEAD_MAX },
        { 1, 0, MS, 1 },
        { 1, 1, 10 * MS, 1 },
        { 2, 1, MS, 2 }, /* runs them side by side: there is no "next" */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture = make(cases[i].concurrency, cases[i].ahead, cases[i].ran_ns);
        assert_int_equal(sent(&fixture, 6), cases[i].sent);
        puppet_free(fixture.puppet);
    }
}

static void times_each_from_its_turn(void **state)
{
    struct fixture fixture = make(1, 1, MS);
    struct puppet *puppet = fixture.puppet;
    deliver(&fixture, 1);
    uint16_t stream = puppet_one(puppet, EFFECT_EXECUTE)->stream;
    deliver(&fixture, 2);
    puppet_one(puppet, EFFECT_EXECUTE);
    puppet_wait(puppet, 1500 * MS);
    puppet_result(puppet, fixture.worker, stream);
    uint64_t turn_ns = puppet->now_ns;
    puppet_wait(puppet, 2 * SECOND);
    assert_int_equal(puppet_when(puppet, EFFECT_CANCEL), turn_ns + 2 * SECOND);
    puppet_free(fixture.puppet);
}

static void charges_only_the_first_when_the_process_goes(void **state)
{
    struct fixture fixture = make(1, 1, MS);
    struct puppet *puppet = fixture.puppet;
    assert_int_equal(sent(&fixture, 3), 3);
    puppet_exited(puppet, fixture.worker, REASON_NONE);
    puppet_one(puppet, EFFECT_LEDGER_PUT);
    assert_int_equal(puppet_delivery(puppet, 0), DELIVERY_CHARGING);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    assert_int_equal(puppet_delivery(puppet, 2), DELIVERY_QUEUED);
    ready_ahead(puppet, puppet_one(puppet, EFFECT_START_WORKER)->about, 1, 1);
    assert_int_equal(puppet_nth(puppet, EFFECT_EXECUTE, 0)->count, 1);
    puppet_free(fixture.puppet);
}

/* Nobody behind an overrun can wait for the grace of its cancel. */
static void kills_at_once_when_others_wait_behind_an_overrun(void **state)
{
    struct fixture fixture = make(1, 1, MS);
    struct puppet *puppet = fixture.puppet;
    assert_int_equal(sent(&fixture, 3), 3);
    puppet_wait(puppet, 2 * SECOND);
    puppet_order(puppet, EFFECT_CANCEL, EFFECT_KILL_WORKER, EFFECT_COUNT);
    assert_int_equal(puppet_delivery(puppet, 0), DELIVERY_CHARGING);
    puppet_exited(puppet, fixture.worker, REASON_NONE);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    assert_int_equal(puppet_delivery(puppet, 2), DELIVERY_QUEUED);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    puppet_free(fixture.puppet);
}

static void fills_the_idle_first(void **state)
{
    struct fixture fixture = { .puppet = puppet_new(NULL, NULL) };
    struct puppet *puppet = fixture.puppet;
    puppet_link_up(puppet);
    fixture.function = puppet_deploy(puppet, 1, (struct deployed){ .workers_max = 2, .timeout_ns = 5 * SECOND });
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    deliver(&fixture, 1);
    struct handle first = puppet->worker;
    deliver(&fixture, 2);
    struct handle second = puppet->worker;
    assert_false(handle_equal(first, second));
    ready_ahead(puppet, first, 1, 1);
    uint16_t stream = puppet_one(puppet, EFFECT_EXECUTE)->stream;
    ready_ahead(puppet, second, 1, 1);
    puppet_wait(puppet, MS);
    puppet_result(puppet, first, stream);
    puppet_result(puppet, second, 1);
    deliver(&fixture, 3);
    struct handle one = puppet_one(puppet, EFFECT_EXECUTE)->about;
    deliver(&fixture, 4);
    assert_false(handle_equal(puppet_one(puppet, EFFECT_EXECUTE)->about, one));
    deliver(&fixture, 5); /* only now behind another */
    puppet_one(puppet, EFFECT_EXECUTE);
    puppet_free(puppet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_ahead_only_what_is_brief_and_only_to_who_says_so),
        cmocka_unit_test(times_each_from_its_turn),
        cmocka_unit_test(charges_only_the_first_when_the_process_goes),
        cmocka_unit_test(kills_at_once_when_others_wait_behind_an_overrun),
        cmocka_unit_test(fills_the_idle_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
