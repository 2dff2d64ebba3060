/* kill -9 and restart, and restart by SIGTERM. The file store keeps every message that was acknowledged to its
 * publisher; after a kill, what the server knew about deliveries is as old as the consumer state on disk, up to 100 ms,
 * and on 2.9 the last acks are lost too. A server that is ended writes all of it first. */
#include "sim/jet.h"

#include <string.h>

#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_KILL = DRAW_USER + 60 };

#define MILLISECONDS UINT64_C(1000000)
/* Doors look once a second, and may have asked again for some seconds to have stored what they let in. */
#define UNKNOWN_NS (5000 * MILLISECONDS)
#define BACK_NS    (500 * MILLISECONDS)

static uint64_t kill_draw(const struct jet *jet, const struct message *message, uint64_t which, uint64_t bound)
{
    return draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_KILL + which, jet->kills), bound);
}

/* 2.9.10 brought every message back that was acked up to 20 ms before the kill, none after 100 ms; 2.10.27 none. */
static bool ack_was_lost(const struct jet *jet, const struct message *message, uint64_t now_ns)
{
    uint64_t age = now_ns - message->acked_ns;
    if (message->acked_ns == UINT64_MAX) {
        return true; /* jet_power.c */
    }
    if (jet->settings.profile != JET_2_9 || age >= 100 * MILLISECONDS) {
        return false;
    }
    bool drawn = age < 20 * MILLISECONDS + kill_draw(jet, message, 0, 80 * MILLISECONDS);
    return age < 20 * MILLISECONDS || jet_choose(jet, JET_ACK_LOST, drawn);
}

/* Consumer state is written at most ten times a second: younger deliveries are forgotten, and counted again (script
 * 72-deliveries-forgotten). */
static void forget_young_deliveries(const struct jet *jet, struct message *message, uint64_t now_ns)
{
    const uint64_t times_ns[] = { message->delivered_ns, message->before_ns[0], message->before_ns[1] };
    uint64_t unwritten_ns = kill_draw(jet, message, 1, 100 * MILLISECONDS);
    for (uint32_t at = 0; at < sizeof(times_ns) / sizeof(times_ns[0]) && message->delivered > 0; at++) {
        uint64_t age = now_ns - times_ns[at];
        if (age >= 100 * MILLISECONDS || !jet_choose(jet, JET_DELIVERY_FORGOTTEN, age < unwritten_ns)) {
            return;
        }
        message->delivered--;
    }
}

/* Times of pending deliveries are kept in whole seconds, and what waited for redelivery is not kept at all: it is due
 * some time between a second before it was and an ack wait after the restart (script 28-ack-clock: 2.9.10 was seen to
 * wait for the whole ack wait with a message that had been due before the kill). */
static void rearm(struct jet *jet, struct message *message, uint64_t now_ns)
{
    uint64_t early_max = 1000 * MILLISECONDS, ack_wait = jet->settings.ack_wait_ns;
    uint64_t by_delivery = message->delivered_ns + ack_wait;
    uint64_t low = by_delivery < message->due_ns ? by_delivery : message->due_ns;
    uint64_t high = message->due_ns > now_ns + ack_wait ? message->due_ns : now_ns + ack_wait;
    low = low > now_ns + early_max ? low - early_max : now_ns;
    message->due_ns = low + jet_delay(jet, high - low, kill_draw(jet, message, 2, high - low));
    message->state = MESSAGE_PENDING;
    jet->consumers[message->content.function].pending++;
    jet->hooks.arm(jet->hooks.owner, message->due_ns, JET_TIMER_MESSAGE, (uint32_t)message->sequence, message->stamp);
}

static void join_fresh(struct jet *jet, struct message *message)
{
    message->state = MESSAGE_NEW;
    jet_list_append(jet, &jet->consumers[message->content.function].fresh, message);
}

/* 2.9.10 writes its index of removed messages rarely: after a kill the stream may have any of them again, whatever its
 * consumer knows. Seen up to half a second after the ack (script 36-left-behind). */
