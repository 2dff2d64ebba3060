/* The metrics of what goes through an instance: events at its doors, requests refused and waiting, messages of the
 * broker, and gRPC calls. What is counted often is looked up once; the rest is rare. */
#include "serve/jobs.h"

#include <stdio.h>
#include <string.h>

enum { GROUP_BYTES = SERVE_LANGUAGE_BYTES + 16 };

static void group_name(const char *language, char ret_group[GROUP_BYTES])
{
    snprintf(ret_group, GROUP_BYTES, "function.%s", language[0] == '\0' ? "unknown" : language);
}

/* -- events and requests ------------------------------------------------------------------------------------------- */

void status_count_event(struct instance *instance, enum transport transport, enum cloudevents_mode mode,
                        const char *problem)
{
    static const char *const transports[] = { "grpc", "nats" };
    static const char *const modes[] = { "structured", "binary", "bare" };
    struct status *status = &instance->status;
    struct metrics_series **series = &status->events[transport][mode][problem != NULL];
    if (*series == NULL) {
        const char *how = transport == TRANSPORT_GRPC ? "protobuf" : modes[mode];
        const char *const labels[] = { transports[transport], how, problem == NULL ? "taken" : "invalid" };
        *series = metrics_series(instance->metrics, METRIC_STEAD_EVENTS_RECEIVED_TOTAL, labels);
    }
    metrics_add(*series, 1);
    if (problem != NULL) {
        const char *const labels[] = { transports[transport], problem };
        metrics_add(metrics_series(instance->metrics, METRIC_STEAD_EVENTS_INVALID_TOTAL, labels), 1);
    }
}

void status_count_rejected(struct instance *instance, const struct function_side *function, const char *reason)
{
    char group[GROUP_BYTES];
    group_name(function == NULL ? "" : function->record.language, group);
    const char *const labels[] = { group, reason };
    metrics_add(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_REJECTED_TOTAL, labels), 1);
}

void status_count_redelivery(struct instance *instance, const char *language)
{
    char group[GROUP_BYTES];
    group_name(language, group);
    const char *const labels[] = { group };
    metrics_add(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_REDELIVERIES_TOTAL, labels), 1);
}

/* Before the broker's clock was sampled nothing can be said. */
void status_measure_wait(struct instance *instance, const struct worker_side *worker, int64_t stored_wall_ns)
{
    struct function_side *side = &instance->functions[worker->function];
    uint64_t wait_ns;
    if (!provision_age_ns(instance, stored_wall_ns, &wait_ns)) {
        return;
    }
    if (side->waits == NULL) {
        char group[GROUP_BYTES];
        group_name(side->record.language, group);
        side->waits = metrics_series(instance->metrics, METRIC_STEAD_QUEUE_WAIT_SECONDS, (const char *[]){ group });
    }
    metrics_observe(side->waits, wait_ns);
}

void status_count_death(struct instance *instance, const struct function_side *function, enum reason reason)
{
    const char *const labels[] = { function->record.language, function->record.name, reason_name(reason) };
    metrics_add(metrics_series(instance->metrics, METRIC_STEAD_PLUGIN_RESTARTS_TOTAL, labels), 1);
}

/* -- the broker ---------------------------------------------------------------------------------------------------- */

void status_measure_published(struct instance *instance, enum effect_kind kind, uint64_t sent_ns)
{
    struct metrics_series **series = &instance->status.published[kind];
    if (*series == NULL) {
        const char *stream = kind == EFFECT_PUBLISH_REQUEST ? BROKER_STREAM_REQUESTS
                             : kind == EFFECT_PUBLISH_DEAD  ? BROKER_STREAM_DEAD
                                                            : BROKER_STREAM_RESULTS;
        *series =
            metrics_series(instance->metrics, METRIC_STEAD_NATS_PUBLISH_DURATION_SECONDS, (const char *[]){ stream });
    }
    metrics_observe(*series, loop_now_ns() - sent_ns);
}

void status_count_nats_error(struct instance *instance, const char *kind)
{
    const char *const labels[] = { kind };
    metrics_add(metrics_series(instance->metrics, METRIC_STEAD_NATS_ERRORS_TOTAL, labels), 1);
}

static void traffic_set(struct metrics *metrics, enum metric metric, const char *direction, uint64_t value)
{
    metrics_set(metrics_series(metrics, metric, (const char *[]){ direction }), (int64_t)value);
}

static void measure_nats(struct instance *instance)
{
    struct metrics *metrics = instance->metrics;
    struct bus_traffic traffic;
    bus_traffic(instance->bus, &traffic);
    traffic_set(metrics, METRIC_STEAD_NATS_MESSAGES_TOTAL, "in", traffic.messages_in);
    traffic_set(metrics, METRIC_STEAD_NATS_MESSAGES_TOTAL, "out", traffic.messages_out);
    traffic_set(metrics, METRIC_STEAD_NATS_BYTES_TOTAL, "in", traffic.bytes_in);
    traffic_set(metrics, METRIC_STEAD_NATS_BYTES_TOTAL, "out", traffic.bytes_out);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_NATS_RTT_SECONDS), (int64_t)instance->clock_width_ns);
}

/* -- doors and checks ---------------------------------------------------------------------------------------------- */

static void measure_grpc(struct instance *instance)
{
    struct metrics *metrics = instance->metrics;
    struct rpc_server_counters counters;
    rpc_server_counters(instance->rpc, &counters);
    const struct {
        const char *reason;
        uint64_t count;
    } refused[] = {
        { "load", counters.refused_load },
        { "invalid", counters.refused_invalid },
        { "unknown-method", counters.unknown_methods },
    };
    metrics_set(metrics_plain(metrics, METRIC_STEAD_GRPC_CALLS_TOTAL), (int64_t)counters.calls);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_GRPC_CALLS_IN_FLIGHT), counters.in_flight);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_GRPC_CONNECTIONS_TOTAL), (int64_t)counters.connections);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        traffic_set(metrics, METRIC_STEAD_GRPC_REFUSED_TOTAL, refused[i].reason, refused[i].count);
    }
}

static void measure_checks(struct instance *instance)
{
    struct status *status = &instance->status;
    for (size_t i = 0; i < sizeof status->checks / sizeof status->checks[0]; i++) {
        const char *reason, *const labels[] = { status->checks[i].name };
        bool good = status->checks[i].passes(status->checks[i].owner, &reason);
        metrics_set(metrics_series(instance->metrics, METRIC_STEAD_COMPONENT_HEALTHY, labels), good);
    }
}

static void measure_workers(struct instance *instance)
{
    static const char *const states[] = { "idle", "busy" };
    for (uint32_t language = 0; language < CLOUDEVENTS_LANGUAGE_COUNT; language++) {
        const char *name = cloudevents_language_name((enum cloudevents_language)language);
        int64_t counts[2] = { 0, 0 };
        for (uint32_t i = 0; i < SERVE_WORKERS_MAX; i++) {
            const struct worker_side *worker = &instance->workers[i];
            if (worker->used && strcmp(instance->functions[worker->function].record.language, name) == 0) {
                counts[worker->calls > 0]++;
            }
        }
        for (size_t i = 0; i < 2; i++) {
            const char *const labels[] = { name, states[i] };
            metrics_set(metrics_series(instance->metrics, METRIC_STEAD_PLUGINS, labels), counts[i]);
        }
    }
}

void status_measure_traffic(struct instance *instance)
{
    measure_nats(instance);
    measure_grpc(instance);
    measure_checks(instance);
    measure_workers(instance);
}
