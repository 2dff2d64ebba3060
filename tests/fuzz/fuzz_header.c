/* Header values: what decodes is UTF-8, and its encoding decodes to the same. The input, split at newlines, is also
 * read as the headers of a message ("name: value" lines up to an empty line, then the body). */
#include "adapters/cloudevents/cloudevents.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 100 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_value(struct bytes text)
{
    struct event_buffer value = { 0 }, encoded = { 0 }, again = { 0 };
    if (cloudevents_percent_decode(text, &value)) {
        struct bytes decoded = { value.at, value.length };
        require(cloudevents_utf8_valid(decoded));
        cloudevents_percent_encode(&encoded, decoded);
        require(cloudevents_percent_decode((struct bytes){ encoded.at, encoded.length }, &again));
        require(bytes_equal(decoded, (struct bytes){ again.at, again.length }));
    }
    event_buffer_free(&value);
    event_buffer_free(&encoded);
    event_buffer_free(&again);
}

static struct cloudevents_message split(const uint8_t *data, size_t size, struct cloudevents_header *headers)
{
    struct cloudevents_message message = { .headers = headers, .language = "c", .function = "f", .request_id = "r1" };
    while (size > 0 && message.header_count < HEADERS_MAX) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);
        const uint8_t *colon = memchr(data, ':', length);
        size_t step = end == NULL ? length : length + 1;
        if (colon == NULL) {
            data += step;
            size -= step;
            break;
        }
        size_t name = (size_t)(colon - data);
        headers[message.header_count++] =
            (struct cloudevents_header){ { data, name }, { colon + 1, length - name - 1 } };
        data += step;
        size -= step;
    }
    message.body = (struct bytes){ data, size };
    return message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cloudevents_header headers[HEADERS_MAX];
    struct cloudevents_message message = split(data, size, headers);
    struct event_buffer packed = { 0 }, text = { 0 };
    struct cloudevents_error error;
    check_value((struct bytes){ data, size });
    if (cloudevents_from_message(&message, NULL, &packed, NULL, &error)) {
        struct event event;
        struct cloudevents_header written[EVENT_ATTRIBUTES_MAX];
        require(event_unpack((struct bytes){ packed.at, packed.length }, &event));
        size_t count = cloudevents_to_headers(event, &text, written, EVENT_ATTRIBUTES_MAX);
        require(count != SIZE_MAX);
        struct cloudevents_message back = { .headers = written, .header_count = count, .body = event.data };
        struct event_buffer again = { 0 };
        require(cloudevents_from_message(&back, NULL, &again, NULL, &error));
        require(bytes_equal((struct bytes){ packed.at, packed.length }, (struct bytes){ again.at, again.length }));
        event_buffer_free(&again);
    }
    event_buffer_free(&packed);
    event_buffer_free(&text);
    return 0;
}
