/* The history as one JSON object in the place of the page's mark. Texts go out once, as a table; events are rows of
 * numbers, in the order that the page names. Times are from the first event on, so that they fit a double. */
#include "check/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check/history.h"
#include "check/page.h"

#define X(name) #name,
static const char *const op_texts[] = { HISTORY_OPS(X) };
static const char *const word_texts[] = { HISTORY_WORDS(X) };
#undef X
#define X(name, text) text,
static const char *const end_texts[] = { HISTORY_ENDS(X) };
#undef X

static const char mark[] = "/*HISTORY*/ null";

struct drawing {
    const struct check *check;
    FILE *out;
    const struct event **events; /* those that are drawn, by time */
    uint32_t count;
    uint64_t begin_ns, left_out;
};

/* JSON that may also stand inside <script>: nothing there can end it or begin a comment. */
static void put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++) {
        if (*at < ' ' || *at == '"' || *at == '\\' || *at == '<' || *at == '>' || *at == '&') {
            fprintf(out, "\\u%04x", *at);
        } else {
            fputc(*at, out);
        }
    }
    fputc('"', out);
}

static void put_words(FILE *out, const char *name, const char *const *words, uint32_t count)
{
    fprintf(out, "\"%s\":[", name);
    for (uint32_t at = 0; at < count; at++) {
        fputs(at == 0 ? "" : ",", out);
        put_text(out, words[at]);
    }
    fputs("],\n", out);
}

static void put_event(const struct drawing *drawing, const struct event *event)
{
    FILE *out = drawing->out;
    bool sent = event->word == WORD_message && event->since_ns > drawing->begin_ns;
    uint64_t since = sent ? event->since_ns - drawing->begin_ns : 0;
    fprintf(out, "[%" PRIu64 ",%u,%u,%u,%u,%u,%u,%u,%u,%u,%u,%u,%u,%u,%" PRIu64 ",%" PRIu64 ",%u]",
            event->t - drawing->begin_ns, event->op, event->word, event->proc, event->node, event->id, event->fn,
            event->ver, event->end, event->reason, event->kind, event->target, event->state, event->what, event->n,
            since, event->try);
}

static void put_violation(const struct drawing *drawing, const char *rule, uint64_t t_ns, uint32_t request,
                          const char *why)
{
    fputs("{\"rule\":", drawing->out);
    put_text(drawing->out, rule);
    fprintf(drawing->out,
            ",\"t\":%" PRIu64 ",\"request\":%u,\"why\":", t_ns > drawing->begin_ns ? t_ns - drawing->begin_ns : 0,
            request);
    put_text(drawing->out, why);
    fputs("}", drawing->out);
}

static uint32_t symbol_of(const struct check *check, const char *text)
{
    for (uint32_t symbol = 1; symbol < check->symbols.count; symbol++) {
        if (strcmp(symbols_text(&check->symbols, symbol), text) == 0) {
            return symbol;
        }
    }
    return 0;
}

static void put_violations(const struct drawing *drawing, const struct check_picture *picture)
{
    const struct check_report *report = &drawing->check->report;
    const char *comma = "";
    fputs("\"violations\":[", drawing->out);
    if (picture->rule != NULL) {
        put_violation(drawing, picture->rule, picture->t_ns, 0, picture->why);
        comma = ",\n";
    }
    for (uint32_t at = 0; at < report->listed_count; at++) {
        const struct check_violation *row = &report->listed[at];
        fputs(comma, drawing->out);
        put_violation(drawing, check_rule_name(row->rule), row->t_ns, symbol_of(drawing->check, row->request),
                      row->why);
        comma = ",\n";
    }
    fputs("],\n", drawing->out);
}

static void put_facts(const struct drawing *drawing)
{
    const struct check_report *report = &drawing->check->report;
    const struct {
        const char *name;
        uint64_t value;
    } facts[] = {
        { "requests", report->requests },
        { "accepted", report->accepted },
        { "ended", report->terminal },
        { "still queued", report->queued },
        { "unknown", report->unknown },
        { "executions", report->executions },
        { "violations", report->violations },
        { "lines", drawing->check->events_count },
        { "lines left out of the picture", drawing->left_out },
    };
    fputs("\"facts\":[", drawing->out);
    for (uint32_t at = 0; at < sizeof(facts) / sizeof(facts[0]); at++) {
        fprintf(drawing->out, "%s[\"%s\",%" PRIu64 "]", at == 0 ? "" : ",", facts[at].name, facts[at].value);
    }
    fputs("],\n", drawing->out);
}

