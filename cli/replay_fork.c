/* Each fork replays the journal up to its step, hands the core to the simulator, and lets the seed decide what happens
 * then. `--fork any` takes another step for each seed, so that many seeds look at the whole recording. A failure is one
 * line with the command that shows it again; --shrink makes it a schedule, which --schedule plays. */
#include "cli/replay_fork.h"

#include "cli/document.h"
#include "cli/say.h"
#include "cli/sim_schedule.h"
#include "serve/replay.h"
#include "sim/shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILURES_MAX = 64, OBSTACLES_MAX = 8, STEPS_DEFAULT = 5000, PROGRESS_EVERY = 10 };

struct failure {
    uint64_t step, seed;
    struct sim_violation violation;
};

/* Why states had no world. */
struct obstacle {
    const char *why;
    uint64_t forks;
};

struct forks {
    const char *path, *faults_text, *schedule_path, *shrink_path;
    uint64_t step, first, last, steps; /* step 0: any */
    uint64_t mutant;                   /* tests only; 0: none */
    bool any_build, effects_only, trace, json, by_schedule;
    bool faults[FAULT_COUNT];
    struct schedule schedule;
    uint64_t seed, step_now; /* of the fork that is being made */
    uint64_t done, clean, passed_over, core_steps, hash;
    const char *obstacle; /* of the fork that is being made; NULL: none */
    struct obstacle obstacles[OBSTACLES_MAX];
    bool short_of_memory;
    struct failure failure[FAILURES_MAX];
    uint64_t failures;
};

/* -- one -- */

static struct sim_options options_of(const struct forks *forks, const struct sim_fork *fork)
{
    struct sim_options options = { .seed = forks->seed, .steps = forks->steps, .fork = fork };
    options.mutant = (uint32_t)forks->mutant;
    options.schedule = forks->by_schedule ? &forks->schedule : NULL;
    options.story = forks->trace ? stdout : NULL;
    return options;
}

/* The command that shows a fork again: what comes of `schedule`, or of the seed if there is none. */
static void say_again(const struct forks *forks, const char *schedule)
{
    char how[96], mutant[32] = "";
    snprintf(how, sizeof how, "--seed %" PRIu64 " --steps %" PRIu64, forks->seed, forks->steps);
    if (forks->mutant != 0) {
        snprintf(mutant, sizeof mutant, " --mutant %" PRIu64, forks->mutant);
    }
    bool faults = schedule == NULL && forks->faults_text != NULL;
    say("stead replay %s%s%s --fork %" PRIu64 " %s%s%s%s%s --trace", forks->path,
        forks->effects_only ? " --effects" : "", forks->any_build ? " --any-build" : "", forks->step_now,
        schedule != NULL ? "--schedule " : how, schedule != NULL ? schedule : "", faults ? " --faults " : "",
        faults ? forks->faults_text : "", mutant);
}

static void make_small(struct forks *forks, const struct sim_fork *fork)
{
    struct schedule schedule = { 0 };
    struct sim_options options = options_of(forks, fork);
    struct shrink_options how = { .fork = fork };
    struct shrink_report shrunk;
    struct sim_report report;
    options.record = &schedule;
    options.story = NULL;
    if (!sim_run(&options, &report) || shrink(&schedule, &how, &shrunk) != SHRINK_DONE) {
        say_error("the failure can't be made smaller");
    } else if (sim_schedule_save(forks->shrink_path, &schedule)) {
        say("%" PRIu32 " entries of %" PRIu32 " are left after %" PRIu64 " runs: %s: %s", shrunk.entries_after,
            shrunk.entries_before, shrunk.runs, shrunk.violation.id, shrunk.violation.why);
        say_again(forks, forks->shrink_path);
    }
    schedule_free(&schedule);
}

static void failed(struct forks *forks, const struct sim_violation *violation)
{
    if (forks->failures < FAILURES_MAX) {
        forks->failure[forks->failures] = (struct failure){ forks->step_now, forks->seed, *violation };
    }
    forks->failures++;
    if (!forks->json) {
        printf("%s after step %" PRIu64 ", seed %" PRIu64 ": %s\n", violation->id, forks->step_now, forks->seed,
               violation->why);
        say_again(forks, forks->schedule_path);
    }
}

