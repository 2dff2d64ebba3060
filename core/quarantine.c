/* A function that kills its process again and again is put into quarantine: for a while no process of it is started
 * and what is queued becomes dead letters, so that others have the machine to themselves. Only crashes in a row count,
 * and only if they were of more than one request: one poisonous request among good ones is the request's fault, and
 * dies of its own budget. After its time a function is let go on probation: the next crash brings it back for twice as
 * long, the first answer of any of its processes clears it. A new version, or somebody's word, clears it at once.
 *
 * Each instance decides for itself by what it sees. */
#include "core/banned.h"
#include "core/machine.h"

enum { DOUBLINGS_MAX = 32 };

bool quarantine_holds(const struct function *function)
{
    return function->crashes.until_ns != 0;
}

static struct effect *quarantine_tell(struct core *core, uint32_t index, bool begins)
{
    const struct function *function = function_at(core, index);
    struct effect *effect = emit(core, EFFECT_QUARANTINE);
    effect->about = pool_handle(core, &core->functions, index);
    effect->key = function->current.key;
    effect->count = begins;
    effect->cause = function->crashes.cause;
    function_dirty(core, index);
    return effect;
}

static void quarantine_begin(struct core *core, uint32_t index)
{
    struct crashes *crashes = &function_at(core, index)->crashes;
    uint64_t lasts_ns = core->settings.quarantine_ns_base, most_ns = core->settings.quarantine_ns_max;
    for (uint32_t i = 0; i < crashes->quarantines && lasts_ns < most_ns; i++) {
        lasts_ns = lasts_ns > UINT64_MAX / 2 ? UINT64_MAX : lasts_ns * 2;
    }
    lasts_ns = lasts_ns < most_ns ? lasts_ns : most_ns;
    lasts_ns = lasts_ns < CORE_NEVER - core->now_ns ? lasts_ns : CORE_NEVER - core->now_ns;
    crashes->until_ns = core->now_ns + lasts_ns;
    crashes->quarantines = (uint8_t)(crashes->quarantines + (crashes->quarantines < DOUBLINGS_MAX));
    quarantine_tell(core, index, true)->amount = lasts_ns;
}

void quarantine_crashed(struct core *core, uint32_t index, struct key request, enum cause cause)
{
    struct crashes *crashes = &function_at(core, index)->crashes;
    uint64_t most = core->settings.quarantine_crashes;
    ASSERT(cause_charged(cause));
    if (most == 0 || crashes->until_ns != 0) {
        return;
    }
    bool afresh = crashes->count == 0 || core->now_ns - crashes->first_ns > core->settings.quarantine_window_ns;
    if (afresh) {
        crashes->count = 0;
        crashes->several = false;
        crashes->first_ns = core->now_ns;
        crashes->request = request;
    }
    crashes->several = crashes->several || !key_equal(crashes->request, request);
    crashes->count += crashes->count < UINT32_MAX;
    crashes->cause = (uint8_t)cause;
    if (crashes->probation || (crashes->count >= most && crashes->several)) {
        quarantine_begin(core, index);
    }
}

void quarantine_answered(struct core *core, uint32_t index)
{
    struct crashes *crashes = &function_at(core, index)->crashes;
    bool any = crashes->count > 0 || crashes->probation;
    if (any && crashes->until_ns == 0) {
        *crashes = (struct crashes){ 0 };
    }
}

void quarantine_clear(struct core *core, uint32_t index)
{
    struct crashes *crashes = &function_at(core, index)->crashes;
    bool held = crashes->until_ns != 0;
    *crashes = (struct crashes){ 0 };
    if (held) {
        quarantine_tell(core, index, false);
    }
}

void quarantine_attend(struct core *core, uint32_t index)
{
    struct crashes *crashes = &function_at(core, index)->crashes;
    if (crashes->until_ns == 0 || crashes->until_ns > core->now_ns) {
        return;
    }
    crashes->until_ns = 0;
    crashes->count = 0;
    crashes->probation = true;
    quarantine_tell(core, index, false);
}

void quarantine_release(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.function.name);
    if (index != NOWHERE) {
        quarantine_clear(core, index);
    }
}
