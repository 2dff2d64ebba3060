/* One timer per row that may wait, in a 4-ary heap ordered by (deadline, order of setting). */
#ifndef STEAD_CORE_TIMERS_H
#define STEAD_CORE_TIMERS_H

#include "core/state.h"

/* Which timer belongs to which row. */
uint32_t timer_of_call(const struct core *core, uint32_t index);
uint32_t timer_of_delivery(const struct core *core, uint32_t index);
uint32_t timer_of_worker(const struct core *core, uint32_t index);
uint32_t timer_of_function(const struct core *core, uint32_t index);
uint32_t timer_of_core(const struct core *core);
uint32_t timer_of_sweep(const struct core *core);
uint32_t timer_of_walk(const struct core *core);
enum table timer_owner(const struct core *core, uint32_t timer, uint32_t *ret_index);

void timer_set(struct core *core, uint32_t timer, uint64_t due_ns); /* CORE_NEVER clears */
void timer_clear(struct core *core, uint32_t timer);
uint64_t timers_next(const struct core *core);
/* Takes the first timer that is due out of the heap; false if none is. */
bool timers_due(struct core *core, uint32_t *ret_timer);

#endif
