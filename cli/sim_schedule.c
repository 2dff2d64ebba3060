/* stead sim shrink: a failing run, of a seed or a schedule, becomes the smallest schedule that still fails alike. It
 * is written beside its trace, and the last line is the command that plays it again. */
#include "cli/sim_schedule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/shrink.h"

#ifdef STEAD_MUTANTS
static const char program[] = "stead-mutants";
#else
static const char program[] = "stead sim";
#endif

struct shrink_arguments {
    const char *schedule, *out;
    uint64_t seed, steps, mutant, runs;
    bool seed_given, steps_given;
};

static const char usage[] = "usage: stead sim shrink --seed N [--steps N] | --schedule FILE   [--out FILE] [--runs N]\n"
#ifdef STEAD_MUTANTS
                            "                        [--mutant N]\n"
#endif
                            "\n"
                            "  --seed N         the failing run\n"
                            "  --steps N        core steps after which its faults end (20000)\n"
                            "  --schedule FILE  the failing run, as a schedule\n"
                            "  --out FILE       the small schedule (shrunk.schedule); its trace is FILE.trace\n"
                            "  --runs N         stop after so many runs (20000)\n"
                            "\n"
                            "exit status: 0 nothing fails, 1 a crash was made small, 3 a liveness failure, 4 a safety\n"
                            "failure, 5 a determinism failure, 2 usage\n";

int sim_exit_of(const struct sim_violation *violation)
{
    if (violation->id[0] == 0) {
        return SIM_EXIT_CLEAN;
    }
    if (strcmp(violation->id, "A0") == 0) {
        return SIM_EXIT_CRASH;
    }
    if (strcmp(violation->id, "S20") == 0) {
        return SIM_EXIT_DETERMINISM;
    }
    return violation->id[0] == 'L' ? SIM_EXIT_LIVENESS : SIM_EXIT_SAFETY;
}

/* -- files -- */

bool sim_schedule_load(const char *path, struct schedule *ret_schedule)
{
    char wrong[128];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "stead sim: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = schedule_read(file, ret_schedule, wrong, sizeof(wrong));
    (void)fclose(file);
    if (!good) {
        fprintf(stderr, "stead sim: %s: %s\n", path, wrong);
        return false;
    }
#ifndef STEAD_MUTANTS
    if (ret_schedule->mutant != 0) {
        fprintf(stderr, "stead sim: %s is of planted bug %" PRIu32 ": play it with stead-mutants\n", path,
                ret_schedule->mutant);
        schedule_free(ret_schedule);
        return false;
    }
#endif
    return true;
}

bool sim_schedule_save(const char *path, const struct schedule *schedule)
{
    FILE *file = fopen(path, "we");
    bool good = file != NULL && schedule_write(schedule, file);
    good = (file == NULL || fclose(file) == 0) && good;
    if (!good) {
        fprintf(stderr, "stead sim: cannot write %s: %s\n", path, strerror(errno));
    }
    return good;
}

static bool trace_save(const char *path, const struct schedule *schedule)
{
    char name[4096];
    struct sim_report report;
    int length = snprintf(name, sizeof(name), "%s.trace", path);
    FILE *file = length > 0 && length < (int)sizeof(name) ? fopen(name, "we") : NULL;
    struct sim_options options = { .schedule = schedule, .story = file };
    bool good = file != NULL && sim_run(&options, &report) && !ferror(file);
    good = (file == NULL || fclose(file) == 0) && good;
    if (!good) {
        fprintf(stderr, "stead sim: cannot write %s.trace: %s\n", path, strerror(errno));
    }
    return good;
}

/* -- arguments -- */

static bool option_read(struct shrink_arguments *arguments, const char *name, const char *value)
{
    enum { STEPS_MAX = 100000000 };
    if (strcmp(name, "--seed") == 0) {
        arguments->seed_given = true;
        return sim_number_read(value, &arguments->seed);
    }
    if (strcmp(name, "--steps") == 0) {
        arguments->steps_given = true;
        return sim_number_read(value, &arguments->steps) && arguments->steps > 0 && arguments->steps <= STEPS_MAX;
    }
    if (strcmp(name, "--runs") == 0) {
        return sim_number_read(value, &arguments->runs) && arguments->runs > 0;
    }
#ifdef STEAD_MUTANTS
    if (strcmp(name, "--mutant") == 0) {
        return sim_number_read(value, &arguments->mutant) && arguments->mutant <= UINT32_MAX;
    }
#endif
    const char **path = strcmp(name, "--schedule") == 0 ? &arguments->schedule
                        : strcmp(name, "--out") == 0    ? &arguments->out
                                                        : NULL;
    if (path == NULL || value == NULL || value[0] == 0) {
        return false;
    }
    *path = value;
    return true;
}

