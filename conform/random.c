/* A line is drawn by weight among those kinds that make sense now. Draws are addressed by the number of the line, so a
 * seed is a script. Scripts end after about two seconds of their own time. */
#include "conform/random.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conform/cast.h"
#include "conform/model.h"
#include "conform/trace.h"
#include "core/draw.h"

enum { PURPOSE_SETTING = DRAW_USER + 500, PURPOSE_WEIGHT, PURPOSE_KIND, PURPOSE_DETAIL };
enum { CLEAR_BEFORE_MS = 45, CLEAR_AFTER_MS = 70, LINE_MS = 30, TIME_MAX_MS = 2200, LINES_MAX = 48, IDS_MAX = 12 };

#define KINDS(X)                                                                                                       \
    X(PUBLISH, 6)                                                                                                      \
    X(AGAIN, 2)                                                                                                        \
    X(BARE, 1)                                                                                                         \
    X(PULL, 6)                                                                                                         \
    X(ACK, 5)                                                                                                          \
    X(ACK_OLD, 2)                                                                                                      \
    X(NAK, 3)                                                                                                          \
    X(NAK_DELAY, 3)                                                                                                    \
    X(PROGRESS, 2)                                                                                                     \
    X(WAIT, 4)                                                                                                         \
    X(REMOVE, 1)                                                                                                       \
    X(GET, 1)                                                                                                          \
    X(STATE, 1)                                                                                                        \
    X(CONSUMER_STATE, 1)                                                                                               \
    X(CUT, 1)                                                                                                          \
    X(DROP, 1)                                                                                                         \
    X(MAKE, 2)                                                                                                         \
    X(RESULT, 2)                                                                                                       \
    X(DEAD, 1)                                                                                                         \
    X(LEDGER, 2)                                                                                                       \
    X(LOOK, 1)

enum kind {
#define KIND_NAME(name, weight) KIND_##name,
    KINDS(KIND_NAME)
#undef KIND_NAME
        KIND_COUNT
};

struct writer {
    struct script *script;
    const struct random_options *options;
    uint64_t seed;
    uint32_t weights[KIND_COUNT];
    uint32_t consumers, ids, pulls, cuts, revision;
    uint64_t ack_wait_ms;
    bool restarted, failed;
    /* of what was written so far: */
    struct cast cast;
    struct trace trace;
    uint64_t now_ms, timer_from_ms, timer_to_ms; /* the timer that is due next; UINT64_MAX: none */
};

static uint64_t draw_here(const struct writer *writer, uint64_t purpose, uint64_t counter, uint64_t bound)
{
    return draw_below(draw(writer->seed, writer->script->count, purpose, counter), bound);
}

__attribute__((format(printf, 2, 3))) static void add(struct writer *writer, const char *format, ...)
{
    char text[SCRIPT_TEXT_MAX], why[80];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!script_add(writer->script, text, writer->script->count + 1, why, sizeof(why))) {
        writer->failed = true;
    }
}

/* Plays what there is, and remembers where the model stands. */
static void look(struct writer *writer)
{
    char why[120];
    struct model_timer next;
    trace_free(&writer->trace);
    if (cast_make(writer->script, writer->options->profile, &writer->cast, why, sizeof(why)) != NULL ||
        !model_play_look(writer->script, &writer->cast, writer->seed, 0, &writer->trace, &next)) {
        writer->failed = true;
        return;
    }
    writer->now_ms = writer->trace.end_ns / MILLISECOND;
    writer->timer_from_ms = next.used ? next.from_ns / MILLISECOND : UINT64_MAX;
    writer->timer_to_ms = next.used ? next.to_ns / MILLISECOND : UINT64_MAX;
}

/* -- lines -- */

