/* Slots are a table with a free list. An id is generation and index; the generation grows each time a slot is taken,
 * and starts at 1, so no id is 0 and a late answer never meets a later call. */
#include <assert.h>
#include <stdlib.h>

#include "adapters/grpc/rpc_inside.h"

bool rpc_slots_init(struct rpc_server *server)
{
    uint32_t count = server->options.in_flight_max;
    server->slots = calloc(count, sizeof *server->slots);
    server->loop.open = calloc(count, sizeof *server->loop.open);
    server->loop.closing = calloc(count, sizeof *server->loop.closing);
    if (!server->slots || !server->loop.open || !server->loop.closing)
        return false;
    for (uint32_t i = 0; i < count; i++)
        server->slots[i].next_free = i + 1 < count ? (int)i + 1 : RPC_SLOT_NONE;
    server->free_slot = 0;
    return true;
}

void rpc_slots_free(struct rpc_server *server)
{
    for (uint32_t i = 0; server->slots && i < server->options.in_flight_max; i++)
        rpc_request_free(server->slots[i].cancelled);
    free(server->slots);
    free(server->loop.open);
    free(server->loop.closing);
}

static void give_back(struct rpc_server *server, int index)
{
    struct rpc_slot *slot = &server->slots[index];
    server->deploy_bytes -= slot->deploy_bytes;
    slot->deploy_bytes = 0;
    slot->call = NULL;
    slot->next_free = server->free_slot;
    server->free_slot = index;
    atomic_fetch_sub_explicit(&server->in_flight, 1, memory_order_relaxed);
}

uint64_t rpc_slot_take(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    int index = server->free_slot;
    if (index == RPC_SLOT_NONE)
        return 0;
    struct rpc_slot *slot = &server->slots[index];
    assert(!slot->call);
    if (!slot->cancelled && !(slot->cancelled = rpc_request_blank()))
        return 0;
    server->free_slot = slot->next_free;
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->call = call;
    slot->kind = call->method->kind;
    slot->cancelled->kind = RPC_CANCELLED;
    slot->cancelled->id = (uint64_t)slot->generation << 32 | (uint32_t)index;
    call->slot = index;
    atomic_fetch_add_explicit(&server->in_flight, 1, memory_order_relaxed);
    return slot->cancelled->id;
}

void rpc_slot_drop(struct rpc_call *call)
{
    if (call->slot == RPC_SLOT_NONE)
        return;
    give_back(call->door->server, call->slot);
    call->slot = RPC_SLOT_NONE;
}

void rpc_slot_cancel(struct rpc_call *call)
{
    struct rpc_server *server = call->door->server;
    struct rpc_slot *slot = &server->slots[call->slot];
    assert(slot->call == call);
    assert(slot->cancelled);
    struct rpc_request *word = slot->cancelled;
    slot->cancelled = NULL;
    slot->call = NULL;
    call->slot = RPC_SLOT_NONE;
    bool pushed = ring_push(&server->requests, word);
    assert(pushed);
    (void)pushed;
}

/* The loop has spoken its last word on an id, so the slot is free again whatever became of the call. */
void rpc_slot_answer(struct rpc_server *server, const struct rpc_answer_box *box)
{
    static const struct rpc_answer lost = { .kind = RPC_ANSWER_STATUS,
                                            .status = RPC_STATUS_RESOURCE_EXHAUSTED,
                                            .retry_after_ms = 10 * RPC_OVERLOAD_RETRY_MS,
                                            .reason = { (const uint8_t *)"OVERLOADED", 10 },
                                            .text = { (const uint8_t *)"no memory for the answer; ask again", 35 } };
    uint32_t index = (uint32_t)box->answer.id;
    assert(index < server->options.in_flight_max);
    struct rpc_slot *slot = &server->slots[index];
    assert(slot->generation == (uint32_t)(box->answer.id >> 32));
    struct rpc_call *call = slot->call;
    if (call)
        call->slot = RPC_SLOT_NONE;
    give_back(server, (int)index);
    if (call && !call->answered)
        rpc_call_answer(call, box->lost ? &lost : &box->answer, slot->kind);
}
