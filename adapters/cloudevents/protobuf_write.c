/* An event as io.cloudevents.v1.CloudEvent. The message and all that hangs on it lie in one block, laid out as
 *
 *     message | Any | entry pointers | entries (entry, value, timestamp each)
 *
 * and all text and data are borrowed from the event, so encoding copies every byte once: into the wire buffer. */
#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/cloudevents/internal.h"

#include <stdlib.h>
#include <string.h>

struct entry_room {
    Io__Cloudevents__V1__CloudEvent__MapEntry entry;
    Io__Cloudevents__V1__CloudEvent__CloudEventAttributeValue value;
    Google__Protobuf__Timestamp time;
};

struct room {
    Io__Cloudevents__V1__CloudEvent message;
    Google__Protobuf__Any any;
    Io__Cloudevents__V1__CloudEvent__MapEntry *pointers[EVENT_ATTRIBUTES_MAX];
    struct entry_room entries[];
};

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.length, .data = (uint8_t *)(uintptr_t)bytes.at };
}

static ProtobufCBinaryData *field_of(Io__Cloudevents__V1__CloudEvent *message, struct bytes name)
{
    return bytes_equal_text(name, "id")            ? &message->id
           : bytes_equal_text(name, "source")      ? &message->source
           : bytes_equal_text(name, "type")        ? &message->type
           : bytes_equal_text(name, "specversion") ? &message->spec_version
                                                   : NULL;
}

#define VALUE(kind) IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_##kind

static bool is_time(struct bytes name)
{
    return bytes_equal_text(name, "time") || bytes_equal_text(name, "expirytime") ||
           bytes_equal_text(name, "recordedtime");
}

static void fill_entry(struct entry_room *room, struct attribute attribute)
{
    int64_t seconds;
    int32_t nanoseconds;
    io__cloudevents__v1__cloud_event__map_entry__init(&room->entry);
    io__cloudevents__v1__cloud_event__cloud_event_attribute_value__init(&room->value);
    room->entry.key = data_of(attribute.name);
    room->entry.value = &room->value;
    if (is_time(attribute.name) && cloudevents_time_read(attribute.value, &seconds, &nanoseconds)) {
        google__protobuf__timestamp__init(&room->time);
        room->time.seconds = seconds;
        room->time.nanos = nanoseconds;
        room->value.attr_case = VALUE(TIMESTAMP);
        room->value.ce_timestamp = &room->time;
    } else if (bytes_equal_text(attribute.name, "dataschema")) {
        room->value.attr_case = VALUE(URI);
        room->value.ce_uri = data_of(attribute.value);
    } else {
        room->value.attr_case = VALUE(STRING);
        room->value.ce_string = data_of(attribute.value);
    }
}

/* Data that came as proto_data shows in its dataschema: a type URL without a scheme. */
static bool is_proto_data(struct event event, struct bytes type, struct bytes *ret_url)
{
    return bytes_equal_text_nocase(cloudevents_media_type_essence(type), "application/protobuf") &&
           event_find(event.block, "dataschema", ret_url) && !cloudevents_uri_absolute_valid(*ret_url);
}

static void fill_data(struct room *room, struct event event)
{
    struct bytes type = { NULL, 0 }, url;
    event_find(event.block, "datacontenttype", &type);
    if (is_proto_data(event, type, &url)) {
        google__protobuf__any__init(&room->any);
        room->any.type_url = data_of(url);
        room->any.value = data_of(event.data);
        room->message.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_PROTO_DATA;
        room->message.proto_data = &room->any;
    } else if (event.data.length == 0) {
        return;
    } else if (cloudevents_is_text(type) && cloudevents_utf8_valid(event.data)) {
        room->message.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_TEXT_DATA;
        room->message.text_data = data_of(event.data);
    } else {
        room->message.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_BINARY_DATA;
        room->message.binary_data = data_of(event.data);
    }
}

static size_t count_entries(struct event event)
{
    size_t cursor = 0, count = 0;
    for (struct attribute attribute; event_next(event.block, &cursor, &attribute);) {
        count += event_is_control(attribute) ? 0 : 1;
    }
    return cursor == event.block.length && count <= EVENT_ATTRIBUTES_MAX ? count : SIZE_MAX;
}

Io__Cloudevents__V1__CloudEvent *cloudevents_to_protobuf(struct event event, ProtobufCAllocator *allocator)
{
    size_t count = count_entries(event);
    if (count == SIZE_MAX) {
        return NULL;
    }
    size_t size = sizeof(struct room) + count * sizeof(struct entry_room);
    struct room *room = allocator == NULL ? malloc(size) : allocator->alloc(allocator->allocator_data, size);
    if (room == NULL) {
        return NULL;
    }
    Io__Cloudevents__V1__CloudEvent *message = &room->message;
    io__cloudevents__v1__cloud_event__init(message);
    message->attributes = room->pointers;
    size_t cursor = 0;
    for (struct attribute attribute; event_next(event.block, &cursor, &attribute);) {
        ProtobufCBinaryData *field = field_of(message, attribute.name);
        if (field != NULL) {
            *field = data_of(attribute.value);
        } else if (!event_is_control(attribute)) {
            struct entry_room *entry = &room->entries[message->n_attributes];
            fill_entry(entry, attribute);
            room->pointers[message->n_attributes++] = &entry->entry;
        }
    }
    fill_data(room, event);
    return message;
}
