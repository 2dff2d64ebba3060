/* The metrics of queues: by function as the broker counted last, and summed up by the queue group of each language. */
#include "serve/jobs.h"

#include <stdio.h>
#include <string.h>

/* 0: nothing is queued, or it can't be told. */
static int64_t queue_age_ns(const struct instance *instance, const struct function_side *side)
{
    uint64_t age_ns;
    return side->queued != 0 && provision_age_ns(instance, side->queued_since_ns, &age_ns) ? (int64_t)age_ns : 0;
}

static void function_add(const struct instance *instance, const struct function_side *side, struct queue_group *group)
{
    struct core_queue queue = { .in_hand = 0 };
    core_queue(instance->core, key_of_text(instance, bytes_of(side->row)), &queue);
    int64_t age_ns = queue_age_ns(instance, side);
    group->functions++;
    group->messages += side->queued;
    group->in_hand += queue.in_hand;
    group->ended += side->ended;
    group->failed += side->failed;
    group->oldest_ns = age_ns > group->oldest_ns ? age_ns : group->oldest_ns;
    group->ended_wall_ns = side->ended_wall_ns > group->ended_wall_ns ? side->ended_wall_ns : group->ended_wall_ns;
}

void status_group(const struct instance *instance, const char *language, struct queue_group *ret_group)
{
    struct queue_group group = { .limit = (uint64_t)instance->config->queue_pending_max };
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        bool counts = side->used && !side->stray && !row_is_route(side->row);
        if (counts && strcmp(side->record.language, language) == 0) {
            function_add(instance, side, &group);
        }
    }
    *ret_group = group;
}

static void function_measure(struct instance *instance, const struct function_side *side)
{
    const char *const labels[] = { side->record.language, side->record.name };
    struct core_queue queue = { .in_hand = 0 };
    struct core_concurrency load = { .running = 0 };
    core_queue(instance->core, key_of_text(instance, bytes_of(side->row)), &queue);
    core_concurrency(instance->core, side->handle, &load);
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_QUEUED, labels), (int64_t)side->queued);
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_QUEUED_BYTES, labels), (int64_t)queue.size);
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_RUNNING, labels), load.running);
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_CONCURRENCY_LIMIT, labels),
                load.limit != 0 ? load.limit : load.limit_max);
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_QUEUE_AGE_SECONDS, labels),
                queue_age_ns(instance, side));
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_IN_FLIGHT, labels), queue.in_hand);
}

void status_measure_queues(struct instance *instance)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && !side->stray && !row_is_route(side->row)) {
            function_measure(instance, side);
        }
    }
    for (uint32_t language = 0; language < CLOUDEVENTS_LANGUAGE_COUNT; language++) {
        const char *name = cloudevents_language_name((enum cloudevents_language)language);
        struct queue_group group;
        char text[SERVE_LANGUAGE_BYTES + 16];
        status_group(instance, name, &group);
        snprintf(text, sizeof text, "function.%s", name);
        const char *const labels[] = { text };
        metrics_set(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_LENGTH, labels), (int64_t)group.messages);
        metrics_set(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_IN_FLIGHT, labels), (int64_t)group.in_hand);
        metrics_set(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_LAST_PROCESSED_TIMESTAMP_SECONDS, labels),
                    group.ended_wall_ns);
        metrics_set(metrics_series(instance->metrics, METRIC_STEAD_QUEUE_LIMIT, labels), (int64_t)group.limit);
    }
}
