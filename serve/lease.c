/* The sweeper's lease: a record of the bucket function-lease, written by compare-and-set, that the broker forgets when
 * it is not written again. Giving it up removes it at that revision, and none that came later. */
#include "serve/jobs.h"

#include <inttypes.h>
#include <stdio.h>

#define LEASE_SUBJECT "$KV." BROKER_BUCKET_LEASE ".sweeper"

static void lease_told(struct instance *instance, uint64_t operation, enum outcome outcome, uint64_t revision)
{
    struct input input = instance_input(instance, INPUT_LEASE);
    input.answers = operation;
    input.outcome = (uint8_t)outcome;
    input.as.lease.revision = revision;
    instance_feed(instance, &input);
}

void lease_perform(struct instance *instance, const struct effect *effect)
{
    char text[96];
    if (effect->kind == EFFECT_LEASE_DROP) {
        snprintf(text, sizeof text, "{\"filter\":\"" LEASE_SUBJECT "\",\"seq\":%" PRIu64 "}", effect->reference + 1);
        bus_request(instance->bus, "$JS.API.STREAM.PURGE.KV_" BROKER_BUCKET_LEASE, bytes_of(text), 0);
        return;
    }
    snprintf(text, sizeof text, "%" PRIu64, effect->reference);
    struct bus_header expected = { bytes_of("Nats-Expected-Last-Subject-Sequence"), bytes_of(text) };
    struct bus_publish publish = { .subject = LEASE_SUBJECT,
                                   .headers = &expected,
                                   .header_count = 1,
                                   .body = bytes_of(instance->name),
                                   .op = effect->operation };
    instance->lease_operation = effect->operation;
    if (bus_publish(instance->bus, &publish) != BUS_SENT) {
        lease_told(instance, effect->operation, OUTCOME_UNKNOWN, 0);
    }
}

bool lease_replied(struct instance *instance, const struct bus_reply *reply)
{
    if (reply->op == 0 || reply->op != instance->lease_operation) {
        return false;
    }
    instance->lease_operation = 0;
    lease_told(instance, reply->op,
               reply->outcome == BUS_DONE      ? OUTCOME_DONE
               : reply->outcome == BUS_REFUSED ? OUTCOME_REFUSED
                                               : OUTCOME_UNKNOWN,
               reply->sequence);
    return true;
}
