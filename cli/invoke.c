/* Builds the event itself, so that its id is known and the same call can be made again: the answer of an id is kept,
 * and asking again after a lost connection is safe. */
#include "cli/invoke.h"

#include "adapters/cloudevents/cloudevents.h"
#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 64 << 20, ID_BYTES = 40 };

/* Reads a whole stream. */
static bool body_read(FILE *in, const char *name, struct event_buffer *body)
{
    char chunk[16384];
    size_t got;
    body->limit = BODY_BYTES_MAX;
    while (!body->failed && (got = fread(chunk, 1, sizeof chunk, in)) > 0) {
        event_buffer_append(body, chunk, got);
    }
    if (body->failed) {
        say_error("%s: over %d MiB", name, BODY_BYTES_MAX >> 20);
    } else if (ferror(in)) {
        say_error("%s: %s", name, strerror(errno));
    }
    return !body->failed && !ferror(in);
}

/* -d TEXT, -d @FILE, -d - (stdin) */
static bool body_take(const char *given, struct event_buffer *body)
{
    if (strcmp(given, "-") == 0) {
        return body_read(stdin, "stdin", body);
    }
    if (given[0] != '@') {
        event_buffer_append(body, given, strlen(given));
        return !body->failed;
    }
    FILE *in = fopen(given + 1, "re");
    if (in == NULL) {
        say_error("%s: %s", given + 1, strerror(errno));
        return false;
    }
    bool good = body_read(in, given + 1, body);
    fclose(in);
    return good;
}

static const char *content_type_of(struct bytes body)
{
    return cloudevents_json_valid(body)   ? "application/json"
           : cloudevents_utf8_valid(body) ? "text/plain"
                                          : "application/octet-stream";
}

static const char *id_make(char ret_id[ID_BYTES])
{
    uint64_t random[2] = { 0 };
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        random[0] = loop_now_ns();
    }
    snprintf(ret_id, ID_BYTES, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
    return ret_id;
}

/* An attribute whose value fits the block; others are told here, where the option is known. */
static bool attribute_fits(const char *option, const char *value)
{
    if (strlen(value) > EVENT_VALUE_BYTES_MAX) {
        say_error("--%s is over %d bytes", option, EVENT_VALUE_BYTES_MAX);
        return false;
    }
    return true;
}

static bool event_make(const struct arguments *arguments, const char *id, struct bytes body,
                       struct event_buffer *packed)
{
    struct cloudevents_error error;
    struct event_buffer block = { 0 };
    const char *source = arguments_text(arguments, "source", "stead:cli");
    const char *type = arguments_text(arguments, "type", "stead.invoke.v1");
    const char *content_type = arguments_text(arguments, "content-type", body.length > 0 ? content_type_of(body) : "");
    if (!attribute_fits("id", id) || !attribute_fits("source", source) || !attribute_fits("type", type) ||
        !attribute_fits("content-type", content_type)) {
        return false;
    }
    event_buffer_attribute_text(&block, "specversion", "1.0");
    event_buffer_attribute_text(&block, "id", id);
    event_buffer_attribute_text(&block, "source", source);
    event_buffer_attribute_text(&block, "type", type);
    if (content_type[0] != '\0') {
        event_buffer_attribute_text(&block, "datacontenttype", content_type);
    }
    struct event event = { { block.at, block.length }, body };
    struct cloudevents_limits limits = { .event_bytes_max = BODY_BYTES_MAX };
    bool good = !block.failed && cloudevents_validate(event, &limits, &error);
    if (!good) {
        say_error("invalid event: %s: %s", block.failed ? "memory" : error.attribute,
                  block.failed ? "none" : error.message);
    }
    event_pack(packed, event);
    event_buffer_free(&block);
    return good && !packed->failed;
}

/* -- the answer ---------------------------------------------------------------------------------------------------- */

static struct bytes result_attribute(const struct rpc_reply *reply, const char *name)
{
    struct event event;
    struct bytes value = { 0 };
    if (reply->packed_event.length > 0 && event_unpack(reply->packed_event, &event)) {
        event_find(event.block, name, &value);
    }
    return value;
}

static void error_json(struct document *document, const struct rpc_reply *reply)
{
    document_key(document, "error");
    document_open(document, '{');
    document_member(document, "message", reply->error);
    document_member(document, "type", reply->error_type);
    document_member(document, "class", reply->error_class);
    document_key(document, "retryable");
    document_truth(document, reply->retryable);
    document_close(document, '}');
}

