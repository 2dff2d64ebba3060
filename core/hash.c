/* The hash of a core's meaning: live rows field by field, never memory, since padding and free rows mean nothing.
 * Counters for people (inputs seen, effects emitted) are left out; everything that a later decision reads is in. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = draw_mix(*hash ^ (value + UINT64_C(0x9e3779b97f4a7c15)));
}

static void mix_key(uint64_t *hash, struct key key)
{
    mix(hash, key.hi);
    mix(hash, key.lo);
}

static void mix_blob(uint64_t *hash, struct blob blob)
{
    mix(hash, (uint64_t)blob.slot << 32 | blob.length);
}

static void mix_bytes(uint64_t *hash, const uint8_t bytes[CAUSE_KEPT])
{
    for (uint32_t i = 0; i < CAUSE_KEPT; i++) {
        mix(hash, bytes[i]);
    }
}

static void mix_policy(uint64_t *hash, const struct policy *policy)
{
    mix(hash, policy->retry_ns_base);
    mix(hash, policy->retry_ns_max);
    mix(hash, policy->jitter);
    mix_bytes(hash, policy->retries);
    mix(hash, policy->concurrency_min);
    mix(hash, policy->age_ns_max);
    mix(hash, policy->size_max);
}

static void mix_adaptive(uint64_t *hash, const struct adaptive *adaptive)
{
    const uint64_t fields[] = { adaptive->limit,    adaptive->peak,     adaptive->settled,    adaptive->dropped,
                                adaptive->age,      adaptive->baseline, adaptive->logarithms, adaptive->since_ns,
                                adaptive->pause,    adaptive->trial,    adaptive->starved,    adaptive->careful,
                                adaptive->trial_ns, adaptive->tried_ns, adaptive->anew,       adaptive->above };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
}

static void mix_crashes(uint64_t *hash, const struct crashes *crashes)
{
    mix(hash, (uint64_t)crashes->count << 32 | (uint64_t)crashes->several << 24 | (uint64_t)crashes->probation << 16 |
                  (uint64_t)crashes->quarantines << 8 | crashes->cause);
    mix_key(hash, crashes->request);
    mix(hash, crashes->first_ns);
    mix(hash, crashes->until_ns);
}

static void mix_version(uint64_t *hash, const struct version *version)
{
    mix_key(hash, version->key);
    mix(hash, version->timeout_ns);
    mix(hash, version->keep_alive_ns);
    mix(hash, (uint64_t)version->retries_max << 32 | (uint64_t)version->concurrency << 16 | version->workers_max);
}

static void mix_call(uint64_t *hash, const struct call *call)
{
    mix_key(hash, call->request);
    mix_blob(hash, call->blob);
    const uint64_t fields[] = { call->digest,          call->reference,   call->operation, call->deadline_ns,
                                call->poll_ns,         call->function,    call->tries,     call->operation_epoch,
                                call->confirmed_epoch, call->found_epoch, call->kind,      call->in_doubt,
                                call->sequence };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
}

static void mix_delivery(uint64_t *hash, const struct delivery *delivery)
{
    mix_key(hash, delivery->request);
    mix_blob(hash, delivery->message);
    mix_blob(hash, delivery->result);
    const uint64_t fields[] = {
        delivery->digest,      delivery->sequence,       delivery->operation,   delivery->revision,
        delivery->nonce,       delivery->extend_ns,      delivery->expires_ns,  delivery->after_ns,
        delivery->deadline_ns, delivery->started_ns,     delivery->function,    delivery->worker,
        delivery->epoch,       delivery->attempts,       delivery->starts,      delivery->operation_epoch,
        delivery->end,         delivery->reason,         delivery->tries,       delivery->stream,
        delivery->cause,       delivery->has_reply_to,   delivery->needs_claim, delivery->visited,
        delivery->walked,      delivery->over,           delivery->marked,      delivery->refusal,
        delivery->known_nonce, delivery->revision_epoch,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
    mix_bytes(hash, delivery->causes.count);
}

static void mix_worker(uint64_t *hash, const struct worker *worker)
{
    mix_key(hash, worker->version);
    const uint64_t fields[] = { worker->function,      worker->concurrency, worker->stream_last, worker->zombies,
                                worker->running.count, worker->started_ns,  worker->probe,       worker->ahead,
                                worker->charged,       worker->overdue,     worker->gone,        worker->exit_cause,
                                worker->node.linked,   worker->occupied,    worker->ready_ns,    worker->yields_ns,
                                worker->yields_to };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
}

/* What is known of its queue at the broker. */
static void mix_queue(uint64_t *hash, const struct function *function)
{
    const uint64_t fields[] = {
        function->paused,    function->stray,   function->visited,    function->leftovers,  function->pending_max,
        function->messages,  function->takers,  function->visit_got,  function->visit_want, function->told_ns,
        function->visit_ns,  function->look_ns, function->suspect,    function->held_from,  function->mark,
        function->mark_ns,   function->ripe,    function->suspicions, function->renewed,    function->moved_ns,
        function->renewals,  function->watch,   function->seen_ns,    function->oldest_ns,  function->size_16ths,
        function->size_told,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
}

static void mix_function(uint64_t *hash, const struct function *function)
{
    mix_key(hash, function->name);
    mix_version(hash, &function->current);
    mix_version(hash, &function->candidate);
    mix_policy(hash, &function->policy);
    mix_crashes(hash, &function->crashes);
    mix_adaptive(hash, &function->adaptive);
    const uint64_t fields[] = {
        function->dirty,
        function->serving,
        function->consumer_ready,
        function->active,
        function->announced,
        function->stale_workers,
        function->start_failures,
        function->outstanding,
        function->pending,
        function->in_hand,
        function->workers,
        function->starting,
        function->queue.count,
        function->queue.first,
        function->ready.count,
        function->ready.first,
        function->build_operation,
        function->consumer_operation,
        function->fresh_after,
        function->start_after_ns,
        function->pull_until_ns,
        function->consumer_retry_ns,
        function->execute_ns,
        function->start_ns,
        function->references,
        function->pull_epoch,
        function->consumer_epoch,
        function->attend_ns,
        function->probe_until_ns,
        function->probe_wanted,
        function->tries,
        function->alias,
        function->weight,
        function->closing,
        function->owner,
        function->route_first,
        function->route_next,
        function->place,
        function->busy,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
    mix_queue(hash, function);
}

static void mix_row(struct core *core, uint64_t *hash, enum table table, uint32_t index)
{
    switch (table) {
    case TABLE_CALL:
        mix_call(hash, call_at(core, index));
        break;
    case TABLE_DELIVERY:
        mix_delivery(hash, delivery_at(core, index));
        break;
    case TABLE_FUNCTION:
        mix_function(hash, function_at(core, index));
        break;
    default:
        mix_worker(hash, worker_at(core, index));
    }
}

static void mix_pool(struct core *core, uint64_t *hash, const struct pool *pool)
{
    mix(hash, pool->live);
    mix(hash, pool->free_first);
    mix(hash, pool->generations);
    for (uint32_t at = pool_next_taken(core, pool, 0); at != NOWHERE; at = pool_next_taken(core, pool, at + 1)) {
        mix(hash, (uint64_t)at << 32 | pool_row(core, pool, at)->state);
        mix_row(core, hash, (enum table)pool->table, at);
    }
}

static void mix_walk(uint64_t *hash, const struct walk *walk)
{
    const uint64_t fields[] = {
        walk->operation, walk->next,  walk->until,  walk->due_ns, walk->over_ns,
        walk->delivery,  walk->found, walk->rounds, walk->wanted,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
}

static void mix_room(uint64_t *hash, const struct room *room)
{
    const uint64_t fields[] = {
        room->looked_ns, room->there,     room->possible,    room->messages_max, room->pending_max,
        room->bytes_max, room->size_mean, room->unconfirmed, room->confirmed,    room->confirmed_before,
        room->looks,     room->instances, room->drops,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(hash, fields[i]);
    }
    for (uint32_t i = 0; i < ROOM_LOOKS; i++) {
        mix(hash, room->removed[i]);
    }
}

uint64_t core_hash(const struct core *read_only)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    uint64_t hash = core->seed;
    hash += MUTANT(ADDRESS_HASHED) ? (uint64_t)(uintptr_t)core : 0;
    const uint64_t fields[] = {
        core->now_ns,
        core->heard_ns,
        core->drain_until_ns,
        core->full_until_ns,
        (uint64_t)core->clock_ns_min,
        core->operations,
        core->epoch,
        core->in_hand,
        core->outstanding,
        (uint64_t)core->clock_ns_max,
        core->extra,
        core->active,
        core->blobs,
        core->dirty_first,
        core->sweep_calls,
        core->link_up,
        core->unanswered,
        core->clock_known,
        core->draining,
        core->sweep_deliveries,
        core->sweep_functions,
        core->instance_ns,
        core->heed_ns,
        core->heeds,
        core->connect_failures,
        core->connects,
        core->up_ns,
        core->stopped,
        core->instance,
        core->heap_count,
        core->lease.operation,
        core->lease.revision,
        core->lease.asked_ns,
        core->lease.until_ns,
        core->lease.next_ns,
        core->lease.tries,
        core->unheard[HEARD_ANSWER].came_ns,
        core->unheard[HEARD_CHANGE].came_ns,
        core->unheard[HEARD_ANSWER].count,
        core->unheard[HEARD_ANSWER].renewals,
        core->unheard[HEARD_CHANGE].count,
        core->unheard[HEARD_CHANGE].renewals,
    };
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        mix(&hash, fields[i]);
    }
    mix_walk(&hash, &core->walk);
    mix_room(&hash, &core->room);
    mix(&hash, timers_next(core));
    const uint64_t *settings = (const uint64_t *)&core->settings;
    for (uint32_t i = 0; i < SETTING_COUNT; i++) {
        mix(&hash, settings[i]);
    }
    mix_pool(core, &hash, &core->calls);
    mix_pool(core, &hash, &core->deliveries);
    mix_pool(core, &hash, &core->functions);
    mix_pool(core, &hash, &core->workers);
    return hash;
}
