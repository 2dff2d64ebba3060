/* The model is asked first: it judges the whole trace, an expectation only its line. A script that the model can't play
 * must say so in its head; it is a mistake of the script otherwise. */
#include "conform/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "conform/judge.h"

const char *verdict_word(enum verdict_kind kind)
{
    static const char *const words[] = { "agrees", "not as expected", "not as modelled", "broken" };
    return words[kind];
}

static bool verdict_judge(const struct script *script, struct trace *trace, const struct verdict_options *options,
                          struct verdict *ret_verdict)
{
    char why[200];
    struct judge_report report;
    struct judge_options judging = { .bug = options->bug, .count = options->count };
    struct cast *cast = calloc(1, sizeof(*cast));
    bool good = cast != NULL;
    if (good && cast_make(script, options->profile, cast, why, sizeof(why)) != NULL) {
        ret_verdict->kind = VERDICT_BROKEN;
        (void)snprintf(ret_verdict->why, sizeof(ret_verdict->why), "%s; say `not model REASON`", why);
    } else if (good) {
        good = judge(script, cast, trace, &judging, &report);
        ret_verdict->modelled = true;
        if (good && !report.allowed) {
            ret_verdict->kind = VERDICT_DIFFERENCE;
            ret_verdict->line = script->lines[report.line].number;
            (void)snprintf(ret_verdict->why, sizeof(ret_verdict->why), "`%.130s`: %.200s%s",
                           script->lines[report.line].text, report.why,
                           report.exhausted ? " (after as many ways as are tried)" : "");
        }
        memcpy(ret_verdict->seen, report.seen, sizeof(ret_verdict->seen));
    }
    free(cast);
    return good;
}

bool verdict_make(const struct script *script, struct trace *trace, const struct verdict_options *options,
                  struct verdict *ret_verdict)
{
    char why[300];
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    if (options->model && !verdict_judge(script, trace, options, ret_verdict)) {
        return false;
    }
    for (uint32_t at = 0; at < script->count && ret_verdict->kind == VERDICT_GOOD; at++) {
        if (expectation_unmet(script, trace, at, why, sizeof(why)) != NULL) {
            ret_verdict->kind = VERDICT_UNMET;
            ret_verdict->line = script->lines[at].number;
            (void)snprintf(ret_verdict->why, sizeof(ret_verdict->why), "`%.200s`: %.180s", script->lines[at].text, why);
        }
    }
    return true;
}
