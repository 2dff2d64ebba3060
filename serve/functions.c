/* Functions as this instance knows them: their rows, their built versions, and what the core last said of them. The
 * records in the broker are the desired state; whatever differs is told to the core. A function is one row of the core;
 * each further version that its aliases name is another, a route of it. */
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

struct function_side *function_named(const struct instance *instance, const char *row)
{
    struct function_side *side;
    HASH_FIND_STR(instance->functions_by_row, row, side);
    return side;
}

bool row_is_route(const char *row)
{
    return strchr(row, '@') != NULL;
}

const struct function_side *function_route(const struct instance *instance, const struct function_side *function,
                                           size_t alias, size_t route)
{
    char text[SERVE_ROW_BYTES];
    record_row(&function->record, alias, route, text);
    const struct function_side *side = function_named(instance, text);
    return side == NULL || side->state == FUNCTION_RETIRING ? NULL : side;
}

bool function_routes(const struct instance *instance, const char *name, const char *version)
{
    const struct function_side *function = function_named(instance, name);
    for (size_t i = 0; function != NULL && i < SERVE_ALIASES_MAX; i++) {
        const struct record_alias *alias = &function->record.aliases[i];
        const struct record_route *route = record_route(alias, version);
        if (route != NULL && function_route(instance, function, i, (size_t)(route - alias->routes)) != NULL) {
            return true;
        }
    }
    return false;
}

uint8_t functions_alias(struct instance *instance, struct bytes name, struct bytes alias)
{
    char text[SERVE_NAME_BYTES], wanted[SERVE_NAME_BYTES];
    if (alias.length == 0 || bytes_equal_text(alias, "live")) {
        return ALIAS_LIVE;
    }
    if (name.length >= sizeof text || alias.length >= sizeof wanted) {
        return ALIAS_UNKNOWN;
    }
    snprintf(text, sizeof text, "%.*s", (int)name.length, (const char *)name.at);
    snprintf(wanted, sizeof wanted, "%.*s", (int)alias.length, (const char *)alias.at);
    struct function_side *side = function_named(instance, text);
    const struct record_alias *found = side == NULL ? NULL : record_alias(&side->record, wanted);
    return found == NULL ? ALIAS_UNKNOWN : (uint8_t)(found - side->record.aliases);
}

uint32_t functions_free(const struct instance *instance)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        count += !instance->functions[i].used;
    }
    return count;
}

void functions_again(struct instance *instance, const char *row, const char *version)
{
    struct function_side *side = function_named(instance, row);
    if (side != NULL && side->state == FUNCTION_FAILED && strcmp(side->record.version, version) == 0) {
        side->again = true;
        side->state = FUNCTION_BUILDING; /* Its last failure is not the answer to whoever waits now. */
    }
}

void functions_message(const struct function_side *side, char *ret_text, size_t size)
{
    if (quarantine_text(side, ret_text, size)) {
        return;
    }
    bool stays =
        side->state == FUNCTION_FAILED && side->serving[0] != '\0' && strcmp(side->serving, side->record.version) != 0;
    snprintf(ret_text, size, "%s%s%s%s", stays ? "version " : "", stays ? side->serving : "",
             stays ? " goes on serving: " : "", side->message);
}

/* -- rows ---------------------------------------------------------------------------------------------------------- */

/* The first effect about a function binds the core's row to the one that is being set. */
static struct function_side *function_bind(struct instance *instance, struct handle handle)
{
    struct function_side *side = function_side(instance, handle);
    if (side != NULL || instance->setting == NULL || handle_table(handle) != TABLE_FUNCTION) {
        return side;
    }
    const struct row *row = instance->setting;
    side = &instance->functions[handle_index(handle)];
    *side = (struct function_side){ .handle = handle,
                                    .used = true,
                                    .alias = row->alias,
                                    .weight = row->weight,
                                    .record = row->record,
                                    .stray = row->stray };
    memcpy(side->row, row->text, sizeof side->row);
    HASH_ADD_STR(instance->functions_by_row, row, side);
    return side;
}

static bool served_here(const struct instance *instance, const struct record *record)
{
    enum build_language language;
    return build_language_of_name(record->language, &language) && instance->serves[language];
}

