/* Who answers at the broker's end: the group that an effect concerns, if it has a leader. */
#include "sim/history.h"
#include "sim/world.h"

static enum group group_of(struct world *world, const struct event *event)
{
    const struct function_note *note;
    switch ((enum effect_kind)event->effect.kind) {
    case EFFECT_PUBLISH_REQUEST:
    case EFFECT_FIND_REQUEST:
    case EFFECT_REMOVE_REQUEST:
        return GROUP_REQUESTS;
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_CANCELLED:
    case EFFECT_FETCH_RESULT:
        return GROUP_RESULTS;
    case EFFECT_PUBLISH_DEAD:
        return GROUP_DEAD;
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        return GROUP_LEDGER;
    case EFFECT_ACK:
    case EFFECT_EXTEND:
    case EFFECT_HAND_BACK:
        return (enum group)(GROUP_CONSUMERS + event->content.function);
    case EFFECT_PULL:
    case EFFECT_ENSURE_CONSUMER:
        note = node_note(&world->nodes[event->node], event->effect.about);
        return note == NULL ? GROUP_NONE : (enum group)(GROUP_CONSUMERS + note->function);
    default:
        return GROUP_NONE;
    }
}

static bool is_publish(uint8_t kind)
{
    return kind == EFFECT_PUBLISH_REQUEST || kind == EFFECT_PUBLISH_RESULT || kind == EFFECT_PUBLISH_CANCELLED ||
           kind == EFFECT_PUBLISH_DEAD;
}

/* What arrives while there is no leader. A walk through the stream or a look at a consumer waits for it; what the old
 * leader had passed on is stored, and nobody says so. */
static void arrived_leaderless(struct world *world, const struct event *event, enum cluster_answer answer)
{
    uint8_t kind = event->effect.kind;
    if (event->connection == 0) {
        world_post_again(world, world->now + SECOND / 2, event);
    } else if (answer == CLUSTER_NOBODY && is_publish(kind)) {
        far_end_publish_answer(world, event, (struct jet_ack){ JET_NO_RESPONDERS, false, 0 });
    } else if (answer == CLUSTER_NOBODY && kind == EFFECT_PULL) {
        struct pull pull = { .operation = event->effect.operation, .connection = event->connection };
        pull.node = event->node;
        pull.handle = event->effect.about.bits;
        pull.remaining = event->effect.count;
        far_end_pull_ended(world, &pull, JET_NO_RESPONDERS);
    } else if (answer == CLUSTER_SILENT && (is_publish(kind) || kind == EFFECT_LEDGER_PUT) &&
               (world_draw(world, event->effect.operation, PURPOSE_LEADER, event->node) & 3) == 0) {
        world->unanswered = true;
        far_end_serve(world, event);
        world->unanswered = false;
    }
}

void far_end_arrived(struct world *world, const struct event *event)
{
    bool control = event->connection == 0;
    bool lost = !control && !wire_sends(world, &world->nodes[event->node].link, event->connection);
    world->report->seen[SEEN_ACK_LOST] += lost && event->effect.kind == EFFECT_ACK;
    history_message(world, event, lost);
    if (lost) {
        return;
    }
    enum cluster_answer answer = CLUSTER_SERVES;
    if (world->now < world->cluster.calm_ns) {
        answer = cluster_asked(world, group_of(world, event));
    }
    if (answer != CLUSTER_SERVES) {
        arrived_leaderless(world, event, answer);
        return;
    }
    far_end_serve(world, event);
}
