/* From an answer of the loop to the response message. Runs on the gRPC thread; pure but for allocation. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_ENCODE_H
#define STEAD_ADAPTERS_GRPC_RPC_ENCODE_H

#include <grpc/byte_buffer.h>

#include "adapters/grpc/rpc_arena.h"
#include "adapters/grpc/rpc_server.h"

/* The response to a call of that kind; NULL if the answer doesn't fit the kind or is malformed (a bug of the loop, or
 * of what it passed on): the caller answers INTERNAL. Scratch memory comes from `arena`, which is reset. */
grpc_byte_buffer *rpc_encode(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena);

/* rpc_encode_admin.c: the same for the methods of FunctionAdmin; does not reset the arena. */
grpc_byte_buffer *rpc_encode_admin(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena);
grpc_byte_buffer *rpc_encode_queues(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena);

static inline ProtobufCBinaryData rpc_data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.length, .data = (uint8_t *)bytes.at };
}

/* Packs any message into a byte buffer of one slice. */
grpc_byte_buffer *rpc_encode_message(const ProtobufCMessage *message);

/* True unless the function's error can't be mended by trying again. */
bool rpc_error_retryable(struct bytes error_class);

#endif
