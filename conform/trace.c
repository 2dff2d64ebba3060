/* Traces, their text, and their comparison with what a script expects. An expectation is a list of alternatives
 * separated by `or`, each a list of words: of the answer (`ok`, `err=10071`, `seq=3`, `dup=yes`), of events in order
 * (`a:3/2` pull a got message 3 for the 2nd time, `a!408` it ended, `w~TERMINATED` a listener heard), `quiet` for no
 * event at all; `|` separates what a value may be, `within 300..800ms` is when events must come, from the line's
 * start. */
#include "conform/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY_MS = 3 }; /* clocks of two processes, read one after the other */

static const char *const number_names[ANSWER_NUMBERS] = { "seq", "msgs", "ack_pending", "pending", "waiting", "dup" };

uint32_t trace_name(struct trace *trace, const char *name)
{
    for (uint32_t at = 0; at < trace->name_count; at++) {
        if (strcmp(trace->names[at], name) == 0) {
            return at;
        }
    }
    if (trace->name_count == TRACE_NAMES_MAX) {
        return TRACE_NAMES_MAX;
    }
    (void)snprintf(trace->names[trace->name_count], TRACE_NAME_MAX, "%s", name);
    return trace->name_count++;
}

struct item *trace_add(struct trace *trace, enum item_kind kind, uint64_t at_ns)
{
    if (trace->count == trace->room) {
        uint32_t room = trace->room == 0 ? 32 : trace->room * 2;
        struct item *items = realloc(trace->items, room * sizeof(*items));
        if (items == NULL) {
            return NULL;
        }
        trace->items = items;
        trace->room = room;
    }
    struct item *item = &trace->items[trace->count++];
    *item = (struct item){ .at_ns = at_ns, .until_ns = at_ns, .kind = kind };
    for (uint32_t at = 0; at < ANSWER_NUMBERS; at++) {
        item->answer.numbers[at] = NUMBER_ANY;
    }
    return item;
}

/* Insertion keeps the order of what is simultaneous, and almost all is sorted already. */
void trace_sort(struct trace *trace)
{
    for (uint32_t at = 1; at < trace->count; at++) {
        struct item item = trace->items[at];
        uint32_t place = at;
        while (place > 0 && trace->items[place - 1].at_ns > item.at_ns) {
            trace->items[place] = trace->items[place - 1];
            place--;
        }
        trace->items[place] = item;
    }
}

void trace_free(struct trace *trace)
{
    free(trace->items);
    *trace = (struct trace){ .count = 0 };
}

bool token_read(const char *text, char ret_name[TRACE_NAME_MAX], uint32_t *ret_number)
{
    const char *dot = strrchr(text, '.');
    if (dot == NULL || dot == text || (size_t)(dot - text) >= TRACE_NAME_MAX) {
        return false;
    }
    *ret_number = (uint32_t)strtoul(dot + 1, NULL, 10);
    memcpy(ret_name, text, (size_t)(dot - text));
    ret_name[dot - text] = 0;
    return *ret_number > 0;
}

/* -- text -- */

void answer_text(const struct answer *answer, char *ret_text, size_t size)
{
    int used = answer->code == 0           ? snprintf(ret_text, size, "ok")
               : answer->code_any          ? snprintf(ret_text, size, "an error")
               : answer->code == CODE_NONE ? snprintf(ret_text, size, "none")
                                           : snprintf(ret_text, size, "err=%u", answer->code);
    for (uint32_t at = 0; at < ANSWER_NUMBERS && used < (int)size; at++) {
        uint64_t number = answer->numbers[at];
        if (number == NUMBER_ANY) {
            continue;
        }
        used += at == ANSWER_DUPLICATE
                    ? snprintf(ret_text + used, size - (size_t)used, " dup=%s", number != 0 ? "yes" : "no")
                    : snprintf(ret_text + used, size - (size_t)used, " %s=%" PRIu64, number_names[at], number);
    }
}

