/* The driver of libstead. See README.md. Commands and answers are cJSON values; numbers that matter are small. */
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stead/client.h>

enum { TIMEOUT_MS = 60000, MANY_MAX = 1024 };

static stead_client *client;

static const char *text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool is_true(const cJSON *object, const char *name, bool otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return item ? cJSON_IsTrue(item) : otherwise;
}

static int64_t timeout_of(const cJSON *command)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(command, "timeout_ms");
    return item ? (int64_t)item->valuedouble : TIMEOUT_MS;
}

static void *checked(void *pointer)
{
    if (!pointer)
        abort();
    return pointer;
}

static stead_client_event *event_with_data(const cJSON *command)
{
    const char *base64 = text(command, "data_base64");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(command, "data");
    if (base64) {
        size_t length = strlen(base64);
        unsigned char *bytes = checked(malloc(length + 1));
        int size = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)length);
        size -= length > 0 && base64[length - 1] == '=' ? base64[length - 2] == '=' ? 2 : 1 : 0;
        stead_client_event *event = stead_client_event_new(NULL, NULL, bytes, (size_t)size);
        free(bytes);
        return checked(event);
    }
    char *json = data ? checked(cJSON_PrintUnformatted(data)) : NULL;
    stead_client_event *event =
        stead_client_event_new(NULL, json ? "application/json" : NULL, json, json ? strlen(json) : 0);
    free(json);
    return checked(event);
}

static stead_client_event *event_of(const cJSON *command)
{
    stead_client_event *event = event_with_data(command);
    const cJSON *attribute;
    cJSON_ArrayForEach(attribute, cJSON_GetObjectItemCaseSensitive(command, "attributes"))
    {
        stead_client_event_set(event, attribute->string, attribute->valuestring);
    }
    if (is_true(command, "typed", false)) {
        struct timespec when = { .tv_sec = 1893553445, .tv_nsec = 678000000 };
        stead_client_event_set_boolean(event, "flag", true);
        stead_client_event_set_integer(event, "count", -5);
        stead_client_event_set_bytes(event, "blob", "\0\xff", 2);
        stead_client_event_set(event, "link", "http://example.com/a");
        stead_client_event_set(event, "path", "/a");
        stead_client_event_set_time(event, "expirytime", when);
    }
    return event;
}

static void add_data(cJSON *answer, const stead_client_reply *reply)
{
    char *base64 = checked(malloc(4 * (reply->data_size / 3 + 1) + 1));
    EVP_EncodeBlock((unsigned char *)base64, reply->data, (int)reply->data_size);
    cJSON_AddStringToObject(answer, "data_base64", base64);
    free(base64);
    cJSON *parsed = cJSON_ParseWithLength(reply->data, reply->data_size);
    cJSON_AddItemToObject(answer, "parsed", parsed ? parsed : cJSON_CreateNull());
    static const char *const names[][2] = { { "type", "type" },
                                            { "source", "source" },
                                            { "content_type", "datacontenttype" } };
    for (size_t i = 0; reply->event && i < sizeof names / sizeof names[0]; i++) {
        const char *value = stead_client_event_get(reply->event, names[i][1]);
        if (value)
            cJSON_AddStringToObject(answer, names[i][0], value);
    }
}

static void add_error(cJSON *answer, const stead_client_reply *reply)
{
    cJSON_AddStringToObject(answer, "message", reply->message);
    cJSON_AddStringToObject(answer, "type", reply->error_type);
    cJSON_AddStringToObject(answer, "error_class", reply->error_class);
    cJSON_AddBoolToObject(answer, "retryable", reply->retryable);
    cJSON_AddStringToObject(answer, "outcome", reply->outcome);
    cJSON_AddStringToObject(answer, "status", reply->status_name);
    cJSON_AddStringToObject(answer, "reason", reply->reason);
    cJSON_AddBoolToObject(answer, "not_started", reply->not_started);
    if (reply->retry_after_ms >= 0)
        cJSON_AddNumberToObject(answer, "retry_after", (double)reply->retry_after_ms);
    cJSON *violations = cJSON_AddArrayToObject(answer, "violations");
    for (size_t i = 0; i < reply->violation_count; i++) {
        const char *pair[2] = { reply->violations[i].field, reply->violations[i].description };
        cJSON_AddItemToArray(violations, cJSON_CreateStringArray(pair, 2));
    }
}

