/* The control connection against a real server: provisioning, consumers, records, clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "adapters/loop/loop.h"
#include "server.h"

static struct server server;
static struct broker *broker;
static struct broker_error error;

struct reports {
    uint32_t created, changed, warnings, errors;
    char all[16384];
};

static void on_report(void *owner, enum broker_report kind, const char *text)
{
    struct reports *reports = owner;
    reports->created += kind == BROKER_REPORT_CREATED;
    reports->changed += kind == BROKER_REPORT_CHANGED;
    reports->warnings += kind == BROKER_REPORT_WARNING;
    reports->errors += kind == BROKER_REPORT_ERROR;
    size_t used = strlen(reports->all);
    snprintf(reports->all + used, sizeof reports->all - used, "%s\n", text);
}

/* Provisions and collects the reports. */
static enum broker_status provision(const struct broker_provision *options, struct reports *ret_reports)
{
    memset(ret_reports, 0, sizeof *ret_reports);
    return broker_provision(broker, options, on_report, ret_reports, &error);
}

/* Asks the broker as a stranger would, without our code. */
static void raw(const char *subject, const char *body, const char *expected)
{
    natsConnection *connection = NULL;
    natsMsg *reply = NULL;
    assert_int_equal(natsConnection_ConnectTo(&connection, server.url), NATS_OK);
    assert_int_equal(natsConnection_RequestString(&reply, connection, subject, body, 2000), NATS_OK);
    if (strstr(natsMsg_GetData(reply), expected) == NULL) {
        fail_msg("%s answered %s", subject, natsMsg_GetData(reply));
    }
    natsMsg_Destroy(reply);
    natsConnection_Destroy(connection);
}

static void test_foreign_stream_is_left_alone(void **state)
{
    struct reports reports;
    raw("$JS.API.STREAM.CREATE.function-dead",
        "{\"name\":\"function-dead\",\"subjects\":[\"my.dead.>\"],\"retention\":\"limits\",\"storage\":\"memory\","
        "\"discard\":\"old\",\"num_replicas\":1,\"max_msgs\":7}",
        "\"created\"");
    assert_int_equal(provision(&server_provision_options, &reports), BROKER_FOREIGN);
    assert_int_equal(reports.created, 9); /* the rest is made all the same */
    assert_true(reports.errors >= 2);
    assert_non_null(strstr(reports.all, "stream function-dead: discard is \"old\", wanted \"new\""));
    assert_non_null(strstr(error.text, "function-dead"));
    raw("$JS.API.STREAM.INFO.function-dead", "", "\"max_msgs\":7");
    raw("$JS.API.STREAM.DELETE.function-dead", "", "\"success\":true");
}

static void test_provision_twice(void **state)
{
    struct reports reports;
    struct broker_stream stream;
    assert_int_equal(provision(&server_provision_options, &reports), BROKER_OK);
    assert_int_equal(reports.created, 1);
    assert_int_equal(provision(&server_provision_options, &reports), BROKER_OK);
    assert_string_equal(reports.all, "");
    assert_int_equal(broker_stream_info(broker, "functions", &stream, &error), BROKER_OK);
    assert_true(stream.ours);
    assert_string_equal(stream.retention, "workqueue");
    assert_string_equal(stream.discard, "new");
    assert_string_equal(stream.storage, "file");
    assert_int_equal(stream.messages_max, 1000);
    assert_true(stream.created_wall_ns > 0);
    assert_int_equal(broker_stream_info(broker, "function-dead", &stream, &error), BROKER_OK);
    assert_int_equal(stream.age_max_ns, server_provision_options.dead_retention_ns);
    assert_int_equal(broker_stream_info(broker, "KV_function-lease", &stream, &error), BROKER_OK);
    assert_int_equal(stream.messages_per_subject_max, 1);
    assert_int_equal(stream.duplicate_window_ns, server_provision_options.lease_ttl_ns);
}

