/* The request stream and its consumers. A message is in exactly one list at a time by its state: fresh (in stream
 * order), due (in order of falling due), or none while its timer runs. Serving takes the redelivery queue first,
 * then fresh messages as long as max_ack_pending allows, and goes round the waiting pulls one message each. */
#include "sim/jet.h"

#include <string.h>

#include "core/draw.h"

enum { PURPOSE_LATE = DRAW_USER + 50, PURPOSE_STRAY_ACK };

const struct message *jet_message(const struct jet *jet, uint64_t sequence)
{
    return sequence == 0 || sequence > jet->last_sequence ? NULL : &jet->messages[sequence - 1];
}

static struct message *message_at(struct jet *jet, uint64_t sequence)
{
    return sequence == 0 || sequence > jet->last_sequence ? NULL : &jet->messages[sequence - 1];
}

static struct jet_consumer *consumer_of(struct jet *jet, const struct message *message)
{
    return &jet->consumers[message->content.function];
}

/* -- lists of messages -- */

static void list_append(struct jet *jet, struct jet_list *list, struct message *message)
{
    message->next = 0;
    if (list->tail != 0) {
        jet->messages[list->tail - 1].next = (uint32_t)message->sequence;
    } else {
        list->head = (uint32_t)message->sequence;
    }
    list->tail = (uint32_t)message->sequence;
}

static struct message *list_take(struct jet *jet, struct jet_list *list)
{
    struct message *message = &jet->messages[list->head - 1];
    list->head = message->next;
    if (list->head == 0) {
        list->tail = 0;
    }
    return message;
}

static void list_remove(struct jet *jet, struct jet_list *list, struct message *message)
{
    uint32_t before = 0, at = list->head;
    while (at != 0 && at != message->sequence) {
        before = at;
        at = jet->messages[at - 1].next;
    }
    if (at == 0) {
        return;
    }
    if (before == 0) {
        list->head = message->next;
    } else {
        jet->messages[before - 1].next = message->next;
    }
    if (list->tail == at) {
        list->tail = before;
    }
}

/* -- pulls -- */

static struct pull *pull_take(struct jet *jet, struct jet_consumer *consumer)
{
    struct pull *pull = &jet->pulls[consumer->pulls.head - 1];
    consumer->pulls.head = pull->next;
    if (consumer->pulls.head == 0) {
        consumer->pulls.tail = 0;
    }
    return pull;
}

static void pull_append(struct jet *jet, struct jet_consumer *consumer, struct pull *pull)
{
    uint32_t name = (uint32_t)(pull - jet->pulls) + 1;
    pull->next = 0;
    if (consumer->pulls.tail != 0) {
        jet->pulls[consumer->pulls.tail - 1].next = name;
    } else {
        consumer->pulls.head = name;
    }
    consumer->pulls.tail = name;
}

static void pull_release(struct jet *jet, struct pull *pull)
{
    pull->used = false;
    pull->stamp++;
    pull->next = jet->pull_free;
    jet->pull_free = (uint32_t)(pull - jet->pulls) + 1;
}

/* Takes those pulls out that `connection` made (0: all) or, if `number` is not 0, that one; `code` 0 ends them
 * silently. */
static void pulls_end(struct jet *jet, struct jet_consumer *consumer, uint32_t connection, uint32_t number,
                      uint16_t code)
{
    struct jet_list all = consumer->pulls;
    consumer->pulls = (struct jet_list){ 0, 0 };
    while (all.head != 0) {
        struct pull *pull = &jet->pulls[all.head - 1];
        uint32_t name = all.head;
        all.head = pull->next;
        if ((connection != 0 && pull->connection != connection) || (number != 0 && name != number)) {
            pull_append(jet, consumer, pull);
            continue;
        }
        if (code != 0) {
            jet->hooks.ended(jet->hooks.owner, pull, code);
        }
        pull_release(jet, pull);
    }
}

/* -- delivery -- */

static void message_arm(struct jet *jet, struct message *message, uint64_t due_ns)
{
    /* Redelivery was seen 0.2 to 4 ms after it was due. */
    uint64_t late = draw_below(draw(jet->settings.seed, message->sequence, PURPOSE_LATE, message->stamp), 5000000);
    message->due_ns = due_ns + late;
    message->stamp++;
    jet->hooks.arm(jet->hooks.owner, message->due_ns, JET_TIMER_MESSAGE, (uint32_t)message->sequence, message->stamp);
}

