/* One connection of nats.c in event-loop mode and two long-lived subscriptions: one for PubAcks, one for the pull. The
 * reply subject of a publish says whose it is: "<inbox>.ack.q.<id>" for a request, "<inbox>.ack.r.<delivery>" for a
 * result. Everything that a turn publishes leaves in one write.
 *
 * nats.c frees messages, sent and received, on a thread of its own, which natsMsg_Destroy() wakes: one at a time, that
 * is a wake-up a message. So spent messages are kept and destroyed by the hundred. */
#include "bench/baseline/baseline.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PULL_BATCH = 256, SUBJECT_BYTES = 256, IO_BUFFER_BYTES = 256 << 10, SPENT_MAX = 128 };

/* A message in hand, from the pull until its result is stored. */
struct delivery {
    char id[CALL_ID_BYTES];
    char ack[SUBJECT_BYTES];
    uint8_t *result;
    size_t result_length;
    uint32_t next_free;
};

struct broker {
    natsConnection *connection;
    natsSubscription *acks, *messages;
    struct broker_owner owner;
    int socket;
    bool write_wanted;
    char inbox[SUBJECT_BYTES / 2];
    char pull_inbox[SUBJECT_BYTES];
    uint32_t outstanding; /* messages asked for */
    struct call *calls;
    natsMsg *spent[SPENT_MAX];
    uint32_t spent_count;
    uint32_t first_free;
    struct delivery deliveries[CALLS_MAX + 1]; /* row 0 ends the list of free ones */
};

static natsStatus on_attach(void **ret_data, void *loop, natsConnection *connection, natsSock socket)
{
    struct broker *broker = loop;
    broker->socket = (int)socket;
    *ret_data = broker;
    return NATS_OK;
}

static natsStatus on_read(void *owner, bool add)
{
    if (!add) {
        baseline_fail("the broker is gone");
    }
    return NATS_OK;
}

static natsStatus on_write(void *owner, bool add)
{
    struct broker *broker = owner;
    broker->write_wanted = add;
    return NATS_OK;
}

static natsStatus on_detach(void *owner)
{
    return NATS_OK;
}

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        fprintf(stderr, "baseline: %s\n", natsStatus_GetText(status));
        baseline_fail(what);
    }
}

static void connect_to(struct broker *broker, const char *url)
{
    natsOptions *options = NULL;
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, url), "url");
    check(natsOptions_SetEventLoop(options, broker, on_attach, on_read, on_write, on_detach), "event loop");
    check(natsOptions_SetSendAsap(options, true), "send asap");
    check(natsOptions_SetPingInterval(options, 0), "ping interval");
    check(natsOptions_SetAllowReconnect(options, false), "no reconnect");
    check(natsOptions_SetIOBufSize(options, IO_BUFFER_BYTES), "buffer size");
    check(natsConnection_Connect(&broker->connection, options), "connecting to the broker");
    natsOptions_Destroy(options);
}

static void subscribe(struct broker *broker, const char *subject, natsSubscription **ret_subscription)
{
    check(natsConnection_SubscribeSync(ret_subscription, broker->connection, subject), "subscribe");
    check(natsSubscription_SetPendingLimits(*ret_subscription, -1, -1), "pending limits");
}

/* Asks for more when half of what was asked for has come. */
static void pull(struct broker *broker)
{
    static const char api[] = "$JS.API.CONSUMER.MSG.NEXT." BASELINE_STREAM "." BASELINE_CONSUMER;
    char body[128];
    if (broker->outstanding > PULL_BATCH / 2) {
        return;
    }
    int length = snprintf(body, sizeof body, "{\"batch\":%u,\"expires\":30000000000,\"idle_heartbeat\":5000000000}",
                          PULL_BATCH - broker->outstanding);
    broker->outstanding = PULL_BATCH;
    check(natsConnection_PublishRequest(broker->connection, api, broker->pull_inbox, body, length), "pull");
}

