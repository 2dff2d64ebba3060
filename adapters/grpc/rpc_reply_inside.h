/* What the readers of responses share. Nobody else includes this. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_REPLY_INSIDE_H
#define STEAD_ADAPTERS_GRPC_RPC_REPLY_INSIDE_H

#include <protobuf-c/protobuf-c.h>

#include "adapters/grpc/rpc_reply.h"

struct rpc_reply_box {
    struct rpc_reply reply; /* first: rpc_reply_free() casts back */
    struct rpc_arena arena;
    struct event_buffer packed;
};

static inline struct bytes rpc_reply_view(ProtobufCBinaryData data)
{
    return (struct bytes){ data.data, data.len };
}

/* The response message, unpacked into the box's arena; or NULL, and the reply says that it is unreadable. */
ProtobufCMessage *rpc_reply_unpack(struct rpc_reply_box *box, const ProtobufCMessageDescriptor *type);
void rpc_reply_unreadable(struct rpc_reply *reply);

/* rpc_reply_admin.c: the responses of FunctionAdmin. */
void rpc_reply_list_read(struct rpc_reply_box *box);
void rpc_reply_function_read(struct rpc_reply_box *box);
void rpc_reply_versions_read(struct rpc_reply_box *box);
void rpc_reply_rollout_read(struct rpc_reply_box *box);
void rpc_reply_letters_read(struct rpc_reply_box *box);
void rpc_reply_redriven_read(struct rpc_reply_box *box);
void rpc_reply_instances_read(struct rpc_reply_box *box);
void rpc_reply_queues_read(struct rpc_reply_box *box); /* rpc_reply_queues.c */
void rpc_reply_pause_read(struct rpc_reply_box *box);

#endif
