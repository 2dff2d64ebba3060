/* The broker's end of the wires: an effect arrives, jet.h is asked, an input goes back. Answers may get lost while the
 * connection stands (a server in fail-over does that); publishes may be refused for reasons of the broker's own. */
#include "sim/judge_cause.h"
#include "sim/planted.h"
#include "sim/sweeper.h"

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
    if (world->unanswered || world_strikes(world, FAULT_REPLY_LOST, event->node)) {
        bool stored = event->effect.kind == EFFECT_PUBLISH_RESULT && input->outcome == OUTCOME_DONE;
        world->report->seen[SEEN_STORED_UNHEARD] += stored;
        return;
    }
    uint64_t late = world_strikes(world, FAULT_ANSWER_LATE, event->node)
                        ? world_draw_below(world, 4 * SECOND, event->node, PURPOSE_SILENT, event->effect.operation)
                        : 0;
    wire_receive_late(world, event->node, event->connection, input, content, late);
}

/* 0, or a code with which the broker refuses this publish out of the blue. */
static uint16_t refusal(struct world *world, const struct event *event)
{
    static const uint16_t codes[] = { JET_NO_RESPONDERS, JET_NO_RESOURCES, JET_FULL, JET_TOO_LARGE };
    if ((event->second & PAYLOAD_FLOOD) != 0) {
        return JET_TOO_LARGE;
    }
    if (world->storage_until_ns > world->now) {
        return JET_NO_RESOURCES;
    }
    if (!world_strikes(world, FAULT_PUBLISH_REFUSED, event->node)) {
        return 0;
    }
    return codes[world_draw_below(world, 4, event->node, PURPOSE_FAULT_HOW, event->effect.operation)];
}

void far_end_publish_answer(struct world *world, const struct event *event, struct jet_ack ack)
{
    struct input input = answer_to(event, INPUT_PUBLISHED);
    if (ack.code == JET_NO_RESPONDERS && far_end_keeps_silent(world, event->effect.operation)) {
        return;
    }
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
    const struct call *call = &world->calls[message.call - 1];
    bool waits = call->kind == CALL_KIND_EXECUTE;
    message.gateway = waits ? node->incarnation : 0;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        ack = jet_publish(&world->jet, world->now, broker_wall(world), &message);
    }
    if (ack.code == 0 && jet_overfilled(&world->jet, world->now, call->looked_ns, call->born_ns)) {
        world_wrong(world, "S1", "R%u takes the room of what a kill of the broker would bring back", message.request);
    }
    if (ack.code == 0 && !world->requests[message.request].accepted) {
        world->requests[message.request].accepted = true;
        world->requests_accepted++;
    }
    far_end_publish_answer(world, event, ack);
}

/* Its result may be gone by now, but as long as its dead letter is not stored, another end would be a second one. What
 * says so then is the ledger, so it must say so before. */
static void judge_end_again(struct world *world, uint32_t request, enum end end)
{
    const struct stored *stored = &world->jet.stored[request];
    bool owed = stored->count != 0 && jet_owes(&world->jet, request) && !world->jet.forgotten[request];
    if (owed && jet_result(&world->jet, world->now, request) == NULL && end != END_DEAD_LETTERED) {
        world_wrong(world, "S1", "R%u ends as %s, and was dead-lettered before; its letter is not stored", request,
                    end_name(end));
    }
    bool marked = world->jet.ledger[request].end == END_DEAD_LETTERED || world->jet.forgotten[request];
    if (end == END_DEAD_LETTERED && !marked) {
        world_wrong(world, "S1", "R%u ends as dead-lettered, and its ledger does not say so", request);
    }
}

