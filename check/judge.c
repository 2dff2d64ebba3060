/* The table of what is judged, the list of what was found, and the walk over all requests. */
#include "check/history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(id, meaning) #id,
static const char *const rule_names[] = { CHECK_RULES(X) };
#undef X
#define X(id, meaning) meaning,
static const char *const rule_meanings[] = { CHECK_RULES(X) };
#undef X

const char *check_rule_name(enum check_rule rule)
{
    return rule < CHECK_RULE_COUNT ? rule_names[rule] : "?";
}

const char *check_rule_meaning(enum check_rule rule)
{
    return rule < CHECK_RULE_COUNT ? rule_meanings[rule] : "?";
}

bool check_rule_is_liveness(enum check_rule rule)
{
    return check_rule_name(rule)[0] == 'L';
}

const struct event *operation_begin(const struct check *check, uint32_t operation)
{
    return &check->events[check->operations[operation].begin];
}

const struct event *operation_close(const struct check *check, uint32_t operation)
{
    uint32_t close = check->operations[operation].close;
    return close == NOTHING ? NULL : &check->events[close];
}

void judge_violation(struct check *check, enum check_rule rule, uint32_t event, const char *format, ...)
{
    struct check_report *report = &check->report;
    const struct event *at = &check->events[event];
    report->violations++;
    report->by_rule[rule]++;
    if (report->listed_count == CHECK_VIOLATIONS_MAX) {
        return;
    }
    struct check_violation *row = &report->listed[report->listed_count++];
    *row = (struct check_violation){ .rule = rule, .line = at->line, .t_ns = at->t };
    row->file = check->names[at->file];
    row->request = symbols_text(&check->symbols, at->id); /* Nothing is added to the texts any more. */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->why, sizeof(row->why), format, arguments);
    va_end(arguments);
}

static int violation_order(const void *left, const void *right)
{
    const struct check_violation *a = left, *b = right;
    if (a->t_ns != b->t_ns) {
        return a->t_ns < b->t_ns ? -1 : 1;
    }
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* Nothing that has an answer is judged here: what was begun and never closed, by whomever, is a silence. */
static void judge_silences(struct check *check)
{
    for (uint32_t at = 0; at < check->operations_count; at++) {
        const struct event *begin = operation_begin(check, at);
        if (begin->word < WORD_exec && operation_close(check, at) == NULL) {
            judge_violation(check, CHECK_S7, check->operations[at].begin,
                            "no answer, and nobody said that it is unknown");
        }
    }
}

const struct check_report *check_judge(struct check *check)
{
    struct check_report *report = &check->report;
    if (check->fault[0] != 0) {
        return NULL;
    }
    if (!check->ended) {
        const char *name = check->names_count > 0 ? check->names[0] : "check";
        check_fail(check, name, check->events_count, "no line \"end\": the history is cut short");
        return NULL;
    }
    if (!operations_make(check) || !background_make(check)) {
        return NULL;
    }
    report->lines = check->events_count;
    check->last_ns = check->events[check->events_count - 1].t;
    for (uint32_t at = 0; at < check->operations_count; at++) {
        bool is_execution = operation_begin(check, at)->word == WORD_exec;
        report->executions += is_execution;
        report->operations += operation_begin(check, at)->word < WORD_exec;
    }
    report->witnessed = report->executions > 0;
    judge_silences(check);
    uint32_t first = 0;
    while (first < check->operations_count) {
        uint32_t last = operations_of_request(check, first);
        if (check->operations[first].id != 0) {
            judge_request(check, first, last);
        }
        first = last;
    }
    qsort(report->listed, report->listed_count, sizeof(report->listed[0]), violation_order);
    return report;
}
