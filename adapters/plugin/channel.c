/* Buffers around a non-blocking socket. The input grows only to the size of a frame whose prefix was checked, and both
 * buffers shrink back to their first size once a large frame has gone through. */
#include "adapters/plugin/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER_BYTES_FIRST = 16 * 1024,
    BUFFER_BYTES_KEPT = 256 * 1024, /* a larger buffer is given back when it is empty */
    FILL_BYTES_MAX = 1024 * 1024,   /* a turn's share, for fairness among workers */
};

void channel_open(struct channel *channel, int fd, uint32_t length_max, size_t pending_bytes_max)
{
    *channel = (struct channel){ .fd = fd, .length_max = length_max, .pending_bytes_max = pending_bytes_max };
}

void channel_close(struct channel *channel)
{
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    free(channel->input);
    free(channel->output);
    *channel = (struct channel){ .fd = -1, .state = channel->state, .problem = channel->problem };
}

static void channel_break(struct channel *channel, const char *problem)
{
    if (channel->state != CHANNEL_BROKEN) {
        channel->state = CHANNEL_BROKEN;
        channel->problem = problem;
    }
}

/* Makes room for `room` bytes after *end, moving what is live to the front. */
static bool buffer_reserve(uint8_t **buffer, size_t *start, size_t *end, size_t *capacity, size_t room)
{
    size_t live = *end - *start;
    if (*capacity - *end >= room && *buffer != NULL) {
        return true;
    }
    if (*buffer != NULL && live > 0 && *start > 0) {
        memmove(*buffer, *buffer + *start, live);
    }
    *start = 0;
    *end = live;
    if (*capacity - live >= room && *buffer != NULL) {
        return true;
    }
    size_t grown_capacity = *capacity < BUFFER_BYTES_FIRST ? BUFFER_BYTES_FIRST : *capacity;
    while (grown_capacity - live < room) {
        grown_capacity *= 2;
    }
    uint8_t *grown = realloc(*buffer, grown_capacity);
    if (grown == NULL) {
        return false;
    }
    *buffer = grown;
    *capacity = grown_capacity;
    return true;
}

static void buffer_give_back(uint8_t **buffer, size_t *start, size_t *end, size_t *capacity)
{
    if (*start != *end) {
        return;
    }
    *start = 0;
    *end = 0;
    if (*capacity > BUFFER_BYTES_KEPT) {
        free(*buffer);
        *buffer = NULL;
        *capacity = 0;
    }
}

/* How many bytes the frame at the front still lacks, at least 1. */
static size_t channel_wanted(struct channel *channel)
{
    size_t have = channel->input_end - channel->input_start;
    struct frame frame;
    size_t whole = FRAME_PREFIX_BYTES;
    const char *problem = NULL;
    struct bytes input = { have > 0 ? channel->input + channel->input_start : NULL, have };
    if (frame_decode(input, channel->length_max, &frame, &whole, &problem) != FRAME_PARTIAL || whole <= have) {
        return 1;
    }
    return whole - have;
}

static bool channel_read_once(struct channel *channel, size_t *ret_got)
{
    size_t room = channel_wanted(channel);
    if (room < BUFFER_BYTES_FIRST / 2) {
        room = BUFFER_BYTES_FIRST / 2;
    }
    if (!buffer_reserve(&channel->input, &channel->input_start, &channel->input_end, &channel->input_capacity, room)) {
        channel_break(channel, "out of memory for a frame");
        return false;
    }
    size_t asked = channel->input_capacity - channel->input_end;
    ssize_t got = recv(channel->fd, channel->input + channel->input_end, asked, MSG_DONTWAIT);
    if (got > 0) {
        channel->input_end += (size_t)got;
        *ret_got = (size_t)got;
        return (size_t)got == asked; /* a short read: the socket is empty, spare the call that says so */
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        channel->state = channel->state == CHANNEL_OPEN ? CHANNEL_ENDED : channel->state;
    }
    *ret_got = 0;
    return false;
}

bool channel_fill(struct channel *channel)
{
    size_t total = 0;
    bool more = channel->fd >= 0;
    while (more && channel->state == CHANNEL_OPEN && total < FILL_BYTES_MAX) {
        size_t got = 0;
        more = channel_read_once(channel, &got);
        total += got;
    }
    return total > 0;
}

bool channel_next(struct channel *channel, struct frame *ret_frame)
{
    if (channel->state == CHANNEL_BROKEN) {
        return false;
    }
    if (channel->input_start == channel->input_end) {
        buffer_give_back(&channel->input, &channel->input_start, &channel->input_end, &channel->input_capacity);
        return false;
    }
    struct bytes input = { channel->input + channel->input_start, channel->input_end - channel->input_start };
    size_t used = 0;
    const char *problem = NULL;
    switch (frame_decode(input, channel->length_max, ret_frame, &used, &problem)) {
    case FRAME_COMPLETE:
        channel->input_start += used;
        return true;
    case FRAME_BAD:
        channel_break(channel, problem);
        return false;
    default:
        return false;
    }
}

static void channel_output(struct channel *channel, const void *at, size_t length)
{
    if (length > 0) {
        memcpy(channel->output + channel->output_end, at, length);
        channel->output_end += length;
    }
}

bool channel_put(struct channel *channel, enum frame_type type, uint16_t stream, struct bytes header_first,
                 struct bytes header_rest, struct bytes body)
{
    uint8_t prefix[FRAME_PREFIX_BYTES];
    size_t header_bytes = header_first.length + header_rest.length;
    if (!frame_prefix(prefix, type, 0, stream, header_bytes, body.length, channel->length_max)) {
        return false;
    }
    if (channel->state != CHANNEL_OPEN) {
        return true; /* nobody reads it any more; the end is being reported */
    }
    size_t whole = sizeof prefix + header_bytes + body.length;
    if (channel->output_end - channel->output_start + whole > channel->pending_bytes_max) {
        channel_break(channel, "it does not read what is sent to it");
        return true;
    }
    if (!buffer_reserve(&channel->output, &channel->output_start, &channel->output_end, &channel->output_capacity,
                        whole)) {
        channel_break(channel, "out of memory for a frame to it");
        return true;
    }
    channel_output(channel, prefix, sizeof prefix);
    channel_output(channel, header_first.at, header_first.length);
    channel_output(channel, header_rest.at, header_rest.length);
    channel_output(channel, body.at, body.length);
    return true;
}

bool channel_pending(const struct channel *channel)
{
    return channel->output_start != channel->output_end;
}

bool channel_flush(struct channel *channel)
{
    if (channel->state != CHANNEL_OPEN || !channel_pending(channel)) {
        return false;
    }
    ssize_t sent = send(channel->fd, channel->output + channel->output_start,
                        channel->output_end - channel->output_start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        channel->output_start += (size_t)sent;
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        /* EPIPE: what it wrote before is still to be read, so the reader finds the end. */
        channel->output_start = channel->output_end;
    }
    buffer_give_back(&channel->output, &channel->output_start, &channel->output_end, &channel->output_capacity);
    return channel_pending(channel);
}
