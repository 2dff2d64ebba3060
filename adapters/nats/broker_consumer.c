/* The durable pull consumer of one function. Nothing but a missing or differing consumer is written, so that an
 * instance that starts beside others changes nothing; the sequence that tells fresh messages from old ones is read
 * after the consumer is known to exist. */
#include "adapters/nats/broker_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapters/nats/wire.h"

enum { CONSUMER_NAME_BYTES = 256 };

/* Names of functions and languages as the deploy door accepts them, checked again: they become subjects. */
static bool consumer_name(const char *language, const char *name, char ret_name[CONSUMER_NAME_BYTES],
                          struct broker_error *error)
{
    int length = snprintf(ret_name, CONSUMER_NAME_BYTES, "%s-%s", language, name);
    if (length < 0 || length >= CONSUMER_NAME_BYTES || !wire_name_valid(bytes_of(language)) ||
        !wire_name_valid(bytes_of(name))) {
        broker_fail(error, BROKER_INVALID, "'%.64s/%.64s' can't name a consumer", language, name);
        return false;
    }
    return true;
}

static enum broker_status consumer_info(struct broker *broker, const char *consumer, cJSON **ret_info,
                                        struct broker_error *error)
{
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    snprintf(api, sizeof api, "$JS.API.CONSUMER.INFO." BROKER_STREAM_REQUESTS ".%s", consumer);
    snprintf(what, sizeof what, "look up consumer %s", consumer);
    return broker_api(broker, api, NULL, what, ret_info, error);
}

enum broker_status broker_consumer_info(struct broker *broker, const char *language, const char *name, cJSON **ret_info,
                                        struct broker_error *error)
{
    char consumer[CONSUMER_NAME_BYTES];
    return consumer_name(language, name, consumer, error) ? consumer_info(broker, consumer, ret_info, error)
                                                          : BROKER_INVALID;
}

static cJSON *consumer_config(const char *consumer, const char *language, const char *name, int64_t ack_wait_ns,
                              uint32_t ack_pending_max)
{
    char filter[CONSUMER_NAME_BYTES + 16];
    cJSON *config = cJSON_CreateObject();
    snprintf(filter, sizeof filter, "function.%s.%s", language, name);
    cJSON_AddStringToObject(config, "durable_name", consumer);
    cJSON_AddStringToObject(config, "description", BROKER_MARK);
    cJSON_AddStringToObject(config, "filter_subject", filter);
    cJSON_AddStringToObject(config, "deliver_policy", "all");
    cJSON_AddStringToObject(config, "ack_policy", "explicit");
    cJSON_AddStringToObject(config, "replay_policy", "instant");
    cJSON_AddNumberToObject(config, "ack_wait", (double)ack_wait_ns);
    cJSON_AddNumberToObject(config, "max_deliver", -1);
    cJSON_AddNumberToObject(config, "max_ack_pending", (double)ack_pending_max);
    return config;
}

static enum broker_status consumer_write(struct broker *broker, const char *consumer, cJSON *config,
                                         struct broker_error *error)
{
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "stream_name", BROKER_STREAM_REQUESTS);
    cJSON_AddItemToObject(body, "config", config);
    snprintf(api, sizeof api, "$JS.API.CONSUMER.DURABLE.CREATE." BROKER_STREAM_REQUESTS ".%s", consumer);
    snprintf(what, sizeof what, "create consumer %s", consumer);
    enum broker_status status = broker_api_json(broker, api, body, what, &answer, error);
    if (status == BROKER_OK) {
        cJSON_Delete(answer);
    }
    return status;
}

/* True if any field that we set differs from what the broker has. */
static bool consumer_differs(const cJSON *have, const cJSON *want)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, want)
    {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(have, field->string);
        if (!cJSON_Compare(field, other, true)) {
            return true;
        }
    }
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(have, "backoff")) > 0;
}

/* Creates it, changes it, or leaves it; a consumer of that name that someone else made is an error unless it fits. */
static enum broker_status consumer_reconcile(struct broker *broker, const char *consumer, cJSON *want,
                                             struct broker_consumer *result, struct broker_error *error)
{
    cJSON *info = NULL;
    enum broker_status status = consumer_info(broker, consumer, &info, error);
    if (status == BROKER_NOT_FOUND && error->error_code == JS_CONSUMER_NOT_FOUND) {
        result->created_now = true;
        status = consumer_write(broker, consumer, want, error);
        bool taken = status != BROKER_OK &&
                     (error->error_code == JS_CONSUMER_NOT_UNFILTERED || error->error_code == JS_CONSUMER_NOT_UNIQUE);
        return taken ? broker_fail(error, BROKER_FOREIGN,
                                   "stream " BROKER_STREAM_REQUESTS " has another consumer, not made by Stead, that "
                                   "takes what %s is to take; remove it",
                                   consumer)
                     : status;
    }
    if (status != BROKER_OK) {
        cJSON_Delete(want);
        return status;
    }
    const cJSON *have = cJSON_GetObjectItemCaseSensitive(info, "config");
    bool ours = broker_made_it(have);
    if (!ours) {
        cJSON_DeleteItemFromObjectCaseSensitive(want, "description");
    }
    bool differs = consumer_differs(have, want);
    cJSON_Delete(info);
    if (!differs) {
        cJSON_Delete(want);
        return BROKER_OK;
    }
    if (!ours) {
        cJSON_Delete(want);
        return broker_fail(error, BROKER_FOREIGN,
                           "consumer %s of stream " BROKER_STREAM_REQUESTS
                           " was not made by Stead and differs from what it needs; remove or rename it",
                           consumer);
    }
    result->changed = true;
    return consumer_write(broker, consumer, want, error);
}

