/* What the files of this folder share: failing with a text, building a packed event, walking text. */
#ifndef STEAD_ADAPTERS_CLOUDEVENTS_INTERNAL_H
#define STEAD_ADAPTERS_CLOUDEVENTS_INTERNAL_H

#include "adapters/cloudevents/cloudevents.h"

enum { CLOUDEVENTS_NAME_BYTES_MAX = 64 };

/* Limits with every 0 replaced by its default and every value capped by what the event form can hold. */
struct cloudevents_limits cloudevents_limits_of(const struct cloudevents_limits *limits);

/* Fills `error` and returns false. `attribute` is cleaned of what is not printable ASCII. */
bool cloudevents_fail(struct cloudevents_error *error, enum cloudevents_reason reason, struct bytes attribute,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Builds one packed event: open, attributes, close with the data. */
struct packer {
    struct event_buffer *buffer;
    struct cloudevents_limits limits;
    struct cloudevents_error *error;
    size_t start;
    uint32_t attributes;
};

struct packer packer_open(struct event_buffer *buffer, const struct cloudevents_limits *limits,
                          struct cloudevents_error *error);
/* False, with the error filled, if the name, the value or the number of attributes is over its limit. */
bool packer_attribute(struct packer *packer, struct bytes name, struct bytes value);
/* True if an attribute of that name was packed already; its value. */
bool packer_find(const struct packer *packer, const char *name, struct bytes *ret_value);
/* Appends the data, patches the length and validates the whole. */
bool packer_close(struct packer *packer, struct bytes data);

/* One code point from well-formed UTF-8: its length, or 0 if the bytes are not. `left` > 0. */
size_t cloudevents_utf8_next(const uint8_t *at, size_t left, uint32_t *ret_code);
bool cloudevents_media_type_valid(struct bytes text);
/* The part before any parameter, without spaces around it. */
struct bytes cloudevents_media_type_essence(struct bytes text);
struct bytes cloudevents_trim(struct bytes text); /* spaces and tabs */
bool cloudevents_time_valid(struct bytes text);   /* RFC 3339 */
/* Seconds since 1970 and the nanoseconds of a valid time; false if it is invalid. */
bool cloudevents_time_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanoseconds);
bool cloudevents_uri_reference_valid(struct bytes text);
bool cloudevents_uri_absolute_valid(struct bytes text); /* with a scheme */
/* Standard alphabet with padding, nothing else. */
bool cloudevents_base64_decode(struct bytes text, struct event_buffer *data);
void cloudevents_base64_encode(struct event_buffer *text, struct bytes data);

#endif
