/* What this instance knows of all of them: the records that they keep in function-instances (registry.c), read when
 * somebody asks. An instance whose record is gone has not written for a while and does not count. */
#include "serve/jobs.h"
#include "serve/versions.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 256, LANGUAGES_MAX = BUILD_LANGUAGE_COUNT, MESSAGE_BYTES = 200 };

/* One instance, and how far it is with the function in question. */
struct seen {
    char name[64], state[16], version[32], rollout[16], message[MESSAGE_BYTES];
    char languages[LANGUAGES_MAX][SERVE_LANGUAGE_BYTES];
    size_t language_count;
    int64_t started_unix_ms;
    uint32_t slots, running, functions, outdated;
    uint64_t revision;
    struct durability durability;
};

struct rollout_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;
    char name[SERVE_NAME_BYTES]; /* "": no function, the instances themselves */
    bool listing;                /* the function's record was read, if any was wanted */
    struct seen *list;
    size_t count;
    enum broker_status status;
    struct broker_error error;
};

static void text_read(const cJSON *json, const char *member, char *ret_text, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, member));
    snprintf(ret_text, size, "%s", text == NULL ? "" : text);
}

static uint64_t number_read(const cJSON *json, const char *member)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, member);
    bool good = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15;
    return good ? (uint64_t)item->valuedouble : 0;
}

static void languages_read(const cJSON *json, struct seen *seen)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "languages"))
    {
        if (cJSON_IsString(item) && seen->language_count < LANGUAGES_MAX) {
            snprintf(seen->languages[seen->language_count++], SERVE_LANGUAGE_BYTES, "%s", item->valuestring);
        }
    }
}

/* The function's state here, in the words that users of Rollout see. */
static void rollout_read(const struct rollout_job *job, const cJSON *functions, struct seen *seen)
{
    char state[16];
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(functions, job->name);
    seen->revision = number_read(entry, "revision");
    seen->outdated = (uint32_t)number_read(entry, "outdated");
    text_read(entry, "message", seen->message, sizeof seen->message);
    text_read(entry, "state", state, sizeof state);
    for (char *at = state; *at != '\0'; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    }
    snprintf(seen->rollout, sizeof seen->rollout, "%s", seen->revision < job->record.revision ? "unseen" : state);
}

static void durability_read(const cJSON *json, struct durability *durability)
{
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(json, "durability");
    text_read(from, "storage", durability->storage, sizeof durability->storage);
    durability->replicas = (uint32_t)number_read(from, "replicas");
    durability->sync_ns = (int64_t)(number_read(from, "syncMs") % (uint64_t)(INT64_MAX / 1000000)) * 1000000;
    durability->sync_told = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(from, "syncTold"));
}

static void instance_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct rollout_job *job = owner;
    (void)key;
    (void)revision;
    cJSON *json = cJSON_ParseWithLength((const char *)value.at, value.length);
    if (number_read(json, "schema") == 1 && job->count < INSTANCES_MAX) {
        const cJSON *functions = cJSON_GetObjectItemCaseSensitive(json, "functions");
        struct seen *seen = &job->list[job->count++];
        text_read(json, "instance", seen->name, sizeof seen->name);
        text_read(json, "state", seen->state, sizeof seen->state);
        text_read(json, "version", seen->version, sizeof seen->version);
        seen->started_unix_ms = (int64_t)number_read(json, "startedUnixMs");
        seen->slots = (uint32_t)number_read(json, "slots");
        seen->running = (uint32_t)number_read(json, "running");
        seen->functions = (uint32_t)cJSON_GetArraySize(functions);
        languages_read(json, seen);
        durability_read(json, &seen->durability);
        rollout_read(job, functions, seen);
    }
    cJSON_Delete(json);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->name, ((const struct seen *)b)->name);
}

static void rollout_run(void *argument)
{
    struct rollout_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->status = broker == NULL ? job->error.status : BROKER_OK;
    if (broker != NULL && job->name[0] != '\0') {
        job->status = record_read(broker, &job->record, &job->error);
    }
    job->listing = job->status == BROKER_OK;
    if (job->listing) {
        job->status = broker_kv_each(broker, BROKER_BUCKET_INSTANCES, "state.*", instance_entry, job, &job->error);
        qsort(job->list, job->count, sizeof *job->list, by_name);
    }
}

