/* The small world that drives a core through the happy path of stateless calls: callers, a broker and workers that
 * answer at once and in the order of asking. It has two equal cores: one that it drives, and one for whoever wants to
 * give it the same inputs again. One thread; whatever is not the happy path ends the program. */
#ifndef STEAD_BENCH_CORE_STEP_WORLD_H
#define STEAD_BENCH_CORE_STEP_WORLD_H

#include "core/core.h"

enum {
    CALLERS = 64,
    WAITERS = 1000,
    FUNCTIONS = 64,
    FUNCTIONS_BUSY = 16,
    QUEUE_ROWS = 8192, /* a power of two, more than can ever be on its way */
    STEP_INTERVAL_NS = 8000,
    SECOND_NS = 1000000000,
};

struct world_function {
    struct handle handle;
    uint32_t credit; /* messages asked for and not delivered */
    struct input backlog[CALLERS + WAITERS];
    uint32_t backlog_first, backlog_count;
};

struct world {
    struct core *driven, *timed;
    struct effects effects;
    struct input queue[QUEUE_ROWS]; /* what has happened and is not told yet */
    uint32_t queue_first, queue_count;
    struct world_function functions[FUNCTIONS];
    uint64_t now_ns, calls, calls_done, sequence;
    uint32_t blob_slot;
};

extern const struct limits world_limits;

/* All functions ready, WAITERS calls waiting, CALLERS more about to come; both cores in the same state. */
struct world *world_new(void);
void world_free(struct world *world);
/* Gives the driven core its next input, and that input to the caller. False if nothing happens any more. */
bool world_drive(struct world *world, struct input *ret_input);
_Noreturn void world_fail(const char *what);

#endif
