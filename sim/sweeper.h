/* The sweeper's surroundings and its law. Private to sim/. */
#ifndef STEAD_SIM_SWEEPER_H
#define STEAD_SIM_SWEEPER_H

#include "sim/world.h"

void sweeper_pause(struct world *world, uint32_t function, uint64_t random);
struct input *far_end_answer_later(struct world *world, const struct event *event, enum input_kind kind);
void sweeper_resume(struct world *world, uint32_t function);
bool nobody_deployed(const struct world *world, uint32_t function);
void sweeper_arrived(struct world *world, const struct event *event);
void sweeper_ensure(struct world *world, const struct event *event);
void sweeper_look(struct world *world, uint32_t index);      /* once a second */
void sweeper_connected(struct world *world, uint32_t index); /* what is looked at before anything else */
void sweeper_told(struct world *world, uint32_t index, uint32_t function);
void sweeper_judge_pull(struct world *world, uint32_t index, uint32_t function);
void sweeper_judge_result(struct world *world, const struct effect *effect, const struct content *message);
void sweeper_judge_refusal(struct world *world, uint32_t index, const struct call *call, uint16_t reason);
void sweeper_judge_execute(struct world *world, uint32_t index, const struct content *message);
bool sweeper_visits(const struct world *world, uint32_t index, uint32_t function);
bool sweeper_excused(const struct node *node, const struct slot *slot);

#endif
