/* Ends of operations and results: a PubAck, a stored message or an answer in our inbox becomes the input that it means,
 * matched with the kind of operation that it ends by the note made when the operation was sent. */
#include "serve/bus_in.h"
#include "serve/jobs.h"
#include "serve/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JS_NO_MESSAGE = 10037, JS_NO_SEQUENCE = 10043, JS_DELETE_FAILED = 10057, CODE_NOT_FOUND = 404 };

static void header_copy(const struct bus_message *message, const char *name, struct event_buffer *control,
                        const char *entry)
{
    struct bytes value;
    if (bus_header_find(message, name, &value) && value.length > 0) {
        event_buffer_attribute(control, bytes_of(entry), value);
    }
}

/* -- results ------------------------------------------------------------------------------------------------------- */

static uint8_t end_of_text(struct bytes text)
{
    for (int end = 1; end < END_COUNT; end++) {
        if (bytes_equal_text(text, end_name((enum end)end))) {
            return (uint8_t)end;
        }
    }
    return END_NONE;
}

static uint8_t reason_of_text(struct bytes text)
{
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        if (bytes_equal_text(text, reason_name((enum reason)reason))) {
            return (uint8_t)reason;
        }
    }
    return REASON_NONE;
}

/* A stored result or an answer as a blob and what the core may know of it; false if it is none of ours. */
static bool result_read(struct instance *instance, const struct bus_message *message, const char *request_id,
                        struct input *input)
{
    struct cloudevents_header headers[BUS_HEADERS_MAX];
    struct cloudevents_message form = { .headers = headers, .body = message->body, .language = "", .function = "" };
    struct cloudevents_limits limits = { .event_bytes_max = (size_t)instance->config->limits_result_bytes * 2 };
    struct event_buffer control = { 0 }, packed = { 0 }, buffer = { 0 };
    struct cloudevents_error error;
    struct bytes value;
    char digest[24] = "";
    form.header_count = headers_view(message, headers);
    form.request_id = request_id;
    if (!bus_header_find(message, "stead-outcome", &value) || end_of_text(value) == END_NONE ||
        !cloudevents_from_message(&form, &limits, &packed, NULL, &error)) {
        event_buffer_free(&packed);
        return false;
    }
    input->as.result.end = end_of_text(value);
    input->as.result.reason = bus_header_find(message, "stead-reason", &value) ? reason_of_text(value) : REASON_NONE;
    input->as.result.attempts = (uint32_t)header_number(message, "stead-attempts");
    if (bus_header_find(message, "stead-cause", &value)) {
        input->as.result.cause = (uint8_t)cause_of_text(value);
    }
    if (bus_header_find(message, "stead-causes", &value)) {
        causes_read(value, &input->as.result.causes);
    }
    input->as.result.request = key_of_text(instance, bytes_of(request_id));
    if (bus_header_find(message, "stead-input-digest", &value)) {
        bytes_copy_text(digest, sizeof digest, value);
    }
    input->as.result.digest = strtoull(digest, NULL, 16);
    header_copy(message, "stead-error-class", &control, ":class");
    header_copy(message, "stead-error-type", &control, ":type");
    header_copy(message, "stead-input-digest", &control, ":digest");
    header_copy(message, "stead-function", &control, ":result-function");
    header_copy(message, "stead-version", &control, ":version");
    header_copy(message, "stead-causes", &control, ":causes");
    header_copy(message, "stead-cause", &control, ":cause");
    message_begin(&buffer, &control);
    event_buffer_append(&buffer, packed.at, packed.length);
    event_buffer_free(&control);
    event_buffer_free(&packed);
    input->blob = message_close(instance, &buffer);
    return input->blob.slot != BLOB_NONE;
}

/* Somebody else's message stands where the result belongs, and nothing can be stored over it: that is the end of the
 * request, and its callers see that it does not answer their input. */
static bool result_foreign(struct instance *instance, const struct bus_message *message, const char *request_id,
                           struct input *input)
{
    static const char text[] = "what is stored as the result of this id is no result of Stead's";
    struct event_buffer control = { 0 }, buffer = { 0 };
    log_warn("nats.msg", "a stored result is none of ours", LOG_BYTES("subject", message->subject));
    event_buffer_attribute_text(&control, ":type", "foreign-result");
    message_begin(&buffer, &control);
    event_pack(&buffer, (struct event){ .data = bytes_of(text) });
    event_buffer_free(&control);
    input->as.result.end = END_FAILED;
    input->as.result.reason = REASON_INVALID_RESULT;
    input->as.result.request = key_of_text(instance, bytes_of(request_id));
    input->blob = message_close(instance, &buffer);
    return input->blob.slot != BLOB_NONE;
}

