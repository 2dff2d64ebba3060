/* Every method but ExecuteFunction, from our client through a real server and back: what the loop is handed, what the
 * client reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/grpc/fixture.h"

#define SECOND_NS ((int64_t)1000000000)

static struct fixture fixture;
static struct rpc_answer prepared; /* what the next request is answered, but for its id */
static char seen_name[64], seen_text[160];
static enum rpc_kind seen_kind;
static struct rpc_request seen; /* its pointers are gone */
static struct rpc_deploy seen_deploy;

static void note(char *to, size_t size, struct bytes text)
{
    assert_true(text.length < size);
    if (text.length > 0)
        memcpy(to, text.at, text.length);
    to[text.length] = '\0';
}

static void answer_prepared(struct fixture *of, const struct rpc_request *request)
{
    note(seen_name, sizeof seen_name, request->name);
    note(seen_text, sizeof seen_text, request->request_id.length > 0 ? request->request_id : request->version);
    if (request->kind == RPC_ALIAS)
        note(seen_text, sizeof seen_text, request->alias.name);
    if (request->kind == RPC_DEPLOY) {
        note(seen_text, sizeof seen_text, request->deploy->alias);
        seen_deploy = *request->deploy;
    }
    for (size_t i = 0; i < request->alias.route_count; i++)
        assert_bytes_text(request->alias.routes[i].version, i ? "v2" : "v1");
    seen_kind = request->kind;
    seen = *request;
    struct rpc_answer answer = prepared;
    answer.id = request->id;
    rpc_server_answer(of->server, &answer);
}

static int start(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    fixture.answer = answer_prepared;
    seen_name[0] = seen_text[0] = '\0';
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

/* One blocking call of our client, made on another thread. */
struct order {
    enum rpc_kind kind;
    const char *name, *text;
    bool flag;
    const struct rpc_alias *alias;
    const struct rpc_deploy *deploy;
};

static void *order_carry_out(void *argument)
{
    const struct order *order = argument;
    struct rpc_client *client = fixture.client;
    struct bytes name = bytes_of(order->name ? order->name : "");
    struct bytes text = bytes_of(order->text ? order->text : "");
    struct rpc_query query = { .name = name, .data = text, .timeout_ns = 5 * SECOND_NS };
    switch (order->kind) {
    case RPC_SUBMIT:
        return rpc_client_submit(client, &query);
    case RPC_RESULT:
        return rpc_client_result(client, text, order->flag, 5 * SECOND_NS);
    case RPC_CANCEL:
        return rpc_client_cancel(client, text, 5 * SECOND_NS);
    case RPC_REMOVE:
        return order->flag ? rpc_client_remove_now(client, name, 5 * SECOND_NS)
                           : rpc_client_remove(client, name, 5 * SECOND_NS);
    case RPC_VERSIONS:
        return rpc_client_versions(client, name, 5 * SECOND_NS);
    case RPC_ROLLBACK:
        return rpc_client_rollback(client, name, text, 5 * SECOND_NS);
    case RPC_ALIAS:
        return rpc_client_alias(client, name, order->alias, 5 * SECOND_NS);
    case RPC_ROLLOUT:
        return rpc_client_rollout(client, name, 5 * SECOND_NS);
    case RPC_DEPLOY:
        return rpc_client_deploy(client, order->deploy, 5 * SECOND_NS);
    default:
        return rpc_client_instances(client, 5 * SECOND_NS);
    }
}

static struct rpc_reply *carry_out(struct order order, struct rpc_answer answer)
{
    prepared = answer;
    struct rpc_reply *reply = fixture_meanwhile(&fixture, order_carry_out, &order);
    assert_non_null(reply);
    return reply;
}

static void a_submission_is_accepted(void **state)
{
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        struct rpc_reply *reply = carry_out(
            (struct order){ .kind = RPC_SUBMIT, .name = "hello@beta", .text = "data" },
            (struct rpc_answer){ .kind = RPC_ANSWER_ACCEPTED, .request_id = bytes_of("r7"), .duplicate = duplicate });
        assert_int_equal(reply->status, RPC_STATUS_OK);
        assert_bytes_text(reply->request_id, "r7");
        assert_true(reply->duplicate == duplicate);
        assert_int_equal(seen_kind, RPC_SUBMIT);
        assert_string_equal(seen_name, "hello@beta");
        rpc_reply_free(reply);
    }
}

