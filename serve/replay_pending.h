/* What a core that is replayed has asked for and not been answered: the latest effect of each kind about each row. */
#ifndef STEAD_SERVE_REPLAY_PENDING_H
#define STEAD_SERVE_REPLAY_PENDING_H

#include "core/effect.h"
#include "core/input.h"

#include <stdbool.h>
#include <stdint.h>

struct replay_pending {
    struct effect *list;
    uint32_t count, capacity;
};

/* Before the step: what this input answers is no longer pending. */
void replay_pending_input(struct replay_pending *pending, const struct input *input);
/* After it. False: memory ran out. */
bool replay_pending_effects(struct replay_pending *pending, const struct effects *effects);
void replay_pending_clear(struct replay_pending *pending); /* frees; may be used again */

#endif
