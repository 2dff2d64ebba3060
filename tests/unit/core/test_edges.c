/* Each machine's one function that changes its state takes every edge of the table in states.h, and panics at any
 * other.
 *
 * The machines' files are included, so that their private functions can be called; the linker then leaves the
 * library's copies out. That the legal edges are also taken in real life is shown by the long random run. */
#include "tests/unit/core/puppet.h"

/* NOLINTBEGIN(bugprone-suspicious-include): see above */
#include "core/call.c"
#include "core/function.c"
#include "core/instance.c"
#include "core/worker.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define X(name, next) (next),
static const uint32_t call_edges[] = { CALL_STATES(X) };
static const uint32_t delivery_edges[] = { DELIVERY_STATES(X) };
static const uint32_t worker_edges[] = { WORKER_STATES(X) };
static const uint32_t function_edges[] = { FUNCTION_STATES(X) };
static const uint32_t instance_edges[] = { INSTANCE_STATES(X) };
#undef X

struct tested {
    const uint32_t *edges;
    uint32_t states;
    /* Puts row 0 into a state and asks for the next one. */
    void (*change)(struct core *core, uint32_t from, uint32_t next);
    uint32_t (*state)(struct core *core);
};

static void change_call(struct core *core, uint32_t from, uint32_t next)
{
    call_at(core, 0)->row.state = (uint8_t)from;
    call_become(core, 0, (enum call_state)next);
}

static uint32_t state_of_call(struct core *core)
{
    return call_at(core, 0)->row.state;
}

static void change_worker(struct core *core, uint32_t from, uint32_t next)
{
    worker_at(core, 0)->row.state = (uint8_t)from;
    worker_become(core, 0, (enum worker_state)next);
}

static uint32_t state_of_worker(struct core *core)
{
    return worker_at(core, 0)->row.state;
}

static void change_function(struct core *core, uint32_t from, uint32_t next)
{
    function_at(core, 0)->row.state = (uint8_t)from;
    function_become(core, 0, (enum function_state)next);
}

static uint32_t state_of_function(struct core *core)
{
    return function_at(core, 0)->row.state;
}

static void change_instance(struct core *core, uint32_t from, uint32_t next)
{
    struct effects effects = { 0 };
    core->out = &effects;
    core->instance = (uint8_t)from;
    instance_become(core, (enum instance_state)next);
}

static uint32_t state_of_instance(struct core *core)
{
    return core->instance;
}

/* A queued delivery is in its function's queue, so that leaving that state finds it there. */
static void change_delivery(struct core *core, uint32_t from, uint32_t next)
{
    struct effects effects = { 0 };
    core->out = &effects;
    struct delivery *delivery = delivery_at(core, 0);
    struct function *function = function_at(core, 0);
    delivery->node.linked = false;
    function->queue = LIST_EMPTY;
    function->in_hand = core->in_hand = 5;
    delivery->row.state = (uint8_t)from;
    if (from == DELIVERY_QUEUED) {
        list_add_last(core, &function->queue, delivery_node(core), 0);
    }
    delivery_become(core, 0, (enum delivery_state)next);
    assert_int_equal(function->queue.count, next == DELIVERY_QUEUED);
    bool held_before = from >= DELIVERY_CHECKING && from <= DELIVERY_RUNNING;
    bool held_after = next >= DELIVERY_CHECKING && next <= DELIVERY_RUNNING;
    assert_int_equal(function->in_hand, 5 + held_after - held_before);
}

static uint32_t state_of_delivery(struct core *core)
{
    return delivery_at(core, 0)->row.state;
}

static void walk(struct puppet *puppet, const struct tested *machine)
{
    for (uint32_t from = 0; from < machine->states; from++) {
        for (uint32_t next = 0; next <= machine->states; next++) {
            if (machine->edges[from] & 1u << next) {
                machine->change(puppet->core, from, next);
                assert_int_equal(machine->state(puppet->core), next);
            } else {
                assert_panics(machine->change(puppet->core, from, next));
            }
        }
    }
}

static void takes_legal_edges_only_call(void **state)
{
    walk(*state, &(struct tested){ call_edges, CALL_COUNT, change_call, state_of_call });
}

static void takes_legal_edges_only_delivery(void **state)
{
    walk(*state, &(struct tested){ delivery_edges, DELIVERY_COUNT, change_delivery, state_of_delivery });
}

static void takes_legal_edges_only_worker(void **state)
{
    walk(*state, &(struct tested){ worker_edges, WORKER_COUNT, change_worker, state_of_worker });
}

static void takes_legal_edges_only_function(void **state)
{
    walk(*state, &(struct tested){ function_edges, FUNCTION_COUNT, change_function, state_of_function });
}

/* The instance may stay what it is: that is no edge, and says nothing. */
static void takes_legal_edges_only_instance(void **state)
{
    uint32_t edges[INSTANCE_COUNT];
    for (uint32_t at = 0; at < INSTANCE_COUNT; at++) {
        edges[at] = instance_edges[at] | 1u << at;
    }
    walk(*state, &(struct tested){ edges, INSTANCE_COUNT, change_instance, state_of_instance });
}

static void check_table(const uint32_t *edges, uint32_t states, bool has_free)
{
    uint32_t reached = 1; /* the first state */
    for (uint32_t round = 0; round < states; round++) {
        for (uint32_t from = 0; from < states; from++) {
            reached |= reached & 1u << from ? edges[from] : 0;
        }
    }
    assert_int_equal(reached, (1u << states) - 1); /* every state can be reached, and no edge leads out of the table */
    for (uint32_t from = 0; from < states && has_free; from++) {
        assert_false(edges[from] & 1u); /* a row becomes free by its pool alone */
    }
}

static void has_tables_that_reach_every_state(void **state)
{
    check_table(call_edges, CALL_COUNT, true);
    check_table(delivery_edges, DELIVERY_COUNT, true);
    check_table(worker_edges, WORKER_COUNT, true);
    check_table(function_edges, FUNCTION_COUNT, true);
    check_table(instance_edges, INSTANCE_COUNT, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_legal_edges_only_call),     TEST(takes_legal_edges_only_delivery),
        TEST(takes_legal_edges_only_worker),   TEST(takes_legal_edges_only_function),
        TEST(takes_legal_edges_only_instance), TEST(has_tables_that_reach_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
