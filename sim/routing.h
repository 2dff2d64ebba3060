/* The law of routing: who gets a message (fair.c), and on which version it runs (share.c). Private to sim/. */
#ifndef STEAD_SIM_ROUTING_H
#define STEAD_SIM_ROUTING_H

#include <stdint.h>

struct effect;
struct input;
struct slot;
struct world;

void fair_delivered(struct world *world, uint32_t function, uint32_t taken);
void fair_disturbed(struct world *world, uint32_t function);
void fair_heartbeat(struct world *world, uint32_t index);
void share_told(struct world *world, uint32_t index, uint32_t function, uint32_t place, const struct input *input);
void share_state(struct world *world, uint32_t index, const struct effect *effect);
void share_closing(struct world *world, uint32_t index, uint32_t function, uint8_t closing);
uint64_t share_conditions(struct world *world, uint32_t index, uint32_t function);
void share_executed(struct world *world, uint32_t index, const struct slot *message, uint32_t version);

#endif