struct broker *broker_connect(const char *url, const struct broker_owner *owner)
{
    struct broker *broker = calloc(1, sizeof *broker);
    natsInbox *inbox = NULL;
    char subject[SUBJECT_BYTES];
    if (!broker) {
        baseline_fail("no memory");
    }
    broker->owner = *owner;
    for (uint32_t i = 1; i <= CALLS_MAX; i++) {
        broker->deliveries[i].next_free = i - 1;
    }
    broker->first_free = CALLS_MAX;
    connect_to(broker, url);
    check(natsInbox_Create(&inbox), "inbox");
    snprintf(broker->inbox, sizeof broker->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(subject, sizeof subject, "%s.ack.>", broker->inbox);
    subscribe(broker, subject, &broker->acks);
    snprintf(broker->pull_inbox, sizeof broker->pull_inbox, "%s.pull", broker->inbox);
    subscribe(broker, broker->pull_inbox, &broker->messages);
    pull(broker);
    return broker;
}

int broker_socket(const struct broker *broker)
{
    return broker->socket;
}

static void spend(struct broker *broker, natsMsg *message)
{
    broker->spent[broker->spent_count++] = message;
    if (broker->spent_count == SPENT_MAX) {
        for (uint32_t i = 0; i < SPENT_MAX; i++) {
            natsMsg_Destroy(broker->spent[i]);
        }
        broker->spent_count = 0;
    }
}

static void publish(struct broker *broker, const char *subject, const char *reply, const char *header,
                    const char *value, struct bytes data)
{
    natsMsg *message = NULL;
    check(natsMsg_Create(&message, subject, reply, (const char *)data.at, (int)data.length), "message");
    check(natsMsgHeader_Set(message, header, value), "header");
    check(natsConnection_PublishMsg(broker->connection, message), "publish");
    spend(broker, message);
}

static void call_over(struct broker *broker, struct call *call, const char *problem)
{
    HASH_DEL(broker->calls, call);
    call->problem = problem;
    broker->owner.on_call_over(broker->owner.owner, call);
}

void broker_submit(struct broker *broker, struct call *call)
{
    struct call *other = NULL;
    char reply[SUBJECT_BYTES];
    HASH_FIND_STR(broker->calls, call->id, other);
    if (other) {
        call->problem = "that id is under way";
        broker->owner.on_call_over(broker->owner.owner, call);
        return;
    }
    HASH_ADD_STR(broker->calls, id, call);
    snprintf(reply, sizeof reply, "%s.ack.q.%s", broker->inbox, call->id);
    publish(broker, BASELINE_SUBJECT, reply, "Nats-Msg-Id", call->id, call->data);
}

void broker_store_result(struct broker *broker, uint32_t number, struct bytes data)
{
    struct delivery *delivery = &broker->deliveries[number];
    char subject[SUBJECT_BYTES], reply[SUBJECT_BYTES];
    delivery->result = malloc(data.length + 1);
    if (!delivery->result) {
        baseline_fail("no memory");
    }
    memcpy(delivery->result, data.at, data.length);
    delivery->result_length = data.length;
    snprintf(subject, sizeof subject, BASELINE_RESULTS "%s", delivery->id);
    snprintf(reply, sizeof reply, "%s.ack.r.%" PRIu32, broker->inbox, number);
    publish(broker, subject, reply, "Nats-Expected-Last-Subject-Sequence", "0", data);
}

static const char *ack_problem(const natsMsg *message)
{
    return strstr(natsMsg_GetData(message), "\"error\"") == NULL ? NULL : "the broker refused a publish";
}

static void on_request_stored(struct broker *broker, const char *id, const char *problem)
{
    struct call *call = NULL;
    HASH_FIND_STR(broker->calls, id, call);
    if (!call) {
        return;
    }
    call->request_stored = true;
    if (problem || call->result_stored) {
        call_over(broker, call, problem);
    }
}

/* Settles: ack, then answer whoever waits. */
static void on_result_stored(struct broker *broker, uint32_t number, const char *problem)
{
    struct delivery *delivery = &broker->deliveries[number];
    struct call *call = NULL;
    check(natsConnection_Publish(broker->connection, delivery->ack, "+ACK", 4), "ack");
    HASH_FIND_STR(broker->calls, delivery->id, call);
    if (call) {
        call->answer = delivery->result;
        call->answer_length = delivery->result_length;
        call->result_stored = true;
    } else {
        free(delivery->result);
    }
    delivery->result = NULL;
    delivery->next_free = broker->first_free;
    broker->first_free = number;
    if (call && (problem || call->request_stored)) {
        call_over(broker, call, problem);
    }
}

static void on_ack(struct broker *broker, const natsMsg *message)
{
    const char *whose = natsMsg_GetSubject(message) + strlen(broker->inbox) + sizeof ".ack." - 1;
    const char *problem = ack_problem(message);
    if (*whose == 'q') {
        on_request_stored(broker, whose + 2, problem);
    } else {
        on_result_stored(broker, (uint32_t)strtoul(whose + 2, NULL, 10), problem);
    }
}

static void on_message(struct broker *broker, natsMsg *message)
{
    const char *id = NULL, *ack = natsMsg_GetReply(message);
    if (!ack) {
        const char *status = NULL;
        if (natsMsgHeader_Get(message, "Status", &status) == NATS_OK && strcmp(status, "100") != 0) {
            broker->outstanding = 0; /* the pull is over */
        }
        return;
    }
    broker->outstanding -= broker->outstanding > 0;
    uint32_t number = broker->first_free;
    if (number == 0 || natsMsgHeader_Get(message, "Nats-Msg-Id", &id) != NATS_OK) {
        baseline_fail("more messages than callers, or one without an id");
    }
    struct delivery *delivery = &broker->deliveries[number];
    broker->first_free = delivery->next_free;
    snprintf(delivery->id, sizeof delivery->id, "%s", id);
    snprintf(delivery->ack, sizeof delivery->ack, "%s", ack);
    struct bytes data = { (const uint8_t *)natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message) };
    broker->owner.on_delivery(broker->owner.owner, number, data);
}

static natsMsg *next_message(natsSubscription *subscription)
{
    natsMsg *message = NULL;
    check(natsSubscription_NextMsg(&message, subscription, 0), "a message of the broker");
    return message;
}

static uint64_t queued(natsSubscription *subscription)
{
    uint64_t count = 0;
    check(natsSubscription_QueuedMsgs(subscription, &count), "queue of a subscription");
    return count;
}

void broker_read(struct broker *broker)
{
    natsConnection_ProcessReadEvent(broker->connection);
    for (uint64_t left = queued(broker->messages); left > 0; left--) {
        natsMsg *message = next_message(broker->messages);
        on_message(broker, message);
        spend(broker, message);
    }
    for (uint64_t left = queued(broker->acks); left > 0; left--) {
        natsMsg *message = next_message(broker->acks);
        on_ack(broker, message);
        spend(broker, message);
    }
    pull(broker);
}

bool broker_flush(struct broker *broker)
{
    if (broker->write_wanted) {
        natsConnection_ProcessWriteEvent(broker->connection);
    }
    return !broker->write_wanted;
}
