/* From effects to the broker: builds subjects, headers and bodies. What can't be sent at once is reported to the core
 * as the end of that operation: too large is a refusal, no connection is unknown (the link's end follows), and so is a
 * full buffer (the core asks again after a while). */
#include "serve/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEARTBEAT_NS = 1000000000 };

void pending_note(struct instance *instance, const struct effect *effect)
{
    uint32_t index = handle_index(effect->about);
    struct pending *pending = NULL;
    if (handle_table(effect->about) == TABLE_CALL) {
        pending = &instance->pending_calls[index];
    } else if (handle_table(effect->about) == TABLE_DELIVERY) {
        pending = &instance->pending_deliveries[index];
    } else {
        return;
    }
    pending->operation = effect->operation;
    pending->effect = effect->kind;
    pending->sent_ns = loop_now_ns();
}

void bus_unsent(struct instance *instance, const struct effect *effect, enum input_kind kind, enum bus_sent outcome)
{
    if (outcome == BUS_SENT || effect->operation == 0) {
        return;
    }
    bool large = outcome == BUS_TOO_LARGE;
    struct input input = instance_input(instance, kind);
    input.answers = effect->operation;
    input.outcome = large || outcome == BUS_INVALID ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
    input.code = large ? CODE_MESSAGE_TOO_LARGE : 0;
    instance_feed(instance, &input);
}

void bus_send(struct instance *instance, const struct effect *effect, const char *subject, struct headers *headers,
              struct bytes body)
{
    struct bus_publish message = { .subject = subject,
                                   .headers = headers->list,
                                   .header_count = headers->count,
                                   .body = body,
                                   .op = effect->operation };
    enum bus_sent outcome = bus_publish(instance->bus, &message);
    bus_unsent(instance, effect, effect->kind == EFFECT_LEDGER_PUT ? INPUT_LEDGER : INPUT_PUBLISHED, outcome);
    event_buffer_free(&headers->text);
}

void bus_perform_request(struct instance *instance, const struct effect *effect)
{
    calls_bind(instance, effect);
    const struct call_side *call = &instance->calls[handle_index(effect->about)];
    const struct function_side *function = function_side(instance, effect->other);
    struct message message;
    if (function == NULL || !message_open(instance, effect->blob, &message)) {
        bus_unsent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
        return;
    }
    char subject[128], reply_to[sizeof instance->answer_prefix + SERVE_ID_BYTES], digest[24];
    char alias[SERVE_NAME_BYTES];
    snprintf(subject, sizeof subject, "function.%s.%s", function->record.language, function->record.name);
    snprintf(reply_to, sizeof reply_to, "%s%s", instance->answer_prefix, call->request_id);
    message_text(&message, ":digest", digest, sizeof digest);
    message_text(&message, ":alias", alias, sizeof alias);
    struct headers headers = { .count = 0 };
    headers_add(&headers, "Nats-Msg-Id", bytes_of(call->request_id));
    headers_add(&headers, "stead-request-id", bytes_of(call->request_id));
    headers_add(&headers, "stead-input-digest", bytes_of(digest));
    if (call->kind == CALL_KIND_EXECUTE) { /* Who submits does not wait for the answer. */
        headers_add(&headers, "stead-reply-to", bytes_of(reply_to));
    }
    if (effect->amount > 0) {
        headers_add_number(&headers, "stead-budget-ms", effect->amount / 1000000);
    }
    if (alias[0] != '\0') {
        headers_add(&headers, "stead-alias", bytes_of(alias));
    }
    headers_add_event(&headers, message.event);
    bus_send(instance, effect, subject, &headers, message.event.data);
}

