/* One request: what became of it, and whether everybody who asked was told that.
 *
 * Evidence is whatever shows the stored result: an answer with an `end`, a result that was read, a cancel that was
 * granted, and the read-back. A request is accepted if a caller was told so, or if it ran or has a result: both are
 * possible only for what the broker had. A result may be gone, and be another one, once it was kept for its retention;
 * nothing is concluded beyond that. */
#include "check/history.h"

#include <string.h>

const struct event *operation_evidence(const struct check *check, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation), *close = operation_close(check, operation);
    bool stored = begin->word < WORD_exec || (begin->word == WORD_readback && begin->what == TEXT_result);
    return stored && close != NULL && close->end != ENDED_none ? close : NULL;
}

static bool word_asks_to_run(uint8_t word)
{
    return word == WORD_call || word == WORD_submit || word == WORD_publish;
}

static bool kept_no_longer(const struct check *check, uint64_t from_ns, uint64_t until_ns)
{
    return check->retention_ns != FOREVER && until_ns > from_ns && until_ns - from_ns > check->retention_ns;
}

static void request_accept(struct request *request, uint32_t event, uint64_t t)
{
    if (t < request->accepted_ns) {
        request->accepted_ns = t;
        request->accepted = event;
    }
}

static void request_note(const struct check *check, struct request *request, uint32_t at)
{
    const struct event *begin = operation_begin(check, at), *close = operation_close(check, at);
    uint32_t event = check->operations[at].begin;
    bool asks = word_asks_to_run(begin->word), ends = close != NULL && operation_evidence(check, at) != NULL;
    if (asks) {
        request->asked = request->asked == NOTHING ? event : request->asked;
        request->fn = request->fn == 0 ? begin->fn : request->fn;
        request->refused = request->refused && close != NULL && close->op == OP_fail && !ends;
    }
    if (ends && (request->evidence == NOTHING || close->t < check->events[request->evidence].t)) {
        request->evidence = check->operations[at].close;
    }
    if ((asks && close != NULL && close->op == OP_ok) || ends) {
        request_accept(request, check->operations[at].close, close->t);
    }
    if (begin->word == WORD_exec && request->ran == NOTHING) {
        request->ran = event;
    }
    bool queued = begin->what == TEXT_queued || begin->what == TEXT_stranded;
    if (begin->word == WORD_exec || (begin->word == WORD_readback && queued)) {
        request_accept(request, event, begin->t);
    }
    if (begin->word == WORD_readback && begin->what == TEXT_forgotten) {
        request->forgotten = true;
    } else if (begin->word == WORD_readback && begin->what == TEXT_stranded) {
        request->stranded = true;
    } else if (begin->word == WORD_readback) {
        uint32_t *found = begin->what == TEXT_queued ? &request->queued
                          : begin->what == TEXT_dead ? &request->dead
                                                     : &request->stored;
        *found = event;
    }
}

static void judge_end(struct check *check, const struct request *request)
{
    struct check_report *report = &check->report;
    bool accepted = request->accepted != NOTHING, terminal = request->evidence != NOTHING;
    bool queued = request->queued != NOTHING;
    report->requests++;
    report->accepted += accepted;
    report->terminal += terminal;
    report->queued += queued;
    report->unknown += !accepted && !terminal && !request->refused && request->asked != NOTHING;
    if (queued) {
        judge_violation(check, CHECK_L7, request->queued, "still queued when all was read back%s",
                        terminal ? ", though its result is stored" : "");
    }
    if (!accepted || terminal || request->stranded) {
        return;
    }
    if (queued) {
        judge_violation(check, CHECK_L1, request->queued, "accepted, and has not ended");
    } else if (!kept_no_longer(check, request->accepted_ns, check->last_ns)) {
        report->lost++;
        judge_violation(check, CHECK_S1, request->accepted, "accepted, and it neither ended nor is queued: lost");
    }
}

