/* Looks over protobuf bytes before protobuf-c unpacks them: well-formed, and not too many fields. Pure, any thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_WIRE_H
#define STEAD_ADAPTERS_GRPC_RPC_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "adapters/event/event.h"

enum rpc_wire {
    RPC_WIRE_FINE,
    RPC_WIRE_MALFORMED, /* truncated, field number 0, a group, an overlong number, a known field of another wire type */
    RPC_WIRE_TOO_MANY,  /* more than fields_max fields, all levels and unknown ones counted */
    RPC_WIRE_TOO_DEEP,  /* nested deeper than RPC_WIRE_DEPTH_MAX */
};

enum { RPC_WIRE_DEPTH_MAX = 16 };

struct rpc_wire_field {
    uint32_t number;
    unsigned wire_type; /* ProtobufCWireType */
    struct bytes value; /* of a length-delimited or fixed-size field, a view */
};

/* Takes the next field off `rest`, which isn't empty. False if it is malformed. */
bool rpc_wire_next(struct bytes *rest, struct rpc_wire_field *ret_field);

/* Walks `message` and every embedded message that `type` knows. */
enum rpc_wire rpc_wire_check(const ProtobufCMessageDescriptor *type, struct bytes message, size_t fields_max);

#endif
