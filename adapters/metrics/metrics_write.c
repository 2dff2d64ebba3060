/* The text exposition: HELP and TYPE once a family, its series together, the buckets of a histogram cumulative and
 * closed by +Inf. Nanoseconds become seconds by integer arithmetic, so no digit is lost to printf's %g. */
#include "adapters/metrics/metrics_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print(struct event_buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print(struct event_buffer *text, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    event_buffer_append(text, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static void print_name(struct event_buffer *text, const struct metrics_family *family, const char *suffix)
{
    for (const char *at = family->name; *at != '\0'; at++) {
        char c = (char)tolower((unsigned char)*at);
        event_buffer_append(text, &c, 1);
    }
    print(text, "%s", suffix);
}

static void print_label_value(struct event_buffer *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            print(text, "\\%c", *value == '\n' ? 'n' : *value);
        } else {
            event_buffer_append(text, value, 1);
        }
    }
}

static void print_labels(struct event_buffer *text, const struct metrics_series *series, const char *bound)
{
    const char *before = "{";
    const char *label = series->family->labels;
    for (size_t i = 0; *label != '\0'; i++) {
        size_t length = strcspn(label, ",");
        print(text, "%s%.*s=\"", before, (int)length, label);
        print_label_value(text, series->values[i]);
        print(text, "\"");
        before = ",";
        label += length + (label[length] == ',' ? 1 : 0);
    }
    if (bound != NULL) {
        print(text, "%sle=\"%s\"", before, bound);
        before = ",";
    }
    print(text, "%s", *before == ',' ? "}" : "");
}

/* Nanoseconds as seconds without trailing zeros. */
static void seconds_text(int64_t ns, char ret_text[40])
{
    int length = snprintf(ret_text, 40, "%s%" PRId64 ".%09" PRId64, ns < 0 ? "-" : "",
                          ns < 0 ? -(ns / 1000000000) : ns / 1000000000, ns < 0 ? -(ns % 1000000000) : ns % 1000000000);
    while (ret_text[length - 1] == '0') {
        ret_text[--length] = '\0';
    }
    if (ret_text[length - 1] == '.') {
        ret_text[length - 1] = '\0';
    }
}

static void print_value(struct event_buffer *text, const struct metrics_family *family, int64_t value)
{
    char seconds[40];
    if (family->unit == METRICS_UNIT_SECONDS) {
        seconds_text(value, seconds);
        print(text, " %s\n", seconds);
    } else {
        print(text, " %" PRId64 "\n", value);
    }
}

static void write_histogram(struct event_buffer *text, const struct metrics_series *series)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        char bound[40] = "+Inf";
        if (i < METRICS_BUCKETS) {
            seconds_text((int64_t)metrics_bounds_ns[i], bound);
        }
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        print_name(text, series->family, "_bucket");
        print_labels(text, series, bound);
        print(text, " %" PRIu64 "\n", count);
    }
    print_name(text, series->family, "_sum");
    print_labels(text, series, NULL);
    print_value(text, series->family, atomic_load_explicit(&series->value, memory_order_relaxed));
    print_name(text, series->family, "_count");
    print_labels(text, series, NULL);
    print(text, " %" PRIu64 "\n", count);
}

static void write_series(struct event_buffer *text, const struct metrics_series *series)
{
    if (series->family->kind == METRICS_HISTOGRAM) {
        write_histogram(text, series);
        return;
    }
    print_name(text, series->family, "");
    print_labels(text, series, NULL);
    print_value(text, series->family, metrics_value(series));
}

static void write_family(struct event_buffer *text, const struct metrics *metrics, enum metric metric)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    const struct metrics_family *family = metrics_family_of(metric);
    if (metrics->first[metric] == NULL) {
        return;
    }
    print(text, "# HELP ");
    print_name(text, family, "");
    print(text, " %s\n# TYPE ", family->help);
    print_name(text, family, "");
    print(text, " %s\n", kinds[family->kind]);
    for (const struct metrics_series *series = metrics->first[metric]; series != NULL; series = series->next) {
        write_series(text, series);
    }
}

/* Refusals show as a family of their own; its series exist only for families that had some. */
static void note_refusals(struct metrics *metrics)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        pthread_mutex_lock(&metrics->lock);
        uint64_t refused = metrics->refused[i];
        pthread_mutex_unlock(&metrics->lock);
        if (refused > 0 && i != METRIC_STEAD_METRICS_SERIES_DROPPED_TOTAL) {
            struct event_buffer name = { 0 };
            print_name(&name, metrics_family_of((enum metric)i), "");
            event_buffer_append(&name, "", 1);
            const char *values[] = { name.failed ? "unknown" : (const char *)name.at };
            metrics_set(metrics_series(metrics, METRIC_STEAD_METRICS_SERIES_DROPPED_TOTAL, values), (int64_t)refused);
            event_buffer_free(&name);
        }
    }
}

void metrics_write(struct metrics *metrics, struct event_buffer *text)
{
    note_refusals(metrics);
    pthread_mutex_lock(&metrics->lock);
    for (int i = 0; i < METRIC_COUNT; i++) {
        write_family(text, metrics, (enum metric)i);
    }
    pthread_mutex_unlock(&metrics->lock);
}
