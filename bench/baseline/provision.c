/* The same streams as Stead makes, with the limits of its default configuration. */
#include "bench/baseline/baseline.h"

#include <nats/nats.h>

static const int64_t second_ns = 1000000000;

static natsStatus add_requests(jsCtx *js, jsErrCode *error)
{
    const char *subjects[] = { "function.c.*" };
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = BASELINE_STREAM;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_WorkQueuePolicy;
    config.Discard = js_DiscardNew;
    config.MaxMsgs = 10000;
    config.MaxAge = 3600 * second_ns;
    config.Duplicates = 120 * second_ns;
    return js_AddStream(NULL, js, &config, NULL, error);
}

static natsStatus add_results(jsCtx *js, jsErrCode *error)
{
    const char *subjects[] = { BASELINE_RESULTS "*" };
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = "function-results";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Discard = js_DiscardNew;
    config.MaxMsgs = 1000000;
    config.MaxAge = 120 * second_ns;
    config.Duplicates = 120 * second_ns;
    return js_AddStream(NULL, js, &config, NULL, error);
}

static natsStatus add_consumer(jsCtx *js, jsErrCode *error)
{
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = BASELINE_CONSUMER;
    config.FilterSubject = BASELINE_SUBJECT;
    config.AckPolicy = js_AckExplicit;
    config.AckWait = 10 * second_ns;
    config.MaxAckPending = CALLS_MAX;
    return js_AddConsumer(NULL, js, BASELINE_STREAM, &config, NULL, error);
}

const char *provision(const char *url)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    jsErrCode error = 0;
    natsStatus status = natsConnection_ConnectTo(&connection, url);
    if (status == NATS_OK) {
        status = natsConnection_JetStream(&js, connection, NULL);
    }
    if (status == NATS_OK) {
        status = add_requests(js, &error);
    }
    if (status == NATS_OK) {
        status = add_results(js, &error);
    }
    if (status == NATS_OK) {
        status = add_consumer(js, &error);
    }
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    return status == NATS_OK ? NULL : natsStatus_GetText(status);
}
