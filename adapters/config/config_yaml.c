/* YAML into members, on libyaml's event interface, which knows line and column. The file is read as what it has to be:
 * mappings of sections, and values that are scalars, lists of scalars or (for PAIRS) mappings of scalars. Anchors,
 * aliases, tags and duplicate keys, which YAML allows and people trip over, are refused.
 *
 * The reader goes on after a problem: an unknown subtree is skipped, a bad value is reported. Only a syntax error ends
 * it, since nothing after it can be trusted. */
#include "adapters/config/config_internal.h"

#include <string.h>

#include <yaml.h>

enum { DEPTH_MAX = 8, SEEN_MAX = 512 };

struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;
    struct config_place to;
    struct config_groups *groups; /* NULL: none allowed here */
    struct config_problems *problems;
    char path[CONFIG_PATH_BYTES];
    size_t base;                /* where in `path` the table's own paths begin: "queue.groups[2].maxAge" */
    const char *seen[SEEN_MAX]; /* full paths, to find duplicates */
    size_t seen_count;
    bool broken; /* syntax error: stop everywhere */
};

struct place {
    size_t line, column;
};

static struct place place_of(const struct yaml_reader *reader)
{
    return (struct place){ reader->event.start_mark.line + 1, reader->event.start_mark.column + 1 };
}

#define REPORT(reader, place, format, ...)                                                                             \
    config_problem((reader)->problems, "%s:%zu:%zu: " format, (reader)->name, (place).line, (place).column, __VA_ARGS__)

/* Moves to the next event; false (and broken) on a syntax error. */
static bool next(struct yaml_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!reader->broken && yaml_parser_parse(&reader->parser, &reader->event)) {
        return true;
    }
    if (!reader->broken) {
        struct place place = { reader->parser.problem_mark.line + 1, reader->parser.problem_mark.column + 1 };
        REPORT(reader, place, "not YAML: %s", reader->parser.problem == NULL ? "?" : reader->parser.problem);
        reader->broken = true;
    }
    memset(&reader->event, 0, sizeof reader->event);
    return false;
}

/* Skips the node that the current event starts; ends on its last event. */
static bool skip_node(struct yaml_reader *reader)
{
    size_t depth = 0;
    for (;;) {
        yaml_event_type_t type = reader->event.type;
        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
            depth++;
        } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
            depth--;
        }
        if (depth == 0) {
            return true;
        }
        if (!next(reader)) {
            return false;
        }
    }
}

/* True if the node has what we refuse. The node is not skipped. */
static bool refuse_extras(struct yaml_reader *reader)
{
    const yaml_event_t *event = &reader->event;
    bool map = event->type == YAML_MAPPING_START_EVENT, list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *anchor = map    ? event->data.mapping_start.anchor
                                : list ? event->data.sequence_start.anchor
                                       : event->data.scalar.anchor;
    const yaml_char_t *tag = map    ? event->data.mapping_start.tag
                             : list ? event->data.sequence_start.tag
                                    : event->data.scalar.tag;
    if (event->type == YAML_ALIAS_EVENT) {
        REPORT(reader, place_of(reader), "aliases such as *%.40s are not allowed: write the value out",
               (const char *)event->data.alias.anchor);
        return true;
    }
    if (anchor != NULL || tag != NULL) {
        REPORT(reader, place_of(reader), "%s are not allowed: remove %s%.40s", anchor != NULL ? "anchors" : "tags",
               anchor != NULL ? "&" : "", (const char *)(anchor != NULL ? anchor : tag));
        return true;
    }
    return false;
}

static const char *copy_scalar(struct yaml_reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    if (memchr(text, 0, length) != NULL) {
        REPORT(reader, place_of(reader), "%s holds a NUL character: remove it", reader->path);
        return NULL;
    }
    const char *copy = config_book_copy(reader->to.book, text, length);
    if (copy == NULL) {
        REPORT(reader, place_of(reader), "%s: no memory", reader->path);
    }
    return copy;
}

