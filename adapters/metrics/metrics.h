/* Counters, gauges and histograms, declared in one table (metrics_families.h) and exposed in the Prometheus text format
 * 0.0.4.
 *
 * A series is one set of label values of one family. Look it up once, keep the pointer, and update it with one atomic
 * operation; a pointer stays valid until metrics_free(). Label values must be bounded (never an id or a message text);
 * above METRICS_SERIES_MAX of a family new ones go to a series that is not exposed, and are counted in
 * stead_metrics_series_dropped_total.
 *
 * Values are integers. Families in seconds are updated in nanoseconds and exposed in seconds.
 * Threads: every function may be called from any thread. */
#ifndef STEAD_ADAPTERS_METRICS_H
#define STEAD_ADAPTERS_METRICS_H

#include "adapters/event/event.h"
#include "adapters/metrics/metrics_families.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
#define X(name, kind, unit, labels, help) METRIC_##name,
    METRICS_FAMILIES(X)
#undef X
        METRIC_COUNT
};

enum { METRICS_SERIES_MAX = 2000, METRICS_LABELS_MAX = 4, METRICS_LABEL_BYTES_MAX = 128 };

struct metrics;
struct metrics_series;

/* NULL if memory ran out. Families without labels are exposed from the start with 0. */
struct metrics *metrics_create(void);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* The series with these label values, in the family's order; created if new. Never NULL. */
struct metrics_series *metrics_series(struct metrics *metrics, enum metric metric, const char *const *values);
/* For families without labels. */
struct metrics_series *metrics_plain(struct metrics *metrics, enum metric metric);

void metrics_add(struct metrics_series *series, uint64_t amount); /* counters; gauges too */
void metrics_set(struct metrics_series *series, int64_t value);   /* gauges, and counters that mirror another count */
void metrics_observe(struct metrics_series *series, uint64_t ns); /* histograms */
int64_t metrics_value(const struct metrics_series *series);       /* of a histogram: its count */

/* Fills the process_* families from /proc/self. */
void metrics_sample_process(struct metrics *metrics);
/* Appends all families. The answer's type is METRICS_CONTENT_TYPE. */
void metrics_write(struct metrics *metrics, struct event_buffer *text);
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
