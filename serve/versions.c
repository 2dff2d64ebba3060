/* Stored versions of functions: each a record of its own in the bucket function-versions, which never changes, and an
 * archive in the object store. Of those that no alias names, only the newest few are kept. */
#include "serve/versions.h"

#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSIONS_MAX = 1024 };

enum broker_status version_read(struct broker *broker, const struct record *function, const char *version,
                                struct record *ret_version, struct broker_error *error)
{
    char key[SERVE_ROW_BYTES];
    uint8_t *value = NULL;
    size_t length = 0;
    uint64_t revision;
    record_version_key(function, version, key);
    enum broker_status status = broker_kv_get(broker, BROKER_BUCKET_VERSIONS, key, &value, &length, &revision, error);
    if (status == BROKER_OK && !record_parse_version(key, (struct bytes){ value, length }, ret_version)) {
        status = BROKER_CORRUPT;
        snprintf(error->text, sizeof error->text, "the record of version %s can't be read", version);
    }
    free(value);
    return status;
}

enum broker_status version_store(struct broker *broker, const struct record *version, struct broker_error *error)
{
    char key[SERVE_ROW_BYTES];
    uint64_t revision;
    record_version_key(version, version->version, key);
    char *value = record_print_version(version);
    enum broker_status status =
        broker_kv_create(broker, BROKER_BUCKET_VERSIONS, key, bytes_of(value), &revision, error);
    free(value);
    return status == BROKER_CONFLICT ? BROKER_OK : status; /* The same version is the same record. */
}

struct list_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record function;
    struct record *list;
    size_t count;
    enum broker_status status;
    struct broker_error error;
};

static void list_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct list_job *job = owner;
    struct record record;
    (void)revision;
    if (job->count < VERSIONS_MAX && record_parse_version(key, value, &record) &&
        strcmp(record.name, job->function.name) == 0 && strcmp(record.language, job->function.language) == 0) {
        job->list[job->count++] = record;
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct record *left = a, *right = b;
    if (left->created_unix_ms != right->created_unix_ms) {
        return left->created_unix_ms > right->created_unix_ms ? -1 : 1;
    }
    return strcmp(left->version, right->version);
}

enum broker_status versions_read(struct broker *broker, const struct record *function, struct record **ret_list,
                                 size_t *ret_count, struct broker_error *error)
{
    struct list_job job = { .function = *function, .list = calloc(VERSIONS_MAX, sizeof *job.list) };
    if (job.list == NULL) {
        error->status = BROKER_NO_MEMORY;
        snprintf(error->text, sizeof error->text, "out of memory");
        return BROKER_NO_MEMORY;
    }
    char pattern[SERVE_ROW_BYTES];
    record_version_key(function, "*", pattern);
    enum broker_status status = broker_kv_each(broker, BROKER_BUCKET_VERSIONS, pattern, list_entry, &job, error);
    if (status != BROKER_OK) {
        free(job.list);
        return status;
    }
    qsort(job.list, job.count, sizeof *job.list, newest_first);
    *ret_list = job.list;
    *ret_count = job.count;
    return BROKER_OK;
}

static void list_run(void *argument)
{
    struct list_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->status = job->error.status;
    if (broker != NULL) { /* What this instance knows of the aliases may be older. */
        job->status = record_read(broker, &job->function, &job->error);
    }
    if (broker != NULL && job->status == BROKER_OK) {
        job->status = version_store(broker, &job->function, &job->error);
    }
    if (broker != NULL && job->status == BROKER_OK) {
        job->status = versions_read(broker, &job->function, &job->list, &job->count, &job->error);
    }
}

static void version_show(const struct record *function, const struct record *version, struct rpc_version *ret,
                         char (*texts)[SERVE_NAME_BYTES + 8])
{
    *ret = (struct rpc_version){ .version = bytes_of(version->version),
                                 .digest = bytes_of(version->digest),
                                 .created_unix_ms = version->created_unix_ms };
    for (size_t place = 0; place < SERVE_ALIASES_MAX; place++) {
        const struct record_alias *alias = &function->aliases[place];
        const struct record_route *route = record_route(alias, version->version);
        if (route != NULL) {
            snprintf(texts[place], sizeof texts[place], "%s=%u", alias->name, route->weight);
            ret->aliases[ret->alias_count++] = bytes_of(texts[place]);
        }
    }
}

static void list_answer(struct list_job *job)
{
    struct rpc_version *shown = calloc(job->count + 1, sizeof *shown);
    char(*texts)[SERVE_ALIASES_MAX][SERVE_NAME_BYTES + 8] = calloc(job->count + 1, sizeof *texts);
    struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_VERSIONS, .versions = shown };
    for (size_t i = 0; shown != NULL && texts != NULL && i < job->count; i++) {
        version_show(&job->function, &job->list[i], &shown[i], texts[i]);
        answer.version_count = i + 1;
    }
    rpc_server_answer(job->instance->rpc, &answer);
    free(texts);
    free(shown);
}

static void list_done(void *argument, bool cancelled)
{
    struct list_job *job = argument;
    struct record_refusal refusal = record_unread(job->status, &job->error);
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (job->status != BROKER_OK) {
        admin_status(job->instance, job->rpc_id, refusal.status, refusal.reason, refusal.text);
    } else {
        list_answer(job);
    }
    free(job->list);
    free(job);
}

void versions_list(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    struct list_job *job = side == NULL ? NULL : calloc(1, sizeof *job);
    if (side == NULL) {
        return;
    }
    if (job != NULL) {
        *job = (struct list_job){ .instance = instance, .rpc_id = request->id, .function = side->record };
    }
    if (job == NULL || !control_submit(instance->control, list_run, list_done, job)) {
        admin_busy(instance, request->id);
        free(job);
    }
}

/* -- pruning ------------------------------------------------------------------------------------------------------- */

static bool version_named(const struct record *function, const char *version)
{
    for (size_t place = 0; place < SERVE_ALIASES_MAX; place++) {
        if (record_route(&function->aliases[place], version) != NULL) {
            return true;
        }
    }
    return strcmp(function->previous, version) == 0 || strcmp(function->version, version) == 0;
}

void version_delete(struct broker *broker, const struct record *version)
{
    struct broker_error ignored; /* What is left over costs space, nothing else. */
    char key[SERVE_ROW_BYTES], object[128];
    record_version_key(version, version->version, key);
    jobs_object_name(version, object);
    broker_kv_delete(broker, BROKER_BUCKET_VERSIONS, key, 0, &ignored);
    broker_object_delete(broker, BROKER_BUCKET_CODE, object, &ignored);
}

void versions_prune(struct broker *broker, const struct record *function, size_t kept)
{
    struct broker_error ignored;
    struct record *list = NULL;
    size_t count = 0, seen = 0;
    if (versions_read(broker, function, &list, &count, &ignored) != BROKER_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!version_named(function, list[i].version) && seen++ >= kept) {
            version_delete(broker, &list[i]);
        }
    }
    free(list);
}
