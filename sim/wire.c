/* The connection between a node and the broker, and its misfortunes. Within one connection nothing overtakes (it is
 * TCP); what is on its way when the connection is cut may still arrive for a moment, or not: that moment is drawn.
 * A mute connection loses everything in silence until the core itself asks for a new one.
 *
 * The broker learns of a lost connection later than the node does: meanwhile it delivers into the void, and those
 * messages come back only after their ack wait. */
#include "sim/bounds.h"
#include "sim/history.h"
#include "sim/sweeper.h"
#include "sim/world.h"

#include "core/draw.h"

uint64_t wire_latency(struct world *world, struct link *link, uint32_t index)
{
    uint64_t typical = world->choices.latency_ns;
    uint64_t random = world_draw(world, index, PURPOSE_LATENCY, (uint64_t)link->connection << 32 | link->messages++);
    uint64_t latency = typical / 2 + draw_below(random, typical);
    if (draw_mix(random) % 256 == 0) {
        latency += draw_below(draw_mix(random + 1), 200 * MILLISECOND); /* a stall: all behind it wait too */
    }
    return world->now < world->slow_until_ns ? latency * 20 : latency;
}

bool wire_sends(const struct world *world, const struct link *link, uint32_t connection)
{
    if (world->broker_up_ns > world->now) {
        return false;
    }
    if (connection == link->connection) {
        return world->now <= link->sends_until_ns;
    }
    return connection == link->last_connection && world->now <= link->last_sends_until_ns;
}

void wire_send(struct world *world, uint32_t index, const struct effect *effect)
{
    struct link *link = &world->nodes[index].link;
    if (!link->told_up || effect->epoch != link->epoch) {
        return;
    }
    uint64_t at = world->now + wire_latency(world, link, index);
    at = at > link->sent_ns ? at : link->sent_ns;
    link->sent_ns = at;
    struct event *event = world_post_effect(world, at, index, effect);
    event->connection = link->connection;
    event->sent_ns = world->now;
    bounds_judge_message(world, event);
}

void wire_receive_late(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                       const struct content *content, uint64_t late_ns)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (connection != link->connection || connection == 0) {
        return;
    }
    uint64_t at = world->now + wire_latency(world, link, index);
    at = at > link->received_ns ? at : link->received_ns;
    link->received_ns = at;
    at += late_ns;
    /* The end of a pull is no answer to a request but a message of the consumer: those come once. */
    bool repeatable = input->answers != 0 && input->kind != INPUT_PULL_ENDED;
    uint32_t copies = repeatable && world_strikes(world, FAULT_DUPLICATE, index) ? 2 : 1;
    for (uint32_t copy = 0; copy < copies; copy++) {
        struct event *event = world_post_input(world, at, EVENT_FROM_BROKER, index, input, content);
        event->connection = connection;
        event->sent_ns = world->now;
        event->input.epoch = link->epoch;
        at += copy == 0 && copies == 2 ? world_draw_below(world, SECOND, index, PURPOSE_FAULT_HOW, link->messages) : 0;
    }
}

void wire_receive(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                  const struct content *content)
{
    wire_receive_late(world, index, connection, input, content, 0);
}

void wire_arrived(struct world *world, const struct event *event)
{
    struct link *link = &world->nodes[event->node].link;
    bool alive = event->connection == link->connection && link->told_up && world->now <= link->hears_until_ns;
    bool lost = !alive && !world_strikes(world, FAULT_STALE, event->node);
    history_message(world, event, lost);
    if (lost) {
        return;
    }
    struct input input = event->input;
    node_step(world, event->node, &input, &event->content);
}

/* -- down -- */

static uint64_t how_long(const struct world *world, uint32_t index, uint64_t which, uint64_t bound)
{
    return world_draw_below(world, bound, index, PURPOSE_RECONNECT + which, world->nodes[index].link.connection);
}

/* The broker stops to serve the connection, some time after it went; at once if it was mute for longer than that. */
static void wire_forgotten(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    uint64_t at = link->sends_until_ns + how_long(world, index, 1, 200 * MILLISECOND);
    struct event *event = world_post(world, at > world->now ? at : world->now, EVENT_CONNECTION_FORGOTTEN);
    event->connection = link->connection;
}

static void wire_break(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    if (link->up) {
        link->up = false;
        uint64_t moment = world->choices.latency_ns * 2;
        if (link->sends_until_ns == UINT64_MAX) {
            link->sends_until_ns = world->now + how_long(world, index, 2, moment);
        }
        if (link->hears_until_ns == UINT64_MAX) {
            link->hears_until_ns = world->now + how_long(world, index, 3, moment);
        }
        wire_forgotten(world, index);
    }
}

