/* File by file: each begins with a snapshot, which must be the state that the file before ended in, and is where the
 * replay goes on after damage. A record is compared before its step: with the effects of the step before, or with the
 * state. */
#include "serve/replay.h"

#include "adapters/journal/journal_reader.h"
#include "serve/recorder.h"
#include "serve/replay_pending.h"
#include "serve/replay_story.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct replay {
    const struct replay_options *options;
    struct replay_report *report;
    struct journal_entry *entries; /* of the folder */
    struct journal_reader *reader; /* of the current file */
    struct core *core;
    struct limits limits;
    struct effects effects;
    struct replay_pending pending; /* only if somebody takes it */
    struct input input;            /* of the step that is running */
    uint64_t run, step, story_from, begun_ns;
    bool loaded;  /* the core is one */
    bool stepped; /* effects are those of the step before */
    jmp_buf panicked;
    char assertion[REPLAY_TEXT_BYTES / 2];
};

static _Thread_local struct replay *replay_of_thread;

void replay_panicked(const char *file, int line, const char *condition)
{
    struct replay *replay = replay_of_thread;
    if (replay != NULL) {
        snprintf(replay->assertion, sizeof replay->assertion, "%s:%d: %s", file, line, condition);
        longjmp(replay->panicked, 1);
    }
}

static void end(struct replay *replay, enum replay_end end, const char *fault)
{
    if (replay->report->end == REPLAY_SAME || end == REPLAY_DIFFERENT || end == REPLAY_ASSERTED) {
        replay->report->end = end;
        snprintf(replay->report->fault, sizeof replay->report->fault, "%s", fault);
    }
}

static void tell(const struct replay *replay, const char *line)
{
    replay->options->story(replay->options->owner, line);
}

static bool telling(const struct replay *replay)
{
    return replay->options->story != NULL && replay->step >= replay->story_from;
}

static void tell_input(const struct replay *replay)
{
    char text[REPLAY_TEXT_BYTES / 2], line[REPLAY_TEXT_BYTES];
    uint64_t us = (replay->input.now_ns - replay->begun_ns) / 1000;
    replay_story_input(&replay->input, text, sizeof text);
    snprintf(line, sizeof line, "%llu  [%llu.%03llums] < %s", (unsigned long long)replay->step,
             (unsigned long long)(us / 1000), (unsigned long long)(us % 1000), text);
    tell(replay, line);
}

static void tell_effects(const struct replay *replay)
{
    char text[REPLAY_TEXT_BYTES / 2], line[REPLAY_TEXT_BYTES];
    for (uint32_t i = 0; i < replay->effects.count; i++) {
        replay_story_effect(&replay->effects.list[i], text, sizeof text);
        snprintf(line, sizeof line, "        > %s", text);
        tell(replay, line);
    }
}

static void tell_view(const struct replay *replay)
{
    struct core_view view;
    char line[REPLAY_TEXT_BYTES];
    core_view(replay->core, &view);
    snprintf(line, sizeof line,
             "after %llu: %s, link %s, calls %u, deliveries %u (queued %u, running %u), credits %u, functions %u "
             "(ready %u), workers %u (idle %u), blobs %u, hash %016llx",
             (unsigned long long)replay->step, instance_state_name(view.instance), view.link_up ? "up" : "down",
             view.calls, view.deliveries, view.queued, view.running, view.credits, view.functions, view.functions_ready,
             view.workers, view.workers_idle, core_blobs_held(replay->core),
             (unsigned long long)core_hash(replay->core));
    tell(replay, line);
}

static bool differs(struct replay *replay, const char *what, uint64_t step, uint64_t expected, uint64_t actual)
{
    struct replay_report *report = replay->report;
    if (expected == actual || (replay->options->effects_only && what[0] == 's')) {
        return false;
    }
    report->difference = (struct replay_difference){ step, expected, actual, what };
    replay_story_input(&replay->input, report->input, sizeof report->input);
    end(replay, REPLAY_DIFFERENT, "");
    return true;
}

/* False if the record says otherwise than what was come to. */
static bool check(struct replay *replay, const struct journal_record *record)
{
    if (record->kind == RECORDER_HASHED) {
        replay->report->hashes++;
        return !differs(replay, "state", record->number, record->check, core_hash(replay->core));
    }
    if (!replay->stepped) {
        return true;
    }
    replay->report->effects++;
    return !differs(replay, "effects", record->number - 1, record->check, recorder_digest(&replay->effects));
}

static bool input_good(const struct input *input)
{
    return input->kind < INPUT_COUNT && (input->kind != INPUT_SETTING || input->as.setting.which < SETTING_COUNT);
}

