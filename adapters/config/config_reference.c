/* The JSON Schema and the reference page, generated from the table. docs/reference/config.md and config.schema.json are
 * the output of the functions here; a test fails when they are stale. */
#include "adapters/config/config_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [CONFIG_STRING] = "text",         [CONFIG_BOOL] = "true or false", [CONFIG_INTEGER] = "number",
    [CONFIG_DURATION] = "duration",   [CONFIG_SIZE] = "size",          [CONFIG_CPU] = "CPUs",
    [CONFIG_LIST] = "list",           [CONFIG_WORDS] = "words",        [CONFIG_ADDRESS] = "address",
    [CONFIG_ADDRESSES] = "addresses", [CONFIG_CHOICE] = "choice",      [CONFIG_PAIRS] = "names and values",
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
        fputs("\"type\": \"string\"", out);
    }
}

static void print_key_schema(const struct config_key *key, const char *name, int indent, FILE *out)
{
    fprintf(out, "%*s\"%s\": {", indent, "", name);
    print_type(key, out);
    fputs(", \"default\": ", out);
    bool bare = key->kind == CONFIG_BOOL || key->kind == CONFIG_INTEGER;
    if (bare) {
        fputs(key->default_text, out);
    } else if (key->kind == CONFIG_PAIRS) {
        fputs("{}", out);
    } else {
        config_json_text(out, key->default_text);
    }
    fputs(", \"description\": ", out);
    config_json_text(out, key->doc);
    fputs("}", out);
}

/* The keys from *at on whose paths begin with the first `prefix` bytes of the first one, as the members of an object.
 */
static void print_section_schema(const struct config_table *table, size_t *at, size_t prefix, int indent, FILE *out)
{
    const char *first = table->keys[*at].path;
    const char *before = "";
    while (*at < table->count && strncmp(table->keys[*at].path, first, prefix) == 0) {
        const struct config_key *key = &table->keys[*at];
        const char *rest = key->path + prefix, *dot = strchr(rest, '.');
        fprintf(out, "%s\n", before);
        if (dot == NULL) {
            print_key_schema(key, rest, indent, out);
            (*at)++;
        } else {
            fprintf(out,
                    "%*s\"%.*s\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false, "
                    "\"properties\": {",
                    indent, "", (int)(dot - rest), rest);
            print_section_schema(table, at, (size_t)(dot - key->path) + 1, indent + 2, out);
            fprintf(out, "\n%*s}}", indent, "");
        }
        before = ",";
    }
}

static void print_schema(const struct config_table *table, FILE *out)
{
    size_t at = 0;
    fprintf(out,
            "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"%s\",\n"
            "  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {",
            table->title);
    print_section_schema(table, &at, 0, 4, out);
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

static void print_range(const struct config_key *key, FILE *out)
{
    if (*key->choices != '\0') {
        for (const char *at = key->choices; *at != '\0'; at++) {
            fputs(*at == '|' ? ", " : (char[]){ *at, '\0' }, out);
        }
    } else if (*key->min != '\0') {
        fprintf(out, "%s to %s", key->min, key->max);
    }
}

static void print_page_table(const struct config_table *table, bool environment, FILE *out)
{
    fprintf(out, "| key | kind | default | allowed |%s meaning |\n|---|---|---|---|%s---|\n",
            environment ? " variable | change |" : "", environment ? "---|---|" : "");
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        const char *quote = *key->default_text == '\0' ? "" : "`";
        fprintf(out, "| `%s` | %s | %s%s%s | ", key->path, kind_names[key->kind], quote, key->default_text, quote);
        print_range(key, out);
        if (environment) {
            char name[CONFIG_PATH_BYTES];
            config_environment_name(key->path, name);
            fprintf(out, " | `%s` | %s", name, key->reload == CONFIG_LIVE ? "live" : "restart");
        }
        fprintf(out, " | %s |\n", key->doc);
    }
}

void config_page_print(FILE *out)
{
    fputs(
        "# Configuration\n\n<!-- Generated by config_reference from adapters/config/config_keys.h; do not edit. -->\n\n"
        "One YAML file, given by `--config` or `STEAD_CONFIG`. A value comes from a flag, else from the environment,\n"
        "else from the file, else it is the default; `stead config print` shows which. Durations need a unit "
        "(`250ms`,\n"
        "`1h30m`), sizes take `k M G T` and `Ki Mi Gi Ti`. Unknown and repeated keys, anchors and tags are errors.\n"
        "A change marked *live* needs no restart.\n\n## The service\n\n",
        out);
    print_page_table(&config_table, true, out);
    fputs("\n## A function's `stead.yaml`\n\nBeside the function's code; every key is optional. What is not given "
          "comes from\n"
          "`functions.*` of the service.\n\n",
          out);
    print_page_table(&manifest_table, false, out);
}
