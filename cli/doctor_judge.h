/* What the doctor thinks of what it saw: each judgement takes facts and adds findings, and asks nobody. A thing that is
 * right in every respect gets one "ok" with what was seen; otherwise each respect that is not gets a finding. */
#ifndef STEAD_CLI_DOCTOR_JUDGE_H
#define STEAD_CLI_DOCTOR_JUDGE_H

#include "adapters/nats/broker_look.h"
#include "cli/doctor.h"

void judge_server(struct report *report, const struct broker_info *info);
void judge_payload(struct report *report, size_t payload_bytes_max, int64_t event_bytes);

/* What one of our streams or buckets must be. */
struct stream_want {
    const char *name;      /* of the stream: "functions", "KV_function-config" */
    const char *about;     /* as the report calls it */
    const char *holds;     /* "requests that wait" */
    const char *retention; /* "workqueue", "limits" */
    const char *subjects[16];
    int64_t age_ns_min; /* shorter loses what is needed; 0: nothing may be dropped by age */
    int64_t age_ns;     /* as the configuration says; 0: never */
    uint32_t replicas;
    bool durable; /* what it holds can't be made anew */
};
void judge_stream(struct report *report, const struct stream_want *want, const struct broker_stream *stream);

/* The window of the request stream, against how long a result is known. */
void judge_queue_room(struct report *report, const struct broker_info *info, const struct broker_stream *requests);
void judge_window(struct report *report, const struct broker_stream *requests, int64_t retention_ns);

/* Requests that end in a second; measured: from what is stored now, otherwise given. */
struct rate {
    double per_second;
    int64_t window_ns; /* over which it was measured; 0: it was given */
};
struct rate rate_measure(const struct broker_stream *results, int64_t now_wall_ns);
void judge_results_room(struct report *report, struct rate rate, int64_t retention_ns, int64_t count_max);

/* True if it is as Stead makes it. */
bool judge_consumer(struct report *report, const struct broker_consumer_seen *consumer, int64_t ack_wait_ns,
                    int64_t ack_pending_max);

void judge_durability(struct report *report, const struct broker_sync *sync, uint32_t replicas, bool in_memory);
/* Ours: wall clock minus monotonic clock. */
void judge_clock(struct report *report, const struct broker_clock *clock, int64_t ours_ns);

#endif
