/* S17 is judged only in worlds without faults, and only while all instances are equally free. This shows that such
 * worlds and moments exist, so that the check is not an empty one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sim/choices.h"
#include "sim/sim.h"

static void instances_are_equally_free_now_and_then(void **state)
{
    (void)state;
    uint32_t calm = 0, several = 0;
    uint64_t turns = 0;
    for (uint64_t seed = 1; seed <= 200 && several < 10; seed++) {
        struct sim_options options = { .seed = seed, .steps = 4000 };
        struct sim_report report;
        struct choices choices;
        choices_draw(seed, options.steps, &choices);
        calm += choices.calm;
        if (!choices.calm || choices.nodes == 1) {
            continue;
        }
        assert_true(sim_run(&options, &report));
        assert_string_equal(report.violation.id, "");
        turns += report.turns;
        several++;
    }
    assert_int_equal(several, 10);
    assert_true(calm > several);
    assert_true(turns > 100);
}

static void a_calm_world_has_no_fault(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct choices choices;
        uint64_t faults = 0;
        choices_draw(seed, 1000, &choices);
        for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
            faults += choices.fault[fault] != 0;
        }
        assert_true(!choices.calm || faults == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_equally_free_now_and_then),
        cmocka_unit_test(a_calm_world_has_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
