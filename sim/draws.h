/* What the world draws for. Each purpose has draws of its own, by entity and counter, so that one less of one kind
 * shifts none of another. Private to sim/. */
#ifndef STEAD_SIM_DRAWS_H
#define STEAD_SIM_DRAWS_H

#include "core/draw.h"

enum world_draw {
    PURPOSE_FAULT_WHEN = DRAW_USER + 100,
    PURPOSE_FAULT_HIT, /* + the fault: 100 numbers are kept */
    PURPOSE_FAULT_WHO = DRAW_USER + 300,
    PURPOSE_FAULT_HOW,
    PURPOSE_LATENCY,
    PURPOSE_ARRIVAL,
    PURPOSE_CALL,
    PURPOSE_WORKER,
    PURPOSE_RUN,
    PURPOSE_KEY,
    PURPOSE_BOOT,
    PURPOSE_LENGTH,
    PURPOSE_RECONNECT,
    PURPOSE_ALIAS,
    PURPOSE_ELSEWHERE,
    PURPOSE_FIND,
    PURPOSE_DOOR,
    PURPOSE_LEASE,
    PURPOSE_LEADER,
    PURPOSE_RECORDS,
    PURPOSE_WALL,
    PURPOSE_SILENT,
    PURPOSE_STATUS,
    PURPOSE_FORK,
    PURPOSE_POLICY,
    PURPOSE_BOUNDS,
};

#endif
