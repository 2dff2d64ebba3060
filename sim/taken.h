/* Requests that somebody else took from the queue: what must come of them all the same, and what excuses the rest.
 * Private to sim/. */
#ifndef STEAD_SIM_TAKEN_H
#define STEAD_SIM_TAKEN_H

#include "sim/jet.h"

struct effect;
struct world;

/* The hook of jet.h: the last message of a request that has not ended is about to go. */
void taken_note(void *owner, const struct message *message, enum jet_taker taker);
/* A core lets bytes go: not those of a request that it alone has, and which runs or has given its result. */
void taken_judge_drop(struct world *world, uint32_t index, const struct effect *effect);
/* Whether it was taken, and nothing more comes of it: for the last judgement. */
bool taken_for_good(const struct world *world, uint32_t request);

#endif
