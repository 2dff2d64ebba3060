/* Hands the history of a run, line by line, to check/, which knows neither the world nor the core: what the judge of
 * the world overlooks, because it believes a note of its own, a caller would still see. */
#include "sim/outside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"

struct listener {
    struct check *check;
    uint64_t lines;
    bool taken; /* each line so far was one */
};

static void listener_line(void *owner, const char *line, size_t length)
{
    struct listener *listener = owner;
    listener->taken = listener->taken && check_line(listener->check, "history", ++listener->lines, line, length);
}

static void violation_of(const struct check_violation *found, uint64_t step, struct sim_violation *ret_violation)
{
    *ret_violation = (struct sim_violation){ .step = step, .at_ns = found->t_ns };
    snprintf(ret_violation->id, sizeof(ret_violation->id), "%s", check_rule_name(found->rule));
    snprintf(ret_violation->why, sizeof(ret_violation->why), "%.20s by the history, line %llu: %.100s", found->request,
             (unsigned long long)found->line, found->why);
}

static bool unjudged(const struct sim_options *options, const char *id)
{
    return options->without != NULL && strcmp(options->without, id) == 0;
}

/* NULL: there is none. */
static const struct check_violation *first_of(const struct check_report *report, const struct sim_options *options)
{
    for (uint32_t at = 0; at < report->listed_count; at++) {
        if (!unjudged(options, check_rule_name(report->listed[at].rule))) {
            return &report->listed[at];
        }
    }
    return NULL;
}

bool outside_run(const struct sim_options *options, struct sim_report *ret_report, struct sim_violation *ret_violation)
{
    struct listener listener = { .check = check_new(), .taken = true };
    struct sim_options heard = *options;
    heard.history = listener_line;
    heard.history_owner = &listener;
    bool ok = listener.check != NULL && sim_run(&heard, ret_report);
    const struct check_report *report = ok && listener.taken ? check_judge(listener.check) : NULL;
    if (ok && report == NULL) { /* A history that cannot be read is a fault of the one who wrote it. */
        *ret_violation = (struct sim_violation){ .id = "S20", .step = ret_report->steps };
        snprintf(ret_violation->why, sizeof(ret_violation->why), "%s", check_fault(listener.check));
    } else if (ok && first_of(report, options) != NULL) {
        violation_of(first_of(report, options), ret_report->steps, ret_violation);
    }
    check_free(listener.check);
    return ok;
}

static void violation_of_hash(const struct sim_report *report, uint64_t other, const char *id, const char *what,
                              struct sim_violation *ret_violation)
{
    *ret_violation = (struct sim_violation){ .step = report->steps, .at_ns = report->simulated_ns };
    snprintf(ret_violation->id, sizeof(ret_violation->id), "%s", id);
    snprintf(ret_violation->why, sizeof(ret_violation->why), "%s: %016" PRIx64 " and %016" PRIx64, what,
             strcmp(id, "S20") != 0 ? report->effects_hash : report->hash, other);
}

/* The same seed once more, without what must change no effect: jumps of wall clocks, and the lengths of payloads. Both
 * at once, since that is mostly enough; if it is not, the wall clocks alone tell which of them it was. */
static bool play_otherwise(const struct sim_options *options, const struct sim_report *report, struct sim_report *again,
                           struct sim_violation *ret_violation)
{
    struct sim_options otherwise = *options;
    otherwise.wall_jumps_never = !unjudged(options, "S15");
    otherwise.other_lengths = !unjudged(options, "S21");
    bool ok = sim_run(&otherwise, again);
    if (!ok || again->effects_hash == report->effects_hash) {
        return ok;
    }
    bool both = otherwise.wall_jumps_never && otherwise.other_lengths;
    otherwise.other_lengths = otherwise.other_lengths && !both;
    uint64_t steps = again->steps;
    ok = !both || sim_run(&otherwise, again);
    again->steps += both ? steps : 0;
    bool walls = again->effects_hash != report->effects_hash && otherwise.wall_jumps_never;
    if (ok) {
        violation_of_hash(report, again->effects_hash, walls ? "S15" : "S21",
                          walls ? "other effects without jumps of wall clocks"
                                : "other effects of payloads of other lengths",
                          ret_violation);
    }
    return ok;
}

bool outside_play(const struct sim_options *options, const struct sim_report *report,
                  struct sim_violation *ret_violation, uint64_t *ret_steps)
{
    struct sim_report *again = malloc(sizeof(*again));
    bool ok = again != NULL && outside_run(options, again, ret_violation);
    if (ok && ret_violation->id[0] == 0 && again->hash != report->hash && !unjudged(options, "S20")) {
        violation_of_hash(report, again->hash, "S20", "the second run has another hash", ret_violation);
    }
    *ret_steps = ok ? again->steps : 0;
    if (ok && ret_violation->id[0] == 0) {
        ok = play_otherwise(options, report, again, ret_violation);
        *ret_steps += again->steps;
    }
    free(again);
    return ok;
}
