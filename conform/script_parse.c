/* The parser cuts a line at blanks, looks the first word up in the table of operations and each NAME=VALUE in the table
 * of options. What is wrong is said with the words of the tables, so that the grammar need not be at hand. */
#include "conform/script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum form { FORM_TEXT, FORM_NUMBER, FORM_DURATION, FORM_FLAG };
enum { SETTLE_MS = 30 }; /* what a line without a duration of its own lasts */

static const struct operation_row {
    const char *word, *options;
    uint32_t words;
    bool answers;
} operations[OPERATION_COUNT] = {
#define OPERATION_ROW(name, word, words, options, answers) { word, options, words, answers },
    OPERATIONS(OPERATION_ROW)
#undef OPERATION_ROW
};

static const struct option_row {
    const char *name;
    enum form form;
} options[OPTION_COUNT] = {
#define OPTION_ROW(name, form) { #name, FORM_##form },
    OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

const char *operation_word(enum operation operation)
{
    return operations[operation].word;
}

__attribute__((format(printf, 3, 4))) static bool wrong(char *ret_wrong, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_wrong, size, format, arguments);
    va_end(arguments);
    return false;
}

/* -- values -- */

bool duration_read(const char *text, uint64_t *ret_ns)
{
    char *unit;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    uint64_t number = strtoull(text, &unit, 10);
    uint64_t scale = strcmp(unit, "ms") == 0   ? MILLISECOND
                     : strcmp(unit, "s") == 0  ? 1000 * MILLISECOND
                     : strcmp(unit, "us") == 0 ? 1000
                                               : 0;
    if (scale == 0 || number > UINT64_C(3600000000)) {
        return false;
    }
    *ret_ns = number * scale;
    return true;
}

static bool is_number(const char *text)
{
    return text[0] != 0 && strlen(text) < 16 && strspn(text, "0123456789") == strlen(text);
}

static bool fits(enum form form, const char *value)
{
    uint64_t ns;
    switch (form) {
    case FORM_NUMBER:
        return is_number(value);
    case FORM_DURATION:
        return duration_read(value, &ns);
    case FORM_FLAG:
        return value[0] == 0;
    default:
        return value[0] != 0;
    }
}

/* -- one line -- */

static bool takes(enum operation operation, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = operations[operation].options; *at != 0;) {
        size_t here = strcspn(at, " ");
        if (here == length && strncmp(at, name, length) == 0) {
            return true;
        }
        at += here + (at[here] == ' ');
    }
    return false;
}

static bool option_add(struct script_line *line, char *word, char *ret_wrong, size_t size)
{
    char *equals = strchr(word, '=');
    const char *value = "";
    if (equals != NULL) {
        *equals = 0;
        value = equals + 1;
    }
    for (uint32_t at = 0; at < OPTION_COUNT; at++) {
        if (strcmp(options[at].name, word) != 0 || !takes(line->operation, word)) {
            continue;
        }
        if (!fits(options[at].form, value)) {
            static const char *const forms[] = { "a text", "a number", "a duration like 250ms", "no value" };
            return wrong(ret_wrong, size, "`%s` needs %s", word, forms[options[at].form]);
        }
        if (line->option_count == SCRIPT_OPTIONS_MAX) {
            return wrong(ret_wrong, size, "more than %d options", SCRIPT_OPTIONS_MAX);
        }
        line->options[line->option_count++] = (struct script_option){ (enum option)at, value };
        return true;
    }
    const char *known = operations[line->operation].options;
    return wrong(ret_wrong, size, "`%s` has no option `%s`; it takes: %s", operations[line->operation].word, word,
                 known[0] == 0 ? "none" : known);
}

