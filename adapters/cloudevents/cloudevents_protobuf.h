/* CloudEvents in their protobuf form (io.cloudevents.v1), to and from packed events. Apart from cloudevents.h, so that
 * only users of this header need protobuf-c; link with stead_cloudevents_protobuf.
 *
 * Attribute types of protobuf become canonical strings on the way in. On the way out `time`, `expirytime` and
 * `recordedtime` are timestamps, `dataschema` is a URI, `source` is a field, and everything else is a string.
 * Data: JSON, text and XML types that are valid UTF-8 travel as text_data; a protobuf message with its type URL as
 * proto_data (inside: datacontenttype application/protobuf, dataschema = the type URL); all else as binary_data. */
#ifndef STEAD_ADAPTERS_CLOUDEVENTS_PROTOBUF_H
#define STEAD_ADAPTERS_CLOUDEVENTS_PROTOBUF_H

#include "adapters/cloudevents/cloudevents.h"
#include "proto/cloudevents.pb-c.h"

/* Appends the packed event to `packed` after a full check; see cloudevents.h for ownership and errors. */
bool cloudevents_from_protobuf(const Io__Cloudevents__V1__CloudEvent *message, const struct cloudevents_limits *limits,
                               struct event_buffer *packed, struct cloudevents_error *error);

/* A message that borrows all its text and data from `event`, which must outlive it. It is ONE block from `allocator`
 * (NULL: malloc): give the pointer back to the same allocator's free, never to protobuf_c_message_free_unpacked().
 * NULL if the allocator has no room or the event is malformed. */
Io__Cloudevents__V1__CloudEvent *cloudevents_to_protobuf(struct event event, ProtobufCAllocator *allocator);

#endif
