/* What may be charged (S4): only what happened to that request while it ran, as the world knows it. A failure of its
 * neighbour, of its instance or of the broker is none. And what quarantine forbids (S23): as long as it lasts, nothing
 * of that function is run. */
#include "sim/judge_cause.h"

#include "core/retry.h"

static char letter(uint32_t index)
{
    return (char)('a' + index);
}

static bool slot_holds(const struct slot *slot, const struct content *message)
{
    return slot->use == BLOB_HELD && slot->content.kind == CONTENT_MESSAGE &&
           slot->content.request == message->request && slot->content.sequence == message->sequence;
}

struct slot *judge_slot_of(struct node *node, const struct content *message)
{
    uint32_t at = node->held[message->sequence];
    for (uint32_t slot = 1; slot < node->slots_used && !slot_holds(&node->slots[at], message); slot++) {
        at = slot;
    }
    return slot_holds(&node->slots[at], message) ? &node->slots[at] : NULL;
}

static void blame(struct node *node, const struct content *message, enum cause cause)
{
    struct slot *slot = judge_slot_of(node, message);
    if (slot != NULL) {
        slot->faults |= (uint16_t)(1u << cause);
    }
}

/* Not if the core has given that run up and been charged for it: then the message may be in hand anew. */
static void succeed(struct node *node, const struct input *input)
{
    struct slot *slot = judge_slot_of(node, &node->slots[input->blob.slot].content);
    if (slot != NULL && handle_equal(slot->worker, input->about) && slot->stream == input->as.worker.stream) {
        slot->succeeded = true;
    }
}

static void suffer(struct node *node, const struct running *running, enum cause cause)
{
    if (running->used && running->started) {
        blame(node, &running->message, cause);
    }
}

static void suffer_all(struct node *node, const struct worker *worker, enum cause cause)
{
    for (uint32_t at = 0; at < STREAMS_MAX; at++) {
        suffer(node, &worker->running[at], cause);
    }
}

void judge_cause_input(struct world *world, uint32_t index, const struct input *input)
{
    static const enum cause of_class[] = { CAUSE_ERROR, CAUSE_PERMANENT, CAUSE_THROTTLED };
    if (handle_table(input->about) != TABLE_WORKER) {
        return;
    }
    struct node *node = &world->nodes[index];
    const struct worker *worker = &node->workers[handle_index(input->about) % node->workers_count];
    if (!handle_equal(worker->handle, input->about)) {
        return;
    }
    switch ((enum input_kind)input->kind) {
    case INPUT_WORKER_RESULT:
        succeed(node, input);
        return;
    case INPUT_WORKER_ERROR:
        blame(node, &node->slots[input->blob.slot].content, of_class[input->as.worker.class]);
        return;
    case INPUT_WORKER_BROKEN:
        suffer_all(node, worker, CAUSE_INVALID_OUTPUT);
        return;
    case INPUT_WORKER_EXITED:
        if (input->code == REASON_PLUGIN_CRASHED || input->code == REASON_OUT_OF_MEMORY) {
            suffer_all(node, worker, input->code == REASON_OUT_OF_MEMORY ? CAUSE_OUT_OF_MEMORY : CAUSE_CRASH);
        }
        node->start_failed[worker->function] = node->start_failed[worker->function] || worker->busy == 0;
        return;
    default:
        return;
    }
}

/* It ended, but its instance slept until now, well past its time, and did not hear what had waited. When its time began
 * is the core's guess if it was sent ahead; and a heal wakes an instance before it gives it all that waited. */
static bool ended_unheard(const struct world *world, const struct running *running, uint64_t late_ns)
{
    enum { HEARD_WITHIN_NS = 100 * MILLISECOND };
    return running->ends_ns != 0 && running->ends_ns <= world->now && late_ns > HEARD_WITHIN_NS;
}

/* It is told to stop: because its time is over, if it is. */
void judge_cause_cancel(struct world *world, uint32_t index, const struct effect *effect)
{
    struct node *node = &world->nodes[index];
    const struct worker *worker = &node->workers[handle_index(effect->about) % node->workers_count];
    for (uint32_t at = 0; at < STREAMS_MAX; at++) {
        const struct running *running = &worker->running[at];
        uint64_t ran_ns = node_clock(world, node) - running->started_ns;
        uint64_t timeout_ns = world->functions[worker->function].timeout_ns;
        bool unheard = !world->healed && !worker->ahead && ended_unheard(world, running, ran_ns - timeout_ns);
        bool over = ran_ns >= timeout_ns && !unheard;
        if (running->stream == effect->stream && over) {
            suffer(node, running, CAUSE_TIMEOUT);
        }
    }
}

