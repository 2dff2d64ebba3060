/* A puppet on which function 1 is deployed, fresh after sequence 100, with two retries and a timeout of an hour; its
 * only worker is `worker`. Set-up and tear-down of one test; one thread. */
#ifndef STEAD_TESTS_UNIT_CORE_ONE_FUNCTION_H
#define STEAD_TESTS_UNIT_CORE_ONE_FUNCTION_H

#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function, worker;
};

int one_function_up(void **state);
int one_function_down(void **state);

/* Message 1000 + request of it, for the first time. */
void deliver(struct fixture *fixture, uint32_t request);

#define ONE_FUNCTION_TEST(name) cmocka_unit_test_setup_teardown(name, one_function_up, one_function_down)

#endif
