/* Limits of a connection and of deploys, each seen from a client that keeps the rules. What happens to those who don't
 * is in tests/integration/service/test_abuse.py. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <time.h>

#include "adapters/grpc/rpc_request.h"
#include "tests/unit/grpc/fixture.h"

#define SECOND_NS    ((int64_t)1000000000)
#define DEPLOY_BYTES ((size_t)1000000)

static struct fixture fixture;

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

static void pass(int64_t ns)
{
    for (int64_t passed = 0; passed < ns; passed += SECOND_NS / 100) {
        fixture_handle(&fixture);
        nanosleep(&(struct timespec){ .tv_nsec = SECOND_NS / 100 }, NULL);
    }
}

static uint64_t connections(void)
{
    struct rpc_server_counters counters;
    rpc_server_counters(fixture.server, &counters);
    return counters.connections;
}

static void echo(void)
{
    struct rpc_reply *reply = fixture_call(&fixture, "echo", bytes_of("x"), 5 * SECOND_NS);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    rpc_reply_free(reply);
}

static void calls_beyond_the_connections_limit_wait(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .calls_per_connection_max = 2 });
    echo(); /* the client has the server's settings now */
    size_t before = fixture.received;
    for (int i = 0; i < 3; i++)
        fixture_start_call(&fixture, "hold", bytes_of(""), 0, NULL);
    pass(SECOND_NS / 3);
    assert_int_equal(fixture.received - before, 2);
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[0], .kind = RPC_ANSWER_FUNCTION_ERROR });
    rpc_reply_free(fixture_wait(&fixture, NULL));
    fixture_until(&fixture, &fixture.held_count, 3);
}

static void idle_connections_are_closed(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .connection_idle_ns_max = SECOND_NS / 5 });
    echo();
    assert_int_equal(connections(), 1);
    pass(SECOND_NS);
    echo();
    assert_int_equal(connections(), 2);
}

/* gRPC spreads the age by a tenth; a call in flight when it is reached goes on. */
static void old_connections_are_renewed(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .connection_age_ns_max = SECOND_NS / 4 });
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, "held");
    fixture_until(&fixture, &fixture.held_count, 1);
    pass(SECOND_NS);
    echo();
    assert_true(connections() >= 2);
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[0], .kind = RPC_ANSWER_FUNCTION_ERROR });
    void *tag;
    struct rpc_reply *reply = fixture_wait(&fixture, &tag);
    assert_string_equal(tag, "held");
    assert_int_equal(reply->status, RPC_STATUS_OK);
    rpc_reply_free(reply);
}

static uint64_t deploying;

static void deploy_hold(struct fixture *of, const struct rpc_request *request)
{
    assert_int_equal(request->kind, RPC_DEPLOY);
    deploying = request->id;
    of->held_count++;
}

/* "name", one file "a.c" with `length` zeros. */
static void deploy_start(size_t length, void *tag)
{
    static uint8_t zeros[DEPLOY_BYTES];
    struct rpc_file file = { .path = bytes_of("a.c"), .content = { zeros, length } };
    struct rpc_deploy deploy = { .name = bytes_of("f"), .files = &file, .file_count = 1 };
    struct event_buffer message = { 0 };
    assert_true(rpc_request_deploy(&deploy, &message));
    assert_true(
        rpc_client_start(fixture.client, RPC_PATH_DEPLOY, (struct bytes){ message.at, message.length }, 0, tag));
    event_buffer_free(&message);
}

static void large_deploys_take_turns(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .event_bytes_max = 65536, .deploy_bytes_max = DEPLOY_BYTES });
    fixture.answer = deploy_hold;
    deploy_start(600000, "first");
    fixture_until(&fixture, &fixture.held_count, 1);
    uint64_t first = deploying;
    void *tag;
    deploy_start(600000, "second");
    struct rpc_reply *reply = fixture_wait(&fixture, &tag);
    assert_string_equal(tag, "second");
    assert_int_equal(reply->status, RPC_STATUS_RESOURCE_EXHAUSTED);
    assert_bytes_text(reply->reason, "OVERLOADED");
    assert_true(reply->retry_after_ms > 0);
    rpc_reply_free(reply);
    deploy_start(1000, "small");
    fixture_until(&fixture, &fixture.held_count, 2);
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = first, .kind = RPC_ANSWER_STATUS, .status = 9 });
    reply = fixture_wait(&fixture, &tag);
    assert_string_equal(tag, "first");
    rpc_reply_free(reply);
    deploy_start(600000, "third");
    fixture_until(&fixture, &fixture.held_count, 3);
    assert_int_equal(fixture_in_flight(&fixture), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(calls_beyond_the_connections_limit_wait, stop),
        cmocka_unit_test_teardown(idle_connections_are_closed, stop),
        cmocka_unit_test_teardown(old_connections_are_renewed, stop),
        cmocka_unit_test_teardown(large_deploys_take_turns, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
