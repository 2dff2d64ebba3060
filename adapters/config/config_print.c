/* The table and a loaded config as text: `config print`, `config check`, the JSON Schema and the reference page. All
 * four walk the table in its order, in which the keys of a section stand together. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void config_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

static void print_choice(const struct config_key *key, int index, FILE *out)
{
    const char *at = key->choices;
    for (; index > 0; index--) {
        at += strcspn(at, "|") + 1;
    }
    fprintf(out, "\"%.*s\"", (int)strcspn(at, "|"), at);
}

/* A value as JSON, which YAML reads too. Durations and sizes stay texts with their unit. */
void config_value_print(const struct config_key *key, const void *target, FILE *out)
{
    const void *member = (const char *)target + key->offset;
    const struct config_list *list = member;
    char text[64];
    switch (key->kind) {
    case CONFIG_STRING:
    case CONFIG_ADDRESS:
        config_json_text(out, *(const char *const *)member);
        break;
    case CONFIG_BOOL:
        fputs(*(const bool *)member ? "true" : "false", out);
        break;
    case CONFIG_INTEGER:
        fprintf(out, "%" PRId64, *(const int64_t *)member);
        break;
    case CONFIG_DURATION:
        config_write_duration(*(const int64_t *)member, text, sizeof text);
        config_json_text(out, text);
        break;
    case CONFIG_SIZE:
        config_write_size(*(const int64_t *)member, text, sizeof text);
        config_json_text(out, text);
        break;
    case CONFIG_CPU:
        config_write_cpu(*(const int64_t *)member, text, sizeof text);
        config_json_text(out, text);
        break;
    case CONFIG_CHOICE:
        print_choice(key, *(const int *)member, out);
        break;
    case CONFIG_LIST:
    case CONFIG_WORDS:
    case CONFIG_ADDRESSES:
        fputc('[', out);
        for (size_t i = 0; i < list->count; i++) {
            fputs(i == 0 ? "" : ", ", out);
            config_json_text(out, list->items[i]);
        }
        fputc(']', out);
        break;
    case CONFIG_PAIRS:
        fputs("{}", out);
        break;
    }
}

void config_value_text(const struct config_key *key, const void *target, char *ret_text, size_t size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ret_text[0] = '\0';
    if (out == NULL) {
        return;
    }
    config_value_print(key, target, out);
    fclose(out);
    bool quoted = length >= 2 && text[0] == '"';
    snprintf(ret_text, size, "%.*s", (int)(quoted ? length - 2 : length), text + (quoted ? 1 : 0));
    free(text);
}

static void print_origin(const struct config_origin *origin, FILE *out)
{
    static const char *const names[] = { "default", "file", "environment", "flag" };
    fprintf(out, "%s%s%s", names[origin->source], origin->where == NULL ? "" : " ",
            origin->where == NULL ? "" : origin->where);
    if (origin->spelling != NULL) {
        fprintf(out, " (%s)", origin->spelling->path);
    }
}

/* Opens the sections of `path` that `before` was not in. Returns the depth of the key itself. */
static int open_sections(const char *before, const char *path, FILE *out)
{
    int depth = 0;
    for (const char *start = path, *dot; (dot = strchr(start, '.')) != NULL; start = dot + 1, depth++) {
        size_t length = (size_t)(dot - path) + 1;
        if (strncmp(before, path, length) != 0) {
            fprintf(out, "%*s%.*s:\n", depth * 2, "", (int)(dot - start), start);
        }
    }
    return depth;
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL ? path : dot + 1;
}

static bool group_given(const struct config_group *group, size_t index)
{
    return group->origins[index].source != CONFIG_FROM_DEFAULT;
}

