/* One message, one version (S16): whichever instance gets it, and however often, it runs on the version whose share it
 * falls into. The judge notes what each instance was told of a function's routes, and which of their versions it said
 * to be up. Two executions of a message under equal conditions, from its arrival on, must be of the same version. */
#include "sim/world.h"

static struct seen_route *seen_route(struct world *world, uint32_t index, uint32_t function, uint32_t place,
                                     uint8_t alias)
{
    return &world->nodes[index].routes[function].row[place * 2 + alias];
}

void share_told(struct world *world, uint32_t index, uint32_t function, uint32_t place, const struct input *input)
{
    struct seen_route *route = seen_route(world, index, function, place, input->as.function.alias);
    world->nodes[index].routes[function].conditions = 0;
    if (input->kind == INPUT_FUNCTION_REMOVED) {
        *route = (struct seen_route){ 0 };
        return;
    }
    route->version = (uint32_t)input->as.function.version.hi;
    route->weight = input->as.function.weight;
}

void share_state(struct world *world, uint32_t index, const struct effect *effect)
{
    uint32_t function = function_of_key(world, effect->key), version = (uint32_t)effect->key.hi;
    if (function == FUNCTIONS_MAX || version < ROUTE_VERSION_FIRST || effect->count != FUNCTION_READY) {
        return;
    }
    world->nodes[index].routes[function].conditions = 0;
    for (uint32_t at = 0; at < ROUTES_MAX * 2; at++) {
        struct seen_route *route = &world->nodes[index].routes[function].row[at];
        route->serving = route->version == version ? version : route->serving;
    }
}

void share_closing(struct world *world, uint32_t index, uint32_t function, uint8_t closing)
{
    world->nodes[index].routes[function].conditions = 0;
    world->nodes[index].routes[function].closing = closing;
}

static uint64_t conditions_of(const struct seen_routes *routes)
{
    uint64_t hash = routes->closing;
    for (uint32_t at = 0; at < ROUTES_MAX * 2; at++) {
        hash = draw_mix(hash * 3 + routes->row[at].version);
        hash = draw_mix(hash * 3 + routes->row[at].serving);
        hash = draw_mix(hash * 3 + routes->row[at].weight);
    }
    return hash | 1;
}

/* Equal on two instances if they divide requests alike; never 0. Asked for each message, and they change rarely. */
uint64_t share_conditions(struct world *world, uint32_t index, uint32_t function)
{
    struct seen_routes *routes = &world->nodes[index].routes[function];
    routes->conditions = routes->conditions != 0 ? routes->conditions : conditions_of(routes);
    return routes->conditions;
}

/* All versions of the function itself count as one: they replace each other. */
void share_executed(struct world *world, uint32_t index, const struct slot *message, uint32_t version)
{
    const struct content *content = &message->content;
    struct execution *before = &world->ran[content->sequence];
    uint64_t conditions = share_conditions(world, index, content->function);
    version = version < ROUTE_VERSION_FIRST ? 1 : version;
    if (conditions != message->conditions) {
        world->report->seen[SEEN_VERSION_SWITCHED]++;
        return; /* They changed while it waited. */
    }
    bool again = before->request == content->request && before->conditions == conditions;
    if (again && before->version != version) {
        world_wrong(world, "S16", "%c runs R%u on version %u, it ran on version %u before", 'a' + (int)index,
                    content->request, version, before->version);
    }
    *before = (struct execution){ conditions, version, content->request };
}
