/* Building packed events, and the error that every reader of this folder fills.
 *
 * A packed event starts with the length of its block, which is known only at the end: packer_open() leaves room,
 * packer_close() patches it. Limits are checked while attributes are added, so that a hostile sender can't make us grow
 * a block beyond them; everything else is checked once, at the end, by cloudevents_validate(). */
#include "adapters/cloudevents/internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *cloudevents_reason_name(enum cloudevents_reason reason)
{
    static const char *const names[] = {
#define X(code, name) name,
        CLOUDEVENTS_REASONS(X)
#undef X
    };
    return (size_t)reason < CLOUDEVENTS_REASON_COUNT ? names[reason] : "unknown";
}

struct cloudevents_limits cloudevents_limits_of(const struct cloudevents_limits *limits)
{
    struct cloudevents_limits all = { CLOUDEVENTS_EVENT_BYTES_DEFAULT, EVENT_VALUE_BYTES_MAX, EVENT_ATTRIBUTES_MAX };
    if (limits != NULL && limits->event_bytes_max != 0) {
        all.event_bytes_max = limits->event_bytes_max;
    }
    if (limits != NULL && limits->value_bytes_max != 0 && limits->value_bytes_max < all.value_bytes_max) {
        all.value_bytes_max = limits->value_bytes_max;
    }
    if (limits != NULL && limits->attributes_max != 0 && limits->attributes_max < all.attributes_max) {
        all.attributes_max = limits->attributes_max;
    }
    return all;
}

bool cloudevents_fail(struct cloudevents_error *error, enum cloudevents_reason reason, struct bytes attribute,
                      const char *format, ...)
{
    error->reason = reason;
    size_t length = 0;
    while (length < attribute.length && length < sizeof error->attribute - 1) {
        uint8_t c = attribute.at[length];
        error->attribute[length++] = c > 0x20 && c < 0x7f ? (char)c : '?';
    }
    error->attribute[length] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

struct packer packer_open(struct event_buffer *buffer, const struct cloudevents_limits *limits,
                          struct cloudevents_error *error)
{
    static const uint8_t room[EVENT_PACKED_PREFIX_BYTES];
    struct packer packer = { buffer, cloudevents_limits_of(limits), error, buffer->length, 0 };
    *error = (struct cloudevents_error){ .reason = CLOUDEVENTS_NONE };
    event_buffer_append(buffer, room, sizeof room);
    return packer;
}

bool packer_attribute(struct packer *packer, struct bytes name, struct bytes value)
{
    if (name.length == 0 || name.length > CLOUDEVENTS_NAME_BYTES_MAX) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_BAD_ATTRIBUTE_NAME, name,
                                "an attribute name has %zu bytes: use 1 to %d letters a-z and digits", name.length,
                                CLOUDEVENTS_NAME_BYTES_MAX);
    }
    if (value.length > packer->limits.value_bytes_max) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_TOO_LARGE, name,
                                "the attribute's value has %zu bytes, the limit is %zu: move it into the data",
                                value.length, packer->limits.value_bytes_max);
    }
    if (packer->attributes == packer->limits.attributes_max) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_TOO_MANY_ATTRIBUTES, name,
                                "the event has more than %u attributes: move some into the data",
                                (unsigned)packer->limits.attributes_max);
    }
    packer->attributes++;
    event_buffer_attribute(packer->buffer, name, value);
    return true;
}

static struct bytes packer_block(const struct packer *packer)
{
    size_t start = packer->start + EVENT_PACKED_PREFIX_BYTES;
    if (packer->buffer->failed) {
        return (struct bytes){ NULL, 0 };
    }
    return (struct bytes){ packer->buffer->at + start, packer->buffer->length - start };
}

bool packer_find(const struct packer *packer, const char *name, struct bytes *ret_value)
{
    return event_find(packer_block(packer), name, ret_value);
}

bool packer_close(struct packer *packer, struct bytes data)
{
    struct event_buffer *buffer = packer->buffer;
    struct bytes block = packer_block(packer);
    if (!buffer->failed && block.length + data.length <= packer->limits.event_bytes_max) {
        event_buffer_append(buffer, data.at, data.length);
    } else if (!buffer->failed) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_TOO_LARGE, bytes_of(""),
                                "the event has %zu bytes, the limit is %zu: send a reference to the data instead",
                                block.length + data.length, packer->limits.event_bytes_max);
    }
    if (buffer->failed) {
        return cloudevents_fail(packer->error, CLOUDEVENTS_TOO_LARGE, bytes_of(""),
                                "no memory for an event of %zu bytes: send it again later", block.length + data.length);
    }
    uint8_t *prefix = buffer->at + packer->start;
    for (int i = 0; i < EVENT_PACKED_PREFIX_BYTES; i++) {
        prefix[i] = (uint8_t)(block.length >> (8 * i));
    }
    struct event event;
    bool whole = event_unpack((struct bytes){ prefix, buffer->length - packer->start }, &event);
    assert(whole);
    return whole && cloudevents_validate(event, &packer->limits, packer->error);
}
