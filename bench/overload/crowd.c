/* The world around the core is as simple as can be: the broker has always more, answers at once, and hands out what
 * comes back after its delay like any other. Only executions take time. */
#include "bench/overload/crowd.h"

#include "core/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MAX = 4096,
    INPUTS_MAX = 4096,
    DURATIONS_MAX = 1 << 20,
    DRAW_RUN = DRAW_USER,
    TAIL = 20,
    TAIL_FACTOR = 100
};
#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

struct ending {
    uint64_t at_ns, began_ns;
    struct handle worker;
    uint16_t stream;
    bool used, turned_away;
};

struct crowd {
    struct crowd_options options;
    struct crowd_report *report;
    struct core *core;
    struct effects effects;
    struct ending endings[EVENTS_MAX];
    struct input inputs[INPUTS_MAX];
    uint32_t inputs_first, inputs_count, running, away; /* away: of those that run, turned away and not gone yet */
    uint64_t *durations, durations_count, now_ns, sequence, executions, limits, blobs;
    struct handle function;
};

/* An assertion of the core did not hold. */
_Noreturn void stead_panic(const char *file, int line, const char *condition);
_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "crowd: %s:%d: %s\n", file, line, condition);
    abort();
}

static void crowd_tell(struct crowd *crowd, struct input input)
{
    input.epoch = 1;
    if (crowd->inputs_count < INPUTS_MAX) {
        crowd->inputs[(crowd->inputs_first + crowd->inputs_count++) % INPUTS_MAX] = input;
    }
}

static void crowd_answer(struct crowd *crowd, const struct effect *effect, enum input_kind kind, enum outcome outcome)
{
    crowd_tell(crowd,
               (struct input){ .kind = (uint8_t)kind, .answers = effect->operation, .outcome = (uint8_t)outcome });
}

static struct key key_of(uint64_t number)
{
    return (struct key){ draw_mix(number) | 1, number };
}

static struct blob crowd_blob(struct crowd *crowd)
{
    return (struct blob){ 1 + (uint32_t)(crowd->blobs++ % 1000000), 100 };
}

static void crowd_deliver(struct crowd *crowd, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct input input = { .kind = INPUT_DELIVERY, .about = crowd->function, .blob = crowd_blob(crowd) };
        input.as.delivery.sequence = ++crowd->sequence;
        input.as.delivery.request = key_of(crowd->sequence << 8 | 3);
        input.as.delivery.delivered = 1;
        input.as.delivery.pending = 1000;
        crowd_tell(crowd, input);
    }
}

/* -- executions ---------------------------------------------------------------------------------------------------- */

static uint64_t crowd_duration_ns(const struct crowd *crowd)
{
    const struct crowd_options *options = &crowd->options;
    uint64_t random = draw(options->seed, crowd->executions, DRAW_RUN, 0);
    uint64_t took_ns = options->run_ns / 4 + draw_below(random, options->run_ns * 3 / 2), fits = options->fits;
    uint64_t beside = crowd->running > fits ? crowd->running : fits;
    switch (options->model) {
    case CROWD_TAILED:
        return draw_below(draw_mix(random), TAIL) == 0 ? took_ns * TAIL_FACTOR : took_ns;
    case CROWD_SHARED:
        return took_ns * beside / fits;
    case CROWD_THRASHING:
        return took_ns * beside * beside / (fits * fits);
    default:
        return took_ns;
    }
}

static void crowd_execute(struct crowd *crowd, const struct effect *effect)
{
    struct core_concurrency concurrency;
    uint32_t at = 0;
    while (at < EVENTS_MAX - 1 && crowd->endings[at].used) {
        at++;
    }
    crowd->running++;
    crowd->executions++;
    bool away = crowd->options.model == CROWD_THROTTLED && crowd->running - crowd->away > crowd->options.fits;
    crowd->away += away;
    uint64_t took_ns = away ? MS : crowd_duration_ns(crowd);
    crowd->endings[at] = (struct ending){
        crowd->now_ns + took_ns, crowd->now_ns, effect->about, effect->stream, true, away,
    };
    if (core_concurrency(crowd->core, crowd->function, &concurrency)) {
        uint32_t limit = concurrency.limit == 0 ? concurrency.limit_max : concurrency.limit;
        crowd->limits += limit;
        crowd->report->limit_max = limit > crowd->report->limit_max ? limit : crowd->report->limit_max;
    }
}

