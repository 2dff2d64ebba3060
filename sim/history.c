/* Writes the history of a run (docs/internals/history.md): what callers and functions see, nothing that only the
 * world knows. All of it does nothing in runs whose history nobody asked for.
 *
 * Clients are `c1`, instances `n1` to `n3`, a worker process is `n1/w` with its row and a number that no other process
 * of that row has. A call is numbered by its place among all calls. Times by callers are compared only in worlds whose
 * clocks run evenly; there, and everywhere, nothing is unseen: the history is exact. */
#include "sim/history.h"
#include "sim/taken.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sim/world.h"

enum { LINE_BYTES = 512, SETTLE_SECONDS = 7200 };

static bool history_asked(const struct world *world)
{
    return world->options.history != NULL;
}

static void history_line(struct world *world, const char *proc, const char *op, const char *word, const char *format,
                         ...) __attribute__((format(printf, 5, 6)));

/* The rest of the line is made from `format`: keys and values, each after a comma. */
static void history_line(struct world *world, const char *proc, const char *op, const char *word, const char *format,
                         ...)
{
    char line[LINE_BYTES];
    int length = snprintf(line, sizeof(line), "{\"t\":%" PRIu64 ",\"proc\":\"%s\",\"op\":\"%s\",\"f\":\"%s\"",
                          world->now, proc, op, word);
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
    va_end(arguments);
    length += snprintf(line + length, sizeof(line) - (size_t)length, "}");
    world->options.history(world->options.history_owner, line, (size_t)length);
}

static const char *node_text(char text[static 8], uint32_t index)
{
    snprintf(text, 8, "n%u", index + 1);
    return text;
}

static const char *worker_text(char text[static 40], uint32_t index, const struct worker *worker)
{
    snprintf(text, 40, "n%u/w%u.%u", index + 1, handle_index(worker->handle), worker->stamp);
    return text;
}

static bool clocks_are_even(const struct world *world)
{
    return world->choices.fault[FAULT_CLOCK_RATE] == 0 && world->choices.fault[FAULT_NODE_PAUSE] == 0 &&
           world->choices.fault[FAULT_LEAP] == 0 && world->options.schedule == NULL;
}

/* -- clients -- */

static const char *word_of(enum call_kind kind)
{
    static const char *const words[] = { "call", "submit", "result", "result", "cancel" };
    return words[kind];
}

void history_called(struct world *world, uint32_t number, uint64_t budget_ns)
{
    const struct call *call = &world->calls[number];
    if (!history_asked(world)) {
        return;
    }
    char budget[48] = "", what[80] = "";
    uint64_t most = world->choices.settings.call_budget_ns_max;
    budget_ns = budget_ns < most ? budget_ns : most; /* Nobody is given more. */
    if (budget_ns != 0 && clocks_are_even(world)) {
        snprintf(budget, sizeof(budget), ",\"budget_ns\":%" PRIu64, budget_ns);
    }
    if (call->kind == CALL_KIND_EXECUTE || call->kind == CALL_KIND_SUBMIT) {
        snprintf(what, sizeof(what), ",\"fn\":\"f%u\",\"in\":\"%" PRIx64 "\"", call->function, call->digest);
    }
    history_line(world, "c1", "invoke", word_of((enum call_kind)call->kind), ",\"n\":%u,\"id\":\"R%u\"%s%s", number,
                 call->request, what, budget);
}

static const char *refusal_op(const struct call *call, uint16_t code)
{
    bool asked = call->kind != CALL_KIND_EXECUTE && call->kind != CALL_KIND_SUBMIT;
    bool told =
        asked && (code == REASON_RESULT_NOT_FOUND || code == REASON_REQUEST_NOT_FOUND || code == REASON_ALREADY_ENDED);
    bool refused = !asked && (call->certainly_not_started || code == REASON_ID_CONFLICT);
    return call->kind == CALL_KIND_SUBMIT && code == REASON_NONE ? "ok" : told || refused ? "fail" : "info";
}

