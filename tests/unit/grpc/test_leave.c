/* How a server leaves with calls in flight, and what it does under many calls at once and without file descriptors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/grpc/fixture.h"

#define SECOND_NS ((int64_t)1000000000)

static void a_drained_server_finishes_its_calls(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    rpc_server_serving(fixture.server, true);
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, "old");
    fixture_until(&fixture, &fixture.held_count, 1);
    rpc_server_drain(fixture.server);
    rpc_server_drain(fixture.server);
    struct rpc_client *late = rpc_client_connect(rpc_server_address(fixture.server, 0));
    struct rpc_reply *reply = rpc_client_list(late, bytes_of(""), 2 * SECOND_NS);
    assert_int_equal(reply->status, RPC_STATUS_UNAVAILABLE);
    rpc_reply_free(reply);
    rpc_client_close(late);
    assert_int_equal(fixture_in_flight(&fixture), 1);
    rpc_server_answer(fixture.server, &(struct rpc_answer){ .id = fixture.held[0],
                                                            .kind = RPC_ANSWER_FUNCTION_ERROR,
                                                            .text = bytes_of("last words") });
    reply = fixture_wait(&fixture, NULL);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_bytes_text(reply->error, "last words");
    rpc_reply_free(reply);
    fixture_stop(&fixture);
}

/* An answer given right before the stop leaves within the grace; the call without an answer is cancelled after it. */
static void a_stop_flushes_answers_and_cancels_the_rest(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, "answered");
    fixture_until(&fixture, &fixture.held_count, 1);
    fixture_start_call(&fixture, "hold", bytes_of(""), 0, "lost");
    fixture_until(&fixture, &fixture.held_count, 2);
    rpc_server_answer(
        fixture.server,
        &(struct rpc_answer){ .id = fixture.held[0], .kind = RPC_ANSWER_FUNCTION_ERROR, .text = bytes_of("in time") });
    rpc_server_stop(fixture.server, SECOND_NS / 2);
    for (int i = 0; i < 2; i++) {
        void *tag;
        struct rpc_reply *reply;
        assert_true(rpc_client_next(fixture.client, 5 * SECOND_NS, &tag, &reply));
        assert_int_equal(reply->function_failed, strcmp(tag, "answered") == 0);
        assert_int_equal(reply->status == RPC_STATUS_OK, reply->function_failed);
        rpc_reply_free(reply);
    }
    rpc_client_close(fixture.client);
}

static void a_stop_without_handling_frees_everything(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    for (int i = 0; i < 20; i++)
        fixture_start_call(&fixture, "echo", bytes_of("never seen"), 0, NULL);
    for (int i = 0; i < 200 && fixture_in_flight(&fixture) < 20; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    assert_int_equal(fixture_in_flight(&fixture), 20);
    fixture_stop(&fixture);
}

static void the_longest_deadline_is_ours(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ .deadline_ns_max = 3 * SECOND_NS });
    static const int64_t timeouts[] = { 0, 60 * SECOND_NS };
    for (size_t i = 0; i < 2; i++) {
        rpc_reply_free(fixture_call(&fixture, "echo", bytes_of(""), timeouts[i]));
        assert_true(fixture.deadline_left_ns > SECOND_NS);
        assert_true(fixture.deadline_left_ns <= 3 * SECOND_NS);
    }
    fixture_stop(&fixture);
}

/* 64 callers in a closed loop; every call gets its own data back. */
static void many_calls_at_once(void **state)
{
    enum { CALLERS = 64, CALLS = 4000 };
    struct fixture fixture;
    char texts[CALLERS][16];
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    unsigned started = 0;
    for (; started < CALLERS; started++) {
        snprintf(texts[started], sizeof texts[started], "caller %u", started);
        fixture_start_call(&fixture, "echo", bytes_of(texts[started]), 0, texts[started]);
    }
    for (unsigned ended = 0; ended < CALLS; ended++) {
        void *tag;
        struct rpc_reply *reply = fixture_wait(&fixture, &tag);
        assert_int_equal(reply->status, RPC_STATUS_OK);
        assert_bytes_text(reply->data, (const char *)tag);
        rpc_reply_free(reply);
        if (started < CALLS) {
            started++;
            fixture_start_call(&fixture, "echo", bytes_of(tag), 0, tag);
        }
    }
    assert_int_equal(fixture.received, CALLS);
    assert_int_equal(fixture_in_flight(&fixture), 0);
    fixture_stop(&fixture);
}

/* Deadlines of a few milliseconds, a held call in every three and too few slots: answers, cancellations and refusals
 * cross each other all the time. Each call still ends once, and no slot is lost. */
