/* A log-linear histogram of times: 64 steps to each doubling, so that any value is off by 1.6 % at most.
 * Plain data; zero-initialise. One thread. */
#ifndef STEAD_BENCH_LOAD_HISTOGRAM_H
#define STEAD_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 6, HISTOGRAM_ROWS = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS };

struct histogram {
    uint64_t count, sum, most;
    uint64_t rows[HISTOGRAM_ROWS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that `share` (0 to 1) of all values do not exceed, rounded up to its step; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
