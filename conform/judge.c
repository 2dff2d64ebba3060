/* A run of the model along the trace, again and again, each time with other choices: the last choice that has another
 * way left takes it, as an odometer turns, until the trace is explained. A way that can't be is left at the first item
 * that contradicts it, so few runs go far.
 *
 * Along the trace: before a line, each timer whose span (and some lateness) has passed must have gone off, one whose
 * span has begun may have. An event must be the first thing that the model sent to that pull and nobody saw yet; if
 * there is none, some timer goes off at that moment. What was sent must be seen soon, or when the player looked
 * next. */
#include "conform/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conform/model.h"

enum {
    CHOICES_MAX = 512,
    TRIES_MAX = 20000,
    EARLY_MS = 12, /* spans are counted from when we saw a delivery, which is later than when it was made */
    LATE_MS = 150,
};

struct pick {
    uint8_t taken, ways;
    uint8_t choice; /* enum jet_choice plus one; 0: of a timer */
};

struct judging {
    const struct script *script;
    const struct cast *cast;
    struct trace *trace;
    struct model model;
    struct pick picks[CHOICES_MAX];
    uint32_t pick_count, pick_at, held; /* picks below `held` stay as they are */
    uint64_t late_ns;
    uint32_t bug;
    uint32_t furthest;
    uint32_t tries;
    struct judge_report *report;
    bool deep;
};

static uint32_t pick(struct judging *judging, uint32_t ways, uint32_t choice)
{
    if (judging->pick_at == CHOICES_MAX) {
        judging->deep = true;
        return 0;
    }
    struct pick *here = &judging->picks[judging->pick_at++];
    if (judging->pick_at > judging->pick_count) {
        *here = (struct pick){ 0, (uint8_t)ways, (uint8_t)choice };
        judging->pick_count = judging->pick_at;
    }
    return here->taken;
}

static bool on_choose(void *owner, enum jet_choice choice)
{
    return pick(owner, 2, (uint32_t)choice + 1) != 0;
}

/* Turns the last pick that has a way left; false: there is none. */
static bool picks_turn(struct judging *judging)
{
    uint32_t count = judging->pick_at < judging->pick_count ? judging->pick_at : judging->pick_count;
    while (count > judging->held && judging->picks[count - 1].taken + 1 >= judging->picks[count - 1].ways) {
        count--;
    }
    judging->pick_count = count;
    if (count <= judging->held) {
        return false;
    }
    judging->picks[count - 1].taken++;
    return true;
}

