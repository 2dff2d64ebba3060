/* Events on function.status.<instance>: the state of this instance, and each plugin process from registration to its
 * end; and on function.health.<instance>, every few seconds, how it and its queues are. They are CloudEvents in binary
 * mode, for people and dashboards: core messages, seen by whoever listens. */
#include "serve/instance.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static const char *const phases[PHASE_COUNT] = {
    [PHASE_REGISTERED] = "registered", [PHASE_INITIALISING] = "initialising", [PHASE_READY] = "ready",
    [PHASE_ACTIVE] = "active",         [PHASE_UNREGISTERED] = "unregistered", [PHASE_SHUTDOWN] = "shutdown",
};

enum { HEADERS = 7, TEXT_BYTES = 192 };

struct status_event {
    char subject[TEXT_BYTES], type[TEXT_BYTES], source[TEXT_BYTES], id[TEXT_BYTES], time[40];
    const char *about; /* CloudEvents subject; "" is none */
};

static void event_time(char ret_time[40])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(ret_time, 40, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_time + used, 40 - used, ".%06ldZ", now.tv_nsec / 1000);
}

static void event_send(struct instance *instance, const char *topic, const char *kind, const char *about, cJSON *data)
{
    struct status_event event = { .about = about };
    snprintf(event.subject, sizeof event.subject, "function.%s.%s", topic, instance->name);
    snprintf(event.type, sizeof event.type, "dev.stead.%s.v1", kind);
    snprintf(event.source, sizeof event.source, "/stead/instances/%s", instance->name);
    snprintf(event.id, sizeof event.id, "%s-%llu", instance->name, (unsigned long long)++instance->status_events);
    event_time(event.time);
    struct bus_header headers[HEADERS] = {
        { bytes_of("ce-specversion"), bytes_of("1.0") },   { bytes_of("ce-type"), bytes_of(event.type) },
        { bytes_of("ce-source"), bytes_of(event.source) }, { bytes_of("ce-id"), bytes_of(event.id) },
        { bytes_of("ce-time"), bytes_of(event.time) },     { bytes_of("Content-Type"), bytes_of("application/json") },
        { bytes_of("ce-subject"), bytes_of(event.about) },
    };
    char *body = cJSON_PrintUnformatted(data);
    cJSON_Delete(data);
    struct bus_publish publish = { .subject = event.subject,
                                   .headers = headers,
                                   .header_count = about[0] == '\0' ? HEADERS - 1 : HEADERS,
                                   .body = bytes_of(body == NULL ? "{}" : body) };
    bus_publish(instance->bus, &publish);
    cJSON_free(body);
}

void lifecycle_instance(struct instance *instance, const char *state)
{
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "instance", instance->name);
    cJSON_AddStringToObject(data, "state", state);
    event_send(instance, "status", "instance.state", "", data);
    log_debug("serve", "instance state", LOG_TEXT("state", state));
}

static void phase_tell(struct instance *instance, const struct worker_side *worker, enum phase phase)
{
    const struct function_side *function = &instance->functions[worker->function];
    char kind[64], about[SERVE_KEY_BYTES];
    snprintf(kind, sizeof kind, "plugin.%s", phases[phase]);
    snprintf(about, sizeof about, "%s/%s", function->record.language, function->record.name);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "instance", instance->name);
    cJSON_AddStringToObject(data, "phase", phases[phase]);
    cJSON_AddStringToObject(data, "language", function->record.language);
    cJSON_AddStringToObject(data, "function", function->record.name);
    cJSON_AddStringToObject(data, "version", worker->version);
    cJSON_AddNumberToObject(data, "plugin", worker->handle.bits);
    event_send(instance, "status", kind, about, data);
}

/* Steps that a process skips, because it never served or ended by itself, are not claimed; its end always has both. */
void lifecycle_worker(struct instance *instance, struct worker_side *worker, enum phase phase)
{
    if (phase <= worker->phase) {
        return;
    }
    if (phase == PHASE_SHUTDOWN && worker->phase < PHASE_UNREGISTERED) {
        phase_tell(instance, worker, PHASE_UNREGISTERED);
    }
    worker->phase = (uint8_t)phase;
    phase_tell(instance, worker, phase);
}

void lifecycle_quarantine(struct instance *instance, const struct function_side *function, bool begins, const char *why)
{
    char about[SERVE_KEY_BYTES];
    snprintf(about, sizeof about, "%s/%s", function->record.language, function->record.name);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "instance", instance->name);
    cJSON_AddStringToObject(data, "language", function->record.language);
    cJSON_AddStringToObject(data, "function", function->record.name);
    cJSON_AddStringToObject(data, "version", function->serving);
    if (begins) {
        uint64_t now = loop_now_ns();
        uint64_t left_ns = function->quarantine_until_ns > now ? function->quarantine_until_ns - now : 0;
        uint64_t left_seconds = left_ns / 1000000000;
        cJSON_AddNumberToObject(data, "seconds", (double)left_seconds);
        cJSON_AddStringToObject(data, "why", why);
    }
    event_send(instance, "status", begins ? "function.quarantined" : "function.released", about, data);
}

/* -- health -------------------------------------------------------------------------------------------------------- */

static void queue_tell(const struct instance *instance, const char *language, cJSON *queues)
{
    char name[SERVE_LANGUAGE_BYTES + 16];
    struct queue_group group;
    status_group(instance, language, &group);
    if (group.functions == 0) {
        return;
    }
    snprintf(name, sizeof name, "function.%s", language);
    cJSON *queue = cJSON_CreateObject();
    cJSON_AddItemToArray(queues, queue);
    cJSON_AddStringToObject(queue, "group", name);
    cJSON_AddNumberToObject(queue, "functions", group.functions);
    cJSON_AddNumberToObject(queue, "length", (double)group.messages);
    cJSON_AddNumberToObject(queue, "limit", (double)group.limit);
    uint64_t oldest_ms = (uint64_t)group.oldest_ns / 1000000, ended_ms = (uint64_t)group.ended_wall_ns / 1000000;
    cJSON_AddNumberToObject(queue, "oldestMs", (double)oldest_ms);
    cJSON_AddNumberToObject(queue, "processing", (double)group.in_hand);
    cJSON_AddNumberToObject(queue, "processed", (double)group.ended);
    cJSON_AddNumberToObject(queue, "failed", (double)group.failed);
    cJSON_AddNumberToObject(queue, "lastProcessedUnixMs", (double)ended_ms);
}

void lifecycle_health(struct instance *instance)
{
    struct status *status = &instance->status;
    struct core_view view;
    bool healthy = true;
    core_view(instance->core, &view);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "instance", instance->name);
    cJSON_AddStringToObject(data, "state", instance_state_name(view.instance));
    cJSON *checks = cJSON_AddObjectToObject(data, "checks");
    for (size_t i = 0; i < sizeof status->checks / sizeof status->checks[0]; i++) {
        const char *reason;
        bool passes = status->checks[i].passes(status->checks[i].owner, &reason);
        cJSON_AddBoolToObject(checks, status->checks[i].name, passes);
        healthy = healthy && passes;
    }
    cJSON_AddBoolToObject(data, "healthy", healthy);
    cJSON *queues = cJSON_AddArrayToObject(data, "queues");
    for (uint32_t language = 0; language < CLOUDEVENTS_LANGUAGE_COUNT; language++) {
        queue_tell(instance, cloudevents_language_name((enum cloudevents_language)language), queues);
    }
    event_send(instance, "health", "instance.health", "", data);
}
