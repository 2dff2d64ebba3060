/* Looks things up in a serialized google.protobuf.FileDescriptorSet. Everything found is a view into the set. Pure, any
 * thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_DESCRIPTORS_H
#define STEAD_ADAPTERS_GRPC_RPC_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "adapters/event/event.h"

enum {
    RPC_DESCRIPTOR_FILES_MAX = 32,
    RPC_DESCRIPTOR_SERVICES_MAX = 32,
    RPC_DESCRIPTOR_NAME_BYTES = 128,
};

struct rpc_descriptor_file {
    struct bytes bytes; /* the FileDescriptorProto */
    struct bytes name;
    struct bytes package; /* may be empty */
};

struct rpc_descriptors {
    struct rpc_descriptor_file files[RPC_DESCRIPTOR_FILES_MAX];
    size_t file_count;
};

/* `set` has to outlive the descriptors. It is our own, made while building: malformed or too large is a bug. */
void rpc_descriptors_init(struct rpc_descriptors *descriptors, struct bytes set);

/* The index of a file, or -1. */
int rpc_descriptors_file(const struct rpc_descriptors *descriptors, struct bytes name);
/* The index of the file that defines a package's message, field, enum, service or method, or -1. */
int rpc_descriptors_symbol(const struct rpc_descriptors *descriptors, struct bytes full_name);
/* True if it is a message; only these can be extended. */
bool rpc_descriptors_message(const struct rpc_descriptors *descriptors, struct bytes full_name);
/* `file` first, then all that it imports, directly or not, each once. */
size_t rpc_descriptors_closure(const struct rpc_descriptors *descriptors, int file,
                               int ret_files[RPC_DESCRIPTOR_FILES_MAX]);
/* Full names of all services, with a length each. */
size_t rpc_descriptors_services(const struct rpc_descriptors *descriptors,
                                char ret_names[RPC_DESCRIPTOR_SERVICES_MAX][RPC_DESCRIPTOR_NAME_BYTES]);

#endif
