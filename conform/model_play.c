/* The model by itself: time goes from line to line, timers go off somewhere within their spans, as a seed draws it. */
#include <stdlib.h>
#include <string.h>

#include "conform/model.h"
#include "core/draw.h"

enum { PURPOSE_WHEN = DRAW_USER + 400, DOWN_MS = 150 };

bool line_has_token(const struct script_line *line)
{
    return line->operation == OPERATION_ACK || line->operation == OPERATION_NAK ||
           line->operation == OPERATION_PROGRESS || line->operation == OPERATION_TERM;
}

uint64_t trace_message(const struct script *script, const struct trace *trace, uint32_t index, uint32_t before)
{
    char name[TRACE_NAME_MAX];
    uint32_t number;
    if (!token_read(script->lines[index].words[0], name, &number)) {
        return 0;
    }
    for (uint32_t at = 0; at < before; at++) {
        const struct item *item = &trace->items[at];
        if (item->kind == ITEM_DELIVERY && strcmp(trace->names[item->name], name) == 0 && --number == 0) {
            return item->sequence;
        }
    }
    return 0;
}

static bool take_sent(struct model *model, struct trace *trace, uint32_t line)
{
    for (uint32_t at = 0; at < model->sent_count; at++) {
        struct model_sent *sent = &model->sent[at];
        struct item *item = sent->taken ? NULL : trace_add(trace, sent->item.kind, sent->item.at_ns);
        if (sent->taken) {
            continue;
        }
        if (item == NULL) {
            return false;
        }
        *item = sent->item;
        item->line = line;
        sent->taken = true;
    }
    model->sent_count = 0;
    return true;
}

static bool play_until(struct model *model, struct trace *trace, uint32_t line, uint64_t seed, uint64_t until_ns)
{
    struct model_timer *timer;
    while ((timer = model_first(model)) != NULL && timer->from_ns < until_ns) {
        uint64_t span = timer->to_ns - timer->from_ns;
        uint64_t at = timer->from_ns + draw_below(draw(seed, timer->number, PURPOSE_WHEN, timer->stamp), span + 1);
        if (at >= until_ns) {
            timer->from_ns = timer->to_ns = at; /* decided: later */
            continue;
        }
        model_fire(model, timer, at);
        if (!take_sent(model, trace, line)) {
            return false;
        }
    }
    model->now_ns = until_ns;
    return true;
}

static bool play_line(struct model *model, struct trace *trace, uint32_t index, uint64_t *at_ns)
{
    const struct script_line *line = &model->script->lines[index];
    struct item *item = trace_add(trace, ITEM_LINE, *at_ns);
    if (item == NULL) {
        return false;
    }
    uint32_t place = trace->count - 1;
    uint64_t sequence = line_has_token(line) ? trace_message(model->script, trace, index, place) : 0;
    item->line = index;
    item->skipped = line_has_token(line) && sequence == 0;
    if (item->skipped) {
        return true;
    }
    if (line->operation == OPERATION_RESTART) {
        item->until_ns = *at_ns + line_duration(line, OPTION_down, DOWN_MS * MILLISECOND);
        *at_ns = item->until_ns;
    }
    struct answer answer = model_line(model, index, item->at_ns, item->until_ns, sequence);
    trace->items[place].answer = answer;
    return take_sent(model, trace, index);
}

bool model_play(const struct script *script, const struct cast *cast, uint64_t seed, uint32_t bug,
                struct trace *ret_trace)
{
    struct model_timer next;
    return model_play_look(script, cast, seed, bug, ret_trace, &next);
}

bool model_play_look(const struct script *script, const struct cast *cast, uint64_t seed, uint32_t bug,
                     struct trace *ret_trace, struct model_timer *ret_next)
{
    struct model *model = calloc(1, sizeof(*model));
    struct trace trace = { .count = 0 };
    uint64_t at = 0;
    bool good = model != NULL && model_begin(model, script, cast, &trace, seed, bug);
    for (uint32_t index = 0; good && index < script->count; index++) {
        good = play_line(model, &trace, index, &at);
        at += line_lasts_ns(&script->lines[index]);
        good = good && play_until(model, &trace, index, seed, at);
    }
    trace.end_ns = at;
    *ret_next = (struct model_timer){ .used = false };
    if (good && model_first(model) != NULL) {
        *ret_next = *model_first(model);
    }
    if (model != NULL) {
        model_end(model);
    }
    free(model);
    if (!good) {
        trace_free(&trace);
        return false;
    }
    trace_sort(&trace);
    *ret_trace = trace;
    return true;
}
