/* The client by itself: many threads, several connections, servers that are not there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>

#include "tests/unit/grpc/fixture.h"

#define SECOND_NS ((int64_t)1000000000)

enum { CALLERS = 8, CALLS_EACH = 25, CONNECTIONS = 4 };

static struct fixture fixture;

static int start(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

static void *caller_run(void *client)
{
    intptr_t good = 0;
    for (int i = 0; i < CALLS_EACH; i++) {
        struct rpc_query query = { .name = bytes_of("echo"), .data = bytes_of("x"), .timeout_ns = 9 * SECOND_NS };
        struct rpc_reply *reply = rpc_client_execute(client, &query);
        good += reply && reply->status == RPC_STATUS_OK && bytes_equal_text(reply->data, "x");
        rpc_reply_free(reply);
    }
    return (void *)good;
}

static void *callers_run(void *client)
{
    pthread_t threads[CALLERS];
    intptr_t good = 0;
    for (int i = 0; i < CALLERS; i++)
        if (pthread_create(&threads[i], NULL, caller_run, client) != 0)
            return NULL;
    for (int i = 0; i < CALLERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += (intptr_t)result;
    }
    return (void *)good;
}

static void threads_share_the_connections(void **state)
{
    struct rpc_client_options options = { .address = rpc_server_address(fixture.server, 0),
                                          .connections = CONNECTIONS,
                                          .connect_timeout_ns = 5 * SECOND_NS,
                                          .keepalive_ns = 30 * SECOND_NS };
    struct rpc_client *client = rpc_client_open(&options);
    intptr_t good = (intptr_t)fixture_meanwhile(&fixture, callers_run, client);
    assert_int_equal(good, CALLERS * CALLS_EACH);
    struct rpc_server_counters counters;
    rpc_server_counters(fixture.server, &counters);
    assert_true(counters.connections <= CONNECTIONS);
    rpc_client_close(client);
}

/* Calls that are held are spread evenly: each of the connections gets one before any gets two. */
static void calls_go_where_the_fewest_are(void **state)
{
    rpc_client_close(fixture.client);
    struct rpc_client_options options = { .address = rpc_server_address(fixture.server, 0),
                                          .connections = CONNECTIONS };
    fixture.client = rpc_client_open(&options);
    for (size_t i = 0; i < CONNECTIONS; i++)
        fixture_start_call(&fixture, "hold", bytes_of(""), 0, NULL);
    fixture_until(&fixture, &fixture.held_count, CONNECTIONS);
    struct rpc_server_counters counters;
    rpc_server_counters(fixture.server, &counters);
    assert_int_equal(counters.connections, CONNECTIONS);
    rpc_client_cancel_all(fixture.client);
    for (size_t i = 0; i < CONNECTIONS; i++)
        rpc_reply_free(fixture_wait(&fixture, NULL));
}

struct call_nobody {
    struct rpc_client *client;
    int64_t timeout_ns;
};

static void *nobody_call(void *argument)
{
    const struct call_nobody *call = argument;
    return rpc_client_instances(call->client, call->timeout_ns);
}

static void a_server_that_is_not_there(void **state)
{
    static const char address[] = "unix:/tmp/stead-nobody-listens-here";
    struct call_nobody call = { .timeout_ns = 5 * SECOND_NS };
    call.client = rpc_client_connect(address);
    struct rpc_reply *reply = fixture_meanwhile(&fixture, nobody_call, &call);
    assert_int_equal(reply->status, RPC_STATUS_UNAVAILABLE);
    rpc_reply_free(reply);
    rpc_client_close(call.client);
    call.client = rpc_client_open(&(struct rpc_client_options){ .address = address, .wait_for_ready = true });
    call.timeout_ns = SECOND_NS / 2;
    reply = fixture_meanwhile(&fixture, nobody_call, &call);
    assert_int_equal(reply->status, RPC_STATUS_DEADLINE_EXCEEDED);
    rpc_reply_free(reply);
    rpc_client_close(call.client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(threads_share_the_connections),
        TEST(calls_go_where_the_fewest_are),
        TEST(a_server_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
