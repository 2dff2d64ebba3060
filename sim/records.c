/* How instances learn of functions. A record has a revision; they count over the whole bucket. Whoever changes one
 * causes a message to every instance that is connected just then: a hint that may be late, or never come. An instance
 * that hears it reads what is newer than what it knows, by its control connection. It does the same once a second and
 * after each reconnect, so that a hint that was lost costs a second and not a function (L8). A record that finds no
 * room in the core's table is tried again. A power loss takes the last changes back, and their revisions are given out
 * again: after a reconnect all is read, and compared by what it says.
 *
 * A server-side watcher, which would need neither, was seen to go blind for 20 s. */
#include "sim/history.h"
#include "sim/planted.h"
#include "sim/world.h"

#include <string.h>

_Static_assert((int)RECORDS_MAX == (int)FUNCTIONS_MAX, "a record for each function");

/* -- what is stored ------------------------------------------------------------------------------------------------ */

static void record_take(struct world *world, uint32_t number, struct record *ret_record)
{
    const struct function *function = &world->functions[number];
    *ret_record = (struct record){ .revision = world->records.revision[number],
                                   .change = ++world->records.changes,
                                   .written_ns = world->now,
                                   .version = function->version,
                                   .closing = function->closing,
                                   .removed = function->removed,
                                   .build_fails = function->build_fails,
                                   .paused = function->paused };
    memcpy(ret_record->routes, function->routes, sizeof ret_record->routes);
}

static void record_note(struct world *world, uint32_t number)
{
    struct records *records = &world->records;
    uint32_t place = records->undo_count++ % UNDO_MAX;
    bool deployed = records->now[number].version != world->functions[number].version;
    records->undo[place].before = records->now[number];
    records->undo[place].last = records->last;
    records->undo[place].function = number;
    records->object_lost[number] = records->object_lost[number] && !deployed;
    records->revision[number] = ++records->last;
    record_take(world, number, &records->now[number]);
}

/* What the operators had begun goes on from where the record is now. */
static void record_resume(struct world *world, uint32_t number)
{
    enum { LATER_SECONDS = 5 };
    const struct function *function = &world->functions[number];
    uint64_t later = world->now + LATER_SECONDS * SECOND;
    if (function->removed) {
        world_post(world, later, EVENT_FUNCTION_BACK)->number = number;
    } else if (function->closing != CLOSING_OPEN) {
        world_post(world, later, EVENT_FUNCTION_GONE)->number = number;
    }
    if (function->paused) {
        world_post(world, later, EVENT_RESUME)->number = number;
    }
}

static void record_undo(struct world *world, uint32_t place)
{
    struct records *records = &world->records;
    uint32_t number = records->undo[place].function;
    const struct record *before = &records->undo[place].before;
    struct function *function = &world->functions[number];
    function->back_ns = function->removed && !before->removed ? world->now : function->back_ns;
    function->version = before->version;
    function->closing = before->closing;
    function->removed = before->removed;
    function->build_fails = before->build_fails;
    function->paused = before->paused;
    memcpy(function->routes, before->routes, sizeof function->routes);
    records->now[number] = *before;
    records->revision[number] = before->revision;
    records->last = records->undo[place].last;
    record_resume(world, number);
    history_deployed(world, number, function->version);
}

void records_lose_power(struct world *world, uint64_t random)
{
    struct records *records = &world->records;
    uint64_t synced = jet_synced_ns(&world->jet, JET_RECORDS, world->now);
    uint64_t objects = jet_synced_ns(&world->jet, JET_OBJECTS, world->now);
    uint32_t kept = records->undo_count > UNDO_MAX ? records->undo_count - UNDO_MAX : 0;
    uint64_t before[RECORDS_MAX] = { 0 };
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        before[number] = records->now[number].change;
        bool young = records->now[number].written_ns > objects && records->now[number].version > 1;
        records->object_lost[number] = records->object_lost[number] || (young && (draw_mix(random + number) & 1) == 0);
    }
    while (records->undo_count > kept) {
        uint32_t place = (records->undo_count - 1) % UNDO_MAX;
        if (records->now[records->undo[place].function].written_ns <= synced) {
            break;
        }
        records->undo_count--;
        story_event(world, "the record of f%u goes back to an older one", records->undo[place].function);
        record_undo(world, place);
    }
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        if (records->now[number].change < before[number] && (draw_mix(random + 64 + number) & 1) != 0) {
            fault_redeploy(world, number); /* As soon as the broker is there, before instances are. */
        }
    }
}

