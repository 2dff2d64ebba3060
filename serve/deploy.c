/* A deploy, on the builds' thread: read the manifest, pack, build here, and only if that worked store the archive and
 * the version, and let the function's record name it. So code that does not build changes nothing. On the loop thread
 * the caller then waits until the new version serves; if its process does not come up, the record before is put back.
 *
 * The new version takes all of an alias (`live` unless another is named), or the share that a canary is given. */
#include "serve/deploy_job.h"

#include "adapters/archive/archive.h"
#include "serve/jobs.h"
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* False if they don't fit, or if a word can't be a line. */
static bool command_join(const struct config_list *words, char *ret_command, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < words->count && used < size; i++) {
        if (strchr(words->items[i], '\n') != NULL) {
            return false;
        }
        used += (size_t)snprintf(ret_command + used, size - used, "%s\n", words->items[i]);
    }
    return used < size;
}

/* By the names of the files, unless it was said. */
static bool language_find(struct deploy_job *job)
{
    struct build_signs signs = { 0 };
    enum build_language language;
    char message[256], text[400];
    for (size_t i = 0; i < job->file_count; i++) {
        build_signs_see(&signs, (const char *)job->files[i].path.at, job->files[i].path.length,
                        job->files[i].executable);
    }
    if (!build_signs_language(&signs, &language, message, sizeof message)) {
        snprintf(text, sizeof text, "no language found: %s; say it by --language or spec.language", message);
        return deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "UNKNOWN_LANGUAGE", text);
    }
    snprintf(job->record.language, sizeof job->record.language, "%s", build_language_name(language));
    return true;
}

static void policy_apply(const struct manifest *manifest, struct record *record)
{
    static const uint8_t jitters[] = { [MANIFEST_JITTER_INHERIT] = 0,
                                       [1 + CONFIG_JITTER_FULL] = 1 + JITTER_FULL,
                                       [1 + CONFIG_JITTER_NONE] = 1 + JITTER_NONE,
                                       [1 + CONFIG_JITTER_EQUAL] = 1 + JITTER_EQUAL,
                                       [1 + CONFIG_JITTER_DECORRELATED] = 1 + JITTER_DECORRELATED };
    const int64_t retries[CAUSE_KEPT] = { [CAUSE_ERROR] = manifest->retries_error,
                                          [CAUSE_THROTTLED] = manifest->retries_throttled,
                                          [CAUSE_TIMEOUT] = manifest->retries_timeout,
                                          [CAUSE_CRASH] = manifest->retries_crash,
                                          [CAUSE_OUT_OF_MEMORY] = manifest->retries_out_of_memory,
                                          [CAUSE_INVALID_OUTPUT] = manifest->retries_invalid_output,
                                          [CAUSE_NOT_STARTED] = manifest->retries_not_started };
    record->retry_ns_base = manifest->retry_base_ns;
    record->retry_ns_max = manifest->retry_max_ns;
    record->jitter = jitters[manifest->retry_jitter];
    memset(record->retries, SERVE_RETRIES_ALL, sizeof record->retries);
    for (int cause = CAUSE_ERROR; cause <= CAUSE_CHARGED_MAX; cause++) {
        bool own = cause != CAUSE_PERMANENT && retries[cause] < record->retries_max;
        record->retries[cause] = own ? (uint8_t)retries[cause] : SERVE_RETRIES_ALL;
    }
}

static bool manifest_apply(struct deploy_job *job)
{
    struct config_problems problems = { 0 };
    struct manifest manifest;
    const char *text = job->manifest == NULL ? "" : job->manifest;
    if (!manifest_load_text(text, strlen(text), "stead.yaml", job->instance->config, &manifest, &problems)) {
        return deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_MANIFEST", problems.text[0]);
    }
    struct record *record = &job->record;
    const char *language = job->language[0] != '\0' ? job->language : manifest.language;
    const char *name = job->name[0] != '\0' ? job->name : manifest.name;
    snprintf(record->language, sizeof record->language, "%s", language);
    snprintf(record->name, sizeof record->name, "%s", name);
    if (record->language[0] == '\0' && !language_find(job)) {
        manifest_free(&manifest);
        return false;
    }
    manifest_inherit(&manifest, job->instance->config, record->language);
    if (!manifest_fits(&manifest, job->instance->config, "stead.yaml", &problems)) {
        manifest_free(&manifest);
        return deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_MANIFEST", problems.text[0]);
    }
    record->timeout_ns = manifest.timeout_ns;
    record->keep_alive_ns = manifest.keep_alive_ns;
    record->memory_bytes = manifest.memory_bytes;
    record->retries_max = (uint32_t)manifest.retries_max;
    record->concurrency = (uint32_t)manifest.concurrency;
    record->workers_max = (uint32_t)manifest.workers_max;
    record->pending_max = (uint32_t)manifest.pending_max;
    record->age_ns_max = manifest.age_ns_max;
    record->bytes_max = manifest.bytes_max;
    record->concurrency_min = manifest.concurrency_adapts ? (uint32_t)manifest.concurrency_min : 0;
    policy_apply(&manifest, record);
    size_t used = 0;
    for (size_t i = 0; i < manifest.env.count && used < sizeof record->env; i++) {
        used += (size_t)snprintf(record->env + used, sizeof record->env - used, "%s=%s\n", manifest.env.items[i].name,
                                 manifest.env.items[i].value);
    }
    bool joined = command_join(&manifest.command, record->command, sizeof record->command);
    manifest_free(&manifest);
    if (!joined) {
        return deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_MANIFEST",
                             "spec.command is over 1 KiB, or a word of it holds a line break");
    }
    return used < sizeof record->env ||
           deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_MANIFEST", "spec.env is over 2 KiB");
}

