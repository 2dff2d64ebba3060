/* The link is the broker connection as the core sees it. Each connection is an epoch; facts of a passed one are
 * ignored. When a link comes up, everything that waits for the broker asks again, a few per step (the sweep). A link
 * that says nothing although pulls with heartbeats are out, or a question got no answer in its time, is cut.
 *
 * Whoever connects only does so when asked. The wait before it doubles with each failure, and half of it is drawn: the
 * instances that one broker lost must not come back to it all at once. A connection that holds for a while forgives the
 * failures before it; one that is lost at once does not. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum {
    CLOCK_JUMP_NS = 1000000000,
    CONNECT_NS_BASE = 100000000,
    CONNECT_NS_MAX = 2000000000,
    PROVISION_NS_BASE = 1000000000,
};

#define CLOCK_NS_MAX (INT64_MAX / 2) /* no clock is that far off; sums of two stay in range */

/* Wakes the link at `due_ns`, or when the grace of a drain is over. */
static void link_arm(struct core *core, uint64_t due_ns)
{
    bool draining = core->draining && !core->stopped && !MUTANT(DRAIN_ENDLESS);
    timer_set(core, timer_of_core(core), draining && core->drain_until_ns < due_ns ? core->drain_until_ns : due_ns);
}

/* Between half and all of the base, doubled with each failure in a row up to the longest wait. */
static uint64_t link_wait_ns(struct core *core, uint64_t wait_ns)
{
    for (uint32_t i = 0; i < core->connect_failures && wait_ns < CONNECT_NS_MAX; i++) {
        wait_ns *= 2;
    }
    wait_ns = wait_ns < CONNECT_NS_MAX ? wait_ns : CONNECT_NS_MAX;
    core->connect_failures += core->connect_failures < UINT32_MAX;
    return wait_ns / 2 + draw_below(draw(core->seed, core->connects++, DRAW_CONNECT, 0), wait_ns / 2);
}

static void link_connect(struct core *core)
{
    if (!MUTANT(CONNECTS_ONCE) || core->connects < 3) { /* L4 */
        uint64_t wait_ns = link_wait_ns(core, CONNECT_NS_BASE);
        emit(core, EFFECT_CONNECT)->amount = wait_ns;
    }
}

void link_unanswered(struct core *core)
{
    if (core->outstanding == 0 && !core->unanswered) {
        core->heard_ns = core->now_ns; /* It had nothing to say until now. */
    }
    core->unanswered = !MUTANT(SILENCE_ENDURED); /* L7 */
}

void link_refused(struct core *core)
{
    if (!core->link_up) {
        uint64_t wait_ns = link_wait_ns(core, PROVISION_NS_BASE);
        emit(core, EFFECT_PROVISION)->amount = wait_ns;
    }
}

static void link_lost(struct core *core)
{
    if (core->now_ns - core->up_ns >= CONNECT_NS_MAX) {
        core->connect_failures = 0;
    }
    core->link_up = false;
    core->clock_known = false;
    sweep_link_down(core);
    for (uint32_t at = 0; at < core->functions.rows; at++) {
        if (function_at(core, at)->row.state != FUNCTION_FREE) {
            function_link_down(core, at);
            function_dirty(core, at);
        }
    }
}

void link_up(struct core *core, const struct input *input)
{
    if (core->link_up) {
        link_lost(core);
    }
    core->link_up = true;
    core->up_ns = core->now_ns;
    core->epoch = input->epoch;
    core->heard_ns = core->now_ns;
    core->unanswered = false;
    hearing_link_up(core);
    core->sweep_calls = 0;
    core->sweep_deliveries = 0;
    core->sweep_functions = 0;
    sweep_arm(core);
    walk_begin(core);
    link_arm(core, core->now_ns + core->settings.silence_ns_max);
}

void link_down(struct core *core, const struct input *input)
{
    if (core->link_up && input->epoch != core->epoch) {
        return;
    }
    if (core->link_up) {
        link_lost(core);
    }
    link_connect(core);
}

