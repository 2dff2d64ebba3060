/* Garbled facts (S19). They are given to copies of a core, so that nothing of them reaches the world.
 *
 * What nobody can have meant (a row that does not exist, a handle or a connection of the past, a clock that can't be)
 * must do what a tick does, or what a word of the broker that says nothing does; a message for nobody goes back. What
 * could be meant and is out of order, with numbers that no sane broker, process or caller gives, may do what it likes,
 * but no assertion may fail. */
#include "sim/garble.h"

#include <string.h>

enum { MEANINGLESS = 16, WILD = 64, OPERATIONS = 16, SETTLES_MAX = 64, GENERATIONS = 1 << HANDLE_GENERATION_BITS };

struct garbler {
    struct world *world;
    const struct node *node;
    struct core *plain, *garbled; /* copies: one hears nothing, the other nonsense */
    uint64_t random, now_ns;
    uint32_t blobs, operations;
    struct effect asked[OPERATIONS]; /* what the garbled one asked for last */
    struct effects plainly, wildly;
};

static uint64_t pick(struct garbler *garbler, uint64_t bound)
{
    garbler->random = draw_mix(garbler->random + 1);
    return draw_below(garbler->random, bound);
}

/* No sane number, mostly. */
static uint64_t extreme(struct garbler *garbler)
{
    static const uint64_t numbers[] = { 0,         1,          2,         UINT8_MAX,         UINT16_MAX,
                                        INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX };
    uint64_t which = pick(garbler, sizeof numbers / sizeof numbers[0] + 2);
    return which < sizeof numbers / sizeof numbers[0] ? numbers[which] : draw_mix(garbler->random);
}

/* One that no core of the world holds. */
static struct blob blob_new(struct garbler *garbler)
{
    return (struct blob){ BLOBS_MAX + ++garbler->blobs, (uint32_t)extreme(garbler) };
}

/* -- what means nothing -------------------------------------------------------------------------------------------- */

static struct handle open_call(struct garbler *garbler)
{
    const struct world *world = garbler->world;
    const struct call *call = &world->calls[world->calls_count == 0 ? 0 : pick(garbler, world->calls_count)];
    bool open = world->calls_count != 0 && call->state == CALLER_OPEN && &world->nodes[call->node] == garbler->node &&
                call->incarnation == garbler->node->incarnation;
    return open ? call->handle : (struct handle){ 0 };
}

/* A row that never was, or the owner before the present one. */
static struct handle stale(struct garbler *garbler)
{
    const struct node *node = garbler->node;
    const struct worker *worker = &node->workers[pick(garbler, node->workers_count)];
    const struct function_note *note = &node->notes[pick(garbler, garbler->world->choices.limits.functions_max)];
    struct handle known[] = { worker->state != PROCESS_NONE ? worker->handle : (struct handle){ 0 }, note->handle,
                              open_call(garbler) };
    struct handle handle = known[pick(garbler, 3)];
    if (handle.bits == 0) {
        enum table table = (enum table)pick(garbler, 8);
        return handle_make(table, (uint32_t)pick(garbler, GENERATIONS), HANDLE_ROWS_MAX - 1);
    }
    uint32_t generation = handle.bits >> HANDLE_INDEX_BITS & (GENERATIONS - 1);
    return handle_make(handle_table(handle), (generation + GENERATIONS / 2) % GENERATIONS, handle_index(handle));
}

static void stale_completion(struct garbler *garbler, struct input *input)
{
    static const uint8_t kinds[] = { INPUT_PUBLISHED,  INPUT_RESULT, INPUT_FOUND, INPUT_REMOVED,
                                     INPUT_LEDGER,     INPUT_BUILT,  INPUT_LEASE, INPUT_CONSUMER_READY,
                                     INPUT_PULL_ENDED, INPUT_WALKED };
    input->kind = kinds[pick(garbler, sizeof kinds)];
    input->answers = (uint64_t)stale(garbler).bits << 32;
    input->answers |= pick(garbler, UINT32_MAX);
    input->outcome = (uint8_t)pick(garbler, OUTCOME_UNKNOWN + 1);
    bool brings = input->kind == INPUT_RESULT || input->kind == INPUT_WALKED;
    input->blob = brings ? blob_new(garbler) : input->blob;
}

