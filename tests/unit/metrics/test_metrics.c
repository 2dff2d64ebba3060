/* The metrics registry: exact exposition of each kind, escaping and the series limit. */
#include "adapters/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

static char *written(struct metrics *metrics, struct event_buffer *text)
{
    metrics_write(metrics, text);
    event_buffer_append(text, "", 1);
    assert_false(text->failed);
    return (char *)text->at;
}

static void assert_has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL) {
        fail_msg("no \"%s\" in:\n%s", line, text);
    }
}

static void writes_each_kind(void **state)
{
    struct metrics *metrics = metrics_create();
    struct event_buffer text = { 0 };
    const char *const labels[] = { "c", "e\"c\\h\no", "success" };
    metrics_add(metrics_series(metrics, METRIC_STEAD_FUNCTION_INVOCATIONS_TOTAL, labels), 2);
    metrics_add(metrics_series(metrics, METRIC_STEAD_FUNCTION_INVOCATIONS_TOTAL, labels), 1);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_NATS_CONNECTED), 1);
    metrics_set(metrics_plain(metrics, METRIC_PROCESS_CPU_SECONDS_TOTAL), 1250000000);
    struct metrics_series *wait = metrics_series(metrics, METRIC_STEAD_QUEUE_WAIT_SECONDS, (const char *[]){ "g" });
    metrics_observe(wait, 1000000); /* a bound belongs to its bucket */
    metrics_observe(wait, 1000001);
    metrics_observe(wait, UINT64_C(400000000000));
    assert_int_equal(metrics_value(wait), 3);
    const char *all = written(metrics, &text);
    assert_has(all,
               "# HELP stead_function_invocations_total Finished invocations by outcome.\n"
               "# TYPE stead_function_invocations_total counter\n"
               "stead_function_invocations_total{language=\"c\",function=\"e\\\"c\\\\h\\no\",outcome=\"success\"} 3\n");
    assert_has(all, "# TYPE stead_nats_connected gauge\nstead_nats_connected 1\n");
    assert_has(all, "process_cpu_seconds_total 1.25\n");
    assert_has(all, "stead_queue_wait_seconds_bucket{group=\"g\",le=\"0.001\"} 1\n"
                    "stead_queue_wait_seconds_bucket{group=\"g\",le=\"0.0025\"} 2\n");
    assert_has(
        all,
        "le=\"300\"} 2\nstead_queue_wait_seconds_bucket{group=\"g\",le=\"+Inf\"} 3\n"
        "stead_queue_wait_seconds_sum{group=\"g\"} 400.002000001\nstead_queue_wait_seconds_count{group=\"g\"} 3\n");
    assert_null(strstr(all, "stead_queue_length")); /* no series yet */
    event_buffer_free(&text);
    metrics_free(metrics);
}

static void limits_the_series(void **state)
{
    struct metrics *metrics = metrics_create();
    struct event_buffer text = { 0 };
    for (int i = 0; i < METRICS_SERIES_MAX + 3; i++) {
        char group[16];
        snprintf(group, sizeof group, "g%d", i);
        metrics_set(metrics_series(metrics, METRIC_STEAD_QUEUE_LENGTH, (const char *[]){ group }), i);
    }
    const char *all = written(metrics, &text);
    assert_has(all, "stead_queue_length{group=\"g1999\"} 1999\n");
    assert_null(strstr(all, "g2000"));
    assert_has(all, "stead_metrics_series_dropped_total{metric=\"stead_queue_length\"} 3\n");
    event_buffer_free(&text);
    metrics_free(metrics);
}

static void samples_the_process(void **state)
{
    struct metrics *metrics = metrics_create();
    metrics_sample_process(metrics);
    assert_true(metrics_value(metrics_plain(metrics, METRIC_PROCESS_RESIDENT_MEMORY_BYTES)) > 100000);
    assert_true(metrics_value(metrics_plain(metrics, METRIC_PROCESS_OPEN_FDS)) >= 1);
    assert_int_equal(metrics_value(metrics_plain(metrics, METRIC_PROCESS_THREADS)), 1);
    assert_true(metrics_value(metrics_plain(metrics, METRIC_PROCESS_START_TIME_SECONDS)) >
                INT64_C(1600000000000000000));
    metrics_free(metrics);
}

enum { THREADS = 4, UPDATES = 1000 };

static void *update(void *owner)
{
    struct metrics *metrics = owner;
    for (int i = 0; i < UPDATES; i++) {
        const char *const group[] = { i % 2 == 0 ? "even" : "odd" };
        metrics_observe(metrics_series(metrics, METRIC_STEAD_QUEUE_WAIT_SECONDS, group), 1);
        metrics_add(metrics_plain(metrics, METRIC_STEAD_NATS_RECONNECTS_TOTAL), 1);
    }
    return NULL;
}

static void counts_from_several_threads(void **state)
{
    struct metrics *metrics = metrics_create();
    struct event_buffer text = { 0 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, update, metrics), 0);
    }
    metrics_write(metrics, &text); /* a scrape in between */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct metrics_series *even = metrics_series(metrics, METRIC_STEAD_QUEUE_WAIT_SECONDS, (const char *[]){ "even" });
    assert_int_equal(metrics_value(even), THREADS * UPDATES / 2);
    assert_int_equal(metrics_value(metrics_plain(metrics, METRIC_STEAD_NATS_RECONNECTS_TOTAL)), THREADS * UPDATES);
    event_buffer_free(&text);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_each_kind),
        cmocka_unit_test(limits_the_series),
        cmocka_unit_test(samples_the_process),
        cmocka_unit_test(counts_from_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