static bool step(struct replay *replay, const struct journal_record *record)
{
    struct replay_report *report = replay->report;
    if (!check(replay, record)) {
        return false;
    }
    memcpy(&replay->input, record->body, sizeof replay->input);
    replay->step = record->number;
    if (!input_good(&replay->input)) {
        end(replay, REPLAY_DAMAGED, "an input of a kind that this program does not know");
        return false;
    }
    if (report->first == 0) {
        report->first = record->number;
        replay->begun_ns = replay->input.now_ns;
    }
    report->recorded_ns = replay->input.now_ns - replay->begun_ns;
    if (telling(replay)) {
        tell_input(replay);
    }
    replay_pending_input(&replay->pending, &replay->input);
    core_step(replay->core, &replay->input, &replay->effects);
    if (replay->options->take != NULL && !replay_pending_effects(&replay->pending, &replay->effects)) {
        end(replay, REPLAY_REFUSED, "out of memory");
        return false;
    }
    report->last = record->number;
    replay->stepped = true;
    if (telling(replay)) {
        tell_effects(replay);
    }
    return true;
}

/* NULL, or why the inputs in this file are not for this program's core. */
static const char *setup_fault(const struct replay *replay, const struct journal_head *head,
                               struct recorder_setup *ret_setup)
{
    bool effects_only = replay->options->effects_only;
    if (head->behaviour != CORE_BEHAVIOUR && !effects_only) {
        return "recorded by a core of another behaviour version; use the program that recorded it";
    }
    if (head->setup_bytes != sizeof *ret_setup || head->body_bytes != sizeof(struct input)) {
        return "recorded by a core with other inputs; use the program that recorded it";
    }
    memcpy(ret_setup, head->setup, sizeof *ret_setup);
    if (effects_only && head->first != 1) {
        return "it does not begin with the service, so there is no empty core to begin with";
    }
    bool fits = effects_only || core_size(&ret_setup->limits) == head->snapshot_bytes;
    if (ret_setup->input_bytes != sizeof(struct input) || !fits) {
        return "recorded by a core of another layout; use the program that recorded it";
    }
    if (strcmp(head->build, recorder_build()) != 0 && !replay->options->any_build && !effects_only) {
        return "recorded by a core of other sources; use the program that recorded it, or --any-build to find what "
               "differs";
    }
    return NULL;
}

/* The core as the file's snapshot has it. False: refused or different. */
static bool core_load(struct replay *replay, const struct journal_reader *reader, const char *path)
{
    const struct journal_head *head = journal_reader_head(reader);
    struct recorder_setup setup;
    char fault[REPLAY_TEXT_BYTES];
    const char *why = setup_fault(replay, head, &setup);
    if (why == NULL && replay->stepped && head->first == replay->report->last + 1 &&
        differs(replay, "state", head->first, head->state, core_hash(replay->core))) {
        return false;
    }
    if (why == NULL && (replay->core == NULL || memcmp(&setup.limits, &replay->limits, sizeof setup.limits) != 0)) {
        free(replay->core);
        replay->loaded = false;
        replay->core = aligned_alloc(16, (core_size(&setup.limits) + 15) & ~UINT64_C(15));
        replay->limits = setup.limits;
        why = replay->core == NULL ? "out of memory" : NULL;
    }
    if (why == NULL && replay->options->effects_only) {
        why = core_init(replay->core, &setup.limits, &setup.settings, head->seed) == NULL ? "its limits are refused"
                                                                                          : NULL;
    } else if (why == NULL && core_restore(replay->core, &setup.limits, journal_reader_snapshot(reader),
                                           head->snapshot_bytes) == NULL) {
        why = "its snapshot is of another layout; use the program that recorded it";
    }
    if (why != NULL) {
        snprintf(fault, sizeof fault, "%s: %s (recorded by core %s, this is %s)", path, why, head->build,
                 recorder_build());
        end(replay, replay->report->first == 0 ? REPLAY_REFUSED : REPLAY_DAMAGED, fault);
        return false;
    }
    replay->loaded = true;
    replay->stepped = replay->stepped && head->first == replay->report->last + 1;
    return !differs(replay, "state", head->first, head->state, core_hash(replay->core));
}

static void damaged(struct replay *replay, const char *path, const char *what)
{
    char fault[REPLAY_TEXT_BYTES];
    snprintf(fault, sizeof fault, "%s: %s", path, what);
    end(replay, REPLAY_DAMAGED, fault);
}