static cJSON *answer_of(stead_client_reply *reply)
{
    static const char *const ends[] = { "ok", "function", "outcome", "platform" };
    cJSON *answer = checked(cJSON_CreateObject());
    checked(reply);
    cJSON_AddStringToObject(answer, "end", ends[reply->end]);
    cJSON_AddStringToObject(answer, "request_id", reply->request_id);
    cJSON_AddNumberToObject(answer, "attempts", reply->attempts);
    cJSON_AddBoolToObject(answer, "duplicate", reply->duplicate);
    cJSON_AddStringToObject(answer, "function", reply->function);
    cJSON_AddStringToObject(answer, "version", reply->version);
    if (reply->end == STEAD_CLIENT_OK)
        add_data(answer, reply);
    else
        add_error(answer, reply);
    stead_client_reply_free(reply);
    return answer;
}

static cJSON *run(const cJSON *command)
{
    const char *op = text(command, "op");
    int64_t timeout_ms = timeout_of(command);
    if (strcmp(op, "result") == 0)
        return answer_of(stead_client_result(client, text(command, "id"), is_true(command, "wait", true), timeout_ms));
    if (strcmp(op, "cancel") == 0)
        return answer_of(stead_client_cancel(client, text(command, "id"), timeout_ms));
    stead_client_event *event = event_of(command);
    stead_client_reply *reply = strcmp(op, "submit") == 0
                                    ? stead_client_submit(client, text(command, "name"), event, timeout_ms)
                                    : stead_client_execute(client, text(command, "name"), event, timeout_ms);
    stead_client_event_free(event);
    return answer_of(reply);
}

/* One of many: its command, and then its answer. */
struct one {
    pthread_t thread;
    cJSON *command;
    cJSON *answer;
};

static void *run_one(void *argument)
{
    struct one *one = argument;
    one->answer = run(one->command);
    return NULL;
}

static cJSON *one_command(const cJSON *command, int number)
{
    cJSON *copy = checked(cJSON_Duplicate(command, true));
    cJSON_ReplaceItemInObjectCaseSensitive(copy, "op", cJSON_CreateString("execute"));
    cJSON *data = cJSON_GetObjectItemCaseSensitive(copy, "data");
    if (!data)
        data = cJSON_AddObjectToObject(copy, "data");
    cJSON_AddNumberToObject(data, "n", number);
    return copy;
}

static cJSON *many(const cJSON *command)
{
    static struct one all[MANY_MAX];
    int count = cJSON_GetObjectItemCaseSensitive(command, "count")->valueint, ok = 0;
    if (count > MANY_MAX)
        abort();
    for (int i = 0; i < count; i++) {
        all[i] = (struct one){ .command = one_command(command, i) };
        if (pthread_create(&all[i].thread, NULL, run_one, &all[i]) != 0)
            abort();
    }
    cJSON *answer = checked(cJSON_CreateObject());
    cJSON *failed = cJSON_AddArrayToObject(answer, "failed");
    for (int i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        const cJSON *parsed = cJSON_GetObjectItemCaseSensitive(all[i].answer, "parsed");
        const cJSON *number = cJSON_GetObjectItemCaseSensitive(parsed, "n");
        if (number && number->valueint == i) {
            ok++;
            cJSON_Delete(all[i].answer);
        } else {
            cJSON_AddItemToArray(failed, all[i].answer);
        }
        cJSON_Delete(all[i].command);
    }
    cJSON_AddNumberToObject(answer, "ok", ok);
    return answer;
}

/* 0, the default, if it is not set. */
static int setting(const char *name)
{
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    stead_client_settings settings = { .connections = (uint32_t)setting("DRIVER_CONNECTIONS"),
                                       .retries = setting("DRIVER_RETRIES"),
                                       .keepalive_ms = setting("DRIVER_KEEPALIVE_MS") };
    client = checked(stead_client_open(&settings));
    while (getline(&line, &size, stdin) > 0) {
        cJSON *command = checked(cJSON_Parse(line));
        cJSON *answer = strcmp(text(command, "op"), "many") == 0 ? many(command) : run(command);
        char *json = checked(cJSON_PrintUnformatted(answer));
        puts(json);
        fflush(stdout);
        free(json);
        cJSON_Delete(answer);
        cJSON_Delete(command);
    }
    free(line);
    stead_client_close(client);
    return 0;
}