static void test_changes_and_downgrades(void **state)
{
    static const char *const languages[] = { "go" };
    struct broker_provision options = server_provision_options;
    struct reports reports;
    options.languages = languages;
    options.language_count = 1;
    options.replicas = 3;
    options.queue_messages_max = 2000;
    assert_int_equal(provision(&options, &reports), BROKER_OK);
    assert_non_null(strstr(reports.all, "can't keep 3 copies of stream functions"));
    assert_int_equal(reports.warnings, 1);
    raw("$JS.API.STREAM.INFO.functions", "",
        "\"subjects\":[\"function.c.*\",\"function.python.*\",\"function.go.*\"]"); /* added, not taken away */
    raw("$JS.API.STREAM.INFO.functions", "", "\"max_msgs\":2000");
    raw("$JS.API.STREAM.INFO.functions", "", "\"num_replicas\":1");
    raw("$JS.API.STREAM.DELETE.functions", "", "\"success\":true");
    assert_int_equal(provision(&options, &reports), BROKER_OK); /* the same for a stream that has to be made */
    assert_int_equal(reports.created, 1);
    assert_int_equal(reports.warnings, 1);
    assert_non_null(strstr(reports.all, "err_code 10074"));
    raw("$JS.API.STREAM.INFO.functions", "", "\"num_replicas\":1");
    assert_int_equal(provision(&server_provision_options, &reports), BROKER_OK);
    assert_int_equal(reports.changed, 2); /* languages and length of the queue */
    assert_int_equal(reports.warnings, 0);
}

static void test_limits_do_not_drop(void **state)
{
    struct broker_provision options = server_provision_options;
    struct reports reports;
    for (int i = 0; i < 3; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "function.result.keep%d", i);
        raw(subject, "x", "\"seq\"");
    }
    options.results_count_max = 2;
    assert_int_equal(provision(&options, &reports), BROKER_OK);
    assert_int_equal(reports.warnings, 1);
    assert_non_null(strstr(reports.all, "would drop stored messages"));
    raw("$JS.API.STREAM.INFO.function-results", "", "\"messages\":3");
}

static void test_reserved_language(void **state)
{
    static const char *const languages[] = { "c", "result" };
    struct broker_provision options = server_provision_options;
    struct reports reports;
    options.languages = languages;
    assert_int_equal(provision(&options, &reports), BROKER_INVALID);
    assert_string_equal(reports.all, "");
}

static void test_consumer(void **state)
{
    struct broker_consumer consumer;
    raw("function.c.echo", "one", "\"seq\":1");
    assert_int_equal(broker_consumer_ensure(broker, "c", "echo", 5000000000, 50, &consumer, &error), BROKER_OK);
    assert_true(consumer.created_now);
    assert_int_equal(consumer.fresh_after_sequence, 1);
    assert_int_equal(consumer.pending, 1);
    assert_true(consumer.created_wall_ns > 0);
    assert_int_equal(broker_consumer_ensure(broker, "c", "echo", 5000000000, 50, &consumer, &error), BROKER_OK);
    assert_false(consumer.created_now);
    assert_false(consumer.changed);
    assert_int_equal(broker_consumer_ensure(broker, "c", "echo", 6000000000, 50, &consumer, &error), BROKER_OK);
    assert_true(consumer.changed);
    raw("$JS.API.CONSUMER.INFO.functions.c-echo", "", "\"ack_wait\":6000000000");
    assert_int_equal(broker_consumer_ensure(broker, "c", "e.x", 1, 1, &consumer, &error), BROKER_INVALID);
    assert_int_equal(broker_consumer_ensure(broker, "c", "*", 1, 1, &consumer, &error), BROKER_INVALID);
    assert_int_equal(broker_consumer_delete(broker, "c", "echo", &error), BROKER_OK);
    assert_int_equal(broker_consumer_delete(broker, "c", "echo", &error), BROKER_NOT_FOUND);
}

static void test_foreign_consumer(void **state)
{
    struct broker_consumer consumer;
    raw("$JS.API.CONSUMER.DURABLE.CREATE.functions.c-mine",
        "{\"stream_name\":\"functions\",\"config\":{\"durable_name\":\"c-mine\",\"ack_policy\":\"explicit\","
        "\"filter_subject\":\"function.c.mine\",\"max_deliver\":3}}",
        "\"created\"");
    assert_int_equal(broker_consumer_ensure(broker, "c", "mine", 1000000000, 5, &consumer, &error), BROKER_FOREIGN);
    assert_int_equal(broker_consumer_delete(broker, "c", "mine", &error), BROKER_FOREIGN);
    raw("$JS.API.CONSUMER.INFO.functions.c-mine", "", "\"max_deliver\":3");
}

static void test_message_delete(void **state)
{
    struct broker_message message;
    assert_int_equal(broker_message_get(broker, "functions", "function.c.echo", 0, &message, &error), BROKER_OK);
    assert_int_equal(message.sequence, 1);
    assert_int_equal(message.body.length, 3);
    broker_message_free(&message);
    assert_int_equal(broker_message_delete(broker, "functions", 1, &error), BROKER_OK);
    assert_int_equal(broker_message_get(broker, "functions", "function.c.echo", 0, &message, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_message_get(broker, "no-stream", NULL, 1, &message, &error), BROKER_NOT_FOUND);
}

static void count_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    uint32_t *count = owner;
    assert_string_equal(key, "go.two");
    assert_int_equal(value.length, 2);
    (*count)++;
}

