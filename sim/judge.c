/* The law, applied to every input and effect at once: docs/invariants.md says what the ids mean. The judge sees all
 * (the broker's memory, the processes), so it needs no trust in what a core says about itself. */
#include "sim/judge_cause.h"
#include "sim/sweeper.h"
#include "sim/taken.h"

#include "core/retry.h"

static char letter(uint32_t index)
{
    return (char)('a' + index);
}

struct slot *judge_blob(struct world *world, uint32_t index, struct blob blob)
{
    struct node *node = &world->nodes[index];
    if (blob.slot == 0) {
        return NULL;
    }
    if (blob.slot >= node->slots_used || node->slots[blob.slot].use != BLOB_HELD) {
        world_violation(world, "B1", "%c uses blob %u, which it does not hold", letter(index), blob.slot);
    }
    if (blob.length != node->slots[blob.slot].length) {
        world_violation(world, "B1", "%c names blob %u with another length", letter(index), blob.slot);
    }
    return &node->slots[blob.slot];
}

static struct slot *judge_message(struct world *world, uint32_t index, const struct effect *effect)
{
    struct slot *slot = judge_blob(world, index, effect->blob);
    if (slot == NULL || slot->content.kind != CONTENT_MESSAGE) {
        world_violation(world, "B1", "%c: %s without a message", letter(index),
                        effect_name((enum effect_kind)effect->kind));
    }
    return slot;
}

/* -- credit (S6) -- */

static void judge_pull(struct world *world, uint32_t index, const struct effect *effect)
{
    struct node *node = &world->nodes[index];
    struct function_note *note = node_note(node, effect->about);
    if (note == NULL) {
        world_violation(world, "E1", "%c pulls for a function that it never named", letter(index));
    }
    if (node->state == NODE_DRAINING) {
        world_wrong(world, "S13", "%c pulls while it drains", letter(index));
    }
    sweeper_judge_pull(world, index, note->function);
    for (uint32_t row = 0; row < world->choices.limits.functions_max; row++) {
        if (node_clock(world, node) >= node->notes[row].over_ns) {
            node->notes[row].outstanding = 0; /* Whatever became of its pulls, they are over at the broker. */
        }
    }
    note->outstanding += effect->count;
    note->over_ns = node_clock(world, node) + effect->amount + SECOND;
    uint32_t surplus = 0;
    for (uint32_t row = 0; row < world->choices.limits.functions_max; row++) {
        surplus += node->notes[row].outstanding > 1 ? node->notes[row].outstanding - 1 : 0;
    }
    struct core_view view;
    core_view(node->core, &view);
    uint32_t busy = view.queued + view.running, slots = world->choices.limits.slots;
    if (note->outstanding > 1 && surplus > (busy < slots ? slots - busy : 0)) {
        world_violation(world, "S6", "%c asks for %u messages beyond the standing pulls with %u of %u slots in use",
                        letter(index), surplus, busy, slots);
    }
}

static void note_outstanding(struct world *world, uint32_t index, const struct input *input)
{
    struct node *node = &world->nodes[index];
    struct function_note *note = node_note(node, input->about);
    if (input->kind == INPUT_LINK_DOWN || input->kind == INPUT_LINK_UP) {
        for (uint32_t row = 0; row < world->choices.limits.functions_max; row++) {
            node->notes[row].outstanding = 0;
        }
    } else if (note != NULL && input->epoch == node->link.epoch && node->link.told_up) {
        uint32_t less = input->kind == INPUT_DELIVERY     ? 1
                        : input->kind == INPUT_PULL_ENDED ? input->as.pull.unfilled
                                                          : 0;
        bool gone =
            input->kind == INPUT_PULL_ENDED && (input->code == JET_CONSUMER_GONE || input->code == JET_NO_RESPONDERS);
        /* The consumer is gone, and all its pulls with it. */
        note->outstanding -= less < note->outstanding && !gone ? less : note->outstanding;
    }
}

