/* The first node of a fork: its connection and clock as the core has them, its functions, blobs and processes. */
#include "sim/fork.h"

#include <string.h>

static struct key number_key(uint64_t number)
{
    return (struct key){ 0, number };
}

/* -- functions -- */

static uint32_t version_number(struct fork *fork, struct handle function, struct key version, uint32_t *next)
{
    struct key name = fork_version_name(function, version);
    if (fork_map_get(&fork->map, FORK_VERSION, name) == 0) {
        fork_put(fork, FORK_VERSION, name, (*next)++);
    }
    return (uint32_t)fork_map_get(&fork->map, FORK_VERSION, name);
}

/* Versions of processes that are left over come before the present one, that before the one to come. */
static void versions_number(struct fork *fork, const struct portrait_function *function, uint32_t *next)
{
    struct portrait_worker worker;
    for (uint32_t row = 0; row < fork->portrait.limits.workers_max; row++) {
        bool old = portrait_worker(fork->from->core, row, &worker) && handle_equal(worker.function, function->handle) &&
                   !key_equal(worker.version, function->current) && !key_equal(worker.version, function->candidate);
        if (old) {
            version_number(fork, function->handle, worker.version, next);
        }
    }
    if (!key_is_none(function->current)) {
        version_number(fork, function->handle, function->current, next);
    }
    version_number(fork, function->handle, function->candidate, next);
}

static void route_make(struct fork *fork, const struct portrait_function *row)
{
    struct world *world = fork->world;
    uint32_t number = fork_function_of(fork, row->owner);
    struct function *function = &world->functions[number];
    uint32_t first = ROUTE_VERSION_FIRST + function->route_versions, next = first;
    fork_put(fork, FORK_FUNCTION, number_key(row->handle.bits), number + 1);
    versions_number(fork, row, &next);
    function->route_versions += next - first;
    for (uint32_t version = first; version < next; version++) {
        function->named[row->alias] |= UINT64_C(1) << version % 64;
    }
    function->retries_max = row->retries_max > function->retries_max ? row->retries_max : function->retries_max;
    function->concurrency = row->concurrency > function->concurrency ? row->concurrency : function->concurrency;
    function->workers_max = row->workers_max > function->workers_max ? row->workers_max : function->workers_max;
    struct seen_route *seen = &world->nodes[0].routes[number].row[row->place * 2 + row->alias];
    *seen = (struct seen_route){ next - 1, row->serving ? next - 1 : 0, row->weight };
    if (row->state != FUNCTION_RETIRING) {
        function->routes[row->place] =
            (struct route){ .version = next - 1, .alias = row->alias, .weight = row->weight };
        function->routes[row->place].build_fails = row->state == FUNCTION_FAILED;
    }
}

static void function_make(struct fork *fork, const struct portrait_function *row, uint32_t number)
{
    struct world *world = fork->world;
    struct function *function = &world->functions[number];
    uint32_t next = 1;
    fork_put(fork, FORK_FUNCTION, number_key(row->handle.bits), number + 1);
    versions_number(fork, row, &next);
    function->version = next - 1;
    function->named[ALIAS_LIVE] = 0;
    for (uint32_t version = 1; version < next; version++) {
        function->named[ALIAS_LIVE] |= UINT64_C(1) << version % 64;
    }
    function->retries_max = row->retries_max;
    function->concurrency = row->concurrency;
    function->workers_max = row->workers_max;
    function->timeout_ns = row->timeout_ns;
    function->keep_alive_ns = row->keep_alive_ns;
    function->run_ns = function->run_ns < row->timeout_ns / 4 ? function->run_ns : row->timeout_ns / 4;
    function->closing = row->closing;
    function->elsewhere = row->state == FUNCTION_ELSEWHERE;
    function->build_fails = row->state == FUNCTION_FAILED;
    function->removed = row->state == FUNCTION_RETIRING;
    function->policy.retry_ns_base = row->retry_ns_base;
    function->policy.retry_ns_max = row->retry_ns_max;
    function->policy.jitter = row->jitter;
    memcpy(function->policy.retries, row->retries, sizeof(function->policy.retries));
    world->nodes[0].start_failed[number] = true; /* it may have, before */
    world->nodes[0].serves[number] = row->serving && !function->removed;
    world->nodes[0].serves_version[number] =
        row->state == FUNCTION_READY ? function->version : 0; /* else it will say */
    share_closing(world, 0, number, row->closing);
    if (function->removed) {
        world_post(world, world->now + SECOND + fork_draw(fork, 10 * SECOND), EVENT_FUNCTION_BACK)->number = number;
    }
}

