/* Everything that comes in by the data connection: after each read, what nats.c queued is taken subscription by
 * subscription and told apart by subject, reply and status header.
 *
 * A delivered message keeps the subject it has in the stream and is known by its reply, "$JS.ACK.…"; statuses of pulls
 * have none, and their subject is the inbox that carries op and tag. Nothing is copied or allocated but what stored
 * messages need for their base64. */
#include "adapters/nats/bus_private.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/nats/wire.h"

enum { HEADER_BYTES_MAX = 64 << 20 };

static struct bytes text_of(const char *text)
{
    return text != NULL ? bytes_of(text) : (struct bytes){ NULL, 0 };
}

static struct bytes body_of(const natsMsg *message)
{
    return (struct bytes){ (const uint8_t *)natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message) };
}

/* The header block as it came. nats.c 3.4.1 keeps it where no function of it leads, between the subjects and the data
 * of the one allocation that is a message; its own parser can't be used: an empty value swallows the next header, or
 * makes all of them unreadable (msg.c, _processKeyValue). Empty if there are no headers. */
static struct bytes headers_of(const natsMsg *from)
{
    const char *data = natsMsg_GetData(from);
    const char *before = natsMsg_GetReply(from) != NULL ? natsMsg_GetReply(from) : natsMsg_GetSubject(from);
    const char *start = before + strlen(before) + 1;
    ptrdiff_t length = data - start - 1; /* a NUL follows it */
    if (length <= 0 || length > HEADER_BYTES_MAX) {
        return (struct bytes){ NULL, 0 };
    }
    return (struct bytes){ (const uint8_t *)start, (size_t)length };
}

static struct bus_message message_of(struct bus *bus, const natsMsg *from)
{
    struct bus_message message = { .subject = text_of(natsMsg_GetSubject(from)),
                                   .reply = text_of(natsMsg_GetReply(from)),
                                   .headers = bus->headers,
                                   .body = body_of(from) };
    struct bytes block = headers_of(from);
    if (block.length > 0 &&
        !wire_headers_parse(block, bus->headers, BUS_HEADERS_MAX, &message.header_count, &message.headers_cut)) {
        message.header_count = 0;
        message.headers_cut = true;
    }
    return message;
}

bool bus_header_find(const struct bus_message *message, const char *name, struct bytes *ret_value)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (bytes_equal_text_nocase(message->headers[i].name, name)) {
            *ret_value = message->headers[i].value;
            return true;
        }
    }
    return false;
}

static bool hex_parse(const char *text, size_t digits, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = text[i];
        unsigned value = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (value == 16) {
            return false;
        }
        number = number << 4 | value;
    }
    *ret_number = number;
    return true;
}

static uint32_t number_of(const cJSON *object, const char *name)
{
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static uint64_t sequence_of(const cJSON *object, const char *name)
{
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value >= 0 && value < 9007199254740992.0 ? (uint64_t)value : 0;
}

static const char *string_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* True if the answer is an error; then outcome, codes and words are set. */
static bool reply_take_error(const cJSON *answer, struct bus_reply *reply)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    if (!cJSON_IsObject(error)) {
        return false;
    }
    reply->outcome = BUS_REFUSED;
    reply->code = number_of(error, "code");
    reply->error_code = number_of(error, "err_code");
    reply->description = text_of(string_of(error, "description"));
    return true;
}

/* Decodes `text` behind what the scratch buffer holds already. */
static bool scratch_decode(struct bus *bus, const char *text, size_t *used, struct bytes *ret_bytes)
{
    struct bytes encoded = text_of(text);
    int64_t length = wire_base64_decode(encoded, bus->scratch + *used, bus->scratch_capacity - *used);
    if (length < 0) {
        return false;
    }
    *ret_bytes = (struct bytes){ bus->scratch + *used, (size_t)length };
    *used += (size_t)length;
    return true;
}

static bool scratch_reserve(struct bus *bus, size_t need)
{
    if (need <= bus->scratch_capacity) {
        return true;
    }
    uint8_t *grown = realloc(bus->scratch, need);
    if (grown == NULL) {
        return false;
    }
    bus->scratch = grown;
    bus->scratch_capacity = need;
    return true;
}

