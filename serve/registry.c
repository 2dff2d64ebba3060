/* What this instance tells the others about itself: one record, state.<instance>, in the bucket function-instances. It
 * is written soon after something changed and every few seconds, since the bucket forgets what is not written again,
 * and deleted by who leaves; so whoever is in it lives. Deploys and rollbacks that wait for all instances read it
 * (rollout.c).
 *
 * It says up to which revision all records are known here. A function's entry says which revision of its record is in
 * force here, how many calls still run on versions that no alias names any more, and, of a function that is to go, how
 * many that were let in before are still on their way to its queue. Writing is a publish that nobody waits for: a lost
 * one is made up for by the next. */
#include "serve/jobs.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGISTRY_SCHEMA = 1 };
#define SOON_NS      UINT64_C(30000000)
#define AGAIN_NS     UINT64_C(5000000000)
#define CHECK_NS     UINT64_C(3500000000)
#define TWIN_TOLD_NS UINT64_C(60000000000)

void registry_changed(struct instance *instance)
{
    if (instance->registry_due_ns == 0) {
        instance->registry_due_ns = loop_now_ns() + SOON_NS;
        loop_timer_arm(instance->housekeeping, SOON_NS);
    }
}

/* Calls that run on versions that no alias names any more, by the function's place in the side table; returns how many
 * there are in all. */
static uint32_t calls_outdated(const struct instance *instance, uint32_t ret_calls[SERVE_FUNCTIONS_MAX])
{
    uint32_t total = 0;
    memset(ret_calls, 0, SERVE_FUNCTIONS_MAX * sizeof ret_calls[0]);
    for (uint32_t i = 0; i < SERVE_WORKERS_MAX; i++) {
        const struct worker_side *worker = &instance->workers[i];
        const char *name = instance->functions[worker->function].record.name;
        if (!worker->used || worker->calls == 0 || function_routes(instance, name, worker->version)) {
            continue;
        }
        const struct function_side *function = function_named(instance, name);
        if (function != NULL) {
            ret_calls[function - instance->functions] += worker->calls;
        }
        total += worker->calls;
    }
    return total;
}

/* If the function is to go, or this instance: calls that were let in before, and are not known to be in the queue. */
static uint32_t calls_unconfirmed(const struct instance *instance, const struct function_side *function)
{
    uint32_t calls = 0;
    bool asked = function->record.closing != CLOSING_OPEN || instance->draining;
    for (uint32_t i = 0; asked && i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *row = &instance->functions[i];
        if (row->used && strcmp(row->record.name, function->record.name) == 0) {
            calls += core_unconfirmed(instance->core, key_of_text(instance, bytes_of(row->row)));
        }
    }
    return calls;
}

static bool row_fetching(const struct function_side *row)
{
    return row->state == FUNCTION_BUILDING && !row->fetched;
}

static uint32_t row_behind(const struct function_side *row)
{
    static const uint8_t order[FUNCTION_COUNT] = {
        [FUNCTION_FAILED] = 5, [FUNCTION_BUILDING] = 3, [FUNCTION_PROBING] = 2, [FUNCTION_READY] = 1
    };
    return order[row->state] + row_fetching(row);
}

/* The least advanced of a function's rows speaks for it. */
static const struct function_side *slowest_row(const struct instance *instance, const struct function_side *function)
{
    const struct function_side *slowest = function;
    for (size_t alias = 0; alias < SERVE_ALIASES_MAX; alias++) {
        for (size_t route = 0; route < function->record.aliases[alias].count; route++) {
            const struct function_side *row = function_route(instance, function, alias, route);
            if (row != NULL && row_behind(row) > row_behind(slowest)) {
                slowest = row;
            }
        }
    }
    return slowest;
}