static void arrived_result(struct world *world, const struct event *event)
{
    const struct effect *effect = &event->effect;
    uint32_t request = event->content.request;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        struct stored result = { .payload = event->second, .digest = event->content.digest, .end = effect->end };
        result.reason = (uint8_t)effect->code;
        result.cause = effect->cause;
        result.causes = effect->causes;
        result.attempts = effect->count;
        result.function = event->content.function;
        bool create_only = effect->create_only && !WORLD_MUTANT(world, ADAPTER_OVERWRITES);
        if (WORLD_MUTANT(world, ADAPTER_STORES_NOTHING)) {
            far_end_publish_answer(world, event, ack);
            return;
        }
        if (!create_only && jet_result(&world->jet, world->now, request) != NULL) {
            world_wrong(world, "S2", "a second result of R%u is stored over the first", request);
        }
        judge_end_again(world, request, (enum end)effect->end);
        ack.code = jet_store_result(&world->jet, world->now, request, &result, create_only);
        if (ack.code == 0) {
            world->report->ends[effect->end < END_COUNT ? effect->end : 0]++;
        } else {
            world->report->refused_results++;
        }
    }
    far_end_publish_answer(world, event, ack);
}

/* The adapter kept what the search found; the message itself may be lost since. */
static void arrived_cancelled(struct world *world, const struct event *event)
{
    const struct message *message = jet_message(&world->jet, event->effect.amount);
    uint32_t request = request_of_key(world, event->effect.key);
    bool there = message != NULL && message->content.request == request;
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        struct stored result = { .function = world->requests[request].function, .end = END_CANCELLED };
        result.digest = there ? message->content.digest : world->requests[request].digest;
        result.reason = REASON_CANCELLED;
        judge_end_again(world, request, END_CANCELLED);
        ack.code = jet_store_result(&world->jet, world->now, request, &result, true);
        world->report->ends[END_CANCELLED] += ack.code == 0;
        world->report->refused_results += ack.code != 0;
        world->calls[event->effect.reference - 1].ended |= ack.code == 0;
    }
    far_end_publish_answer(world, event, ack);
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
            uint32_t copies = world_strikes(world, FAULT_ANSWER_AGAIN, index) ? 2 : 1;
            for (uint32_t copy = 0; copy < copies; copy++) {
                wire_receive(world, index, node->link.connection, &input, NULL);
            }
        }
    }
}

static void arrived_dead(struct world *world, const struct event *event)
{
    struct jet_ack ack = { refusal(world, event), false, 0 };
    if (ack.code == 0) {
        ack.code = jet_store_dead(&world->jet, world->now, event->content.request);
    }
    far_end_publish_answer(world, event, ack);
}

static struct content stored_content(uint32_t request, const struct stored *stored)
{
    return (struct content){ .kind = CONTENT_STORED,
                             .request = request,
                             .function = stored->function,
                             .payload = stored->payload,
                             .digest = stored->digest,
                             .end = stored->end,
                             .reason = stored->reason,
                             .cause = stored->cause,
                             .causes = stored->causes,
                             .attempts = stored->attempts };
}

static void fill_result(struct world *world, struct input *input, const struct content *content)
{
    input->as.result.request = world->requests[content->request].key;
    input->as.result.digest = content->digest;
    input->as.result.end = content->end;
    input->as.result.reason = content->reason;
    input->as.result.cause = content->cause;
    input->as.result.causes = content->causes;
    input->as.result.attempts = content->attempts;
}

/* A follower lags: 204 of 7,695 direct gets on a healthy cluster were stale. Here up to two seconds, one in four. */
static bool is_stale(const struct world *world, const struct event *event, const struct stored *stored)
{
    return stored != NULL && world->now - stored->stored_ns < 2 * SECOND &&
           (world_draw(world, event->effect.operation, PURPOSE_SILENT, event->node) & 3) == 0;
}

