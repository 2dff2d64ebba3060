/* A child between fork and exec: a session of its own, its descriptors, limits and privileges. Private to this folder;
 * runs in the spawner's process, which has one thread. */
#ifndef STEAD_ADAPTERS_SPAWNER_CHILD_H
#define STEAD_ADAPTERS_SPAWNER_CHILD_H

#include "adapters/spawner/spawner.h"

#include <sys/types.h>

/* What a new child gets. */
struct child_setup {
    char *const *argv;
    char *const *env;
    const char *directory;
    struct spawner_limits limits;
    int stdout_fd, stderr_fd;
    int channel_fd; /* -1: none */
    pid_t parent;
};

/* Becomes the program. Returns only by _exit() after writing errno to `status_fd`, which closes itself on success. */
_Noreturn void child_become(const struct child_setup *setup, int status_fd);

#endif
