/* Worlds that go on from a state: the same state and seed are one run; a good core breaks nothing in any of them; a
 * planted bug is found, made small, and found again by its schedule from the same state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "sim/choices.h"
#include "sim/fork.h"
#include "sim/schedule.h"
#include "sim/shrink.h"

enum { PENDING_MAX = 64, SEEDS = 30, STEPS = 2000, ACK_BEFORE_STORED = 1 };

/* A core as it may be somewhere: one function that is being built, a connection, and a caller who waits. */
struct past {
    struct core *core;
    struct effects effects;
    struct effect pending[PENDING_MAX];
    struct sim_fork fork;
    uint64_t now_ns;
};

static void learn(struct past *past, struct input input)
{
    past->now_ns += MILLISECOND;
    input.now_ns = past->now_ns;
    core_step(past->core, &input, &past->effects);
    for (uint32_t at = 0; at < past->effects.count && past->fork.pending_count < PENDING_MAX; at++) {
        if (past->effects.list[at].operation != 0) {
            past->pending[past->fork.pending_count++] = past->effects.list[at];
        }
    }
}

static void begin(struct past *past)
{
    struct limits limits = { .calls_max = 16, .deliveries_max = 32, .functions_max = 4, .workers_max = 20, .slots = 8 };
    struct choices choices;
    choices_draw(1, STEPS, &choices);
    *past = (struct past){ .now_ns = 77 * SECOND };
    past->core = core_init(aligned_alloc(16, (core_size(&limits) + 15) / 16 * 16), &limits, &choices.settings, 9);
    assert_non_null(past->core);
    past->fork = (struct sim_fork){ .core = past->core, .pending = past->pending };
    assert_null(sim_fork_obstacle(&past->fork)); /* no function yet: it will learn of one */
    struct input function = { .kind = INPUT_FUNCTION_SET };
    function.as.function.name = (struct key){ 0xabc, 0xdef };
    function.as.function.version = (struct key){ 0x123, 0x456 };
    function.as.function.timeout_ns = 5 * SECOND;
    function.as.function.keep_alive_ns = 60 * SECOND;
    function.as.function.retries_max = 2;
    function.as.function.concurrency = function.as.function.workers_max = 2;
    learn(past, function);
    learn(past, (struct input){ .kind = INPUT_BUILT, .answers = past->pending[0].operation });
    learn(past, (struct input){ .kind = INPUT_LINK_UP, .epoch = 4 });
    struct input call = { .kind = INPUT_CALL, .blob = { 300, 21 } };
    call.as.call.request = (struct key){ 0x77, 0x88 };
    call.as.call.function = function.as.function.name;
    call.as.call.digest = 5;
    call.as.call.reference = 4711;
    learn(past, call);
    assert_null(sim_fork_obstacle(&past->fork));
}

static struct sim_report fork_run(const struct past *past, uint64_t seed, uint32_t mutant)
{
    struct sim_options options = { .seed = seed, .steps = STEPS, .mutant = mutant, .fork = &past->fork };
    struct sim_report report;
    assert_true(sim_run(&options, &report));
    return report;
}

static void expect_clean(const struct past *past, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        assert_string_equal(fork_run(past, seed, 0).violation.why, "");
    }
}

static void one_state_and_seed_are_one_run(void **state)
{
    struct past past;
    (void)state;
    begin(&past);
    uint64_t before = core_hash(past.core), other = fork_run(&past, SEEDS + 1, 0).hash;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_report report = fork_run(&past, seed, 0);
        assert_string_equal(report.violation.why, "");
        assert_true(report.hash == fork_run(&past, seed, 0).hash);
        assert_true(report.hash != other);
        assert_true(report.executions > 0);
    }
    assert_true(core_hash(past.core) == before);
    free(past.core);
}

static void a_core_without_functions_learns_of_one(void **state)
{
    struct past past;
    (void)state;
    begin(&past);
    struct limits limits = { .calls_max = 16, .deliveries_max = 32, .functions_max = 4, .workers_max = 20, .slots = 8 };
    struct choices choices;
    choices_draw(1, STEPS, &choices);
    struct core *empty =
        core_init(aligned_alloc(16, (core_size(&limits) + 15) / 16 * 16), &limits, &choices.settings, 9);
    past.fork.core = empty;
    past.fork.pending_count = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_report report = fork_run(&past, seed, 0);
        assert_string_equal(report.violation.why, "");
        assert_true(report.executions > 0);
    }
    free(empty);
    free(past.core);
}

/* Whatever the seed would have of functions that nobody deployed, or that an instance does not serve. */
static void what_a_core_serves_is_there(void **state)
{
    struct past past;
    (void)state;
    begin(&past);
    struct input second = { .kind = INPUT_FUNCTION_SET };
    second.as.function.name = (struct key){ 0xab, 0xcd };
    second.as.function.version = (struct key){ 0x12, 0x34 };
    second.as.function.timeout_ns = 5 * SECOND;
    second.as.function.keep_alive_ns = 60 * SECOND;
    second.as.function.concurrency = second.as.function.workers_max = 1;
    learn(&past, second);
    expect_clean(&past, 2 * SEEDS);
    free(past.core);
}