/* A deploy sees to it that there is room; whoever writes records, or deploys elsewhere at the same time, need not. A
 * route is also refused while its function is not there; then the log has told why. */
static void row_refused(struct instance *instance, const struct row *row)
{
    if (functions_free(instance) == 0 && row->record.revision > instance->config_full_told) {
        instance->config_full_told = row->record.revision;
        log_error("system.config", "no room for a function, or for a version that an alias names; not served here",
                  LOG_TEXT("row", row->text), LOG_U64("rows_max", SERVE_FUNCTIONS_MAX));
    }
    instance->refresh_force = true; /* There may be room at the next look, though no record has changed. */
    wait_refused(instance, row);
}

static void policy_set(struct instance *instance, const struct row *row)
{
    struct input input = instance_input(instance, INPUT_FUNCTION_POLICY);
    input.as.policy.name = key_of_text(instance, bytes_of(row->text));
    record_policy_tell(&row->record, &input);
    instance_feed(instance, &input);
}

static void function_set(struct instance *instance, const struct row *row)
{
    const struct record *record = &row->record;
    struct function_side *side = function_named(instance, row->text);
    if (side != NULL) {
        side->again = side->stray = false;
        side->record = *record;
        side->weight = row->weight;
    }
    struct input input = instance_input(instance, INPUT_FUNCTION_SET);
    input.as.function.name = key_of_text(instance, bytes_of(row->text));
    input.as.function.version = key_of_text(instance, bytes_of(record->version));
    if (row_is_route(row->text)) {
        input.as.function.of = key_of_text(instance, bytes_of(record->name));
    }
    input.as.function.timeout_ns = (uint64_t)record->timeout_ns;
    input.as.function.keep_alive_ns = (uint64_t)record->keep_alive_ns;
    input.as.function.retries_max = (uint16_t)record->retries_max;
    input.as.function.concurrency = (uint16_t)record->concurrency;
    input.as.function.workers_max = (uint16_t)record->workers_max;
    input.as.function.alias = row->alias;
    input.as.function.place = row->place;
    input.as.function.weight = row->weight;
    input.as.function.closing = record->closing;
    input.as.function.paused = record->paused;
    input.as.function.pending_max = record->pending_max;
    input.as.function.elsewhere = !served_here(instance, record);
    instance->setting = row;
    instance_feed(instance, &input);
    instance->setting = NULL;
    policy_set(instance, row);
    if (function_named(instance, row->text) == NULL) {
        row_refused(instance, row);
    }
    registry_changed(instance);
}

static void function_unset(struct instance *instance, const char *row)
{
    struct input input = instance_input(instance, INPUT_FUNCTION_REMOVED);
    input.as.function.name = key_of_text(instance, bytes_of(row));
    instance_feed(instance, &input);
    registry_changed(instance);
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
    log_info("system.plugin", "function state", LOG_TEXT("function", side->row),
             LOG_TEXT("language", side->record.language), LOG_TEXT("version", side->record.version),
             LOG_TEXT("state", function_state_name(effect->count)),
             LOG_TEXT("reason", reason_name((enum reason)effect->code)));
    registry_changed(instance);
    wait_check(instance);
}

static void built(struct instance *instance, uint64_t operation, enum reason reason)
{
    struct input input = instance_input(instance, INPUT_BUILT);
    input.answers = operation;
    input.outcome = reason == REASON_NONE ? OUTCOME_DONE : OUTCOME_REFUSED;
    input.code = (uint16_t)reason;
    instance_feed(instance, &input);
}

void functions_built(struct instance *instance, uint64_t operation, const struct record *record,
                     struct build_result *build, enum reason reason)
{
    struct function_side *side = function_side(instance, operation_owner(operation));
    if (side == NULL) {
        build_result_free(build);
        return;
    }
    if (reason == REASON_NONE && function_program(side, record->version) == NULL) {
        program_add(side, program_make(record, build));
    } else {
        memcpy(side->message, build->message, sizeof side->message);
        build_result_free(build);
    }
    built(instance, operation, reason);
}

void functions_fetched(struct instance *instance, uint64_t operation)
{
    struct function_side *side = function_side(instance, operation_owner(operation));
    if (side != NULL) {
        side->fetched = true;
        registry_changed(instance);
    }
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
    program_use_kept(instance, side);
    side->fetched = function_program(side, side->record.version) != NULL;
    if (side->fetched) {
        built(instance, effect->operation, REASON_NONE);
        return;
    }
    jobs_build(instance, effect->operation, &side->record);
}

