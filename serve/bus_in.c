/* From the broker to inputs. Nothing is decided here: a message is decoded and checked against the rules of
 * CloudEvents, a status is counted, an answer is matched with the kind of operation that it ends. */
#include "serve/bus_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DELIVER_AGAIN_NS = 1000000000 };

size_t headers_view(const struct bus_message *message, struct cloudevents_header *ret_list)
{
    for (size_t i = 0; i < message->header_count; i++) {
        ret_list[i] = (struct cloudevents_header){ message->headers[i].name, message->headers[i].value };
    }
    return message->header_count;
}

uint64_t header_number(const struct bus_message *message, const char *name)
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

void bytes_copy_text(char *to, size_t size, struct bytes from)
{
    size_t length = from.length < size ? from.length : size - 1;
    if (length > 0) {
        memcpy(to, from.at, length);
    }
    to[length] = '\0';
}

/* -- deliveries ---------------------------------------------------------------------------------------------------- */

struct arrival {
    const struct bus_delivery *delivery;
    struct cloudevents_header headers[BUS_HEADERS_MAX];
    size_t header_count;
    char request_id[SERVE_ID_BYTES], language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    struct cloudevents_error error;
    enum cloudevents_mode mode;
    struct event_buffer control, packed;
    struct bytes reply_to, alias;
};

/* Its function and headers, and the publisher's id, or one that names the message's place in the stream. */
static void arrival_identify(const struct instance *instance, struct arrival *arrival)
{
    struct bytes id, language = { 0 }, name = { 0 };
    arrival->header_count = headers_view(&arrival->delivery->message, arrival->headers);
    cloudevents_subject_parse(arrival->delivery->message.subject, &language, &name);
    bytes_copy_text(arrival->language, sizeof arrival->language, language);
    bytes_copy_text(arrival->name, sizeof arrival->name, name);
    if (cloudevents_request_id_of(arrival->headers, arrival->header_count, &id, &arrival->error)) {
        bytes_copy_text(arrival->request_id, sizeof arrival->request_id, id);
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
        !cloudevents_from_message(&message, &limits, &arrival->packed, &arrival->mode, &arrival->error) ||
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
    event_buffer_attribute_u64(&arrival->control, ":stored", (uint64_t)arrival->delivery->stored_wall_ns);
    if (arrival->alias.length > 0) {
        event_buffer_attribute(&arrival->control, bytes_of(":alias"), arrival->alias);
    }
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

/* The time that its publisher gives it; 0: none was said. */
static uint64_t arrival_budget_ns(const struct arrival *arrival)
{
    return header_number(&arrival->delivery->message, "stead-budget-ms") % 1000000000 * 1000000;
}

static void on_delivery(void *owner, const struct bus_delivery *delivery)
{
    struct instance *instance = owner;
    struct arrival arrival = { .delivery = delivery, .header_count = 0 };
    arrival_identify(instance, &arrival);
    struct input input = instance_input(instance, INPUT_DELIVERY);
    input.as.delivery.has_reply_to = arrival_reply_to(instance, &arrival);
    bus_header_find(&delivery->message, "stead-alias", &arrival.alias);
    uint64_t digest = 0;
    bool valid = arrival_decode(instance, &arrival, &digest);
    status_count_event(instance, TRANSPORT_NATS, arrival.mode,
                       valid ? NULL : cloudevents_reason_name(arrival.error.reason));
    if (delivery->delivered > 1) {
        status_count_redelivery(instance, arrival.language);
    }
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
    input.as.delivery.size = input.blob.length;
    input.as.delivery.sequence = delivery->stream_sequence;
    input.as.delivery.alias = functions_alias(instance, bytes_of(arrival.name), arrival.alias);
    input.as.delivery.stored_ns = delivery->stored_wall_ns;
    input.as.delivery.budget_ns = arrival_budget_ns(&arrival);
    input.as.delivery.delivered = delivery->delivered < UINT32_MAX ? (uint32_t)delivery->delivered : UINT32_MAX;
    input.as.delivery.pending = delivery->pending < INT32_MAX ? (uint32_t)delivery->pending : INT32_MAX;
    instance_feed(instance, &input);
}

bool bus_walked(struct instance *instance, const struct bus_delivery *message, struct input *ret_walked)
{
    struct arrival arrival = { .delivery = message, .header_count = 0 };
    arrival_identify(instance, &arrival);
    uint64_t digest = 0;
    bool valid = arrival_decode(instance, &arrival, &digest);
    arrival_control(&arrival, digest);
    struct blob blob = arrival_blob(instance, &arrival, valid);
    if (blob.slot == BLOB_NONE) {
        return false;
    }
    ret_walked->blob = blob;
    ret_walked->as.walked.request = key_of_text(instance, bytes_of(arrival.request_id));
    ret_walked->as.walked.digest = digest;
    ret_walked->as.walked.sequence = message->stream_sequence;
    ret_walked->as.walked.stored_ns = message->stored_wall_ns;
    ret_walked->as.walked.budget_ns = arrival_budget_ns(&arrival);
    return true;
}

/* -- pulls and the link ------------------------------------------------------------------------------------------- */

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
            status_count_nats_error(instance, "pull-refused");
            log_warn("nats.msg", "pull refused", LOG_BYTES("reason", status->reason), LOG_U64("code", status->code));
        }
    }
    instance_feed(instance, &input);
}

static void on_link(void *owner, const struct bus_link *link)
{
    struct instance *instance = owner;
    if (link->up) {
        instance->down_told = false;
        if (link->epoch > 1) {
            metrics_add(metrics_plain(instance->metrics, METRIC_STEAD_NATS_RECONNECTS_TOTAL), 1);
        }
        log_info("nats.conn", "connected", LOG_TEXT("server", link->server), LOG_U64("epoch", link->epoch));
        provision_start(instance);
        return;
    }
    if (instance->link_fed || !instance->down_told) {
        log_warn("nats.conn", "not connected, trying again", LOG_TEXT("reason", link->reason),
                 LOG_TEXT("url", instance->nats_shown));
    }
    instance->down_told = true;
    instance->link_fed = false;
    struct input input = instance_input(instance, INPUT_LINK_DOWN);
    input.epoch = link->epoch;
    instance_feed(instance, &input);
}

static void on_unanswered(void *owner, enum bus_unanswered kind)
{
    status_count_nats_error(owner, "no-responders");
    log_debug("nats.msg", "no responders", LOG_TEXT("operation", kind == BUS_UNANSWERED_PULL ? "pull" : "publish"));
}

static void on_trouble(void *owner, const char *text)
{
    status_count_nats_error(owner, "complaint");
    log_warn("nats.error", "the broker complains", LOG_TEXT("error", text));
}

const struct bus_callbacks instance_bus_callbacks = {
    .on_link = on_link,
    .on_reply = bus_on_reply,
    .on_delivery = on_delivery,
    .on_pull = on_pull,
    .on_message = bus_on_message,
    .on_unanswered = on_unanswered,
    .on_trouble = on_trouble,
};