/* Returns whether it says of calls that they are not where they are to be: nothing else tells when they are. */
static bool function_add(const struct instance *instance, cJSON *functions, const struct function_side *function,
                         uint32_t outdated)
{
    uint32_t unconfirmed = calls_unconfirmed(instance, function);
    const struct function_side *row = slowest_row(instance, function);
    cJSON *entry = cJSON_AddObjectToObject(functions, function->record.name);
    cJSON_AddNumberToObject(entry, "revision", (double)function->record.revision);
    cJSON_AddStringToObject(entry, "state", row_fetching(row) ? "FETCHING" : function_state_name(row->state));
    struct core_queue queue;
    if (core_queue(instance->core, key_of_text(instance, bytes_of(function->row)), &queue)) {
        cJSON_AddBoolToObject(entry, "takes", queue.takes);
    }
    if (row->message[0] != '\0') {
        char text[200];
        functions_message(row, text, sizeof text);
        cJSON_AddStringToObject(entry, "message", text);
    }
    if (outdated > 0) {
        cJSON_AddNumberToObject(entry, "outdated", outdated);
    }
    if (unconfirmed > 0) {
        cJSON_AddNumberToObject(entry, "unconfirmed", unconfirmed);
    }
    return outdated + unconfirmed > 0;
}

/* *ret_again: what it says will soon be different. */
static cJSON *registry_print(const struct instance *instance, bool *ret_again)
{
    uint32_t outdated[SERVE_FUNCTIONS_MAX];
    struct core_view view;
    core_view(instance->core, &view);
    *ret_again = calls_outdated(instance, outdated) > 0;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "schema", REGISTRY_SCHEMA);
    cJSON_AddStringToObject(json, "instance", instance->name);
    cJSON_AddStringToObject(json, "state", instance_state_name(view.instance));
    cJSON_AddNumberToObject(json, "startedUnixMs", (double)instance->started_unix_ms);
    cJSON_AddNumberToObject(json, "run", instance->run);
    cJSON_AddStringToObject(json, "version", STEAD_VERSION);
    cJSON_AddNumberToObject(json, "slots", (double)instance->config->service_slots);
    cJSON_AddNumberToObject(json, "running", view.running);
    cJSON_AddNumberToObject(json, "records", (double)instance->records_known);
    if (instance->durability.storage[0] != '\0') {
        cJSON *durability = cJSON_AddObjectToObject(json, "durability");
        cJSON_AddStringToObject(durability, "storage", instance->durability.storage);
        cJSON_AddNumberToObject(durability, "replicas", instance->durability.replicas);
        int64_t sync_ms = instance->durability.sync_ns / 1000000;
        cJSON_AddNumberToObject(durability, "syncMs", (double)sync_ms);
        cJSON_AddBoolToObject(durability, "syncTold", instance->durability.sync_told);
    }
    cJSON *languages = cJSON_AddArrayToObject(json, "languages");
    for (int language = 0; language < BUILD_LANGUAGE_COUNT; language++) {
        if (instance->serves[language]) {
            cJSON_AddItemToArray(languages, cJSON_CreateString(build_language_name((enum build_language)language)));
        }
    }
    cJSON *functions = cJSON_AddObjectToObject(json, "functions");
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && !side->stray && side->state != FUNCTION_RETIRING && !row_is_route(side->row)) {
            *ret_again = function_add(instance, functions, side, outdated[i]) || *ret_again;
        }
    }
    return json;
}

static char *registry_text(const struct instance *instance, bool *ret_again)
{
    cJSON *json = registry_print(instance, ret_again);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

char *registry_announcement(const struct instance *instance)
{
    bool again;
    return registry_text(instance, &again);
}

enum broker_status registry_announce(struct broker *broker, const char *instance_name, const char *announcement,
                                     struct broker_error *error)
{
    char key[80];
    uint64_t revision;
    snprintf(key, sizeof key, "state.%s", instance_name);
    return broker_kv_put(broker, BROKER_BUCKET_INSTANCES, key, bytes_of(announcement), &revision, error);
}

/* A message of its record: the text, or, with a header, that it is deleted. */
static void registry_publish(struct instance *instance, const struct bus_header *header, struct bytes body)
{
    char subject[160];
    snprintf(subject, sizeof subject, "$KV." BROKER_BUCKET_INSTANCES ".state.%s", instance->name);
    struct bus_publish publish = {
        .subject = subject, .headers = header, .header_count = header != NULL, .body = body
    };
    bus_publish(instance->bus, &publish);
}

static void registry_write(struct instance *instance)
{
    bool again;
    char *text = registry_text(instance, &again);
    if (text != NULL) {
        registry_publish(instance, NULL, bytes_of(text));
    }
    cJSON_free(text);
    if (again) {
        registry_changed(instance);
    }
}

static bool any_unconfirmed(const struct instance *instance)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && calls_unconfirmed(instance, side) > 0) {
            return true;
        }
    }
    return false;
}