void judge_cause_charge(struct world *world, uint32_t index, const struct effect *effect, struct slot *message)
{
    enum cause cause = (enum cause)effect->cause;
    message->puts++;
    if (effect->amount == 0) {
        return; /* It marks an end. */
    }
    if (cause != CAUSE_NONE && message->attempts != 0 && effect->count > message->attempts) {
        world_wrong(world, "S4", "%c charges R%u again for one run, as attempt %u", letter(index),
                    message->content.request, effect->count);
    }
    message->attempts = cause != CAUSE_NONE ? effect->count : message->attempts;
    bool happened = (message->faults & 1u << cause) != 0 ||
                    (cause == CAUSE_NOT_STARTED && world->nodes[index].start_failed[message->content.function]);
    if (cause != CAUSE_NONE && (!cause_charged(cause) || !happened)) {
        world_violation(world, "S4", "%c charges R%u for %s, which did not happen to it", letter(index),
                        message->content.request, cause_text(cause));
    }
}

/* -- delays -- */

/* The longest of any kind: of a retry, of a broker that is away, of a sweeper's visit. */
static uint64_t longest_delay_ns(const struct world *world, const struct slot *slot)
{
    const struct settings *settings = &world->choices.settings;
    uint64_t own_ns_max = world->functions[slot->content.function].policy.retry_ns_max;
    uint64_t most = own_ns_max > settings->retry_ns_max ? own_ns_max : settings->retry_ns_max;
    most = settings->publish_timeout_ns > most ? settings->publish_timeout_ns : most;
    most = slot->after_ns > most ? slot->after_ns : most;
    return settings->sweep_ns > most && slot->visited ? settings->sweep_ns : most;
}

/* The window of the backoff after so many attempts. While it runs, an instance may have been told of a longest backoff
 * that is half as long as the one it began with (FAULT_SETTING), but a function's own stays. */
static void backoff_window(const struct world *world, const struct slot *slot, uint64_t *ret_least, uint64_t *ret_most)
{
    const struct settings *settings = &world->choices.settings;
    const struct function *function = &world->functions[slot->content.function];
    struct backoff longest = { function->policy.retry_ns_base, function->policy.retry_ns_max, JITTER_NONE };
    longest.ns_base = longest.ns_base == 0 ? settings->retry_ns_base : longest.ns_base;
    longest.ns_max = longest.ns_max == 0 ? settings->retry_ns_max : longest.ns_max;
    struct backoff shortest = longest;
    shortest.ns_max = function->policy.retry_ns_max == 0 ? longest.ns_max / 2 : longest.ns_max;
    uint64_t floor = retry_ceiling_ns(&shortest, slot->attempts), ceiling = retry_ceiling_ns(&longest, slot->attempts);
    uint64_t before = slot->attempts > 1 ? retry_ceiling_ns(&longest, slot->attempts - 1) : longest.ns_base;
    switch (function->policy.jitter != 0 ? function->policy.jitter - 1u : settings->jitter) {
    case JITTER_FULL:
        floor = 0;
        break;
    case JITTER_EQUAL:
        floor /= 2;
        break;
    case JITTER_DECORRELATED:
        floor = shortest.ns_base < shortest.ns_max ? shortest.ns_base : shortest.ns_max;
        ceiling = before * 3 < longest.ns_max ? before * 3 : longest.ns_max;
        ceiling = ceiling > floor ? ceiling : floor;
        break;
    default:
        break;
    }
    *ret_least = floor;
    *ret_most = ceiling;
}

/* A charged failure waits for the backoff, or as long as the function asked for. */
void judge_cause_delay(struct world *world, const struct slot *slot, const struct effect *effect)
{
    bool answered =
        effect->cause == CAUSE_ERROR || effect->cause == CAUSE_THROTTLED; /* else its answer came too late */
    uint64_t least = 0, most = longest_delay_ns(world, slot), asked = answered ? slot->after_ns : 0;
    if (cause_charged((enum cause)effect->cause) && slot->attempts != 0) {
        backoff_window(world, slot, &least, &most);
        asked = asked < world->choices.settings.call_budget_ns_max ? asked : world->choices.settings.call_budget_ns_max;
        bool instead = effect->cause == CAUSE_THROTTLED && asked != 0;
        least = instead || asked > least ? asked : least;
        most = instead || asked > most ? asked : most;
    }
    if (effect->amount < least || effect->amount > most) {
        world_wrong(world, "S4", "R%u comes again after %llu us, not %llu to %llu", slot->content.request,
                    (unsigned long long)(effect->amount / MICROSECOND), (unsigned long long)(least / MICROSECOND),
                    (unsigned long long)(most / MICROSECOND));
    }
}

void judge_quarantine(struct world *world, uint32_t index, const struct effect *effect)
{
    struct function_note *note = node_note(&world->nodes[index], effect->about);
    if (note == NULL || note->quarantined == (effect->count != 0)) {
        world_violation(world, "S23", "%c puts a function into quarantine, or lets it go, twice", letter(index));
    }
    note->quarantined = effect->count != 0;
}

void judge_quarantined_run(struct world *world, uint32_t index, const struct worker *worker)
{
    const struct function_note *note = node_note(&world->nodes[index], worker->row);
    if (note != NULL && note->quarantined) {
        world_violation(world, "S23", "%c runs f%u, which is in quarantine", letter(index), worker->function);
    }
}