static void put_history(const struct drawing *drawing, const struct check_picture *picture)
{
    const struct symbols *symbols = &drawing->check->symbols;
    FILE *out = drawing->out;
    fputs("{\"title\":", out);
    put_text(out, picture->title);
    fputs(",\"reproduce\":", out);
    put_text(out, picture->reproduce != NULL ? picture->reproduce : "");
    fputs(",\n", out);
    put_words(out, "ops", op_texts, OP_COUNT);
    put_words(out, "words", word_texts, WORD_COUNT);
    put_words(out, "ends", end_texts, ENDED_COUNT);
    put_facts(drawing);
    put_violations(drawing, picture);
    fputs("\"texts\":[\"\"", out);
    for (uint32_t symbol = 1; symbol < symbols->count; symbol++) {
        fputc(',', out);
        put_text(out, symbols_text(symbols, symbol));
    }
    fputs("],\n\"events\":[", out);
    for (uint32_t at = 0; at < drawing->count; at++) {
        fputs(at == 0 ? "\n" : ",\n", out);
        put_event(drawing, drawing->events[at]);
    }
    fputs("]}", out);
}

/* -- what is drawn -- */

static int event_order(const void *left, const void *right)
{
    const struct event *a = *(const struct event *const *)left, *b = *(const struct event *const *)right;
    if (a->t != b->t) {
        return a->t < b->t ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool is_of_request(const struct event *event)
{
    return event->id != 0 && event->word != WORD_fault && event->word != WORD_life && event->word != WORD_deploy;
}

static bool has_violation(const struct check *check, uint32_t id)
{
    const char *text = symbols_text(&check->symbols, id);
    for (uint32_t at = 0; at < check->report.listed_count; at++) {
        if (strcmp(check->report.listed[at].request, text) == 0) {
            return true;
        }
    }
    return false;
}

/* One request of `of` stays, whichever way its symbol falls. */
static bool is_drawn(const struct check *check, const struct event *event, uint32_t of)
{
    if (event->word == WORD_settings || event->word == WORD_end || event->word == WORD_readback) {
        return false;
    }
    if (of == 1 || (!is_of_request(event) && event->word != WORD_message)) {
        return true;
    }
    uint32_t mixed = event->id * 2654435761u >> 8;
    return event->id != 0 && (mixed % of == 0 || has_violation(check, event->id));
}

static bool choose(struct drawing *drawing)
{
    const struct check *check = drawing->check;
    uint32_t of = 1 + check->events_count / PICTURE_EVENTS_MAX;
    drawing->events = calloc(check->events_count + 1, sizeof(const struct event *));
    if (drawing->events == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < check->events_count; at++) {
        if (is_drawn(check, &check->events[at], of)) {
            drawing->events[drawing->count++] = &check->events[at];
        }
    }
    qsort(drawing->events, drawing->count, sizeof(const struct event *), event_order);
    drawing->begin_ns = drawing->count != 0 ? drawing->events[0]->t : 0;
    drawing->left_out = check->events_count - drawing->count;
    return true;
}

bool check_draw(const struct check *check, const struct check_picture *picture, FILE *out)
{
    struct drawing drawing = { .check = check, .out = out };
    const char *page = (const char *)check_page, *place = memmem(page, check_page_length, mark, sizeof(mark) - 1);
    if (place == NULL || !choose(&drawing)) {
        return false;
    }
    const char *rest = place + sizeof(mark) - 1;
    fwrite(page, 1, (size_t)(place - page), out);
    put_history(&drawing, picture);
    fwrite(rest, 1, (size_t)(page + check_page_length - rest), out);
    free(drawing.events);
    return fflush(out) == 0 && ferror(out) == 0;
}
