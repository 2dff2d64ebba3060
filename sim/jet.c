/* The request stream and its consumers. A message is in exactly one list at a time by its state: fresh (in stream
 * order), due (in order of falling due), or none while its timer runs. Serving takes the redelivery queue first,
 * then fresh messages as long as max_ack_pending allows, and goes round the waiting pulls one message each. */
#include "sim/jet.h"

#include <string.h>

#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_LATE = DRAW_USER + 50 };

const struct message *jet_message(const struct jet *jet, uint64_t sequence)
{
    return sequence == 0 || sequence > jet->last_sequence ? NULL : &jet->messages[sequence - 1];
}

/* -- delivery -- */

void jet_message_arm(struct jet *jet, struct message *message, uint64_t due_ns)
{
    /* Redelivery was seen 0.2 to 4 ms after it was due. */
    enum { LATE_NS_MAX = 5000000 };
    uint64_t late = draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_LATE, message->stamp), LATE_NS_MAX);
    message->due_ns = due_ns + jet_delay(jet, LATE_NS_MAX, late);
    message->stamp++;
    jet->hooks.arm(jet->hooks.owner, message->due_ns, JET_TIMER_MESSAGE, (uint32_t)message->sequence, message->stamp);
}

static void message_deliver(struct jet *jet, uint64_t now_ns, struct message *message, struct pull *pull)
{
    bool again = message->state == MESSAGE_NEW && message->redone; /* it says 1, and its count goes on */
    uint32_t delivered = again ? message->delivered : message->delivered + 1;
    message->redone = message->redone && !again;
    message->state = MESSAGE_PENDING;
    message->delivered = again ? 1 : delivered;
    message->before_ns[1] = message->before_ns[0];
    message->before_ns[0] = message->delivered_ns;
    message->delivered_ns = now_ns;
    jet->redeliveries += message->delivered > 1;
    jet_message_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    jet->hooks.deliver(jet->hooks.owner, pull, message);
    message->delivered = delivered;
    if (message->redone) {
        jet_renew(jet, message);
    }
}

/* The redelivery queue goes first and ignores max_ack_pending; only first deliveries stall. */
static struct message *consumer_next(struct jet *jet, struct jet_consumer *consumer)
{
    bool stalled = consumer->pending >= jet->settings.ack_pending_max;
    bool wait = (JET_BUG(jet, 3) && consumer->fresh.head != 0 && !stalled) || (JET_BUG(jet, 4) && stalled);
    if (consumer->due.head != 0 && !wait) {
        return jet_list_take(jet, &consumer->due);
    }
    if (consumer->fresh.head == 0 || stalled) {
        consumer->next = stalled ? consumer->next : jet->last_sequence + 1;
        return NULL;
    }
    struct message *message = jet_list_take(jet, &consumer->fresh);
    consumer->pending += !message->redone;
    consumer->next = message->sequence + 1;
    return message;
}

void jet_serve(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer)
{
    jet_ghosts_served(jet, consumer);
    if (jet_goes_astray(jet, now_ns, consumer)) {
        /* Handed back, its ack wait still runs; else another one begins (script 67-astray-clock). */
        struct message *taken = jet_redo(jet, consumer);
        bool runs = taken->due_ns > now_ns;
        jet_message_arm(jet, taken, runs ? taken->due_ns : now_ns + jet->settings.ack_wait_ns);
    }
    while (consumer->exists && !consumer->away && consumer->pulls.head != 0) {
        struct message *message = consumer_next(jet, consumer);
        if (message == NULL) {
            return;
        }
        struct pull *pull = jet_pull_take(jet, consumer);
        pull->remaining--;
        message_deliver(jet, now_ns, message, pull);
        if (pull->remaining > 0) {
            jet_pull_append(jet, consumer, pull); /* round robin, one message each */
        } else {
            jet_pull_release(jet, pull);
        }
    }
}

/* -- what clients do -- */

/* The window counts from the first store; a duplicate does not extend it, and is answered with the first sequence. */
static bool jet_knows(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    uint64_t sequence = jet->known_sequence[request];
    bool gone = JET_BUG(jet, 5) && sequence != 0 && jet->messages[sequence - 1].state == MESSAGE_GONE;
    /* No longer than messages live (script 71-max-age). */
    uint64_t age = jet->settings.age_max_ns, window = jet->settings.dedup_ns;
    window = age != 0 && age < window ? age : window;
    return sequence != 0 && !gone && now_ns - jet->known_ns[request] < window;
}

/* With headers and all; from 200 bytes to 4 KiB, by what the message is. */
uint64_t content_bytes(const struct content *content)
{
    return CONTENT_BYTES_MIN + content->digest % CONTENT_BYTES_SPREAD;
}

