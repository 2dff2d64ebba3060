/* Line splitting without copying more than once: a line that is whole in the input is passed on from there, only a
 * line that spans reads is collected. */
#include "adapters/plugin/lines.h"

#include <stdlib.h>
#include <string.h>

bool lines_create(struct lines *lines, size_t line_bytes_max)
{
    *lines = (struct lines){ .text = malloc(line_bytes_max), .capacity = line_bytes_max };
    return lines->text != NULL;
}

void lines_free(struct lines *lines)
{
    free(lines->text);
    *lines = (struct lines){ 0 };
}

static struct bytes line_trim(const char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '\r') {
        length--;
    }
    return (struct bytes){ (const uint8_t *)text, length };
}

/* Collects a piece; passes the line on at once when it is full. */
static void lines_collect(struct lines *lines, const char *piece, size_t length,
                          void (*on_line)(void *owner, struct bytes line), void *owner)
{
    if (lines->cutting) {
        return;
    }
    size_t room = lines->capacity - lines->length;
    size_t taken = length < room ? length : room;
    memcpy(lines->text + lines->length, piece, taken);
    lines->length += taken;
    if (taken < length) {
        on_line(owner, line_trim(lines->text, lines->length));
        lines->length = 0;
        lines->cutting = true;
    }
}

void lines_feed(struct lines *lines, struct bytes bytes, void (*on_line)(void *owner, struct bytes line), void *owner)
{
    const char *at = (const char *)bytes.at;
    const char *end = at + bytes.length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);
        bool whole = newline != NULL && lines->length == 0 && !lines->cutting && length <= lines->capacity;
        if (whole) {
            on_line(owner, line_trim(at, length));
        } else {
            lines_collect(lines, at, length, on_line, owner);
            if (newline != NULL) {
                if (!lines->cutting) {
                    on_line(owner, line_trim(lines->text, lines->length));
                }
                lines->length = 0;
                lines->cutting = false;
            }
        }
        at += length + (newline != NULL);
    }
}

void lines_end(struct lines *lines, void (*on_line)(void *owner, struct bytes line), void *owner)
{
    if (lines->length > 0 && !lines->cutting) {
        on_line(owner, line_trim(lines->text, lines->length));
    }
    lines->length = 0;
    lines->cutting = false;
}

bool line_budget_take(struct line_budget *budget, uint64_t now_ns, uint32_t per_s)
{
    const uint64_t line = 1000000000u;
    uint64_t full = 2u * line * per_s;
    uint64_t elapsed_ns = budget->last_ns == 0 ? UINT64_MAX : now_ns - budget->last_ns;
    budget->last_ns = now_ns;
    if (elapsed_ns >= 2u * line) { /* refills completely; also keeps the product in range */
        budget->tokens = full;
    } else {
        budget->tokens += elapsed_ns * per_s;
    }
    if (budget->tokens > full) {
        budget->tokens = full;
    }
    if (budget->tokens < line) {
        budget->dropped++;
        return false;
    }
    budget->tokens -= line;
    return true;
}

void tail_feed(struct tail *tail, struct bytes bytes)
{
    if (bytes.length >= sizeof tail->bytes) {
        memcpy(tail->bytes, bytes.at + bytes.length - sizeof tail->bytes, sizeof tail->bytes);
        tail->length = sizeof tail->bytes;
        return;
    }
    if (bytes.length > sizeof tail->bytes - tail->length) {
        size_t kept = sizeof tail->bytes - bytes.length;
        memmove(tail->bytes, tail->bytes + tail->length - kept, kept);
        tail->length = kept;
    }
    if (bytes.length > 0) {
        memcpy(tail->bytes + tail->length, bytes.at, bytes.length);
        tail->length += bytes.length;
    }
}