static void crowd_end(struct crowd *crowd, struct ending *ending)
{
    struct input input = { .kind = INPUT_WORKER_RESULT, .about = ending->worker, .blob = crowd_blob(crowd) };
    input.as.worker.stream = ending->stream;
    if (ending->turned_away) {
        input.kind = INPUT_WORKER_ERROR;
        input.as.worker.class = ERROR_THROTTLE;
        input.as.worker.after_ns = 10 * MS;
        crowd->away--;
        crowd->report->others++;
    } else {
        crowd->report->succeeded++;
        crowd->durations[crowd->durations_count % DURATIONS_MAX] = crowd->now_ns - ending->began_ns;
        crowd->durations_count++;
    }
    ending->used = false;
    crowd->running--;
    crowd_tell(crowd, input);
}

/* It obeys at once, and what it did is lost. */
static void crowd_cancel(struct crowd *crowd, const struct effect *effect)
{
    for (uint32_t at = 0; at < EVENTS_MAX; at++) {
        struct ending *ending = &crowd->endings[at];
        if (ending->used && ending->stream == effect->stream && handle_equal(ending->worker, effect->about)) {
            struct input input = { .kind = INPUT_WORKER_ERROR, .about = ending->worker, .blob = crowd_blob(crowd) };
            input.as.worker.stream = ending->stream;
            ending->used = false;
            crowd->running--;
            crowd->report->others++;
            crowd_tell(crowd, input);
        }
    }
}

/* -- effects ------------------------------------------------------------------------------------------------------- */

static void crowd_perform(struct crowd *crowd, const struct effect *effect)
{
    struct input ready = { .kind = INPUT_WORKER_READY, .about = effect->about };
    struct input ledger = { .kind = INPUT_LEDGER, .answers = effect->operation };
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_BUILD:
        crowd->function = effect->about;
        crowd_answer(crowd, effect, INPUT_BUILT, OUTCOME_DONE);
        return;
    case EFFECT_ENSURE_CONSUMER:
        crowd_answer(crowd, effect, INPUT_CONSUMER_READY, OUTCOME_DONE);
        return;
    case EFFECT_START_WORKER:
        ready.as.worker.concurrency = CROWD_CONCURRENCY;
        crowd_tell(crowd, ready);
        return;
    case EFFECT_STOP_WORKER:
    case EFFECT_KILL_WORKER:
        crowd_tell(crowd, (struct input){ .kind = INPUT_WORKER_EXITED, .about = effect->about });
        return;
    case EFFECT_PULL:
        crowd_deliver(crowd, effect->count);
        return;
    case EFFECT_EXECUTE:
        crowd_execute(crowd, effect);
        return;
    case EFFECT_CANCEL:
        crowd_cancel(crowd, effect);
        return;
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
        crowd_answer(crowd, effect, INPUT_PUBLISHED, OUTCOME_DONE);
        return;
    case EFFECT_LEDGER_PUT:
        ledger.as.ledger.revision = crowd->executions + 1;
        ledger.as.ledger.nonce = effect->amount;
        ledger.as.ledger.attempts = effect->count;
        crowd_tell(crowd, ledger);
        return;
    default:
        return; /* What is handed back comes again as another: there is no end of them. */
    }
}

static void crowd_step(struct crowd *crowd, struct input input)
{
    input.now_ns = crowd->now_ns;
    core_step(crowd->core, &input, &crowd->effects);
    for (uint32_t at = 0; at < crowd->effects.count; at++) {
        crowd_perform(crowd, &crowd->effects.list[at]);
    }
}

/* All that is to happen now. */
static void crowd_settle(struct crowd *crowd)
{
    while (crowd->inputs_count > 0 || core_next_deadline(crowd->core) <= crowd->now_ns) {
        struct input input = { .kind = INPUT_TICK };
        if (crowd->inputs_count > 0) {
            input = crowd->inputs[crowd->inputs_first];
            crowd->inputs_first = (crowd->inputs_first + 1) % INPUTS_MAX;
            crowd->inputs_count--;
        }
        crowd_step(crowd, input);
    }
}

static struct ending *crowd_next(struct crowd *crowd)
{
    struct ending *next = NULL;
    for (uint32_t at = 0; at < 2 * CROWD_WORKERS * CROWD_CONCURRENCY; at++) {
        struct ending *ending = &crowd->endings[at];
        next = ending->used && (next == NULL || ending->at_ns < next->at_ns) ? ending : next;
    }
    return next;
}

