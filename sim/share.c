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
    for (uint32_t at = 0; at < ROUTES_MAX * 2; at++) {
        struct seen_route *route = &world->nodes[index].routes[function].row[at];
        route->serving = route->version == version ? version : route->serving;
    }
}

/* Equal on two instances if they divide requests alike; never 0. */
uint64_t share_conditions(const struct world *world, uint32_t index, uint32_t function)
{
    uint64_t hash = world->nodes[index].routes[function].closing;
    for (uint32_t at = 0; at < ROUTES_MAX * 2; at++) {
        const struct seen_route *route = &world->nodes[index].routes[function].row[at];
        hash = draw_mix(hash * 3 + route->version);
        hash = draw_mix(hash * 3 + route->serving);
        hash = draw_mix(hash * 3 + route->weight);
    }
    return hash | 1;
}

/* All versions of the function itself count as one: they replace each other. */
void share_executed(struct world *world, uint32_t index, const struct slot *message, uint32_t version)
{
    const struct content *content = &message->content;
    struct execution *before = &world->ran[content->sequence];
    uint64_t conditions = share_conditions(world, index, content->function);
    version = version < ROUTE_VERSION_FIRST ? 1 : version;
    if (conditions != message->conditions) {
        return; /* They changed while it waited. */
    }
    if (before->conditions == conditions && before->version != version) {
        world_violation(world, "S16", "%c runs R%u on version %u, it ran on version %u before", 'a' + (int)index,
                        content->request, version, before->version);
    }
    *before = (struct execution){ conditions, version };
}
