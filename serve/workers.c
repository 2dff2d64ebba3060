/* Plugin processes: the core's worker handle is the host's worker number. */
#include "serve/instance.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ENVIRONMENT_MAX = 64 };

static void worker_failed(struct instance *instance, struct handle handle, enum reason reason)
{
    struct input input = instance_input(instance, INPUT_WORKER_EXITED);
    input.about = handle;
    input.code = (uint16_t)reason;
    instance_feed(instance, &input);
}

static const struct program *worker_program(struct instance *instance, const struct function_side *function,
                                            struct key version)
{
    const struct program *program = function->programs;
    while (program != NULL && !key_equal(key_of_text(instance, bytes_of(program->record.version)), version)) {
        program = program->next;
    }
    return program;
}

/* NAME=value lines as a NULL-terminated array; `text` is cut up. */
static void environment_split(char *text, const char *ret_list[ENVIRONMENT_MAX + 1])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < ENVIRONMENT_MAX;
         line = strtok_r(NULL, "\n", &rest)) {
        ret_list[count++] = line;
    }
    ret_list[count] = NULL;
}

void workers_perform_start(struct instance *instance, const struct effect *effect)
{
    struct function_side *function = function_side(instance, effect->other);
    const struct program *program = function == NULL ? NULL : worker_program(instance, function, effect->key);
    struct worker_side *side = &instance->workers[handle_index(effect->about)];
    *side = (struct worker_side){
        .handle = effect->about, .function = handle_index(effect->other), .since_ns = loop_now_ns(), .used = true
    };
    if (program == NULL) {
        worker_failed(instance, effect->about, REASON_PLUGIN_NOT_STARTED);
        return;
    }
    const struct record *record = &program->record; /* Not the function's: that may be a later version's by now. */
    char function_text[SERVE_LANGUAGE_BYTES + SERVE_NAME_BYTES], environment[sizeof record->env];
    const char *list[ENVIRONMENT_MAX + 1];
    memcpy(side->version, record->version, sizeof side->version);
    lifecycle_worker(instance, side, PHASE_REGISTERED);
    snprintf(function_text, sizeof function_text, "%s/%s", record->language, record->name);
    memcpy(environment, record->env, sizeof environment);
    environment_split(environment, list);
    struct plugin_program start = { .argv = (const char *const *)program->build.argv,
                                    .env = list,
                                    .function = function_text,
                                    .version = record->version,
                                    .memory_bytes_max = (uint64_t)record->memory_bytes };
    int error = plugin_start(instance->plugins, effect->about.bits, &start);
    if (error != 0) {
        log_warn("function.exec", "worker could not be started", LOG_TEXT("function", function_text),
                 LOG_TEXT("error", strerror(-error)));
        worker_failed(instance, effect->about, REASON_PLUGIN_NOT_STARTED);
        return;
    }
    lifecycle_worker(instance, side, PHASE_INITIALISING);
}

void workers_perform_execute(struct instance *instance, const struct effect *effect)
{
    struct message message;
    struct event_buffer control = { 0 };
    char request_id[SERVE_ID_BYTES], function[SERVE_NAME_BYTES];
    if (!message_open(instance, effect->blob, &message)) {
        stead_panic(__FILE__, __LINE__, "a message in hand can't be opened");
    }
    message_text(&message, ":request-id", request_id, sizeof request_id);
    message_text(&message, ":function", function, sizeof function);
    struct worker_side *side = &instance->workers[handle_index(effect->about)];
    side->since_ns = side->calls == 0 ? loop_now_ns() : side->since_ns;
    side->calls++;
    lifecycle_worker(instance, side, PHASE_ACTIVE);
    struct ran *ran = &instance->ran[handle_index(effect->other)];
    death_drop(&ran->death);
    ran->worker = effect->about.bits;
    memcpy(ran->version, side->version, sizeof ran->version);
    event_buffer_attribute_text(&control, ":request-id", request_id);
    event_buffer_attribute_text(&control, ":function", function);
    event_buffer_attribute_u64(&control, ":attempt", effect->count);
    event_buffer_attribute_u64(&control, ":budget-ms", effect->amount / 1000000);
    uint64_t stored_wall_ns = 0;
    if (effect->count == 1 && event_find_u64(message.control, ":stored", &stored_wall_ns)) {
        status_measure_wait(instance, side, (int64_t)stored_wall_ns);
    }
    plugin_execute(instance->plugins, effect->about.bits, effect->stream, (struct bytes){ control.at, control.length },
                   message.event);
    event_buffer_free(&control);
}

