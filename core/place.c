/* Who gets a process when all places for them are taken. The one that has been idle longest makes room. If none is
 * idle, a function that has none and has waited long is let in by one that is busy: it takes no more messages, and is
 * stopped when it is done. So a function that always has work can't keep another from ever running. */
#include "core/banned.h"
#include "core/machine.h"

/* Half of the time that a message may wait in hand: so long a function waits before another makes room for it, and so
 * long a process has its place at least, that the changing of places does not become what is done. */
static uint64_t turn_ns(const struct core *core)
{
    return core->settings.hold_ns_max / 2;
}

/* A function that has no process and waits for one; or half of the time of its first message is over, if that is
 * sooner. What is being probed is nobody's message yet. */
static bool waits_long(struct core *core, const struct function *function)
{
    if (function->workers != 0 || function->queue.first == NOWHERE) {
        return function->workers == 0;
    }
    const struct delivery *first = delivery_at(core, function->queue.first);
    uint64_t waited_ns = core->now_ns - first->started_ns;
    return waited_ns >= turn_ns(core) || first->expires_ns <= core->now_ns + waited_ns;
}

/* Whether a busy process may be asked to yield: it was not asked before, and it has had its turn. */
static bool may_yield(struct core *core, const struct worker *worker, uint32_t index)
{
    return worker->row.state == WORKER_BUSY && worker->yields_ns == 0 && worker->function != index &&
           core->now_ns - worker->ready_ns >= turn_ns(core);
}

/* The one of the function that has the most; of these the one that has had its place for longest. */
static bool rather(struct core *core, uint32_t one, uint32_t other)
{
    if (other == NOWHERE) {
        return true;
    }
    const struct worker *a = worker_at(core, one), *b = worker_at(core, other);
    uint32_t many = function_at(core, a->function)->workers, more = function_at(core, b->function)->workers;
    return many != more ? many > more : a->ready_ns < b->ready_ns;
}

static void yield(struct core *core, uint32_t index, uint32_t function)
{
    struct worker *worker = worker_at(core, index);
    worker->yields_ns = core->now_ns;
    worker->yields_to = function;
    worker_offer(core, index);
}

void place_wanted(struct core *core, uint32_t index)
{
    const struct pool *all = &core->workers;
    uint32_t idle = NOWHERE, busy = NOWHERE;
    bool asked = MUTANT(PLACES_KEPT) || !waits_long(core, function_at(core, index)); /* L1 */
    for (uint32_t at = pool_next_taken(core, all, 0); at != NOWHERE; at = pool_next_taken(core, all, at + 1)) {
        const struct worker *worker = worker_at(core, at);
        if (worker->row.state == WORKER_STOPPING || worker->row.state == WORKER_DYING) {
            return; /* A place is about to be free. */
        }
        if (worker->row.state == WORKER_IDLE &&
            (idle == NOWHERE || worker->started_ns < worker_at(core, idle)->started_ns)) {
            idle = at;
        }
        if (may_yield(core, worker, index) && rather(core, at, busy)) {
            busy = at;
        }
        bool late = core->now_ns - worker->yields_ns >= turn_ns(core);
        asked = asked || (worker->yields_ns != 0 && worker->yields_to == index && !late);
    }
    if (idle != NOWHERE) {
        yield(core, idle, index);
        worker_stop(core, idle);
    } else if (busy != NOWHERE && !asked) {
        yield(core, busy, index);
    }
}

void place_given(struct core *core, const struct worker *worker)
{
    if (worker->yields_ns != 0 && !MUTANT(PLACES_KEPT) &&
        function_at(core, worker->yields_to)->row.state != FUNCTION_FREE) {
        function_dirty(core, worker->yields_to);
    }
}
