/* The request messages that the client sends. Pure but for allocation and randomness; any thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_REQUEST_H
#define STEAD_ADAPTERS_GRPC_RPC_REQUEST_H

#include "adapters/grpc/rpc.h"

/* Each appends one message; false if out of memory. */
bool rpc_request_deploy(const struct rpc_deploy *deploy, struct event_buffer *ret_message);
/* Any message that has one text in field 1: List, Get, Versions, Rollout, Cancel, health Check. */
bool rpc_request_name(struct bytes name, struct event_buffer *ret_message);
bool rpc_request_pause(struct bytes name, bool paused, struct event_buffer *ret_message);
bool rpc_request_remove(struct bytes name, bool now, struct event_buffer *ret_message);
bool rpc_request_result(struct bytes request_id, bool wait, struct event_buffer *ret_message);
bool rpc_request_rollback(struct bytes name, struct bytes version, struct event_buffer *ret_message);
bool rpc_request_letters(const struct rpc_letters_query *query, struct event_buffer *ret_message);
bool rpc_request_letter(struct bytes name, struct bytes request_id,
                        struct event_buffer *ret_message); /* Redrive, Drop */
bool rpc_request_alias(struct bytes name, const struct rpc_alias *alias, struct event_buffer *ret_message);

#endif