/* Says why that item can't be, if no other run came as far. */
__attribute__((format(printf, 4, 5))) static bool contradicts(struct judging *judging, uint32_t at, uint32_t line,
                                                              const char *format, ...)
{
    if (at < judging->furthest && judging->report->why[0] != 0) {
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    judging->furthest = at;
    judging->report->line = line;
    (void)vsnprintf(judging->report->why, sizeof(judging->report->why), format, arguments);
    va_end(arguments);
    return false;
}

/* -- timers -- */

static uint64_t within(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void fire(struct judging *judging, const struct model_timer *timer, uint64_t at_ns)
{
    model_fire(&judging->model, timer, within(at_ns, timer->from_ns, timer->to_ns));
}

/* Takes a timer, and those that go off with it, out of the way until a line is done. */
static uint32_t hold(struct judging *judging, const struct model_timer *lead, struct model_timer *ret_held)
{
    uint32_t count = 0;
    struct model_timer first = *lead;
    for (uint32_t at = 0; at < MODEL_TIMERS_MAX; at++) {
        struct model_timer *timer = &judging->model.timers[at];
        if (timer->used && (timer == lead || model_together(&first, timer))) {
            ret_held[count++] = *timer;
            timer->used = false;
        }
    }
    return count;
}

/* Timers that a line at `at_ns` comes after: some certainly, some perhaps. `last`: nothing comes after. */
static void settle(struct judging *judging, uint64_t at_ns, bool last)
{
    struct model_timer held[MODEL_TIMERS_MAX];
    uint32_t held_count = 0;
    struct model_timer *timer;
    while ((timer = model_first(&judging->model)) != NULL && timer->from_ns <= at_ns + EARLY_MS * MILLISECOND) {
        if (timer->to_ns + judging->late_ns < at_ns) {
            fire(judging, timer, timer->from_ns);
            continue;
        }
        bool likely = timer->to_ns + 2 * MILLISECOND < at_ns;
        bool goes_off = !last && (pick(judging, 2, 0) == 0) == likely;
        if (goes_off) {
            fire(judging, timer, at_ns);
        } else {
            held_count += hold(judging, timer, &held[held_count]);
        }
    }
    for (uint32_t at = 0; at < held_count; at++) {
        for (uint32_t place = 0; place < MODEL_TIMERS_MAX; place++) {
            if (!judging->model.timers[place].used) {
                judging->model.timers[place] = held[at];
                break;
            }
        }
    }
}

/* One of the timers that may go off at `at_ns` does; false: there is none. */
static bool fire_some(struct judging *judging, uint64_t at_ns)
{
    struct model_timer *candidates[16];
    uint32_t count = 0;
    (void)model_first(&judging->model); /* dead ones go */
    for (uint32_t at = 0; at < MODEL_TIMERS_MAX && count < 16; at++) {
        struct model_timer *timer = &judging->model.timers[at];
        if (timer->used && timer->from_ns <= at_ns + EARLY_MS * MILLISECOND) {
            uint32_t place = count++;
            for (; place > 0 && candidates[place - 1]->from_ns > timer->from_ns; place--) {
                candidates[place] = candidates[place - 1];
            }
            candidates[place] = timer;
        }
    }
    if (count == 0) {
        return false;
    }
    fire(judging, candidates[count == 1 ? 0 : pick(judging, count, 0)], at_ns);
    return true;
}

/* -- items -- */

static struct model_sent *first_for(struct judging *judging, uint32_t name)
{
    for (uint32_t at = 0; at < judging->model.sent_count; at++) {
        struct model_sent *sent = &judging->model.sent[at];
        if (!sent->taken && sent->item.name == name) {
            return sent;
        }
    }
    return NULL;
}

static bool event_same(const struct item *one, const struct item *other)
{
    return one->kind == other->kind &&
           (one->kind == ITEM_DELIVERY ? one->sequence == other->sequence && one->delivered == other->delivered
                                       : one->code == other->code);
}

static bool event_explained(struct judging *judging, uint32_t at)
{
    const struct item *item = &judging->trace->items[at];
    char real[64], modelled[64];
    struct model_sent *sent;
    event_text(judging->trace, item, real, sizeof(real));
    while ((sent = first_for(judging, item->name)) == NULL) {
        if (!fire_some(judging, item->at_ns)) {
            return contradicts(judging, at, item->line, "%s came, and the model has nothing to send", real);
        }
    }
    sent->taken = true;
    if (!event_same(&sent->item, item)) {
        event_text(judging->trace, &sent->item, modelled, sizeof(modelled));
        return contradicts(judging, at, item->line, "%s came, the model sends %s", real, modelled);
    }
    return true;
}

static bool nothing_overdue(struct judging *judging, uint32_t at, uint64_t now_ns, uint32_t line)
{
    char modelled[64];
    uint32_t kept = 0;
    for (uint32_t place = 0; place < judging->model.sent_count; place++) {
        struct model_sent *sent = &judging->model.sent[place];
        if (sent->taken) {
            continue;
        }
        if (sent->item.at_ns + judging->late_ns < now_ns) {
            event_text(judging->trace, &sent->item, modelled, sizeof(modelled));
            return contradicts(judging, at, line, "the model sends %s at %.0f ms, and it did not come", modelled,
                               (double)sent->item.at_ns / 1e6);
        }
        judging->model.sent[kept++] = *sent;
    }
    judging->model.sent_count = kept;
    return true;
}

static bool line_explained(struct judging *judging, uint32_t at)
{
    const struct item *item = &judging->trace->items[at];
    char real[120], modelled[120];
    if (item->skipped) {
        return true;
    }
    settle(judging, item->at_ns, false);
    uint64_t sequence = trace_message(judging->script, judging->trace, item->line, at);
    struct answer answer = model_line(&judging->model, item->line, item->at_ns, item->until_ns, sequence);
    if (!operation_answers(&judging->script->lines[item->line]) || answer_same(&answer, &item->answer)) {
        return true;
    }
    answer_text(&answer, modelled, sizeof(modelled));
    answer_text(&item->answer, real, sizeof(real));
    return contradicts(judging, at, item->line, "%s was answered, the model answers %s", real, modelled);
}

/* One run along the whole trace. */
static bool run(struct judging *judging)
{
    bool good = true;
    struct trace *trace = judging->trace;
    judging->pick_at = 0;
    for (uint32_t at = 0; good && at < trace->count; at++) {
        const struct item *item = &trace->items[at];
        good = nothing_overdue(judging, at, item->at_ns - item->gap_ns, item->line);
        if (good && item->kind != ITEM_HEARD) {
            good = item->kind == ITEM_LINE ? line_explained(judging, at) : event_explained(judging, at);
        }
    }
    if (good) {
        settle(judging, trace->end_ns, true);
        good = nothing_overdue(judging, trace->count, trace->end_ns, judging->script->count - 1);
    }
    return good;
}

/* Runs until one explains the trace, with the picks below `held` as they are. 1 yes, 0 no, -1 memory is short. */
static int search(struct judging *judging)
{
    bool more = true;
    while (more && judging->tries < TRIES_MAX) {
        judging->tries++;
        judging->model.choose = on_choose;
        judging->model.owner = judging;
        if (!model_begin(&judging->model, judging->script, judging->cast, judging->trace, 1, judging->bug)) {
            return -1;
        }
        bool good = run(judging) && !judging->model.overflow && !judging->deep;
        model_end(&judging->model);
        if (good) {
            return 1;
        }
        more = picks_turn(judging);
    }
    judging->report->exhausted = more;
    return 0;
}

/* A choice was certainly made if nothing explains the trace once it is made the other way. */
static bool count_choices(struct judging *judging)
{
    struct pick found[CHOICES_MAX];
    uint32_t count = judging->pick_count;
    memcpy(found, judging->picks, sizeof(found));
    for (uint32_t at = 0; at < count; at++) {
        if (found[at].choice == 0) {
            continue;
        }
        memcpy(judging->picks, found, sizeof(found));
        judging->picks[at].taken = !found[at].taken;
        judging->pick_count = judging->held = at + 1;
        judging->tries = 0;
        struct judge_report aside = { .allowed = false };
        struct judge_report *report = judging->report;
        judging->report = &aside;
        int other = search(judging);
        judging->report = report;
        if (other < 0) {
            return false;
        }
        report->seen[found[at].choice - 1][found[at].taken] += other == 0 && !aside.exhausted;
    }
    return true;
}

bool judge(const struct script *script, const struct cast *cast, struct trace *trace,
           const struct judge_options *options, struct judge_report *ret_report)
{
    memset(ret_report, 0, sizeof(*ret_report));
    struct judging *judging = calloc(1, sizeof(*judging));
    if (judging == NULL) {
        return false;
    }
    judging->script = script;
    judging->cast = cast;
    judging->trace = trace;
    judging->bug = options->bug;
    judging->late_ns = options->late_ns != 0 ? options->late_ns : LATE_MS * MILLISECOND;
    judging->report = ret_report;
    int found = search(judging);
    ret_report->allowed = found > 0;
    ret_report->tries = judging->tries;
    bool good = found >= 0;
    if (found > 0) {
        ret_report->why[0] = 0;
        good = !options->count || count_choices(judging);
    }
    free(judging);
    return good;
}
