/* The registry: per family a list of series in order of creation, guarded by one lock that only look-ups and the
 * exposition take. Values are relaxed atomics: a scrape may see one update and not the next, which Prometheus allows. A
 * histogram keeps plain (not cumulative) buckets, which are summed when written. */
#include "adapters/metrics/metrics_internal.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct metrics_family families[METRIC_COUNT] = {
#define X(name, kind, unit, labels, help) { #name, METRICS_##kind, METRICS_UNIT_##unit, labels, help },
    METRICS_FAMILIES(X)
#undef X
};

const uint64_t metrics_bounds_ns[METRICS_BUCKETS] = {
    1000000,    2500000,     5000000,     10000000,    25000000,     50000000,   75000000,
    100000000,  250000000,   500000000,   750000000,   1000000000,   2500000000, 5000000000,
    7500000000, 10000000000, 30000000000, 60000000000, 300000000000,
};

const struct metrics_family *metrics_family_of(enum metric metric)
{
    assert((size_t)metric < METRIC_COUNT);
    return &families[metric];
}

size_t metrics_label_count(const struct metrics_family *family)
{
    size_t count = *family->labels == '\0' ? 0 : 1;
    for (const char *at = family->labels; *at != '\0'; at++) {
        count += *at == ',' ? 1 : 0;
    }
    return count;
}

static struct metrics_series *series_create(const struct metrics_family *family)
{
    size_t buckets = family->kind == METRICS_HISTOGRAM ? METRICS_BUCKETS + 1 : 0;
    struct metrics_series *series = calloc(1, sizeof *series + buckets * sizeof series->buckets[0]);
    if (series != NULL) {
        series->family = family;
    }
    return series;
}

struct metrics *metrics_create(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL) {
        return NULL;
    }
    pthread_mutex_init(&metrics->lock, NULL);
    bool good = true;
    for (int i = 0; i < METRIC_COUNT; i++) {
        assert(metrics_label_count(&families[i]) <= METRICS_LABELS_MAX);
        metrics->sinks[i] = series_create(&families[i]);
        good = good && metrics->sinks[i] != NULL;
        if (good && *families[i].labels == '\0') {
            metrics_plain(metrics, (enum metric)i);
        }
    }
    if (!good) {
        metrics_free(metrics);
        return NULL;
    }
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (int i = 0; i < METRIC_COUNT; i++) {
        for (struct metrics_series *series = metrics->first[i], *next; series != NULL; series = next) {
            next = series->next;
            free(series);
        }
        free(metrics->sinks[i]);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static bool series_has(const struct metrics_series *series, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(series->values[i], values[i], METRICS_LABEL_BYTES_MAX - 1) != 0) {
            return false;
        }
    }
    return true;
}

/* The lock is held. Full, or out of memory: the sink, which takes updates and is never written. */
static struct metrics_series *series_add(struct metrics *metrics, enum metric metric, const char *const *values,
                                         size_t count, struct metrics_series **link)
{
    struct metrics_series *series = NULL;
    if (metrics->counts[metric] < METRICS_SERIES_MAX) {
        series = series_create(&families[metric]);
    }
    if (series == NULL) {
        metrics->refused[metric]++;
        return metrics->sinks[metric];
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(series->values[i], METRICS_LABEL_BYTES_MAX, "%s", values[i]);
    }
    *link = series;
    metrics->counts[metric]++;
    return series;
}

struct metrics_series *metrics_series(struct metrics *metrics, enum metric metric, const char *const *values)
{
    size_t count = metrics_label_count(metrics_family_of(metric));
    pthread_mutex_lock(&metrics->lock);
    struct metrics_series **link = &metrics->first[metric];
    while (*link != NULL && !series_has(*link, values, count)) {
        link = &(*link)->next;
    }
    struct metrics_series *found = *link != NULL ? *link : series_add(metrics, metric, values, count, link);
    pthread_mutex_unlock(&metrics->lock);
    return found;
}

struct metrics_series *metrics_plain(struct metrics *metrics, enum metric metric)
{
    assert(*metrics_family_of(metric)->labels == '\0');
    return metrics_series(metrics, metric, NULL);
}

void metrics_add(struct metrics_series *series, uint64_t amount)
{
    assert(series->family->kind != METRICS_HISTOGRAM);
    atomic_fetch_add_explicit(&series->value, (int64_t)amount, memory_order_relaxed);
}

void metrics_set(struct metrics_series *series, int64_t value)
{
    assert(series->family->kind != METRICS_HISTOGRAM);
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void metrics_observe(struct metrics_series *series, uint64_t ns)
{
    assert(series->family->kind == METRICS_HISTOGRAM);
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && ns > metrics_bounds_ns[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->value, (int64_t)ns, memory_order_relaxed);
}

int64_t metrics_value(const struct metrics_series *series)
{
    if (series->family->kind != METRICS_HISTOGRAM) {
        return atomic_load_explicit(&series->value, memory_order_relaxed);
    }
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    }
    return (int64_t)count;
}
