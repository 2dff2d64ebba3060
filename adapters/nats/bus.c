/* Life and link of the data connection.
 *
 * The connector's thread makes a connection and hands it over through a wake; from then on only the loop thread
 * touches it. The watch on its socket calls nats.c to read and then hands over what arrived; the flush hook writes what
 * the turn produced. nats.c runs in event-loop mode with the reconnect of its own switched off: when it meets an error
 * it closes the socket and calls on_read(remove), which only sets `lost`, and as soon as its call returned, the
 * connection is destroyed and the owner told, who asks for the next attempt. */
#include "adapters/nats/bus_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "adapters/loop/loop.h"
#include "adapters/nats/wire.h"

/* nats.c holds the connection's lock in these three: no call of it from here. */
static natsStatus on_read(void *owner, bool add)
{
    struct bus *bus = owner;
    if (!add) {
        bus->lost = true;
        if (bus->watch != NULL) {
            loop_watch_free(bus->watch); /* the descriptor is closed next */
            bus->watch = NULL;
        }
    }
    return NATS_OK;
}

static natsStatus on_write(void *owner, bool add)
{
    struct bus *bus = owner;
    bus->write_wanted = add;
    return NATS_OK;
}

static natsStatus on_detach(void *owner)
{
    return NATS_OK;
}

static void bus_tell_down(struct bus *bus, const char *reason)
{
    struct bus_link link = { .up = false, .epoch = bus->epoch, .at_ns = loop_now_ns(), .reason = reason };
    bus->callbacks.on_link(bus->owner, &link);
    loop_again(bus->loop);
}

void bus_traffic(const struct bus *bus, struct bus_traffic *ret_traffic)
{
    *ret_traffic = bus->before;
    natsStatistics *counts = NULL;
    if (bus->connection == NULL || natsStatistics_Create(&counts) != NATS_OK) {
        return;
    }
    struct bus_traffic now = { 0 };
    if (natsConnection_GetStats(bus->connection, counts) == NATS_OK &&
        natsStatistics_GetCounts(counts, &now.messages_in, &now.bytes_in, &now.messages_out, &now.bytes_out, NULL) ==
            NATS_OK) {
        ret_traffic->messages_in += now.messages_in;
        ret_traffic->bytes_in += now.bytes_in;
        ret_traffic->messages_out += now.messages_out;
        ret_traffic->bytes_out += now.bytes_out;
    }
    natsStatistics_Destroy(counts);
}

/* Destroys the connection. Without it being lost, a flush would block: the socket is cut first. */
static void bus_drop_connection(struct bus *bus)
{
    if (!bus->lost && bus->write_wanted) {
        natsConnection_ProcessWriteEvent(bus->connection);
    }
    if (!bus->lost && bus->write_wanted) {
        shutdown(bus->socket, SHUT_RDWR);
        natsConnection_ProcessWriteEvent(bus->connection);
    }
    bus_spent_clear(bus);
    bus_traffic(bus, &bus->before);
    natsConnection_Close(bus->connection);
    for (size_t i = 0; i < bus->subject_count; i++) {
        natsSubscription_Destroy(bus->inboxes[i]);
        bus->inboxes[i] = NULL;
    }
    natsConnection_Destroy(bus->connection);
    if (bus->watch != NULL) {
        loop_watch_free(bus->watch);
    }
    bus->watch = NULL;
    bus->connection = NULL;
    bus->socket = -1;
    bus->write_wanted = false;
    bus->lost = false;
}

static void bus_give_up(struct bus *bus)
{
    char reason[CONNECTOR_TEXT_BYTES];
    const char *text = NULL;
    natsStatus status = natsConnection_GetLastError(bus->connection, &text);
    snprintf(reason, sizeof reason, "%s", status != NATS_OK && text != NULL ? text : "connection closed");
    bus->lost = true;
    bus_drop_connection(bus);
    bus_tell_down(bus, reason);
}

