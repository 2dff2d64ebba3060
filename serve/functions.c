/* Functions as this instance knows them: their records, their built versions, and what the core last said of them. The
 * records in the broker are the desired state; whatever differs is told to the core. */
#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct function_side *function_side(struct instance *instance, struct handle handle)
{
    uint32_t index = handle_index(handle);
    if (handle_table(handle) != TABLE_FUNCTION || index >= SERVE_FUNCTIONS_MAX) {
        return NULL;
    }
    struct function_side *side = &instance->functions[index];
    return side->used && handle_equal(side->handle, handle) ? side : NULL;
}

struct function_side *function_named(struct instance *instance, const char *name)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        struct function_side *side = &instance->functions[i];
        if (side->used && strcmp(side->record.name, name) == 0) {
            return side;
        }
    }
    return NULL;
}

static const struct program *program_find(const struct function_side *side, const char *version)
{
    const struct program *program = side->programs;
    while (program != NULL && strcmp(program->version, version) != 0) {
        program = program->next;
    }
    return program;
}

void functions_add_program(struct function_side *side, const char *version, struct build_result *build)
{
    struct program *program = program_find(side, version) == NULL ? calloc(1, sizeof *program) : NULL;
    if (program == NULL) {
        build_result_free(build);
        return;
    }
    memcpy(program->version, version, SERVE_VERSION_BYTES);
    program->build = *build;
    program->next = side->programs;
    side->programs = program;
}

/* The first effect about a function binds the core's row to the record that is being set. */
static struct function_side *function_bind(struct instance *instance, struct handle handle)
{
    struct function_side *side = function_side(instance, handle);
    if (side != NULL || instance->setting == NULL || handle_table(handle) != TABLE_FUNCTION) {
        return side;
    }
    side = &instance->functions[handle_index(handle)];
    *side = (struct function_side){ .handle = handle, .used = true, .record = *instance->setting };
    if (instance->setting_build != NULL) {
        functions_add_program(side, side->record.version, instance->setting_build);
        *instance->setting_build = (struct build_result){ .outcome = BUILD_DONE };
    }
    return side;
}

void functions_set(struct instance *instance, const struct record *record)
{
    struct function_side *side = function_named(instance, record->name);
    if (side != NULL) {
        side->record = *record;
    }
    struct input input = instance_input(instance, INPUT_FUNCTION_SET);
    input.as.function.name = key_of_text(instance, bytes_of(record->name));
    input.as.function.version = key_of_text(instance, bytes_of(record->version));
    input.as.function.timeout_ns = (uint64_t)record->timeout_ns;
    input.as.function.keep_alive_ns = (uint64_t)record->keep_alive_ns;
    input.as.function.retries_max = (uint16_t)record->retries_max;
    input.as.function.concurrency = (uint16_t)record->concurrency;
    input.as.function.workers_max = (uint16_t)record->workers_max;
    instance->setting = record;
    instance_feed(instance, &input);
    instance->setting = NULL;
}

/* A version that was built here already: the core's build of it ends at once. */
void functions_deployed(struct instance *instance, const struct record *record, struct build_result *build)
{
    struct function_side *side = function_named(instance, record->name);
    if (side != NULL) {
        functions_add_program(side, record->version, build);
        functions_set(instance, record);
        return;
    }
    instance->setting_build = build;
    functions_set(instance, record);
    instance->setting_build = NULL;
    build_result_free(build);
}

void functions_unset(struct instance *instance, const char *name)
{
    struct input input = instance_input(instance, INPUT_FUNCTION_REMOVED);
    input.as.function.name = key_of_text(instance, bytes_of(name));
    instance_feed(instance, &input);
}

void functions_perform_state(struct instance *instance, const struct effect *effect)
{
    struct function_side *side = function_bind(instance, effect->about);
    if (side == NULL) {
        return;
    }
    bool ready = effect->count == FUNCTION_READY;
    side->state = effect->count;
    if (ready) {
        memcpy(side->serving, side->record.version, sizeof side->serving);
        side->message[0] = '\0';
    } else if (effect->count == FUNCTION_FAILED && side->message[0] == '\0') {
        snprintf(side->message, sizeof side->message, "%s", reason_meaning((enum reason)effect->code));
    }
    log_info("system.plugin", "function state", LOG_TEXT("function", side->record.name),
             LOG_TEXT("language", side->record.language), LOG_TEXT("version", side->record.version),
             LOG_TEXT("state", function_state_name(effect->count)),
             LOG_TEXT("reason", reason_name((enum reason)effect->code)));
    admin_state(instance, side, ready);
}

static void built(struct instance *instance, uint64_t operation, enum reason reason)
{
    struct input input = instance_input(instance, INPUT_BUILT);
    input.answers = operation;
    input.outcome = reason == REASON_NONE ? OUTCOME_DONE : OUTCOME_REFUSED;
    input.code = (uint16_t)reason;
    instance_feed(instance, &input);
}

void functions_built(struct instance *instance, uint64_t operation, const char *name, const char *version,
                     struct build_result *build, enum reason reason)
{
    struct function_side *side = function_named(instance, name);
    if (side == NULL) {
        build_result_free(build);
        return;
    }
    if (reason == REASON_NONE) {
        functions_add_program(side, version, build);
    } else {
        memcpy(side->message, build->message, sizeof side->message);
        build_result_free(build);
    }
    built(instance, operation, reason);
}

void functions_perform_build(struct instance *instance, const struct effect *effect)
{
    struct function_side *side = function_bind(instance, effect->about);
    if (side == NULL) {
        built(instance, effect->operation, REASON_RUNTIME_UNAVAILABLE);
        return;
    }
    side->state = FUNCTION_BUILDING;
    side->message[0] = '\0';
    if (program_find(side, side->record.version) != NULL) {
        built(instance, effect->operation, REASON_NONE);
        return;
    }
    jobs_build(instance, effect->operation, &side->record);
}

void functions_perform_consumer(struct instance *instance, const struct effect *effect)
{
    const struct function_side *side = function_side(instance, effect->about);
    if (side != NULL) {
        jobs_consumer(instance, effect->operation, effect->epoch, &side->record);
    }
}

void functions_forget(struct instance *instance, struct handle handle)
{
    struct function_side *side = function_side(instance, handle);
    if (side == NULL) {
        return;
    }
    char consumer[SERVE_KEY_BYTES];
    record_consumer(&side->record, consumer);
    bus_forget_consumer(instance->bus, BROKER_STREAM_REQUESTS, consumer);
    while (side->programs != NULL) {
        struct program *program = side->programs;
        side->programs = program->next;
        build_result_free(&program->build);
        free(program);
    }
    side->used = false;
}

bool functions_settled(const struct instance *instance)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && (side->state == FUNCTION_BUILDING || side->state == FUNCTION_PROBING)) {
            return false;
        }
    }
    return true;
}

/* What the records say now against what is known: changes and removals go to the core. */
void functions_reconcile(struct instance *instance, const struct record *records, size_t count)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        instance->functions[i].seen = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct function_side *side = function_named(instance, records[i].name);
        bool known =
            side != NULL && side->state != FUNCTION_RETIRING && strcmp(side->record.version, records[i].version) == 0;
        if (!known) {
            functions_set(instance, &records[i]);
        }
        side = function_named(instance, records[i].name);
        if (side != NULL) {
            side->seen = true;
            side->record.revision = records[i].revision;
        }
    }
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        struct function_side *side = &instance->functions[i];
        if (side->used && !side->seen && side->state != FUNCTION_RETIRING) {
            functions_unset(instance, side->record.name);
        }
    }
}
