/* The core's front: takes an input to the machine that it concerns, then lets due timers, the sweep
 * and dirty functions run as long as the list of effects has room. What is left over makes core_next_deadline() `now`.
 *
 * Nothing here knows a policy; each machine's file says how it decides. */
#include "core/banned.h"
#include "core/machine.h"

enum { OVERSLEPT_NS = 100000000, HEED_NS = 100000000, HEEDS_MAX = 8 };

/* A completion goes to the row that its operation names; a stranger's changes nothing. */
static void step_completion(struct core *core, const struct input *input, struct blob *blob)
{
    struct handle owner = operation_owner(input->answers);
    uint32_t call = pool_find(core, &core->calls, owner);
    uint32_t delivery = pool_find(core, &core->deliveries, owner);
    uint32_t function = pool_find(core, &core->functions, owner);
    switch (input->kind) {
    case INPUT_PUBLISHED:
        if (call != NOWHERE) {
            call_published(core, call, input);
        } else if (delivery != NOWHERE) {
            delivery_published(core, delivery, input);
        }
        break;
    case INPUT_RESULT:
        if (call != NOWHERE) {
            call_fetched(core, call, input, blob);
        } else if (delivery != NOWHERE && delivery_at(core, delivery)->row.state == DELIVERY_RUNNING) {
            delivery_cancel_fetched(core, delivery, input);
        } else if (delivery != NOWHERE) {
            delivery_fetched(core, delivery, input, blob);
        }
        break;
    case INPUT_LEDGER:
        if (delivery != NOWHERE) {
            delivery_ledger(core, delivery, input);
        }
        break;
    case INPUT_PULL_ENDED:
        if (function != NOWHERE) {
            function_pull_ended(core, function, input);
        }
        break;
    case INPUT_BUILT:
        if (function != NOWHERE) {
            function_built(core, function, input);
        }
        break;
    case INPUT_FOUND:
        if (call != NOWHERE) {
            cancel_found(core, call, input);
        }
        break;
    case INPUT_LEASE:
        sweep_leased(core, input);
        break;
    case INPUT_WALKED:
        walk_told(core, input, blob);
        break;
    case INPUT_REMOVED:
        if (call != NOWHERE) {
            cancel_removed(core, call, input);
        }
        break;
    default:
        ASSERT(input->kind == INPUT_CONSUMER_READY);
        if (function != NOWHERE) {
            function_consumer_ready(core, function, input);
        }
    }
}

static void step_worker(struct core *core, const struct input *input, struct blob *blob)
{
    uint32_t worker = pool_find(core, &core->workers, input->about);
    if (worker != NOWHERE) {
        worker_input(core, worker, input, blob);
    }
}

static void step_cancelled(struct core *core, const struct input *input)
{
    uint32_t call = pool_find(core, &core->calls, input->about);
    if (call != NOWHERE) {
        call_cancelled(core, call);
    }
}

/* Fields are equal in size and in the order of the table. */
static void step_setting(struct core *core, const struct input *input)
{
    _Static_assert(sizeof(struct settings) == SETTING_COUNT * sizeof(uint64_t), "a setting is one word");
    ASSERT(input->as.setting.which < SETTING_COUNT);
    uint64_t *words = (uint64_t *)&core->settings;
    words[input->as.setting.which] = input->as.setting.value;
}

static void step_function(struct core *core, const struct input *input)
{
    if (input->kind == INPUT_FUNCTION_REMOVED) {
        function_removed(core, input);
    } else if (input->kind == INPUT_FUNCTION_POLICY) {
        function_policy(core, input);
    } else {
        quarantine_release(core, input);
    }
}

static void step_link(struct core *core, const struct input *input)
{
    if (input->kind == INPUT_LINK_UP) {
        link_up(core, input);
    } else if (input->kind == INPUT_LINK_DOWN) {
        link_down(core, input);
    } else {
        link_refused(core);
    }
}

/* How full the broker is. */
static void step_seen(struct core *core, const struct input *input)
{
    if (input->kind == INPUT_STREAM) {
        room_seen(core, input);
    } else {
        sweep_queue(core, input);
    }
}

/* Calls and deliveries take their blob over; every other input's is dropped here unless a machine kept it. */
static void step_input(struct core *core, const struct input *input)
{
    struct blob blob = input->blob;
    switch (input->kind) {
    case INPUT_TICK:
    case INPUT_HEARD:
        break;
    case INPUT_LINK_UP:
    case INPUT_LINK_DOWN:
    case INPUT_LINK_REFUSED:
        step_link(core, input);
        break;
    case INPUT_CLOCK:
        link_clock(core, input);
        break;
    case INPUT_CALL:
        call_submitted(core, input);
        return;
    case INPUT_CALL_CANCELLED:
        step_cancelled(core, input);
        break;
    case INPUT_DELIVERY:
        delivery_arrived(core, input);
        return;
    case INPUT_ANSWER:
        if (input->epoch == core->epoch && index_next_call(core, input->as.result.request, NOWHERE) != NOWHERE) {
            hearing_came(core, HEARD_ANSWER);
        }
        calls_answer(core, input->as.result.request, input, blob);
        break;
    case INPUT_CHANGE:
        hearing_change(core, input);
        break;
    case INPUT_FUNCTION_SET:
        function_set(core, input);
        break;
    case INPUT_FUNCTION_REMOVED:
    case INPUT_FUNCTION_POLICY:
    case INPUT_RELEASE:
        step_function(core, input);
        break;
    case INPUT_WORKER_READY:
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
    case INPUT_WORKER_BROKEN:
    case INPUT_WORKER_EXITED:
        step_worker(core, input, &blob);
        break;
    case INPUT_SETTING:
        step_setting(core, input);
        break;
    case INPUT_CANCEL_HEARD:
        cancel_heard(core, input);
        break;
    case INPUT_DRAIN:
        instance_drain(core, input);
        break;
    case INPUT_STREAM:
    case INPUT_QUEUE:
    case INPUT_STRAY:
        step_seen(core, input);
        break;
    default:
        step_completion(core, input, &blob);
    }
    blob_release(core, &blob);
}

