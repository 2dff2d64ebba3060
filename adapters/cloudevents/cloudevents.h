/* CloudEvents 1.0 at the edges of Stead: validation, and the forms in which events arrive and leave.
 *
 *     JSON (structured mode)       cloudevents_from_json()       cloudevents_to_json()
 *     a NATS message               cloudevents_from_message()    cloudevents_to_headers()
 *     protobuf (io.cloudevents.v1) cloudevents_from_protobuf()   cloudevents_to_protobuf()    cloudevents_protobuf.h
 *
 * Inside Stead there is one form only, the packed event of adapters/event/event.h. Every `from` function checks what it
 * reads completely (cloudevents_validate() included), so a packed event needs no second check.
 *
 * Ownership: inputs are borrowed for the call. A `from` function appends a packed event to `packed`, which the caller
 * zero-initialises and frees; on failure its contents are undefined but it can still be freed.
 * Errors: bool functions return false and fill `error`: a reason code (stable; metric label and BadRequest detail), the
 * attribute it is about ("" if none) and a text for the sender: what, where, what to do. Running out of memory is
 * reported as too_large.
 * Threads: pure functions; safe on different objects. */
#ifndef STEAD_ADAPTERS_CLOUDEVENTS_H
#define STEAD_ADAPTERS_CLOUDEVENTS_H

#include "adapters/event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, name on the wire */
#define CLOUDEVENTS_REASONS(X)                                                                                         \
    X(NONE, "none")                                                                                                    \
    X(MISSING_ATTRIBUTE, "missing_attribute")                                                                          \
    X(EMPTY_ATTRIBUTE, "empty_attribute")                                                                              \
    X(BAD_SPECVERSION, "bad_specversion")                                                                              \
    X(BAD_ATTRIBUTE_NAME, "bad_attribute_name")                                                                        \
    X(BAD_ATTRIBUTE_TYPE, "bad_attribute_type")                                                                        \
    X(BAD_CHARACTER, "bad_character")                                                                                  \
    X(BAD_SOURCE, "bad_source")                                                                                        \
    X(BAD_DATASCHEMA, "bad_dataschema")                                                                                \
    X(BAD_TIME, "bad_time")                                                                                            \
    X(BAD_MEDIA_TYPE, "bad_media_type")                                                                                \
    X(DUPLICATE_ATTRIBUTE, "duplicate_attribute")                                                                      \
    X(DATA_CONFLICT, "data_conflict")                                                                                  \
    X(BAD_BASE64, "bad_base64")                                                                                        \
    X(TOO_LARGE, "too_large")                                                                                          \
    X(TOO_MANY_ATTRIBUTES, "too_many_attributes")                                                                      \
    X(BAD_JSON, "bad_json")                                                                                            \
    X(BAD_PROTOBUF, "bad_protobuf")                                                                                    \
    X(BAD_UTF8, "bad_utf8")

enum cloudevents_reason {
#define X(code, name) CLOUDEVENTS_##code,
    CLOUDEVENTS_REASONS(X)
#undef X
        CLOUDEVENTS_REASON_COUNT
};

enum { CLOUDEVENTS_ATTRIBUTE_BYTES = 64, CLOUDEVENTS_MESSAGE_BYTES = 160 };

struct cloudevents_error {
    enum cloudevents_reason reason;
    char attribute[CLOUDEVENTS_ATTRIBUTE_BYTES]; /* printable ASCII, cut to fit */
    char message[CLOUDEVENTS_MESSAGE_BYTES];     /* printable UTF-8 */
};

/* "missing_attribute" and so on. */
const char *cloudevents_reason_name(enum cloudevents_reason reason);

struct cloudevents_limits {
    size_t event_bytes_max;  /* block and data together; 0: the default, 1 MiB less 64 KiB */
    size_t value_bytes_max;  /* of one attribute; 0: EVENT_VALUE_BYTES_MAX, which it may not exceed */
    uint32_t attributes_max; /* 0: EVENT_ATTRIBUTES_MAX */
};

enum { CLOUDEVENTS_EVENT_BYTES_DEFAULT = 1024 * 1024 - 64 * 1024, CLOUDEVENTS_DEPTH_MAX = 64 };

/* True if the event keeps the specification and the limits. Control entries (':') are skipped. */
bool cloudevents_validate(struct event event, const struct cloudevents_limits *limits, struct cloudevents_error *error);

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

/* One event in structured mode. `data` keeps its bytes as written when the content type is JSON (numbers of any size
 * survive); a JSON string under another content type is unescaped; `data_base64` is decoded. */
