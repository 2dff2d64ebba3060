/* What holds for all requests: how long instances stayed and when they drained, when worker processes ended, and when
 * versions were published. Facts in order of time become rows; rows are sorted once and looked up by halving.
 *
 * An instance that was never said to come up has no stay, and what ran there is judged without it. */
#include "check/history.h"

#include <stdlib.h>

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int stay_order(const void *left, const void *right)
{
    const struct stay *a = left, *b = right;
    return a->node != b->node ? compare(a->node, b->node) : compare(a->up_ns, b->up_ns);
}

static int deploy_order(const void *left, const void *right)
{
    const struct deploy *a = left, *b = right;
    if (a->fn != b->fn) {
        return compare(a->fn, b->fn);
    }
    return a->from_ns != b->from_ns ? compare(a->from_ns, b->from_ns) : compare(a->ver, b->ver);
}

static int exit_order(const void *left, const void *right)
{
    const struct exit_row *a = left, *b = right;
    return a->proc != b->proc ? compare(a->proc, b->proc) : compare(a->t, b->t);
}

/* The stay that still goes on; facts come in order of time, so that it is the latest of its instance. */
static struct stay *stay_open(struct check *check, uint32_t node)
{
    for (uint32_t at = check->stays_count; at-- > 0;) {
        if (check->stays[at].node == node) {
            return check->stays[at].down_ns == FOREVER ? &check->stays[at] : NULL;
        }
    }
    return NULL;
}

static bool life_take(struct check *check, const struct event *event)
{
    bool is_worker = event->node != event->proc;
    if (is_worker && event->state == TEXT_exited) {
        if (!check_grow(check, (void **)&check->exits, check->exits_count, &check->exits_max, sizeof(*check->exits))) {
            return false;
        }
        check->exits[check->exits_count++] = (struct exit_row){ event->proc, event->t };
    }
    if (is_worker) {
        return true;
    }
    struct stay *open = stay_open(check, event->proc);
    if (event->state == TEXT_down && open != NULL) {
        open->down_ns = event->t;
    }
    if (event->state != TEXT_up) {
        return true;
    }
    if (open != NULL) {
        open->down_ns = event->t;
    }
    if (!check_grow(check, (void **)&check->stays, check->stays_count, &check->stays_max, sizeof(*check->stays))) {
        return false;
    }
    check->stays[check->stays_count++] = (struct stay){ event->proc, event->t, FOREVER, 0, FOREVER, FOREVER };
    return true;
}

static void drain_take(struct check *check, const struct event *event)
{
    struct stay *stay = stay_open(check, event->proc);
    if (stay != NULL && event->op == OP_info && stay->drain_ns == FOREVER) {
        stay->drain_ns = event->t;
        stay->grace_ns = event->budget_ns;
    } else if (stay != NULL && event->op == OP_ok && stay->drain_ns != FOREVER && stay->drained_ns == FOREVER) {
        stay->drained_ns = event->t;
    }
}

static bool deploy_take(struct check *check, const struct event *event)
{
    if (event->op == OP_ok) {
        for (uint32_t at = check->deploys_count; at-- > 0;) {
            struct deploy *row = &check->deploys[at];
            if (row->fn == event->fn && row->ver == event->ver && row->until_ns == FOREVER) {
                row->until_ns = event->t;
                break;
            }
        }
        return true;
    }
    if (!check_grow(check, (void **)&check->deploys, check->deploys_count, &check->deploys_max,
                    sizeof(*check->deploys))) {
        return false;
    }
    check->deploys[check->deploys_count++] = (struct deploy){ event->fn, event->ver, event->t, FOREVER, 0 };
    return true;
}

static void deploys_close(struct check *check)
{
    for (uint32_t at = 0; at < check->deploys_count; at++) {
        struct deploy *row = &check->deploys[at];
        if (row->until_ns == FOREVER) { /* nobody said when it was known everywhere: by then */
            row->until_ns = row->from_ns + check->settle_ns;
        }
        bool same = at > 0 && row[-1].fn == row->fn;
        row->reach_ns = same && row[-1].reach_ns > row->until_ns ? row[-1].reach_ns : row->until_ns;
    }
}

/* Sorts, but for empty arrays, which have no address. */
static void sort(void *rows, uint32_t count, size_t size, int (*order)(const void *, const void *))
{
    if (count > 1) {
        qsort(rows, count, size, order);
    }
}

bool background_make(struct check *check)
{
    for (uint32_t at = 0; at < check->events_count; at++) {
        const struct event *event = &check->events[at];
        bool ok = true;
        if (event->word == WORD_life) {
            ok = life_take(check, event);
        } else if (event->word == WORD_drain) {
            drain_take(check, event);
        } else if (event->word == WORD_deploy) {
            ok = deploy_take(check, event);
        }
        if (!ok) {
            return false;
        }
    }
    sort(check->stays, check->stays_count, sizeof(*check->stays), stay_order);
    sort(check->deploys, check->deploys_count, sizeof(*check->deploys), deploy_order);
    sort(check->exits, check->exits_count, sizeof(*check->exits), exit_order);
    deploys_close(check);
    return true;
}

const struct stay *background_stay(const struct check *check, uint32_t node, uint64_t t)
{
    uint32_t low = 0, high = check->stays_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct stay *stay = &check->stays[middle];
        if (stay->node < node || (stay->node == node && stay->up_ns <= t)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && check->stays[low - 1].node == node ? &check->stays[low - 1] : NULL;
}

bool background_exited(const struct check *check, uint32_t proc, uint64_t from_ns, uint64_t until_ns)
{
    uint32_t low = 0, high = check->exits_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct exit_row *row = &check->exits[middle];
        if (row->proc < proc || (row->proc == proc && row->t < from_ns)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < check->exits_count && check->exits[low].proc == proc && check->exits[low].t <= until_ns;
}

/* One past the last deploy of the function that began by then. */
static uint32_t deploys_until(const struct check *check, uint32_t fn, uint64_t t)
{
    uint32_t low = 0, high = check->deploys_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct deploy *row = &check->deploys[middle];
        if (row->fn < fn || (row->fn == fn && row->from_ns <= t)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool background_published(const struct check *check, uint32_t fn, uint32_t ver, uint64_t t)
{
    for (uint32_t at = deploys_until(check, fn, t); at-- > 0 && check->deploys[at].fn == fn;) {
        if (check->deploys[at].ver == ver) {
            return true;
        }
    }
    return false;
}

bool background_changed(const struct check *check, uint32_t fn, uint64_t from_ns, uint64_t until_ns)
{
    uint32_t past = deploys_until(check, fn, until_ns);
    return past > 0 && check->deploys[past - 1].fn == fn && check->deploys[past - 1].reach_ns >= from_ns;
}
