/* The functions' records, as the bucket function-config holds them. What was read once is kept, so that a change costs
 * one read, however many functions there are: of each stored revision after the last one that was seen. A bucket that
 * was made anew is read from its beginning, and so is any after a reconnect: a server that lost its power gives
 * revisions out again, for other records.
 *
 * Each function gives a row for itself, and one for each further version that an alias divides its requests among; the
 * record of such a version never changes, so it too is read once. */
#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_ROUTES_MAX = SERVE_ALIASES_MAX * SERVE_ROUTES_MAX };

/* A record, and the rows of its routes once all of them were looked up. */
struct known {
    char key[SERVE_KEY_BYTES];
    struct record record;
    struct row *routes;
    size_t route_count;
    bool resolved, missing_told;
};

/* The control thread's, while a job runs. */
struct records {
    struct known *list; /* by revision */
    size_t count, capacity;
    uint64_t sequence;
    int64_t created_wall_ns; /* of the bucket; 0: never seen */
};

struct records_job {
    struct instance *instance;
    struct records *records;
    bool force, anew, changed, good, gone;
    bool found, hinted; /* found: something had changed; hinted: word of it had come */
    struct row *list;   /* functions first, then their routes */
    size_t count;
    struct broker_error error;
};

/* -- what is known ------------------------------------------------------------------------------------------------- */

static void known_drop(struct records *records, const char *key)
{
    for (size_t i = 0; i < records->count; i++) {
        if (strcmp(records->list[i].key, key) == 0) {
            free(records->list[i].routes);
            memmove(&records->list[i], &records->list[i + 1], (records->count - i - 1) * sizeof records->list[0]);
            records->count--;
            return;
        }
    }
}

static struct known *known_add(struct records *records)
{
    if (records->count == records->capacity) {
        size_t capacity = records->capacity == 0 ? 16 : records->capacity * 2;
        struct known *grown = realloc(records->list, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        records->list = grown;
        records->capacity = capacity;
    }
    struct known *known = &records->list[records->count++];
    *known = (struct known){ .resolved = false };
    return known;
}

static void records_clear(struct records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        free(records->list[i].routes);
    }
    records->count = 0;
    records->sequence = 0;
}

void records_free(struct records *records)
{
    if (records != NULL) {
        records_clear(records);
        free(records->list);
        free(records);
    }
}

/* Whoever can't read a record leaves it alone, and says so once. */
static void record_change(void *owner, const char *key, const struct bytes *value, uint64_t revision)
{
    struct records_job *job = owner;
    struct records *records = job->records;
    struct record record;
    bool good = value != NULL && record_parse_function(key, *value, &record);
    job->changed = job->found = true;
    known_drop(records, key);
    struct known *known = good ? known_add(records) : NULL;
    if (known != NULL) {
        record.revision = revision;
        known->record = record;
        snprintf(known->key, sizeof known->key, "%s", key);
    } else if (good) {
        job->good = false; /* Out of memory: this revision is read again. */
    } else if (value != NULL) {
        log_warn("system.config",
                 "a record of a function is damaged or of a newer Stead; it is left alone and not served here",
                 LOG_TEXT("key", key), LOG_U64("schema", record_schema(*value)));
    }
    records->sequence = job->good ? revision : records->sequence;
}

/* -- routes -------------------------------------------------------------------------------------------------------- */

/* False if it is not stored, or if that is not known: then job->good is false too. */
static bool route_version(struct records_job *job, struct broker *broker, const struct known *known,
                          const char *version, struct record *ret_record)
{
    enum broker_status status = version_read(broker, &known->record, version, ret_record, &job->error);
    job->good = job->good && (status == BROKER_OK || status == BROKER_NOT_FOUND || status == BROKER_CORRUPT);
    if (status != BROKER_OK && job->good && !known->missing_told) {
        char key[SERVE_ROW_BYTES];
        record_version_key(&known->record, version, key);
        log_warn("system.config",
                 "an alias names a version that is not stored, or can't be read; its share stays with the others",
                 LOG_TEXT("version", key));
    }
    return status == BROKER_OK;
}

static void route_row(const struct record *record, size_t alias, size_t place, const struct record *version,
                      struct row *ret_row)
{
    *ret_row = (struct row){ .alias = (uint8_t)alias,
                             .place = (uint8_t)place,
                             .weight = (uint8_t)record->aliases[alias].routes[place].weight,
                             .record = *record };
    record_adopt_version(&ret_row->record, version);
    record_row(record, alias, place, ret_row->text);
}

/* A row for each version but the first live one that an alias of the function divides its requests among. */
static void known_resolve(struct records_job *job, struct broker *broker, struct known *known)
{
    const struct record *record = &known->record;
    struct row rows[RECORD_ROUTES_MAX];
    struct record version;
    size_t count = 0;
    bool missing = false;
    for (size_t alias = 0; alias < SERVE_ALIASES_MAX && job->good; alias++) {
        for (size_t i = alias == 0 ? 1 : 0; i < record->aliases[alias].count && job->good; i++) {
            if (route_version(job, broker, known, record->aliases[alias].routes[i].version, &version)) {
                route_row(record, alias, i, &version, &rows[count++]);
            } else {
                missing = true;
            }
        }
    }
    struct row *copy = job->good && count > 0 ? malloc(count * sizeof *copy) : NULL;
    job->good = job->good && (copy != NULL || count == 0);
    if (job->good) {
        free(known->routes);
        known->routes = copy;
        known->route_count = count;
        known->resolved = !missing;
        known->missing_told = missing;
        if (count > 0) {
            memcpy(copy, rows, count * sizeof *copy);
        }
    }
}

