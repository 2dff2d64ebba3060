/* Counters tell that something came; the last of each kind is kept by value, since views die with their callback. */
#include "bus_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/loop/loop.h"

static void keep(char *to, size_t capacity, struct bytes from)
{
    snprintf(to, capacity, "%.*s", (int)from.length, from.length > 0 ? (const char *)from.at : "");
}

static void keep_message(struct world *world, const struct bus_message *message)
{
    struct bytes value = { NULL, 0 };
    keep(world->body, sizeof world->body, message->body);
    keep(world->subject, sizeof world->subject, message->subject);
    keep(world->ack, sizeof world->ack, message->reply);
    world->header[0] = '\0';
    world->header_count = (uint32_t)message->header_count;
    if (world->header_wanted != NULL && bus_header_find(message, world->header_wanted, &value)) {
        keep(world->header, sizeof world->header, value);
    }
}

static void on_link(void *owner, const struct bus_link *link)
{
    struct world *world = owner;
    world->links_up += link->up;
    world->links_down += !link->up;
    world->epoch = link->epoch;
    if (!link->up && world->retry_wait_ms > 0) {
        bus_connect(world->bus, world->retry_wait_ms * 1000000ull);
    }
    snprintf(world->reason, sizeof world->reason, "%s", link->up ? link->server : link->reason);
}

static void on_reply(void *owner, const struct bus_reply *reply)
{
    struct world *world = owner;
    world->replies++;
    world->reply = *reply;
    if (reply->message.subject.length > 0) { /* a PubAck holds none, and may come after the delivery */
        keep_message(world, &reply->message);
    }
}

static void on_delivery(void *owner, const struct bus_delivery *delivery)
{
    struct world *world = owner;
    world->deliveries++;
    world->delivery = *delivery;
    world->delivered_at_ns = loop_now_ns();
    keep_message(world, &delivery->message);
}

static void on_pull(void *owner, const struct bus_pull_status *status)
{
    struct world *world = owner;
    if (status->event == BUS_PULL_HEARTBEAT) {
        world->heartbeats++;
        return;
    }
    world->pulls++;
    world->pull = *status;
    keep(world->body, sizeof world->body, status->reason);
}

static void on_message(void *owner, uint32_t tag, const struct bus_message *message)
{
    struct world *world = owner;
    world->messages++;
    world->tag = tag;
    keep_message(world, message);
}

static void on_unanswered(void *owner, enum bus_unanswered kind)
{
    struct world *world = owner;
    world->unanswered_publish += kind == BUS_UNANSWERED_PUBLISH;
    world->unanswered_pull += kind == BUS_UNANSWERED_PULL;
}

static void on_trouble(void *owner, const char *text)
{
    struct world *world = owner;
    world->troubles++;
    snprintf(world->trouble, sizeof world->trouble, "%s", text);
}

void world_start(struct world *world, const char *url, uint32_t retry_wait_ms)
{
    static const struct bus_callbacks callbacks = { on_link,    on_reply,      on_delivery, on_pull,
                                                    on_message, on_unanswered, on_trouble };
    const struct bus_options options = { .endpoint = {
                                             .urls = url, .name = "test", .inbox_prefix = "_INBOX.stead.t1" } };
    const char *error = NULL;
    memset(world, 0, sizeof *world);
    world->retry_wait_ms = retry_wait_ms;
    if (loop_create(&world->loop) != 0) {
        abort();
    }
    world->bus = bus_create(world->loop, &options, &callbacks, world, &error);
    if (world->bus == NULL) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
}

void world_stop(struct world *world)
{
    bus_destroy(world->bus);
    loop_free(world->loop);
}

bool world_wait(struct world *world, const uint32_t *counter, uint32_t least)
{
    for (uint64_t end_ns = loop_now_ns() + 5000000000; *counter < least && loop_now_ns() < end_ns;) {
        loop_run_once(world->loop, 10000000);
    }
    return *counter >= least;
}

void world_run(struct world *world, uint32_t milliseconds)
{
    for (uint64_t end_ns = loop_now_ns() + milliseconds * 1000000ull; loop_now_ns() < end_ns;) {
        loop_run_once(world->loop, 5000000);
    }
}

struct bytes world_ack_subject(const struct world *world)
{
    return bytes_of(world->ack);
}
