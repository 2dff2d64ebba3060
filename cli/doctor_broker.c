/* What the broker promises, compared with what Stead needs: each check is one read over the control connection. */
#include "cli/doctor.h"

#include "adapters/loop/loop.h"
#include "adapters/nats/broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADERS_BYTES = 64 * 1024, OFFSET_MS_MAX = 1000, VERSION_MINOR_MIN = 9 };

/* stream, retention it must have ("" for any), what it holds */
static const struct {
    const char *name;
    const char *retention;
    const char *holds;
} streams[] = {
    { BROKER_STREAM_REQUESTS, "workqueue", "requests that wait" },
    { BROKER_STREAM_RESULTS, "limits", "results" },
    { BROKER_STREAM_DEAD, "limits", "dead letters" },
};

static void check_server(struct report *report, const struct broker_info *info)
{
    char *rest;
    long major = strtol(info->server_version, &rest, 10), minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    bool known = major > 2 || (major == 2 && minor >= VERSION_MINOR_MIN);
    report_add(report, known ? LEVEL_OK : LEVEL_FAIL, "nats-server", known ? NULL : "upgrade: 2.9 or later is needed",
               "version %s at %s%s%s", info->server_version, info->server_url,
               info->cluster[0] == '\0' ? "" : ", cluster ", info->cluster);
    report_add(report, info->jetstream ? LEVEL_OK : LEVEL_FAIL, "jetstream",
               info->jetstream ? NULL : "add `jetstream {}` to its configuration, or start it with -js", "%s",
               info->jetstream ? "on" : "off for this account");
}

static void check_payload(struct report *report, const struct broker_info *info, const struct config *config)
{
    int64_t wanted = config->limits_event_bytes > config->limits_result_bytes ? config->limits_event_bytes
                                                                              : config->limits_result_bytes;
    bool fits = (int64_t)info->payload_bytes_max >= wanted + HEADERS_BYTES;
    report_add(report, fits ? LEVEL_OK : LEVEL_FAIL, "max_payload",
               fits ? NULL : "raise max_payload, or lower limits.eventSize and limits.resultSize",
               "%zu bytes; limits of %" PRId64 " bytes and 64 KiB of headers must fit", info->payload_bytes_max,
               wanted);
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

static void check_stream(struct report *report, struct broker *broker, size_t index, bool *durable)
{
    struct broker_error error;
    struct broker_stream stream;
    char about[32];
    snprintf(about, sizeof about, "%.20s", streams[index].name);
    enum broker_status status = broker_stream_info(broker, streams[index].name, &stream, &error);
    if (status == BROKER_NOT_FOUND) {
        report_add(report, LEVEL_OK, about, NULL, "not there yet: the first stead serve makes it");
        return;
    }
    if (status != BROKER_OK) {
        report_add(report, LEVEL_FAIL, about, NULL, "%s", error.text);
        return;
    }
    bool right = strcmp(stream.retention, streams[index].retention) == 0 && strcmp(stream.discard, "new") == 0;
    bool filed = strcmp(stream.storage, "file") == 0;
    const char *advice = !right   ? "it loses what it holds: remove it when it is empty, and let stead serve make it"
                         : !filed ? "in memory, so a restart of the broker loses it: storage.type: file"
                                  : NULL;
    report_add(report,
               !right  ? LEVEL_FAIL
               : filed ? LEVEL_OK
                       : LEVEL_WARN,
               about, advice, "%s: %s, %s storage, discard %s, %u replica%s, %llu stored", streams[index].holds,
               stream.retention, stream.storage, stream.discard, stream.replicas, stream.replicas == 1 ? "" : "s",
               (unsigned long long)stream.messages);
    *durable = *durable && stream.replicas >= 3;
}

static void check_durability(struct report *report, bool durable)
{
    if (durable) {
        report_add(report, LEVEL_OK, "durability", NULL,
                   "three copies: what was accepted survives the loss of a server");
    } else {
        report_add(
            report, LEVEL_WARN, "durability",
            "three servers with storage.replicas: 3, or `sync_interval: always` in jetstream {} (2.10 and later)",
            "one copy, written to disk by the broker's sync_interval (1 to 2 minutes by default): a power failure "
            "can lose accepted requests of that time; a crash of the broker alone loses none");
    }
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void check_clock(struct report *report, struct broker *broker)
{
    struct broker_clock clock;
    struct broker_error error;
    enum broker_status status = broker_clock_sample(broker, "doctor", &clock, &error);
    if (status == BROKER_NOT_FOUND || status == BROKER_NO_RESPONDERS) {
        report_add(report, LEVEL_OK, "clock", NULL, "not compared: " BROKER_BUCKET_INSTANCES " is not there yet");
        return;
    }
    if (status != BROKER_OK) {
        report_add(report, LEVEL_WARN, "clock", NULL, "not compared: %s", error.text);
        return;
    }
    int64_t ours_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    int64_t offset_ms = (clock.low_ns / 2 + clock.high_ns / 2 - ours_ns) / 1000000;
    bool near = offset_ms < OFFSET_MS_MAX && offset_ms > -OFFSET_MS_MAX;
    report_add(report, near ? LEVEL_OK : LEVEL_WARN, "clock",
               near ? NULL : "deadlines still hold, but times in logs and records disagree: run NTP on both",
               "the broker's is %+" PRId64 " ms from ours (measured within %" PRId64 " ms)", offset_ms,
               (clock.high_ns - clock.low_ns) / 1000000 + 1);
}

void doctor_broker(struct report *report, const struct config *config)
{
    struct endpoint endpoint = { .urls = config->nats_url,
                                 .name = "stead-doctor",
                                 .credentials_file = config->nats_credentials,
                                 .tls_ca_file = config->nats_tls_ca,
                                 .tls_certificate_file = config->nats_tls_certificate,
                                 .tls_key_file = config->nats_tls_key };
    struct broker_error error;
    struct broker_info info;
    bool durable = true;
    struct broker *broker = broker_connect(&endpoint, 0, &error);
    if (broker == NULL || broker_info(broker, &info, &error) != BROKER_OK) {
        report_add(report, LEVEL_FAIL, "nats-server", "start one, or name it: --nats URL, NATS_URL or nats.url", "%s",
                   error.text);
        broker_close(broker);
        return;
    }
    check_server(report, &info);
    check_payload(report, &info, config);
    check_room(report, &info);
    for (size_t i = 0; info.jetstream && i < sizeof streams / sizeof streams[0]; i++) {
        check_stream(report, broker, i, &durable);
    }
    if (info.jetstream) {
        check_durability(report, durable && info.cluster[0] != '\0');
        check_clock(report, broker);
    }
    broker_close(broker);
}
