/* Everything that leaves by the data connection. nats.c appends to its buffer and asks for a write, which the flush
 * hook does at the end of the turn; so nothing here waits, and BUS_SENT promises nothing.
 *
 * The op of a publish, request or pull is written into the reply subject, "<inbox>.reply.<kind><op>" or
 * "<inbox>.pull.<op>.<tag>", in hexadecimal: the answer brings it back, and no table is needed. */
#include "adapters/nats/bus_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "adapters/nats/wire.h"

enum { REPLY_BYTES = BUS_SUBJECT_BYTES_MAX, REQUEST_BYTES = BUS_SUBJECT_BYTES_MAX * 2 + 128 };

struct bus_consumer {
    UT_hash_handle hh;
    uint32_t tag;
    char name[]; /* "<stream>.<consumer>" */
};

static enum bus_sent sent(natsStatus status)
{
    switch (status) {
    case NATS_OK:
        return BUS_SENT;
    case NATS_MAX_PAYLOAD:
        return BUS_TOO_LARGE;
    case NATS_NO_MEMORY:
        return BUS_NO_MEMORY;
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
        return BUS_INVALID;
    default:
        return BUS_DOWN;
    }
}

static char *put(char *at, struct bytes bytes, const char *end)
{
    if (bytes.length > 0) {
        memcpy(at, bytes.at, bytes.length);
    }
    size_t length = strlen(end);
    memcpy(at + bytes.length, end, length + 1);
    return at + bytes.length + length;
}

/* All headers as one: nats.c writes a name as it is, so the lines of all but the last header can stand before the last
 * name. (One call each costs a hash entry and two allocations: 12 headers took 12 of the 18 us of a publish.) No line
 * can be smuggled in, since publish_check() refuses line ends in names and values. */
static natsStatus add_headers(natsMsg *message, const struct bus_header *headers, size_t count)
{
    char small[2048];
    size_t need = 1;
    for (size_t i = 0; i < count; i++) {
        need += headers[i].name.length + headers[i].value.length + sizeof ": \r\n";
    }
    char *text = need <= sizeof small ? small : malloc(need);
    if (text == NULL) {
        return NATS_NO_MEMORY;
    }
    char *at = text;
    for (size_t i = 0; i + 1 < count; i++) {
        at = put(put(at, headers[i].name, ": "), headers[i].value, "\r\n");
    }
    char *value = put(at, headers[count - 1].name, "") + 1;
    put(value, headers[count - 1].value, "");
    natsStatus status = natsMsgHeader_Set(message, text, value);
    if (text != small) {
        free(text);
    }
    return status;
}

static natsStatus publish_with_headers(struct bus *bus, const struct bus_publish *publish, const char *reply)
{
    natsMsg *message = NULL;
    natsStatus status =
        natsMsg_Create(&message, publish->subject, reply, (const char *)publish->body.at, (int)publish->body.length);
    if (status == NATS_OK) {
        status = add_headers(message, publish->headers, publish->header_count);
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(bus->connection, message);
    }
    if (message != NULL) {
        bus_spend(bus, message);
    }
    return status;
}

static enum bus_sent send_plain(struct bus *bus, const char *subject, const char *reply, const void *at, size_t length)
{
    natsStatus status = reply != NULL ? natsConnection_PublishRequest(bus->connection, subject, reply, at, (int)length)
                                      : natsConnection_Publish(bus->connection, subject, at, (int)length);
    return sent(status);
}

/* nats.c's buffer takes anything, moves all of it at each write that takes a part, and never gives its memory back.
 * While a broker was slow, payloads that were asked again after their time-out made it 210 MB (seen with 160 requests
 * of 900 KiB). What is small goes on for longer: it is what lets the broker make room. */
static bool publish_fits(const struct bus *bus, size_t length)
{
    size_t max = length <= BUS_SMALL_MAX ? 2 * (size_t)BUS_BUFFERED_MAX : BUS_BUFFERED_MAX;
    return bus_buffered(bus) < max;
}