void judge_input(struct world *world, uint32_t index, const struct input *input)
{
    if (input->kind == INPUT_LINK_DOWN || input->kind == INPUT_LINK_UP || input->kind == INPUT_DELIVERY ||
        input->kind == INPUT_PULL_ENDED) {
        note_outstanding(world, index, input);
    }
    judge_cause_input(world, index, input);
    if (input->kind == INPUT_WORKER_ERROR && input->blob.slot != 0) {
        struct node *node = &world->nodes[index];
        uint32_t held = node->held[node->slots[input->blob.slot].content.sequence];
        if (held != 0) {
            node->slots[held].after_ns = input->as.worker.after_ns;
        }
    }
}

/* -- verdicts (S5, S4) -- */

/* The token of a delivery is of use on its own connection only. */
static void judge_epoch(struct world *world, uint32_t index, const struct effect *effect, const struct slot *slot)
{
    const struct link *link = &world->nodes[index].link;
    if (effect->epoch != link->epoch || slot->content.epoch != effect->epoch || !link->told_up) {
        world_wrong(world, "S5", "%c uses a token of connection %u on connection %u: %s of R%u", letter(index),
                    slot->content.epoch, effect->epoch, effect_name((enum effect_kind)effect->kind),
                    slot->content.request);
    }
}

static void judge_ack(struct world *world, uint32_t index, const struct effect *effect)
{
    struct slot *slot = judge_message(world, index, effect);
    uint32_t request = slot->content.request;
    if (world->jet.stored[request].count == 0) {
        world_wrong(world, "S5", "%c acks R%u and no result is stored", letter(index), request);
    }
    judge_epoch(world, index, effect, slot);
    if (slot->verdicts++ != 0) {
        world_wrong(world, "S5", "%c gives a second verdict on one delivery of R%u", letter(index), request);
    }
}

static void judge_token(struct world *world, uint32_t index, const struct effect *effect, const struct slot *slot)
{
    judge_epoch(world, index, effect, slot);
    if (slot->verdicts != 0) {
        world_wrong(world, "S5", "%c: %s of R%u after its verdict", letter(index),
                    effect_name((enum effect_kind)effect->kind), slot->content.request);
    }
}

static void judge_hand_back(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    struct slot *slot = judge_message(world, index, effect);
    judge_token(world, index, effect, slot);
    slot->verdicts++;
    world->report->seen[SEEN_SUSPECT_APART] += effect->cause == CAUSE_APART;
    if (effect->cause == CAUSE_BROKER_FULL && world->jet.stored[slot->content.request].end == END_DEAD_LETTERED) {
        return; /* Its dead letter found no room. */
    }
    judge_cause_delay(world, slot, effect);
    world->report->seen[SEEN_BACKOFF_AT_MAX] +=
        slot->executed && effect->amount == world->choices.settings.retry_ns_max;
    uint64_t age = node_clock(world, node) - slot->since_ns;
    bool excused = slot->executed || slot->puts > 0 || node->state == NODE_DRAINING ||
                   !node->serves[slot->content.function] || age >= world->choices.settings.hold_ns_max / 2 ||
                   (node->route_gone_ns[slot->content.function] != 0 &&
                    node->route_gone_ns[slot->content.function] >= slot->since_ns);
    excused = excused || sweeper_excused(node, slot);
    excused = excused || (world->requests[slot->content.request].alias != ALIAS_LIVE &&
                          effect->amount >= world->choices.settings.publish_timeout_ns);
    excused = excused || (effect->cause == CAUSE_APART && judge_suspect_waits(world, index, slot));
    bool not_taken = effect->about.bits == 0 && effect->amount >= world->choices.settings.publish_timeout_ns;
    if (!excused && !not_taken) {
        world_wrong(world, "S5", "%c hands R%u back after %llu ms without having run it", letter(index),
                    slot->content.request, (unsigned long long)(age / MILLISECOND));
    }
}

/* -- results (S3, S4, S1) -- */

