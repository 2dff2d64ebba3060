/* Requests that may have taken instances down, and those that run beside them (S28): the more of its starts a request
 * has lost with instances, the fewer of its kind run beside it, by what its core read in the ledger. What was told to
 * stop does not count: its core waits for it no more. */
#include "sim/judge_cause.h"

enum { LOST_MIN = 2 };

/* The ledger answers: of the message that is in hand now, which may have come again since it was asked. */
void judge_suspect_read(struct world *world, const struct event *event, const struct ledger *entry)
{
    struct slot *slot = judge_slot_of(&world->nodes[event->node], &event->content);
    if (slot != NULL) {
        bool lost_again = entry->revision != 0 && !cause_charged((enum cause)entry->last);
        slot->lost = entry->revision != 0 ? entry->causes.count[CAUSE_INSTANCE_LOST] + lost_again : 0;
    }
}

/* One that is handed back to wait: there must be another one. */
bool judge_suspect_waits(const struct world *world, uint32_t index, const struct slot *message)
{
    const struct node *node = &world->nodes[index];
    for (uint32_t at = 1; at < node->slots_used; at++) {
        const struct slot *other = &node->slots[at];
        if (other != message && other->use == BLOB_HELD && other->content.kind == CONTENT_MESSAGE &&
            other->content.request != message->content.request && other->lost >= LOST_MIN && other->verdicts == 0) {
            return message->lost >= LOST_MIN;
        }
    }
    return false;
}

static uint32_t together_max(const struct world *world, uint32_t function, uint32_t lost)
{
    uint64_t half = (world->choices.settings.starts_max + world->functions[function].retries_max) / 2;
    return lost >= half ? 1 : half - lost < 31 ? UINT32_C(1) << (half - lost) : UINT32_MAX;
}

void judge_suspect_runs(struct world *world, uint32_t index, const struct slot *message)
{
    const struct node *node = &world->nodes[index];
    uint32_t together = 1, most = together_max(world, message->content.function, message->lost);
    if (message->lost < LOST_MIN) {
        return;
    }
    for (uint32_t at = 0; at < node->workers_count * STREAMS_MAX; at++) {
        const struct worker *worker = &node->workers[at / STREAMS_MAX];
        const struct running *running = &worker->running[at % STREAMS_MAX];
        if (worker->state == PROCESS_READY && running->used && !running->let_go && running->lost >= LOST_MIN) {
            uint32_t others_most = together_max(world, running->message.function, running->lost);
            most = others_most < most ? others_most : most;
            together++;
        }
    }
    if (together > most) {
        world_wrong(world, "S28", "%c runs R%u, %u times lost with its instance, beside %u others of its kind",
                    'a' + (int)index, message->content.request, message->lost, together - 1);
    }
    world->report->seen[SEEN_SUSPECTS_TOGETHER] += together > 1;
}
