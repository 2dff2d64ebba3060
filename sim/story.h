/* A run told line by line: all of it does nothing unless the run is told. Private to sim/. */
#ifndef STEAD_SIM_STORY_H
#define STEAD_SIM_STORY_H

#include <stdint.h>

struct effect;
struct input;
struct world;

void story_input(const struct world *world, uint32_t index, const struct input *input);
void story_effect(const struct world *world, uint32_t index, const struct effect *effect);
void story_event(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
