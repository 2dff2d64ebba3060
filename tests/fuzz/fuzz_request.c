/* gRPC request messages of every method: any bytes are decoded or refused, within the arena's cap; what is decoded to
 * an execute request holds a well-formed packed event and a name. */
#include <stdlib.h>

#include "adapters/grpc/rpc_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rpc_decoder decoder;
    struct rpc_refusal refusal;
    struct bytes service;
    struct bytes message = { data, size };
    rpc_decoder_init(&decoder, 65536, 65536);
    for (int kind = RPC_EXECUTE; kind < RPC_CANCELLED; kind++) {
        struct rpc_request *request = rpc_decode(&decoder, (enum rpc_kind)kind, message, &refusal);
        if (!request) {
            require(refusal.status != RPC_STATUS_OK && refusal.text[0]);
        } else if (kind == RPC_EXECUTE) {
            struct event event;
            require(event_unpack(request->packed_event, &event) && event_block_valid(event.block));
            require(request->name.length > 0);
        }
        rpc_request_free(request);
    }
    rpc_decode_health(&decoder, message, &service);
    rpc_decoder_free(&decoder);
    return 0;
}
