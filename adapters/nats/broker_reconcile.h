/* Internal: makes one stream as it should be, without harming what is there. */
#ifndef STEAD_ADAPTERS_NATS_BROKER_RECONCILE_H
#define STEAD_ADAPTERS_NATS_BROKER_RECONCILE_H

#include "adapters/nats/broker_private.h"

struct reconciler {
    struct broker *broker;
    broker_report *report;
    void *owner;
    struct broker_error *error;
    bool replicas_refused; /* this broker can't replicate: ask for one copy from now on */
};

/* Creates or changes the stream that `want` (a stream config, consumed) describes. Reports what it does and why it
 * does not; BROKER_FOREIGN or BROKER_REFUSED if the stream that is there can't be used. */
enum broker_status reconcile_stream(struct reconciler *reconciler, cJSON *want);

#endif
