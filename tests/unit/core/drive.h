/* A random drive of one puppet: facts of every kind, in any order, true and false ones, late and repeated ones.
 *
 * Every choice is an addressed draw of (seed, step), so a failure is found again by its seed. What the drive holds
 * back is only what no adapter can do: calls and deliveries without a payload, and messages that nobody asked for
 * beyond the tables. It notes which edges of each machine were taken between two steps. One thread only. */
#ifndef STEAD_TESTS_UNIT_CORE_DRIVE_H
#define STEAD_TESTS_UNIT_CORE_DRIVE_H

#include "tests/unit/core/puppet.h"

enum { DRIVE_NOTES = 64, DRIVE_STATES = 16, DRIVE_ROWS = 64 };

struct drive {
    struct puppet *puppet;
    uint64_t seed, step;
    struct effect asked[DRIVE_NOTES]; /* effects that carry an operation or name a worker, newest over oldest */
    struct handle calls[DRIVE_NOTES];
    uint32_t asked_count, calls_count;
    uint8_t states[TABLE_COUNT][DRIVE_ROWS]; /* as they were before the step */
    uint16_t generations[TABLE_COUNT][DRIVE_ROWS];
    uint64_t (*edges)[DRIVE_STATES][DRIVE_STATES]; /* [table][from][to], owned by the test; NULL: not wanted */
};

void drive_init(struct drive *drive, uint64_t seed);
void drive_free(struct drive *drive);
void drive_step(struct drive *drive);
/* The faults end: the link comes up, and whatever is asked from now on is done. Fails if anything is left in hand. */
void drive_heal(struct drive *drive);

/* -- dice.c ------------------------------------------------------------------------------------------------------ */

/* In [0, sides); the same for the same (seed, step, purpose). */
uint32_t drive_die(const struct drive *drive, uint64_t purpose, uint32_t sides);
struct input drive_fact(struct drive *drive);
struct input drive_completion(struct drive *drive, const struct effect *effect, enum outcome outcome);

#endif
