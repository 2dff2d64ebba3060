/* Attribute blocks and frames of pipe/1. Input is one buffer: a frame is used where it lies. Output is written at once,
 * gathered from its parts. Whatever the host gets wrong ends the process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

void stead_die(const char *why)
{
    fprintf(stderr, "stead: %s\n", why);
    fflush(NULL);
    _exit(STEAD_WIRE_EXIT_PROTOCOL);
}

static int block_next(stead_bytes block, size_t *cursor, stead_bytes *name, stead_bytes *value)
{
    const uint8_t *at = (const uint8_t *)block.p;
    size_t i = *cursor;
    if (i >= block.n || at[i] == 0 || block.n - i < (size_t)at[i] + 3) {
        return 0;
    }
    size_t name_n = at[i];
    size_t value_n = (size_t)at[i + 1 + name_n] | (size_t)at[i + 2 + name_n] << 8;
    if (block.n - i - 3 - name_n < value_n) {
        return 0;
    }
    *name = (stead_bytes){ at + i + 1, name_n };
    *value = (stead_bytes){ at + i + 3 + name_n, value_n };
    *cursor = i + 3 + name_n + value_n;
    return 1;
}

stead_bytes stead_block_find(stead_bytes block, const char *wanted)
{
    size_t cursor = 0, wanted_n = strlen(wanted);
    stead_bytes name, value;
    while (block_next(block, &cursor, &name, &value)) {
        if (name.n == wanted_n && memcmp(name.p, wanted, wanted_n) == 0) {
            return value;
        }
    }
    return (stead_bytes){ NULL, 0 };
}

uint64_t stead_block_find_number(stead_bytes block, const char *name, uint64_t otherwise)
{
    stead_bytes text = stead_block_find(block, name);
    uint64_t value = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint64_t digit = (uint64_t)((const uint8_t *)text.p)[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return otherwise;
        }
        value = value * 10 + digit;
    }
    return text.n > 0 ? value : otherwise;
}

static int block_valid(stead_bytes block)
{
    size_t cursor = 0, entries = 0;
    stead_bytes name, value;
    while (block_next(block, &cursor, &name, &value)) {
        entries++;
    }
    return cursor == block.n && entries <= STEAD_WIRE_ENTRIES_MAX;
}

void stead_block_add(struct stead_block *block, const char *name, stead_bytes value)
{
    size_t name_n = strlen(name), more = 3 + name_n + value.n;
    if (name_n == 0 || name_n > 255 || value.n > 65535) {
        block->failed = 1;
        return;
    }
    if (block->capacity - block->n < more) {
        size_t capacity = block->capacity * 2 + more + 512;
        uint8_t *grown = (uint8_t *)realloc(block->at, capacity);
        if (grown == NULL) {
            block->failed = 1;
            return;
        }
        block->at = grown;
        block->capacity = capacity;
    }
    uint8_t *at = block->at + block->n;
    at[0] = (uint8_t)name_n;
    memcpy(at + 1, name, name_n);
    at[1 + name_n] = (uint8_t)value.n;
    at[2 + name_n] = (uint8_t)(value.n >> 8);
    if (value.n > 0) {
        memcpy(at + 3 + name_n, value.p, value.n);
    }
    block->n += more;
}

void stead_block_add_text(struct stead_block *block, const char *name, const char *value)
{
    stead_block_add(block, name, (stead_bytes){ value, strlen(value) });
}

void stead_block_remove(struct stead_block *block, const char *wanted)
{
    size_t cursor = 0, at = 0, wanted_n = strlen(wanted);
    stead_bytes name, value;
    while (block_next((stead_bytes){ block->at, block->n }, &cursor, &name, &value)) {
        if (name.n == wanted_n && memcmp(name.p, wanted, wanted_n) == 0) {
            memmove(block->at + at, block->at + cursor, block->n - cursor);
            block->n -= cursor - at;
            cursor = at;
        }
        at = cursor;
    }
}

static void write_all(struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t sent = writev(STEAD_WIRE_CHANNEL_FD, parts, count);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            _exit(0); /* the host is gone, and with it everyone who waits */
        }
        size_t left = (size_t)sent;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
}

