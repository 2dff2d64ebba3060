/* The broker's end of the wires: an effect arrives, jet.h is asked, an input goes back. Answers may get lost while the
 * connection stands (a server in fail-over does that); publishes may be refused for reasons of the broker's own. */
#include "sim/world.h"

#include <string.h>

static struct input answer_to(const struct event *event, enum input_kind kind)
{
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = (uint8_t)kind;
    input.answers = event->effect.operation;
    return input;
}

static void answer(struct world *world, const struct event *event, const struct input *input,
                   const struct content *content)
{
    if (!world_strikes(world, FAULT_REPLY_LOST, event->node)) {
        wire_receive(world, event->node, event->connection, input, content);
    }
}

/* 0, or a code with which the broker refuses this publish out of the blue. */
static uint16_t refusal(struct world *world, const struct event *event)
{
    static const uint16_t codes[] = { JET_NO_RESPONDERS, JET_NO_RESOURCES, JET_FULL, 10054 };
    if (!world_strikes(world, FAULT_PUBLISH_REFUSED, event->node)) {
        return 0;
    }
    return codes[world_draw_below(world, 4, event->node, PURPOSE_FAULT_HOW, event->effect.operation)];
}

static void publish_answer(struct world *world, const struct event *event, struct jet_ack ack)
{
    struct input input = answer_to(event, INPUT_PUBLISHED);
    input.outcome = ack.code == 0 ? OUTCOME_DONE : OUTCOME_REFUSED;
    input.code = ack.code;
    input.as.published.sequence = ack.sequence;
    input.as.published.duplicate = ack.duplicate;
    answer(world, event, &input, NULL);
}

static void arrived_request(struct world *world, const struct event *event)
{
    struct content message = event->content;
    const struct node *node = &world->nodes[event->node];
    message.kind = CONTENT_MESSAGE;
    message.budget_ns = event->effect.amount;
    message.has_id = true;
    message.call = (uint32_t)event->effect.reference;
    message.gateway_node = event->node;
    /* Who submits does not wait for the answer. */
    bool waits = world->calls[message.call - 1].kind == CALL_KIND_EXECUTE;
    message.gateway = waits ? node->incarnation : 0;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        ack = jet_publish(&world->jet, world->now, broker_wall(world), &message);
    }
    if (ack.code == 0 && !world->requests[message.request].accepted) {
        world->requests[message.request].accepted = true;
        world->requests_accepted++;
    }
    publish_answer(world, event, ack);
}

static void arrived_result(struct world *world, const struct event *event)
{
    const struct effect *effect = &event->effect;
    uint32_t request = event->content.request;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        struct stored result = { .payload = event->second, .digest = event->content.digest };
        result.end = effect->end;
        result.reason = (uint8_t)effect->code;
        result.attempts = effect->count;
        result.function = event->content.function;
        if (!effect->create_only && jet_result(&world->jet, world->now, request) != NULL) {
            world_violation(world, "S2", "a second result of R%u is stored over the first", request);
        }
        ack.code = jet_store_result(&world->jet, world->now, request, &result, effect->create_only);
        if (ack.code == 0) {
            world->report->ends[effect->end < END_COUNT ? effect->end : 0]++;
        } else {
            world->report->refused_results++;
        }
    }
    publish_answer(world, event, ack);
}

static void arrived_cancelled(struct world *world, const struct event *event)
{
    const struct content *message = &jet_message(&world->jet, event->effect.amount)->content;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        struct stored result = { .digest = message->digest, .function = message->function, .end = END_CANCELLED };
        result.reason = REASON_CANCELLED;
        ack.code = jet_store_result(&world->jet, world->now, message->request, &result, true);
        world->report->ends[END_CANCELLED] += ack.code == 0;
        world->report->refused_results += ack.code != 0;
        world->calls[event->effect.reference - 1].ended |= ack.code == 0;
    }
    publish_answer(world, event, ack);
}

static void arrived_find(struct world *world, const struct event *event)
{
    uint64_t sequence = jet_find(&world->jet, request_of_key(world, event->effect.key));
    struct event *back = world_post_node(world, world->now + world->choices.latency_ns, EVENT_INPUT, event->node);
    back->input = answer_to(event, INPUT_FOUND);
    back->input.epoch = event->effect.epoch;
    back->input.outcome = sequence == 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
    back->input.as.found.sequence = sequence;
}

static void arrived_remove(struct world *world, const struct event *event)
{
    struct input input = answer_to(event, INPUT_REMOVED);
    bool removed = jet_remove(&world->jet, world->now, event->effect.amount);
    input.outcome = removed ? OUTCOME_DONE : OUTCOME_REFUSED;
    answer(world, event, &input, NULL);
}

