/* A nats-server of one's own for development: its arguments, its configuration, and when it is ready.
 *
 * Only the spawner may start processes, so this module does not: it writes the configuration, names the arguments, and
 * reads the ports file that the server writes. The server listens on 127.0.0.1 alone and has no monitoring port.
 * Thread rule: no state; dev_server_wait_ready() blocks (use the control thread). */
#ifndef STEAD_ADAPTERS_NATS_DEV_SERVER_H
#define STEAD_ADAPTERS_NATS_DEV_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEV_SERVER_ARGUMENTS_MAX = 8, DEV_SERVER_PATH_BYTES = 512, DEV_SERVER_URL_BYTES = 128 };

struct dev_server {
    char program[DEV_SERVER_PATH_BYTES];       /* absolute path of nats-server */
    char configuration[DEV_SERVER_PATH_BYTES]; /* <directory>/nats-server.conf */
    char ports_directory[DEV_SERVER_PATH_BYTES];
    const char *arguments[DEV_SERVER_ARGUMENTS_MAX]; /* for exec, ends with NULL; points into this struct */
};

/* Finds nats-server in PATH (and /usr/sbin, where Debian puts it), makes `directory` and what it needs below it with
 * mode 0700, and writes the configuration: JetStream files in <directory>/jetstream, `port` (0: a free one). False
 * with a line in ret_error if nats-server is not installed or the directory can't be written. */
bool dev_server_prepare(const char *directory, uint16_t port, struct dev_server *ret_server, char *ret_error,
                        size_t error_capacity);
/* Waits until process `pid` has written its ports file and takes connections; its URL goes to ret_url. False after
 * timeout_ms, or as soon as `alive` (may be NULL) says that the process ended. Removes the ports file. */
bool dev_server_wait_ready(const struct dev_server *server, int pid, uint32_t timeout_ms, bool (*alive)(void *owner),
                           void *owner, char ret_url[DEV_SERVER_URL_BYTES]);

#endif
