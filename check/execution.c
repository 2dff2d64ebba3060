/* How one request ran, against what its callers were told: the functions themselves are the witnesses.
 *
 * An execution without an end died. Who is to blame decides whether it may be charged: its own process (it exited
 * before its instance did) or the instance. Counting needs a history that saw every execution: `exact` in
 * the settings. */
#include "check/history.h"

static const struct promise *promise_of(const struct check *check, uint32_t fn)
{
    const struct promise *found = NULL;
    for (uint32_t at = 0; at < check->promises_count; at++) {
        const struct promise *promise = &check->promises[at];
        if (promise->fn == fn || (promise->fn == 0 && found == NULL)) {
            found = promise;
        }
    }
    return found;
}

static bool is_execution(const struct check *check, uint32_t operation)
{
    return operation_begin(check, operation)->word == WORD_exec;
}

static bool could_return(const struct check *check, uint32_t operation, const struct event *result, uint32_t input)
{
    const struct event *begin = operation_begin(check, operation), *close = operation_close(check, operation);
    if (input != 0 && begin->in != 0 && begin->in != input) {
        return false;
    }
    if (close == NULL || close->op == OP_info || (close->op == OP_ok && close->dig == 0)) {
        return begin->t <= result->t; /* how it ended is unknown */
    }
    return close->op == OP_ok && close->dig == result->dig && close->t <= result->t + check->slack_ns;
}

static void judge_success(struct check *check, const struct request *request, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation), *end = operation_evidence(check, operation);
    if (end == NULL || end->end != ENDED_succeeded || end->dig == 0) {
        return;
    }
    uint32_t input = end->in != 0 ? end->in : begin->word == WORD_call ? begin->in : 0;
    for (uint32_t at = request->first; at < request->last; at++) {
        if (is_execution(check, at) && could_return(check, at, end, input)) {
            return;
        }
    }
    judge_violation(check, CHECK_S3, check->operations[operation].close,
                    "a success that no execution of it had returned before");
}

/* An execution runs an input that somebody asked for, not before it was asked for. */
static void judge_asked(struct check *check, const struct request *request, uint32_t operation)
{
    const struct event *execution = operation_begin(check, operation);
    bool asked = false, same = false, named = false;
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at);
        if (begin->word > WORD_publish || begin->t > execution->t + check->slack_ns) {
            continue;
        }
        asked = true;
        same = same || begin->in == 0 || execution->in == 0 || begin->in == execution->in;
        named = named || begin->fn == 0 || begin->fn == execution->fn;
    }
    if (!asked || !same) {
        judge_violation(check, CHECK_S3, check->operations[operation].begin,
                        asked ? "it runs on an input that nobody gave" : "it runs, and nobody had asked for it");
    } else if (!named) {
        judge_violation(check, CHECK_S16, check->operations[operation].begin,
                        "it runs on another function than was asked for");
    }
}

/* Whether it may have run into its time-out by then: half of that is taken for all of it, since clocks differ. */
static bool timed_out(const struct check *check, const struct request *request, const struct event *begin,
                      uint64_t until_ns)
{
    const struct promise *promise = promise_of(check, request->fn);
    return promise != NULL && until_ns - begin->t >= promise->timeout_ns / 2;
}

/* Whether this execution may have cost the request an attempt. One that hung for its time-out did before its instance
 * went. */
static bool may_be_charged(const struct check *check, const struct request *request, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation);
    if (operation_close(check, operation) != NULL) {
        return true;
    }
    const struct stay *stay = background_stay(check, begin->node, begin->t);
    return stay == NULL || stay->down_ns == FOREVER || timed_out(check, request, begin, stay->down_ns) ||
           background_exited(check, begin->proc, begin->t, stay->down_ns);
}

