/* The HTTP server over a real socket: a client thread sends raw bytes while the loop runs here. */
#include "adapters/http/http.h"
#include "adapters/loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static bool nats_up = true;

static bool nats_passes(void *owner, const char **ret_reason)
{
    *ret_reason = "not connected";
    return nats_up;
}

static bool always_passes(void *owner, const char **ret_reason)
{
    return true;
}

static const struct http_check checks[] = { { "loop", always_passes, NULL }, { "nats", nats_passes, NULL } };
static struct http_probe readyz = { "readyz", checks, 2 };

static void answer_metrics(void *owner, const struct http_request *request, struct http_answer *answer)
{
    http_answer_type(answer, "text/plain; version=0.0.4; charset=utf-8");
    http_answer_printf(answer, "query=%s\n", request->query);
}

static const struct http_route routes[] = { { "/readyz", http_probe_handle, &readyz },
                                            { "/metrics", answer_metrics, NULL } };

struct exchange {
    int port;
    const char *request;
    char answer[8192];
    atomic_bool done;
};

static void *exchange_run(void *owner)
{
    struct exchange *exchange = owner;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)exchange->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    size_t length = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        send(fd, exchange->request, strlen(exchange->request), MSG_NOSIGNAL);
        for (ssize_t got = 1; got > 0 && length<sizeof exchange->answer - 1; length += got> 0 ? (size_t)got : 0) {
            got = recv(fd, exchange->answer + length, sizeof exchange->answer - 1 - length, 0);
        }
    }
    exchange->answer[length] = '\0';
    close(fd);
    atomic_store(&exchange->done, true);
    return NULL;
}

struct fixture {
    struct loop *loop;
    struct http_server *server;
};

static int start(void **state)
{
    static struct fixture fixture;
    char error[256] = "";
    nats_up = true;
    assert_int_equal(loop_create(&fixture.loop), 0);
    fixture.server = http_server_start(fixture.loop, "127.0.0.1:0", routes, 2, error, sizeof error);
    if (fixture.server == NULL) {
        fail_msg("%s", error);
    }
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server);
    loop_free(fixture->loop);
    return 0;
}

/* Sends `request` and runs the loop until the client has its answer, which every piece of `want` must be part of. */
static void assert_answer(struct fixture *fixture, const char *request, const char *const *want)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    pthread_t thread;
    exchange->port = (int)strtol(strrchr(http_server_address(fixture->server), ':') + 1, NULL, 10);
    exchange->request = request;
    pthread_create(&thread, NULL, exchange_run, exchange);
    while (!atomic_load(&exchange->done)) {
        loop_run_once(fixture->loop, 5000000);
    }
    pthread_join(thread, NULL);
    for (; *want != NULL; want++) {
        if (strstr(exchange->answer, *want) == NULL) {
            fail_msg("no \"%s\" in:\n%s", *want, exchange->answer);
        }
    }
    free(exchange);
}

#define CLOSE     " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define WANT(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void answers_probes(void **state)
{
    assert_answer(*state, "GET /readyz" CLOSE, WANT("HTTP/1.1 200 ", "\r\n\r\nok\n", "nosniff", "no-store"));
    assert_answer(*state, "GET /readyz?verbose" CLOSE, WANT("[+]loop ok\n[+]nats ok\nreadyz check passed\n"));
    nats_up = false;
    assert_answer(*state, "GET /readyz" CLOSE,
                  WANT("HTTP/1.1 503 Service Unavailable", "[-]nats failed: not connected\nreadyz check failed\n"));
}

static void answers_get_and_head_only(void **state)
{
    assert_answer(*state, "GET /metrics?a=b" CLOSE, WANT("200 OK", "version=0.0.4", "query=a=b\n"));
    assert_answer(*state, "HEAD /metrics" CLOSE, WANT("200 OK", "Content-Length: 7"));
    assert_answer(*state, "POST /metrics" CLOSE, WANT("405 Method Not Allowed", "Allow: GET, HEAD"));
    assert_answer(*state, "DELETE /nope" CLOSE, WANT("405 Method Not Allowed"));
    assert_answer(*state, "GET /nope" CLOSE, WANT("404 Not Found", "try /readyz, /metrics\n"));
}

static void survives_bad_requests(void **state)
{
    static char large[HTTP_HEADER_BYTES_MAX + 4096];
    size_t length = (size_t)snprintf(large, sizeof large, "GET /readyz HTTP/1.1\r\nHost: x\r\nX: ");
    memset(large + length, 'a', sizeof large - length - 5);
    memcpy(large + sizeof large - 5, "\r\n\r\n", 5);
    assert_answer(*state, large, WANT("HTTP/1.1 4"));
    assert_answer(*state, "garbage\r\n\r\n", WANT(""));
    assert_answer(*state, "GET /readyz" CLOSE, WANT("200 OK"));
}

static void refuses_bad_addresses(void **state)
{
    struct fixture *fixture = *state;
    char error[256] = "";
    static const char *const bad[] = {
        "", "7601", "127.0.0.1:", ":80", "1:2:3", "127.0.0.1:999999999", "no.such.invalid:1"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error[0] = '\0';
        assert_null(http_server_start(fixture->loop, bad[i], routes, 2, error, sizeof error));
        assert_non_null(strstr(error, "http.listen"));
    }
    const char *taken = http_server_address(fixture->server);
    assert_null(http_server_start(fixture->loop, taken, routes, 2, error, sizeof error));
    assert_non_null(strstr(error, taken));
    assert_non_null(strstr(error, "choose another port"));
}

static void reads_queries(void **state)
{
    assert_true(http_query_has("verbose", "verbose"));
    assert_true(http_query_has("a=b&verbose=1", "verbose"));
    assert_false(http_query_has("verbosely", "verbose"));
    assert_false(http_query_has("", "verbose"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_probes, start, stop),
        cmocka_unit_test_setup_teardown(answers_get_and_head_only, start, stop),
        cmocka_unit_test_setup_teardown(survives_bad_requests, start, stop),
        cmocka_unit_test_setup_teardown(refuses_bad_addresses, start, stop),
        cmocka_unit_test(reads_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
