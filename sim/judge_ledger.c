/* What is written to the ledger of a request, against the record that it goes over: attempts grow by one at a time, an
 * end that was marked stays, and nobody writes over what he has not seen. */
#include "sim/judge_cause.h"

void judge_ledger_put(struct world *world, const struct event *event, const struct ledger *over,
                      const struct ledger *entry)
{
    uint32_t request = event->content.request, before = over->attempts;
    if (over->revision != 0 && (over->seen_by & 1u << event->node) == 0) {
        world_wrong(world, "S4", "%c writes over a record in the ledger of R%u that it has never seen",
                    'a' + (int)event->node, request);
    }
    if (entry->end != over->end && over->end != END_NONE) {
        world_wrong(world, "S1", "the ledger of R%u said that it has ended, and does no more", request);
    }
    if (entry->attempts < before) {
        world_wrong(world, "S4", "the ledger of R%u goes back from %u to %u attempts", request, before,
                    entry->attempts);
    }
    if (entry->attempts > before + 1 && !world->jet.forgotten[request]) {
        world_wrong(world, "S4", "the ledger of R%u jumps from %u to %u attempts", request, before, entry->attempts);
    }
}
