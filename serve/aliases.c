/* Moves aliases of a function between its stored versions: rollback, canary, promotion. A move is one compare-and-set
 * of the function's record, on the control thread; every instance then makes its rows what the record says. The
 * caller waits until the first version of the alias serves here; how far the other instances are is what Rollout
 * tells. */
#include "serve/versions.h"

#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct move_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;      /* language and name; then the function's record as it is written */
    struct record_alias alias; /* what is to be; count 0: remove it */
    bool rollback;
    uint32_t rows_free; /* of the core when it began */
    enum rpc_status status;
    const char *reason;
    char text[600];
};

static bool refuse(struct move_job *job, enum rpc_status status, const char *reason, const char *text)
{
    job->status = status;
    job->reason = reason;
    snprintf(job->text, sizeof job->text, "%s", text);
    return false;
}

static bool refuse_as(struct move_job *job, struct record_refusal refusal)
{
    return refuse(job, refusal.status, refusal.reason, refusal.text);
}

static bool function_read(struct move_job *job, struct broker *broker)
{
    struct broker_error error;
    enum broker_status status = record_read(broker, &job->record, &error);
    if (status != BROKER_OK) {
        return refuse_as(job, record_unread(status, &error));
    }
    return job->record.closing == CLOSING_OPEN ||
           refuse(job, RPC_STATUS_FAILED_PRECONDITION, "FUNCTION_REMOVED", "the function is being removed");
}

