/* What is queued for whom, seen once a second: the broker's counts by function, of the fullest also how old their first
 * message is, and, for the instance that sweeps, which others take from them. All of it is told to the core; mail for
 * what no record knows is a stray, which gets a side-table row like a function's once the core takes it up. */
#include "serve/queues.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LOOKS_MAX = 16, AGE_LOOKS_MAX = 64, TAKERS_EVERY = 3 };

/* -- on the control thread ----------------------------------------------------------------------------------------- */

static void seen_add(void *owner, const char *language, const char *name, uint64_t messages)
{
    struct queues_job *job = owner;
    if (strlen(language) >= SERVE_LANGUAGE_BYTES || strlen(name) >= SERVE_NAME_BYTES) {
        return; /* No function can be called so. */
    }
    if (job->count == job->capacity) {
        size_t capacity = job->capacity == 0 ? 64 : job->capacity * 2;
        struct queue_seen *grown = realloc(job->list, capacity * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        job->list = grown;
        job->capacity = capacity;
    }
    struct queue_seen *seen = &job->list[job->count++];
    *seen = (struct queue_seen){ .messages = messages };
    memcpy(seen->language, language, strlen(language) + 1);
    memcpy(seen->name, name, strlen(name) + 1);
}

/* Whether a live instance, which is not this one, takes from the function's queue. */
static bool takes(const cJSON *record, const char *own, const char *name)
{
    const char *instance = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, "instance"));
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, "state"));
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "functions"), name);
    const cJSON *said = cJSON_GetObjectItemCaseSensitive(entry, "takes");
    const char *ready = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "state"));
    bool other = instance != NULL && strcmp(instance, own) != 0;
    bool leaving = state != NULL && strcmp(state, instance_state_name(INSTANCE_SHUTTING_DOWN)) == 0;
    bool takes = said != NULL ? cJSON_IsTrue(said) : ready != NULL && strcmp(ready, "READY") == 0;
    return other && !leaving && takes;
}

static void takers_count(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct queues_job *job = owner;
    (void)key;
    (void)revision;
    cJSON *record = cJSON_ParseWithLength((const char *)value.at, value.length);
    for (size_t i = 0; i < job->count; i++) {
        job->list[i].takers += takes(record, job->own, job->list[i].name);
    }
    cJSON_Delete(record);
}

static int fuller(const void *a, const void *b)
{
    const struct queue_seen *one = a, *other = b;
    return one->messages != other->messages ? (one->messages < other->messages) - (one->messages > other->messages)
                                            : strcmp(one->name, other->name);
}

