/* The kernel names the folder and the entry; only whether the entry's name matters is looked at. A watch ends with its
 * folder, and adding one again gives the same watch, so there is no book to keep. An overflow of the queue is a change
 * like any other.
 *
 * STEAD_DEV_POLL switches inotify off: tests look at the other way by it, and it helps on file systems of other
 * machines (NFS, shared folders of a virtual machine), where inotify says nothing. */
#include "cli/dev_watch.h"

#include "cli/folder.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WATCHED                                                                                                        \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

enum { READ_BYTES = 16384 };

static bool matters(const struct inotify_event *event)
{
    return event->len == 0 || folder_name_wanted(event->name);
}

static void ready(void *owner, unsigned how)
{
    struct dev_watch *watch = owner;
    char buffer[READ_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool changed = false;
    ssize_t got = read(watch->fd, buffer, sizeof buffer);
    (void)how;
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
        changed = changed || ((event->mask & IN_IGNORED) == 0 && matters(event));
        at += (ssize_t)(sizeof *event + event->len);
    }
    if (changed) {
        watch->changed(watch->owner);
    }
}

void dev_watch_stop(struct dev_watch *watch)
{
    loop_watch_free(watch->watch);
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    watch->watch = NULL;
    watch->fd = -1;
}

static void give_up(struct dev_watch *watch)
{
    dev_watch_stop(watch);
    watch->polling = true;
}

void dev_watch_start(struct dev_watch *watch, struct loop *loop, void (*changed)(void *owner), void *owner)
{
    *watch = (struct dev_watch){ .fd = -1, .changed = changed, .owner = owner };
    watch->fd = getenv("STEAD_DEV_POLL") != NULL ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0 || loop_watch_create(loop, watch->fd, LOOP_READ, ready, watch, &watch->watch) != 0) {
        watch->watch = NULL;
        give_up(watch);
    }
}

void dev_watch_add(struct dev_watch *watch, const char *directory)
{
    /* A folder that is gone already is no reason to give up; its parent has said so. */
    if (watch->fd >= 0 && inotify_add_watch(watch->fd, directory, WATCHED | IN_ONLYDIR | IN_EXCL_UNLINK) < 0 &&
        access(directory, F_OK) == 0) {
        give_up(watch);
    }
}
