/* One walk over the script, looking back for what a line speaks of: scripts are short. A function of the model is a
 * consumer's filter; a subject without a consumer gets a function that never has one. */
#include "conform/cast.h"

#include <inttypes.h>
#include <string.h>

#define DEFAULT_ACK_WAIT_NS UINT64_C(30000000000)
#define DEFAULT_DEDUP_NS    UINT64_C(120000000000)
#define NEVER_NS            (UINT64_MAX / 4)

struct casting {
    const struct script *script;
    struct cast *cast;
    uint32_t filter_count;
    const char *filters[JET_FUNCTIONS_MAX];
    bool settled;
};

static bool token_fits(const char *pattern, size_t length, const char *subject)
{
    while (true) {
        size_t want = strcspn(pattern, "."), have = strcspn(subject, ".");
        want = want > length ? length : want;
        if (want == 1 && pattern[0] == '>') {
            return true;
        }
        bool any = want == 1 && pattern[0] == '*';
        if (!any && (want != have || strncmp(pattern, subject, want) != 0)) {
            return false;
        }
        bool more = want < length, has = subject[have] != 0;
        if (more != has) {
            return false;
        }
        if (!more) {
            return true;
        }
        pattern += want + 1;
        length -= want + 1;
        subject += have + 1;
    }
}

bool subject_fits(const char *patterns, const char *subject)
{
    for (const char *at = patterns;; at++) {
        size_t length = strcspn(at, ",");
        if (token_fits(at, length, subject)) {
            return true;
        }
        at += length;
        if (*at == 0) {
            return false;
        }
    }
}

static const struct script_line *stream_named(const struct script *script, const char *name)
{
    for (uint32_t at = 0; at < script->count; at++) {
        const struct script_line *line = &script->lines[at];
        if ((line->operation == OPERATION_STREAM || line->operation == OPERATION_KV) &&
            strcmp(line->words[0], name) == 0) {
            return line;
        }
    }
    return NULL;
}

/* The stream, made before line `index`, that stores that subject. */
static const struct script_line *stream_of(const struct script *script, uint32_t index, const char *subject)
{
    for (uint32_t at = 0; at < index; at++) {
        const struct script_line *line = &script->lines[at];
        const char *subjects = line->operation == OPERATION_STREAM ? line_text(line, OPTION_subjects) : NULL;
        if (subjects != NULL && subject_fits(subjects, subject)) {
            return line;
        }
    }
    return NULL;
}

static bool is_queue(const struct script_line *stream)
{
    const char *retention = line_text(stream, OPTION_retention);
    return retention != NULL && strcmp(retention, "workqueue") == 0;
}

static uint8_t kind_of(const struct script_line *stream)
{
    return stream == NULL                      ? PART_NOWHERE
           : stream->operation == OPERATION_KV ? PART_LEDGER
           : is_queue(stream)                  ? PART_REQUEST
           : line_has(stream, OPTION_max_age)  ? PART_RESULT
                                               : PART_DEAD;
}

static uint32_t name_number(struct cast *cast, const char *name)
{
    for (uint32_t at = 0; at < cast->name_count; at++) {
        if (strcmp(cast->names[at], name) == 0) {
            return at;
        }
    }
    if (cast->name_count == CAST_NAMES_MAX) {
        return CAST_NAMES_MAX - 1;
    }
    cast->names[cast->name_count] = name;
    return cast->name_count++;
}

static uint32_t connection_number(struct cast *cast, const char *name)
{
    name = name == NULL ? "main" : name;
    for (uint32_t at = 0; at < cast->connection_count; at++) {
        if (strcmp(cast->connections[at], name) == 0) {
            return at;
        }
    }
    if (cast->connection_count == CAST_CONNECTIONS_MAX) {
        return CAST_CONNECTIONS_MAX - 1;
    }
    cast->connections[cast->connection_count] = name;
    return cast->connection_count++;
}

static uint32_t function_of(struct casting *casting, const char *filter)
{
    for (uint32_t at = 0; at < casting->filter_count; at++) {
        if (strcmp(casting->filters[at], filter) == 0 || subject_fits(casting->filters[at], filter)) {
            return at;
        }
    }
    if (casting->filter_count == JET_FUNCTIONS_MAX) {
        return JET_FUNCTIONS_MAX;
    }
    casting->filters[casting->filter_count] = filter;
    return casting->filter_count++;
}

/* -- lines -- */

