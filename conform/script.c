/* Scripts as files, their copies, and what may be asked of a line; script_parse.c reads a line. */
#include "conform/script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- a file -- */

static bool header_read(struct script *script, char *text, bool *ret_taken, char *ret_wrong, size_t size)
{
    char *rest = strchr(text, ' ');
    *ret_taken = true;
    if (strncmp(text, "title ", 6) == 0) {
        (void)snprintf(script->title, sizeof(script->title), "%s", rest + 1);
    } else if (strncmp(text, "seen ", 5) == 0) {
        (void)snprintf(script->seen, sizeof(script->seen), "%s", rest + 1);
    } else if (strncmp(text, "not ", 4) == 0) {
        char *reason = strchr(rest + 1, ' ');
        if (reason == NULL || script->not_count == SCRIPT_NOTS_MAX) {
            (void)snprintf(ret_wrong, size, "`not` needs a back end and why it does not apply there (at most %d)",
                           SCRIPT_NOTS_MAX);
            return false;
        }
        *reason = 0;
        struct script_not *entry = &script->nots[script->not_count++];
        (void)snprintf(entry->backend, sizeof(entry->backend), "%s", rest + 1);
        (void)snprintf(entry->reason, sizeof(entry->reason), "%s", reason + 1);
    } else {
        *ret_taken = false;
    }
    return true;
}

static void trim(char *text)
{
    char *comment = text[0] == '#' ? text : strstr(text, " #");
    if (comment != NULL) {
        *comment = 0;
    }
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        text[--length] = 0;
    }
}

bool script_read(FILE *file, const char *path, struct script *ret_script, char *ret_wrong, size_t size)
{
    struct script script = { .count = 0 };
    char text[512], why[256];
    uint32_t number = 0;
    bool good = true;
    (void)snprintf(script.path, sizeof(script.path), "%s", path);
    *ret_script = (struct script){ .count = 0 };
    while (good && fgets(text, sizeof(text), file) != NULL) {
        bool taken = false;
        number++;
        trim(text);
        good = header_read(&script, text, &taken, why, sizeof(why));
        if (good && !taken && text[0] != 0) {
            good = script_add(&script, text, number, why, sizeof(why));
        }
    }
    if (good && script.count == 0) {
        good = false;
        (void)snprintf(why, sizeof(why), "there is no operation in it");
    }
    if (!good) {
        script_free(&script);
        (void)snprintf(ret_wrong, size, "%s:%" PRIu32 ": %s", path, number, why);
        return false;
    }
    *ret_script = script;
    return true;
}

void script_write(const struct script *script, FILE *file)
{
    if (script->title[0] != 0) {
        fprintf(file, "title %s\n", script->title);
    }
    for (uint32_t at = 0; at < script->count; at++) {
        fprintf(file, "%s\n", script->lines[at].text);
    }
}

bool script_copy(const struct script *from, struct script *ret_script)
{
    char why[64];
    struct script copy = *from;
    copy.count = copy.room = 0;
    copy.lines = NULL;
    for (uint32_t at = 0; at < from->count; at++) {
        if (!script_add(&copy, from->lines[at].text, from->lines[at].number, why, sizeof(why))) {
            script_free(&copy);
            return false;
        }
    }
    *ret_script = copy;
    return true;
}

void script_cut(struct script *script, uint32_t first, uint32_t count)
{
    char why[64];
    struct script_line *lines = script->lines;
    uint32_t old = script->count;
    script->lines = NULL;
    script->count = script->room = 0;
    for (uint32_t at = 0; at < old; at++) {
        if (at < first || at >= first + count) {
            (void)script_add(script, lines[at].text, lines[at].number, why, sizeof(why));
        }
    }
    free(lines);
}

void script_free(struct script *script)
{
    free(script->lines);
    *script = (struct script){ .count = 0 };
}

/* -- questions -- */

const char *script_not_for(const struct script *script, const char *backend)
{
    for (uint32_t at = 0; at < script->not_count; at++) {
        size_t length = strlen(script->nots[at].backend);
        /* "cluster" stands for the clusters of all versions. */
        bool same = strcmp(script->nots[at].backend, backend) == 0;
        if (same || (strncmp(script->nots[at].backend, backend, length) == 0 && backend[length] == '-')) {
            return script->nots[at].reason;
        }
    }
    return NULL;
}

bool script_is_alone(const struct script *script)
{
    for (uint32_t at = 0; at < script->count; at++) {
        enum operation operation = script->lines[at].operation;
        if (operation == OPERATION_RESTART || operation == OPERATION_PAUSE || operation == OPERATION_KILL_LEADER) {
            return true;
        }
    }
    return false;
}

const char *line_text(const struct script_line *line, enum option name)
{
    for (uint32_t at = 0; at < line->option_count; at++) {
        if (line->options[at].name == name) {
            return line->options[at].value;
        }
    }
    return NULL;
}

bool line_has(const struct script_line *line, enum option name)
{
    return line_text(line, name) != NULL;
}

uint64_t line_number(const struct script_line *line, enum option name, uint64_t otherwise)
{
    const char *text = line_text(line, name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

uint64_t line_duration(const struct script_line *line, enum option name, uint64_t otherwise_ns)
{
    const char *text = line_text(line, name);
    uint64_t ns = otherwise_ns;
    if (text != NULL) {
        (void)duration_read(text, &ns);
    }
    return ns;
}
