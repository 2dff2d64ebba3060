/* The jobs that the core asks for: builds, on a thread of their own since they may take long, and consumers. */
#include "serve/jobs.h"

#include "adapters/archive/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct broker *broker_open(const struct instance *instance, const char *name, struct broker **broker,
                                  struct broker_error *error)
{
    if (*broker == NULL) {
        struct endpoint endpoint = { .urls = instance->nats_url,
                                     .name = name,
                                     .credentials_file = instance->config->nats_credentials,
                                     .tls_ca_file = instance->config->nats_tls_ca,
                                     .tls_certificate_file = instance->config->nats_tls_certificate,
                                     .tls_key_file = instance->config->nats_tls_key };
        *broker = broker_connect(&endpoint, 0, error);
        if (*broker != NULL) {
            broker_heed(*broker, &instance->leaving);
        }
    }
    return *broker;
}

struct broker *jobs_broker(struct instance *instance, struct broker_error *error)
{
    return broker_open(instance, "stead-control", &instance->broker, error);
}

struct broker *jobs_build_broker(struct instance *instance, struct broker_error *error)
{
    return broker_open(instance, "stead-builds", &instance->build_broker, error);
}

void jobs_object_name(const struct record *record, char ret_name[128])
{
    snprintf(ret_name, 128, "%s/%s/%s.tar", record->language, record->name, record->version);
}

/* -- build --------------------------------------------------------------------------------------------------------- */

/* Two jobs, so that whoever waits for a rollout sees which of them takes long: the first leaves the sources unpacked,
 * and no archive waits in memory for its turn to be built. */
enum { FOLDER_BYTES = 1200 };

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

static void source_folder(const struct instance *instance, const struct record *record, char ret_folder[FOLDER_BYTES])
{
    snprintf(ret_folder, FOLDER_BYTES, "%s/%s", instance->source_directory, record->digest);
}

static bool source_unpack(struct instance *instance, const struct record *record, struct bytes archive,
                          struct build_result *build)
{
    char folder[FOLDER_BYTES];
    source_folder(instance, record, folder);
    return archive_unpack(archive, folder, build->message, sizeof build->message);
}

static enum reason source_build(struct instance *instance, const struct record *record, struct build_result *build)
{
    enum build_language language;
    char folder[FOLDER_BYTES], command[sizeof record->command];
    const char *words[BUILD_ARGUMENTS_MAX + 1];
    memcpy(command, record->command, sizeof command);
    command_split(command, words);
    struct build_options options = { .spawner = instance->options->spawner,
                                     .cache_directory = instance->cache_directory,
                                     .sdk_directory = instance->sdk_directory,
                                     .time_limit_ms = (uint64_t)instance->config->build_timeout_ns / 1000000,
                                     .memory_bytes_max = (uint64_t)instance->config->build_memory_bytes,
                                     .network = instance->config->build_allow_network,
                                     .command = words[0] != NULL ? words : NULL,
                                     .leaving = &instance->leaving };
    *build = (struct build_result){ .outcome = BUILD_REFUSED };
    if (!build_language_of_name(record->language, &language) || !instance->serves[language]) {
        snprintf(build->message, sizeof build->message, "language %s is not served by this instance", record->language);
        return REASON_LANGUAGE_NOT_SUPPORTED;
    }
    source_folder(instance, record, folder);
    build_function(&options, language, record->name, folder, build);
    if (build->outcome == BUILD_DONE) {
        return REASON_NONE;
    }
    return build->outcome == BUILD_UNAVAILABLE ? REASON_LANGUAGE_NOT_SUPPORTED : REASON_BUILD_FAILED;
}

enum reason jobs_build_archive(struct instance *instance, const struct record *record, struct bytes archive,
                               struct build_result *build)
{
    *build = (struct build_result){ .outcome = BUILD_REFUSED };
    return source_unpack(instance, record, archive, build) ? source_build(instance, record, build)
                                                           : REASON_BUILD_FAILED;
}

/* Nothing is unpacked that the record does not name. It may be put right: what failed so is tried again. */
static bool archive_is_named(const struct record *record, struct bytes archive, struct build_result *build)
{
    char digest[sizeof record->digest];
    content_hex(archive, digest);
    if (strcmp(digest, record->digest) == 0) {
        return true;
    }
    snprintf(build->message, sizeof build->message,
             "the archive %s/%s/%s.tar in function-code has SHA-256 %s, and the record of the version says %s: put the "
             "right one there, or store the right record",
             record->language, record->name, record->version, digest, record->digest);
    return false;
}

