/* Ghosts: after a kill a consumer now and then goes on to wait for the ack of a message that is gone: the stream's file
 * knew of the ack, the consumer's did not yet (scripts 61-ghost, 64-ghost-goes, 66-ghost-current). It counts for
 * max_ack_pending. */
#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_GHOST = DRAW_USER + 54 };

static void ghost_arm(struct jet *jet, struct message *message, uint64_t due_ns)
{
    message->stamp++;
    jet->hooks.arm(jet->hooks.owner, due_ns, JET_TIMER_MESSAGE, (uint32_t)message->sequence, message->stamp);
}

void jet_haunt(struct jet *jet, struct message *message, uint64_t now_ns)
{
    bool drawn = draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_GHOST, jet->kills), 16) == 0;
    if (message->delivered == 0 || !jet_choose(jet, JET_HAUNTED, drawn)) {
        return;
    }
    uint64_t wait = jet->settings.ack_wait_ns;
    uint64_t when = draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_GHOST + 1, jet->kills), wait + 1);
    message->ghost = GHOST_WAITS;
    jet_consumer_of(jet, message)->pending++;
    ghost_arm(jet, message, now_ns + jet_delay(jet, wait, when));
}

void jet_ghost_leaves(struct jet *jet, struct message *message)
{
    if (message->ghost != GHOST_NONE) {
        jet_consumer_of(jet, message)->pending--;
        message->stamp++;
        message->ghost = GHOST_NONE;
    }
}

/* A consumer that looks at what it waits for lets go of what lies before the first message of the stream, and on 2.9.10
 * of nothing else that is gone; the room is taken when it is woken the next time (script 64-ghost-goes). 2.15.2 finds
 * out about the others when it is to give them again, which takes somebody who pulls. */
void jet_ghost_due(struct jet *jet, uint64_t now_ns, struct message *message)
{
    struct jet_consumer *consumer = jet_consumer_of(jet, message);
    uint64_t first = jet_walk(jet, 1, jet->last_sequence);
    if (first == 0 || first > message->sequence) {
        jet_ghost_leaves(jet, message);
    } else if (jet->settings.profile == JET_2_9) {
        ghost_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    } else {
        message->ghost = GHOST_DUE;
        message->stamp++;
        consumer->ghosts_due = true;
        jet_serve(jet, now_ns, consumer);
    }
}

void jet_ghosts_served(struct jet *jet, struct jet_consumer *consumer)
{
    if (!consumer->ghosts_due || consumer->pulls.head == 0) {
        return;
    }
    consumer->ghosts_due = false;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        struct message *message = &jet->messages[sequence - 1];
        if (message->ghost == GHOST_DUE && jet_consumer_of(jet, message) == consumer) {
            jet_ghost_leaves(jet, message);
        }
    }
}
