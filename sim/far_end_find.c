/* What the control connection finds in the queue: a request by its id, and the walk of a core by number. */
#include "sim/sweeper.h"

/* By the control connection. Who asked may be gone by now. */
static struct event *far_end_post_later(struct world *world, const struct event *event, enum input_kind kind)
{
    struct input input = { .kind = (uint8_t)kind, .answers = event->effect.operation, .epoch = event->effect.epoch };
    struct event *back =
        world_post_input(world, world->now + world->choices.latency_ns, EVENT_INPUT, event->node, &input, NULL);
    back->incarnation = event->incarnation;
    return back;
}

struct input *far_end_answer_later(struct world *world, const struct event *event, enum input_kind kind)
{
    return &far_end_post_later(world, event, kind)->input;
}

void far_end_find(struct world *world, const struct event *event)
{
    uint32_t request = request_of_key(world, event->effect.key);
    uint64_t sequence = jet_find(&world->jet, request);
    struct input *found = far_end_answer_later(world, event, INPUT_FOUND);
    found->outcome = sequence == 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
    found->as.found.sequence = sequence;
    found->as.found.end = sequence == 0 ? END_NONE : world->jet.ledger[request].end;
}

/* By number: what no consumer gives anybody is found, too. */
void far_end_walk(struct world *world, const struct event *event)
{
    const struct jet *jet = &world->jet;
    uint64_t last = event->effect.reference != 0 ? event->effect.reference : jet->last_sequence;
    uint64_t sequence = jet_walk(jet, event->effect.amount, last);
    struct event *back = far_end_post_later(world, event, INPUT_WALKED);
    back->input.outcome = sequence == 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
    back->input.as.walked.last = last;
    if (sequence != 0) {
        const struct message *message = jet_message(jet, sequence);
        back->content = message->content;
        back->input.as.walked.request = world->requests[message->content.request].key;
        back->input.as.walked.function = world->functions[message->content.function].name;
        back->input.as.walked.digest = message->content.digest;
        back->input.as.walked.sequence = sequence;
        back->input.as.walked.stored_ns = message->stored_wall_ns;
        back->input.as.walked.budget_ns = message->content.budget_ns;
    }
}