static void message_deliver(struct jet *jet, uint64_t now_ns, struct message *message, struct pull *pull)
{
    message->state = MESSAGE_PENDING;
    message->delivered++;
    message->delivered_ns = now_ns;
    jet->redeliveries += message->delivered > 1;
    message_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    jet->hooks.deliver(jet->hooks.owner, pull, message);
}

/* The redelivery queue goes first and ignores max_ack_pending; only first deliveries stall. */
static struct message *consumer_next(struct jet *jet, struct jet_consumer *consumer)
{
    if (consumer->due.head != 0) {
        return list_take(jet, &consumer->due);
    }
    if (consumer->fresh.head == 0 || consumer->pending >= jet->settings.ack_pending_max) {
        return NULL;
    }
    consumer->pending++;
    return list_take(jet, &consumer->fresh);
}

static void consumer_serve(struct jet *jet, uint64_t now_ns, struct jet_consumer *consumer)
{
    while (consumer->exists && consumer->pulls.head != 0) {
        struct message *message = consumer_next(jet, consumer);
        if (message == NULL) {
            return;
        }
        struct pull *pull = pull_take(jet, consumer);
        pull->remaining--;
        message_deliver(jet, now_ns, message, pull);
        if (pull->remaining > 0) {
            pull_append(jet, consumer, pull); /* round robin, one message each */
        } else {
            pull_release(jet, pull);
        }
    }
}

/* -- what clients do -- */

bool jet_has_room(const struct jet *jet)
{
    return jet->last_sequence + 1 < jet->settings.history_max;
}

/* The window counts from the first store; a duplicate does not extend it, and is answered with the first sequence. */
static bool jet_knows(const struct jet *jet, uint64_t now_ns, uint32_t request)
{
    return jet->known_sequence[request] != 0 && now_ns - jet->known_ns[request] < jet->settings.dedup_ns;
}

struct jet_ack jet_publish(struct jet *jet, uint64_t now_ns, int64_t wall_ns, const struct content *content)
{
    uint32_t request = content->request;
    if (content->has_id && jet_knows(jet, now_ns, request)) {
        return (struct jet_ack){ 0, true, jet->known_sequence[request] };
    }
    if (jet->messages_live >= jet->settings.messages_max || !jet_has_room(jet)) {
        return (struct jet_ack){ JET_FULL, false, 0 };
    }
    struct message *message = &jet->messages[jet->last_sequence++];
    message->content = *content;
    message->content.kind = CONTENT_MESSAGE;
    message->sequence = message->content.sequence = jet->last_sequence;
    message->stored_ns = now_ns;
    message->stored_wall_ns = wall_ns;
    message->state = MESSAGE_NEW;
    jet->messages_live++;
    message->earlier = jet->latest[request];
    jet->latest[request] = (uint32_t)message->sequence;
    if (content->has_id) {
        jet->known_ns[request] = now_ns;
        jet->known_sequence[request] = message->sequence;
    }
    list_append(jet, &consumer_of(jet, message)->fresh, message);
    consumer_serve(jet, now_ns, consumer_of(jet, message));
    return (struct jet_ack){ 0, false, message->sequence };
}