/* After a step of the offset the age of a message counts from its arrival until the next sample agrees. */
void link_clock(struct core *core, const struct input *input)
{
    int64_t least = input->as.clock.offset_ns_min, most = input->as.clock.offset_ns_max;
    bool possible = (least >= -CLOCK_NS_MAX && most <= CLOCK_NS_MAX) || MUTANT(CLOCK_BELIEVED); /* S19 */
    if (input->epoch != core->epoch || least > most || !possible) {
        return;
    }
    bool jumped =
        core->clock_known && (least > core->clock_ns_max + CLOCK_JUMP_NS || most < core->clock_ns_min - CLOCK_JUMP_NS);
    core->clock_known = !jumped;
    core->clock_ns_min = least;
    core->clock_ns_max = most;
}

uint64_t link_age_ns(const struct core *core, int64_t stored_ns)
{
    if (!core->clock_known || stored_ns <= 0) {
        return 0;
    }
    uint64_t broker_ns = (uint64_t)core->clock_ns_min + core->now_ns; /* Wraps; the difference below is what counts. */
    int64_t age_ns = (int64_t)(broker_ns - (uint64_t)stored_ns);
    return age_ns > 0 ? (uint64_t)age_ns : 0;
}

void link_timer(struct core *core)
{
    if (core->draining && !core->stopped && core->drain_until_ns <= core->now_ns && !MUTANT(DRAIN_ENDLESS)) {
        core->stopped = true;
        emit(core, EFFECT_STOPPED);
    }
    bool asked = core->outstanding > 0 || core->unanswered;
    if (core->link_up && asked && core->now_ns - core->heard_ns > core->settings.silence_ns_max) {
        core->heard_ns = core->now_ns;
        emit(core, EFFECT_DISCONNECT);
    }
    instance_update(core);
    link_arm(core, core->link_up ? core->now_ns + core->settings.silence_ns_max / 2 : CORE_NEVER);
}

bool link_sweeping(const struct core *core)
{
    return core->link_up &&
           (core->sweep_calls != NOWHERE || core->sweep_deliveries != NOWHERE || core->sweep_functions != NOWHERE);
}

/* It was refused, and that is not stored for certain: by now its function may be there, deployed again, or back since
 * the broker lost its power. The message comes again. */
static bool refused_before(const struct delivery *delivery)
{
    bool stored = delivery->row.state != DELIVERY_CHECKING && delivery->row.state != DELIVERY_READING &&
                  delivery->row.state != DELIVERY_STORING;
    return delivery->refusal != REASON_NONE && !stored;
}

/* A delivery that waits for the broker asks again; an outcome that was lost with the link is unknown. */
static void sweep_delivery(struct core *core, uint32_t index)
{
    struct delivery *delivery = delivery_at(core, index);
    if (delivery->row.state != DELIVERY_FREE && (delivery->walked || refused_before(delivery))) {
        delivery_free(core, index);
        return;
    }
    if (delivery->row.state == DELIVERY_BURYING && MUTANT(LETTER_FORGOTTEN)) {
        return; /* L7 */
    }
    if (delivery->row.state == DELIVERY_RUNNING && MUTANT(RUNS_FORGOTTEN)) {
        worker_abandon(core, delivery->worker, index);
        delivery_free(core, index); /* S1, if somebody else took it from the queue */
        return;
    }
    switch (delivery->row.state) {
    case DELIVERY_FREE:
        return;
    case DELIVERY_QUEUED:
    case DELIVERY_RUNNING:
        delivery_arm(core, index);
        return;
    default:
        delivery_ask_again(core, index);
    }
}

void link_sweep(struct core *core)
{
    while (core->sweep_functions < core->functions.rows) {
        uint32_t at = core->sweep_functions++;
        if (function_at(core, at)->row.state != FUNCTION_FREE) {
            function_dirty(core, at);
        }
    }
    core->sweep_functions = NOWHERE;
    while (core->sweep_deliveries < core->deliveries.rows && emit_room(core)) {
        sweep_delivery(core, core->sweep_deliveries++);
    }
    while (core->sweep_calls < core->calls.rows && emit_room(core)) {
        call_link_up(core, core->sweep_calls++);
    }
    if (core->sweep_deliveries >= core->deliveries.rows) {
        core->sweep_deliveries = NOWHERE;
    }
    if (core->sweep_calls >= core->calls.rows) {
        core->sweep_calls = NOWHERE;
    }
}
