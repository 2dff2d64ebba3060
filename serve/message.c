/* A message blob: u32 length of the control block | control block | packed event. The control block holds what Stead
 * says about the message (":request-id", ":ack", ":outcome"), the packed event is the user's. */
#include "serve/instance.h"

#include <string.h>

bool message_open(const struct instance *instance, struct blob blob, struct message *ret_message)
{
    if (blob.slot == BLOB_NONE) {
        return false;
    }
    struct event outer;
    if (!event_unpack(blob_get(instance->blobs, blob.slot), &outer)) {
        return false;
    }
    ret_message->control = outer.block;
    return event_unpack(outer.data, &ret_message->event);
}

void message_begin(struct event_buffer *buffer, const struct event_buffer *control)
{
    buffer->failed |= control->failed;
    event_pack(buffer, (struct event){ .block = { control->at, control->length } });
}

struct blob message_close(struct instance *instance, struct event_buffer *buffer)
{
    struct blob blob = { 0 };
    size_t length = buffer->length;
    if (!buffer->failed && blob_adopt(instance->blobs, buffer->at, length, &blob.slot)) {
        blob.length = (uint32_t)length;
        *buffer = (struct event_buffer){ 0 };
        return blob;
    }
    log_warn("serve", "no room for a payload", LOG_U64("size_bytes", length),
             LOG_TEXT("hint", "raise limits.bufferSize"));
    event_buffer_free(buffer);
    return (struct blob){ 0 };
}

void message_text(const struct message *message, const char *name, char *ret_text, size_t size)
{
    struct bytes value = { 0 };
    if (!event_find(message->control, name, &value) || value.length >= size) {
        value.length = 0;
    }
    if (value.length > 0) {
        memcpy(ret_text, value.at, value.length);
    }
    ret_text[value.length] = '\0';
}
