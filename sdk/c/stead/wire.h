/* What the C SDK's files share; not for functions. wire.c: attribute blocks and frames; answer.c: results and failures;
 * plugin.c: calls and the process's life. Everything is on the thread of main(). */
#ifndef STEAD_WIRE_H
#define STEAD_WIRE_H

#include "plugin.h"

enum {
    STEAD_WIRE_CHANNEL_FD = 3,
    STEAD_WIRE_PREFIX_BYTES = 12,
    STEAD_WIRE_FRAME_MAX_DEFAULT = 16 * 1024 * 1024,
    STEAD_WIRE_HEADER_MAX = 1024 * 1024,
    STEAD_WIRE_ENTRIES_MAX = 128,
    STEAD_WIRE_INPUT_BYTES_FIRST = 64 * 1024,
    STEAD_WIRE_EXIT_PROTOCOL = 65,
    STEAD_WIRE_EXIT_USAGE = 64,
    STEAD_WIRE_HELLO = 0x01,
    STEAD_WIRE_CONFIG = 0x02,
    STEAD_WIRE_READY = 0x03,
    STEAD_WIRE_CALL = 0x10,
    STEAD_WIRE_RESULT = 0x11,
    STEAD_WIRE_FAILURE = 0x12,
    STEAD_WIRE_CANCEL = 0x13,
    STEAD_WIRE_PING = 0x20,
    STEAD_WIRE_PONG = 0x21,
    STEAD_WIRE_LOG = 0x28,
    STEAD_WIRE_STOP = 0x30,
    STEAD_WIRE_OPTIONAL = 1,
    STEAD_WIRE_ACK = 2,
};

struct stead_block {
    uint8_t *at;
    size_t n, capacity;
    int failed;
};

struct stead_frame {
    uint8_t type, flags;
    uint16_t stream;
    stead_bytes header, body;
    size_t whole;
};

struct stead_event {
    stead_bytes header, data;
};

struct stead_allocation {
    struct stead_allocation *next;
    max_align_t memory[];
};

struct stead_ctx {
    const stead_plugin *plugin;
    void *self;
    uint8_t *input;
    size_t start, end, capacity;
    size_t frame_max, result_max;
    char function[160];
    /* the running call */
    const stead_event *event;
    size_t call_end; /* where frames that were read ahead begin */
    uint16_t stream;
    uint64_t deadline_ms; /* monotonic; UINT64_MAX: none */
    struct stead_block reply;
    uint8_t *reply_data;
    size_t reply_n;
    int replied;
    int cancelled;
    char failure[2048];
    uint64_t after_ms;
    struct stead_allocation *allocations;
};

/* Ends the process with status 65: the host broke the protocol, or memory is out. */
void stead_die(const char *why) __attribute__((noreturn));

stead_bytes stead_block_find(stead_bytes block, const char *wanted);
uint64_t stead_block_find_number(stead_bytes block, const char *name, uint64_t otherwise);
void stead_block_add(struct stead_block *block, const char *name, stead_bytes value);
void stead_block_add_text(struct stead_block *block, const char *name, const char *value);
void stead_block_remove(struct stead_block *block, const char *wanted);
void stead_send_frame(uint8_t type, uint16_t stream, stead_bytes header, stead_bytes body);
void stead_send_block(uint8_t type, uint16_t stream, struct stead_block *header, stead_bytes body);
int stead_parse_frame(const stead_ctx *ctx, size_t at, struct stead_frame *frame);
void stead_make_room(stead_ctx *ctx, size_t whole);
void stead_next_frame(stead_ctx *ctx, struct stead_frame *frame);
void stead_answer_failure(stead_ctx *ctx, stead_status status, uint16_t stream);
void stead_answer_result(stead_ctx *ctx);

#endif