bool cloudevents_from_json(struct bytes text, const struct cloudevents_limits *limits, struct event_buffer *packed,
                           struct cloudevents_error *error);
/* Appends the event as JSON; control entries stay behind. Data that is not JSON becomes a string if it is UTF-8 and its
 * type is text, else data_base64. False if `json` failed (its limit or memory). */
bool cloudevents_to_json(struct event event, struct event_buffer *json);
/* Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void cloudevents_json_string(struct event_buffer *json, struct bytes text);
/* True for exactly one strict JSON value (RFC 8259, UTF-8, depth <= 64), white space around it allowed. */
bool cloudevents_json_valid(struct bytes text);

/* ---- NATS ---------------------------------------------------------------------------------------------------- */

struct cloudevents_header {
    struct bytes name;
    struct bytes value;
};

struct cloudevents_message {
    const struct cloudevents_header *headers; /* in order, repeated names visible */
    size_t header_count;
    struct bytes body;
    /* for a body that is no CloudEvent: id = request_id, source = nats:function.<language>.<function>,
     * type = stead.request.bare.v1 */
    const char *language;
    const char *function;
    const char *request_id;
};

enum cloudevents_mode { CLOUDEVENTS_STRUCTURED, CLOUDEVENTS_BINARY, CLOUDEVENTS_BARE };

/* Told apart in this order: Content-Type application/cloudevents+json: structured; any ce- header: binary; a JSON
 * object with a member "specversion": structured (senders of 1.0.2 set no header); else bare, with datacontenttype from
 * the Content-Type header, or application/json if the body is a JSON object or array, or none. Header names match
 * without case. `ret_mode` may be NULL. */
bool cloudevents_from_message(const struct cloudevents_message *message, const struct cloudevents_limits *limits,
                              struct event_buffer *packed, enum cloudevents_mode *ret_mode,
                              struct cloudevents_error *error);
/* Writes the event's attributes as `ce-<name>` headers with percent-encoded values. All texts lie in `text` (appended;
 * the caller frees it after the last use of the headers) and each is followed by a NUL, so `.at` is a C string too.
 * Returns how many were written, or SIZE_MAX if `max` was too small or memory ran out. EVENT_ATTRIBUTES_MAX suffices.
 */
size_t cloudevents_to_headers(struct event event, struct event_buffer *text, struct cloudevents_header *ret_headers,
                              size_t max);
/* The first header of that name, without case; false if there is none. */
bool cloudevents_header_find(const struct cloudevents_header *headers, size_t count, const char *name,
                             struct bytes *ret_value);
/* Appends the header form of a value (percent-encoding of the NATS binding), or reads it back. */
void cloudevents_percent_encode(struct event_buffer *text, struct bytes value);
bool cloudevents_percent_decode(struct bytes text, struct event_buffer *value); /* false: bad escape or bad UTF-8 */

/* ---- identity ------------------------------------------------------------------------------------------------ */

enum { CLOUDEVENTS_REQUEST_ID_HEX = 32, CLOUDEVENTS_REQUEST_ID_BYTES_MAX = 128, CLOUDEVENTS_DIGEST_HEX = 16 };

/* The id of a call through our doors: the first 128 bits of SHA-256(function NUL source NUL id), in lower-case hex.
 * A caller that brings a request id of its own passes it as `id` with an empty source. */
void cloudevents_request_id(struct bytes function, struct bytes source, struct bytes id,
                            char ret_hex[CLOUDEVENTS_REQUEST_ID_HEX + 1]);
/* XXH3-64 of what a function can depend on and a retry must not change: type, subject, dataschema, datacontenttype and
 * data, each with its length. Time and trace attributes may differ between two submissions of one request. */
uint64_t cloudevents_digest(struct event event);
void cloudevents_digest_text(uint64_t digest, char ret_hex[CLOUDEVENTS_DIGEST_HEX + 1]);
/* The request id that a raw publisher chose: stead-request-id, else Nats-Msg-Id if it is one token. False if neither is
 * usable; a stead-request-id that is present but no token, or there twice with different values, is reported in
 * `error`, otherwise its reason is NONE. */
bool cloudevents_request_id_of(const struct cloudevents_header *headers, size_t count, struct bytes *ret_id,
                               struct cloudevents_error *error);

/* True if the subtype is json or ends in +json; parameters are allowed. */
bool cloudevents_is_json(struct bytes media_type);
/* True for JSON, text/anything and +xml. */
bool cloudevents_is_text(struct bytes media_type);
bool cloudevents_utf8_valid(struct bytes text);

#endif
