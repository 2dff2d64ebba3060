/* A world that goes on from a production state.
 *
 * The first node's core is a copy of one that ran elsewhere; the broker, the processes, the callers and the other
 * nodes are made to fit what it believes. What it can't know is drawn by the seed: whether a question that it waits for
 * was lost, done, or done with its answer lost; whether somebody else has settled its message; what else is in the
 * queue. So one state has as many worlds as there are seeds, and each is possible. From there on everything is as in
 * any other run: clients, faults, the heal, and all the law. What happened before can't be judged: what a message has
 * been through counts as done. */
#include "sim/fork.h"

#include <stdlib.h>
#include <string.h>

static struct key number_key(uint64_t number)
{
    return (struct key){ 0, number };
}

uint64_t fork_draw(struct fork *fork, uint64_t bound)
{
    return world_draw_below(fork->world, bound, 0, PURPOSE_FORK, fork->draws++);
}

void fork_put(struct fork *fork, enum fork_kind kind, struct key key, uint64_t value)
{
    fork->short_of_memory = !fork_map_put(&fork->map, kind, key, value) || fork->short_of_memory;
}

uint32_t fork_request_of(const struct fork *fork, struct key request)
{
    return (uint32_t)fork_map_get(&fork->map, FORK_REQUEST, request) - 1;
}

uint32_t fork_function_of(const struct fork *fork, struct handle function)
{
    return (uint32_t)fork_map_get(&fork->map, FORK_FUNCTION, number_key(function.bits)) - 1;
}

