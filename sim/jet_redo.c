/* What servers do with a redelivery when the only waiting pulls are of a connection that is gone. On 2.9.10 it goes
 * astray; 2.15.2 puts it back into the redelivery queue, behind the others. */
#include "core/draw.h"
#include "sim/jet_list.h"

enum { PURPOSE_REDONE = DRAW_USER + 52, PURPOSE_BEHIND, PURPOSE_ACKED_AGAIN = DRAW_USER + 56 };

void jet_renew(struct jet *jet, struct message *message)
{
    message->redone = true;
    message->state = MESSAGE_NEW;
    jet_list_insert(jet, &jet_consumer_of(jet, message)->fresh, message);
}

/* 2.9.10 takes the message out of the redelivery queue, counts a delivery, finds that whoever pulled is gone, and
 * steps back by one in the stream. What it took out waits for an ack wait. A message of the consumer's at the place to
 * which it stepped is given again and says that it is the first time; its own count and its ack wait run on (scripts
 * 55-redone, 56-redone-counts). The place is behind the last delivery, or at the end of the stream if the consumer has
 * looked for more in vain, which it does not while it stalls at max_ack_pending (57-redone-stalled). */
struct message *jet_redo(struct jet *jet, struct jet_consumer *consumer)
{
    struct message *taken = jet_list_take(jet, &consumer->due);
    taken->delivered++;
    taken->state = MESSAGE_PENDING;
    if (taken->redone) {
        jet_renew(jet, taken);
    }
    consumer->next -= consumer->next > 1;
    bool there = consumer->next != 0 && consumer->next <= jet->last_sequence;
    struct message *place = there ? &jet->messages[consumer->next - 1] : NULL;
    if (place == NULL || jet_consumer_of(jet, place) != consumer) {
        return taken;
    }
    place->redone = place->redone || place->state == MESSAGE_DUE;
    if (place->state == MESSAGE_PENDING) {
        jet_renew(jet, place);
    }
    return taken;
}

/* Those that are due, and will be given as new as well, are counted too. */
uint32_t jet_fresh(const struct jet *jet, uint32_t function)
{
    uint32_t count = 0;
    for (uint32_t at = jet->consumers[function].fresh.head; at != 0; at = jet->messages[at - 1].next) {
        count++;
    }
    for (uint32_t at = jet->consumers[function].due.head; at != 0; at = jet->messages[at - 1].next) {
        count += jet->messages[at - 1].redone;
    }
    return count;
}

/* A consumer that stepped back to a message and stalls there goes on as soon as it is acked. In a cluster of 2.9.10 the
 * stream lets go of the message later than the consumer, which gives it once more (script 68-acked-again). */
void jet_give_acked(struct jet *jet, struct message *message)
{
    struct jet_consumer *consumer = jet_consumer_of(jet, message);
    bool stalls = message->redone && message->state == MESSAGE_NEW && consumer->pulls.head != 0;
    uint64_t drawn = draw(jet->settings.seed, message->sequence, PURPOSE_ACKED_AGAIN, message->stamp) & 1;
    bool cluster = jet->settings.replicas > 1;
    if (!stalls || jet->settings.profile != JET_2_9 || !jet_choose(jet, JET_ACKED_AGAIN, cluster && drawn != 0)) {
        return;
    }
    struct pull *pull = jet_pull_take(jet, consumer);
    message->delivered = 1;
    jet->hooks.deliver(jet->hooks.owner, pull, message);
    if (--pull->remaining > 0) {
        jet_pull_append(jet, consumer, pull);
    } else {
        jet_pull_release(jet, pull);
    }
}

static void put_behind(struct jet *jet, struct jet_consumer *consumer, struct message *message)
{
    jet_list_remove(jet, &consumer->due, message);
    jet_list_append(jet, &consumer->due, message);
}

/* Once for all that fall due at one moment (script 63-put-behind). */
static void jet_put_behind(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer)
{
    struct message *first = &jet->messages[consumer->due.head - 1];
    bool drawn = (draw(jet->settings.seed, first->sequence, PURPOSE_BEHIND, first->stamp) & 1) != 0;
    if (jet_choose(jet, JET_BEHIND, drawn)) {
        consumer->behind = (uint32_t)first->sequence;
        consumer->behind_ns = now_ns;
        put_behind(jet, consumer, first);
    }
}

void jet_keep_behind(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer)
{
    struct message *last = consumer->behind == 0 ? NULL : &jet->messages[consumer->behind - 1];
    if (last != NULL && consumer->behind_ns == now_ns && last->state == MESSAGE_DUE) {
        put_behind(jet, consumer, last);
    } else {
        consumer->behind = 0;
    }
}

/* Whether a redelivery goes astray just now. */
bool jet_goes_astray(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer)
{
    bool stale = consumer->stale && consumer->exists && !consumer->away;
    if (!stale || (consumer->due.head == 0 && consumer->pulls.head == 0)) {
        return false;
    }
    consumer->stale = false;
    if (jet->settings.profile != JET_2_9) {
        if (consumer->due.head != 0 && consumer->pulls.head == 0) {
            jet_put_behind(jet, now_ns, consumer);
        }
        return false;
    }
    bool drawn = (draw(jet->settings.seed, consumer->due.head, PURPOSE_REDONE, jet->redeliveries) & 1) != 0;
    return consumer->due.head != 0 && consumer->pulls.head == 0 && jet_choose(jet, JET_REDONE, drawn);
}
