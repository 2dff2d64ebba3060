/* The list itself and its text. A line is `kind name key=number ...`; numbers that are 0 are left out. The reader
 * takes nothing on trust: a file from elsewhere may name what this build does not know, and says so by line. */
#include "sim/schedule.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/input.h"
#include "sim/choices.h"
#include "sim/number.h"
#include "sim/sim.h"

static const char *const kind_names[] = { "set", "fault", "strike", "call" };
static const char *const number_names[ENTRY_KIND_COUNT][ENTRY_NUMBERS_MAX + 1] = {
    { "value" },
    { "at", "node", "random" },
    { "entity", "occasion" },
    { "at", "request", "node", "budget", "leaves", "other", "raw", "strange", "forged", "unnamed", "invalid",
      "misleads" },
};
static const char *const call_names[] = { "execute", "submit", "await", "look", "cancel" };

void schedule_free(struct schedule *schedule)
{
    free(schedule->entries);
    *schedule = (struct schedule){ 0 };
}

bool schedule_add(struct schedule *schedule, const struct entry *entry)
{
    if (schedule->count == schedule->capacity) {
        uint32_t capacity = schedule->capacity == 0 ? 64 : schedule->capacity * 2;
        struct entry *entries = realloc(schedule->entries, capacity * sizeof(*entries));
        if (entries == NULL || schedule->count >= SCHEDULE_ENTRIES_MAX) {
            schedule->entries = entries != NULL ? entries : schedule->entries;
            return false;
        }
        schedule->entries = entries;
        schedule->capacity = capacity;
    }
    schedule->entries[schedule->count] = *entry;
    schedule->entries[schedule->count].order = schedule->count;
    schedule->count++;
    return true;
}

bool schedule_copy(const struct schedule *from, struct schedule *ret_copy)
{
    struct schedule copy = *from;
    copy.capacity = from->count + 1;
    copy.entries = malloc(copy.capacity * sizeof(*copy.entries));
    if (copy.entries == NULL) {
        return false;
    }
    if (from->count != 0) {
        memcpy(copy.entries, from->entries, from->count * sizeof(*copy.entries));
    }
    *ret_copy = copy;
    return true;
}

static bool is_timed(const struct entry *entry)
{
    return entry->kind == ENTRY_FAULT || entry->kind == ENTRY_CALL;
}

static uint64_t entry_at(const struct entry *entry)
{
    return is_timed(entry) ? entry->number[0] : 0;
}

static int entry_compare(const void *left, const void *right)
{
    const struct entry *one = left, *other = right;
    if (is_timed(one) != is_timed(other)) {
        return is_timed(one) ? 1 : -1;
    }
    uint64_t one_at = entry_at(one), other_at = entry_at(other);
    if (one_at != other_at) {
        return one_at < other_at ? -1 : 1;
    }
    return one->order < other->order ? -1 : one->order > other->order;
}

void schedule_sort(struct schedule *schedule)
{
    if (schedule->count > 1) {
        qsort(schedule->entries, schedule->count, sizeof(*schedule->entries), entry_compare);
    }
}

uint32_t entry_numbers(enum entry_kind kind)
{
    uint32_t count = 0;
    while (number_names[kind][count] != NULL) {
        count++;
    }
    return count;
}

static const char *what_name(uint32_t kind, uint32_t what)
{
    switch ((enum entry_kind)kind) {
    case ENTRY_SET:
        return world_number_name(what);
    case ENTRY_CALL:
        return what < sizeof(call_names) / sizeof(call_names[0]) ? call_names[what] : NULL;
    default:
        return what < FAULT_COUNT ? sim_fault_name((enum sim_fault)what) : NULL;
    }
}

/* -- writing -- */

bool schedule_write(const struct schedule *schedule, FILE *out)
{
    fprintf(out, "stead-schedule %d\nseed %" PRIu64 "\nsteps %" PRIu64 "\n", SCHEDULE_VERSION, schedule->seed,
            schedule->steps);
    fprintf(out, "heal %" PRIu64 "\nmutant %" PRIu32 "\n", schedule->heal_ns, schedule->mutant);
    for (uint32_t at = 0; at < schedule->count; at++) {
        const struct entry *entry = &schedule->entries[at];
        fprintf(out, "%s %s", kind_names[entry->kind], what_name(entry->kind, entry->what));
        for (uint32_t number = 0; number < entry_numbers((enum entry_kind)entry->kind); number++) {
            if (entry->number[number] != 0) {
                fprintf(out, " %s=%" PRIu64, number_names[entry->kind][number], entry->number[number]);
            }
        }
        fputc('\n', out);
    }
    return fflush(out) == 0 && !ferror(out);
}

/* -- reading -- */

