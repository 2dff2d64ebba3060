/* Calls through a real server: what is answered, what is refused, and how the client reads it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/grpc/fixture.h"

#define SECOND_NS ((int64_t)1000000000)

static struct fixture fixture;

static int start(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .in_flight_max = 4, .event_bytes_max = 800000 });
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

static void a_function_answers(void **state)
{
    struct rpc_reply *reply = fixture_call(&fixture, "echo", bytes_of("h\xc3\xa4llo"), 5 * SECOND_NS);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_false(reply->function_failed);
    assert_bytes_text(reply->data, "h\xc3\xa4llo");
    assert_bytes_text(reply->request_id, "r1");
    assert_int_equal(reply->attempts, 2);
    struct event event;
    struct bytes type;
    assert_true(event_unpack(reply->packed_event, &event));
    assert_bytes_text(event.data, "h\xc3\xa4llo");
    assert_true(event_find(event.block, "type", &type));
    assert_bytes_text(type, "stead.request.v1");
    assert_true(event_find(event.block, "datacontenttype", &type));
    assert_bytes_text(type, "text/plain");
    assert_true(fixture.deadline_left_ns > 3 * SECOND_NS);
    assert_true(fixture.deadline_left_ns < 6 * SECOND_NS);
    rpc_reply_free(reply);
}

static void a_function_fails(void **state)
{
    struct rpc_reply *reply = fixture_call(&fixture, "fail", bytes_of("x"), 0);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_true(reply->function_failed);
    assert_bytes_text(reply->error, "no \xe2\x82\xac left");
    assert_bytes_text(reply->error_type, "Value Error");
    assert_bytes_text(reply->error_class, "permanent");
    assert_bytes_text(reply->request_id, "r2");
    assert_false(reply->retryable);
    assert_int_equal(reply->attempts, 3);
    assert_int_equal(fixture.deadline_left_ns, INT64_MAX);
    rpc_reply_free(reply);
}

static void a_status_has_details(void **state)
{
    struct rpc_reply *reply = fixture_call(&fixture, "status", bytes_of(""), 0);
    assert_int_equal(reply->status, RPC_STATUS_NOT_FOUND);
    assert_bytes_text(reply->message, "no function \xc3\xa4");
    assert_bytes_text(reply->reason, "FUNCTION_NOT_FOUND");
    assert_bytes_text(reply->domain, RPC_ERROR_DOMAIN);
    assert_int_equal(reply->retry_after_ms, 1500);
    assert_int_equal(reply->pair_count, 1);
    assert_bytes_text(reply->pairs[0].key, "function");
    assert_bytes_text(reply->pairs[0].value, "status");
    assert_int_equal(reply->violation_count, 0);
    rpc_reply_free(reply);
}

/* A compiler's whole output as a status: cut, but it arrives, within the 8 KiB of trailers that clients accept. */
static void a_long_status_is_cut_and_arrives(void **state)
{
    static char text[60001];
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    struct rpc_pair pairs[2] = { { bytes_of("log"), bytes_of(text) }, { bytes_of("more"), bytes_of(text) } };
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, NULL);
    fixture_until(&fixture, &fixture.held_count, 1);
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[0],
                                                            .kind = RPC_ANSWER_STATUS,
                                                            .status = RPC_STATUS_FAILED_PRECONDITION,
                                                            .text = bytes_of(text),
                                                            .reason = bytes_of("BUILD_FAILED"),
                                                            .violation_field = bytes_of("files"),
                                                            .pairs = pairs,
                                                            .pair_count = 2 });
    struct rpc_reply *reply = fixture_wait(&fixture, NULL);
    assert_int_equal(reply->status, RPC_STATUS_FAILED_PRECONDITION);
    assert_bytes_text(reply->reason, "BUILD_FAILED");
    assert_int_equal(reply->message.length, 999);
    assert_int_equal(reply->retry_after_ms, -1); /* nothing was said */
    assert_int_equal(reply->pair_count, 2);
    assert_true(reply->pairs[0].value.length > 500);
    rpc_reply_free(reply);
}

static void a_malformed_result_is_internal(void **state)
{
    struct rpc_reply *reply = fixture_call(&fixture, "mangled", bytes_of(""), 0);
    assert_int_equal(reply->status, RPC_STATUS_INTERNAL);
    assert_bytes_text(reply->reason, "INVALID_RESULT");
    rpc_reply_free(reply);
}

static void only_the_first_answer_counts(void **state)
{
    for (int i = 0; i < 10; i++) {
        struct rpc_reply *reply = fixture_call(&fixture, "twice", bytes_of("one"), 0);
        assert_int_equal(reply->status, RPC_STATUS_OK);
        assert_bytes_text(reply->data, "one");
        rpc_reply_free(reply);
    }
}

