/* What may be charged to a request, and what quarantine forbids; part of the judge. Private to sim/. */
#ifndef STEAD_SIM_JUDGE_CAUSE_H
#define STEAD_SIM_JUDGE_CAUSE_H

#include "sim/world.h"

/* The message in hand; NULL if it is not. After a power loss a sequence may be given out twice, so two messages in hand
 * may have the same. */
struct slot *judge_slot_of(struct node *node, const struct content *message);
void judge_cause_input(struct world *world, uint32_t index, const struct input *input);
void judge_cause_cancel(struct world *world, uint32_t index, const struct effect *effect);
void judge_cause_charge(struct world *world, uint32_t index, const struct effect *effect, struct slot *message);
/* Of a message that is handed back: S4. */
void judge_cause_delay(struct world *world, const struct slot *slot, const struct effect *effect);
/* Requests that were lost with instances (judge_suspect.c): S28. */
void judge_suspect_read(struct world *world, const struct event *event, const struct ledger *entry);
void judge_suspect_runs(struct world *world, uint32_t index, const struct slot *message);
bool judge_suspect_waits(const struct world *world, uint32_t index, const struct slot *message);
/* The broker takes `entry` from event->node in place of `over` (judge_ledger.c): S1, S4. */
void judge_ledger_put(struct world *world, const struct event *event, const struct ledger *over,
                      const struct ledger *entry);
void judge_quarantine(struct world *world, uint32_t index, const struct effect *effect);
void judge_quarantined_run(struct world *world, uint32_t index, const struct worker *worker);

#endif
