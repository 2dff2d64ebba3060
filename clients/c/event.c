/* An event is a table of attributes in their string form, which is the only form that Stead keeps, and a copy of the
 * data. It is packed (adapters/event) when it is sent, and unpacked from a reply. */
#include "clients/c/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

#include "adapters/cloudevents/cloudevents.h"

enum { NAME_BYTES_MAX = 64, ID_BYTES = 16, TIME_BYTES = 64, NUMBER_BYTES = 16 };

struct entry {
    char *name;
    char *value;
};

struct stead_client_event {
    struct entry entries[EVENT_ATTRIBUTES_MAX];
    size_t count;
    uint8_t *data;
    size_t size;
};

static struct entry *entry_find(const stead_client_event *event, const char *name)
{
    for (size_t i = 0; i < event->count; i++)
        if (strcmp(event->entries[i].name, name) == 0)
            return (struct entry *)&event->entries[i];
    return NULL;
}

static void entry_remove(stead_client_event *event, struct entry *entry)
{
    free(entry->name);
    free(entry->value);
    *entry = event->entries[--event->count];
}

static bool entry_add(stead_client_event *event, struct bytes name, struct bytes value)
{
    struct entry entry = { strndup((const char *)name.at, name.length), strndup((const char *)value.at, value.length) };
    if (!entry.name || !entry.value || event->count == EVENT_ATTRIBUTES_MAX) {
        free(entry.name);
        free(entry.value);
        return false;
    }
    event->entries[event->count++] = entry;
    return true;
}

static bool name_valid(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= NAME_BYTES_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length &&
           strcmp(name, "specversion") != 0 && strcmp(name, "data") != 0;
}

static bool name_required(const char *name)
{
    return strcmp(name, "id") == 0 || strcmp(name, "source") == 0 || strcmp(name, "type") == 0;
}

bool stead_client_event_set(stead_client_event *event, const char *name, const char *value)
{
    if (!name_valid(name))
        return false;
    struct entry *entry = entry_find(event, name);
    if (!value || value[0] == '\0') {
        if (entry && !name_required(name))
            entry_remove(event, entry);
        return !name_required(name);
    }
    if (!entry)
        return entry_add(event, bytes_of(name), bytes_of(value));
    char *copy = strdup(value);
    if (!copy)
        return false;
    free(entry->value);
    entry->value = copy;
    return true;
}

bool stead_client_event_set_integer(stead_client_event *event, const char *name, int32_t value)
{
    char text[NUMBER_BYTES];
    snprintf(text, sizeof text, "%" PRId32, value);
    return stead_client_event_set(event, name, text);
}

bool stead_client_event_set_boolean(stead_client_event *event, const char *name, bool value)
{
    return stead_client_event_set(event, name, value ? "true" : "false");
}

bool stead_client_event_set_bytes(stead_client_event *event, const char *name, const void *data, size_t size)
{
    if (size > EVENT_VALUE_BYTES_MAX)
        return false;
    char text[4 * (EVENT_VALUE_BYTES_MAX / 3 + 1) + 1] = "";
    EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    return stead_client_event_set(event, name, text);
}

bool stead_client_event_set_time(stead_client_event *event, const char *name, struct timespec since_1970)
{
    struct tm parts;
    char text[TIME_BYTES];
    if (since_1970.tv_nsec < 0 || since_1970.tv_nsec > 999999999 || !gmtime_r(&since_1970.tv_sec, &parts))
        return false;
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, sizeof text - length, ".%09ldZ", since_1970.tv_nsec);
    return stead_client_event_set(event, name, text);
}

static bool data_copy(stead_client_event *event, const void *data, size_t size)
{
    event->data = malloc(size + 1);
    if (!event->data)
        return false;
    if (size > 0)
        memcpy(event->data, data, size);
    event->size = size;
    return true;
}

static bool id_random(char ret_text[2 * ID_BYTES + 1])
{
    uint8_t random[ID_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", random[i]);
    return true;
}

stead_client_event *stead_client_event_new(const char *type, const char *content_type, const void *data, size_t size)
{
    char id[2 * ID_BYTES + 1];
    stead_client_event *event = calloc(1, sizeof *event);
    if (!content_type && size > 0)
        content_type = "application/octet-stream";
    if (!event || !id_random(id) || !data_copy(event, data, size) || !stead_client_event_set(event, "id", id) ||
        !stead_client_event_set(event, "source", "stead:client") ||
        !stead_client_event_set(event, "type", type ? type : "stead.request.v1") ||
        !stead_client_event_set(event, "datacontenttype", content_type)) {
        stead_client_event_free(event);
        return NULL;
    }
    return event;
}

void stead_client_event_free(stead_client_event *event)
{
    if (!event)
        return;
    while (event->count > 0)
        entry_remove(event, &event->entries[event->count - 1]);
    free(event->data);
    free(event);
}

const char *stead_client_event_get(const stead_client_event *event, const char *name)
{
    const struct entry *entry = entry_find(event, name);
    return entry ? entry->value : NULL;
}

const void *stead_client_event_data(const stead_client_event *event, size_t *ret_size)
{
    *ret_size = event->size;
    return event->size > 0 ? event->data : NULL;
}

bool client_event_pack(const stead_client_event *event, struct event_buffer *packed)
{
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&block, "specversion", "1.0");
    for (size_t i = 0; i < event->count; i++)
        event_buffer_attribute_text(&block, event->entries[i].name, event->entries[i].value);
    if (!block.failed)
        event_pack(packed, (struct event){ { block.at, block.length }, { event->data, event->size } });
    bool fine = !block.failed && !packed->failed;
    event_buffer_free(&block);
    return fine;
}

stead_client_event *client_event_unpack(struct bytes packed)
{
    struct event view;
    size_t cursor = 0;
    struct attribute attribute;
    if (packed.length == 0 || !event_unpack(packed, &view))
        return NULL;
    stead_client_event *event = calloc(1, sizeof *event);
    bool fine = event && data_copy(event, view.data.at, view.data.length);
    while (fine && event_next(view.block, &cursor, &attribute))
        if (!event_is_control(attribute) && !bytes_equal_text(attribute.name, "specversion"))
            fine = entry_add(event, attribute.name, attribute.value);
    if (fine)
        return event;
    stead_client_event_free(event);
    return NULL;
}

stead_client_event *stead_client_event_from_json(const char *json, size_t size, char *ret_why, size_t why_size)
{
    struct event_buffer packed = { 0 };
    struct cloudevents_error error = { 0 };
    struct cloudevents_limits limits = { .event_bytes_max = SIZE_MAX / 2 };
    stead_client_event *event = NULL;
    if (cloudevents_from_json((struct bytes){ (const uint8_t *)json, size }, &limits, &packed, &error))
        event = client_event_unpack((struct bytes){ packed.at, packed.length });
    if (!event && ret_why && why_size > 0)
        snprintf(ret_why, why_size, "%s", error.message[0] ? error.message : "out of memory");
    event_buffer_free(&packed);
    return event;
}

char *stead_client_event_to_json(const stead_client_event *event)
{
    struct event_buffer packed = { 0 }, json = { 0 };
    struct event view;
    bool fine = client_event_pack(event, &packed) && event_unpack((struct bytes){ packed.at, packed.length }, &view) &&
                cloudevents_to_json(view, &json);
    event_buffer_append(&json, "", 1);
    event_buffer_free(&packed);
    if (fine && !json.failed)
        return (char *)json.at;
    event_buffer_free(&json);
    return NULL;
}
