/* Lists what a fleet came to, and what not, from the sums of its runs. */
#include "sim/sometimes.h"

#include <stdio.h>

#include "sim/swarm.h"
#include "sim/world.h"

#define X(name, what) #name,
static const char *const seen_names[] = { SOMETIMES(X) };
#undef X

const char *sometimes_name(enum sometimes situation)
{
    return situation < SEEN_COUNT ? seen_names[situation] : "?";
}

/* Reasons that no core tells a caller: doors and deploys do, or they stand in records only. */
static bool reason_is_told(enum reason reason)
{
    return reason != REASON_LANGUAGE_NOT_SUPPORTED && reason != REASON_BUILD_FAILED && reason != REASON_HANDED_BACK &&
           reason != REASON_BROKER_LOST;
}

static void list_add(struct sometimes_list *list, uint64_t times, const char *kind, const char *name)
{
    if (list->count < SOMETIMES_ROWS_MAX) {
        struct sometimes_row *row = &list->row[list->count++];
        snprintf(row->name, sizeof(row->name), "%s %s", kind, name);
        row->times = times;
        list->reached += times > 0;
    }
}

static void list_edges(struct sometimes_list *list, const struct edges *edges, enum machine machine)
{
    static const char *const machines[] = { "call", "delivery", "worker", "function", "instance" };
    for (uint32_t from = 0; from < states_count(machine); from++) {
        for (uint32_t to = 0; to < states_count(machine); to++) {
            char name[SOMETIMES_NAME_BYTES - 8];
            if ((states_next(machine, from) & 1u << to) != 0) {
                snprintf(name, sizeof(name), "%s %s > %s", machines[machine], states_name(machine, from),
                         states_name(machine, to));
                list_add(list, edges->next[machine][from] >> to & 1u, "edge", name);
            }
        }
    }
}

void sometimes_list(const struct swarm_report *report, struct sometimes_list *ret_list)
{
    ret_list->count = ret_list->reached = 0;
    for (uint32_t at = 0; at < SEEN_COUNT; at++) {
        list_add(ret_list, report->seen[at], "situation", seen_names[at]);
    }
    for (uint32_t at = 0; at < FAULT_COUNT; at++) {
        list_add(ret_list, report->faults[at], "fault", sim_fault_name((enum sim_fault)at));
    }
    for (uint32_t at = 0; at < INPUT_COUNT; at++) {
        list_add(ret_list, report->inputs[at], "input", input_name((enum input_kind)at));
    }
    for (uint32_t at = 0; at < EFFECT_COUNT; at++) {
        list_add(ret_list, report->effects[at], "effect", effect_name((enum effect_kind)at));
    }
    for (uint32_t at = END_SUCCEEDED; at < END_COUNT; at++) {
        list_add(ret_list, report->ends[at], "end", end_name((enum end)at));
    }
    for (uint32_t at = 0; at < REASON_COUNT; at++) {
        if (reason_is_told((enum reason)at)) {
            list_add(ret_list, report->replies[at], "reason", reason_name((enum reason)at));
        }
    }
    for (uint32_t machine = 0; machine < MACHINE_COUNT; machine++) {
        list_edges(ret_list, &report->edges, (enum machine)machine);
    }
}

void sometimes_edges(struct world *world, uint32_t index)
{
    edges_merge(&world->report->edges, core_edges(world->nodes[index].core));
}
