/* Three servers that keep every stream, bucket and consumer three times. Each of these is a group with a leader of its
 * own, which answers for it. A group without a leader says nothing for a while and then "no responders", until one is
 * elected. Private to sim/. */
#ifndef STEAD_SIM_CLUSTER_H
#define STEAD_SIM_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

enum { REPLICAS = 3, GROUP_CONSUMERS = 5, GROUPS = GROUP_CONSUMERS + 65 };
enum group { GROUP_REQUESTS, GROUP_RESULTS, GROUP_DEAD, GROUP_LEDGER, GROUP_RECORDS, GROUP_NONE = GROUPS };

struct group_leader {
    uint64_t away_until_ns, silent_until_ns; /* nobody answers until then; in silence until then */
    uint8_t replica;
};

struct cluster {
    struct group_leader groups[GROUPS]; /* after GROUP_CONSUMERS: the consumer of each function */
    uint64_t up_ns[REPLICAS];           /* it is there from then on */
    uint64_t calm_ns;                   /* from then on every group has a leader */
    uint64_t changes;                   /* counter for draws */
};

enum cluster_answer { CLUSTER_SERVES, CLUSTER_SILENT, CLUSTER_NOBODY };

struct world;
struct event;

void cluster_begin(struct world *world);
enum cluster_answer cluster_asked(const struct world *world, enum group group);
/* Which server a new connection goes to; one that is there. */
uint32_t cluster_door(const struct world *world, uint64_t random);
void cluster_kill(struct world *world, uint32_t replica, uint64_t random);
void cluster_end(struct world *world, uint32_t replica, uint64_t random); /* SIGTERM */
void cluster_step_down(struct world *world, uint64_t random);
void cluster_lose_quorum(struct world *world, uint64_t random);
void cluster_elected(struct world *world, const struct event *event);
/* All servers come back; all but one if `part` is not 0. */
void cluster_heal(struct world *world, uint64_t part);

#endif