void far_end_announce(struct world *world, uint32_t request)
{
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = INPUT_CANCEL_HEARD;
    input.as.cancel.request = world->requests[request].key;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct node *node = &world->nodes[index];
        if (node->state != NODE_DOWN && node->link.told_up && !world_strikes(world, FAULT_CANCEL_UNHEARD, index)) {
            wire_receive(world, index, node->link.connection, &input, NULL);
        }
    }
}

static void arrived_dead(struct world *world, const struct event *event)
{
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        ack.code = jet_store_dead(&world->jet, event->content.request);
    }
    publish_answer(world, event, ack);
}

static struct content stored_content(uint32_t request, const struct stored *stored)
{
    struct content content;
    memset(&content, 0, sizeof(content));
    content.kind = CONTENT_STORED;
    content.request = request;
    content.function = stored->function;
    content.payload = stored->payload;
    content.digest = stored->digest;
    content.end = stored->end;
    content.reason = stored->reason;
    content.attempts = stored->attempts;
    return content;
}

static void fill_result(struct world *world, struct input *input, const struct content *content)
{
    input->as.result.request = world->requests[content->request].key;
    input->as.result.digest = content->digest;
    input->as.result.end = content->end;
    input->as.result.reason = content->reason;
    input->as.result.attempts = content->attempts;
}

static void arrived_fetch(struct world *world, const struct event *event)
{
    uint32_t request = request_of_key(world, event->effect.key);
    const struct stored *stored = jet_result(&world->jet, world->now, request);
    struct input input = answer_to(event, INPUT_RESULT);
    if (stored == NULL) {
        input.outcome = OUTCOME_REFUSED;
        input.code = 404;
        answer(world, event, &input, NULL);
        return;
    }
    struct content content = stored_content(request, stored);
    fill_result(world, &input, &content);
    answer(world, event, &input, &content);
}

/* A core NATS message: it reaches that gateway if it is connected just then, and nobody knows if it did. */
static void arrived_answer(struct world *world, const struct event *event)
{
    const struct content *message = &event->content;
    struct node *gateway = &world->nodes[message->gateway_node];
    if (gateway->state == NODE_DOWN || gateway->incarnation != message->gateway || !gateway->link.told_up ||
        world_strikes(world, FAULT_ANSWER_LOST, event->node)) {
        return;
    }
    struct stored stored = { .payload = event->second, .digest = event->effect.reference };
    stored.end = event->effect.end;
    stored.reason = (uint8_t)event->effect.code;
    stored.attempts = event->effect.count;
    stored.function = message->function;
    struct content content = stored_content(message->request, &stored);
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = INPUT_ANSWER;
    fill_result(world, &input, &content);
    wire_receive(world, message->gateway_node, gateway->link.connection, &input, &content);
}

static void ledger_answer(struct world *world, const struct event *event, const struct ledger *entry, bool refused)
{
    struct input input = answer_to(event, INPUT_LEDGER);
    if (refused) {
        input.outcome = OUTCOME_REFUSED;
    } else {
        input.as.ledger.revision = entry->revision;
        input.as.ledger.nonce = entry->nonce;
        input.as.ledger.attempts = entry->attempts;
        input.as.ledger.starts = entry->starts;
    }
    answer(world, event, &input, NULL);
}

static void arrived_ledger_put(struct world *world, const struct event *event)
{
    const struct effect *effect = &event->effect;
    uint32_t request = event->content.request;
    uint32_t before = world->jet.ledger[request].attempts;
    struct ledger entry = { 0, effect->amount, effect->count, effect->starts };
    bool refused = jet_ledger_put(&world->jet, request, effect->reference, &entry) != 0;
    if (!refused && entry.attempts < before) {
        world_violation(world, "S4", "the ledger of R%u goes back from %u to %u attempts", request, before,
                        entry.attempts);
    }
    if (!refused && entry.attempts > before + 1) {
        world_violation(world, "S4", "the ledger of R%u jumps from %u to %u attempts", request, before, entry.attempts);
    }
    ledger_answer(world, event, &entry, refused);
}

static void arrived_ledger_get(struct world *world, const struct event *event)
{
    const struct ledger *entry = &world->jet.ledger[event->content.request];
    ledger_answer(world, event, entry, entry->revision == 0);
}

