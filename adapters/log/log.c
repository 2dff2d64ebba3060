/* The log's state: level, format, where to, the rate limit and the counts. A record is formatted on the caller's stack
 * without a lock (log_format.c) and written by one write(), so records of several threads never mix. */
#include "adapters/log/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {
#define X(code, name) name,
    LOG_LEVELS(X)
#undef X
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the sites, `format` and `sink` */
static enum log_format format = LOG_FORMAT_AUTO;
static int sink = STDERR_FILENO;
static atomic_int threshold = LOG_LEVEL_INFO;
static atomic_ullong written[LOG_LEVEL_COUNT];
static atomic_ullong dropped;

void log_start(struct log_options options)
{
    pthread_mutex_lock(&lock);
    format = options.format;
    sink = options.fd;
    pthread_mutex_unlock(&lock);
    log_level_set(options.level);
}

void log_level_set(enum log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return (size_t)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

bool log_level_find(const char *name, enum log_level *ret_level)
{
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

struct log_counts log_counts(void)
{
    struct log_counts counts;
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        counts.written[i] = atomic_load_explicit(&written[i], memory_order_relaxed);
    }
    counts.dropped = atomic_load_explicit(&dropped, memory_order_relaxed);
    return counts;
}

struct log_field log_field_text(const char *key, const char *text)
{
    struct bytes bytes = text == NULL ? (struct bytes){ NULL, 0 } : bytes_of(text);
    return (struct log_field){ key, LOG_KIND_BYTES, { .bytes = bytes } };
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* True if the site may write now; *ret_dropped is what it dropped since its last record. The lock is held. */
static bool site_admit(struct log_site *site, uint64_t *ret_dropped)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now - site->window_start_ns >= LOG_SITE_WINDOW_NS || site->window_start_ns == 0) {
        site->window_start_ns = now;
        site->written = 0;
    }
    if (site->written >= LOG_SITE_BURST) {
        site->dropped++;
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
        return false;
    }
    site->written++;
    *ret_dropped = site->dropped;
    site->dropped = 0;
    return true;
}

static void write_all(int fd, const uint8_t *at, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, at, length);
        if (wrote <= 0) {
            return;
        }
        at += wrote;
        length -= (size_t)wrote;
    }
}

void log_write(struct log_site *site, enum log_level level, const char *logger, const char *message,
               const struct log_field *fields, size_t count)
{
    enum { FIELDS_MAX = 24 };
    struct log_field all[FIELDS_MAX + 1];
    uint64_t site_dropped = 0;
    pthread_mutex_lock(&lock);
    enum log_format chosen = format;
    int fd = sink;
    bool admitted = site == NULL || site_admit(site, &site_dropped);
    pthread_mutex_unlock(&lock);
    if (!admitted) {
        return;
    }
    count = count > FIELDS_MAX ? FIELDS_MAX : count;
    if (count > 0) {
        memcpy(all, fields, count * sizeof all[0]);
    }
    if (site_dropped > 0) {
        all[count++] = LOG_U64("dropped", site_dropped);
    }
    if (chosen == LOG_FORMAT_AUTO) {
        chosen = isatty(fd) ? LOG_FORMAT_LOGFMT : LOG_FORMAT_JSON;
    }
    struct event_buffer record = { 0 };
    log_format_record(&record, chosen, (int64_t)clock_ns(CLOCK_REALTIME), level, logger, message, all, count);
    write_all(fd, record.at, record.length);
    atomic_fetch_add_explicit(&written[level], 1, memory_order_relaxed);
    event_buffer_free(&record);
}
