/* Judgements of the server, its durability, the room for results, consumers and clocks; streams and buckets are judged
 * in doctor_judge_stream.c. */
#include "cli/doctor_judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADERS_BYTES = 64 * 1024,
    OFFSET_MS_MAX = 1000,
    VERSION_MINOR_MIN = 9,
    VERSION_MINOR_SAFE = 10,
    NEARLY_FULL_PART = 2
};
#define SECOND_NS     INT64_C(1000000000)
#define WINDOW_NS_MIN (120 * SECOND_NS)

static long version_number(const struct broker_info *info)
{
    char *rest;
    long major = strtol(info->server_version, &rest, 10), minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return major * 1000 + minor;
}

void judge_server(struct report *report, const struct broker_info *info)
{
    long number = version_number(info);
    bool clustered = info->cluster[0] != '\0';
    enum level level = LEVEL_OK;
    const char *advice = NULL;
    if (number < 2000 + VERSION_MINOR_MIN) {
        advice = info->server_version[0] == '\0' ? "its greeting could not be read: is a proxy between?"
                                                 : "upgrade: 2.9 or later is needed";
        level = info->server_version[0] == '\0' ? LEVEL_WARN : LEVEL_FAIL;
    } else if (clustered && number < 2000 + VERSION_MINOR_SAFE) {
        level = LEVEL_WARN;
        advice = "upgrade: clusters of 2.9 were seen to lose acknowledged messages when one of their servers restarts";
    }
    report_add(report, level, "nats-server", advice, "version %s at %s%s%s",
               info->server_version[0] == '\0' ? "unknown" : info->server_version, info->server_url,
               clustered ? ", cluster " : "", info->cluster);
    report_add(report, info->jetstream ? LEVEL_OK : LEVEL_FAIL, "jetstream",
               info->jetstream ? NULL : "add `jetstream {}` to its configuration, or start it with -js", "%s",
               info->jetstream ? "on" : "off for this account, or this user may not ask");
}

void judge_payload(struct report *report, size_t payload_bytes_max, int64_t event_bytes)
{
    bool fits = (int64_t)payload_bytes_max >= event_bytes + HEADERS_BYTES;
    report_add(report, fits ? LEVEL_OK : LEVEL_FAIL, "max_payload",
               fits ? NULL : "raise max_payload, or lower limits.eventSize and limits.resultSize",
               "%zu bytes; limits of %" PRId64 " bytes and 64 KiB of headers must fit", payload_bytes_max, event_bytes);
}

/* One before 2.10.6 that is killed brings settled messages back, and drops the oldest ones of a full stream for them
 * (tests/conformance/broker/quirks/59*). Our doors leave room for that (docs/adr/0020); others that publish need not.
 * One that is bounded by bytes drops the oldest also while it runs: it compares without what it adds to each
 * message. */
void judge_queue_room(struct report *report, const struct broker_info *info, const struct broker_stream *requests)
{
    bool bounded = requests->messages_max > 0;
    bool nearly_full = bounded && requests->messages >= (uint64_t)requests->messages_max / NEARLY_FULL_PART;
    bool drops = broker_drops_when_full(info->server_version), by_bytes = drops && requests->bytes_max > 0;
    const char *advice = by_bytes ? "upgrade to 2.10.6 or later, or set max_bytes to -1: this version drops the oldest "
                                    "requests of a stream that is full by bytes"
                         : drops && nearly_full
                             ? "upgrade to 2.10.6 or later, or publish less by NATS: this version drops the oldest "
                               "requests if it is killed while the stream is full. Callers leave it room"
                             : NULL;
    char most[32] = "any number";
    if (bounded) {
        snprintf(most, sizeof most, "%" PRId64, requests->messages_max);
    }
    report_add(report, advice != NULL ? LEVEL_WARN : LEVEL_OK, "queue room", advice, "%" PRIu64 " requests of %s wait",
               requests->messages, most);
}

void judge_window(struct report *report, const struct broker_stream *requests, int64_t retention_ns)
{
    char have[SPAN_BYTES], need[SPAN_BYTES];
    int64_t wanted_ns = retention_ns > WINDOW_NS_MIN ? retention_ns : WINDOW_NS_MIN;
    bool clamped = requests->age_max_ns > 0 && requests->age_max_ns < wanted_ns;
    wanted_ns = clamped ? requests->age_max_ns : wanted_ns;
    bool long_enough = requests->duplicate_window_ns >= wanted_ns;
    span_text(requests->duplicate_window_ns, have);
    span_text(wanted_ns, need);
    report_add(report, long_enough ? LEVEL_OK : LEVEL_WARN, "duplicates",
               long_enough
                   ? NULL
                   : "restart stead serve, which sets it, or remove the stream when it is empty if Stead did not "
                     "make it",
               "the broker knows an id again for %s; %s are needed so that no id runs twice while its result is kept",
               have, need);
}

struct rate rate_measure(const struct broker_stream *results, int64_t now_wall_ns)
{
    int64_t window_ns = results->messages == 0 ? 0 : now_wall_ns - results->first_wall_ns;
    if (window_ns < SECOND_NS) {
        window_ns = SECOND_NS;
    }
    return (struct rate){ .per_second = (double)results->messages * (double)SECOND_NS / (double)window_ns,
                          .window_ns = window_ns };
}

