/* Callers of the admin service who wait: for a version to serve here, or for a function to be gone. What they wait
 * for is looked up in the side table each time something changed, so it does not matter in which order the news come:
 * the record that they wrote, the core's word about it, another record by somebody else.
 *
 * A version that does not come up here is taken back, if the caller deployed it just now and nobody wrote since. */
#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool wait_begin(struct instance *instance, const struct change_wait *wait)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        if (!instance->waits[i].used) {
            instance->waits[i] = *wait;
            instance->waits[i].used = true;
            return true;
        }
    }
    admin_status(instance, wait->rpc_id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                 "stored, but too many callers wait on this instance to tell how it went; ask by `stead function get`");
    return false;
}

void wait_gone(struct instance *instance, uint64_t rpc_id)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *wait = &instance->waits[i];
        wait->used = wait->used && wait->rpc_id != rpc_id;
    }
}

/* -- taking back --------------------------------------------------------------------------------------------------- */

struct revert_job {
    struct instance *instance;
    struct record record, before;
};

/* Only if nobody deployed in between. */
static void revert_run(void *argument)
{
    struct revert_job *job = argument;
    struct broker_error error;
    struct broker *broker = jobs_broker(job->instance, &error);
    char key[SERVE_KEY_BYTES];
    uint64_t revision;
    record_key(&job->record, key);
    if (broker == NULL || job->record.revision == 0) {
        return;
    }
    if (job->before.name[0] == '\0') {
        broker_kv_delete(broker, BROKER_BUCKET_CONFIG, key, job->record.revision, &error);
        return;
    }
    char *value = record_print(&job->before);
    broker_kv_update(broker, BROKER_BUCKET_CONFIG, key, bytes_of(value), job->record.revision, &revision, &error);
    free(value);
}

static void revert_done(void *argument, bool cancelled)
{
    struct revert_job *job = argument;
    if (!cancelled) {
        jobs_records(job->instance, false);
    }
    free(job);
}

static void wait_revert(struct instance *instance, const struct change_wait *wait)
{
    struct revert_job *job = malloc(sizeof *job);
    if (job != NULL) {
        *job = (struct revert_job){ instance, wait->record, wait->before };
        if (!control_submit(instance->control, revert_run, revert_done, job)) {
            free(job);
        }
    }
}

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void end_failed(struct instance *instance, const struct change_wait *wait, const struct function_side *side)
{
    char text[512];
    snprintf(text, sizeof text, "the version did not start%s: %.400s", wait->reverts ? ", nothing was changed" : "",
             side->message);
    admin_status(instance, wait->rpc_id, RPC_STATUS_FAILED_PRECONDITION, "PLUGIN_NOT_STARTED", text);
    if (wait->reverts) {
        wait_revert(instance, wait);
    }
}

static void end_replaced(struct instance *instance, const struct change_wait *wait)
{
    admin_status(instance, wait->rpc_id, RPC_STATUS_ABORTED, "CONCURRENT_DEPLOY",
                 "somebody else deployed or removed this function before the version took over; look at it with "
                 "`stead function get` and try again");
}

static bool removal_over(struct instance *instance, const struct change_wait *wait)
{
    const struct function_side *side = function_named(instance, wait->row);
    if (side == NULL || side->state == FUNCTION_RETIRING) {
        admin_answer_record(instance, wait->rpc_id, &wait->record, "REMOVED");
        return true;
    }
    bool again = side->record.revision > wait->record.revision && side->record.closing == CLOSING_OPEN;
    if (again) {
        end_replaced(instance, wait);
    }
    return again;
}

/* True if the caller was answered. */
static bool change_over(struct instance *instance, const struct change_wait *wait)
{
    const struct function_side *function = function_named(instance, wait->record.name);
    const struct function_side *side = function_named(instance, wait->row);
    bool told = function != NULL && function->record.revision >= wait->record.revision;
    if (!told) {
        return false; /* The record is still on its way to us. */
    }
    bool gone = side == NULL || side->state == FUNCTION_RETIRING || strcmp(side->record.version, wait->version) != 0;
    if (gone) {
        end_replaced(instance, wait);
        return true;
    }
    bool serves = side->state == FUNCTION_READY && strcmp(side->serving, wait->version) == 0;
    if (serves || side->state == FUNCTION_ELSEWHERE) {
        admin_answer_function(instance, wait->rpc_id, function);
        return true;
    }
    if (side->state == FUNCTION_FAILED) {
        end_failed(instance, wait, side);
        return true;
    }
    return false;
}

void wait_check(struct instance *instance)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *wait = &instance->waits[i];
        if (wait->used) {
            wait->used = !(wait->removal ? removal_over(instance, wait) : change_over(instance, wait));
        }
    }
}
