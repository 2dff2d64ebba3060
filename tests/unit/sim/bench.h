/* A modelled broker alone on a bench: a clock moved by hand, and what the broker sent last. For one test at a time. */
#ifndef STEAD_TESTS_UNIT_SIM_BENCH_H
#define STEAD_TESTS_UNIT_SIM_BENCH_H

#include "sim/jet.h"

#define MS UINT64_C(1000000)

enum { LATE = 5, TIMERS_MAX = 256, CONNECTION = 7 }; /* redelivery may come up to LATE ms late */

struct timer {
    uint64_t at;
    enum jet_timer timer;
    uint32_t number, stamp;
    bool used;
};

struct bench {
    struct jet jet;
    uint64_t now;
    struct timer timers[TIMERS_MAX];
    uint32_t deliveries;
    uint64_t delivered[64]; /* sequences, in order */
    uint64_t delivered_to[64];
    uint32_t count[64]; /* the server's count of each */
    uint32_t ends;
    uint16_t end_code;
    uint32_t end_unfilled;
};

/* One function with a consumer; jet_free() is the caller's. */
struct bench *bench_new(uint32_t ack_pending_max, uint32_t messages_max, enum jet_profile profile);
void advance(struct bench *bench, uint64_t ms);
struct jet_ack publish(struct bench *bench, uint32_t request);
void pull(struct bench *bench, uint64_t name, uint32_t batch, uint64_t expires_ms);
void ack(struct bench *bench, uint64_t sequence);
void hand_back(struct bench *bench, uint64_t sequence, uint64_t delay_ms);

#endif
