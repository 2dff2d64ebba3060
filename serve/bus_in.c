/* From the broker to inputs. Nothing is decided here: a message is decoded and checked against the rules of CloudEvents,
 * a status is counted, an answer is matched with the kind of operation that it ends. */
#include "serve/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JS_NO_MESSAGE = 10037, CODE_NOT_FOUND = 404, CODE_CONSUMER_GONE = 409, DELIVER_AGAIN_NS = 1000000000 };

static size_t headers_view(const struct bus_message *message, struct cloudevents_header *ret_list)
{
    for (size_t i = 0; i < message->header_count; i++) {
        ret_list[i] = (struct cloudevents_header){ message->headers[i].name, message->headers[i].value };
    }
    return message->header_count;
}

static uint64_t header_number(const struct bus_message *message, const char *name)
{
    struct bytes value;
    char text[24];
    if (!bus_header_find(message, name, &value) || value.length == 0 || value.length >= sizeof text) {
        return 0;
    }
    memcpy(text, value.at, value.length);
    text[value.length] = '\0';
    return strtoull(text, NULL, 10);
}

static void header_copy(const struct bus_message *message, const char *name, struct event_buffer *control,
                        const char *entry)
{
    struct bytes value;
    if (bus_header_find(message, name, &value) && value.length > 0) {
        event_buffer_attribute(control, bytes_of(entry), value);
    }
}

/* -- deliveries ---------------------------------------------------------------------------------------------------- */

struct arrival {
    const struct bus_delivery *delivery;
    struct cloudevents_header headers[BUS_HEADERS_MAX];
    size_t header_count;
    char request_id[SERVE_ID_BYTES], language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    struct cloudevents_error error;
    struct event_buffer control, packed;
    struct bytes reply_to;
};

static void text_copy(char *to, size_t size, struct bytes from)
{
    size_t length = from.length < size ? from.length : size - 1;
    if (length > 0) {
        memcpy(to, from.at, length);
    }
    to[length] = '\0';
}

/* The publisher's id, or one that names the message's place in the stream. */
static void arrival_identify(const struct instance *instance, struct arrival *arrival)
{
    struct bytes id, language = { 0 }, name = { 0 };
    cloudevents_subject_parse(arrival->delivery->message.subject, &language, &name);
    text_copy(arrival->language, sizeof arrival->language, language);
    text_copy(arrival->name, sizeof arrival->name, name);
    if (cloudevents_request_id_of(arrival->headers, arrival->header_count, &id, &arrival->error)) {
        text_copy(arrival->request_id, sizeof arrival->request_id, id);
        return;
    }
    snprintf(arrival->request_id, sizeof arrival->request_id, BROKER_STREAM_REQUESTS "-%" PRId64 "-%" PRIu64,
             instance->stream_created_ns / 1000000, arrival->delivery->stream_sequence);
}

/* Answers go only to gateways: a forged reply subject once purged a stream. */
static bool arrival_reply_to(const struct instance *instance, struct arrival *arrival)
{
    static const char prefix[] = "_INBOX.stead.";
    struct bytes value;
    if (!bus_header_find(&arrival->delivery->message, "stead-reply-to", &value) || value.length < sizeof prefix ||
        value.length > 200 || memcmp(value.at, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] <= ' ' || value.at[i] > '~' || value.at[i] == '*' || value.at[i] == '>') {
            return false;
        }
    }
    arrival->reply_to = value;
    size_t own = strlen(instance->answer_prefix);
    return value.length < own || memcmp(value.at, instance->answer_prefix, own) != 0;
}

static bool arrival_decode(struct instance *instance, struct arrival *arrival, uint64_t *ret_digest)
{
    struct cloudevents_limits limits = { .event_bytes_max = (size_t)instance->config->limits_event_bytes };
    struct cloudevents_message message = { .headers = arrival->headers,
                                           .header_count = arrival->header_count,
                                           .body = arrival->delivery->message.body,
                                           .language = arrival->language,
                                           .function = arrival->name,
                                           .request_id = arrival->request_id };
    struct event event;
    if (arrival->error.reason != CLOUDEVENTS_NONE ||
        !cloudevents_from_message(&message, &limits, &arrival->packed, NULL, &arrival->error) ||
        !event_unpack((struct bytes){ arrival->packed.at, arrival->packed.length }, &event)) {
        return false;
    }
    *ret_digest = cloudevents_digest(event);
    return true;
}

