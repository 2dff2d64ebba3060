/* What becomes of a message that was delivered: acknowledged, in progress, handed back; or removed by its number.
 *
 * Tokens are not fenced: any delivery's will do, on any connection. */
#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_STRAY_ACK = DRAW_USER + 51 };

static struct message *message_at(struct jet *jet, uint64_t sequence)
{
    return sequence == 0 || sequence > jet->last_sequence ? NULL : &jet->messages[sequence - 1];
}

struct jet_consumer *jet_consumer_of(struct jet *jet, const struct message *message)
{
    return &jet->consumers[message->content.function];
}

/* Its ack wait runs. */
static bool is_out(const struct message *message)
{
    return message->state == MESSAGE_PENDING || (message->state == MESSAGE_NEW && message->redone);
}

/* Into the redelivery queue. */
void jet_fall_due(struct jet *jet, uint64_t now_ns, struct message *message)
{
    struct jet_consumer *consumer = jet_consumer_of(jet, message);
    if (message->state == MESSAGE_NEW) {
        jet_list_remove(jet, &consumer->fresh, message);
    }
    message->state = MESSAGE_DUE;
    message->stamp++;
    jet_list_append(jet, &consumer->due, message);
    jet_keep_behind(jet, now_ns, consumer);
    jet_serve(jet, now_ns, consumer);
}

/* Gone from the stream, and from its consumer's memory. */
static void message_remove(struct jet *jet, uint64_t now_ns, struct message *message)
{
    struct jet_consumer *consumer = jet_consumer_of(jet, message);
    if (message->state == MESSAGE_NEW) {
        jet_list_remove(jet, &consumer->fresh, message);
    } else if (message->state == MESSAGE_DUE) {
        jet_list_remove(jet, &consumer->due, message);
    }
    consumer->pending -= message->state == MESSAGE_PENDING || message->state == MESSAGE_DUE || message->redone;
    message->redone = false;
    jet->hidden[message->content.function] -= message->state == MESSAGE_HIDDEN;
    message->state = MESSAGE_GONE;
    message->acked_ns = now_ns;
    message->stamp++;
    jet->messages_live--;
    jet->live[message->content.function]--;
    jet->bytes_live -= content_bytes(&message->content);
    jet_book(jet, message->content.request, -1);
    jet_serve(jet, now_ns, consumer);
}

bool jet_remove(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    struct message *message = message_at(jet, sequence);
    if (message == NULL || message->state == MESSAGE_GONE) {
        return false;
    }
    message_remove(jet, now_ns, message);
    return true;
}

/* Tokens are not fenced: an ack of any earlier delivery, on any connection, removes the message; also while it
 * waits in the redelivery queue. For a message that this consumer has not delivered (it was made anew, or forgot),
 * servers differ; either may happen. */
static bool ack_removes(const struct jet *jet, const struct message *message)
{
    if (JET_BUG(jet, 2) && message->state == MESSAGE_DUE) {
        return false;
    }
    bool drawn = (draw(jet->settings.seed, message->sequence, PURPOSE_STRAY_ACK, message->stamp) & 1) == 0;
    bool fresh = message->state == MESSAGE_NEW && !message->redone;
    bool stray = fresh || message->state == MESSAGE_LEFT || message->state == MESSAGE_HIDDEN;
    return !stray || jet_choose(jet, JET_STRAY_ACK, drawn);
}

static void acknowledge(struct jet *jet, uint64_t now_ns, uint64_t sequence, bool forged)
{
    struct message *message = message_at(jet, sequence);
    if (message == NULL || !jet_consumer_of(jet, message)->exists) {
        return; /* nobody is there */
    }
    if (message->state == MESSAGE_GONE) {
        if (message->ghost != GHOST_NONE) {
            jet_ghost_leaves(jet, message);
            jet_serve(jet, now_ns, jet_consumer_of(jet, message));
        }
        return;
    }
    if (ack_removes(jet, message)) {
        jet_give_acked(jet, message);
        if (forged) {
            jet_take(jet, message, TAKER_STRANGER);
        }
        message_remove(jet, now_ns, message);
    }
}

void jet_acknowledge(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    acknowledge(jet, now_ns, sequence, false);
}

void jet_acknowledge_forged(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    acknowledge(jet, now_ns, sequence, true);
}

/* Restarts the whole ack wait, also on the token of an older delivery. */
void jet_progress(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    struct message *message = message_at(jet, sequence);
    if (message != NULL && is_out(message) && jet_consumer_of(jet, message)->exists && !JET_BUG(jet, 6)) {
        jet_message_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    }
}

/* Due after `delay_ns`, whether that is shorter or longer than the ack wait; meanwhile it counts as pending. A message
 * that is due already is taken out of the queue for that time (script 52-nak-delay-due). */
void jet_hand_back(struct jet *jet, uint64_t now_ns, uint64_t sequence, uint64_t delay_ns)
{
    struct message *message = message_at(jet, sequence);
    bool pending = message != NULL && is_out(message);
    bool due = message != NULL && message->state == MESSAGE_DUE && delay_ns > 0;
    if ((!pending && !due) || !jet_consumer_of(jet, message)->exists) {
        return;
    }
    if (delay_ns > 0 && !JET_BUG(jet, 1)) {
        if (due) {
            jet_list_remove(jet, &jet_consumer_of(jet, message)->due, message);
            message->state = MESSAGE_PENDING;
            if (message->redone) {
                jet_renew(jet, message);
            }
        }
        jet_message_arm(jet, message, now_ns + delay_ns);
        return;
    }
    if (pending) {
        jet_fall_due(jet, now_ns, message);
    }
}
