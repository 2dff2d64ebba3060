/* The pipe/1 codec. A frame is judged in two looks: its 12-byte prefix is checked as soon as it is there, so that a
 * wrong length is refused before a buffer is grown for it; its header block is walked once the frame is complete. */
#include "adapters/plugin/frame.h"

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static const char *prefix_problem(const uint8_t *prefix, size_t prefix_bytes, uint32_t length_max)
{
    uint32_t length = read_u32(prefix);
    if (length < FRAME_LENGTH_MIN) {
        return "a frame's length is under 8";
    }
    if (length > length_max) {
        return "a frame is larger than the limit";
    }
    if (prefix_bytes > 5 && (prefix[5] & ~(FRAME_OPTIONAL | FRAME_ACK)) != 0) {
        return "a frame has unknown flags";
    }
    if (prefix_bytes < FRAME_PREFIX_BYTES) {
        return NULL;
    }
    uint32_t header_length = read_u32(prefix + 8);
    if (header_length > length - FRAME_LENGTH_MIN) {
        return "a frame's header is longer than the frame";
    }
    return header_length > FRAME_HEADER_BYTES_MAX ? "a frame's header is larger than 1 MiB" : NULL;
}

static const char *block_problem(struct bytes block)
{
    size_t cursor = 0;
    size_t entries = 0;
    struct attribute attribute;
    while (event_next(block, &cursor, &attribute)) {
        if (++entries > FRAME_ENTRIES_MAX) {
            return "a frame's header has more than 128 entries";
        }
    }
    return cursor == block.length ? NULL : "a frame's header is malformed";
}

enum frame_verdict frame_decode(struct bytes input, uint32_t length_max, struct frame *ret_frame, size_t *ret_used,
                                const char **ret_problem)
{
    if (input.length < 4) {
        *ret_used = FRAME_PREFIX_BYTES;
        return FRAME_PARTIAL;
    }
    const char *problem = prefix_problem(input.at, input.length, length_max);
    if (problem != NULL) {
        *ret_problem = problem;
        return FRAME_BAD;
    }
    size_t whole = (size_t)read_u32(input.at) + 4;
    if (input.length < whole) {
        *ret_used = whole;
        return FRAME_PARTIAL;
    }
    size_t header_length = read_u32(input.at + 8);
    struct bytes header = { input.at + FRAME_PREFIX_BYTES, header_length };
    problem = block_problem(header);
    if (problem != NULL) {
        *ret_problem = problem;
        return FRAME_BAD;
    }
    *ret_frame = (struct frame){
        .type = input.at[4],
        .flags = input.at[5],
        .stream = (uint16_t)(input.at[6] | input.at[7] << 8),
        .header = header,
        .body = { header.at + header_length, whole - FRAME_PREFIX_BYTES - header_length },
    };
    *ret_used = whole;
    return FRAME_COMPLETE;
}

bool frame_prefix(uint8_t prefix[FRAME_PREFIX_BYTES], enum frame_type type, uint8_t flags, uint16_t stream,
                  size_t header_bytes, size_t body_bytes, uint32_t length_max)
{
    if (header_bytes > FRAME_HEADER_BYTES_MAX || length_max < FRAME_LENGTH_MIN + header_bytes ||
        body_bytes > length_max - FRAME_LENGTH_MIN - header_bytes) {
        return false;
    }
    write_u32(prefix, (uint32_t)(FRAME_LENGTH_MIN + header_bytes + body_bytes));
    prefix[4] = (uint8_t)type;
    prefix[5] = flags;
    prefix[6] = (uint8_t)stream;
    prefix[7] = (uint8_t)(stream >> 8);
    write_u32(prefix + 8, (uint32_t)header_bytes);
    return true;
}

bool frame_append(struct event_buffer *buffer, struct frame frame, uint32_t length_max)
{
    uint8_t prefix[FRAME_PREFIX_BYTES];
    if (!frame_prefix(prefix, frame.type, frame.flags, frame.stream, frame.header.length, frame.body.length,
                      length_max)) {
        return false;
    }
    event_buffer_append(buffer, prefix, sizeof prefix);
    event_buffer_append(buffer, frame.header.at, frame.header.length);
    event_buffer_append(buffer, frame.body.at, frame.body.length);
    return !buffer->failed;
}

char frame_sender(uint8_t type)
{
    switch (type) {
#define FRAME_SENDER(name, number, sender)                                                                             \
    case number:                                                                                                       \
        return sender;
        FRAME_TYPES(FRAME_SENDER)
#undef FRAME_SENDER
    default:
        return 0;
    }
}

const char *frame_name(uint8_t type)
{
    switch (type) {
#define FRAME_NAME(name, number, sender)                                                                               \
    case number:                                                                                                       \
        return #name;
        FRAME_TYPES(FRAME_NAME)
#undef FRAME_NAME
    default:
        return "UNKNOWN";
    }
}

static bool attribute_name_valid(struct bytes name)
{
    for (size_t i = 0; i < name.length; i++) {
        bool letter = name.at[i] >= 'a' && name.at[i] <= 'z';
        bool digit = name.at[i] >= '0' && name.at[i] <= '9';
        if (!letter && !digit) {
            return false;
        }
    }
    return name.length <= 64;
}

static const char *required_problem(struct bytes header)
{
    static const struct {
        const char *name;
        const char *problem;
    } required[] = {
        { "specversion", "the result event has no specversion" },
        { "id", "the result event has no id" },
        { "source", "the result event has no source" },
        { "type", "the result event has no type" },
    };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        struct bytes value;
        if (!event_find(header, required[i].name, &value) || value.length == 0) {
            return required[i].problem;
        }
    }
    return NULL;
}

const char *frame_result_problem(struct bytes header)
{
    size_t cursor = 0;
    size_t entries = 0;
    struct attribute attribute;
    while (event_next(header, &cursor, &attribute)) {
        if (++entries > EVENT_ATTRIBUTES_MAX) {
            return "the result event has more than 64 attributes";
        }
        if (!attribute_name_valid(attribute.name)) {
            return "the result event has an attribute whose name is not of a-z and 0-9, at most 64";
        }
        if (attribute.value.length > EVENT_VALUE_BYTES_MAX) {
            return "the result event has an attribute of more than 8192 bytes";
        }
    }
    return required_problem(header);
}

bool frame_block_has_control(struct bytes block)
{
    size_t cursor = 0;
    struct attribute attribute;
    while (event_next(block, &cursor, &attribute)) {
        if (event_is_control(attribute)) {
            return true;
        }
    }
    return false;
}
