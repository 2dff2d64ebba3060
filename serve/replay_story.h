/* Inputs and effects in words, one line each, for people. */
#ifndef STEAD_SERVE_REPLAY_STORY_H
#define STEAD_SERVE_REPLAY_STORY_H

#include "core/core.h"

#include <stddef.h>

/* "DELIVERY about F3 epoch 2 blob 17+120 request 0123… sequence 9"; fields that are 0 are left out. */
void replay_story_input(const struct input *input, char *ret_text, size_t size);
void replay_story_effect(const struct effect *effect, char *ret_text, size_t size);

#endif
