/* Makes listening sockets from addresses as users write them. Pure but for the sockets; any thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_LISTEN_H
#define STEAD_ADAPTERS_GRPC_RPC_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RPC_ADDRESS_BYTES = 160 };

struct rpc_listener {
    int fd; /* -1: closed */
    bool is_unix;
    char address[RPC_ADDRESS_BYTES]; /* with the real port */
    dev_t device;                    /* of the Unix socket's file, so that only our own is removed */
    ino_t inode;
};

/* "host:port", "[v6]:port" or "unix:/path". False and a text for users if it can't. A Unix socket that nobody listens
 * on is replaced; its file gets mode 0600. */
bool rpc_listen(const char *address, struct rpc_listener *ret_listener, char *ret_error, size_t error_size);
void rpc_listener_close(struct rpc_listener *listener);

#endif
