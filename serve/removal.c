/* Removes functions. The record is marked as closing first, so that every instance refuses new calls while those that
 * are queued still run, or, if the operator wants it now, end as failed. Whichever instance sees that nothing is
 * queued or running any more deletes the record, by compare-and-set; the others learn of it as of any change of the
 * record. */
#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls that other gateways admitted before they heard of it may still be on their way to the queue. */
#define QUIET_NS INT64_C(300000000)

struct removal_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;
    bool now, deleted;
    enum broker_status status;
    struct broker_error error;
};

/* -- marking ------------------------------------------------------------------------------------------------------- */

static void mark_run(void *argument)
{
    struct removal_job *job = argument;
    char key[SERVE_KEY_BYTES];
    uint8_t *value = NULL;
    size_t length = 0;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->status = job->error.status;
    if (broker == NULL) {
        return;
    }
    record_key(&job->record, key);
    uint64_t revision = 0;
    job->status = broker_kv_get(broker, BROKER_BUCKET_CONFIG, key, &value, &length, &revision, &job->error);
    if (job->status == BROKER_OK && record_parse_function(key, (struct bytes){ value, length }, &job->record)) {
        job->record.closing = job->now || job->record.closing == CLOSING_END ? CLOSING_END : CLOSING_DRAIN;
        char *text = record_print(&job->record);
        job->status = broker_kv_update(broker, BROKER_BUCKET_CONFIG, key, bytes_of(text), revision,
                                       &job->record.revision, &job->error);
        free(text);
    }
    free(value);
}

static void mark_refused(const struct removal_job *job)
{
    switch (job->status) {
    case BROKER_NOT_FOUND:
        admin_status(job->instance, job->rpc_id, RPC_STATUS_NOT_FOUND, "FUNCTION_NOT_FOUND",
                     "no function of that name is deployed");
        return;
    case BROKER_CONFLICT:
        admin_status(job->instance, job->rpc_id, RPC_STATUS_ABORTED, "CONCURRENT_DEPLOY",
                     "somebody else changed this function just now; try again");
        return;
    default:
        admin_status(job->instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", job->error.text);
    }
}

static void mark_done(void *argument, bool cancelled)
{
    struct removal_job *job = argument;
    struct change_wait wait = { .rpc_id = job->rpc_id, .removal = true, .record = job->record };
    if (cancelled) {
        admin_status(job->instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN",
                     "this instance is shutting down");
    } else if (job->status != BROKER_OK) {
        mark_refused(job);
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
    if (job == NULL || !control_submit(instance->control, mark_run, mark_done, job)) {
        admin_status(instance, request->id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                     "too many jobs wait; try again later");
        free(job);
    }
}

/* -- the end ------------------------------------------------------------------------------------------------------- */

static void delete_all(struct removal_job *job, struct broker *broker)
{
    struct broker_error ignored; /* What is left over costs space, nothing else. */
    struct record *list = NULL;
    size_t count = 0;
    broker_consumer_delete(broker, job->record.language, job->record.name, &ignored);
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
    struct broker_consumer consumer;
    char key[SERVE_KEY_BYTES];
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL) {
        return;
    }
    job->status =
        broker_consumer_ensure(broker, job->record.language, job->record.name, job->instance->config->queue_ack_wait_ns,
                               CONSUMER_ACK_PENDING_MAX, &consumer, &job->error);
    if (job->status != BROKER_OK || consumer.pending + consumer.ack_pending > 0) {
        return;
    }
    record_key(&job->record, key);
    job->deleted = broker_kv_delete(broker, BROKER_BUCKET_CONFIG, key, job->record.revision, &job->error) == BROKER_OK;
    if (job->deleted) {
        delete_all(job, broker);
    }
}

static void check_done(void *argument, bool cancelled)
{
    struct removal_job *job = argument;
    job->instance->closing_checks--;
    if (!cancelled && job->deleted) {
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
                       strcmp(side->row, side->record.name) == 0;
        if (!closing) {
            continue;
        }
        any = true;
        side->closing_ns = side->closing_ns == 0 ? loop_now_ns() : side->closing_ns;
        if (free_to_check && loop_now_ns() - side->closing_ns >= QUIET_NS) {
            check_submit(instance, side);
        }
    }
    return any;
}