static void crowd_begin(struct crowd *crowd)
{
    struct input set = { .kind = INPUT_FUNCTION_SET }, policy = { .kind = INPUT_FUNCTION_POLICY };
    set.as.function.name = policy.as.policy.name = key_of(1);
    set.as.function.version = key_of(2);
    set.as.function.timeout_ns = crowd->options.timeout_ns;
    set.as.function.keep_alive_ns = 3600 * SECOND;
    set.as.function.retries_max = 3;
    set.as.function.concurrency = CROWD_CONCURRENCY;
    set.as.function.workers_max = CROWD_WORKERS;
    memset(policy.as.policy.retries, UINT8_MAX, sizeof policy.as.policy.retries);
    policy.as.policy.concurrency_min = crowd->options.adaptive;
    crowd_tell(crowd, (struct input){ .kind = INPUT_LINK_UP });
    crowd_tell(crowd, set);
    crowd_tell(crowd, policy);
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void crowd_tell_report(struct crowd *crowd)
{
    struct crowd_report *report = crowd->report;
    uint64_t count = crowd->durations_count < DURATIONS_MAX ? crowd->durations_count : DURATIONS_MAX;
    qsort(crowd->durations, count, sizeof *crowd->durations, by_size);
    report->p50_ns = count == 0 ? 0 : crowd->durations[count / 2];
    report->p99_ns = count == 0 ? 0 : crowd->durations[count * 99 / 100];
    report->limit_mean = crowd->executions == 0 ? 0 : (uint32_t)(crowd->limits * 100 / crowd->executions);
}

static void crowd_go(struct crowd *crowd)
{
    uint64_t until_ns = crowd->now_ns + crowd->options.for_ns;
    crowd_begin(crowd);
    crowd_settle(crowd);
    while (crowd->now_ns < until_ns) {
        struct ending *next = crowd_next(crowd);
        uint64_t due_ns = core_next_deadline(crowd->core);
        if (next != NULL && next->at_ns <= due_ns) {
            crowd->now_ns = next->at_ns;
            crowd_end(crowd, next);
        } else {
            crowd->now_ns = due_ns;
        }
        crowd_settle(crowd);
    }
    crowd_tell_report(crowd);
}

bool crowd_run(const struct crowd_options *options, struct crowd_report *ret_report)
{
    static const struct limits limits = {
        .calls_max = 1, .deliveries_max = 512, .functions_max = 1, .workers_max = 16, .slots = 256
    };
    const struct settings settings = { .ack_wait_ns = 30 * SECOND,
                                       .hold_ns_max = 5 * SECOND,
                                       .publish_timeout_ns = 2 * SECOND,
                                       .reply_poll_ns = 5 * SECOND,
                                       .pull_expires_ns = 30 * SECOND,
                                       .start_timeout_ns = 10 * SECOND,
                                       .stop_grace_ns = 2 * SECOND,
                                       .call_budget_ns_max = 3600 * SECOND,
                                       .silence_ns_max = 3600 * SECOND,
                                       .retry_ns_base = 100 * MS,
                                       .retry_ns_max = 10 * SECOND,
                                       .starts_max = 10 };
    struct crowd *crowd = calloc(1, sizeof *crowd);
    void *memory = aligned_alloc(16, (core_size(&limits) + 15) / 16 * 16);
    bool ok = crowd != NULL && memory != NULL;
    if (ok) {
        *ret_report = (struct crowd_report){ .succeeded = 0 };
        *crowd = (struct crowd){ .options = *options, .report = ret_report, .now_ns = SECOND };
        crowd->durations = malloc(DURATIONS_MAX * sizeof *crowd->durations);
        crowd->core = core_init(memory, &limits, &settings, options->seed);
        ok = crowd->durations != NULL && crowd->core != NULL;
    }
    if (ok) {
        crowd_go(crowd);
    }
    if (crowd != NULL) {
        free(crowd->durations);
    }
    free(memory);
    free(crowd);
    return ok;
}

#define X(name, text, what) text,
static const char *const texts[] = { CROWD_MODELS(X) };
#undef X
#define X(name, text, what) what,
static const char *const meanings[] = { CROWD_MODELS(X) };
#undef X

const char *crowd_model_text(enum crowd_model model)
{
    return (unsigned)model < CROWD_MODEL_COUNT ? texts[model] : "?";
}

const char *crowd_model_meaning(enum crowd_model model)
{
    return (unsigned)model < CROWD_MODEL_COUNT ? meanings[model] : "?";
}