/* -- the job ------------------------------------------------------------------------------------------------------- */

static void rows_list(struct records_job *job)
{
    const struct records *records = job->records;
    size_t total = records->count;
    for (size_t i = 0; i < records->count; i++) {
        total += records->list[i].route_count;
    }
    job->list = calloc(total + 1, sizeof *job->list);
    job->good = job->list != NULL;
    for (size_t i = 0; job->good && i < records->count; i++) {
        struct row *row = &job->list[job->count++];
        *row = (struct row){ .weight = 100, .record = records->list[i].record };
        record_row(&row->record, 0, 0, row->text);
    }
    for (size_t i = 0; job->good && i < records->count; i++) {
        const struct known *known = &records->list[i];
        if (known->route_count > 0) {
            memcpy(&job->list[job->count], known->routes, known->route_count * sizeof job->list[0]);
            job->count += known->route_count;
        }
    }
}

static void records_run(void *argument)
{
    struct records_job *job = argument;
    struct records *records = job->records;
    struct broker_stream stream;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL || broker_stream_info(broker, "KV_" BROKER_BUCKET_CONFIG, &stream, &job->error) != BROKER_OK) {
        job->gone = broker != NULL && job->error.status == BROKER_NOT_FOUND;
        return;
    }
    job->good = true;
    bool other = stream.created_wall_ns != records->created_wall_ns || stream.last_sequence < records->sequence;
    if (other || job->anew) {
        job->changed = true;
        records_clear(records);
        records->created_wall_ns = stream.created_wall_ns;
    }
    if (stream.last_sequence > records->sequence) {
        job->good = broker_kv_changes(broker, BROKER_BUCKET_CONFIG, records->sequence, record_change, job,
                                      &job->error) == BROKER_OK &&
                    job->good;
    }
    job->changed = job->changed || job->force;
    for (size_t i = 0; job->changed && job->good && i < records->count; i++) {
        if (!records->list[i].resolved) {
            known_resolve(job, broker, &records->list[i]);
        }
    }
    if (job->changed && job->good) {
        rows_list(job);
    }
}

/* What was read is known, and nobody was told: the next job tells it. */
static void records_failed(struct instance *instance, const struct records_job *job)
{
    instance->refresh_force = instance->refresh_force || job->force || job->changed;
    instance->refresh_anew = instance->refresh_anew || job->anew;
    log_debug("system.config", "records could not be read", LOG_TEXT("error", job->error.text));
    if (job->gone) {
        provision_check(instance);
    }
}

/* Whether what changed since the look before, on this connection, was told to us. The word may still come. */
static void records_tell_found(struct instance *instance, const struct records_job *job)
{
    struct input input = instance_input(instance, INPUT_CHANGE);
    input.as.change.looked_for = true;
    if (job->found && !job->hinted && !instance->hinted && instance->records_epoch == input.epoch) {
        instance_feed(instance, &input);
    }
    instance->records_epoch = input.epoch;
}

void records_hinted(struct instance *instance)
{
    struct input input = instance_input(instance, INPUT_CHANGE);
    instance->hinted = true;
    instance_feed(instance, &input);
    jobs_records(instance, false);
}

static void records_done(void *argument, bool cancelled)
{
    struct records_job *job = argument;
    struct instance *instance = job->instance;
    instance->refreshing = false;
    if (!cancelled && job->good) {
        if (job->changed) {
            functions_reconcile(instance, job->list, job->count);
            registry_changed(instance);
        }
        instance->records_known = job->records->sequence;
        instance->refreshed = true;
        records_tell_found(instance, job);
    } else if (!cancelled) {
        records_failed(instance, job);
    }
    if (!cancelled && instance->refresh_again) {
        instance->refresh_again = false;
        jobs_records(instance, false);
    }
    free(job->list);
    free(job);
}

void jobs_records(struct instance *instance, bool force)
{
    instance->refresh_force = instance->refresh_force || force;
    if (instance->refreshing) {
        instance->refresh_again = true;
        return;
    }
    struct records_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return;
    }
    if (instance->records == NULL) {
        instance->records = calloc(1, sizeof *instance->records);
    }
    *job = (struct records_job){ .instance = instance, .records = instance->records, .force = instance->refresh_force };
    job->hinted = instance->hinted;
    job->anew = instance->refresh_anew;
    instance->refreshing = job->records != NULL && control_submit(instance->control, records_run, records_done, job);
    instance->refresh_force = instance->refresh_force && !instance->refreshing;
    instance->refresh_anew = instance->refresh_anew && !instance->refreshing;
    instance->hinted = instance->hinted && !instance->refreshing;
    if (!instance->refreshing) {
        free(job);
    }
}