static void arrival_control(struct arrival *arrival, uint64_t digest)
{
    char hex[CLOUDEVENTS_DIGEST_HEX + 1];
    cloudevents_digest_text(digest, hex);
    event_buffer_attribute(&arrival->control, bytes_of(":ack"), arrival->delivery->message.reply);
    event_buffer_attribute_text(&arrival->control, ":request-id", arrival->request_id);
    event_buffer_attribute_text(&arrival->control, ":language", arrival->language);
    event_buffer_attribute_text(&arrival->control, ":function", arrival->name);
    event_buffer_attribute_text(&arrival->control, ":digest", hex);
    if (arrival->reply_to.length > 0) {
        event_buffer_attribute(&arrival->control, bytes_of(":reply-to"), arrival->reply_to);
    }
    if (arrival->error.reason != CLOUDEVENTS_NONE) {
        event_buffer_attribute_text(&arrival->control, ":problem", arrival->error.message);
        event_buffer_attribute_text(&arrival->control, ":problem-code", cloudevents_reason_name(arrival->error.reason));
    }
}

static struct blob arrival_blob(struct instance *instance, struct arrival *arrival, bool valid)
{
    struct event_buffer buffer = { 0 };
    message_begin(&buffer, &arrival->control);
    if (valid) {
        event_buffer_append(&buffer, arrival->packed.at, arrival->packed.length);
    } else {
        event_pack(&buffer, (struct event){ .data = arrival->delivery->message.body });
    }
    event_buffer_free(&arrival->packed);
    event_buffer_free(&arrival->control);
    return message_close(instance, &buffer);
}

/* No memory for it: it goes back, and the credit that it used is given up. */
static void arrival_refuse(struct instance *instance, const struct bus_delivery *delivery)
{
    bus_ack(instance->bus, delivery->message.reply, BUS_NAK, DELIVER_AGAIN_NS);
    struct input ended = instance_input(instance, INPUT_PULL_ENDED);
    ended.answers = (uint64_t)delivery->consumer_tag << 32;
    ended.as.pull.unfilled = 1;
    instance_feed(instance, &ended);
}

static void on_delivery(void *owner, const struct bus_delivery *delivery)
{
    struct instance *instance = owner;
    struct arrival arrival = { .delivery = delivery, .header_count = 0 };
    arrival.header_count = headers_view(&delivery->message, arrival.headers);
    arrival_identify(instance, &arrival);
    struct input input = instance_input(instance, INPUT_DELIVERY);
    input.as.delivery.has_reply_to = arrival_reply_to(instance, &arrival);
    uint64_t digest = 0;
    bool valid = arrival_decode(instance, &arrival, &digest);
    if (!valid) {
        input.code = arrival.error.reason == CLOUDEVENTS_TOO_LARGE ? REASON_EVENT_TOO_LARGE : REASON_INVALID_EVENT;
    }
    arrival_control(&arrival, digest);
    input.blob = arrival_blob(instance, &arrival, valid);
    if (input.blob.slot == BLOB_NONE) {
        arrival_refuse(instance, delivery);
        return;
    }
    input.about.bits = delivery->consumer_tag;
    input.as.delivery.request = key_of_text(instance, bytes_of(arrival.request_id));
    input.as.delivery.digest = digest;
    input.as.delivery.sequence = delivery->stream_sequence;
    input.as.delivery.stored_ns = delivery->stored_wall_ns;
    input.as.delivery.budget_ns = header_number(&delivery->message, "stead-budget-ms") % 1000000000 * 1000000;
    input.as.delivery.delivered = delivery->delivered < UINT32_MAX ? (uint32_t)delivery->delivered : UINT32_MAX;
    input.as.delivery.pending = delivery->pending < INT32_MAX ? (uint32_t)delivery->pending : INT32_MAX;
    instance_feed(instance, &input);
}

/* -- results ------------------------------------------------------------------------------------------------------- */

static uint8_t end_of_text(struct bytes text)
{
    for (uint8_t end = 1; end < END_COUNT; end++) {
        if (bytes_equal_text(text, end_name((enum end)end))) {
            return end;
        }
    }
    return END_NONE;
}

