/* The registry's inside, for metrics.c and metrics_write.c. */
#ifndef STEAD_ADAPTERS_METRICS_INTERNAL_H
#define STEAD_ADAPTERS_METRICS_INTERNAL_H

#include "adapters/metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };
enum metrics_unit { METRICS_UNIT_COUNT, METRICS_UNIT_SECONDS };
enum { METRICS_BUCKETS = 19 };

struct metrics_family {
    const char *name; /* upper case */
    enum metrics_kind kind;
    enum metrics_unit unit;
    const char *labels;
    const char *help;
};

struct metrics_series {
    struct metrics_series *next;
    const struct metrics_family *family;
    char values[METRICS_LABELS_MAX][METRICS_LABEL_BYTES_MAX];
    _Atomic int64_t value; /* of a histogram: the sum */
    _Atomic uint64_t buckets[];
};

struct metrics {
    pthread_mutex_t lock;
    struct metrics_series *first[METRIC_COUNT];
    struct metrics_series *sinks[METRIC_COUNT];
    uint32_t counts[METRIC_COUNT];
    uint64_t refused[METRIC_COUNT];
};

extern const uint64_t metrics_bounds_ns[METRICS_BUCKETS];
const struct metrics_family *metrics_family_of(enum metric metric);
size_t metrics_label_count(const struct metrics_family *family);

#endif
