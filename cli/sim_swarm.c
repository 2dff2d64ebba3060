/* stead sim swarm: many seeds on several threads, with a bar while they run and a table at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/sim_schedule.h"
#include "cli/sim_tell.h"
#include "sim/swarm.h"

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
            (double)(so_far->steps + so_far->steps_again) / seconds / 1e6, (double)so_far->simulated_ns / 1e9 / seconds,
            so_far->failures);
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

/* What the fleet came to of all that must happen sometimes; with `all` each of them, else those that never happened. */
static void table_sometimes(const struct swarm_report *report, bool all)
{
    static struct sometimes_list list;
    sometimes_list(report, &list);
    for (uint32_t at = 0; at < list.count; at++) {
        const struct sometimes_row *row = &list.row[at];
        if (all) {
            printf("%12" PRIu64 "  %s\n", row->times, row->name);
        } else if (row->times == 0) {
            printf("never: %s\n", row->name);
        }
    }
    printf("coverage %.1f %%: %" PRIu32 " of %" PRIu32 " that must happen sometimes\n",
           100.0 * (double)list.reached / (double)list.count, list.reached, list.count);
}

static void swarm_table(const struct sim_arguments *arguments, const struct swarm_report *report, double seconds)
{
    table_counters("faults", report->faults, FAULT_COUNT, sim_name_of_fault);
    table_counters("effects", report->effects, EFFECT_COUNT, sim_name_of_effect);
    table_counters("results by end", report->ends, END_COUNT, sim_name_of_end);
    table_counters("answers by reason", report->replies, REASON_COUNT, sim_name_of_reason);
    table_sometimes(report, arguments->sometimes);
    for (uint32_t at = 0; at < report->failures_listed; at++) {
        sim_tell_failure(stdout, arguments, report->failure[at].seed, &report->failure[at].violation);
    }
    printf("replayed %" PRIu64 " seeds: the same hash, and clean from outside\n", report->replayed);
    printf("slowest seed %" PRIu64 ": %.3f s of one processor\n", report->slowest_seed,
           (double)report->slowest_ns / 1e9);
    printf("%" PRIu64 " seeds, %" PRIu64 " clean, %" PRIu64
           " failed; %.1f M steps and %.1f M again, %.1f h simulated, %.1f s, %.2f M steps/s\n",
           report->seeds, report->clean, report->failures, (double)report->steps / 1e6,
           (double)report->steps_again / 1e6, (double)report->simulated_ns / 3.6e12, seconds,
           (double)(report->steps + report->steps_again) / seconds / 1e6);
}

static void swarm_json(const struct swarm_report *report, double seconds)
{
    printf("{\"seeds\":%" PRIu64 ",\"clean\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"hash\":\"%016" PRIx64
           "\",\"seconds\":%.3f,\"replayed\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"violations\":[",
           report->seeds, report->clean, report->steps, report->hash, seconds, report->replayed, report->failures);
    for (uint32_t at = 0; at < report->failures_listed; at++) {
        fputs(at == 0 ? "" : ",", stdout);
        sim_json_violation(report->failure[at].seed, &report->failure[at].violation);
    }
    printf("],\"steps_again\":%" PRIu64, report->steps_again);
    printf(",\"slowest\":{\"seed\":%" PRIu64 ",\"seconds\":%.6f}", report->slowest_seed,
           (double)report->slowest_ns / 1e9);
    printf(",\"accepted\":%" PRIu64 ",\"executions\":%" PRIu64 ",\"redeliveries\":%" PRIu64 ",\"resurrected\":%" PRIu64
           ",\"duplicates_averted\":%" PRIu64,
           report->accepted, report->executions, report->redeliveries, report->resurrected, report->refused_results);
    sim_json_counters("ends", report->ends, END_COUNT, sim_name_of_end);
    sim_json_counters("replies", report->replies, REASON_COUNT, sim_name_of_reason);
    sim_json_counters("faults", report->faults, FAULT_COUNT, sim_name_of_fault);
    sim_json_counters("effects", report->effects, EFFECT_COUNT, sim_name_of_effect);
    puts("}");
}

int sim_swarm_main(const struct sim_arguments *arguments)
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
