/* What may be seen of a core from outside, and the check of all its invariants at once. */
#include "core/banned.h"
#include "core/machine.h"

void core_view(const struct core *read_only, struct core_view *ret_view)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    *ret_view = (struct core_view){
        .calls = core->calls.live,
        .deliveries = core->deliveries.live,
        .functions = core->functions.live,
        .workers = core->workers.live,
        .credits = core->outstanding,
        .instance = core->instance,
        .link_up = core->link_up,
        .sweeps = sweep_held(core),
        .steps = core->steps,
    };
    for (uint32_t at = 0, left = core->functions.live; left > 0; at++) {
        const struct function *function = function_at(core, at);
        bool live = function->row.state != FUNCTION_FREE;
        left -= live;
        ret_view->functions_ready += live && function->serving;
        ret_view->queued += live ? function->queue.count : 0;
    }
    for (uint32_t at = 0, left = core->workers.live; left > 0; at++) {
        const struct worker *worker = worker_at(core, at);
        bool live = worker->row.state != WORKER_FREE;
        left -= live;
        ret_view->workers_idle += worker->row.state == WORKER_IDLE;
        ret_view->running += live ? worker->running.count : 0;
    }
    __builtin_memcpy(ret_view->inputs, core->inputs, sizeof core->inputs);
    __builtin_memcpy(ret_view->effects, core->emitted, sizeof core->emitted);
}

const struct edges *core_edges(const struct core *core)
{
    return &core->edges;
}

uint32_t core_unconfirmed(const struct core *read_only, struct key function)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    uint32_t row = index_find_function(core, function), count = 0;
    for (uint32_t at = 0; row != NOWHERE && at < core->calls.rows; at++) {
        const struct call *call = call_at(core, at);
        count += call->row.state == CALL_PUBLISHING && call->function == row;
    }
    return count;
}

bool core_queue(const struct core *read_only, struct key name, struct core_queue *ret_queue)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    uint32_t index = index_find_function(core, name);
    if (index == NOWHERE) {
        return false;
    }
    const struct function *function = function_at(core, index);
    *ret_queue = (struct core_queue){ .messages = function->messages, .in_hand = function->in_hand };
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        ret_queue->in_hand += function_at(core, at)->in_hand;
    }
    ret_queue->takes = function_takes(function) && !core->draining;
    ret_queue->size = queue_size(function);
    ret_queue->stray = function->stray;
    return true;
}

static void check_function(struct core *core, uint32_t index)
{
    const struct function *function = function_at(core, index);
    uint32_t in_hand = 0, workers = 0, starting = 0, references = 0, busy = 0;
    for (uint32_t at = 0; at < core->deliveries.rows; at++) {
        const struct delivery *delivery = delivery_at(core, at);
        if (delivery->row.state != DELIVERY_FREE && delivery->function == index) {
            in_hand += delivery->row.state <= DELIVERY_RUNNING && !delivery->walked && !delivery->over;
            references++;
        }
    }
    for (uint32_t at = 0; at < core->workers.rows; at++) {
        const struct worker *worker = worker_at(core, at);
        if (worker->row.state != WORKER_FREE && worker->function == index) {
            workers++;
            starting += worker->row.state == WORKER_STARTING;
            busy += worker->occupied;
            ASSERT(worker->occupied <= worker->concurrency);
            references++;
        }
    }
    for (uint32_t at = 0; at < core->calls.rows; at++) {
        const struct call *call = call_at(core, at);
        references += call->row.state != CALL_FREE && call->function == index;
    }
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        ASSERT(function_at(core, at)->owner == index);
        references++;
    }
    ASSERT(function->in_hand == in_hand);
    ASSERT(function->workers == workers);
    ASSERT(function->starting == starting);
    ASSERT(function->busy == busy);
    ASSERT(function->references == references);
}

static uint32_t check_deliveries(struct core *core)
{
    uint32_t blobs = 0;
    for (uint32_t at = 0; at < core->deliveries.rows; at++) {
        const struct delivery *delivery = delivery_at(core, at);
        if (delivery->row.state == DELIVERY_FREE) {
            continue;
        }
        bool linked = delivery->row.state == DELIVERY_QUEUED || delivery->row.state == DELIVERY_RUNNING;
        ASSERT(delivery->node.linked == linked);
        ASSERT(delivery->message.slot != 0);
        ASSERT((delivery->row.state == DELIVERY_RUNNING) == (delivery->worker != NOWHERE));
        blobs += 1 + (delivery->result.slot != 0);
    }
    return blobs;
}

void core_check(const struct core *read_only)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    uint32_t blobs = check_deliveries(core), in_hand = 0, outstanding = 0;
    for (uint32_t at = 0; at < core->calls.rows; at++) {
        const struct call *call = call_at(core, at);
        ASSERT(call->row.state == CALL_FREE || (call->row.state == CALL_PUBLISHING) == (call->blob.slot != 0));
        blobs += call->row.state != CALL_FREE && call->blob.slot != 0;
    }
    for (uint32_t at = 0; at < core->functions.rows; at++) {
        const struct function *function = function_at(core, at);
        if (function->row.state != FUNCTION_FREE) {
            check_function(core, at);
            in_hand += function->in_hand;
            outstanding += function->outstanding;
        }
    }
    ASSERT(core->blobs == blobs);
    ASSERT(core->in_hand == in_hand || MUTANT(SLOT_MISCOUNTED)); /* S6 must find that from outside */
    ASSERT(core->outstanding == outstanding);
    /* Not the sum with deliveries.live: what a pull that is taken for lost still brings comes on top. */
    ASSERT(core->outstanding <= core->deliveries.rows);
}
