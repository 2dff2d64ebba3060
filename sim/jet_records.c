/* What is written create-only or by compare-and-set: results, dead letters, the ledger of attempts; and the search for
 * a request's message.
 *
 * "Wrong last sequence" (10071) is the one primitive that gives at most one result; it was seen to hold after kill
 * -9, so the model keeps all of this over jet_kill(). Results vanish after the retention, as max_age does. */
#include "sim/jet_list.h"

#include <stddef.h>

static bool result_lives(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    const struct stored *stored = &jet->stored[request];
    return stored->present && now_ns - stored->stored_ns < jet->settings.retention_ns;
}

uint16_t jet_store_result(struct jet *jet, uint64_t now_ns, uint32_t request, const struct stored *result,
                          bool create_only)
{
    struct stored *stored = &jet->stored[request];
    if (create_only && result_lives(jet, now_ns, request)) {
        return JET_WRONG_LAST;
    }
    if (jet->full_until_ns[JET_RESULTS] > now_ns) {
        return JET_FULL;
    }
    uint32_t count = stored->count + 1;
    bool dead = stored->dead;
    uint64_t dead_ns = stored->dead_ns;
    *stored = *result;
    stored->count = count;
    stored->dead = dead;
    stored->dead_ns = dead_ns;
    stored->present = true;
    stored->stored_ns = now_ns;
    jet_book(jet, request, 0);
    return 0;
}

const struct stored *jet_result(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    return result_lives(jet, now_ns, request) ? &jet->stored[request] : NULL;
}

uint64_t jet_find(const struct jet *jet, uint32_t request)
{
    uint64_t found = 0;
    for (uint32_t at = jet->latest[request]; at != 0; at = jet->messages[at - 1].earlier) {
        found = jet->messages[at - 1].state == MESSAGE_GONE ? found : at;
    }
    return found;
}

uint64_t jet_walk(const struct jet *jet, uint64_t from, uint64_t last)
{
    uint64_t sequence = from == 0 ? 1 : from;
    last = last < jet->last_sequence ? last : jet->last_sequence;
    while (sequence <= last && jet->messages[sequence - 1].state == MESSAGE_GONE) {
        sequence++;
    }
    return sequence <= last ? sequence : 0;
}

uint16_t jet_store_dead(struct jet *jet, uint64_t now_ns, uint32_t request)
{
    if (jet->stored[request].dead) {
        return JET_WRONG_LAST;
    }
    if (jet->full_until_ns[JET_DEAD] > now_ns) {
        return JET_FULL;
    }
    jet->stored[request].dead = true;
    jet->stored[request].dead_ns = now_ns;
    return 0;
}

/* On success *entry gets its revision: they count over the whole bucket. */
uint16_t jet_ledger_put(struct jet *jet, uint64_t now_ns, uint32_t request, uint64_t revision, struct ledger *entry)
{
    if (jet->ledger[request].revision != revision) {
        return JET_WRONG_LAST;
    }
    entry->revision = ++jet->revision;
    entry->stored_ns = now_ns;
    jet->ledger[request] = *entry;
    return 0;
}

void jet_look(const struct jet *jet, uint32_t function, struct input *input)
{
    const struct jet_consumer *consumer = &jet->consumers[function];
    uint32_t messages = jet->live[function] - jet->hidden[function];
    input->as.consumer.messages_min = input->as.consumer.messages_max = messages;
    input->as.consumer.ack_pending = consumer->pending;
    input->as.consumer.waiting = jet_fresh(jet, function);
    for (uint64_t sequence = 1; messages > 0 && sequence <= jet->last_sequence; sequence++) {
        const struct message *message = &jet->messages[sequence - 1];
        bool seen = message->state != MESSAGE_GONE && message->state != MESSAGE_HIDDEN;
        if (seen && message->content.function == function) {
            input->as.consumer.first = sequence;
            return;
        }
    }
}

void jet_ledger_read(const struct ledger *entry, struct input *input)
{
    input->as.ledger.revision = entry->revision;
    input->as.ledger.nonce = entry->nonce;
    input->as.ledger.attempts = entry->attempts;
    input->as.ledger.starts = entry->starts;
    input->as.ledger.causes = entry->causes;
    input->as.ledger.last = entry->last;
    input->as.ledger.end = entry->end;
    input->as.ledger.reason = entry->reason;
}