/* -- who hears of it ----------------------------------------------------------------------------------------------- */

void records_begin(struct world *world)
{
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        struct records *records = &world->records;
        records->revision[function] = ++records->last;
        record_take(world, function, &records->now[function]);
    }
}

uint32_t records_version(struct world *world, uint32_t function)
{
    uint32_t *last = &world->records.versions[function], now = world->functions[function].version;
    *last = 1 + (*last > now ? *last : now);
    return *last;
}

void records_changed(struct world *world, uint32_t function)
{
    record_note(world, function);
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct link *link = &world->nodes[index].link;
        if (world->nodes[index].state == NODE_DOWN || !link->told_up || link->hints_lost ||
            world->now > link->hears_until_ns || world_strikes(world, FAULT_HINT_LOST, index)) {
            continue;
        }
        uint64_t random = world_draw(world, index, PURPOSE_RECORDS, world->records.last);
        uint64_t delay = world->choices.latency_ns + draw_below(random, 2 * world->choices.latency_ns);
        if (world_strikes(world, FAULT_HINT_LATE, index)) {
            delay += draw_below(draw_mix(random), 10 * SECOND);
        }
        world_post_node(world, world->now + delay, EVENT_HINT, index);
    }
}

void records_heard(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    if (node->seen.reading) {
        node->seen.again = true;
        return;
    }
    node->seen.reading = true;
    uint64_t takes = world_draw_below(world, 50 * MILLISECOND, index, PURPOSE_RECORDS, node->steps);
    world_post_node(world, world->now + MILLISECOND + takes, EVENT_RECORDS, index);
}

void records_word(struct world *world, uint32_t index)
{
    hearing_hinted(world, index);
    records_heard(world, index);
}

void records_arrive(struct world *world, uint32_t index)
{
    struct seen_records *seen = &world->nodes[index].seen;
    bool again = seen->again;
    seen->reading = seen->again = false;
    if (control_lost(world, index, GROUP_RECORDS)) {
        return; /* the next second asks again */
    }
    seen->known = world->records.last;
    for (uint32_t function = 0; function < world->choices.functions; function++) {
        uint64_t revision = world->records.revision[function], change = world->records.now[function].change;
        bool by_number = WORLD_MUTANT(world, RECORDS_BY_NUMBER);
        if (by_number ? seen->revision[function] != revision : seen->change[function] != change) {
            seen->revision[function] = revision;
            seen->change[function] = change;
            world->nodes[index].hearing.changed = true;
            node_set_function(world, index, function);
        }
    }
    hearing_found(world, index);
    if (again) {
        records_heard(world, index);
    }
}

static bool all_told(const struct world *world, const struct seen_records *seen)
{
    bool told = seen->known == world->records.last;
    for (uint32_t function = 0; told && function < world->choices.functions; function++) {
        told =
            seen->change[function] == world->records.now[function].change ||
            (WORLD_MUTANT(world, RECORDS_BY_NUMBER) && seen->revision[function] == world->records.revision[function]);
    }
    return told;
}

void records_poll(struct world *world, uint32_t index)
{
    const struct node *node = &world->nodes[index];
    bool can = node->state != NODE_DOWN && node->link.told_up && !node->seen.reading;
    if (can && !all_told(world, &node->seen) && !WORLD_MUTANT(world, HINTS_ALONE)) {
        records_heard(world, index);
    }
}

void records_refused(struct world *world, uint32_t index, uint32_t function)
{
    if (function < world->choices.functions) {
        world->nodes[index].seen.revision[function] = world->nodes[index].seen.change[function] = 0;
    }
}
