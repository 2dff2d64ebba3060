/* Events become operations. Sorted by time, each `ok`, `fail` or `info` closes what the same process began with the
 * same number; an `info` that closes nothing is a fact of its own. Then operations are sorted by request and time.
 *
 * What was begun and not closed has its place in a table with open addressing, keyed by process, word and number; the
 * table has twice as many places as there are events, so that it never fills. */
#include "check/history.h"

#include <stdlib.h>

struct open_table {
    uint32_t *operation; /* plus one; 0: free */
    uint32_t mask;
};

static int event_order(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->t != b->t) {
        return a->t < b->t ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static int operation_order(const void *left, const void *right)
{
    const struct operation *a = left, *b = right;
    if (a->id != b->id) {
        return a->id < b->id ? -1 : 1;
    }
    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* Where the latest operation of that process, word and number is, or the free place for it. */
static uint32_t open_place(const struct check *check, const struct open_table *table, const struct event *event)
{
    uint64_t hash = (event->n << 20 ^ (uint64_t)event->proc << 4 ^ event->word) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t place = (uint32_t)(hash >> 32) & table->mask;
    while (table->operation[place] != 0) {
        const struct operation *there = &check->operations[table->operation[place] - 1];
        const struct event *begun = &check->events[there->begin];
        if (begun->proc == event->proc && begun->word == event->word && begun->n == event->n) {
            break;
        }
        place = (place + 1) & table->mask;
    }
    return place;
}

static void operation_add(struct check *check, uint32_t begin, uint32_t close)
{
    struct operation *operation = &check->operations[check->operations_count++];
    *operation = (struct operation){ begin, close, check->events[begin].id };
}

static bool event_refuse(struct check *check, const struct event *event, const char *what)
{
    return check_fail(check, check->names[event->file], event->line, what);
}

static bool operation_close_at(struct check *check, uint32_t index, struct operation *operation)
{
    struct event *event = &check->events[index];
    if (event->id != 0 && operation->id != event->id) {
        return event_refuse(check, event, "another \"id\" than that which this process began with this \"n\"");
    }
    event->id = operation->id;
    if (operation->close == NOTHING) {
        operation->close = index;
    } else {
        judge_violation(check, CHECK_S7, index, "a second answer, after that of line %u",
                        check->events[operation->close].line);
    }
    return true;
}

static bool operation_take(struct check *check, struct open_table *table, uint32_t index)
{
    const struct event *event = &check->events[index];
    bool tied = event->word <= WORD_exec;
    if (event->word == WORD_message) {
        return true; /* for pictures: nobody outside sees one */
    }
    if (!tied) {
        operation_add(check, index, index);
        return true;
    }
    uint32_t place = open_place(check, table, event);
    bool known = table->operation[place] != 0;
    if (event->op == OP_invoke) {
        if (known) {
            return event_refuse(check, event, "this process used this \"n\" before");
        }
        operation_add(check, index, NOTHING);
        table->operation[place] = check->operations_count;
        return true;
    }
    if (known) {
        return operation_close_at(check, index, &check->operations[table->operation[place] - 1]);
    }
    if (event->op != OP_info) {
        return event_refuse(check, event, "nothing was begun by this process with this \"n\"");
    }
    operation_add(check, index, index);
    return true;
}

bool operations_make(struct check *check)
{
    struct open_table table = { 0 };
    uint32_t size = 64;
    while (size / 2 < check->events_count && size < UINT32_C(1) << 31) {
        size *= 2;
    }
    qsort(check->events, check->events_count, sizeof(*check->events), event_order);
    check->operations = calloc(check->events_count + 1, sizeof(*check->operations));
    table.operation = calloc(size, sizeof(*table.operation));
    table.mask = size - 1;
    bool ok = check->operations != NULL && table.operation != NULL && size / 2 >= check->events_count;
    if (!ok) {
        check_fail(check, "check", 0, "out of memory");
    }
    for (uint32_t index = 0; ok && index < check->events_count; index++) {
        ok = operation_take(check, &table, index);
    }
    free(table.operation);
    if (ok) {
        qsort(check->operations, check->operations_count, sizeof(*check->operations), operation_order);
    }
    return ok;
}

uint32_t operations_of_request(const struct check *check, uint32_t first)
{
    uint32_t last = first;
    while (last < check->operations_count && check->operations[last].id == check->operations[first].id) {
        last++;
    }
    return last;
}
