/* Leaders of groups, as three nodes of nats-server 2.10.27 were seen to behave (five rounds each).
 *
 * kill -9 of a leader: one time-out at most, then "no responders", 4.6 to 7.5 s in all. A leader that steps down or is
 * ended by SIGTERM: 0.3 to 1.4 s. Two of three killed: time-outs for 11 s, then "no responders"; after one is back,
 * 0.4 to 3.7 s more. Consumers have leaders of their own, and keep counts and clocks of deliveries over all this;
 * waiting pulls are lost, some with a 409. No message that was confirmed was lost. What arrived while nobody answered
 * may be stored nevertheless: the old leader had passed it on. */
#include "sim/world.h"

static uint64_t between(uint64_t random, uint64_t low_ms, uint64_t high_ms)
{
    return low_ms * MILLISECOND + draw_below(random, (high_ms - low_ms) * MILLISECOND);
}

void cluster_begin(struct world *world)
{
    for (uint32_t group = 0; group < GROUPS; group++) {
        uint64_t random = world_draw(world, group, PURPOSE_LEADER, 0);
        world->cluster.groups[group].replica = (uint8_t)draw_below(random, REPLICAS);
    }
}

enum cluster_answer cluster_asked(const struct world *world, enum group group)
{
    if (world->now >= world->cluster.calm_ns || group == GROUP_NONE) {
        return CLUSTER_SERVES;
    }
    const struct group_leader *leader = &world->cluster.groups[group];
    if (world->now >= leader->away_until_ns) {
        return CLUSTER_SERVES;
    }
    return world->now < leader->silent_until_ns ? CLUSTER_SILENT : CLUSTER_NOBODY;
}

static bool is_up(const struct world *world, uint32_t replica)
{
    return world->cluster.up_ns[replica] <= world->now;
}

uint32_t cluster_door(const struct world *world, uint64_t random)
{
    uint32_t replica = (uint32_t)draw_below(random, REPLICAS);
    for (uint32_t tries = 0; tries < REPLICAS && !is_up(world, replica); tries++) {
        replica = (replica + 1) % REPLICAS;
    }
    return replica;
}

/* The group has no leader for so long; whoever is up leads it then. */
static void leader_away(struct world *world, uint32_t group, uint64_t away_ns, uint64_t silent_ns, uint64_t random)
{
    struct cluster *cluster = &world->cluster;
    struct group_leader *leader = &cluster->groups[group];
    uint64_t until = world->now + away_ns;
    if (leader->away_until_ns >= until) {
        return;
    }
    leader->away_until_ns = until;
    leader->silent_until_ns = world->now + (silent_ns < away_ns ? silent_ns : away_ns);
    leader->replica = (uint8_t)cluster_door(world, draw_mix(random + 1));
    cluster->calm_ns = cluster->calm_ns > until ? cluster->calm_ns : until;
    if (group >= GROUP_CONSUMERS && group - GROUP_CONSUMERS < world->choices.functions) {
        jet_consumer_leave(&world->jet, group - GROUP_CONSUMERS, (random & 1) != 0 ? JET_LEADER_CHANGED : 0);
        world_post(world, until, EVENT_ELECTED)->number = group;
    }
}

void cluster_elected(struct world *world, const struct event *event)
{
    if (world->cluster.groups[event->number].away_until_ns <= world->now) {
        jet_consumer_return(&world->jet, world->now, event->number - GROUP_CONSUMERS);
    }
}

static void replica_down(struct world *world, uint32_t replica, uint64_t for_ns)
{
    world->cluster.up_ns[replica] = world->now + for_ns;
    story_event(world, "server %u is down, for %llu ms", replica, (unsigned long long)(for_ns / MILLISECOND));
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        if (world->nodes[index].link.replica == replica) {
            wire_cut(world, index);
        }
    }
}

/* When two are there again, if they are not. */
static uint64_t quorum_ns(const struct world *world)
{
    const uint64_t *up = world->cluster.up_ns;
    uint64_t low = up[0] < up[1] ? up[0] : up[1], high = up[0] < up[1] ? up[1] : up[0];
    return up[2] < low ? low : up[2] < high ? up[2] : high;
}

static void quorum_settle(struct world *world, uint64_t random)
{
    uint64_t quorum = quorum_ns(world);
    if (quorum <= world->now) {
        return;
    }
    story_event(world, "there is no quorum");
    for (uint32_t group = 0; group < GROUPS; group++) {
        uint64_t more = between(draw_mix(random + group), 400, 3700);
        leader_away(world, group, quorum - world->now + more, 11 * SECOND, draw_mix(random + 50 + group));
    }
}

/* How long a group is without a leader, and how much of that passes in silence. */
struct absence {
    uint64_t low_ms, high_ms, silent_ms_max;
};

static void cluster_lose(struct world *world, uint32_t replica, uint64_t random, const struct absence *absence)
{
    if (!is_up(world, replica)) {
        return;
    }
    replica_down(world, replica, between(draw_mix(random + 1), 30, 8000));
    for (uint32_t group = 0; group < GROUPS; group++) {
        uint64_t mine = draw_mix(random + 10 + group);
        if (world->cluster.groups[group].replica == replica) {
            leader_away(world, group, between(mine, absence->low_ms, absence->high_ms),
                        between(draw_mix(mine), 0, absence->silent_ms_max), draw_mix(mine + 1));
        }
    }
    quorum_settle(world, random);
}

void cluster_kill(struct world *world, uint32_t replica, uint64_t random)
{
    cluster_lose(world, replica, random, &(struct absence){ 4600, 7500, 1000 });
}

void cluster_end(struct world *world, uint32_t replica, uint64_t random)
{
    cluster_lose(world, replica, random, &(struct absence){ 300, 1400, 300 });
}

void cluster_step_down(struct world *world, uint64_t random)
{
    for (uint32_t group = 0; group < GROUPS; group++) {
        uint64_t mine = draw_mix(random + group);
        if ((mine & 3) == 0) {
            leader_away(world, group, between(draw_mix(mine), 300, 1400), between(draw_mix(mine + 1), 0, 300),
                        draw_mix(mine + 2));
        }
    }
}

void cluster_lose_quorum(struct world *world, uint64_t random)
{
    uint32_t spared = (uint32_t)draw_below(random, REPLICAS);
    for (uint32_t replica = 0; replica < REPLICAS; replica++) {
        if (replica != spared) {
            replica_down(world, replica, between(draw_mix(random + 1 + replica), 1000, 20000));
        }
    }
    quorum_settle(world, random);
}

void cluster_heal(struct world *world, uint64_t part)
{
    for (uint32_t replica = 0; replica < REPLICAS; replica++) {
        world->cluster.up_ns[replica] = is_up(world, replica) ? world->cluster.up_ns[replica] : world->now;
    }
    if (part != 0 && world->choices.jet.replicas == REPLICAS) {
        uint32_t replica = (uint32_t)draw_below(draw_mix(part + 9), REPLICAS);
        cluster_kill(world, replica, draw_mix(part + 10));
        world->cluster.up_ns[replica] = UINT64_MAX;
    }
}
