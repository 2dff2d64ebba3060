/* The sweeper's surroundings: the lease at the broker, what instances see of queues, and functions that are paused or
 * served by nobody.
 *
 * A lease is a record that is gone when it was not written for its time to live, up to a second late. Once a second
 * each instance is told what the broker counts, and who holds the lease also which other instances take from a
 * queue; that is as old as their last word. Who is cut off says nothing and is told nothing. */
#include "sim/planted.h"
#include "sim/sweeper.h"

#include <string.h>

enum { TAKERS_STALE_SECONDS = 5 };

bool nobody_deployed(const struct world *world, uint32_t function)
{
    return world->options.fork == NULL && function != 0 && function < FUNCTIONS_MAX &&
           world->choices.fault[FAULT_UNDEPLOYED] != 0 &&
           world_draw_below(world, 4, function, PURPOSE_ELSEWHERE, UINT32_MAX) == 0;
}

/* -- the lease ----------------------------------------------------------------------------------------------------- */

static bool lease_lives(const struct world *world)
{
    const struct lease_record *lease = &world->lease;
    uint64_t late = world_draw_below(world, SECOND, 0, PURPOSE_LEASE, lease->revision);
    for (uint32_t index = 0; WORLD_MUTANT(world, LEASE_KEPT) && index < world->choices.nodes; index++) {
        const struct node *node = &world->nodes[index];
        bool gone = node->paused_until_ns > world->now || node->link.apart_until_ns > world->now;
        late = gone && node->incarnation == lease->holder ? UINT64_MAX / 2 : late; /* L9 */
    }
    return lease->revision != 0 && world->now < lease->written_ns + world->choices.settings.lease_ns + late;
}

static void lease_answer(struct world *world, const struct event *event, uint64_t revision)
{
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = INPUT_LEASE;
    input.answers = event->effect.operation;
    input.outcome = revision == 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
    input.as.lease.revision = revision;
    if (world_strikes(world, FAULT_REPLY_LOST, event->node)) {
        input.outcome = OUTCOME_UNKNOWN; /* its time is over */
    }
    wire_receive(world, event->node, event->connection, &input, NULL);
}

void sweeper_arrived(struct world *world, const struct event *event)
{
    struct lease_record *lease = &world->lease;
    uint64_t expected = event->effect.reference, last = lease_lives(world) ? lease->revision : 0;
    if (event->effect.kind == EFFECT_LEASE_DROP) {
        lease->revision = last == expected ? 0 : lease->revision;
        return;
    }
    if (expected != last) {
        lease_answer(world, event, 0);
        return;
    }
    world->lease_holders += lease->holder != world->nodes[event->node].incarnation;
    *lease = (struct lease_record){ ++world->lease_revisions, world->now, world->nodes[event->node].incarnation };
    lease_answer(world, event, lease->revision);
}

/* -- what instances see -------------------------------------------------------------------------------------------- */

static bool takes(const struct world *world, uint32_t index, uint32_t function)
{
    struct core_queue queue;
    const struct node *node = &world->nodes[index];
    bool seen = world->now < node->seen_ns + TAKERS_STALE_SECONDS * SECOND;
    return seen && core_queue(node->core, world->functions[function].name, &queue) && queue.takes;
}

static uint32_t takers_of(const struct world *world, uint32_t index, uint32_t function)
{
    uint32_t takers = 0;
    for (uint32_t other = 0; other < world->choices.nodes; other++) {
        takers += other != index && takes(world, other, function);
    }
    return takers;
}

/* One of a later version keeps all that it has, however full it is, and nobody asks it. */
static bool drops(const struct world *world)
{
    return world->choices.jet.profile == JET_2_9;
}

/* The doors are to fill seven eighths of it. */
static struct input stream_seen(struct world *world, uint32_t index)
{
    const struct jet *jet = &world->jet;
    struct node *node = &world->nodes[index];
    node->looked_ns = world->now;
    node->born_ns = node->born == node->incarnation ? node->born_ns : world->now;
    node->born = node->incarnation;
    struct input input = { .kind = INPUT_STREAM, .epoch = world->nodes[index].link.epoch };
    input.as.stream.sequence = jet->last_sequence;
    input.as.stream.messages = jet->messages_live;
    input.as.stream.bytes = jet->messages_live; /* As at the door, each is one large; so much is one on average. */
    input.as.stream.messages_max = jet->settings.messages_max;
    input.as.stream.bytes_max = jet->settings.bytes_max / CONTENT_BYTES_MEAN;
    input.as.stream.pending_max = jet->settings.messages_max - jet->settings.messages_max / 8;
    input.as.stream.instances = world->choices.nodes;
    input.as.stream.drops = true;
    return input;
}

void sweeper_connected(struct world *world, uint32_t index)
{
    struct input input = stream_seen(world, index);
    if (drops(world)) {
        node_step(world, index, &input, NULL);
    }
}

