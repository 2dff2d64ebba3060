/* The functions that `stead dev` found: where, what is to be done about each, and how that went.
 *
 * The main thread finds them and marks the work; dev_functions_run() has a thread of its own do it (a deploy blocks),
 * one function after another. While that runs, the main thread may look at a function only once `finished` says that it
 * is done, and may add or drop none. dev_functions_free() waits. */
#ifndef STEAD_CLI_DEV_FUNCTIONS_H
#define STEAD_CLI_DEV_FUNCTIONS_H

#include "adapters/loop/loop.h"
#include "cli/dev_tree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEV_FUNCTIONS_MAX = 512 };

enum dev_work { DEV_WORK_NONE, DEV_WORK_DEPLOY, DEV_WORK_REMOVE };

struct dev_function {
    char *directory;
    enum dev_work work;
    bool ready;   /* the last deploy went well */
    bool serving; /* some deploy of this dev went well */
    bool added;   /* it was not there before this dev deployed it */
    bool removed; /* taken out of service */
    char name[256];
    char language[16];
    char *message; /* why the last work failed, or NULL */
    char example[256];
    double ms;
    /* the main thread's: what it deployed last, and what it saw change */
    struct dev_tree tree;
    char change[320];
    uint64_t gone_ns; /* since when the folder holds no function any more; 0: it does */
    bool seen;
};

struct dev_functions {
    struct dev_function *list[DEV_FUNCTIONS_MAX];
    size_t count;
    char address[256];
    pthread_t thread;
    bool running;
    struct loop_wake *wake;
    size_t todo[DEV_FUNCTIONS_MAX]; /* places in `list` that have work, in order */
    size_t todo_count;
    atomic_size_t finished; /* how many of `todo` are done */
    atomic_bool cancelled;
};

/* Calls `found` for `directory` if it is a function, else for each folder in it that is one; `looked` for each folder
 * that may become one. False and errno if it is unreadable. */
bool dev_functions_look(const char *directory, void (*found)(void *owner, const char *directory),
                        void (*looked)(void *owner, const char *directory), void *owner);
/* Adds one with its deploy as work; the one that is there already if it is. NULL if there are too many. */
struct dev_function *dev_functions_add(struct dev_functions *functions, const char *directory);
/* Forgets what was removed. */
void dev_functions_drop(struct dev_functions *functions, const struct dev_function *function);

/* Where the work is done; `woken` runs on the loop thread after each function. */
bool dev_functions_start(struct dev_functions *functions, const char *address, struct loop *loop,
                         void (*woken)(void *owner), void *owner);
/* Begins with the work that is marked; false if there is none, or no thread. */
bool dev_functions_run(struct dev_functions *functions);
/* After all of `todo` is finished: the thread has ended. */
void dev_functions_join(struct dev_functions *functions);
void dev_functions_free(struct dev_functions *functions);

#endif