/* Gone from the stream, and from its consumer's memory. */
static void message_remove(struct jet *jet, uint64_t now_ns, struct message *message)
{
    struct jet_consumer *consumer = consumer_of(jet, message);
    if (message->state == MESSAGE_NEW) {
        list_remove(jet, &consumer->fresh, message);
    } else {
        if (message->state == MESSAGE_DUE) {
            list_remove(jet, &consumer->due, message);
        }
        consumer->pending--;
    }
    message->state = MESSAGE_GONE;
    message->acked_ns = now_ns;
    message->stamp++;
    jet->messages_live--;
    consumer_serve(jet, now_ns, consumer);
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
void jet_acknowledge(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    struct message *message = message_at(jet, sequence);
    if (message == NULL || message->state == MESSAGE_GONE) {
        return;
    }
    struct jet_consumer *consumer = consumer_of(jet, message);
    if (!consumer->exists) {
        return; /* nobody answers */
    }
    if (message->state == MESSAGE_NEW && (draw(jet->settings.seed, sequence, PURPOSE_STRAY_ACK, message->stamp) & 1)) {
        return;
    }
    message_remove(jet, now_ns, message);
}

/* Restarts the whole ack wait, also on the token of an older delivery. */
void jet_progress(struct jet *jet, uint64_t now_ns, uint64_t sequence)
{
    struct message *message = message_at(jet, sequence);
    if (message != NULL && message->state == MESSAGE_PENDING && consumer_of(jet, message)->exists) {
        message_arm(jet, message, now_ns + jet->settings.ack_wait_ns);
    }
}

/* Due after `delay_ns`, whether that is shorter or longer than the ack wait; meanwhile it counts as pending. */
void jet_hand_back(struct jet *jet, uint64_t now_ns, uint64_t sequence, uint64_t delay_ns)
{
    struct message *message = message_at(jet, sequence);
    if (message == NULL || message->state != MESSAGE_PENDING || !consumer_of(jet, message)->exists) {
        return;
    }
    if (delay_ns > 0) {
        message_arm(jet, message, now_ns + delay_ns);
        return;
    }
    message->state = MESSAGE_DUE;
    message->stamp++;
    list_append(jet, &consumer_of(jet, message)->due, message);
    consumer_serve(jet, now_ns, consumer_of(jet, message));
}

uint64_t jet_ensure_consumer(struct jet *jet, uint64_t now_ns, uint32_t function)
{
    struct jet_consumer *consumer = &jet->consumers[function];
    consumer->exists = true;
    consumer_serve(jet, now_ns, consumer);
    return jet->last_sequence;
}

/* Waiting pulls end with 409. Un-acked messages stay; the next consumer starts at delivered = 1. */
void jet_delete_consumer(struct jet *jet, uint32_t function)
{
    struct jet_consumer *consumer = &jet->consumers[function];
    if (!consumer->exists) {
        return;
    }
    pulls_end(jet, consumer, 0, 0, JET_CONSUMER_GONE);
    memset(consumer, 0, sizeof(*consumer));
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        struct message *message = &jet->messages[sequence - 1];
        if (message->state != MESSAGE_GONE && message->content.function == function) {
            message->state = MESSAGE_NEW;
            message->delivered = 0;
            message->stamp++;
            list_append(jet, &consumer->fresh, message);
        }
    }
}

void jet_pull(struct jet *jet, uint64_t now_ns, const struct pull *pull)
{
    struct jet_consumer *consumer = &jet->consumers[pull->function];
    if (!consumer->exists) {
        jet->hooks.ended(jet->hooks.owner, pull, JET_NO_RESPONDERS);
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
    pull_append(jet, consumer, mine);
    jet->hooks.arm(jet->hooks.owner, mine->expires_at_ns, JET_TIMER_PULL, (uint32_t)(mine - jet->pulls) + 1, stamp);
    consumer_serve(jet, now_ns, consumer);
}

void jet_forget_connection(struct jet *jet, uint32_t connection)
{
    for (uint32_t function = 0; function < jet->settings.functions; function++) {
        pulls_end(jet, &jet->consumers[function], connection, 0, 0);
    }
}

bool jet_waits(const struct jet *jet, uint32_t connection)
{
    for (uint32_t index = 0; index < JET_PULLS_MAX; index++) {
        if (jet->pulls[index].used && jet->pulls[index].connection == connection) {
            return true;
        }
    }
    return false;
}

void jet_due(struct jet *jet, uint64_t now_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    if (timer == JET_TIMER_PULL) {
        struct pull *pull = &jet->pulls[number - 1];
        if (pull->used && pull->stamp == stamp) {
            pulls_end(jet, &jet->consumers[pull->function], 0, number, JET_EXPIRED);
        }
        return;
    }
    struct message *message = &jet->messages[number - 1];
    if (message->stamp != stamp || message->state != MESSAGE_PENDING) {
        return;
    }
    message->state = MESSAGE_DUE;
    message->stamp++;
    list_append(jet, &consumer_of(jet, message)->due, message);
    consumer_serve(jet, now_ns, consumer_of(jet, message));
}
