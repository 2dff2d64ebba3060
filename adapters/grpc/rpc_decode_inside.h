/* What the decoders of all methods share: the box that a request lives in, and the checks. Nobody else includes this.
 * Each check is true, or not NULL, or fills the refusal. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_DECODE_INSIDE_H
#define STEAD_ADAPTERS_GRPC_RPC_DECODE_INSIDE_H

#include <protobuf-c/protobuf-c.h>

#include "adapters/grpc/rpc_decode.h"

enum { RPC_FIELDS_MAX_SMALL = 64 };

struct rpc_request_box {
    struct rpc_request request; /* first: rpc_request_free() casts back */
    struct event_buffer packed;
    struct rpc_arena arena;
    struct rpc_deploy deploy;
    size_t kept_bytes; /* counted until it is freed */
};

static inline struct bytes rpc_view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

/* A refusal that another try of the same request can't mend, unless the caller changes retry_after_ms. */
void rpc_decode_refuse(struct rpc_refusal *ret_refusal, enum rpc_status status, const char *reason, const char *field,
                       const char *text);
void rpc_decode_no_memory(struct rpc_refusal *ret_refusal);
/* INVALID_REQUEST of one field. */
void rpc_decode_refuse_field(struct rpc_refusal *ret_refusal, const char *field, const char *text);

/* The unpacked message, in `arena`. */
ProtobufCMessage *rpc_decode_message(const ProtobufCMessageDescriptor *type, struct bytes message, size_t fields_max,
                                     struct rpc_arena *arena, struct rpc_refusal *ret_refusal);
/* UTF-8 without NUL and, unless it may be, not empty. */
bool rpc_decode_id(struct bytes id, struct rpc_refusal *ret_refusal); /* one token of a subject */
bool rpc_decode_text(struct bytes text, const char *field, bool may_be_empty, struct rpc_refusal *ret_refusal);

/* rpc_queues.c */
bool rpc_decode_queues(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal);
bool rpc_decode_pause(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal);

/* rpc_decode_admin.c: the methods of FunctionAdmin, into a box whose arena is ready. */
bool rpc_decode_admin(struct rpc_request_box *box, enum rpc_kind kind, struct bytes message,
                      struct rpc_refusal *ret_refusal);

#endif
