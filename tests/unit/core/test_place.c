/* Who gets a process when all places are taken: the idle ones make room at once, a busy one when another function has
 * waited for half of the time that a message may wait, and it has had its place for as long. */
#include "tests/unit/core/puppet.h"

enum { LONG_SECONDS = 60 };

/* One place, two functions without a process. */
struct fixture {
    struct puppet *puppet;
    struct handle busy, other;
};

static struct handle deploy(struct puppet *puppet, uint32_t function)
{
    struct handle deployed = puppet_deploy(puppet, function, (struct deployed){ .timeout_ns = LONG_SECONDS * SECOND });
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    return deployed;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct limits limits = {
        .calls_max = 4, .deliveries_max = 24, .functions_max = 4, .workers_max = 1, .slots = 8
    };
    fixture.puppet = puppet_new(&limits, NULL);
    puppet_link_up(fixture.puppet);
    fixture.busy = deploy(fixture.puppet, 1);
    fixture.other = deploy(fixture.puppet, 2);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    puppet_free(((struct fixture *)*state)->puppet);
    return 0;
}

static struct effect begin(struct fixture *fixture, uint32_t request)
{
    puppet_deliver(fixture->puppet, fixture->busy, request, 1000 + request, 1);
    puppet_ready(fixture->puppet, puppet_one(fixture->puppet, EFFECT_START_WORKER)->about, 1);
    return *puppet_one(fixture->puppet, EFFECT_EXECUTE);
}

static void deliver(struct fixture *fixture, struct handle function, uint32_t request, uint64_t budget_ns)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(fixture->puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.sequence = 1000 + request;
    input.as.delivery.delivered = 1;
    input.as.delivery.budget_ns = budget_ns;
    puppet_fact(fixture->puppet, input);
}

/* It answers and gets the next message. */
static struct effect goes_on(struct fixture *fixture, struct effect execute)
{
    puppet_result(fixture->puppet, execute.about, execute.stream);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_STOP_WORKER), 0);
    return *puppet_one(fixture->puppet, EFFECT_EXECUTE);
}

/* It answers and makes room for the other function, though more is queued for its own. */
static void makes_room(struct fixture *fixture, struct effect execute)
{
    struct puppet *puppet = fixture->puppet;
    puppet_result(puppet, execute.about, execute.stream);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, execute.about));
    puppet_exited(puppet, execute.about, REASON_NONE);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_START_WORKER)->other, fixture->other));
}

static void lets_in_who_has_waited_long(void **state)
{
    struct fixture *fixture = *state;
    struct effect execute = begin(fixture, 1);
    deliver(fixture, fixture->busy, 2, 0);
    deliver(fixture, fixture->other, 7, 0);
    puppet_wait(fixture->puppet, 2 * SECOND);
    execute = goes_on(fixture, execute);
    deliver(fixture, fixture->busy, 3, 0);
    puppet_wait(fixture->puppet, SECOND);
    makes_room(fixture, execute);
}

static void lets_in_whose_time_is_half_over(void **state)
{
    struct fixture *fixture = *state;
    struct effect execute = begin(fixture, 1);
    deliver(fixture, fixture->busy, 2, 0);
    puppet_wait(fixture->puppet, 3 * SECOND);
    deliver(fixture, fixture->busy, 3, 0);
    deliver(fixture, fixture->other, 7, SECOND);
    puppet_wait(fixture->puppet, 400 * MS);
    execute = goes_on(fixture, execute);
    puppet_wait(fixture->puppet, 200 * MS);
    makes_room(fixture, execute);
}

static void leaves_each_its_turn(void **state)
{
    struct fixture *fixture = *state;
    struct effect execute = begin(fixture, 1);
    deliver(fixture, fixture->busy, 2, 0);
    deliver(fixture, fixture->busy, 3, 0);
    deliver(fixture, fixture->other, 7, SECOND);
    puppet_wait(fixture->puppet, 900 * MS); /* more than half of its time, but the process is young */
    goes_on(fixture, execute);
}

static void makes_room_by_ending_the_longest_idle(void **state)
{
    const struct limits limits = {
        .calls_max = 4, .deliveries_max = 24, .functions_max = 4, .workers_max = 2, .slots = 8
    };
    (void)state;
    struct puppet *puppet = puppet_new(&limits, NULL);
    puppet_link_up(puppet);
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct handle oldest = puppet->worker;
    puppet_wait(puppet, MS);
    struct handle function = puppet_deploy(puppet, 2, (struct deployed){ 0 });
    puppet_exited(puppet, puppet->worker, REASON_NONE);
    puppet_wait(puppet, MS);
    puppet_deploy(puppet, 3, (struct deployed){ 0 });
    puppet_deliver(puppet, function, 5, 1005, 1);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_STOP_WORKER)->about, oldest));
    puppet_exited(puppet, oldest, REASON_NONE);
    assert_true(handle_equal(puppet_one(puppet, EFFECT_START_WORKER)->other, function));
    puppet_free(puppet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lets_in_who_has_waited_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lets_in_whose_time_is_half_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_each_its_turn, set_up, tear_down),
        cmocka_unit_test(makes_room_by_ending_the_longest_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
