/* What a deploy writes, in this order: the archive into the object store, the version's record, and last the
 * function's record, by compare-and-set. Whoever reads the function's record finds all that it names. What is there
 * already (the same code with the same settings) is not written again; if nothing at all would change, nothing is
 * written. */
#include "serve/deploy_job.h"

#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool deploy_refuse(struct deploy_job *job, enum rpc_status status, const char *reason, const char *text)
{
    job->status = status;
    job->reason = reason;
    snprintf(job->text, sizeof job->text, "%s", text);
    return false;
}

bool deploy_refuse_broker(struct deploy_job *job, const struct broker_error *error)
{
    return deploy_refuse(job, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", error->text);
}

struct clash {
    const struct record *record;
    char language[SERVE_LANGUAGE_BYTES];
    char unread[SERVE_KEY_BYTES]; /* the key of the function's own record, if nobody here can read it */
    struct record before;
};

static void clash_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct clash *clash = owner;
    struct record record;
    char own[SERVE_KEY_BYTES];
    record_key(clash->record, own);
    bool good = record_parse_function(key, value, &record);
    if (!good && strcmp(key, own) == 0) {
        memcpy(clash->unread, own, sizeof own);
    }
    if (!good || strcmp(record.name, clash->record->name) != 0) {
        return;
    }
    if (strcmp(record.language, clash->record->language) != 0) {
        memcpy(clash->language, record.language, sizeof clash->language);
    } else {
        clash->before = record;
        clash->before.revision = revision;
    }
}

/* The alias as it is to be: all for the new version, or its share beside the first one that is there. */
static bool alias_shape(struct deploy_job *job)
{
    struct record_alias *to = &job->to;
    const struct record_alias *now = record_alias(&job->before, job->alias);
    *to = (struct record_alias){ .count = 1, .routes = { { .weight = 100 } } };
    snprintf(to->name, sizeof to->name, "%s", job->alias);
    memcpy(to->routes[0].version, job->version, sizeof job->version);
    bool alone = now == NULL || now->count == 0 || strcmp(now->routes[0].version, job->version) == 0;
    if (job->canary_percent == 0 || alone) {
        return job->canary_percent == 0 || (now != NULL && now->count > 0) ||
               deploy_refuse(job, RPC_STATUS_FAILED_PRECONDITION, "NO_VERSION_BESIDE",
                             "a canary needs a version that the rest of the requests go to; deploy without it first");
    }
    to->count = 2;
    to->routes[1] = to->routes[0];
    to->routes[0] = now->routes[0];
    to->routes[0].weight = 100 - job->canary_percent;
    to->routes[1].weight = job->canary_percent;
    return true;
}

static bool alias_equal(const struct record_alias *left, const struct record_alias *right)
{
    bool equal = left != NULL && left->count == right->count;
    for (uint32_t i = 0; equal && i < left->count; i++) {
        equal = left->routes[i].weight == right->routes[i].weight &&
                strcmp(left->routes[i].version, right->routes[i].version) == 0;
    }
    return equal;
}

/* Turns the version's record into the function's. */
static bool function_shape(struct deploy_job *job)
{
    const struct record version = job->record;
    bool first = job->before.name[0] == '\0', live = strcmp(job->to.name, "live") == 0;
    if (first) {
        job->record.aliases[0] = job->to;
        snprintf(job->record.aliases[0].name, sizeof job->record.aliases[0].name, "live");
    } else {
        job->record = job->before;
        if (live && job->to.count == 1) {
            record_live(&job->record, &version);
        }
    }
    return record_place_alias(&job->record, &job->to) ||
           deploy_refuse(job, RPC_STATUS_RESOURCE_EXHAUSTED, "ALIASES_FULL", ALIASES_FULL_TEXT);
}

static bool deploy_refuse_as(struct deploy_job *job, struct record_refusal refusal)
{
    return deploy_refuse(job, refusal.status, refusal.reason, refusal.text);
}

/* Also if the version is known: somebody may have deleted its archive. */
static bool archive_store(struct deploy_job *job, struct broker *broker, struct bytes archive)
{
    struct broker_error error;
    struct broker_object object;
    char name[128];
    jobs_object_name(&job->record, name);
    enum broker_status status = broker_object_find(broker, BROKER_BUCKET_CODE, name, &object, &error);
    if (status == BROKER_NOT_FOUND || status == BROKER_CORRUPT) {
        status = broker_object_put(broker, BROKER_BUCKET_CODE, name, archive, &object, &error);
    }
    return status == BROKER_OK || deploy_refuse_broker(job, &error);
}