void functions_perform_consumer(struct instance *instance, const struct effect *effect)
{
    const struct function_side *side = function_side(instance, effect->about);
    if (side != NULL) {
        jobs_consumer(instance, effect, &side->record);
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
    if (!row_is_route(side->row)) {
        bus_forget_consumer(instance->bus, BROKER_STREAM_REQUESTS, consumer);
    }
    programs_free(side->programs);
    death_drop(&side->death);
    side->programs = NULL;
    side->used = false;
    HASH_DEL(instance->functions_by_row, side);
    registry_changed(instance);
}

void functions_stop(struct instance *instance)
{
    HASH_CLEAR(hh, instance->functions_by_row);
    for (uint32_t i = 0; instance->functions != NULL && i < SERVE_FUNCTIONS_MAX; i++) {
        programs_free(instance->functions[i].programs);
        death_drop(&instance->functions[i].death);
        instance->functions[i].programs = NULL;
    }
    programs_free(instance->kept);
    instance->kept = NULL;
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

static bool row_known(const struct function_side *side, const struct row *row)
{
    return side != NULL && side->state != FUNCTION_RETIRING && !side->again && side->weight == row->weight &&
           side->record.closing == row->record.closing && side->record.paused == row->record.paused &&
           side->record.pending_max == row->record.pending_max &&
           strcmp(side->record.version, row->record.version) == 0;
}

/* Names are unique across languages, and a deploy sees to it; whoever writes records need not. The one that is here
 * stays, else the older record wins. */
static const struct row *row_rival(struct instance *instance, const struct row *row, const struct row *rows,
                                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct record *mine = &row->record, *other = &rows[i].record;
        if (strcmp(mine->name, other->name) == 0 && strcmp(mine->language, other->language) != 0) {
            const struct function_side *side = function_named(instance, mine->name);
            const char *here = side == NULL || side->state == FUNCTION_RETIRING ? "" : side->record.language;
            bool other_here = strcmp(other->language, here) == 0, mine_here = strcmp(mine->language, here) == 0;
            return other_here || (!mine_here && other->revision < mine->revision) ? &rows[i] : NULL;
        }
    }
    return NULL;
}

static bool row_clashes(struct instance *instance, const struct row *row, const struct row *rows, size_t count)
{
    const struct row *rival = row_rival(instance, row, rows, count);
    if (rival != NULL && row->record.revision > instance->config_clash_told) {
        instance->config_clash_told = row->record.revision;
        log_warn("system.config", "two records claim one function name; this one is left alone",
                 LOG_TEXT("function", row->record.name), LOG_TEXT("language", row->record.language),
                 LOG_TEXT("served_language", rival->record.language));
    }
    return rival != NULL;
}

static void rows_set(struct instance *instance, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct function_side *side = function_named(instance, rows[i].text);
        bool known = row_known(side, &rows[i]);
        bool here = known && strcmp(side->record.language, rows[i].record.language) == 0; /* It wins any clash. */
        if (!here && row_clashes(instance, &rows[i], rows, count)) {
            continue;
        }
        if (!known) {
            function_set(instance, &rows[i]);
            /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): padding that differs is one announcement more */
        } else if (memcmp(&side->record, &rows[i].record, sizeof side->record) != 0) { /* aliases, at most */
            side->record = rows[i].record;
            registry_changed(instance);
        }
        side = function_named(instance, rows[i].text);
        if (side != NULL) {
            side->seen = true;
        }
    }
}

static void rows_unset(struct instance *instance, bool routes)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        struct function_side *side = &instance->functions[i];
        bool gone = side->used && !side->seen && !side->stray && side->state != FUNCTION_RETIRING;
        if (gone && row_is_route(side->row) == routes) {
            function_unset(instance, side->row);
        }
    }
}

void functions_reconcile(struct instance *instance, const struct row *rows, size_t count)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        instance->functions[i].seen = false;
    }
    rows_set(instance, rows, count);
    rows_unset(instance, true);
    rows_unset(instance, false);
    wait_check(instance);
}
