/* stead sim mutants            every planted bug, and how many seeds it takes to find it
 * stead sim mutants --matrix   every check, and the planted bugs that nothing else finds
 * stead sim mutants --list     the table itself, for docs/internals/planted-bugs.md
 *
 * The bugs are only in the program `stead-mutants` of the preset `mutants`; the ordinary one says so. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/sim_schedule.h"
#include "cli/sim_tell.h"
#ifdef STEAD_MUTANTS
#include "sim/matrix.h"

static void progress_draw(void *owner, uint32_t done, uint32_t count)
{
    (void)owner;
    fprintf(stderr, "\r%" PRIu32 "/%" PRIu32 " planted bugs ", done, count);
}

static void tell_table(const struct mutants_report *report)
{
    printf("%-4s %-22s %-9s %-9s %6s  %s\n", "id", "name", "invariant", "found by", "seeds", "what it does");
    for (uint32_t at = 0; at < report->count; at++) {
        const struct mutant_row *row = &report->row[at];
        printf("M%02" PRIu32 "%s %-22s %-9s %-9s %6" PRIu64 "  %s\n", row->number, row->number < 100 ? " " : "",
               row->name, row->invariant, row->violation.id[0] == 0 ? "-" : row->violation.id, row->seeds, row->what);
    }
    printf("%" PRIu32 " planted bugs, %" PRIu32 " found by the invariant that names them\n", report->count,
           report->found);
}

static void tell_json(const struct mutants_report *report)
{
    fputs("{\"mutants\":[", stdout);
    for (uint32_t at = 0; at < report->count; at++) {
        const struct mutant_row *row = &report->row[at];
        printf("%s{\"id\":\"M%02" PRIu32 "\",\"found\":%s,\"invariant\":\"%s\",\"seeds\":%" PRIu64 "}",
               at == 0 ? "" : ",", row->number, row->found ? "true" : "false",
               row->violation.id[0] == 0 ? row->invariant : row->violation.id, row->seeds);
    }
    puts("]}");
}

/* Each that was not found, with the command that shows what found it instead. */
static void tell_missed(const struct mutants_report *report)
{
    for (uint32_t at = 0; at < report->count; at++) {
        const struct mutant_row *row = &report->row[at];
        if (!row->found && row->violation.id[0] != 0) {
            fprintf(stderr,
                    "M%02" PRIu32 " is found by %s, not by %s: %s | stead-mutants run --seed %" PRIu64
                    " --mutant %" PRIu32 "\n",
                    row->number, row->violation.id, row->invariant, row->violation.why, row->seeds, row->number);
        } else if (!row->found) {
            fprintf(stderr, "M%02" PRIu32 " survives %" PRIu64 " seeds\n", row->number, row->seeds);
        }
    }
}

static int mutants_play(const struct mutants_options *options, bool json)
{
    static struct mutants_report report;
    bool ok = mutants_run(options, &report);
    fputs(options->progress != NULL ? "\n" : "", stderr);
    if (!ok) {
        fputs("stead sim mutants: out of memory or threads\n", stderr);
        return SIM_EXIT_NO_MEMORY;
    }
    if (json) {
        tell_json(&report);
    } else {
        tell_table(&report);
    }
    tell_missed(&report);
    return report.found == report.count ? SIM_EXIT_CLEAN : SIM_EXIT_CRASH;
}

static void tally_tell(const char *title, const struct matrix_tally *list, uint32_t count)
{
    fputs(title, stdout);
    for (uint32_t at = 0; at < count; at++) {
        printf(" %s", list[at].id);
    }
}

/* The bugs of one check, which the table names first at `from`. */
static void check_tell(const struct matrix_report *report, uint32_t from)
{
    const char *id = report->row[from].invariant;
    for (uint32_t at = from; at < report->count; at++) {
        const struct matrix_row *row = &report->row[at];
        if (strcmp(row->invariant, id) == 0) {
            printf("%-4s M%02" PRIu32 "%s", id, row->number, row->number < 100 ? " " : "");
            tally_tell(" first", row->first, row->first_count);
            if (matrix_is_own(row)) {
                fputs("; else nothing", stdout);
            } else {
                tally_tell("; else", row->without, row->without_count);
            }
            printf("  (%s)\n", row->what);
        }
    }
}

static bool check_is_new(const struct matrix_report *report, uint32_t at)
{
    uint32_t before = 0;
    while (before < at && strcmp(report->row[before].invariant, report->row[at].invariant) != 0) {
        before++;
    }
    return before == at;
}

