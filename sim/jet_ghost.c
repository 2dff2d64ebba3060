/* Ghosts: after a kill a consumer of 2.9.10 now and then goes on to wait for the ack of a message that is gone. It counts
 * for max_ack_pending. */
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
    if (message->delivered == 0 || jet->settings.profile != JET_2_9 || !jet_choose(jet, JET_HAUNTED, drawn)) {
        return;
    }
    uint64_t wait = jet->settings.ack_wait_ns;
    uint64_t when = draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_GHOST + 1, jet->kills), wait + 1);
    message->ghost = true;
    jet_consumer_of(jet, message)->pending++;
    ghost_arm(jet, message, now_ns + jet_delay(jet, wait, when));
}

void jet_ghost_leaves(struct jet *jet, struct message *message)
{
    jet_consumer_of(jet, message)->pending -= message->ghost;
    message->stamp += message->ghost;
    message->ghost = false;
}

/* A consumer that looks at what it waits for lets go of what lies before the first message of the stream, and of nothing
 * else that is gone. The room is taken when it is woken the next time (script 64-ghost-goes). */
void jet_ghost_due(struct jet *jet, uint64_t now_ns, struct message *message)
{
    uint64_t first = jet_walk(jet, 1, jet->last_sequence);
    if (first == 0 || first > message->sequence) {
        jet_ghost_leaves(jet, message);
    } else {
        ghost_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    }
}
