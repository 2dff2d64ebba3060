/* A run told line by line, in the form of the golden traces: time in ms, who, `<` for what a core learns and `>`
 * for what it asks, and requests by their short names. */
#include "sim/world.h"

#include <stdarg.h>

static void story_time(const struct world *world)
{
    fprintf(world->options.story, "[%12.6f] ", (double)world->now / 1e6);
}

void story_event(const struct world *world, const char *format, ...)
{
    if (world->options.story != NULL) {
        va_list arguments;
        va_start(arguments, format);
        story_time(world);
        fputs("-- ", world->options.story);
        vfprintf(world->options.story, format, arguments);
        fputc('\n', world->options.story);
        va_end(arguments);
    }
}

static void story_who(const struct world *world, uint32_t index, char direction, const char *what)
{
    story_time(world);
    fprintf(world->options.story, "%c%u %c %-15s", 'a' + (int)index, world->nodes[index].incarnation, direction, what);
}

static void story_blob(const struct world *world, uint32_t index, struct blob blob)
{
    static const char *const kinds[] = { "nothing", "request", "message", "result", "error", "stored" };
    const struct node *node = &world->nodes[index];
    if (blob.slot != 0 && blob.slot < node->slots_used) {
        const struct content *content = &node->slots[blob.slot].content;
        fprintf(world->options.story, " %s(R%u", kinds[content->kind], content->request);
        if (content->sequence != 0) {
            fprintf(world->options.story, " #%llu", (unsigned long long)content->sequence);
        }
        fprintf(world->options.story, ") blob %u", blob.slot);
    }
}

static void story_handle(const struct world *world, const char *word, struct handle handle)
{
    static const char *const tables[] = { "?", "call ", "delivery ", "function ", "worker " };
    if (handle.bits != 0 && handle_table(handle) < TABLE_COUNT) {
        fprintf(world->options.story, " %s%s%u.%u", word, tables[handle_table(handle)], handle_index(handle),
                handle.bits >> HANDLE_INDEX_BITS & ((1u << HANDLE_GENERATION_BITS) - 1));
    }
}

static void story_key(const struct world *world, struct key key)
{
    uint32_t function = function_of_key(world, key), request = request_of_key(world, key);
    if (function != FUNCTIONS_MAX) {
        fprintf(world->options.story, " f%u@%u", function, (uint32_t)key.hi);
    } else if (request < world->requests_count && key.lo != 0) {
        fprintf(world->options.story, " R%u", request);
    }
}

/* What the broker says of queues. */
static void story_queue(const struct world *world, const struct input *input)
{
    FILE *out = world->options.story;
    switch ((enum input_kind)input->kind) {
    case INPUT_WALKED:
        story_key(world, input->as.walked.request);
        fprintf(out, " #%llu of %llu", (unsigned long long)input->as.walked.sequence,
                (unsigned long long)input->as.walked.last);
        return;
    case INPUT_CONSUMER_READY:
        fprintf(out, " fresh after %llu, first %llu, %u messages, %u waiting, %u pending",
                (unsigned long long)input->as.consumer.fresh_after, (unsigned long long)input->as.consumer.first,
                input->as.consumer.messages_min, input->as.consumer.waiting, input->as.consumer.ack_pending);
        return;
    case INPUT_STREAM:
        fprintf(out, " %llu messages of %llu, last #%llu", (unsigned long long)input->as.stream.messages,
                (unsigned long long)input->as.stream.messages_max, (unsigned long long)input->as.stream.sequence);
        return;
    case INPUT_QUEUE:
    case INPUT_STRAY:
        story_key(world, input->as.queue.function);
        fprintf(out, " %u messages", input->as.queue.messages);
        return;
    default:
        return;
    }
}