static int name_find(const char *name, const char *const *names, uint32_t count)
{
    for (uint32_t at = 0; name != NULL && at < count; at++) {
        if (names[at] != NULL && strcmp(names[at], name) == 0) {
            return (int)at;
        }
    }
    return -1;
}

static bool header_take(struct schedule *schedule, const char *word, const char *value, bool *ret_good)
{
    uint64_t number = 0;
    bool mutant = strcmp(word, "mutant") == 0;
    uint64_t *place = strcmp(word, "seed") == 0    ? &schedule->seed
                      : strcmp(word, "steps") == 0 ? &schedule->steps
                      : strcmp(word, "heal") == 0  ? &schedule->heal_ns
                                                   : NULL;
    if (place == NULL && !mutant) {
        return false;
    }
    *ret_good = sim_number_read(value, &number) && (!mutant || number <= UINT32_MAX);
    if (mutant) {
        schedule->mutant = (uint32_t)number;
    } else {
        *place = number;
    }
    return true;
}

static bool what_find(struct entry *entry, const char *name)
{
    for (uint32_t what = 0; name != NULL && what_name(entry->kind, what) != NULL; what++) {
        if (strcmp(what_name(entry->kind, what), name) == 0) {
            entry->what = (uint8_t)what;
            return true;
        }
    }
    return false;
}

static const char *entry_take(struct schedule *schedule, const char *word, char **rest)
{
    int kind = name_find(word, kind_names, ENTRY_KIND_COUNT);
    if (kind < 0) {
        return "is none of set, fault, strike, call";
    }
    struct entry entry = { .kind = (uint8_t)kind };
    if (!what_find(&entry, strtok_r(NULL, " \n", rest))) {
        return "names something that this build does not know";
    }
    for (char *word_next; (word_next = strtok_r(NULL, " \n", rest)) != NULL;) {
        char *value = strchr(word_next, '=');
        if (value == NULL) {
            return "has a word without `=`";
        }
        *value = 0;
        int number = name_find(word_next, number_names[kind], entry_numbers((enum entry_kind)kind));
        if (number < 0 || !sim_number_read(value + 1, &entry.number[number])) {
            return "has an unknown key, or a value that is no number";
        }
    }
    return schedule_add(schedule, &entry) ? NULL : "does not fit into memory";
}

static const char *line_take(struct schedule *schedule, uint32_t number, char *line)
{
    char *rest, *word = strtok_r(line, " \n", &rest);
    bool good = true;
    uint64_t version;
    if (number == 1) {
        bool ours = word != NULL && strcmp(word, "stead-schedule") == 0 &&
                    sim_number_read(strtok_r(NULL, " \n", &rest), &version) && version == SCHEDULE_VERSION;
        return ours ? NULL : "is not `stead-schedule 1`: no schedule, or of another version";
    }
    if (word == NULL || word[0] == '#') {
        return NULL;
    }
    if (strcmp(word, "seed") == 0 || strcmp(word, "steps") == 0 || strcmp(word, "heal") == 0 ||
        strcmp(word, "mutant") == 0) {
        header_take(schedule, word, strtok_r(NULL, " \n", &rest), &good);
        return good ? NULL : "needs a number";
    }
    return entry_take(schedule, word, &rest);
}

/* The tables of a world are sized by its steps. */
static const char *schedule_wrong(const struct schedule *schedule)
{
    enum { STEPS_MAX = 100000000 };
    if (schedule->steps == 0 || schedule->steps > STEPS_MAX) {
        return "`steps` is missing, 0 or more than 100000000";
    }
    uint64_t requests_max = schedule->steps / 2 + REQUESTS_SPARE;
    for (uint32_t at = 0; at < schedule->count; at++) {
        if (schedule->entries[at].kind == ENTRY_CALL && schedule->entries[at].number[CALL_REQUEST] >= requests_max) {
            return "a call's request is beyond what `steps` allows (half of them and 512)";
        }
    }
    return NULL;
}

bool schedule_read(FILE *in, struct schedule *ret_schedule, char *ret_error, size_t size)
{
    struct schedule schedule = { 0 };
    char line[512];
    const char *wrong = NULL;
    uint32_t number = 0;
    while (wrong == NULL && fgets(line, sizeof(line), in) != NULL) {
        wrong = line_take(&schedule, ++number, line);
    }
    bool of_line = wrong != NULL;
    wrong = of_line       ? wrong
            : number == 0 ? "the file is empty"
            : ferror(in)  ? "reading failed"
                          : schedule_wrong(&schedule);
    if (wrong != NULL) {
        char where[24] = "";
        snprintf(where, sizeof(where), "line %" PRIu32 " ", number);
        snprintf(ret_error, size, "%s%s", of_line ? where : "", wrong);
        schedule_free(&schedule);
        return false;
    }
    schedule_sort(&schedule);
    *ret_schedule = schedule;
    return true;
}
