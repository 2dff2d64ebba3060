/* Reads histories, has them judged, and prints the verdict: a line for each violation and a line that sums up; draws
 * them too, if asked. The exit status is the simulator's: the class of the worst that was found. */
#include "cli/check.h"

#include "check/check.h"
#include "cli/document.h"
#include "cli/picture.h"
#include "cli/say.h"
#include "cli/sim_schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int exit_of(const struct check_report *report)
{
    int status = SIM_EXIT_CLEAN;
    for (uint32_t rule = 0; rule < CHECK_RULE_COUNT; rule++) {
        if (report->by_rule[rule] != 0 && !check_rule_is_liveness((enum check_rule)rule)) {
            return SIM_EXIT_SAFETY;
        }
        status = report->by_rule[rule] != 0 ? SIM_EXIT_LIVENESS : status;
    }
    return status;
}

static void tell_violation(const struct check_violation *violation)
{
    printf("FAIL %s %s:%" PRIu64 " t=%.3fs ", check_rule_name(violation->rule), violation->file, violation->line,
           (double)violation->t_ns / 1e9);
    if (violation->request[0] != 0) {
        fputs("request ", stdout);
        say_text(stdout, bytes_of(violation->request));
        putchar(' ');
    }
    printf(": %s\n", violation->why);
}

static void tell(const struct check_report *report)
{
    for (uint32_t at = 0; at < report->listed_count; at++) {
        tell_violation(&report->listed[at]);
    }
    if (report->violations > report->listed_count) {
        printf("and %" PRIu64 " more\n", report->violations - report->listed_count);
    }
    for (uint32_t rule = 0; rule < CHECK_RULE_COUNT; rule++) {
        if (report->by_rule[rule] != 0) {
            printf("%-4s %6" PRIu64 " times broken: %s\n", check_rule_name((enum check_rule)rule),
                   report->by_rule[rule], check_rule_meaning((enum check_rule)rule));
        }
    }
    printf("%" PRIu64 " lines, %" PRIu64 " operations, %" PRIu64 " executions; of %" PRIu64 " requests %" PRIu64
           " accepted, %" PRIu64 " ended, %" PRIu64 " queued, %" PRIu64 " unknown, %" PRIu64 " lost: %" PRIu64
           " violations\n",
           report->lines, report->operations, report->executions, report->requests, report->accepted, report->terminal,
           report->queued, report->unknown, report->lost, report->violations);
    if (!report->witnessed) {
        puts("no executions were logged: S3, S4, S13, S16 and L10 were not judged");
    }
}

static void json_violations(struct document *document, const struct check_report *report)
{
    document_key(document, "violations");
    document_open(document, '[');
    for (uint32_t at = 0; at < report->listed_count; at++) {
        const struct check_violation *violation = &report->listed[at];
        document_open(document, '{');
        document_member(document, "id", bytes_of(check_rule_name(violation->rule)));
        document_member(document, "request", bytes_of(violation->request));
        document_member(document, "file", bytes_of(violation->file));
        document_member_number(document, "line", (int64_t)violation->line);
        document_member_number(document, "t_ns", (int64_t)violation->t_ns);
        document_member(document, "why", bytes_of(violation->why));
        document_close(document, '}');
    }
    document_close(document, ']');
}

static bool json(const struct check_report *report)
{
    struct document document = { 0 };
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {
        { "lines", report->lines },         { "operations", report->operations }, { "executions", report->executions },
        { "requests", report->requests },   { "accepted", report->accepted },     { "ended", report->terminal },
        { "queued", report->queued },       { "unknown", report->unknown },       { "lost", report->lost },
        { "forgotten", report->forgotten },
    };
    document_open(&document, '{');
    for (size_t at = 0; at < sizeof(numbers) / sizeof(numbers[0]); at++) {
        document_member_number(&document, numbers[at].key, (int64_t)numbers[at].number);
    }
    document_key(&document, "witnessed");
    document_truth(&document, report->witnessed);
    document_member_number(&document, "violations_count", (int64_t)report->violations);
    json_violations(&document, report);
    document_close(&document, '}');
    return document_print(&document);
}

static int judged(struct check *check, const struct arguments *arguments)
{
    const struct check_report *report = NULL;
    bool ok = true;
    for (uint32_t at = 0; ok && at < arguments->word_count; at++) {
        ok = check_file(check, arguments->words[at]);
    }
    report = ok ? check_judge(check) : NULL;
    if (report == NULL) {
        say_error("%s", check_fault(check));
        return SIM_EXIT_USAGE;
    }
    if (!arguments_has(arguments, "json")) {
        tell(report);
    } else if (!json(report)) {
        return SIM_EXIT_NO_MEMORY;
    }
    const char *path = arguments_text(arguments, "report", NULL);
    const struct check_picture picture = { .title = arguments_text(arguments, "title", arguments->words[0]),
                                           .reproduce = arguments_text(arguments, "again", NULL) };
    return path == NULL || picture_save(check, &picture, path) ? exit_of(report) : SIM_EXIT_NO_OUTPUT;
}

int check_command_run(const struct arguments *arguments)
{
    struct check *check = check_new();
    if (check == NULL) {
        say_error("out of memory");
        return SIM_EXIT_NO_MEMORY;
    }
    int status = judged(check, arguments);
    check_free(check);
    return status;
}
