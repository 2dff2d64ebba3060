/* The heap of timers: order, ties by the order of setting, clearing, and a long random run beside a list that is
 * searched from end to end. */
#include "tests/unit/core/puppet.h"

#include "core/draw.h"
#include "core/timers.h"

static int up(void **state)
{
    *state = puppet_new(NULL, NULL);
    return 0;
}

static uint32_t due(struct core *core)
{
    uint32_t timer = NOWHERE;
    return timers_due(core, &timer) ? timer : NOWHERE;
}

static void comes_in_order_of_time_then_of_setting(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    static const struct {
        uint32_t timer;
        uint64_t due_ns;
    } set[] = { { 9, 50 }, { 3, 20 }, { 7, 20 }, { 1, 20 }, { 4, 10 }, { 8, 50 }, { 2, 90 } };
    static const uint32_t order[] = { 4, 3, 7, 1, 9, 8 };
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
        timer_set(core, set[i].timer, set[i].due_ns);
    }
    core->now_ns = 9;
    assert_int_equal(due(core), NOWHERE);
    assert_int_equal(timers_next(core), 10);
    core->now_ns = 60;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_int_equal(due(core), order[i]);
    }
    assert_int_equal(due(core), NOWHERE);
    assert_int_equal(timers_next(core), 90);
}

static void can_be_cleared_and_set_again(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    assert_int_equal(timers_next(core), CORE_NEVER);
    timer_clear(core, 5); /* not set: nothing happens */
    timer_set(core, 5, 30);
    timer_set(core, 6, 40);
    timer_set(core, 5, 50); /* later */
    assert_int_equal(timers_next(core), 40);
    timer_set(core, 5, 10); /* earlier */
    assert_int_equal(timers_next(core), 10);
    timer_set(core, 5, CORE_NEVER);
    assert_int_equal(timers_next(core), 40);
    timer_clear(core, 6);
    assert_int_equal(timers_next(core), CORE_NEVER);
    timer_set(core, 5, 20);
    timer_set(core, 6, 20);
    timer_set(core, 5, 20); /* the same again keeps its place */
    core->now_ns = 20;
    assert_int_equal(due(core), 5);
    assert_int_equal(due(core), 6);
    assert_int_equal(core->heap_count, 0);
}

static void belongs_to_one_row_of_one_table(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    volatile uint32_t seen = 0;
    uint32_t index;
    for (uint32_t i = 0; i < core->calls.rows; i++, seen++) {
        assert_int_equal(timer_of_call(core, i), seen);
        assert_int_equal(timer_owner(core, seen, &index), TABLE_CALL);
        assert_int_equal(index, i);
    }
    for (uint32_t i = 0; i < core->deliveries.rows; i++, seen++) {
        assert_int_equal(timer_of_delivery(core, i), seen);
        assert_int_equal(timer_owner(core, seen, &index), TABLE_DELIVERY);
        assert_int_equal(index, i);
    }
    for (uint32_t i = 0; i < core->workers.rows; i++, seen++) {
        assert_int_equal(timer_of_worker(core, i), seen);
        assert_int_equal(timer_owner(core, seen, &index), TABLE_WORKER);
        assert_int_equal(index, i);
    }
    for (uint32_t i = 0; i < core->functions.rows; i++, seen++) {
        assert_int_equal(timer_of_function(core, i), seen);
        assert_int_equal(timer_owner(core, seen, &index), TABLE_FUNCTION);
        assert_int_equal(index, i);
    }
    assert_int_equal(timer_of_core(core), seen);
    assert_int_equal(timer_owner(core, seen++, &index), TABLE_NONE);
    assert_int_equal(index, 0);
    assert_int_equal(timer_of_sweep(core), seen);
    assert_int_equal(timer_owner(core, seen++, &index), TABLE_NONE);
    assert_int_equal(index, 1);
    assert_int_equal(timer_of_walk(core), seen);
    assert_int_equal(timer_owner(core, seen, &index), TABLE_NONE);
    assert_int_equal(index, 2);
    assert_int_equal(seen + 1, core->timers_count);
    assert_panics(timer_owner(core, seen + 1, &index));
    assert_panics(timer_set(core, seen + 1, 10));
}

/* -- against a model --------------------------------------------------------------------------------------------- */

enum { TIMERS = 53, ROUNDS = 200000 };

struct model {
    bool set[TIMERS];
    uint64_t due_ns[TIMERS], order[TIMERS], next_order;
};

static uint32_t model_first(const struct model *model)
{
    uint32_t best = NOWHERE;
    for (uint32_t i = 0; i < TIMERS; i++) {
        bool better =
            model->set[i] && (best == NOWHERE || model->due_ns[i] < model->due_ns[best] ||
                              (model->due_ns[i] == model->due_ns[best] && model->order[i] < model->order[best]));
        best = better ? i : best;
    }
    return best;
}

static void model_set(struct model *model, uint32_t timer, uint64_t due_ns)
{
    if (model->set[timer] && model->due_ns[timer] == due_ns) {
        return;
    }
    model->set[timer] = true;
    model->due_ns[timer] = due_ns;
    model->order[timer] = model->next_order++;
}

static void agrees_with_a_list_searched_from_end_to_end(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    struct model model = { 0 };
    assert_int_equal(core->timers_count, TIMERS);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint32_t timer = (uint32_t)draw_below(draw(1, round, DRAW_USER, 0), TIMERS);
        uint64_t what = draw_below(draw(1, round, DRAW_USER, 1), 8);
        if (what < 5) {
            uint64_t due_ns = core->now_ns + draw_below(draw(1, round, DRAW_USER, 2), 64);
            timer_set(core, timer, due_ns);
            model_set(&model, timer, due_ns);
        } else if (what == 5) {
            timer_clear(core, timer);
            model.set[timer] = false;
        } else {
            core->now_ns += draw_below(draw(1, round, DRAW_USER, 3), 4);
            uint32_t first = model_first(&model);
            bool is_due = first != NOWHERE && model.due_ns[first] <= core->now_ns;
            assert_int_equal(due(core), is_due ? first : NOWHERE);
            if (is_due) {
                model.set[first] = false;
            }
        }
        uint32_t first = model_first(&model);
        assert_int_equal(timers_next(core), first == NOWHERE ? CORE_NEVER : model.due_ns[first]);
    }
}

#define TIMER_TEST(name) cmocka_unit_test_setup_teardown(name, up, puppet_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(comes_in_order_of_time_then_of_setting),
        TIMER_TEST(can_be_cleared_and_set_again),
        TIMER_TEST(belongs_to_one_row_of_one_table),
        TIMER_TEST(agrees_with_a_list_searched_from_end_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