/* A hint that anybody can publish: the core looks for itself. */
static void cancel_heard(struct instance *instance, struct bytes subject)
{
    enum { PREFIX_BYTES = sizeof "function.cancel." - 1 };
    if (subject.length <= PREFIX_BYTES) {
        return;
    }
    struct bytes id = { subject.at + PREFIX_BYTES, subject.length - PREFIX_BYTES };
    if (cloudevents_request_id_valid(id)) {
        struct input input = instance_input(instance, INPUT_CANCEL_HEARD);
        input.as.cancel.request = key_of_text(instance, id);
        instance_feed(instance, &input);
    }
}

void bus_on_message(void *owner, uint32_t tag, const struct bus_message *message)
{
    struct instance *instance = owner;
    size_t prefix = strlen(instance->answer_prefix);
    if (tag == TAG_RECORDS) {
        records_hinted(instance);
        return;
    }
    if (tag == TAG_RELEASES) {
        quarantine_heard(instance, message->subject);
        return;
    }
    if (tag == TAG_CANCELS) {
        cancel_heard(instance, message->subject);
        return;
    }
    if (message->subject.length <= prefix || message->subject.length - prefix >= SERVE_ID_BYTES) {
        return;
    }
    char request_id[SERVE_ID_BYTES];
    struct input input = instance_input(instance, INPUT_ANSWER);
    bytes_copy_text(request_id, sizeof request_id,
                    (struct bytes){ message->subject.at + prefix, message->subject.length - prefix });
    if (result_read(instance, message, request_id, &input)) {
        instance_feed(instance, &input);
    }
}

/* -- ends of operations -------------------------------------------------------------------------------------------- */

static uint8_t outcome_of(const struct bus_reply *reply)
{
    if (reply->outcome == BUS_GARBLED) {
        return OUTCOME_UNKNOWN;
    }
    return reply->outcome == BUS_DONE ? OUTCOME_DONE : OUTCOME_REFUSED;
}

/* For reads: only "there is none" is a refusal; anything else is not known yet. */
static uint8_t outcome_of_get(const struct bus_reply *reply)
{
    bool absent = reply->outcome == BUS_REFUSED &&
                  (reply->error_code == JS_NO_MESSAGE || (reply->error_code == 0 && reply->code == CODE_NOT_FOUND));
    return reply->outcome == BUS_DONE ? OUTCOME_DONE : absent ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
}

static void reply_published(struct instance *instance, const struct bus_reply *reply)
{
    struct input input = instance_input(instance, INPUT_PUBLISHED);
    input.answers = reply->op;
    input.outcome = outcome_of(reply);
    input.code = (uint16_t)(reply->error_code != 0 ? reply->error_code : reply->code);
    input.as.published.sequence = reply->sequence;
    input.as.published.duplicate = reply->duplicate;
    instance_feed(instance, &input);
}

static void reply_result(struct instance *instance, const struct bus_reply *reply)
{
    static const char prefix[] = "function.result.";
    struct input input = instance_input(instance, INPUT_RESULT);
    char request_id[SERVE_ID_BYTES] = "";
    input.answers = reply->op;
    input.outcome = outcome_of_get(reply);
    struct bytes subject = reply->message.subject;
    if (input.outcome == OUTCOME_DONE && subject.length > sizeof prefix - 1) {
        bytes_copy_text(request_id, sizeof request_id,
                        (struct bytes){ subject.at + sizeof prefix - 1, subject.length - (sizeof prefix - 1) });
    }
    if (input.outcome == OUTCOME_DONE && !result_read(instance, &reply->message, request_id, &input) &&
        !result_foreign(instance, &reply->message, request_id, &input)) {
        input.outcome = OUTCOME_UNKNOWN;
    }
    instance_feed(instance, &input);
}