static void deadlines_race_with_answers(void **state)
{
    enum { CALLERS = 32, CALLS = 3000 };
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ .in_flight_max = 12 });
    unsigned started = 0;
    unsigned statuses[17] = { 0 };
    for (unsigned ended = 0; ended < CALLS;) {
        while (started < CALLS && started - ended < CALLERS) {
            fixture_start_call(&fixture, started % 3 ? "echo" : "hold", bytes_of("x"), 1000000 + started % 7 * 700000,
                               NULL);
            started++;
        }
        struct rpc_reply *reply = fixture_wait(&fixture, NULL);
        statuses[reply->status]++;
        rpc_reply_free(reply);
        ended++;
        if (fixture.held_count > 2) { /* late answers, some of them to calls that are over */
            for (size_t i = 0; i < fixture.held_count; i++)
                rpc_server_answer(fixture.server,
                                  &(struct rpc_answer){ .id = fixture.held[i], .kind = RPC_ANSWER_FUNCTION_ERROR });
            fixture.held_count = 0;
        }
        fixture.cancelled_count = 0;
    }
    assert_int_equal(statuses[RPC_STATUS_OK] + statuses[RPC_STATUS_DEADLINE_EXCEEDED] +
                         statuses[RPC_STATUS_RESOURCE_EXHAUSTED] + statuses[RPC_STATUS_CANCELLED],
                     CALLS);
    for (size_t i = 0; i < fixture.held_count; i++)
        rpc_server_answer(fixture.server,
                          &(struct rpc_answer){ .id = fixture.held[i], .kind = RPC_ANSWER_FUNCTION_ERROR });
    for (int i = 0; i < 1000 && fixture_in_flight(&fixture) > 0; i++) {
        fixture_handle(&fixture);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    assert_int_equal(fixture_in_flight(&fixture), 0);
    /* Calls whose callers gave up may still be on their way, and take places for the moment: that is a refusal, not a
     * lost slot. */
    struct rpc_reply *reply = fixture_call(&fixture, "echo", bytes_of("still here"), 0);
    for (int i = 0; i < 500 && reply->status == RPC_STATUS_RESOURCE_EXHAUSTED; i++) {
        rpc_reply_free(reply);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        reply = fixture_call(&fixture, "echo", bytes_of("still here"), 0);
    }
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_bytes_text(reply->data, "still here");
    rpc_reply_free(reply);
    fixture_stop(&fixture);
}

/* gRPC's own listener would be deaf for ever after this. */
static void the_listener_survives_emfile(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ 0 });
    struct rpc_reply *reply = fixture_call(&fixture, "echo", bytes_of("before"), 0);
    rpc_reply_free(reply);
    struct rpc_client *second = rpc_client_connect(rpc_server_address(fixture.server, 0));
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    assert_int_equal(close(next), 0);
    struct rlimit tight = { .rlim_cur = (rlim_t)next + 1, .rlim_max = limit.rlim_max }; /* room for the client's end */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_true(rpc_client_start(second, RPC_PATH_LIST, bytes_of(""), 20 * SECOND_NS, NULL));
    struct rpc_server_counters counters = { 0 };
    for (int i = 0; i < 1000 && counters.accept_errors == 0; i++) {
        void *tag;
        assert_false(rpc_client_next(second, 2000000, &tag, &reply));
        rpc_server_counters(fixture.server, &counters);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(counters.accept_errors > 0);
    void *tag;
    reply = NULL;
    for (int i = 0; i < 2500 && !reply; i++) {
        fixture_handle(&fixture);
        rpc_client_next(second, 2000000, &tag, &reply);
    }
    assert_non_null(reply);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    rpc_reply_free(reply);
    rpc_client_close(second);
    fixture_stop(&fixture);
}

static void connections_are_capped_and_places_come_back(void **state)
{
    struct fixture fixture;
    fixture_start(&fixture, (struct rpc_server_options){ .connections_max = 2 });
    rpc_reply_free(fixture_call(&fixture, "echo", bytes_of(""), 0));
    struct rpc_server_counters counters;
    bool serving;
    for (int i = 0; i < 5; i++) { /* each takes the second place and leaves it */
        struct rpc_client *other = rpc_client_connect(rpc_server_address(fixture.server, 0));
        struct rpc_reply *reply = NULL;
        for (int tries = 0; tries < 50 && (!reply || reply->status != RPC_STATUS_OK); tries++) {
            rpc_reply_free(reply);
            reply = rpc_client_check(other, "", SECOND_NS, &serving);
            nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        }
        assert_int_equal(reply->status, RPC_STATUS_OK);
        rpc_reply_free(reply);
        if (i == 4) {
            struct rpc_client *third = rpc_client_connect(rpc_server_address(fixture.server, 0));
            reply = rpc_client_check(third, "", SECOND_NS, &serving);
            assert_int_equal(reply->status, RPC_STATUS_UNAVAILABLE);
            rpc_reply_free(reply);
            rpc_client_close(third);
        }
        rpc_client_close(other);
    }
    rpc_server_counters(fixture.server, &counters);
    assert_true(counters.connections_refused >= 1);
    fixture_stop(&fixture);
}

static void nobody_there_is_unavailable(void **state)
{
    struct rpc_client *client = rpc_client_connect("127.0.0.1:1");
    struct rpc_reply *reply = rpc_client_list(client, bytes_of(""), 5 * SECOND_NS);
    assert_int_equal(reply->status, RPC_STATUS_UNAVAILABLE);
    assert_true(reply->message.length > 0);
    rpc_reply_free(reply);
    rpc_client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drained_server_finishes_its_calls),
        cmocka_unit_test(a_stop_flushes_answers_and_cancels_the_rest),
        cmocka_unit_test(a_stop_without_handling_frees_everything),
        cmocka_unit_test(the_longest_deadline_is_ours),
        cmocka_unit_test(many_calls_at_once),
        cmocka_unit_test(deadlines_race_with_answers),
        cmocka_unit_test(the_listener_survives_emfile),
        cmocka_unit_test(connections_are_capped_and_places_come_back),
        cmocka_unit_test(nobody_there_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
