/* Internal: the records that describe objects. */
#ifndef STEAD_ADAPTERS_NATS_BROKER_OBJECT_H
#define STEAD_ADAPTERS_NATS_BROKER_OBJECT_H

#include "adapters/nats/broker_private.h"

enum { NUID_BYTES = 64 };

struct object_meta {
    struct broker_object object;
    char nuid[NUID_BYTES]; /* names the subject of its chunks */
    bool link;
};

bool object_meta_parse(struct bytes json, struct object_meta *ret_meta);

#endif
