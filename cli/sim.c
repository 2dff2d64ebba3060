/* stead sim conform sim_conform.c
 * stead sim run    one seed or schedule, told or summed up
 * stead sim shrink sim_schedule.c
 * stead sim swarm  sim_swarm.c */
#include "cli/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture.h"
#include "cli/sim_conform.h"
#include "cli/sim_schedule.h"
#include "cli/sim_tell.h"
#include "sim/swarm.h"

static const char usage[] =
    "usage: stead sim run    --seed N [--steps N] [--trace] [--json] [--schedule-out FILE] [--history FILE]\n"
    "                       [--report FILE]\n"
    "       stead sim run    --schedule FILE [--trace] [--json] [--schedule-out FILE] [--history FILE]\n"
    "                       [--report FILE]\n"
    "       stead sim swarm  --seeds A..B [--jobs J] [--steps N] [--stop] [--json]\n"
    "       stead sim mutants [--seeds K] [--jobs J] [--steps N] [--json]\n"
    "       stead sim shrink --seed N | --schedule FILE  [--steps N] [--out FILE] [--runs N]\n"
    "       stead sim conform [OPTION...] FILE...   (--help)\n"
    "\n"
    "  --seed N      the run to play; the same seed is the same run on every build\n"
    "  --schedule F  play what the file says instead of what a seed draws\n"
    "  --schedule-out F  write what happened as a schedule\n"
    "  --history F   write what clients and functions saw, for `stead check`\n"
    "  --report F    draw the run as one page of HTML that needs nothing else\n"
    "  --seeds A..B  all seeds from A to B\n"
    "  --steps N     core steps after which the faults end (20000)\n"
    "  --jobs J      threads (1)\n"
    "  --stop        stop at the first violation\n"
    "  --sometimes   list what must happen sometimes, and how often it did\n"
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

