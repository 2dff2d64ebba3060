/* Copies of rows, field by field, and other names in their places. Looks at every row: for replays and simulations. */
#include "core/portrait.h"

#include "core/banned.h"
#include "core/machine.h"

static struct core *opened(const struct core *read_only)
{
    return (struct core *)(uintptr_t)read_only;
}

void portrait_of(const struct core *core, struct portrait *ret_portrait)
{
    *ret_portrait = (struct portrait){
        .limits = core->limits,
        .settings = core->settings,
        .now_ns = core->now_ns,
        .heard_ns = core->heard_ns,
        .drain_until_ns = core->drain_until_ns,
        .clock_ns_min = core->clock_ns_min,
        .clock_ns_max = core->clock_ns_max,
        .lease_revision = core->lease.revision,
        .lease_until_ns = core->lease.until_ns,
        .lease_operation = core->lease.operation,
        .epoch = core->epoch,
        .link_up = core->link_up,
        .clock_known = core->clock_known,
        .draining = core->draining,
        .stopped = core->stopped,
        .instance = core->instance,
    };
}

static struct handle function_handle(struct core *core, uint32_t index)
{
    return index == NOWHERE ? (struct handle){ 0 } : pool_handle(core, &core->functions, index);
}

bool portrait_call(const struct core *read_only, uint32_t row, struct portrait_call *ret_call)
{
    struct core *core = opened(read_only);
    if (row >= core->calls.rows || call_at(core, row)->row.state == CALL_FREE) {
        return false;
    }
    const struct call *call = call_at(core, row);
    *ret_call = (struct portrait_call){
        .handle = pool_handle(core, &core->calls, row),
        .function = function_handle(core, call->function),
        .request = call->request,
        .blob = call->blob,
        .digest = call->digest,
        .reference = call->reference,
        .operation = call->operation,
        .deadline_ns = call->deadline_ns,
        .poll_ns = call->poll_ns,
        .sequence = call->sequence,
        .state = call->row.state,
        .kind = call->kind,
        .tries = call->tries,
        .in_doubt = call->in_doubt,
    };
    return true;
}

bool portrait_delivery(const struct core *read_only, uint32_t row, struct portrait_delivery *ret_delivery)
{
    struct core *core = opened(read_only);
    if (row >= core->deliveries.rows || delivery_at(core, row)->row.state == DELIVERY_FREE) {
        return false;
    }
    const struct delivery *delivery = delivery_at(core, row);
    bool runs = delivery->row.state == DELIVERY_RUNNING;
    *ret_delivery = (struct portrait_delivery){
        .handle = pool_handle(core, &core->deliveries, row),
        .function = function_handle(core, delivery->function),
        .worker = runs ? pool_handle(core, &core->workers, delivery->worker) : (struct handle){ 0 },
        .request = delivery->request,
        .message = delivery->message,
        .result = delivery->result,
        .digest = delivery->digest,
        .sequence = delivery->sequence,
        .operation = delivery->operation,
        .revision = delivery->revision,
        .nonce = delivery->nonce,
        .known_nonce = delivery->known_nonce,
        .deadline_ns = delivery->deadline_ns,
        .expires_ns = delivery->expires_ns,
        .extend_ns = delivery->extend_ns,
        .after_ns = delivery->after_ns,
        .epoch = delivery->epoch,
        .attempts = delivery->attempts,
        .starts = delivery->starts,
        .stream = delivery->stream,
        .state = delivery->row.state,
        .end = delivery->end,
        .reason = delivery->reason,
        .cause = delivery->cause,
        .causes = delivery->causes,
        .has_reply_to = delivery->has_reply_to,
        .needs_claim = delivery->needs_claim,
    };
    return true;
}

static uint16_t larger(uint16_t one, uint16_t other)
{
    return one > other ? one : other;
}

