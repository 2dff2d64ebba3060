/* Each field has a name and is left out when it is 0; keys are shown by their first digits, rows as C (call), D
 * (delivery), F (function) or W (worker) with index and generation. */
#include "serve/replay_story.h"

#include "core/reason.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct line {
    char *at;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line->at + line->used, line->size - line->used, format, arguments);
    va_end(arguments);
    line->used += more > 0 ? (size_t)more : 0;
    line->used = line->used < line->size ? line->used : line->size - 1;
}

static void add_number(struct line *line, const char *name, uint64_t value)
{
    if (value != 0) {
        add(line, " %s %" PRIu64, name, value);
    }
}

static void add_key(struct line *line, const char *name, struct key key)
{
    if (!key_is_none(key)) {
        add(line, " %s %08" PRIx64, name, key.hi >> 32);
    }
}

static void add_handle(struct line *line, const char *name, struct handle handle)
{
    static const char letters[] = "?CDFW???";
    if (handle.bits != 0) {
        uint32_t generation = handle.bits >> HANDLE_INDEX_BITS & ((1U << HANDLE_GENERATION_BITS) - 1);
        add(line, " %s %c%" PRIu32 ".%" PRIu32, name, letters[handle_table(handle) & 7], handle_index(handle),
            generation);
    }
}

static void add_blob(struct line *line, const char *name, struct blob blob)
{
    if (blob.slot != 0) {
        add(line, " %s %" PRIu32 " (%" PRIu32 " bytes)", name, blob.slot, blob.length);
    }
}

static void add_ms(struct line *line, const char *name, uint64_t ns)
{
    if (ns != 0) {
        add(line, " %s %" PRIu64 ".%03" PRIu64 "ms", name, ns / 1000000, ns / 1000 % 1000);
    }
}

static void input_call(struct line *line, const struct input *input)
{
    static const char *const kinds[] = { "execute", "submit", "await", "look", "cancel" };
    uint8_t kind = input->as.call.kind;
    add(line, " %s", kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "?");
    add_key(line, "request", input->as.call.request);
    add_key(line, "function", input->as.call.function);
    add_ms(line, "budget", input->as.call.budget_ns);
    add_number(line, "caller", input->as.call.reference);
    add_number(line, "alias", input->as.call.alias);
}

static void input_delivery(struct line *line, const struct input *input)
{
    add_key(line, "request", input->as.delivery.request);
    add_number(line, "sequence", input->as.delivery.sequence);
    add_number(line, "delivered", input->as.delivery.delivered);
    add_number(line, "pending", input->as.delivery.pending);
    add_ms(line, "budget", input->as.delivery.budget_ns);
    add_number(line, "alias", input->as.delivery.alias);
    add(line, "%s", input->as.delivery.has_reply_to ? " answer elsewhere" : "");
}

static void input_function(struct line *line, const struct input *input)
{
    add_key(line, "name", input->as.function.name);
    add_key(line, "version", input->as.function.version);
    add_key(line, "of", input->as.function.of);
    add_ms(line, "timeout", input->as.function.timeout_ns);
    add_number(line, "retries", input->as.function.retries_max);
    add_number(line, "concurrency", input->as.function.concurrency);
    add_number(line, "workers", input->as.function.workers_max);
    add_number(line, "weight", input->as.function.weight);
    add_number(line, "closing", input->as.function.closing);
}

static void input_worker(struct line *line, const struct input *input)
{
    static const char *const classes[] = { "retry", "permanent", "throttle" };
    uint8_t class = input->as.worker.class;
    add_number(line, "stream", input->as.worker.stream);
    if (input->kind == INPUT_WORKER_READY) {
        add_number(line, "concurrency", input->as.worker.concurrency);
        add_number(line, "ahead", input->as.worker.ahead);
    } else if (input->kind == INPUT_WORKER_ERROR) {
        add(line, " %s", class < sizeof classes / sizeof classes[0] ? classes[class] : "?");
        add_ms(line, "after", input->as.worker.after_ns);
    }
}

static void input_policy(struct line *line, const struct input *input)
{
    add_key(line, "name", input->as.policy.name);
    add_ms(line, "base", input->as.policy.retry_ns_base);
    add_ms(line, "max", input->as.policy.retry_ns_max);
    add_number(line, "jitter", input->as.policy.jitter);
    add_number(line, "concurrency-min", input->as.policy.concurrency_min);
    add_ms(line, "age-max", input->as.policy.age_ns_max);
    add_number(line, "size-max", input->as.policy.size_max);
    for (int cause = 1; cause < CAUSE_KEPT; cause++) {
        if (input->as.policy.retries[cause] != UINT8_MAX) {
            add(line, " %s %u", cause_text((enum cause)cause), input->as.policy.retries[cause]);
        }
    }
}

static void input_result(struct line *line, const struct input *input)
{
    add_key(line, "request", input->as.result.request);
    add(line, " %s", end_name((enum end)input->as.result.end));
    add_number(line, "attempts", input->as.result.attempts);
}

static void input_queue(struct line *line, const struct input *input)
{
    add_key(line, "function", input->as.queue.function);
    add_number(line, "messages", input->as.queue.messages);
    add_number(line, "size-mean", input->as.queue.size_mean);
    if (input->as.queue.oldest_ns != OLDEST_UNKNOWN) {
        add_ms(line, "oldest", input->as.queue.oldest_ns);
    }
    if (input->as.queue.takers != TAKERS_UNKNOWN) {
        add_number(line, "takers", input->as.queue.takers);
    }
}

