/* What is queued for whom: the broker counts the messages of a stream by subject, 100,000 subjects an answer. */
#include "adapters/nats/broker_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 100000, PAGES_MAX = 16 };

/* "function.go.hello" */
static bool subject_split(const char *subject, char language[64], char name[128])
{
    static const char prefix[] = "function.";
    const char *at = subject + sizeof prefix - 1, *dot;
    if (strncmp(subject, prefix, sizeof prefix - 1) != 0 || (dot = strchr(at, '.')) == NULL ||
        strchr(dot + 1, '.') != NULL || dot - at >= 64 || strlen(dot + 1) >= 128) {
        return false;
    }
    snprintf(language, 64, "%.*s", (int)(dot - at), at);
    snprintf(name, 128, "%s", dot + 1);
    return true;
}

bool broker_drops_when_full(const char *server_version)
{
    static const long keeps[] = { 2, 10, 6 };
    const char *at = server_version;
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++) {
        char *rest;
        long number = strtol(at, &rest, 10);
        if (rest == at || number != keeps[i]) {
            return rest == at || number < keeps[i];
        }
        at = *rest == '.' ? rest + 1 : rest;
    }
    return false;
}

enum broker_status broker_queue_raise(struct broker *broker, int64_t messages_max, bool *ret_raised,
                                      struct broker_error *ret_error)
{
    cJSON *info = NULL, *answer = NULL;
    enum broker_status status = broker_api(broker, "$JS.API.STREAM.INFO." BROKER_STREAM_REQUESTS, NULL,
                                           "look up the request stream", &info, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    cJSON *config = cJSON_GetObjectItemCaseSensitive(info, "config");
    int64_t bound = json_integer(config, "max_msgs", -1);
    bool raise = broker_made_it(config) && bound > 0 && bound < messages_max;
    if (raise) {
        cJSON_SetNumberHelper(cJSON_GetObjectItemCaseSensitive(config, "max_msgs"), (double)messages_max);
        status = broker_api_json(broker, "$JS.API.STREAM.UPDATE." BROKER_STREAM_REQUESTS, cJSON_Duplicate(config, true),
                                 "raise the bound of the request stream", &answer, ret_error);
        cJSON_Delete(answer);
    }
    cJSON_Delete(info);
    *ret_raised = status == BROKER_OK ? raise : *ret_raised;
    return status;
}

static uint64_t bytes_mean(const cJSON *state)
{
    int64_t messages = json_integer(state, "messages", 0), bytes = json_integer(state, "bytes", 0);
    return messages > 0 && bytes > 0 ? (uint64_t)(bytes / messages) : 0;
}

enum broker_status broker_queues(struct broker *broker, broker_queue *queue, void *owner, uint64_t *ret_bytes_mean,
                                 struct broker_error *ret_error)
{
    for (int page = 0; page < PAGES_MAX; page++) {
        char body[96], language[64], name[128];
        cJSON *answer = NULL;
        snprintf(body, sizeof body, "{\"subjects_filter\":\"function.>\",\"offset\":%d}", page * PAGE);
        enum broker_status status = broker_api(broker, "$JS.API.STREAM.INFO." BROKER_STREAM_REQUESTS, body,
                                               "count what is queued", &answer, ret_error);
        if (status != BROKER_OK) {
            return status;
        }
        const cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "state"), *subject;
        const cJSON *subjects = cJSON_GetObjectItemCaseSensitive(state, "subjects");
        *ret_bytes_mean = bytes_mean(state);
        cJSON_ArrayForEach(subject, subjects)
        {
            if (cJSON_IsNumber(subject) && subject_split(subject->string, language, name)) {
                queue(owner, language, name, (uint64_t)subject->valuedouble);
            }
        }
        int count = cJSON_GetArraySize(subjects);
        cJSON_Delete(answer);
        if (count < PAGE) {
            break;
        }
    }
    return BROKER_OK;
}

static enum broker_status queue_first(struct broker *broker, const char *language, const char *name, uint64_t from,
                                      uint64_t *ret_sequence, int64_t *ret_stored_wall_ns,
                                      struct broker_error *ret_error)
{
    char subject[BROKER_SUBJECT_BYTES];
    struct broker_message message;
    snprintf(subject, sizeof subject, "function.%.64s.%.128s", language, name);
    enum broker_status status = broker_message_get(broker, BROKER_STREAM_REQUESTS, subject, from, &message, ret_error);
    bool none = status == BROKER_NOT_FOUND && ret_error->error_code == JS_NO_MESSAGE;
    if (status != BROKER_OK && !none) {
        return status;
    }
    *ret_sequence = none ? 0 : message.sequence;
    *ret_stored_wall_ns = none ? 0 : message.stored_wall_ns;
    if (!none) {
        broker_message_free(&message);
    }
    return BROKER_OK;
}

enum broker_status broker_queue_first(struct broker *broker, const char *language, const char *name,
                                      uint64_t *ret_sequence, int64_t *ret_stored_wall_ns,
                                      struct broker_error *ret_error)
{
    return queue_first(broker, language, name, 1, ret_sequence, ret_stored_wall_ns, ret_error);
}

enum broker_status broker_queue_waiting(struct broker *broker, const char *language, const char *name,
                                        int64_t *ret_stored_wall_ns, struct broker_error *ret_error)
{
    cJSON *info = NULL;
    uint64_t given = 0, sequence;
    enum broker_status status = broker_consumer_info(broker, language, name, &info, ret_error);
    bool none = status == BROKER_NOT_FOUND && ret_error->error_code == JS_CONSUMER_NOT_FOUND;
    if (status != BROKER_OK && !none) {
        return status;
    }
    if (!none) {
        const cJSON *delivered = cJSON_GetObjectItemCaseSensitive(info, "delivered");
        given = (uint64_t)json_integer(delivered, "stream_seq", 0);
        cJSON_Delete(info);
    }
    return queue_first(broker, language, name, given + 1, &sequence, ret_stored_wall_ns, ret_error);
}
