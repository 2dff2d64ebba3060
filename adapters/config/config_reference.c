/* The JSON Schemas, generated from the tables. docs/reference/config.schema.json and manifest.schema.json are the
 * output of the functions here; a test fails when they are stale. Other spellings stand among the keys, so the schema
 * walks a list of both, sorted by path: in it, the members of a section stand together. */
#include "adapters/config/config_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = CONFIG_KEYS_MAX + 64 };

struct entry {
    const char *path;
    const struct config_key *key; /* NULL: fixed, or the groups */
    const struct config_spelling *spelling;
};

static void print_choices(const char *choices, FILE *out)
{
    fputs("\"enum\": [", out);
    for (const char *at = choices; *at != '\0';) {
        size_t part = strcspn(at, "|");
        fprintf(out, "%s\"%.*s\"", at == choices ? "" : ", ", (int)part, at);
        at += part + (at[part] == '|' ? 1 : 0);
    }
    fputs("]", out);
}

static void print_type(const struct config_key *key, FILE *out)
{
    static const char duration[] = "^(0|([0-9]+(\\\\.[0-9]+)?(ns|us|\xc2\xb5s|ms|s|m|h))+)$";
    static const char size[] = "^[0-9]+(\\\\.[0-9]{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)?$";
    switch (key->kind) {
    case CONFIG_BOOL:
        fputs("\"type\": \"boolean\"", out);
        break;
    case CONFIG_INTEGER:
        fprintf(out, "\"type\": \"integer\", \"minimum\": %s, \"maximum\": %s", key->min, key->max);
        break;
    case CONFIG_DURATION:
        fprintf(out, "\"type\": [\"string\", \"integer\"], \"pattern\": \"%s\"", duration);
        fputs(", \"minimum\": 0, \"maximum\": 0", out); /* A number has no unit, so only 0 is a duration. */
        break;
    case CONFIG_SIZE:
        fprintf(out, "\"type\": [\"string\", \"integer\"], \"pattern\": \"%s\"", size);
        break;
    case CONFIG_CPU:
        fputs("\"type\": [\"string\", \"number\"], \"pattern\": \"^[0-9]+(\\\\.[0-9]{1,3})?m?$\"", out);
        break;
    case CONFIG_CHOICE:
        print_choices(key->choices, out);
        break;
    case CONFIG_LIST:
    case CONFIG_WORDS:
    case CONFIG_ADDRESSES:
        fputs("\"type\": [\"array\", \"string\"], \"items\": {\"type\": \"string\"", out);
        if (*key->choices != '\0') {
            fputs(", ", out);
            print_choices(key->choices, out);
        }
        fputs("}", out);
        break;
    case CONFIG_PAIRS:
        fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\", \"boolean\"]}", out);
        break;
    default:
        fputs("\"type\": [\"string\", \"number\"]", out); /* version: 1.2 */
    }
}

static void print_text_member(const char *name, const char *text, FILE *out)
{
    fprintf(out, ", \"%s\": ", name);
    config_json_text(out, text);
}

static void print_default(const struct config_key *key, FILE *out)
{
    bool bare = key->kind == CONFIG_BOOL || key->kind == CONFIG_INTEGER;
    if (bare) {
        fprintf(out, ", \"default\": %s", key->default_text);
    } else if (key->kind == CONFIG_PAIRS || key->kind == CONFIG_WORDS) {
        fprintf(out, ", \"default\": %s", key->kind == CONFIG_PAIRS ? "{}" : "[]");
    } else {
        print_text_member("default", key->default_text, out);
    }
}

static void print_key_schema(const struct config_key *key, const char *name, int indent, FILE *out)
{
    fprintf(out, "%*s\"%s\": {", indent, "", name);
    print_type(key, out);
    print_default(key, out);
    print_text_member("description", key->doc, out);
    fputs("}", out);
}