void history_replied(struct world *world, uint32_t index, const struct effect *effect)
{
    const struct call *call = &world->calls[effect->reference - 1];
    if (!history_asked(world)) {
        return;
    }
    const char *word = word_of((enum call_kind)call->kind);
    unsigned long long number = effect->reference - 1;
    if (effect->end == END_NONE) {
        history_line(world, "c1", refusal_op(call, effect->code), word, ",\"n\":%llu,\"reason\":\"%s\"", number,
                     reason_name((enum reason)effect->code));
        return;
    }
    if (call->kind == CALL_KIND_CANCEL) {
        history_line(world, "c1", "ok", word, ",\"n\":%llu,\"end\":\"cancelled\"", number);
        return;
    }
    const struct slot *result = effect->blob.slot != 0 ? &world->nodes[index].slots[effect->blob.slot] : NULL;
    bool good = effect->end == END_SUCCEEDED || call->kind != CALL_KIND_EXECUTE;
    history_line(world, "c1", good ? "ok" : "fail", word,
                 ",\"n\":%llu,\"end\":\"%s\",\"reason\":\"%s\",\"att\":%u,\"dig\":\"%" PRIx64 "\"", number,
                 end_name((enum end)effect->end), reason_name((enum reason)effect->code), effect->count,
                 result == NULL ? 0 : result->content.payload);
}

/* The caller goes, or its instance does. */
void history_left(struct world *world, uint32_t number)
{
    if (history_asked(world)) {
        history_line(world, "c1", "info", word_of((enum call_kind)world->calls[number].kind), ",\"n\":%u", number);
    }
}

void history_published(struct world *world, const struct content *content, bool stored)
{
    if (history_asked(world)) {
        uint32_t number = world->published++;
        history_line(world, "c2", "invoke", "publish", ",\"n\":%u,\"id\":\"R%u\",\"fn\":\"f%u\",\"in\":\"%" PRIx64 "\"",
                     number, content->request, content->function, content->digest);
        history_line(world, "c2", stored ? "ok" : "fail", "publish", ",\"n\":%u", number);
    }
}

/* -- functions -- */

void history_execution(struct world *world, uint32_t index, const struct worker *worker, const struct running *running)
{
    char proc[40];
    if (history_asked(world)) {
        history_line(world, worker_text(proc, index, worker), "invoke", "exec",
                     ",\"n\":%u,\"id\":\"R%u\",\"fn\":\"f%u\",\"ver\":\"%u\",\"try\":%u,\"in\":\"%" PRIx64 "\"",
                     running->execution, running->message.request, worker->function, worker->version, running->attempt,
                     running->message.digest);
    }
}

void history_executed(struct world *world, uint32_t index, const struct worker *worker, uint32_t execution,
                      bool succeeded, uint64_t payload)
{
    char proc[40];
    if (history_asked(world)) {
        history_line(world, worker_text(proc, index, worker), succeeded ? "ok" : "fail", "exec",
                     ",\"n\":%u,\"dig\":\"%" PRIx64 "\"", execution, payload);
    }
}

void history_exited(struct world *world, uint32_t index, const struct worker *worker)
{
    char proc[40];
    if (history_asked(world)) {
        history_line(world, worker_text(proc, index, worker), "info", "life", ",\"state\":\"%s\"",
                     worker->state == PROCESS_STARTING || worker->overdue ? "not-started" : "exited");
    }
}

/* -- instances and versions -- */

void history_life(struct world *world, uint32_t index, const char *state)
{
    char proc[8];
    if (history_asked(world)) {
        history_line(world, node_text(proc, index), "info", "life", ",\"state\":\"%s\"", state);
    }
}

void history_drain(struct world *world, uint32_t index, bool over)
{
    const struct node *node = &world->nodes[index];
    char proc[8];
    if (history_asked(world)) {
        uint64_t grace = clocks_are_even(world) ? node->drain_grace_ns : 0;
        history_line(world, node_text(proc, index), over ? "ok" : "info", "drain", ",\"grace_ns\":%" PRIu64, grace);
    }
}

void history_deployed(struct world *world, uint32_t function, uint32_t version)
{
    if (history_asked(world)) {
        history_line(world, "driver", "info", "deploy", ",\"fn\":\"f%u\",\"ver\":\"%u\"", function, version);
    }
}

void history_fault(struct world *world, enum sim_fault fault, uint32_t index)
{
    if (history_asked(world)) {
        history_line(world, "driver", "info", "fault", ",\"kind\":\"%s\",\"target\":\"n%u\"", sim_fault_name(fault),
                     index + 1);
    }
}

void history_message(struct world *world, const struct event *event, bool lost)
{
    if (!history_asked(world) || !world->options.messages) {
        return;
    }
    bool away = event->kind == EVENT_TO_BROKER;
    uint32_t request = event->content.kind != CONTENT_NONE ? event->content.request : world->requests_count;
    if (away && event->content.kind == CONTENT_NONE) {
        request = request_of_key(world, event->effect.key);
    }
    char node[8], id[24] = "";
    if (request < world->requests_count) {
        snprintf(id, sizeof(id), ",\"id\":\"R%u\"", request);
    }
    const char *kind = away ? effect_name((enum effect_kind)event->effect.kind) : input_name(event->input.kind);
    history_line(world, away ? node_text(node, event->node) : "b1", lost ? "fail" : "ok", "message",
                 ",\"target\":\"%s\",\"kind\":\"%s\",\"since_ns\":%" PRIu64 "%s",
                 away ? "b1" : node_text(node, event->node), kind, event->sent_ns, id);
}

