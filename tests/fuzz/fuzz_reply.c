/* gRPC responses of every method, and statuses with details: a client that is sent any bytes reads them or says that it
 * can't. The same bytes are looked up as a name among our descriptors, as reflection does. */
#include <stdlib.h>

#include "adapters/grpc/rpc_descriptors.h"
#include "adapters/grpc/rpc_reply.h"
#include "proto/descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void look_up(struct bytes name)
{
    static struct rpc_descriptors descriptors;
    int files[RPC_DESCRIPTOR_FILES_MAX];
    if (descriptors.file_count == 0) {
        rpc_descriptors_init(&descriptors, (struct bytes){ stead_descriptors, stead_descriptors_length });
    }
    int file = rpc_descriptors_symbol(&descriptors, name);
    require(file < (int)descriptors.file_count);
    if (file >= 0) {
        require(rpc_descriptors_closure(&descriptors, file, files) >= 1);
    }
    require(rpc_descriptors_file(&descriptors, name) < (int)descriptors.file_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {
        RPC_PATH_EXECUTE, RPC_PATH_SUBMIT, RPC_PATH_RESULT,   RPC_PATH_CANCEL,  RPC_PATH_LIST,
        RPC_PATH_GET,     RPC_PATH_ALIAS,  RPC_PATH_VERSIONS, RPC_PATH_ROLLOUT, RPC_PATH_INSTANCES,
    };
    struct bytes bytes = { data, size };
    for (size_t i = 0; i <= sizeof paths / sizeof paths[0]; i++) {
        bool refused = i == sizeof paths / sizeof paths[0];
        struct rpc_outcome outcome = { .status = refused ? RPC_STATUS_INTERNAL : RPC_STATUS_OK };
        if (refused) {
            outcome.details = bytes;
        } else {
            outcome.response = bytes;
        }
        struct rpc_reply *reply = rpc_reply_make(&outcome, refused ? RPC_PATH_EXECUTE : paths[i]);
        require(reply != NULL);
        require(reply->status == RPC_STATUS_OK || reply->status == RPC_STATUS_INTERNAL);
        for (size_t f = 0; f < reply->function_count; f++) {
            require(reply->functions[f].alias_count <= RPC_ALIASES_MAX);
        }
        rpc_reply_free(reply);
    }
    look_up(bytes);
    return 0;
}