static uint8_t reason_of_text(struct bytes text)
{
    for (uint8_t reason = 0; reason < REASON_COUNT; reason++) {
        if (bytes_equal_text(text, reason_name((enum reason)reason))) {
            return reason;
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
    input->as.result.request = key_of_text(instance, bytes_of(request_id));
    if (bus_header_find(message, "stead-input-digest", &value)) {
        text_copy(digest, sizeof digest, value);
    }
    input->as.result.digest = strtoull(digest, NULL, 16);
    header_copy(message, "stead-error-class", &control, ":class");
    header_copy(message, "stead-error-type", &control, ":type");
    header_copy(message, "stead-input-digest", &control, ":digest");
    message_begin(&buffer, &control);
    event_buffer_append(&buffer, packed.at, packed.length);
    event_buffer_free(&control);
    event_buffer_free(&packed);
    input->blob = message_close(instance, &buffer);
    return input->blob.slot != BLOB_NONE;
}

static void on_message(void *owner, uint32_t tag, const struct bus_message *message)
{
    struct instance *instance = owner;
    size_t prefix = strlen(instance->answer_prefix);
    if (tag == TAG_RECORDS) {
        records_refresh(instance);
        return;
    }
    if (message->subject.length <= prefix || message->subject.length - prefix >= SERVE_ID_BYTES) {
        return;
    }
    char request_id[SERVE_ID_BYTES];
    struct input input = instance_input(instance, INPUT_ANSWER);
    text_copy(request_id, sizeof request_id,
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
        text_copy(request_id, sizeof request_id,
                  (struct bytes){ subject.at + sizeof prefix - 1, subject.length - (sizeof prefix - 1) });
    }
    if (input.outcome == OUTCOME_DONE && !result_read(instance, &reply->message, request_id, &input)) {
        input.outcome = OUTCOME_UNKNOWN;
    }
    instance_feed(instance, &input);
}

/* Ledger records are short JSON of our own making, read by position of their keys. */
static bool ledger_read(struct bytes body, struct input *input)
{
    char text[200];
    unsigned long long nonce = 0;
    unsigned attempts = 0, starts = 0;
    text_copy(text, sizeof text, body);
    if (sscanf(text, "{\"schema\":1,\"attempts\":%u,\"starts\":%u,\"nonce\":\"%llx\"}", &attempts, &starts, &nonce) !=
        3) {
        return false;
    }
    input->as.ledger.attempts = attempts;
    input->as.ledger.starts = starts;
    input->as.ledger.nonce = nonce;
    return true;
}

static void reply_ledger(struct instance *instance, const struct bus_reply *reply, uint8_t effect)
{
    struct input input = instance_input(instance, INPUT_LEDGER);
    bool get = effect == EFFECT_LEDGER_GET;
    input.answers = reply->op;
    input.outcome = get ? outcome_of_get(reply) : outcome_of(reply);
    input.as.ledger.revision = reply->sequence;
    if (get && input.outcome == OUTCOME_DONE && !ledger_read(reply->message.body, &input)) {
        log_warn("nats.msg", "unreadable record of attempts", LOG_BYTES("subject", reply->message.subject));
        input.outcome = OUTCOME_UNKNOWN;
    }
    instance_feed(instance, &input);
}

static void on_reply(void *owner, const struct bus_reply *reply)
{
    struct instance *instance = owner;
    struct handle row = operation_owner(reply->op);
    bool call = handle_table(row) == TABLE_CALL;
    uint32_t index = handle_index(row), rows = call ? SERVE_CALLS_MAX : SERVE_DELIVERIES_MAX;
    const struct pending *table = call ? instance->pending_calls : instance->pending_deliveries;
    if ((!call && handle_table(row) != TABLE_DELIVERY) || index >= rows || table[index].operation != reply->op) {
        return; /* Late: nobody waits any more. */
    }
    switch (table[index].effect) {
    case EFFECT_FETCH_RESULT:
        reply_result(instance, reply);
        break;
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        reply_ledger(instance, reply, table[index].effect);
        break;
    default:
        reply_published(instance, reply);
    }
}

static void on_pull(void *owner, const struct bus_pull_status *status)
{
    struct instance *instance = owner;
    bool heartbeat = status->event == BUS_PULL_HEARTBEAT;
    struct input input = instance_input(instance, heartbeat ? INPUT_HEARD : INPUT_PULL_ENDED);
    if (!heartbeat) {
        input.answers = status->op;
        input.as.pull.unfilled = status->unfilled_known ? (uint32_t)status->unfilled : UINT32_MAX;
        input.code = bytes_equal_text(status->reason, "Consumer Deleted") ? CODE_CONSUMER_GONE : 0;
        if (status->event == BUS_PULL_REFUSED) {
            log_warn("nats.msg", "pull refused", LOG_BYTES("reason", status->reason), LOG_U64("code", status->code));
        }
    }
    instance_feed(instance, &input);
}

static void on_link(void *owner, const struct bus_link *link)
{
    struct instance *instance = owner;
    if (link->up) {
        log_info("nats.conn", "connected", LOG_TEXT("server", link->server), LOG_U64("epoch", link->epoch));
        provision_start(instance);
        return;
    }
    log_warn("nats.conn", "not connected", LOG_TEXT("reason", link->reason), LOG_TEXT("url", instance->nats_url));
    if (instance->link_fed) {
        instance->link_fed = false;
        struct input input = instance_input(instance, INPUT_LINK_DOWN);
        input.epoch = link->epoch;
        instance_feed(instance, &input);
    }
}

static void on_unanswered(void *owner, enum bus_unanswered kind)
{
    (void)owner;
    log_debug("nats.msg", "no responders", LOG_TEXT("operation", kind == BUS_UNANSWERED_PULL ? "pull" : "publish"));
}

static void on_trouble(void *owner, const char *text)
{
    (void)owner;
    log_warn("nats.error", "the broker complains", LOG_TEXT("error", text));
}

const struct bus_callbacks instance_bus_callbacks = {
    .on_link = on_link,
    .on_reply = on_reply,
    .on_delivery = on_delivery,
    .on_pull = on_pull,
    .on_message = on_message,
    .on_unanswered = on_unanswered,
    .on_trouble = on_trouble,
};
