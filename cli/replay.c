/* Runs the replay and says how it ended: the story and the verdict on stdout, what is wrong on stderr. */
#include "cli/replay.h"

#include "cli/document.h"
#include "cli/replay_fork.h"
#include "cli/say.h"
#include "serve/replay.h"
#include "serve/replay_dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct story {
    struct document *document; /* NULL: lines go to stdout */
    struct document state;     /* the rows of the tables, for behind the story */
    const char *table;         /* the one that is open */
};

static void story_line(void *owner, const char *line)
{
    struct story *story = owner;
    if (story->document == NULL) {
        puts(line);
    } else {
        document_text(story->document, bytes_of(line));
    }
}

static void row_text(const char *table, const struct replay_field *fields, uint32_t count)
{
    printf("%-10s", table);
    for (uint32_t at = 0; at < count; at++) {
        printf(at == 0 ? " %s %s" : "  %s %s", fields[at].name, fields[at].text);
    }
    putchar('\n');
}

/* `core` is one object, the tables are lists of them. */
static void row_json(struct story *story, const char *table, const struct replay_field *fields, uint32_t count)
{
    struct document *state = &story->state;
    bool one = strcmp(table, "core") == 0;
    if (!one && (story->table == NULL || strcmp(story->table, table) != 0)) {
        if (story->table != NULL) {
            document_close(state, ']');
        }
        document_key(state, table);
        document_open(state, '[');
        story->table = table;
    } else if (one) {
        document_key(state, table);
    }
    document_open(state, '{');
    for (uint32_t at = 0; at < count; at++) {
        if (fields[at].number) {
            document_key(state, fields[at].name);
            document_raw(state, bytes_of(fields[at].text));
        } else {
            document_member(state, fields[at].name, bytes_of(fields[at].text));
        }
    }
    document_close(state, '}');
}

static void story_row(void *owner, const char *table, const struct replay_field *fields, uint32_t count)
{
    struct story *story = owner;
    if (story->document == NULL) {
        row_text(table, fields, count);
    } else {
        row_json(story, table, fields, count);
    }
}

static void story_state(void *owner, const struct core *core, const struct effect *pending, uint32_t pending_count)
{
    struct story *story = owner;
    (void)pending;
    (void)pending_count;
    document_open(&story->state, '{');
    replay_dump(core, story_row, story);
    if (story->table != NULL) {
        document_close(&story->state, ']');
    }
    document_close(&story->state, '}');
}

static bool to_read(const char *text, uint64_t *ret_to)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0) {
        say_error("--to %s: not the number of a step (1, 2, ...)", text);
        return false;
    }
    *ret_to = value;
    return true;
}

static const char *end_word(enum replay_end end)
{
    static const char *const words[] = { "same", "different", "damaged", "asserted", "refused" };
    return words[end];
}

static void member_hex(struct document *document, const char *key, uint64_t value)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    document_member(document, key, bytes_of(text));
}

static void json_difference(struct document *document, const struct replay_report *report)
{
    document_key(document, "difference");
    document_open(document, '{');
    document_member(document, "what", bytes_of(report->difference.what));
    document_member_number(document, "step", (int64_t)report->difference.step);
    member_hex(document, "expected", report->difference.expected);
    member_hex(document, "actual", report->difference.actual);
    document_member(document, "input", bytes_of(report->input));
    document_close(document, '}');
}

static const char *tail_word(const struct replay_report *report)
{
    return report->reached ? "reached" : report->sealed ? "sealed" : report->torn ? "torn" : "open";
}

static void json_report(struct document *document, const struct replay_report *report)
{
    document_member(document, "end", bytes_of(end_word(report->end)));
    document_member(document, "instance", bytes_of(report->instance));
    document_member(document, "core", bytes_of(report->build));
    document_member_number(document, "files", report->files);
    document_member_number(document, "runs_before", report->runs_before);
    document_member_number(document, "first", (int64_t)report->first);
    document_member_number(document, "last", (int64_t)report->last);
    document_member_number(document, "states_compared", (int64_t)report->hashes);
    document_member_number(document, "effects_compared", (int64_t)report->effects);
    document_member_number(document, "recorded_ms", (int64_t)(report->recorded_ns / 1000000));
    document_member(document, "tail", bytes_of(tail_word(report)));
    member_hex(document, "hash", report->state);
    document_member(document, "fault", bytes_of(report->fault));
    if (report->end == REPLAY_DIFFERENT) {
        json_difference(document, report);
    } else if (report->end == REPLAY_ASSERTED) {
        document_member_number(document, "step", (int64_t)report->difference.step);
        document_member(document, "input", bytes_of(report->input));
    }
}

