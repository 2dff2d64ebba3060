/* Attribute blocks and packed events: see event.h for the layout. Lengths are little-endian and read byte by byte, so
 * that neither alignment nor the host's byte order matters. */
#include "adapters/event/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct bytes bytes_of(const char *text)
{
    return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of(text));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_equal_text_nocase(struct bytes a, const char *text)
{
    if (a.length != strlen(text)) {
        return false;
    }
    for (size_t i = 0; i < a.length; i++) {
        if (lower(a.at[i]) != lower((uint8_t)text[i])) {
            return false;
        }
    }
    return true;
}

bool event_next(struct bytes block, size_t *cursor, struct attribute *ret_attribute)
{
    size_t at = *cursor;
    if (at >= block.length) {
        return false;
    }
    size_t name_length = block.at[at];
    if (name_length == 0 || block.length - at < 1 + name_length + 2) {
        return false;
    }
    const uint8_t *size = block.at + at + 1 + name_length;
    size_t value_length = (size_t)size[0] | (size_t)size[1] << 8;
    size_t value_at = at + 1 + name_length + 2;
    if (block.length - value_at < value_length) {
        return false;
    }
    ret_attribute->name = (struct bytes){ block.at + at + 1, name_length };
    ret_attribute->value = (struct bytes){ block.at + value_at, value_length };
    *cursor = value_at + value_length;
    return true;
}

bool event_block_valid(struct bytes block)
{
    size_t cursor = 0;
    struct attribute attribute;
    while (event_next(block, &cursor, &attribute)) {
    }
    return cursor == block.length;
}

bool event_find(struct bytes block, const char *name, struct bytes *ret_value)
{
    size_t cursor = 0;
    struct attribute attribute;
    while (event_next(block, &cursor, &attribute)) {
        if (bytes_equal_text(attribute.name, name)) {
            *ret_value = attribute.value;
            return true;
        }
    }
    return false;
}

bool event_find_u64(struct bytes block, const char *name, uint64_t *ret_value)
{
    struct bytes text;
    if (!event_find(block, name, &text) || text.length == 0 || text.length > 20) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint64_t digit = (uint64_t)text.at[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool event_is_control(struct attribute attribute)
{
    return attribute.name.length > 0 && attribute.name.at[0] == ':';
}

static bool event_buffer_reserve(struct event_buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 2 - buffer->length) {
        buffer->failed = true;
        return false;
    }
    size_t need = buffer->length + more;
    if (buffer->limit != 0 && need > buffer->limit) {
        buffer->failed = true;
        return false;
    }
    if (need <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    uint8_t *grown = realloc(buffer->at, capacity);
    if (grown == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->at = grown;
    buffer->capacity = capacity;
    return true;
}

void event_buffer_append(struct event_buffer *buffer, const void *at, size_t length)
{
    if (length > 0 && event_buffer_reserve(buffer, length)) {
        memcpy(buffer->at + buffer->length, at, length);
        buffer->length += length;
    }
}

void event_buffer_attribute(struct event_buffer *buffer, struct bytes name, struct bytes value)
{
    if (name.length == 0 || name.length > EVENT_NAME_BYTES_MAX || value.length > UINT16_MAX) {
        buffer->failed = true;
        return;
    }
    if (!event_buffer_reserve(buffer, 1 + name.length + 2 + value.length)) {
        return;
    }
    uint8_t name_length = (uint8_t)name.length;
    uint8_t value_length[2] = { (uint8_t)value.length, (uint8_t)(value.length >> 8) };
    event_buffer_append(buffer, &name_length, 1);
    event_buffer_append(buffer, name.at, name.length);
    event_buffer_append(buffer, value_length, 2);
    event_buffer_append(buffer, value.at, value.length);
}

void event_buffer_attribute_text(struct event_buffer *buffer, const char *name, const char *value)
{
    event_buffer_attribute(buffer, bytes_of(name), bytes_of(value));
}

void event_buffer_attribute_u64(struct event_buffer *buffer, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    event_buffer_attribute_text(buffer, name, text);
}

void event_buffer_free(struct event_buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct event_buffer){ .limit = buffer->limit };
}

void event_pack(struct event_buffer *buffer, struct event event)
{
    if (event.block.length > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    uint32_t length = (uint32_t)event.block.length;
    uint8_t prefix[EVENT_PACKED_PREFIX_BYTES] = { (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                                                  (uint8_t)(length >> 24) };
    event_buffer_append(buffer, prefix, sizeof prefix);
    event_buffer_append(buffer, event.block.at, event.block.length);
    event_buffer_append(buffer, event.data.at, event.data.length);
}

bool event_unpack(struct bytes packed, struct event *ret_event)
{
    if (packed.length < EVENT_PACKED_PREFIX_BYTES) {
        return false;
    }
    size_t length =
        (size_t)packed.at[0] | (size_t)packed.at[1] << 8 | (size_t)packed.at[2] << 16 | (size_t)packed.at[3] << 24;
    size_t rest = packed.length - EVENT_PACKED_PREFIX_BYTES;
    if (length > rest) {
        return false;
    }
    const uint8_t *block = packed.at + EVENT_PACKED_PREFIX_BYTES;
    ret_event->block = (struct bytes){ block, length };
    ret_event->data = (struct bytes){ block + length, rest - length };
    return true;
}
