/* A client that is not ours, and may publish where only Stead should: it refuses deliveries, once or in a storm, and
 * acknowledges some. The subject of an ack can be guessed: nothing in it is secret, and the broker asks nobody who he
 * is. What it takes from the queue by that is judged in taken.c.
 *
 * A storm is one entry of a schedule; its refusals come by EVENT_STEP until the message is gone or all heals. */
#include "sim/world.h"

enum { NAKS_MAX = 200, ANY_OF = 8 };

static bool runs_somewhere(const struct world *world, uint64_t sequence)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct node *node = &world->nodes[index];
        uint32_t slot = node->state == NODE_DOWN ? 0 : node->held[sequence];
        if (slot != 0 && node->slots[slot].executed) {
            return true;
        }
    }
    return false;
}

/* Mostly a message that runs, the first one from a drawn place on; now and then anything that was ever stored. */
static uint64_t pick(const struct world *world, uint64_t random)
{
    uint64_t last = world->jet.last_sequence;
    uint64_t from = last == 0 ? 0 : draw_below(draw_mix(random + 1), last);
    if (draw_below(draw_mix(random + 2), ANY_OF) == 0) {
        return from;
    }
    for (uint64_t at = 0; at < last; at++) {
        uint64_t sequence = 1 + (from + at) % last;
        if (jet_message(&world->jet, sequence)->state == MESSAGE_PENDING && runs_somewhere(world, sequence)) {
            return sequence;
        }
    }
    return from;
}

/* Whether the broker takes what is published there. */
static bool heard(const struct world *world, uint64_t sequence)
{
    const struct message *message = jet_message(&world->jet, sequence);
    return message != NULL && world->broker_up_ns <= world->now &&
           cluster_asked(world, (enum group)(GROUP_CONSUMERS + message->content.function)) == CLUSTER_SERVES;
}

void stranger_acks(struct world *world, uint64_t random)
{
    uint64_t sequence = pick(world, random);
    if (heard(world, sequence)) {
        story_event(world, "a stranger acks #%llu", (unsigned long long)sequence);
        jet_acknowledge_forged(&world->jet, world->now, sequence);
    }
}

/* The draw of the next one carries how many are left, below. */
static void step_later(struct world *world, uint64_t sequence, uint64_t random, uint64_t left)
{
    uint64_t apart = draw_below(draw_mix(random), 40 * MILLISECOND);
    struct event *event = world_post(world, world->now + apart, EVENT_STEP);
    event->how = (uint8_t)FAULT_NAKS_FORGED;
    event->number = (uint32_t)sequence;
    event->random = (draw_mix(random) / (NAKS_MAX + 1)) * (NAKS_MAX + 1) + left;
}

void stranger_naks(struct world *world, uint64_t random)
{
    uint64_t sequence = pick(world, random);
    uint64_t naks = (random & 1) != 0 ? 1 : 1 + draw_below(draw_mix(random + 3), NAKS_MAX);
    story_event(world, "a stranger refuses #%llu, %llu times", (unsigned long long)sequence, (unsigned long long)naks);
    step_later(world, sequence, random, naks);
}

void stranger_step(struct world *world, const struct event *event)
{
    uint64_t sequence = event->number, left = event->random % (NAKS_MAX + 1);
    uint64_t delay = draw_below(event->random, 8) == 0 ? draw_below(draw_mix(event->random), 3 * SECOND) : 0;
    if (heard(world, sequence)) {
        jet_hand_back(&world->jet, world->now, sequence, delay);
    }
    const struct message *message = jet_message(&world->jet, sequence);
    if (left > 1 && message != NULL && message->state != MESSAGE_GONE) {
        step_later(world, sequence, event->random, left - 1);
    }
}
