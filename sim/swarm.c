/* The calling thread only waits and reports; `jobs` threads run seeds. One mutex guards the counter and the sums:
 * it is taken twice a seed, which lasts milliseconds. */
#include "sim/swarm.h"

#include "sim/outside.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROGRESS_NS = 200000000, KEPT_BYTES_MAX = 256 << 20, MMAP_BYTES_MIN = 32 << 20 };

struct swarm {
    const struct swarm_options *options;
    struct swarm_report report;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint64_t next;
    uint32_t working;
    bool over, short_of_memory;
};

static void add(uint64_t *sums, const uint64_t *values, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        sums[at] += values[at];
    }
}

/* Keeps the failures of the lowest seeds, in order. */
static void note_failure(struct swarm_report *report, const struct sim_report *run)
{
    report->failures++;
    uint32_t place = report->failures_listed;
    if (place == SWARM_FAILURES_MAX) {
        if (report->failure[place - 1].seed < run->seed) {
            return;
        }
        place--;
    } else {
        report->failures_listed++;
    }
    while (place > 0 && report->failure[place - 1].seed > run->seed) {
        report->failure[place] = report->failure[place - 1];
        place--;
    }
    report->failure[place] = (struct swarm_failure){ run->seed, run->violation };
}

static void swarm_add(struct swarm_report *report, const struct sim_report *run)
{
    report->seeds++;
    report->steps += run->steps;
    report->events += run->events;
    report->simulated_ns += run->simulated_ns;
    report->executions += run->executions;
    report->accepted += run->accepted;
    report->redeliveries += run->redeliveries;
    report->turns += run->turns;
    report->resurrected += run->resurrected;
    report->refused_results += run->refused_results;
    report->hash += run->hash;
    add(report->faults, run->faults, FAULT_COUNT);
    add(report->effects, run->effects, EFFECT_COUNT);
    add(report->inputs, run->inputs, INPUT_COUNT);
    add(report->seen, run->seen, SEEN_COUNT);
    edges_merge(&report->edges, &run->edges);
    add(report->ends, run->ends, END_COUNT);
    add(report->replies, run->replies, REASON_COUNT);
    if (run->violation.id[0] != 0) {
        note_failure(report, run);
    } else {
        report->clean++;
    }
}

static bool swarm_take(struct swarm *swarm, uint64_t *ret_seed)
{
    pthread_mutex_lock(&swarm->lock);
    bool more = !swarm->over && swarm->next <= swarm->options->last;
    *ret_seed = swarm->next;
    swarm->next += more;
    swarm->over = swarm->over || *ret_seed == UINT64_MAX; /* the counter would begin again */
    pthread_mutex_unlock(&swarm->lock);
    return more;
}

static uint64_t thread_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
}

/* Every twentieth seed is played twice more: with the same hash (S20) and its history judged from outside, and with
 * wall clocks that never jump, which must change no effect (S15). */
static bool swarm_play(const struct sim_options *options, struct sim_report *run, uint64_t *ret_spent_ns,
                       uint64_t *ret_steps_again)
{
    enum { AGAIN_EVERY = 20 };
    uint64_t begun_ns = thread_ns();
    if (!sim_run(options, run)) {
        return false;
    }
    *ret_spent_ns = thread_ns() - begun_ns;
    *ret_steps_again = 0;
    if (options->seed % AGAIN_EVERY != 0 || run->violation.id[0] != 0) {
        return true;
    }
    return outside_play(options, run, &run->violation, ret_steps_again);
}

static void note_time(struct swarm_report *report, uint64_t seed, uint64_t spent_ns)
{
    if (spent_ns > report->slowest_ns) {
        report->slowest_ns = spent_ns;
        report->slowest_seed = seed;
    }
}

static void *swarm_work(void *argument)
{
    struct swarm *swarm = argument;
    struct sim_report *run = malloc(sizeof(*run));
    uint64_t seed;
    bool ok = run != NULL;
    while (ok && swarm_take(swarm, &seed)) {
        struct sim_options options = { .seed = seed, .steps = swarm->options->steps, .mutant = swarm->options->mutant };
        uint64_t spent_ns, steps_again;
        ok = swarm_play(&options, run, &spent_ns, &steps_again);
        pthread_mutex_lock(&swarm->lock);
        if (ok) {
            swarm_add(&swarm->report, run);
            swarm->report.steps_again += steps_again;
            swarm->report.replayed += steps_again != 0;
            note_time(&swarm->report, seed, spent_ns);
            swarm->over = swarm->over || (swarm->options->stop_at_failure && swarm->report.failures > 0);
        }
        pthread_mutex_unlock(&swarm->lock);
    }
    pthread_mutex_lock(&swarm->lock);
    swarm->short_of_memory = swarm->short_of_memory || !ok;
    swarm->over = swarm->over || !ok;
    swarm->working--;
    pthread_cond_signal(&swarm->ended);
    pthread_mutex_unlock(&swarm->lock);
    free(run);
    return NULL;
}

static void swarm_wait(struct swarm *swarm)
{
    pthread_mutex_lock(&swarm->lock);
    while (swarm->working > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&swarm->ended, &swarm->lock, &until);
        if (swarm->options->progress != NULL) {
            swarm->options->progress(swarm->options->owner, &swarm->report);
        }
    }
    pthread_mutex_unlock(&swarm->lock);
}

/* A world takes some MiB and gives them back after some milliseconds. To give them to the system each time, page by
 * page, was an eighth of a swarm's time. */
static void memory_kept(void)
{
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES_MIN);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
}

bool swarm_run(const struct swarm_options *options, struct swarm_report *ret_report)
{
    memory_kept();
    pthread_t threads[SWARM_JOBS_MAX];
    uint32_t jobs = options->jobs == 0 ? 1 : options->jobs < SWARM_JOBS_MAX ? options->jobs : SWARM_JOBS_MAX;
    struct swarm swarm = { .options = options, .next = options->first };
    pthread_mutex_init(&swarm.lock, NULL);
    pthread_cond_init(&swarm.ended, NULL);
    uint32_t started = 0;
    pthread_mutex_lock(&swarm.lock);
    while (started < jobs && pthread_create(&threads[started], NULL, swarm_work, &swarm) == 0) {
        started++;
    }
    swarm.working = started;
    pthread_mutex_unlock(&swarm.lock);
    swarm_wait(&swarm);
    for (uint32_t at = 0; at < started; at++) {
        pthread_join(threads[at], NULL);
    }
    pthread_cond_destroy(&swarm.ended);
    pthread_mutex_destroy(&swarm.lock);
    *ret_report = swarm.report;
    return started > 0 && !swarm.short_of_memory;
}