static void judge_dead(struct check *check, const struct request *request)
{
    const struct event *end = request->evidence != NOTHING ? &check->events[request->evidence] : NULL;
    uint64_t since = request->asked != NOTHING ? check->events[request->asked].t : 0;
    bool another = kept_no_longer(check, since, check->last_ns); /* The letter may be of a result before this one. */
    if (request->dead != NOTHING && end != NULL && end->end != ENDED_dead_lettered && !another) {
        judge_violation(check, CHECK_S1, request->dead, "a dead letter, and its result says another end");
    }
    const struct event *stored = request->stored != NOTHING ? &check->events[request->stored] : NULL;
    bool to_come = request->stranded || request->queued != NOTHING; /* With the message, which is L7. */
    bool missed = request->dead == NOTHING && !to_come;
    if (missed && stored != NULL && stored->end == ENDED_dead_lettered) {
        judge_violation(check, CHECK_S1, request->stored, "dead-lettered, and there is no dead letter");
    }
}

static const char *difference(const struct event *a, const struct event *b)
{
    return a->end != b->end                                             ? "end"
           : a->dig != 0 && b->dig != 0 && a->dig != b->dig             ? "digest"
           : a->reason != 0 && b->reason != 0 && a->reason != b->reason ? "reason"
           : a->has_att && b->has_att && a->att != b->att               ? "count of attempts"
           : a->in != 0 && b->in != 0 && a->in != b->in                 ? "input"
                                                                        : NULL;
}

/* Each reader's result against the first one's. */
static void judge_readers(struct check *check, const struct request *request)
{
    if (request->evidence == NOTHING) {
        return;
    }
    const struct event *first = &check->events[request->evidence];
    uint64_t since = request->asked != NOTHING ? check->events[request->asked].t : 0;
    uint32_t read_back = 0;
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at), *end = operation_evidence(check, at);
        uint32_t close = check->operations[at].close;
        if (end == NULL) {
            continue;
        }
        read_back += begin->word == WORD_readback;
        if (begin->word == WORD_readback && read_back == 2) {
            judge_violation(check, CHECK_S2, close, "two results are stored");
        }
        const char *other = kept_no_longer(check, since, end->t) ? NULL : difference(first, end);
        bool cancel = begin->word == WORD_cancel || (first->word == WORD_cancel && other != NULL);
        if (other != NULL) {
            judge_violation(check, cancel ? CHECK_S22 : CHECK_S2, close, "its %s differs from that of line %u", other,
                            first->line);
        } else if (begin->word == WORD_call && begin->in != 0 && end->in != 0 && begin->in != end->in) {
            judge_violation(check, CHECK_S2, close, "answered with the result of another input");
        }
    }
}

/* The first input that the stored result is for, as far as any reader saw. */
static void judge_inputs(struct check *check, const struct request *request)
{
    uint32_t stored = 0;
    for (uint32_t at = request->first; at < request->last && stored == 0; at++) {
        const struct event *end = operation_evidence(check, at);
        stored = end != NULL ? end->in : 0;
    }
    for (uint32_t at = request->first; stored != 0 && at < request->last; at++) {
        const struct event *begin = operation_begin(check, at), *end = operation_evidence(check, at);
        bool answered = begin->word == WORD_call && end != NULL && begin->in != 0 && end->in == 0;
        uint64_t since = request->asked != NOTHING ? check->events[request->asked].t : 0;
        if (answered && begin->in != stored && !kept_no_longer(check, since, check->last_ns)) {
            judge_violation(check, CHECK_S2, check->operations[at].close, "answered with the result of another input");
        }
    }
}

/* A budget is what the caller gave; time-outs and successes must keep to it, by the caller's own clock. */
static void judge_budget(struct check *check, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation), *close = operation_close(check, operation);
    if (begin->word >= WORD_exec || close == NULL || close == begin || begin->budget_ns == 0) {
        return;
    }
    uint64_t taken = close->t - begin->t, budget = begin->budget_ns;
    if (close->op == OP_ok && taken > budget && taken - budget > check->slack_ns) {
        judge_violation(check, CHECK_S15, check->operations[operation].close, "answered %llu ns after its budget",
                        (unsigned long long)(taken - budget));
    }
    if (close->op != OP_ok && close->end == ENDED_none && close->reason == TEXT_deadline && taken < budget &&
        budget - taken > check->slack_ns) {
        judge_violation(check, CHECK_S15, check->operations[operation].close,
                        "told that its time is over, %llu ns before that", (unsigned long long)(budget - taken));
    }
}

