/* Internal to the bus: the helper thread that makes connections, so that the loop never waits for one.
 *
 * One attempt at a time. connector_want() and connector_take() belong to the loop thread; `woken` is called there after
 * each attempt and after each trouble that the library's own thread reported. */
#ifndef STEAD_ADAPTERS_NATS_BUS_CONNECTOR_H
#define STEAD_ADAPTERS_NATS_BUS_CONNECTOR_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "adapters/nats/endpoint.h"

struct connector;
struct loop;

enum { CONNECTOR_TEXT_BYTES = 256 };

/* What an attempt made: a connection with its socket, or NULL with the reason. */
struct connector_result {
    natsConnection *connection;
    int socket;
    char reason[CONNECTOR_TEXT_BYTES];
};

/* The event-loop calls of nats.c; all but `attach` run on the thread that drives the connection. */
struct connector_hooks {
    natsEvLoop_ReadAddRemove read;
    natsEvLoop_WriteAddRemove write;
    natsEvLoop_Detach detach;
};

/* `owner` is what the hooks and `woken` get. NULL if memory, thread or descriptor can't be had. */
struct connector *connector_create(struct loop *loop, const struct endpoint *endpoint, uint32_t timeout_ms,
                                   const struct connector_hooks *hooks, void (*woken)(void *owner), void *owner);
/* Waits for a running attempt; what it made is destroyed. Late trouble of old connections is dropped. */
void connector_destroy(struct connector *connector);
/* Asks for an attempt after `delay_ns`; an earlier wish stands, a running attempt is not repeated. */
void connector_want(struct connector *connector, uint64_t delay_ns);
bool connector_take(struct connector *connector, struct connector_result *ret_result);
/* One text that nats.c reported since the last call (later ones are only counted into it); false if none. */
bool connector_trouble(struct connector *connector, char ret_text[CONNECTOR_TEXT_BYTES]);

#endif