static void unknown_ids_are_dropped(void **state)
{
    static const uint64_t ids[] = { 0, 1, UINT64_MAX, (uint64_t)1 << 32, (uint64_t)99 << 32 | 3 };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = ids[i], .kind = RPC_ANSWER_STATUS });
    a_function_answers(state);
}

static void a_deadline_cancels_the_request(void **state)
{
    struct rpc_reply *reply = fixture_call(&fixture, "hold", bytes_of(""), SECOND_NS / 5);
    assert_int_equal(reply->status, RPC_STATUS_DEADLINE_EXCEEDED);
    rpc_reply_free(reply);
    fixture_until(&fixture, &fixture.cancelled_count, 1);
    assert_true(fixture.cancelled[0] == fixture.held[0]);
    /* its late answer meets nobody, neither now nor when the slot is taken again */
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[0], .kind = RPC_ANSWER_STATUS });
    a_function_answers(state);
    assert_int_equal(fixture_in_flight(&fixture), 0);
}

static void a_client_that_leaves_cancels(void **state)
{
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, NULL);
    fixture_until(&fixture, &fixture.held_count, 1);
    rpc_client_cancel_all(fixture.client);
    struct rpc_reply *reply = fixture_wait(&fixture, NULL);
    assert_int_equal(reply->status, RPC_STATUS_CANCELLED);
    rpc_reply_free(reply);
    fixture_until(&fixture, &fixture.cancelled_count, 1);
    assert_true(fixture.cancelled[0] == fixture.held[0]);
}

static void an_answer_can_cross_a_cancellation(void **state)
{
    for (int i = 0; i < 20; i++) {
        size_t before = fixture.held_count;
        fixture_start_call(&fixture, "hold", bytes_of(""), 0, NULL);
        fixture_until(&fixture, &fixture.held_count, before + 1);
        rpc_client_cancel_all(fixture.client);
        rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[before],
                                                                .kind = RPC_ANSWER_STATUS,
                                                                .status = RPC_STATUS_ABORTED });
        struct rpc_reply *reply = fixture_wait(&fixture, NULL);
        assert_true(reply->status == RPC_STATUS_CANCELLED || reply->status == RPC_STATUS_ABORTED);
        rpc_reply_free(reply);
    }
    a_function_answers(state);
    assert_int_equal(fixture_in_flight(&fixture), 0);
}

static void calls_beyond_the_limit_are_refused(void **state)
{
    for (size_t i = 0; i < 4; i++)
        fixture_start_call(&fixture, "hold", bytes_of(""), 0, "held");
    fixture_until(&fixture, &fixture.held_count, 4);
    void *tag;
    fixture_start_call(&fixture, "echo", bytes_of(""), 0, "refused");
    struct rpc_reply *reply = fixture_wait(&fixture, &tag);
    assert_string_equal(tag, "refused");
    assert_int_equal(reply->status, RPC_STATUS_RESOURCE_EXHAUSTED);
    assert_bytes_text(reply->reason, "OVERLOADED");
    assert_true(reply->retry_after_ms > 0);
    rpc_reply_free(reply);
    for (size_t i = 0; i < 4; i++) {
        rpc_server_answer(fixture.server,
                          &(struct rpc_answer){ .id = fixture.held[i], .kind = RPC_ANSWER_FUNCTION_ERROR });
        rpc_reply_free(fixture_wait(&fixture, NULL));
    }
    a_function_answers(state);
}

static void a_large_event_passes_and_a_larger_one_is_refused(void **state)
{
    static uint8_t much[1000000];
    memset(much, 'm', sizeof much);
    struct rpc_reply *reply = fixture_call(&fixture, "echo", (struct bytes){ much, 700000 }, 0);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_int_equal(reply->data.length, 700000);
    assert_memory_equal(reply->data.at, much, 700000);
    rpc_reply_free(reply);
    static const size_t sizes[] = { 799999, sizeof much };
    for (size_t i = 0; i < 2; i++) {
        size_t before = fixture.received;
        reply = fixture_call(&fixture, "echo", (struct bytes){ much, sizes[i] }, 0);
        assert_int_equal(reply->status, RPC_STATUS_RESOURCE_EXHAUSTED);
        assert_bytes_text(reply->reason, "EVENT_TOO_LARGE");
        assert_int_equal(fixture.received, before);
        rpc_reply_free(reply);
    }
}

static void a_message_over_grpcs_limit_is_refused(void **state)
{
    static uint8_t huge[17 * 1024 * 1024];
    struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_EXECUTE, (struct bytes){ huge, sizeof huge });
    assert_int_equal(reply->status, RPC_STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(fixture.received, 0);
    rpc_reply_free(reply);
    a_function_answers(state);
    assert_int_equal(fixture_in_flight(&fixture), 0);
}