/* {"message":{"subject":…,"seq":…,"hdrs":base64,"data":base64,"time":…}} */
static bool reply_take_message(struct bus *bus, const cJSON *answer, struct bus_reply *reply)
{
    const cJSON *stored = cJSON_GetObjectItemCaseSensitive(answer, "message");
    const char *subject = string_of(stored, "subject");
    const char *data = string_of(stored, "data");
    const char *headers = string_of(stored, "hdrs");
    const char *time = string_of(stored, "time");
    struct bytes block = { NULL, 0 };
    size_t used = 0;
    reply->sequence = sequence_of(stored, "seq");
    if (subject == NULL || time == NULL || reply->sequence == 0 ||
        !wire_time_parse(bytes_of(time), &reply->stored_wall_ns) ||
        !scratch_reserve(bus, text_of(data).length + text_of(headers).length + 1) ||
        !scratch_decode(bus, headers, &used, &block) || !scratch_decode(bus, data, &used, &reply->message.body)) {
        return false;
    }
    reply->message.subject = bytes_of(subject);
    reply->message.headers = bus->headers;
    return block.length == 0 || wire_headers_parse(block, bus->headers, BUS_HEADERS_MAX, &reply->message.header_count,
                                                   &reply->message.headers_cut);
}

static void reply_parse(struct bus *bus, char kind, const cJSON *answer, struct bus_reply *reply)
{
    reply->outcome = BUS_GARBLED;
    if (!cJSON_IsObject(answer) || reply_take_error(answer, reply)) {
        return;
    }
    if (kind == BUS_KIND_GET) {
        reply->outcome = reply_take_message(bus, answer, reply) ? BUS_DONE : BUS_GARBLED;
    } else if (kind == BUS_KIND_REQUEST) {
        reply->outcome = BUS_DONE;
    } else {
        reply->sequence = sequence_of(answer, "seq");
        reply->duplicate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "duplicate"));
        reply->outcome = reply->sequence > 0 ? BUS_DONE : BUS_GARBLED;
    }
}

static void receive_reply(struct bus *bus, natsMsg *message)
{
    const char *subject = natsMsg_GetSubject(message);
    size_t prefix = strlen(bus->prefixes[BUS_INBOX_REPLY]);
    struct bus_reply reply = { .outcome = BUS_DONE };
    if (strlen(subject) != prefix + 17 || !hex_parse(subject + prefix + 1, 16, &reply.op)) {
        return; /* anyone may send to our inbox */
    }
    char kind = subject[prefix];
    struct bytes body = body_of(message);
    if (kind == BUS_KIND_PUBLISH && wire_puback_parse(body, &reply.sequence, &reply.duplicate)) {
        bus->callbacks.on_reply(bus->owner, &reply);
        return;
    }
    if (kind == BUS_KIND_REQUEST) {
        reply.message = message_of(bus, message);
    }
    cJSON *answer = cJSON_ParseWithLength((const char *)body.at, body.length);
    reply_parse(bus, kind, answer, &reply);
    bus->callbacks.on_reply(bus->owner, &reply);
    cJSON_Delete(answer);
}

static void receive_delivery(struct bus *bus, natsMsg *message, const struct wire_ack *ack)
{
    struct bytes name = { ack->stream.at, ack->stream.length + 1 + ack->consumer.length };
    struct bus_delivery delivery = { .consumer_tag = bus_consumer_tag(bus, name),
                                     .stream = ack->stream,
                                     .consumer = ack->consumer,
                                     .delivered = ack->delivered,
                                     .stream_sequence = ack->stream_sequence,
                                     .consumer_sequence = ack->consumer_sequence,
                                     .stored_wall_ns = ack->stored_wall_ns,
                                     .pending = ack->pending,
                                     .message = message_of(bus, message) };
    bus->callbacks.on_delivery(bus->owner, &delivery);
}