bool portrait_function(const struct core *read_only, uint32_t row, struct portrait_function *ret_function)
{
    struct core *core = opened(read_only);
    if (row >= core->functions.rows || function_at(core, row)->row.state == FUNCTION_FREE) {
        return false;
    }
    const struct function *function = function_at(core, row);
    const struct version *current = &function->current, *candidate = &function->candidate;
    *ret_function = (struct portrait_function){
        .handle = pool_handle(core, &core->functions, row),
        .owner = function_handle(core, function->owner),
        .name = function->name,
        .current = current->key,
        .candidate = candidate->key,
        .timeout_ns = candidate->timeout_ns,
        .keep_alive_ns = candidate->keep_alive_ns,
        .build_operation = function->build_operation,
        .consumer_operation = function->consumer_operation,
        .fresh_after = function->fresh_after,
        .pull_until_ns = function->pull_until_ns,
        .outstanding = function->outstanding,
        .pending = function->pending,
        .queued = function->queue.count,
        .in_hand = function->in_hand,
        .workers = function->workers,
        .retries_max = larger(current->retries_max, candidate->retries_max),
        .concurrency = larger(current->concurrency, candidate->concurrency),
        .workers_max = larger(current->workers_max, candidate->workers_max),
        .state = function->row.state,
        .alias = function->alias,
        .place = function->place,
        .weight = function->weight,
        .closing = function->closing,
        .serving = function->serving,
        .consumer_ready = function->consumer_ready,
        .quarantined = function->crashes.until_ns != 0,
        .retry_ns_base = function->policy.retry_ns_base,
        .retry_ns_max = function->policy.retry_ns_max,
        .jitter = function->policy.jitter,
    };
    __builtin_memcpy(ret_function->retries, function->policy.retries, sizeof function->policy.retries);
    return true;
}

bool portrait_worker(const struct core *read_only, uint32_t row, struct portrait_worker *ret_worker)
{
    struct core *core = opened(read_only);
    if (row >= core->workers.rows || worker_at(core, row)->row.state == WORKER_FREE) {
        return false;
    }
    const struct worker *worker = worker_at(core, row);
    *ret_worker = (struct portrait_worker){
        .handle = pool_handle(core, &core->workers, row),
        .function = function_handle(core, worker->function),
        .version = worker->version,
        .started_ns = worker->started_ns,
        .running = worker->running.count,
        .concurrency = worker->concurrency,
        .stream_last = worker->stream_last,
        .zombies = worker->zombies,
        .state = worker->row.state,
        .probe = worker->probe,
        .ahead = worker->ahead,
        .overdue = worker->overdue,
        .gone = worker->gone,
    };
    return true;
}

/* -- other names --------------------------------------------------------------------------------------------------- */

static void rename_blob(const struct names *names, struct blob *blob)
{
    if (blob->slot != 0) {
        *blob = names->blob(names->owner, *blob);
    }
}

static void rename_calls(struct core *core, const struct names *names)
{
    for (uint32_t at = 0; at < core->calls.rows; at++) {
        struct call *call = call_at(core, at);
        if (call->row.state != CALL_FREE) {
            index_remove_call(core, at);
            call->request = names->request(names->owner, call->request);
            call->reference = names->caller(names->owner, call->reference);
            call->sequence = call->sequence == 0 ? 0 : names->sequence(names->owner, call->sequence);
            rename_blob(names, &call->blob);
            index_add_call(core, at);
        }
    }
}

static void rename_deliveries(struct core *core, const struct names *names)
{
    for (uint32_t at = 0; at < core->deliveries.rows; at++) {
        struct delivery *delivery = delivery_at(core, at);
        if (delivery->row.state != DELIVERY_FREE) {
            index_remove_delivery(core, at);
            delivery->request = names->request(names->owner, delivery->request);
            delivery->sequence = names->sequence(names->owner, delivery->sequence);
            rename_blob(names, &delivery->message);
            rename_blob(names, &delivery->result);
            index_add_delivery(core, at);
        }
    }
}

static void rename_version(const struct names *names, struct handle function, struct key *version)
{
    if (!key_is_none(*version)) {
        *version = names->version(names->owner, function, *version);
    }
}

static void rename_functions(struct core *core, const struct names *names)
{
    for (uint32_t at = 0; at < core->functions.rows; at++) {
        struct function *function = function_at(core, at);
        if (function->row.state != FUNCTION_FREE) {
            struct handle handle = pool_handle(core, &core->functions, at);
            index_remove_function(core, at);
            function->name = names->function(names->owner, handle, function->name);
            rename_version(names, handle, &function->current.key);
            rename_version(names, handle, &function->candidate.key);
            function->crashes.request = names->request(names->owner, function->crashes.request);
            function->fresh_after = names->sequence(names->owner, function->fresh_after);
            index_add_function(core, at);
        }
    }
    for (uint32_t at = 0; at < core->workers.rows; at++) {
        struct worker *worker = worker_at(core, at);
        if (worker->row.state != WORKER_FREE) {
            rename_version(names, function_handle(core, worker->function), &worker->version);
        }
    }
}

void core_rename(struct core *core, const struct names *names)
{
    rename_calls(core, names);
    rename_deliveries(core, names);
    rename_functions(core, names);
}
