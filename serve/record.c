/* A function's record in the bucket function-config: JSON with a schema version, read and written by cJSON (it holds no
 * event data and no number above 2^53). */
#include "serve/instance.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_SCHEMA = 1 };

static bool text_get(const cJSON *json, const char *name, char *ret_text, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size) {
        return false;
    }
    memcpy(ret_text, item->valuestring, strlen(item->valuestring) + 1);
    return true;
}

static int64_t number_get(const cJSON *json, const char *name, int64_t least, int64_t most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    double value = cJSON_IsNumber(item) ? item->valuedouble : (double)least;
    return value < (double)least ? least : value > (double)most ? most : (int64_t)value;
}

bool record_parse(struct bytes text, struct record *ret_record)
{
    cJSON *json = cJSON_ParseWithLength((const char *)text.at, text.length);
    struct record record = { .env = "" };
    bool good = number_get(json, "schema", 0, INT32_MAX) == RECORD_SCHEMA &&
                text_get(json, "language", record.language, sizeof record.language) &&
                text_get(json, "name", record.name, sizeof record.name) &&
                text_get(json, "version", record.version, sizeof record.version) &&
                text_get(json, "digest", record.digest, sizeof record.digest) &&
                cloudevents_function_name_valid(bytes_of(record.name));
    if (good) {
        text_get(json, "env", record.env, sizeof record.env);
        text_get(json, "command", record.command, sizeof record.command);
        record.created_unix_ms = number_get(json, "createdUnixMs", 0, (int64_t)1 << 52);
        record.timeout_ns = number_get(json, "timeoutMs", 1, 3600000) * 1000000;
        record.keep_alive_ns = number_get(json, "keepAliveMs", 0, (int64_t)7 * 86400000) * 1000000;
        record.memory_bytes = number_get(json, "memoryBytes", 0, (int64_t)1 << 50);
        record.retries_max = (uint32_t)number_get(json, "maxRetries", 0, 100);
        record.concurrency = (uint32_t)number_get(json, "concurrency", 1, 1024);
        record.workers_max = (uint32_t)number_get(json, "maxWorkers", 1, 1024);
        *ret_record = record;
    }
    cJSON_Delete(json);
    return good;
}

char *record_print(const struct record *record)
{
    int64_t timeout_ms = record->timeout_ns / 1000000, keep_alive_ms = record->keep_alive_ns / 1000000;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "schema", RECORD_SCHEMA);
    cJSON_AddStringToObject(json, "language", record->language);
    cJSON_AddStringToObject(json, "name", record->name);
    cJSON_AddStringToObject(json, "version", record->version);
    cJSON_AddStringToObject(json, "digest", record->digest);
    cJSON_AddNumberToObject(json, "createdUnixMs", (double)record->created_unix_ms);
    cJSON_AddNumberToObject(json, "timeoutMs", (double)timeout_ms);
    cJSON_AddNumberToObject(json, "keepAliveMs", (double)keep_alive_ms);
    cJSON_AddNumberToObject(json, "memoryBytes", (double)record->memory_bytes);
    cJSON_AddNumberToObject(json, "maxRetries", record->retries_max);
    cJSON_AddNumberToObject(json, "concurrency", record->concurrency);
    cJSON_AddNumberToObject(json, "maxWorkers", record->workers_max);
    cJSON_AddStringToObject(json, "env", record->env);
    if (record->command[0] != '\0') {
        cJSON_AddStringToObject(json, "command", record->command);
    }
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

void record_key(const struct record *record, char ret_key[SERVE_KEY_BYTES])
{
    snprintf(ret_key, SERVE_KEY_BYTES, "%s.%s", record->language, record->name);
}

void record_consumer(const struct record *record, char ret_consumer[SERVE_KEY_BYTES])
{
    snprintf(ret_consumer, SERVE_KEY_BYTES, "%s-%s", record->language, record->name);
}
