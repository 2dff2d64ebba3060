/* The clocks of the instances. A monotonic clock begins anywhere at each boot, never goes back, and may run fast or
 * slow; how fast changes now and then. A wall clock is what people set it to: wrong from the start, drifting, jumping,
 * and repeating a second when one is inserted. Only the broker's wall clock is compared with anything, by a sample.
 *
 * Rates are up to one in a hundred: a hundred times what a quartz does, so that what depends on it shows in minutes. */
#include "sim/world.h"

enum { MILLION = 1000000, RATE_PPM_MAX = 10000, SKEW_SECONDS_MAX = 100000 };

static int64_t scaled(uint64_t elapsed_ns, int32_t ppm)
{
    if (ppm == 0) {
        return 0; /* in most worlds all clocks run alike, and each step looks at them four times */
    }
    return (int64_t)(elapsed_ns / MILLION) * ppm + (int64_t)(elapsed_ns % MILLION) * ppm / MILLION;
}

static int32_t rate_of(uint64_t random)
{
    return (int32_t)draw_below(random, 2 * RATE_PPM_MAX + 1) - RATE_PPM_MAX;
}

uint64_t node_clock(const struct world *world, const struct node *node)
{
    const struct clocks *clocks = &node->clocks;
    uint64_t elapsed = world->now - clocks->since_ns;
    return clocks->base_ns + (uint64_t)((int64_t)elapsed + scaled(elapsed, clocks->rate_ppm));
}

uint64_t node_moment(const struct world *world, const struct node *node, uint64_t clock_ns)
{
    uint64_t clock = node_clock(world, node);
    if (clock_ns <= clock || node->clocks.rate_ppm == 0) {
        return world->now + (clock_ns > clock ? clock_ns - clock : 0);
    }
    uint64_t rate = (uint64_t)((int64_t)MILLION + node->clocks.rate_ppm), left = clock_ns - clock;
    return world->now + left / rate * MILLION + (left % rate * MILLION + rate - 1) / rate + 1;
}

int64_t node_wall(const struct world *world, const struct node *node)
{
    return world->began_wall_ns + (int64_t)world->now + node->clocks.wall_offset_ns +
           scaled(world->now - node->clocks.wall_since_ns, node->clocks.wall_ppm);
}

static bool walls_move(const struct world *world)
{
    return !world->options.wall_jumps_never;
}

/* A new process: its monotonic clock starts anew, the machine's wall clock goes on. */
void clock_boot(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct clocks *clocks = &node->clocks;
    clocks->since_ns = world->now;
    clocks->base_ns = 1 + world_draw_below(world, MILLION * SECOND, index, PURPOSE_BOOT, node->incarnation);
    if (world_strikes(world, FAULT_WALL_SKEW, index) && walls_move(world)) {
        uint64_t random = world_draw(world, index, PURPOSE_WALL, node->incarnation);
        int64_t skew = (int64_t)draw_below(random, 2 * SKEW_SECONDS_MAX) - SKEW_SECONDS_MAX;
        clocks->wall_offset_ns += skew * (int64_t)SECOND;
    }
}

void clock_set_rate(struct world *world, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    node->clocks.base_ns = node_clock(world, node);
    node->clocks.since_ns = world->now;
    node->clocks.rate_ppm = rate_of(random);
    if (node->state != NODE_DOWN) {
        node_arm(world, index);
    }
}

void clock_set_wall_rate(struct world *world, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    if (walls_move(world)) {
        clock_jump_wall(world, index, scaled(world->now - node->clocks.wall_since_ns, node->clocks.wall_ppm));
        node->clocks.wall_since_ns = world->now;
        node->clocks.wall_ppm = rate_of(random);
    }
}

void clock_jump_wall(struct world *world, uint32_t index, int64_t by_ns)
{
    if (walls_move(world)) {
        world->nodes[index].clocks.wall_offset_ns += by_ns;
    }
}

/* A second is inserted: every clock that is set by the same source shows one second twice. */
void clock_leap(struct world *world)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        clock_jump_wall(world, index, -(int64_t)SECOND);
    }
    broker_wall_set(world, -(int64_t)SECOND);
}

/* -- the broker's -- */

void clock_begin(struct world *world, int64_t wall_ns)
{
    world->began_wall_ns = wall_ns - (int64_t)world->now;
    broker_wall_set(world, 0);
}

int64_t broker_wall(const struct world *world)
{
    return world->began_wall_ns + (int64_t)world->now + world->broker_offset_ns;
}

void broker_wall_set(struct world *world, int64_t by_ns)
{
    world->broker_offset_ns += by_ns;
    world->jet.wall_ahead_ns = broker_wall(world) - (int64_t)world->now;
}

void broker_wall_step(struct world *world, int64_t to_ns)
{
    broker_wall_set(world, to_ns - world->broker_offset_ns);
}
