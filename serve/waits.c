/* Callers of the admin service who wait: for a version to serve here, or for a function to be gone. What they wait
 * for is looked up in the side table each time something changed, so it does not matter in which order the news come:
 * the record that they wrote, the core's word about it, another record by somebody else.
 *
 * A place is reserved before anything is changed, so that whoever changes something can be told how it went.
 *
 * A version that does not come up here is taken back, if it was deployed here just now: also if the caller went away
 * meanwhile, and also if another deploy came in between, failed too, and was taken back to this one. What else changed
 * in the record since is left alone. */
#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So long it is watched whether what replaced a version is taken back. */
#define REPLACED_NS UINT64_C(120000000000)

bool wait_reserve(struct instance *instance, uint64_t rpc_id)
{
    uint32_t taken = instance->waits_reserved;
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        taken += instance->waits[i].used && !instance->waits[i].silent;
    }
    if (taken < SERVE_WAITS_MAX) {
        instance->waits_reserved++;
        return true;
    }
    admin_status(instance, rpc_id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                 "too many callers wait for changes on this instance; nothing was changed, try again later");
    return false;
}

void wait_release(struct instance *instance)
{
    ASSERT(instance->waits_reserved > 0);
    instance->waits_reserved--;
}

void wait_begin(struct instance *instance, const struct change_wait *wait)
{
    struct change_wait *place = NULL;
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *one = &instance->waits[i];
        bool better = place == NULL || (place->used && !one->used);
        place = better && (!one->used || one->silent) ? one : place;
    }
    ASSERT(place != NULL); /* reserved: at worst one that nobody waits for any more makes room */
    *place = *wait;
    place->used = true;
    if (!wait->removal) {
        functions_again(instance, wait->row, wait->version);
    }
}

void wait_gone(struct instance *instance, uint64_t rpc_id)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *wait = &instance->waits[i];
        if (wait->used && !wait->silent && wait->rpc_id == rpc_id) {
            wait->silent = true;
            wait->used = wait->reverts;
        }
    }
}

/* -- taking back --------------------------------------------------------------------------------------------------- */

struct revert_job {
    struct instance *instance;
    struct change_wait wait;
    bool replaced; /* the record names another version already */
};

/* The alias becomes what it was, nothing else changes. */
static void alias_revert(const struct change_wait *wait, struct record *record)
{
    struct record before = wait->before;
    struct record_alias none = { .count = 0 };
    const struct record_alias *was = record_alias(&before, wait->alias);
    if (strcmp(wait->alias, "live") == 0) {
        record_adopt_version(record, &before);
        memcpy(record->previous, before.previous, sizeof record->previous);
    }
    if (was == NULL) {
        snprintf(none.name, sizeof none.name, "%s", wait->alias);
    }
    record_place_alias(record, was != NULL ? was : &none);
}

static enum broker_status revert_once(struct revert_job *job, struct broker *broker)
{
    const struct change_wait *wait = &job->wait;
    struct broker_error error;
    struct record record = wait->record;
    char key[SERVE_KEY_BYTES];
    enum broker_status status = record_read(broker, &record, &error);
    if (status != BROKER_OK || record.closing != CLOSING_OPEN) {
        return status;
    }
    job->replaced = record_route(record_alias(&record, wait->alias), wait->version) == NULL;
    if (job->replaced) {
        return BROKER_OK;
    }
    if (wait->before.name[0] != '\0') {
        alias_revert(wait, &record);
        return record_write(broker, &record, record.revision, &error);
    }
    record_key(&record, key);
    return record.revision == wait->record.revision
               ? broker_kv_delete(broker, BROKER_BUCKET_CONFIG, key, record.revision, &error)
               : BROKER_OK; /* Somebody has use for it. */
}

static void revert_run(void *argument)
{
    struct revert_job *job = argument;
    struct broker_error error;
    struct broker *broker = jobs_broker(job->instance, &error);
    enum broker_status status = broker == NULL ? BROKER_UNREACHABLE : BROKER_CONFLICT;
    for (int tries = 0; status == BROKER_CONFLICT && tries < 3; tries++) {
        status = revert_once(job, broker);
    }
    if (status != BROKER_OK && status != BROKER_NOT_FOUND) {
        log_error("system.config", "a version that does not start could not be taken back; roll the function back",
                  LOG_TEXT("function", job->wait.record.name), LOG_TEXT("version", job->wait.version),
                  LOG_TEXT("status", broker_status_name(status)));
    }
}

