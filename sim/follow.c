/* A run that is recorded, or that follows a schedule.
 *
 * Occasions are counted by fault and entity in a hash table, so that "the second time that an answer to b could get
 * lost" means the same when other things no longer happen. When a schedule is followed, its strikes lie in a table
 * of the same form, and its faults and calls are posted one after the other, as a seed posts them. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

static uint32_t place_of(const struct occasions *table, struct occasion wanted)
{
    uint64_t address = draw(wanted.fault, wanted.entity, 0, wanted.number);
    uint32_t place = (uint32_t)address & (table->capacity - 1);
    while (table->row[place].used &&
           (table->row[place].fault != wanted.fault || table->row[place].number != wanted.number ||
            table->row[place].entity != wanted.entity)) {
        place = (place + 1) & (table->capacity - 1);
    }
    return place;
}

static bool occasions_grow(struct occasions *table)
{
    struct occasions larger = { .capacity = table->capacity == 0 ? 256 : table->capacity * 2, .count = table->count };
    larger.row = calloc(larger.capacity, sizeof(*larger.row));
    if (larger.row == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < table->capacity; at++) {
        struct occasion occasion = table->row[at];
        if (occasion.used) {
            larger.row[place_of(&larger, (struct occasion){ .fault = occasion.fault,
                                                            .number = occasion.number,
                                                            .entity = occasion.entity })] = occasion;
        }
    }
    free(table->row);
    *table = larger;
    return true;
}

/* The row of that fault, entity and number; made if it is not there. NULL: memory ran out. */
static struct occasion *occasion_row(struct occasions *table, struct occasion wanted)
{
    if (table->count * 2 >= table->capacity && !occasions_grow(table)) {
        return NULL;
    }
    uint32_t place = place_of(table, wanted);
    struct occasion *row = &table->row[place];
    if (!row->used) {
        *row = wanted;
        row->used = true;
        table->count++;
    }
    return row;
}

static _Noreturn void follow_short(struct world *world)
{
    world->memory_short = true;
    longjmp(world->stop, 1);
}

static void record(struct world *world, const struct entry *entry)
{
    if (!schedule_add(world->options.record, entry)) {
        follow_short(world);
    }
}

/* -- strikes -- */

/* Those of clients are numbers of their calls. */
static bool of_client(enum sim_fault fault)
{
    return (fault >= FAULT_CLIENT_RESUBMIT && fault <= FAULT_RAW_INVALID) ||
           (fault >= FAULT_CLIENT_SUBMIT && fault <= FAULT_CANCEL_FORGED);
}

bool follow_strikes(struct world *world, enum sim_fault fault, uint64_t entity, bool drawn)
{
    struct follow *follow = &world->follow;
    if (of_client(fault)) {
        return drawn;
    }
    struct occasion counter = { .fault = (uint32_t)fault, .entity = entity };
    struct occasion *row = occasion_row(&follow->counters, counter);
    if (row == NULL) {
        follow_short(world);
    }
    counter.number = ++row->times; /* from 1: a counter's own number is 0 */
    if (world->options.schedule != NULL) {
        drawn = follow->strikes.capacity != 0 && follow->strikes.row[place_of(&follow->strikes, counter)].used;
    }
    if (drawn && world->options.record != NULL) {
        struct entry entry = { .kind = ENTRY_STRIKE, .what = (uint8_t)fault };
        entry.number[STRIKE_ENTITY] = entity;
        entry.number[STRIKE_OCCASION] = counter.number - 1;
        record(world, &entry);
    }
    return drawn;
}

/* -- faults by the clock -- */

void follow_fault_next(struct world *world, enum sim_fault fault)
{
    const struct schedule *schedule = world->options.schedule;
    uint32_t *at = &world->follow.fault_at[fault];
    while (*at < schedule->count &&
           (schedule->entries[*at].kind != ENTRY_FAULT || schedule->entries[*at].what != fault)) {
        ++*at;
    }
    if (*at < schedule->count) {
        uint64_t when = schedule->entries[*at].number[FAULT_AT];
        world_post(world, when > world->now ? when : world->now, EVENT_FAULT)->how = (uint8_t)fault;
    }
}