static void stale_worker(struct garbler *garbler, struct input *input)
{
    static const uint8_t kinds[] = { INPUT_WORKER_READY, INPUT_WORKER_RESULT, INPUT_WORKER_ERROR, INPUT_WORKER_BROKEN,
                                     INPUT_WORKER_EXITED };
    input->kind = kinds[pick(garbler, sizeof kinds)];
    input->about = stale(garbler);
    bool answers = input->kind == INPUT_WORKER_RESULT || input->kind == INPUT_WORKER_ERROR;
    input->blob = answers ? blob_new(garbler) : input->blob;
}

static void stale_caller(struct garbler *garbler, struct input *input)
{
    input->kind = INPUT_CALL_CANCELLED;
    input->about = stale(garbler);
}

/* To be handed back, if its connection is the present one. */
static void message_for_nobody(struct garbler *garbler, struct input *input)
{
    input->kind = INPUT_DELIVERY;
    input->about = stale(garbler);
    input->blob = blob_new(garbler);
}

static void message_of_no_connection(struct garbler *garbler, struct input *input)
{
    input->kind = INPUT_DELIVERY;
    input->about = garbler->node->notes[pick(garbler, garbler->world->choices.limits.functions_max)].handle;
    input->epoch += 1 + (uint32_t)pick(garbler, 1000);
    input->blob = blob_new(garbler);
}

static void request_of_nobody(struct garbler *garbler, struct input *input)
{
    input->kind = pick(garbler, 2) == 0 ? INPUT_ANSWER : INPUT_CANCEL_HEARD;
    input->as.result.request = input->as.cancel.request = (struct key){ UINT64_MAX, extreme(garbler) };
    input->blob = input->kind == INPUT_ANSWER ? blob_new(garbler) : input->blob;
}

static void function_of_nobody(struct garbler *garbler, struct input *input)
{
    static const uint8_t kinds[] = { INPUT_FUNCTION_REMOVED, INPUT_FUNCTION_POLICY, INPUT_RELEASE, INPUT_QUEUE };
    struct key name = { UINT64_MAX, extreme(garbler) };
    input->kind = kinds[pick(garbler, sizeof kinds)];
    switch (input->kind) {
    case INPUT_FUNCTION_POLICY:
        input->as.policy.name = name;
        return;
    case INPUT_QUEUE:
        input->as.queue.function = name;
        return;
    default:
        input->as.function.name = name;
    }
}

/* Before the beginning of time, after its end, or from late to early. */
static void impossible_clock(struct garbler *garbler, struct input *input)
{
    static const int64_t offsets[][2] = {
        { INT64_MIN, INT64_MIN + 1 }, { INT64_MAX - 1, INT64_MAX }, { INT64_MIN, INT64_MAX }, { 1, 0 }
    };
    const int64_t *offset = offsets[pick(garbler, sizeof offsets / sizeof offsets[0])];
    input->kind = INPUT_CLOCK;
    input->as.clock.offset_ns_min = offset[0];
    input->as.clock.offset_ns_max = offset[1];
}

typedef void garbage(struct garbler *garbler, struct input *input);
static garbage *const meaningless[] = { stale_completion,   stale_completion,   stale_worker,
                                        stale_caller,       message_for_nobody, request_of_nobody,
                                        function_of_nobody, impossible_clock,   message_of_no_connection };

static void extremes(struct garbler *garbler, struct input *input)
{
    uint64_t words[sizeof(input->as) / sizeof(uint64_t)];
    for (uint32_t at = 0; at < sizeof words / sizeof words[0]; at++) {
        words[at] = extreme(garbler);
    }
    memcpy(&input->as, words, sizeof words);
}

static void step(const struct garbler *garbler, struct core *core, struct input *input, struct effects *ret_effects)
{
    input->now_ns = garbler->now_ns;
    input->wall_ns = (int64_t)draw_mix(garbler->random);
    core_step(core, input, ret_effects);
}