uint64_t fork_sequence_of(const struct fork *fork, uint64_t sequence)
{
    uint32_t low = 0, high = fork->sequences_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (fork->sequences[middle] <= sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Versions of two functions, or of a function and its route, may have one name. */
struct key fork_version_name(struct handle function, struct key version)
{
    return (struct key){ version.hi, version.lo ^ draw_mix(function.bits) };
}

/* -- may it be? -- */

static const char *function_obstacle(const struct portrait_function *function)
{
    if (function->owner.bits != 0 && (function->alias > 1 || function->place >= ROUTES_MAX)) {
        return "a function has more aliases or canaries than the simulator models";
    }
    return function->concurrency > STREAMS_MAX ? "a worker runs more calls at once than the simulator models" : NULL;
}

static const char *table_obstacle(const struct core *core, const struct portrait *portrait)
{
    struct portrait_function function;
    const char *obstacle = NULL;
    uint32_t functions = 0;
    for (uint32_t row = 0; row < portrait->limits.functions_max; row++) {
        if (portrait_function(core, row, &function)) {
            functions += function.owner.bits == 0;
            obstacle = obstacle != NULL ? obstacle : function_obstacle(&function);
        }
    }
    return functions > FUNCTIONS_MAX ? "there are more functions than the simulator models" : obstacle;
}

const char *sim_fork_obstacle(const struct sim_fork *fork)
{
    struct portrait portrait;
    struct core_view view;
    portrait_of(fork->core, &portrait);
    core_view(fork->core, &view);
    if (portrait.stopped) {
        return "the instance had stopped";
    }
    if (portrait.limits.functions_max > ROWS_MAX) {
        return "its table of functions is larger than the simulator's";
    }
    if (view.calls + view.deliveries > FORK_REQUESTS_MAX || core_blobs_held(fork->core) > FORK_BLOBS_MAX) {
        return "it holds more requests than the simulator has room for";
    }
    return table_obstacle(fork->core, &portrait);
}

/* -- the world's numbers -- */

static uint32_t functions_count(const struct core *core, const struct portrait *portrait, bool *ret_elsewhere)
{
    struct portrait_function function;
    uint32_t count = 0;
    *ret_elsewhere = false;
    for (uint32_t row = 0; row < portrait->limits.functions_max; row++) {
        if (portrait_function(core, row, &function) && function.owner.bits == 0) {
            count++;
            *ret_elsewhere = *ret_elsewhere || function.state == FUNCTION_ELSEWHERE;
        }
    }
    return count;
}

/* What is asked for happens, also where the seed would have left it out. */
static void choose_faults(struct choices *choices, const bool *faults)
{
    enum { PER_MILLION_USUAL = 50000 };
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        bool timed = choices_timed((enum sim_fault)fault);
        uint64_t usual = timed ? 5 * SECOND : PER_MILLION_USUAL;
        uint64_t rate = choices->fault[fault] != 0 ? choices->fault[fault] : usual;
        choices->fault[fault] = faults[fault] ? rate : 0;
    }
}

/* Limits, settings and functions are those of the core; its past is no calm one, whatever is to come. */
void fork_choices(struct world *world)
{
    const struct sim_fork *from = world->options.fork;
    struct choices *choices = &world->choices;
    struct portrait portrait;
    bool elsewhere;
    if (from == NULL) {
        return;
    }
    portrait_of(from->core, &portrait);
    choices->limits = portrait.limits;
    choices->settings = portrait.settings;
    uint32_t functions = functions_count(from->core, &portrait, &elsewhere);
    choices->functions = functions == 0 ? 1 : functions; /* that there is one it will learn, as of any other record */
    choices->nodes = elsewhere && choices->nodes < 2 ? 2 : choices->nodes;
    choices_age(choices, world->options.seed);
    choices_size(choices, world->options.seed, world->steps_target + 4 * FORK_REQUESTS_MAX);
    choices->jet.messages_max = 100000;
    choices->jet.ack_pending_max = FORK_REQUESTS_MAX * 2;
    choices->jet.retention_ns = choices->settings.call_budget_ns_max * 8 + 120 * SECOND;
    if (from->faults != NULL) {
        choose_faults(choices, from->faults);
    }
    choices->calm = false;
}

/* -- names -- */

static void request_add(struct fork *fork, struct key key, struct handle function, uint64_t digest)
{
    struct world *world = fork->world;
    if (fork_map_get(&fork->map, FORK_REQUEST, key) != 0) {
        return;
    }
    uint32_t number = world->requests_count++;
    struct request *request = &world->requests[number];
    *request = (struct request){ .key = { number, key.lo | 1 }, .digest = digest };
    request->function =
        function.bits != 0 ? fork_function_of(fork, function) : (uint32_t)fork_draw(fork, world->choices.functions);
    fork_put(fork, FORK_REQUEST, key, number + 1);
}

static void sequence_add(struct fork *fork, uint64_t sequence)
{
    if (sequence != 0) {
        fork->sequences[fork->sequences_count++] = sequence;
    }
}

static int sequence_order(const void *left, const void *right)
{
    uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return one < other ? -1 : one > other;
}

/* Those in hand first: they say which function a request is of. */
static void requests_name(struct fork *fork)
{
    const struct core *core = fork->from->core;
    struct portrait_delivery delivery;
    struct portrait_call call;
    for (uint32_t row = 0; row < fork->portrait.limits.deliveries_max; row++) {
        if (portrait_delivery(core, row, &delivery)) {
            request_add(fork, delivery.request, delivery.function, delivery.digest);
            sequence_add(fork, delivery.sequence);
        }
    }
    for (uint32_t pass = 0; pass < 2; pass++) { /* the second time those that name no function */
        for (uint32_t row = 0; row < fork->portrait.limits.calls_max; row++) {
            if (portrait_call(core, row, &call) && (pass == 1 || call.function.bits != 0)) {
                request_add(fork, call.request, call.function, call.digest);
                sequence_add(fork, pass == 1 ? call.sequence : 0);
            }
        }
    }
    qsort(fork->sequences, fork->sequences_count, sizeof(*fork->sequences), sequence_order);
    uint32_t kept = 0;
    for (uint32_t at = 0; at < fork->sequences_count; at++) {
        if (kept == 0 || fork->sequences[at] != fork->sequences[kept - 1]) {
            fork->sequences[kept++] = fork->sequences[at];
        }
    }
    fork->sequences_count = kept;
}

static struct key name_request(void *owner, struct key key)
{
    const struct fork *fork = owner;
    bool known = fork_map_get(&fork->map, FORK_REQUEST, key) != 0; /* else it has ended long ago */
    return known ? fork->world->requests[fork_request_of(fork, key)].key : key;
}

static struct key name_function(void *owner, struct handle handle, struct key name)
{
    const struct fork *fork = owner;
    struct portrait_function function;
    uint32_t number = fork_function_of(fork, handle);
    (void)name;
    bool route = portrait_function(fork->from->core, handle_index(handle), &function) && function.owner.bits != 0;
    return route ? version_key(number, UINT32_MAX - function.place * 2 - function.alias) : version_key(number, 0);
}

static struct key name_version(void *owner, struct handle handle, struct key version)
{
    const struct fork *fork = owner;
    uint64_t number = fork_map_get(&fork->map, FORK_VERSION, fork_version_name(handle, version));
    return version_key(fork_function_of(fork, handle), (uint32_t)number);
}

static struct blob name_blob(void *owner, struct blob blob)
{
    const struct fork *fork = owner;
    return (struct blob){ (uint32_t)fork_map_get(&fork->map, FORK_BLOB, number_key(blob.slot)), blob.length };
}

static uint64_t name_caller(void *owner, uint64_t reference)
{
    const struct fork *fork = owner;
    return fork_map_get(&fork->map, FORK_CALLER, number_key(reference));
}

static uint64_t name_sequence(void *owner, uint64_t sequence)
{
    return fork_sequence_of(owner, sequence);
}

static void fork_make(struct fork *fork)
{
    struct world *world = fork->world;
    struct names names = { fork, name_request, name_function, name_version, name_blob, name_caller, name_sequence };
    fork_functions(fork);
    requests_name(fork);
    fork_node(fork);
    fork_calls(fork);
    fork_blobs(fork);
    if (!fork->short_of_memory) {
        core_rename(world->nodes[0].core, &names);
        fork_messages(fork);
        fork_processes(fork);
        fork_pending(fork);
        node_check(world, 0);
    }
}

bool fork_boot(struct world *world)
{
    struct fork fork = { .world = world, .from = world->options.fork };
    portrait_of(fork.from->core, &fork.portrait);
    fork.sequences = calloc(2 * (size_t)FORK_REQUESTS_MAX, sizeof(*fork.sequences));
    if (fork.sequences != NULL) {
        fork_make(&fork);
    }
    bool good = fork.sequences != NULL && !fork.short_of_memory;
    free(fork.sequences);
    free(fork.map.row);
    return good;
}
