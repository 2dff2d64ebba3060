/* kill -9 and restart. The file store keeps every message that was acknowledged to its publisher; what the server knew
 * about deliveries is as old as the consumer state on disk, up to 100 ms, and on 2.9 the last acks are lost too. */
#include "sim/jet.h"

#include <string.h>

#include "core/draw.h"

enum { PURPOSE_KILL = DRAW_USER + 60 };

#define MILLISECONDS UINT64_C(1000000)

static uint64_t kill_draw(const struct jet *jet, const struct message *message, uint64_t which, uint64_t bound)
{
    return draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_KILL + which, jet->kills), bound);
}

/* 2.9.10 brought every message back that was acked up to 20 ms before the kill, none after 100 ms; 2.10.27 none. */
static bool ack_was_lost(const struct jet *jet, const struct message *message, uint64_t now_ns)
{
    uint64_t age = now_ns - message->acked_ns;
    return jet->settings.profile == JET_2_9 && age < 20 * MILLISECONDS + kill_draw(jet, message, 0, 80 * MILLISECONDS);
}

/* Consumer state is written at most ten times a second: a younger delivery is forgotten, and counted again. */
static void forget_young_delivery(const struct jet *jet, struct message *message, uint64_t now_ns)
{
    uint64_t age = now_ns - message->delivered_ns;
    if (message->delivered > 0 && age < kill_draw(jet, message, 1, 100 * MILLISECONDS)) {
        message->delivered--;
    }
}

/* Times of pending deliveries are kept in whole seconds: off by up to a second, mostly early. */
static void rearm(struct jet *jet, struct message *message, uint64_t now_ns)
{
    uint64_t early = kill_draw(jet, message, 2, 1000 * MILLISECONDS);
    uint64_t due = message->due_ns > now_ns + early ? message->due_ns - early : now_ns;
    message->due_ns = due;
    message->state = MESSAGE_PENDING;
    jet->consumers[message->content.function].pending++;
    jet->hooks.arm(jet->hooks.owner, due, JET_TIMER_MESSAGE, (uint32_t)message->sequence, message->stamp);
}

static void join_fresh(struct jet *jet, struct message *message)
{
    struct jet_list *list = &jet->consumers[message->content.function].fresh;
    message->state = MESSAGE_NEW;
    message->next = 0;
    if (list->tail != 0) {
        jet->messages[list->tail - 1].next = (uint32_t)message->sequence;
    } else {
        list->head = (uint32_t)message->sequence;
    }
    list->tail = (uint32_t)message->sequence;
}

static void message_restart(struct jet *jet, struct message *message, uint64_t now_ns)
{
    message->stamp++;
    if (message->state == MESSAGE_GONE) {
        if (!ack_was_lost(jet, message, now_ns)) {
            return;
        }
        jet->resurrected++;
        jet->messages_live++;
        message->due_ns = now_ns;
    }
    forget_young_delivery(jet, message, now_ns);
    if (message->delivered == 0) {
        join_fresh(jet, message);
    } else {
        rearm(jet, message, now_ns);
    }
}

/* Rebuilt from stored messages alone: an id whose message was acked is accepted again. */
static void forget_settled_ids(struct jet *jet)
{
    for (uint32_t request = 0; request < jet->settings.requests_max; request++) {
        uint64_t sequence = jet->known_sequence[request];
        if (sequence != 0 && jet->messages[sequence - 1].state == MESSAGE_GONE) {
            jet->known_sequence[request] = 0;
        }
    }
}

void jet_kill(struct jet *jet, uint64_t now_ns)
{
    jet->kills++;
    for (uint32_t index = 0; index < JET_PULLS_MAX; index++) {
        jet->pulls[index].used = false;
        jet->pulls[index].stamp++;
        jet->pulls[index].next = index + 1 < JET_PULLS_MAX ? index + 2 : 0;
    }
    jet->pull_free = 1;
    for (uint32_t function = 0; function < JET_FUNCTIONS_MAX; function++) {
        bool exists = jet->consumers[function].exists;
        memset(&jet->consumers[function], 0, sizeof(jet->consumers[function]));
        jet->consumers[function].exists = exists;
    }
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        message_restart(jet, &jet->messages[sequence - 1], now_ns);
    }
    forget_settled_ids(jet);
}