static bool left_behind(const struct jet *jet, const struct message *message, uint64_t now_ns)
{
    bool young = now_ns - message->acked_ns < BACK_NS && kill_draw(jet, message, 3, 8) == 0;
    return jet->settings.profile == JET_2_9 && jet_choose(jet, JET_LEFT_BEHIND, young);
}

/* Its index by subject may be younger than that: 3 of 1,400 messages in tests/chaos, after a full disk and a kill. */
static bool hidden(const struct jet *jet, const struct message *message)
{
    return jet_choose(jet, JET_HIDDEN, kill_draw(jet, message, 6, 4) == 0);
}

static void come_back(struct jet *jet, const struct message *message)
{
    jet->resurrected++;
    jet->messages_live++;
    jet->live[message->content.function]++;
    jet->bytes_live += content_bytes(&message->content);
    jet_book(jet, message->content.request, 1);
}

/* Where its consumer goes on in the stream decides whether it is given: what is ahead is new to it, also if it was
 * removed by its number or settled with a consumer that is gone (script 58-back-to-anew). Of what lies behind, the
 * consumer only gives what it still waits for. */
static void revive(struct jet *jet, struct message *message, uint64_t now_ns, bool awaited)
{
    come_back(jet, message);
    if (message->sequence >= jet_consumer_of(jet, message)->next) {
        message->delivered = 0;
        join_fresh(jet, message);
    } else if (awaited && message->delivered > 0) {
        message->due_ns = now_ns;
        rearm(jet, message, now_ns);
    } else {
        message->state = hidden(jet, message) ? MESSAGE_HIDDEN : MESSAGE_LEFT;
        jet->hidden[message->content.function] += message->state == MESSAGE_HIDDEN;
    }
}

static void message_restart(struct jet *jet, struct message *message, uint64_t now_ns, bool gently)
{
    message->stamp++;
    message->redone = false;
    message->ghost = GHOST_NONE;
    if (message->state == MESSAGE_GONE && gently) {
        return;
    }
    if (message->state == MESSAGE_GONE) {
        bool awaited = ack_was_lost(jet, message, now_ns);
        if (awaited || left_behind(jet, message, now_ns)) {
            revive(jet, message, now_ns, awaited);
        } else if (now_ns - message->acked_ns < 100 * MILLISECONDS) {
            jet_haunt(jet, message, now_ns);
        }
    } else if (message->state != MESSAGE_LEFT && message->state != MESSAGE_HIDDEN) {
        if (message->delivered == 0) {
            join_fresh(jet, message);
        } else {
            rearm(jet, message, now_ns);
        }
    }
}

/* When the youngest of what our doors let in was stored. */
static uint64_t door_ns(const struct jet *jet)
{
    uint64_t youngest_ns = 0;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        const struct message *message = &jet->messages[sequence - 1];
        bool younger = message->content.call != 0 && message->stored_ns > youngest_ns;
        youngest_ns = younger ? message->stored_ns : youngest_ns;
    }
    return youngest_ns;
}

/* Whether there is too much, or would be with what a kill may bring back, even without what raw publishers, who ask no
 * door, put there lately: of what they did before, the doors knew when they last let anything in; unless it was removed
 * before that instance looked for the first time (born_ns). */
static bool too_much(const struct jet *jet, uint64_t now_ns, uint64_t last_ns, uint64_t back_ns, uint64_t born_ns)
{
    uint64_t messages = 0, bytes = 0;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        const struct message *message = &jet->messages[sequence - 1];
        bool there = message->state != MESSAGE_GONE || now_ns - message->acked_ns < back_ns;
        bool unseen = message->state == MESSAGE_GONE && message->acked_ns < born_ns;
        bool raw = message->content.call == 0 && (unseen || message->stored_ns + UNKNOWN_NS > last_ns);
        messages += there && !raw;
        bytes += there && !raw ? content_bytes(&message->content) : 0;
    }
    return messages > jet->settings.messages_max || (jet->settings.bytes_max != 0 && bytes > jet->settings.bytes_max);
}