/* What replaced it had this version before it, and may fail and be taken back to it. */
static void wait_watch(struct instance *instance, const struct change_wait *wait)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *place = &instance->waits[i];
        if (!place->used) {
            *place = *wait;
            place->silent = true;
            place->replaced_ns = loop_now_ns();
            return;
        }
    }
}

static void revert_done(void *argument, bool cancelled)
{
    struct revert_job *job = argument;
    struct instance *instance = job->instance;
    if (!cancelled) {
        jobs_records(instance, false);
    }
    if (!cancelled && job->replaced) {
        wait_watch(instance, &job->wait);
        wait_check(instance);
    }
    free(job);
}

static void wait_revert(struct instance *instance, const struct change_wait *wait)
{
    struct revert_job *job = malloc(sizeof *job);
    if (job != NULL) {
        *job = (struct revert_job){ .instance = instance, .wait = *wait };
        if (!control_submit(instance->control, revert_run, revert_done, job)) {
            free(job);
        }
    }
}

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void end_status(struct instance *instance, const struct change_wait *wait, enum rpc_status status,
                       const char *reason, const char *text)
{
    if (!wait->silent) {
        admin_status(instance, wait->rpc_id, status, reason, text);
    }
}

static void end_failed(struct instance *instance, const struct change_wait *wait, const struct function_side *side)
{
    char text[512];
    snprintf(text, sizeof text, "the version did not start%s: %.400s", wait->reverts ? ", nothing was changed" : "",
             side->message);
    end_status(instance, wait, RPC_STATUS_FAILED_PRECONDITION, "PLUGIN_NOT_STARTED", text);
    if (wait->reverts) {
        wait_revert(instance, wait);
    }
}

static void end_replaced(struct instance *instance, const struct change_wait *wait)
{
    end_status(instance, wait, RPC_STATUS_ABORTED, "CONCURRENT_DEPLOY",
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

/* Nobody waits any more, but what replaced it may be taken back. */
static bool change_replaced(struct instance *instance, struct change_wait *wait)
{
    if (wait->replaced_ns == 0) {
        end_replaced(instance, wait);
        wait->silent = true;
        wait->replaced_ns = loop_now_ns();
    }
    return !wait->reverts || loop_now_ns() - wait->replaced_ns > REPLACED_NS;
}

/* True if it is over. */
static bool change_over(struct instance *instance, struct change_wait *wait)
{
    const struct function_side *function = function_named(instance, wait->record.name);
    const struct function_side *side = function_named(instance, wait->row);
    bool told = function != NULL && function->record.revision >= wait->record.revision;
    if (!told) {
        return wait->replaced_ns != 0; /* Else the record is still on its way to us. */
    }
    if (side == NULL || side->state == FUNCTION_RETIRING || strcmp(side->record.version, wait->version) != 0) {
        return change_replaced(instance, wait);
    }
    bool serves = side->state == FUNCTION_READY && strcmp(side->serving, wait->version) == 0;
    if (serves || side->state == FUNCTION_ELSEWHERE) {
        if (!wait->silent) {
            admin_answer_function(instance, wait->rpc_id, function);
        }
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

void wait_refused(struct instance *instance, const struct row *row)
{
    for (uint32_t i = 0; i < SERVE_WAITS_MAX; i++) {
        struct change_wait *wait = &instance->waits[i];
        bool ours = wait->used && !wait->removal && strcmp(wait->row, row->text) == 0 &&
                    wait->record.revision <= row->record.revision;
        if (ours) {
            end_status(instance, wait, RPC_STATUS_RESOURCE_EXHAUSTED, "FUNCTIONS_FULL", FUNCTIONS_FULL_TEXT);
            wait->used = false;
            if (wait->reverts) {
                wait_revert(instance, wait);
            }
        }
    }
}