static void print_groups_schema(int indent, FILE *out)
{
    fprintf(out,
            "%*s\"groups\": {\"type\": [\"array\", \"null\"], \"items\": {\"type\": \"object\", "
            "\"additionalProperties\": false, \"required\": [\"name\"], \"properties\": {",
            indent, "");
    for (size_t i = 0; i < group_table.count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        print_key_schema(&group_table.keys[i], group_table.keys[i].path, indent + 2, out);
    }
    fprintf(out, "\n%*s}}}", indent, "");
}

static void print_entry(const struct entry *entry, const char *name, int indent, FILE *out)
{
    const struct config_spelling *spelling = entry->spelling;
    if (spelling == NULL) {
        print_key_schema(entry->key, name, indent, out);
    } else if (spelling->how == CONFIG_GROUPS) {
        print_groups_schema(indent, out);
    } else if (spelling->how == CONFIG_FIXED) {
        fprintf(out, "%*s\"%s\": {\"const\": ", indent, "", name);
        config_json_text(out, spelling->target);
        print_text_member("description", spelling->why, out);
        fputs("}", out);
    } else {
        fprintf(out, "%*s\"%s\": {", indent, "", name);
        if (spelling->how == CONFIG_JOIN) {
            fputs("\"type\": [\"array\", \"string\"], \"items\": {\"type\": \"string\"}", out);
        } else {
            print_type(entry->key, out);
        }
        fputs(", \"description\": \"Another spelling of ", out);
        fprintf(out, "%s.\"}", spelling->target);
    }
}

/* The entries from *at on whose paths begin with the first `prefix` bytes of the first one, as the members of an
 * object. */
static void print_section(const struct entry *entries, size_t count, size_t *at, size_t prefix, int indent, FILE *out)
{
    const char *first = entries[*at].path;
    const char *before = "";
    while (*at < count && strncmp(entries[*at].path, first, prefix) == 0) {
        const struct entry *entry = &entries[*at];
        const char *rest = entry->path + prefix, *dot = strchr(rest, '.');
        size_t length = strlen(entry->path);
        bool both = *at + 1 < count && strncmp(entries[*at + 1].path, entry->path, length) == 0 &&
                    entries[*at + 1].path[length] == '.';
        if (both) { /* a list or a section, as function.languages: described as the section that follows */
            (*at)++;
            continue;
        }
        fprintf(out, "%s\n", before);
        before = ",";
        if (dot == NULL) {
            print_entry(entry, rest, indent, out);
            (*at)++;
            continue;
        }
        bool list = *at > 0 && strncmp(entries[*at - 1].path, entry->path, (size_t)(dot - entry->path)) == 0 &&
                    entries[*at - 1].path[dot - entry->path] == '\0';
        fprintf(out,
                "%*s\"%.*s\": {\"type\": [\"object\", %s\"null\"], \"additionalProperties\": false, "
                "\"properties\": {",
                indent, "", (int)(dot - rest), rest, list ? "\"array\", " : "");
        print_section(entries, count, at, (size_t)(dot - entry->path) + 1, indent + 2, out);
        fprintf(out, "\n%*s}}", indent, "");
    }
}

static int entry_compare(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static void print_schema(const struct config_table *table, FILE *out)
{
    static _Thread_local struct entry entries[ENTRIES_MAX];
    size_t at = 0, count = 0;
    for (size_t i = 0; i < table->count; i++) {
        entries[count++] = (struct entry){ table->keys[i].path, &table->keys[i], NULL };
    }
    for (size_t i = 0; i < table->spelling_count && count < ENTRIES_MAX; i++) {
        const struct config_spelling *spelling = &table->spellings[i];
        if (spelling->how != CONFIG_REFUSED) {
            entries[count++] = (struct entry){ spelling->path, config_key_find(table, spelling->target), spelling };
        }
    }
    qsort(entries, count, sizeof entries[0], entry_compare);
    fprintf(out,
            "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"%s\",\n"
            "  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {",
            table->title);
    print_section(entries, count, &at, 0, 4, out);
    fputs("\n  }\n}\n", out);
}

void config_schema_print(FILE *out)
{
    print_schema(&config_table, out);
}

void manifest_schema_print(FILE *out)
{
    print_schema(&manifest_table, out);
}
