/* A route is another version that answers a share of a function's requests: a canary under the alias `live`, or what
 * another alias names. It has a queue, workers, builds and probes of its own, like a function, but no consumer: its
 * function pulls for all and divides what comes. Which share a request falls into depends on its place in the stream
 * and on nothing else, so every instance decides alike, and a retry meets the same version again. For that, routes are
 * kept in the order of their places, which is the same everywhere, and not in that of their arrival.
 *
 * The weights of `live` that no route takes are the function's own version's. A route that is not up yet leaves its
 * share to the others of its alias; if none of them is, the request waits for the first. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum { WEIGHT_ALL = 100 };

void route_attach(struct core *core, uint32_t index, uint32_t owner)
{
    struct function *route = function_at(core, index), *function = function_at(core, owner);
    ASSERT(route->owner == NOWHERE);
    ASSERT(function->owner == NOWHERE);
    uint32_t *link = &function->route_first;
    while (*link != NOWHERE && function_at(core, *link)->place <= route->place) {
        link = &function_at(core, *link)->route_next;
    }
    route->owner = owner;
    route->route_next = *link;
    *link = index;
    function->references++;
}

void route_detach(struct core *core, uint32_t index)
{
    struct function *route = function_at(core, index);
    struct function *function = function_at(core, route->owner);
    uint32_t *link = &function->route_first;
    while (*link != index) {
        ASSERT(*link != NOWHERE);
        link = &function_at(core, *link)->route_next;
    }
    *link = route->route_next;
    ASSERT(function->references > 0);
    function->references--;
    function_dirty(core, route->owner);
    route->owner = route->route_next = NOWHERE;
}

/* Its weight, if it may be given a request of the alias now. */
static uint32_t route_weight(const struct function *route, uint8_t alias)
{
    bool up = route->row.state != FUNCTION_RETIRING && route->serving;
    return route->alias == alias && up ? route->weight : 0;
}

uint32_t route_choose(struct core *core, uint32_t owner, uint8_t alias, uint64_t sequence)
{
    const struct function *function = function_at(core, owner);
    uint64_t seed = MUTANT(OWN_SHARES) ? core->seed : 0; /* S16 */
    alias = MUTANT(ALIAS_IGNORED) ? ALIAS_LIVE : alias;  /* S16 */
    if (function->closing == CLOSING_END && alias == ALIAS_LIVE) {
        return owner; /* Another alias' message must not run on this version if the function is opened again. */
    }
    uint32_t routed = 0, known = alias == ALIAS_LIVE ? owner : NOWHERE;
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        const struct function *route = function_at(core, at);
        routed += route_weight(route, alias);
        bool waits = route->alias == alias && route->row.state != FUNCTION_RETIRING;
        known = known == NOWHERE && waits ? at : known;
    }
    uint32_t own = alias == ALIAS_LIVE && routed < WEIGHT_ALL ? WEIGHT_ALL - routed : 0;
    uint32_t ticket = (uint32_t)draw_below(draw(seed, sequence, DRAW_ROUTE, 0), routed + own);
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        uint32_t weight = route_weight(function_at(core, at), alias);
        if (ticket < weight) {
            return at;
        }
        ticket -= weight;
    }
    return known;
}

uint32_t route_in_hand(struct core *core, const struct function *function)
{
    uint32_t in_hand = function->in_hand;
    for (uint32_t at = function->route_first; at != NOWHERE; at = function_at(core, at)->route_next) {
        const struct function *route = function_at(core, at);
        in_hand += route->serving ? route->in_hand : 0;
    }
    return in_hand;
}
