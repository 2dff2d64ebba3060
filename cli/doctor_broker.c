/* Asks the broker over the control connection and lets doctor_judge.h judge. Nothing is changed but one record of the
 * broker's own clock, where the bucket for it is there already. */
#include "cli/doctor.h"

#include "adapters/loop/loop.h"
#include "adapters/nats/broker.h"
#include "cli/doctor_judge.h"
#include "serve/storage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CONSUMERS_TOLD_MAX = 8, LANGUAGES_MAX = 15 };

/* What there is of the streams after the look at them. */
struct looked {
    struct report *report;
    const struct config *config;
    const struct doctor_asked *asked;
    struct broker *broker;
    struct broker_stream requests, results;
    bool has_requests, has_results, in_memory;
    uint32_t replicas; /* the fewest of the streams that are there, else what is configured */
    size_t consumers, consumers_wrong;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void check_room(struct report *report, const struct broker_info *info)
{
    if (info->storage_bytes_max > 0) {
        int64_t left = info->storage_bytes_max - (int64_t)info->storage_bytes_used;
        bool room = left > info->storage_bytes_max / 10;
        report_add(
            report, room ? LEVEL_OK : LEVEL_WARN, "storage", room ? NULL : "raise max_file_store or remove streams",
            "%" PRId64 " MiB of %" PRId64 " MiB are free for this account", left >> 20, info->storage_bytes_max >> 20);
    }
}

/* False if it is not there or can't be read. */
static bool look_at(struct looked *looked, const struct stream_want *want, struct broker_stream *ret_stream)
{
    struct broker_error error;
    enum broker_status status = broker_stream_info(looked->broker, want->name, ret_stream, &error);
    if (status == BROKER_NOT_FOUND) {
        report_add(looked->report, LEVEL_OK, want->about, NULL, "not there yet: the first stead serve makes it");
    } else if (status != BROKER_OK) {
        report_add(looked->report, LEVEL_FAIL, want->about,
                   status == BROKER_NO_RESPONDERS ? "a cluster needs most of its servers: start them"
                                                  : "may this user ask? See permissions",
                   "%s", error.text);
    } else {
        judge_stream(looked->report, want, ret_stream);
        looked->in_memory = looked->in_memory || (want->durable && strcmp(ret_stream->storage, "memory") == 0);
        if (want->durable && ret_stream->replicas < looked->replicas) {
            looked->replicas = ret_stream->replicas;
        }
    }
    return status == BROKER_OK;
}

static void look_at_streams(struct looked *looked)
{
    const struct config *config = looked->config;
    char subjects[LANGUAGES_MAX][96];
    struct stream_want requests = { .name = BROKER_STREAM_REQUESTS,
                                    .about = BROKER_STREAM_REQUESTS,
                                    .holds = "requests that wait",
                                    .retention = "workqueue",
                                    .age_ns_min = config->queue_timeout_ns,
                                    .age_ns = config->queue_age_ns_max,
                                    .durable = true };
    struct stream_want results = { .name = BROKER_STREAM_RESULTS,
                                   .about = BROKER_STREAM_RESULTS,
                                   .holds = "results",
                                   .retention = "limits",
                                   .subjects = { "function.result.*" },
                                   .age_ns_min = config->grpc_deadline_ns_max,
                                   .age_ns = config->results_retention_ns,
                                   .durable = true };
    struct stream_want dead = { .name = BROKER_STREAM_DEAD,
                                .about = BROKER_STREAM_DEAD,
                                .holds = "dead letters",
                                .retention = "limits",
                                .subjects = { "function.dead.>" },
                                .age_ns_min = 1,
                                .age_ns = SERVE_DEAD_NS,
                                .durable = true };
    struct broker_stream letters;
    for (size_t i = 0; i < config->service_languages.count && i < LANGUAGES_MAX; i++) {
        snprintf(subjects[i], sizeof subjects[i], "function.%.64s.*", config->service_languages.items[i]);
        requests.subjects[i] = subjects[i];
    }
    requests.replicas = results.replicas = dead.replicas = (uint32_t)config->storage_replicas;
    looked->has_requests = look_at(looked, &requests, &looked->requests);
    looked->has_results = look_at(looked, &results, &looked->results);
    look_at(looked, &dead, &letters);
}

static void look_at_buckets(struct looked *looked)
{
    const struct config *config = looked->config;
    uint32_t replicas = (uint32_t)config->storage_replicas;
#define BUCKET(bucket, what, least_ns, ttl_ns, is_durable)                                                             \
    {                                                                                                                  \
        .name = "KV_" bucket, .about = bucket, .holds = what, .retention = "limits",                                   \
        .subjects = { "$KV." bucket ".>" }, .age_ns_min = least_ns, .age_ns = ttl_ns, .replicas = replicas,            \
        .durable = is_durable                                                                                          \
    }
    const struct stream_want buckets[] = {
        BUCKET(BROKER_BUCKET_CONFIG, "what functions are to be", 0, 0, true),
        BUCKET(BROKER_BUCKET_VERSIONS, "versions", 0, 0, true),
        BUCKET(BROKER_BUCKET_ATTEMPTS, "attempts of requests", config->queue_age_ns_max,
               serve_attempts_ns(config->queue_age_ns_max), true),
        BUCKET(BROKER_BUCKET_LEASE, "leases", SERVE_LEASE_NS / 2, SERVE_LEASE_NS, false),
        BUCKET(BROKER_BUCKET_INSTANCES, "instances", SERVE_INSTANCES_NS / 2, SERVE_INSTANCES_NS, false),
    };
    const struct stream_want code = { .name = "OBJ_" BROKER_BUCKET_CODE,
                                      .about = BROKER_BUCKET_CODE,
                                      .holds = "code of functions",
                                      .retention = "limits",
                                      .subjects = { "$O." BROKER_BUCKET_CODE ".C.>", "$O." BROKER_BUCKET_CODE ".M.>" },
                                      .replicas = replicas,
                                      .durable = true };
    struct broker_stream bucket;
    for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++) {
        look_at(looked, &buckets[i], &bucket);
    }
    look_at(looked, &code, &bucket);
}

