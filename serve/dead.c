/* Dead letters, as they are written: the request itself, with why it died, and how its process ended if it did. */
#include "serve/outcome.h"

#include <stdio.h>

static void dead_causes(struct headers *headers, const struct effect *effect, char text[CAUSES_TEXT_BYTES])
{
    causes_print(&effect->causes, text);
    headers_add(headers, "stead-cause", bytes_of(cause_text((enum cause)effect->cause)));
    if (text[0] != '\0') {
        headers_add(headers, "stead-causes", bytes_of(text));
    }
}

/* The end of stderr is text that a function wrote: it may hold anything. */
static void dead_death(struct headers *headers, const struct death *death, struct event_buffer *text)
{
    if (death == NULL) {
        return;
    }
    if (death->exit_signal != 0) {
        headers_add_number(headers, "stead-exit-signal", (uint64_t)death->exit_signal);
    } else {
        headers_add_number(headers, "stead-exit-status", (uint64_t)death->exit_status);
    }
    cloudevents_percent_encode(text, (struct bytes){ (const uint8_t *)death->said, death->said_length });
    if (!text->failed && text->length > 0) {
        headers_add(headers, "stead-stderr", (struct bytes){ text->at, text->length });
    }
}

/* The dead letter is the original message, with why it died in its headers. */
void bus_perform_dead(struct instance *instance, const struct effect *effect)
{
    struct message message, error;
    char request_id[SERVE_ID_BYTES], language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES], subject[320];
    if (!message_open(instance, effect->blob, &message)) {
        bus_unsent(instance, effect, INPUT_PUBLISHED, BUS_INVALID);
        return;
    }
    message_text(&message, ":request-id", request_id, sizeof request_id);
    message_text(&message, ":language", language, sizeof language);
    message_text(&message, ":function", name, sizeof name);
    snprintf(subject, sizeof subject, "function.dead.%s.%s.%s", language, name, request_id);
    struct headers headers = { .count = 0 };
    struct event_buffer text = { 0 }, error_text = { .limit = 4096 };
    char alias[SERVE_NAME_BYTES], causes[CAUSES_TEXT_BYTES];
    message_text(&message, ":alias", alias, sizeof alias);
    headers_add(&headers, "Nats-Expected-Last-Subject-Sequence", bytes_of("0"));
    headers_add(&headers, "stead-request-id", bytes_of(request_id));
    headers_add(&headers, "stead-reason", bytes_of(reason_name((enum reason)effect->code)));
    headers_add_number(&headers, "stead-attempts", effect->count);
    dead_causes(&headers, effect, causes);
    dead_death(&headers, death_of(instance, effect), &text);
    if (message_open(instance, effect->second, &error)) {
        struct bytes cut = error.event.data;
        cut.length = cut.length < 1024 && cloudevents_utf8_valid(cut) ? cut.length : 0;
        cloudevents_percent_encode(&error_text, cut);
        headers_add(&headers, "stead-error",
                    (struct bytes){ error_text.at, error_text.failed ? 0 : error_text.length });
    }
    char death[DEATH_SENTENCE_BYTES];
    death_sentence(death_of(instance, effect), death);
    if (error_text.length == 0 && death[0] != '\0') {
        cloudevents_percent_encode(&error_text, bytes_of(death));
        headers_add(&headers, "stead-error", (struct bytes){ error_text.at, error_text.length });
    }
    if (alias[0] != '\0') {
        headers_add(&headers, "stead-alias", bytes_of(alias));
    }
    headers_add_event(&headers, message.event);
    bus_send(instance, effect, subject, &headers, message.event.data);
    event_buffer_free(&text);
    event_buffer_free(&error_text);
}
