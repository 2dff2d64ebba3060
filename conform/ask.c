/* JSON goes out by printf, since all values are numbers and plain words, and comes in by cJSON. */
#include "conform/ask.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void say(struct ask *ask, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(ask->body + ask->body_size, sizeof(ask->body) - ask->body_size, format, arguments);
    va_end(arguments);
    if (length > 0 && ask->body_size + (size_t)length < sizeof(ask->body)) {
        ask->body_size += (size_t)length;
    }
}

static void say_number(struct ask *ask, const char *name, const struct script_line *line, enum option option)
{
    if (line_has(line, option)) {
        say(ask, ",\"%s\":%" PRIu64, name, line_number(line, option, 0));
    }
}

static void say_duration(struct ask *ask, const char *name, const struct script_line *line, enum option option)
{
    if (line_has(line, option)) {
        say(ask, ",\"%s\":%" PRIu64, name, line_duration(line, option, 0));
    }
}

static void say_text(struct ask *ask, const char *name, const struct script_line *line, enum option option)
{
    if (line_has(line, option)) {
        say(ask, ",\"%s\":\"%s\"", name, line_text(line, option));
    }
}

/* "a.*,b.>" as a list, each with the prefix. */
static void say_subjects(struct ask *ask, const char *prefix, const char *subjects)
{
    for (const char *at = subjects; at != NULL && *at != 0;) {
        size_t length = strcspn(at, ",");
        say(ask, "%s\"%s.%.*s\"", at == subjects ? "" : ",", prefix, (int)length, at);
        at += length + (at[length] == ',');
    }
}

