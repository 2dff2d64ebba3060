/* The request messages that the client sends. Pure but for allocation and randomness; any thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_REQUEST_H
#define STEAD_ADAPTERS_GRPC_RPC_REQUEST_H

#include "adapters/grpc/rpc.h"

/* Each appends one message; false if out of memory. */
bool rpc_request_deploy(const struct rpc_deploy *deploy, struct event_buffer *ret_message);
bool rpc_request_name(struct bytes name, struct event_buffer *ret_message); /* List, Get, Remove, health Check */

#endif
