/* Deployed by the facts that a deploy brings, so the core came to this state as it does in production. */
#include "tests/unit/core/one_function.h"

int one_function_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    fixture->function =
        puppet_deploy(fixture->puppet, 1, (struct deployed){ .retries_max = 2, .timeout_ns = 3600 * SECOND });
    fixture->worker = fixture->puppet->worker;
    *state = fixture;
    return 0;
}

int one_function_down(void **state)
{
    struct fixture *fixture = *state;
    puppet_free(fixture->puppet);
    test_free(fixture);
    return 0;
}

void deliver(struct fixture *fixture, uint32_t request)
{
    puppet_deliver(fixture->puppet, fixture->function, request, 1000 + request, 1);
}