static void judge_result(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct slot *message = judge_message(world, index, effect);
    const struct slot *result = judge_blob(world, index, effect->second);
    uint32_t request = message->content.request;
    sweeper_judge_result(world, effect, &message->content);
    uint32_t attempts_max = 1u + world->functions[message->content.function].retries_max;
    if (effect->count > attempts_max) {
        world_wrong(world, "S4", "R%u has %u charged attempts, %u are allowed", request, effect->count, attempts_max);
    }
    world->report->seen[SEEN_SPENT_ON_ARRIVAL] += effect->code == REASON_QUEUE_TIMEOUT && !message->executed;
    if (effect->end == END_NONE || effect->end >= END_COUNT) {
        world_wrong(world, "S1", "R%u ends without an end", request);
    }
    bool right = result != NULL && result->content.kind == CONTENT_RESULT && result->content.request == request &&
                 result->content.digest == message->content.digest;
    if (effect->end == END_SUCCEEDED && !right) {
        world_wrong(world, "S3", "R%u succeeds with a result that no execution of it gave", request);
    }
    if (result != NULL && result->content.request != request) {
        world_wrong(world, "S3", "R%u gets the bytes of R%u", request, result->content.request);
    }
}

/* A cancel takes a message away as an ack does. */
static void judge_remove(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct message *message = jet_message(&world->jet, effect->amount);
    uint32_t request = request_of_key(world, effect->key);
    if (!world->jet.forgotten[request] && (message == NULL || message->content.request != request)) {
        world_violation(world, "S7", "%c removes a message that is not of R%u", letter(index), request);
    }
    if (world->jet.stored[request].count == 0) {
        world_wrong(world, "S5", "%c removes R%u and no result is stored", letter(index), request);
    }
}

static void judge_dead(struct world *world, uint32_t index, const struct effect *effect)
{
    uint32_t request = judge_message(world, index, effect)->content.request;
    const struct stored *stored = &world->jet.stored[request];
    bool forgotten = world->jet.forgotten[request];
    if (!forgotten && (stored->count == 0 || stored->end != END_DEAD_LETTERED)) {
        world_wrong(world, "S1", "R%u is buried, but its stored result is not dead-lettered", request);
    }
}

/* -- workers (E1) -- */

static void judge_start(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    uint32_t row = handle_index(effect->about);
    if (row >= world->choices.limits.workers_max || node->workers[row].state != PROCESS_NONE) {
        world_violation(world, "E1", "%c starts a process in a row that is taken", letter(index));
    }
    uint32_t function = function_of_key(world, effect->key), same = 0;
    if (function == FUNCTIONS_MAX) {
        world_violation(world, "E1", "%c starts a version that does not exist", letter(index));
    }
    if (served_elsewhere(world, index, function)) {
        world_violation(world, "S17", "%c starts a process of f%u, whose language it does not serve", letter(index),
                        function);
    }
    for (uint32_t at = 0; at < node->workers_count; at++) {
        const struct worker *worker = &node->workers[at];
        same += worker->state != PROCESS_NONE && worker->function == function &&
                worker->version == (uint32_t)effect->key.hi;
    }
    /* One more than workers_max: the probe of a version that was removed and put back while its workers still ran. */
    if (same > world->functions[function].workers_max) {
        world_violation(world, "E1", "%c starts process %u of f%u, %u are allowed", letter(index), same + 1, function,
                        world->functions[function].workers_max);
    }
}

/* Some time ago its alias may have stood for what it does not stand for now; never for what it did not. */
static void judge_version(struct world *world, uint32_t index, const struct worker *worker, uint32_t request)
{
    uint8_t alias = world->requests[request].alias;
    if ((world->functions[worker->function].named[alias] & UINT64_C(1) << worker->version % 64) == 0) {
        world_wrong(world, "S16", "%c runs R%u on version %u, for which alias %u never stood", letter(index), request,
                    worker->version, alias);
    }
}

