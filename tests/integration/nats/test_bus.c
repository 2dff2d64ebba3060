/* The data connection against a real server: one conversation a test, on one server and one bus. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/loop/loop.h"
#include "bus_world.h"

static struct server server;
static struct broker *broker;
static struct world world;

enum { OP_A = 0x1234, TAG = 77 };

static const uint64_t second_ns = 1000000000;

static void publish(const char *subject, const char *body, const char *id, const char *create_only, uint64_t op)
{
    struct bus_header headers[3] = { { bytes_of("ce-type"), bytes_of("a%20b") } };
    size_t count = 1;
    if (id != NULL) {
        headers[count++] = (struct bus_header){ bytes_of("Nats-Msg-Id"), bytes_of(id) };
    }
    if (create_only != NULL) {
        headers[count++] =
            (struct bus_header){ bytes_of("Nats-Expected-Last-Subject-Sequence"), bytes_of(create_only) };
    }
    struct bus_publish message = {
        .subject = subject, .headers = headers, .header_count = count, .body = bytes_of(body), .op = op
    };
    assert_int_equal(bus_publish(world.bus, &message), BUS_SENT);
}

static void publish_and_wait(const char *subject, const char *body, const char *id, const char *create_only,
                             uint64_t op)
{
    uint32_t before = world.replies;
    publish(subject, body, id, create_only, op);
    assert_true(world_wait(&world, &world.replies, before + 1));
    assert_int_equal(world.reply.op, op);
}

static void ensure(const char *name)
{
    struct broker_consumer consumer;
    struct broker_error error;
    if (broker_consumer_ensure(broker, "c", name, second_ns, 100, &consumer, &error) != BROKER_OK) {
        fail_msg("%s", error.text);
    }
}

static void pull(const char *consumer, uint64_t op, uint32_t batch, uint64_t expires_ns)
{
    assert_int_equal(bus_pull(world.bus, "functions", consumer, TAG, op, batch, expires_ns, 0), BUS_SENT);
}

static void test_publish_is_answered(void **state)
{
    publish_and_wait("function.c.pub", "one", "id-1", NULL, OP_A);
    assert_int_equal(world.reply.outcome, BUS_DONE);
    assert_false(world.reply.duplicate);
    uint64_t first = world.reply.sequence;
    assert_true(first > 0);
    publish_and_wait("function.c.pub", "one", "id-1", NULL, UINT64_MAX);
    assert_int_equal(world.reply.outcome, BUS_DONE);
    assert_true(world.reply.duplicate);
    assert_int_equal(world.reply.sequence, first);
}

static enum bus_sent publish_zeros(size_t length, uint64_t op)
{
    static const uint8_t zeros[500000];
    struct bus_publish message = { .subject = "function.c.full", .body = { zeros, length }, .op = op };
    return bus_publish(world.bus, &message);
}

/* Nobody reads: what waits is bounded, small messages go on for longer, and all that was taken arrives. */
static void test_a_broker_that_does_not_read(void **state)
{
    uint32_t before = world.replies, taken = 0;
    kill(server.pid, SIGSTOP);
    enum bus_sent sent = BUS_SENT;
    for (uint32_t i = 0; i < 200 && sent == BUS_SENT; i++) {
        sent = publish_zeros(500000, 100 + i);
        taken += sent == BUS_SENT;
        world_run(&world, 1);
    }
    assert_int_equal(sent, BUS_FULL);
    assert_true(bus_buffered(world.bus) >= BUS_BUFFERED_MAX);
    assert_true(bus_buffered(world.bus) < BUS_BUFFERED_MAX + 600000);
    assert_int_equal(publish_zeros(BUS_SMALL_MAX, 500), BUS_SENT);
    kill(server.pid, SIGCONT);
    assert_true(world_wait(&world, &world.replies, before + taken + 1));
    assert_int_equal(bus_buffered(world.bus), 0);
    assert_int_equal(publish_zeros(500000, 501), BUS_SENT);
    assert_true(world_wait(&world, &world.replies, before + taken + 2));
    assert_int_equal(world.reply.outcome, BUS_DONE);
}

static void test_create_only_once(void **state)
{
    publish_and_wait("function.result.r1", "done", NULL, "0", 5);
    assert_int_equal(world.reply.outcome, BUS_DONE);
    publish_and_wait("function.result.r1", "again", NULL, "0", 6);
    assert_int_equal(world.reply.outcome, BUS_REFUSED);
    assert_int_equal(world.reply.error_code, 10071);
    assert_int_equal(world.reply.code, 400);
}