void event_text(const struct trace *trace, const struct item *item, char *ret_text, size_t size)
{
    const char *name = item->name < trace->name_count ? trace->names[item->name] : "?";
    if (item->kind == ITEM_DELIVERY) {
        (void)snprintf(ret_text, size, "%s:%" PRIu64 "/%" PRIu32, name, item->sequence, item->delivered);
    } else if (item->kind == ITEM_ENDED) {
        (void)snprintf(ret_text, size, "%s!%u", name, item->code);
    } else {
        (void)snprintf(ret_text, size, "%s~%s", name, item->heard);
    }
}

bool answer_same(const struct answer *modelled, const struct answer *real)
{
    if (modelled->code == CODE_ANY || real->code == CODE_ANY) {
        return true;
    }
    bool refusals = modelled->code >= CODE_UNCLEAR && real->code >= CODE_UNCLEAR;
    bool code = modelled->code_any || real->code_any ? refusals : modelled->code == real->code;
    for (uint32_t at = 0; at < ANSWER_NUMBERS; at++) {
        bool known = modelled->numbers[at] != NUMBER_ANY && real->numbers[at] != NUMBER_ANY;
        code = code && (!known || modelled->numbers[at] == real->numbers[at]);
    }
    return code;
}

void trace_tell(const struct script *script, const struct trace *trace, FILE *file)
{
    char text[160];
    for (uint32_t at = 0; at < trace->count; at++) {
        const struct item *item = &trace->items[at];
        double ms = (double)item->at_ns / 1e6;
        if (item->kind != ITEM_LINE) {
            event_text(trace, item, text, sizeof(text));
            fprintf(file, "[%8.1f]     < %s\n", ms, text);
            continue;
        }
        answer_text(&item->answer, text, sizeof(text));
        bool told = !item->skipped && operation_answers(&script->lines[item->line]);
        fprintf(file, "[%8.1f] %s%s%s\n", ms, script->lines[item->line].text,
                item->skipped ? "  (skipped)"
                : told        ? "  -> "
                              : "",
                told ? text : "");
    }
}

/* -- expectations -- */

/* Whether `text` is one of the values in "2|3". */
static bool one_of(const char *allowed, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = allowed;; at++) {
        size_t here = strcspn(at, "|");
        if (here == length && strncmp(at, text, length) == 0) {
            return true;
        }
        at += here;
        if (*at == 0) {
            return false;
        }
    }
}

/* "a:1|2/1|3" against "a:2/3": what stands before each mark is compared, then the rest. */
static bool event_fits(const char *allowed, const char *text)
{
    size_t name = strcspn(allowed, ":!~"), real = strcspn(text, ":!~");
    if (name != real || strncmp(allowed, text, name) != 0 || allowed[name] != text[name]) {
        return false;
    }
    char want[64], have[64];
    (void)snprintf(want, sizeof(want), "%s", allowed + name + 1);
    (void)snprintf(have, sizeof(have), "%s", text + name + 1);
    char *want_count = strchr(want, '/'), *have_count = strchr(have, '/');
    if (want_count == NULL || have_count == NULL) {
        return strcmp(want, "*") == 0 || one_of(want, have);
    }
    *want_count++ = *have_count++ = 0;
    return (strcmp(want, "*") == 0 || one_of(want, have)) &&
           (strcmp(want_count, "*") == 0 || one_of(want_count, have_count));
}

static bool answer_fits(const char *word, const struct answer *answer)
{
    const char *equals = strchr(word, '=');
    if (answer->code == CODE_ANY) {
        return true;
    }
    if (equals == NULL) {
        return strcmp(word, "ok") == 0 ? answer->code == 0
               : strcmp(word, "none") == 0
                   ? answer->code == CODE_NONE
                   : strcmp(word, "err") == 0 && (answer->code_any || answer->code > CODE_UNCLEAR);
    }
    char text[32];
    size_t length = (size_t)(equals - word);
    if (strncmp(word, "err", length) == 0 && length == 3) {
        (void)snprintf(text, sizeof(text), "%u", answer->code);
        return answer->code_any || one_of(equals + 1, text);
    }
    for (uint32_t at = 0; at < ANSWER_NUMBERS; at++) {
        if (strlen(number_names[at]) != length || strncmp(word, number_names[at], length) != 0) {
            continue;
        }
        uint64_t number = answer->numbers[at];
        (void)snprintf(text, sizeof(text), "%" PRIu64, number);
        return number == NUMBER_ANY ? answer->code == 0
                                    : one_of(equals + 1, at != ANSWER_DUPLICATE ? text
                                                         : number != 0          ? "yes"
                                                                                : "no");
    }
    return false;
}

