/* How a request ended, as headers and a body: of the stored result, of the answer to a gateway, of the dead letter.
 * Shared by bus_out.c and dead.c; loop thread only. Texts of headers are borrowed until the message was sent. */
#ifndef STEAD_SERVE_OUTCOME_H
#define STEAD_SERVE_OUTCOME_H

#include "serve/instance.h"

enum { HEADERS_MAX = EVENT_ATTRIBUTES_MAX + 32, CAUSES_TEXT_BYTES = 160 };

/* Headers under construction: texts live in `text` (attributes) or with the caller. */
struct headers {
    struct bus_header list[HEADERS_MAX];
    size_t count;
    struct event_buffer text;
    char numbers[6][24];
    size_t numbers_used;
};

void headers_add(struct headers *headers, const char *name, struct bytes value);
void headers_add_number(struct headers *headers, const char *name, uint64_t value);
void headers_add_event(struct headers *headers, struct event event);

/* "error=2,crash=1": how often each cause happened; "" if none did. */
void causes_print(const struct causes *causes, char ret_text[CAUSES_TEXT_BYTES]);
/* The same back; what is not readable counts as none. */
void causes_read(struct bytes text, struct causes *ret_causes);
enum cause cause_of_text(struct bytes text); /* CAUSE_NONE if it is none */

/* The headers and the body that tell how a request ended; the same for the stored result and for the answer. */
struct outcome_message {
    struct headers headers;
    struct bytes body;
    char request_id[SERVE_ID_BYTES], digest[24], function[96], reply_to[256], language[SERVE_LANGUAGE_BYTES];
    char name[SERVE_NAME_BYTES], type[64], class[16], source[128], problem[CLOUDEVENTS_MESSAGE_BYTES];
    char version[SERVE_VERSION_BYTES]; /* that ran it */
    char causes[CAUSES_TEXT_BYTES], death[DEATH_SENTENCE_BYTES];
    struct event_buffer block, type_text;
};

/* False if the message in hand can't be opened. outcome_free() afterwards either way. */
bool outcome_build(struct instance *instance, const struct effect *effect, struct outcome_message *out);
/* What tells how it ended, without what it said; out->function, digest and request_id are filled in before. */
void outcome_bare(struct outcome_message *out, const struct effect *effect);
void outcome_free(struct outcome_message *out);

/* Publishes as the operation of the effect, and frees the headers' text. */
void bus_send(struct instance *instance, const struct effect *effect, const char *subject, struct headers *headers,
              struct bytes body);
/* Ends the operation at once if the message did not leave. */
void bus_unsent(struct instance *instance, const struct effect *effect, enum input_kind kind, enum bus_sent outcome);

#endif
