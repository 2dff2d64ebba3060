/* stead sim run    one seed or schedule, told or summed up
 * stead sim shrink sim_schedule.c
 * stead sim swarm  many seeds on several threads, with a bar while they run and a table at the end
 *
 * A violation is one line that names the invariant, the moment and the command that shows it again. */
#include "cli/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/sim_schedule.h"
#include "sim/swarm.h"

struct arguments {
    const char *schedule, *schedule_out; /* NULL: none */
    uint64_t first, last, steps, jobs, mutant;
    bool seeds_given, steps_given, trace, json, swarm, stop;
};

static const char usage[] =
    "usage: stead sim run    --seed N [--steps N] [--trace] [--json] [--schedule-out FILE]\n"
    "       stead sim run    --schedule FILE [--trace] [--json] [--schedule-out FILE]\n"
    "       stead sim swarm  --seeds A..B [--jobs J] [--steps N] [--stop] [--json]\n"
    "       stead sim shrink --seed N | --schedule FILE  [--steps N] [--out FILE] [--runs N]\n"
    "\n"
    "  --seed N      the run to play; the same seed is the same run on every build\n"
    "  --schedule F  play what the file says instead of what a seed draws\n"
    "  --schedule-out F  write what happened as a schedule\n"
    "  --seeds A..B  all seeds from A to B\n"
    "  --steps N     core steps after which the faults end (20000)\n"
    "  --jobs J      threads (1)\n"
    "  --stop        stop at the first violation\n"
    "  --trace       tell the run line by line\n"
#ifdef STEAD_MUTANTS
    "  --mutant N    switch planted bug N on (0: none)\n"
#endif
    "  --json        results as JSON\n"
    "\n"
    "exit status: 0 clean; 1 an assertion of the core failed, 3 a liveness invariant, 4 a safety\n"
    "invariant, 5 determinism (of a swarm: its first failing seed); 2 usage\n";

static bool number_read(const char *text, const char **ret_rest, uint64_t *ret_number)
{
    char *rest;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    uint64_t number = strtoull(text, &rest, 10);
    if (errno != 0) {
        return false;
    }
    *ret_rest = rest;
    *ret_number = number;
    return true;
}

static bool option_seeds(const char *text, struct arguments *arguments)
{
    const char *rest;
    uint64_t first, last;
    if (text == NULL || !number_read(text, &rest, &first) || strncmp(rest, "..", 2) != 0 ||
        !number_read(rest + 2, &rest, &last) || *rest != 0 || last < first) {
        return false;
    }
    arguments->first = first;
    arguments->last = last;
    arguments->seeds_given = true;
    return true;
}

/* Takes one option, and its value if it has one; false if that is not possible. */
static bool option_read(struct arguments *arguments, char **argv, int *at)
{
    const char *name = argv[*at], *value = argv[*at + 1];
    bool *const flag = strcmp(name, "--json") == 0                         ? &arguments->json
                       : strcmp(name, "--trace") == 0 && !arguments->swarm ? &arguments->trace
                       : strcmp(name, "--stop") == 0 && arguments->swarm   ? &arguments->stop
                                                                           : NULL;
    if (flag != NULL) {
        *flag = true;
        return true;
    }
    ++*at;
    const char **path = strcmp(name, "--schedule") == 0       ? &arguments->schedule
                        : strcmp(name, "--schedule-out") == 0 ? &arguments->schedule_out
                                                              : NULL;
    if (path != NULL && !arguments->swarm) {
        *path = value;
        return value != NULL && value[0] != 0;
    }
    if (strcmp(name, "--seed") == 0 && !arguments->swarm) {
        arguments->seeds_given = sim_number_read(value, &arguments->first);
        arguments->last = arguments->first;
        return arguments->seeds_given;
    }
    if (strcmp(name, "--seeds") == 0 && arguments->swarm) {
        return option_seeds(value, arguments);
    }
    if (strcmp(name, "--jobs") == 0 && arguments->swarm) {
        return sim_number_read(value, &arguments->jobs) && arguments->jobs > 0 && arguments->jobs <= SWARM_JOBS_MAX;
    }
#ifdef STEAD_MUTANTS
    if (strcmp(name, "--mutant") == 0) {
        return sim_number_read(value, &arguments->mutant) && arguments->mutant <= UINT32_MAX;
    }
#endif
    enum { STEPS_MAX = 100000000 };
    arguments->steps_given = true;
    return strcmp(name, "--steps") == 0 && sim_number_read(value, &arguments->steps) && arguments->steps > 0 &&
           arguments->steps <= STEPS_MAX;
}

