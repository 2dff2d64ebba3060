/* The heal: from now on nothing new goes wrong, and what is broken is mended. Nodes start, and every function is there
 * in a version that builds. A connection that is mute, or whose pulls the broker forgot, stays so until the core itself
 * asks for another one.
 *
 * In some worlds only a part of the instances is mended (L9): the others stay dead, cut off or stopped for ever, and
 * one of three servers stays dead; the part must become quiet all the same. A function whose language no instance of
 * that part serves can't end its requests. That is the one thing that is excused, and only as long as they wait in the
 * queue where they can be seen. */
#include "sim/bounds.h"
#include "sim/history.h"
#include "sim/world.h"

#include <string.h>

static void heal_functions(struct world *world)
{
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        struct function *function = &world->functions[number];
        bool stale = function->removed || function->build_fails || function->closing != CLOSING_OPEN ||
                     function->route_versions != 0 || function->paused || world->records.object_lost[number];
        function->back_ns = function->removed ? world->now : function->back_ns;
        function->removed = false;
        function->paused = false;
        function->closing = CLOSING_OPEN;
        memset(function->routes, 0, sizeof function->routes);
        if (stale) {
            operator_deploy(world, number, true);
        }
    }
}

static void heal_node(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    node->paused_until_ns = 0;
    node->link.apart_until_ns = 0;
}

static void leave_out(struct world *world, uint32_t index, uint64_t random)
{
    enum { STAYS_DEAD, STAYS_APART, STAYS_STOPPED, FATES };
    struct node *node = &world->nodes[index];
    static const char *const fates[] = { "dead", "cut off", "stopped" };
    uint64_t fate = draw_below(random, FATES);
    node->left_out = true;
    story_event(world, "%c%u stays %s", 'a' + (int)index, node->incarnation, fates[fate]);
    world->report->left_out++;
    if (fate == STAYS_DEAD) {
        if (node->state != NODE_DOWN) {
            node_crash(world, index);
        }
    } else if (fate == STAYS_APART) {
        node->paused_until_ns = 0;
        wire_part(world, index, UINT64_MAX);
    } else {
        node->paused_until_ns = UINT64_MAX;
        client_node_gone(world, index); /* who waits there waits for ever */
    }
}

static void heal_nodes(struct world *world)
{
    uint64_t part = world->options.heal_whole ? 0 : world->choices.fault[FAULT_HEAL_PART];
    uint32_t sure = (uint32_t)draw_below(draw_mix(part), world->choices.nodes);
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        uint64_t random = draw_mix(part + 1 + index);
        if (part != 0 && index != sure && (random & 1) != 0) {
            leave_out(world, index, draw_mix(random));
        } else {
            heal_node(world, index);
        }
    }
    world->report->faults[FAULT_HEAL_PART] += part != 0;
    cluster_heal(world, part);
}

bool heal_serves(const struct world *world, uint32_t function)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        if (!world->nodes[index].left_out && !served_elsewhere(world, index, function)) {
            return true;
        }
    }
    return false;
}

void fault_heal(struct world *world)
{
    world->healed = true;
    world->healed_ns = world->now;
    world->slow_until_ns = world->storage_until_ns = 0;
    memset(world->jet.full_until_ns, 0, sizeof world->jet.full_until_ns);
    story_event(world, "all heals");
    history_healed(world);
    operator_mend_age(world);
    heal_functions(world);
    heal_nodes(world);
    world->ended_by_ns = world->now + bounds_quiet_ns(world);
    story_event(world, "requests must have ended within %llu s",
                (unsigned long long)((world->ended_by_ns - world->now) / SECOND));
}
