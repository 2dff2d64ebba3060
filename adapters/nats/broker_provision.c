/* The streams, buckets and the object store that must exist, written down as stream configs. Buckets are streams with
 * the flags of ADR-8, the object store is one with those of ADR-20, so that any NATS client reads them. */
#include "adapters/nats/broker_reconcile.h"

#include <stdio.h>
#include <string.h>

#include "adapters/nats/wire.h"

enum { PROVISION_LANGUAGES_MAX = 32 };

static const int64_t duplicate_window_default_ns = 120ll * 1000 * 1000 * 1000;

static cJSON *stream_config(const struct broker_provision *provision, const char *name, const char *retention,
                            int64_t age_max_ns)
{
    int64_t window_ns =
        provision->duplicate_window_ns > 0 ? provision->duplicate_window_ns : duplicate_window_default_ns;
    cJSON *config = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "name", name);
    cJSON_AddStringToObject(config, "description", BROKER_MARK);
    cJSON_AddArrayToObject(config, "subjects");
    cJSON_AddStringToObject(config, "retention", retention);
    cJSON_AddStringToObject(config, "discard", "new");
    cJSON_AddStringToObject(config, "storage", provision->storage_in_memory ? "memory" : "file");
    cJSON_AddNumberToObject(config, "num_replicas", provision->replicas > 0 ? provision->replicas : 1);
    cJSON_AddNumberToObject(config, "max_age", age_max_ns > 0 ? (double)age_max_ns : 0);
    /* The broker refuses a window longer than messages live (err_code 10052). */
    cJSON_AddNumberToObject(config, "duplicate_window",
                            (double)(age_max_ns > 0 && age_max_ns < window_ns ? age_max_ns : window_ns));
    return config;
}

static void add_subject(cJSON *config, const char *subject)
{
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(config, "subjects"), cJSON_CreateString(subject));
}

static void add_limit(cJSON *config, const char *name, int64_t limit)
{
    cJSON_AddNumberToObject(config, name, limit > 0 ? (double)limit : -1);
}

static cJSON *requests_config(const struct broker_provision *provision)
{
    cJSON *config = stream_config(provision, BROKER_STREAM_REQUESTS, "workqueue", provision->queue_age_max_ns);
    for (size_t i = 0; i < provision->language_count; i++) {
        char subject[BROKER_SUBJECT_BYTES];
        snprintf(subject, sizeof subject, "function.%s.*", provision->languages[i]);
        add_subject(config, subject);
    }
    add_limit(config, "max_msgs", provision->queue_messages_max);
    add_limit(config, "max_bytes", provision->queue_bytes_max);
    add_limit(config, "max_msg_size", provision->message_bytes_max);
    return config;
}

static cJSON *results_config(const struct broker_provision *provision)
{
    cJSON *config = stream_config(provision, BROKER_STREAM_RESULTS, "limits", provision->results_retention_ns);
    add_subject(config, "function.result.*");
    add_limit(config, "max_msgs", provision->results_count_max);
    add_limit(config, "max_bytes", provision->results_bytes_max);
    return config;
}

static cJSON *dead_config(const struct broker_provision *provision)
{
    cJSON *config = stream_config(provision, BROKER_STREAM_DEAD, "limits", provision->dead_retention_ns);
    add_subject(config, "function.dead.>");
    add_limit(config, "max_msgs", provision->dead_count_max);
    return config;
}

static cJSON *bucket_config(const struct broker_provision *provision, const char *bucket, unsigned history,
                            int64_t ttl_ns)
{
    char text[BROKER_SUBJECT_BYTES];
    snprintf(text, sizeof text, "KV_%s", bucket);
    cJSON *config = stream_config(provision, text, "limits", ttl_ns);
    snprintf(text, sizeof text, "$KV.%s.>", bucket);
    add_subject(config, text);
    cJSON_AddNumberToObject(config, "max_msgs_per_subject", history);
    cJSON_AddBoolToObject(config, "allow_rollup_hdrs", true);
    cJSON_AddBoolToObject(config, "deny_delete", true);
    cJSON_AddBoolToObject(config, "allow_direct", true);
    return config;
}

static cJSON *code_config(const struct broker_provision *provision)
{
    cJSON *config = stream_config(provision, "OBJ_" BROKER_BUCKET_CODE, "limits", 0);
    add_subject(config, "$O." BROKER_BUCKET_CODE ".C.>");
    add_subject(config, "$O." BROKER_BUCKET_CODE ".M.>");
    add_limit(config, "max_bytes", provision->code_bytes_max);
    cJSON_AddBoolToObject(config, "allow_rollup_hdrs", true);
    cJSON_AddBoolToObject(config, "allow_direct", true);
    return config;
}

static enum broker_status provision_check(const struct broker_provision *provision, struct broker_error *error)
{
    static const char reserved[] = " result status health dead ";
    if (provision->language_count == 0 || provision->language_count > PROVISION_LANGUAGES_MAX) {
        return broker_fail(error, BROKER_INVALID, "between 1 and %d languages are needed, not %zu",
                           PROVISION_LANGUAGES_MAX, provision->language_count);
    }
    for (size_t i = 0; i < provision->language_count; i++) {
        char word[300];
        const char *language = provision->languages[i];
        snprintf(word, sizeof word, " %.255s ", language);
        if (!wire_name_valid(bytes_of(language)) || strstr(reserved, word) != NULL) {
            return broker_fail(error, BROKER_INVALID, "'%.64s' can't be a language: it is reserved or no subject token",
                               language);
        }
    }
    return BROKER_OK;
}

/* Say what the configured window became where messages live shorter. */
static void report_clamped_window(struct reconciler *reconciler, const struct broker_provision *provision)
{
    char text[256];
    int64_t age_ns = provision->queue_age_max_ns;
    if (age_ns > 0 && provision->duplicate_window_ns > age_ns && reconciler->report != NULL) {
        snprintf(text, sizeof text,
                 "stream " BROKER_STREAM_REQUESTS
                 ": duplicate window of %lld ms cut to %lld ms, since messages live no "
                 "longer",
                 (long long)(provision->duplicate_window_ns / 1000000), (long long)(age_ns / 1000000));
        reconciler->report(reconciler->owner, BROKER_REPORT_WARNING, text);
    }
}

enum broker_status broker_provision(struct broker *broker, const struct broker_provision *provision,
                                    broker_report *report, void *owner, struct broker_error *ret_error)
{
    enum broker_status status = provision_check(provision, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    struct broker_error error = { 0 };
    struct reconciler reconciler = { .broker = broker, .report = report, .owner = owner, .error = &error };
    cJSON *wanted[] = {
        requests_config(provision),
        results_config(provision),
        dead_config(provision),
        bucket_config(provision, BROKER_BUCKET_CONFIG, 5, 0),
        bucket_config(provision, BROKER_BUCKET_VERSIONS, 1, 0),
        bucket_config(provision, BROKER_BUCKET_ATTEMPTS, 1, provision->attempts_ttl_ns),
        bucket_config(provision, BROKER_BUCKET_LEASE, 1, provision->lease_ttl_ns),
        bucket_config(provision, BROKER_BUCKET_STATE, 2, 0),
        bucket_config(provision, BROKER_BUCKET_INSTANCES, 1, provision->instances_ttl_ns),
        code_config(provision),
    };
    report_clamped_window(&reconciler, provision);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        enum broker_status one = reconcile_stream(&reconciler, wanted[i]);
        if (one != BROKER_OK && status == BROKER_OK) {
            status = one;
            *ret_error = error;
        }
    }
    return status;
}
