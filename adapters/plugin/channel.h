/* A worker's channel as bytes: a bounded input buffer that frames are read from and a bounded output buffer that is
 * written once a turn. Knows frames, not what they mean. Private to this folder. Loop thread only. */
#ifndef STEAD_ADAPTERS_PLUGIN_CHANNEL_H
#define STEAD_ADAPTERS_PLUGIN_CHANNEL_H

#include "adapters/plugin/frame.h"

enum channel_state {
    CHANNEL_OPEN,
    CHANNEL_ENDED,  /* the other side closed it */
    CHANNEL_BROKEN, /* bad bytes, or a limit; `problem` says which */
};

/* Zero-initialise with fd = -1; channel_close() at the end. */
struct channel {
    int fd;
    enum channel_state state;
    const char *problem;
    uint32_t length_max;      /* of a frame's length field, both ways */
    size_t pending_bytes_max; /* of output that waits */
    uint8_t *input;
    size_t input_start, input_end, input_capacity;
    uint8_t *output;
    size_t output_start, output_end, output_capacity;
};

void channel_open(struct channel *channel, int fd, uint32_t length_max, size_t pending_bytes_max);
void channel_close(struct channel *channel);

/* Reads what is there, at most about 1 MiB. False if there was nothing to read. */
bool channel_fill(struct channel *channel);
/* Takes the next whole frame; valid until the next channel_fill(). False if none is complete, or the channel broke. */
bool channel_next(struct channel *channel, struct frame *ret_frame);

/* Appends a CALL-like frame whose header is in two parts. False if it exceeds a frame; the channel breaks if too much
 * waits already. */
bool channel_put(struct channel *channel, enum frame_type type, uint16_t stream, struct bytes header_first,
                 struct bytes header_rest, struct bytes body);
/* Writes what waits; true if some is left because the other side does not read. */
bool channel_flush(struct channel *channel);
bool channel_pending(const struct channel *channel);

#endif