void registry_leave(struct instance *instance)
{
    if (any_unconfirmed(instance) || instance->registry_twin_ns != 0) {
        return;
    }
    const struct bus_header deletion = { bytes_of("KV-Operation"), bytes_of("DEL") };
    registry_publish(instance, &deletion, (struct bytes){ 0 });
}

bool registry_knows(struct bytes value, const struct record *record)
{
    cJSON *json = cJSON_ParseWithLength((const char *)value.at, value.length);
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "state"));
    const cJSON *functions = cJSON_GetObjectItemCaseSensitive(json, "functions");
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(functions, record->name);
    const cJSON *revision = entry != NULL ? cJSON_GetObjectItemCaseSensitive(entry, "revision")
                                          : cJSON_GetObjectItemCaseSensitive(json, "records");
    bool leaving = state != NULL && strcmp(state, "SHUTTING_DOWN") == 0;
    bool all_queued = !cJSON_HasObjectItem(entry, "unconfirmed");
    bool knows = cJSON_IsNumber(revision) && revision->valuedouble >= (double)record->revision;
    cJSON_Delete(json);
    return all_queued && (knows || leaving);
}

/* -- another instance of the same name ----------------------------------------------------------------------------- */

struct twin_job {
    struct instance *instance;
    char name[64];
    uint32_t run;
    bool twin;
};

/* What we wrote is replaced by whoever writes under the same name: others are gone, or they are still at it. */
static void twin_run(void *argument)
{
    struct twin_job *job = argument;
    struct broker_error error;
    struct broker *broker = jobs_broker(job->instance, &error);
    char key[80];
    uint8_t *value = NULL;
    size_t length = 0;
    uint64_t revision;
    snprintf(key, sizeof key, "state.%s", job->name);
    if (broker != NULL &&
        broker_kv_get(broker, BROKER_BUCKET_INSTANCES, key, &value, &length, &revision, &error) == BROKER_OK) {
        cJSON *json = cJSON_ParseWithLength((const char *)value, length);
        const cJSON *run = cJSON_GetObjectItemCaseSensitive(json, "run");
        job->twin = !cJSON_IsNumber(run) || run->valuedouble != (double)job->run;
        cJSON_Delete(json);
    }
    free(value);
}

static void twin_done(void *argument, bool cancelled)
{
    struct twin_job *job = argument;
    struct instance *instance = job->instance;
    instance->registry_checking = false;
    bool told = instance->registry_twin_ns != 0 && loop_now_ns() - instance->registry_twin_ns < TWIN_TOLD_NS;
    if (!cancelled && job->twin && !told) {
        instance->registry_twin_ns = loop_now_ns();
        log_error(
            "system.service",
            "another instance has the same name: nobody can tell them apart, and rollouts count them as one; give "
            "each a service.name of its own, or none",
            LOG_TEXT("name", instance->name));
    }
    free(job);
}

static void twin_check(struct instance *instance)
{
    struct twin_job *job = instance->registry_checking ? NULL : calloc(1, sizeof *job);
    if (job != NULL) {
        *job = (struct twin_job){ .instance = instance, .run = instance->run };
        memcpy(job->name, instance->name, sizeof job->name);
        instance->registry_checking = control_submit(instance->control, twin_run, twin_done, job);
        if (!instance->registry_checking) {
            free(job);
        }
    }
}

/* Shortly before it writes again, an instance looks whether another did: both write every few seconds. */
void registry_tick(struct instance *instance)
{
    uint64_t now = loop_now_ns();
    bool due = instance->registry_due_ns != 0 && instance->registry_due_ns <= now;
    bool again = now - instance->registry_told_ns >= AGAIN_NS;
    if (instance->stopped) {
        return;
    }
    if (instance->link_fed && (due || again)) {
        instance->registry_told_ns = now;
        instance->registry_due_ns = 0;
        instance->registry_checked = false;
        registry_write(instance);
    } else if (instance->link_fed && !instance->registry_checked && now - instance->registry_told_ns >= CHECK_NS) {
        instance->registry_checked = true;
        twin_check(instance);
    }
}
