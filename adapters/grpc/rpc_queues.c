/* Queues and PauseQueue, both ways: what the server decodes and encodes. */
#include "adapters/grpc/rpc_decode.h"
#include "adapters/grpc/rpc_decode_inside.h"
#include "adapters/grpc/rpc_encode.h"
#include "proto/function_admin.pb-c.h"

bool rpc_decode_queues(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    return rpc_decode_message(&function__v1__queues_request__descriptor, bytes, RPC_FIELDS_MAX_SMALL, &box->arena,
                              ret_refusal) != NULL;
}

bool rpc_decode_pause(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__pause_queue_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__PauseQueueRequest *message = (const Function__V1__PauseQueueRequest *)unpacked;
    box->request.name = rpc_view(message->name);
    box->request.now = message->paused;
    return rpc_decode_text(box->request.name, "name", false, ret_refusal);
}

static void queue_fill(Function__V1__Queue *to, const struct rpc_queue *from)
{
    function__v1__queue__init(to);
    to->name = rpc_data_of(from->name);
    to->language = rpc_data_of(from->language);
    to->messages = from->messages;
    to->oldest_ms = from->oldest_ms;
    to->max_pending = from->pending_max;
    to->paused = from->paused;
    to->unknown = from->unknown;
    to->takers = from->takers;
    to->in_hand = from->in_hand;
    to->last_processed_unix_ms = from->processed_unix_ms;
    to->bytes = from->bytes;
    to->max_size = from->bytes_max;
    to->max_age_ms = from->age_ms_max;
    to->running = from->running;
    to->concurrency_limit = from->concurrency_limit;
    to->concurrency_max = from->concurrency_max;
}

static grpc_byte_buffer *encode_pause(const struct rpc_answer *answer)
{
    Function__V1__PauseQueueResponse response = FUNCTION__V1__PAUSE_QUEUE_RESPONSE__INIT;
    Function__V1__Queue queue;
    if (answer->queue_count != 1)
        return NULL;
    queue_fill(&queue, &answer->queues[0]);
    response.queue = &queue;
    return rpc_encode_message(&response.base);
}

grpc_byte_buffer *rpc_encode_queues(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__QueuesResponse response = FUNCTION__V1__QUEUES_RESPONSE__INIT;
    if (kind == RPC_PAUSE)
        return encode_pause(answer);
    Function__V1__Queue *queues = rpc_arena_take(arena, answer->queue_count * sizeof *queues);
    response.queues = rpc_arena_take(arena, answer->queue_count * sizeof(Function__V1__Queue *));
    if (kind != RPC_QUEUES || !queues || !response.queues)
        return NULL;
    for (size_t i = 0; i < answer->queue_count; i++) {
        queue_fill(&queues[i], &answer->queues[i]);
        response.queues[i] = &queues[i];
    }
    response.n_queues = answer->queue_count;
    return rpc_encode_message(&response.base);
}
