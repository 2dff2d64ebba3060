/* From effects to the broker: builds subjects, headers and bodies. What can't be sent at once is reported to the core
 * as the end of that operation: too large is a refusal, no connection is unknown (the link's end follows). */
#include "serve/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADERS_MAX = EVENT_ATTRIBUTES_MAX + 24, HEARTBEAT_NS = 1000000000 };

/* Headers under construction: texts live in `text` (attributes) or with the caller. */
struct headers {
    struct bus_header list[HEADERS_MAX];
    size_t count;
    struct event_buffer text;
    char numbers[6][24];
    size_t numbers_used;
};

static void headers_add(struct headers *headers, const char *name, struct bytes value)
{
    if (headers->count < HEADERS_MAX) {
        headers->list[headers->count++] = (struct bus_header){ bytes_of(name), value };
    }
}

static void headers_add_number(struct headers *headers, const char *name, uint64_t value)
{
    char *text = headers->numbers[headers->numbers_used++ % 6];
    snprintf(text, sizeof headers->numbers[0], "%" PRIu64, value);
    headers_add(headers, name, bytes_of(text));
}

static void headers_add_event(struct headers *headers, struct event event)
{
    struct cloudevents_header list[EVENT_ATTRIBUTES_MAX];
    size_t count = cloudevents_to_headers(event, &headers->text, list, EVENT_ATTRIBUTES_MAX);
    for (size_t i = 0; count != SIZE_MAX && i < count && headers->count < HEADERS_MAX; i++) {
        headers->list[headers->count++] = (struct bus_header){ list[i].name, list[i].value };
    }
}

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
}

/* Ends the operation at once if the message did not leave. */
static void sent(struct instance *instance, const struct effect *effect, enum input_kind kind, enum bus_sent outcome)
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

static void publish(struct instance *instance, const struct effect *effect, const char *subject,
                    struct headers *headers, struct bytes body)
{
    struct bus_publish message = { .subject = subject,
                                   .headers = headers->list,
                                   .header_count = headers->count,
                                   .body = body,
                                   .op = effect->operation };
    enum bus_sent outcome = bus_publish(instance->bus, &message);
    sent(instance, effect, effect->kind == EFFECT_LEDGER_PUT ? INPUT_LEDGER : INPUT_PUBLISHED, outcome);
    event_buffer_free(&headers->text);
}

