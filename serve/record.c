/* Records in the broker's buckets: JSON with a schema version, read and written by cJSON (they hold no event data and
 * no number above 2^53).
 *
 * function-config <language>.<name>: what a function is to be, that is its first live version with all settings, and
 * the aliases that divide its requests. function-versions <language>.<name>.<version>: a stored version; it never
 * changes. Within a schema members are only added: who does not know them ignores them. */
#include "serve/instance.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_SCHEMA = 1, KEEP_ALIVE_MS_DEFAULT = 600000 };

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

/* Whoever may write to the buckets chooses these words, and they become subjects, names of objects and of folders. */
static bool hex_get(const cJSON *json, const char *name, char *ret_text, size_t size)
{
    return text_get(json, name, ret_text, size) && strlen(ret_text) == size - 1 &&
           strspn(ret_text, "0123456789abcdef") == size - 1;
}

/* One that is there has to be right. */
static bool text_get_if_there(const cJSON *json, const char *name, char *ret_text, size_t size)
{
    return cJSON_GetObjectItemCaseSensitive(json, name) == NULL || text_get(json, name, ret_text, size);
}

/* -- aliases ------------------------------------------------------------------------------------------------------- */

static const char *const closings[] = { "", "drain", "end" };

static bool routes_parse(const cJSON *list, struct record_alias *alias)
{
    const cJSON *item;
    uint32_t sum = 0;
    cJSON_ArrayForEach(item, list)
    {
        struct record_route *route = &alias->routes[alias->count];
        if (alias->count == SERVE_ROUTES_MAX || !hex_get(item, "version", route->version, sizeof route->version)) {
            return false;
        }
        for (uint32_t before = 0; before < alias->count; before++) {
            if (strcmp(alias->routes[before].version, route->version) == 0) {
                return false;
            }
        }
        route->weight = (uint32_t)number_get(item, "weight", 0, 100);
        sum += route->weight;
        alias->count++;
    }
    return sum == 100;
}

static bool alias_name_get(const cJSON *json, int64_t place, struct record_alias *alias)
{
    return text_get(json, "name", alias->name, sizeof alias->name) &&
           cloudevents_function_name_valid(bytes_of(alias->name)) && (strcmp(alias->name, "live") == 0) == (place == 0);
}

/* A record without aliases is one of an older instance, or of a version: all of `live` is its version's. */
static bool aliases_parse(const cJSON *json, struct record *record)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "aliases"), *item;
    struct record_alias *live = &record->aliases[0];
    cJSON_ArrayForEach(item, list)
    {
        int64_t place = number_get(item, "place", 0, INT32_MAX);
        struct record_alias alias = { .count = 0 };
        if (place >= SERVE_ALIASES_MAX || !alias_name_get(item, place, &alias) ||
            !routes_parse(cJSON_GetObjectItemCaseSensitive(item, "routes"), &alias)) {
            return false;
        }
        record->aliases[place] = alias;
    }
    bool stale = strcmp(live->routes[0].version, record->version) != 0; /* An older instance deployed since. */
    if (live->count == 0 || stale) {
        *live = (struct record_alias){ .name = "live", .count = 1, .routes = { { .weight = 100 } } };
        memcpy(live->routes[0].version, record->version, sizeof record->version);
    }
    return true;
}

static void aliases_print(cJSON *json, const struct record *record)
{
    cJSON *list = cJSON_AddArrayToObject(json, "aliases");
    for (int place = 0; place < SERVE_ALIASES_MAX; place++) {
        const struct record_alias *alias = &record->aliases[place];
        if (alias->name[0] == '\0') {
            continue;
        }
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", alias->name);
        cJSON_AddNumberToObject(item, "place", place);
        cJSON *routes = cJSON_AddArrayToObject(item, "routes");
        for (uint32_t i = 0; i < alias->count; i++) {
            cJSON *route = cJSON_CreateObject();
            cJSON_AddStringToObject(route, "version", alias->routes[i].version);
            cJSON_AddNumberToObject(route, "weight", alias->routes[i].weight);
            cJSON_AddItemToArray(routes, route);
        }
        cJSON_AddItemToArray(list, item);
    }
}

struct record_alias *record_alias(struct record *record, const char *name)
{
    const char *wanted = name[0] == '\0' ? "live" : name;
    for (int place = 0; place < SERVE_ALIASES_MAX; place++) {
        if (strcmp(record->aliases[place].name, wanted) == 0) {
            return &record->aliases[place];
        }
    }
    return NULL;
}

const struct record_route *record_route(const struct record_alias *alias, const char *version)
{
    for (uint32_t i = 0; alias != NULL && i < alias->count; i++) {
        if (strcmp(alias->routes[i].version, version) == 0) {
            return &alias->routes[i];
        }
    }
    return NULL;
}

/* -- records ------------------------------------------------------------------------------------------------------- */

static bool settings_parse(const cJSON *json, struct record *record)
{
    record->created_unix_ms = number_get(json, "createdUnixMs", 0, (int64_t)1 << 52);
    record->timeout_ns = number_get(json, "timeoutMs", 1, 3600000) * 1000000;
    bool kept = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(json, "keepAliveMs"));
    record->keep_alive_ns =
        (kept ? number_get(json, "keepAliveMs", 0, (int64_t)7 * 86400000) : KEEP_ALIVE_MS_DEFAULT) * 1000000;
    record->memory_bytes = number_get(json, "memoryBytes", 0, (int64_t)1 << 50);
    record->retries_max = (uint32_t)number_get(json, "maxRetries", 0, 100);
    record->concurrency = (uint32_t)number_get(json, "concurrency", 1, 1024);
    record->workers_max = (uint32_t)number_get(json, "maxWorkers", 1, 1024);
    record->pending_max = (uint32_t)number_get(json, "maxPending", 0, 10000000);
    record_policy_parse(json, record);
    return cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(json, "timeoutMs")) &&
           text_get_if_there(json, "env", record->env, sizeof record->env) &&
           text_get_if_there(json, "command", record->command, sizeof record->command);
}