/* What the stream holds of the function, and how far the stream goes. */
static enum broker_status consumer_count(struct broker *broker, const char *language, const char *name,
                                         uint64_t *ret_messages, uint64_t *ret_last, struct broker_error *error)
{
    char body[CONSUMER_NAME_BYTES + 64], subject[CONSUMER_NAME_BYTES + 16];
    cJSON *answer = NULL;
    snprintf(subject, sizeof subject, "function.%s.%s", language, name);
    snprintf(body, sizeof body, "{\"subjects_filter\":\"%s\"}", subject);
    enum broker_status status = broker_api(broker, "$JS.API.STREAM.INFO." BROKER_STREAM_REQUESTS, body,
                                           "look up stream " BROKER_STREAM_REQUESTS, &answer, error);
    if (status == BROKER_OK) {
        const cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "state");
        *ret_messages = (uint64_t)json_integer(cJSON_GetObjectItemCaseSensitive(state, "subjects"), subject, 0);
        *ret_last = (uint64_t)json_integer(state, "last_seq", 0);
        cJSON_Delete(answer);
    }
    return status;
}

/* Looks at the messages again, after the consumer, and at the oldest of them. */
static enum broker_status consumer_compare(struct broker *broker, const char *language, const char *name,
                                           struct broker_consumer *result, struct broker_error *error)
{
    uint64_t last;
    int64_t stored_wall_ns;
    enum broker_status status = consumer_count(broker, language, name, &result->after, &last, error);
    return status == BROKER_OK
               ? broker_queue_first(broker, language, name, &result->first_sequence, &stored_wall_ns, error)
               : status;
}

enum broker_status broker_consumer_ensure(struct broker *broker, const char *language, const char *name,
                                          int64_t ack_wait_ns, uint32_t ack_pending_max,
                                          struct broker_consumer *ret_consumer, struct broker_error *ret_error)
{
    char consumer[CONSUMER_NAME_BYTES];
    struct broker_consumer result = { 0 };
    cJSON *info = NULL;
    if (!consumer_name(language, name, consumer, ret_error)) {
        return BROKER_INVALID;
    }
    cJSON *want = consumer_config(consumer, language, name, ack_wait_ns, ack_pending_max);
    enum broker_status status = consumer_reconcile(broker, consumer, want, &result, ret_error);
    if (status == BROKER_OK) {
        status = consumer_count(broker, language, name, &result.before, &result.fresh_after_sequence, ret_error);
    }
    if (status == BROKER_OK) {
        status = consumer_info(broker, consumer, &info, ret_error);
    }
    if (status != BROKER_OK) {
        return status;
    }
    result.created_wall_ns = json_time_ns(info, "created");
    result.pending = (uint64_t)json_integer(info, "num_pending", 0);
    result.ack_pending = (uint64_t)json_integer(info, "num_ack_pending", 0);
    result.floor = (uint64_t)json_integer(cJSON_GetObjectItemCaseSensitive(info, "ack_floor"), "stream_seq", 0);
    cJSON_Delete(info);
    if (result.before + result.pending + result.ack_pending > 0) {
        status = consumer_compare(broker, language, name, &result, ret_error);
    }
    if (status == BROKER_OK) {
        *ret_consumer = result;
    }
    return status;
}

enum broker_status broker_consumer_delete(struct broker *broker, const char *language, const char *name,
                                          struct broker_error *ret_error)
{
    char consumer[CONSUMER_NAME_BYTES];
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    if (!consumer_name(language, name, consumer, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = consumer_info(broker, consumer, &answer, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    bool ours = broker_made_it(cJSON_GetObjectItemCaseSensitive(answer, "config"));
    cJSON_Delete(answer);
    if (!ours) {
        return broker_fail(ret_error, BROKER_FOREIGN, "consumer %s was not made by Stead; it stays", consumer);
    }
    snprintf(api, sizeof api, "$JS.API.CONSUMER.DELETE." BROKER_STREAM_REQUESTS ".%s", consumer);
    snprintf(what, sizeof what, "remove consumer %s", consumer);
    status = broker_api(broker, api, NULL, what, &answer, ret_error);
    if (status == BROKER_OK) {
        cJSON_Delete(answer);
    }
    return status;
}
