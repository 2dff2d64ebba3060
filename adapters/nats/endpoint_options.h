/* Internal to this folder: an endpoint as a copy of its own, and as options of nats.c. */
#ifndef STEAD_ADAPTERS_NATS_ENDPOINT_OPTIONS_H
#define STEAD_ADAPTERS_NATS_ENDPOINT_OPTIONS_H

#include <nats/nats.h>
#include <stdbool.h>

#include "adapters/nats/endpoint.h"

enum { ENDPOINT_URLS_MAX = 16 };

/* Copies every string; false (and nothing to free) if memory is out. */
bool endpoint_copy(const struct endpoint *endpoint, struct endpoint *ret_copy);
void endpoint_free(struct endpoint *copy);

/* Options with everything that both connections share: servers, names, secrets, TLS, no library reconnect. */
natsStatus endpoint_options(const struct endpoint *endpoint, natsOptions **ret_options);

#endif
