/* pipe/1 frames, to and from bytes: docs/reference/pipe-1.md is the contract. Pure functions without allocation, used
 * by the host, the conformance program and the fuzzer. Decoding trusts nothing; a frame is a view into the input. */
#ifndef STEAD_ADAPTERS_PLUGIN_FRAME_H
#define STEAD_ADAPTERS_PLUGIN_FRAME_H

#include "adapters/event/event.h"

#include <stdbool.h>
#include <stdint.h>

/* name, number, who sends it: 'p'lugin, 'h'ost, or '-' for reserved numbers that this version never accepts */
#define FRAME_TYPES(X)                                                                                                 \
    X(HELLO, 0x01, 'p')                                                                                                \
    X(CONFIG, 0x02, 'h')                                                                                               \
    X(READY, 0x03, 'p')                                                                                                \
    X(CALL, 0x10, 'h')                                                                                                 \
    X(RESULT, 0x11, 'p')                                                                                               \
    X(ERROR, 0x12, 'p')                                                                                                \
    X(CANCEL, 0x13, 'h')                                                                                               \
    X(DATA, 0x14, '-')                                                                                                 \
    X(PING, 0x20, 'h')                                                                                                 \
    X(PONG, 0x21, 'p')                                                                                                 \
    X(CREDIT, 0x22, '-')                                                                                               \
    X(LOG, 0x28, 'p')                                                                                                  \
    X(METRIC, 0x29, '-')                                                                                               \
    X(STOP, 0x30, 'h')                                                                                                 \
    X(DRAIN, 0x31, '-')                                                                                                \
    X(PAUSE, 0x40, '-')                                                                                                \
    X(RESUME, 0x41, '-')                                                                                               \
    X(STATE_GET, 0x42, '-')                                                                                            \
    X(STATE_SET, 0x43, '-')                                                                                            \
    X(SNAPSHOT, 0x44, '-')                                                                                             \
    X(EMIT, 0x45, '-')                                                                                                 \
    X(TIMER_SET, 0x46, '-')                                                                                            \
    X(TIMER_CLEAR, 0x47, '-')

enum frame_type {
#define FRAME_ENUM(name, number, sender) FRAME_##name = number,
    FRAME_TYPES(FRAME_ENUM)
#undef FRAME_ENUM
};

enum {
    FRAME_OPTIONAL = 1 << 0,
    FRAME_ACK = 1 << 1,

    FRAME_PREFIX_BYTES = 12,
    FRAME_LENGTH_MIN = 8,                        /* least value of the length field */
    FRAME_LENGTH_MAX_DEFAULT = 16 * 1024 * 1024, /* until CONFIG */
    FRAME_HEADER_BYTES_MAX = 1024 * 1024,
    FRAME_ENTRIES_MAX = 128,
    FRAME_PING_BYTES_MAX = 64,
};

struct frame {
    uint8_t type;
    uint8_t flags;
    uint16_t stream;
    struct bytes header;
    struct bytes body;
};

enum frame_verdict {
    FRAME_COMPLETE, /* *ret_frame and *ret_used are set */
    FRAME_PARTIAL,  /* *ret_used is how many bytes the input must have for the next look: more than it has now */
    FRAME_BAD,      /* *ret_problem says what is wrong, a static text; nothing after it can be trusted */
};

/* Reads the first frame of `input`. `length_max` is the limit on its length field. */
enum frame_verdict frame_decode(struct bytes input, uint32_t length_max, struct frame *ret_frame, size_t *ret_used,
                                const char **ret_problem);
/* Writes the first 12 bytes of a frame. False, writing nothing, if it exceeds `length_max` or the header's limit. */
bool frame_prefix(uint8_t prefix[FRAME_PREFIX_BYTES], enum frame_type type, uint8_t flags, uint16_t stream,
                  size_t header_bytes, size_t body_bytes, uint32_t length_max);
/* Appends a whole frame. False if it is over the limit or memory is out. */
bool frame_append(struct event_buffer *buffer, struct frame frame, uint32_t length_max);

/* Who may send the type: 'p', 'h', '-' if reserved, 0 if unknown. */
char frame_sender(uint8_t type);
const char *frame_name(uint8_t type); /* "UNKNOWN" if it is not */

/* Checks a RESULT's header: a complete, well-formed set of CloudEvents attributes. Gives NULL, or what is wrong as a
 * static text. Control entries are not an error of the event but of the protocol: see frame_block_has_control(). */
const char *frame_result_problem(struct bytes header);
bool frame_block_has_control(struct bytes block);

#endif
