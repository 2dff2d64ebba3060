/* What callers and functions see of a run, as lines of a history. Private to sim/. All of it does nothing in runs whose
 * history nobody asked for. */
#ifndef STEAD_SIM_HISTORY_H
#define STEAD_SIM_HISTORY_H

#include "sim/sim.h"

struct content;
struct event;
struct running;
struct worker;
struct world;

void history_begin(struct world *world);
void history_healed(struct world *world);
void history_end(struct world *world);

void history_called(struct world *world, uint32_t number, uint64_t budget_ns);
void history_replied(struct world *world, uint32_t index, const struct effect *effect);
void history_left(struct world *world, uint32_t number);
void history_published(struct world *world, const struct content *content, bool stored);

void history_execution(struct world *world, uint32_t index, const struct worker *worker, const struct running *running);
void history_executed(struct world *world, uint32_t index, const struct worker *worker, uint32_t execution,
                      bool succeeded, uint64_t payload);
void history_exited(struct world *world, uint32_t index, const struct worker *worker);

void history_life(struct world *world, uint32_t index, const char *state);
void history_drain(struct world *world, uint32_t index, bool over);
void history_deployed(struct world *world, uint32_t function, uint32_t version);
/* What arrives at the other end of a connection, or doesn't. */
void history_message(struct world *world, const struct event *event, bool lost);
void history_fault(struct world *world, enum sim_fault fault, uint32_t index);

#endif