/* False: no use going on. */
static bool file_replay(struct replay *replay, const struct journal_reader *reader, const char *path)
{
    struct replay_report *report = replay->report;
    const struct journal_head *head = journal_reader_head(reader);
    uint64_t count = journal_reader_count(reader), to = replay->options->to;
    snprintf(report->instance, sizeof report->instance, "%s", head->instance);
    snprintf(report->build, sizeof report->build, "%s", head->build);
    if (!core_load(replay, reader, path)) {
        return false;
    }
    report->files++;
    for (uint64_t i = 0; i < count && (to == 0 || head->first + i <= to); i++) {
        struct journal_record record = journal_reader_record(reader, i);
        if (!step(replay, &record)) {
            return false;
        }
    }
    if (to != 0 && head->first + count > to) {
        report->reached = true;
        return false;
    }
    report->sealed = journal_reader_tail(reader) == JOURNAL_SEALED;
    report->torn = journal_reader_tail(reader) == JOURNAL_TORN;
    if (journal_reader_damage(reader)[0] != '\0') {
        damaged(replay, path, journal_reader_damage(reader));
        replay->stepped = false;
        return true;
    }
    return !report->sealed ||
           !differs(replay, "state", head->first + count, journal_reader_state(reader), core_hash(replay->core));
}

static bool path_replay(struct replay *replay, const char *path)
{
    char error[REPLAY_TEXT_BYTES];
    replay->reader = journal_read(path, error, sizeof error);
    if (replay->reader == NULL) {
        end(replay, replay->options->path == path ? REPLAY_REFUSED : REPLAY_DAMAGED, error);
        replay->stepped = false;
        return true;
    }
    bool on = file_replay(replay, replay->reader, path);
    journal_reader_free(replay->reader);
    replay->reader = NULL;
    return on;
}

/* Where the story begins: it is told of the last steps before `to`, or before the end of the last file. */
static void story_place(struct replay *replay, const char *last_path)
{
    uint64_t last = replay->options->to;
    char error[REPLAY_TEXT_BYTES];
    struct journal_reader *reader = NULL;
    if (last == 0 && replay->options->story != NULL) {
        reader = journal_read(last_path, error, sizeof error);
    }
    if (reader != NULL) {
        last = journal_reader_head(reader)->first + journal_reader_count(reader) - 1;
        journal_reader_free(reader);
    }
    replay->story_from = last > REPLAY_STORY_STEPS ? last - REPLAY_STORY_STEPS + 1 : 1;
}

/* The newest run's files, oldest first; those without a readable head are damage. */
static void entries_replay(struct replay *replay, const struct journal_entry *entries, size_t count)
{
    size_t good = count, first;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].fault[0] != '\0') {
            damaged(replay, entries[i].path, entries[i].fault);
            good = good < i ? good : i;
        }
    }
    if (good == 0) {
        end(replay, REPLAY_REFUSED, "no journal there: nothing was recorded in this folder");
        replay->report->end = REPLAY_REFUSED;
        return;
    }
    for (first = good - 1; first > 0 && entries[first - 1].run == entries[good - 1].run; first--) {
    }
    for (size_t i = 0; i < first; i++) {
        replay->report->runs_before += i == 0 || entries[i].run != entries[i - 1].run;
    }
    story_place(replay, entries[good - 1].path);
    for (size_t i = first; i < good; i++) {
        if (!path_replay(replay, entries[i].path)) {
            break;
        }
    }
}

static void folder_replay(struct replay *replay)
{
    char error[REPLAY_TEXT_BYTES] = "out of memory";
    size_t count = 0;
    replay->entries = calloc(JOURNAL_ENTRIES_MAX, sizeof *replay->entries);
    if (replay->entries == NULL || !journal_list(replay->options->path, replay->entries, &count, error, sizeof error)) {
        end(replay, REPLAY_REFUSED, error);
    } else {
        entries_replay(replay, replay->entries, count);
    }
}

static void replay_all(struct replay *replay)
{
    struct stat status;
    const char *path = replay->options->path;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        folder_replay(replay);
    } else {
        story_place(replay, path);
        path_replay(replay, path);
    }
}

void replay_run(const struct replay_options *options, struct replay_report *ret_report)
{
    struct replay *replay = calloc(1, sizeof *replay);
    *ret_report = (struct replay_report){ .end = REPLAY_SAME };
    if (replay == NULL) {
        ret_report->end = REPLAY_REFUSED;
        snprintf(ret_report->fault, sizeof ret_report->fault, "out of memory");
        return;
    }
    replay->options = options;
    replay->report = ret_report;
    replay_of_thread = replay;
    if (setjmp(replay->panicked) == 0) {
        replay_all(replay);
        ret_report->state = replay->loaded ? core_hash(replay->core) : 0;
        if (options->story != NULL && replay->loaded) {
            tell_view(replay);
        }
        if (options->take != NULL && replay->loaded) {
            options->take(options->owner, replay->core, replay->pending.list, replay->pending.count);
        }
    } else {
        replay_story_input(&replay->input, ret_report->input, sizeof ret_report->input);
        ret_report->difference.step = replay->step;
        end(replay, REPLAY_ASSERTED, replay->assertion);
    }
    replay_of_thread = NULL;
    journal_reader_free(replay->reader);
    replay_pending_clear(&replay->pending);
    free(replay->entries);
    free(replay->core);
    free(replay);
}
