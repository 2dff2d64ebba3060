/* How much of a function runs at once: no more than its limit, whatever waits; and what moves the limit. Function 1 has
 * up to eight processes that take one each. How well it moves is shown in bench/overload. */
#include "tests/unit/core/puppet.h"

enum { WORKERS = 8, ROWS = 64 };

struct fixture {
    struct puppet *puppet;
    struct handle function;
    uint32_t requests;
};

static const struct limits limits = {
    .calls_max = 4, .deliveries_max = 64, .functions_max = 2, .workers_max = WORKERS + 1, .slots = 32
};

static void policy(struct fixture *fixture, uint16_t concurrency_min)
{
    struct input input = { .kind = INPUT_FUNCTION_POLICY };
    input.as.policy.name = puppet_name(1);
    for (int cause = 0; cause < CAUSE_KEPT; cause++) {
        input.as.policy.retries[cause] = UINT8_MAX;
    }
    input.as.policy.concurrency_min = concurrency_min;
    puppet_fact(fixture->puppet, input);
}

static struct fixture make(uint16_t concurrency_min)
{
    struct fixture fixture = { .puppet = puppet_new(&limits, NULL) };
    puppet_link_up(fixture.puppet);
    fixture.function = puppet_deploy(
        fixture.puppet, 1,
        (struct deployed){ .workers_max = WORKERS, .retries_max = 100, .timeout_ns = 60 * SECOND, .concurrency = 1 });
    policy(&fixture, concurrency_min);
    return fixture;
}

static struct core_concurrency look(const struct fixture *fixture)
{
    struct core_concurrency concurrency;
    assert_true(core_concurrency(fixture->puppet->core, fixture->function, &concurrency));
    assert_true(concurrency.running <= concurrency.limit_max);
    return concurrency;
}

/* Executions and starts of processes are carried out until none is left to do; what runs is noted. */
struct runs {
    struct handle worker[ROWS];
    uint16_t stream[ROWS];
    uint32_t count;
};

/* What began in the last fact. */
static void note(struct fixture *fixture, struct runs *runs)
{
    const struct effect *execute;
    for (uint32_t i = 0; (execute = puppet_nth(fixture->puppet, EFFECT_EXECUTE, i)) != NULL; i++) {
        assert_true(runs->count < ROWS);
        runs->worker[runs->count] = execute->about;
        runs->stream[runs->count++] = execute->stream;
    }
}

static void deliver(struct fixture *fixture, struct runs *runs)
{
    struct puppet *puppet = fixture->puppet;
    uint32_t request = ++fixture->requests;
    puppet_deliver(puppet, fixture->function, request, 1000 + request, 1);
    note(fixture, runs);
    for (const struct effect *start; (start = puppet_nth(puppet, EFFECT_START_WORKER, 0)) != NULL;) {
        puppet_ready(puppet, start->about, 1);
        note(fixture, runs);
    }
}

/* Each takes so long, or as many times as long as run beside it; afterwards nothing runs. */
static void round_of(struct fixture *fixture, uint32_t count, uint64_t took_ns, bool crowded)
{
    struct runs runs = { .count = 0 };
    for (uint32_t i = 0; i < count; i++) {
        deliver(fixture, &runs);
    }
    while (runs.count > 0) {
        struct runs now = runs;
        runs.count = 0;
        puppet_wait(fixture->puppet, took_ns * (crowded ? now.count : 1));
        for (uint32_t i = 0; i < now.count; i++) {
            puppet_result(fixture->puppet, now.worker[i], now.stream[i]);
            uint64_t store = puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT)->operation;
            note(fixture, &runs);
            puppet_published(fixture->puppet, store, OUTCOME_DONE, 0);
        }
    }
}

static void is_as_configured_unless_it_adapts(void **state)
{
    struct fixture fixture = make(0);
    struct runs runs = { .count = 0 };
    for (uint32_t i = 0; i < 12; i++) {
        deliver(&fixture, &runs);
    }
    assert_int_equal(runs.count, WORKERS);
    assert_int_equal(look(&fixture).running, WORKERS);
    assert_int_equal(look(&fixture).limit, 0);
    assert_int_equal(look(&fixture).limit_max, WORKERS);
    puppet_free(fixture.puppet);
}

static void begins_with_what_is_configured(void **state)
{
    struct fixture fixture = make(2);
    assert_int_equal(look(&fixture).limit, WORKERS);
    assert_int_equal(look(&fixture).limit_min, 2);
    assert_int_equal(look(&fixture).limit_now, WORKERS);
    puppet_free(fixture.puppet);
}

