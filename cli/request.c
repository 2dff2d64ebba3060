/* The event is built here, not by the service, so that its id is known and the same request can be made again: the
 * answer of an id is kept, and asking again after a lost connection is safe. */
#include "cli/request.h"

#include "adapters/cloudevents/cloudevents.h"
#include "adapters/loop/loop.h"
#include "cli/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 64 << 20 };

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

static const char *id_make(char ret_id[REQUEST_ID_BYTES])
{
    uint64_t random[2] = { 0 };
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        random[0] = loop_now_ns();
    }
    snprintf(ret_id, REQUEST_ID_BYTES, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
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

bool request_timeout(const struct arguments *arguments, const char *otherwise, int64_t *ret_ns)
{
    const char *timeout = arguments_text(arguments, "timeout", otherwise);
    if (!arguments_duration(timeout, ret_ns)) {
        say_error("--timeout %s: write a time up to 24h with its unit, such as 500ms, 5s or 2m", timeout);
        return false;
    }
    return true;
}

bool request_make(const struct arguments *arguments, const char *timeout, struct request *ret_request)
{
    int64_t timeout_ns;
    struct request *request = ret_request;
    *request = (struct request){ 0 };
    if (!request_timeout(arguments, timeout, &timeout_ns)) {
        return false;
    }
    request->id = arguments_text(arguments, "id", NULL);
    request->id = request->id == NULL ? id_make(request->made) : request->id;
    if (!body_take(arguments_text(arguments, "data", ""), &request->body) ||
        !event_make(arguments, request->id, (struct bytes){ request->body.at, request->body.length },
                    &request->packed)) {
        return false;
    }
    request->query = (struct rpc_query){ .name = bytes_of(arguments->words[0]),
                                         .packed_event = { request->packed.at, request->packed.length },
                                         .timeout_ns = timeout_ns };
    return true;
}

void request_free(struct request *request)
{
    event_buffer_free(&request->body);
    event_buffer_free(&request->packed);
}

/* -- the answer ---------------------------------------------------------------------------------------------------- */

struct bytes request_attribute(const struct rpc_reply *reply, const char *name)
{
    struct event event;
    struct bytes value = { 0 };
    if (reply->packed_event.length > 0 && event_unpack(reply->packed_event, &event)) {
        event_find(event.block, name, &value);
    }
    return value;
}

bool request_body_print(struct bytes data)
{
    bool good = fwrite(data.at, 1, data.length, stdout) == data.length;
    bool ended = data.length > 0 && data.at[data.length - 1] == '\n';
    if (isatty(STDOUT_FILENO) && data.length > 0 && !ended) {
        putchar('\n');
    }
    return good;
}

void request_body_json(struct document *document, const struct rpc_reply *reply)
{
    struct bytes content_type = request_attribute(reply, "datacontenttype");
    document_member(document, "type", request_attribute(reply, "type"));
    document_member(document, "content_type", content_type);
    document_member_data(document, "data", content_type, reply->data);
}

void request_error_json(struct document *document, const struct rpc_reply *reply)
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
