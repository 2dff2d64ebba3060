/* One list of fields a table. Times are told from the state's own moment on: `deadline_ms` 250 is a quarter of a second
 * ahead, -250 one that has passed. */
#include "serve/replay_dump.h"

#include "core/portrait.h"

#include <inttypes.h>
#include <stdio.h>

struct dump {
    struct replay_field field[REPLAY_FIELDS_MAX];
    uint32_t count;
    uint64_t now_ns;
};

static struct replay_field *next(struct dump *dump, const char *name, bool number)
{
    struct replay_field *field = &dump->field[dump->count < REPLAY_FIELDS_MAX ? dump->count++ : REPLAY_FIELDS_MAX - 1];
    field->name = name;
    field->number = number;
    return field;
}

static void text(struct dump *dump, const char *name, const char *value)
{
    struct replay_field *field = next(dump, name, false);
    snprintf(field->text, sizeof field->text, "%s", value);
}

static void number(struct dump *dump, const char *name, uint64_t value)
{
    if (value != 0) {
        struct replay_field *field = next(dump, name, true);
        snprintf(field->text, sizeof field->text, "%" PRIu64, value);
    }
}

static void key(struct dump *dump, const char *name, struct key value)
{
    if (!key_is_none(value)) {
        struct replay_field *field = next(dump, name, false);
        snprintf(field->text, sizeof field->text, "%08" PRIx64, value.hi >> 32);
    }
}

/* As in the story: a letter for the table, the row, and how often it has been used. */
static void handle(struct dump *dump, const char *name, struct handle value)
{
    static const char letters[] = "?CDFW???";
    if (value.bits != 0) {
        struct replay_field *field = next(dump, name, false);
        snprintf(field->text, sizeof field->text, "%c%" PRIu32 ".%" PRIu32, letters[handle_table(value) & 7],
                 handle_index(value), value.bits >> HANDLE_INDEX_BITS & ((1U << HANDLE_GENERATION_BITS) - 1));
    }
}

static void moment(struct dump *dump, const char *name, uint64_t at_ns)
{
    if (at_ns != CORE_NEVER && at_ns != 0) {
        struct replay_field *field = next(dump, name, true);
        bool past = at_ns < dump->now_ns;
        uint64_t distance = past ? dump->now_ns - at_ns : at_ns - dump->now_ns;
        snprintf(field->text, sizeof field->text, "%s%" PRIu64 ".%03" PRIu64, past ? "-" : "", distance / 1000000,
                 distance / 1000 % 1000);
    }
}

static void blob(struct dump *dump, const char *name, struct blob value)
{
    number(dump, name, value.slot == 0 ? 0 : value.length);
}

static void dump_core(struct dump *dump, const struct core *core, const struct portrait *portrait)
{
    struct core_view view;
    core_view(core, &view);
    text(dump, "instance", instance_state_name(portrait->instance));
    text(dump, "link", portrait->link_up ? "up" : "down");
    number(dump, "epoch", portrait->epoch);
    number(dump, "steps", view.steps);
    moment(dump, "heard_ms", portrait->heard_ns);
    moment(dump, "drain_until_ms", portrait->draining ? portrait->drain_until_ns : 0);
    number(dump, "calls", view.calls);
    number(dump, "deliveries", view.deliveries);
    number(dump, "queued", view.queued);
    number(dump, "running", view.running);
    number(dump, "credits", view.credits);
    number(dump, "functions", view.functions);
    number(dump, "workers", view.workers);
    number(dump, "blobs", core_blobs_held(core));
}

static void dump_function(struct dump *dump, const struct portrait_function *row)
{
    handle(dump, "row", row->handle);
    text(dump, "state", function_state_name(row->state));
    key(dump, "name", row->name);
    handle(dump, "of", row->owner);
    number(dump, "alias", row->alias);
    number(dump, "weight", row->weight);
    key(dump, "serves", row->serving ? row->current : (struct key){ 0, 0 });
    key(dump, "version", row->candidate);
    text(dump, "consumer", row->consumer_ready ? "ready" : "not ready");
    number(dump, "workers", row->workers);
    number(dump, "queued", row->queued);
    number(dump, "in_hand", row->in_hand);
    number(dump, "asked_for", row->outstanding);
    moment(dump, "pull_until_ms", row->outstanding > 0 ? row->pull_until_ns : 0);
    number(dump, "pending", row->pending);
    number(dump, "closing", row->closing);
    text(dump, "quarantine", row->quarantined ? "yes" : "no");
}

