/* How much of a function runs here at once. Where it adapts, the limit moves between the least and what is configured
 * by what executions show: a function that is overloaded takes longer, or says so, and to give it more only makes it
 * slower. (A gradient, as in Netflix's concurrency-limits and Envoy's adaptive concurrency, and a decrease by a part
 * for what it says. docs/adr/0018-concurrency-adapts-on-request.md)
 *
 * Executions are looked at in windows of at least WINDOW. The mean of their logarithms is compared with the baseline:
 * the same with little running at once. Above TOLERANCE times the baseline, twice in a row, the limit goes down in
 * proportion, at most to a half; below, and when the limit was reached, it goes up by its square root. What was
 * throttled, ran into its time-out or out of memory takes a quarter off at once, and from then on it goes up by one.
 * The baseline is measured in trials: for one window no more than the square root of the limit begins. A healthy
 * function is tried ever more rarely. Logarithms, since one execution in twenty that takes a thousand times as long
 * must not look like overload. */
#include "core/banned.h"
#include "core/machine.h"

enum {
    WINDOW = 16,      /* executions, at least */
    DROPPED_PART = 8, /* of a window's executions are as good as an answer */
    UNIT = 256,       /* of a logarithm to the base 2 */
    TOLERANCE = 150,  /* 1.5 times the baseline */
    PAUSE = 4,        /* windows before the first trial; twice as many before each further one */
    PAUSE_MAX = 4096,
    PAUSE_BELOW = 64, /* below the maximum a baseline is believed no longer than this */
    TRIAL_PART = 64,  /* of the time goes into trials, at most: what is under way may take long to end */
};

static bool adapts(const struct function *function)
{
    return function->policy.concurrency_min != 0;
}

static uint32_t concurrency_max(const struct core *core, const struct function *function)
{
    uint32_t most = (uint32_t)function->current.workers_max * function->current.concurrency;
    most = most < core->limits.slots ? most : core->limits.slots;
    return most > 0 ? most : 1;
}

static uint32_t concurrency_min(const struct core *core, const struct function *function)
{
    uint32_t most = concurrency_max(core, function);
    return function->policy.concurrency_min < most ? function->policy.concurrency_min : most;
}

static uint32_t square_root(uint32_t value)
{
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1) {
        uint32_t more = root | bit;
        root = (uint64_t)more * more <= value ? more : root;
    }
    return root;
}

/* To the base 2, by the position of the first bit and the eight bits after it. */
static uint32_t logarithm(uint64_t value)
{
    value |= 1;
    uint32_t first = 63u - (uint32_t)__builtin_clzll(value);
    uint64_t rest = first >= 8 ? value >> (first - 8) : value << (8 - first);
    return first * UNIT + (uint32_t)(rest & (UNIT - 1));
}

void concurrency_begin(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    function->adaptive = (struct adaptive){ .pause = PAUSE };
    function->adaptive.limit = adapts(function) ? concurrency_max(core, function) : 0;
}

uint32_t concurrency_limit(const struct core *core, const struct function *function)
{
    if (!adapts(function)) {
        return CONCURRENCY_UNBOUNDED;
    }
    uint32_t least = concurrency_min(core, function), most = concurrency_max(core, function);
    uint32_t limit = function->adaptive.limit < most ? function->adaptive.limit : most;
    limit = limit > least || MUTANT(LIMIT_SINKS) ? limit : least;
    ASSERT(limit >= least || MUTANT(LIMIT_SINKS));
    ASSERT(limit <= most);
    return limit;
}

/* What may run now: less while a trial goes on. */
static uint32_t concurrency_now(const struct core *core, const struct function *function)
{
    uint32_t limit = concurrency_limit(core, function);
    if (!adapts(function) || !function->adaptive.trial) {
        return limit;
    }
    uint32_t root = square_root(limit), least = concurrency_min(core, function);
    return root > least ? root : least;
}

/* -- who runs the next one ----------------------------------------------------------------------------------------- */

