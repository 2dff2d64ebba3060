/* Makes replies of what a call brought home. The client's private part. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_REPLY_H
#define STEAD_ADAPTERS_GRPC_RPC_REPLY_H

#include "adapters/grpc/rpc_arena.h"
#include "adapters/grpc/rpc_client.h"

/* Everything borrowed, and copied into the reply. */
struct rpc_outcome {
    int status;
    struct bytes message;
    struct bytes details;  /* grpc-status-details-bin */
    struct bytes attempts; /* stead-attempts */
    struct bytes pushback; /* grpc-retry-pushback-ms */
    struct bytes response; /* the response message */
};

/* The reply to a call of `path`; of a path that isn't ours only the bytes are read. NULL if out of memory. A response
 * that can't be read becomes status INTERNAL. */
struct rpc_reply *rpc_reply_make(const struct rpc_outcome *outcome, const char *path);

#endif