static void fail_round(struct fixture *fixture, uint32_t count)
{
    struct runs runs = { .count = 0 };
    for (uint32_t i = 0; i < count; i++) {
        deliver(fixture, &runs);
    }
    puppet_wait(fixture->puppet, MS);
    for (uint32_t i = 0; i < runs.count; i++) {
        puppet_error(fixture->puppet, runs.worker[i], runs.stream[i], ERROR_THROTTLE, SECOND);
        struct effect charge = *puppet_one(fixture->puppet, EFFECT_LEDGER_PUT);
        note(fixture, &runs);
        puppet_ledger(fixture->puppet, charge.operation, OUTCOME_DONE, 1, charge.amount, 1, 0);
    }
}

static void takes_a_quarter_off_when_it_is_throttled(void **state)
{
    struct fixture fixture = make(1);
    static const uint32_t limits_after[] = { 6, 5, 4, 3, 2, 1 };
    fail_round(&fixture, 1); /* One alone may be chance. */
    assert_int_equal(look(&fixture).limit, WORKERS);
    for (size_t i = 0; i < sizeof limits_after / sizeof limits_after[0]; i++) {
        puppet_wait(fixture.puppet, MS);
        fail_round(&fixture, look(&fixture).limit); /* All that ran at once count as one. */
        assert_int_equal(look(&fixture).limit, limits_after[i]);
    }
    puppet_free(fixture.puppet);
}

static void goes_no_lower_than_its_least(void **state)
{
    struct fixture fixture = make(3);
    for (uint32_t i = 0; i < 20; i++) {
        puppet_wait(fixture.puppet, MS);
        fail_round(&fixture, 4);
    }
    assert_int_equal(look(&fixture).limit, 3);
    puppet_free(fixture.puppet);
}

static void runs_no_more_than_the_limit(void **state)
{
    struct fixture fixture = make(3);
    struct runs runs = { .count = 0 };
    for (uint32_t i = 0; i < 20; i++) {
        puppet_wait(fixture.puppet, MS);
        fail_round(&fixture, 4);
    }
    for (uint32_t i = 0; i < 10; i++) {
        deliver(&fixture, &runs);
    }
    assert_int_equal(runs.count, 3);
    assert_int_equal(puppet_view(fixture.puppet).queued, 7);
    puppet_result(fixture.puppet, runs.worker[0], runs.stream[0]);
    puppet_one(fixture.puppet, EFFECT_EXECUTE); /* The next at once. */
    puppet_free(fixture.puppet);
}

static void errors_of_its_own_say_nothing_about_load(void **state)
{
    struct fixture fixture = make(1);
    struct runs runs = { .count = 0 };
    for (uint32_t i = 0; i < 40; i++) {
        runs.count = 0;
        deliver(&fixture, &runs);
        puppet_error(fixture.puppet, runs.worker[0], runs.stream[0], ERROR_PERMANENT, 0);
        puppet_published(fixture.puppet, puppet_one(fixture.puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    }
    assert_int_equal(look(&fixture).limit, WORKERS);
    puppet_free(fixture.puppet);
}

static void falls_when_executions_take_longer_and_comes_back(void **state)
{
    struct fixture fixture = make(1);
    for (uint32_t i = 0; i < 40; i++) {
        round_of(&fixture, 1, 100 * MS, true);
    }
    for (uint32_t i = 0; i < 40; i++) {
        round_of(&fixture, 24, 100 * MS, true);
    }
    uint32_t low = look(&fixture).limit;
    assert_in_range(low, 1, 4);
    for (uint32_t i = 0; i < 40; i++) {
        round_of(&fixture, 24, 100 * MS, false);
    }
    assert_int_equal(look(&fixture).limit, WORKERS);
    puppet_free(fixture.puppet);
}

static void begins_anew_with_another_version_or_policy(void **state)
{
    struct fixture fixture = make(1);
    for (uint32_t i = 0; i < 20; i++) {
        puppet_wait(fixture.puppet, MS);
        fail_round(&fixture, 4);
    }
    assert_int_equal(look(&fixture).limit, 1);
    policy(&fixture, 1);
    assert_int_equal(look(&fixture).limit, 1); /* The same again changes nothing. */
    policy(&fixture, 2);
    assert_int_equal(look(&fixture).limit, WORKERS);
    policy(&fixture, 0);
    assert_int_equal(look(&fixture).limit, 0);
    puppet_free(fixture.puppet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_as_configured_unless_it_adapts),
        cmocka_unit_test(begins_with_what_is_configured),
        cmocka_unit_test(takes_a_quarter_off_when_it_is_throttled),
        cmocka_unit_test(goes_no_lower_than_its_least),
        cmocka_unit_test(runs_no_more_than_the_limit),
        cmocka_unit_test(errors_of_its_own_say_nothing_about_load),
        cmocka_unit_test(falls_when_executions_take_longer_and_comes_back),
        cmocka_unit_test(begins_anew_with_another_version_or_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