void concurrency_count(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    struct function *function = function_at(core, worker->function);
    uint32_t in_it = worker->running.count + worker->zombies;
    uint16_t occupied = (uint16_t)(in_it < worker->concurrency ? in_it : worker->concurrency);
    ASSERT(function->busy >= worker->occupied);
    function->busy += occupied - (uint32_t)worker->occupied;
    worker->occupied = occupied;
    struct adaptive *adaptive = &function->adaptive;
    adaptive->peak = function->busy > adaptive->peak ? function->busy : adaptive->peak;
}

void concurrency_leave(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(core, index);
    struct function *function = function_at(core, worker->function);
    ASSERT(function->busy >= worker->occupied);
    function->busy -= worker->occupied;
    worker->occupied = 0;
}

uint32_t concurrency_next_worker(struct core *core, const struct function *function)
{
    bool may = function->busy < concurrency_now(core, function) || MUTANT(LIMIT_IGNORED); /* S27 */
    uint32_t at = may ? function->ready.first : function->ready.last;
    if (may || at == NOWHERE) {
        return at;
    }
    const struct worker *worker = worker_at(core, at);
    return worker->running.count + worker->zombies >= worker->concurrency ? at : NOWHERE;
}

bool concurrency_wants_worker(const struct core *core, const struct function *function)
{
    uint32_t coming = function->starting * (uint32_t)function->current.concurrency;
    return function->workers < function->current.workers_max &&
           function->busy + coming < concurrency_limit(core, function);
}

/* -- what executions show ------------------------------------------------------------------------------------------ */

/* After less was allowed the first to end are those that take longest of what began before: they say nothing. */
static void window_begin(struct core *core, struct function *function, bool anew)
{
    struct adaptive *adaptive = &function->adaptive;
    adaptive->anew = anew;
    adaptive->settled = adaptive->dropped = 0;
    adaptive->logarithms = 0;
    adaptive->starved = false;
    adaptive->peak = function->busy;
    adaptive->since_ns = core->now_ns;
}

static void limit_set(struct core *core, struct function *function, uint32_t limit)
{
    uint32_t least = concurrency_min(core, function), most = concurrency_max(core, function);
    limit = limit < most ? limit : most;
    limit = limit > least || MUTANT(LIMIT_SINKS) ? limit : least;
    function->adaptive.limit = limit;
    function->adaptive.careful = function->adaptive.careful && limit < most;
}

/* `from`: what did run at once, if that is less than the limit. */
static uint32_t gradient(const struct adaptive *adaptive, uint32_t from, uint32_t level)
{
    uint32_t allowed = adaptive->baseline + TOLERANCE;
    uint32_t excess = level > allowed ? level - allowed : 0;
    excess = excess < UNIT ? excess : UNIT;
    return from * (2 * UNIT - excess) / (2 * UNIT); /* 2^-x is nearly 1 - x/2 from 0 to 1, and the same at both ends */
}

static void limit_follow(struct core *core, struct function *function, uint32_t level)
{
    struct adaptive *adaptive = &function->adaptive;
    uint32_t limit = concurrency_limit(core, function);
    bool reached = adaptive->peak >= limit;
    uint32_t from = adaptive->peak < limit ? adaptive->peak : limit, less = gradient(adaptive, from, level);
    uint32_t more = adaptive->careful ? 1 : square_root(less);
    bool slow = less < from && (reached || adaptive->starved), again = slow && adaptive->above;
    adaptive->above = slow; /* One slow window may be chance. */
    if (again) {
        limit_set(core, function, less + more < limit ? less + more : limit);
    } else if (reached && !slow) {
        limit_set(core, function, limit + (more > 0 ? more : 1));
    }
}

static bool trial_due(const struct core *core, const struct function *function)
{
    const struct adaptive *adaptive = &function->adaptive;
    bool below = adaptive->limit < concurrency_max(core, function);
    bool affordable = (core->now_ns - adaptive->tried_ns) / TRIAL_PART >= adaptive->trial_ns;
    return affordable && adaptive->age >= (below && adaptive->pause > PAUSE_BELOW ? PAUSE_BELOW : adaptive->pause);
}