static void step_timers(struct core *core)
{
    uint32_t timer, index;
    while (emit_room(core) && timers_due(core, &timer)) {
        switch (timer_owner(core, timer, &index)) {
        case TABLE_CALL:
            call_timer(core, index);
            break;
        case TABLE_DELIVERY:
            delivery_timer(core, index);
            break;
        case TABLE_WORKER:
            worker_timer(core, index);
            break;
        case TABLE_FUNCTION:
            function_dirty(core, index);
            break;
        default:
            if (index == 0) {
                link_timer(core);
            } else if (index == 1) {
                sweep_timer(core);
            } else {
                walk_timer(core);
            }
        }
    }
}

static void step_dirty(struct core *core)
{
    uint32_t last = core->dirty_last;
    while (core->dirty_first != NOWHERE && emit_room(core)) {
        uint32_t index = core->dirty_first;
        struct function *function = function_at(core, index);
        core->dirty_first = function->dirty_next;
        if (core->dirty_first == NOWHERE) {
            core->dirty_last = NOWHERE;
        }
        function->dirty = false;
        function_pump(core, index);
        if (index == last) {
            break; /* Once each: a function that needs more goes on at the next step. */
        }
    }
}

/* It was not stepped when it had asked for it: the process was stopped, or the machine slept or was overloaded. What
 * others did meanwhile in good time (a result, a READY) waits to be heard, one input after the other: timers run a
 * moment later. If that comes too late each time, it is not a sleep. */
static void heed(struct core *core, uint64_t before_ns)
{
    uint64_t timer_ns = timers_next(core), due_ns = timer_ns < core->heed_ns ? core->heed_ns : timer_ns;
    bool late = due_ns < core->now_ns && core->now_ns - due_ns > OVERSLEPT_NS;
    bool overslept = late && core->now_ns - before_ns > OVERSLEPT_NS && !MUTANT(HEEDS_NOTHING);
    if (overslept && core->heeds < HEEDS_MAX) {
        core->heeds++;
        core->heed_ns = core->now_ns + HEED_NS;
    } else if (core->now_ns >= core->heed_ns) {
        core->heeds = 0;
        core->heed_ns = 0;
    }
}

static bool heard_from_broker(const struct core *core, const struct input *input)
{
    bool broker = input->kind == INPUT_HEARD || input->kind == INPUT_DELIVERY || input->kind == INPUT_PULL_ENDED ||
                  input->kind == INPUT_PUBLISHED || input->kind == INPUT_RESULT || input->kind == INPUT_ANSWER ||
                  input->kind == INPUT_REMOVED || input->kind == INPUT_CANCEL_HEARD || input->kind == INPUT_LEASE ||
                  input->kind == INPUT_LEDGER;
    return broker && input->epoch == core->epoch && input->outcome != OUTCOME_UNKNOWN;
}

void core_step(struct core *core, const struct input *input, struct effects *effects)
{
    ASSERT(input->kind < INPUT_COUNT);
    effects->count = 0;
    core->out = effects;
    uint64_t before_ns = core->now_ns;
    core->now_ns = input->now_ns > core->now_ns ? input->now_ns : core->now_ns;
    heed(core, before_ns);
#ifdef STEAD_MUTANTS
    core->wall_ns = input->wall_ns;
#endif
    core->steps++;
    core->inputs[input->kind]++;
    core->blobs += input->blob.slot != 0;
    if (heard_from_broker(core, input)) {
        core->heard_ns = core->now_ns;
        core->unanswered = false;
    }
    step_input(core, input);
    if (core->heed_ns == 0) {
        step_timers(core);
    }
    if (link_sweeping(core)) {
        link_sweep(core);
    }
    step_dirty(core);
    if (emit_room(core)) {
        instance_drained(core);
    }
    core->out = 0;
}

uint64_t core_next_deadline(const struct core *core)
{
    if (core->dirty_first != NOWHERE || link_sweeping(core)) {
        return core->now_ns;
    }
    uint64_t due_ns = timers_next(core);
    return due_ns < core->heed_ns ? core->heed_ns : due_ns;
}

uint32_t core_blobs_held(const struct core *core)
{
    return core->blobs;
}

#ifdef STEAD_MUTANTS
void core_set_mutant(struct core *core, uint32_t id)
{
    core->mutant = id;
}
#endif