struct window {
    uint64_t from_ns, to_ns;
};

/* Events of a line, in order of their coming; `index` counts through them. */
static const struct item *event_of(const struct trace *trace, uint32_t line, uint32_t index)
{
    for (uint32_t at = 0; at < trace->count; at++) {
        const struct item *item = &trace->items[at];
        if (item->kind != ITEM_LINE && item->line == line && index-- == 0) {
            return item;
        }
    }
    return NULL;
}

static const struct item *line_item(const struct trace *trace, uint32_t line)
{
    for (uint32_t at = 0; at < trace->count; at++) {
        if (trace->items[at].kind == ITEM_LINE && trace->items[at].line == line) {
            return &trace->items[at];
        }
    }
    return NULL;
}

/* Cuts " within 300..800ms" off. */
static bool window_take(char *text, struct window *ret_window)
{
    char *within = strstr(text, " within ");
    *ret_window = (struct window){ 0, UINT64_MAX };
    if (within == NULL) {
        return true;
    }
    *within = 0;
    char *dots = strstr(within + 8, "..");
    uint64_t to;
    if (dots == NULL || !duration_read(dots + 2, &to)) {
        return false;
    }
    *ret_window = (struct window){ strtoull(within + 8, NULL, 10) * MILLISECOND, to };
    return true;
}

static bool alternative_met(char *text, const struct trace *trace, uint32_t line, const struct item *self)
{
    struct window window;
    char have[64], *rest = NULL;
    uint32_t events = 0;
    bool counts = false;
    if (!window_take(text, &window)) {
        return false;
    }
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        bool event = strpbrk(word, ":!~") != NULL;
        counts = counts || event || strcmp(word, "quiet") == 0;
        if (!event) {
            if (strcmp(word, "quiet") != 0 && !answer_fits(word, &self->answer)) {
                return false;
            }
            continue;
        }
        const struct item *item = event_of(trace, line, events++);
        if (item == NULL) {
            return false;
        }
        uint64_t after = item->at_ns - self->at_ns;
        event_text(trace, item, have, sizeof(have));
        if (!event_fits(word, have) || after + EARLY_MS * MILLISECOND < window.from_ns || after > window.to_ns) {
            return false;
        }
    }
    return !counts || event_of(trace, line, events) == NULL;
}

const char *expectation_unmet(const struct script *script, const struct trace *trace, uint32_t index, char *ret_why,
                              size_t size)
{
    const struct script_line *line = &script->lines[index];
    const struct item *self = line_item(trace, index);
    if (line->expect == NULL || self == NULL) {
        return NULL;
    }
    char text[SCRIPT_TEXT_MAX];
    const char *from = line->expect;
    while (from != NULL) {
        const char *end = strstr(from, " or ");
        size_t length = end == NULL ? strlen(from) : (size_t)(end - from);
        memcpy(text, from, length);
        text[length] = 0;
        if (!self->skipped && alternative_met(text, trace, index, self)) {
            return NULL;
        }
        from = end == NULL ? NULL : end + 4;
    }
    answer_text(&self->answer, text, sizeof(text));
    int used = snprintf(ret_why, size, "%s", self->skipped ? "skipped" : operation_answers(line) ? text : "seen");
    const struct item *item;
    for (uint32_t at = 0; (item = event_of(trace, index, at)) != NULL && used < (int)size; at++) {
        event_text(trace, item, text, sizeof(text));
        used += snprintf(ret_why + used, size - (size_t)used, " %s(+%" PRIu64 "ms)", text,
                         (item->at_ns - self->at_ns) / MILLISECOND);
    }
    return ret_why;
}