static void ask_stream(const struct script_line *line, const char *prefix, uint32_t replicas, struct ask *ask)
{
    (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.STREAM.CREATE.%s_%s", prefix, line->words[0]);
    say(ask, "{\"name\":\"%s_%s\",\"subjects\":[", prefix, line->words[0]);
    say_subjects(ask, prefix, line_text(line, OPTION_subjects));
    say(ask, "],\"num_replicas\":%" PRIu64, line_number(line, OPTION_replicas, replicas));
    say_text(ask, "retention", line, OPTION_retention);
    say_text(ask, "discard", line, OPTION_discard);
    say_text(ask, "storage", line, OPTION_storage);
    say_number(ask, "max_msgs", line, OPTION_max_msgs);
    say_number(ask, "max_bytes", line, OPTION_max_bytes);
    say_number(ask, "max_msgs_per_subject", line, OPTION_max_per_subject);
    say_number(ask, "max_msg_size", line, OPTION_max_msg_size);
    say_duration(ask, "duplicate_window", line, OPTION_dup);
    say_duration(ask, "max_age", line, OPTION_max_age);
    say(ask, line_has(line, OPTION_discard_per_subject) ? ",\"discard_new_per_subject\":true}" : "}");
}

static void ask_consumer(const struct script_line *line, const char *prefix, struct ask *ask)
{
    (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.CONSUMER.DURABLE.CREATE.%s_%s.%s", prefix,
                   line->words[0], line->words[1]);
    say(ask, "{\"stream_name\":\"%s_%s\",\"config\":{\"durable_name\":\"%s\",\"ack_policy\":\"%s\"", prefix,
        line->words[0], line->words[1], line_has(line, OPTION_ack) ? line_text(line, OPTION_ack) : "explicit");
    say(ask, ",\"deliver_policy\":\"%s\"", line_has(line, OPTION_deliver) ? line_text(line, OPTION_deliver) : "all");
    say_duration(ask, "ack_wait", line, OPTION_ack_wait);
    say_number(ask, "max_deliver", line, OPTION_max_deliver);
    say_number(ask, "max_ack_pending", line, OPTION_max_ack_pending);
    say_number(ask, "max_waiting", line, OPTION_max_waiting);
    if (line_has(line, OPTION_filter)) {
        say(ask, ",\"filter_subject\":\"%s.%s\"", prefix, line_text(line, OPTION_filter));
    }
    if (line_has(line, OPTION_filters)) {
        say(ask, ",\"filter_subjects\":[");
        say_subjects(ask, prefix, line_text(line, OPTION_filters));
        say(ask, "]");
    }
    if (line_has(line, OPTION_backoff)) {
        char text[SCRIPT_TEXT_MAX], *rest = NULL;
        const char *mark = ",\"backoff\":[";
        (void)snprintf(text, sizeof(text), "%s", line_text(line, OPTION_backoff));
        for (char *word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
            uint64_t ns = 0;
            (void)duration_read(word, &ns);
            say(ask, "%s%" PRIu64, mark, ns);
            mark = ",";
        }
        say(ask, "]");
    }
    say(ask, "}}");
}

static void ask_bucket(const struct script_line *line, const char *prefix, uint32_t replicas, struct ask *ask)
{
    (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.STREAM.CREATE.KV_%s_%s", prefix, line->words[0]);
    say(ask, "{\"name\":\"KV_%s_%s\",\"subjects\":[\"$KV.%s_%s.>\"],\"num_replicas\":%" PRIu32, prefix, line->words[0],
        prefix, line->words[0], replicas);
    say(ask, ",\"max_msgs_per_subject\":%" PRIu64, line_number(line, OPTION_history, 1));
    say_duration(ask, "max_age", line, OPTION_ttl);
    say(ask, ",\"discard\":\"new\",\"allow_rollup_hdrs\":true,\"deny_delete\":true,\"allow_direct\":true}");
}

static void say_header(struct ask *ask, const char *name, const char *value)
{
    size_t used = strlen(ask->headers);
    (void)snprintf(ask->headers + used, sizeof(ask->headers) - used, "%s: %s\r\n", name, value);
    ask->headed = true;
}

static void ask_publish(const struct script_line *line, const char *prefix, struct ask *ask)
{
    char stream[64];
    (void)snprintf(ask->subject, sizeof(ask->subject), "%s.%s", prefix, line->words[0]);
    if (line_has(line, OPTION_id)) {
        say_header(ask, "Nats-Msg-Id", line_text(line, OPTION_id));
    }
    if (line_has(line, OPTION_last)) {
        say_header(ask, "Nats-Expected-Last-Subject-Sequence", line_text(line, OPTION_last));
    }
    if (line_has(line, OPTION_last_seq)) {
        say_header(ask, "Nats-Expected-Last-Sequence", line_text(line, OPTION_last_seq));
    }
    if (line_has(line, OPTION_stream)) {
        (void)snprintf(stream, sizeof(stream), "%s_%s", prefix, line_text(line, OPTION_stream));
        say_header(ask, "Nats-Expected-Stream", stream);
    }
    ask->body_size = (size_t)line_number(line, OPTION_size, 2);
    ask->body_size = ask->body_size < sizeof(ask->body) ? ask->body_size : sizeof(ask->body);
    memset(ask->body, 'x', ask->body_size);
}

static void ask_put(const struct script_line *line, const char *prefix, struct ask *ask)
{
    (void)snprintf(ask->subject, sizeof(ask->subject), "$KV.%s_%s.%s", prefix, line->words[0], line->words[1]);
    if (line->operation == OPERATION_DELETE) {
        say_header(ask, "KV-Operation", "DEL");
    } else {
        say(ask, "value");
    }
    if (line_has(line, OPTION_revision)) {
        say_header(ask, "Nats-Expected-Last-Subject-Sequence", line_text(line, OPTION_revision));
    }
}

static void ask_about(const struct script_line *line, const char *prefix, const char *stream, const char *consumer,
                      struct ask *ask)
{
    const char *name = line->words[0];
    if (consumer != NULL) {
        (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.CONSUMER.%s.%s_%s.%s", consumer, prefix, name,
                       line_text(line, OPTION_consumer));
    } else {
        (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.STREAM.%s.%s_%s", stream, prefix, name);
    }
}

static void ask_last(const struct script_line *line, const char *prefix, struct ask *ask)
{
    if (strchr(line->words[1], '.') != NULL) {
        ask_about(line, prefix, "MSG.GET", NULL, ask);
        say(ask, "{\"last_by_subj\":\"%s.%s\"}", prefix, line->words[1]);
        return;
    }
    (void)snprintf(ask->subject, sizeof(ask->subject), "$JS.API.STREAM.MSG.GET.KV_%s_%s", prefix, line->words[0]);
    say(ask, "{\"last_by_subj\":\"$KV.%s_%s.%s\"}", prefix, line->words[0], line->words[1]);
}

bool ask_make(const struct script_line *line, const char *prefix, uint32_t replicas, struct ask *ret_ask)
{
    bool consumer = line_has(line, OPTION_consumer);
    memset(ret_ask, 0, sizeof(*ret_ask));
    switch (line->operation) {
    case OPERATION_STREAM:
        ask_stream(line, prefix, replicas, ret_ask);
        return true;
    case OPERATION_CONSUMER:
        ask_consumer(line, prefix, ret_ask);
        return true;
    case OPERATION_KV:
        ask_bucket(line, prefix, replicas, ret_ask);
        return true;
    case OPERATION_PUB:
        ask_publish(line, prefix, ret_ask);
        return true;
    case OPERATION_PUT:
    case OPERATION_DELETE:
        ask_put(line, prefix, ret_ask);
        return true;
    case OPERATION_DROP:
        ask_about(line, prefix, "DELETE", consumer ? "DELETE" : NULL, ret_ask);
        return true;
    case OPERATION_PURGE:
        ask_about(line, prefix, "PURGE", NULL, ret_ask);
        return true;
    case OPERATION_GET:
        ask_about(line, prefix, "MSG.GET", NULL, ret_ask);
        say(ret_ask, "{\"seq\":%s}", line->words[1]);
        return true;
    case OPERATION_LAST:
        ask_last(line, prefix, ret_ask);
        return true;
    case OPERATION_REMOVE:
        ask_about(line, prefix, "MSG.DELETE", NULL, ret_ask);
        say(ret_ask, "{\"seq\":%s,\"no_erase\":true}", line->words[1]);
        return true;
    case OPERATION_STATE:
    case OPERATION_KILL_LEADER:
        ask_about(line, prefix, "INFO", consumer ? "INFO" : NULL, ret_ask);
        return true;
    case OPERATION_STEP_DOWN:
        ask_about(line, prefix, "LEADER.STEPDOWN", consumer ? "LEADER.STEPDOWN" : NULL, ret_ask);
        return true;
    default:
        return false;
    }
}

void ask_pull(const struct script_line *line, const char *prefix, struct ask *ret_ask)
{
    memset(ret_ask, 0, sizeof(*ret_ask));
    (void)snprintf(ret_ask->subject, sizeof(ret_ask->subject), "$JS.API.CONSUMER.MSG.NEXT.%s_%s.%s", prefix,
                   line->words[0], line->words[1]);
    say(ret_ask, "{\"batch\":%" PRIu64, line_number(line, OPTION_batch, 1));
    if (!line_has(line, OPTION_no_wait) || line_has(line, OPTION_expires)) {
        say(ret_ask, ",\"expires\":%" PRIu64, line_duration(line, OPTION_expires, 10000 * MILLISECOND));
    }
    say_duration(ret_ask, "idle_heartbeat", line, OPTION_heartbeat);
    say(ret_ask, line_has(line, OPTION_no_wait) ? ",\"no_wait\":true}" : "}");
}

void ask_verdict(const struct script_line *line, struct ask *ret_ask)
{
    memset(ret_ask, 0, sizeof(*ret_ask));
    switch (line->operation) {
    case OPERATION_ACK:
        say(ret_ask, "+ACK");
        return;
    case OPERATION_NAK:
        say(ret_ask, "-NAK");
        if (line_has(line, OPTION_delay)) {
            say(ret_ask, " {\"delay\":%" PRIu64 "}", line_duration(line, OPTION_delay, 0));
        }
        return;
    case OPERATION_PROGRESS:
        say(ret_ask, "+WPI");
        return;
    default:
        say(ret_ask, line_has(line, OPTION_reason) ? "+TERM %s" : "+TERM", line_text(line, OPTION_reason));
        return;
    }
}

void ask_advisories(const char *prefix, const char *stream, char ret_subject[WIRE_SUBJECT_MAX])
{
    (void)snprintf(ret_subject, WIRE_SUBJECT_MAX, "$JS.EVENT.ADVISORY.CONSUMER.*.%s_%s.*", prefix, stream);
}
