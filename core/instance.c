/* The instance is this process as others see it: Available, Busy (no free slot) or ShuttingDown. A drain stops the
 * pulls, hands back what has not started, lets the rest finish, and ends at the latest after its grace. */
#include "core/banned.h"
#include "core/machine.h"

enum { CHANGE_NS_MIN = 1000000000 }; /* Under load it would change with every message. */

static const uint32_t instance_next[INSTANCE_COUNT] = {
#define X(name, next) [INSTANCE_##name] = (next),
    INSTANCE_STATES(X)
#undef X
};

static void instance_become(struct core *core, enum instance_state next)
{
    if (core->instance == next) {
        return;
    }
    core->instance_ns = core->now_ns;
    ASSERT(next < INSTANCE_COUNT);
    ASSERT(instance_next[core->instance] & 1u << next);
    core->edges.next[MACHINE_INSTANCE][core->instance] |= 1u << next;
    core->instance = (uint8_t)next;
    emit(core, EFFECT_INSTANCE_STATE)->count = next;
}

void instance_update(struct core *core)
{
    bool settled = core->now_ns >= core->instance_ns + CHANGE_NS_MIN || core->instance_ns == 0;
    if (!core->draining && settled) {
        instance_become(core, core->in_hand >= core->limits.slots ? INSTANCE_BUSY : INSTANCE_AVAILABLE);
    }
}

void instance_drain(struct core *core, const struct input *input)
{
    if (core->draining) {
        return;
    }
    core->draining = true;
    uint64_t most = CORE_NEVER - core->now_ns; /* A grace without end is allowed. */
    core->drain_until_ns = core->now_ns + (input->as.drain.grace_ns < most ? input->as.drain.grace_ns : most);
    instance_become(core, INSTANCE_SHUTTING_DOWN);
    core->sweep_functions = 0;
    sweep_drain(core);
    calls_drain(core);
    for (uint32_t at = 0; at < core->functions.rows; at++) {
        if (function_at(core, at)->row.state != FUNCTION_FREE) {
            function_dirty(core, at);
        }
    }
    timer_set(core, timer_of_core(core), core->now_ns);
}

void instance_drained(struct core *core)
{
    bool empty = core->deliveries.live == 0 || MUTANT(DRAIN_CUTS_OFF);
    if (core->draining && !core->stopped && empty && core->calls.live == 0 && !MUTANT(DRAIN_ENDLESS)) {
        core->stopped = true;
        emit(core, EFFECT_STOPPED);
    }
}
