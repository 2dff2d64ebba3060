/* A small HTTP/1.1 server for probes and metrics, on libevent's evhttp: GET and HEAD only, no bodies in, answers made
 * by the caller's routes at once.
 *
 * Routes match the path exactly. Unknown paths get 404 with the list of paths, other methods 405 with Allow, oversized
 * requests 4xx; each answer carries X-Content-Type-Options and a Content-Security-Policy. This header names nothing of
 * libevent and does not include adapters/event/event.h, whose `struct event` is another.
 *
 * Threads: the loop's. Handlers run on it and must not block. */
#ifndef STEAD_ADAPTERS_HTTP_H
#define STEAD_ADAPTERS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct http_server;
struct http_answer;

enum { HTTP_HEADER_BYTES_MAX = 16 * 1024, HTTP_BODY_BYTES_MAX = 64 * 1024, HTTP_IDLE_SECONDS = 30 };

struct http_request {
    const char *path;  /* decoded, without the query */
    const char *query; /* as sent, "" if none */
};

typedef void (*http_handler)(void *owner, const struct http_request *request, struct http_answer *answer);

struct http_route {
    const char *path; /* "/metrics"; constant text */
    http_handler handle;
    void *owner;
};

/* Listens on `address` ("127.0.0.1:7601", "[::1]:0"; port 0 picks a free one). `routes` must outlive the server.
 * NULL on failure, with what, where and what to do in `ret_error`. */
struct http_server *http_server_start(struct loop *loop, const char *address, const struct http_route *routes,
                                      size_t route_count, char *ret_error, size_t error_size);
const char *http_server_address(const struct http_server *server); /* "127.0.0.1:43211", with the real port */
void http_server_stop(struct http_server *server);                 /* NULL is fine */

/* For handlers. Without a status it is 200, without a type text/plain; charset=utf-8. */
void http_answer_status(struct http_answer *answer, int status);
void http_answer_type(struct http_answer *answer, const char *content_type);
void http_answer_append(struct http_answer *answer, const void *at, size_t length);
void http_answer_printf(struct http_answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True if the query holds `name` as a key: "verbose" in "?verbose" and "?verbose=1". */
bool http_query_has(const char *query, const char *name);

/* ---- probes: one handler for /livez and /readyz ------------------------------------------------------------------ */

struct http_check {
    const char *name; /* constant text: "nats" */
    /* True if it passes; else ret_reason may be set to text that lives until the next call. */
    bool (*passes)(void *owner, const char **ret_reason);
    void *owner;
};

struct http_probe {
    const char *name; /* "readyz" */
    const struct http_check *checks;
    size_t check_count;
};

/* A route's handler; owner is a struct http_probe. 200 "ok" or 503 with the checks that failed; ?verbose lists all. */
void http_probe_handle(void *probe, const struct http_request *request, struct http_answer *answer);

#endif