static void judge_execute(struct world *world, uint32_t index, const struct effect *effect)
{
    struct slot *message = judge_message(world, index, effect);
    const struct worker *worker =
        &world->nodes[index].workers[handle_index(effect->about) % world->nodes[index].workers_count];
    const struct content *content = &message->content;
    if (!handle_equal(worker->handle, effect->about) || worker->state != PROCESS_READY || worker->stopping) {
        world_violation(world, "E1", "%c runs R%u on a worker that is not ready", letter(index), content->request);
    }
    if (worker->function != content->function) {
        world_violation(world, "E1", "%c runs R%u of f%u on a worker of f%u", letter(index), content->request,
                        content->function, worker->function);
    }
    judge_version(world, index, worker, content->request);
    sweeper_judge_execute(world, index, content);
    share_executed(world, index, message, worker->version);
    uint16_t most = world->functions[worker->function].concurrency;
    most = most < worker->concurrency ? most : worker->concurrency;
    most = (uint16_t)(most + (worker->ahead && worker->concurrency == 1 ? WORKER_AHEAD_MAX : 0));
    if (worker->busy >= most) {
        world_violation(world, "E1", "%c runs %u at once on a worker that takes %u", letter(index), worker->busy + 1,
                        most);
    }
    for (uint32_t at = 0; at < STREAMS_MAX; at++) {
        if (worker->running[at].used && worker->running[at].stream == effect->stream) {
            world_violation(world, "E1", "%c uses stream %u of a worker twice", letter(index), effect->stream);
        }
    }
    if (content->invalid != 0 || message->verdicts != 0) {
        world_violation(world, "E1", "%c runs R%u, which is %s", letter(index), content->request,
                        content->invalid != 0 ? "invalid" : "settled");
    }
    if (content->call != 0 && world->calls[content->call - 1].certainly_not_started) {
        world_wrong(world, "S7", "R%u runs, but its caller was told that it certainly would not", content->request);
    }
    judge_quarantined_run(world, index, worker);
    judge_suspect_runs(world, index, message);
    message->executed = true;
    message->worker = effect->about;
    message->stream = effect->stream;
}

static void judge_stopped(struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    struct core_view view;
    core_view(node->core, &view);
    bool over = node_clock(world, node) - node->drained_ns >= node->drain_grace_ns;
    world->report->seen[SEEN_GRACE_OVER] += over && view.running != 0;
    if (node->state != NODE_DRAINING || (view.running != 0 && !over)) {
        world_wrong(world, "S13", "%c stops with %u running", letter(index), view.running);
    }
}

/* -- all -- */

static void judge_verdict(struct world *world, uint32_t index, const struct effect *effect)
{
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_ACK:
        judge_ack(world, index, effect);
        return;
    case EFFECT_EXTEND:
        judge_token(world, index, effect, judge_message(world, index, effect));
        return;
    case EFFECT_HAND_BACK:
        judge_hand_back(world, index, effect);
        return;
    case EFFECT_LEDGER_PUT:
        judge_cause_charge(world, index, effect, judge_message(world, index, effect));
        return;
    case EFFECT_CANCEL:
        judge_cause_cancel(world, index, effect);
        return;
    case EFFECT_QUARANTINE:
        judge_quarantine(world, index, effect);
        return;
    case EFFECT_ANSWER:
        judge_told(world, judge_message(world, index, effect)->content.request, effect,
                   judge_blob(world, index, effect->second));
        return;
    default:
        return;
    }
}

void judge_effect(struct world *world, uint32_t index, const struct effect *effect)
{
    if (effect->kind >= EFFECT_COUNT) {
        world_violation(world, "E1", "%c: effect of unknown kind %u", letter(index), effect->kind);
    }
    world->report->effects[effect->kind]++;
    judge_blob(world, index, effect->blob);
    judge_blob(world, index, effect->second);
    judge_owner(world, index, effect);
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_PULL:
        judge_pull(world, index, effect);
        return;
    case EFFECT_RENEW_CONSUMER:
        node_note(&world->nodes[index], effect->about)->outstanding = 0; /* All its pulls go with it. */
        return;
    case EFFECT_PUBLISH_RESULT:
        judge_result(world, index, effect);
        return;
    case EFFECT_PUBLISH_DEAD:
        judge_dead(world, index, effect);
        return;
    case EFFECT_REPLY:
        judge_reply(world, index, effect);
        return;
    case EFFECT_REMOVE_REQUEST:
        judge_remove(world, index, effect);
        return;
    case EFFECT_START_WORKER:
        judge_start(world, index, effect);
        return;
    case EFFECT_EXECUTE:
        judge_execute(world, index, effect);
        return;
    case EFFECT_STOPPED:
        judge_stopped(world, index);
        return;
    case EFFECT_DROP_BLOB:
        if (effect->blob.slot == 0) {
            world_violation(world, "B1", "%c drops no blob", letter(index));
        }
        taken_judge_drop(world, index, effect);
        return;
    default:
        judge_verdict(world, index, effect);
    }
}