static void write_settings(struct writer *writer)
{
    static const uint32_t waits[] = { 250, 400, 700 }, pending[] = { 1, 2, 3, 1000 }, rooms[] = { 3, 5, 100 };
    writer->ack_wait_ms = waits[draw_here(writer, PURPOSE_SETTING, 0, 3)];
    writer->consumers = 1 + (uint32_t)draw_here(writer, PURPOSE_SETTING, 1, 3);
    uint32_t most = pending[draw_here(writer, PURPOSE_SETTING, 2, 4)];
    uint32_t room = rooms[draw_here(writer, PURPOSE_SETTING, 3, 3)];
    add(writer, "stream W subjects=w.* retention=workqueue discard=new max_msgs=%" PRIu32 " dup=60s", room);
    add(writer, "stream R subjects=r.* discard=new max_age=60s");
    add(writer, "stream D subjects=d.* discard=new");
    add(writer, "kv L");
    for (uint32_t at = 0; at < writer->consumers; at++) {
        add(writer, "consumer W c%" PRIu32 " filter=w.%c ack_wait=%" PRIu64 "ms max_ack_pending=%" PRIu32, at,
            'a' + (int)at, writer->ack_wait_ms, most);
    }
}

static uint32_t any_consumer(const struct writer *writer)
{
    return (uint32_t)draw_here(writer, PURPOSE_DETAIL, 1, writer->consumers);
}

/* A delivery that came: of the youngest ones, or any. NULL: none came yet. */
static const char *any_token(const struct writer *writer, bool young, char ret_token[TRACE_NAME_MAX + 12])
{
    uint32_t counts[TRACE_NAMES_MAX] = { 0 }, places[256], numbers[256], count = 0;
    for (uint32_t at = 0; at < writer->trace.count && count < 256; at++) {
        const struct item *item = &writer->trace.items[at];
        if (item->kind == ITEM_DELIVERY) {
            places[count] = at;
            numbers[count++] = ++counts[item->name];
        }
    }
    if (count == 0) {
        return NULL;
    }
    uint32_t range = young && count > 3 ? 3 : count;
    uint32_t chosen = count - 1 - (uint32_t)draw_here(writer, PURPOSE_DETAIL, 2, range);
    (void)snprintf(ret_token, TRACE_NAME_MAX + 12, "%s.%" PRIu32,
                   writer->trace.names[writer->trace.items[places[chosen]].name], numbers[chosen]);
    return ret_token;
}

static void write_verdict(struct writer *writer, const char *verdict, bool young)
{
    char token[TRACE_NAME_MAX + 12];
    bool sync = draw_here(writer, PURPOSE_DETAIL, 3, 2) == 0;
    if (any_token(writer, young, token) != NULL) {
        add(writer, "%s %s%s", verdict, token, sync ? " sync" : "");
    }
}

static void write_nak(struct writer *writer)
{
    static const uint32_t delays[] = { 100, 200, 350, 600, 900 };
    char token[TRACE_NAME_MAX + 12];
    if (any_token(writer, true, token) != NULL) {
        add(writer, "nak %s delay=%" PRIu32 "ms", token, delays[draw_here(writer, PURPOSE_DETAIL, 4, 5)]);
    }
}

/* What 2.9 does with a NAK of what this consumer did not deliver, the model lacks (script 54-stray-nak). */
static void no_more_naks(struct writer *writer)
{
    writer->weights[KIND_NAK] = writer->weights[KIND_NAK_DELAY] = 0;
}

static void write_pull(struct writer *writer)
{
    static const uint32_t expiries[] = { 150, 400, 900, 5000 };
    uint32_t batch = 1 + (uint32_t)draw_here(writer, PURPOSE_DETAIL, 5, 4);
    uint32_t expires = expiries[draw_here(writer, PURPOSE_DETAIL, 6, 4)];
    bool other = writer->weights[KIND_CUT] > 0 && draw_here(writer, PURPOSE_DETAIL, 7, 2) == 0;
    if (writer->pulls < TRACE_NAMES_MAX) {
        add(writer, "pull W c%" PRIu32 " as=p%" PRIu32 " batch=%" PRIu32 " expires=%" PRIu32 "ms%s",
            any_consumer(writer), writer->pulls++, batch, expires, other ? " on=other" : "");
    }
}

