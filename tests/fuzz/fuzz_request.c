/* gRPC request messages of every method: any bytes are decoded or refused, within the arena's cap; what is decoded to
 * an execute request holds a well-formed packed event and a name. */
#include <stdlib.h>

#include "adapters/cloudevents/names.h"
#include "adapters/grpc/rpc_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void request_require(const struct rpc_request *request)
{
    bool runs = request->kind == RPC_EXECUTE || request->kind == RPC_SUBMIT;
    bool by_id = request->kind == RPC_RESULT || request->kind == RPC_CANCEL;
    bool of_all = request->kind == RPC_LIST || request->kind == RPC_INSTANCES || request->kind == RPC_QUEUES ||
                  request->kind == RPC_LETTERS;
    struct event event;
    if (runs) {
        require(event_unpack(request->packed_event, &event) && event_block_valid(event.block));
    }
    if (by_id) {
        require(cloudevents_request_id_valid(request->request_id));
    } else if (!of_all) {
        require(request->name.length > 0);
    }
    uint32_t sum = 0;
    for (size_t i = 0; i < request->alias.route_count; i++) {
        sum += request->alias.routes[i].weight;
    }
    require(request->alias.route_count == 0 || sum == 100);
    require(!request->deploy || request->deploy->canary_percent < 100);
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
        if (!request)
            require(refusal.status != RPC_STATUS_OK && refusal.text[0]);
        else
            request_require(request);
        rpc_request_free(request);
    }
    rpc_decode_health(&decoder, message, &service);
    rpc_decoder_free(&decoder);
    return 0;
}