static bool arguments_read(int argc, char **argv, struct arguments *ret_arguments)
{
    struct arguments arguments = { .jobs = 1, .steps = SIM_STEPS_DEFAULT };
    if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "swarm") != 0)) {
        fputs("stead sim: say `run`, `swarm` or `shrink`\n", stderr);
        return false;
    }
    arguments.swarm = strcmp(argv[1], "swarm") == 0;
    for (int at = 2; at < argc; at++) {
        const char *name = argv[at];
        if (!option_read(&arguments, argv, &at)) {
            fprintf(stderr, "stead sim %s: %s: unknown, or its value is missing or wrong\n", argv[1], name);
            return false;
        }
    }
    bool own = arguments.schedule != NULL && (arguments.steps_given || arguments.mutant != 0);
    if (arguments.seeds_given == (arguments.schedule != NULL) || own) {
        fprintf(stderr, "stead sim %s: %s is needed\n", argv[1],
                own               ? "a schedule alone, which says its steps and its planted bug itself,"
                : arguments.swarm ? "--seeds A..B"
                                  : "either --seed N or --schedule FILE");
        return false;
    }
    *ret_arguments = arguments;
    return true;
}

/* -- output -- */

static void failure_print(FILE *out, const struct arguments *arguments, uint64_t seed,
                          const struct sim_violation *violation)
{
#ifdef STEAD_MUTANTS
    const char *program = "stead-mutants";
#else
    const char *program = "stead sim";
#endif
    fprintf(out, "FAIL %s seed=%" PRIu64 " step=%" PRIu64 " t=%.3fs : %s | reproduce: %s run --", violation->id, seed,
            violation->step, (double)violation->at_ns / 1e9, violation->why, program);
    if (arguments->schedule != NULL) {
        fprintf(out, "schedule %s\n", arguments->schedule);
        return;
    }
    fprintf(out, "seed %" PRIu64, seed);
    if (arguments->steps != SIM_STEPS_DEFAULT) {
        fprintf(out, " --steps %" PRIu64, arguments->steps);
    }
    if (arguments->mutant != 0) {
        fprintf(out, " --mutant %" PRIu64, arguments->mutant);
    }
    fputc('\n', out);
}

static void json_violation(uint64_t seed, const struct sim_violation *violation)
{
    printf("{\"id\":\"%s\",\"seed\":%" PRIu64 ",\"step\":%" PRIu64 ",\"t_ns\":%" PRIu64 ",\"why\":\"", violation->id,
           seed, violation->step, violation->at_ns);
    for (const char *at = violation->why; *at != 0; at++) {
        if (*at == '"' || *at == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*at < ' ' ? ' ' : *at);
    }
    fputs("\"}", stdout);
}

/* "name":{"A":1,...} without the zeros */
static void json_counters(const char *name, const uint64_t *counters, uint32_t count, const char *(*name_of)(uint32_t))
{
    const char *comma = "";
    printf(",\"%s\":{", name);
    for (uint32_t at = 0; at < count; at++) {
        if (counters[at] != 0) {
            printf("%s\"%s\":%" PRIu64, comma, name_of(at), counters[at]);
            comma = ",";
        }
    }
    putchar('}');
}

static const char *name_of_fault(uint32_t at)
{
    return sim_fault_name((enum sim_fault)at);
}

static const char *name_of_effect(uint32_t at)
{
    return effect_name((enum effect_kind)at);
}

static const char *name_of_end(uint32_t at)
{
    return end_name((enum end)at);
}

static const char *name_of_reason(uint32_t at)
{
    return reason_name((enum reason)at);
}