/* Past the next timer, or just some time. */
static void write_wait(struct writer *writer)
{
    uint64_t ms = 50 + 10 * draw_here(writer, PURPOSE_DETAIL, 8, 12);
    if (writer->timer_from_ms < writer->now_ms + ms + CLEAR_BEFORE_MS) {
        ms = writer->timer_to_ms + CLEAR_AFTER_MS - writer->now_ms;
    }
    add(writer, "advance %" PRIu64 "ms", ms);
}

static void write_record(struct writer *writer, enum kind kind)
{
    uint32_t which = (uint32_t)draw_here(writer, PURPOSE_DETAIL, 9, 3);
    uint32_t revision = (uint32_t)draw_here(writer, PURPOSE_DETAIL, 10, writer->revision + 1);
    switch (kind) {
    case KIND_RESULT:
        add(writer, "pub r.r%" PRIu32 " last=0", which);
        return;
    case KIND_DEAD:
        add(writer, "pub d.r%" PRIu32 " last=0", which);
        return;
    case KIND_LEDGER:
        add(writer, "put L k%" PRIu32 " revision=%" PRIu32, which, revision);
        writer->revision += writer->revision < 4;
        return;
    default:
        add(writer, which == 0 ? "last R r.r0" : "last L k%" PRIu32, which);
        return;
    }
}

static void write_publish(struct writer *writer, enum kind kind)
{
    char subject = (char)('a' + (int)any_consumer(writer));
    if (kind == KIND_BARE) {
        add(writer, "pub w.%c", subject);
    } else if (kind == KIND_AGAIN && writer->ids > 0) {
        add(writer, "pub w.%c id=i%" PRIu64, subject, draw_here(writer, PURPOSE_DETAIL, 11, writer->ids));
    } else if (writer->ids < IDS_MAX) {
        add(writer, "pub w.%c id=i%" PRIu32, subject, writer->ids++);
    }
}

/* The highest sequence of the work queue so far. */
static uint64_t last_sequence(const struct writer *writer)
{
    uint64_t last = 0;
    for (uint32_t at = 0; at < writer->trace.count; at++) {
        const struct item *item = &writer->trace.items[at];
        uint64_t sequence = item->kind == ITEM_LINE ? item->answer.numbers[ANSWER_SEQUENCE] : NUMBER_ANY;
        bool stored = sequence != NUMBER_ANY && writer->script->lines[item->line].operation == OPERATION_PUB;
        last = stored && sequence > last ? sequence : last;
    }
    return last;
}

static void write_remove(struct writer *writer, uint32_t sequence)
{
    bool deafens = writer->options->cluster && writer->options->profile == JET_2_9;
    if (!deafens || sequence <= last_sequence(writer)) {
        add(writer, "remove W %" PRIu32, sequence);
    }
}