static bool option_seeds(const char *text, struct sim_arguments *arguments)
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
static bool option_read(struct sim_arguments *arguments, char **argv, int *at)
{
    const char *name = argv[*at], *value = argv[*at + 1];
    bool *const flag = strcmp(name, "--json") == 0                            ? &arguments->json
                       : strcmp(name, "--trace") == 0 && !arguments->swarm    ? &arguments->trace
                       : strcmp(name, "--stop") == 0 && arguments->swarm      ? &arguments->stop
                       : strcmp(name, "--sometimes") == 0 && arguments->swarm ? &arguments->sometimes
                                                                              : NULL;
    if (flag != NULL) {
        *flag = true;
        return true;
    }
    ++*at;
    const char **path = strcmp(name, "--schedule") == 0       ? &arguments->schedule
                        : strcmp(name, "--schedule-out") == 0 ? &arguments->schedule_out
                        : strcmp(name, "--history") == 0      ? &arguments->history
                        : strcmp(name, "--report") == 0       ? &arguments->report
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

static bool arguments_read(int argc, char **argv, struct sim_arguments *ret_arguments)
{
    struct sim_arguments arguments = { .jobs = 1, .steps = SIM_STEPS_DEFAULT };
    if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "swarm") != 0)) {
        fputs("stead sim: say `run`, `swarm`, `shrink` or `conform`\n", stderr);
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

static void json_run(const struct sim_report *report)
{
    printf("{\"seed\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\",\"violations\":[", report->seed,
           report->steps, report->hash);
    if (report->violation.id[0] != 0) {
        sim_json_violation(report->seed, &report->violation);
    }
    printf("],\"events\":%" PRIu64 ",\"simulated_ns\":%" PRIu64 ",\"instances\":%u,\"functions\":%u", report->events,
           report->simulated_ns, report->nodes, report->functions);
    printf(",\"calls\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"executions\":%" PRIu64,
           report->calls, report->requests, report->accepted, report->executions);
    printf(",\"redeliveries\":%" PRIu64 ",\"resurrected\":%" PRIu64 ",\"duplicates_averted\":%" PRIu64,
           report->redeliveries, report->resurrected, report->refused_results);
    sim_json_counters("ends", report->ends, END_COUNT, sim_name_of_end);
    sim_json_counters("replies", report->replies, REASON_COUNT, sim_name_of_reason);
    sim_json_counters("faults", report->faults, FAULT_COUNT, sim_name_of_fault);
    sim_json_counters("effects", report->effects, EFFECT_COUNT, sim_name_of_effect);
    sim_json_counters("situations", report->seen, SEEN_COUNT, sim_name_of_situation);
    puts("}");
}

static int run_print(const struct sim_arguments *arguments, const struct sim_report *report)
{
    if (arguments->json) {
        json_run(report);
    } else if (report->violation.id[0] == 0) {
        printf("ok seed=%" PRIu64 " steps=%" PRIu64 " t=%.3fs hash=%016" PRIx64 " : %" PRIu64
               " requests accepted, %" PRIu64 " executions, %u instances\n",
               report->seed, report->steps, (double)report->simulated_ns / 1e9, report->hash, report->accepted,
               report->executions, report->nodes);
    } else {
        sim_tell_failure(stdout, arguments, report->seed, &report->violation);
    }
    return sim_exit_of(&report->violation);
}

/* Where the lines of a history go: a file, a check that is drawn afterwards, or both. */
struct outlet {
    FILE *file;          /* NULL: none */
    struct check *check; /* NULL: none */
    uint64_t lines;
};

static void outlet_take(void *owner, const char *line, size_t length)
{
    struct outlet *outlet = owner;
    outlet->lines++;
    if (outlet->check != NULL) {
        check_line(outlet->check, "the run", outlet->lines, line, length);
    }
    if (outlet->file != NULL) {
        fwrite(line, 1, length, outlet->file);
        fputc('\n', outlet->file);
    }
}

static bool outlet_open(const struct sim_arguments *arguments, struct outlet *ret_outlet)
{
    *ret_outlet = (struct outlet){ 0 };
    if (arguments->history != NULL) {
        ret_outlet->file = fopen(arguments->history, "we");
    }
    if (arguments->report != NULL) {
        ret_outlet->check = check_new();
    }
    bool ok = (arguments->history == NULL || ret_outlet->file != NULL) &&
              (arguments->report == NULL || ret_outlet->check != NULL);
    if (!ok) {
        fprintf(stderr, "stead sim run: %s: cannot be written\n",
                ret_outlet->file == NULL && arguments->history != NULL ? arguments->history : arguments->report);
    }
    return ok;
}

/* Judges from outside what the run showed, and draws it with what the simulator found inside. */
static bool outlet_draw(const struct sim_arguments *arguments, struct outlet *outlet, const struct sim_report *report)
{
    char title[120], again[200] = "";
    snprintf(title, sizeof(title), "Seed %" PRIu64 ": %u instances, %u functions, %.1f s simulated", report->seed,
             report->nodes, report->functions, (double)report->simulated_ns / 1e9);
    FILE *command = fmemopen(again, sizeof(again), "w");
    if (command != NULL) {
        sim_tell_again(command, arguments, report->seed);
        fclose(command);
    }
    struct check_picture picture = { .title = title, .reproduce = again };
    if (report->violation.id[0] != 0) {
        picture.rule = report->violation.id;
        picture.why = report->violation.why;
        picture.t_ns = report->violation.at_ns;
    }
    check_judge(outlet->check);
    return picture_save(outlet->check, &picture, arguments->report);
}

static bool outlet_close(const struct sim_arguments *arguments, struct outlet *outlet, const struct sim_report *report)
{
    bool ok = outlet->check == NULL || outlet_draw(arguments, outlet, report);
    check_free(outlet->check);
    bool written = outlet->file == NULL || ferror(outlet->file) == 0;
    written = (outlet->file == NULL || fclose(outlet->file) == 0) && written;
    if (!written) {
        fprintf(stderr, "stead sim run: %s: cannot be written\n", arguments->history);
    }
    return ok && written;
}

static int run_play(const struct sim_arguments *arguments, const struct sim_options *options)
{
    struct sim_options with = *options;
    struct sim_report report;
    struct outlet outlet;
    if (!outlet_open(arguments, &outlet)) {
        return SIM_EXIT_NO_OUTPUT;
    }
    with.history = outlet.file != NULL || outlet.check != NULL ? outlet_take : NULL;
    with.history_owner = &outlet;
    with.messages = outlet.check != NULL;
    if (!sim_run(&with, &report)) {
        fputs("stead sim: out of memory\n", stderr);
        return SIM_EXIT_NO_MEMORY;
    }
    bool saved = options->record == NULL || sim_schedule_save(arguments->schedule_out, options->record);
    int status = run_print(arguments, &report);
    return outlet_close(arguments, &outlet, &report) && saved ? status : SIM_EXIT_NO_OUTPUT;
}

static int run_main(const struct sim_arguments *arguments)
{
    struct schedule played = { 0 }, recorded = { 0 };
    struct sim_options options = { .seed = arguments->first, .steps = arguments->steps };
    options.mutant = (uint32_t)arguments->mutant;
    options.story = arguments->trace ? (arguments->json ? stderr : stdout) : NULL;
    options.record = arguments->schedule_out != NULL ? &recorded : NULL;
    if (arguments->schedule != NULL) {
        if (!sim_schedule_load(arguments->schedule, &played)) {
            return SIM_EXIT_USAGE;
        }
        options.schedule = &played;
    }
    int status = run_play(arguments, &options);
    schedule_free(&played);
    schedule_free(&recorded);
    return status;
}

int sim_main(int argc, char **argv)
{
    struct sim_arguments arguments;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        fputs(usage, stdout);
        return SIM_EXIT_CLEAN;
    }
    if (argc >= 2 && strcmp(argv[1], "mutants") == 0) {
        return sim_mutants_main(argc - 1, argv + 1);
    }
    if (argc >= 2 && strcmp(argv[1], "shrink") == 0) {
        return sim_shrink_main(argc - 1, argv + 1);
    }
    if (argc >= 2 && strcmp(argv[1], "conform") == 0) {
        return sim_conform_main(argc - 1, argv + 1);
    }
    if (!arguments_read(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return SIM_EXIT_USAGE;
    }
    return arguments.swarm ? sim_swarm_main(&arguments) : run_main(&arguments);
}
