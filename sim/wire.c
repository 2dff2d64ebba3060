/* The connection between a node and the broker, and its misfortunes. Within one connection nothing overtakes (it is
 * TCP); what is on its way when the connection is cut may still arrive for a moment, or not: that moment is drawn.
 * A mute connection loses everything in silence until the core itself asks for a new one.
 *
 * The broker learns of a lost connection later than the node does: meanwhile it delivers into the void, and those
 * messages come back only after their ack wait. */
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
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (!link->told_up || effect->epoch != link->epoch) {
        return;
    }
    uint64_t at = world->now + wire_latency(world, link, index);
    at = at > link->sent_ns ? at : link->sent_ns;
    link->sent_ns = at;
    struct event *event = world_post_node(world, at, EVENT_TO_BROKER, index);
    event->connection = link->connection;
    event->effect = *effect;
    if (effect->blob.slot != 0) {
        event->content = node->slots[effect->blob.slot].content;
    }
    if (effect->second.slot != 0) {
        event->second = node->slots[effect->second.slot].content.payload;
    }
}

void wire_receive(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                  const struct content *content)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (connection != link->connection || connection == 0) {
        return;
    }
    uint64_t at = world->now + wire_latency(world, link, index);
    at = at > link->received_ns ? at : link->received_ns;
    link->received_ns = at;
    /* The end of a pull is no answer to a request but a message of the consumer: those come once. */
    bool repeatable = input->answers != 0 && input->kind != INPUT_PULL_ENDED;
    uint32_t copies = repeatable && world_strikes(world, FAULT_DUPLICATE, index) ? 2 : 1;
    for (uint32_t copy = 0; copy < copies; copy++) {
        struct event *event = world_post_node(world, at, EVENT_FROM_BROKER, index);
        event->connection = connection;
        event->input = *input;
        event->input.epoch = link->epoch;
        if (content != NULL) {
            event->content = *content;
        }
        at += copy == 0 && copies == 2 ? world_draw_below(world, SECOND, index, PURPOSE_FAULT_HOW, link->messages) : 0;
    }
}

void wire_arrived(struct world *world, const struct event *event)
{
    struct link *link = &world->nodes[event->node].link;
    bool alive = event->connection == link->connection && link->told_up && world->now <= link->hears_until_ns;
    if (!alive && !world_strikes(world, FAULT_STALE, event->node)) {
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

/* The broker stops to serve the connection, some time after it went. */
static void wire_forgotten(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    uint64_t at = link->sends_until_ns + how_long(world, index, 1, 200 * MILLISECOND);
    struct event *event = world_post(world, at, EVENT_CONNECTION_FORGOTTEN);
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
            link->hears_until_ns = world->now + how_long(world, index, 3, moment);
        }
        wire_forgotten(world, index);
    }
}

/* What was said of the connection reaches the core in order: LINK_UP may still be on its way. */
void wire_cut(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (!link->up) {
        return;
    }
    story_event(world, "%c%u's connection %u is cut", 'a' + (int)index, node->incarnation, link->epoch);
    wire_break(world, index);
    if (link->told_up) {
        struct event *event =
            world_post_node(world, world->now + how_long(world, index, 4, 50 * MILLISECOND), EVENT_INPUT, index);
        event->input.kind = INPUT_LINK_DOWN;
        event->input.epoch = link->epoch;
    }
    uint64_t wait = world->healed ? 100 * MILLISECOND : how_long(world, index, 5, 3 * SECOND);
    wire_connect_later(world, index, 51 * MILLISECOND + wait);
}

void wire_mute(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    if (link->up && link->told_up) {
        link->sends_until_ns = world->now;
        link->hears_until_ns = world->now;
    }
}

void wire_drop(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    wire_break(world, index);
    link->hears_until_ns = 0;
    link->told_up = false;
    link->connecting = false;
}

/* -- up -- */

void wire_connect_later(struct world *world, uint32_t index, uint64_t delay_ns)
{
    world->nodes[index].link.connecting = true;
    world_post_node(world, world->now + delay_ns, EVENT_CONNECT, index);
}

void wire_connect(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (node->state == NODE_DOWN || link->up) {
        return;
    }
    if (world->broker_up_ns > world->now || link->told_up) {
        wire_connect_later(world, index, 100 * MILLISECOND);
        return;
    }
    link->last_connection = link->connection;
    link->last_sends_until_ns = link->sends_until_ns;
    link->connection = ++world->connections;
    link->sends_until_ns = link->hears_until_ns = UINT64_MAX;
    link->sent_ns = link->received_ns = world->now;
    link->up = true;
    link->connecting = false;
    struct event *event =
        world_post_node(world, world->now + wire_latency(world, link, index), EVENT_CONNECT_TOLD, index);
    event->connection = link->connection;
    event->input.kind = INPUT_LINK_UP;
}

void wire_told(struct world *world, const struct event *event)
{
    struct link *link = &world->nodes[event->node].link;
    if (event->connection != link->connection || !link->up) {
        return;
    }
    struct input input = event->input;
    input.epoch = ++link->epoch;
    link->told_up = true;
    node_step(world, event->node, &input, NULL);
    wire_clock(world, event->node);
}

/* A bracketed sample of the broker's clock: how wide it is depends on the round trip. */
void wire_clock(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct link *link = &node->link;
    if (!link->told_up || world->broker_up_ns > world->now || world->now > link->hears_until_ns) {
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
