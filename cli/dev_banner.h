/* What `stead dev` says on stderr once things are up: where everything is, how each function fared, what to try now.
 *
 * Main thread; everything is borrowed for the call. */
#ifndef STEAD_CLI_DEV_BANNER_H
#define STEAD_CLI_DEV_BANNER_H

#include "cli/dev_functions.h"

struct dev_place {
    const char *grpc, *http, *nats;
    bool own_nats; /* our child, not a broker that was there */
    const char *store;
};

void dev_banner_place(const struct dev_place *place);
/* Ready in how many milliseconds, or why not. */
void dev_banner_function(const struct dev_function *function);
/* A change and what became of it: ready in `ms`, or `message`, and whether the version before still serves. */
void dev_banner_change(const char *change, bool ready, bool serving, double ms, const char *message);
void dev_banner_next(const char *grpc, const struct dev_functions *functions);

#endif