bool jet_overfilled(const struct jet *jet, uint64_t now_ns, uint64_t known_ns, uint64_t born_ns)
{
    const struct jet_settings *settings = &jet->settings;
    bool little = jet->messages_live <= settings->messages_max / 2 &&
                  (settings->bytes_max == 0 || jet->bytes_live <= settings->bytes_max / 2);
    bool excused = jet->powered_ns != 0 && jet->powered_ns + UNKNOWN_NS > known_ns;
    return settings->profile == JET_2_9 && settings->replicas == 1 && !little && !excused &&
           too_much(jet, now_ns, known_ns, BACK_NS, born_ns);
}

/* 2.9.10 holds a stream to its limits when it starts, and with discard=new as well the oldest messages go: what came
 * back takes the places of what nobody has settled (script 59-full-after-kill). 2.15.2 keeps them all. */
static void make_room(struct jet *jet, uint64_t now_ns)
{
    const struct jet_settings *settings = &jet->settings;
    bool ours = settings->profile == JET_2_9 && jet->powered_ns != now_ns && too_much(jet, now_ns, door_ns(jet), 0, 0);
    for (uint64_t sequence = 1; settings->profile == JET_2_9 && sequence <= jet->last_sequence; sequence++) {
        struct message *message = &jet->messages[sequence - 1];
        bool room = jet->messages_live <= settings->messages_max &&
                    (settings->bytes_max == 0 || jet->bytes_live <= settings->bytes_max);
        if (room) {
            return;
        }
        uint32_t request = message->content.request;
        bool unsettled = message->state != MESSAGE_GONE && jet_owes(jet, request);
        jet->forgotten[request] = jet->forgotten[request] || unsettled;
        jet->dropped += unsettled;
        jet->dropped_of_ours += ours && unsettled;
        if (jet_remove(jet, now_ns, sequence)) {
            jet_haunt(jet, message, now_ns);
        }
    }
}

/* Rebuilt from stored messages alone, on 2.9 not before the next publish with an id: one whose message was acked or
 * removed until then is accepted again (script 53-dedup-rebuilt-late). */
void jet_forget_ids(struct jet *jet)
{
    jet->ids_stale = false;
    for (uint32_t request = 0; request < jet->settings.requests_max; request++) {
        uint64_t sequence = jet->known_sequence[request];
        if (sequence != 0 && jet->messages[sequence - 1].state == MESSAGE_GONE) {
            jet->known_sequence[request] = 0;
        }
    }
}

static void restart(struct jet *jet, uint64_t now_ns, bool gently)
{
    jet->kills++;
    for (uint32_t index = 0; index < JET_PULLS_MAX; index++) {
        jet->pulls[index].used = false;
        jet->pulls[index].stamp++;
        jet->pulls[index].next = index + 1 < JET_PULLS_MAX ? index + 2 : 0;
    }
    jet->pull_free = 1;
    for (uint32_t function = 0; function < JET_FUNCTIONS_MAX; function++) {
        bool exists = jet->consumers[function].exists, away = jet->consumers[function].away;
        memset(&jet->consumers[function], 0, sizeof(jet->consumers[function]));
        jet->consumers[function].exists = exists;
        jet->consumers[function].away = away;
    }
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        struct message *message = &jet->messages[sequence - 1];
        if (!gently) {
            forget_young_deliveries(jet, message, now_ns);
        }
        if (message->delivered > 0) {
            jet_consumer_of(jet, message)->next = sequence + 1;
        }
    }
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        message_restart(jet, &jet->messages[sequence - 1], now_ns, gently);
    }
    make_room(jet, now_ns);
    jet_age_check(jet, now_ns);
    jet->ids_stale = !JET_BUG(jet, 8);
    if (jet->ids_stale && jet->settings.profile != JET_2_9) {
        jet_forget_ids(jet); /* 2.15.2 reads them at once */
    }
}

void jet_kill(struct jet *jet, uint64_t now_ns)
{
    restart(jet, now_ns, false);
}

/* Whoever waits is told; nothing that was settled comes back, and deliveries count on (script 49-restart-term). */
void jet_end(struct jet *jet, uint64_t now_ns)
{
    for (uint32_t function = 0; function < JET_FUNCTIONS_MAX; function++) {
        jet_pulls_end(jet, &jet->consumers[function], 0, 0, JET_LEADER_CHANGED);
    }
    restart(jet, now_ns, true);
}
