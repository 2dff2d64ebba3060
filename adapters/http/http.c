/* The server: evhttp with one generic callback. evhttp parses, bounds and times out; here are the method check, the
 * route table, the answer headers and the errors. An answer is built in an evbuffer while the handler runs and sent
 * when it returns. */
#include "adapters/http/http.h"
#include "adapters/loop/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

struct http_server {
    struct evhttp *http;
    const struct http_route *routes;
    size_t route_count;
    char address[96];
};

struct http_answer {
    int status;
    const char *content_type;
    struct evbuffer *body;
};

void http_answer_status(struct http_answer *answer, int status)
{
    answer->status = status;
}

void http_answer_type(struct http_answer *answer, const char *content_type)
{
    answer->content_type = content_type;
}

void http_answer_append(struct http_answer *answer, const void *at, size_t length)
{
    evbuffer_add(answer->body, at, length);
}

void http_answer_printf(struct http_answer *answer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    evbuffer_add_vprintf(answer->body, format, arguments);
    va_end(arguments);
}

bool http_query_has(const char *query, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = query; at != NULL && *at != '\0'; at = strchr(at, '&'), at = at == NULL ? NULL : at + 1) {
        if (strncmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == '=' || at[length] == '&')) {
            return true;
        }
    }
    return false;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 503:
        return "Service Unavailable";
    default:
        return "Status";
    }
}

static void answer_send(struct evhttp_request *request, struct http_answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char length[24];
    snprintf(length, sizeof length, "%zu", evbuffer_get_length(answer->body));
    evhttp_add_header(headers, "Content-Type", answer->content_type);
    evhttp_add_header(headers, "Content-Length", length);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Content-Security-Policy", "default-src 'self'");
    evhttp_send_reply(request, answer->status, reason_of(answer->status), answer->body);
}

static const struct http_route *route_find(const struct http_server *server, const char *path)
{
    for (size_t i = 0; i < server->route_count; i++) {
        if (strcmp(server->routes[i].path, path) == 0) {
            return &server->routes[i];
        }
    }
    return NULL;
}

static void answer_unknown(const struct http_server *server, struct http_answer *answer)
{
    answer->status = 404;
    http_answer_printf(answer, "nothing is here; try");
    for (size_t i = 0; i < server->route_count; i++) {
        http_answer_printf(answer, "%s %s", i == 0 ? "" : ",", server->routes[i].path);
    }
    http_answer_printf(answer, "\n");
}

static void answer_request(struct http_server *server, struct evhttp_request *request, struct http_answer *answer)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        answer->status = 405;
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        http_answer_printf(answer, "only GET and HEAD are answered here\n");
        return;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *raw = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    const char *query = uri == NULL ? NULL : evhttp_uri_get_query(uri);
    char *path = evhttp_uridecode(raw == NULL || *raw == '\0' ? "/" : raw, 0, NULL);
    const struct http_route *route = path == NULL ? NULL : route_find(server, path);
    if (route == NULL) {
        answer_unknown(server, answer);
    } else {
        struct http_request view = { path, query == NULL ? "" : query };
        route->handle(route->owner, &view, answer);
    }
    free(path);
}

static void request_ready(struct evhttp_request *request, void *owner)
{
    struct http_answer answer = { 200, "text/plain; charset=utf-8", evbuffer_new() };
    if (answer.body == NULL) {
        evhttp_send_error(request, 503, NULL);
        return;
    }
    answer_request(owner, request, &answer);
    answer_send(request, &answer);
    evbuffer_free(answer.body);
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

/* Splits "host:port" or "[v6]:port". */
static bool address_split(const char *address, char *ret_host, size_t host_size, char *ret_port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || strlen(colon + 1) == 0 || strlen(colon + 1) >= port_size) {
        return false;
    }
    size_t length = (size_t)(colon - address);
    const char *host = address;
    if (host[0] == '[' && length >= 2 && host[length - 1] == ']') {
        host++;
        length -= 2;
    } else if (memchr(host, ':', length) != NULL) {
        return false;
    }
    if (length >= host_size) {
        return false;
    }
    memcpy(ret_host, host, length);
    ret_host[length] = '\0';
    memcpy(ret_port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int listen_on(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, 128) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int address_listen(const char *address, char *ret_error, size_t error_size)
{
    char host[64], port[8];
    if (!address_split(address, host, sizeof host, port, sizeof port)) {
        snprintf(ret_error, error_size, "http.listen: \"%s\" is no address: write host:port, such as 127.0.0.1:7601",
                 address);
        return -1;
    }
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | AI_PASSIVE };
    struct addrinfo *info = NULL;
    int found = getaddrinfo(host, port, &hints, &info);
    if (found != 0) {
        snprintf(ret_error, error_size, "http.listen: \"%s\" can't be resolved: %s", address, gai_strerror(found));
        return -1;
    }
    int fd = listen_on(info);
    freeaddrinfo(info);
    if (fd < 0) {
        snprintf(ret_error, error_size, "http.listen: can't listen on %s: %s%s", address, strerror(-fd),
                 fd == -EADDRINUSE ? "; stop the other program or choose another port (0 picks a free one)" : "");
    }
    return fd;
}

static void address_text(int fd, char *ret_text, size_t size)
{
    struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
    socklen_t length = sizeof storage;
    char host[64] = "?", port[8] = "?";
    if (getsockname(fd, (struct sockaddr *)&storage, &length) == 0) {
        getnameinfo((struct sockaddr *)&storage, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    }
    snprintf(ret_text, size, storage.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static struct evhttp *http_create(struct loop *loop, struct http_server *server)
{
    struct evhttp *http = evhttp_new(loop_native(loop));
    if (http != NULL) {
        evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                             EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
        evhttp_set_max_headers_size(http, HTTP_HEADER_BYTES_MAX);
        evhttp_set_max_body_size(http, HTTP_BODY_BYTES_MAX);
        evhttp_set_timeout(http, HTTP_IDLE_SECONDS);
        evhttp_set_gencb(http, request_ready, server);
    }
    return http;
}

struct http_server *http_server_start(struct loop *loop, const char *address, const struct http_route *routes,
                                      size_t route_count, char *ret_error, size_t error_size)
{
    int fd = address_listen(address, ret_error, error_size);
    if (fd < 0) {
        return NULL;
    }
    struct http_server *server = calloc(1, sizeof *server);
    if (server != NULL) {
        server->routes = routes;
        server->route_count = route_count;
        address_text(fd, server->address, sizeof server->address);
        server->http = http_create(loop, server);
    }
    if (server == NULL || server->http == NULL || evhttp_accept_socket(server->http, fd) != 0) {
        snprintf(ret_error, error_size, "http.listen: no memory to serve %s", address);
        close(fd);
        http_server_stop(server);
        return NULL;
    }
    return server;
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->http != NULL) {
        evhttp_free(server->http);
    }
    free(server);
}
