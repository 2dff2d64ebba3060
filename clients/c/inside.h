/* What the files of libstead share. Private to clients/c. */
#ifndef STEAD_CLIENTS_C_INSIDE_H
#define STEAD_CLIENTS_C_INSIDE_H

#include "adapters/event/event.h"
#include "clients/c/stead/client.h"

struct rpc_reply;

/* Appends the packed event; false if memory is out or an attribute is too long. */
bool client_event_pack(const stead_client_event *event, struct event_buffer *packed);
/* NULL if there is none, it is malformed, or memory is out. */
stead_client_event *client_event_unpack(struct bytes packed);

/* What a user gets for a reply, which stays the caller's; `stored`: it is a stored result. NULL: out of memory. */
stead_client_reply *client_reply_make(const struct rpc_reply *rpc, bool stored, bool not_started);
/* A reply that no server gave. */
stead_client_reply *client_reply_local(int status, const char *message);

#endif
