/* Suspects: requests that were lost together with an instance more than once. One of them may take down whatever runs
 * it, and those that ran beside it pay with starts of their own, up to POISON. So suspects are kept apart: the more of
 * its starts one has lost, the fewer other suspects may be in hand beside it; with half of them lost it is alone.
 * A poisonous request is soon found out this way, and the innocent ones run without it long before their starts are
 * spent. Those that ran when an instance was lost for another reason still run many at a time.
 *
 * The bound holds for both sides: a suspect is begun only if each one that is in hand already may have it beside. One
 * that has to wait is handed back for a while, since another instance may have room for it. */
#include "core/banned.h"
#include "core/machine.h"

enum { LOST_MIN = 2 }; /* Once may happen to anybody. */

static uint32_t lost(const struct delivery *delivery)
{
    return delivery->causes.count[CAUSE_INSTANCE_LOST];
}

/* Waits for a worker or occupies one, after the ledger was read. */
static bool is_in_hand(const struct delivery *delivery)
{
    bool ready = delivery->row.state == DELIVERY_QUEUED || delivery->row.state == DELIVERY_CLAIMING ||
                 delivery->row.state == DELIVERY_RUNNING;
    return ready && !delivery->visited;
}

/* How many suspects may be in hand at once if this is one of them. */
static uint32_t together_max(struct core *core, const struct delivery *delivery)
{
    uint32_t half = budget_starts(core, delivery) / 2;
    uint32_t spare = lost(delivery) < half ? half - lost(delivery) : 0;
    return spare < 31 ? UINT32_C(1) << spare : UINT32_MAX;
}

bool suspect_waits(struct core *core, uint32_t index)
{
    const struct delivery *delivery = delivery_at(core, index);
    if (lost(delivery) < LOST_MIN || delivery->walked || delivery->visited || MUTANT(SUSPECTS_TOGETHER)) { /* S28 */
        return false;
    }
    uint32_t together = 1, most = together_max(core, delivery);
    const struct pool *all = &core->deliveries;
    for (uint32_t at = pool_next_taken(core, all, 0); at != NOWHERE; at = pool_next_taken(core, all, at + 1)) {
        const struct delivery *other = delivery_at(core, at);
        if (at != index && lost(other) >= LOST_MIN && is_in_hand(other)) {
            uint32_t others_most = together_max(core, other);
            most = others_most < most ? others_most : most;
            together++;
        }
    }
    return together > most;
}