const struct entry *follow_fault_take(struct world *world, enum sim_fault fault)
{
    return &world->options.schedule->entries[world->follow.fault_at[fault]++];
}

void follow_fault_note(struct world *world, enum sim_fault fault, uint32_t node, uint64_t random)
{
    if (world->options.record != NULL && fault != FAULT_BURST) {
        struct entry entry = { .kind = ENTRY_FAULT, .what = (uint8_t)fault };
        entry.number[FAULT_AT] = world->now;
        entry.number[FAULT_NODE] = node;
        entry.number[FAULT_RANDOM] = random;
        record(world, &entry);
    }
}

/* -- calls -- */

static const struct entry *call_next(struct world *world)
{
    const struct schedule *schedule = world->options.schedule;
    uint32_t *at = &world->follow.call_at;
    while (*at < schedule->count && schedule->entries[*at].kind != ENTRY_CALL) {
        ++*at;
    }
    return *at < schedule->count ? &schedule->entries[*at] : NULL;
}

void follow_call_post(struct world *world)
{
    const struct entry *next = call_next(world);
    if (next != NULL) {
        uint64_t when = next->number[CALL_AT];
        world_post(world, when > world->now ? when : world->now, EVENT_ARRIVAL);
    }
}

/* The next is posted before the calls are made, as a seed does it: ties of time then fall alike. */
void follow_arrival(struct world *world)
{
    struct follow *follow = &world->follow;
    uint32_t first = follow->call_at;
    while (call_next(world) != NULL && call_next(world)->number[CALL_AT] <= world->now) {
        follow->call_at++;
    }
    uint32_t end = follow->call_at;
    follow_call_post(world);
    for (uint32_t at = first; at < end && !world->healed; at++) {
        const struct entry *entry = &world->options.schedule->entries[at];
        if (entry->kind == ENTRY_CALL) {
            client_do(world, entry);
        }
    }
}

void follow_call_note(struct world *world, const struct entry *entry)
{
    if (world->options.record != NULL) {
        record(world, entry);
    }
}

/* -- the whole -- */

static bool follow_strikes_index(struct follow *follow, const struct schedule *schedule)
{
    for (uint32_t at = 0; at < schedule->count; at++) {
        const struct entry *entry = &schedule->entries[at];
        if (entry->kind == ENTRY_STRIKE) {
            struct occasion wanted = { .fault = entry->what, .entity = entry->number[STRIKE_ENTITY] };
            wanted.number = entry->number[STRIKE_OCCASION] + 1;
            if (occasion_row(&follow->strikes, wanted) == NULL) {
                return false;
            }
        }
    }
    return true;
}

bool follow_begin(struct world *world)
{
    const struct schedule *schedule = world->options.schedule;
    struct schedule *recorded = world->options.record;
    if (recorded != NULL) {
        schedule_free(recorded);
        recorded->seed = world->options.seed;
        recorded->steps = world->steps_target;
        recorded->mutant = world->options.mutant;
        if (!schedule_add_choices(recorded, &world->choices)) {
            return false;
        }
    }
    return schedule == NULL || follow_strikes_index(&world->follow, schedule);
}

/* When the faults ended; a run that broke before is never asked for more. */
void follow_healed(struct world *world)
{
    if (world->options.record != NULL && world->options.record->heal_ns == 0) {
        world->options.record->heal_ns = world->now;
    }
}

bool follow_over(const struct world *world)
{
    const struct schedule *schedule = world->options.schedule;
    return schedule != NULL && schedule->heal_ns != 0 && kernel_next_at(&world->kernel) > schedule->heal_ns;
}

void follow_free(struct world *world)
{
    free(world->follow.counters.row);
    free(world->follow.strikes.row);
}