static bool aged(const struct queues_job *job, const struct queue_seen *seen)
{
    char key[SERVE_KEY_BYTES];
    snprintf(key, sizeof key, "%s/%s", seen->language, seen->name);
    for (size_t i = 0; i < job->aged_count; i++) {
        if (strcmp(job->aged[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* Two questions to the broker for each function that wants to know. */
static void waiting_look(const struct queues_job *job, struct broker *broker)
{
    for (size_t i = 0; i < job->count && job->aged_count > 0; i++) {
        struct queue_seen *seen = &job->list[i];
        struct broker_error ignored;
        seen->waiting_known = aged(job, seen) && broker_queue_waiting(broker, seen->language, seen->name,
                                                                      &seen->waiting_wall_ns, &ignored) == BROKER_OK;
    }
}

static void queues_run(void *argument)
{
    struct queues_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL || broker_queues(broker, seen_add, job, &job->bytes_mean, &job->error) != BROKER_OK) {
        return;
    }
    if (job->count > 0) {
        qsort(job->list, job->count, sizeof job->list[0], fuller);
    }
    size_t looks_max = job->rpc_id != 0 ? job->count : FIRST_LOOKS_MAX;
    for (size_t i = 0; i < job->count && i < looks_max; i++) {
        struct broker_error ignored;
        uint64_t sequence;
        broker_queue_first(broker, job->list[i].language, job->list[i].name, &sequence, &job->list[i].stored_wall_ns,
                           &ignored);
    }
    waiting_look(job, broker);
    job->room_known = job->room_wanted && room_look(broker, job->instance->config, &job->room);
    job->takers_known = job->takers_wanted && broker_kv_each(broker, BROKER_BUCKET_INSTANCES, "state.*", takers_count,
                                                             job, &job->error) == BROKER_OK;
    job->good = true;
}

/* -- on the loop thread -------------------------------------------------------------------------------------------- */

/* 0: nothing waits. */
static uint64_t waiting_ns(const struct instance *instance, const struct queue_seen *seen)
{
    uint64_t age_ns;
    if (seen->waiting_known && seen->waiting_wall_ns == 0) {
        return 0;
    }
    if (!seen->waiting_known || !provision_age_ns(instance, seen->waiting_wall_ns, &age_ns)) {
        return OLDEST_UNKNOWN;
    }
    return age_ns > 0 ? age_ns : 1;
}

static void queue_tell(struct instance *instance, enum input_kind kind, const char *row, const struct queue_seen *seen,
                       uint64_t bytes_mean, uint32_t takers)
{
    struct input input = instance_input(instance, kind);
    input.as.queue.function = key_of_text(instance, bytes_of(row));
    input.as.queue.messages = seen->messages < UINT32_MAX ? (uint32_t)seen->messages : UINT32_MAX;
    input.as.queue.takers = takers;
    input.as.queue.oldest_ns = waiting_ns(instance, seen);
    input.as.queue.size_mean = bytes_mean < UINT32_MAX ? (uint32_t)bytes_mean : UINT32_MAX;
    instance_feed(instance, &input);
}

struct row queue_stray(const struct instance *instance, const char *language, const char *name)
{
    struct row row = { .weight = 100, .stray = true };
    const struct function_side *known = function_named(instance, name);
    snprintf(row.record.language, sizeof row.record.language, "%s", language);
    snprintf(row.record.name, sizeof row.record.name, "%s", name);
    bool elsewise = known != NULL && !known->stray; /* There is one of that name, of another language. */
    snprintf(row.text, sizeof row.text, "%s%s%s", elsewise ? language : "", elsewise ? "/" : "", name);
    return row;
}

static void stray_tell(struct instance *instance, const struct queue_seen *seen)
{
    struct row row = queue_stray(instance, seen->language, seen->name);
    instance->setting = &row;
    queue_tell(instance, INPUT_STRAY, row.text, seen, 0, 0);
    instance->setting = NULL;
}

struct function_side *queue_side(const struct instance *instance, const char *language, const char *name)
{
    char text[SERVE_ROW_BYTES];
    struct function_side *side = function_named(instance, name);
    if (side != NULL && strcmp(side->record.language, language) == 0) {
        return side;
    }
    snprintf(text, sizeof text, "%s/%s", language, name);
    return function_named(instance, text);
}

static void queue_seen(struct instance *instance, const struct queues_job *job, const struct queue_seen *seen)
{
    struct function_side *side = queue_side(instance, seen->language, seen->name);
    if (side != NULL && !side->stray) {
        queue_tell(instance, INPUT_QUEUE, side->row, seen, job->bytes_mean,
                   job->takers_known ? seen->takers : TAKERS_UNKNOWN);
    } else if (instance->refreshed) {
        stray_tell(instance, seen);
        side = queue_side(instance, seen->language, seen->name); /* if the core took it up */
    }
    if (side != NULL) {
        side->queued = seen->messages;
        side->queued_since_ns = seen->stored_wall_ns;
        side->queue_seen = instance->queues_seen;
    }
}

/* What was not counted is empty. */
static void queues_empty(struct instance *instance)
{
    static const struct queue_seen empty = { .waiting_known = true };
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        struct function_side *side = &instance->functions[i];
        if (!side->used || row_is_route(side->row) || side->queue_seen == instance->queues_seen) {
            continue;
        }
        side->queued_since_ns = 0;
        if (side->queued != 0 || side->stray) {
            side->queued = 0;
            queue_tell(instance, side->stray ? INPUT_STRAY : INPUT_QUEUE, side->row, &empty, 0, TAKERS_UNKNOWN);
        }
    }
}

static void queues_free(struct queues_job *job)
{
    if (job != NULL) {
        free(job->aged);
        free(job->list);
        free(job);
    }
}

static void queues_done(void *argument, bool cancelled)
{
    struct queues_job *job = argument;
    struct instance *instance = job->instance;
    instance->queues_looking = job->rpc_id != 0 && instance->queues_looking;
    if (!cancelled && job->good && instance->link_fed) {
        instance->queues_seen++;
        for (size_t i = 0; i < job->count; i++) {
            queue_seen(instance, job, &job->list[i]);
        }
        queues_empty(instance);
        if (job->room_known && job->epoch == bus_epoch(instance->bus)) {
            room_tell(instance, &job->room);
        }
    } else if (!cancelled && !job->good) {
        log_debug("nats.storage", "what is queued can't be seen", LOG_TEXT("error", job->error.text));
    }
    if (job->rpc_id != 0) {
        queues_answer(job, cancelled);
    }
    queues_free(job);
}

/* Those whose door asks for the age: all, or as many as one look may ask for, in turn. */
static void aged_list(struct queues_job *job)
{
    struct instance *instance = job->instance;
    uint32_t at = instance->aged_next;
    job->aged = malloc(AGE_LOOKS_MAX * sizeof *job->aged);
    for (uint32_t looked = 0; job->aged != NULL && looked < SERVE_FUNCTIONS_MAX && job->aged_count < AGE_LOOKS_MAX;
         looked++) {
        const struct function_side *side = &instance->functions[at];
        if (side->used && !row_is_route(side->row) && side->record.age_ns_max > 0) {
            snprintf(job->aged[job->aged_count++], SERVE_KEY_BYTES, "%s/%s", side->record.language, side->record.name);
        }
        at = (at + 1) % SERVE_FUNCTIONS_MAX;
    }
    instance->aged_next = at;
}

static struct queues_job *queues_new(struct instance *instance, bool takers_wanted, uint64_t rpc_id)
{
    struct queues_job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        job->instance = instance;
        job->takers_wanted = takers_wanted;
        job->rpc_id = rpc_id;
        job->epoch = bus_epoch(instance->bus);
        job->room_wanted = instance->room_needed && rpc_id == 0;
        memcpy(job->own, instance->name, sizeof job->own);
        aged_list(job);
    }
    return job;
}

void queues_list(struct instance *instance, const struct rpc_request *request)
{
    struct queues_job *job = queues_new(instance, true, request->id);
    if (job == NULL || !control_submit(instance->control, queues_run, queues_done, job)) {
        admin_busy(instance, request->id);
        queues_free(job);
    }
}

void queues_look(struct instance *instance)
{
    struct core_view view;
    core_view(instance->core, &view);
    bool takers_wanted = view.sweeps && instance->ticks % TAKERS_EVERY == 0;
    struct queues_job *job = instance->queues_looking ? NULL : queues_new(instance, takers_wanted, 0);
    if (job != NULL) {
        instance->queues_looking = control_submit(instance->control, queues_run, queues_done, job);
    }
    if (job != NULL && !instance->queues_looking) {
        queues_free(job);
    }
}
