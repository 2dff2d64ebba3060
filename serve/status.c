/* What others see of the instance: probes, metrics, health, and the ports file that tells that everything is ready. */
#include "serve/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool check_nats(void *owner, const char **ret_reason)
{
    const struct instance *instance = owner;
    *ret_reason = "not connected to the broker, or its streams are not usable";
    return instance->link_fed;
}

static bool check_functions(void *owner, const char **ret_reason)
{
    const struct instance *instance = owner;
    *ret_reason = "the records of the functions were not read yet";
    return instance->refreshed;
}

static bool check_draining(void *owner, const char **ret_reason)
{
    const struct instance *instance = owner;
    *ret_reason = "shutting down";
    return !instance->draining;
}

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void set_labelled(struct metrics *metrics, enum metric metric, const char *label, uint64_t value)
{
    const char *const labels[] = { label };
    metrics_set(metrics_series(metrics, metric, labels), (int64_t)value);
}

static void metrics_functions(struct instance *instance)
{
    for (uint32_t language = 0; language < CLOUDEVENTS_LANGUAGE_COUNT; language++) {
        const char *name = cloudevents_language_name((enum cloudevents_language)language);
        for (uint32_t state = FUNCTION_BUILDING; state < FUNCTION_COUNT; state++) {
            int64_t count = 0;
            for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
                const struct function_side *side = &instance->functions[i];
                count += side->used && !side->stray && side->state == state && strcmp(side->record.language, name) == 0;
            }
            const char *const labels[] = { name, "stateless", function_state_name(state) };
            metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTIONS, labels), count);
        }
    }
}

static void metrics_refresh(struct instance *instance)
{
    struct core_view view;
    core_view(instance->core, &view);
    struct blob_counts blobs = blob_counts(instance->blobs);
    struct metrics *metrics = instance->metrics;
    metrics_set(metrics_plain(metrics, METRIC_STEAD_NATS_CONNECTED), instance->link_fed);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_INSTANCE_SLOTS), instance->config->service_slots);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_BUFFER_BYTES), (int64_t)blobs.bytes_used);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_BUFFER_REFUSED_TOTAL), (int64_t)blobs.refused);
    for (uint32_t state = 0; state < INSTANCE_COUNT; state++) {
        set_labelled(metrics, METRIC_STEAD_INSTANCE_STATE, instance_state_name(state), state == view.instance);
    }
    struct log_counts logs = log_counts();
    for (uint32_t level = 0; level < LOG_LEVEL_COUNT; level++) {
        set_labelled(metrics, METRIC_STEAD_LOG_MESSAGES_TOTAL, log_level_name((enum log_level)level),
                     logs.written[level]);
    }
    metrics_set(metrics_plain(metrics, METRIC_STEAD_LOG_DROPPED_TOTAL), (int64_t)logs.dropped);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_NATS_PULL_CREDITS), view.credits);
    metrics_functions(instance);
    metrics_set(metrics_plain(metrics, METRIC_STEAD_SWEEPER), view.sweeps);
    status_measure_queues(instance);
    status_measure_traffic(instance);
    metrics_sample_process(metrics);
}

static void handle_metrics(void *owner, const struct http_request *request, struct http_answer *answer)
{
    struct instance *instance = owner;
    struct event_buffer text = { 0 };
    (void)request;
    metrics_refresh(instance);
    metrics_write(instance->metrics, &text);
    http_answer_type(answer, METRICS_CONTENT_TYPE);
    http_answer_append(answer, text.at, text.length);
    event_buffer_free(&text);
}

void status_count_result(struct instance *instance, const struct effect *effect)
{
    struct pending *pending = &instance->pending_deliveries[handle_index(effect->about)];
    struct function_side *side = function_side(instance, effect->other);
    if (side == NULL || pending->counted == effect->about.bits) {
        return; /* Asked again: the same result. */
    }
    pending->counted = effect->about.bits;
    const struct record *record = &side->record;
    if (side->ends[effect->end] == NULL) {
        const char *const labels[] = { record->language, record->name, end_name((enum end)effect->end) };
        side->ends[effect->end] = metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_INVOCATIONS_TOTAL, labels);
    }
    metrics_add(side->ends[effect->end], 1);
    side->ended_wall_ns = wall_ns();
    side->ended++;
    side->failed += effect->end != END_SUCCEEDED;
    if (effect->end == END_DEAD_LETTERED) {
        char group[SERVE_KEY_BYTES];
        record_consumer(record, group);
        const char *const dead[] = { group, reason_name((enum reason)effect->code) };
        metrics_add(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_DEAD_LETTERS_TOTAL, dead), 1);
    }
    if (effect->end != END_SUCCEEDED) {
        const char *const error[] = { record->language, record->name, reason_name((enum reason)effect->code) };
        metrics_add(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_ERRORS_TOTAL, error), 1);
    }
}

