/* Effects are appended to the caller's list, which is valid only during a step. The bound is proven by construction:
 * no handler starts with less than EFFECTS_PER_HANDLER places left, and none emits more. */
#include "core/banned.h"
#include "core/emit.h"

_Static_assert((int)EFFECTS_PER_HANDLER <= (int)EFFECTS_MAX, "the first handler of a step always has room");

struct effect *emit(struct core *core, enum effect_kind kind)
{
    ASSERT(core->out != 0);
    ASSERT(core->out->count < EFFECTS_MAX);
    struct effect *effect = &core->out->list[core->out->count++];
    *effect = (struct effect){ .kind = (uint8_t)kind, .epoch = core->epoch };
    core->emitted[kind]++;
    return effect;
}

bool emit_room(const struct core *core)
{
    return core->out->count + EFFECTS_PER_HANDLER <= EFFECTS_MAX;
}

uint64_t operation_new(struct core *core, struct handle owner)
{
    core->operations = core->operations == UINT32_MAX ? 1 : core->operations + 1;
    return (uint64_t)owner.bits << 32 | core->operations;
}

void blob_release(struct core *core, struct blob *blob)
{
    if (blob->slot == 0) {
        return;
    }
    ASSERT(core->blobs > 0);
    core->blobs--;
    emit(core, EFFECT_DROP_BLOB)->blob = *blob;
    *blob = (struct blob){ 0 };
}
