/* What operators do to functions while they run: new versions, shares of requests on other versions, closing, removing,
 * putting back. Each is a change of a record; records.c says how instances learn of it. */
#include "sim/history.h"
#include "sim/world.h"

void operator_deploy(struct world *world, uint32_t number, bool good)
{
    struct function *function = &world->functions[number];
    function->version = records_version(world, number);
    function->named[ALIAS_LIVE] |= UINT64_C(1) << function->version % 64;
    function->build_fails = !good && world_strikes(world, FAULT_BUILD_FAIL, number);
    story_event(world, "f%u becomes version %u%s", number, function->version,
                function->build_fails ? ", which does not build" : "");
    history_deployed(world, number, function->version);
    records_changed(world, number);
}

void fault_redeploy(struct world *world, uint32_t function)
{
    if (!world->functions[function].removed) {
        operator_deploy(world, function, false);
    }
}

/* Sometimes a canary under the alias `live`, sometimes another alias; sometimes it goes. */
void operator_share(struct world *world, uint32_t number, uint64_t random)
{
    struct function *function = &world->functions[number];
    uint32_t place = (uint32_t)draw_below(draw_mix(random + 1), ROUTES_MAX);
    struct route *route = &function->routes[place];
    if (draw_below(draw_mix(random + 2), 3) == 0) {
        history_deployed(world, number, route->version); /* From now on other versions may run. */
        *route = (struct route){ 0 };
        story_event(world, "f%u has route %u no more", number, place);
    } else {
        *route = (struct route){ .version = ROUTE_VERSION_FIRST + function->route_versions++ };
        route->alias = (uint8_t)draw_below(draw_mix(random + 3), 2);
        route->weight = (uint8_t)(1 + draw_below(draw_mix(random + 4), 100));
        route->build_fails = world_strikes(world, FAULT_BUILD_FAIL, number);
        function->named[route->alias] |= UINT64_C(1) << route->version % 64;
        history_deployed(world, number, route->version);
        story_event(world, "f%u gets version %u as route %u: %u %% of alias %u%s", number, route->version, place,
                    route->weight, route->alias, route->build_fails ? ", which does not build" : "");
    }
    records_changed(world, number);
}

void operator_remove(struct world *world, uint32_t number, uint64_t random)
{
    if (!world->functions[number].removed) {
        world->functions[number].removed = true;
        world->functions[number].closing = CLOSING_OPEN;
        story_event(world, "f%u is removed", number);
        records_changed(world, number);
        uint64_t back = SECOND + draw_below(draw_mix(random), 10 * SECOND);
        world_post(world, world->now + back, EVENT_FUNCTION_BACK)->number = number;
    }
}

/* As an operator does it: no new requests, what is queued runs or ends, then it is removed. */
void operator_close(struct world *world, uint32_t number, uint64_t random)
{
    struct function *function = &world->functions[number];
    if (!function->removed && function->closing == CLOSING_OPEN) {
        function->closing = (uint8_t)(CLOSING_DRAIN + draw_below(draw_mix(random + 1), 2));
        story_event(world, "f%u closes: %s", number, function->closing == CLOSING_END ? "all ends" : "the rest runs");
        records_changed(world, number);
        uint64_t gone = SECOND + draw_below(draw_mix(random + 2), 5 * SECOND);
        world_post(world, world->now + gone, EVENT_FUNCTION_GONE)->number = number;
    }
}

void operator_gone(struct world *world, uint32_t number)
{
    if (world->functions[number].closing != CLOSING_OPEN) {
        operator_remove(world, number, number + world->now);
    }
}

void operator_back(struct world *world, uint32_t number)
{
    if (world->functions[number].removed) {
        world->functions[number].removed = false;
        world->functions[number].back_ns = world->now;
        records_changed(world, number);
    }
}

/* An instance that connects puts it back: it made the stream, and finds it changed. If none does, the operator does. */
void operator_cut_age(struct world *world, uint64_t random)
{
    if (world->broker_up_ns > world->now || cluster_asked(world, GROUP_REQUESTS) != CLUSTER_SERVES) {
        return;
    }
    uint64_t age_ns = 100 * MILLISECOND + draw_below(draw_mix(random), world->choices.settings.call_budget_ns_max / 2);
    story_event(world, "the queue's max age is cut to %llu ms", (unsigned long long)(age_ns / MILLISECOND));
    world->age_cut = true;
    jet_set_age(&world->jet, world->now, age_ns);
    struct event *event = world_post(world, world->now + draw_below(draw_mix(random + 1), 60 * SECOND), EVENT_STEP);
    event->how = (uint8_t)FAULT_AGE_CUT;
    event->number = 0;
}

void operator_mend_age(struct world *world)
{
    if (world->age_cut) {
        story_event(world, "the queue's max age is as it was");
        world->age_cut = false;
        jet_set_age(&world->jet, world->now, world->choices.jet.age_max_ns);
    }
}
