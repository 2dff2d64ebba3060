/* Threads take mutants from a counter; each plays seeds from 1 on until an invariant fails. A seed that the judge of
 * the world finds clean is played twice more: from outside, by its history and for its hash, and with wall clocks that
 * never jump, which must change no effect. */
#include "sim/mutants.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim/outside.h"

struct hunt {
    const struct mutants_options *options;
    struct mutants_report *report;
    pthread_mutex_t lock;
    uint32_t next, done;
    bool short_of_memory;
};

/* One seed with one bug; the violation is empty if nobody finds it. */
bool mutants_seed(const struct sim_options *options, struct sim_violation *ret_violation)
{
    struct sim_report *report = malloc(sizeof(*report));
    bool ok = report != NULL && sim_run(options, report);
    if (ok) {
        *ret_violation = report->violation;
    }
    if (ok && ret_violation->id[0] == 0 && !report->cut_short) {
        uint64_t steps;
        ok = outside_play(options, report, ret_violation, &steps);
    }
    free(report);
    return ok;
}

static bool hunt_mutant(struct hunt *hunt, struct mutant_row *row)
{
    struct sim_options options = { .steps = hunt->options->steps, .mutant = row->number };
    while (row->violation.id[0] == 0 && row->seeds < hunt->options->seeds) {
        options.seed = ++row->seeds;
        if (!mutants_seed(&options, &row->violation)) {
            return false;
        }
    }
    row->found = strcmp(row->violation.id, row->invariant) == 0;
    return true;
}

static void *hunt_work(void *argument)
{
    struct hunt *hunt = argument;
    bool ok = true;
    pthread_mutex_lock(&hunt->lock);
    while (ok && hunt->next < hunt->report->count) {
        struct mutant_row *row = &hunt->report->row[hunt->next++];
        pthread_mutex_unlock(&hunt->lock);
        ok = hunt_mutant(hunt, row);
        pthread_mutex_lock(&hunt->lock);
        hunt->report->found += row->found;
        hunt->done++;
        if (hunt->options->progress != NULL) {
            hunt->options->progress(hunt->options->owner, hunt->done, hunt->report->count);
        }
    }
    hunt->short_of_memory = hunt->short_of_memory || !ok;
    pthread_mutex_unlock(&hunt->lock);
    return NULL;
}

bool mutants_run(const struct mutants_options *options, struct mutants_report *ret_report)
{
    static const struct mutant_row rows[] = {
#define X(number_, name_, invariant_, what_)                                                                           \
    { .number = (number_), .name = #name_, .invariant = (invariant_), .what = (what_) },
        MUTANTS(X)
#undef X
    };
    pthread_t threads[MUTANTS_JOBS_MAX];
    uint32_t jobs = options->jobs < MUTANTS_JOBS_MAX ? options->jobs : MUTANTS_JOBS_MAX, started = 0;
    _Static_assert(sizeof(rows) / sizeof(rows[0]) <= MUTANTS_MAX, "each has a row in the report");
    memset(ret_report, 0, sizeof(*ret_report));
    memcpy(ret_report->row, rows, sizeof(rows));
    ret_report->count = sizeof(rows) / sizeof(rows[0]);
    struct hunt hunt = { .options = options, .report = ret_report };
    pthread_mutex_init(&hunt.lock, NULL);
    while (started < jobs && pthread_create(&threads[started], NULL, hunt_work, &hunt) == 0) {
        started++;
    }
    for (uint32_t at = 0; at < started; at++) {
        pthread_join(threads[at], NULL);
    }
    pthread_mutex_destroy(&hunt.lock);
    return started > 0 && !hunt.short_of_memory;
}
