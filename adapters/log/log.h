/* One record a line on stderr, as logfmt or JSON, fixed keys first:
 *
 *     log_info("nats.conn", "connected", LOG_TEXT("url", url), LOG_U64("epoch", epoch));
 *     ts=2026-11-23T22:47:01.123456Z level=info msg=connected logger=nats.conn url=nats://127.0.0.1:4222 epoch=1
 *
 * The message is constant text; everything that varies is a field with its unit in the key (_s, _bytes). Values are
 * escaped, so text from outside can't forge a record; a record is at most LOG_RECORD_BYTES_MAX, longer values are cut.
 * Event data is never logged.
 *
 * Rate limit: each call site may write LOG_SITE_BURST records per LOG_SITE_WINDOW_NS; what is over is counted, and the
 * next record of the site that gets through carries dropped=N.
 *
 * Threads: everything may be called from any thread; a record is one write(). Errors of that write are ignored: there
 * is nowhere left to report them. Before log_start() the defaults apply: info, logfmt on a terminal and JSON otherwise.
 */
#ifndef STEAD_ADAPTERS_LOG_H
#define STEAD_ADAPTERS_LOG_H

#include "adapters/event/event.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LEVELS(X) X(DEBUG, "debug") X(INFO, "info") X(WARN, "warn") X(ERROR, "error")

enum log_level {
#define X(code, name) LOG_LEVEL_##code,
    LOG_LEVELS(X)
#undef X
        LOG_LEVEL_COUNT
};

enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum { LOG_RECORD_BYTES_MAX = 4096, LOG_SITE_BURST = 20 };
#define LOG_SITE_WINDOW_NS UINT64_C(10000000000)

enum log_kind { LOG_KIND_BYTES, LOG_KIND_U64, LOG_KIND_I64, LOG_KIND_BOOL, LOG_KIND_SECONDS };

struct log_field {
    const char *key; /* a-z 0-9 _, constant text */
    enum log_kind kind;
    union {
        struct bytes bytes;
        uint64_t u64;
        int64_t i64;
        bool boolean;
        uint64_t nanoseconds;
    } as;
};

/* The NULL of a text or bytes field shows as an empty value. Durations are given in ns and written in seconds. */
#define LOG_TEXT(name, text)         log_field_text((name), (text))
#define LOG_BYTES(name, view)        ((struct log_field){ (name), LOG_KIND_BYTES, { .bytes = (view) } })
#define LOG_U64(name, number)        ((struct log_field){ (name), LOG_KIND_U64, { .u64 = (number) } })
#define LOG_I64(name, number)        ((struct log_field){ (name), LOG_KIND_I64, { .i64 = (number) } })
#define LOG_BOOL(name, truth)        ((struct log_field){ (name), LOG_KIND_BOOL, { .boolean = (truth) } })
#define LOG_SECONDS(name, number_ns) ((struct log_field){ (name), LOG_KIND_SECONDS, { .nanoseconds = (number_ns) } })

/* What the rate limit keeps for one call site; static, zero-initialised, guarded by the log's own lock. */
struct log_site {
    uint64_t window_start_ns;
    uint32_t written;
    uint64_t dropped;
};

struct log_options {
    enum log_level level; /* records below it are not written */
    enum log_format format;
    int fd; /* where to; stays the caller's */
};

void log_start(struct log_options options);
void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);
const char *log_level_name(enum log_level level);
bool log_level_find(const char *name, enum log_level *ret_level);
struct log_counts {
    uint64_t written[LOG_LEVEL_COUNT];
    uint64_t dropped;
};
struct log_counts log_counts(void);

/* The macros' work; `site` NULL means no rate limit. */
void log_write(struct log_site *site, enum log_level level, const char *logger, const char *message,
               const struct log_field *fields, size_t count);
struct log_field log_field_text(const char *key, const char *text);
/* Appends the record to `record` (empty, or ending in a newline) instead of writing it; keys are not checked. */
void log_format_record(struct event_buffer *record, enum log_format format, int64_t wall_ns, enum log_level level,
                       const char *logger, const char *message, const struct log_field *fields, size_t count);

/* The first element of the array only lets the list of fields be empty. */
#define LOG_AT(level, logger, message, ...)                                                                            \
    do {                                                                                                               \
        if (log_enabled(level)) {                                                                                      \
            static struct log_site log_site_;                                                                          \
            const struct log_field log_fields_[] = { { 0 }, ##__VA_ARGS__ };                                           \
            log_write(&log_site_, (level), (logger), (message), log_fields_ + 1,                                       \
                      sizeof log_fields_ / sizeof log_fields_[0] - 1);                                                 \
        }                                                                                                              \
    } while (0)

#define log_debug(logger, message, ...) LOG_AT(LOG_LEVEL_DEBUG, logger, message, ##__VA_ARGS__)
#define log_info(logger, message, ...)  LOG_AT(LOG_LEVEL_INFO, logger, message, ##__VA_ARGS__)
#define log_warn(logger, message, ...)  LOG_AT(LOG_LEVEL_WARN, logger, message, ##__VA_ARGS__)
#define log_error(logger, message, ...) LOG_AT(LOG_LEVEL_ERROR, logger, message, ##__VA_ARGS__)

#endif
