/* The law about what must end and what must not grow. Private to sim/. */
#ifndef STEAD_SIM_BOUNDS_H
#define STEAD_SIM_BOUNDS_H

#include "sim/panic.h"
#include "sim/world.h"

void bounds_judge_progress(struct world *world, const struct event *event); /* before it is handled: L10 */
bool bounds_some_mute(const struct world *world); /* a connection of one that was healed still loses something */
uint64_t bounds_quiet_ns(struct world *world);    /* after the heal the last request takes no longer */
/* Once healed: L1 or L7. `unmet`: the first thing that is missing. */
void bounds_judge_ended(struct world *world, const char *unmet);
void bounds_judge_message(struct world *world, const struct event *sent); /* to the broker: L10 */
void bounds_judge_books(struct world *world);                             /* after it was handled: S1 */
void bounds_judge_all_books(struct world *world);                         /* the same, by counting everything */
void bounds_judge_panic(struct world *world, const struct panic *panic);  /* S19, S18 or A0 */

#endif
