/* One request that runs: function 1 is deployed with one retry, or as many as a test wants; request 5 runs on its only
 * worker; somebody waits for the answer elsewhere. */
#ifndef STEAD_TESTS_UNIT_CORE_ONE_REQUEST_H
#define STEAD_TESTS_UNIT_CORE_ONE_REQUEST_H

#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function, worker;
    uint16_t stream;
    struct blob message;
};

int up_with(void **state, uint16_t retries_max);
int up(void **state); /* with one retry */
int down(void **state);

void expect_state(struct fixture *fixture, enum delivery_state expected);
void expect_end(const struct effect *store, enum end end, enum reason reason, uint32_t attempts);
/* Ends the execution well; returns the publish of its result. */
struct effect succeed(struct fixture *fixture);
/* Ends it by an error that may be retried; returns the charge. */
struct effect fail_once(struct fixture *fixture);

#define SETTLE_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif
