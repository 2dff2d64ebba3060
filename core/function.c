/* A function is what is deployed under one name. A new version is built and one worker of it is started (the probe)
 * while the version before goes on serving; only when the probe has shaken hands does the new one take over, and
 * workers of the old one end with what they run. A version that does not build or does not start changes nothing. */
#include "core/banned.h"
#include "core/machine.h"

enum {
    CANDIDATE_RETRY_NS = 1000000000,
    CANDIDATE_DOUBLINGS = 5,
    BUILD_DOUBLINGS = 8,
    START_PAUSE_NS = 100000000,
    START_PAUSE_DOUBLINGS = 6,
    START_FAILURES_CHARGED = 3
};

static const uint32_t function_next[FUNCTION_COUNT] = {
#define X(name, next) [FUNCTION_##name] = (next),
    FUNCTION_STATES(X)
#undef X
};

static void function_become(struct core *core, uint32_t index, enum function_state next)
{
    struct function *function = function_at(core, index);
    ASSERT(next < FUNCTION_COUNT);
    ASSERT(function_next[function->row.state] & 1u << next);
    core->edges.next[MACHINE_FUNCTION][function->row.state] |= 1u << next;
    function->row.state = (uint8_t)next;
}

bool function_takes(const struct function *function)
{
    bool here = function->row.state != FUNCTION_ELSEWHERE && function->row.state != FUNCTION_RETIRING;
    return (function->serving && !function->paused) || (function->closing == CLOSING_END && here);
}

static void function_announce(struct core *core, uint32_t index, enum reason reason)
{
    const struct function *function = function_at(core, index);
    struct effect *state = emit(core, EFFECT_FUNCTION_STATE);
    state->about = pool_handle(core, &core->functions, index);
    bool of_current = function->row.state == FUNCTION_READY ||
                      (function->row.state == FUNCTION_RETIRING && !key_is_none(function->current.key));
    state->key = of_current ? function->current.key : function->candidate.key;
    state->code = (uint16_t)reason;
    state->count = function->row.state;
}

/* Workers of a version that is not to serve are stopped by the pump. */
static void function_replace(struct core *core, uint32_t index)
{
    function_at(core, index)->stale_workers = true;
    function_dirty(core, index);
}

static void function_build(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    function_become(core, index, FUNCTION_BUILDING);
    function->attend_ns = CORE_NEVER;
    function->probe_wanted = false;
    function->announced = false;
    function->build_operation = operation_new(core, pool_handle(core, &core->functions, index));
    struct effect *build = emit(core, EFFECT_BUILD);
    build->operation = function->build_operation;
    build->about = pool_handle(core, &core->functions, index);
    build->key = function->candidate.key;
    function_replace(core, index);
}

/* What failed for a reason that may pass is tried again, ever more slowly. Code that does not build here is such: where
 * it was deployed it did (docs/adr/0003-deploy-builds-before-it-stores.md), so there may have been no descriptors, no
 * room, no network. Building costs more than looking, so it is tried more rarely in the end. */
static void function_fail(struct core *core, uint32_t index, enum reason reason)
{
    struct function *function = function_at(core, index);
    function_become(core, index, FUNCTION_FAILED);
    function_announce(core, index, reason);
    function->probe_wanted = false;
    function->attend_ns = CORE_NEVER;
    bool build = reason == REASON_BUILD_FAILED && !MUTANT(BUILD_FORGOTTEN); /* L8 */
    if (build || reason == REASON_PLUGIN_NOT_STARTED || reason == REASON_RUNTIME_UNAVAILABLE) {
        uint32_t most = build ? BUILD_DOUBLINGS : CANDIDATE_DOUBLINGS;
        uint32_t doublings = function->tries < most ? function->tries : most;
        function->attend_ns = core->now_ns + ((uint64_t)CANDIDATE_RETRY_NS << doublings);
        function->tries = (uint8_t)(function->tries + (function->tries < BUILD_DOUBLINGS));
    }
    function_dirty(core, index);
}

/* A probe is one process beside those of the version that serves; processes that are left over from before a removal
 * must end first. */
static bool function_may_probe(const struct function *function)
{
    uint32_t most = function->candidate.workers_max;
    if (function->serving && function->current.workers_max > most) {
        most = function->current.workers_max;
    }
    return function->workers <= most;
}

static void function_probe(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    bool may = function_may_probe(function);
    function->probe_wanted = !may || !worker_start(core, index, function->candidate.key, true);
    function->attend_ns = CORE_NEVER;
    if (function->probe_wanted && may) {
        place_wanted(core, index);
    }
    if (function->probe_wanted) {
        function->attend_ns = core->now_ns + START_PAUSE_NS;
    }
}

void function_attend(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->attend_ns > core->now_ns || core->draining) {
        return;
    }
    function->attend_ns = CORE_NEVER;
    if (function->row.state == FUNCTION_FAILED) {
        function_build(core, index);
    } else if (function->row.state == FUNCTION_PROBING && function->probe_wanted) {
        if (function->probe_until_ns <= core->now_ns) {
            function_fail(core, index, REASON_RUNTIME_UNAVAILABLE);
        } else {
            function_probe(core, index);
        }
    }
}

/* A route of a function that is not there, or is about to go, can't be. */
static bool function_owner(struct core *core, const struct input *input, uint32_t *ret_owner)
{
    *ret_owner = NOWHERE;
    if (key_is_none(input->as.function.of)) {
        return true;
    }
    *ret_owner = index_find_function(core, input->as.function.of);
    return *ret_owner != NOWHERE && function_at(core, *ret_owner)->owner == NOWHERE &&
           function_at(core, *ret_owner)->row.state != FUNCTION_RETIRING;
}

static uint32_t function_row(struct core *core, struct key name)
{
    uint32_t index = pool_take(core, &core->functions);
    if (index == NOWHERE) {
        return NOWHERE;
    }
    struct function *function = function_at(core, index);
    *function = (struct function){ .row = function->row, .name = name, .takers = TAKERS_UNKNOWN };
    function->queue = LIST_EMPTY;
    function->ready = LIST_EMPTY;
    function->dirty_next = function->owner = NOWHERE;
    function->route_first = function->route_next = NOWHERE;
    function->attend_ns = CORE_NEVER;
    __builtin_memset(function->policy.retries, UINT8_MAX, sizeof function->policy.retries);
    index_add_function(core, index);
    return index;
}

uint32_t function_stray(struct core *core, struct key name)
{
    uint32_t index = function_row(core, name);
    if (index != NOWHERE) {
        function_at(core, index)->stray = true;
        function_become(core, index, FUNCTION_ELSEWHERE);
        function_announce(core, index, REASON_FUNCTION_NOT_FOUND);
    }
    return index;
}

static uint32_t function_new(struct core *core, const struct input *input)
{
    uint32_t owner;
    uint32_t index = function_owner(core, input, &owner) ? function_row(core, input->as.function.name) : NOWHERE;
    if (index == NOWHERE) {
        return NOWHERE;
    }
    function_at(core, index)->alias = input->as.function.alias;
    function_at(core, index)->place = input->as.function.place;
    if (owner != NOWHERE) {
        route_attach(core, index, owner);
    }
    return index;
}

static void function_leave(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    function_become(core, index, FUNCTION_RETIRING);
    function->serving = false;
    function->build_operation = 0;
    function->attend_ns = CORE_NEVER;
    function_replace(core, index);
}

void function_retire(struct core *core, uint32_t index)
{
    function_leave(core, index);
    function_announce(core, index, REASON_NONE);
}

/* Its name was given to another language, which is served here and the one before was not, or the other way round, or
 * there was only mail for it: as if it had been removed in between. Nobody is told, since whoever waits for the version
 * would take it for somebody else's removal. */
static void function_move(struct core *core, uint32_t index, bool elsewhere)
{
    const struct function *function = function_at(core, index);
    bool known = function->row.state != FUNCTION_FREE && function->row.state != FUNCTION_RETIRING;
    if (known && elsewhere != (function->row.state == FUNCTION_ELSEWHERE)) {
        function_leave(core, index);
    }
}

/* Calls pass through to the instances that serve the language. */
static void function_pass(struct core *core, uint32_t index)
{
    if (function_at(core, index)->row.state != FUNCTION_ELSEWHERE) {
        function_become(core, index, FUNCTION_ELSEWHERE);
    }
    function_announce(core, index, REASON_NONE);
}

static void function_share(struct core *core, uint32_t index, const struct input *input)
{
    struct function *function = function_at(core, index);
    function->weight = input->as.function.weight;
    function->closing = input->as.function.closing;
    function->pending_max = input->as.function.pending_max;
    function->paused = input->as.function.paused;
    function->stray = false;
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        function_dirty(core, at);
    }
    function_dirty(core, index);
}

static struct version version_of(const struct input *input)
{
    return (struct version){
        .key = input->as.function.version,
        .timeout_ns = input->as.function.timeout_ns,
        .keep_alive_ns = input->as.function.keep_alive_ns,
        .retries_max = input->as.function.retries_max,
        .concurrency = input->as.function.concurrency == 0 ? 1 : input->as.function.concurrency,
        .workers_max = input->as.function.workers_max == 0 ? 1 : input->as.function.workers_max,
    };
}