static bool ended_before(const struct check *check, const struct request *request, uint64_t t)
{
    return request->evidence != NOTHING && check->events[request->evidence].t < t;
}

/* When it was asked for so that it may have come into the queue once more, after `t`: not by whoever it was accepted
 * for. A stranger may have removed it before. */
static uint64_t asked_again(const struct check *check, const struct request *request, uint64_t t)
{
    uint64_t again = FOREVER;
    bool first = true;
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at), *close = operation_close(check, at);
        bool over = close != NULL && close->op != OP_info && close->t < t;
        if (!word_asks_to_run(begin->word) || over) {
            continue;
        }
        if (first && begin->t < request->accepted_ns) {
            first = false;
        } else if (begin->t < again) {
            again = begin->t;
        }
    }
    return again;
}

/* Whether the request was accepted before `from`, and after `until` it still ran for its only result, but not because
 * it was asked for again. */
static bool was_there(const struct check *check, const struct request *request, uint64_t from, uint64_t until)
{
    if (request->accepted_ns >= from || request->evidence == NOTHING || ended_before(check, request, until) ||
        check->events[request->evidence].end != ENDED_succeeded) {
        return false;
    }
    uint64_t again = asked_again(check, request, from);
    bool later = false;
    for (uint32_t at = request->first; at < request->last; at++) {
        const struct event *begin = operation_begin(check, at), *close = operation_close(check, at);
        if (begin->word == WORD_exec) {
            later = later || (begin->t > until && begin->t < again);
            if (begin->t <= until && (close == NULL || close->op != OP_fail)) {
                return false; /* it may have ended by that one */
            }
        }
    }
    return later;
}

/* What was said about the request to those who cancel or read. */
static void judge_told(struct check *check, const struct request *request, uint32_t operation)
{
    const struct event *begin = operation_begin(check, operation), *close = operation_close(check, operation);
    uint32_t told = check->operations[operation].close;
    if (close == NULL || close->op != OP_fail || close == begin) {
        return;
    }
    bool expired = request->evidence != NOTHING &&
                   kept_no_longer(check, request->asked != NOTHING ? check->events[request->asked].t : 0, close->t);
    if (begin->word == WORD_cancel && close->reason == TEXT_already_ended && request->evidence == NOTHING &&
        !kept_no_longer(check, begin->t, check->last_ns)) {
        judge_violation(check, CHECK_S22, told, "told that it has ended, and no result was ever seen");
    } else if (begin->word == WORD_cancel && close->reason == TEXT_no_request &&
               was_there(check, request, begin->t, close->t)) {
        judge_violation(check, CHECK_S22, told, "told that there is no such request, and it ran for its result later");
    } else if (begin->word == WORD_result && close->reason == TEXT_no_result && !expired &&
               ended_before(check, request, begin->t)) {
        judge_violation(check, CHECK_S22, told, "told that no result is stored, and line %u saw it before",
                        check->events[request->evidence].line);
    }
}

void judge_request(struct check *check, uint32_t first, uint32_t last)
{
    struct request request = { .first = first,
                               .last = last,
                               .asked = NOTHING,
                               .evidence = NOTHING,
                               .accepted_ns = FOREVER,
                               .accepted = NOTHING,
                               .queued = NOTHING,
                               .dead = NOTHING,
                               .stored = NOTHING,
                               .ran = NOTHING,
                               .refused = true };
    for (uint32_t at = first; at < last; at++) {
        request_note(check, &request, at);
    }
    request.refused = request.refused && request.asked != NOTHING;
    if (request.forgotten) {
        check->report.requests++;
        check->report.forgotten++;
        return;
    }
    judge_end(check, &request);
    judge_dead(check, &request);
    judge_readers(check, &request);
    judge_inputs(check, &request);
    for (uint32_t at = first; at < last; at++) {
        judge_budget(check, at);
        judge_told(check, &request, at);
    }
    if (check->report.witnessed) {
        judge_executions(check, &request);
    }
}