static void test_no_stream_is_unanswered(void **state)
{
    uint32_t before = world.unanswered_publish;
    publish("function.cobol.x", "", NULL, NULL, 7);
    assert_true(world_wait(&world, &world.unanswered_publish, before + 1));
}

static void test_bad_publish_is_refused_here(void **state)
{
    const struct bus_header newline = { bytes_of("a"), bytes_of("b\r\nc: d") };
    struct bus_publish message = { .subject = "function.c.x", .headers = &newline, .header_count = 1 };
    assert_int_equal(bus_publish(world.bus, &message), BUS_INVALID);
    message = (struct bus_publish){ .subject = "function.c.*" };
    assert_int_equal(bus_publish(world.bus, &message), BUS_INVALID);
    message = (struct bus_publish){ .subject = "function..x" };
    assert_int_equal(bus_publish(world.bus, &message), BUS_INVALID);
    size_t size = 3 << 20;
    uint8_t *large = calloc(1, size);
    message = (struct bus_publish){ .subject = "function.c.x", .body = { large, size } };
    assert_int_equal(bus_publish(world.bus, &message), BUS_TOO_LARGE);
    free(large);
}

static void test_get_reads_what_is_stored(void **state)
{
    uint32_t before = world.replies;
    publish_and_wait("function.result.r2", "stored bytes", NULL, "0", 8);
    uint64_t sequence = world.reply.sequence;
    world.header_wanted = "CE-TYPE";
    assert_int_equal(bus_get(world.bus, "function-results", "function.result.r2", 0, 9), BUS_SENT);
    assert_true(world_wait(&world, &world.replies, before + 2));
    assert_int_equal(world.reply.outcome, BUS_DONE);
    assert_int_equal(world.reply.sequence, sequence);
    assert_string_equal(world.body, "stored bytes");
    assert_string_equal(world.subject, "function.result.r2");
    assert_string_equal(world.header, "a%20b");
    assert_true(world.reply.stored_wall_ns > 1700000000 * (int64_t)second_ns);
    assert_int_equal(bus_get(world.bus, "function-results", "function.result.none", 0, 10), BUS_SENT);
    assert_true(world_wait(&world, &world.replies, before + 3));
    assert_int_equal(world.reply.outcome, BUS_REFUSED);
    assert_int_equal(world.reply.error_code, 10037);
    assert_int_equal(bus_get(world.bus, "function-results", "function.result.>", 1, 11), BUS_SENT);
    assert_true(world_wait(&world, &world.replies, before + 4));
    assert_int_equal(world.reply.outcome, BUS_DONE);
    assert_string_equal(world.subject, "function.result.r1");
}

static void test_deliver_nak_progress_ack(void **state)
{
    ensure("work");
    pull("c-work", 20, 4, 30 * second_ns);
    world.header_wanted = "ce-type";
    publish_and_wait("function.c.work", "payload", NULL, NULL, 21);
    assert_true(world_wait(&world, &world.deliveries, 1));
    assert_int_equal(world.delivery.consumer_tag, TAG);
    assert_int_equal(world.delivery.delivered, 1);
    assert_int_equal(world.delivery.stream_sequence, world.reply.sequence);
    assert_string_equal(world.body, "payload");
    assert_string_equal(world.subject, "function.c.work");
    assert_string_equal(world.header, "a%20b");

    uint64_t sent_ns = loop_now_ns();
    assert_int_equal(bus_ack(world.bus, world_ack_subject(&world), BUS_NAK, second_ns / 5), BUS_SENT);
    assert_true(world_wait(&world, &world.deliveries, 2));
    assert_int_equal(world.delivery.delivered, 2);
    assert_in_range(world.delivered_at_ns - sent_ns, second_ns / 5, second_ns * 9 / 10);

    world_run(&world, 700); /* the ack wait is one second: extended in between, it comes after more than one */
    sent_ns = world.delivered_at_ns;
    assert_int_equal(bus_ack(world.bus, world_ack_subject(&world), BUS_PROGRESS, 0), BUS_SENT);
    assert_true(world_wait(&world, &world.deliveries, 3));
    assert_true(world.delivered_at_ns - sent_ns > second_ns * 3 / 2);

    assert_int_equal(bus_ack(world.bus, world_ack_subject(&world), BUS_ACK, 0), BUS_SENT);
    world_run(&world, 1300);
    assert_int_equal(world.deliveries, 3);
    assert_int_equal(bus_ack(world.bus, bytes_of("function.c.work"), BUS_ACK, 0), BUS_INVALID);
}