static void story_input_fields(const struct world *world, const struct input *input)
{
    static const char *const doors[] = { "execute", "submit", "await", "look", "cancel" };
    FILE *out = world->options.story;
    switch ((enum input_kind)input->kind) {
    case INPUT_CALL:
        fprintf(out, " %s", doors[input->as.call.kind]);
        story_key(world, input->as.call.request);
        story_key(world, input->as.call.function);
        fprintf(out, " budget %llu ms", (unsigned long long)(input->as.call.budget_ns / MILLISECOND));
        return;
    case INPUT_DELIVERY:
        fprintf(out, " try %u, after %llu", input->as.delivery.delivered,
                (unsigned long long)input->as.delivery.sequence);
        return;
    case INPUT_RESULT:
    case INPUT_ANSWER:
        story_key(world, input->as.result.request);
        fprintf(out, " %s %s", end_name((enum end)input->as.result.end),
                reason_name((enum reason)input->as.result.reason));
        return;
    case INPUT_FOUND:
        fprintf(out, " #%llu%s", (unsigned long long)input->as.found.sequence,
                input->as.found.end != END_NONE ? " has ended" : "");
        return;
    case INPUT_CANCEL_HEARD:
        story_key(world, input->as.cancel.request);
        return;
    case INPUT_SETTING:
        fprintf(out, " %u becomes %llu", input->as.setting.which, (unsigned long long)input->as.setting.value);
        return;
    case INPUT_LEDGER:
        fprintf(out, " revision %llu attempts %u starts %u last %s", (unsigned long long)input->as.ledger.revision,
                input->as.ledger.attempts, input->as.ledger.starts, cause_text((enum cause)input->as.ledger.last));
        if (input->as.ledger.end != END_NONE) {
            fprintf(out, " ended %s %s", end_name((enum end)input->as.ledger.end),
                    reason_name((enum reason)input->as.ledger.reason));
        }
        return;
    case INPUT_PULL_ENDED:
        fprintf(out, " unfilled %u", input->as.pull.unfilled);
        return;
    case INPUT_FUNCTION_SET:
        story_key(world, input->as.function.version);
        fprintf(out, " retries %u, %u at once, %u workers", input->as.function.retries_max,
                input->as.function.concurrency, input->as.function.workers_max);
        return;
    case INPUT_FUNCTION_POLICY:
        story_key(world, input->as.policy.name);
        return;
    case INPUT_FUNCTION_REMOVED:
    case INPUT_RELEASE:
        story_key(world, input->as.function.name);
        return;
    case INPUT_WORKER_READY:
        fprintf(out, " takes %u", input->as.worker.concurrency);
        return;
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
        fprintf(out, " stream %u class %u", input->as.worker.stream, input->as.worker.class);
        return;
    default:
        story_queue(world, input);
    }
}

void story_input(const struct world *world, uint32_t index, const struct input *input)
{
    static const char *const outcomes[] = { "done", "refused", "unknown" };
    FILE *out = world->options.story;
    if (out == NULL) {
        return;
    }
    story_who(world, index, '<', input_name((enum input_kind)input->kind));
    story_handle(world, "", input->about);
    if (input->answers != 0) {
        fprintf(out, " %s op %llx", input->outcome < 3 ? outcomes[input->outcome] : "?",
                (unsigned long long)input->answers);
    }
    if (input->code != 0) {
        fprintf(out, " code %u", input->code);
    }
    story_blob(world, index, input->blob);
    story_input_fields(world, input);
    fprintf(out, input->epoch != 0 ? " on %u\n" : "\n", input->epoch);
}

void story_effect(const struct world *world, uint32_t index, const struct effect *effect)
{
    FILE *out = world->options.story;
    if (out == NULL) {
        return;
    }
    story_who(world, index, '>', effect_name((enum effect_kind)effect->kind));
    story_handle(world, "", effect->about);
    story_handle(world, "for ", effect->other);
    story_blob(world, index, effect->blob);
    story_blob(world, index, effect->second);
    story_key(world, effect->key);
    if (effect->operation != 0) {
        fprintf(out, " op %llx", (unsigned long long)effect->operation);
    }
    if (effect->end != 0) {
        fprintf(out, " %s", end_name((enum end)effect->end));
    }
    if (effect->code != 0) {
        fprintf(out, " %s", reason_name((enum reason)effect->code));
    }
    if (effect->cause != 0) {
        fprintf(out, " for %s", cause_text((enum cause)effect->cause));
    }
    if (effect->count != 0 || effect->starts != 0) {
        fprintf(out, " count %u/%u", effect->count, effect->starts);
    }
    if (effect->amount != 0 && effect->kind != EFFECT_LEDGER_PUT) {
        fprintf(out, " %.3f ms", (double)effect->amount / 1e6);
    }
    fputc('\n', out);
}
