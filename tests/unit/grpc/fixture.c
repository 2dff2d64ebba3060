/* Starts a server and a client in one process and answers what the test says: see fixture.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/unit/grpc/fixture.h"

#define STEP_NS ((int64_t)2000000)

enum { STEPS_MAX = 5000 };

static void wake(void *owner)
{
    sem_post(&((struct fixture *)owner)->woken);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void fixture_start(struct fixture *fixture, struct rpc_server_options options)
{
    static const char *const anywhere[] = { "127.0.0.1:0" };
    char error[256] = "";
    *fixture = (struct fixture){ .held_count = 0 };
    sem_init(&fixture->woken, 0, 0);
    if (!options.listen_count) {
        options.listen = anywhere;
        options.listen_count = 1;
    }
    options.wake = wake;
    options.owner = fixture;
    fixture->server = rpc_server_start(&options, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(fixture->server);
    fixture->client = rpc_client_connect(rpc_server_address(fixture->server, 0));
    assert_non_null(fixture->client);
}

void fixture_stop(struct fixture *fixture)
{
    rpc_client_close(fixture->client);
    rpc_server_stop(fixture->server, 0);
    sem_destroy(&fixture->woken);
}

static void answer_echo(struct fixture *fixture, const struct rpc_request *request)
{
    rpc_server_answer(fixture->server, &(struct rpc_answer){ .id = request->id,
                                                             .kind = RPC_ANSWER_RESULT,
                                                             .packed_event = request->packed_event,
                                                             .attempts = 2,
                                                             .request_id = bytes_of("r1") });
}

static void answer_functions(struct fixture *fixture, const struct rpc_request *request)
{
    struct rpc_function functions[2] = {
        { .language = bytes_of("c"),
          .name = request->name,
          .state = bytes_of("ready"),
          .created_unix_ms = 1700000000123 },
        { .language = bytes_of("python"), .name = bytes_of("other"), .version = bytes_of("v2"), .workers = 3 },
    };
    if (request->kind == RPC_DEPLOY)
        functions[0].message = request->deploy->files[request->deploy->file_count - 1].content;
    rpc_server_answer(fixture->server, &(struct rpc_answer){ .id = request->id,
                                                             .kind = RPC_ANSWER_FUNCTIONS,
                                                             .functions = functions,
                                                             .function_count = request->kind == RPC_LIST ? 2 : 1 });
}

static void execute(struct fixture *fixture, const struct rpc_request *request)
{
    struct rpc_pair pair = { bytes_of("function"), request->name };
    struct rpc_answer failed = { .id = request->id,
                                 .kind = RPC_ANSWER_FUNCTION_ERROR,
                                 .text = bytes_of("no \xe2\x82\xac left"),
                                 .type = bytes_of("Value Error"),
                                 .error_class = bytes_of("permanent"),
                                 .attempts = 3,
                                 .request_id = bytes_of("r2") };
    struct rpc_answer status = { .id = request->id,
                                 .kind = RPC_ANSWER_STATUS,
                                 .status = RPC_STATUS_NOT_FOUND,
                                 .text = bytes_of("no function \xc3\xa4"),
                                 .reason = bytes_of("FUNCTION_NOT_FOUND"),
                                 .retry_after_ms = 1500,
                                 .pairs = &pair,
                                 .pair_count = 1 };
    struct rpc_answer mangled = { .id = request->id, .kind = RPC_ANSWER_RESULT, .packed_event = bytes_of("xxxxxxxx") };
    if (bytes_equal_text(request->name, "fail"))
        rpc_server_answer(fixture->server, &failed);
    else if (bytes_equal_text(request->name, "status"))
        rpc_server_answer(fixture->server, &status);
    else if (bytes_equal_text(request->name, "mangled"))
        rpc_server_answer(fixture->server, &mangled);
    else if (bytes_equal_text(request->name, "hold"))
        fixture->held[fixture->held_count++] = request->id;
    else
        answer_echo(fixture, request);
    if (bytes_equal_text(request->name, "twice"))
        rpc_server_answer(fixture->server, &failed);
}

void fixture_handle(struct fixture *fixture)
{
    struct rpc_request *request;
    while (rpc_server_receive(fixture->server, &request)) {
        assert_true(request->id != 0);
        if (request->kind == RPC_CANCELLED) {
            fixture->cancelled[fixture->cancelled_count++] = request->id;
        } else {
            fixture->received++;
            fixture->deadline_left_ns = request->deadline_ns == INT64_MAX ? INT64_MAX : request->deadline_ns - now_ns();
            if (fixture->answer)
                fixture->answer(fixture, request);
            else if (request->kind == RPC_EXECUTE)
                execute(fixture, request);
            else
                answer_functions(fixture, request);
        }
        rpc_request_free(request);
    }
}

struct rpc_reply *fixture_wait(struct fixture *fixture, void **ret_tag)
{
    void *tag;
    struct rpc_reply *reply = NULL;
    for (int step = 0; step < STEPS_MAX; step++) {
        fixture_handle(fixture);
        if (rpc_client_next(fixture->client, STEP_NS, &tag, &reply)) {
            if (ret_tag)
                *ret_tag = tag;
            assert_non_null(reply);
            return reply;
        }
    }
    fail_msg("no reply came");
    return NULL;
}

void fixture_until(struct fixture *fixture, const size_t *count, size_t wanted)
{
    for (int step = 0; step < STEPS_MAX && *count < wanted; step++) {
        fixture_handle(fixture);
        nanosleep(&(struct timespec){ .tv_nsec = STEP_NS }, NULL);
    }
    assert_int_equal(*count, wanted);
}

void fixture_start_call(struct fixture *fixture, const char *name, struct bytes data, int64_t timeout_ns, void *tag)
{
    struct rpc_query query = { .name = bytes_of(name), .data = data, .content_type = bytes_of("text/plain") };
    struct event_buffer message = { 0 };
    assert_true(rpc_client_encode(&query, &message));
    assert_true(rpc_client_start(fixture->client, RPC_PATH_EXECUTE, (struct bytes){ message.at, message.length },
                                 timeout_ns, tag));
    event_buffer_free(&message);
}

struct rpc_reply *fixture_call(struct fixture *fixture, const char *name, struct bytes data, int64_t timeout_ns)
{
    fixture_start_call(fixture, name, data, timeout_ns, NULL);
    return fixture_wait(fixture, NULL);
}

struct rpc_reply *fixture_call_bytes(struct fixture *fixture, const char *path, struct bytes message)
{
    assert_true(rpc_client_start(fixture->client, path, message, 0, NULL));
    return fixture_wait(fixture, NULL);
}

struct errand {
    void *(*work)(void *);
    void *argument;
    void *result;
    _Atomic bool done;
};

static void *errand_run(void *argument)
{
    struct errand *errand = argument;
    errand->result = errand->work(errand->argument);
    atomic_store(&errand->done, true);
    return NULL;
}

void *fixture_meanwhile(struct fixture *fixture, void *(*work)(void *), void *argument)
{
    struct errand errand = { .work = work, .argument = argument };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, errand_run, &errand), 0);
    for (int step = 0; step < STEPS_MAX && !atomic_load(&errand.done); step++) {
        fixture_handle(fixture);
        nanosleep(&(struct timespec){ .tv_nsec = STEP_NS }, NULL);
    }
    assert_true(atomic_load(&errand.done));
    pthread_join(thread, NULL);
    return errand.result;
}

uint32_t fixture_in_flight(struct fixture *fixture)
{
    struct rpc_server_counters counters;
    rpc_server_counters(fixture->server, &counters);
    return counters.in_flight;
}

struct event_buffer fixture_result_event(void)
{
    struct event_buffer block = { 0 };
    struct event_buffer packed = { 0 };
    event_buffer_attribute_text(&block, "specversion", "1.0");
    event_buffer_attribute_text(&block, "id", "out");
    event_buffer_attribute_text(&block, "source", "stead:test");
    event_buffer_attribute_text(&block, "type", "test.result");
    event_pack(&packed, (struct event){ .block = { block.at, block.length }, .data = bytes_of("answer") });
    assert_false(packed.failed);
    event_buffer_free(&block);
    return packed;
}
