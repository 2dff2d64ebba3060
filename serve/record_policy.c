/* How the failures and the load of a version are treated, as its record says it: back-off, retries by cause, bounds at
 * the door, whether its concurrency adapts. All of it may be absent, as it is in records of older Steads; then the
 * instance's own settings count, and nothing is bounded or adapts. */
#include "core/input.h"
#include "core/limits.h"
#include "serve/record.h"

#include <cjson/cJSON.h>
#include <string.h>

static const char *const jitters[] = { "", "none", "full", "equal", "decorrelated" };

_Static_assert(JITTER_NONE == 0 && JITTER_FULL == 1 && JITTER_EQUAL == 2 && JITTER_DECORRELATED == 3,
               "jitters[] is in the order of enum jitter, plus one");

enum { RETRIES_MAX = 100, CONCURRENCY_MAX = 1024 };
#define BYTES_MAX (INT64_C(1) << 50)

static int64_t duration_ns(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    double ms = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return ms > 86400000 ? INT64_C(86400000) * 1000000 : ms > 0 ? (int64_t)ms * 1000000 : 0;
}

static int64_t count_of(const cJSON *json, const char *name, int64_t most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    double count = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return count >= (double)most ? most : count > 0 ? (int64_t)count : 0;
}

void record_policy_parse(const struct cJSON *json, struct record *record)
{
    const char *jitter = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "retryJitter"));
    const cJSON *retries = cJSON_GetObjectItemCaseSensitive(json, "retries");
    record->retry_ns_base = duration_ns(json, "retryBaseMs");
    record->retry_ns_max = duration_ns(json, "retryMaxMs");
    record->concurrency_min = (uint32_t)count_of(json, "minConcurrency", CONCURRENCY_MAX);
    record->age_ns_max = duration_ns(json, "maxAgeMs");
    record->bytes_max = count_of(json, "maxSizeBytes", BYTES_MAX);
    record->jitter = 0;
    for (uint8_t i = 1; jitter != NULL && i < sizeof jitters / sizeof jitters[0]; i++) {
        record->jitter = strcmp(jitter, jitters[i]) == 0 ? i : record->jitter;
    }
    for (int cause = 0; cause < CAUSE_KEPT; cause++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(retries, cause_text((enum cause)cause));
        double count = cJSON_IsNumber(item) ? item->valuedouble : RETRIES_MAX;
        record->retries[cause] = count >= RETRIES_MAX ? SERVE_RETRIES_ALL : count > 0 ? (uint8_t)count : 0;
    }
}

/* Whole milliseconds; nothing if it is not set. */
static void print_ms(struct cJSON *json, const char *name, int64_t ns)
{
    int64_t ms = ns / 1000000;
    if (ns > 0) {
        cJSON_AddNumberToObject(json, name, (double)ms);
    }
}

void record_policy_tell(const struct record *record, struct input *input)
{
    input->as.policy.retry_ns_base = (uint64_t)record->retry_ns_base;
    input->as.policy.retry_ns_max = (uint64_t)record->retry_ns_max;
    input->as.policy.jitter = record->jitter;
    memcpy(input->as.policy.retries, record->retries, sizeof input->as.policy.retries);
    input->as.policy.concurrency_min = (uint16_t)record->concurrency_min;
    input->as.policy.age_ns_max = (uint64_t)record->age_ns_max;
    input->as.policy.size_max = (uint64_t)record->bytes_max;
}

static void print_count(struct cJSON *json, const char *name, int64_t count)
{
    if (count > 0) {
        cJSON_AddNumberToObject(json, name, (double)count);
    }
}

void record_policy_print(struct cJSON *json, const struct record *record)
{
    cJSON *retries = NULL;
    print_ms(json, "retryBaseMs", record->retry_ns_base);
    print_ms(json, "retryMaxMs", record->retry_ns_max);
    print_ms(json, "maxAgeMs", record->age_ns_max);
    print_count(json, "maxSizeBytes", record->bytes_max);
    print_count(json, "minConcurrency", record->concurrency_min);
    if (record->jitter > 0) {
        cJSON_AddStringToObject(json, "retryJitter", jitters[record->jitter]);
    }
    for (int cause = CAUSE_NONE + 1; cause <= CAUSE_CHARGED_MAX; cause++) {
        if (record->retries[cause] != SERVE_RETRIES_ALL) {
            retries = retries == NULL ? cJSON_AddObjectToObject(json, "retries") : retries;
            cJSON_AddNumberToObject(retries, cause_text((enum cause)cause), record->retries[cause]);
        }
    }
}