static void a_stored_result_is_read(void **state)
{
    struct event_buffer packed = fixture_result_event();
    struct rpc_reply *reply = carry_out((struct order){ .kind = RPC_RESULT, .text = "id-1", .flag = true },
                                        (struct rpc_answer){ .kind = RPC_ANSWER_STORED,
                                                             .request_id = bytes_of("id-1"),
                                                             .outcome = bytes_of("succeeded"),
                                                             .function = bytes_of("c/hello"),
                                                             .version = bytes_of("v3"),
                                                             .attempts = 2,
                                                             .packed_event = { packed.at, packed.length } });
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_false(reply->function_failed);
    assert_bytes_text(reply->data, "answer");
    assert_bytes_text(reply->outcome, "succeeded");
    assert_bytes_text(reply->function, "c/hello");
    assert_bytes_text(reply->version, "v3");
    assert_bytes_text(reply->request_id, "id-1");
    assert_int_equal(reply->attempts, 2);
    struct event event;
    assert_true(event_unpack(reply->packed_event, &event));
    assert_bytes_text(event.data, "answer");
    assert_int_equal(seen_kind, RPC_RESULT);
    assert_string_equal(seen_text, "id-1");
    assert_true(seen.wait);
    rpc_reply_free(reply);
    event_buffer_free(&packed);
}

static void a_stored_failure_is_read(void **state)
{
    struct rpc_answer failed = { .kind = RPC_ANSWER_STORED,
                                 .request_id = bytes_of("id-2"),
                                 .outcome = bytes_of("dead-lettered"),
                                 .reason = bytes_of("FUNCTION_ERROR"),
                                 .text = bytes_of("no more"),
                                 .type = bytes_of("OSError"),
                                 .error_class = bytes_of("retry"),
                                 .attempts = 4 };
    struct order order = { .kind = RPC_RESULT, .text = "id-2" };
    struct rpc_reply *reply = carry_out(order, failed);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_true(reply->function_failed);
    assert_bytes_text(reply->error, "no more");
    assert_bytes_text(reply->reason, "FUNCTION_ERROR");
    assert_bytes_text(reply->outcome, "dead-lettered");
    assert_bytes_text(reply->error_type, "OSError");
    assert_bytes_text(reply->error_class, "retry");
    assert_true(reply->retryable);
    assert_int_equal(reply->attempts, 4);
    assert_int_equal(reply->packed_event.length, 0);
    assert_false(seen.wait);
    rpc_reply_free(reply);
    failed.type = failed.error_class = (struct bytes){ 0 };
    failed.reason = bytes_of("QUEUE_TIMEOUT");
    reply = carry_out(order, failed);
    assert_true(reply->function_failed);
    assert_bytes_text(reply->reason, "QUEUE_TIMEOUT");
    assert_int_equal(reply->error_class.length, 0);
    assert_false(reply->retryable);
    assert_int_equal(reply->attempts, 4);
    rpc_reply_free(reply);
}

static void a_request_is_cancelled(void **state)
{
    struct rpc_reply *reply =
        carry_out((struct order){ .kind = RPC_CANCEL, .text = "0123" },
                  (struct rpc_answer){ .kind = RPC_ANSWER_ACCEPTED, .request_id = bytes_of("0123") });
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_bytes_text(reply->request_id, "0123");
    assert_int_equal(seen_kind, RPC_CANCEL);
    assert_string_equal(seen_text, "0123");
    rpc_reply_free(reply);
}

static const struct rpc_function function = {
    .language = { (const uint8_t *)"c", 1 },
    .name = { (const uint8_t *)"hello", 5 },
    .version = { (const uint8_t *)"v2", 2 },
    .revision = 77,
    .aliases = { { .name = { (const uint8_t *)"live", 4 },
                   .routes = { { { (const uint8_t *)"v1", 2 }, 90 }, { { (const uint8_t *)"v2", 2 }, 10 } },
                   .route_count = 2 },
                 { .name = { (const uint8_t *)"beta", 4 },
                   .routes = { { { (const uint8_t *)"v2", 2 }, 100 } },
                   .route_count = 1 } },
    .alias_count = 2,
};