void judge_results_room(struct report *report, struct rate rate, int64_t retention_ns, int64_t count_max)
{
    char window[SPAN_BYTES], keep[SPAN_BYTES];
    double need = rate.per_second * (double)retention_ns / (double)SECOND_NS;
    enum level level = count_max <= 0 || need * 2 <= (double)count_max ? LEVEL_OK
                       : need <= (double)count_max                     ? LEVEL_WARN
                                                                       : LEVEL_FAIL;
    const char *advice = level == LEVEL_OK ? NULL
                         : level == LEVEL_WARN
                             ? "less than twice the room: raise results.maxCount before the load doubles"
                             : "raise results.maxCount or lower results.retention: when results are "
                               "full, nothing new is taken";
    span_text(rate.window_ns, window);
    span_text(retention_ns, keep);
    if (rate.window_ns > 0) {
        report_add(report, level, "results room", advice,
                   "room for %" PRId64 "; %.1f a second (measured over %s) kept for %s are %.0f; peaks need more: "
                   "--rate N",
                   count_max, rate.per_second, window, keep, need);
    } else {
        report_add(report, level, "results room", advice,
                   "room for %" PRId64 "; %.1f a second (as given) kept for %s are %.0f", count_max, rate.per_second,
                   keep, need);
    }
}

/* What differs, in words; false if nothing does. */
static bool consumer_trouble(const struct broker_consumer_seen *consumer, int64_t ack_wait_ns, int64_t ack_pending_max,
                             char *ret_text, size_t size)
{
    char filter[sizeof consumer->filter + 16], have[SPAN_BYTES], need[SPAN_BYTES];
    const char *dash = strchr(consumer->name, '-');
    int language = dash == NULL ? 0 : (int)(dash - consumer->name);
    snprintf(filter, sizeof filter, "function.%.*s.%s", language, consumer->name, dash == NULL ? "" : dash + 1);
    span_text(consumer->ack_wait_ns, have);
    span_text(ack_wait_ns, need);
    if (consumer->deliver_subject[0] != '\0') {
        snprintf(ret_text, size, "pushes to %s", consumer->deliver_subject);
    } else if (strcmp(consumer->acknowledge, "explicit") != 0) {
        snprintf(ret_text, size, "ack policy %s, not explicit", consumer->acknowledge);
    } else if (strcmp(consumer->filter, filter) != 0) {
        snprintf(ret_text, size, "takes %.100s, not %.100s",
                 consumer->filter[0] == '\0' ? "everything" : consumer->filter, filter);
    } else if (consumer->deliveries_max > 0) {
        snprintf(ret_text, size, "gives up after %" PRId64 " deliveries", consumer->deliveries_max);
    } else if (consumer->backoff) {
        snprintf(ret_text, size, "has a BackOff of its own");
    } else if (consumer->ack_wait_ns != ack_wait_ns) {
        snprintf(ret_text, size, "ack wait %s, not %s", have, need);
    } else if (consumer->ack_pending_max > 0 && consumer->ack_pending_max < ack_pending_max) {
        snprintf(ret_text, size, "at most %" PRId64 " delivered at once, not %" PRId64, consumer->ack_pending_max,
                 ack_pending_max);
    } else {
        return false;
    }
    return true;
}

bool judge_consumer(struct report *report, const struct broker_consumer_seen *consumer, int64_t ack_wait_ns,
                    int64_t ack_pending_max)
{
    char trouble[320];
    if (!consumer_trouble(consumer, ack_wait_ns, ack_pending_max, trouble, sizeof trouble)) {
        return true;
    }
    report_add(report, consumer->ours ? LEVEL_WARN : LEVEL_FAIL, "consumer",
               consumer->ours ? "it was changed by hand, or queue.ackWait was: stead serve sets it right, at its next "
                                "connection at the latest"
                              : "Stead did not make it and it takes requests from functions: remove it",
               "%.100s of " BROKER_STREAM_REQUESTS ": %.120s", consumer->name, trouble);
    return false;
}

void judge_durability(struct report *report, const struct broker_sync *sync, uint32_t replicas, bool in_memory)
{
    char every[SPAN_BYTES];
    const char *how = sync->told ? "by its own word" : "assumed: the default of its version";
    span_text(sync->interval_ns, every);
    if (in_memory) {
        report_add(report, LEVEL_WARN, "durability", "storage.type: file, and remove the streams that are in memory",
                   "in memory: a restart of the broker loses what was accepted");
    } else if (sync->always) {
        report_add(report, LEVEL_OK, "durability", NULL,
                   "each message is on disk before it is acknowledged (%s), %u cop%s", how, replicas,
                   replicas == 1 ? "y" : "ies");
    } else if (replicas >= 3) {
        report_add(report, LEVEL_OK, "durability", NULL,
                   "%u copies: what was accepted survives the loss of a server; each writes to disk every %s (%s)",
                   replicas, every, how);
    } else {
        report_add(
            report, LEVEL_WARN, "durability",
            "three servers with storage.replicas: 3, or `sync_interval: always` in jetstream {} (2.10 and later)",
            "one copy, written to disk every %s (%s): a power failure can lose accepted requests of that time; "
            "a crash of the broker alone loses none",
            every, how);
    }
}

void judge_clock(struct report *report, const struct broker_clock *clock, int64_t ours_ns)
{
    int64_t offset_ms = (clock->low_ns / 2 + clock->high_ns / 2 - ours_ns) / 1000000;
    int64_t within_ms = (clock->high_ns - clock->low_ns) / 2000000 + 1;
    bool near = offset_ms < OFFSET_MS_MAX + within_ms && offset_ms > -OFFSET_MS_MAX - within_ms;
    report_add(report, near ? LEVEL_OK : LEVEL_WARN, "clock",
               near ? NULL : "deadlines still hold, but times in logs and records disagree: run NTP on both",
               "the broker's is %+" PRId64 " ms from ours, within %" PRId64 " ms", offset_ms, within_ms);
}