void status_count_cause(struct instance *instance, struct handle function, enum cause cause)
{
    const struct function_side *side = function_side(instance, function);
    if (side != NULL) {
        const char *const labels[] = { side->record.language, side->record.name, cause_text(cause) };
        metrics_add(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_CAUSES_TOTAL, labels), 1);
    }
}

void status_count_cancelled(struct instance *instance, const char *function)
{
    const char *slash = strchr(function, '/');
    const struct function_side *side = slash == NULL ? NULL : function_named(instance, slash + 1);
    if (side != NULL) { /* Of others there may be any number. */
        const char *const labels[] = { side->record.language, side->record.name, end_name(END_CANCELLED) };
        metrics_add(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_INVOCATIONS_TOTAL, labels), 1);
    }
}

static struct metrics_series *of_function(struct instance *instance, enum metric metric, const struct record *record)
{
    const char *const labels[] = { record->language, record->name };
    return metrics_series(instance->metrics, metric, labels);
}

void status_measure_start(struct instance *instance, struct worker_side *worker)
{
    struct function_side *side = &instance->functions[worker->function];
    if (side->starts == NULL) {
        side->starts = of_function(instance, METRIC_STEAD_FUNCTION_INIT_DURATION_SECONDS, &side->record);
    }
    metrics_observe(side->starts, loop_now_ns() - worker->since_ns);
}

/* Of a worker that runs one call at a time it is exact; of several at once, the time between their ends. */
void status_measure_execution(struct instance *instance, struct worker_side *worker)
{
    struct function_side *side = &instance->functions[worker->function];
    uint64_t now = loop_now_ns();
    if (side->executions == NULL) {
        side->executions = of_function(instance, METRIC_STEAD_FUNCTION_DURATION_SECONDS, &side->record);
    }
    if (worker->calls > 0) {
        worker->calls--;
        metrics_observe(side->executions, now - worker->since_ns);
        worker->since_ns = now;
    }
}

bool status_start(struct instance *instance, char *ret_error, size_t error_size)
{
    struct status *status = &instance->status;
    status->checks[0] = (struct http_check){ "nats", check_nats, instance };
    status->checks[1] = (struct http_check){ "functions", check_functions, instance };
    status->checks[2] = (struct http_check){ "draining", check_draining, instance };
    status->live = (struct http_probe){ "livez", NULL, 0 };
    status->ready = (struct http_probe){ "readyz", status->checks, 3 };
    status->routes[0] = (struct http_route){ "/livez", http_probe_handle, &status->live };
    status->routes[1] = (struct http_route){ "/readyz", http_probe_handle, &status->ready };
    status->routes[2] = (struct http_route){ "/metrics", handle_metrics, instance };
    instance->metrics = metrics_create();
    if (instance->metrics == NULL) {
        snprintf(ret_error, error_size, "out of memory");
        return false;
    }
    const char *const grpc[] = { "grpc" }, *const built[] = { STEAD_VERSION, __VERSION__ };
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_BUILD_INFO, built), 1);
    status->grpc_calls = metrics_series(instance->metrics, METRIC_STEAD_REQUEST_DURATION_SECONDS, grpc);
    instance->http =
        http_server_start(instance->loop, instance->config->http_listen, status->routes, 3, ret_error, error_size);
    return instance->http != NULL;
}

void status_stop(struct instance *instance)
{
    http_server_stop(instance->http);
    metrics_free(instance->metrics);
}

static bool ports_write(struct instance *instance)
{
    char path[1024];
    int length = snprintf(path, sizeof path, "%s.part", instance->options->ports_file);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "w") : NULL;
    if (file == NULL) {
        return false;
    }
    fprintf(file, "{\"grpc\": \"%s\", \"http\": \"%s\", \"nats\": \"%s\"}\n", rpc_server_address(instance->rpc, 0),
            http_server_address(instance->http), instance->nats_shown);
    bool good = fclose(file) == 0;
    return good && rename(path, instance->options->ports_file) == 0;
}

void status_check_ready(struct instance *instance)
{
    if (instance->ready) {
        return;
    }
    bool usable = instance->link_fed && instance->refreshed && functions_settled(instance);
    if (!usable && !instance->options->ready_without_nats) {
        return;
    }
    instance->ready = true;
    rpc_server_serving(instance->rpc, true);
    log_info("system.service", "ready", LOG_TEXT("grpc", rpc_server_address(instance->rpc, 0)),
             LOG_TEXT("http", http_server_address(instance->http)), LOG_TEXT("nats", instance->nats_shown));
    if (instance->options->ports_file != NULL && !ports_write(instance)) {
        log_error("system.service", "the ports file can't be written", LOG_TEXT("path", instance->options->ports_file),
                  LOG_TEXT("error", strerror(errno)));
    }
}
