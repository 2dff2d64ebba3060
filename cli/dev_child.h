/* The two children of `stead dev`, a nats-server and a `stead serve`: started by the spawner, watched, stopped.
 *
 * Their lines go to stderr behind their name: warnings, errors and what functions print; all of them if `verbose`. The
 * last ones are kept for the case that a child ends by itself. Main thread (the loop's). Ownership:
 * dev_children_free(), once both have ended. */
#ifndef STEAD_CLI_DEV_CHILD_H
#define STEAD_CLI_DEV_CHILD_H

#include "adapters/loop/loop.h"
#include "adapters/spawner/spawner.h"

#include <stdbool.h>
#include <stddef.h>

enum dev_child_kind { DEV_CHILD_NATS, DEV_CHILD_SERVE, DEV_CHILD_COUNT };

enum { DEV_LINE_BYTES = 4096, DEV_LINES_KEPT = 8 };

struct dev_stream {
    struct dev_child *child;
    int fd;
    struct loop_watch *watch;
    size_t used;
    char line[DEV_LINE_BYTES];
};

struct dev_child {
    const char *name;
    struct dev_children *children;
    enum dev_child_kind kind;
    int pid;    /* for the ports file and for people */
    bool asked; /* spawner_spawn() was called */
    bool started;
    bool ended;
    bool quiet; /* asked to end: its farewells are of no interest */
    int error;  /* errno of a start that failed */
    struct spawner_exit exit;
    struct dev_stream streams[2];
    char *kept[DEV_LINES_KEPT]; /* a ring */
    size_t kept_count;
};

struct dev_children {
    struct spawner *spawner;
    struct loop *loop;
    bool verbose;
    bool spawner_gone;
    struct dev_child list[DEV_CHILD_COUNT];
};

int dev_children_start(struct dev_children *children, struct spawner *spawner, struct loop *loop, bool verbose);
/* Starts one and waits until it runs; false if it can't be started (its `error` says why). `env` as in spawner.h. */
bool dev_child_start(struct dev_children *children, enum dev_child_kind kind, const char *const *argv,
                     const char *const *env);
/* Lets the loop turn for at most `wait_ms`; true while the child runs. */
bool dev_child_alive(struct dev_children *children, enum dev_child_kind kind, uint32_t wait_ms);
/* Asks it to end by `signal`, waits at most `grace_ms` while *hurry is false, then kills it. */
void dev_child_stop(struct dev_children *children, enum dev_child_kind kind, int signal, uint32_t grace_ms,
                    bool (*hurry)(void));
/* How it ended, in words, with its last lines, on stderr. */
void dev_child_obituary(const struct dev_child *child);
/* True if one of its last lines holds `text`. */
bool dev_child_said(const struct dev_child *child, const char *text);
void dev_children_free(struct dev_children *children);

#endif