/* Its link went down while it had the lease: no other instance gets one of the same revision. */
static void a_remembered_lease_is_nobody_elses(void **state)
{
    struct past past;
    struct input lease = { .kind = INPUT_LEASE, .epoch = 4 };
    (void)state;
    begin(&past);
    for (uint32_t at = 0; at < past.fork.pending_count; at++) {
        lease.answers = past.pending[at].kind == EFFECT_LEASE_PUT ? past.pending[at].operation : lease.answers;
    }
    assert_true(lease.answers != 0);
    lease.as.lease.revision = 1;
    learn(&past, lease);
    learn(&past, (struct input){ .kind = INPUT_LINK_DOWN, .epoch = 4 });
    expect_clean(&past, 4 * SEEDS);
    free(past.core);
}

/* Whatever the seed would have of its own settings: the queue's age limit follows those of the core. */
static void nothing_is_too_old_that_may_wait(void **state)
{
    struct limits limits = { .calls_max = 16, .deliveries_max = 32, .functions_max = 4, .workers_max = 20, .slots = 8 };
    struct world *world = calloc(1, sizeof(*world));
    struct choices of_the_core;
    uint32_t limited = 0;
    (void)state;
    choices_draw(1, STEPS, &of_the_core);
    of_the_core.settings.call_budget_ns_max = UINT64_C(7200) * SECOND; /* longer than any seed draws */
    void *memory = aligned_alloc(16, (core_size(&limits) + 15) / 16 * 16);
    struct sim_fork fork = { .core = core_init(memory, &limits, &of_the_core.settings, 9) };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world->options = (struct sim_options){ .seed = seed, .steps = STEPS, .fork = &fork };
        choices_draw(seed, STEPS, &world->choices);
        fork_choices(world);
        uint64_t most_ns = world->choices.jet.age_max_ns;
        assert_true(most_ns == 0 || most_ns > of_the_core.settings.call_budget_ns_max);
        limited += most_ns != 0;
    }
    assert_true(limited > 0);
    free(memory);
    free(world);
}

/* The world's time of day is that of the core, so a broker whose clock is wrong later is so by minutes. */
static void its_time_of_day_goes_on(void **state)
{
    const int64_t minutes = 600 * (int64_t)SECOND;
    struct world *world = calloc(1, sizeof(*world));
    struct portrait portrait;
    struct past past;
    (void)state;
    begin(&past);
    struct input clock = { .kind = INPUT_CLOCK, .epoch = 4 };
    clock.as.clock.offset_ns_min = clock.as.clock.offset_ns_max = INT64_C(1796000000) * (int64_t)SECOND;
    learn(&past, clock);
    portrait_of(past.core, &portrait);
    int64_t told_ns = (int64_t)portrait.now_ns + clock.as.clock.offset_ns_min;
    world->now = 3 * SECOND;
    fork_clock(world, &portrait);
    assert_true(broker_wall(world) == told_ns);
    assert_true(node_wall(world, &world->nodes[0]) == told_ns);
    broker_wall_step(world, minutes);
    assert_true(broker_wall(world) == told_ns + minutes);
    broker_wall_step(world, -minutes);
    assert_true(broker_wall(world) == told_ns - minutes);
    free(past.core);
    free(world);
}

static void a_planted_bug_is_found_and_made_small(void **state)
{
    struct past past;
    (void)state;
    begin(&past);
    struct schedule schedule = { 0 };
    struct sim_options options = { .seed = 1, .steps = STEPS, .mutant = ACK_BEFORE_STORED, .fork = &past.fork };
    struct sim_report found, again;
    options.record = &schedule;
    assert_true(sim_run(&options, &found));
    assert_string_equal(found.violation.id, "S5");
    struct shrink_options how = { .fork = &past.fork };
    struct shrink_report small;
    assert_int_equal(shrink(&schedule, &how, &small), SHRINK_DONE);
    assert_string_equal(small.violation.id, "S5");
    assert_true(small.entries_after <= 12);
    struct sim_options play = { .schedule = &schedule, .fork = &past.fork };
    assert_true(sim_run(&play, &again));
    assert_string_equal(again.violation.why, small.violation.why);
    schedule_free(&schedule);
    free(past.core);
}

static void only_the_faults_that_are_asked_for(void **state)
{
    struct past past;
    bool faults[FAULT_COUNT] = { [FAULT_LINK_CUT] = true };
    uint64_t cuts = 0;
    (void)state;
    begin(&past);
    past.fork.faults = faults;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_report report = fork_run(&past, seed, 0);
        assert_string_equal(report.violation.why, "");
        for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
            assert_true(faults[fault] || report.faults[fault] == 0);
        }
        cuts += report.faults[FAULT_LINK_CUT];
    }
    assert_true(cuts > 0);
    free(past.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_state_and_seed_are_one_run),
        cmocka_unit_test(a_core_without_functions_learns_of_one),
        cmocka_unit_test(what_a_core_serves_is_there),
        cmocka_unit_test(a_remembered_lease_is_nobody_elses),
        cmocka_unit_test(nothing_is_too_old_that_may_wait),
        cmocka_unit_test(its_time_of_day_goes_on),
        cmocka_unit_test(a_planted_bug_is_found_and_made_small),
        cmocka_unit_test(only_the_faults_that_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