void fork_functions(struct fork *fork)
{
    struct portrait_function row;
    uint32_t count = 0;
    for (uint32_t at = 0; at < fork->portrait.limits.functions_max; at++) {
        if (portrait_function(fork->from->core, at, &row) && row.owner.bits == 0) {
            function_make(fork, &row, count++);
        }
    }
    for (uint32_t at = 0; at < fork->portrait.limits.functions_max; at++) {
        if (portrait_function(fork->from->core, at, &row)) {
            if (row.owner.bits != 0) {
                route_make(fork, &row);
            }
            struct function_note *note = &fork->world->nodes[0].notes[at];
            *note = (struct function_note){ row.handle, fork_function_of(fork, row.handle), row.pull_until_ns,
                                            row.outstanding, row.quarantined };
        }
    }
    records_begin(fork->world); /* as they are now: a power loss takes back what comes after */
}

/* -- connection and clock -- */

static void link_make(struct fork *fork)
{
    struct world *world = fork->world;
    struct link *link = &world->nodes[0].link;
    struct seen_records *seen = &world->nodes[0].seen;
    seen->known = world->records.last; /* It has read the records: what its core knows comes from there. */
    memcpy(seen->revision, world->records.revision, sizeof seen->revision);
    link->epoch = fork->portrait.epoch;
    link->last_connection = ++world->connections; /* by which things arrive whose answers are lost */
    link->last_sends_until_ns = world->now + SECOND;
    if (!fork->portrait.link_up) {
        wire_connect_later(world, 0, fork_draw(fork, 3 * SECOND));
        return;
    }
    link->up = link->told_up = true;
    link->connection = ++world->connections;
    link->sends_until_ns = link->hears_until_ns = UINT64_MAX;
    link->sent_ns = link->received_ns = world->now;
}

/* What it was told of the broker's clock is so, and the right time. */
void fork_clock(struct world *world, const struct portrait *portrait)
{
    clock_boot(world, 0);
    world->nodes[0].clocks.base_ns = portrait->now_ns;
    world->nodes[0].clocks.rate_ppm = 0;
    if (portrait->clock_known) {
        int64_t offset = portrait->clock_ns_min + (portrait->clock_ns_max - portrait->clock_ns_min) / 2;
        clock_begin(world, (int64_t)portrait->now_ns + offset);
    }
}

/* Younger revisions are others: one that the core remembers is never given out again. */
static void lease_make(struct fork *fork)
{
    struct world *world = fork->world;
    const struct portrait *portrait = &fork->portrait;
    bool its_own = portrait->lease_revision != 0 && portrait->lease_until_ns > portrait->now_ns;
    bool unanswered = portrait->lease_operation != 0 && fork_draw(fork, 2) == 0; /* done, and the answer is lost */
    world->lease_revisions = portrait->lease_revision + unanswered;
    if (its_own || unanswered) {
        world->lease = (struct lease_record){ world->lease_revisions, world->now, world->nodes[0].incarnation };
    }
}

void fork_node(struct fork *fork)
{
    struct world *world = fork->world;
    struct node *node = &world->nodes[0];
    const struct portrait *portrait = &fork->portrait;
    node->incarnation = ++world->incarnations;
    node->core = core_copy(node->memory, fork->from->core);
#ifdef STEAD_MUTANTS
    core_set_mutant(node->core, world->options.mutant);
#endif
    node->slots_used = 1;
    fork_clock(world, portrait);
    node->state = portrait->draining ? NODE_DRAINING : NODE_UP;
    node->drained_ns = portrait->now_ns;
    node->drain_grace_ns =
        portrait->drain_until_ns > portrait->now_ns ? portrait->drain_until_ns - portrait->now_ns : 0;
    link_make(fork);
    node->tick_ns = world->now;
    world_post_node(world, world->now, EVENT_TICK, 0);
    lease_make(fork);
    story_event(world, "a%u goes on from a recorded state", node->incarnation);
}

/* -- blobs -- */

static uint32_t blob_make(struct fork *fork, struct blob blob, const struct content *content)
{
    struct node *node = &fork->world->nodes[0];
    if (blob.slot == 0) {
        return 0;
    }
    uint32_t slot = node->slots_used++;
    node->slots[slot] = (struct slot){ .content = *content, .length = blob.length, .use = BLOB_HELD };
    node->slots[slot].faults = UINT16_MAX;
    node->slots[slot].executed = true; /* what it has been through counts as done */
    node->slots_held++;
    if (content->kind == CONTENT_MESSAGE) {
        node->held[content->sequence] = slot;
    }
    fork_put(fork, FORK_BLOB, number_key(blob.slot), slot);
    return slot;
}

