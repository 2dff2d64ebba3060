/* What the doctor thinks of what it saw, as tables: facts, and the level and words of the finding they must give. Each
 * row of streams starts from a good one and changes what the row is about. */
#include "cli/doctor_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND       INT64_C(1000000000)
#define MINUTE       (60 * SECOND)
#define HOUR         (60 * MINUTE)

/* Exactly one finding of that level, whose words hold `words`. */
static void assert_one(const struct report *report, enum level level, const char *words)
{
    assert_int_equal(report->count, 1);
    if (strstr(report->findings[0].seen, words) == NULL) {
        assert_string_equal(report->findings[0].seen, words);
    }
    assert_int_equal(report->findings[0].level, level);
    assert_true(level == LEVEL_OK || report->findings[0].advice[0] != '\0');
}

static const struct stream_want requests_want = { .name = "functions",
                                                  .about = "functions",
                                                  .holds = "requests that wait",
                                                  .retention = "workqueue",
                                                  .subjects = { "function.go.*", "function.js.*" },
                                                  .age_ns_min = 50 * MINUTE,
                                                  .age_ns = HOUR,
                                                  .replicas = 1,
                                                  .durable = true };

static struct broker_stream good_requests(void)
{
    return (struct broker_stream){ .ours = true,
                                   .storage = "file",
                                   .retention = "workqueue",
                                   .discard = "new",
                                   .subjects = "function.go.* function.js.*",
                                   .replicas = 1,
                                   .age_max_ns = HOUR,
                                   .duplicate_window_ns = 2 * MINUTE,
                                   .messages_max = 10000 };
}

