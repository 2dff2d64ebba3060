/* The table effect -> world. Nothing is decided here: an effect goes over the wire, to a process, to a client, or
 * to the notes that an adapter would take. */
#include "sim/world.h"

/* A completion that no connection carries. */
static struct input *complete_later(struct world *world, uint32_t index, const struct effect *effect, uint64_t delay_ns,
                                    enum input_kind kind)
{
    struct event *event = world_post_node(world, world->now + delay_ns, EVENT_INPUT, index);
    event->input.kind = (uint8_t)kind;
    event->input.answers = effect->operation;
    event->input.about = effect->about;
    event->input.epoch = effect->epoch;
    return &event->input;
}

static void perform_build(struct world *world, uint32_t index, const struct effect *effect)
{
    uint32_t function = function_of_key(world, effect->key);
    uint64_t delay =
        world_draw_below(world, 400 * MILLISECOND, effect->key.hi, PURPOSE_FAULT_HOW, world->nodes[index].incarnation);
    struct input *built = complete_later(world, index, effect, delay, INPUT_BUILT);
    const struct function *wanted = &world->functions[function];
    uint32_t version = (uint32_t)effect->key.hi;
    bool fails = wanted->build_fails && version == wanted->version;
    for (uint32_t place = 0; place < ROUTES_MAX; place++) {
        fails = fails || (wanted->routes[place].build_fails && version == wanted->routes[place].version);
    }
    built->outcome = fails ? OUTCOME_REFUSED : OUTCOME_DONE;
    built->code = fails ? REASON_BUILD_FAILED : REASON_NONE;
}

/* By the control connection: blocking, so it always ends, at the latest when its time is over. */
static void perform_ensure(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    bool lost = world->broker_up_ns > world->now || (!node->link.up && !world->healed);
    if (lost || world_strikes(world, FAULT_ENSURE_FAIL, index)) {
        bool refused = !lost && (world_draw(world, index, PURPOSE_FAULT_HOW, effect->operation) & 1) == 0;
        struct input *input =
            complete_later(world, index, effect, refused ? MILLISECOND : 2 * SECOND, INPUT_CONSUMER_READY);
        input->outcome = refused ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
        return;
    }
    struct event *event = world_post_node(world, world->now + world->choices.latency_ns, EVENT_TO_BROKER, index);
    event->effect = *effect;
}

/* A walk through the stream by the control connection: it may take long, and always ends. */
static void perform_find(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct node *node = &world->nodes[index];
    bool lost = world->broker_up_ns > world->now || (!node->link.up && !world->healed);
    if (lost || world_strikes(world, FAULT_FIND_FAIL, index)) {
        complete_later(world, index, effect, 2 * SECOND, INPUT_FOUND)->outcome = OUTCOME_UNKNOWN;
        return;
    }
    uint64_t random = world_draw(world, index, PURPOSE_FIND, effect->operation);
    uint64_t walk = (random & 7) == 0 ? draw_below(draw_mix(random), 3 * SECOND) : 0;
    struct event *event = world_post_node(world, world->now + world->choices.latency_ns + walk, EVENT_TO_BROKER, index);
    event->effect = *effect;
}

static void take_note(struct world *world, uint32_t index, struct handle function, struct key version)
{
    struct node *node = &world->nodes[index];
    uint32_t row = handle_index(function);
    if (row < ROWS_MAX && function.bits != 0 && node->notes[row].handle.bits != function.bits) {
        node->notes[row] = (struct function_note){ .handle = function, .function = function_of_key(world, version) };
    }
}

static void forget(struct world *world, uint32_t index, struct handle row)
{
    struct node *node = &world->nodes[index];
    struct function_note *note = node_note(node, row);
    if (note != NULL) {
        *note = (struct function_note){ 0 };
    }
}

static void drop_blob(struct world *world, uint32_t index, struct blob blob)
{
    struct node *node = &world->nodes[index];
    struct slot *slot = &node->slots[blob.slot];
    uint32_t *held = &node->held[slot->content.sequence];
    if (slot->content.kind == CONTENT_MESSAGE && *held == blob.slot) {
        *held = 0;
    }
    slot->use = BLOB_FREE;
    slot->next_free = node->slots_free;
    node->slots_free = blob.slot;
    node->slots_held--;
}

static void perform_local(struct world *world, uint32_t index, const struct effect *effect)
{
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_REPLY:
        client_reply(world, index, effect);
        return;
    case EFFECT_BUILD:
        take_note(world, index, effect->about, effect->key);
        perform_build(world, index, effect);
        return;
    case EFFECT_ENSURE_CONSUMER:
        perform_ensure(world, index, effect);
        return;
    case EFFECT_FUNCTION_STATE:
        take_note(world, index, effect->about, effect->key);
        share_state(world, index, effect);
        if ((uint32_t)effect->key.hi >= ROUTE_VERSION_FIRST && effect->count != FUNCTION_READY) {
            world->nodes[index].route_gone_ns[function_of_key(world, effect->key)] =
                node_clock(world, &world->nodes[index]);
        }
        if (effect->count == FUNCTION_READY && (uint32_t)effect->key.hi < ROUTE_VERSION_FIRST &&
            function_of_key(world, effect->key) != FUNCTIONS_MAX) {
            world->nodes[index].serves[function_of_key(world, effect->key)] = true;
        }
        return;
    case EFFECT_FORGET:
        forget(world, index, effect->about);
        return;
    case EFFECT_DROP_BLOB:
        drop_blob(world, index, effect->blob);
        return;
    case EFFECT_RECONNECT:
        wire_cut(world, index);
        return;
    case EFFECT_STOPPED:
        world_post_node(world, world->now, EVENT_STOPPED, index);
        return;
    default:
        return; /* INSTANCE_STATE: for people */
    }
}

void world_perform(struct world *world, uint32_t index, const struct effect *effect)
{
    switch ((enum effect_kind)effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
        client_learn(world, index, effect);
        wire_send(world, index, effect);
        return;
    case EFFECT_ADMIT:
        client_learn(world, index, effect);
        return;
    case EFFECT_FIND_REQUEST:
        perform_find(world, index, effect);
        return;
    case EFFECT_PUBLISH_CANCELLED:
    case EFFECT_REMOVE_REQUEST:
    case EFFECT_ANNOUNCE_CANCEL:
    case EFFECT_FETCH_RESULT:
    case EFFECT_PULL:
    case EFFECT_ACK:
    case EFFECT_EXTEND:
    case EFFECT_HAND_BACK:
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
    case EFFECT_ANSWER:
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        wire_send(world, index, effect);
        return;
    case EFFECT_START_WORKER:
        process_start(world, index, effect);
        return;
    case EFFECT_EXECUTE:
        process_execute(world, index, effect);
        return;
    case EFFECT_CANCEL:
        process_cancel(world, index, effect);
        return;
    case EFFECT_STOP_WORKER:
        process_stop(world, index, effect);
        return;
    case EFFECT_KILL_WORKER:
        process_kill(world, index, effect);
        return;
    default:
        perform_local(world, index, effect);
    }
}