void bus_perform_result(struct instance *instance, const struct effect *effect)
{
    struct outcome_message out = { .body = { 0 } };
    if (!outcome_build(instance, effect, &out)) {
        bus_unsent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
        return;
    }
    char subject[192];
    snprintf(subject, sizeof subject, "function.result.%s", out.request_id);
    if (effect->create_only) {
        headers_add(&out.headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    }
    status_count_result(instance, effect);
    bus_send(instance, effect, subject, &out.headers, out.body);
    outcome_free(&out);
}

/* The result of a request that somebody cancels: no message of it is in hand, only what was found in the queue. */
void bus_perform_cancelled(struct instance *instance, const struct effect *effect)
{
    struct outcome_message out = { .body = { 0 } };
    const struct call_side *call = calls_side(instance, effect->about);
    if (call == NULL) {
        return; /* nobody is left who would hear of it */
    }
    struct effect result = *effect;
    result.end = END_CANCELLED;
    result.code = REASON_CANCELLED;
    result.cause = CAUSE_CANCELLED;
    result.count = call->charged.attempts;
    result.causes = call->charged.causes;
    char subject[192];
    snprintf(subject, sizeof subject, "function.result.%s", call->request_id);
    memcpy(out.request_id, call->request_id, sizeof out.request_id);
    snprintf(out.function, sizeof out.function, "%s", call->function);
    snprintf(out.digest, sizeof out.digest, "%s", call->digest);
    outcome_bare(&out, &result);
    headers_add(&out.headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    bus_send(instance, effect, subject, &out.headers, out.body);
    outcome_free(&out);
}

void bus_perform_remove(struct instance *instance, const struct effect *effect)
{
    char body[64];
    if (handle_table(effect->about) == TABLE_DELIVERY) {
        log_debug("nats.storage", "removed by number: it is settled, and was given to nobody",
                  LOG_U64("sequence", effect->amount));
    }
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"no_erase\":true}", effect->amount);
    bus_unsent(instance, effect, INPUT_REMOVED,
               bus_request(instance->bus, "$JS.API.STREAM.MSG.DELETE." BROKER_STREAM_REQUESTS, bytes_of(body),
                           effect->operation));
}

void bus_perform_announce(struct instance *instance, const struct effect *effect)
{
    const struct call_side *call = calls_side(instance, effect->about);
    char subject[192];
    if (call != NULL) {
        snprintf(subject, sizeof subject, "function.cancel.%s", call->request_id);
        bus_publish(instance->bus, &(struct bus_publish){ .subject = subject });
    }
}

void bus_perform_answer(struct instance *instance, const struct effect *effect)
{
    struct outcome_message out = { .body = { 0 } };
    if (!outcome_build(instance, effect, &out) || out.reply_to[0] == '\0') {
        event_buffer_free(&out.headers.text);
        outcome_free(&out);
        return;
    }
    bus_send(instance, effect, out.reply_to, &out.headers, out.body);
    outcome_free(&out);
}

void bus_perform_fetch(struct instance *instance, const struct effect *effect)
{
    char request_id[SERVE_ID_BYTES] = "", subject[192];
    struct message message;
    if (handle_table(effect->about) == TABLE_CALL) {
        memcpy(request_id, instance->calls[handle_index(effect->about)].request_id, sizeof request_id);
    } else if (message_open(instance, effect->blob, &message)) {
        message_text(&message, ":request-id", request_id, sizeof request_id);
    }
    snprintf(subject, sizeof subject, "function.result.%s", request_id);
    bus_unsent(instance, effect, INPUT_RESULT,
               bus_get(instance->bus, BROKER_STREAM_RESULTS, subject, 0, effect->operation));
}

void bus_perform_ledger(struct instance *instance, const struct effect *effect)
{
    struct message message;
    char request_id[SERVE_ID_BYTES] = "", hex[33], subject[96], causes[CAUSES_TEXT_BYTES], end[96] = "", body[512];
    if (message_open(instance, effect->blob, &message)) {
        message_text(&message, ":request-id", request_id, sizeof request_id);
    }
    key_hex(bytes_of(request_id), hex);
    snprintf(subject, sizeof subject, "$KV." BROKER_BUCKET_ATTEMPTS ".%s", hex);
    if (effect->kind == EFFECT_LEDGER_GET) {
        bus_unsent(instance, effect, INPUT_LEDGER,
                   bus_get(instance->bus, "KV_" BROKER_BUCKET_ATTEMPTS, subject, 0, effect->operation));
        return;
    }
    struct headers headers = { .count = 0 };
    headers_add_number(&headers, "Nats-Expected-Last-Subject-Sequence", effect->reference);
    causes_print(&effect->causes, causes);
    if (effect->end != END_NONE) {
        snprintf(end, sizeof end, ",\"end\":\"%s\",\"reason\":\"%s\"", end_name((enum end)effect->end),
                 reason_name((enum reason)effect->code));
    }
    snprintf(body, sizeof body,
             "{\"schema\":1,\"attempts\":%" PRIu32 ",\"starts\":%" PRIu32 ",\"nonce\":\"%016" PRIx64
             "\",\"last\":\"%s\",\"causes\":\"%s\"%s}",
             effect->count, effect->starts, effect->amount, cause_text((enum cause)effect->cause), causes, end);
    bus_send(instance, effect, subject, &headers, bytes_of(body));
}

void bus_perform_pull(struct instance *instance, const struct effect *effect)
{
    const struct function_side *function = function_side(instance, effect->about);
    char consumer[SERVE_KEY_BYTES];
    if (function == NULL) {
        return;
    }
    record_consumer(&function->record, consumer);
    uint64_t most_ns = effect->amount / 2; /* The broker wants no rarer ones. */
    bus_pull(instance->bus, BROKER_STREAM_REQUESTS, consumer, effect->about.bits, effect->operation, effect->count,
             effect->amount, most_ns < HEARTBEAT_NS ? most_ns : HEARTBEAT_NS);
}

void bus_perform_token(struct instance *instance, const struct effect *effect)
{
    static const enum bus_verb verbs[EFFECT_COUNT] = {
        [EFFECT_ACK] = BUS_ACK, [EFFECT_EXTEND] = BUS_PROGRESS, [EFFECT_HAND_BACK] = BUS_NAK
    };
    struct message message;
    struct bytes token;
    if (message_open(instance, effect->blob, &message) && event_find(message.control, ":ack", &token)) {
        bus_ack(instance->bus, token, verbs[effect->kind], effect->amount);
    }
}
