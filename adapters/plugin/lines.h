/* A worker's stdout or stderr: bytes become lines, cut at a length; and a token bucket that bounds how many lines a
 * second are passed on. Pure of I/O: the caller reads. Private to this folder. */
#ifndef STEAD_ADAPTERS_PLUGIN_LINES_H
#define STEAD_ADAPTERS_PLUGIN_LINES_H

#include "adapters/event/event.h"

/* Zero-initialise, then lines_create(); lines_free() at the end. */
struct lines {
    char *text;
    size_t length, capacity;
    bool cutting; /* the line was passed on cut; the rest up to its end is dropped */
};

bool lines_create(struct lines *lines, size_t line_bytes_max);
void lines_free(struct lines *lines);
/* Feeds bytes; calls `on_line` for each line without its end. */
void lines_feed(struct lines *lines, struct bytes bytes, void (*on_line)(void *owner, struct bytes line), void *owner);
/* Passes on a last line that has no end. */
void lines_end(struct lines *lines, void (*on_line)(void *owner, struct bytes line), void *owner);

/* At most `per_s` a second on average and 2 × per_s at once. */
struct line_budget {
    uint64_t tokens; /* in billionths of a line */
    uint64_t last_ns;
    uint64_t dropped; /* since the last line that passed */
};

/* True if one more line may pass now; else counts it as dropped. */
bool line_budget_take(struct line_budget *budget, uint64_t now_ns, uint32_t per_s);

/* The last bytes of a stream. */
struct tail {
    char bytes[4096];
    size_t length;
};

void tail_feed(struct tail *tail, struct bytes bytes);

#endif
