/* Small things that every part of the world needs: draws, posts, keys, and the way out when the law is broken. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/draw.h"

static bool fault_drawn(struct world *world, enum sim_fault fault, uint64_t entity)
{
    uint64_t rate = world->choices.fault[fault];
    if (rate == 0) {
        return false;
    }
    uint64_t counter = world->fault_counter[fault]++;
    return world_draw_below(world, 1000000, entity, PURPOSE_FAULT_HIT + fault, counter) < rate;
}

bool world_draws_strike(struct world *world, enum sim_fault fault, uint64_t entity)
{
    bool strikes = fault_drawn(world, fault, entity);
    if (world->follows) {
        strikes = follow_strikes(world, fault, entity, strikes);
    }
    world->report->faults[fault] += strikes;
    return strikes;
}

static bool unjudged(const struct world *world, const char *id)
{
    return world->options.without != NULL && strcmp(world->options.without, id) == 0;
}

/* The first one counts. */
static void violation_note(struct world *world, const char *id, const char *format, va_list arguments)
{
    struct sim_violation *violation = &world->report->violation;
    if (violation->id[0] != 0 || unjudged(world, id)) {
        return;
    }
    vsnprintf(violation->why, sizeof(violation->why), format, arguments);
    snprintf(violation->id, sizeof(violation->id), "%s", id);
    violation->step = world->steps;
    violation->at_ns = world->now;
    story_event(world, "VIOLATION %s: %s", violation->id, violation->why);
}

void world_violation(struct world *world, const char *id, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    violation_note(world, id, format, arguments);
    va_end(arguments);
    world->report->cut_short = unjudged(world, id);
    longjmp(world->stop, 1);
}

void world_wrong(struct world *world, const char *id, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    violation_note(world, id, format, arguments);
    va_end(arguments);
    if (world->options.history == NULL && !unjudged(world, id)) {
        longjmp(world->stop, 1);
    }
}

static struct event *event_post(struct world *world, uint64_t at, enum event_kind kind)
{
    struct event *event = kernel_post(&world->kernel, at);
    if (event == NULL) {
        world->memory_short = true;
        longjmp(world->stop, 1);
    }
    event->kind = (uint8_t)kind;
    return event;
}

static struct event *event_post_node(struct world *world, uint64_t at, enum event_kind kind, uint32_t node)
{
    struct event *event = event_post(world, at, kind);
    event->node = node;
    event->incarnation = world->nodes[node].incarnation;
    return event;
}

struct event *world_post(struct world *world, uint64_t at, enum event_kind kind)
{
    ASSERT(kind >= EVENT_TICK);
    return event_post(world, at, kind);
}

struct event *world_post_node(struct world *world, uint64_t at, enum event_kind kind, uint32_t node)
{
    ASSERT(kind >= EVENT_TICK);
    return event_post_node(world, at, kind, node);
}

void world_post_again(struct world *world, uint64_t at, const struct event *event)
{
    struct event *later = event_post(world, at, (enum event_kind)event->kind);
    *later = *event;
    later->at = at;
}

struct event *world_post_input(struct world *world, uint64_t at, enum event_kind kind, uint32_t node,
                               const struct input *input, const struct content *content)
{
    struct event *event = event_post_node(world, at, kind, node);
    event->input = *input;
    event->content = content != NULL ? *content : (struct content){ .kind = CONTENT_NONE };
    return event;
}

/* An adapter reads the blobs when it sends; slot 0 is none, and empty. */
struct event *world_post_effect(struct world *world, uint64_t at, uint32_t node, const struct effect *effect)
{
    const struct slot *slots = world->nodes[node].slots;
    struct event *event = event_post_node(world, at, EVENT_TO_BROKER, node);
    event->effect = *effect;
    event->content = slots[effect->blob.slot].content;
    event->second = slots[effect->second.slot].content.payload;
    return event;
}

/* Keys of the world name their row in `hi`; `lo` is as even as a real hash. */
uint32_t request_of_key(const struct world *world, struct key key)
{
    bool known = key.hi < world->requests_count && key_equal(world->requests[key.hi].key, key);
    return known ? (uint32_t)key.hi : world->requests_count;
}

