/* From the bytes of a request message to a request for the loop. Runs on the gRPC thread; pure but for allocation. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_DECODE_H
#define STEAD_ADAPTERS_GRPC_RPC_DECODE_H

#include "adapters/grpc/rpc_arena.h"
#include "adapters/grpc/rpc_server.h"

/* Why a call is refused; texts are C strings, reasons and fields literals or copies. */
struct rpc_refusal {
    enum rpc_status status;
    const char *reason; /* ErrorInfo.reason, or NULL for a status without details */
    int64_t retry_after_ms;
    char text[256];
    char field[96];     /* BadRequest, "" for none */
    const char *detail; /* ErrorInfo.metadata "violation", or NULL */
};

struct rpc_decoder {
    struct rpc_arena arena; /* scratch for one message at a time */
    size_t event_bytes_max;
    size_t deploy_bytes_max;
    size_t kept_bytes_max; /* of all requests that were decoded and not freed yet; one alone is always taken */
};

void rpc_decoder_init(struct rpc_decoder *decoder, size_t event_bytes_max, size_t deploy_bytes_max);
void rpc_decoder_free(struct rpc_decoder *decoder);

/* The request in `message`, with kind, name, packed_event and deploy set; or NULL and why in ret_refusal. */
struct rpc_request *rpc_decode(struct rpc_decoder *decoder, enum rpc_kind kind, struct bytes message,
                               struct rpc_refusal *ret_refusal);
/* The service that a health request names, borrowed from the decoder until the next message; false: malformed. */
bool rpc_decode_health(struct rpc_decoder *decoder, struct bytes message, struct bytes *ret_service);
/* A request without content, for RPC_CANCELLED. NULL if out of memory. */
struct rpc_request *rpc_request_blank(void);

#endif
