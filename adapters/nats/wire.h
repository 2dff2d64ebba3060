/* The texts of JetStream, read and written: ack subjects, acknowledgements, times, base64, header blocks.
 *
 * Pure functions on borrowed bytes, thread-safe; input comes from the network and is never trusted. Facts: ADR-15 for
 * the ack subject, ADR-4 for headers. */
#ifndef STEAD_ADAPTERS_NATS_WIRE_H
#define STEAD_ADAPTERS_NATS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/event/event.h"
#include "adapters/nats/bus.h"

/* What the reply subject of a delivered message says. */
struct wire_ack {
    struct bytes stream;
    struct bytes consumer;
    uint64_t delivered;
    uint64_t stream_sequence;
    uint64_t consumer_sequence;
    int64_t stored_wall_ns;
    uint64_t pending;
};

/* Both forms: 9 tokens, and at least 11 with domain and account hash after "$JS.ACK". False if it is neither. */
bool wire_ack_parse(struct bytes subject, struct wire_ack *ret_ack);

/* A PubAck without an error, by a scan instead of a parse (it comes once per request). False: parse it as JSON. */
bool wire_puback_parse(struct bytes body, uint64_t *ret_sequence, bool *ret_duplicate);

/* "2026-01-31T12:00:00.123456789Z" (any number of decimals, or an offset) as ns since 1970; false if it is not. */
bool wire_time_parse(struct bytes text, int64_t *ret_wall_ns);

/* Standard base64, with padding. Returns the number of bytes written, or -1 if malformed or over `capacity`. */
int64_t wire_base64_decode(struct bytes text, uint8_t *ret_bytes, size_t capacity);
/* The alphabet for URLs, with padding; writes a NUL. `capacity` must hold (length + 2) / 3 * 4 + 1. */
bool wire_base64url_encode(struct bytes bytes, char *ret_text, size_t capacity);
bool wire_base64url_decode(struct bytes text, char *ret_text, size_t capacity); /* refuses NULs inside; writes a NUL */

/* "NATS/1.0 …" and its lines as views into `block`, values without blanks around them. At most `capacity` headers;
 * *ret_cut if there were more. Also reads a block that nats.c 3.4.1 has been through, which puts NULs in place of
 * colons and line ends. False if the first line is not that, or a line is no header. */
bool wire_headers_parse(struct bytes block, struct bus_header *headers, size_t capacity, size_t *ret_count,
                        bool *ret_cut);
/* The status in its first line, "NATS/1.0 408 Request Timeout". False if there is none. */
bool wire_status_parse(struct bytes block, uint32_t *ret_code, struct bytes *ret_description);

/* A decimal number that is the whole text and fits; false otherwise. */
bool wire_number_parse(struct bytes text, uint64_t *ret_number);

/* Printable ASCII without spaces, no empty tokens, at most BUS_SUBJECT_BYTES_MAX. Wildcards only if allowed. */
bool wire_subject_valid(struct bytes subject, bool wildcards);
/* One token that may name a stream or a consumer: printable ASCII without . * > / \ and space, at most 255 bytes. */
bool wire_name_valid(struct bytes name);
/* Name: printable ASCII without colon and space; value: no control characters but tab. */
bool wire_header_valid(struct bytes name, struct bytes value);

/* Writes `text` inside JSON quotes, escaped. False if it does not fit or holds a control character. */
bool wire_json_quote(struct bytes text, char *ret_text, size_t capacity);

#endif
