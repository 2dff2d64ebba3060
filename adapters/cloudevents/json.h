/* A strict JSON scanner (RFC 8259) that finds the ends of values instead of building a tree: event data must keep its
 * bytes, and numbers must not pass through a double. Depth is bounded by CLOUDEVENTS_DEPTH_MAX.
 *
 * `json_*` functions advance `at`; on bad input they return false, `at` stands at the offending byte and `why` says
 * what is wrong there. Pure; private to this folder. */
#ifndef STEAD_ADAPTERS_CLOUDEVENTS_JSON_H
#define STEAD_ADAPTERS_CLOUDEVENTS_JSON_H

#include "adapters/event/event.h"

struct json {
    struct bytes text;
    size_t at;
    unsigned depth;
    const char *why;
};

void json_space(struct json *json);
/* The character at `at`, or 0 at the end. */
uint8_t json_peek(const struct json *json);
bool json_take(struct json *json, uint8_t c, const char *why);
/* A string; `ret_inner` is what stands between the quotes, escapes untouched. */
bool json_string(struct json *json, struct bytes *ret_inner);
/* Any value; `ret_raw` are its bytes without white space around. */
bool json_value(struct json *json, struct bytes *ret_raw);
/* Only white space may follow. */
bool json_end(struct json *json);
/* Walks the members of an object: call json_take('{') first, then this until it returns false; `why` tells the end
 * (NULL) from bad input. The member's value is next. */
bool json_member(struct json *json, bool *first, struct bytes *ret_inner_name);
/* Appends what a string's inner text means. False for a lone surrogate (its code can't be UTF-8). */
bool json_unescape(struct bytes inner, struct event_buffer *text);

#endif
