/* The responses of Queues and PauseQueue, as the client reads them. */
#include "adapters/grpc/rpc_reply_inside.h"
#include "proto/function_admin.pb-c.h"

static struct rpc_queue queue_of(const Function__V1__Queue *from)
{
    return (struct rpc_queue){ .name = rpc_reply_view(from->name),
                               .language = rpc_reply_view(from->language),
                               .messages = from->messages,
                               .oldest_ms = from->oldest_ms,
                               .pending_max = from->max_pending,
                               .takers = from->takers,
                               .in_hand = from->in_hand,
                               .bytes = from->bytes,
                               .bytes_max = from->max_size,
                               .age_ms_max = from->max_age_ms,
                               .running = from->running,
                               .concurrency_limit = from->concurrency_limit,
                               .concurrency_max = from->concurrency_max,
                               .processed_unix_ms = from->last_processed_unix_ms,
                               .paused = from->paused,
                               .unknown = from->unknown };
}

static void queues_take(struct rpc_reply_box *box, Function__V1__Queue *const *from, size_t count)
{
    struct rpc_queue *queues = rpc_arena_take(&box->arena, count * sizeof *queues);
    if (!queues) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    for (size_t i = 0; i < count; i++)
        queues[i] = queue_of(from[i]);
    box->reply.queues = queues;
    box->reply.queue_count = count;
}

void rpc_reply_queues_read(struct rpc_reply_box *box)
{
    const Function__V1__QueuesResponse *response =
        (const Function__V1__QueuesResponse *)rpc_reply_unpack(box, &function__v1__queues_response__descriptor);
    if (response)
        queues_take(box, response->queues, response->n_queues);
}

void rpc_reply_pause_read(struct rpc_reply_box *box)
{
    const Function__V1__PauseQueueResponse *response = (const Function__V1__PauseQueueResponse *)rpc_reply_unpack(
        box, &function__v1__pause_queue_response__descriptor);
    if (response)
        queues_take(box, &response->queue, response->queue ? 1 : 0);
}