static void take(void *owner, const struct core *core, const struct effect *pending, uint32_t pending_count)
{
    struct forks *forks = owner;
    struct sim_fork fork = { core, pending, pending_count, forks->faults_text != NULL ? forks->faults : NULL };
    struct sim_options options = options_of(forks, &fork);
    struct sim_report report;
    forks->obstacle = sim_fork_obstacle(&fork);
    if (forks->obstacle != NULL) {
        return;
    }
    if (!sim_run(&options, &report)) {
        forks->short_of_memory = true;
        return;
    }
    forks->done++;
    forks->core_steps += report.steps;
    forks->hash += report.hash;
    if (report.violation.id[0] == 0) {
        forks->clean++;
        return;
    }
    failed(forks, &report.violation);
    if (forks->shrink_path != NULL && forks->failures == 1) { /* the file holds one */
        make_small(forks, &fork);
    }
}

/* False, and said why, if the journal can't be replayed so far. */
static bool replayed(struct forks *forks, uint64_t to, bool fork, struct replay_report *ret_report)
{
    struct replay_options options = { .path = forks->path, .to = to, .any_build = forks->any_build, .owner = forks };
    options.effects_only = forks->effects_only;
    options.take = fork ? take : NULL;
    replay_run(&options, ret_report);
    if (ret_report->end != REPLAY_SAME) {
        say_error("the journal does not replay: stead replay %s", forks->path);
        return false;
    }
    if (to > ret_report->last) {
        say_error("--fork %" PRIu64 ": the journal has the steps %" PRIu64 " to %" PRIu64, to, ret_report->first,
                  ret_report->last);
        return false;
    }
    return true;
}

/* -- all -- */

/* Spreads neighbouring seeds over the recording. */
static uint64_t step_of(const struct forks *forks, const struct replay_report *whole)
{
    uint64_t mixed = (forks->seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return forks->step != 0 ? forks->step : whole->first + (mixed ^ mixed >> 32) % (whole->last - whole->first + 1);
}

static void progress(const struct forks *forks)
{
    uint64_t all = forks->last - forks->first + 1;
    if (isatty(STDERR_FILENO) && (forks->done % PROGRESS_EVERY == 0 || forks->done == all)) {
        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " forks, %" PRIu64 " failed%s", forks->done, all, forks->failures,
                forks->done == all ? "\n" : "");
    }
}

/* There are fewer kinds than rows; should that change, the last row takes the rest. */
static void pass_over(struct forks *forks)
{
    uint32_t row = 0;
    while (row + 1 < OBSTACLES_MAX && forks->obstacles[row].forks != 0 &&
           strcmp(forks->obstacles[row].why, forks->obstacle) != 0) {
        row++;
    }
    forks->obstacles[row].why = forks->obstacle;
    forks->obstacles[row].forks++;
    forks->passed_over++;
}

static bool fork_all(struct forks *forks)
{
    struct replay_report whole, part;
    if (!replayed(forks, 0, false, &whole)) {
        return false;
    }
    for (forks->seed = forks->first; forks->seed <= forks->last && !forks->short_of_memory; forks->seed++) {
        forks->step_now = step_of(forks, &whole);
        if (!replayed(forks, forks->step_now, true, &part)) {
            return false;
        }
        if (forks->obstacle != NULL && forks->step != 0) {
            say_error("step %" PRIu64 " can't be forked: %s", forks->step_now, forks->obstacle);
            return false;
        }
        if (forks->obstacle != NULL) {
            pass_over(forks);
        }
        progress(forks);
    }
    if (forks->short_of_memory) {
        say_error("out of memory");
    }
    return !forks->short_of_memory;
}

static bool tell_json(const struct forks *forks)
{
    struct document document = { 0 };
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, forks->hash);
    document_open(&document, '{');
    document_member_number(&document, "forks", (int64_t)forks->done);
    document_member_number(&document, "clean", (int64_t)forks->clean);
    document_member_number(&document, "passed_over", (int64_t)forks->passed_over);
    document_key(&document, "obstacles");
    document_open(&document, '{');
    for (uint32_t row = 0; row < OBSTACLES_MAX && forks->obstacles[row].forks != 0; row++) {
        document_member_number(&document, forks->obstacles[row].why, (int64_t)forks->obstacles[row].forks);
    }
    document_close(&document, '}');
    document_member_number(&document, "steps", (int64_t)forks->core_steps);
    document_member(&document, "hash", bytes_of(hash));
    document_key(&document, "violations");
    document_open(&document, '[');
    for (uint64_t at = 0; at < forks->failures && at < FAILURES_MAX; at++) {
        const struct failure *failure = &forks->failure[at];
        document_open(&document, '{');
        document_member_number(&document, "step", (int64_t)failure->step);
        document_member_number(&document, "seed", (int64_t)failure->seed);
        document_member(&document, "id", bytes_of(failure->violation.id));
        document_member(&document, "why", bytes_of(failure->violation.why));
        document_close(&document, '}');
    }
    document_close(&document, ']');
    document_close(&document, '}');
    return document_print(&document);
}