static uint32_t check_owns(const struct matrix_report *report, const char *id)
{
    uint32_t own = 0;
    for (uint32_t at = 0; at < report->count; at++) {
        own += strcmp(report->row[at].invariant, id) == 0 && matrix_is_own(&report->row[at]);
    }
    return own;
}

/* Every check, and whether it has a bug of its own. */
static uint32_t matrix_tell(const struct matrix_report *report, bool json)
{
    uint32_t poor = 0, checks = 0;
    fputs(json ? "{\"checks\":[" : "", stdout);
    for (uint32_t at = 0; at < report->count; at++) {
        const char *id = report->row[at].invariant;
        if (!check_is_new(report, at)) {
            continue;
        }
        uint32_t own = check_owns(report, id);
        poor += own == 0;
        if (json) {
            printf("%s{\"id\":\"%s\",\"own\":%" PRIu32 "}", checks == 0 ? "" : ",", id, own);
        } else {
            check_tell(report, at);
        }
        checks++;
    }
    if (json) {
        puts("]}");
    } else {
        printf("%" PRIu32 " checks, %" PRIu32 " with a planted bug that nothing else finds\n", checks, checks - poor);
    }
    return poor;
}

static int matrix_play(const struct mutants_options *options, bool json)
{
    static struct matrix_report report;
    bool ok = matrix_run(options, &report);
    fputs(options->progress != NULL ? "\n" : "", stderr);
    if (!ok) {
        fputs("stead sim mutants: out of memory or threads\n", stderr);
        return SIM_EXIT_NO_MEMORY;
    }
    return matrix_tell(&report, json) == 0 ? SIM_EXIT_CLEAN : SIM_EXIT_CRASH;
}

static void list_print(void)
{
    static const struct mutant_row rows[] = {
#define X(number_, name_, invariant_, what_) { .number = (number_), .invariant = (invariant_), .what = (what_) },
        MUTANTS(X)
#undef X
    };
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    fputs("# Planted bugs\n\nWritten by `make docs` from `core/mutants.h`. Each bug must be found by the check beside "
          "it, and each check has\n"
          "at least one bug that nothing else finds: `tests/sim/mutants` and `tests/sim/matrix` require it\n"
          "([how](simulator.md#planted-bugs), [what the ids mean](../invariants.md)). From M100 on they are in "
          "stand-ins for adapters.\n\n"
          "| found by | bug | what it does |\n|---|---|---|\n",
          stdout);
    for (uint32_t from = 0; from < ROWS; from++) {
        bool listed = false;
        for (uint32_t at = 0; at < from; at++) {
            listed = listed || strcmp(rows[at].invariant, rows[from].invariant) == 0;
        }
        for (uint32_t at = from; at < ROWS && !listed; at++) {
            if (strcmp(rows[at].invariant, rows[from].invariant) == 0) {
                printf("| %s | M%02" PRIu32 " | %s |\n", rows[at].invariant, rows[at].number, rows[at].what);
            }
        }
    }
}

int sim_mutants_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list_print();
        return SIM_EXIT_CLEAN;
    }
    uint64_t seeds = 200, jobs = 1, steps = SIM_STEPS_DEFAULT;
    bool json = false, matrix = false;
    const char *check = NULL;
    for (int at = 1; at < argc; at++) {
        uint64_t *number = strcmp(argv[at], "--seeds") == 0   ? &seeds
                           : strcmp(argv[at], "--jobs") == 0  ? &jobs
                           : strcmp(argv[at], "--steps") == 0 ? &steps
                                                              : NULL;
        bool *flag = strcmp(argv[at], "--json") == 0 ? &json : strcmp(argv[at], "--matrix") == 0 ? &matrix : NULL;
        if (flag != NULL) {
            *flag = true;
            continue;
        }
        if (strcmp(argv[at], "--check") == 0 && argv[at + 1] != NULL) {
            check = argv[++at];
            continue;
        }
        if (number == NULL || !sim_number_read(argv[++at], number) || *number == 0) {
            fputs("usage: stead-mutants mutants [--matrix [--check ID] | --list] [--seeds K] [--jobs N] [--steps N] "
                  "[--json]\n",
                  stderr);
            return SIM_EXIT_USAGE;
        }
    }
    struct mutants_options options = { .seeds = seeds, .steps = steps, .jobs = (uint32_t)jobs, .check = check };
    options.progress = isatty(STDERR_FILENO) == 1 ? progress_draw : NULL;
    return matrix ? matrix_play(&options, json) : mutants_play(&options, json);
}
#else
int sim_mutants_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("stead sim mutants: this program has no planted bugs; build the one that has, and run it:\n"
          "  ci/build mutants stead-mutants && build/mutants/stead-mutants mutants\n",
          stderr);
    return SIM_EXIT_USAGE;
}
#endif