/* A known id is recognised before the limits are looked at. */
struct jet_ack jet_publish(struct jet *jet, uint64_t now_ns, int64_t wall_ns, const struct content *content)
{
    uint32_t request = content->request;
    if (content->has_id && jet->ids_stale) {
        jet_forget_ids(jet);
    }
    if (content->has_id && jet_knows(jet, now_ns, request)) {
        return (struct jet_ack){ 0, true, jet->known_sequence[request] };
    }
    uint64_t bytes = content_bytes(content);
    bool full = jet->messages_live >= jet->settings.messages_max + JET_BUG(jet, 7) ||
                jet->full_until_ns[JET_REQUESTS] > now_ns ||
                (jet->settings.bytes_max != 0 && jet->bytes_live + bytes > jet->settings.bytes_max);
    if (full || jet->last_sequence + 1 >= jet->settings.history_max) {
        return (struct jet_ack){ JET_FULL, false, 0 };
    }
    struct message *message = &jet->messages[jet->last_sequence++];
    if (jet->last_sequence > jet->messages_used) { /* not given out again after a power loss */
        *message = (struct message){ 0 };
        jet->messages_used = jet->last_sequence;
    }
    message->content = *content;
    message->content.kind = CONTENT_MESSAGE;
    message->sequence = message->content.sequence = jet->last_sequence;
    message->stored_ns = now_ns;
    message->stored_wall_ns = wall_ns;
    message->state = MESSAGE_NEW;
    message->ghost = GHOST_NONE;
    jet->messages_live++;
    jet->live[content->function]++;
    jet->bytes_live += bytes;
    message->earlier = jet->latest[request];
    jet->latest[request] = (uint32_t)message->sequence;
    jet_book(jet, request, 1);
    if (content->has_id) {
        jet->known_ns[request] = now_ns;
        jet->known_sequence[request] = message->sequence;
    }
    jet_age_stored(jet, now_ns);
    jet_list_append(jet, &jet_consumer_of(jet, message)->fresh, message);
    jet_serve(jet, now_ns, jet_consumer_of(jet, message));
    return (struct jet_ack){ 0, false, message->sequence };
}

uint64_t jet_ensure_consumer(struct jet *jet, uint64_t now_ns, uint32_t function)
{
    struct jet_consumer *consumer = &jet->consumers[function];
    if (!consumer->exists) { /* one that is there is not woken (script 65-not-woken) */
        consumer->exists = true;
        jet_serve(jet, now_ns, consumer);
    }
    return jet->last_sequence;
}

/* Waiting pulls end with 409. Un-acked messages stay; the next consumer starts at delivered = 1. */
void jet_delete_consumer(struct jet *jet, uint32_t function)
{
    struct jet_consumer *consumer = &jet->consumers[function];
    if (!consumer->exists) {
        return;
    }
    bool away = consumer->away;
    jet_pulls_end(jet, consumer, 0, 0, JET_CONSUMER_GONE);
    memset(consumer, 0, sizeof(*consumer));
    consumer->away = away;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        struct message *message = &jet->messages[sequence - 1];
        bool there = message->state != MESSAGE_GONE && message->state != MESSAGE_HIDDEN;
        if (message->content.function == function) {
            message->delivered = 0;
            message->redone = false;
            message->ghost = GHOST_NONE;
        }
        if (there && message->content.function == function) {
            message->state = MESSAGE_NEW;
            message->stamp++;
            jet_list_append(jet, &consumer->fresh, message);
        }
    }
}

void jet_pull(struct jet *jet, uint64_t now_ns, const struct pull *pull)
{
    struct jet_consumer *consumer = &jet->consumers[pull->function];
    if (!consumer->exists) {
        /* 2.9.10 says nothing (tests/conformance/broker/quirks/40-pull-of-nobody.script); 2.15 answers at once. */
        if (jet->settings.profile != JET_2_9) {
            jet->hooks.ended(jet->hooks.owner, pull, JET_NO_RESPONDERS);
        }
        return;
    }
    if (jet->pull_free == 0) {
        jet->hooks.ended(jet->hooks.owner, pull, JET_CONSUMER_GONE); /* 409 Exceeded MaxWaiting */
        return;
    }
    struct pull *mine = &jet->pulls[jet->pull_free - 1];
    uint32_t stamp = mine->stamp + 1;
    jet->pull_free = mine->next;
    *mine = *pull;
    mine->used = true;
    mine->stamp = stamp;
    jet_pull_append(jet, consumer, mine);
    jet->hooks.arm(jet->hooks.owner, mine->expires_at_ns, JET_TIMER_PULL, (uint32_t)(mine - jet->pulls) + 1, stamp);
    jet_serve(jet, now_ns, consumer);
}

void jet_due(struct jet *jet, uint64_t now_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    if (timer == JET_TIMER_AGE) {
        if (jet->age_armed && jet->age_stamp == stamp) {
            jet_age_check(jet, now_ns);
        }
        return;
    }
    if (timer == JET_TIMER_PULL) {
        struct pull *pull = &jet->pulls[number - 1];
        if (pull->used && pull->stamp == stamp) {
            jet_pulls_end(jet, &jet->consumers[pull->function], 0, number, JET_EXPIRED);
        }
        return;
    }
    struct message *message = &jet->messages[number - 1];
    if (message->stamp == stamp && message->ghost != GHOST_NONE) {
        jet_ghost_due(jet, now_ns, message);
        return;
    }
    if (message->stamp != stamp || (message->state != MESSAGE_PENDING && !message->redone)) {
        return;
    }
    jet_fall_due(jet, now_ns, message);
}
