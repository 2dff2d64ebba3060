/* protobuf-c allocates about fifty bytes for each field it meets, known or not, and follows nesting by recursion. This
 * walk counts fields and levels first, along the message descriptors, and allocates nothing.
 *
 * It does not look into strings: our generated code takes strings as bytes with a length (proto/annotate.cmake), and
 * whoever reads a text checks it for UTF-8 and NUL where the name of the field is known. */
#include "adapters/grpc/rpc_wire.h"

struct walk {
    size_t fields_left;
};

static bool take_number(struct bytes *rest, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < 10 && i < rest->length; i++) {
        uint8_t byte = rest->at[i];
        number |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            rest->at += i + 1;
            rest->length -= i + 1;
            *ret_number = number;
            return i < 9 || byte <= 1;
        }
    }
    return false;
}

static bool take_bytes(struct bytes *rest, uint64_t length, struct bytes *ret_bytes)
{
    if (length > rest->length)
        return false;
    *ret_bytes = (struct bytes){ rest->at, (size_t)length };
    rest->at += length;
    rest->length -= (size_t)length;
    return true;
}

bool rpc_wire_next(struct bytes *rest, struct rpc_wire_field *ret_field)
{
    uint64_t tag;
    uint64_t number;
    if (!take_number(rest, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    *ret_field = (struct rpc_wire_field){ .number = (uint32_t)(tag >> 3), .wire_type = tag & 7 };
    switch (ret_field->wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return take_number(rest, &number);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take_bytes(rest, 8, &ret_field->value);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take_bytes(rest, 4, &ret_field->value);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return take_number(rest, &number) && take_bytes(rest, number, &ret_field->value);
    default:
        return false; /* groups: nobody sends them, protobuf-c can't read them */
    }
}

static bool wire_type_fits(const ProtobufCFieldDescriptor *known, unsigned wire_type)
{
    switch (known->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || known->label == PROTOBUF_C_LABEL_REPEATED;
    }
}

static enum rpc_wire walk_message(struct walk *walk, const ProtobufCMessageDescriptor *type, struct bytes rest,
                                  unsigned depth)
{
    if (depth > RPC_WIRE_DEPTH_MAX)
        return RPC_WIRE_TOO_DEEP;
    while (rest.length > 0) {
        struct rpc_wire_field field;
        if (!rpc_wire_next(&rest, &field))
            return RPC_WIRE_MALFORMED;
        if (walk->fields_left-- == 0)
            return RPC_WIRE_TOO_MANY;
        const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(type, field.number);
        if (!known)
            continue;
        if (!wire_type_fits(known, field.wire_type))
            return RPC_WIRE_MALFORMED;
        if (known->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        enum rpc_wire inner = walk_message(walk, known->descriptor, field.value, depth + 1);
        if (inner != RPC_WIRE_FINE)
            return inner;
    }
    return RPC_WIRE_FINE;
}

enum rpc_wire rpc_wire_check(const ProtobufCMessageDescriptor *type, struct bytes message, size_t fields_max)
{
    struct walk walk = { .fields_left = fields_max };
    return walk_message(&walk, type, message, 1);
}
