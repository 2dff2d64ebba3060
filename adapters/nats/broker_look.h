/* What `stead doctor` looks at and the service never needs: how often the broker writes to disk, whose consumers there
 * are, and what this user may do. Nothing is changed on the broker.
 *
 * The rules of broker.h hold: blocking, one thread at a time, `ret_` untouched on failure. */
#ifndef STEAD_ADAPTERS_NATS_BROKER_LOOK_H
#define STEAD_ADAPTERS_NATS_BROKER_LOOK_H

#include "adapters/nats/broker.h"

/* How often acknowledged messages are forced to disk. */
struct broker_sync {
    bool told;   /* by the broker itself; otherwise the default of its version is assumed */
    bool always; /* with each message */
    int64_t interval_ns;
};
/* Asks the broker where this user may ($SYS, which is for users of the system account), else its monitoring port if
 * `monitor_url` names one ("http://127.0.0.1:8222"; NULL or "" for none). Otherwise the default of `server_version`. */
void broker_sync_find(struct broker *broker, const char *monitor_url, const char *server_version,
                      struct broker_sync *ret_sync);
/* The default alone: 1 minute before 2.10, 2 minutes since. */
struct broker_sync broker_sync_default(const char *server_version);
/* As varz tells it: {"jetstream":{"config":{"sync_interval":…,"sync_always":…}}}. False if it says nothing. */
bool broker_sync_parse(const char *varz, size_t length, struct broker_sync *ret_sync);

/* A consumer of the request stream as it stands there. */
struct broker_consumer_seen {
    char name[256], filter[256], acknowledge[16], deliver_subject[128];
    bool ours, backoff;
    int64_t ack_wait_ns, deliveries_max, ack_pending_max;
};
typedef void broker_consumer_entry(void *owner, const struct broker_consumer_seen *consumer);
enum broker_status broker_consumers_each(struct broker *broker, broker_consumer_entry *entry, void *owner,
                                         struct broker_error *ret_error);

enum broker_permission { BROKER_MAY, BROKER_MAY_NOT, BROKER_MAY_UNKNOWN };
/* Publishes an empty message that no stream takes (it expects another stream) and no API answers, and waits whether
 * the broker complains. Wildcards are not tried: the subject is published as it is. */
enum broker_permission broker_may_publish(struct broker *broker, const char *subject);
/* Subscribes and lets go at once. */
enum broker_permission broker_may_subscribe(struct broker *broker, const char *subject);

#endif
