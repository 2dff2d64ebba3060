/* A core on strings: feeds facts, goes on until nothing is due, and keeps the effects of that for the test to look
 * at.
 *
 * After every step it checks what must always hold: core_check(), the bound of the effects, each blob dropped
 * exactly once and never used after that, operations unlike each other, no EXTEND or HAND_BACK of a passed
 * connection. Time stands still unless puppet_wait() moves it. One thread only; memory is freed by puppet_free(). */
#ifndef STEAD_TESTS_UNIT_CORE_PUPPET_H
#define STEAD_TESTS_UNIT_CORE_PUPPET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"
#include "core/state.h"
#include "tests/unit/core/panic.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { PUPPET_BLOBS = 1 << 16, PUPPET_SEEN = 1 << 14 };

struct puppet {
    struct core *core;
    void *memory;
    uint64_t now_ns;
    uint32_t epoch;                  /* of the connection, whether it is up or not */
    uint32_t blob_next, blobs;       /* held by the core */
    struct handle worker;            /* the last that was started */
    uint8_t held[PUPPET_BLOBS];      /* by slot */
    uint32_t owner[PUPPET_BLOBS];    /* by slot: epoch in which the blob came */
    struct effect seen[PUPPET_SEEN]; /* since the last fact or wait began */
    uint64_t seen_ns[PUPPET_SEEN];
    uint32_t seen_count, steps; /* steps: since the last fact or wait began */
};

extern const struct limits puppet_limits;
extern const struct settings puppet_settings;

/* NULL: the defaults above. */
struct puppet *puppet_new(const struct limits *limits, const struct settings *settings);
void puppet_free(struct puppet *puppet);
int puppet_up(void **state);   /* cmocka set-up: default limits, connection up */
int puppet_down(void **state); /* cmocka tear-down */

/* -- facts: each steps the core, then ticks it until nothing is due now ------------------------------------------ */

void puppet_fact(struct puppet *puppet, struct input input); /* completes now_ns; epoch 0 becomes the present one */
void puppet_step(struct puppet *puppet, struct input input); /* one step alone, no ticks */
struct blob puppet_blob(struct puppet *puppet);
void puppet_wait(struct puppet *puppet, uint64_t for_ns); /* ticks at every deadline on the way */
void puppet_link_up(struct puppet *puppet);               /* with a new epoch */
void puppet_link_down(struct puppet *puppet);

struct deployed {
    uint64_t timeout_ns, keep_alive_ns;             /* 0: 1 s, 1 h */
    uint16_t retries_max, concurrency, workers_max; /* concurrency, workers_max 0: 1 */
    uint32_t version;                               /* 0: 1 */
    bool cold;                                      /* keep-alive is really 0 */
};

struct key puppet_name(uint32_t function);
struct key puppet_version(uint32_t version);
struct key puppet_request(uint32_t request);

void puppet_function_set(struct puppet *puppet, uint32_t function, struct deployed deployed);
void puppet_function_removed(struct puppet *puppet, uint32_t function);
void puppet_built(struct puppet *puppet, uint64_t operation, enum outcome outcome, enum reason reason);
void puppet_consumer(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t fresh_after);
/* All of the above and a probe that is up: serves from sequence 101 on, its worker is puppet->worker. */
struct handle puppet_deploy(struct puppet *puppet, uint32_t function, struct deployed deployed);

void puppet_call(struct puppet *puppet, uint32_t request, uint32_t function, uint64_t digest, uint64_t budget_ns);
/* A call by another door, with reference 2000 + request; SUBMIT is for function 1, with digest 7. */
void puppet_door(struct puppet *puppet, enum call_kind kind, uint32_t request, uint64_t budget_ns);
void puppet_cancelled(struct puppet *puppet, struct handle call);
void puppet_found(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t sequence);
void puppet_removed(struct puppet *puppet, uint64_t operation, enum outcome outcome);
void puppet_cancel_heard(struct puppet *puppet, uint32_t request);
void puppet_published(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint16_t code);
void puppet_fetched(struct puppet *puppet, uint64_t operation, enum outcome outcome, enum end end, uint64_t digest);
void puppet_answer(struct puppet *puppet, uint32_t request, enum end end, uint64_t digest);
void puppet_ledger(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t revision, uint64_t nonce,
                   uint32_t attempts, uint32_t starts);
/* Digest 7, no budget, stored now. */
void puppet_deliver(struct puppet *puppet, struct handle function, uint32_t request, uint64_t sequence,
                    uint32_t delivered);
void puppet_pull_ended(struct puppet *puppet, uint64_t operation, uint32_t unfilled, uint16_t code);
void puppet_ready(struct puppet *puppet, struct handle worker, uint16_t concurrency);
void puppet_exited(struct puppet *puppet, struct handle worker, enum reason reason);
void puppet_broken(struct puppet *puppet, struct handle worker);
void puppet_result(struct puppet *puppet, struct handle worker, uint16_t stream);
void puppet_error(struct puppet *puppet, struct handle worker, uint16_t stream, enum error_class class,
                  uint64_t after_ns);
void puppet_drain(struct puppet *puppet, uint64_t grace_ns);

/* -- what came of it --------------------------------------------------------------------------------------------- */

/* The only effect of that kind; fails the test if there is none or more than one. */
const struct effect *puppet_one(struct puppet *puppet, enum effect_kind kind);
const struct effect *puppet_nth(struct puppet *puppet, enum effect_kind kind, uint32_t nth); /* from 0; NULL: none */
uint32_t puppet_count(const struct puppet *puppet, enum effect_kind kind);
uint64_t puppet_when(struct puppet *puppet, enum effect_kind kind); /* when the only one of that kind was emitted */
/* Fails unless those kinds came in that order (others may lie between). End the list by EFFECT_COUNT. */
void puppet_order(struct puppet *puppet, ...);
struct core_view puppet_view(const struct puppet *puppet);
/* State of the row that holds the request, 0 (FREE) if none does. */
enum delivery_state puppet_delivery(struct puppet *puppet, uint32_t request);
void puppet_expect_delivery(struct puppet *puppet, uint32_t request, enum delivery_state expected);
enum call_state puppet_call_state(struct puppet *puppet, uint32_t request);
enum worker_state puppet_worker(struct puppet *puppet, struct handle worker);
enum function_state puppet_function(struct puppet *puppet, uint32_t function);

#define TEST(name) cmocka_unit_test_setup_teardown(name, puppet_up, puppet_down)

#endif