static bool serves(const struct seen *seen, const char *language)
{
    for (size_t i = 0; i < seen->language_count; i++) {
        if (strcmp(seen->languages[i], language) == 0) {
            return strcmp(seen->state, "SHUTTING_DOWN") != 0;
        }
    }
    return false;
}

static void answer_rollout(struct rollout_job *job)
{
    struct rpc_instance_rollout *list = calloc(job->count + 1, sizeof *list);
    struct rpc_rollout rollout = { .name = bytes_of(job->record.name),
                                   .version = bytes_of(job->record.version),
                                   .revision = job->record.revision,
                                   .instances = list };
    for (size_t i = 0; list != NULL && i < job->count; i++) {
        const struct seen *seen = &job->list[i];
        bool counts = serves(seen, job->record.language);
        list[rollout.instance_count++] =
            (struct rpc_instance_rollout){ .instance = bytes_of(seen->name),
                                           .state = bytes_of(counts ? seen->rollout : "elsewhere"),
                                           .message = bytes_of(seen->message),
                                           .outdated = seen->outdated };
        rollout.total += counts;
        rollout.ready += counts && strcmp(seen->rollout, "ready") == 0 && seen->outdated == 0;
    }
    struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_ROLLOUT, .rollout = &rollout };
    rpc_server_answer(job->instance->rpc, &answer);
    free(list);
}

static struct rpc_durability durability_answer(const struct durability *durability)
{
    return (struct rpc_durability){ .storage = bytes_of(durability->storage),
                                    .replicas = durability->replicas,
                                    .sync_interval_ms = durability->sync_ns / 1000000,
                                    .sync_told = durability->sync_told };
}

static void answer_instances(struct rollout_job *job)
{
    struct rpc_instance *list = calloc(job->count + 1, sizeof *list);
    struct bytes(*languages)[LANGUAGES_MAX] = calloc(job->count + 1, sizeof *languages);
    struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_INSTANCES, .instances = list };
    for (size_t i = 0; list != NULL && languages != NULL && i < job->count; i++) {
        const struct seen *seen = &job->list[i];
        for (size_t at = 0; at < seen->language_count; at++) {
            languages[i][at] = bytes_of(seen->languages[at]);
        }
        list[answer.instance_count++] = (struct rpc_instance){ .name = bytes_of(seen->name),
                                                               .state = bytes_of(seen->state),
                                                               .version = bytes_of(seen->version),
                                                               .started_unix_ms = seen->started_unix_ms,
                                                               .languages = languages[i],
                                                               .language_count = seen->language_count,
                                                               .slots = seen->slots,
                                                               .running = seen->running,
                                                               .functions = seen->functions,
                                                               .durability = durability_answer(&seen->durability) };
    }
    rpc_server_answer(job->instance->rpc, &answer);
    free(languages);
    free(list);
}

static void rollout_done(void *argument, bool cancelled)
{
    struct rollout_job *job = argument;
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (job->status != BROKER_OK && (!job->listing || job->status != BROKER_NOT_FOUND)) {
        struct record_refusal refusal = record_unread(job->status, &job->error);
        admin_status(job->instance, job->rpc_id, refusal.status, refusal.reason, refusal.text);
    } else if (job->status != BROKER_OK) {
        provision_check(job->instance); /* The bucket of the instances is gone. */
        admin_status(job->instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", job->error.text);
    } else if (job->name[0] == '\0') {
        answer_instances(job);
    } else {
        answer_rollout(job);
    }
    free(job->list);
    free(job);
}

static void rollout_submit(struct instance *instance, uint64_t rpc_id, const struct record *record)
{
    struct rollout_job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        *job = (struct rollout_job){ .instance = instance, .rpc_id = rpc_id };
        job->list = calloc(INSTANCES_MAX, sizeof *job->list);
    }
    if (job != NULL && record != NULL) {
        job->record = *record;
        memcpy(job->name, record->name, sizeof job->name);
    }
    bool good = job != NULL && job->list != NULL;
    if (!good || !control_submit(instance->control, rollout_run, rollout_done, job)) {
        admin_busy(instance, rpc_id);
        if (job != NULL) {
            free(job->list);
        }
        free(job);
    }
}

void rollout_function(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    if (side != NULL) {
        rollout_submit(instance, request->id, &side->record);
    }
}

void rollout_instances(struct instance *instance, const struct rpc_request *request)
{
    rollout_submit(instance, request->id, NULL);
}
