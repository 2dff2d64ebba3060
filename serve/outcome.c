/* Headers and body of results: what outcome, why, how often it was tried and what went wrong. Built from the effect and
 * the two messages that it names; nothing is looked up elsewhere but how the process died, if it did. */
#include "serve/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void headers_add(struct headers *headers, const char *name, struct bytes value)
{
    if (headers->count < HEADERS_MAX) {
        headers->list[headers->count++] = (struct bus_header){ bytes_of(name), value };
    }
}

void headers_add_number(struct headers *headers, const char *name, uint64_t value)
{
    char *text = headers->numbers[headers->numbers_used++ % 6];
    snprintf(text, sizeof headers->numbers[0], "%" PRIu64, value);
    headers_add(headers, name, bytes_of(text));
}

void headers_add_event(struct headers *headers, struct event event)
{
    struct cloudevents_header list[EVENT_ATTRIBUTES_MAX];
    size_t count = cloudevents_to_headers(event, &headers->text, list, EVENT_ATTRIBUTES_MAX);
    for (size_t i = 0; count != SIZE_MAX && i < count && headers->count < HEADERS_MAX; i++) {
        headers->list[headers->count++] = (struct bus_header){ list[i].name, list[i].value };
    }
}

void causes_print(const struct causes *causes, char ret_text[CAUSES_TEXT_BYTES])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_KEPT; cause++) {
        if (causes->count[cause] > 0 && used < CAUSES_TEXT_BYTES) {
            used += (size_t)snprintf(ret_text + used, CAUSES_TEXT_BYTES - used, "%s%s=%u", used > 0 ? "," : "",
                                     cause_text((enum cause)cause), causes->count[cause]);
        }
    }
}

enum cause cause_of_text(struct bytes text)
{
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        if (bytes_equal_text(text, cause_text((enum cause)cause))) {
            return (enum cause)cause;
        }
    }
    return CAUSE_NONE;
}

void causes_read(struct bytes text, struct causes *ret_causes)
{
    *ret_causes = (struct causes){ { 0 } };
    for (size_t at = 0; at < text.length;) {
        struct bytes name = { text.at + at, 0 };
        while (at < text.length && text.at[at] != '=' && text.at[at] != ',') {
            name.length++;
            at++;
        }
        uint32_t count = 0;
        for (at += at < text.length && text.at[at] == '='; at < text.length && text.at[at] != ','; at++) {
            uint32_t digit = (uint32_t)(text.at[at] - '0');
            count = digit <= 9 && count <= CAUSE_COUNTED_MAX ? count * 10 + digit : count;
        }
        enum cause cause = cause_of_text(name);
        if (cause != CAUSE_NONE && cause < CAUSE_KEPT) {
            ret_causes->count[cause] = (uint8_t)(count < CAUSE_COUNTED_MAX ? count : CAUSE_COUNTED_MAX);
        }
        at += at < text.length;
    }
}

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
    const char *text = out->problem[0] != '\0' ? out->problem
                       : out->death[0] != '\0' ? out->death
                                               : reason_meaning((enum reason)effect->code);
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
    causes_print(&effect->causes, out->causes);
    if (out->causes[0] != '\0') {
        headers_add(&out->headers, "stead-causes", bytes_of(out->causes));
    }
    if (effect->end != END_SUCCEEDED && effect->cause != CAUSE_NONE) {
        headers_add(&out->headers, "stead-cause", bytes_of(cause_text((enum cause)effect->cause)));
    }
    headers_add(&out->headers, "stead-function", bytes_of(out->function));
    if (out->digest[0] != '\0') {
        headers_add(&out->headers, "stead-input-digest", bytes_of(out->digest));
    }
    headers_add(&out->headers, "stead-request-id", bytes_of(out->request_id));
    if (out->version[0] != '\0') {
        headers_add(&out->headers, "stead-version", bytes_of(out->version));
    }
}

bool outcome_build(struct instance *instance, const struct effect *effect, struct outcome_message *out)
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
    const char *ran = instance->ran[handle_index(effect->about)].version;
    snprintf(out->version, sizeof out->version, "%s", ran);
    if (!has_result) {
        death_sentence(death_of(instance, effect), out->death);
    }
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

void outcome_bare(struct outcome_message *out, const struct effect *effect)
{
    outcome_headers(out, effect);
    outcome_event(out, effect, NULL);
    outcome_failure(out, effect, NULL);
}

void outcome_free(struct outcome_message *out)
{
    event_buffer_free(&out->block);
    event_buffer_free(&out->type_text);
}