static void consumer_entry(void *owner, const struct broker_consumer_seen *consumer)
{
    struct looked *looked = owner;
    struct report ignored = { .count = FINDINGS_MAX };
    struct report *report = looked->consumers_wrong < CONSUMERS_TOLD_MAX ? looked->report : &ignored;
    looked->consumers++;
    looked->consumers_wrong +=
        !judge_consumer(report, consumer, looked->config->queue_ack_wait_ns, SERVE_ACK_PENDING_MAX);
}

static void look_at_consumers(struct looked *looked)
{
    struct broker_error error;
    if (!looked->has_requests) {
        return;
    }
    if (broker_consumers_each(looked->broker, consumer_entry, looked, &error) != BROKER_OK) {
        report_add(looked->report, LEVEL_WARN, "consumers", "may this user ask? See permissions", "%s", error.text);
    } else if (looked->consumers_wrong > CONSUMERS_TOLD_MAX) {
        report_add(looked->report, LEVEL_WARN, "consumers", NULL, "%zu of %zu differ, %d are told",
                   looked->consumers_wrong, looked->consumers, CONSUMERS_TOLD_MAX);
    } else if (looked->consumers_wrong == 0) {
        report_add(looked->report, LEVEL_OK, "consumers", NULL, "%zu, each as Stead makes it", looked->consumers);
    }
}

static void check_results_room(struct looked *looked)
{
    double given = looked->asked->rate_per_second;
    struct rate rate = { .per_second = given };
    int64_t retention_ns = looked->config->results_retention_ns, count_max = looked->config->results_count_max;
    if (looked->has_results) {
        retention_ns = looked->results.age_max_ns;
        count_max = looked->results.messages_max;
    }
    if (given == 0) {
        struct broker_stream none = { 0 };
        rate = rate_measure(looked->has_results ? &looked->results : &none, clock_ns(CLOCK_REALTIME));
    }
    judge_results_room(looked->report, rate, retention_ns, count_max);
}

static void check_clock(struct report *report, struct broker *broker)
{
    struct broker_clock clock;
    struct broker_error error;
    enum broker_status status = broker_clock_sample(broker, "doctor", &clock, &error);
    if (status == BROKER_NOT_FOUND || status == BROKER_NO_RESPONDERS) {
        report_add(report, LEVEL_OK, "clock", NULL, "not compared: " BROKER_BUCKET_INSTANCES " is not there yet");
    } else if (status != BROKER_OK) {
        report_add(report, LEVEL_WARN, "clock", NULL, "not compared: %s", error.text);
    } else {
        judge_clock(report, &clock, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
    }
}

static void look_at_all(struct looked *looked, const struct broker_info *info)
{
    struct broker_sync sync;
    doctor_permissions(looked->report, looked->config, looked->broker);
    if (!info->jetstream) {
        return;
    }
    look_at_streams(looked);
    look_at_buckets(looked);
    look_at_consumers(looked);
    if (looked->has_requests) {
        judge_queue_room(looked->report, info, &looked->requests);
        judge_window(looked->report, &looked->requests, looked->config->results_retention_ns);
    }
    check_results_room(looked);
    broker_sync_find(looked->broker, looked->asked->monitor_url, info->server_version, &sync);
    judge_durability(looked->report, &sync, looked->replicas, looked->in_memory);
    check_clock(looked->report, looked->broker);
}

void doctor_broker(struct report *report, const struct config *config, const struct doctor_asked *asked)
{
    struct endpoint endpoint = { .urls = config->nats_url,
                                 .name = "stead-doctor",
                                 .credentials_file = config->nats_credentials,
                                 .tls_ca_file = config->nats_tls_ca,
                                 .tls_certificate_file = config->nats_tls_certificate,
                                 .tls_key_file = config->nats_tls_key };
    struct broker_error error;
    struct broker_info info;
    struct broker *broker = broker_connect(&endpoint, 0, &error);
    enum broker_status status = broker == NULL ? error.status : broker_info(broker, &info, &error);
    struct looked looked = { .report = report,
                             .config = config,
                             .asked = asked,
                             .broker = broker,
                             .in_memory = config->storage_type == CONFIG_STORAGE_MEMORY,
                             .replicas = (uint32_t)config->storage_replicas };
    if (broker == NULL || status != BROKER_OK) {
        report_add(report, LEVEL_FAIL, "nats-server", "start one, or name it: --nats URL, NATS_URL or nats.url", "%s",
                   error.text);
        if (status == BROKER_TIMEOUT) {
            doctor_permissions(report, config, broker);
        }
        broker_close(broker);
        return;
    }
    judge_server(report, &info);
    judge_payload(report, info.payload_bytes_max,
                  config->limits_event_bytes > config->limits_result_bytes ? config->limits_event_bytes
                                                                           : config->limits_result_bytes);
    check_room(report, &info);
    look_at_all(&looked, &info);
    broker_close(broker);
}
