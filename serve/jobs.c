/* The jobs of the control thread that the core asks for: builds, consumers, records. */
#include "serve/jobs.h"

#include "adapters/archive/archive.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct broker *jobs_broker(struct instance *instance, struct broker_error *error)
{
    if (instance->broker == NULL) {
        struct endpoint endpoint = { .urls = instance->nats_url,
                                     .name = "stead-control",
                                     .credentials_file = instance->config->nats_credentials,
                                     .tls_ca_file = instance->config->nats_tls_ca,
                                     .tls_certificate_file = instance->config->nats_tls_certificate,
                                     .tls_key_file = instance->config->nats_tls_key };
        instance->broker = broker_connect(&endpoint, 0, error);
    }
    return instance->broker;
}

void jobs_object_name(const struct record *record, char ret_name[128])
{
    snprintf(ret_name, 128, "%s/%s/%s.tar", record->language, record->name, record->version);
}

/* -- build --------------------------------------------------------------------------------------------------------- */

struct build_job {
    struct instance *instance;
    uint64_t operation;
    struct record record;
    struct build_result build;
    enum reason reason;
};

/* Splits in place. */
static void command_split(char *text, const char *ret_words[BUILD_ARGUMENTS_MAX + 1])
{
    int count = 0;
    for (char *end = strchr(text, '\n'); end != NULL && count < BUILD_ARGUMENTS_MAX; end = strchr(text, '\n')) {
        *end = '\0';
        ret_words[count++] = text;
        text = end + 1;
    }
    ret_words[count] = NULL;
}

enum reason jobs_build_archive(struct instance *instance, const struct record *record, struct bytes archive,
                               struct build_result *build)
{
    enum build_language language;
    char folder[1200], command[sizeof record->command];
    const char *words[BUILD_ARGUMENTS_MAX + 1];
    memcpy(command, record->command, sizeof command);
    command_split(command, words);
    struct build_options options = { .spawner = instance->options->spawner,
                                     .cache_directory = instance->cache_directory,
                                     .sdk_directory = instance->sdk_directory,
                                     .time_limit_ms = (uint64_t)instance->config->build_timeout_ns / 1000000,
                                     .memory_bytes_max = (uint64_t)instance->config->build_memory_bytes,
                                     .network = instance->config->build_allow_network,
                                     .command = words[0] != NULL ? words : NULL };
    *build = (struct build_result){ .outcome = BUILD_REFUSED };
    if (!build_language_of_name(record->language, &language) || !instance->serves[language]) {
        snprintf(build->message, sizeof build->message, "language %s is not served by this instance", record->language);
        return REASON_LANGUAGE_NOT_SUPPORTED;
    }
    snprintf(folder, sizeof folder, "%s/%s", instance->source_directory, record->digest);
    if (!archive_unpack(archive, folder, build->message, sizeof build->message)) {
        return REASON_BUILD_FAILED;
    }
    build_function(&options, language, record->name, folder, build);
    if (build->outcome == BUILD_DONE) {
        return REASON_NONE;
    }
    return build->outcome == BUILD_UNAVAILABLE ? REASON_LANGUAGE_NOT_SUPPORTED : REASON_BUILD_FAILED;
}

/* Nothing is unpacked that the record does not name. It may be put right: what failed so is tried again. */
static bool archive_is_named(const struct record *record, struct bytes archive, struct build_result *build)
{
    char digest[sizeof record->digest] = "";
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    SHA256(archive.at, archive.length, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
    }
    if (strcmp(digest, record->digest) == 0) {
        return true;
    }
    snprintf(build->message, sizeof build->message,
             "the archive %s/%s/%s.tar in function-code has SHA-256 %s, and the record of the version says %s: put the "
             "right one there, or store the right record",
             record->language, record->name, record->version, digest, record->digest);
    return false;
}

