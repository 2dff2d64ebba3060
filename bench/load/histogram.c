/* Values below 64 have a row each. Above, a row is the place of the highest bit and the six bits that follow it. */
#include "bench/load/histogram.h"

enum { STEPS = 1 << HISTOGRAM_STEP_BITS };

static uint32_t row_of(uint64_t value)
{
    if (value < STEPS) {
        return (uint32_t)value;
    }
    uint32_t highest = 63 - (uint32_t)__builtin_clzll(value);
    uint32_t shift = highest - HISTOGRAM_STEP_BITS;
    return ((shift + 1) << HISTOGRAM_STEP_BITS) + (uint32_t)((value >> shift) & (STEPS - 1));
}

static uint64_t highest_of(uint32_t row)
{
    if (row < STEPS) {
        return row;
    }
    uint32_t shift = (row >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t lowest = (uint64_t)(STEPS + (row & (STEPS - 1))) << shift;
    return lowest + ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->sum += value;
    histogram->most = value > histogram->most ? value : histogram->most;
    histogram->rows[row_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (uint32_t row = 0; row < HISTOGRAM_ROWS; row++) {
        seen += histogram->rows[row];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t value = highest_of(row);
            return value < histogram->most ? value : histogram->most;
        }
    }
    return histogram->most;
}
