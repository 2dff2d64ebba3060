/* What our services look like, for reflection: a serialized google.protobuf.FileDescriptorSet of every service that is
 * served, with all imports. Made by protoc while building; constant, any thread. */
#ifndef STEAD_PROTO_DESCRIPTORS_H
#define STEAD_PROTO_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t stead_descriptors[];
extern const size_t stead_descriptors_length;

#endif