/* Lost, or an attempt that failed: either way there is none, and the core says when to try again. */
static void wire_tell_down(struct world *world, uint32_t index, uint64_t delay_ns)
{
    struct input input = { .kind = INPUT_LINK_DOWN, .epoch = world->nodes[index].link.epoch };
    world_post_input(world, world->now + delay_ns, EVENT_INPUT, index, &input, NULL);
}

void wire_cut(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (!link->up) {
        return;
    }
    story_event(world, "%c%u's connection %u is cut", 'a' + (int)index, node->incarnation, link->epoch);
    wire_break(world, index);
    wire_tell_down(world, index, how_long(world, index, 4, 50 * MILLISECOND));
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

void wire_mute(struct world *world, uint32_t index, bool sends, bool hears)
{
    struct link *link = &world->nodes[index].link;
    if (link->up && link->told_up) {
        link->sends_until_ns = sends ? sooner(link->sends_until_ns, world->now) : link->sends_until_ns;
        link->hears_until_ns = hears ? sooner(link->hears_until_ns, world->now) : link->hears_until_ns;
    }
}

void wire_part(struct world *world, uint32_t index, uint64_t until_ns)
{
    struct link *link = &world->nodes[index].link;
    if (link->told_up) {
        wire_mute(world, index, true, true);
    } else {
        wire_cut(world, index); /* It was about to come up. */
    }
    link->apart_until_ns = link->apart_until_ns > until_ns ? link->apart_until_ns : until_ns;
}

void wire_drop(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    wire_break(world, index);
    link->hears_until_ns = 0;
    link->told_up = false;
}

/* -- up -- */

void wire_connect_later(struct world *world, uint32_t index, uint64_t delay_ns)
{
    world_post_node(world, world->now + delay_ns, EVENT_CONNECT, index);
}

/* That the connection of now is up. */
static void wire_tell_up(struct world *world, uint32_t index, uint64_t delay_ns)
{
    struct input input = { .kind = INPUT_LINK_UP };
    struct event *event = world_post_input(world, world->now + delay_ns, EVENT_CONNECT_TOLD, index, &input, NULL);
    event->connection = world->nodes[index].link.connection;
}

void wire_connect(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (node->state == NODE_DOWN || link->up) {
        return;
    }
    if (world->broker_up_ns > world->now || link->apart_until_ns > world->now) {
        wire_tell_down(world, index, node->left_out ? SECOND : MILLISECOND);
        return;
    }
    link->last_connection = link->connection;
    link->last_sends_until_ns = link->sends_until_ns;
    link->connection = ++world->connections;
    link->replica = cluster_door(world, world_draw(world, index, PURPOSE_LEADER, link->connection));
    link->sends_until_ns = link->hears_until_ns = UINT64_MAX;
    link->sent_ns = link->received_ns = world->now;
    link->up = true;
    link->forgotten = 0;
    hearing_connected(world, index);
    wire_tell_up(world, index, wire_latency(world, link, index));
}

void wire_told(struct world *world, const struct event *event)
{
    struct link *link = &world->nodes[event->node].link;
    if (event->connection != link->connection || !link->up || link->told_up) {
        return;
    }
    struct input input = event->input;
    if (world_strikes(world, FAULT_PROVISION_FAIL, event->node)) {
        input.kind = INPUT_LINK_REFUSED;
        input.epoch = link->epoch + 1;
        node_step(world, event->node, &input, NULL);
        return;
    }
    operator_mend_age(world);
    input.epoch = ++link->epoch;
    link->told_up = true;
    node_step(world, event->node, &input, NULL);
    sweeper_connected(world, event->node);
    records_heard(world, event->node);
    wire_clock(world, event->node);
}

void wire_provision(struct world *world, uint32_t index, uint64_t delay_ns)
{
    wire_tell_up(world, index, delay_ns);
}

/* A bracketed sample of the broker's clock: how wide it is depends on the round trip. */
void wire_clock(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (!link->told_up || world->broker_up_ns > world->now || world->now > link->hears_until_ns ||
        node->paused_until_ns > world->now) {
        return;
    }
    int64_t offset = broker_wall(world) - (int64_t)node_clock(world, node);
    struct input input = { .kind = INPUT_CLOCK };
    input.epoch = link->epoch;
    input.as.clock.offset_ns_min = offset - (int64_t)wire_latency(world, link, index);
    input.as.clock.offset_ns_max = offset + (int64_t)wire_latency(world, link, index);
    node_step(world, index, &input, NULL);
}

void wire_heartbeat(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    if (link->up && link->told_up && world->now <= link->hears_until_ns && jet_waits(&world->jet, link->connection)) {
        struct input input = { .kind = INPUT_HEARD };
        wire_receive(world, index, link->connection, &input, NULL);
    }
}
