/* Delta debugging in rounds, each from coarse to fine: first whole kinds of faults and all settings of the world, then
 * runs of neighbouring entries, half of what is left down to one, then the numbers. A round that gained nothing ends
 * it. Coarse steps come first because the first runs are the dearest: 20,000 steps each, some dozens at the end. */
#include "sim/shrink.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_LIST = 40 }; /* what is tried on all pairs of entries is tried on lists up to this */

struct shrinker {
    struct schedule *best;
    const struct shrink_options *options;
    struct shrink_report *report;
    uint64_t runs_max;
    char id[sizeof(((struct sim_violation *)NULL)->id)];
    bool short_of_memory;
};

static bool over(const struct shrinker *shrinker)
{
    return shrinker->short_of_memory || shrinker->report->runs >= shrinker->runs_max;
}

/* Whether that schedule fails as the first one did. */
static bool fails(struct shrinker *shrinker, struct schedule *schedule)
{
    struct sim_options options = { .schedule = schedule, .fork = shrinker->options->fork };
    struct sim_report run;
    schedule_sort(schedule);
    shrinker->report->runs++;
    if (!sim_run(&options, &run)) {
        shrinker->short_of_memory = true;
        return false;
    }
    if (shrinker->options->progress != NULL) {
        shrinker->options->progress(shrinker->options->owner, shrinker->report->runs, shrinker->best->count);
    }
    if (strcmp(run.violation.id, shrinker->id) != 0) {
        return false;
    }
    shrinker->report->violation = run.violation;
    return true;
}

/* Takes the smaller one if it still fails, else frees it. */
static bool offer(struct shrinker *shrinker, struct schedule *smaller)
{
    if (over(shrinker) || !fails(shrinker, smaller)) {
        schedule_free(smaller);
        return false;
    }
    schedule_free(shrinker->best);
    *shrinker->best = *smaller;
    return true;
}

/* -- leaving entries out -- */

typedef bool (*matches)(const struct entry *entry, uint32_t place, const uint32_t *what);

static bool try_without(struct shrinker *shrinker, matches leaves, const uint32_t *what)
{
    struct schedule smaller;
    if (over(shrinker)) {
        return false;
    }
    if (!schedule_copy(shrinker->best, &smaller)) {
        shrinker->short_of_memory = true;
        return false;
    }
    uint32_t kept = 0;
    for (uint32_t at = 0; at < smaller.count; at++) {
        if (!leaves(&smaller.entries[at], at, what)) {
            smaller.entries[kept++] = smaller.entries[at];
        }
    }
    bool some = kept < smaller.count;
    smaller.count = kept;
    if (!some) {
        schedule_free(&smaller);
        return false;
    }
    return offer(shrinker, &smaller);
}

static bool is_kind(const struct entry *entry, uint32_t place, const uint32_t *what)
{
    (void)place;
    return entry->kind == what[0];
}

static bool is_fault(const struct entry *entry, uint32_t place, const uint32_t *what)
{
    (void)place;
    return (entry->kind == ENTRY_FAULT || entry->kind == ENTRY_STRIKE) && entry->what == what[0];
}

static bool is_between(const struct entry *entry, uint32_t place, const uint32_t *what)
{
    (void)entry;
    return place >= what[0] && place < what[1];
}

static bool drop_kinds(struct shrinker *shrinker)
{
    bool some = false;
    for (uint32_t kind = 0; kind < ENTRY_KIND_COUNT; kind++) {
        some = try_without(shrinker, is_kind, &kind) || some;
    }
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        some = try_without(shrinker, is_fault, &fault) || some;
    }
    return some;
}

/* From the end: what comes late is needed least. */
static bool drop_chunks(struct shrinker *shrinker)
{
    bool some = false;
    for (uint32_t size = (shrinker->best->count + 1) / 2; size > 0; size = size == 1 ? 0 : (size + 1) / 2) {
        uint32_t end = shrinker->best->count;
        while (end > 0 && !over(shrinker)) {
            uint32_t between[] = { end > size ? end - size : 0, end };
            some = try_without(shrinker, is_between, between) || some;
            end = between[0];
        }
    }
    return some;
}

static void take_out(struct schedule *schedule, uint32_t place)
{
    schedule->count--;
    memmove(&schedule->entries[place], &schedule->entries[place + 1],
            (schedule->count - place) * sizeof(*schedule->entries));
}

/* Leaves one entry out and lets a fault strike at another moment: what was left out made the others later. */
static bool drop_and_move(struct shrinker *shrinker, uint32_t left_out, uint32_t moved)
{
    enum { MOMENTS = 32 };
    for (uint32_t moment = 0; moment < MOMENTS; moment++) {
        struct schedule smaller;
        if (over(shrinker) || !schedule_copy(shrinker->best, &smaller)) {
            return false;
        }
        uint64_t *at = &smaller.entries[moved].number[FAULT_AT];
        *at = *at / MOMENTS * moment;
        take_out(&smaller, left_out);
        if (offer(shrinker, &smaller)) {
            return true;
        }
    }
    return false;
}

static bool drop_and_move_any(struct shrinker *shrinker)
{
    for (uint32_t moved = 0; moved < shrinker->best->count && shrinker->best->count <= SHORT_LIST; moved++) {
        for (uint32_t left_out = 0; left_out < shrinker->best->count; left_out++) {
            if (left_out != moved && shrinker->best->entries[moved].kind == ENTRY_FAULT &&
                drop_and_move(shrinker, left_out, moved)) {
                return true;
            }
        }
    }
    return false;
}

