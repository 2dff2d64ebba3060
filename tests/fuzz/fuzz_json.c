/* Structured mode: whatever is accepted is a valid event, is written as valid JSON, and reads back as the same event.
 */
#include "adapters/cloudevents/cloudevents.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static struct event read_back(const struct event_buffer *packed)
{
    struct event event;
    require(event_unpack((struct bytes){ packed->at, packed->length }, &event));
    return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct event_buffer packed = { 0 }, json = { 0 }, again = { 0 };
    struct cloudevents_error error;
    if (cloudevents_from_json(text, NULL, &packed, &error)) {
        struct event event = read_back(&packed);
        require(cloudevents_json_valid(text));
        require(cloudevents_validate(event, NULL, &error));
        require(cloudevents_to_json(event, &json));
        struct bytes written = { json.at, json.length };
        require(cloudevents_json_valid(written));
        require(cloudevents_from_json(written, NULL, &again, &error));
        require(bytes_equal(read_back(&again).data, event.data));
    } else {
        require(error.reason != CLOUDEVENTS_NONE);
        require(error.message[0] != '\0');
    }
    event_buffer_free(&packed);
    event_buffer_free(&json);
    event_buffer_free(&again);
    return 0;
}
