/* What must be true before the core hears that the link is up: streams and buckets exist on the broker, and its clock
 * was sampled. Done again on each new connection, since the broker may be another one. While the link is up, each
 * sample of the clock is also a look whether they are all still there. */
#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_NS = 1000000000 };
#define ATTEMPTS_TTL_NS  (24 * INT64_C(3600000000000))
#define DEAD_TTL_NS      (7 * 24 * INT64_C(3600000000000))
#define LEASE_TTL_NS     INT64_C(10000000000)
#define INSTANCES_TTL_NS INT64_C(15000000000) /* told anew every 5 s (registry.c) */

struct provision_job {
    struct instance *instance;
    uint32_t epoch;
    bool clock_only, clock_good, lost;
    enum broker_status status;
    struct broker_stream stream;
    struct broker_clock clock;
    struct broker_error error;
};

static void report(void *owner, enum broker_report kind, const char *text)
{
    (void)owner;
    if (kind == BROKER_REPORT_WARNING || kind == BROKER_REPORT_ERROR) {
        log_warn("nats.storage", "broker differs from what was asked for", LOG_TEXT("what", text));
    } else {
        log_info("nats.storage", "broker changed", LOG_TEXT("what", text));
    }
}

/* Somebody deleted it while we use it. */
static bool anything_lost(struct broker *broker)
{
    static const char *const names[] = {
        BROKER_STREAM_REQUESTS,        BROKER_STREAM_RESULTS,        BROKER_STREAM_DEAD,
        "KV_" BROKER_BUCKET_CONFIG,    "KV_" BROKER_BUCKET_VERSIONS, "KV_" BROKER_BUCKET_ATTEMPTS,
        "KV_" BROKER_BUCKET_INSTANCES, "OBJ_" BROKER_BUCKET_CODE
    };
    bool lost = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct broker_stream stream;
        struct broker_error error;
        if (broker_stream_info(broker, names[i], &stream, &error) == BROKER_NOT_FOUND) {
            lost = true;
            log_error("nats.storage", "the broker lost a stream or bucket, and what it held; it is made anew, empty",
                      LOG_TEXT("stream", names[i]));
        }
    }
    return lost;
}

static void provision_run(void *argument)
{
    struct provision_job *job = argument;
    const struct config *config = job->instance->config;
    struct broker_error clock_error;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    struct broker_provision provision = {
        .languages = config->service_languages.items,
        .language_count = config->service_languages.count,
        .replicas = (uint32_t)config->storage_replicas,
        .storage_in_memory = config->storage_type == CONFIG_STORAGE_MEMORY,
        .queue_messages_max = config->queue_pending_max,
        .queue_age_max_ns = config->queue_age_ns_max,
        .results_retention_ns = config->results_retention_ns,
        .results_count_max = config->results_count_max,
        .dead_retention_ns = DEAD_TTL_NS,
        .attempts_ttl_ns = ATTEMPTS_TTL_NS,
        .lease_ttl_ns = LEASE_TTL_NS,
        .instances_ttl_ns = INSTANCES_TTL_NS,
    };
    job->status = job->error.status;
    if (broker == NULL) {
        return;
    }
    job->status = BROKER_OK;
    job->lost = job->clock_only && anything_lost(broker);
    if (!job->clock_only || job->lost) {
        job->status = broker_provision(broker, &provision, report, NULL, &job->error);
    }
    if ((!job->clock_only || job->lost) && job->status == BROKER_OK) {
        job->status = broker_stream_info(broker, BROKER_STREAM_REQUESTS, &job->stream, &job->error);
    }
    job->clock_good = job->status == BROKER_OK &&
                      broker_clock_sample(broker, job->instance->name, &job->clock, &clock_error) == BROKER_OK;
}

static void provision_feed(struct instance *instance, const struct provision_job *job)
{
    if (!job->clock_only) {
        instance->link_fed = true;
        instance->registry_due_ns = loop_now_ns();
        instance->stream_created_ns = job->stream.created_wall_ns;
        instance->sweep_until = job->stream.last_sequence;
        struct input up = instance_input(instance, INPUT_LINK_UP);
        instance_feed(instance, &up);
        registry_tick(instance); /* Whoever waits for all instances shall know of this one before it serves. */
        jobs_records(instance, true);
    }
    if (job->lost) {
        instance->stream_created_ns = job->stream.created_wall_ns;
        registry_changed(instance);
        jobs_records(instance, true);
    }
    if (job->clock_good && instance->link_fed) {
        struct input sample = instance_input(instance, INPUT_CLOCK);
        sample.as.clock.offset_ns_min = job->clock.low_ns;
        sample.as.clock.offset_ns_max = job->clock.high_ns;
        instance_feed(instance, &sample);
    }
}

static void provision_done(void *argument, bool cancelled)
{
    struct provision_job *job = argument;
    struct instance *instance = job->instance;
    if (job->clock_only) {
        instance->sampling = false;
    } else {
        instance->provisioning = false;
    }
    bool current = bus_up(instance->bus) && bus_epoch(instance->bus) == job->epoch;
    if (!cancelled && job->status != BROKER_OK && !job->clock_only) {
        log_error("nats.storage", "the broker can't be used yet, trying again", LOG_TEXT("error", job->error.text));
        loop_timer_arm(instance->provision_retry, RETRY_NS);
    } else if (!cancelled && current && job->status == BROKER_OK) {
        provision_feed(instance, job);
    } else if (!cancelled && !job->clock_only && bus_up(instance->bus)) {
        provision_start(instance); /* Another connection meanwhile. */
    }
    free(job);
}

static void provision_submit(struct instance *instance, bool clock_only)
{
    struct provision_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return;
    }
    *job = (struct provision_job){ .instance = instance, .epoch = bus_epoch(instance->bus), .clock_only = clock_only };
    if (!control_submit(instance->control, provision_run, provision_done, job)) {
        free(job);
    } else if (clock_only) {
        instance->sampling = true;
    } else {
        instance->provisioning = true;
    }
}

void provision_start(struct instance *instance)
{
    if (!instance->provisioning && !instance->link_fed && bus_up(instance->bus)) {
        provision_submit(instance, false);
    }
}

void provision_sample_clock(struct instance *instance)
{
    if (instance->link_fed && !instance->sampling) {
        provision_submit(instance, true);
    }
}

void provision_check(struct instance *instance)
{
    provision_sample_clock(instance);
}