static const struct rpc_answer functions = { .kind = RPC_ANSWER_FUNCTIONS,
                                             .functions = &function,
                                             .function_count = 1 };

static void assert_function(const struct rpc_reply *reply)
{
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_int_equal(reply->function_count, 1);
    const struct rpc_function *got = reply->functions;
    assert_bytes_text(got->name, "hello");
    assert_int_equal(got->revision, 77);
    assert_int_equal(got->alias_count, 2);
    assert_bytes_text(got->aliases[0].name, "live");
    assert_int_equal(got->aliases[0].route_count, 2);
    assert_bytes_text(got->aliases[0].routes[1].version, "v2");
    assert_int_equal(got->aliases[0].routes[1].weight, 10);
    assert_bytes_text(got->aliases[1].name, "beta");
    assert_int_equal(got->aliases[1].routes[0].weight, 100);
}

static void a_function_is_rolled_back_and_removed(void **state)
{
    struct rpc_reply *reply =
        carry_out((struct order){ .kind = RPC_ROLLBACK, .name = "hello", .text = "v1" }, functions);
    assert_function(reply);
    assert_string_equal(seen_name, "hello");
    assert_string_equal(seen_text, "v1");
    rpc_reply_free(reply);
    reply = carry_out((struct order){ .kind = RPC_ROLLBACK, .name = "hello" }, functions);
    assert_int_equal(seen.version.length, 0);
    rpc_reply_free(reply);
    for (int now = 0; now < 2; now++) {
        reply = carry_out((struct order){ .kind = RPC_REMOVE, .name = "hello", .flag = now }, functions);
        assert_function(reply);
        assert_int_equal(seen_kind, RPC_REMOVE);
        assert_true(seen.now == now);
        rpc_reply_free(reply);
    }
}

static void an_alias_is_set(void **state)
{
    struct rpc_reply *reply =
        carry_out((struct order){ .kind = RPC_ALIAS, .name = "hello", .alias = &function.aliases[0] }, functions);
    assert_function(reply);
    assert_string_equal(seen_name, "hello");
    assert_string_equal(seen_text, "live");
    assert_int_equal(seen.alias.route_count, 2);
    assert_int_equal(seen.alias.routes[0].weight, 90);
    assert_int_equal(seen.alias.routes[1].weight, 10);
    rpc_reply_free(reply);
    struct rpc_alias gone = { .name = bytes_of("beta") };
    reply = carry_out((struct order){ .kind = RPC_ALIAS, .name = "hello", .alias = &gone }, functions);
    assert_int_equal(seen.alias.route_count, 0);
    rpc_reply_free(reply);
    struct rpc_alias many = { .name = bytes_of("beta"), .route_count = RPC_ROUTES_MAX + 1 };
    reply = carry_out((struct order){ .kind = RPC_ALIAS, .name = "hello", .alias = &many }, functions);
    assert_int_equal(reply->status, RPC_STATUS_INVALID_ARGUMENT);
    rpc_reply_free(reply);
}

static void a_deploy_says_how_it_takes_over(void **state)
{
    struct rpc_file file = { .path = bytes_of("main.c"), .content = bytes_of("int x;") };
    struct rpc_deploy deploy = { .language = bytes_of("c"),
                                 .name = bytes_of("hello"),
                                 .files = &file,
                                 .file_count = 1,
                                 .canary_percent = 25,
                                 .alias = bytes_of("beta"),
                                 .no_wait = true };
    struct rpc_reply *reply = carry_out((struct order){ .kind = RPC_DEPLOY, .deploy = &deploy }, functions);
    assert_function(reply);
    assert_int_equal(seen_deploy.canary_percent, 25);
    assert_true(seen_deploy.no_wait);
    assert_string_equal(seen_text, "beta");
    rpc_reply_free(reply);
    deploy.canary_percent = 100;
    reply = carry_out((struct order){ .kind = RPC_DEPLOY, .deploy = &deploy }, functions);
    assert_int_equal(reply->status, RPC_STATUS_INVALID_ARGUMENT);
    assert_bytes_text(reply->violations[0].key, "canary_percent");
    rpc_reply_free(reply);
}

