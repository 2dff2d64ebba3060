/* Lines become events: what a line must have to mean something, and where the file and line of each event are kept.
 *
 * Reading is strict. A misspelt word or a missing number would silently take an operation out of judgement, so that it
 * is refused with file and line instead. */
#include "check/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(name) #name,
static const char *const op_texts[] = { HISTORY_OPS(X) };
static const char *const word_texts[] = { HISTORY_WORDS(X) };
#undef X
#define X(name, text) text,
static const char *const end_texts[] = { HISTORY_ENDS(X) };
static const char *const known_texts[] = { "", HISTORY_TEXTS(X) };
#undef X

bool check_fail(struct check *check, const char *name, uint64_t number, const char *what)
{
    if (check->fault[0] == 0 && number != 0) {
        snprintf(check->fault, sizeof(check->fault), "%s:%llu: %s", name, (unsigned long long)number, what);
    } else if (check->fault[0] == 0) {
        snprintf(check->fault, sizeof(check->fault), "%s: %s", name, what);
    }
    return false;
}

const char *check_fault(const struct check *check)
{
    return check->fault;
}

bool check_grow(struct check *check, void **rows, uint32_t count, uint32_t *max, size_t size)
{
    if (count < *max) {
        return true;
    }
    uint32_t more = *max + *max / 2 + 64;
    void *grown = more <= *max || more == NOTHING ? NULL : realloc(*rows, more * size);
    if (grown == NULL) {
        return check_fail(check, "check", 0, "out of memory");
    }
    *rows = grown;
    *max = more;
    return true;
}

struct check *check_new(void)
{
    struct check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return NULL;
    }
    bool ok = symbols_begin(&check->symbols);
    for (uint32_t text = 1; ok && text < TEXT_COUNT; text++) {
        ok = symbols_of(&check->symbols, known_texts[text], strlen(known_texts[text])) == text;
    }
    if (!ok) {
        check_free(check);
        return NULL;
    }
    check->retention_ns = FOREVER;
    return check;
}

void check_free(struct check *check)
{
    if (check == NULL) {
        return;
    }
    symbols_free(&check->symbols);
    free(check->names);
    free(check->events);
    free(check->operations);
    free(check->promises);
    free(check->stays);
    free(check->deploys);
    free(check->exits);
    free(check);
}

static uint8_t word_of(const struct check *check, uint64_t symbol, const char *const *texts, uint8_t count)
{
    const char *text = symbols_text(&check->symbols, (uint32_t)symbol);
    uint8_t at = 0;
    while (at < count && strcmp(texts[at], text) != 0) {
        at++;
    }
    return at;
}

static bool has(const struct line *line, enum history_key key)
{
    return (line->has & UINT64_C(1) << key) != 0;
}

static bool word_is_asked(uint8_t word)
{
    return word == WORD_call || word == WORD_submit || word == WORD_publish || word == WORD_result ||
           word == WORD_cancel;
}

/* NULL, or what keeps the line from meaning anything. */
static const char *event_fault(const struct event *event, const struct line *line)
{
    bool tied = word_is_asked(event->word) || event->word == WORD_exec;
    if (event->op == OP_COUNT) {
        return "\"op\" is none of invoke, ok, fail, info";
    }
    if (event->word == WORD_COUNT) {
        return "\"f\" is no word of a history";
    }
    if (event->end == ENDED_COUNT) {
        return "\"end\" is no end of a request";
    }
    if (event->proc == 0) {
        return "\"proc\" is empty";
    }
    if (tied && !has(line, KEY_n) && event->op != OP_info) {
        return "\"n\" is missing: nothing ties a beginning to its end";
    }
    if (tied && event->op == OP_invoke && event->id == 0) {
        return "\"id\" is missing where a request is named";
    }
    if (event->word == WORD_exec && event->op == OP_invoke && event->fn == 0) {
        return "\"fn\" is missing where a function begins to run";
    }
    if (event->word == WORD_readback && event->what != TEXT_result && event->what != TEXT_dead &&
        event->what != TEXT_queued && event->what != TEXT_stranded && event->what != TEXT_forgotten) {
        return "\"what\" is none of result, dead, queued, stranded, forgotten";
    }
    if (event->word == WORD_readback && event->id == 0) {
        return "\"id\" is missing where a request is named";
    }
    if (event->word == WORD_readback && event->what == TEXT_result && event->end == ENDED_none) {
        return "\"end\" is missing where a stored result is named";
    }
    return NULL;
}

/* Of "n1/w4711" the instance is "n1". */
static uint32_t node_of(struct check *check, uint32_t proc)
{
    const char *text = symbols_text(&check->symbols, proc);
    const char *slash = strchr(text, '/');
    if (slash == NULL) {
        return proc;
    }
    char name[LINE_BYTES_MAX / 32];
    size_t length = (size_t)(slash - text);
    if (length >= sizeof(name)) {
        return proc;
    }
    memcpy(name, text, length); /* The table of texts may move while one is added. */
    return symbols_of(&check->symbols, name, length);
}

static struct promise *promise_of(struct check *check, uint32_t fn)
{
    for (uint32_t at = 0; at < check->promises_count; at++) {
        if (check->promises[at].fn == fn) {
            return &check->promises[at];
        }
    }
    return NULL;
}

static void promise_most(uint64_t *value, const struct line *line, enum history_key key)
{
    if (has(line, key) && (*value == FOREVER || line->value[key] > *value)) {
        *value = line->value[key];
    }
}

