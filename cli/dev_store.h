/* Where `stead dev` keeps its things: a folder that one dev at a time owns.
 *
 *     <store>/lock         held while dev runs
 *     <store>/nats/        the broker's own (streams, its configuration)
 *     <store>/serve/       built functions
 *     <store>/ports.json   from `stead serve`, while it runs
 *
 * Main thread. Errors: false with a line for the user in ret_error. */
#ifndef STEAD_CLI_DEV_STORE_H
#define STEAD_CLI_DEV_STORE_H

#include <stdbool.h>
#include <stddef.h>

enum { DEV_PATH_BYTES = 480 };

struct dev_store {
    char directory[DEV_PATH_BYTES];
    char nats[DEV_PATH_BYTES + 8];
    char serve[DEV_PATH_BYTES + 8];
    char ports[DEV_PATH_BYTES + 16];
    int lock_fd;
    bool chosen; /* by --store, not the default place */
};

/* `named` may be NULL: $XDG_STATE_HOME/stead/dev, else ~/.local/state/stead/dev. Makes what is missing, mode 0700. */
bool dev_store_open(const char *named, struct dev_store *ret_store, int *ret_exit, char *ret_error, size_t size);
void dev_store_close(struct dev_store *store);
/* Reads a small file whole, as text; false if it is absent, empty or too long. */
bool dev_store_read(const char *path, char *ret_text, size_t size);
/* Writes it beside and renames it into place, so that no reader sees half of it. */
bool dev_store_write(const char *path, const char *text);

#endif
