/* What a run comes to, in numbers. */
#include "sim/taken.h"
#include "sim/world.h"

void report_fill(struct world *world)
{
    struct sim_report *report = world->report;
    report->seed = world->options.seed;
    report->steps = world->steps;
    report->events = world->kernel.popped;
    report->simulated_ns = world->now;
    report->visits = world->visits;
    report->lease_holders = world->lease_holders;
    report->hash = world->hash;
    report->effects_hash = world->effects_hash;
    report->nodes = world->choices.nodes;
    report->functions = world->choices.functions;
    report->requests = world->requests_count;
    report->accepted = world->requests_accepted;
    report->calls = world->calls_count;
    report->redeliveries = world->jet.redeliveries;
    report->resurrected = world->jet.resurrected;
    report->seen[SEEN_REDELIVERED] = world->jet.redeliveries;
    report->seen[SEEN_RESURRECTED] = world->jet.resurrected;
    report->seen[SEEN_RESULT_EXISTED] = report->refused_results;
    report->seen[SEEN_KILLED] = report->effects[EFFECT_KILL_WORKER];
    report->seen[SEEN_CANCEL_WON] = report->ends[END_CANCELLED];
    report->seen[SEEN_CANCEL_LOST] = report->replies[REASON_ALREADY_ENDED];
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        sometimes_edges(world, index);
    }
    for (uint32_t request = 0; request < world->requests_count; request++) {
        report->forgotten += world->jet.forgotten[request];
        bool taken = taken_for_good(world, request), ended = !jet_owes(&world->jet, request);
        report->taken_lost += taken && !ended;
        report->seen[SEEN_TAKEN_ENDED] += taken && ended;
    }
    report->seen[SEEN_TAKEN_LOST] = report->taken_lost;
    report->seen[SEEN_FORGOTTEN] = report->forgotten;
    report->seen[SEEN_NO_ROOM] = world->jet.dropped;
}