static int tell(const struct forks *forks)
{
    if (forks->json && !tell_json(forks)) {
        return EXIT_SAID_NO;
    }
    if (!forks->json) {
        printf("%" PRIu64 " fork%s, %" PRIu64 " clean, %" PRIu64 " steps of cores, hash %016" PRIx64 "\n", forks->done,
               forks->done == 1 ? "" : "s", forks->clean, forks->core_steps, forks->hash);
    }
    for (uint32_t row = 0; !forks->json && row < OBSTACLES_MAX && forks->obstacles[row].forks != 0; row++) {
        say("%" PRIu64 " passed over: %s", forks->obstacles[row].forks, forks->obstacles[row].why);
    }
    return forks->failures == 0 ? EXIT_DONE : sim_exit_of(&forks->failure[0].violation);
}

/* -- arguments -- */

static bool seeds_read(struct forks *forks, const char *text)
{
    char first[24];
    const char *dots = strstr(text, "..");
    size_t length = dots != NULL ? (size_t)(dots - text) : strlen(text);
    if (length >= sizeof first) {
        return false;
    }
    memcpy(first, text, length);
    first[length] = '\0';
    if (!sim_number_read(first, &forks->first)) {
        return false;
    }
    forks->last = forks->first;
    return dots == NULL || (sim_number_read(dots + 2, &forks->last) && forks->last >= forks->first);
}

static bool fault_read(struct forks *forks, const char *name, size_t length)
{
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        const char *known = sim_fault_name((enum sim_fault)fault);
        if (strlen(known) == length && strncmp(known, name, length) == 0) {
            forks->faults[fault] = true;
            return true;
        }
    }
    say_error("--faults: there is no fault %.*s; there are", (int)length, name);
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        say("  %-18s %s", sim_fault_name((enum sim_fault)fault), sim_fault_text((enum sim_fault)fault));
    }
    return false;
}

static bool faults_read(struct forks *forks)
{
    const char *text = forks->faults_text;
    if (text == NULL || strcmp(text, "none") == 0) {
        return true;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        if (!fault_read(forks, text, length)) {
            return false;
        }
        text += length + (text[length] == ',');
    }
    return true;
}

static bool arguments_good(struct forks *forks, const struct arguments *arguments)
{
    const char *step = arguments_text(arguments, "fork", ""), *steps = arguments_text(arguments, "steps", NULL);
    if (strcmp(step, "any") != 0 && (!sim_number_read(step, &forks->step) || forks->step == 0)) {
        say_error("--fork %s: neither the number of a step (1, 2, ...) nor `any`", step);
        return false;
    }
    if (!seeds_read(forks, arguments_text(arguments, "seed", "1"))) {
        say_error("--seed: neither a number nor a range like 1..100");
        return false;
    }
    if (steps != NULL && (!sim_number_read(steps, &forks->steps) || forks->steps == 0)) {
        say_error("--steps %s: not a number of steps", steps);
        return false;
    }
    if (!sim_number_read(arguments_text(arguments, "mutant", "0"), &forks->mutant)) {
        return false;
    }
    if (forks->schedule_path != NULL && forks->step == 0) {
        say_error("--schedule needs the step that it was made for: --fork N");
        return false;
    }
    forks->by_schedule = forks->schedule_path != NULL;
    if (!faults_read(forks) || (forks->by_schedule && !sim_schedule_load(forks->schedule_path, &forks->schedule))) {
        return false;
    }
    if (forks->by_schedule) {
        forks->first = forks->last = forks->schedule.seed;
    }
    return true;
}

int replay_fork_run(const struct arguments *arguments)
{
    struct forks *forks = calloc(1, sizeof *forks);
    int code = EXIT_USAGE;
    if (forks == NULL) {
        say_error("out of memory");
        return EXIT_SAID_NO;
    }
    forks->path = arguments->words[0];
    forks->any_build = arguments_has(arguments, "any-build");
    forks->effects_only = arguments_has(arguments, "effects");
    forks->trace = arguments_has(arguments, "trace");
    forks->json = arguments_has(arguments, "json");
    forks->faults_text = arguments_text(arguments, "faults", NULL);
    forks->schedule_path = arguments_text(arguments, "schedule", NULL);
    forks->shrink_path = arguments_text(arguments, "shrink", NULL);
    forks->steps = STEPS_DEFAULT;
    if (arguments_good(forks, arguments) && fork_all(forks)) {
        code = tell(forks);
    }
    schedule_free(&forks->schedule);
    free(forks);
    return code;
}