/* A later line about the same function can only promise less: more retries, a shorter retention. */
static bool settings_take(struct check *check, const struct line *line)
{
    uint32_t fn = (uint32_t)line->value[KEY_fn];
    struct promise *promise = promise_of(check, fn);
    if (promise == NULL) {
        if (!check_grow(check, (void **)&check->promises, check->promises_count, &check->promises_max,
                        sizeof(*promise))) {
            return false;
        }
        promise = &check->promises[check->promises_count++];
        *promise = (struct promise){ fn, FOREVER, FOREVER, FOREVER };
    }
    promise_most(&promise->retries, line, KEY_retries);
    promise_most(&promise->executions_max, line, KEY_executions_max);
    uint64_t timeout = has(line, KEY_timeout_ns) ? line->value[KEY_timeout_ns] : FOREVER;
    promise->timeout_ns = timeout < promise->timeout_ns ? timeout : promise->timeout_ns;
    uint64_t retention = has(line, KEY_retention_ns) ? line->value[KEY_retention_ns] : FOREVER;
    check->retention_ns = retention < check->retention_ns ? retention : check->retention_ns;
    check->slack_ns += has(line, KEY_slack_ns) ? line->value[KEY_slack_ns] : 0;
    check->settle_ns += has(line, KEY_settle_ns) ? line->value[KEY_settle_ns] : 0;
    check->exact = check->exact || (has(line, KEY_exact) && line->value[KEY_exact] != 0);
    return true;
}

static uint32_t name_note(struct check *check, const char *name)
{
    if (check->names_count > 0 && check->names[check->names_count - 1] == name) {
        return check->names_count - 1;
    }
    if (!check_grow(check, (void **)&check->names, check->names_count, &check->names_max, sizeof(name))) {
        return NOTHING;
    }
    check->names[check->names_count] = name;
    return check->names_count++;
}

static void event_fill(struct check *check, const struct line *line, struct event *event)
{
    const uint64_t *value = line->value;
    event->t = value[KEY_t];
    event->n = value[KEY_n];
    event->budget_ns = has(line, KEY_grace_ns) ? value[KEY_grace_ns] : value[KEY_budget_ns];
    event->order = check->events_count;
    event->proc = (uint32_t)value[KEY_proc];
    event->node = node_of(check, event->proc);
    event->id = (uint32_t)value[KEY_id];
    event->fn = (uint32_t)value[KEY_fn];
    event->ver = (uint32_t)value[KEY_ver];
    event->in = (uint32_t)value[KEY_in];
    event->dig = (uint32_t)value[KEY_dig];
    event->reason = (uint32_t)value[KEY_reason];
    event->kind = (uint32_t)value[KEY_kind];
    event->target = (uint32_t)value[KEY_target];
    event->since_ns = value[KEY_since_ns];
    event->state = (uint32_t)value[KEY_state];
    event->what = (uint32_t)value[KEY_what];
    event->try = (uint32_t)value[KEY_try];
    event->att = (uint32_t)value[KEY_att];
    event->has_att = has(line, KEY_att);
    event->op = word_of(check, value[KEY_op], op_texts, OP_COUNT);
    event->word = word_of(check, value[KEY_f], word_texts, WORD_COUNT);
    event->end = has(line, KEY_end) ? word_of(check, value[KEY_end], end_texts, ENDED_COUNT) : ENDED_none;
}

bool check_line(struct check *check, const char *name, uint64_t number, const char *text, size_t length)
{
    struct line line;
    struct event event = { .line = (uint32_t)number };
    const char *fault = number >= NOTHING ? "too many lines" : line_read(&check->symbols, text, length, &line);
    if (fault != NULL) {
        return check_fail(check, name, number, fault);
    }
    if (!has(&line, KEY_t) || !has(&line, KEY_proc) || !has(&line, KEY_op) || !has(&line, KEY_f)) {
        return check_fail(check, name, number, "\"t\", \"proc\", \"op\" or \"f\" is missing");
    }
    if (line.value[KEY_try] >= NOTHING || line.value[KEY_att] >= NOTHING) {
        return check_fail(check, name, number, "\"try\" or \"att\" over 2^32-2");
    }
    event_fill(check, &line, &event);
    fault = event_fault(&event, &line);
    if (fault != NULL) {
        return check_fail(check, name, number, fault);
    }
    event.file = name_note(check, name);
    if (event.file == NOTHING || event.node == NOTHING) {
        return check_fail(check, name, number, "out of memory");
    }
    if (!check_grow(check, (void **)&check->events, check->events_count, &check->events_max, sizeof(event))) {
        return false;
    }
    check->events[check->events_count++] = event;
    check->ended = check->ended || event.word == WORD_end;
    check->starts_failed = check->starts_failed || (event.word == WORD_life && event.state == TEXT_not_started);
    return event.word != WORD_settings || settings_take(check, &line);
}

static bool file_read(struct check *check, const char *path, FILE *file)
{
    static const char too_long[] = "a line over 65,535 bytes";
    char *text = malloc(LINE_BYTES_MAX + 1);
    uint64_t number = 0;
    bool ok = text != NULL || check_fail(check, path, 0, "out of memory");
    while (ok && fgets(text, LINE_BYTES_MAX + 1, file) != NULL) {
        size_t length = strlen(text);
        number++;
        if (length == 0 || text[length - 1] != '\n') {
            bool is_long = length == LINE_BYTES_MAX;
            ok = check_fail(check, path, number, is_long ? too_long : "the line is cut short, or has a zero byte");
        } else {
            ok = check_line(check, path, number, text, length - 1);
        }
    }
    if (ok && ferror(file)) {
        ok = check_fail(check, path, number + 1, strerror(errno));
    }
    free(text);
    return ok;
}

bool check_file(struct check *check, const char *path)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    if (file == NULL) {
        return check_fail(check, path, 0, strerror(errno));
    }
    bool ok = file_read(check, path, file);
    if (!is_input) {
        fclose(file);
    }
    return ok;
}