void sweeper_look(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    struct core_view view;
    world_post(world, world->now + SECOND, EVENT_SURVEY)->node = index;
    bool apart = node->link.apart_until_ns > world->now; /* its control connection reaches nobody either */
    if (node->state == NODE_DOWN || !node->link.told_up || node->paused_until_ns > world->now || apart) {
        return;
    }
    node->seen_ns = world->now;
    core_view(node->core, &view);
    if (drops(world)) {
        struct input stream = stream_seen(world, index);
        world_post_input(world, world->now + world->choices.latency_ns, EVENT_INPUT, index, &stream, NULL);
    }
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        bool stray = world->functions[function].removed || nobody_deployed(world, function);
        struct input input = { .kind = stray ? INPUT_STRAY : INPUT_QUEUE, .epoch = node->link.epoch };
        input.as.queue.function = world->functions[function].name;
        input.as.queue.messages = world->jet.live[function] - world->jet.hidden[function];
        input.as.queue.takers = stray ? 0 : view.sweeps ? takers_of(world, index, function) : TAKERS_UNKNOWN;
        load_look(world, function, &input);
        world_post_input(world, world->now + world->choices.latency_ns, EVENT_INPUT, index, &input, NULL);
    }
}

/* -- the law ------------------------------------------------------------------------------------------------------- */

/* Whatever is asked of a consumer also tells how it stands. */
void sweeper_ensure(struct world *world, const struct event *event)
{
    const struct function_note *note = node_note(&world->nodes[event->node], event->effect.about);
    if (note == NULL) {
        return;
    }
    if (event->effect.kind == EFFECT_RENEW_CONSUMER) {
        jet_delete_consumer(&world->jet, note->function);
    }
    struct input *ready = far_end_answer_later(world, event, INPUT_CONSUMER_READY);
    ready->about = event->effect.about;
    ready->as.consumer.fresh_after = jet_ensure_consumer(&world->jet, world->now, note->function);
    jet_look(&world->jet, note->function, ready);
}

bool sweeper_visits(const struct world *world, uint32_t index, uint32_t function)
{
    struct core_queue queue;
    return function < world->choices.functions &&
           core_queue(world->nodes[index].core, world->functions[function].name, &queue) && !queue.takes;
}

/* S17, S24: only who has the lease pulls what it does not take itself, because no other does. */
void sweeper_judge_pull(struct world *world, uint32_t index, uint32_t function)
{
    const struct node *node = &world->nodes[index];
    if (!sweeper_visits(world, index, function)) {
        return;
    }
    world->visits++;
    if (world->lease.holder != node->incarnation || !lease_lives(world)) {
        world_violation(world, "S24", "%c sweeps f%u and has no lease", 'a' + (int)index, function);
    }
}

/* S25: nobody is told that there is no such function of one that was there all the time since. */
void sweeper_judge_result(struct world *world, const struct effect *effect, const struct content *message)
{
    const struct function *function = &world->functions[message->function];
    const struct message *stored = jet_message(&world->jet, message->sequence);
    bool known = !function->removed && !nobody_deployed(world, message->function);
    bool later = stored != NULL && function->back_ns < stored->stored_ns; /* NULL: a power loss took it */
    if (effect->code == REASON_FUNCTION_NOT_FOUND && known && later) {
        world_violation(world, "S25", "R%u ends for want of a function that is there", message->request);
    }
}

/* S25: who has no connection can't know. What was deployed just now may not be read yet. */
void sweeper_judge_refusal(struct world *world, uint32_t index, const struct call *call, uint16_t reason)
{
    struct core_view view;
    core_view(world->nodes[index].core, &view);
    const struct function *function = &world->functions[call->function];
    bool known =
        call->function < world->choices.functions && !function->removed && !nobody_deployed(world, call->function);
    if (reason == REASON_FUNCTION_NOT_FOUND && !view.link_up && known && function->back_ns < call->since_ns) {
        world_violation(world, "S25", "%c, without a connection, says of f%u that it is not there", 'a' + (int)index,
                        call->function);
    }
}

/* S26: what is paused begins nothing. */
void sweeper_judge_execute(struct world *world, uint32_t index, const struct content *message)
{
    if (world->nodes[index].paused[message->function]) {
        world_violation(world, "S26", "%c runs R%u of a function that it knows to be paused", 'a' + (int)index,
                        message->request);
    }
}

/* It goes back unrun, as it should. */
bool sweeper_excused(const struct node *node, const struct slot *slot)
{
    return slot->visited || node->paused[slot->content.function] ||
           node->resumed_ns[slot->content.function] > slot->since_ns;
}

void sweeper_pause(struct world *world, uint32_t function, uint64_t random)
{
    if (!world->functions[function].paused) {
        world->functions[function].paused = true;
        story_event(world, "f%u is paused", function);
        records_changed(world, function);
        uint64_t while_ns = SECOND + draw_below(draw_mix(random), 30 * SECOND);
        world_post(world, world->now + while_ns, EVENT_RESUME)->number = function;
    }
}

void sweeper_resume(struct world *world, uint32_t function)
{
    if (world->functions[function].paused) {
        world->functions[function].paused = false;
        story_event(world, "f%u is resumed", function);
        records_changed(world, function);
    }
}

void sweeper_told(struct world *world, uint32_t index, uint32_t function)
{
    struct node *node = &world->nodes[index];
    /* That it is removed is all that the core is told then. */
    bool paused = world->functions[function].paused && !world->functions[function].removed;
    if (node->paused[function] && !paused) {
        node->resumed_ns[function] = node_clock(world, node);
    }
    node->paused[function] = paused;
}