static bool answer_json(const struct rpc_reply *reply, const char *name, double ms)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, !reply->function_failed);
    document_member(&document, "function", bytes_of(name));
    document_member(&document, "id", reply->request_id);
    document_key(&document, "ms");
    document_decimal(&document, ms);
    if (reply->attempts > 0) {
        document_member_number(&document, "attempts", reply->attempts);
    }
    if (reply->function_failed) {
        error_json(&document, reply);
    } else {
        struct bytes content_type = result_attribute(reply, "datacontenttype");
        document_member(&document, "type", result_attribute(reply, "type"));
        document_member(&document, "content_type", content_type);
        document_member_data(&document, "data", content_type, reply->data);
    }
    document_close(&document, '}');
    return document_print(&document);
}

static bool body_print(struct bytes data)
{
    bool good = fwrite(data.at, 1, data.length, stdout) == data.length;
    bool ended = data.length > 0 && data.at[data.length - 1] == '\n';
    if (isatty(STDOUT_FILENO) && data.length > 0 && !ended) {
        putchar('\n');
    }
    return good;
}

static void outcome_say(const struct rpc_reply *reply, const char *name, double ms)
{
    if (reply->function_failed) {
        fprintf(stderr, "%s%s failed:%s ", say_colour(stderr, COLOUR_RED), name, say_colour(stderr, COLOUR_NONE));
        say_text(stderr, reply->error);
        fputc('\n', stderr);
    }
    fprintf(stderr, "%sid ", say_colour(stderr, COLOUR_DIM));
    say_text(stderr, reply->request_id);
    fprintf(stderr, "  %.1f ms", ms);
    if (reply->attempts > 0) {
        fprintf(stderr, "  %u attempt%s", reply->attempts, reply->attempts == 1 ? "" : "s");
    }
    if (reply->function_failed && reply->error_class.length > 0) {
        fputs("  class ", stderr);
        say_text(stderr, reply->error_class);
    }
    fprintf(stderr, "%s\n", say_colour(stderr, COLOUR_NONE));
}

/* A call that may be made again is safe to make again under its id, so the user is told that id. */
static int refused_show(const struct arguments *arguments, struct rpc_reply *reply, const char *id)
{
    int code = client_refused(arguments, reply, arguments->words[0]);
    if (code == EXIT_TRY_AGAIN || code == EXIT_UNAVAILABLE) {
        say_next("the same call with --id %s", id);
    }
    return code;
}

static int answer_show(const struct arguments *arguments, struct rpc_reply *reply, const char *id, double ms)
{
    const char *name = arguments->words[0];
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        return refused_show(arguments, reply, id);
    }
    bool good = true;
    if (arguments_has(arguments, "json")) {
        good = answer_json(reply, name, ms);
    } else if (!reply->function_failed) {
        good = body_print(reply->data);
    }
    fflush(stdout);
    outcome_say(reply, name, ms);
    int code = good ? client_exit_code(reply) : EXIT_SAID_NO;
    rpc_reply_free(reply);
    return code;
}

int invoke_run(const struct arguments *arguments)
{
    struct event_buffer body = { 0 }, packed = { 0 };
    char made[ID_BYTES];
    int64_t timeout_ns;
    const char *id = arguments_text(arguments, "id", NULL);
    const char *timeout = arguments_text(arguments, "timeout", "30s");
    if (!arguments_duration(timeout, &timeout_ns)) {
        say_error("--timeout %s: write a time up to 24h with its unit, such as 500ms, 5s or 2m", timeout);
        return EXIT_USAGE;
    }
    int code = EXIT_USAGE;
    id = id == NULL ? id_make(made) : id;
    if (body_take(arguments_text(arguments, "data", ""), &body) &&
        event_make(arguments, id, (struct bytes){ body.at, body.length }, &packed)) {
        struct rpc_client *client = client_open(arguments);
        code = EXIT_UNAVAILABLE;
        if (client != NULL) {
            struct rpc_query query = { .name = bytes_of(arguments->words[0]),
                                       .packed_event = { packed.at, packed.length },
                                       .timeout_ns = timeout_ns };
            uint64_t start_ns = loop_now_ns();
            struct rpc_reply *reply = rpc_client_execute(client, &query);
            code = answer_show(arguments, reply, id, (double)(loop_now_ns() - start_ns) / 1e6);
            rpc_client_close(client);
        }
    }
    event_buffer_free(&body);
    event_buffer_free(&packed);
    return code;
}