void stead_send_frame(uint8_t type, uint16_t stream, stead_bytes header, stead_bytes body)
{
    uint8_t prefix[STEAD_WIRE_PREFIX_BYTES];
    write_u32(prefix, 8 + header.n + body.n);
    prefix[4] = type;
    prefix[5] = 0;
    prefix[6] = (uint8_t)stream;
    prefix[7] = (uint8_t)(stream >> 8);
    write_u32(prefix + 8, header.n);
    struct iovec parts[3] = { { prefix, sizeof prefix }, { (void *)header.p, header.n }, { (void *)body.p, body.n } };
    write_all(parts, 3);
}

void stead_send_block(uint8_t type, uint16_t stream, struct stead_block *header, stead_bytes body)
{
    if (header->failed) {
        stead_die("out of memory for a frame");
    }
    stead_send_frame(type, stream, (stead_bytes){ header->at, header->n }, body);
    free(header->at);
}

/* Looks at the frame at `at`; gives 0 if it is not complete yet, and how many bytes are wanted in frame->whole. */
int stead_parse_frame(const stead_ctx *ctx, size_t at, struct stead_frame *frame)
{
    const uint8_t *p = ctx->input + at;
    size_t have = ctx->end - at;
    frame->whole = STEAD_WIRE_PREFIX_BYTES;
    if (have < STEAD_WIRE_PREFIX_BYTES) {
        return 0;
    }
    size_t length = read_u32(p), header_n = read_u32(p + 8);
    if (length < 8 || length > ctx->frame_max || header_n > length - 8 || header_n > STEAD_WIRE_HEADER_MAX ||
        (p[5] & ~(STEAD_WIRE_OPTIONAL | STEAD_WIRE_ACK)) != 0) {
        stead_die("the host sent a frame with wrong lengths or flags");
    }
    frame->whole = length + 4;
    if (have < frame->whole) {
        return 0;
    }
    frame->type = p[4];
    frame->flags = p[5];
    frame->stream = (uint16_t)(p[6] | p[7] << 8);
    frame->header = (stead_bytes){ p + STEAD_WIRE_PREFIX_BYTES, header_n };
    frame->body = (stead_bytes){ p + STEAD_WIRE_PREFIX_BYTES + header_n, length - 8 - header_n };
    if (!block_valid(frame->header)) {
        stead_die("the host sent a malformed header");
    }
    return 1;
}

void stead_make_room(stead_ctx *ctx, size_t whole)
{
    if (ctx->start > 0) {
        memmove(ctx->input, ctx->input + ctx->start, ctx->end - ctx->start);
        ctx->end -= ctx->start;
        ctx->start = 0;
    }
    size_t wanted = whole > STEAD_WIRE_INPUT_BYTES_FIRST ? whole : STEAD_WIRE_INPUT_BYTES_FIRST;
    if (ctx->capacity < wanted || (ctx->end == 0 && ctx->capacity > wanted)) {
        uint8_t *grown = (uint8_t *)realloc(ctx->input, wanted);
        if (grown == NULL) {
            stead_die("out of memory for a frame from the host");
        }
        ctx->input = grown;
        ctx->capacity = wanted;
    }
}

/* Blocks for the next frame. It stays valid until the next call of this function. */
void stead_next_frame(stead_ctx *ctx, struct stead_frame *frame)
{
    while (!stead_parse_frame(ctx, ctx->start, frame)) {
        if (ctx->capacity - ctx->start < frame->whole || ctx->start == ctx->end) {
            stead_make_room(ctx, frame->whole);
        }
        ssize_t got = read(STEAD_WIRE_CHANNEL_FD, ctx->input + ctx->end, ctx->capacity - ctx->end);
        if (got > 0) {
            ctx->end += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            fflush(NULL);
            _exit(0); /* the host is gone */
        }
    }
    ctx->start += frame->whole;
}