static void dump_worker(struct dump *dump, const struct portrait_worker *row)
{
    handle(dump, "row", row->handle);
    text(dump, "state", row->gone ? "GONE" : worker_state_name(row->state));
    handle(dump, "function", row->function);
    key(dump, "version", row->version);
    number(dump, "running", row->running);
    number(dump, "concurrency", row->concurrency);
    number(dump, "cancelled", row->zombies);
    moment(dump, "started_ms", row->started_ns);
}

static void dump_call(struct dump *dump, const struct portrait_call *row)
{
    static const char *const kinds[] = { "execute", "submit", "await", "look", "cancel" };
    handle(dump, "row", row->handle);
    text(dump, "state", call_state_name(row->state));
    text(dump, "kind", row->kind < sizeof kinds / sizeof kinds[0] ? kinds[row->kind] : "?");
    key(dump, "request", row->request);
    handle(dump, "function", row->function);
    number(dump, "tries", row->tries);
    blob(dump, "bytes", row->blob);
    number(dump, "sequence", row->sequence);
    number(dump, "operation", (uint32_t)row->operation);
    moment(dump, "deadline_ms", row->deadline_ns);
    moment(dump, "look_ms", row->poll_ns);
}

static void dump_delivery(struct dump *dump, const struct portrait_delivery *row)
{
    handle(dump, "row", row->handle);
    text(dump, "state", delivery_state_name(row->state));
    key(dump, "request", row->request);
    number(dump, "sequence", row->sequence);
    handle(dump, "function", row->function);
    handle(dump, "worker", row->worker);
    number(dump, "stream", row->worker.bits == 0 ? 0 : row->stream);
    number(dump, "attempts", row->attempts);
    number(dump, "starts", row->starts);
    number(dump, "revision", row->revision);
    if (row->end != END_NONE) {
        text(dump, "end", end_name((enum end)row->end));
    }
    if (row->reason != REASON_NONE) {
        text(dump, "reason", reason_name((enum reason)row->reason));
    }
    blob(dump, "result_bytes", row->result);
    number(dump, "epoch", row->epoch);
    number(dump, "operation", (uint32_t)row->operation);
    moment(dump, "deadline_ms", row->deadline_ns);
    moment(dump, "expires_ms", row->expires_ns);
    moment(dump, "extend_ms", row->extend_ns);
}

static void give(struct dump *dump, const char *table, replay_row *row, void *owner)
{
    row(owner, table, dump->field, dump->count);
    dump->count = 0;
}

void replay_dump(const struct core *core, replay_row *row, void *owner)
{
    struct portrait portrait;
    struct portrait_function function;
    struct portrait_worker worker;
    struct portrait_call call;
    struct portrait_delivery delivery;
    portrait_of(core, &portrait);
    struct dump dump = { .now_ns = portrait.now_ns };
    dump_core(&dump, core, &portrait);
    give(&dump, "core", row, owner);
    for (uint32_t at = 0; at < portrait.limits.functions_max; at++) {
        if (portrait_function(core, at, &function)) {
            dump_function(&dump, &function);
            give(&dump, "functions", row, owner);
        }
    }
    for (uint32_t at = 0; at < portrait.limits.workers_max; at++) {
        if (portrait_worker(core, at, &worker)) {
            dump_worker(&dump, &worker);
            give(&dump, "workers", row, owner);
        }
    }
    for (uint32_t at = 0; at < portrait.limits.calls_max; at++) {
        if (portrait_call(core, at, &call)) {
            dump_call(&dump, &call);
            give(&dump, "calls", row, owner);
        }
    }
    for (uint32_t at = 0; at < portrait.limits.deliveries_max; at++) {
        if (portrait_delivery(core, at, &delivery)) {
            dump_delivery(&dump, &delivery);
            give(&dump, "deliveries", row, owner);
        }
    }
}
