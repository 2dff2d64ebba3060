/* Which check finds which planted bug. Each bug is played with all checks until it was found a few times, and the same
 * seeds again without the check that the table names for it: a bug that nothing finds then is that check's own, and a
 * check that has one can't be left out. Only in builds with STEAD_MUTANTS. */
#ifndef STEAD_SIM_MATRIX_H
#define STEAD_SIM_MATRIX_H

#include "sim/mutants.h"

enum { MATRIX_CHECKS_MAX = 12 };

struct matrix_tally {
    char id[8]; /* of a check */
    uint32_t seeds;
};

struct matrix_row {
    uint32_t number;
    const char *invariant, *what;
    uint64_t played;                                /* seeds, until it was found often enough */
    struct matrix_tally first[MATRIX_CHECKS_MAX];   /* which check was the first to find it; by seeds */
    struct matrix_tally without[MATRIX_CHECKS_MAX]; /* which one finds it without the check of the table */
    uint32_t first_count, without_count;
};

struct matrix_report {
    struct matrix_row row[MUTANTS_MAX];
    uint32_t count;
};

/* Nothing but the check that the table names ever finds it. */
bool matrix_is_own(const struct matrix_row *row);
/* Like mutants_run(). */
bool matrix_run(const struct mutants_options *options, struct matrix_report *ret_report);

#endif
