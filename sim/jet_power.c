/* Power loss: what was not yet on the disk is gone. nats-server writes a message to its file before it confirms it, and
 * asks the disk to keep it every `sync_ns` (60 s on 2.9, two minutes on 2.10; 0: with each message). Each stream has a
 * file of its own and was synced at a moment of its own. The tail behind that moment is lost: messages, removals of
 * messages, results, dead letters, records of attempts; and sequences are given out again.
 *
 * Whose request something was forgotten of is noted (`forgotten`): the last judgement excuses these, and no others. */
#include "sim/jet_list.h"

#include <string.h>

#include "core/draw.h"

enum { PURPOSE_POWER = DRAW_USER + 70 };

uint64_t jet_synced_ns(const struct jet *jet, uint32_t stream, uint64_t now_ns)
{
    if (jet->settings.sync_ns == 0) {
        return now_ns;
    }
    /* What the last restart found was on the disk. */
    uint64_t ago = draw_below(draw(jet->settings.seed, stream, PURPOSE_POWER, jet->kills), jet->settings.sync_ns);
    uint64_t synced = now_ns > ago ? now_ns - ago : 0;
    return synced > jet->powered_ns ? synced : jet->powered_ns;
}

static void message_lost(struct jet *jet, struct message *message)
{
    uint32_t request = message->content.request;
    jet->forgotten[request] = true;
    jet->latest[request] = message->earlier;
    if (jet->known_sequence[request] >= message->sequence) {
        jet->known_sequence[request] = 0;
    }
    if (message->state != MESSAGE_GONE) {
        jet->messages_live--;
        jet->live[message->content.function]--;
        jet->bytes_live -= content_bytes(&message->content);
        jet->hidden[message->content.function] -= message->state == MESSAGE_HIDDEN;
    }
    jet_book(jet, request, message->state == MESSAGE_GONE ? 0 : -1);
    message->state = MESSAGE_GONE;
    message->stamp++;
}

/* Removed from the stream, but the disk does not know. */
static void removal_lost(struct jet *jet, struct message *message, uint64_t synced)
{
    if (message->state == MESSAGE_GONE && message->acked_ns > synced) {
        jet->forgotten[message->content.request] = true;
        jet_book(jet, message->content.request, 0);
        if ((draw(jet->settings.seed, message->sequence, PURPOSE_POWER + 10, jet->kills) & 1) != 0) {
            message->acked_ns = UINT64_MAX; /* jet_kill() brings it back */
        }
    }
}

static void requests_lose(struct jet *jet, uint64_t synced)
{
    while (jet->last_sequence > 0 && jet->messages[jet->last_sequence - 1].stored_ns > synced) {
        message_lost(jet, &jet->messages[--jet->last_sequence]);
    }
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        removal_lost(jet, &jet->messages[sequence - 1], synced);
    }
}

static void records_lose(struct jet *jet, uint64_t now_ns)
{
    uint64_t results = jet_synced_ns(jet, JET_RESULTS, now_ns), dead = jet_synced_ns(jet, JET_DEAD, now_ns);
    uint64_t ledger = jet_synced_ns(jet, JET_LEDGER, now_ns);
    jet->revision = 0;
    for (uint32_t request = 0; request < jet->settings.requests_max; request++) {
        struct stored *stored = &jet->stored[request];
        struct ledger *entry = &jet->ledger[request];
        if (stored->present && stored->stored_ns > results) {
            stored->present = false;
            jet->forgotten[request] = true;
        }
        if (stored->dead && stored->dead_ns > dead) {
            stored->dead = false;
            jet->forgotten[request] = true;
        }
        if (entry->revision != 0 && entry->stored_ns > ledger) {
            *entry = (struct ledger){ 0 };
            jet->forgotten[request] = true;
        }
        jet_book(jet, request, 0);
        jet->revision = entry->revision > jet->revision ? entry->revision : jet->revision;
    }
}

/* The next kill brings back what the disk still has. */
uint64_t jet_lose_power(struct jet *jet, uint64_t now_ns)
{
    uint64_t last = jet->last_sequence;
    requests_lose(jet, jet_synced_ns(jet, JET_REQUESTS, now_ns));
    records_lose(jet, now_ns);
    jet->powered_ns = now_ns;
    jet_kill(jet, now_ns);
    return last;
}