static void closing_parse(const cJSON *json, struct record *record)
{
    char word[16] = "", previous[SERVE_VERSION_BYTES];
    text_get(json, "closing", word, sizeof word);
    for (size_t i = 0; i < sizeof closings / sizeof closings[0]; i++) {
        record->closing = strcmp(word, closings[i]) == 0 ? (uint8_t)i : record->closing;
    }
    record->paused = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "paused"));
    if (hex_get(json, "previous", previous, sizeof previous)) {
        memcpy(record->previous, previous, sizeof previous);
    }
}

uint32_t record_schema(struct bytes text)
{
    cJSON *json = cJSON_ParseWithLength((const char *)text.at, text.length);
    int64_t schema = number_get(json, "schema", 0, INT32_MAX);
    cJSON_Delete(json);
    return (uint32_t)schema;
}

static bool identity_parse(const cJSON *json, struct record *record)
{
    enum cloudevents_language known;
    return number_get(json, "schema", 0, INT32_MAX) == RECORD_SCHEMA &&
           text_get(json, "language", record->language, sizeof record->language) &&
           cloudevents_language_find(bytes_of(record->language), &known) &&
           text_get(json, "name", record->name, sizeof record->name) &&
           cloudevents_function_name_valid(bytes_of(record->name)) &&
           hex_get(json, "version", record->version, sizeof record->version) &&
           hex_get(json, "digest", record->digest, sizeof record->digest);
}

static bool record_parse(struct bytes text, struct record *ret_record)
{
    cJSON *json = cJSON_ParseWithLength((const char *)text.at, text.length);
    struct record record = { .env = "" };
    bool good = identity_parse(json, &record) && settings_parse(json, &record) && aliases_parse(json, &record);
    if (good) {
        closing_parse(json, &record);
        *ret_record = record;
    }
    cJSON_Delete(json);
    return good;
}

bool record_parse_function(const char *key, struct bytes text, struct record *ret_record)
{
    struct record record;
    char own[SERVE_KEY_BYTES];
    if (!record_parse(text, &record)) {
        return false;
    }
    record_key(&record, own);
    if (strcmp(key, own) != 0) {
        return false;
    }
    *ret_record = record;
    return true;
}

bool record_parse_version(const char *key, struct bytes text, struct record *ret_record)
{
    struct record record;
    char own[SERVE_ROW_BYTES];
    if (!record_parse(text, &record)) {
        return false;
    }
    record_version_key(&record, record.version, own);
    if (strcmp(key, own) != 0) {
        return false;
    }
    *ret_record = record;
    return true;
}

static cJSON *version_print(const struct record *record)
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
    if (record->pending_max > 0) {
        cJSON_AddNumberToObject(json, "maxPending", record->pending_max);
    }
    record_policy_print(json, record);
    cJSON_AddStringToObject(json, "env", record->env);
    if (record->command[0] != '\0') {
        cJSON_AddStringToObject(json, "command", record->command);
    }
    return json;
}

static char *print_and_free(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

char *record_print_version(const struct record *record)
{
    return print_and_free(version_print(record));
}

char *record_print(const struct record *record)
{
    cJSON *json = version_print(record);
    aliases_print(json, record);
    if (record->previous[0] != '\0') {
        cJSON_AddStringToObject(json, "previous", record->previous);
    }
    if (record->closing != CLOSING_OPEN) {
        cJSON_AddStringToObject(json, "closing", closings[record->closing]);
    }
    if (record->paused) {
        cJSON_AddTrueToObject(json, "paused");
    }
    return print_and_free(json);
}

void record_adopt_version(struct record *record, const struct record *version)
{
    struct record adopted = *version;
    memcpy(adopted.aliases, record->aliases, sizeof adopted.aliases);
    memcpy(adopted.previous, record->previous, sizeof adopted.previous);
    adopted.closing = record->closing;
    adopted.paused = record->paused;
    adopted.revision = record->revision;
    *record = adopted;
}

uint32_t record_rows(const struct record *record)
{
    uint32_t rows = record->name[0] == '\0' ? 0 : 1;
    for (int place = 0; place < SERVE_ALIASES_MAX; place++) {
        uint32_t count = record->aliases[place].count;
        rows += place == 0 && count > 0 ? count - 1 : count; /* The first live one has the function's own. */
    }
    return rows;
}

/* -- names --------------------------------------------------------------------------------------------------------- */

void record_key(const struct record *record, char ret_key[SERVE_KEY_BYTES])
{
    snprintf(ret_key, SERVE_KEY_BYTES, "%s.%s", record->language, record->name);
}

void record_consumer(const struct record *record, char ret_consumer[SERVE_KEY_BYTES])
{
    snprintf(ret_consumer, SERVE_KEY_BYTES, "%s-%s", record->language, record->name);
}

void record_version_key(const struct record *record, const char *version, char ret_key[SERVE_ROW_BYTES])
{
    snprintf(ret_key, SERVE_ROW_BYTES, "%s.%s.%s", record->language, record->name, version);
}

void record_row(const struct record *record, size_t alias, size_t route, char ret_text[SERVE_ROW_BYTES])
{
    if (alias == 0 && route == 0) {
        snprintf(ret_text, SERVE_ROW_BYTES, "%s", record->name);
        return;
    }
    snprintf(ret_text, SERVE_ROW_BYTES, "%s@%s#%s", record->name, record->aliases[alias].name,
             record->aliases[alias].routes[route].version);
}
