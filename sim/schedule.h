/* A schedule: what a seed decided, as a list that can be kept, read, changed and played again.
 *
 * Four kinds of entries. `set` is a number of the world that is not the usual one; `fault` strikes by the clock;
 * `strike` says that the n-th occasion for a fault at an entity is taken; `call` is what one client does. What is left
 * out does not happen. Everything else (latencies, durations) is drawn from `seed` by address, so that an entry less
 * shifts no draw of the others. The text form is one entry a line; docs/internals/simulator.md describes it.
 *
 * Ownership: a schedule owns its entries; schedule_free() frees them. Not thread-safe; reading one from many threads
 * is. */
#ifndef STEAD_SIM_SCHEDULE_H
#define STEAD_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SCHEDULE_VERSION = 1, ENTRY_NUMBERS_MAX = 12, SCHEDULE_ENTRIES_MAX = 10000000 };

enum entry_kind { ENTRY_SET, ENTRY_FAULT, ENTRY_STRIKE, ENTRY_CALL, ENTRY_KIND_COUNT };

/* Numbers by kind. Times are nanoseconds since the world began. */
enum { SET_VALUE };
enum { FAULT_AT, FAULT_NODE, FAULT_RANDOM };
enum { STRIKE_ENTITY, STRIKE_OCCASION };
enum {
    CALL_AT,
    CALL_REQUEST,
    CALL_NODE,
    CALL_BUDGET_NS,
    CALL_LEAVES_NS, /* the client goes away so long after, plus one; 0: it does not */
    CALL_OTHER,     /* with another input than the first of that id */
    CALL_RAW,       /* published to the stream past our doors */
    CALL_STRANGE,   /* a function that nobody deployed */
    CALL_FORGED,    /* instances are told of a cancel that is none */
    CALL_UNNAMED,   /* raw: without a message id */
    CALL_INVALID,   /* raw: 1 no event, 2 too large */
    CALL_MISLEADS,  /* raw: names a subject for the answer that is no gateway's; by schedules only */
};

struct entry {
    uint8_t kind;   /* enum entry_kind */
    uint8_t what;   /* number of the world, enum sim_fault, or enum call_kind */
    uint32_t order; /* of making: breaks ties of time */
    uint64_t number[ENTRY_NUMBERS_MAX];
};

struct schedule {
    uint64_t seed, steps;
    uint64_t heal_ns; /* the faults are over then, if not before; 0: only by `steps` */
    uint32_t mutant;
    struct entry *entries;
    uint32_t count, capacity;
};

struct choices;

void schedule_free(struct schedule *schedule);
/* False if memory ran out. */
bool schedule_add(struct schedule *schedule, const struct entry *entry);
bool schedule_copy(const struct schedule *from, struct schedule *ret_copy);
/* Faults and calls by time, ties by the order of making; what is not timed comes first. */
void schedule_sort(struct schedule *schedule);

/* How many numbers a kind has, and their names in text. */
uint32_t entry_numbers(enum entry_kind kind);

bool schedule_write(const struct schedule *schedule, FILE *out);
/* False and a line that says what is wrong where; *ret_schedule is then untouched. */
bool schedule_read(FILE *in, struct schedule *ret_schedule, char *ret_error, size_t size);

/* -- schedule_world.c: numbers of the world -- */
uint32_t world_numbers(void);
const char *world_number_name(uint32_t number); /* NULL if there is none */
uint64_t world_number_low(uint32_t number);     /* the least that it can be */
/* Adds a `set` for each number that is not the usual one. */
bool schedule_add_choices(struct schedule *schedule, const struct choices *choices);
/* The usual world with what the schedule sets; numbers that do not go together are brought to the nearest that do. */
void schedule_choices(const struct schedule *schedule, struct choices *ret_choices);

#endif