static void judges_streams(void **state)
{
    static const struct {
        const char *field, *value;
        enum level level;
        const char *words;
    } rows[] = {
        { "", "", LEVEL_OK, "workqueue, file storage, discard new, kept for 1h, 1 copy" },
        { "retention", "limits", LEVEL_FAIL, "retention limits, not workqueue" },
        { "retention", "interest", LEVEL_FAIL, "retention interest, not workqueue" },
        { "discard", "old", LEVEL_FAIL, "when it is full it drops requests that wait" },
        { "storage", "memory", LEVEL_WARN, "in memory: a restart of the broker loses them" },
        { "subjects", "function.go.*", LEVEL_FAIL, "and not function.js.*" },
        { "subjects", "function.go.*x function.js.*", LEVEL_FAIL, "and not function.go.*" },
        { "subjects", "function.js.* function.go.* function.>", LEVEL_WARN, "also takes what is no request" },
        { "subjects", "function.js.* function.go.* orders.*", LEVEL_WARN, "also takes what is no request" },
        { "subjects", "function.js.* function.go.* function.c.*", LEVEL_OK, "" },
        { "age", "0", LEVEL_WARN, "are kept for ever, not for 1h" },
        { "age", "1800", LEVEL_FAIL, "dropped after 30m, 50m" },
        { "age", "7200", LEVEL_WARN, "kept for 2h, not for 1h" },
        { "ours", "0", LEVEL_WARN, "not made by Stead" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        struct broker_stream stream = good_requests();
        const char *value = rows[i].value;
        if (strcmp(rows[i].field, "retention") == 0) {
            snprintf(stream.retention, sizeof stream.retention, "%s", value);
        } else if (strcmp(rows[i].field, "discard") == 0) {
            snprintf(stream.discard, sizeof stream.discard, "%s", value);
        } else if (strcmp(rows[i].field, "storage") == 0) {
            snprintf(stream.storage, sizeof stream.storage, "%s", value);
        } else if (strcmp(rows[i].field, "subjects") == 0) {
            snprintf(stream.subjects, sizeof stream.subjects, "%s", value);
        } else if (strcmp(rows[i].field, "age") == 0) {
            stream.age_max_ns = strtol(value, NULL, 10) * SECOND;
        } else if (strcmp(rows[i].field, "ours") == 0) {
            stream.ours = false;
        }
        judge_stream(&report, &requests_want, &stream);
        assert_one(&report, rows[i].level, rows[i].words);
    }
}

static void judges_copies(void **state)
{
    struct report report = { 0 };
    struct stream_want want = requests_want;
    struct broker_stream stream = good_requests();
    want.replicas = 3;
    judge_stream(&report, &want, &stream);
    assert_one(&report, LEVEL_WARN, "1 copy, 3 wanted");
}

/* A bucket whose records must stay, and one whose records may go but not too soon. */
static void judges_ages_of_buckets(void **state)
{
    static const struct {
        int64_t least_ns, said_ns, have_ns;
        enum level level;
    } rows[] = {
        { 0, 0, 0, LEVEL_OK },
        { 0, 0, HOUR, LEVEL_FAIL }, /* functions would vanish */
        { HOUR, 24 * HOUR, 24 * HOUR, LEVEL_OK },
        { HOUR, 24 * HOUR, 2 * HOUR, LEVEL_WARN },
        { HOUR, 24 * HOUR, MINUTE, LEVEL_FAIL },
        { HOUR, 24 * HOUR, 0, LEVEL_WARN },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        struct broker_stream stream = good_requests();
        const struct stream_want want = { .about = "bucket",
                                          .holds = "records",
                                          .retention = "limits",
                                          .age_ns_min = rows[i].least_ns,
                                          .age_ns = rows[i].said_ns };
        snprintf(stream.retention, sizeof stream.retention, "limits");
        stream.age_max_ns = rows[i].have_ns;
        judge_stream(&report, &want, &stream);
        assert_one(&report, rows[i].level, "");
    }
}

static void judges_servers(void **state)
{
    static const struct {
        const char *version, *cluster;
        enum level level;
    } rows[] = {
        { "2.9.10", "", LEVEL_OK },     { "2.9.10", "C1", LEVEL_WARN }, { "2.10.0", "C1", LEVEL_OK },
        { "2.8.4", "", LEVEL_FAIL },    { "1.4.1", "", LEVEL_FAIL },    { "3.0.0", "C1", LEVEL_OK },
        { "2.11.4-RC1", "", LEVEL_OK }, { "", "", LEVEL_WARN },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        struct broker_info info = { .jetstream = true };
        snprintf(info.server_version, sizeof info.server_version, "%s", rows[i].version);
        snprintf(info.cluster, sizeof info.cluster, "%s", rows[i].cluster);
        judge_server(&report, &info);
        assert_int_equal(report.count, 2);
        assert_int_equal(report.findings[0].level, rows[i].level);
        assert_int_equal(report.findings[1].level, LEVEL_OK);
    }
}

static void judges_room_for_requests(void **state)
{
    static const struct {
        const char *version;
        uint64_t messages;
        int64_t messages_max, bytes_max;
        enum level level;
    } rows[] = {
        { "2.9.10", 4999, 10000, -1, LEVEL_OK },    { "2.9.10", 5000, 10000, -1, LEVEL_WARN },
        { "2.9.10", 5000, -1, -1, LEVEL_OK },       { "2.9.10", 1, -1, 1 << 30, LEVEL_WARN },
        { "2.9.25", 10000, 10000, -1, LEVEL_WARN }, { "2.10.5", 10000, 10000, -1, LEVEL_WARN },
        { "2.10.6", 10000, 10000, -1, LEVEL_OK },   { "2.10.27", 10000, 10000, 1 << 30, LEVEL_OK },
        { "2.15.2", 10000, 10000, -1, LEVEL_OK },   { "3.0.0", 10000, 10000, -1, LEVEL_OK },
        { "2.10", 10000, 10000, -1, LEVEL_WARN },   { "2.11.0-RC.1", 10000, 10000, -1, LEVEL_OK },
        { "", 10000, 10000, -1, LEVEL_WARN },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        struct broker_info info = { 0 };
        struct broker_stream stream = { .messages = rows[i].messages,
                                        .messages_max = rows[i].messages_max,
                                        .bytes_max = rows[i].bytes_max };
        snprintf(info.server_version, sizeof info.server_version, "%s", rows[i].version);
        judge_queue_room(&report, &info, &stream);
        assert_one(&report, rows[i].level, rows[i].messages_max > 0 ? "of 10000 wait" : "of any number wait");
    }
}

static void judges_room_for_results(void **state)
{
    static const struct {
        double rate;
        int64_t retention_ns, count_max;
        enum level level;
    } rows[] = {
        { 10, 2 * MINUTE, 1000000, LEVEL_OK },     { 4000, 2 * MINUTE, 1000000, LEVEL_OK }, /* 480,000 */
        { 5000, 2 * MINUTE, 1000000, LEVEL_WARN },                                          /* 600,000 */
        { 8333, 2 * MINUTE, 1000000, LEVEL_WARN }, { 8334, 2 * MINUTE, 1000000, LEVEL_FAIL },
        { 1000000, HOUR, -1, LEVEL_OK }, /* unlimited */
        { 0, 2 * MINUTE, 1000, LEVEL_OK },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        judge_results_room(&report, (struct rate){ .per_second = rows[i].rate }, rows[i].retention_ns,
                           rows[i].count_max);
        assert_one(&report, rows[i].level, "room for");
    }
}

static void measures_the_rate(void **state)
{
    const int64_t now = 1000 * HOUR;
    static const struct {
        uint64_t messages;
        int64_t age_ns;
        double per_second;
    } rows[] = {
        { 0, 0, 0 }, { 120, 2 * MINUTE, 1 }, { 1, 0, 1 }, { 600000, MINUTE, 10000 }, { 500, -HOUR, 500 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct broker_stream results = { .messages = rows[i].messages, .first_wall_ns = now - rows[i].age_ns };
        struct rate rate = rate_measure(&results, now);
        assert_true(rate.per_second == rows[i].per_second);
        assert_true(rate.window_ns >= SECOND);
    }
}

static void judges_consumers(void **state)
{
    static const struct broker_consumer_seen good = { .name = "go-hello-you",
                                                      .filter = "function.go.hello-you",
                                                      .acknowledge = "explicit",
                                                      .ours = true,
                                                      .ack_wait_ns = 10 * SECOND,
                                                      .deliveries_max = -1,
                                                      .ack_pending_max = 20000 };
    struct broker_consumer_seen rows[10];
    static const char *const words[COUNT(rows)] = { NULL,
                                                    "takes everything, not function.go.hello-you",
                                                    "ack policy all",
                                                    "ack wait 1m",
                                                    "at most 10 delivered at once",
                                                    "gives up after 5 deliveries",
                                                    "BackOff",
                                                    "pushes to stolen",
                                                    "takes function.go.x",
                                                    NULL };
    for (size_t i = 0; i < COUNT(rows); i++) {
        rows[i] = good;
    }
    rows[1].filter[0] = '\0';
    snprintf(rows[2].acknowledge, sizeof rows[2].acknowledge, "all");
    rows[3].ack_wait_ns = MINUTE;
    rows[4].ack_pending_max = 10;
    rows[5].deliveries_max = 5;
    rows[6].backoff = true;
    snprintf(rows[7].deliver_subject, sizeof rows[7].deliver_subject, "stolen");
    snprintf(rows[8].filter, sizeof rows[8].filter, "function.go.x");
    rows[9].ack_pending_max = -1; /* no limit */
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int ours = 0; ours < 2; ours++) {
            struct report report = { 0 };
            rows[i].ours = ours == 1;
            assert_int_equal(judge_consumer(&report, &rows[i], 10 * SECOND, 20000), words[i] == NULL);
            if (words[i] != NULL) {
                assert_one(&report, ours == 1 ? LEVEL_WARN : LEVEL_FAIL, words[i]);
            } else {
                assert_int_equal(report.count, 0);
            }
        }
    }
}

