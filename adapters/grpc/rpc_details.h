/* google.rpc.Status: what goes into, and comes out of, the trailer grpc-status-details-bin. Pure but for allocation. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_DETAILS_H
#define STEAD_ADAPTERS_GRPC_RPC_DETAILS_H

#include <grpc/slice.h>

#include "adapters/grpc/rpc_arena.h"
#include "adapters/grpc/rpc_client.h"
#include "adapters/grpc/rpc_server.h"

enum {
    /* Clients refuse trailers of 8 KiB and more; each byte of a message may become three, of the details four thirds.
     */
    RPC_MESSAGE_BYTES_MAX = 1000,
    RPC_DETAILS_BYTES_MAX = 3000,
};

/* `text` cut to `max` bytes at the end of a character. */
struct bytes rpc_text_cut(struct bytes text, size_t max);

/* The details of an RPC_ANSWER_STATUS, packed; the caller unrefs. False if there are none (no reason, or no memory). */
bool rpc_details_pack(const struct rpc_answer *answer, grpc_slice *ret_slice);

/* Reads packed details into the reply, all memory from `arena`. Malformed details are ignored. */
void rpc_details_unpack(struct rpc_arena *arena, struct bytes packed, struct rpc_reply *reply);

#endif