static void arrived_fetch(struct world *world, const struct event *event)
{
    uint32_t request = request_of_key(world, event->effect.key);
    const struct stored *stored = jet_result(&world->jet, world->now, request);
    struct input input = answer_to(event, INPUT_RESULT);
    if (WORLD_MUTANT(world, ANY_REPLICA) && is_stale(world, event, stored)) {
        stored = NULL; /* M43: read from any replica, as a direct get does; S22 must catch it */
    }
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
    if (message->misleads) {
        world_wrong(world, "S22", "an answer for R%u goes to a subject that is no gateway's", message->request);
        return;
    }
    struct node *gateway = &world->nodes[message->gateway_node];
    if (gateway->state == NODE_DOWN || gateway->incarnation != message->gateway || !gateway->link.told_up ||
        gateway->link.answers_lost || world_strikes(world, FAULT_ANSWER_LOST, event->node)) {
        return;
    }
    uint32_t copies = world_strikes(world, FAULT_ANSWER_AGAIN, event->node) ? 2 : 1;
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
    for (uint32_t copy = 0; copy < copies; copy++) {
        wire_receive(world, message->gateway_node, gateway->link.connection, &input, &content);
    }
}

/* `code` 0: it is not there. */
static void ledger_refused(struct world *world, const struct event *event, uint16_t code)
{
    struct input input = answer_to(event, INPUT_LEDGER);
    input.outcome = OUTCOME_REFUSED;
    input.code = code;
    answer(world, event, &input, NULL);
}

static void ledger_answer(struct world *world, const struct event *event, const struct ledger *entry)
{
    struct input input = answer_to(event, INPUT_LEDGER);
    jet_ledger_read(entry, &input);
    answer(world, event, &input, NULL);
}

static void arrived_ledger_put(struct world *world, const struct event *event)
{
    const struct effect *effect = &event->effect;
    uint32_t request = event->content.request;
    const struct ledger over = world->jet.ledger[request];
    struct ledger entry = { .nonce = effect->amount, .attempts = effect->count, .starts = effect->starts };
    entry.seen_by = 1u << event->node;
    entry.causes = effect->causes;
    entry.last = effect->cause;
    entry.end = effect->end;
    entry.reason = (uint8_t)effect->code;
    uint16_t refused = world->storage_until_ns > world->now
                           ? JET_NO_RESOURCES
                           : jet_ledger_put(&world->jet, world->now, request, effect->reference, &entry);
    world->report->seen[SEEN_CHARGE_LOST_RACE] += refused == JET_WRONG_LAST;
    if (refused != 0) {
        ledger_refused(world, event, refused);
        return;
    }
    judge_ledger_put(world, event, &over, &entry);
    ledger_answer(world, event, &entry);
}

static void arrived_ledger_get(struct world *world, const struct event *event)
{
    struct ledger *entry = &world->jet.ledger[event->content.request];
    judge_suspect_read(world, event, entry);
    entry->seen_by |= 1u << event->node;
    if (entry->revision == 0) {
        ledger_refused(world, event, 0);
    } else {
        ledger_answer(world, event, entry);
    }
}

void far_end_serve(struct world *world, const struct event *event)
{
    uint64_t sequence = event->content.sequence;
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
        far_end_find(world, event);
        return;
    case EFFECT_WALK:
        far_end_walk(world, event);
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
        far_end_pull(world, event);
        return;
    case EFFECT_ACK:
        jet_acknowledge(&world->jet, world->now, sequence);
        return;
    case EFFECT_EXTEND:
        if (WORLD_MUTANT(world, EXTENDS_BY_ACK)) {
            jet_acknowledge(&world->jet, world->now, sequence);
        } else {
            jet_progress(&world->jet, world->now, sequence);
        }
        return;
    case EFFECT_HAND_BACK:
        jet_hand_back(&world->jet, world->now, sequence, event->effect.amount);
        return;
    case EFFECT_ANSWER:
        arrived_answer(world, event);
        return;
    case EFFECT_RENEW_CONSUMER:
    case EFFECT_ENSURE_CONSUMER:
        sweeper_ensure(world, event);
        return;
    case EFFECT_LEASE_PUT:
    case EFFECT_LEASE_DROP:
        sweeper_arrived(world, event);
        return;
    default:
        return;
    }
}
