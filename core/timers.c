/* A 4-ary heap of timer numbers with back indices, so that clearing is as cheap as setting. Ties are broken by the
 * order in which timers were set: never by address or index. */
#include "core/banned.h"
#include "core/timers.h"

enum { CHILDREN = 4 };

static struct timer *timer_at(const struct core *core, uint32_t timer)
{
    ASSERT(timer < core->timers_count);
    return (struct timer *)((char *)(uintptr_t)core + core->timers_at) + timer;
}

static uint32_t *heap_at(const struct core *core)
{
    return (uint32_t *)((char *)(uintptr_t)core + core->heap_at);
}

uint32_t timer_of_call(const struct core *core, uint32_t index)
{
    return index;
}

uint32_t timer_of_delivery(const struct core *core, uint32_t index)
{
    return core->calls.rows + index;
}

uint32_t timer_of_worker(const struct core *core, uint32_t index)
{
    return core->calls.rows + core->deliveries.rows + index;
}

uint32_t timer_of_function(const struct core *core, uint32_t index)
{
    return core->calls.rows + core->deliveries.rows + core->workers.rows + index;
}

uint32_t timer_of_core(const struct core *core)
{
    return core->timers_count - 1;
}

enum table timer_owner(const struct core *core, uint32_t timer, uint32_t *ret_index)
{
    static const enum table order[] = { TABLE_CALL, TABLE_DELIVERY, TABLE_WORKER, TABLE_FUNCTION };
    const uint32_t rows[] = { core->calls.rows, core->deliveries.rows, core->workers.rows, core->functions.rows };
    for (uint32_t i = 0; i < 4; i++) {
        if (timer < rows[i]) {
            *ret_index = timer;
            return order[i];
        }
        timer -= rows[i];
    }
    ASSERT(timer == 0);
    *ret_index = 0;
    return TABLE_NONE;
}

static bool earlier(const struct timer *a, const struct timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_put(struct core *core, uint32_t place, uint32_t timer)
{
    heap_at(core)[place] = timer;
    timer_at(core, timer)->place = place;
}

static void heap_rise(struct core *core, uint32_t place)
{
    uint32_t timer = heap_at(core)[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / CHILDREN;
        uint32_t other = heap_at(core)[parent];
        if (!earlier(timer_at(core, timer), timer_at(core, other))) {
            break;
        }
        heap_put(core, place, other);
        place = parent;
    }
    heap_put(core, place, timer);
}

static void heap_sink(struct core *core, uint32_t place)
{
    uint32_t timer = heap_at(core)[place];
    for (;;) {
        uint32_t first = place * CHILDREN + 1, best = NOWHERE;
        for (uint32_t child = first; child < first + CHILDREN && child < core->heap_count; child++) {
            if (best == NOWHERE || earlier(timer_at(core, heap_at(core)[child]), timer_at(core, heap_at(core)[best]))) {
                best = child;
            }
        }
        if (best == NOWHERE || !earlier(timer_at(core, heap_at(core)[best]), timer_at(core, timer))) {
            break;
        }
        heap_put(core, place, heap_at(core)[best]);
        place = best;
    }
    heap_put(core, place, timer);
}

void timer_clear(struct core *core, uint32_t timer)
{
    uint32_t place = timer_at(core, timer)->place;
    if (place == NOWHERE) {
        return;
    }
    ASSERT(core->heap_count > 0);
    timer_at(core, timer)->place = NOWHERE;
    core->heap_count--;
    if (place == core->heap_count) {
        return;
    }
    heap_put(core, place, heap_at(core)[core->heap_count]);
    heap_rise(core, place);
    heap_sink(core, place);
}

void timer_set(struct core *core, uint32_t timer, uint64_t due_ns)
{
    struct timer *row = timer_at(core, timer);
    if (due_ns == CORE_NEVER) {
        timer_clear(core, timer);
        return;
    }
    if (row->place != NOWHERE && row->due_ns == due_ns) {
        return;
    }
    row->due_ns = due_ns;
    row->order = core->timer_order++;
    if (row->place == NOWHERE) {
        ASSERT(core->heap_count < core->timers_count);
        row->place = core->heap_count++;
        heap_at(core)[row->place] = timer;
        heap_rise(core, row->place);
        return;
    }
    heap_rise(core, row->place);
    heap_sink(core, row->place);
}

uint64_t timers_next(const struct core *core)
{
    return core->heap_count == 0 ? CORE_NEVER : timer_at(core, heap_at(core)[0])->due_ns;
}

bool timers_due(struct core *core, uint32_t *ret_timer)
{
    if (timers_next(core) > core->now_ns) {
        return false;
    }
    *ret_timer = heap_at(core)[0];
    timer_clear(core, *ret_timer);
    return true;
}