static bool name_and_language(struct deploy_job *job)
{
    struct record *record = &job->record;
    enum cloudevents_language known;
    if (!cloudevents_function_name_valid(bytes_of(record->name))) {
        return deploy_refuse(
            job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_FUNCTION_NAME",
            "name: a function name matches ^[a-z][a-z0-9_-]{0,62}$; give one by --name or metadata.name");
    }
    if (!cloudevents_language_find(bytes_of(record->language), &known)) {
        return deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "UNKNOWN_LANGUAGE",
                             "language: one of " CLOUDEVENTS_LANGUAGE_WORDS);
    }
    return true;
}

/* The version is a digest of the code and of everything that steers how it runs. */
static void version_name(struct record *record)
{
    char digest[65];
    struct record identity = *record;
    identity.version[0] = '\0';
    identity.created_unix_ms = 0;
    char *text = record_print_version(&identity);
    content_hex(bytes_of(text), digest);
    free(text);
    snprintf(record->version, sizeof record->version, "%.16s", digest);
}

static bool deploy_build(struct deploy_job *job, struct bytes archive)
{
    enum reason reason = jobs_build_archive(job->instance, &job->record, archive, &job->build);
    if (reason == REASON_NONE) {
        return true;
    }
    char text[BUILD_MESSAGE_BYTES_MAX];
    memcpy(text, job->build.message, sizeof text);
    bool missing = reason == REASON_LANGUAGE_NOT_SUPPORTED;
    return deploy_refuse(job, missing ? RPC_STATUS_FAILED_PRECONDITION : RPC_STATUS_INVALID_ARGUMENT,
                         reason_name(reason), text);
}

