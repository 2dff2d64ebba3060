/* Requests as bytes: by the paths without a package, and those that are refused before the loop sees them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/grpc/fixture.h"

static struct fixture fixture;
static enum rpc_answer_kind prepared; /* how the next request is answered */
static enum rpc_kind seen;

static void answer_prepared(struct fixture *of, const struct rpc_request *request)
{
    seen = request->kind;
    rpc_server_answer(of->server,
                      &(struct rpc_answer){ .id = request->id, .kind = prepared, .request_id = bytes_of("id") });
}

static int start(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    fixture.answer = answer_prepared;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

static void bare_paths_work_too(void **state)
{
    static const struct {
        const char *path, *message;
        enum rpc_kind kind;
        enum rpc_answer_kind answer;
    } table[] = {
        { RPC_PATH_RESULT_BARE, "\x0a\x02id", RPC_RESULT, RPC_ANSWER_STORED },
        { RPC_PATH_CANCEL_BARE, "\x0a\x02id", RPC_CANCEL, RPC_ANSWER_ACCEPTED },
        { RPC_PATH_SUBMIT_BARE,
          "\x0a\x01"
          "f\x12\x0e\x0a\x01i\x12\x01s\x1a\x03"
          "1.0\x22\x01t",
          RPC_SUBMIT, RPC_ANSWER_ACCEPTED },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        prepared = table[i].answer;
        struct rpc_reply *reply = fixture_call_bytes(&fixture, table[i].path, bytes_of(table[i].message));
        assert_int_equal(reply->status, RPC_STATUS_OK);
        assert_int_equal(seen, table[i].kind);
        assert_bytes_text(reply->request_id, "id");
        rpc_reply_free(reply);
    }
}

/* An answer that doesn't fit the call is a bug of the loop, and the caller hears of it. */
static void an_answer_of_another_kind_is_internal(void **state)
{
    prepared = RPC_ANSWER_STORED;
    struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_CANCEL, bytes_of("\x0a\x01x"));
    assert_int_equal(reply->status, RPC_STATUS_INTERNAL);
    rpc_reply_free(reply);
    prepared = RPC_ANSWER_FUNCTIONS;
    reply = fixture_call_bytes(&fixture, RPC_PATH_VERSIONS, bytes_of("\x0a\x01x"));
    assert_int_equal(reply->status, RPC_STATUS_INTERNAL);
    rpc_reply_free(reply);
}

#define ROUTE(version, weight) "\x1a\x06\x0a\x02" version "\x10" weight

/* Which message of which method names which field, and what it says about it. */
static const struct {
    const char *path, *message, *field, *text;
} bad[] = {
    { RPC_PATH_RESULT, "", "request_id", "empty" },
    { RPC_PATH_RESULT,
      "\x0a\x03"
      "a.b",
      "request_id", "printable" },
    { RPC_PATH_RESULT,
      "\x0a\x03"
      "a b",
      "request_id", "printable" },
    { RPC_PATH_RESULT_BARE, "\x0a\x01>", "request_id", "printable" },
    { RPC_PATH_CANCEL, "\x0a\x01*", "request_id", "printable" },
    { RPC_PATH_CANCEL, "\x0a\x02\xc3\xa4", "request_id", "printable" },
    { RPC_PATH_CANCEL, "\x0a\x02\xc3\x28", "request_id", "UTF-8" },
    { RPC_PATH_SUBMIT, "", "name", "empty" },
    { RPC_PATH_SUBMIT,
      "\x0a\x01"
      "f",
      "event", "no event" },
    { RPC_PATH_VERSIONS, "", "name", "empty" },
    { RPC_PATH_ROLLOUT, "", "name", "empty" },
    { RPC_PATH_ROLLBACK, "", "name", "empty" },
    { RPC_PATH_ROLLBACK,
      "\x0a\x01"
      "f\x12\x01\xff",
      "version", "UTF-8" },
    { RPC_PATH_REMOVE, "\x10\x01", "name", "empty" },
    { RPC_PATH_ALIAS,
      "\x0a\x01"
      "f",
      "alias", "empty" },
    { RPC_PATH_ALIAS,
      "\x0a\x01"
      "f\x12\x01"
      "a" ROUTE("v1", "\x32"),
      "routes.weight", "sum up to 50" },
    { RPC_PATH_ALIAS,
      "\x0a\x01"
      "f\x12\x01"
      "a" ROUTE("v1", "\x65"),
      "routes.weight", "weight 101" },
    { RPC_PATH_ALIAS,
      "\x0a\x01"
      "f\x12\x01"
      "a\x1a\x02\x10\x64",
      "routes.version", "empty" },
    { RPC_PATH_ALIAS,
      "\x0a\x01"
      "f\x12\x01"
      "a" ROUTE("v1", "\x14") ROUTE("v2", "\x14") ROUTE("v3", "\x14") ROUTE("v4", "\x14") ROUTE("v5", "\x14"),
      "routes", "5 routes" },
};
static void assert_refused(const char *path, struct bytes message, const char *field, const char *text)
{
    struct rpc_reply *reply = fixture_call_bytes(&fixture, path, message);
    assert_int_equal(reply->status, RPC_STATUS_INVALID_ARGUMENT);
    assert_true(bytes_equal_text(reply->reason, "INVALID_REQUEST") || bytes_equal_text(reply->reason, "INVALID_EVENT"));
    assert_non_null(memmem(reply->message.at, reply->message.length, text, strlen(text)));
    assert_int_equal(reply->violation_count, field != NULL);
    if (field)
        assert_bytes_text(reply->violations[0].key, field);
    rpc_reply_free(reply);
}

static void bad_requests_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i].path, bytes_of(bad[i].message), bad[i].field, bad[i].text);
    assert_int_equal(fixture.received, 0);
}

static void long_ids_and_large_requests_are_refused(void **state)
{
    static uint8_t id[3 + 129] = { 0x0a, 0x81, 0x01 };
    memset(id + 3, 'x', 129);
    assert_refused(RPC_PATH_CANCEL, (struct bytes){ id, sizeof id }, "request_id", "128");
    static uint8_t large[70000] = { 0x0a, 0xec, 0xa2, 0x04 };
    memset(large + 4, 'n', sizeof large - 4);
    assert_refused(RPC_PATH_VERSIONS, (struct bytes){ large, sizeof large }, NULL, "70000");
    assert_int_equal(fixture.received, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(bare_paths_work_too),
        TEST(an_answer_of_another_kind_is_internal),
        TEST(bad_requests_are_refused),
        TEST(long_ids_and_large_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
