/* The acceptor thread polls the listeners and a stop signal. gRPC takes over an accepted descriptor and never tells
 * when it closes it, so the connections are remembered as (descriptor, inode) and looked at again, by fstat, when the
 * table is full: a descriptor that is gone or is another socket by now frees its place. */
#include "adapters/grpc/rpc_accept.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>

#include "adapters/grpc/rpc_listen.h"

enum { PAUSE_MS = 10, ACCEPTS_PER_TURN = 64 };

struct connection {
    int fd;
    ino_t inode;
};

struct rpc_acceptor {
    struct rpc_listener listeners[RPC_LISTEN_MAX];
    size_t listener_count;
    grpc_server *servers[RPC_DOOR_COUNT]; /* by is_unix */
    grpc_server_credentials *credentials;
    struct connection *connections; /* the thread's own */
    size_t connection_count;
    size_t connections_max;
    pthread_t thread;
    bool running;
    int stop_fd;
    _Atomic uint64_t accepted, refused, errors;
};

struct rpc_acceptor *rpc_acceptor_bind(const struct rpc_server_options *options, char *ret_error, size_t error_size)
{
    struct rpc_acceptor *acceptor = calloc(1, sizeof *acceptor);
    if (!acceptor) {
        snprintf(ret_error, error_size, "out of memory");
        return NULL;
    }
    acceptor->connections_max = options->connections_max;
    acceptor->connections = calloc(options->connections_max, sizeof *acceptor->connections);
    acceptor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!acceptor->connections || acceptor->stop_fd < 0) {
        snprintf(ret_error, error_size, "can't start the gRPC server: %s", strerror(errno));
        rpc_acceptor_free(acceptor);
        return NULL;
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        if (!rpc_listen(options->listen[i], &acceptor->listeners[i], ret_error, error_size)) {
            rpc_acceptor_free(acceptor);
            return NULL;
        }
        acceptor->listener_count++;
    }
    return acceptor;
}

bool rpc_acceptor_has(const struct rpc_acceptor *acceptor, bool unix_sockets)
{
    for (size_t i = 0; i < acceptor->listener_count; i++)
        if (acceptor->listeners[i].is_unix == unix_sockets)
            return true;
    return false;
}

const char *rpc_acceptor_address(const struct rpc_acceptor *acceptor, size_t which)
{
    return which < acceptor->listener_count ? acceptor->listeners[which].address : NULL;
}

/* Forgets connections that gRPC has closed. */
static void connections_sweep(struct rpc_acceptor *acceptor)
{
    size_t kept = 0;
    for (size_t i = 0; i < acceptor->connection_count; i++) {
        struct stat now;
        const struct connection *connection = &acceptor->connections[i];
        if (fstat(connection->fd, &now) == 0 && now.st_ino == connection->inode)
            acceptor->connections[kept++] = *connection;
    }
    acceptor->connection_count = kept;
}

static bool connection_admit(struct rpc_acceptor *acceptor, int fd)
{
    if (acceptor->connection_count >= acceptor->connections_max)
        connections_sweep(acceptor);
    struct stat file;
    if (acceptor->connection_count >= acceptor->connections_max || fstat(fd, &file) != 0)
        return false;
    acceptor->connections[acceptor->connection_count++] = (struct connection){ fd, file.st_ino };
    return true;
}

/* True if there may be more to accept. */
static bool accept_one(struct rpc_acceptor *acceptor, const struct rpc_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EAGAIN)
            return false;
        if (errno == EINTR || errno == ECONNABORTED)
            return true;
        /* EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection waits in the backlog; look again soon */
        atomic_fetch_add(&acceptor->errors, 1);
        struct pollfd stop = { .fd = acceptor->stop_fd, .events = POLLIN };
        poll(&stop, 1, PAUSE_MS);
        return false;
    }
    if (!connection_admit(acceptor, fd)) {
        atomic_fetch_add(&acceptor->refused, 1);
        close(fd);
        return true;
    }
    int yes = 1;
    if (!listener->is_unix)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    atomic_fetch_add(&acceptor->accepted, 1);
    grpc_server_add_channel_from_fd(acceptor->servers[listener->is_unix], fd, acceptor->credentials);
    return true;
}

static void *accept_run(void *argument)
{
    struct rpc_acceptor *acceptor = argument;
    struct pollfd polls[RPC_LISTEN_MAX + 1] = { { .fd = acceptor->stop_fd, .events = POLLIN } };
    for (size_t i = 0; i < acceptor->listener_count; i++)
        polls[i + 1] = (struct pollfd){ .fd = acceptor->listeners[i].fd, .events = POLLIN };
    for (;;) {
        if (poll(polls, acceptor->listener_count + 1, -1) < 0)
            continue;
        if (polls[0].revents)
            return NULL;
        for (size_t i = 0; i < acceptor->listener_count; i++)
            for (int n = 0; polls[i + 1].revents && n < ACCEPTS_PER_TURN; n++)
                if (!accept_one(acceptor, &acceptor->listeners[i]))
                    break;
    }
}

bool rpc_acceptor_start(struct rpc_acceptor *acceptor, grpc_server *tcp, grpc_server *unix_server)
{
    acceptor->servers[false] = tcp;
    acceptor->servers[true] = unix_server;
    acceptor->credentials = grpc_insecure_server_credentials_create();
    acceptor->running = pthread_create(&acceptor->thread, NULL, accept_run, acceptor) == 0;
    return acceptor->running;
}

void rpc_acceptor_stop(struct rpc_acceptor *acceptor)
{
    if (acceptor->running) {
        uint64_t one = 1;
        ssize_t written = write(acceptor->stop_fd, &one, sizeof one);
        assert(written == sizeof one);
        (void)written;
        pthread_join(acceptor->thread, NULL);
        acceptor->running = false;
    }
    for (size_t i = 0; i < acceptor->listener_count; i++)
        rpc_listener_close(&acceptor->listeners[i]);
}

void rpc_acceptor_free(struct rpc_acceptor *acceptor)
{
    if (!acceptor)
        return;
    rpc_acceptor_stop(acceptor);
    if (acceptor->credentials)
        grpc_server_credentials_release(acceptor->credentials);
    if (acceptor->stop_fd >= 0)
        close(acceptor->stop_fd);
    free(acceptor->connections);
    free(acceptor);
}

void rpc_acceptor_count(const struct rpc_acceptor *acceptor, struct rpc_server_counters *counters)
{
    counters->connections = atomic_load(&acceptor->accepted);
    counters->connections_refused = atomic_load(&acceptor->refused);
    counters->accept_errors = atomic_load(&acceptor->errors);
}
