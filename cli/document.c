/* A buffer and, for each depth, whether something stands there already. */
#include "cli/document.h"

#include "adapters/cloudevents/cloudevents.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void document_write(struct document *document, const char *text)
{
    event_buffer_append(&document->text, text, strlen(text));
}

/* Before a value: a comma if it is not the first, none after its key. */
static void document_begin(struct document *document)
{
    if (!document->after_key && document->comma[document->depth]) {
        document_write(document, ",");
    }
    document->comma[document->depth] = true;
    document->after_key = false;
}

void document_open(struct document *document, char bracket)
{
    document_begin(document);
    assert(document->depth < DOCUMENT_DEPTH_MAX);
    event_buffer_append(&document->text, &bracket, 1);
    document->comma[++document->depth] = false;
}

void document_close(struct document *document, char bracket)
{
    assert(document->depth > 0);
    document->depth--;
    event_buffer_append(&document->text, &bracket, 1);
}

void document_key(struct document *document, const char *key)
{
    document_text(document, bytes_of(key));
    document_write(document, ":");
    document->after_key = true;
}

void document_text(struct document *document, struct bytes text)
{
    document_begin(document);
    cloudevents_json_string(&document->text, text);
}

void document_number(struct document *document, int64_t number)
{
    char text[32];
    document_begin(document);
    snprintf(text, sizeof text, "%lld", (long long)number);
    document_write(document, text);
}

void document_decimal(struct document *document, double number)
{
    char text[64];
    document_begin(document);
    snprintf(text, sizeof text, "%.3f", number);
    document_write(document, text);
}

void document_truth(struct document *document, bool truth)
{
    document_begin(document);
    document_write(document, truth ? "true" : "false");
}

void document_raw(struct document *document, struct bytes value)
{
    document_begin(document);
    event_buffer_append(&document->text, value.at, value.length);
}

void document_member(struct document *document, const char *key, struct bytes text)
{
    document_key(document, key);
    document_text(document, text);
}

void document_member_number(struct document *document, const char *key, int64_t number)
{
    document_key(document, key);
    document_number(document, number);
}

static void document_member_base64(struct document *document, const char *key, struct bytes data)
{
    char name[64];
    size_t size = (data.length + 2) / 3 * 4 + 1;
    uint8_t *encoded = malloc(size);
    snprintf(name, sizeof name, "%s_base64", key);
    if (encoded == NULL) {
        document->text.failed = true;
        return;
    }
    EVP_EncodeBlock(encoded, data.at, (int)data.length);
    document_member(document, name, bytes_of((const char *)encoded));
    free(encoded);
}

void document_member_data(struct document *document, const char *key, struct bytes content_type, struct bytes data)
{
    if (data.length > 0 && cloudevents_is_json(content_type) && cloudevents_json_valid(data)) {
        document_key(document, key);
        document_raw(document, data);
    } else if (cloudevents_utf8_valid(data)) {
        document_member(document, key, data);
    } else {
        document_member_base64(document, key, data);
    }
}

bool document_print(struct document *document)
{
    bool good = !document->text.failed && document->depth == 0;
    if (good) {
        good = fwrite(document->text.at, 1, document->text.length, stdout) == document->text.length &&
               putchar('\n') != EOF;
    }
    event_buffer_free(&document->text);
    return good;
}
