/* Consumers are listed page by page. A permission is tried: the broker answers a forbidden publish or subscription with
 * an error on the connection, before it answers the ping that follows, and nats.c keeps the last such error. */
#include "adapters/nats/broker_look.h"

#include "adapters/nats/broker_private.h"

#include <stdio.h>
#include <string.h>

enum { PAGES_MAX = 64, FLUSH_MS = 2000, TRY_BYTES = BROKER_SUBJECT_BYTES + 2 };

static void see(broker_consumer_entry *entry, void *owner, const cJSON *info)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(info, "config");
    const cJSON *filters = cJSON_GetObjectItemCaseSensitive(config, "filter_subjects");
    struct broker_consumer_seen seen = {
        .ours = broker_made_it(config),
        .backoff = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(config, "backoff")) > 0,
        .ack_wait_ns = json_integer(config, "ack_wait", 0),
        .deliveries_max = json_integer(config, "max_deliver", -1),
        .ack_pending_max = json_integer(config, "max_ack_pending", 0),
    };
    text_copy(seen.name, sizeof seen.name, json_text(info, "name"));
    text_copy(seen.filter, sizeof seen.filter,
              cJSON_GetArraySize(filters) > 0 ? "several" : json_text(config, "filter_subject"));
    text_copy(seen.acknowledge, sizeof seen.acknowledge, json_text(config, "ack_policy"));
    text_copy(seen.deliver_subject, sizeof seen.deliver_subject, json_text(config, "deliver_subject"));
    entry(owner, &seen);
}

enum broker_status broker_consumers_each(struct broker *broker, broker_consumer_entry *entry, void *owner,
                                         struct broker_error *ret_error)
{
    int64_t offset = 0, total = 1;
    for (int page = 0; page < PAGES_MAX && offset < total; page++) {
        char body[64];
        cJSON *answer = NULL;
        const cJSON *info;
        snprintf(body, sizeof body, "{\"offset\":%lld}", (long long)offset);
        enum broker_status status = broker_api(broker, "$JS.API.CONSUMER.LIST." BROKER_STREAM_REQUESTS, body,
                                               "list the consumers of " BROKER_STREAM_REQUESTS, &answer, ret_error);
        if (status != BROKER_OK) {
            return status;
        }
        const cJSON *consumers = cJSON_GetObjectItemCaseSensitive(answer, "consumers");
        cJSON_ArrayForEach(info, consumers)
        {
            see(entry, owner, info);
        }
        int count = cJSON_GetArraySize(consumers);
        total = count > 0 ? json_integer(answer, "total", 0) : 0;
        offset += count;
        cJSON_Delete(answer);
    }
    return BROKER_OK;
}

/* After what was sent: whether the broker has complained about exactly this subject. */
static enum broker_permission complaint(struct broker *broker, const char *subject, natsStatus sent)
{
    char quoted[TRY_BYTES + 2];
    const char *text = NULL;
    if (sent != NATS_OK || natsConnection_FlushTimeout(broker->connection, FLUSH_MS) != NATS_OK) {
        return BROKER_MAY_UNKNOWN;
    }
    snprintf(quoted, sizeof quoted, "\"%s\"", subject);
    natsConnection_GetLastError(broker->connection, &text);
    return text != NULL && strstr(text, quoted) != NULL ? BROKER_MAY_NOT : BROKER_MAY;
}

enum broker_permission broker_may_publish(struct broker *broker, const char *subject)
{
    struct broker_error error;
    natsMsg *message = NULL;
    if (broker_link(broker, &error) != BROKER_OK) {
        return BROKER_MAY_UNKNOWN;
    }
    natsStatus status = natsMsg_Create(&message, subject, NULL, "", 0);
    if (status == NATS_OK) {
        status = natsMsgHeader_Set(message, "Nats-Expected-Stream", "stead-doctor");
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(broker->connection, message);
    }
    natsMsg_Destroy(message);
    return complaint(broker, subject, status);
}

enum broker_permission broker_may_subscribe(struct broker *broker, const char *subject)
{
    struct broker_error error;
    natsSubscription *subscription = NULL;
    if (broker_link(broker, &error) != BROKER_OK) {
        return BROKER_MAY_UNKNOWN;
    }
    natsStatus status = natsConnection_SubscribeSync(&subscription, broker->connection, subject);
    enum broker_permission may = complaint(broker, subject, status);
    natsSubscription_Destroy(subscription);
    return may;
}
