/* The one in-memory form of a CloudEvent that all adapters share.
 *
 * An event is an attribute block and its data, untouched. The block is a run of entries
 *
 *     u8 name_length | name | u16 value_length (little-endian) | value
 *
 * with every value in its canonical CloudEvents string form. The same block is the header of pipe/1 frames
 * (docs/reference/pipe-1.md), so an event crosses from NATS or gRPC to a plugin without being re-encoded.
 * Names that begin with ':' are control entries (":request-id", ":budget-ms"); they can't collide with attributes,
 * whose names hold only a-z and 0-9, and never leave Stead as attributes.
 *
 * A packed event, the form that the blob store holds, is   u32 block_length (little-endian) | block | data.
 *
 * All functions are pure and thread-safe on different objects. Readers never trust lengths from outside. */
#ifndef STEAD_ADAPTERS_EVENT_H
#define STEAD_ADAPTERS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes: whoever made them owns them. `at` may be NULL only if `length` is 0. */
struct bytes {
    const uint8_t *at;
    size_t length;
};

/* An event as a view: both parts are borrowed. */
struct event {
    struct bytes block;
    struct bytes data;
};

struct attribute {
    struct bytes name;
    struct bytes value;
};

enum {
    EVENT_NAME_BYTES_MAX = 255,
    EVENT_VALUE_BYTES_MAX = 8192,
    EVENT_ATTRIBUTES_MAX = 64,
    EVENT_PACKED_PREFIX_BYTES = 4,
};

struct bytes bytes_of(const char *text); /* view of a C string, without its NUL */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);
bool bytes_equal_text_nocase(struct bytes a, const char *text); /* ASCII only, no locale */

/* Walks a block: start with *cursor = 0; true with the next entry, false at the end or at the first malformed byte. */
bool event_next(struct bytes block, size_t *cursor, struct attribute *ret_attribute);
/* True if every byte of the block belongs to a well-formed entry. */
bool event_block_valid(struct bytes block);
/* The first entry of that name; false if there is none. */
bool event_find(struct bytes block, const char *name, struct bytes *ret_value);
/* The value of a decimal entry that fits; false if absent or not a number. */
bool event_find_u64(struct bytes block, const char *name, uint64_t *ret_value);
bool event_is_control(struct attribute attribute); /* its name begins with ':' */

/* A growing buffer for building blocks and packed events. Zero-initialise; event_buffer_free() at the end. Appending
 * beyond `limit` (0 = none) or out of memory sets `failed` and changes nothing more: check once at the end. */
struct event_buffer {
    uint8_t *at;
    size_t length;
    size_t capacity;
    size_t limit;
    bool failed;
};

void event_buffer_append(struct event_buffer *buffer, const void *at, size_t length);
void event_buffer_attribute(struct event_buffer *buffer, struct bytes name, struct bytes value);
void event_buffer_attribute_text(struct event_buffer *buffer, const char *name, const char *value);
void event_buffer_attribute_u64(struct event_buffer *buffer, const char *name, uint64_t value);
void event_buffer_free(struct event_buffer *buffer);

/* Packs `event` onto the end of the buffer. */
void event_pack(struct event_buffer *buffer, struct event event);
/* Reads a packed event as a view into `packed`; false if it is malformed. */
bool event_unpack(struct bytes packed, struct event *ret_event);

#endif
