/* Subscriptions that the broker forgot: on some connections no answer ever arrives, on some no word of changed records.
 * Both are found all the same, since instances look for them. The judge counts what was found so after nothing came for
 * long, and asks for another connection after as many as a core may take (L12). */
#include "sim/world.h"

/* SLACK: found while the cut was under way */
enum { PATIENCE = 4, DOUBLINGS_MAX = 6, SLACK = 4, SILENCE_SECONDS = 5 };

void hearing_connected(struct world *world, uint32_t index)
{
    struct link *link = &world->nodes[index].link;
    link->answers_lost = world_strikes(world, FAULT_INBOX_DEAF, index);
    link->hints_lost = world_strikes(world, FAULT_HINTS_DEAF, index);
    world->nodes[index].hearing.looked_connection = 0;
}

static void tell(struct world *world, uint32_t index, bool looked_for)
{
    struct input input = { .kind = INPUT_CHANGE, .epoch = world->nodes[index].link.epoch };
    input.as.change.looked_for = looked_for;
    node_step(world, index, &input, NULL);
}

void hearing_hinted(struct world *world, uint32_t index)
{
    world->nodes[index].hearing.hinted = true;
    if (world->nodes[index].link.told_up) {
        tell(world, index, false);
    }
}

/* What changed while there was no connection, nobody could tell. */
void hearing_found(struct world *world, uint32_t index)
{
    struct hearing *hearing = &world->nodes[index].hearing;
    const struct link *link = &world->nodes[index].link;
    if (hearing->changed && !hearing->hinted && link->told_up && hearing->looked_connection == link->connection) {
        tell(world, index, true);
    }
    hearing->looked_connection = link->connection;
    hearing->changed = hearing->hinted = false;
}

/* -- the law ------------------------------------------------------------------------------------------------------- */

static void hearing_begin(struct world *world, uint32_t index)
{
    struct hearing *hearing = &world->nodes[index].hearing;
    for (uint32_t what = 0; what < HEARD_COUNT; what++) {
        hearing->missed[what] = 0;
        hearing->came_ns[what] = node_clock(world, &world->nodes[index]);
    }
}

static void missed(struct world *world, uint32_t index, enum heard what)
{
    struct hearing *hearing = &world->nodes[index].hearing;
    uint32_t doublings = hearing->cuts[what] < DOUBLINGS_MAX ? hearing->cuts[what] : DOUBLINGS_MAX;
    bool silent = node_clock(world, &world->nodes[index]) > hearing->came_ns[what] + (SILENCE_SECONDS + 1) * SECOND;
    hearing->missed[what] += silent;
    if (hearing->missed[what] > ((uint32_t)PATIENCE << doublings) + SLACK) {
        world_violation(world, "L12", "%c keeps a connection on which %u %s had to be looked for", 'a' + (int)index,
                        hearing->missed[what], what == HEARD_ANSWER ? "results" : "changes");
    }
}

static void published(struct world *world, uint32_t index, const struct input *input)
{
    struct handle handle = operation_owner(input->answers);
    for (uint32_t number = world->calls_settled; number < world->calls_count; number++) {
        struct call *call = &world->calls[number];
        if (call->node == index && call->incarnation == world->nodes[index].incarnation &&
            handle_equal(call->handle, handle) && call->operation == input->answers) {
            call->confirmed = input->as.published.duplicate ? 0 : world->nodes[index].link.connection;
        }
    }
}

/* An answer to nobody says nothing: anybody may send one. */
static bool is_awaited(const struct world *world, uint32_t index, struct key request)
{
    for (uint32_t number = world->calls_settled; number < world->calls_count; number++) {
        const struct call *call = &world->calls[number];
        bool open = call->state == CALLER_OPEN && call->handle.bits != 0 && call->node == index;
        if (open && call->incarnation == world->nodes[index].incarnation &&
            key_equal(world->requests[call->request].key, request)) {
            return true;
        }
    }
    return false;
}

void hearing_judge_input(struct world *world, uint32_t index, const struct input *input)
{
    struct node *node = &world->nodes[index];
    struct hearing *hearing = &node->hearing;
    bool current = input->epoch == node->link.epoch && node->link.told_up;
    hearing->looking.bits = 0;
    switch ((enum input_kind)input->kind) {
    case INPUT_LINK_UP:
        hearing_begin(world, index);
        return;
    case INPUT_ANSWER:
        if (current) {
            bool awaited = is_awaited(world, index, input->as.result.request);
            hearing->missed[HEARD_ANSWER] = 0;
            hearing->came_ns[HEARD_ANSWER] = node_clock(world, node);
            hearing->cuts[HEARD_ANSWER] = awaited ? 0 : hearing->cuts[HEARD_ANSWER];
        }
        return;
    case INPUT_CHANGE:
        if (current && input->as.change.looked_for) {
            missed(world, index, HEARD_CHANGE);
        } else if (current) {
            hearing->missed[HEARD_CHANGE] = hearing->cuts[HEARD_CHANGE] = 0;
            hearing->came_ns[HEARD_CHANGE] = node_clock(world, node);
        }
        return;
    case INPUT_RESULT:
        if (current && input->outcome == OUTCOME_DONE) {
            hearing->looking = operation_owner(input->answers);
        }
        return;
    case INPUT_PUBLISHED:
        if (current && input->outcome == OUTCOME_DONE && node->link.answers_lost) {
            published(world, index, input);
        }
        return;
    default:
        return;
    }
}

static void judge_reply_found(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    const struct call *call = &world->calls[effect->reference - 1];
    bool told = effect->end != END_NONE && effect->end != END_CANCELLED && call->kind == CALL_KIND_EXECUTE;
    bool looked_for = node->hearing.looking.bits != 0 && handle_equal(node->hearing.looking, effect->about);
    if (told && looked_for && node->link.answers_lost && call->confirmed == node->link.connection) {
        missed(world, index, HEARD_ANSWER);
    }
}

static void note_cut(struct world *world, uint32_t index, const struct effect *effect)
{
    struct hearing *hearing = &world->nodes[index].hearing;
    if (effect->count == DISCONNECT_UNANSWERED || effect->count == DISCONNECT_UNTOLD) {
        enum heard what = effect->count == DISCONNECT_UNANSWERED ? HEARD_ANSWER : HEARD_CHANGE;
        hearing_begin(world, index);
        hearing->cuts[what]++;
        world->report->seen[what == HEARD_ANSWER ? SEEN_DEAF_TO_ANSWERS : SEEN_DEAF_TO_HINTS]++;
    }
}

void hearing_judge_effect(struct world *world, uint32_t index, const struct effect *effect)
{
    if (effect->kind == EFFECT_REPLY) {
        judge_reply_found(world, index, effect);
    } else if (effect->kind == EFFECT_DISCONNECT) {
        note_cut(world, index, effect);
    } else if (effect->kind == EFFECT_PUBLISH_REQUEST) {
        world->calls[effect->reference - 1].operation = effect->operation;
        world->calls[effect->reference - 1].confirmed = 0;
    }
}
