/* The table and a loaded config as text: `config print`, `config check`, the JSON Schema and the reference page. All
 * four walk the table in its order, in which the keys of a section stand together. */
#include "adapters/config/config_internal.h"

#include <inttypes.h>
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
static void print_value(const struct config_key *key, const void *target, FILE *out)
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

static void print_origin(const struct config_origin *origin, FILE *out)
{
    static const char *const names[] = { "default", "file", "environment", "flag" };
    fprintf(out, "%s%s%s", names[origin->source], origin->where == NULL ? "" : " ",
            origin->where == NULL ? "" : origin->where);
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

static void print_yaml(const struct config *config, FILE *out)
{
    const char *before = "";
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        int depth = open_sections(before, key->path, out);
        fprintf(out, "%*s%s: ", depth * 2, "", last_part(key->path));
        print_value(key, config, out);
        fputs("  # ", out);
        print_origin(&config->book->origins[i], out);
        fputc('\n', out);
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
        print_value(key, config, out);
        static const char *const names[] = { "default", "file", "environment", "flag" };
        fprintf(out, ", \"origin\": \"%s\", \"where\": ", names[origin->source]);
        config_json_text(out, origin->where == NULL ? "" : origin->where);
        fputs("}", out);
    }
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

void config_check_print(const struct config_problems *problems, FILE *out, bool json)
{
    size_t shown = problems->count < CONFIG_PROBLEMS_MAX ? problems->count : CONFIG_PROBLEMS_MAX;
    if (json) {
        fprintf(out, "{\"ok\": %s, \"problems\": [", problems->count == 0 ? "true" : "false");
        for (size_t i = 0; i < shown; i++) {
            fputs(i == 0 ? "" : ", ", out);
            config_json_text(out, problems->text[i]);
        }
        fprintf(out, "], \"count\": %zu}\n", problems->count);
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        fprintf(out, "%s\n", problems->text[i]);
    }
    if (problems->count > shown) {
        fprintf(out, "and %zu more\n", problems->count - shown);
    }
}