/* What the broker is to have said, if it said anything: the core notes when it heard from it last. */
static struct input nothing_instead_of(const struct input *input)
{
    bool broker = input->kind == INPUT_DELIVERY || input->kind == INPUT_PULL_ENDED || input->kind == INPUT_PUBLISHED ||
                  input->kind == INPUT_RESULT || input->kind == INPUT_ANSWER || input->kind == INPUT_REMOVED ||
                  input->kind == INPUT_CANCEL_HEARD || input->kind == INPUT_LEASE || input->kind == INPUT_LEDGER;
    return (
        struct input){ .kind = broker ? INPUT_HEARD : INPUT_TICK, .epoch = input->epoch, .outcome = input->outcome };
}

static bool about_the_garbage(const struct effect *effect)
{
    return (effect->kind == EFFECT_DROP_BLOB || effect->kind == EFFECT_HAND_BACK) && effect->blob.slot > BLOBS_MAX;
}

static bool same_effects(const struct effects *plainly, const struct effects *wildly)
{
    uint32_t at = 0;
    for (uint32_t other = 0; other < wildly->count; other++) {
        const struct effect *effect = &wildly->list[other];
        if (about_the_garbage(effect)) {
            continue;
        }
        if (at == plainly->count || plainly->list[at].kind != effect->kind ||
            plainly->list[at].operation != effect->operation || plainly->list[at].about.bits != effect->about.bits) {
            return false;
        }
        at++;
    }
    return at == plainly->count;
}

/* Copies that have nothing left to do now, so that what they say next is due to what they hear next. */
static bool copy(struct garbler *garbler, struct node *node)
{
    garbler->plain = core_copy(garbler->world->copy, node->core);
    for (uint32_t round = 0; core_next_deadline(garbler->plain) <= garbler->now_ns; round++) {
        struct input tick = { .kind = INPUT_TICK };
        if (round == SETTLES_MAX) {
            return false;
        }
        step(garbler, garbler->plain, &tick, &garbler->plainly);
    }
    garbler->garbled = core_copy(garbler->world->other_copy, garbler->plain);
    return true;
}

static void judge_meaningless(struct garbler *garbler, uint32_t index)
{
    for (uint32_t at = 0; at < MEANINGLESS; at++) {
        struct input input = { .epoch = garbler->node->link.epoch };
        extremes(garbler, &input);
        meaningless[pick(garbler, sizeof meaningless / sizeof meaningless[0])](garbler, &input);
        struct input nothing = nothing_instead_of(&input);
        step(garbler, garbler->plain, &nothing, &garbler->plainly);
        step(garbler, garbler->garbled, &input, &garbler->wildly);
        if (!same_effects(&garbler->plainly, &garbler->wildly) ||
            core_next_deadline(garbler->plain) != core_next_deadline(garbler->garbled)) {
            world_violation(garbler->world, "S19", "%c does something about a %s that means nothing", 'a' + (int)index,
                            input_name((enum input_kind)input.kind));
        }
    }
    if (core_hash(garbler->plain) != core_hash(garbler->garbled)) {
        world_violation(garbler->world, "S19", "%c remembers facts that mean nothing", 'a' + (int)index);
    }
}

/* -- what could mean something ------------------------------------------------------------------------------------- */

/* What reaches a core has been read by an adapter: a kind of something is one that there is. */
static void keep_kinds(struct input *input)
{
    switch ((enum input_kind)input->kind) {
    case INPUT_CALL:
        input->as.call.kind %= CALL_KIND_CANCEL + 1;
        return;
    case INPUT_RESULT:
    case INPUT_ANSWER:
        input->as.result.end %= END_COUNT;
        input->as.result.reason %= REASON_COUNT;
        input->as.result.cause %= CAUSE_COUNT;
        return;
    case INPUT_LEDGER:
        input->as.ledger.last %= CAUSE_COUNT;
        input->as.ledger.end %= END_COUNT;
        input->as.ledger.reason %= REASON_COUNT;
        return;
    case INPUT_FUNCTION_SET:
        input->as.function.concurrency |= 1;
        input->as.function.workers_max |= 1;
        input->as.function.closing %= CLOSING_END + 1;
        input->as.function.place %= ROUTES_MAX;
        input->as.function.elsewhere &= 1;
        input->as.function.paused &= 1;
        return;
    case INPUT_FUNCTION_POLICY:
        input->as.policy.jitter %= JITTER_DECORRELATED + 2;
        return;
    case INPUT_WORKER_EXITED:
    case INPUT_DELIVERY:
    case INPUT_BUILT:
        input->code %= REASON_COUNT;
        return;
    default:
        return;
    }
}