static bool arguments_read(int argc, char **argv, struct shrink_arguments *arguments)
{
    for (int at = 1; at < argc; at += 2) {
        if (!option_read(arguments, argv[at], argv[at + 1])) {
            fprintf(stderr, "stead sim shrink: %s: unknown, or its value is missing or wrong\n", argv[at]);
            return false;
        }
    }
    if (arguments->seed_given == (arguments->schedule != NULL)) {
        fputs("stead sim shrink: either --seed N or --schedule FILE is needed\n", stderr);
        return false;
    }
    if (arguments->schedule != NULL && (arguments->steps_given || arguments->mutant != 0)) {
        fputs("stead sim shrink: a schedule says itself how many steps it has and which planted bug\n", stderr);
        return false;
    }
    return true;
}

/* -- the command -- */

static void progress(void *owner, uint64_t runs, uint32_t entries)
{
    (void)owner;
    fprintf(stderr, "\r%" PRIu64 " runs, %u entries left      ", runs, entries);
}

static void result_print(const struct shrink_arguments *arguments, const struct schedule *schedule,
                         const struct shrink_report *report, double seconds)
{
    const struct sim_violation *violation = &report->violation;
    (void)schedule_write(schedule, stdout);
    printf("FAIL %s seed=%" PRIu64 " step=%" PRIu64 " t=%.3fs : %s | reproduce: %s run --schedule %s\n", violation->id,
           schedule->seed, violation->step, (double)violation->at_ns / 1e9, violation->why, program, arguments->out);
    printf("%u entries of %u are left after %" PRIu64 " runs in %.1f s%s; the trace is %s.trace\n",
           report->entries_after, report->entries_before, report->runs, seconds,
           report->minimal ? "" : ", which were all that were allowed", arguments->out);
}

static int shrink_and_save(const struct shrink_arguments *arguments, struct schedule *schedule)
{
    struct timespec begun, ended;
    struct shrink_report report;
    bool tty = isatty(STDERR_FILENO) == 1;
    struct shrink_options options = { .runs_max = arguments->runs, .progress = tty ? progress : NULL };
    clock_gettime(CLOCK_MONOTONIC, &begun);
    enum shrink_result result = shrink(schedule, &options, &report);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    fputs(tty ? "\n" : "", stderr);
    if (result == SHRINK_NO_MEMORY) {
        fputs("stead sim: out of memory\n", stderr);
        return SIM_EXIT_NO_MEMORY;
    }
    if (result == SHRINK_CLEAN) {
        puts("ok: that run breaks no invariant, there is nothing to make small");
        return SIM_EXIT_CLEAN;
    }
    if (!sim_schedule_save(arguments->out, schedule) || !trace_save(arguments->out, schedule)) {
        return SIM_EXIT_NO_OUTPUT;
    }
    double seconds = (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;
    result_print(arguments, schedule, &report, seconds);
    return sim_exit_of(&report.violation);
}

static bool seed_record(const struct shrink_arguments *arguments, struct schedule *ret_schedule)
{
    struct sim_report report;
    struct sim_options options = { .seed = arguments->seed, .steps = arguments->steps, .record = ret_schedule };
    options.mutant = (uint32_t)arguments->mutant;
    return sim_run(&options, &report);
}

int sim_shrink_main(int argc, char **argv)
{
    struct shrink_arguments arguments = { .out = "shrunk.schedule" };
    struct schedule schedule = { 0 };
    if (!arguments_read(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return SIM_EXIT_USAGE;
    }
    if (arguments.schedule != NULL) {
        if (!sim_schedule_load(arguments.schedule, &schedule)) {
            return SIM_EXIT_USAGE;
        }
    } else if (!seed_record(&arguments, &schedule)) {
        fputs("stead sim: out of memory\n", stderr);
        schedule_free(&schedule);
        return SIM_EXIT_NO_MEMORY;
    }
    int status = shrink_and_save(&arguments, &schedule);
    schedule_free(&schedule);
    return status;
}