static void window_end(struct core *core, struct function *function)
{
    struct adaptive *adaptive = &function->adaptive;
    uint32_t level = (uint32_t)(adaptive->logarithms / adaptive->settled);
    if (adaptive->trial) {
        adaptive->trial = false;
        adaptive->trial_ns = core->now_ns - adaptive->since_ns;
        adaptive->tried_ns = core->now_ns;
        adaptive->baseline = level;
        adaptive->age = 0;
        adaptive->pause = adaptive->pause < PAUSE_MAX ? adaptive->pause * 2 : PAUSE_MAX;
        window_begin(core, function, false);
        return;
    }
    uint32_t before = concurrency_limit(core, function);
    adaptive->baseline = adaptive->baseline == 0 || level < adaptive->baseline ? level : adaptive->baseline;
    adaptive->age += adaptive->peak >= before || adaptive->starved;
    limit_follow(core, function, level);
    adaptive->trial = trial_due(core, function);
    window_begin(core, function, adaptive->trial || concurrency_limit(core, function) < before);
}

/* What says no does so in its own time, and counts for nothing here. */
void concurrency_ran(struct core *core, uint32_t index, uint32_t delivery, bool succeeded)
{
    const struct worker *worker = worker_at(core, index);
    struct function *function = function_at(core, worker->function);
    struct adaptive *adaptive = &function->adaptive;
    uint64_t started_ns = delivery_at(core, delivery)->started_ns;
    bool too_early = adaptive->anew && started_ns < adaptive->since_ns;
    if (!succeeded || too_early || !adapts(function) || !worker_serves(worker, function)) {
        return;
    }
    adaptive->settled++;
    adaptive->logarithms += logarithm(core->now_ns - started_ns);
    bool nobody_comes = function->ready.count == 0 && function->starting == 0;
    adaptive->starved = adaptive->starved || (function->queue.count > 0 && nobody_comes);
    uint32_t enough = adaptive->trial ? WINDOW : concurrency_limit(core, function);
    if (adaptive->settled >= (enough > WINDOW ? enough : WINDOW)) {
        window_end(core, function);
    }
}

/* Two of a few, or of many one in eight. What began before the limit last went down was part of the same overload. */
void concurrency_dropped(struct core *core, uint32_t delivery, enum cause cause)
{
    const struct delivery *row = delivery_at(core, delivery);
    struct function *function = function_at(core, row->function);
    struct adaptive *adaptive = &function->adaptive;
    bool overload = cause == CAUSE_THROTTLED || cause == CAUSE_TIMEOUT || cause == CAUSE_OUT_OF_MEMORY;
    bool too_early = adaptive->anew && row->started_ns < adaptive->since_ns;
    if (!adapts(function) || !overload || too_early) {
        return;
    }
    adaptive->dropped++;
    if (adaptive->dropped < WINDOW / DROPPED_PART || adaptive->dropped * DROPPED_PART <= adaptive->settled) {
        return;
    }
    uint32_t limit = concurrency_limit(core, function);
    uint32_t from = adaptive->peak < limit ? adaptive->peak : limit;
    adaptive->careful = true;
    adaptive->trial = false;
    limit_set(core, function, from - from / 4 - (from < 4 && from > 1));
    window_begin(core, function, true);
}

bool core_concurrency(const struct core *read_only, struct handle handle, struct core_concurrency *ret_load)
{
    struct core *core = (struct core *)(uintptr_t)read_only;
    uint32_t index = pool_find(core, &core->functions, handle);
    if (index == NOWHERE) {
        return false;
    }
    const struct function *function = function_at(core, index);
    bool bounded = adapts(function) && function->serving;
    *ret_load = (struct core_concurrency){
        .running = function->busy,
        .limit = bounded ? concurrency_limit(core, function) : 0,
        .limit_min = bounded ? concurrency_min(core, function) : 0,
        .limit_max = function->serving ? concurrency_max(core, function) : 0,
        .limit_now = bounded ? concurrency_now(core, function) : 0,
    };
    return true;
}
