/* Removes functions. The record is marked as closing first, so that every instance refuses new calls while those that
 * are queued still run, or, if the operator wants it now, end as failed. Whichever instance sees that all have heard of
 * it, and that nothing is queued or running any more, deletes what was stored, and last the record, by compare-and-set;
 * the others learn of it as of any change of the record.
 *
 * The record goes last, so that somebody finishes what a killed instance began, and so that nothing is deleted of a
 * function that is deployed again under the same name. */
#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct removal_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;
    bool now, good, gone;
    struct record_refusal refusal;
    struct broker_error error;
};

/* -- marking ------------------------------------------------------------------------------------------------------- */

static void mark_run(void *argument)
{
    struct removal_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    enum broker_status status = job->error.status;
    if (broker != NULL) {
        status = record_read(broker, &job->record, &job->error);
    }
    if (status != BROKER_OK) {
        job->refusal = record_unread(status, &job->error);
        return;
    }
    job->record.closing = job->now || job->record.closing == CLOSING_END ? CLOSING_END : CLOSING_DRAIN;
    status = record_write(broker, &job->record, job->record.revision, &job->error);
    job->good = status == BROKER_OK;
    job->refusal = record_refused(status, &job->error);
}

static void mark_done(void *argument, bool cancelled)
{
    struct removal_job *job = argument;
    struct change_wait wait = { .rpc_id = job->rpc_id, .removal = true, .record = job->record };
    wait_release(job->instance);
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (!job->good) {
        admin_status(job->instance, job->rpc_id, job->refusal.status, job->refusal.reason, job->refusal.text);
    } else {
        record_row(&job->record, 0, 0, wait.row);
        wait_begin(job->instance, &wait);
        jobs_records(job->instance, true);
    }
    free(job);
}

void removal_start(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    struct removal_job *job = side == NULL ? NULL : calloc(1, sizeof *job);
    if (side == NULL) {
        return;
    }
    if (job != NULL) {
        *job = (struct removal_job){
            .instance = instance, .rpc_id = request->id, .record = side->record, .now = request->now
        };
    }
    if (!wait_reserve(instance, request->id)) {
        free(job);
        return;
    }
    if (job == NULL || !control_submit(instance->control, mark_run, mark_done, job)) {
        wait_release(instance);
        admin_busy(instance, request->id);
        free(job);
    }
}

/* -- the end ------------------------------------------------------------------------------------------------------- */

/* An instance that has not heard of it yet may admit calls, and what it admitted before may be on its way to the queue.
 * One that is gone for good is soon forgotten. */
static void heard_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct removal_job *job = owner;
    (void)key;
    (void)revision;
    job->good = job->good && registry_knows(value, &job->record);
}

static bool all_heard(struct removal_job *job, struct broker *broker)
{
    job->good = true;
    return broker_kv_each(broker, BROKER_BUCKET_INSTANCES, "state.*", heard_entry, job, &job->error) == BROKER_OK &&
           job->good;
}

static bool nothing_left(struct removal_job *job, struct broker *broker)
{
    struct broker_consumer consumer;
    return broker_consumer_ensure(broker, job->record.language, job->record.name,
                                  job->instance->config->queue_ack_wait_ns, SERVE_ACK_PENDING_MAX, &consumer,
                                  &job->error) == BROKER_OK &&
           consumer.pending + consumer.ack_pending == 0;
}

static void versions_delete(struct removal_job *job, struct broker *broker)
{
    struct record *list = NULL;
    size_t count = 0;
    struct broker_error ignored; /* What is left over costs space, nothing else. */
    if (versions_read(broker, &job->record, &list, &count, &ignored) == BROKER_OK) {
        for (size_t i = 0; i < count; i++) {
            version_delete(broker, &list[i]);
        }
        free(list);
    }
    version_delete(broker, &job->record);
}

static void check_run(void *argument)
{
    struct removal_job *job = argument;
    struct record now = job->record;
    struct broker_error ignored;
    char key[SERVE_KEY_BYTES];
    struct broker *broker = jobs_broker(job->instance, &job->error);
    enum broker_status status = broker == NULL ? BROKER_UNREACHABLE : record_read(broker, &now, &job->error);
    job->gone = status == BROKER_NOT_FOUND;
    bool same = status == BROKER_OK && now.revision == job->record.revision;
    if (!same || !all_heard(job, broker) || !nothing_left(job, broker)) {
        return;
    }
    record_key(&job->record, key);
    versions_delete(job, broker);
    job->gone = broker_kv_delete(broker, BROKER_BUCKET_CONFIG, key, now.revision, &job->error) == BROKER_OK ||
                record_read(broker, &now, &job->error) == BROKER_NOT_FOUND;
    if (job->gone) { /* Also if another instance was quicker: looking for what is left made the consumer anew. */
        broker_consumer_delete(broker, job->record.language, job->record.name, &ignored);
    }
}

static void check_done(void *argument, bool cancelled)
{
    struct removal_job *job = argument;
    job->instance->closing_checks--;
    if (!cancelled && job->gone) {
        jobs_records(job->instance, true);
    }
    free(job);
}

static void check_submit(struct instance *instance, const struct function_side *side)
{
    struct removal_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return;
    }
    *job = (struct removal_job){ .instance = instance, .record = side->record };
    if (!control_submit(instance->control, check_run, check_done, job)) {
        free(job);
        return;
    }
    instance->closing_checks++;
}

bool removal_tick(struct instance *instance)
{
    bool any = false, free_to_check = instance->closing_checks == 0 && instance->link_fed;
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        struct function_side *side = &instance->functions[i];
        bool closing = side->used && side->record.closing != CLOSING_OPEN && side->state != FUNCTION_RETIRING &&
                       !row_is_route(side->row);
        if (!closing) {
            continue;
        }
        any = true;
        if (free_to_check) {
            check_submit(instance, side);
        }
    }
    return any;
}
