/* What a stranger acks, or what the queue's age limit removes, is gone from the queue, but an instance that runs it
 * does not know, and need not: it stores the result and acks a message that is not there. Only if the instance goes
 * first, or hands the message back to a queue that does not have it, is the request lost, and no one but whoever took
 * it is to blame. So a request that was taken and has no result is excused in the end (jet->taken is written by the
 * taking alone), unless an instance lets go of it while it runs, or with the result in its hands. */
#include "sim/taken.h"

#include "sim/judge_cause.h"

/* Whoever waits in the queue is ended as expired when his time is over, and the queue's age limit is longer than that.
 * It may take him sooner only if somebody cut it, or set the broker's clock; later only if nobody could end him: not
 * after the heal and the time within which all must have ended (L1). */
static void judge_age(struct world *world, const struct message *message)
{
    const struct settings *settings = &world->choices.settings;
    uint64_t budget_ns = message->content.budget_ns, age_ns = world->now - message->stored_ns;
    budget_ns = budget_ns == 0 || budget_ns > settings->call_budget_ns_max ? settings->call_budget_ns_max : budget_ns;
    int64_t set_ns = broker_wall(world) - message->stored_wall_ns - (int64_t)age_ns;
    if (world->age_cut || set_ns > (int64_t)MILLISECOND) {
        return;
    }
    if (age_ns < budget_ns) {
        world_wrong(world, "S1", "R%u is dropped by its age after %llu ms and may wait for %llu",
                    message->content.request, (unsigned long long)(age_ns / MILLISECOND),
                    (unsigned long long)(budget_ns / MILLISECOND));
    }
    world->report->seen[SEEN_AGED_UNATTENDED]++;
    if (world->healed && world->now > world->ended_by_ns) {
        world_wrong(world, "S1", "R%u is dropped by its age %llu ms after the heal, and must have ended by then",
                    message->content.request, (unsigned long long)((world->now - world->healed_ns) / MILLISECOND));
    }
}

void taken_note(void *owner, const struct message *message, enum jet_taker taker)
{
    struct world *world = owner;
    world->report->seen[taker == TAKER_AGE ? SEEN_AGED : SEEN_TAKEN]++;
    story_event(world, "R%u is out of the queue and has not ended", message->content.request);
    if (taker == TAKER_AGE) {
        judge_age(world, message);
    }
}

bool taken_for_good(const struct world *world, uint32_t request)
{
    return world->jet.taken[request] != 0 && jet_find(&world->jet, request) == 0;
}

static bool runs(const struct node *node, const struct content *message)
{
    for (uint32_t at = 0; at < node->workers_count * STREAMS_MAX; at++) {
        const struct worker *worker = &node->workers[at / STREAMS_MAX];
        const struct running *running = &worker->running[at % STREAMS_MAX];
        if (worker->state == PROCESS_READY && running->used && running->message.sequence == message->sequence &&
            running->message.request == message->request) {
            return true;
        }
    }
    return false;
}

void taken_judge_drop(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    const struct slot *slot = &node->slots[effect->blob.slot];
    uint32_t request = slot->content.request;
    bool last = slot->content.kind == CONTENT_MESSAGE && node->held[slot->content.sequence] == effect->blob.slot;
    if (!last || slot_before(node, slot) != 0 || !taken_for_good(world, request) ||
        world->jet.stored[request].count != 0) {
        return;
    }
    bool handed_back = slot->verdicts != 0, failed = slot->faults != 0;
    if (!handed_back && !failed && (slot->succeeded || runs(node, &slot->content))) {
        world_wrong(world, "S1", "%c lets go of R%u, which nobody else has and which %s", 'a' + (int)index, request,
                    slot->succeeded ? "gave its result" : "runs");
    }
}