static bool artifact_store(struct deploy_job *job, struct broker *broker, struct bytes archive)
{
    struct broker_error error;
    struct record stored;
    bool upgraded = job->before.name[0] == '\0' || version_store(broker, &job->before, &error) == BROKER_OK;
    if (!upgraded) {
        return deploy_refuse_broker(job, &error);
    }
    if (!archive_store(job, broker, archive)) {
        return false;
    }
    enum broker_status status = version_read(broker, &job->record, job->version, &stored, &error);
    if (status == BROKER_OK) {
        job->record.created_unix_ms = stored.created_unix_ms; /* Deployed before. */
        return true;
    }
    if (status != BROKER_NOT_FOUND) {
        return deploy_refuse_as(job, record_unread(status, &error));
    }
    return version_store(broker, &job->record, &error) == BROKER_OK || deploy_refuse_broker(job, &error);
}

static bool function_store(struct deploy_job *job, struct broker *broker)
{
    struct broker_error error;
    enum broker_status status = record_write(broker, &job->record, job->before.revision, &error);
    return status == BROKER_OK || deploy_refuse_as(job, record_refused(status, &error));
}

static bool clash_check(struct deploy_job *job, struct broker *broker)
{
    struct broker_error error;
    struct clash clash = { .record = &job->record };
    char pattern[SERVE_KEY_BYTES + 2];
    snprintf(pattern, sizeof pattern, "*.%s", job->record.name);
    if (broker_kv_each(broker, BROKER_BUCKET_CONFIG, pattern, clash_entry, &clash, &error) != BROKER_OK) {
        return deploy_refuse_broker(job, &error);
    }
    if (clash.language[0] != '\0') {
        char text[160];
        snprintf(text, sizeof text, "a function of that name exists in language %s; names are unique across languages",
                 clash.language);
        return deploy_refuse(job, RPC_STATUS_ALREADY_EXISTS, "NAME_TAKEN", text);
    }
    if (clash.unread[0] != '\0') {
        char text[240];
        snprintf(text, sizeof text, RECORD_UNREADABLE_FORMAT, clash.unread);
        return deploy_refuse(job, RPC_STATUS_FAILED_PRECONDITION, "RECORD_UNREADABLE", text);
    }
    job->before = clash.before;
    return job->before.closing == CLOSING_OPEN ||
           deploy_refuse(job, RPC_STATUS_FAILED_PRECONDITION, "FUNCTION_REMOVED",
                         "the function is being removed; try again when it is gone");
}

static bool room_check(struct deploy_job *job, uint32_t rows)
{
    return rows <= record_rows(&job->before) || rows - record_rows(&job->before) <= job->rows_free ||
           deploy_refuse(job, RPC_STATUS_RESOURCE_EXHAUSTED, "FUNCTIONS_FULL", FUNCTIONS_FULL_TEXT);
}

/* Without it nothing could ever be taken from the queue, and the deploy would wait for that until its time is over.
 * What somebody else made under its name stays his; nor are there two consumers for one subject of a work queue. */
static bool consumer_check(struct deploy_job *job, struct broker *broker)
{
    struct broker_consumer consumer;
    struct broker_error error;
    enum broker_status status =
        broker_consumer_ensure(broker, job->record.language, job->record.name, job->instance->config->queue_ack_wait_ns,
                               SERVE_ACK_PENDING_MAX, &consumer, &error);
    if (status == BROKER_OK) {
        return true;
    }
    return status == BROKER_FOREIGN ? deploy_refuse(job, RPC_STATUS_FAILED_PRECONDITION, "CONSUMER_TAKEN", error.text)
                                    : deploy_refuse_broker(job, &error);
}

bool deploy_store(struct deploy_job *job, struct broker *broker, struct bytes archive)
{
    memcpy(job->version, job->record.version, sizeof job->version);
    if (!clash_check(job, broker) || !alias_shape(job)) {
        return false;
    }
    bool first = job->before.name[0] == '\0';
    if ((first && !room_check(job, 1)) || !consumer_check(job, broker) || !artifact_store(job, broker, archive)) {
        return false;
    }
    if (!first && alias_equal(record_alias(&job->before, job->to.name), &job->to)) {
        job->record = job->before; /* The same code and settings in the same place: nothing to do. */
        return true;
    }
    if (!function_shape(job) || !room_check(job, record_rows(&job->record)) || !function_store(job, broker)) {
        return false;
    }
    versions_prune(broker, &job->record, (size_t)job->instance->config->functions_versions_kept);
    return true;
}
