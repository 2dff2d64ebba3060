/* A server whose only function is echo, for clients in other languages and for measuring the gRPC part alone:
 *
 *     grpc_echo 127.0.0.1:0 [unix:/path]      prints its addresses, serves until its input ends
 *     grpc_echo bench ADDRESS CALLERS SECONDS  calls it in a closed loop and prints calls/s
 *
 * The function "fail" fails, "unknown" is not there, "hold" never answers. "never" and "later" are not available and
 * say how often they were called; "never" asks the client not to try again, "later" to try in 200 ms, and answers at
 * the third call. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "adapters/grpc/rpc_client.h"
#include "adapters/grpc/rpc_server.h"

static void wake(void *owner)
{
    uint64_t one = 1;
    if (write(*(int *)owner, &one, sizeof one) < 0)
        abort();
}

/* True if the function is one of those and refuses. */
static bool refuse(struct rpc_server *server, const struct rpc_request *request)
{
    static unsigned nevers, laters;
    bool never = bytes_equal_text(request->name, "never");
    bool later = bytes_equal_text(request->name, "later");
    char text[32];
    snprintf(text, sizeof text, "call %u", never ? ++nevers : later ? ++laters : 0);
    if (!never && !(later && laters < 3))
        return false;
    rpc_server_answer(server, &(struct rpc_answer){ .id = request->id,
                                                    .kind = RPC_ANSWER_STATUS,
                                                    .status = RPC_STATUS_UNAVAILABLE,
                                                    .text = bytes_of(text),
                                                    .reason = bytes_of("TEST"),
                                                    .retry_after_ms = never ? RPC_NEVER_RETRY : 200 });
    return true;
}

static void answer(struct rpc_server *server, const struct rpc_request *request)
{
    struct rpc_answer result = { .id = request->id,
                                 .kind = RPC_ANSWER_RESULT,
                                 .packed_event = request->packed_event,
                                 .request_id = bytes_of("0123456789abcdef"),
                                 .attempts = 1 };
    struct rpc_answer failed = { .id = request->id,
                                 .kind = RPC_ANSWER_FUNCTION_ERROR,
                                 .text = bytes_of("it fails"),
                                 .type = bytes_of("Failure"),
                                 .error_class = bytes_of("retry") };
    struct rpc_answer unknown = { .id = request->id,
                                  .kind = RPC_ANSWER_STATUS,
                                  .status = RPC_STATUS_NOT_FOUND,
                                  .text = bytes_of("there is no such function"),
                                  .reason = bytes_of("FUNCTION_NOT_FOUND"),
                                  .retry_after_ms = RPC_NO_RETRY_HINT };
    if (refuse(server, request))
        return;
    if (request->kind != RPC_EXECUTE || bytes_equal_text(request->name, "unknown"))
        rpc_server_answer(server, &unknown);
    else if (bytes_equal_text(request->name, "fail"))
        rpc_server_answer(server, &failed);
    else if (!bytes_equal_text(request->name, "hold"))
        rpc_server_answer(server, &result);
}

static int serve(int count, char **addresses)
{
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char error[256];
    struct rpc_server_options options = { .listen = (const char *const *)addresses,
                                          .listen_count = (size_t)count,
                                          .reflection = true,
                                          .wake = wake,
                                          .owner = &event_fd };
    struct rpc_server *server = rpc_server_start(&options, error, sizeof error);
    if (!server) {
        fprintf(stderr, "%s\n", error);
        return 69;
    }
    rpc_server_serving(server, true);
    for (size_t i = 0; rpc_server_address(server, i); i++)
        printf("%s\n", rpc_server_address(server, i));
    fflush(stdout);
    struct pollfd polls[2] = { { .fd = event_fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
    while (!polls[1].revents) {
        struct rpc_request *request;
        while (rpc_server_receive(server, &request)) {
            if (request->kind != RPC_CANCELLED)
                answer(server, request);
            rpc_request_free(request);
        }
        poll(polls, 2, -1);
        uint64_t wakes;
        if (polls[0].revents && read(event_fd, &wakes, sizeof wakes) < 0)
            continue;
    }
    rpc_server_stop(server, 100000000);
    close(event_fd);
    return 0;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int bench(const char *address, int callers, double seconds)
{
    struct rpc_client *client = rpc_client_connect(address);
    struct rpc_query query = { .name = bytes_of("echo"), .data = bytes_of("0123456789abcdef") };
    struct event_buffer message = { 0 };
    if (!client || !rpc_client_encode(&query, &message))
        return 1;
    struct bytes bytes = { message.at, message.length };
    for (int i = 0; i < callers; i++)
        rpc_client_start(client, RPC_PATH_EXECUTE, bytes, 0, NULL);
    double begun = seconds_now();
    unsigned long calls = 0;
    unsigned long bad = 0;
    void *tag;
    struct rpc_reply *reply;
    while (rpc_client_next(client, 10000000000, &tag, &reply)) {
        calls++;
        bad += reply->status != RPC_STATUS_OK;
        rpc_reply_free(reply);
        if (seconds_now() - begun < seconds)
            rpc_client_start(client, RPC_PATH_EXECUTE, bytes, 0, NULL);
    }
    double took = seconds_now() - begun;
    printf("%d callers: %lu calls, %lu bad, %.0f/s, mean %.0f us\n", callers, calls, bad, (double)calls / took,
           took * 1e6 * callers / (double)calls);
    event_buffer_free(&message);
    rpc_client_close(client);
    return bad > 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "bench") == 0)
        return bench(argv[2], (int)strtol(argv[3], NULL, 10), strtod(argv[4], NULL));
    if (argc < 2 || argc > RPC_LISTEN_MAX) {
        fprintf(stderr, "usage: grpc_echo ADDRESS... | grpc_echo bench ADDRESS CALLERS SECONDS\n");
        return 2;
    }
    return serve(argc - 1, argv + 1);
}
