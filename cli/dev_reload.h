/* `stead dev` follows its folders: what changes is deployed again, what comes is deployed, what goes is reported and,
 * if this dev had added it, taken out of service.
 *
 * A change is acted on once it has been quiet for a moment, and only one batch of deploys runs at a time. A deploy
 * that fails leaves the version before in service, as always. Main thread; dev_reload_turn() after every turn of the
 * loop. */
#ifndef STEAD_CLI_DEV_RELOAD_H
#define STEAD_CLI_DEV_RELOAD_H

#include "cli/dev_functions.h"
#include "cli/dev_watch.h"

struct dev_reload {
    struct dev_functions *functions;
    struct dev_watch watch;
    const char *const *roots; /* borrowed: the folders that the user named */
    size_t root_count;
    uint64_t first_ns; /* the first change that was not acted on yet; 0: none */
    uint64_t due_ns;   /* when to look; UINT64_MAX: not at all */
    uint64_t slow_ns;  /* when to say that the function at work takes long; UINT64_MAX: it was said */
    size_t shown;      /* of the running batch */
    bool settled;      /* the first batch is done */
};

/* Finds what is there; the first batch begins with dev_reload_begin(). False with a line on stderr if a root can't be
 * read. */
bool dev_reload_find(struct dev_reload *reload, struct dev_functions *functions, const char *const *roots,
                     size_t root_count);
bool dev_reload_begin(struct dev_reload *reload, struct loop *loop);
void dev_reload_turn(struct dev_reload *reload);
/* How long nothing will be due. */
uint32_t dev_reload_wait_ms(const struct dev_reload *reload);
void dev_reload_stop(struct dev_reload *reload);

#endif