static void fetch_run(void *argument)
{
    struct build_job *job = argument;
    struct broker_error error;
    struct broker_object object;
    struct broker *broker = jobs_build_broker(job->instance, &error);
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
        bool unpacked = source_unpack(job->instance, &job->record, archive, &job->build);
        job->reason = unpacked ? REASON_NONE : REASON_BUILD_FAILED;
    }
    free(content);
}

static void build_run(void *argument)
{
    struct build_job *job = argument;
    job->reason = source_build(job->instance, &job->record, &job->build);
}

static void build_done(void *argument, bool cancelled)
{
    struct build_job *job = argument;
    if (!cancelled) {
        functions_built(job->instance, job->operation, &job->record, &job->build, job->reason);
    }
    free(job);
}

static void job_submit(struct build_job *job, control_run *run, control_done *done)
{
    if (!control_submit(job->instance->builders, run, done, job)) {
        job->build = (struct build_result){ .message = "too many jobs are waiting on this instance" };
        job->reason = REASON_RUNTIME_UNAVAILABLE;
        build_done(job, false);
    }
}

static void fetch_done(void *argument, bool cancelled)
{
    struct build_job *job = argument;
    if (cancelled || job->reason != REASON_NONE) {
        build_done(job, cancelled);
        return;
    }
    functions_fetched(job->instance, job->operation);
    job_submit(job, build_run, build_done);
}

void jobs_build(struct instance *instance, uint64_t operation, const struct record *record)
{
    struct build_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        struct build_result none = { .message = "out of memory" };
        functions_built(instance, operation, record, &none, REASON_RUNTIME_UNAVAILABLE);
        return;
    }
    *job = (struct build_job){ .instance = instance, .operation = operation, .record = *record };
    job_submit(job, fetch_run, fetch_done);
}

/* -- consumer ------------------------------------------------------------------------------------------------------ */

struct consumer_job {
    struct instance *instance;
    uint64_t operation;
    uint32_t epoch;
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    struct broker_consumer consumer;
    struct broker_error error;
    bool good, renew, drop;
};

static void consumer_run(void *argument)
{
    struct consumer_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker != NULL && (job->renew || job->drop)) {
        broker_consumer_delete(broker, job->language, job->name, &job->error);
    }
    job->good = !job->drop && broker != NULL &&
                broker_consumer_ensure(broker, job->language, job->name, job->instance->config->queue_ack_wait_ns,
                                       SERVE_ACK_PENDING_MAX, &job->consumer, &job->error) == BROKER_OK;
}

static void consumer_done(void *argument, bool cancelled)
{
    struct consumer_job *job = argument;
    if (!cancelled && !job->drop) {
        struct input input = instance_input(job->instance, INPUT_CONSUMER_READY);
        input.epoch = job->epoch;
        input.answers = job->operation;
        input.outcome = job->good ? OUTCOME_DONE : OUTCOME_UNKNOWN;
        input.as.consumer.fresh_after = job->consumer.fresh_after_sequence;
        input.as.consumer.first = job->consumer.first_sequence;
        input.as.consumer.floor = job->consumer.floor;
        bool grew = job->consumer.after > job->consumer.before;
        input.as.consumer.messages_min = (uint32_t)(grew ? job->consumer.before : job->consumer.after);
        input.as.consumer.messages_max = (uint32_t)(grew ? job->consumer.after : job->consumer.before);
        input.as.consumer.waiting = (uint32_t)job->consumer.pending;
        input.as.consumer.ack_pending = (uint32_t)job->consumer.ack_pending;
        if (!job->good) {
            log_warn("nats.msg", "no consumer for the function", LOG_TEXT("function", job->name),
                     LOG_TEXT("error", job->error.text));
        }
        instance_feed(job->instance, &input);
    }
    free(job);
}

void jobs_consumer(struct instance *instance, const struct effect *effect, const struct record *record)
{
    struct consumer_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return; /* The core asks again. */
    }
    job->instance = instance;
    job->operation = effect->operation;
    job->epoch = effect->epoch;
    job->renew = effect->kind == EFFECT_RENEW_CONSUMER;
    job->drop = effect->kind == EFFECT_DROP_CONSUMER;
    if (job->renew) {
        metrics_add(metrics_plain(instance->metrics, METRIC_STEAD_NATS_CONSUMER_RENEWALS_TOTAL), 1);
        log_warn("nats.storage", "the broker forgot what was acked: the consumer is made anew",
                 LOG_TEXT("function", record->name));
    }
    memcpy(job->language, record->language, sizeof job->language);
    memcpy(job->name, record->name, sizeof job->name);
    if (!control_submit(instance->control, consumer_run, consumer_done, job)) {
        free(job);
    }
}
