/* What is written create-only or by compare-and-set: results, dead letters, the ledger of attempts; and the search for
 * a request's message.
 *
 * "Wrong last sequence" (10071) is the one primitive that gives at most one result; it was seen to hold after kill
 * -9, so the model keeps all of this over jet_kill(). Results vanish after the retention, as max_age does. */
#include "sim/jet.h"

#include <stddef.h>

static bool result_lives(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    const struct stored *stored = &jet->stored[request];
    return stored->present && now_ns - stored->stored_ns < jet->settings.retention_ns;
}

uint16_t jet_store_result(struct jet *jet, uint64_t now_ns, uint32_t request, const struct stored *result,
                          bool create_only)
{
    struct stored *stored = &jet->stored[request];
    if (create_only && result_lives(jet, now_ns, request)) {
        return JET_WRONG_LAST;
    }
    uint32_t count = stored->count + 1;
    bool dead = stored->dead;
    *stored = *result;
    stored->count = count;
    stored->dead = dead;
    stored->present = true;
    stored->stored_ns = now_ns;
    return 0;
}

const struct stored *jet_result(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    return result_lives(jet, now_ns, request) ? &jet->stored[request] : NULL;
}

uint64_t jet_find(const struct jet *jet, uint32_t request)
{
    uint64_t found = 0;
    for (uint32_t at = jet->latest[request]; at != 0; at = jet->messages[at - 1].earlier) {
        found = jet->messages[at - 1].state == MESSAGE_GONE ? found : at;
    }
    return found;
}

uint16_t jet_store_dead(struct jet *jet, uint32_t request)
{
    if (jet->stored[request].dead) {
        return JET_WRONG_LAST;
    }
    jet->stored[request].dead = true;
    return 0;
}

/* On success *entry gets its revision: they count over the whole bucket. */
uint16_t jet_ledger_put(struct jet *jet, uint32_t request, uint64_t revision, struct ledger *entry)
{
    if (jet->ledger[request].revision != revision) {
        return JET_WRONG_LAST;
    }
    entry->revision = ++jet->revision;
    jet->ledger[request] = *entry;
    return 0;
}
