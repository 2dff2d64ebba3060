/* A full name is searched for by taking it apart along the definitions: a file knows the rest after its package, a
 * message the rest after its own name, and so on. With a dozen small files that is cheaper than keeping an index, and
 * needs no memory. Numbers are those of google/protobuf/descriptor.proto. */
#include "adapters/grpc/rpc_descriptors.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "adapters/grpc/rpc_wire.h"

enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_SERVICE = 6,
    ANY_NAME = 1, /* of messages, fields, enums, values, services and methods alike */
    NEST_MAX = 8,
};

/* What can be defined inside what: the field of the outer definition, and the kind of the inner one. */
enum kind { KIND_FILE, KIND_MESSAGE, KIND_ENUM, KIND_SERVICE, KIND_LEAF };

static const struct {
    enum kind outer;
    uint32_t field;
    enum kind inner;
} nesting[] = {
    { KIND_FILE, 4, KIND_MESSAGE }, { KIND_FILE, 5, KIND_ENUM },    { KIND_FILE, FILE_SERVICE, KIND_SERVICE },
    { KIND_FILE, 7, KIND_LEAF },    { KIND_MESSAGE, 2, KIND_LEAF }, { KIND_MESSAGE, 3, KIND_MESSAGE },
    { KIND_MESSAGE, 4, KIND_ENUM }, { KIND_MESSAGE, 6, KIND_LEAF }, { KIND_MESSAGE, 8, KIND_LEAF },
    { KIND_SERVICE, 2, KIND_LEAF },
};

static bool next_field(struct bytes *rest, struct rpc_wire_field *ret_field)
{
    if (rest->length == 0)
        return false;
    bool fine = rpc_wire_next(rest, ret_field);
    assert(fine);
    return fine;
}

/* The first occurrence of a field, or nothing. */
static struct bytes field_of(struct bytes message, uint32_t number)
{
    struct rpc_wire_field field;
    while (next_field(&message, &field))
        if (field.number == number)
            return field.value;
    return (struct bytes){ 0 };
}

static bool same(struct bytes a, struct bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* Takes "a.b" off "a.b.c"; leaves "c". False if `name` doesn't begin with all of `prefix`. */
static bool take_prefix(struct bytes *name, struct bytes prefix)
{
    if (name->length < prefix.length || memcmp(name->at, prefix.at, prefix.length) != 0)
        return false;
    struct bytes rest = { name->at + prefix.length, name->length - prefix.length };
    if (rest.length > 0) {
        if (rest.at[0] != '.')
            return false;
        rest = (struct bytes){ rest.at + 1, rest.length - 1 };
    }
    *name = rest;
    return true;
}

void rpc_descriptors_init(struct rpc_descriptors *descriptors, struct bytes set)
{
    struct rpc_wire_field field;
    *descriptors = (struct rpc_descriptors){ .file_count = 0 };
    while (next_field(&set, &field)) {
        assert(field.number == SET_FILE);
        assert(descriptors->file_count < RPC_DESCRIPTOR_FILES_MAX);
        descriptors->files[descriptors->file_count++] =
            (struct rpc_descriptor_file){ field.value, field_of(field.value, FILE_NAME),
                                          field_of(field.value, FILE_PACKAGE) };
    }
    assert(descriptors->file_count > 0);
}

int rpc_descriptors_file(const struct rpc_descriptors *descriptors, struct bytes name)
{
    for (size_t i = 0; i < descriptors->file_count; i++)
        if (same(descriptors->files[i].name, name))
            return (int)i;
    return -1;
}

static bool defines(enum kind outer, struct bytes definition, struct bytes name, int depth, enum kind *ret_kind);

/* True if the definition in `field` is what `name` names, or holds it. */
static bool defines_by(enum kind outer, const struct rpc_wire_field *field, struct bytes name, int depth,
                       enum kind *ret_kind)
{
    for (size_t i = 0; i < sizeof nesting / sizeof nesting[0]; i++) {
        if (nesting[i].outer != outer || nesting[i].field != field->number)
            continue;
        struct bytes rest = name;
        if (!take_prefix(&rest, field_of(field->value, ANY_NAME)))
            return false;
        *ret_kind = nesting[i].inner;
        return rest.length == 0 || defines(nesting[i].inner, field->value, rest, depth + 1, ret_kind);
    }
    return false;
}

static bool defines(enum kind outer, struct bytes definition, struct bytes name, int depth, enum kind *ret_kind)
{
    struct rpc_wire_field field;
    while (depth < NEST_MAX && next_field(&definition, &field))
        if (defines_by(outer, &field, name, depth, ret_kind))
            return true;
    return false;
}

/* The index of the file and the kind of what is named, or -1. */
static int find(const struct rpc_descriptors *descriptors, struct bytes full_name, enum kind *ret_kind)
{
    /* a name that ends with a dot would be taken for the one without it */
    if (full_name.length == 0 || full_name.at[full_name.length - 1] == '.')
        return -1;
    for (size_t i = 0; i < descriptors->file_count; i++) {
        struct bytes rest = full_name;
        struct bytes package = descriptors->files[i].package;
        if (package.length > 0 && (!take_prefix(&rest, package) || rest.length == 0))
            continue;
        if (defines(KIND_FILE, descriptors->files[i].bytes, rest, 0, ret_kind))
            return (int)i;
    }
    return -1;
}

int rpc_descriptors_symbol(const struct rpc_descriptors *descriptors, struct bytes full_name)
{
    enum kind kind;
    return find(descriptors, full_name, &kind);
}

bool rpc_descriptors_message(const struct rpc_descriptors *descriptors, struct bytes full_name)
{
    enum kind kind = KIND_FILE;
    return find(descriptors, full_name, &kind) >= 0 && kind == KIND_MESSAGE;
}

size_t rpc_descriptors_closure(const struct rpc_descriptors *descriptors, int file,
                               int ret_files[RPC_DESCRIPTOR_FILES_MAX])
{
    bool seen[RPC_DESCRIPTOR_FILES_MAX] = { false };
    size_t count = 0;
    ret_files[count++] = file;
    seen[file] = true;
    for (size_t i = 0; i < count; i++) {
        struct bytes rest = descriptors->files[ret_files[i]].bytes;
        struct rpc_wire_field field;
        while (next_field(&rest, &field)) {
            int imported = field.number == FILE_DEPENDENCY ? rpc_descriptors_file(descriptors, field.value) : -1;
            if (imported < 0 || seen[imported])
                continue;
            seen[imported] = true;
            ret_files[count++] = imported;
        }
    }
    return count;
}

size_t rpc_descriptors_services(const struct rpc_descriptors *descriptors,
                                char ret_names[RPC_DESCRIPTOR_SERVICES_MAX][RPC_DESCRIPTOR_NAME_BYTES])
{
    size_t count = 0;
    for (size_t i = 0; i < descriptors->file_count; i++) {
        struct bytes package = descriptors->files[i].package;
        struct bytes rest = descriptors->files[i].bytes;
        struct rpc_wire_field field;
        while (next_field(&rest, &field)) {
            if (field.number != FILE_SERVICE)
                continue;
            assert(count < RPC_DESCRIPTOR_SERVICES_MAX);
            struct bytes name = field_of(field.value, ANY_NAME);
            int length = snprintf(ret_names[count++], RPC_DESCRIPTOR_NAME_BYTES, "%.*s%s%.*s", (int)package.length,
                                  (const char *)package.at, package.length > 0 ? "." : "", (int)name.length,
                                  (const char *)name.at);
            assert(length < RPC_DESCRIPTOR_NAME_BYTES);
            (void)length;
        }
    }
    return count;
}
