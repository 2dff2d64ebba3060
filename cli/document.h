/* Writes one JSON document piece by piece, for `--json`. Commas come by themselves.
 *
 * Zero-initialise; document_print() writes the document and a line end to stdout and frees everything. Depth is at most
 * DOCUMENT_DEPTH_MAX. Running out of memory shows in document_print()'s answer only. */
#ifndef STEAD_CLI_DOCUMENT_H
#define STEAD_CLI_DOCUMENT_H

#include "adapters/event/event.h"

enum { DOCUMENT_DEPTH_MAX = 8 };

struct document {
    struct event_buffer text;
    uint32_t depth;
    bool comma[DOCUMENT_DEPTH_MAX + 1]; /* the next member or element of this depth needs one */
    bool after_key;
};

void document_open(struct document *document, char bracket); /* '{' or '[' */
void document_close(struct document *document, char bracket);
void document_key(struct document *document, const char *key);
void document_text(struct document *document, struct bytes text);
void document_number(struct document *document, int64_t number);
void document_decimal(struct document *document, double number); /* three decimals */
void document_truth(struct document *document, bool truth);
void document_raw(struct document *document, struct bytes value); /* a JSON value that was checked */

/* key and value in one */
void document_member(struct document *document, const char *key, struct bytes text);
void document_member_number(struct document *document, const char *key, int64_t number);
/* Data of an event: raw if it is JSON by type and content, a text if it is UTF-8, else base64 under <key>_base64. */
void document_member_data(struct document *document, const char *key, struct bytes content_type, struct bytes data);
bool document_print(struct document *document);

#endif