void bus_perform_request(struct instance *instance, const struct effect *effect)
{
    calls_bind(instance, effect);
    const struct call_side *call = &instance->calls[handle_index(effect->about)];
    const struct function_side *function = function_side(instance, effect->other);
    struct message message;
    if (function == NULL || !message_open(instance, effect->blob, &message)) {
        sent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
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
    publish(instance, effect, subject, &headers, message.event.data);
}

/* The headers and the body that tell how a request ended; the same for the stored result and for the answer. */
struct outcome_message {
    struct headers headers;
    struct bytes body;
    char request_id[SERVE_ID_BYTES], digest[24], function[96], reply_to[256], language[SERVE_LANGUAGE_BYTES];
    char name[SERVE_NAME_BYTES], type[64], class[16], source[128], problem[CLOUDEVENTS_MESSAGE_BYTES];
    char version[SERVE_VERSION_BYTES]; /* that ran it */
    struct event_buffer block, type_text;
};

static void outcome_event(struct outcome_message *out, const struct effect *effect, const struct message *result)
{
    if (result != NULL && effect->end == END_SUCCEEDED) {
        headers_add_event(&out->headers, result->event);
        out->body = result->event.data;
        return;
    }
    snprintf(out->source, sizeof out->source, "stead:function/%s", out->function);
    event_buffer_attribute_text(&out->block, "specversion", "1.0");
    event_buffer_attribute_text(&out->block, "id", out->request_id);
    event_buffer_attribute_text(&out->block, "source", out->source);
    event_buffer_attribute_text(&out->block, "type", "stead.function.failed.v1");
    event_buffer_attribute_text(&out->block, "datacontenttype", "text/plain; charset=utf-8");
    headers_add_event(&out->headers, (struct event){ .block = { out->block.at, out->block.length } });
    bool told = result != NULL && result->event.data.length > 0;
    const char *text = out->problem[0] != '\0' ? out->problem : reason_meaning((enum reason)effect->code);
    out->body = told ? result->event.data : bytes_of(text);
}

static void outcome_failure(struct outcome_message *out, const struct effect *effect, const struct message *result)
{
    headers_add(&out->headers, "stead-reason", bytes_of(reason_name((enum reason)effect->code)));
    headers_add(&out->headers, "Nats-Service-Error", bytes_of(reason_meaning((enum reason)effect->code)));
    headers_add_number(&out->headers, "Nats-Service-Error-Code", reason_answer((enum reason)effect->code).nats_code);
    if (result == NULL) {
        return;
    }
    message_text(result, ":class", out->class, sizeof out->class);
    message_text(result, ":type", out->type, sizeof out->type);
    if (out->class[0] != '\0') {
        headers_add(&out->headers, "stead-error-class", bytes_of(out->class));
    }
    if (out->type[0] != '\0') {
        cloudevents_percent_encode(&out->type_text, bytes_of(out->type));
        headers_add(&out->headers, "stead-error-type", (struct bytes){ out->type_text.at, out->type_text.length });
    }
}

static void outcome_headers(struct outcome_message *out, const struct effect *effect)
{
    headers_add(&out->headers, "stead-outcome", bytes_of(end_name((enum end)effect->end)));
    headers_add_number(&out->headers, "stead-attempts", effect->count);
    headers_add(&out->headers, "stead-function", bytes_of(out->function));
    if (out->digest[0] != '\0') {
        headers_add(&out->headers, "stead-input-digest", bytes_of(out->digest));
    }
    headers_add(&out->headers, "stead-request-id", bytes_of(out->request_id));
    if (out->version[0] != '\0') {
        headers_add(&out->headers, "stead-version", bytes_of(out->version));
    }
}

static bool outcome_build(struct instance *instance, const struct effect *effect, struct outcome_message *out)
{
    struct message message, result;
    if (!message_open(instance, effect->blob, &message)) {
        return false;
    }
    bool has_result = message_open(instance, effect->second, &result);
    message_text(&message, ":request-id", out->request_id, sizeof out->request_id);
    message_text(&message, ":digest", out->digest, sizeof out->digest);
    message_text(&message, ":reply-to", out->reply_to, sizeof out->reply_to);
    message_text(&message, ":language", out->language, sizeof out->language);
    message_text(&message, ":function", out->name, sizeof out->name);
    message_text(&message, ":problem", out->problem, sizeof out->problem);
    snprintf(out->function, sizeof out->function, "%s/%s", out->language, out->name);
    if (has_result) {
        char stored[24];
        message_text(&result, ":digest", stored, sizeof stored); /* A stored result answers its own input. */
        if (stored[0] != '\0') {
            memcpy(out->digest, stored, sizeof stored);
        }
    }
    const char *ran = instance->ran[handle_index(effect->about)];
    snprintf(out->version, sizeof out->version, "%s", ran);
    if (has_result && ran[0] == '\0') {
        message_text(&result, ":version", out->version, sizeof out->version);
    }
    outcome_headers(out, effect);
    outcome_event(out, effect, has_result ? &result : NULL);
    if (effect->end != END_SUCCEEDED) {
        outcome_failure(out, effect, has_result ? &result : NULL);
    }
    return true;
}

static void outcome_free(struct outcome_message *out)
{
    event_buffer_free(&out->block);
    event_buffer_free(&out->type_text);
}

void bus_perform_result(struct instance *instance, const struct effect *effect)
{
    struct outcome_message out = { .body = { 0 } };
    if (!outcome_build(instance, effect, &out)) {
        sent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
        return;
    }
    char subject[192];
    snprintf(subject, sizeof subject, "function.result.%s", out.request_id);
    if (effect->create_only) {
        headers_add(&out.headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    }
    status_count_result(instance, effect);
    publish(instance, effect, subject, &out.headers, out.body);
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
    char subject[192];
    snprintf(subject, sizeof subject, "function.result.%s", call->request_id);
    memcpy(out.request_id, call->request_id, sizeof out.request_id);
    snprintf(out.function, sizeof out.function, "%s", call->function);
    snprintf(out.digest, sizeof out.digest, "%s", call->digest);
    outcome_headers(&out, &result);
    outcome_event(&out, &result, NULL);
    outcome_failure(&out, &result, NULL);
    headers_add(&out.headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    publish(instance, effect, subject, &out.headers, out.body);
    outcome_free(&out);
}

void bus_perform_remove(struct instance *instance, const struct effect *effect)
{
    char body[64];
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"no_erase\":true}", effect->amount);
    sent(instance, effect, INPUT_REMOVED,
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
    publish(instance, effect, out.reply_to, &out.headers, out.body);
    outcome_free(&out);
}

/* The dead letter is the original message, with why it died in its headers. */
void bus_perform_dead(struct instance *instance, const struct effect *effect)
{
    struct message message, error;
    char request_id[SERVE_ID_BYTES], language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES], subject[320];
    if (!message_open(instance, effect->blob, &message)) {
        sent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
        return;
    }
    message_text(&message, ":request-id", request_id, sizeof request_id);
    message_text(&message, ":language", language, sizeof language);
    message_text(&message, ":function", name, sizeof name);
    snprintf(subject, sizeof subject, "function.dead.%s.%s.%s", language, name, request_id);
    struct headers headers = { .count = 0 };
    struct event_buffer text = { .limit = 4096 };
    char alias[SERVE_NAME_BYTES];
    message_text(&message, ":alias", alias, sizeof alias);
    headers_add(&headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    headers_add(&headers, "stead-request-id", bytes_of(request_id));
    headers_add(&headers, "stead-reason", bytes_of(reason_name((enum reason)effect->code)));
    headers_add_number(&headers, "stead-attempts", effect->count);
    if (message_open(instance, effect->second, &error)) {
        struct bytes cut = error.event.data;
        cut.length = cut.length < 1024 && cloudevents_utf8_valid(cut) ? cut.length : 0;
        cloudevents_percent_encode(&text, cut);
        headers_add(&headers, "stead-error", (struct bytes){ text.at, text.failed ? 0 : text.length });
    }
    if (alias[0] != '\0') {
        headers_add(&headers, "stead-alias", bytes_of(alias));
    }
    headers_add_event(&headers, message.event);
    publish(instance, effect, subject, &headers, message.event.data);
    event_buffer_free(&text);
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
    sent(instance, effect, INPUT_RESULT, bus_get(instance->bus, BROKER_STREAM_RESULTS, subject, 0, effect->operation));
}

void bus_perform_ledger(struct instance *instance, const struct effect *effect)
{
    struct message message;
    char request_id[SERVE_ID_BYTES] = "", hex[33], subject[96], body[160];
    if (message_open(instance, effect->blob, &message)) {
        message_text(&message, ":request-id", request_id, sizeof request_id);
    }
    key_hex(bytes_of(request_id), hex);
    snprintf(subject, sizeof subject, "$KV." BROKER_BUCKET_ATTEMPTS ".%s", hex);
    if (effect->kind == EFFECT_LEDGER_GET) {
        sent(instance, effect, INPUT_LEDGER,
             bus_get(instance->bus, "KV_" BROKER_BUCKET_ATTEMPTS, subject, 0, effect->operation));
        return;
    }
    struct headers headers = { .count = 0 };
    headers_add_number(&headers, "Nats-Expected-Last-Subject-Sequence", effect->reference);
    snprintf(body, sizeof body,
             "{\"schema\":1,\"attempts\":%" PRIu32 ",\"starts\":%" PRIu32 ",\"nonce\":\"%016" PRIx64 "\"}",
             effect->count, effect->starts, effect->amount);
    publish(instance, effect, subject, &headers, bytes_of(body));
}

void bus_perform_pull(struct instance *instance, const struct effect *effect)
{
    const struct function_side *function = function_side(instance, effect->about);
    char consumer[SERVE_KEY_BYTES];
    if (function == NULL) {
        return;
    }
    record_consumer(&function->record, consumer);
    bus_pull(instance->bus, BROKER_STREAM_REQUESTS, consumer, effect->about.bits, effect->operation, effect->count,
             effect->amount, HEARTBEAT_NS);
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
