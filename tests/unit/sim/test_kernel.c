/* The clockwork and the whole run: events come in the order of time and posting; a seed is one run, whatever the
 * wall clocks of its instances do; other seeds are other runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/draw.h"
#include "sim/kernel.h"
#include "sim/sim.h"

static void events_come_in_order_of_time_then_posting(void **state)
{
    (void)state;
    enum { EVENTS = 5000, MOMENTS = 100 };
    struct kernel kernel;
    const struct event *event;
    assert_true(kernel_init(&kernel)); /* it grows */
    for (uint32_t number = 0; number < EVENTS; number++) {
        struct event *posted = kernel_post(&kernel, draw_below(draw(1, number, 0, 0), MOMENTS));
        assert_non_null(posted);
        posted->number = number;
    }
    uint64_t last_at = 0;
    uint32_t last_number = 0;
    for (uint32_t count = 0; count < EVENTS; count++) {
        event = kernel_pop(&kernel);
        assert_non_null(event);
        assert_true(event->at >= last_at);
        assert_true(count == 0 || event->at > last_at || event->number > last_number);
        last_at = event->at;
        last_number = event->number;
    }
    assert_null(kernel_pop(&kernel));
    kernel_free(&kernel);
}

/* Delays from nothing to hours, posted while others are handled: through wheels of all digits. */
static void events_far_ahead_come_in_order_too(void **state)
{
    (void)state;
    enum { EVENTS = 20000, AT_ONCE = 300 };
    struct kernel kernel;
    assert_true(kernel_init(&kernel));
    uint64_t last_at = 0;
    uint32_t posted = 0, popped = 0, last_number = 0;
    while (popped < EVENTS) {
        while (posted < EVENTS && posted < popped + AT_ONCE) {
            uint64_t random = draw(2, posted, 0, 0);
            uint64_t delay = (random & 3) == 0 ? 0 : random >> 20 >> (random % 40);
            struct event *event = kernel_post(&kernel, last_at + delay);
            assert_non_null(event);
            event->number = posted++;
        }
        assert_true(kernel_next_at(&kernel) >= last_at);
        const struct event *event = kernel_pop(&kernel);
        assert_non_null(event);
        assert_true(event->at > last_at || (event->at == last_at && (popped == 0 || event->number > last_number)));
        last_at = event->at;
        last_number = event->number;
        popped++;
    }
    assert_null(kernel_pop(&kernel));
    kernel_free(&kernel);
}

static void the_same_seed_is_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_options options = { .seed = seed, .steps = 5000 };
        struct sim_report one, other;
        assert_true(sim_run(&options, &one));
        assert_true(sim_run(&options, &other));
        assert_true(one.hash == other.hash);
        assert_true(one.steps == other.steps);
        options.seed += 1000;
        assert_true(sim_run(&options, &other));
        assert_true(one.hash != other.hash);
    }
}

/* S15: wall clocks are stamped and never decide. */
static void wall_clock_jumps_change_no_effect(void **state)
{
    (void)state;
    uint32_t jumped = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_options options = { .seed = seed, .steps = 5000 };
        struct sim_report one, other;
        assert_true(sim_run(&options, &one));
        options.wall_jumps_never = true;
        assert_true(sim_run(&options, &other));
        assert_true(one.effects_hash == other.effects_hash);
        jumped += one.hash != other.hash;
    }
    assert_true(jumped > 0); /* the clocks did jump in some of them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_of_time_then_posting),
        cmocka_unit_test(events_far_ahead_come_in_order_too),
        cmocka_unit_test(the_same_seed_is_the_same_run),
        cmocka_unit_test(wall_clock_jumps_change_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