/* The caller was sent away meanwhile: what is built is not stored behind his back. */
static bool deploy_goes_on(struct deploy_job *job)
{
    return !job->instance->leaving ||
           deploy_refuse(job, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", "this instance is shutting down");
}

static void deploy_run(void *argument)
{
    struct deploy_job *job = argument;
    struct broker_error error;
    struct event_buffer archive = { 0 };
    struct timespec now;
    char text[256];
    if (!manifest_apply(job) || !name_and_language(job)) {
        return;
    }
    if (!archive_pack(job->files, job->file_count, &archive, text, sizeof text)) {
        deploy_refuse(job, RPC_STATUS_INVALID_ARGUMENT, "INVALID_SOURCE", text);
        event_buffer_free(&archive);
        return;
    }
    struct bytes bytes = { archive.at, archive.length };
    content_hex(bytes, job->record.digest);
    clock_gettime(CLOCK_REALTIME, &now);
    version_name(&job->record);
    job->record.created_unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    struct broker *broker = jobs_build_broker(job->instance, &error);
    if (broker == NULL) {
        deploy_refuse_broker(job, &error);
    } else {
        bool built = deploy_build(job, bytes);
        if (deploy_goes_on(job) && built && deploy_store(job, broker, bytes)) {
            job->status = RPC_STATUS_OK;
        }
    }
    event_buffer_free(&archive);
}

static void deploy_free(struct deploy_job *job)
{
    build_result_free(&job->build);
    free(job->files);
    free(job->manifest);
    free(job->memory);
    free(job);
}

/* The version stands in a row of its own unless it is the first live one. */
static void deploy_stored(struct deploy_job *job)
{
    struct instance *instance = job->instance;
    const struct record_alias *alias = record_alias(&job->record, job->to.name);
    struct change_wait wait = { .rpc_id = job->rpc_id, .reverts = true, .record = job->record, .before = job->before };
    struct record built = job->record;
    memcpy(wait.alias, job->alias, sizeof wait.alias);
    memcpy(wait.version, job->version, sizeof wait.version);
    memcpy(built.version, job->version, sizeof built.version);
    const struct record_route *route = record_route(alias, job->version);
    ASSERT(route != NULL);
    record_row(&job->record, (size_t)(alias - job->record.aliases), (size_t)(route - alias->routes), wait.row);
    functions_keep_build(instance, &built, &job->build);
    job->build = (struct build_result){ .outcome = BUILD_DONE };
    if (job->no_wait) {
        functions_again(instance, wait.row, wait.version);
        admin_answer_record(instance, job->rpc_id, &built, "STORED");
    } else {
        wait_begin(instance, &wait);
    }
    jobs_records(instance, true);
}

static void deploy_done(void *argument, bool cancelled)
{
    struct deploy_job *job = argument;
    struct instance *instance = job->instance;
    wait_release(instance);
    if (cancelled) {
        admin_shutting_down(instance, job->rpc_id);
    } else if (job->status != RPC_STATUS_OK) {
        admin_status(instance, job->rpc_id, job->status, job->reason, job->text);
    } else {
        deploy_stored(job);
    }
    deploy_free(job);
}

/* Copies the request's texts, which end with the request. */
static bool deploy_copy(struct deploy_job *job, const struct rpc_deploy *deploy)
{
    size_t total = 1;
    for (size_t i = 0; i < deploy->file_count; i++) {
        total += deploy->files[i].path.length + deploy->files[i].content.length;
    }
    job->memory = malloc(total);
    job->files = calloc(deploy->file_count + 1, sizeof *job->files);
    job->manifest = calloc(1, deploy->manifest.length + 1);
    if (job->memory == NULL || job->files == NULL || job->manifest == NULL) {
        return false;
    }
    uint8_t *at = job->memory;
    for (size_t i = 0; i < deploy->file_count; i++) {
        const struct rpc_file *file = &deploy->files[i];
        memcpy(at, file->path.length > 0 ? file->path.at : (const uint8_t *)"", file->path.length);
        job->files[i].path = (struct bytes){ at, file->path.length };
        at += file->path.length;
        memcpy(at, file->content.length > 0 ? file->content.at : (const uint8_t *)"", file->content.length);
        job->files[i].content = (struct bytes){ at, file->content.length };
        at += file->content.length;
        job->files[i].executable = file->executable;
    }
    job->file_count = deploy->file_count;
    memcpy(job->manifest, deploy->manifest.length > 0 ? deploy->manifest.at : (const uint8_t *)"",
           deploy->manifest.length);
    snprintf(job->language, sizeof job->language, "%.*s", (int)deploy->language.length,
             (const char *)deploy->language.at);
    snprintf(job->name, sizeof job->name, "%.*s", (int)deploy->name.length, (const char *)deploy->name.at);
    return deploy->language.length < sizeof job->language && deploy->name.length < sizeof job->name;
}

void deploy_start(struct instance *instance, uint64_t rpc_id, const struct rpc_deploy *deploy)
{
    struct deploy_job *job = calloc(1, sizeof *job);
    if (job == NULL || !deploy_copy(job, deploy)) {
        admin_status(instance, rpc_id, RPC_STATUS_INVALID_ARGUMENT, "INVALID_FUNCTION_NAME",
                     "name or language is too long, or memory is short");
        if (job != NULL) {
            deploy_free(job);
        }
        return;
    }
    job->instance = instance;
    job->rpc_id = rpc_id;
    job->canary_percent = deploy->canary_percent;
    job->no_wait = deploy->no_wait;
    bool alias_good = alias_name_copy(deploy->alias.length == 0 ? bytes_of("live") : deploy->alias, job->alias);
    if (!alias_good || deploy->canary_percent > 99) {
        admin_status(instance, rpc_id, RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST",
                     alias_good ? "canary_percent: 1 to 99" : "alias: a name like a function's");
        deploy_free(job);
        return;
    }
    job->rows_free = functions_free(instance);
    job->status = RPC_STATUS_INTERNAL;
    job->reason = "INTERNAL";
    if (!wait_reserve(instance, rpc_id)) {
        deploy_free(job);
    } else if (!control_submit(instance->builders, deploy_run, deploy_done, job)) {
        admin_busy(instance, rpc_id);
        wait_release(instance);
        deploy_free(job);
    }
}
