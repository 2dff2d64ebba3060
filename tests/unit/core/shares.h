/* Facts about routes and closing functions, for a puppet: puppet.h knows plain functions only. Routes are named by
 * numbers, like functions, and share their names. One thread. */
#ifndef STEAD_TESTS_UNIT_CORE_SHARES_H
#define STEAD_TESTS_UNIT_CORE_SHARES_H

#include "tests/unit/core/puppet.h"

struct share {
    uint32_t of, version; /* of 0: a function and not a route */
    uint8_t alias, place, weight, closing, elsewhere;
    uint16_t workers_max, retries_max;
};

/* Tells of a route (or, without `of`, of a function) as it is to be. */
void share_set(struct puppet *puppet, uint32_t name, struct share share);
/* The same, and its build and its probe succeed. Its worker is puppet->worker then. */
struct handle share_up(struct puppet *puppet, uint32_t route, struct share share);
/* Fresh, with digest 7; `alias` as the message names it. */
void share_deliver(struct puppet *puppet, struct handle function, uint32_t request, uint64_t sequence, uint8_t alias);
/* The first sequence from `from` on whose message runs on `name`; fails the test if 10,000 do not. */
uint64_t share_sequence(struct puppet *puppet, uint32_t function, uint8_t alias, uint32_t name, uint64_t from);
/* The row of that name; fails the test if there is none. */
struct function *share_row(struct puppet *puppet, uint32_t name);
/* Fails unless the last fact ended in an execution of that version. */
void expect_runs(struct puppet *puppet, uint32_t version);

#endif