static void bus_write(struct bus *bus)
{
    if (bus->connection == NULL) {
        return;
    }
    if (!bus->lost && bus->write_wanted) {
        natsConnection_ProcessWriteEvent(bus->connection);
    }
    if (bus->lost) {
        bus_give_up(bus);
        return;
    }
    loop_watch_want(bus->watch, bus->write_wanted ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void on_turn_flush(void *owner)
{
    bus_write(owner);
}

void bus_flush(struct bus *bus)
{
    if (!bus->receiving) {
        bus_write(bus);
    }
}

static void on_ready(void *owner, unsigned ready)
{
    struct bus *bus = owner;
    if ((ready & LOOP_READ) == 0) {
        return; /* writable: the flush hook of this turn writes */
    }
    bus->last_read_ns = loop_now_ns();
    natsConnection_ProcessReadEvent(bus->connection);
    bus->receiving = true;
    bus_receive_all(bus);
    bus->receiving = false;
    if (bus->lost) {
        bus_give_up(bus);
    }
}

static natsStatus bus_subscribe_one(struct bus *bus, size_t index)
{
    natsStatus status = natsConnection_SubscribeSync(&bus->inboxes[index], bus->connection, bus->subjects[index]);
    if (status == NATS_OK) {
        status = natsSubscription_SetPendingLimits(bus->inboxes[index], -1, -1);
    }
    return status;
}

/* "nats://user:secret@host:4222" without what is before the '@'. */
static const char *url_without_secrets(const char *url)
{
    const char *at = strrchr(url, '@');
    return at != NULL ? at + 1 : url;
}

static void bus_tell_up(struct bus *bus)
{
    char url[256] = "";
    natsConnection_GetConnectedUrl(bus->connection, url, sizeof url);
    struct bus_link link = { .up = true,
                             .epoch = bus->epoch,
                             .at_ns = bus->last_read_ns,
                             .payload_bytes_max = (size_t)natsConnection_GetMaxPayload(bus->connection),
                             .server = url_without_secrets(url) };
    bus->callbacks.on_link(bus->owner, &link);
}

static void bus_adopt(struct bus *bus, const struct connector_result *result)
{
    natsStatus status = NATS_OK;
    bus->connection = result->connection;
    bus->socket = result->socket;
    bus->last_read_ns = loop_now_ns();
    if (loop_watch_create(bus->loop, bus->socket, LOOP_READ, on_ready, bus, &bus->watch) != 0) {
        status = NATS_NO_MEMORY;
    }
    for (size_t i = 0; status == NATS_OK && i < bus->subject_count; i++) {
        status = bus_subscribe_one(bus, i);
    }
    if (status != NATS_OK) {
        bus_drop_connection(bus);
        bus_tell_down(bus, natsStatus_GetText(status));
        return;
    }
    bus->epoch++;
    bus_tell_up(bus);
    loop_again(bus->loop);
}

static void on_woken(void *owner)
{
    struct bus *bus = owner;
    char text[CONNECTOR_TEXT_BYTES];
    struct connector_result result;
    if (connector_trouble(bus->connector, text)) {
        bus->callbacks.on_trouble(bus->owner, text);
    }
    if (!connector_take(bus->connector, &result)) {
        return;
    }
    if (result.connection != NULL) {
        bus_adopt(bus, &result);
    } else {
        bus_tell_down(bus, result.reason);
    }
}

static bool bus_add_subject(struct bus *bus, char *subject, uint32_t tag)
{
    if (subject == NULL) {
        return false;
    }
    bus->subjects[bus->subject_count] = subject;
    bus->tags[bus->subject_count] = tag;
    bus->subject_count++;
    return true;
}

static char *join(const char *head, const char *tail)
{
    char *text = NULL;
    return asprintf(&text, "%s%s", head, tail) < 0 ? NULL : text;
}

static bool bus_set_inboxes(struct bus *bus, const char *inbox)
{
    static const char *const names[BUS_INBOX_COUNT] = { ".reply.", ".pull." };
    for (size_t i = 0; i < BUS_INBOX_COUNT; i++) {
        bus->prefixes[i] = join(inbox, names[i]);
        if (bus->prefixes[i] == NULL || !bus_add_subject(bus, join(bus->prefixes[i], ">"), 0)) {
            return false;
        }
    }
    return true;
}

static void bus_free(struct bus *bus)
{
    if (bus->connector != NULL) {
        connector_destroy(bus->connector);
    }
    for (size_t i = 0; i < BUS_INBOX_COUNT; i++) {
        free(bus->prefixes[i]);
    }
    for (size_t i = 0; i < bus->subject_count; i++) {
        free(bus->subjects[i]);
    }
    bus_consumers_free(bus);
    free(bus->scratch);
    free(bus);
}

static const char *bus_set_up(struct bus *bus, const struct bus_options *options)
{
    const struct connector_hooks hooks = { on_read, on_write, on_detach };
    uint32_t timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : 1000;
    if (!bus_set_inboxes(bus, options->endpoint.inbox_prefix)) {
        return "out of memory";
    }
    bus->connector = connector_create(bus->loop, &options->endpoint, timeout_ms, &hooks, on_woken, bus);
    if (bus->connector == NULL) {
        return "no memory, descriptor or thread left for the connector";
    }
    if (loop_turn_add(bus->loop, LOOP_TURN_FLUSH, on_turn_flush, bus) != 0) {
        return "no place left for a flush hook in the loop";
    }
    return NULL;
}

struct bus *bus_create(struct loop *loop, const struct bus_options *options, const struct bus_callbacks *callbacks,
                       void *owner, const char **ret_error)
{
    const char *inbox = options->endpoint.inbox_prefix;
    if (inbox == NULL || strlen(inbox) > BUS_SUBJECT_BYTES_MAX / 2 || !wire_subject_valid(bytes_of(inbox), false)) {
        *ret_error = "inbox_prefix is missing or no valid subject";
        return NULL;
    }
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        *ret_error = "out of memory";
        return NULL;
    }
    bus->loop = loop;
    bus->callbacks = *callbacks;
    bus->owner = owner;
    bus->socket = -1;
    const char *error = bus_set_up(bus, options);
    if (error != NULL) {
        bus_free(bus);
        *ret_error = error;
        return NULL;
    }
    connector_want(bus->connector, 0);
    return bus;
}

void bus_destroy(struct bus *bus)
{
    if (bus == NULL) {
        return;
    }
    loop_turn_remove(bus->loop, LOOP_TURN_FLUSH, on_turn_flush, bus);
    if (bus->connection != NULL) {
        bus_drop_connection(bus);
    }
    bus_free(bus);
}

void bus_connect(struct bus *bus, uint64_t delay_ns)
{
    if (bus->connection == NULL) {
        connector_want(bus->connector, delay_ns);
    }
}

bool bus_up(const struct bus *bus)
{
    return bus->connection != NULL && !bus->lost;
}

uint32_t bus_epoch(const struct bus *bus)
{
    return bus->epoch;
}

bool bus_subscribe(struct bus *bus, const char *subject, uint32_t tag)
{
    if (bus->subject_count == BUS_INBOX_COUNT + BUS_SUBSCRIPTIONS_MAX || !wire_subject_valid(bytes_of(subject), true) ||
        !bus_add_subject(bus, strdup(subject), tag)) {
        return false;
    }
    if (bus_up(bus) && bus_subscribe_one(bus, bus->subject_count - 1) != NATS_OK) {
        bus_shutdown_socket(bus); /* the next connection subscribes it, or says why not */
    }
    return true;
}

uint64_t bus_idle_ns(const struct bus *bus)
{
    return bus_up(bus) ? loop_now_ns() - bus->last_read_ns : 0;
}

size_t bus_buffered(const struct bus *bus)
{
    int buffered = bus_up(bus) ? natsConnection_Buffered(bus->connection) : 0;
    return buffered > 0 ? (size_t)buffered : 0;
}

void bus_shutdown_socket(struct bus *bus)
{
    if (bus_up(bus)) {
        shutdown(bus->socket, SHUT_RDWR);
    }
}