static bool words_check(const struct script_line *line, char *ret_wrong, size_t size)
{
    uint64_t ns;
    const struct operation_row *row = &operations[line->operation];
    if (line->word_count != row->words) {
        return wrong(ret_wrong, size, "`%s` needs %" PRIu32 " word%s before its options, not %" PRIu32, row->word,
                     row->words, row->words == 1 ? "" : "s", line->word_count);
    }
    bool timed = line->operation == OPERATION_ADVANCE || line->operation == OPERATION_PAUSE;
    if (timed && !duration_read(line->words[0], &ns)) {
        return wrong(ret_wrong, size, "`%s` needs a duration like 250ms, not `%s`", row->word, line->words[0]);
    }
    if (line->operation == OPERATION_RESTART && strcmp(line->words[0], "kill9") != 0 &&
        strcmp(line->words[0], "term") != 0) {
        return wrong(ret_wrong, size, "`restart` is `kill9` or `term`");
    }
    bool names = line->operation == OPERATION_PULL || line->operation == OPERATION_LISTEN;
    if (names && line_text(line, OPTION_as) == NULL) {
        return wrong(ret_wrong, size, "`%s` needs a name: as=a", row->word);
    }
    bool numbered = line->operation == OPERATION_REMOVE ||
                    (line->operation == OPERATION_GET && strchr(line->words[1], '.') == NULL);
    if (numbered && line->operation == OPERATION_REMOVE && !is_number(line->words[1])) {
        return wrong(ret_wrong, size, "`%s` needs a sequence, not `%s`", row->word, line->words[1]);
    }
    return true;
}

static bool line_parse(struct script_line *line, char *ret_wrong, size_t size)
{
    char *rest = NULL;
    char *expect = strstr(line->cut, " expect ");
    if (expect != NULL) {
        *expect = 0;
        line->expect = expect + strlen(" expect ");
    }
    const char *first = strtok_r(line->cut, " ", &rest);
    uint32_t at = 0;
    while (at < OPERATION_COUNT && strcmp(operations[at].word, first) != 0) {
        at++;
    }
    if (at == OPERATION_COUNT) {
        return wrong(ret_wrong, size, "`%s` is no operation", first);
    }
    line->operation = (enum operation)at;
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        bool plain = line->option_count == 0 && strchr(word, '=') == NULL && line->word_count < operations[at].words;
        if (plain) {
            line->words[line->word_count++] = word;
        } else if (!option_add(line, word, ret_wrong, size)) {
            return false;
        }
    }
    return words_check(line, ret_wrong, size);
}

static bool script_grow(struct script *script)
{
    if (script->count < script->room) {
        return true;
    }
    uint32_t room = script->room == 0 ? 16 : script->room * 2;
    struct script_line *lines = malloc(room * sizeof(*lines));
    if (lines == NULL) {
        return false;
    }
    /* The pieces of a line are named by pointers into it. */
    for (uint32_t at = 0; at < script->count; at++) {
        char why[8];
        lines[at] = (struct script_line){ .number = script->lines[at].number };
        memcpy(lines[at].text, script->lines[at].text, sizeof(lines[at].text));
        memcpy(lines[at].cut, script->lines[at].text, sizeof(lines[at].cut));
        (void)line_parse(&lines[at], why, sizeof(why));
    }
    free(script->lines);
    script->lines = lines;
    script->room = room;
    return true;
}

bool script_add(struct script *script, const char *text, uint32_t number, char *ret_wrong, size_t size)
{
    if (script->count >= SCRIPT_LINES_MAX) {
        return wrong(ret_wrong, size, "more than %d lines", SCRIPT_LINES_MAX);
    }
    if (strlen(text) >= SCRIPT_TEXT_MAX) {
        return wrong(ret_wrong, size, "a line longer than %d characters", SCRIPT_TEXT_MAX - 1);
    }
    if (!script_grow(script)) {
        return wrong(ret_wrong, size, "out of memory");
    }
    struct script_line *line = &script->lines[script->count];
    *line = (struct script_line){ .number = number };
    memcpy(line->text, text, strlen(text) + 1);
    memcpy(line->cut, text, strlen(text) + 1);
    if (!line_parse(line, ret_wrong, size)) {
        return false;
    }
    script->count++;
    return true;
}

uint64_t line_lasts_ns(const struct script_line *line)
{
    uint64_t ns = SETTLE_MS * MILLISECOND;
    if (line->operation == OPERATION_ADVANCE) {
        (void)duration_read(line->words[0], &ns);
    }
    return ns;
}

bool operation_answers(const struct script_line *line)
{
    return line->operation == OPERATION_PUB ? !line_has(line, OPTION_silent)
                                            : operations[line->operation].answers || line_has(line, OPTION_sync);
}