static struct key known_name(struct garbler *garbler)
{
    return garbler->world->functions[pick(garbler, garbler->world->choices.functions)].name;
}

static void name_somebody(struct garbler *garbler, struct input *input)
{
    struct key request = { .hi = extreme(garbler) };
    request.lo = extreme(garbler);
    switch ((enum input_kind)input->kind) {
    case INPUT_CALL:
        input->as.call.function = known_name(garbler);
        return;
    case INPUT_FUNCTION_SET:
        input->as.function.name = known_name(garbler);
        input->as.function.of = pick(garbler, 2) == 0 ? (struct key){ 0 } : known_name(garbler);
        if (pick(garbler, 2) == 0) {
            input->as.function.name.hi ^= UINT64_C(1) << 50 | pick(garbler, 4); /* a route of its own */
        }
        return;
    case INPUT_FUNCTION_REMOVED:
    case INPUT_RELEASE:
        input->as.function.name = known_name(garbler);
        return;
    case INPUT_FUNCTION_POLICY:
        input->as.policy.name = known_name(garbler);
        return;
    case INPUT_DELIVERY:
        input->as.delivery.request = request;
        input->about = garbler->node->notes[pick(garbler, garbler->world->choices.limits.functions_max)].handle;
        return;
    default:
        return;
    }
}

static bool carries_blob(uint8_t kind)
{
    return kind == INPUT_CALL || kind == INPUT_DELIVERY || kind == INPUT_RESULT || kind == INPUT_ANSWER ||
           kind == INPUT_WORKER_RESULT || kind == INPUT_WORKER_ERROR || kind == INPUT_WALKED;
}

static void wild(struct garbler *garbler, struct input *input)
{
    input->kind = (uint8_t)pick(garbler, INPUT_COUNT);
    bool ends = input->kind == INPUT_LINK_DOWN || input->kind == INPUT_DRAIN;
    if (input->kind == INPUT_SETTING || (ends && pick(garbler, 16) != 0)) {
        input->kind = INPUT_LINK_UP; /* Settings are the operator's, and checked. */
    }
    const struct effect *asked = &garbler->asked[pick(garbler, OPERATIONS)];
    extremes(garbler, input);
    input->answers = asked->operation;
    input->about = pick(garbler, 2) == 0 ? asked->about : asked->other;
    input->outcome = (uint8_t)pick(garbler, OUTCOME_UNKNOWN + 1);
    input->code = (uint16_t)(pick(garbler, 2) == 0 ? 0 : extreme(garbler));
    input->epoch += pick(garbler, 8) == 0;
    input->blob = carries_blob(input->kind) ? blob_new(garbler) : input->blob;
    name_somebody(garbler, input);
    keep_kinds(input);
}

/* A failed assertion is named S19 by who catches it. */
static void judge_wild(struct garbler *garbler)
{
    for (uint32_t at = 0; at < WILD; at++) {
        struct input input = { .epoch = garbler->node->link.epoch };
        wild(garbler, &input);
        garbler->now_ns += pick(garbler, 4) == 0 ? pick(garbler, 600 * SECOND) : 0;
        step(garbler, garbler->garbled, &input, &garbler->wildly);
        for (uint32_t effect = 0; effect < garbler->wildly.count; effect++) {
            garbler->asked[garbler->operations++ % OPERATIONS] = garbler->wildly.list[effect];
        }
    }
    core_check(garbler->garbled);
}

void garble(struct world *world, uint32_t index, uint64_t random)
{
    struct node *node = &world->nodes[index];
    struct garbler garbler = { .world = world, .node = node, .random = random, .now_ns = node_clock(world, node) };
    if (node->state == NODE_DOWN) {
        return;
    }
    world->garbled = true;
    if (copy(&garbler, node)) {
        judge_meaningless(&garbler, index);
        judge_wild(&garbler);
    }
    world->garbled = false;
}
