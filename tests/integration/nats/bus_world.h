/* A bus on a loop of its own, with everything that it reported in a log that tests wait on. */
#ifndef STEAD_TESTS_INTEGRATION_NATS_BUS_WORLD_H
#define STEAD_TESTS_INTEGRATION_NATS_BUS_WORLD_H

#include "adapters/nats/bus.h"
#include "server.h"

struct loop;

struct world {
    struct loop *loop;
    struct bus *bus;
    uint32_t retry_wait_ms;
    uint32_t links_up, links_down, replies, deliveries, pulls, heartbeats, messages, unanswered_publish,
        unanswered_pull;
    uint32_t troubles, epoch;
    char reason[256];
    /* The last of each, with its views copied into `text`, `body` and `subject`. */
    struct bus_reply reply;
    struct bus_delivery delivery;
    struct bus_pull_status pull;
    uint32_t tag;
    char body[4096], subject[600], ack[600], header[600], trouble[300];
    const char *header_wanted;
    uint32_t header_count;
    uint64_t delivered_at_ns;
};

/* retry_wait_ms: how long after each loss it connects again; 0 never. */
void world_start(struct world *world, const char *url, uint32_t retry_wait_ms);
void world_stop(struct world *world);
/* Runs the loop until *counter reaches `least`; false after five seconds. */
bool world_wait(struct world *world, const uint32_t *counter, uint32_t least);
/* Runs the loop for that long. */
void world_run(struct world *world, uint32_t milliseconds);
struct bytes world_ack_subject(const struct world *world);

#endif
