/* The log: exact lines in both formats, escaping that nobody can break out of, levels and the rate limit. */
#include "adapters/log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int64_t wall_ns = 1795473091123456789; /* 2026-11-23T22:31:31.123456Z */

static void assert_record(enum log_format format, const struct log_field *fields, size_t count, const char *want)
{
    struct event_buffer record = { 0 };
    log_format_record(&record, format, wall_ns, LOG_LEVEL_WARN, "nats", "lost link", fields, count);
    event_buffer_append(&record, "", 1);
    assert_string_equal((const char *)record.at, want);
    event_buffer_free(&record);
}

#define LOGFMT "ts=2026-11-23T22:31:31.123456Z level=warn msg=\"lost link\" logger=nats"
#define JSON   "{\"ts\":\"2026-11-23T22:31:31.123456Z\",\"level\":\"warn\",\"msg\":\"lost link\",\"logger\":\"nats\""

static void writes_fixed_keys_first(void **state)
{
    const struct log_field fields[] = { LOG_TEXT("url", "nats://a:1"), LOG_U64("epoch", UINT64_MAX), LOG_I64("n", -1),
                                        LOG_BOOL("up", true), LOG_SECONDS("wait_s", 1500000000) };
    assert_record(LOG_FORMAT_LOGFMT, NULL, 0, LOGFMT "\n");
    assert_record(LOG_FORMAT_JSON, NULL, 0, JSON "}\n");
    assert_record(LOG_FORMAT_LOGFMT, fields, COUNT(fields),
                  LOGFMT " url=nats://a:1 epoch=18446744073709551615 n=-1 up=true wait_s=1.500000\n");
    assert_record(LOG_FORMAT_JSON, fields, COUNT(fields),
                  JSON ",\"url\":\"nats://a:1\",\"epoch\":18446744073709551615,\"n\":-1,\"up\":true,"
                       "\"wait_s\":1.500000}\n");
}

static void escapes_everything_that_could_forge(void **state)
{
    static const struct {
        const char *value, *logfmt;
    } rows[] = {
        { "", "\"\"" },
        { "a=b", "\"a=b\"" },
        { "x\nlevel=error", "\"x\\nlevel=error\"" },
        { "q\"q\\", "\"q\\\"q\\\\\"" },
        { "\x1b[31m", "\"\\u001b[31m\"" },
        { "\xc2\x85", "\"\\u0085\"" },     /* NEL ends a line for some readers */
        { "\xe2\x80\xa8", "\"\\u2028\"" }, /* so does LINE SEPARATOR */
        { "bad \xff\xc0\xaf", "\"bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
        { NULL, "\"\"" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char logfmt[256], json[256];
        const struct log_field field = LOG_TEXT("v", rows[i].value);
        snprintf(logfmt, sizeof logfmt, LOGFMT " v=%s\n", rows[i].logfmt);
        snprintf(json, sizeof json, JSON ",\"v\":%s}\n", rows[i].logfmt);
        assert_record(LOG_FORMAT_LOGFMT, &field, 1, logfmt);
        assert_record(LOG_FORMAT_JSON, &field, 1, json);
    }
}

static void cuts_long_values(void **state)
{
    static char text[3 * LOG_RECORD_BYTES_MAX];
    memset(text, '"', sizeof text - 1);
    const struct log_field fields[] = { LOG_TEXT("a", text), LOG_TEXT("b", text) };
    struct event_buffer record = { 0 };
    log_format_record(&record, LOG_FORMAT_JSON, wall_ns, LOG_LEVEL_INFO, "l", "m", fields, 2);
    assert_true(record.length <= LOG_RECORD_BYTES_MAX);
    assert_memory_equal(record.at + record.length - 6, "...\"}\n", 6);
    event_buffer_free(&record);
}

static size_t lines_in(int fd, char *text, size_t size)
{
    ssize_t length = read(fd, text, size - 1);
    text[length < 0 ? 0 : length] = '\0';
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    return lines;
}

static void limits_the_rate_of_a_site(void **state)
{
    static char text[64 * 1024];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_start((struct log_options){ LOG_LEVEL_INFO, LOG_FORMAT_AUTO, ends[1] });
    struct log_counts before = log_counts();
    for (int i = 0; i < 100; i++) {
        log_info("test", "again and again", LOG_I64("i", i));
    }
    log_debug("test", "below the level");
    log_info("test", "another site");
    assert_int_equal(lines_in(ends[0], text, sizeof text), LOG_SITE_BURST + 1);
    assert_int_equal(text[0], '{'); /* no terminal: JSON */
    assert_int_equal(log_counts().dropped - before.dropped, 100 - LOG_SITE_BURST);
    assert_int_equal(log_counts().written[LOG_LEVEL_INFO] - before.written[LOG_LEVEL_INFO], LOG_SITE_BURST + 1);
    struct log_site site = { .window_start_ns = 1, .written = LOG_SITE_BURST, .dropped = 7 }; /* an old window */
    log_write(&site, LOG_LEVEL_WARN, "test", "after the window", NULL, 0);
    assert_int_equal(lines_in(ends[0], text, sizeof text), 1);
    assert_non_null(strstr(text, "\"dropped\":7}"));
    close(ends[0]);
    close(ends[1]);
    log_start((struct log_options){ LOG_LEVEL_INFO, LOG_FORMAT_AUTO, STDERR_FILENO });
}

enum { THREADS = 4, RECORDS = 50 };

static void *write_records(void *owner)
{
    for (int i = 0; i < RECORDS; i++) {
        log_write(NULL, LOG_LEVEL_INFO, "test", "from a thread", &LOG_I64("i", i), 1);
        log_info("test", "limited");
    }
    return NULL;
}

static void writes_whole_lines_from_several_threads(void **state)
{
    static char text[128 * 1024];
    int ends[2];
    pthread_t threads[THREADS];
    assert_int_equal(pipe(ends), 0);
    log_start((struct log_options){ LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, ends[1] });
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_records, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(lines_in(ends[0], text, sizeof text), THREADS * RECORDS + LOG_SITE_BURST);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_memory_equal(line, "ts=2", 4);
    }
    close(ends[0]);
    close(ends[1]);
    log_start((struct log_options){ LOG_LEVEL_INFO, LOG_FORMAT_AUTO, STDERR_FILENO });
}

static void knows_its_levels(void **state)
{
    enum log_level level;
    assert_true(log_level_find("warn", &level));
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_false(log_level_find("WARN", &level));
    assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_fixed_keys_first),
        cmocka_unit_test(escapes_everything_that_could_forge),
        cmocka_unit_test(cuts_long_values),
        cmocka_unit_test(limits_the_rate_of_a_site),
        cmocka_unit_test(writes_whole_lines_from_several_threads),
        cmocka_unit_test(knows_its_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