static enum bus_pull_event pull_event(uint32_t code, struct bytes reason)
{
    static const char exceeded[] = "Exceeded";
    switch (code) {
    case 100:
        return BUS_PULL_HEARTBEAT;
    case 404:
    case 408:
        return BUS_PULL_EXPIRED;
    case 409:
        return reason.length >= sizeof exceeded - 1 && memcmp(reason.at, exceeded, sizeof exceeded - 1) == 0
                   ? BUS_PULL_REFUSED
                   : BUS_PULL_ENDED;
    default:
        return BUS_PULL_REFUSED;
    }
}

static void receive_pull_status(struct bus *bus, natsMsg *message)
{
    const char *subject = natsMsg_GetSubject(message);
    size_t prefix = strlen(bus->prefixes[BUS_INBOX_PULL]);
    uint64_t tag = 0;
    struct bytes pending;
    struct bus_pull_status status = { 0 };
    if (strlen(subject) != prefix + 25 || !hex_parse(subject + prefix, 16, &status.op) ||
        !hex_parse(subject + prefix + 17, 8, &tag) ||
        !wire_status_parse(headers_of(message), &status.code, &status.reason)) {
        return;
    }
    struct bus_message view = message_of(bus, message);
    status.consumer_tag = (uint32_t)tag;
    if (bus_header_find(&view, "Nats-Pending-Messages", &pending)) {
        status.unfilled_known = wire_number_parse(pending, &status.unfilled);
    }
    status.event = pull_event(status.code, status.reason);
    bus->callbacks.on_pull(bus->owner, &status);
}

static void receive_one(struct bus *bus, size_t index, natsMsg *message)
{
    struct wire_ack ack;
    if (index == BUS_INBOX_REPLY) {
        receive_reply(bus, message);
    } else if (index == BUS_INBOX_PULL && wire_ack_parse(text_of(natsMsg_GetReply(message)), &ack)) {
        receive_delivery(bus, message, &ack);
    } else if (index == BUS_INBOX_PULL) {
        receive_pull_status(bus, message);
    } else {
        struct bus_message view = message_of(bus, message);
        bus->callbacks.on_message(bus->owner, bus->tags[index], &view);
    }
}

void bus_spent_clear(struct bus *bus)
{
    for (uint32_t i = 0; i < bus->spent_count; i++) {
        natsMsg_Destroy(bus->spent[i]);
    }
    bus->spent_count = 0;
    bus->spent_bytes = 0;
}

void bus_spend(struct bus *bus, natsMsg *message)
{
    bus->spent[bus->spent_count++] = message;
    bus->spent_bytes += (size_t)natsMsg_GetDataLength(message);
    if (bus->spent_count == BUS_SPENT_MAX || bus->spent_bytes > BUS_SPENT_BYTES_MAX) {
        bus_spent_clear(bus);
    }
}

/* False if the subscription is gone with its connection. */
static bool receive_next(struct bus *bus, size_t index)
{
    natsMsg *message = NULL;
    natsStatus status = natsSubscription_NextMsg(&message, bus->inboxes[index], 0);
    if (status == NATS_NO_RESPONDERS && index < BUS_INBOX_COUNT) {
        bus->callbacks.on_unanswered(bus->owner,
                                     index == BUS_INBOX_PULL ? BUS_UNANSWERED_PULL : BUS_UNANSWERED_PUBLISH);
        return true;
    }
    if (status != NATS_OK) {
        return status == NATS_NO_RESPONDERS || status == NATS_SLOW_CONSUMER;
    }
    receive_one(bus, index, message);
    bus_spend(bus, message);
    return true;
}

void bus_receive_all(struct bus *bus)
{
    for (size_t i = 0; i < bus->subject_count && !bus->lost; i++) {
        uint64_t queued = 0;
        /* Asked first, since an empty NextMsg costs an error stack. */
        if (bus->inboxes[i] == NULL || natsSubscription_QueuedMsgs(bus->inboxes[i], &queued) != NATS_OK) {
            continue;
        }
        while (queued-- > 0 && receive_next(bus, i)) {
        }
    }
}