static void print_groups_yaml(const struct config_groups *groups, FILE *out)
{
    fprintf(out, "  groups:%s\n", groups->count == 0 ? " []  # default" : "");
    for (size_t i = 0; i < groups->count; i++) {
        const char *lead = "    - ";
        for (size_t k = 0; k < group_table.count; k++) {
            if (group_given(&groups->items[i], k)) {
                fprintf(out, "%s%s: ", lead, group_table.keys[k].path);
                config_value_print(&group_table.keys[k], &groups->items[i], out);
                fputs("  # ", out);
                print_origin(&groups->items[i].origins[k], out);
                fputc('\n', out);
                lead = "      ";
            }
        }
    }
}

static void print_groups_json(const struct config_groups *groups, FILE *out)
{
    fputs(",\n  \"queue.groups\": {\"value\": [", out);
    for (size_t i = 0; i < groups->count; i++) {
        const char *lead = i == 0 ? "{" : ", {";
        for (size_t k = 0; k < group_table.count; k++) {
            if (group_given(&groups->items[i], k)) {
                fprintf(out, "%s\"%s\": ", lead, group_table.keys[k].path);
                config_value_print(&group_table.keys[k], &groups->items[i], out);
                lead = ", ";
            }
        }
        fputc('}', out);
    }
    fprintf(out, "], \"origin\": \"%s\", \"where\": \"\"}", groups->count == 0 ? "default" : "file");
}

static bool last_of_queue(size_t index)
{
    return strncmp(config_table.keys[index].path, "queue.", 6) == 0 &&
           (index + 1 == config_table.count || strncmp(config_table.keys[index + 1].path, "queue.", 6) != 0);
}

static void print_yaml(const struct config *config, FILE *out)
{
    const char *before = "";
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        int depth = open_sections(before, key->path, out);
        fprintf(out, "%*s%s: ", depth * 2, "", last_part(key->path));
        config_value_print(key, config, out);
        fputs("  # ", out);
        print_origin(&config->book->origins[i], out);
        fputc('\n', out);
        if (last_of_queue(i)) {
            print_groups_yaml(&config->queue_groups, out);
        }
        before = key->path;
    }
}

static void print_json(const struct config *config, FILE *out)
{
    fputs("{", out);
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        const struct config_origin *origin = &config->book->origins[i];
        fprintf(out, "%s\n  \"%s\": {\"value\": ", i == 0 ? "" : ",", key->path);
        config_value_print(key, config, out);
        static const char *const names[] = { "default", "file", "environment", "flag" };
        fprintf(out, ", \"origin\": \"%s\", \"where\": ", names[origin->source]);
        config_json_text(out, origin->where == NULL ? "" : origin->where);
        fputs("}", out);
    }
    print_groups_json(&config->queue_groups, out);
    fputs("\n}\n", out);
}

void config_print(const struct config *config, FILE *out, bool json)
{
    if (json) {
        print_json(config, out);
    } else {
        print_yaml(config, out);
    }
}

static void print_check_json(const struct config_problems *problems, size_t shown, const struct config *config,
                             FILE *out)
{
    fprintf(out, "{\"ok\": %s, \"problems\": [", problems->count == 0 ? "true" : "false");
    for (size_t i = 0; i < shown; i++) {
        fputs(i == 0 ? "" : ", ", out);
        config_json_text(out, problems->text[i]);
    }
    fprintf(out, "], \"count\": %zu, \"notes\": [", problems->count);
    for (size_t i = 0; config != NULL && i < config_note_count(config); i++) {
        fputs(i == 0 ? "" : ", ", out);
        config_json_text(out, config_note(config, i));
    }
    fputs("]}\n", out);
}

void config_check_print(const struct config_problems *problems, const struct config *config, FILE *out, bool json)
{
    size_t shown = problems->count < CONFIG_PROBLEMS_MAX ? problems->count : CONFIG_PROBLEMS_MAX;
    if (json) {
        print_check_json(problems, shown, config, out);
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        fprintf(out, "%s\n", problems->text[i]);
    }
    if (problems->count > shown) {
        fprintf(out, "and %zu more\n", problems->count - shown);
    }
    for (size_t i = 0; config != NULL && i < config_note_count(config); i++) {
        fprintf(out, "%s\n", config_note(config, i));
    }
}