static void judge_attempts(struct check *check, const struct request *request)
{
    const struct promise *promise = promise_of(check, request->fn);
    uint64_t most = promise != NULL && promise->retries != FOREVER ? promise->retries + 1 : FOREVER;
    uint64_t chargeable = 0, executions = 0;
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at);
        if (!is_execution(check, at)) {
            continue;
        }
        executions++;
        chargeable += may_be_charged(check, request, at);
        if (begin->try > most) {
            judge_violation(check, CHECK_S4, check->operations[at].begin, "attempt %u of %llu", begin->try,
                            (unsigned long long)most);
        }
        if (promise != NULL && executions > promise->executions_max) {
            judge_violation(check, CHECK_L10, check->operations[at].begin, "execution %llu, over its budget",
                            (unsigned long long)executions);
        }
    }
    const struct event *end = request->evidence != NOTHING ? &check->events[request->evidence] : NULL;
    if (end == NULL || !end->has_att) {
        return;
    }
    if (end->att > most) {
        judge_violation(check, CHECK_S4, request->evidence, "%u attempts were charged, %llu are allowed", end->att,
                        (unsigned long long)most);
    } else if (check->exact && !check->starts_failed && end->end != ENDED_expired && end->att > chargeable) {
        judge_violation(check, CHECK_S4, request->evidence, "%u attempts were charged, %llu executions may be",
                        end->att, (unsigned long long)chargeable);
    }
}

static void judge_versions(struct check *check, const struct request *request)
{
    const struct event *before = NULL;
    for (uint32_t at = request->first; check->deploys_count > 0 && at < request->last; at++) {
        const struct event *begin = operation_begin(check, at);
        if (!is_execution(check, at) || begin->ver == 0) {
            continue;
        }
        if (!background_published(check, begin->fn, begin->ver, begin->t + check->slack_ns)) {
            judge_violation(check, CHECK_S16, check->operations[at].begin, "it runs on a version nobody published");
        }
        if (before != NULL && before->ver != begin->ver && !background_changed(check, begin->fn, before->t, begin->t)) {
            judge_violation(check, CHECK_S16, check->operations[at].begin,
                            "it runs on another version than at line %u, and nothing changed", before->line);
        }
        before = begin;
    }
}

/* The same attempt again: nothing came of the first one, neither a result nor a charge. */
static bool runs_again(const struct check *check, const struct request *request, const struct event *before, uint64_t t)
{
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at);
        if (is_execution(check, at) && begin->t > t && begin->try <= before->try) {
            return true;
        }
    }
    return false;
}

static void judge_drain(struct check *check, const struct request *request, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation), *close = operation_close(check, operation);
    const struct stay *stay = background_stay(check, begin->node, begin->t);
    if (stay == NULL || stay->drained_ns == FOREVER) {
        return;
    }
    if (begin->t > stay->drained_ns && begin->t < stay->down_ns) {
        judge_violation(check, CHECK_S13, check->operations[operation].begin, "it starts where all was drained");
        return;
    }
    bool over = stay->drained_ns - stay->drain_ns >= stay->grace_ns;
    bool died = check->exact && close == NULL && runs_again(check, request, begin, stay->drained_ns) &&
                !background_exited(check, begin->proc, begin->t, stay->drained_ns) &&
                !timed_out(check, request, begin, stay->drained_ns);
    bool runs_on = close != NULL && close->t > stay->drained_ns;
    if (!over && begin->t < stay->drained_ns && (died || runs_on)) {
        judge_violation(check, CHECK_S13, check->operations[operation].begin,
                        "it was cut off by a drain whose grace was not over");
    }
}

void judge_executions(struct check *check, const struct request *request)
{
    for (uint32_t at = request->first; at < request->last; at++) {
        judge_success(check, request, at);
        if (is_execution(check, at)) {
            judge_asked(check, request, at);
            judge_drain(check, request, at);
        }
    }
    if (request->refused && request->ran != NOTHING) {
        judge_violation(check, CHECK_S7, request->ran, "it runs, though all who asked for it were refused");
    }
    judge_attempts(check, request);
    judge_versions(check, request);
}
