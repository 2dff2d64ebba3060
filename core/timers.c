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
    return core->timers_count - 3;
}

uint32_t timer_of_sweep(const struct core *core)
{
    return core->timers_count - 2;
}

uint32_t timer_of_walk(const struct core *core)
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
    ASSERT(timer <= 2);
    *ret_index = timer; /* 0 of the core, 1 of the sweep, 2 of the walk */
    return TABLE_NONE;
}

/* Without a branch, since nothing could predict it. */
static bool earlier(const struct timer *a, const struct timer *b)
{
    return (a->due_ns < b->due_ns) | ((a->due_ns == b->due_ns) & (a->order < b->order));
}

static void heap_put(struct core *core, uint32_t place, uint32_t timer)
{
    heap_at(core)[place] = timer;
    timer_at(core, timer)->place = place;
}

static void heap_rise(struct core *core, uint32_t place)
{
    const uint32_t *heap = heap_at(core);
    uint32_t timer = heap[place];
    const struct timer *rising = timer_at(core, timer);
    while (place > 0) {
        uint32_t parent = (place - 1) / CHILDREN;
        if (!earlier(rising, timer_at(core, heap[parent]))) {
            break;
        }
        heap_put(core, place, heap[parent]);
        place = parent;
    }
    heap_put(core, place, timer);
}

/* Which of the places from `child` to before `end` comes first. */
static uint32_t heap_first(const struct core *core, uint32_t child, uint32_t end)
{
    const uint32_t *heap = heap_at(core);
    if (child + CHILDREN == end) {
        const struct timer *a = timer_at(core, heap[child]), *b = timer_at(core, heap[child + 1]);
        const struct timer *c = timer_at(core, heap[child + 2]), *d = timer_at(core, heap[child + 3]);
        bool ba = earlier(b, a), dc = earlier(d, c);
        return earlier(dc ? d : c, ba ? b : a) ? child + 2 + dc : child + ba;
    }
    uint32_t first = child;
    for (child++; child < end; child++) {
        first = earlier(timer_at(core, heap[child]), timer_at(core, heap[first])) ? child : first;
    }
    return first;
}

static void heap_sink(struct core *core, uint32_t place)
{
    const uint32_t *heap = heap_at(core);
    uint32_t timer = heap[place], end = core->heap_count;
    const struct timer *sinking = timer_at(core, timer);
    for (uint32_t child = place * CHILDREN + 1; child < end; child = place * CHILDREN + 1) {
        uint32_t first = heap_first(core, child, child + CHILDREN < end ? child + CHILDREN : end);
        if (!earlier(timer_at(core, heap[first]), sinking)) {
            break;
        }
        heap_put(core, place, heap[first]);
        place = first;
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
