/* What ought to come unasked, and connections on which it does not. Private to sim/. */
#ifndef STEAD_SIM_HEARING_H
#define STEAD_SIM_HEARING_H

#include "core/core.h"

enum heard { HEARD_ANSWER, HEARD_CHANGE, HEARD_COUNT };

/* Of one process of an instance: the judge's book of what had to be looked for. */
struct hearing {
    uint64_t came_ns[HEARD_COUNT];                   /* by the clock of the node */
    uint32_t missed[HEARD_COUNT], cuts[HEARD_COUNT]; /* cuts: renewals since something came by itself */
    uint32_t looked_connection;                      /* on which the records were last read */
    bool changed, hinted;                            /* since then */
    struct handle looking;                           /* the call whose result was fetched in this step */
};

struct world;

void hearing_connected(struct world *world, uint32_t index); /* anew: which subscriptions are dead on it */
void hearing_hinted(struct world *world, uint32_t index);    /* word of a changed record came */
void hearing_found(struct world *world, uint32_t index);     /* the records were read */
void hearing_judge_input(struct world *world, uint32_t index, const struct input *input);
void hearing_judge_effect(struct world *world, uint32_t index, const struct effect *effect);

#endif
