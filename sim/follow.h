/* A run that is recorded or follows a schedule; all of it does nothing in other runs. Private to sim/. */
#ifndef STEAD_SIM_FOLLOW_H
#define STEAD_SIM_FOLLOW_H

#include "sim/schedule.h"
#include "sim/sim.h"

struct world;

/* The number-th occasion for a fault at an entity; number 0: how many there were. */
struct occasion {
    uint64_t entity, number, times;
    uint32_t fault;
    bool used;
};

struct occasions {
    struct occasion *row; /* open addressing; a power of two */
    uint32_t count, capacity;
};

struct follow {
    struct occasions counters, strikes;
    uint32_t call_at, fault_at[FAULT_COUNT]; /* the entries that are due next */
};

bool follow_begin(struct world *world);
void follow_free(struct world *world);
void follow_healed(struct world *world);
bool follow_over(const struct world *world); /* the schedule's faults end before the next event */
/* Whether that occasion is taken: `drawn` says what the seed would. */
bool follow_strikes(struct world *world, enum sim_fault fault, uint64_t entity, bool drawn);
void follow_fault_next(struct world *world, enum sim_fault fault);
const struct entry *follow_fault_take(struct world *world, enum sim_fault fault);
void follow_fault_note(struct world *world, enum sim_fault fault, uint32_t node, uint64_t random);
void follow_call_post(struct world *world);
void follow_arrival(struct world *world);
void follow_call_note(struct world *world, const struct entry *entry);

#endif