static struct blob worker_blob(struct instance *instance, const struct event_buffer *control, struct event event)
{
    struct event_buffer buffer = { 0 };
    message_begin(&buffer, control);
    event_pack(&buffer, event);
    return message_close(instance, &buffer);
}

static void worker_error(struct instance *instance, const struct plugin_event *event, enum error_class class,
                         struct bytes type, struct bytes text)
{
    static const char *const classes[] = { "retry", "permanent", "throttle" };
    struct event_buffer control = { 0 };
    event_buffer_attribute_text(&control, ":class", classes[class]);
    if (type.length > 0 && type.length < 64) {
        event_buffer_attribute(&control, bytes_of(":type"), type);
    }
    bool readable = cloudevents_utf8_valid(text);
    struct input input = instance_input(instance, INPUT_WORKER_ERROR);
    input.about.bits = event->worker;
    input.as.worker.stream = event->stream;
    input.as.worker.class = (uint8_t) class;
    input.as.worker.after_ns = event->after_ms > UINT64_MAX / 1000000 ? UINT64_MAX : event->after_ms * 1000000;
    input.blob =
        worker_blob(instance, &control,
                    (struct event){ .data = readable ? text : bytes_of("the function's error text is not UTF-8") });
    event_buffer_free(&control);
    instance_feed(instance, &input);
}

static void worker_result(struct instance *instance, const struct plugin_event *event)
{
    struct cloudevents_limits limits = { .event_bytes_max = (size_t)instance->config->limits_result_bytes };
    struct cloudevents_error error;
    if (!cloudevents_validate(event->event, &limits, &error)) {
        char text[CLOUDEVENTS_MESSAGE_BYTES + 32];
        snprintf(text, sizeof text, "invalid result event: %s", error.message);
        worker_error(instance, event, ERROR_PERMANENT, bytes_of("invalid-result"), bytes_of(text));
        return;
    }
    struct event_buffer none = { 0 };
    struct input input = instance_input(instance, INPUT_WORKER_RESULT);
    input.about.bits = event->worker;
    input.as.worker.stream = event->stream;
    input.blob = worker_blob(instance, &none, event->event);
    if (input.blob.slot == BLOB_NONE) {
        worker_error(instance, event, ERROR_RETRY, bytes_of("no-memory"), bytes_of("no memory left for the result"));
        return;
    }
    instance_feed(instance, &input);
}

static const char *worker_name(const struct instance *instance, uint32_t worker)
{
    const struct worker_side *side = &instance->workers[handle_index((struct handle){ worker }) % SERVE_WORKERS_MAX];
    return side->used && side->handle.bits == worker ? instance->functions[side->function].record.name : "?";
}

static void worker_exited(struct instance *instance, const struct plugin_event *event)
{
    bool clean = event->exit_status == 0 && event->exit_signal == 0 && event->start_error == 0;
    struct worker_side *side = &instance->workers[handle_index((struct handle){ event->worker }) % SERVE_WORKERS_MAX];
    bool known = side->used && side->handle.bits == event->worker;
    struct function_side *function = known ? &instance->functions[side->function] : NULL;
    if (known && (!clean || side->calls > 0)) {
        death_note(instance, event, function);
    }
    if (known && !clean) {
        size_t length =
            event->text.length < sizeof function->message ? event->text.length : sizeof function->message - 1;
        memcpy(function->message, event->text.length > 0 ? (const char *)event->text.at : "", length);
        function->message[length] = '\0';
        log_warn("function.error", "worker ended", LOG_TEXT("function", function->record.name),
                 LOG_I64("status", event->exit_status), LOG_I64("signal", event->exit_signal),
                 LOG_TEXT("start_error", event->start_error == 0 ? "" : strerror(event->start_error)),
                 LOG_BYTES("stderr", event->text));
    }
    enum reason reason = death_reason(event, known ? function->record.memory_bytes : 0, &instance->oom_kills_seen);
    if (known && !clean) {
        status_count_death(instance, function, reason);
    }
    worker_failed(instance, (struct handle){ event->worker }, reason);
}