static void delivery_blobs(struct fork *fork, const struct portrait_delivery *delivery)
{
    struct world *world = fork->world;
    uint32_t number = fork_request_of(fork, delivery->request);
    struct content content = { .kind = CONTENT_MESSAGE, .request = number, .digest = delivery->digest };
    content.function = world->requests[number].function;
    content.sequence = fork_sequence_of(fork, delivery->sequence);
    content.epoch = delivery->epoch;
    content.has_id = true;
    world->nodes[0].slots[blob_make(fork, delivery->message, &content)].after_ns = delivery->after_ns;
    content.payload = (uint64_t)++world->executions << 1;
    content.kind = delivery->end == END_SUCCEEDED ? CONTENT_RESULT : CONTENT_ERROR;
    (void)blob_make(fork, delivery->result, &content);
}

void fork_blobs(struct fork *fork)
{
    struct portrait_delivery delivery;
    struct portrait_call call;
    for (uint32_t row = 0; row < fork->portrait.limits.deliveries_max; row++) {
        if (portrait_delivery(fork->from->core, row, &delivery)) {
            delivery_blobs(fork, &delivery);
        }
    }
    for (uint32_t row = 0; row < fork->portrait.limits.calls_max; row++) {
        if (portrait_call(fork->from->core, row, &call)) {
            uint32_t number = fork_request_of(fork, call.request);
            struct content content = { .kind = CONTENT_REQUEST, .request = number, .digest = call.digest };
            content.function = fork->world->requests[number].function;
            (void)blob_make(fork, call.blob, &content);
        }
    }
}

/* -- processes -- */

/* Executions that run on it, in the order in which they were sent; the core numbers them one after another. */
static void executions_make(struct fork *fork, const struct portrait_worker *worker)
{
    struct world *world = fork->world;
    struct portrait_delivery delivery;
    uint16_t stream = worker->stream_last;
    uint32_t running = 0, zombies = 0, rows = fork->portrait.limits.deliveries_max;
    struct effect sent[STREAMS_MAX];
    for (uint32_t back = 0; back < UINT16_MAX && running + zombies < worker->running + worker->zombies; back++) {
        uint32_t row = 0;
        while (running < worker->running && row < rows &&
               !(portrait_delivery(world->nodes[0].core, row, &delivery) && delivery.stream == stream &&
                 handle_equal(delivery.worker, worker->handle))) {
            row++;
        }
        bool runs = running < worker->running && row < rows;
        if (running + zombies < STREAMS_MAX && (runs || zombies < worker->zombies)) {
            sent[running + zombies] = (struct effect){ .about = worker->handle, .stream = stream };
            sent[running + zombies].blob = runs ? delivery.message : (struct blob){ 0 };
            sent[running + zombies].count = runs ? delivery.attempts + 1 : 1;
            running += runs;
            zombies += !runs;
        }
        stream = (uint16_t)(stream == 1 ? UINT16_MAX : stream - 1);
    }
    while (running + zombies > 0) {
        bool runs = sent[running + zombies - 1].blob.slot != 0;
        process_execute(world, 0, &sent[running + zombies - 1]);
        running -= runs;
        zombies -= !runs;
    }
}

static void process_make(struct fork *fork, uint32_t row, const struct portrait_worker *worker)
{
    struct world *world = fork->world;
    struct effect effect = { .about = worker->handle, .other = worker->function, .key = worker->version };
    struct worker *process = &world->nodes[0].workers[row];
    if (worker->gone) {
        return;
    }
    if (worker->state == WORKER_STARTING) {
        process_start(world, 0, &effect);
        return;
    }
    *process = (struct worker){ .handle = worker->handle, .state = PROCESS_READY, .stamp = process->stamp + 1 };
    process->function = function_of_key(world, worker->version);
    process->version = (uint32_t)worker->version.hi;
    process->row = worker->function;
    process->concurrency = worker->concurrency;
    process->ahead = worker->ahead;
    executions_make(fork, worker);
    if (worker->state == WORKER_STOPPING) {
        process_stop(world, 0, &effect);
    } else if (worker->state == WORKER_DYING) {
        process_kill(world, 0, &effect);
    }
}

void fork_processes(struct fork *fork)
{
    struct portrait_worker worker;
    for (uint32_t row = 0; row < fork->portrait.limits.workers_max; row++) {
        if (portrait_worker(fork->world->nodes[0].core, row, &worker)) {
            process_make(fork, row, &worker);
        }
    }
}