static void test_records(void **state)
{
    uint64_t first = 0, second = 0, read_revision = 0;
    uint8_t *value = NULL;
    size_t length = 0;
    uint32_t count = 0;
    const char *bucket = BROKER_BUCKET_CONFIG;
    assert_int_equal(broker_kv_get(broker, bucket, "go.one", &value, &length, &first, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_kv_create(broker, bucket, "go.one", bytes_of("v1"), &first, &error), BROKER_OK);
    assert_int_equal(broker_kv_create(broker, bucket, "go.one", bytes_of("v2"), &second, &error), BROKER_CONFLICT);
    assert_int_equal(error.error_code, 10071);
    assert_int_equal(broker_kv_update(broker, bucket, "go.one", bytes_of("v2"), first, &second, &error), BROKER_OK);
    assert_int_equal(broker_kv_update(broker, bucket, "go.one", bytes_of("v3"), first, &second, &error),
                     BROKER_CONFLICT);
    assert_int_equal(broker_kv_get(broker, bucket, "go.one", &value, &length, &read_revision, &error), BROKER_OK);
    assert_int_equal(read_revision, second);
    assert_int_equal(length, 2);
    assert_memory_equal(value, "v2", 2);
    free(value);
    assert_int_equal(broker_kv_delete(broker, bucket, "go.one", first, &error), BROKER_CONFLICT);
    assert_int_equal(broker_kv_delete(broker, bucket, "go.one", second, &error), BROKER_OK);
    assert_int_equal(broker_kv_get(broker, bucket, "go.one", &value, &length, &first, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_kv_create(broker, bucket, "go.one", bytes_of("v4"), &first, &error), BROKER_OK);
    assert_int_equal(broker_kv_delete(broker, bucket, "go.one", 0, &error), BROKER_OK);
    assert_int_equal(broker_kv_put(broker, bucket, "go.two", bytes_of("v0"), &first, &error), BROKER_OK);
    assert_int_equal(broker_kv_put(broker, bucket, "go.two", bytes_of("v1"), &first, &error), BROKER_OK);
    assert_int_equal(broker_kv_each(broker, bucket, ">", count_entry, &count, &error), BROKER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(broker_kv_each(broker, "none", ">", count_entry, &count, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_kv_put(broker, bucket, "a b", bytes_of(""), &first, &error), BROKER_INVALID);
    assert_int_equal(broker_kv_put(broker, bucket, "a.*", bytes_of(""), &first, &error), BROKER_INVALID);
}

static void test_clock(void **state)
{
    struct broker_clock clock;
    struct timespec wall;
    assert_int_equal(broker_clock_sample(broker, "i1", &clock, &error), BROKER_OK);
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t offset_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - (int64_t)loop_now_ns();
    assert_true(clock.low_ns <= clock.high_ns);
    assert_true(clock.low_ns - 50000000 <= offset_ns); /* same machine, same clock */
    assert_true(clock.high_ns + 50000000 >= offset_ns);
}

static void test_info(void **state)
{
    struct broker_info info;
    assert_int_equal(broker_info(broker, &info, &error), BROKER_OK);
    assert_true(info.jetstream);
    assert_int_equal(info.payload_bytes_max, 1 << 20);
    assert_true(info.server_version[0] >= '2');
    assert_non_null(strstr(server.url, info.server_url + sizeof "nats://" - 1));
}

static void test_absent_server(void **state)
{
    struct endpoint endpoint = { .urls = "nats://user:secret@127.0.0.1:1" };
    assert_null(broker_connect(&endpoint, 500, &error));
    assert_int_equal(error.status, BROKER_UNREACHABLE);
    assert_non_null(strstr(error.text, "127.0.0.1:1"));
    assert_null(strstr(error.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_stream_is_left_alone),
        cmocka_unit_test(test_provision_twice),
        cmocka_unit_test(test_changes_and_downgrades),
        cmocka_unit_test(test_limits_do_not_drop),
        cmocka_unit_test(test_reserved_language),
        cmocka_unit_test(test_consumer),
        cmocka_unit_test(test_foreign_consumer),
        cmocka_unit_test(test_message_delete),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_absent_server),
    };
    server_prepare(&server);
    server_start(&server);
    broker = server_broker(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    broker_close(broker);
    server_remove(&server);
    return failed;
}
