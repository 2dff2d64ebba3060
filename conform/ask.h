/* Operations as requests in the broker's own words, and its answers in the words of scripts. Private to conform/. */
#ifndef STEAD_CONFORM_ASK_H
#define STEAD_CONFORM_ASK_H

#include "conform/script.h"
#include "conform/trace.h"
#include "conform/wire.h"

enum { ASK_BODY_MAX = 2048 };

struct ask {
    char subject[WIRE_SUBJECT_MAX], headers[400], body[ASK_BODY_MAX];
    size_t body_size;
    bool headed;
};

/* False if that line asks nothing of this kind (acks and pulls are the player's). */
bool ask_make(const struct script_line *line, const char *prefix, uint32_t replicas, struct ask *ret_ask);
void ask_pull(const struct script_line *line, const char *prefix, struct ask *ret_ask);
/* What follows the token: "+ACK", `-NAK {"delay":...}`. */
void ask_verdict(const struct script_line *line, struct ask *ret_ask);
/* The subject of advisories about the consumers of a stream. */
void ask_advisories(const char *prefix, const char *stream, char ret_subject[WIRE_SUBJECT_MAX]);
struct answer answer_of(const struct script_line *line, const struct wire_message *message);
/* The leader that an INFO names: "" if none. */
void leader_of(const struct wire_message *message, char ret_name[TRACE_NAME_MAX]);
/* Reads "$JS.ACK. ... " of a delivery. */
bool delivery_read(const char *reply, uint64_t *ret_sequence, uint32_t *ret_delivered);

#endif