static void versions_are_listed(void **state)
{
    struct rpc_version versions[2] = {
        { .version = bytes_of("v2"),
          .digest = bytes_of("abc"),
          .created_unix_ms = 1700000000001,
          .aliases = { bytes_of("live=90"), bytes_of("beta=100") },
          .alias_count = 2 },
        { .version = bytes_of("v1") },
    };
    struct rpc_reply *reply =
        carry_out((struct order){ .kind = RPC_VERSIONS, .name = "hello" },
                  (struct rpc_answer){ .kind = RPC_ANSWER_VERSIONS, .versions = versions, .version_count = 2 });
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_int_equal(reply->version_count, 2);
    assert_bytes_text(reply->versions[0].version, "v2");
    assert_bytes_text(reply->versions[0].digest, "abc");
    assert_int_equal(reply->versions[0].created_unix_ms, 1700000000001);
    assert_int_equal(reply->versions[0].alias_count, 2);
    assert_bytes_text(reply->versions[0].aliases[1], "beta=100");
    assert_int_equal(reply->versions[1].created_unix_ms, 0);
    assert_int_equal(reply->versions[1].alias_count, 0);
    assert_string_equal(seen_name, "hello");
    rpc_reply_free(reply);
}

static void a_rollout_is_followed(void **state)
{
    struct rpc_instance_rollout instances[2] = {
        { .instance = bytes_of("one"), .state = bytes_of("ready"), .outdated = 3 },
        { .instance = bytes_of("two"), .state = bytes_of("failed"), .message = bytes_of("no gcc") },
    };
    struct rpc_rollout rollout = { .name = bytes_of("hello"),
                                   .version = bytes_of("v2"),
                                   .revision = UINT64_MAX,
                                   .ready = 1,
                                   .total = 2,
                                   .instances = instances,
                                   .instance_count = 2 };
    struct rpc_reply *reply = carry_out((struct order){ .kind = RPC_ROLLOUT, .name = "hello" },
                                        (struct rpc_answer){ .kind = RPC_ANSWER_ROLLOUT, .rollout = &rollout });
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_bytes_text(reply->rollout.version, "v2");
    assert_true(reply->rollout.revision == UINT64_MAX);
    assert_int_equal(reply->rollout.ready, 1);
    assert_int_equal(reply->rollout.total, 2);
    assert_int_equal(reply->rollout.instance_count, 2);
    assert_int_equal(reply->rollout.instances[0].outdated, 3);
    assert_bytes_text(reply->rollout.instances[1].message, "no gcc");
    rpc_reply_free(reply);
}

static void instances_are_listed(void **state)
{
    struct bytes languages[2] = { bytes_of("c"), bytes_of("python") };
    struct rpc_instance instances[2] = {
        { .name = bytes_of("one"),
          .state = bytes_of("AVAILABLE"),
          .version = bytes_of("0.1.0"),
          .started_unix_ms = 1700000000999,
          .languages = languages,
          .language_count = 2,
          .slots = 8,
          .running = 3,
          .functions = 5 },
        { .name = bytes_of("two") },
    };
    struct rpc_reply *reply =
        carry_out((struct order){ .kind = RPC_INSTANCES },
                  (struct rpc_answer){ .kind = RPC_ANSWER_INSTANCES, .instances = instances, .instance_count = 2 });
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_int_equal(reply->instance_count, 2);
    const struct rpc_instance *one = &reply->instances[0];
    assert_bytes_text(one->state, "AVAILABLE");
    assert_int_equal(one->started_unix_ms, 1700000000999);
    assert_int_equal(one->language_count, 2);
    assert_bytes_text(one->languages[1], "python");
    assert_int_equal(one->slots + 10 * one->running + 100 * one->functions, 8 + 30 + 500);
    assert_int_equal(reply->instances[1].language_count, 0);
    rpc_reply_free(reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_submission_is_accepted),
        TEST(a_stored_result_is_read),
        TEST(a_stored_failure_is_read),
        TEST(a_request_is_cancelled),
        TEST(a_function_is_rolled_back_and_removed),
        TEST(an_alias_is_set),
        TEST(a_deploy_says_how_it_takes_over),
        TEST(versions_are_listed),
        TEST(a_rollout_is_followed),
        TEST(instances_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
