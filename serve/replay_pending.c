/* A plain list, searched from its end: what is answered was mostly asked a moment ago. */
#include "serve/replay_pending.h"

#include <stdlib.h>

static void take_out(struct replay_pending *pending, uint32_t at)
{
    pending->count--;
    for (; at < pending->count; at++) {
        pending->list[at] = pending->list[at + 1]; /* their order stays */
    }
}

void replay_pending_input(struct replay_pending *pending, const struct input *input)
{
    for (uint32_t at = pending->count; input->answers != 0 && at > 0; at--) {
        if (pending->list[at - 1].operation == input->answers) {
            take_out(pending, at - 1);
            return;
        }
    }
}

static void superseded(struct replay_pending *pending, const struct effect *effect)
{
    bool all = effect->kind == EFFECT_FORGET;
    for (uint32_t at = pending->count; at > 0; at--) {
        const struct effect *before = &pending->list[at - 1];
        if (handle_equal(before->about, effect->about) && (all || before->kind == effect->kind)) {
            take_out(pending, at - 1);
            if (!all) {
                return;
            }
        }
    }
}

static bool add(struct replay_pending *pending, const struct effect *effect)
{
    if (pending->count == pending->capacity) {
        uint32_t capacity = pending->capacity == 0 ? 64 : pending->capacity * 2;
        struct effect *larger = realloc(pending->list, capacity * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        pending->list = larger;
        pending->capacity = capacity;
    }
    pending->list[pending->count++] = *effect;
    return true;
}

bool replay_pending_effects(struct replay_pending *pending, const struct effects *effects)
{
    bool good = true;
    for (uint32_t at = 0; good && at < effects->count; at++) {
        const struct effect *effect = &effects->list[at];
        if (effect->operation != 0 || effect->kind == EFFECT_FORGET) {
            superseded(pending, effect);
        }
        good = effect->operation == 0 || add(pending, effect);
    }
    return good;
}

void replay_pending_clear(struct replay_pending *pending)
{
    free(pending->list);
    *pending = (struct replay_pending){ 0 };
}
