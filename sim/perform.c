/* The table effect -> world. Nothing is decided here: an effect goes over the wire, to a process, to a client, or
 * to the notes that an adapter would take. */
#include "sim/history.h"
#include "sim/planted.h"
#include "sim/world.h"

/* A completion that no connection carries. */
static struct input *complete_later(struct world *world, uint32_t index, const struct effect *effect, uint64_t delay_ns,
                                    enum input_kind kind)
{
    struct input input = { .kind = (uint8_t)kind, .answers = effect->operation, .about = effect->about };
    input.epoch = effect->epoch;
    return &world_post_input(world, world->now + delay_ns, EVENT_INPUT, index, &input, NULL)->input;
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
    fails = fails || world_strikes(world, FAULT_BUILD_ROOM, index);
    bool lost = function < FUNCTIONS_MAX && world->records.object_lost[function] && version == wanted->version;
    bool absent = lost || control_lost(world, index, GROUP_RECORDS) || world_strikes(world, FAULT_OBJECT_FAIL, index);
    built->outcome = fails || absent ? OUTCOME_REFUSED : OUTCOME_DONE;
    built->code = absent ? REASON_RUNTIME_UNAVAILABLE : fails ? REASON_BUILD_FAILED : REASON_NONE;
}

/* By the control connection: blocking, so it always ends, at the latest when its time is over. */
bool control_lost(const struct world *world, uint32_t index, enum group group)
{
    const struct node *node = &world->nodes[index];
    return world->broker_up_ns > world->now || cluster_asked(world, group) != CLUSTER_SERVES ||
           (!node->link.up && (!world->healed || node->left_out));
}

static void perform_ensure(struct world *world, uint32_t index, const struct effect *effect)
{
    bool lost = control_lost(world, index, GROUP_REQUESTS);
    if (lost || world_strikes(world, FAULT_ENSURE_FAIL, index)) {
        bool refused = !lost && (world_draw(world, index, PURPOSE_FAULT_HOW, effect->operation) & 1) == 0;
        struct input *input =
            complete_later(world, index, effect, refused ? MILLISECOND : 2 * SECOND, INPUT_CONSUMER_READY);
        input->outcome = refused ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
        return;
    }
    world_post_effect(world, world->now + world->choices.latency_ns, index, effect);
}

/* A walk through the stream by the control connection: it may take long, and always ends. */
static void perform_find(struct world *world, uint32_t index, const struct effect *effect)
{
    if (control_lost(world, index, GROUP_REQUESTS) || world_strikes(world, FAULT_FIND_FAIL, index)) {
        enum input_kind kind = effect->kind == EFFECT_WALK ? INPUT_WALKED : INPUT_FOUND;
        complete_later(world, index, effect, 2 * SECOND, kind)->outcome = OUTCOME_UNKNOWN;
        return;
    }
    uint64_t random = world_draw(world, index, PURPOSE_FIND, effect->operation);
    uint64_t walk = (random & 7) == 0 ? draw_below(draw_mix(random), 3 * SECOND) : 0;
    world_post_effect(world, world->now + world->choices.latency_ns + walk, index, effect);
}

static void take_note(struct world *world, uint32_t index, struct handle function, struct key version)
{
    struct node *node = &world->nodes[index];
    uint32_t row = handle_index(function);
    if (row < ROWS_MAX && function.bits != 0 && node->notes[row].handle.bits != function.bits) {
        /* One of which there is no record has no version: it is the one that is being told of. */
        uint32_t number = key_is_none(version) ? node->stray : function_of_key(world, version);
        node->notes[row] = (struct function_note){ .handle = function, .function = number };
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
        *held = slot_before(node, slot);
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
    case EFFECT_RENEW_CONSUMER:
        perform_ensure(world, index, effect);
        return;
    case EFFECT_FUNCTION_STATE:
        if (effect->code == REASON_QUEUE_FULL) {
            records_refused(world, index, function_of_key(world, effect->key));
        }
        take_note(world, index, effect->about, effect->key);
        share_state(world, index, effect);
        if ((uint32_t)effect->key.hi >= ROUTE_VERSION_FIRST && effect->count != FUNCTION_READY) {
            world->nodes[index].route_gone_ns[function_of_key(world, effect->key)] =
                node_clock(world, &world->nodes[index]);
        }
        if (effect->count == FUNCTION_READY && (uint32_t)effect->key.hi < ROUTE_VERSION_FIRST &&
            function_of_key(world, effect->key) != FUNCTIONS_MAX) {
            world->nodes[index].serves[function_of_key(world, effect->key)] = true;
            world->nodes[index].serves_version[function_of_key(world, effect->key)] = (uint32_t)effect->key.hi;
        }
        return;
    case EFFECT_FORGET:
        forget(world, index, effect->about);
        return;
    case EFFECT_DROP_BLOB:
        drop_blob(world, index, effect->blob);
        return;
    case EFFECT_DROP_CONSUMER:
        if (node_note(&world->nodes[index], effect->about) != NULL) {
            jet_delete_consumer(&world->jet, node_note(&world->nodes[index], effect->about)->function);
        }
        return;
    case EFFECT_DISCONNECT:
        wire_cut(world, index);
        return;
    case EFFECT_CONNECT:
        wire_connect_later(world, index, effect->amount);
        return;
    case EFFECT_PROVISION:
        wire_provision(world, index, effect->amount);
        return;
    case EFFECT_STOPPED:
        history_drain(world, index, true);
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
    case EFFECT_WALK:
        perform_find(world, index, effect);
        return;
    case EFFECT_ACK:
    case EFFECT_REMOVE_REQUEST:
        if (!WORLD_MUTANT(world, ADAPTER_ACK_LOST)) {
            wire_send(world, index, effect);
        }
        return;
    case EFFECT_PUBLISH_CANCELLED:
    case EFFECT_ANNOUNCE_CANCEL:
    case EFFECT_FETCH_RESULT:
    case EFFECT_PULL:
    case EFFECT_EXTEND:
    case EFFECT_HAND_BACK:
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
    case EFFECT_ANSWER:
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
    case EFFECT_LEASE_PUT:
    case EFFECT_LEASE_DROP:
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