static void json_run(const struct sim_report *report)
{
    printf("{\"seed\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\",\"violations\":[", report->seed,
           report->steps, report->hash);
    if (report->violation.id[0] != 0) {
        json_violation(report->seed, &report->violation);
    }
    printf("],\"events\":%" PRIu64 ",\"simulated_ns\":%" PRIu64 ",\"instances\":%u,\"functions\":%u", report->events,
           report->simulated_ns, report->nodes, report->functions);
    printf(",\"calls\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"executions\":%" PRIu64,
           report->calls, report->requests, report->accepted, report->executions);
    printf(",\"redeliveries\":%" PRIu64 ",\"resurrected\":%" PRIu64 ",\"duplicates_averted\":%" PRIu64,
           report->redeliveries, report->resurrected, report->refused_results);
    json_counters("ends", report->ends, END_COUNT, name_of_end);
    json_counters("replies", report->replies, REASON_COUNT, name_of_reason);
    json_counters("faults", report->faults, FAULT_COUNT, name_of_fault);
    json_counters("effects", report->effects, EFFECT_COUNT, name_of_effect);
    puts("}");
}

static int run_print(const struct arguments *arguments, const struct sim_report *report)
{
    if (arguments->json) {
        json_run(report);
    } else if (report->violation.id[0] == 0) {
        printf("ok seed=%" PRIu64 " steps=%" PRIu64 " t=%.3fs hash=%016" PRIx64 " : %" PRIu64
               " requests accepted, %" PRIu64 " executions, %u instances\n",
               report->seed, report->steps, (double)report->simulated_ns / 1e9, report->hash, report->accepted,
               report->executions, report->nodes);
    } else {
        failure_print(stdout, arguments, report->seed, &report->violation);
    }
    return sim_exit_of(&report->violation);
}

static int run_main(const struct arguments *arguments)
{
    struct schedule played = { 0 }, recorded = { 0 };
    struct sim_options options = { .seed = arguments->first, .steps = arguments->steps };
    struct sim_report report;
    options.mutant = (uint32_t)arguments->mutant;
    options.story = arguments->trace ? (arguments->json ? stderr : stdout) : NULL;
    options.record = arguments->schedule_out != NULL ? &recorded : NULL;
    if (arguments->schedule != NULL) {
        if (!sim_schedule_load(arguments->schedule, &played)) {
            return SIM_EXIT_USAGE;
        }
        options.schedule = &played;
    }
    int status = SIM_EXIT_NO_MEMORY;
    if (!sim_run(&options, &report)) {
        fputs("stead sim: out of memory\n", stderr);
    } else if (options.record != NULL && !sim_schedule_save(arguments->schedule_out, &recorded)) {
        status = SIM_EXIT_NO_OUTPUT;
    } else {
        status = run_print(arguments, &report);
    }
    schedule_free(&played);
    schedule_free(&recorded);
    return status;
}

/* -- swarm -- */

struct bar {
    struct timespec begun;
    uint64_t seeds;
};

static double seconds_since(const struct timespec *begun)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static void bar_draw(void *owner, const struct swarm_report *so_far)
{
    const struct bar *bar = owner;
    static const char full[] = "########################";
    double seconds = seconds_since(&bar->begun);
    int filled = (int)(so_far->seeds * (sizeof(full) - 1) / bar->seeds);
    fprintf(stderr,
            "\r[%-24.*s] %" PRIu64 "/%" PRIu64 " seeds, %.0f seeds/s, %.2f M steps/s, %.0f x real time, %" PRIu64
            " failed ",
            filled, full, so_far->seeds, bar->seeds, (double)so_far->seeds / seconds,
            (double)so_far->steps / seconds / 1e6, (double)so_far->simulated_ns / 1e9 / seconds, so_far->failures);
}

static void table_counters(const char *title, const uint64_t *counters, uint32_t count,
                           const char *(*name_of)(uint32_t))
{
    uint32_t column = 0;
    printf("%s\n", title);
    for (uint32_t at = 0; at < count; at++) {
        printf("  %-22s %10" PRIu64 "%s", name_of(at), counters[at], ++column % 3 == 0 ? "\n" : "");
    }
    fputs(column % 3 == 0 ? "" : "\n", stdout);
}