static void functions_are_deployed_and_listed(void **state)
{
    struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_LIST, bytes_of(""));
    assert_int_equal(reply->function_count, 2);
    assert_int_equal(reply->functions[0].created_unix_ms, 1700000000123);
    assert_bytes_text(reply->functions[1].language, "python");
    assert_bytes_text(reply->functions[1].version, "v2");
    assert_int_equal(reply->functions[1].workers, 3);
    assert_int_equal(reply->functions[1].created_unix_ms, 0);
    rpc_reply_free(reply);
    static const struct {
        const char *path;
        const char *message;
    } one[] = {
        { RPC_PATH_GET, "\x0a\x02me" },
        { RPC_PATH_REMOVE, "\x0a\x02me" },
        { RPC_PATH_DEPLOY, "\x12\x02me\x1a\x09\x0a\x03"
                           "a.c\x12\x02{}" },
    };
    for (size_t i = 0; i < 3; i++) {
        reply = fixture_call_bytes(&fixture, one[i].path, bytes_of(one[i].message));
        assert_int_equal(reply->status, RPC_STATUS_OK);
        assert_int_equal(reply->function_count, 1);
        assert_bytes_text(reply->functions[0].name, "me");
        assert_bytes_text(reply->functions[0].message, i == 2 ? "{}" : "");
        rpc_reply_free(reply);
    }
}

static void health_follows_the_loop(void **state)
{
    bool serving = true;
    struct rpc_reply *reply = rpc_client_check(fixture.client, "", SECOND_NS, &serving);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_false(serving);
    rpc_reply_free(reply);
    rpc_server_serving(fixture.server, true);
    reply = rpc_client_check(fixture.client, "function.v1.FunctionService", SECOND_NS, &serving);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_true(serving);
    rpc_reply_free(reply);
    reply = rpc_client_check(fixture.client, "nobody", SECOND_NS, &serving);
    assert_int_equal(reply->status, RPC_STATUS_NOT_FOUND);
    rpc_reply_free(reply);
}

static void a_unix_socket_works(void **state)
{
    char folder[] = "/tmp/stead-grpc-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char address[64];
    snprintf(address, sizeof address, "unix:%s/socket", folder);
    const char *listen[] = { address, "127.0.0.1:0" };
    struct fixture both;
    fixture_start(&both, (struct rpc_server_options){ .listen = listen, .listen_count = 2 });
    struct rpc_reply *reply = fixture_call(&both, "echo", bytes_of("over a socket"), 0);
    assert_bytes_text(reply->data, "over a socket");
    rpc_reply_free(reply);
    rpc_client_close(both.client);
    both.client = rpc_client_connect(rpc_server_address(both.server, 1));
    reply = fixture_call(&both, "echo", bytes_of("over TCP"), 0);
    assert_bytes_text(reply->data, "over TCP");
    rpc_reply_free(reply);
    struct stat file;
    assert_int_equal(stat(address + 5, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    char error[256];
    struct rpc_server_options again = { .listen = listen, .listen_count = 1, .wake = (void (*)(void *))abort };
    assert_null(rpc_server_start(&again, error, sizeof error));
    assert_non_null(strstr(error, "in use"));
    fixture_stop(&both);
    assert_int_not_equal(stat(address + 5, &file), 0);
    rmdir(folder);
}

static void addresses_that_cannot_be(void **state)
{
    const char *taken = rpc_server_address(fixture.server, 0);
    const char *const table[][2] = {
        { taken, "in use" },
        { "127.0.0.1", "host:port" },
        { "127.0.0.1:http", "host:port" },
        { "unix:tmp/x", "begin with /" },
        { "unix:/etc/passwd", "no socket" },
        { "192.0.2.1:0", "no such address" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char error[256] = "";
        struct rpc_server_options options = { .listen = &table[i][0],
                                              .listen_count = 1,
                                              .wake = (void (*)(void *))abort };
        assert_null(rpc_server_start(&options, error, sizeof error));
        assert_non_null(strstr(error, table[i][1]));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_function_answers),
        TEST(a_function_fails),
        TEST(a_status_has_details),
        TEST(a_long_status_is_cut_and_arrives),
        TEST(a_malformed_result_is_internal),
        TEST(only_the_first_answer_counts),
        TEST(unknown_ids_are_dropped),
        TEST(a_deadline_cancels_the_request),
        TEST(a_client_that_leaves_cancels),
        TEST(an_answer_can_cross_a_cancellation),
        TEST(calls_beyond_the_limit_are_refused),
        TEST(a_large_event_passes_and_a_larger_one_is_refused),
        TEST(a_message_over_grpcs_limit_is_refused),
        TEST(functions_are_deployed_and_listed),
        TEST(health_follows_the_loop),
        TEST(a_unix_socket_works),
        TEST(addresses_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
