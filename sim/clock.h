/* The clocks of an instance: one that only runs, and one that tells the time of day; and the broker's time of day.
 * Private to sim/. */
#ifndef STEAD_SIM_CLOCK_H
#define STEAD_SIM_CLOCK_H

#include <stdint.h>

struct world;
struct node;

/* Of an instance: monotonic since `since_ns`, and the machine's wall clock. */
struct clocks {
    uint64_t base_ns, since_ns, wall_since_ns;
    int64_t wall_offset_ns;
    int32_t rate_ppm, wall_ppm;
};

uint64_t node_clock(const struct world *world, const struct node *node);
/* The first moment at which its clock shows that much or more. */
uint64_t node_moment(const struct world *world, const struct node *node, uint64_t clock_ns);
int64_t node_wall(const struct world *world, const struct node *node);
void clock_boot(struct world *world, uint32_t index);
void clock_set_rate(struct world *world, uint32_t index, uint64_t random);
void clock_set_wall_rate(struct world *world, uint32_t index, uint64_t random);
void clock_jump_wall(struct world *world, uint32_t index, int64_t by_ns);
void clock_leap(struct world *world);

/* The right time of day, from now on. */
void clock_begin(struct world *world, int64_t wall_ns);
/* The broker's, which may be another. */
int64_t broker_wall(const struct world *world);
void broker_wall_set(struct world *world, int64_t by_ns);  /* forward or back */
void broker_wall_step(struct world *world, int64_t to_ns); /* so far from the right time */

#endif