static void swarm_table(const struct arguments *arguments, const struct swarm_report *report, double seconds)
{
    table_counters("faults", report->faults, FAULT_COUNT, name_of_fault);
    table_counters("effects", report->effects, EFFECT_COUNT, name_of_effect);
    table_counters("results by end", report->ends, END_COUNT, name_of_end);
    table_counters("answers by reason", report->replies, REASON_COUNT, name_of_reason);
    for (uint32_t at = 0; at < report->failures_listed; at++) {
        failure_print(stdout, arguments, report->failure[at].seed, &report->failure[at].violation);
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " clean, %" PRIu64
           " failed; %.1f M steps, %.1f h simulated, %.1f s, %.2f M steps/s\n",
           report->seeds, report->clean, report->failures, (double)report->steps / 1e6,
           (double)report->simulated_ns / 3.6e12, seconds, (double)report->steps / seconds / 1e6);
}

static void swarm_json(const struct swarm_report *report, double seconds)
{
    printf("{\"seeds\":%" PRIu64 ",\"clean\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"hash\":\"%016" PRIx64
           "\",\"seconds\":%.3f,\"failures\":%" PRIu64 ",\"violations\":[",
           report->seeds, report->clean, report->steps, report->hash, seconds, report->failures);
    for (uint32_t at = 0; at < report->failures_listed; at++) {
        fputs(at == 0 ? "" : ",", stdout);
        json_violation(report->failure[at].seed, &report->failure[at].violation);
    }
    printf("],\"accepted\":%" PRIu64 ",\"executions\":%" PRIu64 ",\"redeliveries\":%" PRIu64 ",\"resurrected\":%" PRIu64
           ",\"duplicates_averted\":%" PRIu64,
           report->accepted, report->executions, report->redeliveries, report->resurrected, report->refused_results);
    json_counters("ends", report->ends, END_COUNT, name_of_end);
    json_counters("replies", report->replies, REASON_COUNT, name_of_reason);
    json_counters("faults", report->faults, FAULT_COUNT, name_of_fault);
    json_counters("effects", report->effects, EFFECT_COUNT, name_of_effect);
    puts("}");
}

static int swarm_main(const struct arguments *arguments)
{
    struct bar bar = { .seeds = arguments->last - arguments->first + 1 };
    bar.seeds += bar.seeds == 0;
    clock_gettime(CLOCK_MONOTONIC, &bar.begun);
    bool tty = isatty(STDERR_FILENO) == 1;
    struct swarm_options options = {
        .first = arguments->first,
        .last = arguments->last,
        .steps = arguments->steps,
        .jobs = (uint32_t)arguments->jobs,
        .mutant = (uint32_t)arguments->mutant,
        .stop_at_failure = arguments->stop,
        .progress = tty ? bar_draw : NULL,
        .owner = &bar,
    };
    static struct swarm_report report;
    bool ok = swarm_run(&options, &report);
    double seconds = seconds_since(&bar.begun);
    fputs(tty ? "\n" : "", stderr);
    if (!ok) {
        fputs("stead sim: out of memory or threads\n", stderr);
        return SIM_EXIT_NO_MEMORY;
    }
    if (arguments->json) {
        swarm_json(&report, seconds);
    } else {
        swarm_table(arguments, &report, seconds);
    }
    return report.failures == 0 ? SIM_EXIT_CLEAN : sim_exit_of(&report.failure[0].violation);
}

int sim_main(int argc, char **argv)
{
    struct arguments arguments;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        fputs(usage, stdout);
        return SIM_EXIT_CLEAN;
    }
    if (argc >= 2 && strcmp(argv[1], "shrink") == 0) {
        return sim_shrink_main(argc - 1, argv + 1);
    }
    if (!arguments_read(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return SIM_EXIT_USAGE;
    }
    return arguments.swarm ? swarm_main(&arguments) : run_main(&arguments);
}