static const char *tail_words(const struct replay_report *report)
{
    if (report->reached) {
        return "as far as asked for";
    }
    if (report->sealed) {
        return "it was stopped in order";
    }
    return report->torn ? "it was killed while it wrote the next record, which is left out"
                        : "it was killed there, or still runs";
}

static void tell_report(const struct replay_report *report)
{
    if (report->last != 0) {
        printf("instance %s, core %s\n", report->instance, report->build);
        printf("steps %" PRIu64 " to %" PRIu64 " in %" PRIu32 " file%s, %.3f s of its life: %s\n", report->first,
               report->last, report->files, report->files == 1 ? "" : "s", (double)report->recorded_ns / 1e9,
               tail_words(report));
        printf("compared %" PRIu64 " states and the effects of %" PRIu64 " steps, hash %016" PRIx64 "\n",
               report->hashes, report->effects, report->state);
    }
    if (report->runs_before != 0) {
        say("%" PRIu32 " older run%s in the folder: name a file to replay it", report->runs_before,
            report->runs_before == 1 ? "" : "s");
    }
}

static void tell_end(const struct replay_report *report)
{
    switch (report->end) {
    case REPLAY_SAME:
        puts("all the same");
        break;
    case REPLAY_DIFFERENT:
        say_error("the %s differ%s at step %" PRIu64 ": recorded %016" PRIx64 ", now %016" PRIx64,
                  report->difference.what, strcmp(report->difference.what, "state") == 0 ? "s" : "",
                  report->difference.step, report->difference.expected, report->difference.actual);
        say("input  %s", report->input);
        break;
    case REPLAY_ASSERTED:
        say_error("the core fails an assertion at step %" PRIu64 ": %s", report->difference.step, report->fault);
        say("input  %s", report->input);
        break;
    case REPLAY_DAMAGED:
        say_error("damaged: %s", report->fault);
        break;
    default:
        say_error("%s", report->fault);
    }
}

static int exit_code_of(enum replay_end end)
{
    return end == REPLAY_SAME ? EXIT_DONE : end == REPLAY_REFUSED ? EXIT_USAGE : EXIT_SAID_NO;
}

int replay_command_run(const struct arguments *arguments)
{
    struct document document = { 0 };
    bool json = arguments_has(arguments, "json"), dump = arguments_has(arguments, "dump");
    struct story story = { .document = json ? &document : NULL };
    struct replay_options options = { .path = arguments->words[0],
                                      .effects_only = arguments_has(arguments, "effects"),
                                      .any_build = arguments_has(arguments, "any-build"),
                                      .story = dump ? story_line : NULL,
                                      .take = dump ? story_state : NULL,
                                      .owner = &story };
    struct replay_report report;
    const char *to = arguments_text(arguments, "to", NULL);
    if (arguments_text(arguments, "fork", NULL) != NULL) {
        return replay_fork_run(arguments);
    }
    if (to != NULL && !to_read(to, &options.to)) {
        return EXIT_USAGE;
    }
    if (json) {
        document_open(&document, '{');
        document_key(&document, "story");
        document_open(&document, '[');
    }
    replay_run(&options, &report);
    if (!json) {
        event_buffer_free(&story.state.text);
        tell_report(&report);
        tell_end(&report);
        return exit_code_of(report.end);
    }
    document_close(&document, ']');
    if (story.state.text.length > 0) {
        document_key(&document, "state");
        document_raw(&document, (struct bytes){ story.state.text.at, story.state.text.length });
    }
    event_buffer_free(&story.state.text);
    json_report(&document, &report);
    document_close(&document, '}');
    return document_print(&document) ? exit_code_of(report.end) : EXIT_SAID_NO;
}
