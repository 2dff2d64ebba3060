/* What the broker sends by itself: messages, ends of pulls, and nothing at all once it is killed. */
#include "sim/planted.h"
#include "sim/taken.h"
#include "sim/world.h"

#include <string.h>

/* "No responders" reaches a client library, which does not always say which request it was: nats.c 3.4.1 never does for
 * a sync subscription. */
bool far_end_keeps_silent(const struct world *world, uint64_t operation)
{
    return (world_draw(world, operation, PURPOSE_STATUS, 0) & 1) != 0;
}

static void deliver(void *owner, const struct pull *pull, const struct message *message)
{
    struct world *world = owner;
    struct input input;
    memset(&input, 0, sizeof(input));
    const struct content *content = &message->content;
    input.kind = INPUT_DELIVERY;
    input.about.bits = pull->handle;
    input.code = content->invalid;
    input.as.delivery.request = world->requests[content->request].key;
    input.as.delivery.digest = content->digest;
    input.as.delivery.sequence = message->sequence;
    input.as.delivery.size = 1;
    input.as.delivery.stored_ns = message->stored_wall_ns;
    input.as.delivery.budget_ns = content->budget_ns;
    input.as.delivery.delivered = message->delivered;
    input.as.delivery.pending = world->jet.messages_live & 0x7fff;
    input.as.delivery.alias = world->requests[content->request].alias;
    bool believed = content->misleads && WORLD_MUTANT(world, REPLY_TO_BELIEVED);
    bool to_another = content->gateway != 0 && content->gateway != world->nodes[pull->node].incarnation;
    input.as.delivery.has_reply_to = to_another || believed;
    fair_delivered(world, pull->function, pull->node);
    wire_receive(world, pull->node, pull->connection, &input, content);
}

void far_end_pull_ended(void *owner, const struct pull *pull, uint16_t code)
{
    struct world *world = owner;
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = INPUT_PULL_ENDED;
    input.answers = pull->operation;
    input.about.bits = pull->handle;
    input.code = code == JET_LEADER_CHANGED ? 0 : code; /* as the adapter has it: the consumer is still there */
    /* Only 408 says how many are missing, of the others some do. */
    bool says = code == JET_EXPIRED || (world_draw(world, pull->operation, PURPOSE_STATUS, 1) & 1) != 0;
    input.as.pull.unfilled = says ? pull->remaining : UINT32_MAX;
    if (code == JET_NO_RESPONDERS && far_end_keeps_silent(world, pull->operation)) {
        return;
    }
    fair_disturbed(world, pull->function);
    wire_receive(world, pull->node, pull->connection, &input, NULL);
}

static void arm(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    struct world *world = owner;
    struct event *event = world_post(world, at_ns > world->now ? at_ns : world->now, EVENT_BROKER_DUE);
    event->how = (uint8_t)timer;
    event->number = number;
    event->stamp = stamp;
}

void far_end_hooks(struct world *world, struct jet_hooks *ret_hooks)
{
    *ret_hooks = (struct jet_hooks){ .owner = world, .deliver = deliver, .ended = far_end_pull_ended, .arm = arm };
    ret_hooks->taken = taken_note;
}

/* The adapters' notes by sequence; those that are given out again are of other messages then. */
static void sequences_lost(struct world *world, uint64_t last)
{
    for (uint64_t sequence = world->jet.last_sequence + 1; sequence <= last; sequence++) {
        world->ran[sequence] = (struct execution){ 0 };
        for (uint32_t index = 0; index < world->choices.nodes; index++) {
            world->nodes[index].held[sequence] = 0;
        }
    }
}

/* All connections go with the server; while it is away nothing arrives and nobody connects. */
static void broker_away(struct world *world, uint64_t away_ns)
{
    world->broker_up_ns = world->now + away_ns;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        wire_cut(world, index);
    }
}

void far_end_lose_power(struct world *world)
{
    uint64_t away = SECOND + world_draw_below(world, 8 * SECOND, 1, PURPOSE_FAULT_HOW, world->jet.kills);
    records_lose_power(world, world_draw(world, 2, PURPOSE_FAULT_HOW, world->jet.kills));
    uint64_t last = jet_lose_power(&world->jet, world->now);
    story_event(world, "the power is lost: of %llu messages %llu are on the disk", (unsigned long long)last,
                (unsigned long long)world->jet.last_sequence);
    sequences_lost(world, last);
    broker_away(world, away);
}

void far_end_kill(struct world *world)
{
    uint64_t away = 30 * MILLISECOND + world_draw_below(world, 4 * SECOND, 0, PURPOSE_FAULT_HOW, world->jet.kills);
    jet_kill(&world->jet, world->now);
    broker_away(world, away);
}

/* What is published until it is there again is not heard. */
void far_end_end(struct world *world)
{
    uint64_t away = 30 * MILLISECOND + world_draw_below(world, 2 * SECOND, 3, PURPOSE_FAULT_HOW, world->jet.kills);
    jet_end(&world->jet, world->now);
    broker_away(world, away);
}