/* Some entries are needed only by each other: a fault and what it strikes. Quadratic, for short lists. */
static bool drop_pairs(struct shrinker *shrinker)
{
    for (uint32_t one = 0; one < shrinker->best->count && shrinker->best->count <= SHORT_LIST; one++) {
        for (uint32_t other = one + 1; other < shrinker->best->count; other++) {
            struct schedule smaller;
            if (over(shrinker) || !schedule_copy(shrinker->best, &smaller)) {
                return false;
            }
            take_out(&smaller, other);
            take_out(&smaller, one);
            if (offer(shrinker, &smaller)) {
                return true;
            }
        }
    }
    return false;
}

/* -- making numbers small -- */

static bool try_number(struct shrinker *shrinker, uint32_t place, uint32_t number, uint64_t value)
{
    struct schedule smaller;
    if (over(shrinker) || !schedule_copy(shrinker->best, &smaller)) {
        return false;
    }
    if (place < smaller.count) {
        smaller.entries[place].number[number] = value;
    } else {
        smaller.heal_ns = value;
    }
    return offer(shrinker, &smaller);
}

static uint64_t number_of(const struct shrinker *shrinker, uint32_t place, uint32_t number)
{
    const struct schedule *best = shrinker->best;
    return place < best->count ? best->entries[place].number[number] : best->heal_ns;
}

static uint64_t number_low(const struct shrinker *shrinker, uint32_t place)
{
    const struct schedule *best = shrinker->best;
    if (place >= best->count) {
        return 1; /* a heal at 0 would be none */
    }
    return best->entries[place].kind == ENTRY_SET ? world_number_low(best->entries[place].what) : 0;
}

/* The least if that will do, else half as long as half will do. */
static bool lower(struct shrinker *shrinker, uint32_t place, uint32_t number)
{
    uint64_t value = number_of(shrinker, place, number);
    uint64_t low = number_low(shrinker, place);
    bool timed = place < shrinker->best->count && number == 0, some = false;
    if (value <= low) {
        return false;
    }
    if (try_number(shrinker, place, number, low)) {
        return true;
    }
    while (value / 2 > low && try_number(shrinker, place, number, value / 2)) {
        some = true;
        /* Earlier in time may be another place in the list: the next round goes on with it. */
        if (timed) {
            return true;
        }
        value /= 2;
    }
    return some;
}

/* All that happens from that place on, earlier: what lies between two entries may be needed, but not how much. */
static bool try_earlier(struct shrinker *shrinker, uint32_t place, uint64_t by)
{
    struct schedule smaller;
    if (over(shrinker) || !schedule_copy(shrinker->best, &smaller)) {
        return false;
    }
    for (uint32_t at = place; at < smaller.count; at++) {
        smaller.entries[at].number[0] -= by;
    }
    smaller.heal_ns -= smaller.heal_ns > by ? by : 0;
    return offer(shrinker, &smaller);
}

static bool is_timed(const struct entry *entry)
{
    return entry->kind == ENTRY_FAULT || entry->kind == ENTRY_CALL;
}

/* Timed entries are the end of a sorted list. */
static bool close_gaps(struct shrinker *shrinker)
{
    enum { GAP_MIN_NS = 1000000 };
    bool some = false;
    for (uint32_t place = 0; place < shrinker->best->count && !over(shrinker); place++) {
        const struct entry *entries = shrinker->best->entries;
        if (!is_timed(&entries[place])) {
            continue;
        }
        uint64_t before = place > 0 && is_timed(&entries[place - 1]) ? entries[place - 1].number[0] : 0;
        uint64_t gap = entries[place].number[0] - before;
        for (uint64_t by = gap; by >= GAP_MIN_NS; by /= 2) {
            if (by <= gap && try_earlier(shrinker, place, by)) {
                some = true;
                gap -= by;
            }
        }
    }
    return some;
}

static bool lower_numbers(struct shrinker *shrinker)
{
    bool some = lower(shrinker, shrinker->best->count, 0);
    some = close_gaps(shrinker) || some;
    for (uint32_t place = 0; place < shrinker->best->count && !over(shrinker); place++) {
        uint32_t count = entry_numbers((enum entry_kind)shrinker->best->entries[place].kind);
        for (uint32_t number = count; number > 0; number--) {
            some = lower(shrinker, place, number - 1) || some;
        }
    }
    return some;
}

/* -- the whole -- */

/* Calls by number, strikes by address: renumbering would change what is drawn about them, so they stay. */
static void rounds(struct shrinker *shrinker)
{
    bool some = true;
    while (some && !over(shrinker)) {
        some = drop_kinds(shrinker);
        some = drop_chunks(shrinker) || some;
        some = some || drop_pairs(shrinker) || drop_and_move_any(shrinker);
        some = lower_numbers(shrinker) || some;
    }
}

enum shrink_result shrink(struct schedule *schedule, const struct shrink_options *options,
                          struct shrink_report *ret_report)
{
    memset(ret_report, 0, sizeof(*ret_report));
    struct shrinker shrinker = { .best = schedule, .options = options, .report = ret_report };
    shrinker.runs_max = options->runs_max != 0 ? options->runs_max : SHRINK_RUNS_DEFAULT;
    struct sim_options first = { .schedule = schedule, .fork = options->fork };
    struct sim_report run;
    schedule_sort(schedule);
    ret_report->entries_before = ret_report->entries_after = schedule->count;
    ret_report->runs = 1;
    if (!sim_run(&first, &run)) {
        return SHRINK_NO_MEMORY;
    }
    if (run.violation.id[0] == 0) {
        return SHRINK_CLEAN;
    }
    memcpy(shrinker.id, run.violation.id, sizeof(shrinker.id));
    ret_report->violation = run.violation;
    rounds(&shrinker);
    ret_report->entries_after = schedule->count;
    ret_report->minimal = !over(&shrinker);
    return shrinker.short_of_memory ? SHRINK_NO_MEMORY : SHRINK_DONE;
}