void history_healed(struct world *world)
{
    if (history_asked(world)) {
        history_line(world, "driver", "info", "heal", "%s", "");
    }
}

/* -- the whole run -- */

void history_begin(struct world *world)
{
    if (!history_asked(world)) {
        return;
    }
    /* A route that does not start on one instance leaves the function's own version there until it is told again. */
    history_line(world, "driver", "info", "settings",
                 ",\"retention_ns\":%" PRIu64 ",\"slack_ns\":%" PRIu64 ",\"settle_ns\":%" PRIu64 ",\"exact\":1",
                 world->choices.jet.retention_ns, world->choices.timer_late_ns, (uint64_t)SETTLE_SECONDS * SECOND);
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        history_line(world, "driver", "info", "settings", ",\"fn\":\"f%u\",\"retries\":%u,\"timeout_ns\":%" PRIu64,
                     number, world->functions[number].retries_max, world->functions[number].timeout_ns);
        history_deployed(world, number, world->functions[number].version);
        history_line(world, "driver", "ok", "deploy", ",\"fn\":\"f%u\",\"ver\":\"%u\"", number,
                     world->functions[number].version);
    }
}

/* A message of a request is a reason to run it; the same id may be stored again once its first message is forgotten. */
static void history_budgets(struct world *world)
{
    uint64_t most[FUNCTIONS_MAX + 1] = { 0 };
    for (uint32_t request = 0; request < world->requests_count; request++) {
        uint64_t copies = 0;
        for (uint64_t at = world->jet.latest[request]; at != 0; at = world->jet.messages[at - 1].earlier) {
            copies++;
        }
        uint32_t function = world->requests[request].function;
        most[function] = copies > most[function] ? copies : most[function];
    }
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        uint64_t each = 2 + world->functions[number].retries_max + world->choices.settings.starts_max;
        history_line(world, "driver", "info", "settings", ",\"fn\":\"f%u\",\"executions_max\":%" PRIu64, number,
                     each * (most[number] + 1));
    }
}

/* A run that was stopped by what it can't go on from never came to its end: what is queued need not have ended. */
static bool was_cut(const struct world *world)
{
    const char *id = world->report->violation.id;
    bool came_to_it = world->healed && id[0] == 'L' && strcmp(id, "L10") != 0; /* and lacks something there */
    return id[0] != 0 && !came_to_it && !world->quiet;
}

static void history_read_back(struct world *world)
{
    bool cut = was_cut(world);
    for (uint32_t request = 0; request < world->requests_count; request++) {
        const struct stored *stored = &world->jet.stored[request];
        if (stored->count != 0) {
            history_line(
                world, "driver", "info", "readback",
                ",\"what\":\"result\",\"id\":\"R%u\",\"end\":\"%s\",\"reason\":\"%s\",\"att\":%u,\"dig\":\"%" PRIx64
                "\",\"in\":\"%" PRIx64 "\"",
                request, end_name((enum end)stored->end), reason_name((enum reason)stored->reason), stored->attempts,
                stored->payload, stored->digest);
        }
        if (stored->dead) {
            history_line(world, "driver", "info", "readback", ",\"what\":\"dead\",\"id\":\"R%u\"", request);
        }
        if (world->jet.forgotten[request] || (taken_for_good(world, request) && jet_owes(&world->jet, request))) {
            history_line(world, "driver", "info", "readback", ",\"what\":\"forgotten\",\"id\":\"R%u\"", request);
        }
        if (jet_find(&world->jet, request) != 0) {
            bool stranded = cut || !heal_serves(world, world->requests[request].function);
            const char *what = stranded ? "stranded" : "queued";
            history_line(world, "driver", "info", "readback", ",\"what\":\"%s\",\"id\":\"R%u\"", what, request);
        }
    }
}

void history_end(struct world *world)
{
    if (!history_asked(world)) {
        return;
    }
    for (uint32_t number = 0; number < world->calls_count; number++) {
        if (world->calls[number].state == CALLER_OPEN && world->calls[number].replies == 0 &&
            world->report->violation.id[0] != 0) {
            history_left(world, number); /* the run was stopped before it could be answered */
        }
    }
    history_budgets(world);
    history_read_back(world);
    history_line(world, "driver", "info", "end", "%s", "");
}