static void judges_durability(void **state)
{
    static const struct {
        struct broker_sync sync;
        uint32_t replicas;
        bool in_memory;
        enum level level;
        const char *words;
    } rows[] = {
        { { .interval_ns = 2 * MINUTE }, 1, false, LEVEL_WARN, "every 2m (assumed" },
        { { .told = true, .interval_ns = 10 * SECOND }, 1, false, LEVEL_WARN, "every 10s (by its own word)" },
        { { .told = true, .always = true }, 1, false, LEVEL_OK, "on disk before it is acknowledged" },
        { { .interval_ns = 2 * MINUTE }, 3, false, LEVEL_OK, "3 copies" },
        { { .told = true, .always = true }, 3, true, LEVEL_WARN, "in memory" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct report report = { 0 };
        judge_durability(&report, &rows[i].sync, rows[i].replicas, rows[i].in_memory);
        assert_one(&report, rows[i].level, rows[i].words);
    }
}

static void judges_windows_and_clocks(void **state)
{
    static const struct {
        int64_t window_ns, retention_ns, age_ns;
        enum level level;
    } windows[] = {
        { 2 * MINUTE, 2 * MINUTE, HOUR, LEVEL_OK }, { 2 * MINUTE, 10 * SECOND, HOUR, LEVEL_OK },
        { MINUTE, 10 * SECOND, HOUR, LEVEL_WARN },  { 2 * MINUTE, HOUR, 2 * HOUR, LEVEL_WARN },
        { MINUTE, 2 * MINUTE, MINUTE, LEVEL_OK },   { 0, 2 * MINUTE, 0, LEVEL_WARN },
    };
    static const struct {
        int64_t low_ns, high_ns;
        enum level level;
    } clocks[] = {
        { -SECOND / 1000, SECOND / 1000, LEVEL_OK },
        { -HOUR, -HOUR, LEVEL_WARN },
        { 2 * SECOND, 2 * SECOND, LEVEL_WARN },
        { -3 * SECOND, 3 * SECOND, LEVEL_OK },
    };
    for (size_t i = 0; i < COUNT(windows); i++) {
        struct report report = { 0 };
        const struct broker_stream stream = { .duplicate_window_ns = windows[i].window_ns,
                                              .age_max_ns = windows[i].age_ns };
        judge_window(&report, &stream, windows[i].retention_ns);
        assert_one(&report, windows[i].level, "knows an id again");
    }
    for (size_t i = 0; i < COUNT(clocks); i++) {
        struct report report = { 0 };
        judge_clock(&report, &(struct broker_clock){ .low_ns = clocks[i].low_ns, .high_ns = clocks[i].high_ns }, 0);
        assert_one(&report, clocks[i].level, "from ours");
    }
}

static void reads_what_the_broker_says_of_its_disk(void **state)
{
    static const struct {
        const char *varz;
        bool told, always;
        int64_t interval_ns;
    } rows[] = {
        { "{\"jetstream\":{\"config\":{\"sync_interval\":120000000000}}}", true, false, 2 * MINUTE },
        { "{\"server\":{},\"data\":{\"jetstream\":{\"config\":{\"sync_interval\":5000000000}}}}", true, false,
          5 * SECOND },
        { "{\"jetstream\":{\"config\":{\"sync_interval\":120000000000,\"sync_always\":true}}}", true, true, 0 },
        { "{\"jetstream\":{\"config\":{\"max_memory\":1}}}", false, false, 0 }, /* 2.9 */
        { "{\"jetstream\":{}}", false, false, 0 },
        { "[]", false, false, 0 },
        { "{", false, false, 0 },
        { "", false, false, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct broker_sync sync = { 0 };
        assert_int_equal(broker_sync_parse(rows[i].varz, strlen(rows[i].varz), &sync), rows[i].told);
        assert_int_equal(sync.always, rows[i].always);
        assert_int_equal(sync.interval_ns, rows[i].interval_ns);
    }
    assert_false(broker_sync_parse(NULL, 0, NULL));
    assert_int_equal(broker_sync_default("2.9.10").interval_ns, MINUTE);
    assert_int_equal(broker_sync_default("2.10.0").interval_ns, 2 * MINUTE);
    assert_int_equal(broker_sync_default("3.0.0").interval_ns, 2 * MINUTE);
    assert_int_equal(broker_sync_default("").interval_ns, 2 * MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_streams),
        cmocka_unit_test(judges_copies),
        cmocka_unit_test(judges_ages_of_buckets),
        cmocka_unit_test(judges_servers),
        cmocka_unit_test(judges_room_for_requests),
        cmocka_unit_test(judges_room_for_results),
        cmocka_unit_test(measures_the_rate),
        cmocka_unit_test(judges_consumers),
        cmocka_unit_test(judges_durability),
        cmocka_unit_test(judges_windows_and_clocks),
        cmocka_unit_test(reads_what_the_broker_says_of_its_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