/* What nats.c would not refuse, or not in time. */
static enum bus_sent publish_check(const struct bus *bus, const struct bus_publish *publish)
{
    if (!wire_subject_valid(bytes_of(publish->subject), false)) {
        return BUS_INVALID;
    }
    if (publish->reply != NULL && !wire_subject_valid(bytes_of(publish->reply), false)) {
        return BUS_INVALID;
    }
    for (size_t i = 0; i < publish->header_count; i++) {
        if (!wire_header_valid(publish->headers[i].name, publish->headers[i].value)) {
            return BUS_INVALID;
        }
    }
    if (!bus_up(bus)) {
        return BUS_DOWN;
    }
    if (publish->body.length > (size_t)natsConnection_GetMaxPayload(bus->connection)) {
        return BUS_TOO_LARGE;
    }
    return publish_fits(bus, publish->body.length) ? BUS_SENT : BUS_FULL;
}

static const char *reply_subject(const struct bus *bus, char kind, uint64_t op, char buffer[REPLY_BYTES])
{
    int length = snprintf(buffer, REPLY_BYTES, "%s%c%016" PRIx64, bus->prefixes[BUS_INBOX_REPLY], kind, op);
    return length > 0 && length < REPLY_BYTES ? buffer : NULL;
}

enum bus_sent bus_publish(struct bus *bus, const struct bus_publish *publish)
{
    char buffer[REPLY_BYTES];
    const char *reply = publish->reply;
    enum bus_sent check = publish_check(bus, publish);
    if (check != BUS_SENT) {
        return check;
    }
    if (reply == NULL && publish->op != 0) {
        reply = reply_subject(bus, BUS_KIND_PUBLISH, publish->op, buffer);
    }
    if (publish->header_count > 0) {
        return sent(publish_with_headers(bus, publish, reply));
    }
    return send_plain(bus, publish->subject, reply, publish->body.at, publish->body.length);
}

static enum bus_sent send_request(struct bus *bus, const char *subject, char kind, uint64_t op, const void *at,
                                  size_t length)
{
    char buffer[REPLY_BYTES];
    if (!wire_subject_valid(bytes_of(subject), false)) {
        return BUS_INVALID;
    }
    if (!bus_up(bus)) {
        return BUS_DOWN;
    }
    return send_plain(bus, subject, reply_subject(bus, kind, op, buffer), at, length);
}

enum bus_sent bus_request(struct bus *bus, const char *subject, struct bytes body, uint64_t op)
{
    return send_request(bus, subject, BUS_KIND_REQUEST, op, body.at, body.length);
}

enum bus_sent bus_get(struct bus *bus, const char *stream, const char *subject, uint64_t sequence, uint64_t op)
{
    char api[BUS_SUBJECT_BYTES_MAX];
    char body[REQUEST_BYTES];
    char quoted[BUS_SUBJECT_BYTES_MAX * 2 + 1];
    if (!wire_name_valid(bytes_of(stream)) ||
        (subject != NULL && (!wire_subject_valid(bytes_of(subject), true) ||
                             !wire_json_quote(bytes_of(subject), quoted, sizeof quoted)))) {
        return BUS_INVALID;
    }
    if (subject == NULL) {
        snprintf(body, sizeof body, "{\"seq\":%" PRIu64 "}", sequence);
    } else if (sequence == 0) {
        snprintf(body, sizeof body, "{\"last_by_subj\":\"%s\"}", quoted);
    } else {
        snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}", sequence, quoted);
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.MSG.GET.%s", stream);
    return send_request(bus, api, BUS_KIND_GET, op, body, strlen(body));
}

static struct bus_consumer *find_consumer(const struct bus *bus, struct bytes name)
{
    struct bus_consumer *consumer = NULL;
    HASH_FIND(hh, bus->consumers, name.at, name.length, consumer);
    return consumer;
}

uint32_t bus_consumer_tag(const struct bus *bus, struct bytes stream_and_consumer)
{
    const struct bus_consumer *consumer = find_consumer(bus, stream_and_consumer);
    return consumer != NULL ? consumer->tag : 0;
}