static void test_pull_ends(void **state)
{
    struct broker_error error;
    ensure("idle");
    uint32_t before = world.pulls;
    assert_int_equal(bus_pull(world.bus, "functions", "c-idle", 3, 30, 8, second_ns / 2, second_ns / 5), BUS_SENT);
    assert_true(world_wait(&world, &world.pulls, before + 1));
    assert_int_equal(world.pull.event, BUS_PULL_EXPIRED);
    assert_int_equal(world.pull.code, 408);
    assert_int_equal(world.pull.op, 30);
    assert_int_equal(world.pull.consumer_tag, 3);
    assert_true(world.pull.unfilled_known);
    assert_int_equal(world.pull.unfilled, 8);
    assert_true(world.heartbeats >= 1);

    pull("c-idle", 31, 8, 30 * second_ns);
    world_run(&world, 50);
    assert_int_equal(broker_consumer_delete(broker, "c", "idle", &error), BROKER_OK);
    assert_true(world_wait(&world, &world.pulls, before + 2));
    assert_int_equal(world.pull.event, BUS_PULL_ENDED);
    assert_string_equal(world.body, "Consumer Deleted");

    assert_int_equal(bus_pull(world.bus, "functions", "c-idle", 3, 33, 8, 0, 0), BUS_INVALID);
}

static void test_subscription_and_request(void **state)
{
    struct broker_error error;
    uint64_t revision = 0;
    assert_true(bus_subscribe(world.bus, "$KV.function-config.>", 5));
    world_run(&world, 50);
    uint32_t before = world.messages;
    assert_int_equal(broker_kv_put(broker, "function-config", "c.hello", bytes_of("{}"), &revision, &error), BROKER_OK);
    assert_true(world_wait(&world, &world.messages, before + 1));
    assert_int_equal(world.tag, 5);
    assert_string_equal(world.subject, "$KV.function-config.c.hello");
    before = world.replies;
    assert_int_equal(bus_request(world.bus, "$JS.API.STREAM.INFO.functions", bytes_of(""), 40), BUS_SENT);
    assert_true(world_wait(&world, &world.replies, before + 1));
    assert_int_equal(world.reply.outcome, BUS_DONE);
    assert_non_null(strstr(world.body, "workqueue"));
}

static void test_repeated_headers_show(void **state)
{
    const struct bus_header headers[] = { { bytes_of("ce-id"), bytes_of("1") },
                                          { bytes_of("ce-id"), bytes_of("2") },
                                          { bytes_of("Empty"), bytes_of("") },
                                          { bytes_of("Last"), bytes_of("z") } };
    struct bus_publish message = { .subject = "hints.x", .headers = headers, .header_count = 4 };
    assert_true(bus_subscribe(world.bus, "hints.>", 6));
    uint32_t before = world.messages;
    world.header_wanted = "CE-Id";
    assert_int_equal(bus_publish(world.bus, &message), BUS_SENT);
    assert_true(world_wait(&world, &world.messages, before + 1));
    assert_int_equal(world.header_count, 4);
    assert_string_equal(world.header, "1");
    world.header_wanted = "Last";
    message.body = bytes_of("now with a body, which nats.c treats differently");
    assert_int_equal(bus_publish(world.bus, &message), BUS_SENT);
    assert_true(world_wait(&world, &world.messages, before + 2));
    assert_int_equal(world.header_count, 4);
    assert_string_equal(world.header, "z");
}

static void test_many_in_flight(void **state)
{
    uint32_t before = world.replies;
    for (uint64_t i = 1; i <= 500; i++) {
        publish("function.result.many", "x", NULL, NULL, i);
    }
    assert_true(world_wait(&world, &world.replies, before + 500));
    assert_int_equal(world.reply.op, 500);
    assert_int_equal(bus_buffered(world.bus), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish_is_answered),
        cmocka_unit_test(test_a_broker_that_does_not_read),
        cmocka_unit_test(test_create_only_once),
        cmocka_unit_test(test_no_stream_is_unanswered),
        cmocka_unit_test(test_bad_publish_is_refused_here),
        cmocka_unit_test(test_get_reads_what_is_stored),
        cmocka_unit_test(test_deliver_nak_progress_ack),
        cmocka_unit_test(test_pull_ends),
        cmocka_unit_test(test_subscription_and_request),
        cmocka_unit_test(test_repeated_headers_show),
        cmocka_unit_test(test_many_in_flight),
    };
    server_prepare(&server);
    server_start(&server);
    broker = server_broker(&server);
    server_provision(broker);
    world_start(&world, server.url, 0);
    int failed = world_wait(&world, &world.links_up, 1) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    world_stop(&world);
    broker_close(broker);
    server_remove(&server);
    return failed;
}
