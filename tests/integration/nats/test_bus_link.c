/* The link of the data connection: a server that is absent, killed, restarted, mute. */
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

static void publish(struct world *world, uint64_t op, enum bus_sent expected)
{
    struct bus_publish message = { .subject = "function.c.x", .body = bytes_of("x"), .op = op };
    assert_int_equal(bus_publish(world->bus, &message), expected);
}

static void test_absent_at_start(void **state)
{
    struct world world;
    world_start(&world, server.url, 0);
    assert_true(world_wait(&world, &world.links_down, 1));
    assert_false(bus_up(world.bus));
    assert_int_equal(world.epoch, 0);
    assert_true(strlen(world.reason) > 0);
    publish(&world, 1, BUS_DOWN);
    server_start(&server);
    world_run(&world, 100);
    assert_int_equal(world.links_up, 0); /* the caller decides when to try */
    bus_connect(world.bus, 0);
    bus_connect(world.bus, 0);
    assert_true(world_wait(&world, &world.links_up, 1));
    assert_int_equal(world.epoch, 1);
    world_run(&world, 50);
    assert_int_equal(world.links_up, 1);
    world_stop(&world);
    server_signal(&server, SIGKILL);
}

static void test_killed_and_restarted(void **state)
{
    struct world world;
    struct broker_error error;
    struct broker_consumer consumer;
    server_start(&server);
    struct broker *broker = server_broker(&server);
    server_provision(broker);
    assert_int_equal(broker_consumer_ensure(broker, "c", "x", 1000000000, 10, &consumer, &error), BROKER_OK);
    assert_true(consumer.created_now);
    world_start(&world, server.url, 30);
    assert_true(bus_subscribe(world.bus, "hints.>", 4));
    assert_true(world_wait(&world, &world.links_up, 1));
    assert_int_equal(bus_pull(world.bus, "functions", "c-x", 1, 9, 4, 30000000000, 0), BUS_SENT);
    world_run(&world, 50);
    server_signal(&server, SIGKILL);
    assert_true(world_wait(&world, &world.links_down, 1));
    publish(&world, 2, BUS_DOWN);
    world_run(&world, 200);
    server_start(&server);
    assert_true(world_wait(&world, &world.links_up, 2));
    assert_int_equal(world.epoch, 2);
    publish(&world, 3, BUS_SENT);
    assert_true(world_wait(&world, &world.replies, 1));
    assert_int_equal(world.reply.op, 3);
    world_run(&world, 100);
    assert_int_equal(world.deliveries, 0); /* the pull died with its epoch */
    assert_int_equal(bus_pull(world.bus, "functions", "c-x", 1, 10, 4, 30000000000, 0), BUS_SENT);
    assert_true(world_wait(&world, &world.deliveries, 1));
    struct bus_publish hint = { .subject = "hints.a" };
    assert_int_equal(bus_publish(world.bus, &hint), BUS_SENT);
    assert_true(world_wait(&world, &world.messages, 1)); /* subscriptions are made again */
    /* The control connection comes back by itself, too. */
    assert_int_equal(broker_consumer_ensure(broker, "c", "x", 1000000000, 10, &consumer, &error), BROKER_OK);
    assert_false(consumer.created_now);
    broker_close(broker);
    world_stop(&world);
    server_signal(&server, SIGKILL);
}

static void test_cut_and_mute(void **state)
{
    struct world world;
    server_start(&server);
    world_start(&world, server.url, 20);
    assert_true(world_wait(&world, &world.links_up, 1));
    bus_shutdown_socket(world.bus);
    assert_true(world_wait(&world, &world.links_up, 2));
    assert_int_equal(world.links_down, 1);
    world_run(&world, 50);
    kill(server.pid, SIGSTOP);
    static uint8_t large[1 << 19];
    struct bus_publish message = { .subject = "nowhere.x", .body = { large, sizeof large } };
    uint64_t before_ns = loop_now_ns();
    for (int i = 0; i < 40; i++) {
        assert_int_equal(bus_publish(world.bus, &message), BUS_SENT);
        loop_run_once(world.loop, 0);
    }
    assert_true(loop_now_ns() - before_ns < 4000000000);
    assert_true(bus_buffered(world.bus) > 1 << 20);
    assert_true(bus_idle_ns(world.bus) > 0);
    bus_shutdown_socket(world.bus);
    assert_true(world_wait(&world, &world.links_down, 2));
    assert_int_equal(bus_buffered(world.bus), 0);
    kill(server.pid, SIGCONT);
    assert_true(world_wait(&world, &world.links_up, 3));
    /* Destroying a bus that has something to send, on a server that does not read. */
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bus_publish(world.bus, &message), BUS_SENT);
    }
    before_ns = loop_now_ns();
    world_stop(&world);
    assert_true(loop_now_ns() - before_ns < 2000000000);
    kill(server.pid, SIGCONT);
    server_signal(&server, SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_at_start),
        cmocka_unit_test(test_killed_and_restarted),
        cmocka_unit_test(test_cut_and_mute),
    };
    server_prepare(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_remove(&server);
    return failed;
}
