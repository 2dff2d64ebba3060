/* A server and a client in one process and one thread: the test is the loop thread, and the client's calls are started
 * and waited for while the server's requests are handled. What a function does is told by its name:
 *
 *     echo   answers with the event's data      fail     the function says no
 *     status answers NOT_FOUND with details     hold     never answers; its id is kept
 *     twice  is answered twice                  mangled  answers with bytes that are no event */
#ifndef STEAD_TESTS_UNIT_GRPC_FIXTURE_H
#define STEAD_TESTS_UNIT_GRPC_FIXTURE_H

#include <semaphore.h>

#include "adapters/grpc/rpc_client.h"
#include "adapters/grpc/rpc_server.h"

enum { FIXTURE_HELD_MAX = 1024 };

struct fixture;
typedef void fixture_answer(struct fixture *fixture, const struct rpc_request *request);

struct fixture {
    fixture_answer *answer; /* if set, it answers all requests, and the names above mean nothing */
    struct rpc_server *server;
    struct rpc_client *client;
    sem_t woken;
    uint64_t held[FIXTURE_HELD_MAX]; /* ids that were not answered */
    size_t held_count;
    uint64_t cancelled[FIXTURE_HELD_MAX];
    size_t cancelled_count;
    size_t received;
    int64_t deadline_left_ns; /* of the last request */
};

/* Asserts that all goes well; `options` may leave out listen, wake and owner. */
void fixture_start(struct fixture *fixture, struct rpc_server_options options);
void fixture_stop(struct fixture *fixture);
/* Handles what has come. */
void fixture_handle(struct fixture *fixture);
/* Handles requests until a reply comes, at most 10 s; asserts that one did. */
struct rpc_reply *fixture_wait(struct fixture *fixture, void **ret_tag);
/* Handles requests until *count reaches `wanted`, at most 10 s. */
void fixture_until(struct fixture *fixture, const size_t *count, size_t wanted);
void fixture_start_call(struct fixture *fixture, const char *name, struct bytes data, int64_t timeout_ns, void *tag);
/* One call from start to end. */
struct rpc_reply *fixture_call(struct fixture *fixture, const char *name, struct bytes data, int64_t timeout_ns);
struct rpc_reply *fixture_call_bytes(struct fixture *fixture, const char *path, struct bytes message);
/* Runs `work` on a thread of its own, and handles requests here until it returns, at most 10 s: for blocking calls. */
void *fixture_meanwhile(struct fixture *fixture, void *(*work)(void *), void *argument);
/* A packed event with the data "answer"; the caller frees it. */
struct event_buffer fixture_result_event(void);
uint32_t fixture_in_flight(struct fixture *fixture);

#define assert_bytes_text(bytes, text) assert_true(bytes_equal_text(bytes, text))

#endif