static void input_rest(struct line *line, const struct input *input)
{
    switch (input->kind) {
    case INPUT_CLOCK:
        add(line, " offset %" PRId64 "..%" PRId64 " ns", input->as.clock.offset_ns_min, input->as.clock.offset_ns_max);
        break;
    case INPUT_WALKED:
        add_key(line, "request", input->as.walked.request);
        add_number(line, "sequence", input->as.walked.sequence);
        add_number(line, "last", input->as.walked.last);
        break;
    case INPUT_FOUND:
        add_number(line, "sequence", input->as.found.sequence);
        if (input->as.found.end != END_NONE) {
            add(line, " ended %s", end_name((enum end)input->as.found.end));
        }
        break;
    case INPUT_CANCEL_HEARD:
        add_key(line, "request", input->as.cancel.request);
        break;
    case INPUT_SETTING:
        add(line, " setting %u value %" PRIu64, input->as.setting.which, input->as.setting.value);
        break;
    case INPUT_PULL_ENDED:
        add_number(line, "unfilled", input->as.pull.unfilled);
        break;
    case INPUT_PUBLISHED:
        add_number(line, "sequence", input->as.published.sequence);
        add_number(line, "duplicate", input->as.published.duplicate);
        break;
    case INPUT_LEDGER:
        add_number(line, "revision", input->as.ledger.revision);
        add_number(line, "attempts", input->as.ledger.attempts);
        add_number(line, "starts", input->as.ledger.starts);
        add(line, " last %s", cause_text((enum cause)input->as.ledger.last));
        if (input->as.ledger.end != END_NONE) {
            add(line, " ended %s %s", end_name((enum end)input->as.ledger.end),
                reason_name((enum reason)input->as.ledger.reason));
        }
        break;
    case INPUT_CONSUMER_READY:
        add_number(line, "fresh-after", input->as.consumer.fresh_after);
        break;
    case INPUT_CHANGE:
        add_number(line, "looked-for", input->as.change.looked_for);
        break;
    case INPUT_QUEUE:
    case INPUT_STRAY:
        input_queue(line, input);
        break;
    case INPUT_STREAM:
        add_number(line, "sequence", input->as.stream.sequence);
        add_number(line, "messages", input->as.stream.messages);
        add_number(line, "messages-max", input->as.stream.messages_max);
        add_number(line, "instances", input->as.stream.instances);
        break;
    case INPUT_DRAIN:
        add_ms(line, "grace", input->as.drain.grace_ns);
        break;
    default:
        break;
    }
}

static void input_own(struct line *line, const struct input *input)
{
    switch (input->kind) {
    case INPUT_CALL:
        input_call(line, input);
        break;
    case INPUT_DELIVERY:
        input_delivery(line, input);
        break;
    case INPUT_FUNCTION_POLICY:
        input_policy(line, input);
        break;
    case INPUT_FUNCTION_SET:
    case INPUT_FUNCTION_REMOVED:
    case INPUT_RELEASE:
        input_function(line, input);
        break;
    case INPUT_WORKER_READY:
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
        input_worker(line, input);
        break;
    case INPUT_RESULT:
    case INPUT_ANSWER:
        input_result(line, input);
        break;
    default:
        input_rest(line, input);
    }
}

void replay_story_input(const struct input *input, char *ret_text, size_t size)
{
    static const char *const outcomes[] = { "", " refused", " unknown" };
    struct line line = { ret_text, size, 0 };
    add(&line, "%s%s", input_name((enum input_kind)input->kind), input->outcome < 3 ? outcomes[input->outcome] : " ?");
    add_handle(&line, "about", input->about);
    if (input->answers != 0) {
        add_handle(&line, "answers", operation_owner(input->answers));
        add(&line, "#%" PRIu32, (uint32_t)input->answers);
    }
    add_number(&line, "epoch", input->epoch);
    add_number(&line, "code", input->code);
    add_blob(&line, "blob", input->blob);
    input_own(&line, input);
}

void replay_story_effect(const struct effect *effect, char *ret_text, size_t size)
{
    struct line line = { ret_text, size, 0 };
    add(&line, "%s", effect_name((enum effect_kind)effect->kind));
    add_handle(&line, "about", effect->about);
    add_handle(&line, "other", effect->other);
    if (effect->operation != 0) {
        add(&line, " operation #%" PRIu32, (uint32_t)effect->operation);
    }
    add_number(&line, "caller", effect->reference);
    add_number(&line, "amount", effect->amount);
    add_key(&line, "key", effect->key);
    add_blob(&line, "blob", effect->blob);
    add_blob(&line, "second", effect->second);
    add_number(&line, "epoch", effect->epoch);
    add_number(&line, "count", effect->count);
    add_number(&line, "starts", effect->starts);
    add_number(&line, "stream", effect->stream);
    if (effect->code != 0) {
        add(&line, " %s", reason_name((enum reason)effect->code));
    }
    if (effect->end != 0) {
        add(&line, " %s", end_name((enum end)effect->end));
    }
    if (effect->cause != 0) {
        add(&line, " for %s", cause_text((enum cause)effect->cause));
    }
    add(&line, "%s", effect->create_only ? " create-only" : "");
}