static const char *lacks(const struct script_line *line, const enum option *options, size_t count)
{
    static const char *const names[] = {
#define OPTION_TEXT(name, form) #name,
        OPTIONS(OPTION_TEXT)
#undef OPTION_TEXT
    };
    for (uint32_t at = 0; at < line->option_count; at++) {
        bool known = false;
        for (size_t row = 0; row < count; row++) {
            known = known || options[row] == line->options[at].name;
        }
        if (!known) {
            return names[line->options[at].name];
        }
    }
    return NULL;
}

static const char *cast_stream(struct casting *casting, const struct script_line *line)
{
    static const enum option known[] = { OPTION_subjects, OPTION_retention, OPTION_max_msgs, OPTION_discard,
                                         OPTION_dup,      OPTION_max_age,   OPTION_replicas };
    struct jet_settings *settings = &casting->cast->settings;
    const char *discard = line_text(line, OPTION_discard);
    const char *lacking = lacks(line, known, sizeof(known) / sizeof(known[0]));
    bool full = line_has(line, OPTION_max_msgs);
    if (lacking != NULL || (full && (discard == NULL || strcmp(discard, "new") != 0))) {
        return lacking != NULL ? lacking : "max_msgs without discard=new";
    }
    if (is_queue(line)) {
        settings->age_max_ns = line_duration(line, OPTION_max_age, 0);
        settings->dedup_ns = line_duration(line, OPTION_dup, DEFAULT_DEDUP_NS);
        settings->messages_max = (uint32_t)line_number(line, OPTION_max_msgs, UINT32_MAX);
    } else if (line_has(line, OPTION_max_age)) {
        settings->retention_ns = line_duration(line, OPTION_max_age, 0);
    }
    return NULL;
}

static const char *cast_consumer(struct casting *casting, const struct script_line *line, struct part *part)
{
    static const enum option known[] = { OPTION_filter, OPTION_ack_wait, OPTION_max_ack_pending, OPTION_max_waiting };
    struct jet_settings *settings = &casting->cast->settings;
    const struct script_line *stream = stream_named(casting->script, line->words[0]);
    const char *filter = line_text(line, OPTION_filter);
    const char *lacking = lacks(line, known, sizeof(known) / sizeof(known[0]));
    if (lacking != NULL || stream == NULL || !is_queue(stream)) {
        return lacking != NULL ? lacking : "a consumer of that stream";
    }
    uint64_t ack_wait = line_duration(line, OPTION_ack_wait, DEFAULT_ACK_WAIT_NS);
    uint32_t pending = (uint32_t)line_number(line, OPTION_max_ack_pending, 1000);
    if (casting->settled && (ack_wait != settings->ack_wait_ns || pending != settings->ack_pending_max)) {
        return "consumers with other settings than the first";
    }
    settings->ack_wait_ns = ack_wait;
    settings->ack_pending_max = pending;
    casting->settled = true;
    part->function = function_of(casting, filter != NULL ? filter : line_text(stream, OPTION_subjects));
    return part->function == JET_FUNCTIONS_MAX ? "so many consumers" : NULL;
}

static const char *consumer_filter(const struct script *script, const char *stream, const char *name)
{
    for (uint32_t at = 0; at < script->count; at++) {
        const struct script_line *line = &script->lines[at];
        if (line->operation == OPERATION_CONSUMER && strcmp(line->words[0], stream) == 0 && name != NULL &&
            strcmp(line->words[1], name) == 0) {
            const char *filter = line_text(line, OPTION_filter);
            const struct script_line *made = stream_named(script, stream);
            return filter != NULL ? filter : made != NULL ? line_text(made, OPTION_subjects) : NULL;
        }
    }
    return NULL;
}

static const char *cast_publish(struct casting *casting, uint32_t index, struct part *part)
{
    static const enum option known[] = { OPTION_id, OPTION_last, OPTION_silent, OPTION_on };
    const struct script_line *line = &casting->script->lines[index];
    const char *lacking = lacks(line, known, sizeof(known) / sizeof(known[0]));
    if (lacking != NULL) {
        return lacking;
    }
    part->kind = kind_of(stream_of(casting->script, index, line->words[0]));
    bool create = line_has(line, OPTION_last) && line_number(line, OPTION_last, 1) == 0;
    if (part->kind == PART_REQUEST) {
        part->has_id = line_has(line, OPTION_id);
        part->function = function_of(casting, line->words[0]);
        (void)snprintf(casting->cast->unnamed[index], sizeof(casting->cast->unnamed[0]), "#%" PRIu32, index % 100000);
        part->request =
            name_number(casting->cast, part->has_id ? line_text(line, OPTION_id) : casting->cast->unnamed[index]);
        return line_has(line, OPTION_last)           ? "an expected sequence in a work queue"
               : part->function == JET_FUNCTIONS_MAX ? "so many subjects"
                                                     : NULL;
    }
    part->request = name_number(casting->cast, line->words[0]);
    return part->kind != PART_NOWHERE && (!create || line_has(line, OPTION_id))
               ? "records that are not written create-only"
               : NULL;
}