static void arrived_pull(struct world *world, const struct event *event)
{
    struct pull pull = { .operation = event->effect.operation, .connection = event->connection };
    const struct function_note *note = node_note(&world->nodes[event->node], event->effect.about);
    if (note == NULL || event->effect.count == 0) {
        return; /* the function is gone meanwhile; its inbox too */
    }
    pull.node = event->node;
    pull.function = note->function;
    pull.handle = event->effect.about.bits;
    pull.remaining = event->effect.count;
    pull.expires_at_ns = world->now + event->effect.amount;
    jet_pull(&world->jet, world->now, &pull);
}

static void arrived_ensure(struct world *world, const struct event *event)
{
    struct node *node = &world->nodes[event->node];
    const struct function_note *note = node_note(node, event->effect.about);
    if (note == NULL) {
        return;
    }
    struct event *back = world_post_node(world, world->now + world->choices.latency_ns, EVENT_INPUT, event->node);
    back->input.kind = INPUT_CONSUMER_READY;
    back->input.answers = event->effect.operation;
    back->input.about = event->effect.about;
    back->input.epoch = event->effect.epoch;
    back->input.as.consumer.fresh_after = jet_ensure_consumer(&world->jet, world->now, note->function);
}

void far_end_arrived(struct world *world, const struct event *event)
{
    uint64_t sequence = event->content.sequence;
    bool control = event->connection == 0;
    if (!control && !wire_sends(world, &world->nodes[event->node].link, event->connection)) {
        return;
    }
    switch ((enum effect_kind)event->effect.kind) {
    case EFFECT_PUBLISH_REQUEST:
        arrived_request(world, event);
        return;
    case EFFECT_PUBLISH_RESULT:
        arrived_result(world, event);
        return;
    case EFFECT_PUBLISH_DEAD:
        arrived_dead(world, event);
        return;
    case EFFECT_FETCH_RESULT:
        arrived_fetch(world, event);
        return;
    case EFFECT_PUBLISH_CANCELLED:
        arrived_cancelled(world, event);
        return;
    case EFFECT_FIND_REQUEST:
        arrived_find(world, event);
        return;
    case EFFECT_REMOVE_REQUEST:
        arrived_remove(world, event);
        return;
    case EFFECT_ANNOUNCE_CANCEL:
        far_end_announce(world, request_of_key(world, event->effect.key));
        return;
    case EFFECT_LEDGER_GET:
        arrived_ledger_get(world, event);
        return;
    case EFFECT_LEDGER_PUT:
        arrived_ledger_put(world, event);
        return;
    case EFFECT_PULL:
        arrived_pull(world, event);
        return;
    case EFFECT_ACK:
        jet_acknowledge(&world->jet, world->now, sequence);
        return;
    case EFFECT_EXTEND:
        jet_progress(&world->jet, world->now, sequence);
        return;
    case EFFECT_HAND_BACK:
        jet_hand_back(&world->jet, world->now, sequence, event->effect.amount);
        return;
    case EFFECT_ANSWER:
        arrived_answer(world, event);
        return;
    case EFFECT_ENSURE_CONSUMER:
        arrived_ensure(world, event);
        return;
    default:
        return;
    }
}

/* -- what the broker sends by itself -- */

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
    input.as.delivery.stored_ns = message->stored_wall_ns;
    input.as.delivery.budget_ns = content->budget_ns;
    input.as.delivery.delivered = message->delivered;
    input.as.delivery.pending = world->jet.messages_live & 0x7fff;
    input.as.delivery.alias = request_alias(world, content->request);
    input.as.delivery.has_reply_to = content->gateway != 0 && content->gateway != world->nodes[pull->node].incarnation;
    fair_delivered(world, pull->function, pull->node);
    wire_receive(world, pull->node, pull->connection, &input, content);
}

static void ended(void *owner, const struct pull *pull, uint16_t code)
{
    struct world *world = owner;
    struct input input;
    memset(&input, 0, sizeof(input));
    input.kind = INPUT_PULL_ENDED;
    input.answers = pull->operation;
    input.about.bits = pull->handle;
    input.code = code;
    input.as.pull.unfilled = pull->remaining;
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
    *ret_hooks = (struct jet_hooks){ world, deliver, ended, arm };
}

/* All connections go with the server; while it is away nothing arrives and nobody connects. */
void far_end_kill(struct world *world)
{
    uint64_t away = 30 * MILLISECOND + world_draw_below(world, 4 * SECOND, 0, PURPOSE_FAULT_HOW, world->jet.kills);
    jet_kill(&world->jet, world->now);
    world->broker_up_ns = world->now + away;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        wire_cut(world, index);
    }
}
