/* The admin service: deploy, list, get, remove. Lists and gets are answered from what this instance knows; deploys and
 * removals go through the broker, where every instance sees them. */
#include "serve/deploy.h"
#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void admin_status(struct instance *instance, uint64_t rpc_id, enum rpc_status status, const char *reason,
                  const char *text)
{
    struct rpc_answer answer = { .id = rpc_id,
                                 .kind = RPC_ANSWER_STATUS,
                                 .status = status,
                                 .reason = bytes_of(reason),
                                 .text = bytes_of(text),
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    rpc_server_answer(instance->rpc, &answer);
}

static void function_show(const struct instance *instance, const struct function_side *side, struct rpc_function *ret)
{
    uint32_t workers = 0;
    for (uint32_t i = 0; i < SERVE_WORKERS_MAX; i++) {
        const struct worker_side *worker = &instance->workers[i];
        workers += worker->used && &instance->functions[worker->function] == side;
    }
    *ret = (struct rpc_function){ .language = bytes_of(side->record.language),
                                  .name = bytes_of(side->record.name),
                                  .version = bytes_of(side->record.version),
                                  .state = bytes_of(function_state_name(side->state)),
                                  .message = bytes_of(side->message),
                                  .digest = bytes_of(side->record.digest),
                                  .created_unix_ms = side->record.created_unix_ms,
                                  .workers = workers };
}

static void answer_functions(struct instance *instance, uint64_t rpc_id, const struct rpc_function *list, size_t count)
{
    struct rpc_answer answer = { .id = rpc_id,
                                 .kind = RPC_ANSWER_FUNCTIONS,
                                 .functions = list,
                                 .function_count = count,
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    rpc_server_answer(instance->rpc, &answer);
}

static int compare_functions(const void *a, const void *b)
{
    const struct rpc_function *left = a, *right = b;
    return strcmp((const char *)left->name.at, (const char *)right->name.at); /* Names are unique C strings here. */
}

static void admin_list(struct instance *instance, const struct rpc_request *request)
{
    struct rpc_function *list = calloc(SERVE_FUNCTIONS_MAX, sizeof *list);
    size_t count = 0;
    for (uint32_t i = 0; list != NULL && i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        bool wanted = request->name.length == 0 || bytes_equal_text(request->name, side->record.language);
        if (side->used && wanted) {
            function_show(instance, side, &list[count++]);
        }
    }
    if (list != NULL) {
        qsort(list, count, sizeof *list, compare_functions);
    }
    answer_functions(instance, request->id, list, count);
    free(list);
}

static struct function_side *admin_find(struct instance *instance, const struct rpc_request *request)
{
    char name[SERVE_NAME_BYTES];
    if (request->name.length < sizeof name) {
        memcpy(name, request->name.at, request->name.length);
        name[request->name.length] = '\0';
        struct function_side *side = function_named(instance, name);
        if (side != NULL) {
            return side;
        }
    }
    admin_status(instance, request->id, RPC_STATUS_NOT_FOUND, "FUNCTION_NOT_FOUND",
                 "no function of that name is deployed");
    return NULL;
}

static void admin_get(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    if (side != NULL) {
        struct rpc_function shown;
        function_show(instance, side, &shown);
        answer_functions(instance, request->id, &shown, 1);
    }
}

/* -- remove -------------------------------------------------------------------------------------------------------- */

struct remove_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;
    enum broker_status status;
    uint64_t waiting;
    struct broker_error error;
};

static void remove_run(void *argument)
{
    struct remove_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    struct broker_consumer consumer;
    char key[SERVE_KEY_BYTES], object[128];
    job->status = job->error.status;
    if (broker == NULL) {
        return;
    }
    job->status =
        broker_consumer_ensure(broker, job->record.language, job->record.name, job->instance->config->queue_ack_wait_ns,
                               CONSUMER_ACK_PENDING_MAX, &consumer, &job->error);
    job->waiting = job->status == BROKER_OK ? consumer.pending + consumer.ack_pending : 0;
    if (job->status != BROKER_OK || job->waiting > 0) {
        return;
    }
    record_key(&job->record, key);
    job->status = broker_kv_delete(broker, BROKER_BUCKET_CONFIG, key, 0, &job->error);
    if (job->status == BROKER_OK) {
        struct broker_error ignored; /* What is left over costs space, nothing else. */
        jobs_object_name(&job->record, object);
        broker_consumer_delete(broker, job->record.language, job->record.name, &ignored);
        broker_object_delete(broker, BROKER_BUCKET_CODE, object, &ignored);
    }
}

static void remove_done(void *argument, bool cancelled)
{
    struct remove_job *job = argument;
    struct instance *instance = job->instance;
    char text[200];
    if (cancelled) {
        admin_status(instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", "this instance is shutting down");
    } else if (job->waiting > 0) {
        snprintf(text, sizeof text,
                 "%llu requests of this function are queued or running; try again when they are done",
                 (unsigned long long)job->waiting);
        admin_status(instance, job->rpc_id, RPC_STATUS_FAILED_PRECONDITION, "FUNCTION_BUSY", text);
    } else if (job->status != BROKER_OK) {
        admin_status(instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", job->error.text);
    } else {
        struct rpc_function shown = { .language = bytes_of(job->record.language),
                                      .name = bytes_of(job->record.name),
                                      .version = bytes_of(job->record.version),
                                      .state = bytes_of("REMOVED") };
        answer_functions(instance, job->rpc_id, &shown, 1);
        functions_unset(instance, job->record.name);
    }
    free(job);
}

static void admin_remove(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    struct remove_job *job = side == NULL ? NULL : calloc(1, sizeof *job);
    if (side == NULL) {
        return;
    }
    if (job != NULL) {
        *job = (struct remove_job){ .instance = instance, .rpc_id = request->id, .record = side->record };
    }
    if (job == NULL || !control_submit(instance->control, remove_run, remove_done, job)) {
        admin_status(instance, request->id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                     "too many jobs wait; try again later");
        free(job);
    }
}

/* -- deploys that wait --------------------------------------------------------------------------------------------- */

bool admin_wait(struct instance *instance, uint64_t rpc_id, const struct record *record, const struct record *before)
{
    for (uint32_t i = 0; i < SERVE_DEPLOYS_MAX; i++) {
        struct deploy_wait *wait = &instance->deploys[i];
        if (!wait->used) {
            *wait = (struct deploy_wait){ .rpc_id = rpc_id, .used = true, .record = *record, .before = *before };
            return true;
        }
    }
    admin_status(instance, rpc_id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                 "stored, but too many deploys wait on this instance to tell how it went; ask by `stead function get`");
    return false;
}

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

static void deploy_revert(struct instance *instance, const struct deploy_wait *wait)
{
    struct revert_job *job = malloc(sizeof *job);
    if (job != NULL) {
        *job = (struct revert_job){ instance, wait->record, wait->before };
        if (!control_submit(instance->control, revert_run, revert_done, job)) {
            free(job);
        }
    }
}

static void wait_failed(struct instance *instance, const struct deploy_wait *wait, const struct function_side *side)
{
    char text[512];
    snprintf(text, sizeof text, "the new version did not start, nothing was changed: %.400s", side->message);
    admin_status(instance, wait->rpc_id, RPC_STATUS_FAILED_PRECONDITION, "PLUGIN_NOT_STARTED", text);
    deploy_revert(instance, wait);
}

static void wait_ended(struct instance *instance, const struct deploy_wait *wait, const struct function_side *side,
                       bool ready)
{
    struct rpc_function shown;
    bool replaced = strcmp(wait->record.version, side->record.version) != 0 || side->state == FUNCTION_RETIRING;
    if (replaced) {
        admin_status(instance, wait->rpc_id, RPC_STATUS_ABORTED, "CONCURRENT_DEPLOY",
                     "somebody else deployed or removed this function before the version took over; look at it with "
                     "`stead function get` and try again");
    } else if (ready) {
        function_show(instance, side, &shown);
        answer_functions(instance, wait->rpc_id, &shown, 1);
    } else {
        wait_failed(instance, wait, side);
    }
}

void admin_state(struct instance *instance, const struct function_side *side, bool ready)
{
    bool ended = ready || side->state == FUNCTION_FAILED || side->state == FUNCTION_RETIRING;
    for (uint32_t i = 0; ended && i < SERVE_DEPLOYS_MAX; i++) {
        struct deploy_wait *wait = &instance->deploys[i];
        if (wait->used && strcmp(wait->record.name, side->record.name) == 0) {
            wait->used = false;
            wait_ended(instance, wait, side, ready);
        }
    }
}

void admin_request(struct instance *instance, const struct rpc_request *request)
{
    switch (request->kind) {
    case RPC_LIST:
        admin_list(instance, request);
        break;
    case RPC_GET:
        admin_get(instance, request);
        break;
    case RPC_REMOVE:
        admin_remove(instance, request);
        break;
    default:
        deploy_start(instance, request->id, request->deploy);
    }
}