static const char *cast_record(struct casting *casting, const struct script_line *line, struct part *part)
{
    const struct script_line *stream = stream_named(casting->script, line->words[0]);
    if (stream == NULL) {
        return "a stream that is not there";
    }
    part->kind = kind_of(stream);
    part->request = name_number(casting->cast, line->words[1]);
    if (line->operation == OPERATION_PUT && !line_has(line, OPTION_revision)) {
        return "writing without comparing";
    }
    bool fits = line->operation == OPERATION_GET || line->operation == OPERATION_REMOVE ? part->kind == PART_REQUEST
                : line->operation == OPERATION_LAST ? part->kind == PART_RESULT || part->kind == PART_LEDGER
                                                    : part->kind == PART_LEDGER;
    return fits ? NULL : "that, of that stream";
}

static const char *cast_line(struct casting *casting, uint32_t index, struct part *part)
{
    static const enum option pull_known[] = { OPTION_as, OPTION_batch, OPTION_expires, OPTION_on };
    const struct script_line *line = &casting->script->lines[index];
    const char *filter;
    part->connection = connection_number(casting->cast, line->operation == OPERATION_CUT ? line->words[0]
                                                                                         : line_text(line, OPTION_on));
    switch (line->operation) {
    case OPERATION_STREAM:
        return cast_stream(casting, line);
    case OPERATION_CONSUMER:
        return cast_consumer(casting, line, part);
    case OPERATION_KV:
        part->kind = PART_LEDGER;
        return lacks(line, NULL, 0);
    case OPERATION_PUB:
        return cast_publish(casting, index, part);
    case OPERATION_PUT:
    case OPERATION_GET:
    case OPERATION_LAST:
    case OPERATION_REMOVE:
        return cast_record(casting, line, part);
    case OPERATION_PULL:
    case OPERATION_DROP:
    case OPERATION_STATE:
        filter = consumer_filter(casting->script, line->words[0],
                                 line->operation == OPERATION_PULL ? line->words[1] : line_text(line, OPTION_consumer));
        part->function = filter == NULL ? JET_FUNCTIONS_MAX : function_of(casting, filter);
        if (line->operation == OPERATION_STATE) {
            const struct script_line *stream = stream_named(casting->script, line->words[0]);
            return stream != NULL && is_queue(stream) ? NULL : "the state of that stream";
        }
        return filter == NULL                      ? "that consumer"
               : line->operation == OPERATION_PULL ? lacks(line, pull_known, sizeof(pull_known) / sizeof(pull_known[0]))
                                                   : NULL;
    case OPERATION_ACK:
    case OPERATION_NAK:
    case OPERATION_PROGRESS:
    case OPERATION_ADVANCE:
    case OPERATION_CUT:
        return NULL;
    case OPERATION_RESTART:
        return NULL;
    default:
        return operation_word(line->operation);
    }
}

const char *cast_make(const struct script *script, enum jet_profile profile, struct cast *ret_cast, char *ret_why,
                      size_t size)
{
    memset(ret_cast, 0, sizeof(*ret_cast));
    struct casting casting = { .script = script, .cast = ret_cast };
    struct jet_settings *settings = &ret_cast->settings;
    settings->ack_wait_ns = DEFAULT_ACK_WAIT_NS;
    settings->dedup_ns = DEFAULT_DEDUP_NS;
    settings->retention_ns = NEVER_NS;
    settings->messages_max = UINT32_MAX;
    settings->ack_pending_max = 1000;
    settings->history_max = SCRIPT_LINES_MAX;
    settings->requests_max = CAST_NAMES_MAX;
    settings->functions = JET_FUNCTIONS_MAX;
    settings->profile = (uint8_t)profile;
    (void)connection_number(ret_cast, NULL);
    /* Consumers first: their filters are what a subject may belong to. */
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t at = 0; at < script->count; at++) {
            bool early = script->lines[at].operation == OPERATION_CONSUMER;
            const char *lacking = early == (round == 0) ? cast_line(&casting, at, &ret_cast->parts[at]) : NULL;
            if (lacking != NULL) {
                (void)snprintf(ret_why, size, "line %" PRIu32 ": the model lacks %s", script->lines[at].number,
                               lacking);
                return ret_why;
            }
        }
    }
    return NULL;
}