static void build_run(void *argument)
{
    struct build_job *job = argument;
    struct broker_error error;
    struct broker_object object;
    struct broker *broker = jobs_broker(job->instance, &error);
    uint8_t *content = NULL;
    char name[128];
    jobs_object_name(&job->record, name);
    job->reason = REASON_RUNTIME_UNAVAILABLE;
    if (broker == NULL || broker_object_get(broker, BROKER_BUCKET_CODE, name, ARCHIVE_BYTES_MAX, &content, &object,
                                            &error) != BROKER_OK) {
        snprintf(job->build.message, sizeof job->build.message, "%s of function-code: %s", name, error.text);
        return;
    }
    struct bytes archive = { content, object.size };
    if (archive_is_named(&job->record, archive, &job->build)) {
        job->reason = jobs_build_archive(job->instance, &job->record, archive, &job->build);
    }
    free(content);
}

static void build_done(void *argument, bool cancelled)
{
    struct build_job *job = argument;
    if (!cancelled) {
        functions_built(job->instance, job->operation, &job->record, &job->build, job->reason);
    }
    free(job);
}

void jobs_build(struct instance *instance, uint64_t operation, const struct record *record)
{
    struct build_job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        *job = (struct build_job){ .instance = instance, .operation = operation, .record = *record };
    }
    if (job == NULL || !control_submit(instance->control, build_run, build_done, job)) {
        struct build_result none = { .message = "too many jobs are waiting on this instance" };
        functions_built(instance, operation, record, &none, REASON_RUNTIME_UNAVAILABLE);
        free(job);
    }
}

/* -- consumer ------------------------------------------------------------------------------------------------------ */

struct consumer_job {
    struct instance *instance;
    uint64_t operation;
    uint32_t epoch;
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    struct broker_consumer consumer;
    struct broker_error error;
    bool good;
};

static void consumer_run(void *argument)
{
    struct consumer_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->good = broker != NULL &&
                broker_consumer_ensure(broker, job->language, job->name, job->instance->config->queue_ack_wait_ns,
                                       CONSUMER_ACK_PENDING_MAX, &job->consumer, &job->error) == BROKER_OK;
}

static void consumer_done(void *argument, bool cancelled)
{
    struct consumer_job *job = argument;
    if (!cancelled) {
        struct input input = instance_input(job->instance, INPUT_CONSUMER_READY);
        input.epoch = job->epoch;
        input.answers = job->operation;
        input.outcome = job->good ? OUTCOME_DONE : OUTCOME_UNKNOWN;
        input.as.consumer.fresh_after = job->consumer.fresh_after_sequence;
        if (!job->good) {
            log_warn("nats.msg", "no consumer for the function", LOG_TEXT("function", job->name),
                     LOG_TEXT("error", job->error.text));
        }
        instance_feed(job->instance, &input);
    }
    free(job);
}

void jobs_consumer(struct instance *instance, uint64_t operation, uint32_t epoch, const struct record *record)
{
    struct consumer_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return; /* The core asks again. */
    }
    job->instance = instance;
    job->operation = operation;
    job->epoch = epoch;
    memcpy(job->language, record->language, sizeof job->language);
    memcpy(job->name, record->name, sizeof job->name);
    if (!control_submit(instance->control, consumer_run, consumer_done, job)) {
        free(job);
    }
}

/* -- records ------------------------------------------------------------------------------------------------------- */

struct records_job {
    struct instance *instance;
    bool force, changed, good;
    uint64_t sequence_seen, sequence, unread_told, unread;
    struct row *list; /* functions first, then their routes */
    size_t count, capacity;
    struct broker_error error;
};

static struct row *row_add(struct records_job *job)
{
    if (job->count == job->capacity) {
        size_t capacity = job->capacity == 0 ? 16 : job->capacity * 2;
        struct row *grown = realloc(job->list, capacity * sizeof *grown);
        if (grown == NULL) {
            job->good = false;
            return NULL;
        }
        job->list = grown;
        job->capacity = capacity;
    }
    struct row *row = &job->list[job->count++];
    *row = (struct row){ .weight = 100 };
    return row;
}

/* Whoever can't read a record leaves it alone, and says so once: all are read again whenever one of them changes. */
static void record_unread(struct records_job *job, const char *key, struct bytes value, uint64_t revision)
{
    if (revision > job->unread_told) {
        log_warn("system.config",
                 "a record of a function is damaged or of a newer Stead; it is left alone and not served here",
                 LOG_TEXT("key", key), LOG_U64("schema", record_schema(value)));
    }
    job->unread = revision > job->unread ? revision : job->unread;
}

