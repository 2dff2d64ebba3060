/* Bad luck by the clock. Private to sim/. */
#ifndef STEAD_SIM_FAULT_H
#define STEAD_SIM_FAULT_H

#include <stdint.h>

#include "sim/sim.h"

struct event;
struct world;

void fault_begin(struct world *world);
void fault_event(struct world *world, const struct event *event);

void fault_crash(struct world *world, uint32_t index, uint64_t random);
void fault_drain(struct world *world, uint32_t index, uint64_t random);
void fault_broker(struct world *world, uint64_t random);
/* Only to values that the bounds of the last judgement allow for. */
void fault_change_setting(struct world *world, uint32_t index, uint64_t random);

/* -- fault_many.c -- */
void fault_many(struct world *world, enum sim_fault fault, uint64_t random);
void fault_step(struct world *world, const struct event *event);

/* -- operator.c -- */
void operator_deploy(struct world *world, uint32_t number, bool good);
void fault_redeploy(struct world *world, uint32_t function); /* unless it is removed */
void operator_share(struct world *world, uint32_t number, uint64_t random);
void operator_remove(struct world *world, uint32_t number, uint64_t random);
void operator_close(struct world *world, uint32_t number, uint64_t random);
void operator_gone(struct world *world, uint32_t number);
void operator_back(struct world *world, uint32_t number);
void operator_cut_age(struct world *world, uint64_t random);
void operator_mend_age(struct world *world); /* whoever does */

/* -- stranger.c -- */
void stranger_naks(struct world *world, uint64_t random);
void stranger_acks(struct world *world, uint64_t random);
void stranger_step(struct world *world, const struct event *event);

/* -- heal.c -- */
void fault_heal(struct world *world);
/* Whether an instance that was healed serves the function; all do before the heal. */
bool heal_serves(const struct world *world, uint32_t function);

#endif