/* All versions of the alias must be stored; the one that serves now was perhaps deployed by an older instance. */
static bool versions_check(struct move_job *job, struct broker *broker, struct record *ret_first)
{
    struct broker_error error;
    if (version_store(broker, &job->record, &error) != BROKER_OK) {
        return refuse(job, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", error.text);
    }
    for (uint32_t i = job->alias.count; i-- > 0;) { /* The first one last: it is the one to return. */
        const char *version = job->alias.routes[i].version;
        enum broker_status status = version_read(broker, &job->record, version, ret_first, &error);
        if (status == BROKER_NOT_FOUND) {
            char text[200];
            snprintf(text, sizeof text, "no version %s is stored; `stead function versions %s` lists them", version,
                     job->record.name);
            return refuse(job, RPC_STATUS_NOT_FOUND, "VERSION_NOT_FOUND", text);
        }
        if (status != BROKER_OK) {
            return refuse_as(job, record_unread(status, &error));
        }
    }
    return true;
}

bool record_place_alias(struct record *record, const struct record_alias *alias)
{
    struct record_alias *place = record_alias(record, alias->name);
    for (int i = 1; place == NULL && alias->count > 0 && i < SERVE_ALIASES_MAX; i++) {
        place = record->aliases[i].name[0] == '\0' ? &record->aliases[i] : NULL;
    }
    if (place != NULL) {
        *place = alias->count == 0 ? (struct record_alias){ .count = 0 } : *alias;
    }
    return place != NULL || alias->count == 0;
}

void record_live(struct record *record, const struct record *version)
{
    if (strcmp(record->version, version->version) != 0) {
        memcpy(record->previous, record->version, sizeof record->previous);
        record_adopt_version(record, version);
    }
}

static bool target_find(struct move_job *job)
{
    if (!job->rollback) {
        return true;
    }
    struct record_alias *live = &job->record.aliases[0];
    if (job->alias.routes[0].version[0] == '\0') {
        const char *back = live->count > 1 ? job->record.version : job->record.previous; /* A canary is just ended. */
        memcpy(job->alias.routes[0].version, back, sizeof job->record.version);
    }
    return job->alias.routes[0].version[0] != '\0' ||
           refuse(job, RPC_STATUS_FAILED_PRECONDITION, "VERSION_NOT_FOUND",
                  "there is no version before this one; name one of `stead function versions`");
}

static bool function_write(struct move_job *job, struct broker *broker)
{
    struct broker_error error;
    enum broker_status status = record_write(broker, &job->record, job->record.revision, &error);
    return status == BROKER_OK || refuse_as(job, record_refused(status, &error));
}

static void move_run(void *argument)
{
    struct move_job *job = argument;
    struct broker_error error;
    struct record first;
    struct broker *broker = jobs_broker(job->instance, &error);
    if (broker == NULL) {
        refuse(job, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", error.text);
        return;
    }
    if (!function_read(job, broker) || !target_find(job) || !versions_check(job, broker, &first)) {
        return;
    }
    uint32_t rows = record_rows(&job->record);
    if (strcmp(job->alias.name, "live") == 0) {
        record_live(&job->record, &first);
    }
    if (!record_place_alias(&job->record, &job->alias)) {
        refuse(job, RPC_STATUS_RESOURCE_EXHAUSTED, "ALIASES_FULL", ALIASES_FULL_TEXT);
    } else if (record_rows(&job->record) > rows + job->rows_free) {
        refuse(job, RPC_STATUS_RESOURCE_EXHAUSTED, "FUNCTIONS_FULL", FUNCTIONS_FULL_TEXT);
    } else if (function_write(job, broker)) {
        job->status = RPC_STATUS_OK;
    }
}

static void move_done(void *argument, bool cancelled)
{
    struct move_job *job = argument;
    struct instance *instance = job->instance;
    struct change_wait wait = { .rpc_id = job->rpc_id, .record = job->record };
    const struct record_alias *placed = record_alias(&job->record, job->alias.name);
    wait_release(instance);
    if (cancelled) {
        admin_shutting_down(instance, job->rpc_id);
    } else if (job->status != RPC_STATUS_OK) {
        admin_status(instance, job->rpc_id, job->status, job->reason, job->text);
    } else {
        record_row(&job->record, 0, 0, wait.row);
        memcpy(wait.version, job->record.version, sizeof wait.version);
        if (placed != NULL) {
            record_row(&job->record, (size_t)(placed - job->record.aliases), 0, wait.row);
            memcpy(wait.version, placed->routes[0].version, sizeof wait.version);
        }
        wait_begin(instance, &wait);
        jobs_records(instance, true);
    }
    free(job);
}

static void move_submit(struct instance *instance, const struct rpc_request *request, const struct move_job *move)
{
    const struct function_side *side = admin_find(instance, request);
    struct move_job *job = side == NULL ? NULL : malloc(sizeof *job);
    if (side == NULL) {
        return;
    }
    if (job != NULL) {
        *job = *move;
        job->instance = instance;
        job->rpc_id = request->id;
        job->record = side->record;
        job->rows_free = functions_free(instance);
    }
    if (!wait_reserve(instance, request->id)) {
        free(job);
        return;
    }
    if (job == NULL || !control_submit(instance->control, move_run, move_done, job)) {
        wait_release(instance);
        admin_busy(instance, request->id);
        free(job);
    }
}

static bool version_copy(struct bytes text, char ret_version[SERVE_VERSION_BYTES])
{
    if (text.length >= SERVE_VERSION_BYTES) {
        return false;
    }
    snprintf(ret_version, SERVE_VERSION_BYTES, "%.*s", (int)text.length, text.length == 0 ? "" : (const char *)text.at);
    return strspn(ret_version, "0123456789abcdef") == text.length;
}

static void invalid(struct instance *instance, const struct rpc_request *request, const char *text)
{
    admin_status(instance, request->id, RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", text);
}

void versions_rollback(struct instance *instance, const struct rpc_request *request)
{
    struct move_job move = { .rollback = true, .alias = { .name = "live", .count = 1 } };
    move.alias.routes[0].weight = 100;
    if (!version_copy(request->version, move.alias.routes[0].version)) {
        invalid(instance, request, "version: 16 hexadecimal digits, as `stead function versions` shows them");
        return;
    }
    move_submit(instance, request, &move);
}

bool alias_name_copy(struct bytes text, char ret_name[SERVE_NAME_BYTES])
{
    bool good = text.length < SERVE_NAME_BYTES && cloudevents_function_name_valid(text);
    snprintf(ret_name, SERVE_NAME_BYTES, "%.*s", good ? (int)text.length : 0, good ? (const char *)text.at : "");
    return good;
}

void versions_alias(struct instance *instance, const struct rpc_request *request)
{
    struct move_job move = { .rollback = false };
    uint32_t sum = 0;
    if (!alias_name_copy(request->alias.name, move.alias.name)) {
        invalid(instance, request, "alias: a name like a function's, ^[a-z][a-z0-9_-]{0,62}$");
        return;
    }
    for (size_t i = 0; i < request->alias.route_count; i++) {
        struct record_route *route = &move.alias.routes[move.alias.count++];
        route->weight = request->alias.routes[i].weight;
        sum += route->weight;
        if (!version_copy(request->alias.routes[i].version, route->version) || route->version[0] == '\0' ||
            route->weight == 0 || route->weight > 100) {
            invalid(instance, request, "routes: a version (16 hexadecimal digits) and a weight from 1 to 100 each");
            return;
        }
        for (uint32_t before = 0; before + 1 < move.alias.count; before++) {
            if (strcmp(move.alias.routes[before].version, route->version) == 0) {
                invalid(instance, request, "routes: a version stands there twice");
                return;
            }
        }
    }
    bool live = strcmp(move.alias.name, "live") == 0;
    if ((move.alias.count > 0 && sum != 100) || (live && move.alias.count == 0)) {
        invalid(instance, request,
                live && sum == 0 ? "alias live can't be removed; remove the function instead"
                                 : "routes: the weights must sum up to 100");
        return;
    }
    move_submit(instance, request, &move);
}