struct key version_key(uint32_t function, uint32_t version)
{
    uint64_t hi = UINT64_C(1) << 40 | (uint64_t)function << 32 | version;
    return (struct key){ hi, draw_mix(hi) };
}

uint32_t function_of_key(const struct world *world, struct key key)
{
    uint64_t function = key.hi >> 32 & 0xff;
    return key.hi >> 40 == 1 && function < world->choices.functions ? (uint32_t)function : FUNCTIONS_MAX;
}

/* Each function is served by the first node at least, unless by nobody. The first node of a fork serves what its core
 * does. */
bool served_elsewhere(const struct world *world, uint32_t node, uint32_t function)
{
    if (world->functions[function].elsewhere) {
        return node == 0;
    }
    if (world->options.fork != NULL && node == 0) {
        return false;
    }
    bool nobody = function != 0 && world->choices.fault[FAULT_UNSERVED] != 0 &&
                  world_draw_below(world, 4, function, PURPOSE_ELSEWHERE, NODES_MAX) == 0;
    return nobody || (node != 0 && world->choices.fault[FAULT_ELSEWHERE] != 0 &&
                      world_draw_below(world, 3, function, PURPOSE_ELSEWHERE, node) == 0);
}

#define X(name, text) #name,
static const char *const fault_names[] = { SIM_FAULTS(X) };
#undef X
#define X(name, text) text,
static const char *const fault_texts[] = { SIM_FAULTS(X) };
#undef X

const char *sim_fault_name(enum sim_fault fault)
{
    return fault < FAULT_COUNT ? fault_names[fault] : "?";
}

const char *sim_fault_text(enum sim_fault fault)
{
    return fault < FAULT_COUNT ? fault_texts[fault] : "?";
}

/* Half of the functions have something to say about how their failures are treated. */
static void make_policy(struct world *world, uint32_t number)
{
    struct function *function = &world->functions[number];
    uint64_t random = world_draw(world, number, PURPOSE_POLICY, 0);
    memset(function->policy.retries, UINT8_MAX, sizeof(function->policy.retries));
    if ((random & 1) != 0) {
        function->policy.retry_ns_base = draw_below(draw_mix(random + 1), 2 * SECOND);
        function->policy.retry_ns_max = function->policy.retry_ns_base * draw_below(draw_mix(random + 2), 20);
        function->policy.jitter = (uint8_t)draw_below(draw_mix(random + 3), JITTER_DECORRELATED + 2);
        for (uint32_t cause = 1; cause < CAUSE_KEPT; cause++) {
            bool own = draw_below(draw_mix(random + 4 + cause), 3) == 0;
            function->policy.retries[cause] = own ? (uint8_t)draw_below(draw_mix(random + cause * 64), 3) : UINT8_MAX;
        }
    }
}

void world_make_functions(struct world *world)
{
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        struct function *function = &world->functions[number];
        uint64_t random = world_draw(world, number, PURPOSE_KEY, 0);
        function->name = version_key(number, 0);
        function->version = 1;
        function->named[0] = 1u << 1;
        function->retries_max = (uint16_t)draw_below(draw_mix(random + 1), 5);
        function->concurrency = (uint16_t)(1 + draw_below(draw_mix(random + 2), 4));
        function->workers_max = (uint16_t)(1 + draw_below(draw_mix(random + 3), 4));
        function->timeout_ns = SECOND + draw_below(draw_mix(random + 4), 10 * SECOND);
        bool cold = draw_below(draw_mix(random + 7), 8) == 0; /* Nothing is kept warm. */
        function->keep_alive_ns = cold ? 0 : SECOND + draw_below(draw_mix(random + 5), 60 * SECOND);
        function->run_ns =
            world->choices.run_ns_mean / 2 + draw_below(draw_mix(random + 6), world->choices.run_ns_mean);
        make_policy(world, number);
        load_make(world, number);
    }
}