void function_set(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.function.name);
    index = index == NOWHERE ? function_new(core, input) : index;
    if (index == NOWHERE) {
        struct effect *state = emit(core, EFFECT_FUNCTION_STATE);
        state->key = input->as.function.version;
        state->code = REASON_QUEUE_FULL;
        state->count = FUNCTION_FAILED;
        return;
    }
    struct function *function = function_at(core, index);
    function_share(core, index, input);
    bool elsewhere = input->as.function.elsewhere && !MUTANT(ELSEWHERE_SERVED);
    function_move(core, index, elsewhere);
    bool serves = function->serving && key_equal(function->current.key, input->as.function.version);
    bool trying = key_equal(function->candidate.key, input->as.function.version) &&
                  (function->row.state == FUNCTION_BUILDING || function->row.state == FUNCTION_PROBING);
    if (trying) {
        return;
    }
    function->candidate = version_of(input);
    function->tries = 0;
    if (elsewhere) {
        function_pass(core, index);
        return;
    }
    if (!serves) {
        function_build(core, index);
        return;
    }
    function->build_operation = 0;
    function->attend_ns = CORE_NEVER;
    if (function->row.state != FUNCTION_READY) {
        function_become(core, index, FUNCTION_READY);
    }
    function_announce(core, index, REASON_NONE);
    function_replace(core, index);
}

void function_built(struct core *core, uint32_t index, const struct input *input)
{
    struct function *function = function_at(core, index);
    if (function->row.state != FUNCTION_BUILDING || function->build_operation != input->answers) {
        return;
    }
    if (input->outcome != OUTCOME_DONE) {
        function_fail(core, index, input->code == REASON_NONE ? REASON_BUILD_FAILED : (enum reason)input->code);
        return;
    }
    function_become(core, index, FUNCTION_PROBING);
    function->probe_until_ns = core->now_ns + core->settings.start_timeout_ns;
    function_probe(core, index);
    function_dirty(core, index);
}

void function_probed(struct core *core, uint32_t index, bool ready, enum reason reason)
{
    struct function *function = function_at(core, index);
    if (function->row.state != FUNCTION_PROBING) {
        return;
    }
    if (!ready) {
        function_fail(core, index, reason);
        return;
    }
    function->tries = 0;
    if (!key_equal(function->current.key, function->candidate.key)) {
        quarantine_clear(core, index);
    }
    function->current = function->candidate;
    function->serving = true;
    function->execute_ns = 0;
    concurrency_begin(core, index);
    function->start_after_ns = 0;
    function_become(core, index, FUNCTION_READY);
    if (function->consumer_ready || function->owner != NOWHERE) {
        function->announced = true;
        function_announce(core, index, REASON_NONE);
    }
    function_replace(core, index);
}

/* A process that did not come up: wait before the next, and after several let the oldest message pay for it, so that it
 * does not wait for ever. */
void function_start_failed(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    uint32_t doublings =
        function->start_failures < START_PAUSE_DOUBLINGS ? function->start_failures : START_PAUSE_DOUBLINGS;
    function->start_after_ns = core->now_ns + ((uint64_t)START_PAUSE_NS << doublings);
    bool none_left = function->workers == 1;
    if (none_left && function->start_failures >= START_FAILURES_CHARGED && function->queue.count > 0) {
        struct blob none = { 0 };
        delivery_failed(core, function->queue.first, CAUSE_NOT_STARTED, 0, &none);
    }
    function_dirty(core, index);
}

void function_removed(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.function.name);
    if (index != NOWHERE && function_at(core, index)->row.state != FUNCTION_RETIRING) {
        function_retire(core, index);
    }
}

/* Its consumer is there. */
void function_came_up(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->row.state == FUNCTION_READY && !function->announced) {
        function->announced = true;
        function_announce(core, index, REASON_NONE);
    }
}

void function_link_down(struct core *core, uint32_t index)
{
    consumer_link_down(function_at(core, index));
    sweep_unmark(core, index);
    function_outstanding(core, index, 0);
}

void function_free(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    ASSERT(function->queue.count == 0);
    ASSERT(function->workers == 0);
    ASSERT(function->route_first == NOWHERE);
    function_outstanding(core, index, 0);
    core->active -= (uint32_t)function->active;
    if (function->owner != NOWHERE) {
        route_detach(core, index);
    }
    timer_clear(core, timer_of_function(core, index));
    index_remove_function(core, index);
    emit(core, EFFECT_FORGET)->about = pool_handle(core, &core->functions, index);
    pool_give(core, &core->functions, index);
}
