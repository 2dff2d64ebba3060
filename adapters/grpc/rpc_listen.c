/* One function for each family; both bind, listen and remember the address that a client has to use. */
#include "adapters/grpc/rpc_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, HOST_BYTES = 128 };

static bool fail(int fd, const char *address, const char *why, char *ret_error, size_t error_size)
{
    snprintf(ret_error, error_size, "can't listen on %s: %s", address, why);
    if (fd >= 0)
        close(fd);
    return false;
}

static const char *bind_error(int error)
{
    if (error == EADDRINUSE)
        return "the address is in use; stop the program that listens there or choose another address";
    if (error == EACCES)
        return "permission denied; choose a port of 1024 or above, or a folder that is yours";
    if (error == EADDRNOTAVAIL)
        return "this machine has no such address; choose one of its own, e.g. 127.0.0.1";
    return strerror(error);
}

/* True if a server answers at the path. */
static bool unix_alive(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool alive = connect(fd, (const struct sockaddr *)name, sizeof *name) == 0 || errno != ECONNREFUSED;
    close(fd);
    return alive;
}

static bool listen_unix(const char *address, struct rpc_listener *ret_listener, char *ret_error, size_t error_size)
{
    const char *path = address + strlen("unix:");
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (path[0] != '/' || strlen(path) >= sizeof name.sun_path)
        return fail(-1, address, "the path must begin with / and have at most 107 bytes", ret_error, error_size);
    memcpy(name.sun_path, path, strlen(path));
    struct stat file;
    if (lstat(path, &file) == 0) {
        if (!S_ISSOCK(file.st_mode))
            return fail(-1, address, "a file that is no socket is there; remove it or choose another path", ret_error,
                        error_size);
        if (unix_alive(&name))
            return fail(-1, address, bind_error(EADDRINUSE), ret_error, error_size);
        unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0)
        return fail(fd, address, bind_error(errno), ret_error, error_size);
    if (listen(fd, BACKLOG) != 0 || lstat(path, &file) != 0)
        return fail(fd, address, strerror(errno), ret_error, error_size);
    *ret_listener = (struct rpc_listener){ .fd = fd, .is_unix = true, .device = file.st_dev, .inode = file.st_ino };
    snprintf(ret_listener->address, sizeof ret_listener->address, "%s", address);
    return true;
}

/* Splits "host:port" at the last colon and takes the brackets off a v6 host. */
static bool address_split(const char *address, char host[HOST_BYTES], const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || colon[1] == '\0' || (size_t)(colon - address) >= HOST_BYTES)
        return false;
    size_t length = (size_t)(colon - address);
    if (address[0] == '[' && address[length - 1] == ']') {
        address++;
        length -= 2;
    }
    memcpy(host, address, length);
    host[length] = '\0';
    *ret_port = colon + 1;
    return strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = { 0 };
    socklen_t length = sizeof name;
    if (getsockname(fd, &name.any, &length) != 0)
        return 0;
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

static bool listen_tcp(const char *address, struct rpc_listener *ret_listener, char *ret_error, size_t error_size)
{
    char host[HOST_BYTES];
    const char *port;
    if (!address_split(address, host, &port))
        return fail(-1, address, "write it as host:port, [host]:port or unix:/path", ret_error, error_size);
    struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        return fail(-1, address, gai_strerror(error), ret_error, error_size);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    error = errno;
    bool bracketed = found->ai_family == AF_INET6;
    freeaddrinfo(found);
    if (!bound)
        return fail(fd, address, bind_error(error), ret_error, error_size);
    *ret_listener = (struct rpc_listener){ .fd = fd };
    snprintf(ret_listener->address, sizeof ret_listener->address, bracketed ? "[%s]:%u" : "%s:%u", host, port_of(fd));
    return true;
}

bool rpc_listen(const char *address, struct rpc_listener *ret_listener, char *ret_error, size_t error_size)
{
    if (strncmp(address, "unix:", strlen("unix:")) == 0)
        return listen_unix(address, ret_listener, ret_error, error_size);
    return listen_tcp(address, ret_listener, ret_error, error_size);
}

void rpc_listener_close(struct rpc_listener *listener)
{
    if (listener->fd < 0)
        return;
    struct stat file;
    const char *path = listener->address + strlen("unix:");
    if (listener->is_unix && lstat(path, &file) == 0 && file.st_dev == listener->device &&
        file.st_ino == listener->inode)
        unlink(path);
    close(listener->fd);
    listener->fd = -1;
}