static bool remember_consumer(struct bus *bus, struct bytes name, uint32_t tag)
{
    struct bus_consumer *consumer = find_consumer(bus, name);
    if (consumer == NULL) {
        consumer = calloc(1, sizeof *consumer + name.length + 1);
        if (consumer == NULL) {
            return false;
        }
        memcpy(consumer->name, name.at, name.length);
        HASH_ADD_KEYPTR(hh, bus->consumers, consumer->name, name.length, consumer);
    }
    consumer->tag = tag;
    return true;
}

void bus_forget_consumer(struct bus *bus, const char *stream, const char *consumer)
{
    char name[BUS_SUBJECT_BYTES_MAX];
    snprintf(name, sizeof name, "%s.%s", stream, consumer);
    struct bus_consumer *known = find_consumer(bus, bytes_of(name));
    if (known != NULL) {
        HASH_DEL(bus->consumers, known);
        free(known);
    }
}

void bus_consumers_free(struct bus *bus)
{
    struct bus_consumer *consumer;
    struct bus_consumer *next;
    HASH_ITER(hh, bus->consumers, consumer, next)
    {
        HASH_DEL(bus->consumers, consumer); /* NOLINT(clang-analyzer-unix.Malloc): uthash frees its own table only */
        free(consumer);
    }
}

enum bus_sent bus_pull(struct bus *bus, const char *stream, const char *consumer, uint32_t consumer_tag, uint64_t op,
                       uint32_t batch, uint64_t expires_ns, uint64_t heartbeat_ns)
{
    char api[BUS_SUBJECT_BYTES_MAX + 64];
    char reply[REPLY_BYTES];
    char body[REQUEST_BYTES];
    static const char method[] = "$JS.API.CONSUMER.MSG.NEXT.";
    if (!wire_name_valid(bytes_of(stream)) || !wire_name_valid(bytes_of(consumer)) || batch == 0 || expires_ns == 0 ||
        heartbeat_ns > expires_ns / 2) {
        return BUS_INVALID; /* without an expiry a stalled consumer would never answer */
    }
    snprintf(api, sizeof api, "%s%s.%s", method, stream, consumer);
    if (!wire_subject_valid(bytes_of(api), false)) {
        return BUS_INVALID;
    }
    if (!bus_up(bus)) {
        return BUS_DOWN;
    }
    if (!remember_consumer(bus, bytes_of(api + sizeof method - 1), consumer_tag)) {
        return BUS_NO_MEMORY;
    }
    int used = snprintf(body, sizeof body, "{\"batch\":%" PRIu32 ",\"expires\":%" PRIu64, batch, expires_ns);
    if (heartbeat_ns > 0) {
        used += snprintf(body + used, sizeof body - (size_t)used, ",\"idle_heartbeat\":%" PRIu64, heartbeat_ns);
    }
    used += snprintf(body + used, sizeof body - (size_t)used, "}");
    snprintf(reply, sizeof reply, "%s%016" PRIx64 ".%08" PRIx32, bus->prefixes[BUS_INBOX_PULL], op, consumer_tag);
    return send_plain(bus, api, reply, body, (size_t)used);
}

enum bus_sent bus_ack(struct bus *bus, struct bytes ack_subject, enum bus_verb verb, uint64_t delay_ns)
{
    static const char *const verbs[] = {
        [BUS_ACK] = "+ACK", [BUS_NAK] = "-NAK", [BUS_PROGRESS] = "+WPI", [BUS_TERM] = "+TERM"
    };
    struct wire_ack ack;
    char subject[BUS_SUBJECT_BYTES_MAX + 1];
    char body[64];
    if (!wire_subject_valid(ack_subject, false) || !wire_ack_parse(ack_subject, &ack)) {
        return BUS_INVALID;
    }
    if (!bus_up(bus)) {
        return BUS_DOWN;
    }
    memcpy(subject, ack_subject.at, ack_subject.length);
    subject[ack_subject.length] = '\0';
    if (verb == BUS_NAK && delay_ns > 0) {
        snprintf(body, sizeof body, "-NAK {\"delay\":%" PRIu64 "}", delay_ns);
    } else {
        snprintf(body, sizeof body, "%s", verbs[verb]);
    }
    return send_plain(bus, subject, NULL, body, strlen(body));
}
