/* How the machines speak: appending effects, numbering operations, owning and dropping blobs. */
#ifndef STEAD_CORE_EMIT_H
#define STEAD_CORE_EMIT_H

#include "core/state.h"

/* Room that any one handler may need: handlers start only with this much left, so lists never overflow. */
enum { EFFECTS_PER_HANDLER = 40, WAITERS_PER_REQUEST_MAX = 8 };

/* A zeroed effect at the end of the list, with kind and epoch set. */
struct effect *emit(struct core *core, enum effect_kind kind);
bool emit_room(const struct core *core);
uint64_t operation_new(struct core *core, struct handle owner);
/* Drops *blob if there is one, and forgets it. */
void blob_release(struct core *core, struct blob *blob);

#endif