/* nats-server 2.9.10 and 2.15.2 say 10057 with these words of a message that is gone. */
static void reply_removed(struct instance *instance, const struct bus_reply *reply)
{
    bool gone = reply->error_code == JS_NO_SEQUENCE || reply->error_code == JS_NO_MESSAGE ||
                (reply->error_code == JS_DELETE_FAILED && (bytes_equal_text(reply->description, "no message found") ||
                                                           bytes_equal_text(reply->description, "stream store EOF")));
    struct input input = instance_input(instance, INPUT_REMOVED);
    input.answers = reply->op;
    input.outcome = reply->outcome == BUS_DONE              ? OUTCOME_DONE
                    : reply->outcome == BUS_REFUSED && gone ? OUTCOME_REFUSED
                                                            : OUTCOME_UNKNOWN;
    instance_feed(instance, &input);
}

/* The number behind `name` in a record of our own making; 0 if it is not there. */
static uint64_t ledger_number(const char *text, const char *name, int base)
{
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, base);
}

/* The text behind `name` up to its closing quote; at NULL if it is not there. */
static struct bytes ledger_text(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    if (at == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    at += strlen(name);
    return (struct bytes){ (const uint8_t *)at, strcspn(at, "\"") };
}

/* Ledger records are short JSON of our own making (bus_out.c), read by the names of their members. */
bool ledger_read(struct bytes body, struct input *input)
{
    static const char prefix[] = "{\"schema\":1,";
    char text[400];
    bytes_copy_text(text, sizeof text, body);
    if (strncmp(text, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    input->as.ledger.attempts = (uint32_t)ledger_number(text, "\"attempts\":", 10);
    input->as.ledger.starts = (uint32_t)ledger_number(text, "\"starts\":", 10);
    input->as.ledger.nonce = ledger_number(text, "\"nonce\":\"", 16);
    struct bytes last = ledger_text(text, "\"last\":\"");
    /* Those that were written before causes were kept know only that something was charged. */
    input->as.ledger.last =
        (uint8_t)(last.at == NULL && input->as.ledger.attempts > 0 ? CAUSE_ERROR : cause_of_text(last));
    causes_read(ledger_text(text, "\"causes\":\""), &input->as.ledger.causes);
    input->as.ledger.end = end_of_text(ledger_text(text, "\"end\":\""));
    input->as.ledger.reason = reason_of_text(ledger_text(text, "\"reason\":\""));
    return true;
}

static void reply_ledger(struct instance *instance, const struct bus_reply *reply, uint8_t effect)
{
    struct input input = instance_input(instance, INPUT_LEDGER);
    bool get = effect == EFFECT_LEDGER_GET;
    input.answers = reply->op;
    input.outcome = get ? outcome_of_get(reply) : outcome_of(reply);
    input.code = get ? 0 : (uint16_t)(reply->error_code != 0 ? reply->error_code : reply->code);
    input.as.ledger.revision = reply->sequence;
    if (get && input.outcome == OUTCOME_DONE && !ledger_read(reply->message.body, &input)) {
        log_warn("nats.msg", "unreadable record of attempts", LOG_BYTES("subject", reply->message.subject));
        input.outcome = OUTCOME_UNKNOWN;
    }
    instance_feed(instance, &input);
}

void bus_on_reply(void *owner, const struct bus_reply *reply)
{
    struct instance *instance = owner;
    struct handle row = operation_owner(reply->op);
    bool call = handle_table(row) == TABLE_CALL;
    if (lease_replied(instance, reply)) {
        return;
    }
    uint32_t index = handle_index(row), rows = call ? SERVE_CALLS_MAX : SERVE_DELIVERIES_MAX;
    const struct pending *table = call ? instance->pending_calls : instance->pending_deliveries;
    if ((!call && handle_table(row) != TABLE_DELIVERY) || index >= rows || table[index].operation != reply->op) {
        return; /* Late: nobody waits any more. */
    }
    switch (table[index].effect) {
    case EFFECT_FETCH_RESULT:
        reply_result(instance, reply);
        break;
    case EFFECT_REMOVE_REQUEST:
        reply_removed(instance, reply);
        break;
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        reply_ledger(instance, reply, table[index].effect);
        break;
    default:
        if (reply->outcome == BUS_DONE) {
            status_measure_published(instance, (enum effect_kind)table[index].effect, table[index].sent_ns);
        }
        reply_published(instance, reply);
    }
}
