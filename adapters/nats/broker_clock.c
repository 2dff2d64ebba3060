/* When did the broker store a record that we wrote between two readings of our own clock? Its stamp then lies between
 * them, so the offset of its wall clock to our monotonic one lies in an interval as wide as the exchange. */
#include "adapters/nats/broker_private.h"

#include <stdio.h>

#include "adapters/loop/loop.h"

enum broker_status broker_clock_sample(struct broker *broker, const char *instance, struct broker_clock *ret_clock,
                                       struct broker_error *ret_error)
{
    char key[BROKER_KEY_BYTES_MAX];
    uint64_t revision = 0;
    struct broker_message message;
    snprintf(key, sizeof key, "clock.%s", instance);
    uint64_t before_ns = loop_now_ns();
    enum broker_status status =
        broker_kv_put(broker, BROKER_BUCKET_INSTANCES, key, bytes_of("{}"), &revision, ret_error);
    uint64_t after_ns = loop_now_ns();
    if (status == BROKER_OK) {
        status = broker_message_get(broker, "KV_" BROKER_BUCKET_INSTANCES, NULL, revision, &message, ret_error);
    }
    if (status != BROKER_OK) {
        return status;
    }
    int64_t stored_wall_ns = message.stored_wall_ns;
    broker_message_free(&message);
    if (stored_wall_ns == 0) {
        return broker_fail(ret_error, BROKER_CORRUPT, "read the broker's clock: the record has no readable time");
    }
    *ret_clock = (struct broker_clock){ .low_ns = stored_wall_ns - (int64_t)after_ns,
                                        .high_ns = stored_wall_ns - (int64_t)before_ns,
                                        .sampled_ns = after_ns };
    return BROKER_OK;
}