static void write_kind(struct writer *writer, enum kind kind)
{
    uint32_t consumer = any_consumer(writer);
    uint32_t sequence = 1 + (uint32_t)draw_here(writer, PURPOSE_DETAIL, 12, 6);
    switch (kind) {
    case KIND_PUBLISH:
    case KIND_AGAIN:
    case KIND_BARE:
        write_publish(writer, kind);
        return;
    case KIND_PULL:
        write_pull(writer);
        return;
    case KIND_ACK:
    case KIND_ACK_OLD:
        write_verdict(writer, "ack", kind == KIND_ACK);
        return;
    case KIND_NAK:
        write_verdict(writer, "nak", true);
        return;
    case KIND_NAK_DELAY:
        write_nak(writer);
        return;
    case KIND_PROGRESS:
        write_verdict(writer, "wpi", false);
        return;
    case KIND_WAIT:
        write_wait(writer);
        return;
    case KIND_REMOVE:
        write_remove(writer, sequence);
        return;
    case KIND_GET:
        add(writer, "get W %" PRIu32, sequence);
        return;
    case KIND_STATE:
        add(writer, "state W");
        return;
    case KIND_CONSUMER_STATE:
        add(writer, "state W consumer=c%" PRIu32, consumer);
        return;
    case KIND_CUT:
        add(writer, "cut other");
        return;
    case KIND_DROP:
        add(writer, "drop W consumer=c%" PRIu32, consumer);
        no_more_naks(writer);
        return;
    case KIND_MAKE:
        /* As it was made first: a consumer that is there stays as it is. */
        add(writer, "%s", writer->script->lines[4 + consumer].text);
        return;
    default:
        write_record(writer, kind);
        return;
    }
}

/* -- the whole -- */

static void weigh(struct writer *writer)
{
    static const uint32_t usual[KIND_COUNT] = {
#define KIND_WEIGHT(name, weight) weight,
        KINDS(KIND_WEIGHT)
#undef KIND_WEIGHT
    };
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t swarm = draw_below(draw(writer->seed, kind, PURPOSE_WEIGHT, 0), 4);
        bool needed = kind == KIND_PUBLISH || kind == KIND_PULL || kind == KIND_WAIT;
        writer->weights[kind] = usual[kind] * (uint32_t)(needed && swarm == 0 ? 1 : swarm);
    }
}

static enum kind draw_kind(const struct writer *writer)
{
    uint64_t sum = 0;
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        sum += writer->weights[kind];
    }
    uint64_t at = draw_here(writer, PURPOSE_KIND, 0, sum);
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        if (at < writer->weights[kind]) {
            return (enum kind)kind;
        }
        at -= writer->weights[kind];
    }
    return KIND_WAIT;
}

static void write_some(struct writer *writer, uint32_t lines)
{
    bool crowded = writer->timer_from_ms < writer->now_ms + LINE_MS + CLEAR_BEFORE_MS;
    bool kill =
        random_restarts(writer->seed, writer->options) && !writer->restarted && writer->script->count >= lines / 2;
    if (crowded) {
        write_wait(writer);
    } else if (kill) {
        add(writer, "restart kill9");
        writer->restarted = true;
        no_more_naks(writer);
    } else {
        write_kind(writer, draw_kind(writer));
    }
}

bool random_restarts(uint64_t seed, const struct random_options *options)
{
    return !options->cluster && seed / RANDOM_GROUP % 4 == 3;
}

bool random_script(uint64_t seed, const struct random_options *options, struct script *ret_script)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    struct script script = { .count = 0 };
    if (writer == NULL) {
        return false;
    }
    writer->script = &script;
    writer->options = options;
    writer->seed = seed;
    uint32_t lines = 14 + (uint32_t)draw_below(draw(seed, 0, PURPOSE_SETTING, 20), LINES_MAX - 14);
    (void)snprintf(script.path, sizeof(script.path), "seed %" PRIu64, seed);
    weigh(writer);
    write_settings(writer);
    look(writer);
    uint64_t begun = writer->now_ms;
    for (uint32_t tries = 0; tries < 4 * LINES_MAX && !writer->failed; tries++) {
        uint32_t before = script.count;
        bool over = script.count >= lines || writer->now_ms > begun + TIME_MAX_MS;
        if (over && (writer->restarted || !random_restarts(seed, options))) {
            break;
        }
        write_some(writer, lines);
        if (script.count == before) {
            add(writer, "state W"); /* what was drawn made no sense: another line, other draws */
        }
        look(writer);
    }
    trace_free(&writer->trace);
    bool good = !writer->failed;
    free(writer);
    if (!good) {
        script_free(&script);
        return false;
    }
    *ret_script = script;
    return true;
}
