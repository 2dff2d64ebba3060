/* Small things that every part of the world needs: draws, posts, keys, and the way out when the law is broken. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/draw.h"

enum { EPOCH_WALL_SECONDS = 1767225600 }; /* the broker's wall clock when a world begins */

uint64_t world_draw(const struct world *world, uint64_t entity, uint64_t purpose, uint64_t counter)
{
    return draw(world->options.seed, entity, purpose, counter);
}

uint64_t world_draw_below(const struct world *world, uint64_t bound, uint64_t entity, uint64_t purpose,
                          uint64_t counter)
{
    return draw_below(world_draw(world, entity, purpose, counter), bound);
}

static bool fault_drawn(struct world *world, enum sim_fault fault, uint64_t entity)
{
    uint64_t rate = world->choices.fault[fault];
    if (rate == 0) {
        return false;
    }
    uint64_t counter = world->fault_counter[fault]++;
    return world_draw_below(world, 1000000, entity, PURPOSE_FAULT_HIT + fault, counter) < rate;
}

bool world_strikes(struct world *world, enum sim_fault fault, uint64_t entity)
{
    if (world->healed) {
        return false;
    }
    bool strikes = follow_strikes(world, fault, entity, fault_drawn(world, fault, entity));
    world->report->faults[fault] += strikes;
    return strikes;
}

void world_violation(struct world *world, const char *id, const char *format, ...)
{
    struct sim_violation *violation = &world->report->violation;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation->why, sizeof(violation->why), format, arguments);
    va_end(arguments);
    snprintf(violation->id, sizeof(violation->id), "%s", id);
    violation->step = world->steps;
    violation->at_ns = world->now;
    story_event(world, "VIOLATION %s: %s", violation->id, violation->why);
    longjmp(world->stop, 1);
}

struct event *world_post(struct world *world, uint64_t at, enum event_kind kind)
{
    struct event *event = kernel_post(&world->kernel, at);
    if (event == NULL) {
        world->memory_short = true;
        longjmp(world->stop, 1);
    }
    event->kind = (uint8_t)kind;
    return event;
}

struct event *world_post_node(struct world *world, uint64_t at, enum event_kind kind, uint32_t node)
{
    struct event *event = world_post(world, at, kind);
    event->node = node;
    event->incarnation = world->nodes[node].incarnation;
    return event;
}

/* One multiply and two shifts a word: enough to tell two runs apart, cheap enough to take in everything. */
void world_hash(struct world *world, uint64_t value)
{
    uint64_t hash = (world->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash = hash ^ hash >> 29;
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

uint8_t request_alias(const struct world *world, uint32_t request)
{
    bool named = world_draw_below(world, 1000000, request, PURPOSE_ALIAS, 0) < world->choices.fault[FAULT_ALIAS];
    return named ? 1 : ALIAS_LIVE;
}

/* Each function is served by the first node at least. */
bool served_elsewhere(const struct world *world, uint32_t node, uint32_t function)
{
    return node != 0 && world->choices.fault[FAULT_ELSEWHERE] != 0 &&
           world_draw_below(world, 3, function, PURPOSE_ELSEWHERE, node) == 0;
}

int64_t broker_wall(const struct world *world)
{
    return (int64_t)(EPOCH_WALL_SECONDS * SECOND + world->now) + world->broker_offset_ns;
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
