/* Tells that something below some folders may have changed; what it is, the caller looks up.
 *
 * inotify where it works; where it does not (no more watches, a file system without it) `polling` is true and nothing
 * is told. Names that a deploy leaves behind are no change. Main thread (the loop's). */
#ifndef STEAD_CLI_DEV_WATCH_H
#define STEAD_CLI_DEV_WATCH_H

#include "adapters/loop/loop.h"

#include <stdbool.h>

struct dev_watch {
    int fd; /* -1: none */
    struct loop_watch *watch;
    void (*changed)(void *owner);
    void *owner;
    bool polling;
};

void dev_watch_start(struct dev_watch *watch, struct loop *loop, void (*changed)(void *owner), void *owner);
/* Watches a folder (not those below it); again is fine. */
void dev_watch_add(struct dev_watch *watch, const char *directory);
void dev_watch_stop(struct dev_watch *watch);

#endif
