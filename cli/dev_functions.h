/* The functions that `stead dev` found: where, and how their deploy went.
 *
 * They are found by the main thread and deployed by a thread of their own (a deploy blocks), one after another. The
 * main thread may look at an entry once `finished` says that it is done. dev_functions_free() waits. */
#ifndef STEAD_CLI_DEV_FUNCTIONS_H
#define STEAD_CLI_DEV_FUNCTIONS_H

#include "adapters/loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEV_FUNCTIONS_MAX = 512 };

struct dev_function {
    char *directory;
    bool ready;
    char name[256];
    char language[16];
    char *message; /* why not ready, or NULL */
    char example[256];
    double ms;
};

struct dev_functions {
    struct dev_function list[DEV_FUNCTIONS_MAX];
    size_t count;
    char address[256];
    pthread_t thread;
    bool running;
    struct loop_wake *wake;
    atomic_size_t finished; /* entries that are done, in order */
    atomic_bool cancelled;
};

/* Adds `directory` if it is a function, else each folder in it that is one. False and errno if it is unreadable. */
bool dev_functions_find(struct dev_functions *functions, const char *directory);
/* Begins to deploy all to `address`; `woken` runs on the loop thread after each. */
bool dev_functions_deploy(struct dev_functions *functions, const char *address, struct loop *loop,
                          void (*woken)(void *owner), void *owner);
void dev_functions_free(struct dev_functions *functions);

#endif
