/* Threads take bugs from a counter, as in mutants.c. Only seeds that found a bug are played again. */
#include "sim/matrix.h"

#include <pthread.h>
#include <string.h>

enum { FINDS_ENOUGH = 4 };

struct rounds {
    const struct mutants_options *options;
    struct matrix_report *report;
    pthread_mutex_t lock;
    uint32_t next, done;
    bool short_of_memory;
};

static void tally(struct matrix_tally *list, uint32_t *count, const char *id)
{
    uint32_t at = 0;
    while (at < *count && strcmp(list[at].id, id) != 0) {
        at++;
    }
    if (at < MATRIX_CHECKS_MAX) {
        *count += at == *count;
        memcpy(list[at].id, id, sizeof(list[at].id));
        list[at].seeds++;
    }
}

static bool row_play(const struct rounds *rounds, struct matrix_row *row)
{
    struct sim_options options = { .steps = rounds->options->steps, .mutant = row->number };
    uint32_t finds = 0;
    while (finds < FINDS_ENOUGH && row->played < rounds->options->seeds) {
        struct sim_violation all = { .step = 0 }, rest = { .step = 0 };
        options.seed = ++row->played;
        options.without = NULL;
        if (!mutants_seed(&options, &all)) {
            return false;
        }
        if (all.id[0] == 0) {
            continue;
        }
        finds++;
        tally(row->first, &row->first_count, all.id);
        options.without = row->invariant;
        if (!mutants_seed(&options, &rest)) {
            return false;
        }
        if (rest.id[0] != 0) {
            tally(row->without, &row->without_count, rest.id);
        }
    }
    return true;
}

static void *rounds_work(void *argument)
{
    struct rounds *rounds = argument;
    bool ok = true;
    pthread_mutex_lock(&rounds->lock);
    while (ok && rounds->next < rounds->report->count) {
        struct matrix_row *row = &rounds->report->row[rounds->next++];
        pthread_mutex_unlock(&rounds->lock);
        ok = row_play(rounds, row);
        pthread_mutex_lock(&rounds->lock);
        rounds->done++;
        if (rounds->options->progress != NULL) {
            rounds->options->progress(rounds->options->owner, rounds->done, rounds->report->count);
        }
    }
    rounds->short_of_memory = rounds->short_of_memory || !ok;
    pthread_mutex_unlock(&rounds->lock);
    return NULL;
}

bool matrix_is_own(const struct matrix_row *row)
{
    return row->first_count == 1 && strcmp(row->first[0].id, row->invariant) == 0 && row->without_count == 0;
}

/* All of the table, or those of one check. */
static void rows_take(const char *check, struct matrix_report *report)
{
    static const struct matrix_row rows[] = {
#define X(number_, name_, invariant_, what_) { .number = (number_), .invariant = (invariant_), .what = (what_) },
        MUTANTS(X)
#undef X
    };
    _Static_assert(sizeof(rows) / sizeof(rows[0]) <= MUTANTS_MAX, "each has a row in the report");
    for (uint32_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++) {
        if (check == NULL || strcmp(rows[at].invariant, check) == 0) {
            report->row[report->count++] = rows[at];
        }
    }
}

bool matrix_run(const struct mutants_options *options, struct matrix_report *ret_report)
{
    pthread_t threads[MUTANTS_JOBS_MAX];
    uint32_t jobs = options->jobs < MUTANTS_JOBS_MAX ? options->jobs : MUTANTS_JOBS_MAX, started = 0;
    memset(ret_report, 0, sizeof(*ret_report));
    rows_take(options->check, ret_report);
    struct rounds rounds = { .options = options, .report = ret_report };
    pthread_mutex_init(&rounds.lock, NULL);
    while (started < jobs && pthread_create(&threads[started], NULL, rounds_work, &rounds) == 0) {
        started++;
    }
    for (uint32_t at = 0; at < started; at++) {
        pthread_join(threads[at], NULL);
    }
    pthread_mutex_destroy(&rounds.lock);
    return started > 0 && !rounds.short_of_memory;
}