static void record_entry(void *owner, const char *key, struct bytes value, uint64_t revision)
{
    struct records_job *job = owner;
    struct record record;
    if (!record_parse_function(key, value, &record)) {
        record_unread(job, key, value, revision);
        return;
    }
    struct row *row = row_add(job);
    if (row != NULL) {
        record.revision = revision;
        row->record = record;
        record_row(&record, 0, 0, row->text);
    }
}

static bool version_read(struct records_job *job, struct broker *broker, const struct record *function,
                         const char *version, struct record *ret_record)
{
    char key[SERVE_ROW_BYTES];
    uint8_t *value = NULL;
    size_t length = 0;
    uint64_t revision;
    record_version_key(function, version, key);
    enum broker_status status =
        broker_kv_get(broker, BROKER_BUCKET_VERSIONS, key, &value, &length, &revision, &job->error);
    bool good = status == BROKER_OK && record_parse_version(key, (struct bytes){ value, length }, ret_record);
    free(value);
    if (status != BROKER_OK && status != BROKER_NOT_FOUND) {
        job->good = false; /* It may be there: read all of it again. */
    } else if (!good) {
        log_warn("system.config", "an alias names a version that is not stored; its share stays with the others",
                 LOG_TEXT("version", key));
    }
    return good;
}

/* A row for each version but the first live one that an alias of the function divides its requests among. */
static void routes_add(struct records_job *job, struct broker *broker, size_t function)
{
    struct record record = job->list[function].record, version;
    for (size_t alias = 0; alias < SERVE_ALIASES_MAX && job->good; alias++) {
        for (size_t i = alias == 0 ? 1 : 0; i < record.aliases[alias].count; i++) {
            const struct record_route *route = &record.aliases[alias].routes[i];
            struct row *row = version_read(job, broker, &record, route->version, &version) ? row_add(job) : NULL;
            if (row == NULL) {
                continue;
            }
            row->alias = (uint8_t)alias;
            row->place = (uint8_t)i;
            row->weight = (uint8_t)route->weight;
            row->record = record;
            record_adopt_version(&row->record, &version);
            record_row(&record, alias, i, row->text);
        }
    }
}

static void records_run(void *argument)
{
    struct records_job *job = argument;
    struct broker_stream stream;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL || broker_stream_info(broker, "KV_" BROKER_BUCKET_CONFIG, &stream, &job->error) != BROKER_OK) {
        return;
    }
    job->good = true;
    job->sequence = stream.last_sequence;
    job->changed = job->force || stream.last_sequence != job->sequence_seen;
    if (job->changed) {
        job->good =
            broker_kv_each(broker, BROKER_BUCKET_CONFIG, record_entry, job, &job->error) == BROKER_OK && job->good;
    }
    size_t functions = job->count;
    for (size_t i = 0; job->changed && job->good && i < functions; i++) {
        routes_add(job, broker, i);
    }
}

static void records_done(void *argument, bool cancelled)
{
    struct records_job *job = argument;
    struct instance *instance = job->instance;
    instance->refreshing = false;
    if (!cancelled && job->good) {
        instance->config_sequence_seen = job->sequence;
        instance->config_unread_told = job->changed ? job->unread : instance->config_unread_told;
        if (job->changed) {
            functions_reconcile(instance, job->list, job->count);
        }
        instance->refreshed = true;
    } else if (!cancelled) {
        instance->refresh_force = instance->refresh_force || job->force;
        log_debug("system.config", "records could not be read", LOG_TEXT("error", job->error.text));
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
    if (instance->refreshing) {
        instance->refresh_again = true;
        instance->refresh_force = instance->refresh_force || force;
        return;
    }
    struct records_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return;
    }
    *job = (struct records_job){ .instance = instance,
                                 .force = force || instance->refresh_force,
                                 .sequence_seen = instance->config_sequence_seen,
                                 .unread_told = instance->config_unread_told };
    instance->refreshing = control_submit(instance->control, records_run, records_done, job);
    instance->refresh_force = !instance->refreshing && job->force;
    if (!instance->refreshing) {
        free(job);
    }
}
