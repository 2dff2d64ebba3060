/* What must be true before the core hears that the link is up: streams and buckets exist on the broker, its clock was
 * sampled, and the broker has this instance in its list. Done again on each new connection, since the broker may be
 * another one. While the link is up, each sample of the clock is also a look whether they are all still there. What
 * does not succeed is told to the core, which says when it is tried again. */
#include "serve/jobs.h"
#include "serve/room.h"

#include "adapters/nats/broker_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEND_NS          UINT64_C(9000000000)
#define DUPLICATE_NS_MIN (2 * INT64_C(60000000000))

struct provision_job {
    struct instance *instance;
    uint32_t epoch;
    bool clock_only, mend, clock_good, lost;
    enum broker_status status;
    bool room_needed, room_known;
    struct room_seen room;
    struct broker_stream stream;
    struct durability durability;
    struct broker_clock clock;
    struct broker_error error;
    char *announcement; /* NULL if only the clock is asked for */
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
        "KV_" BROKER_BUCKET_INSTANCES, "KV_" BROKER_BUCKET_LEASE,    "OBJ_" BROKER_BUCKET_CODE
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

/* For people: nothing is decided by it, so that it isn't known is no failure. */
static void find_durability(struct broker *broker, struct provision_job *job)
{
    struct broker_info info = { 0 };
    struct broker_sync sync;
    struct broker_error error;
    (void)broker_info(broker, &info, &error);
    broker_sync_find(broker, NULL, info.server_version, &sync);
    job->durability =
        (struct durability){ .replicas = job->stream.replicas, .sync_ns = sync.interval_ns, .sync_told = sync.told };
    snprintf(job->durability.storage, sizeof job->durability.storage, "%s", job->stream.storage);
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
        .queue_age_max_ns = config->queue_age_ns_max,
        .results_retention_ns = config->results_retention_ns,
        /* As long as a result is kept, the broker knows the id of its request: nothing of that id runs again. */
        .duplicate_window_ns =
            config->results_retention_ns > DUPLICATE_NS_MIN ? config->results_retention_ns : DUPLICATE_NS_MIN,
        .results_count_max = config->results_count_max,
        .dead_retention_ns = SERVE_DEAD_NS,
        .attempts_ttl_ns = serve_attempts_ns(config->queue_age_ns_max),
        .lease_ttl_ns = SERVE_LEASE_NS,
        .instances_ttl_ns = SERVE_INSTANCES_NS,
    };
    job->status = job->error.status;
    if (broker == NULL) {
        return;
    }
    job->status = BROKER_OK;
    job->lost = job->clock_only && anything_lost(broker);
    if (!job->clock_only || job->lost) {
        job->room_needed = room_needed(broker);
        provision.queue_messages_max = room_messages_max(config, job->room_needed);
        job->status = broker_provision(broker, &provision, report, NULL, &job->error);
    }
    if ((!job->clock_only || job->lost) && job->status == BROKER_OK) {
        job->status = broker_stream_info(broker, BROKER_STREAM_REQUESTS, &job->stream, &job->error);
    }
    if (job->mend && job->status == BROKER_OK) {
        struct broker_error ignored; /* asked again soon */
        (void)broker_consumers_mend(broker, config->queue_ack_wait_ns, SERVE_ACK_PENDING_MAX, report, NULL, &ignored);
    }
    if (!job->clock_only && job->status == BROKER_OK) {
        find_durability(broker, job);
        job->room_known = job->room_needed && room_look(broker, config, &job->room);
    }
    /* Confirmed before the records are read: a rollback that does not find us listed was written before we read. */
    if (job->announcement != NULL && job->status == BROKER_OK) {
        job->status = registry_announce(broker, job->instance->name, job->announcement, &job->error);
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
        instance->durability = job->durability;
        struct input up = instance_input(instance, INPUT_LINK_UP);
        instance_feed(instance, &up);
        instance->room_needed = job->room_needed;
        if (job->room_known || !job->room_needed) {
            room_tell(instance, &job->room);
        }
        registry_tick(instance);
        instance->refresh_anew = true;
        jobs_records(instance, true);
    }
    if (job->lost) {
        instance->stream_created_ns = job->stream.created_wall_ns;
        registry_changed(instance);
        jobs_records(instance, true);
    }
    if (job->clock_good && instance->link_fed) {
        struct input sample = instance_input(instance, INPUT_CLOCK);
        instance->clock_offset_ns = job->clock.low_ns / 2 + job->clock.high_ns / 2;
        instance->clock_width_ns = (uint64_t)(job->clock.high_ns - job->clock.low_ns);
        sample.as.clock.offset_ns_min = job->clock.low_ns;
        sample.as.clock.offset_ns_max = job->clock.high_ns;
        instance_feed(instance, &sample);
    }
}

bool provision_age_ns(const struct instance *instance, int64_t stored_wall_ns, uint64_t *ret_age_ns)
{
    if (stored_wall_ns == 0 || instance->clock_offset_ns == 0) {
        return false;
    }
    int64_t age_ns = (int64_t)loop_now_ns() + instance->clock_offset_ns - stored_wall_ns;
    *ret_age_ns = age_ns > 0 ? (uint64_t)age_ns : 0;
    return true;
}

static void job_free(struct provision_job *job)
{
    free(job->announcement);
    free(job);
}

static void provision_refused(struct instance *instance)
{
    struct input refused = instance_input(instance, INPUT_LINK_REFUSED);
    instance_feed(instance, &refused);
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
    }
    if (!cancelled && current && job->status == BROKER_OK) {
        provision_feed(instance, job);
    } else if (!cancelled && current && !job->clock_only) {
        provision_refused(instance);
    } else if (!cancelled && !job->clock_only && bus_up(instance->bus)) {
        provision_start(instance); /* Another connection meanwhile. */
    }
    job_free(job);
}

/* A sample that is left out is followed by another one anyway. */
static void provision_not_begun(struct instance *instance, bool clock_only)
{
    if (!clock_only) {
        provision_refused(instance);
    }
}

static void provision_submit(struct instance *instance, bool clock_only)
{
    struct provision_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        provision_not_begun(instance, clock_only);
        return;
    }
    *job = (struct provision_job){ .instance = instance, .epoch = bus_epoch(instance->bus), .clock_only = clock_only };
    if (clock_only && loop_now_ns() >= instance->mend_ns) {
        job->mend = true;
        instance->mend_ns = loop_now_ns() + MEND_NS;
    }
    job->announcement = clock_only ? NULL : registry_announcement(instance);
    if (!control_submit(instance->control, provision_run, provision_done, job)) {
        job_free(job);
        provision_not_begun(instance, clock_only);
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
