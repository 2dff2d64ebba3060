/* Hash chains from keys to rows. Keys are keyed hashes already, so buckets need no further mixing; the order inside a
 * chain is the order of insertion, newest first, and never depends on addresses. */
#ifndef STEAD_CORE_INDEX_H
#define STEAD_CORE_INDEX_H

#include "core/state.h"

void index_add_call(struct core *core, uint32_t index);
void index_remove_call(struct core *core, uint32_t index);
/* The first call with that request key after `index` in its chain (NOWHERE: from the start), or NOWHERE. */
uint32_t index_next_call(struct core *core, struct key request, uint32_t index);

void index_add_delivery(struct core *core, uint32_t index);
void index_remove_delivery(struct core *core, uint32_t index);
uint32_t index_find_delivery(struct core *core, struct key request);

void index_add_function(struct core *core, uint32_t index);
void index_remove_function(struct core *core, uint32_t index);
uint32_t index_find_function(struct core *core, struct key name);

#endif