static bool scalar_is_empty(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* The next item of a list or value of a mapping must be a scalar; otherwise it is skipped. */
static const char *take_item(struct yaml_reader *reader)
{
    if (refuse_extras(reader)) {
        skip_node(reader);
        return NULL;
    }
    if (reader->event.type != YAML_SCALAR_EVENT) {
        REPORT(reader, place_of(reader), "%s may hold single values only, no lists or mappings", reader->path);
        skip_node(reader);
        return NULL;
    }
    return copy_scalar(reader);
}

static bool pair_is_new(struct yaml_reader *reader, const struct config_raw *raw, const char *name)
{
    for (size_t i = 0; i < raw->count; i++) {
        if (strcmp(raw->names[i], name) == 0) {
            REPORT(reader, place_of(reader), "\"%.60s\" is given twice in %s: keep one", name, reader->path);
            return false;
        }
    }
    return true;
}

/* Reads the items of a list or mapping value into `raw`; false if any was refused. */
static bool take_items(struct yaml_reader *reader, struct config_raw *raw)
{
    bool good = true;
    yaml_event_type_t end = raw->shape == CONFIG_MAPPING ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    while (next(reader) && reader->event.type != end) {
        const char *name = "";
        if (raw->shape == CONFIG_MAPPING) {
            name = take_item(reader);
            good = name != NULL && pair_is_new(reader, raw, name) && good;
            if (!next(reader)) {
                return false;
            }
        }
        const char *item = take_item(reader);
        if (raw->count == CONFIG_ITEMS_MAX) {
            REPORT(reader, place_of(reader), "%s has more than %d entries", reader->path, CONFIG_ITEMS_MAX);
            good = false;
        } else if (item == NULL || name == NULL) {
            good = false;
        } else {
            raw->names[raw->count] = name;
            raw->items[raw->count++] = item;
        }
        if (!good && raw->count == CONFIG_ITEMS_MAX) {
            raw->count = 0;
        }
    }
    return good && !reader->broken;
}

static bool take_raw(struct yaml_reader *reader, struct config_raw *raw)
{
    raw->count = 0;
    raw->empty = false;
    if (reader->event.type == YAML_SCALAR_EVENT) {
        raw->shape = CONFIG_SCALAR;
        raw->empty = scalar_is_empty(&reader->event);
        raw->items[0] = copy_scalar(reader);
        raw->count = 1;
        return raw->items[0] != NULL;
    }
    raw->shape = reader->event.type == YAML_MAPPING_START_EVENT ? CONFIG_MAPPING : CONFIG_SEQUENCE;
    return take_items(reader, raw);
}

static void read_key_value(struct yaml_reader *reader, struct config_name name)
{
    static _Thread_local struct config_raw raw;
    struct place place = place_of(reader);
    char why[CONFIG_WHY_BYTES], where[CONFIG_PATH_BYTES];
    if (!take_raw(reader, &raw)) {
        return;
    }
    snprintf(where, sizeof where, "%.100s:%zu", reader->name, place.line);
    struct config_origin origin = { CONFIG_FROM_FILE, config_book_copy(reader->to.book, where, strlen(where)), NULL };
    if (origin.where == NULL || !config_apply(&reader->to, name, &raw, origin, why)) {
        REPORT(reader, place, "%s: %s", reader->path, origin.where == NULL ? "no memory" : why);
    }
}

static void report_unknown(struct yaml_reader *reader, struct place place)
{
    char section[CONFIG_PATH_BYTES];
    const char *near = config_nearest(reader->to.table, reader->path + reader->base, section);
    if (near != NULL) {
        REPORT(reader, place, "unknown key \"%s\"; did you mean \"%s\"?", reader->path, near);
    } else {
        REPORT(reader, place, "unknown key \"%s\": see docs/reference/config.md", reader->path);
    }
}

static bool mark_seen(struct yaml_reader *reader, struct place place)
{
    for (size_t i = 0; i < reader->seen_count; i++) {
        if (strcmp(reader->seen[i], reader->path) == 0) {
            REPORT(reader, place, "\"%s\" is given twice: keep one", reader->path);
            return false;
        }
    }
    const char *copy = config_book_copy(reader->to.book, reader->path, strlen(reader->path));
    if (reader->seen_count == SEEN_MAX || copy == NULL) {
        REPORT(reader, place, "too many keys at \"%s\"", reader->path);
        reader->broken = true;
        return false;
    }
    reader->seen[reader->seen_count++] = copy;
    return true;
}

static bool read_section(struct yaml_reader *reader, size_t depth);

/* One entry of queue.groups, a mapping whose keys are those of group_table. */
static void read_group(struct yaml_reader *reader, size_t depth)
{
    struct config_groups *groups = reader->groups;
    struct config_place outer = reader->to;
    struct config_group *group = &groups->items[groups->count];
    struct config_origin *origins = config_book_allocate(outer.book, group_table.count * sizeof *origins);
    size_t length = strlen(reader->path);
    if (refuse_extras(reader) || reader->event.type != YAML_MAPPING_START_EVENT || origins == NULL) {
        REPORT(reader, place_of(reader), "%s: each entry is a mapping such as {name: function.go, maxRetries: 3}",
               reader->path);
        skip_node(reader);
        return;
    }
    config_defaults(&group_table, outer.book, group);
    group->origins = origins;
    snprintf(reader->path + length, sizeof reader->path - length, "[%zu]", groups->count);
    groups->count++;
    reader->base = strlen(reader->path) + 1;
    reader->to = (struct config_place){ &group_table, group, origins, outer.book };
    reader->groups = NULL;
    read_section(reader, depth + 1);
    reader->to = outer;
    reader->groups = groups;
    reader->base = 0;
    reader->path[length] = '\0';
}

static void read_groups(struct yaml_reader *reader, size_t depth)
{
    if (reader->event.type == YAML_SCALAR_EVENT && scalar_is_empty(&reader->event)) {
        return;
    }
    struct config_group *items = config_book_allocate(reader->to.book, CONFIG_GROUPS_MAX * sizeof(struct config_group));
    if (reader->event.type != YAML_SEQUENCE_START_EVENT || items == NULL) {
        REPORT(reader, place_of(reader), "%s must be a list of queue groups, each with a name", reader->path);
        skip_node(reader);
        return;
    }
    reader->groups->items = items;
    while (next(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        if (reader->groups->count == CONFIG_GROUPS_MAX) {
            REPORT(reader, place_of(reader), "%s has more than %d entries", reader->path, CONFIG_GROUPS_MAX);
            skip_node(reader);
        } else {
            read_group(reader, depth);
        }
    }
}

/* The value of a path that the table knows; true unless it is a section, which is not touched. */
static bool read_known(struct yaml_reader *reader, size_t depth)
{
    const char *path = reader->path + reader->base;
    struct config_name name = config_name_find(reader->to.table, path);
    bool section = reader->event.type == YAML_MAPPING_START_EVENT && config_section_known(reader->to.table, path);
    if ((name.key == NULL && name.spelling == NULL) || section) {
        return false;
    }
    if (name.spelling != NULL && name.spelling->how == CONFIG_GROUPS) {
        read_groups(reader, depth);
    } else {
        read_key_value(reader, name);
    }
    return true;
}

/* The value of the key at `path`; the current event is its first. */
static void read_value(struct yaml_reader *reader, struct place key_place, size_t depth)
{
    if (!mark_seen(reader, key_place) || refuse_extras(reader)) {
        skip_node(reader);
        return;
    }
    if (read_known(reader, depth)) {
        return;
    }
    if (!config_section_known(reader->to.table, reader->path + reader->base)) {
        report_unknown(reader, key_place);
        skip_node(reader);
        return;
    }
    if (reader->event.type == YAML_MAPPING_START_EVENT) {
        read_section(reader, depth + 1);
        return;
    }
    if (reader->event.type != YAML_SCALAR_EVENT || !scalar_is_empty(&reader->event)) {
        REPORT(reader, place_of(reader), "\"%s\" is a section: put its keys below it, indented", reader->path);
        skip_node(reader);
    }
}

/* The members of a mapping whose start is the current event; ends on its end. */
static bool read_section(struct yaml_reader *reader, size_t depth)
{
    size_t length = strlen(reader->path);
    while (next(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
        struct place place = place_of(reader);
        const char *text = (const char *)reader->event.data.scalar.value;
        bool usable = reader->event.type == YAML_SCALAR_EVENT && !refuse_extras(reader) && depth < DEPTH_MAX &&
                      length + reader->event.data.scalar.length + 2 < sizeof reader->path && *text != '\0';
        if (!usable) {
            REPORT(reader, place, "below \"%s\" a key is expected", reader->path);
            skip_node(reader);
        } else {
            snprintf(reader->path + length, sizeof reader->path - length, "%s%s", length == 0 ? "" : ".", text);
        }
        if (!next(reader)) {
            return false;
        }
        if (usable) {
            read_value(reader, place, depth);
        } else {
            skip_node(reader);
        }
        reader->path[length] = '\0';
    }
    return !reader->broken;
}

/* One document that is a mapping, or nothing at all. */
static void read_stream(struct yaml_reader *reader)
{
    bool stream = next(reader);
    bool document = stream && next(reader) && reader->event.type != YAML_STREAM_END_EVENT;
    if (!document || !next(reader)) {
        return;
    }
    if (reader->event.type == YAML_SCALAR_EVENT && scalar_is_empty(&reader->event)) {
        next(reader);
    } else if (reader->event.type != YAML_MAPPING_START_EVENT) {
        REPORT(reader, place_of(reader), "%s", "the file must be a mapping of sections, such as \"grpc:\"");
        return;
    } else if (refuse_extras(reader) || !read_section(reader, 0) || !next(reader)) {
        return;
    }
    if (!reader->broken && next(reader) && reader->event.type != YAML_STREAM_END_EVENT) {
        REPORT(reader, place_of(reader), "%s", "only one document a file is read: remove the second \"---\"");
    }
}

bool config_yaml_read(const char *text, size_t length, const char *name, const struct config_place *place,
                      struct config_groups *groups, struct config_problems *problems)
{
    size_t before = problems->count;
    struct yaml_reader reader = { .name = name, .to = *place, .groups = groups, .problems = problems };
    if (!yaml_parser_initialize(&reader.parser)) {
        config_problem(problems, "%s: no memory to read it", name);
        return false;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return problems->count == before;
}