/* The fields that a function gave to its log line, as name=value, cut to fit. */
static struct bytes log_fields_text(const struct plugin_event *event, char *text, size_t size)
{
    struct attribute field;
    size_t cursor = 0, used = 0;
    while (event_next(event->event.block, &cursor, &field)) {
        size_t need = field.name.length + field.value.length + 2;
        if (event_is_control(field) || used + need > size) {
            continue;
        }
        if (used > 0) {
            text[used++] = ' ';
        }
        memcpy(text + used, field.name.at, field.name.length);
        used += field.name.length;
        text[used++] = '=';
        if (field.value.length > 0) {
            memcpy(text + used, field.value.at, field.value.length);
        }
        used += field.value.length;
    }
    return (struct bytes){ (const uint8_t *)text, used };
}

/* Without the log's limit for one place in the code: the host limits each worker by itself. */
static void worker_log(struct instance *instance, const struct plugin_event *event)
{
    static const char *const sources[] = { "stdout", "stderr", "frame" };
    static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
    enum log_level level = levels[event->log_level & 3];
    char text[512];
    struct bytes said = log_fields_text(event, text, sizeof text);
    const struct log_field fields[] = { LOG_TEXT("function", worker_name(instance, event->worker)),
                                        LOG_TEXT("stream", sources[event->log_source]), LOG_BYTES("text", event->text),
                                        LOG_BYTES("fields", said) };
    if (log_enabled(level)) {
        size_t count = sizeof fields / sizeof fields[0] - (said.length == 0);
        log_write(NULL, level, "function.exec", "function says", fields, count);
    }
}

static void worker_fact(struct instance *instance, const struct plugin_event *event, enum input_kind kind)
{
    struct input input = instance_input(instance, kind);
    input.about.bits = event->worker;
    input.as.worker.ahead = event->ahead;
    input.as.worker.concurrency = (uint16_t)(event->concurrency < UINT16_MAX ? event->concurrency : UINT16_MAX);
    instance_feed(instance, &input);
}

void workers_event(void *owner, const struct plugin_event *event)
{
    struct instance *instance = owner;
    struct worker_side *side = &instance->workers[handle_index((struct handle){ event->worker }) % SERVE_WORKERS_MAX];
    bool known = side->used && side->handle.bits == event->worker;
    if (known && event->kind == PLUGIN_READY) {
        status_measure_start(instance, side);
        lifecycle_worker(instance, side, PHASE_READY);
    } else if (known && (event->kind == PLUGIN_RESULT || event->kind == PLUGIN_ERROR)) {
        status_measure_execution(instance, side);
    } else if (known && event->kind == PLUGIN_EXITED) {
        lifecycle_worker(instance, side, PHASE_SHUTDOWN);
    }
    switch (event->kind) {
    case PLUGIN_READY:
        worker_fact(instance, event, INPUT_WORKER_READY);
        break;
    case PLUGIN_RESULT:
        worker_result(instance, event);
        break;
    case PLUGIN_ERROR:
        worker_error(instance, event, (enum error_class)event->error_class, event->type, event->text);
        break;
    case PLUGIN_BROKEN:
        log_warn("function.error", "worker broke the protocol",
                 LOG_TEXT("function", worker_name(instance, event->worker)), LOG_BYTES("reason", event->text));
        worker_fact(instance, event, INPUT_WORKER_BROKEN);
        break;
    case PLUGIN_EXITED:
        worker_exited(instance, event);
        break;
    case PLUGIN_LOG:
        worker_log(instance, event);
        break;
    case PLUGIN_SPAWNER_GONE:
        log_error("serve", "the spawner died, ending");
        instance->exit_code = 70;
        loop_stop(instance->loop);
        break;
    default:
        break;
    }
}

void workers_forget(struct instance *instance, struct handle handle)
{
    struct worker_side *side = &instance->workers[handle_index(handle)];
    plugin_forget(instance->plugins, handle.bits);
    side->used = false;
}
