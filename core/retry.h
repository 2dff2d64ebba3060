/* Retry policy: when a charged attempt may be followed by another, and how much later. Pure functions. */
#ifndef STEAD_CORE_RETRY_H
#define STEAD_CORE_RETRY_H

#include "core/limits.h"
#include "core/types.h"

/* What a function asked for, or the instance's settings. */
struct backoff {
    uint64_t ns_base, ns_max;
    enum jitter jitter;
};

/* min(ns_max, ns_base * 2^(attempts-1)), saturating; attempts counts from 1. */
uint64_t retry_ceiling_ns(const struct backoff *backoff, uint32_t attempts);
/* The delay after attempt number `attempts`, with the configured jitter. NONE: the ceiling; FULL: [0, ceiling);
 * EQUAL: [ceiling/2, ceiling); DECORRELATED: min(max, [base, 3 * previous ceiling)). */
uint64_t retry_delay_ns(const struct backoff *backoff, uint64_t seed, struct key request, uint32_t attempts);

#endif
