/* The protobuf format: what comes off the wire becomes a packed event and goes back as the same message. */
#include "adapters/cloudevents/cloudevents_protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VALUE(kind) IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_##kind
#define DATA(kind)  IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_##kind

typedef Io__Cloudevents__V1__CloudEvent message_t;

static ProtobufCBinaryData text_of(const char *text)
{
    return (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

/* A message with one entry in its map. */
struct fixture {
    message_t message;
    Io__Cloudevents__V1__CloudEvent__MapEntry entry;
    Io__Cloudevents__V1__CloudEvent__MapEntry *entries[1];
    Io__Cloudevents__V1__CloudEvent__CloudEventAttributeValue value;
};

static message_t *fixture_open(struct fixture *fixture, const char *name)
{
    io__cloudevents__v1__cloud_event__init(&fixture->message);
    io__cloudevents__v1__cloud_event__map_entry__init(&fixture->entry);
    io__cloudevents__v1__cloud_event__cloud_event_attribute_value__init(&fixture->value);
    fixture->message.id = text_of("1");
    fixture->message.source = text_of("/s");
    fixture->message.spec_version = text_of("1.0");
    fixture->message.type = text_of("t");
    fixture->entry.key = text_of(name);
    fixture->entry.value = &fixture->value;
    fixture->value.attr_case = VALUE(STRING);
    fixture->value.ce_string = text_of("x");
    fixture->entries[0] = &fixture->entry;
    fixture->message.attributes = fixture->entries;
    fixture->message.n_attributes = 1;
    return &fixture->message;
}

static void assert_reads_as(const message_t *message, const char *name, const char *want)
{
    struct event_buffer packed = { 0 };
    struct cloudevents_error error;
    struct event event;
    struct bytes value;
    if (!cloudevents_from_protobuf(message, NULL, &packed, &error)) {
        fail_msg("%s: %s", name, error.message);
    }
    assert_true(event_unpack((struct bytes){ packed.at, packed.length }, &event));
    assert_true(event_find(event.block, name, &value));
    assert_true(bytes_equal_text(value, want));
    event_buffer_free(&packed);
}

static void gives_types_their_canonical_form(void **state)
{
    struct fixture f;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    fixture_open(&f, "e");
    assert_reads_as(&f.message, "e", "x");
    f.value.attr_case = VALUE(BOOLEAN);
    f.value.ce_boolean = 1;
    assert_reads_as(&f.message, "e", "true");
    f.value.attr_case = VALUE(INTEGER);
    f.value.ce_integer = INT32_MIN;
    assert_reads_as(&f.message, "e", "-2147483648");
    f.value.attr_case = VALUE(BYTES);
    f.value.ce_bytes = text_of("hi");
    assert_reads_as(&f.message, "e", "aGk=");
    f.value.attr_case = VALUE(TIMESTAMP);
    f.value.ce_timestamp = &time;
    time.seconds = 1709251199;
    assert_reads_as(&f.message, "e", "2024-02-29T23:59:59Z");
    time.nanos = 120000000;
    assert_reads_as(&f.message, "e", "2024-02-29T23:59:59.120Z");
    time.seconds = -1;
    time.nanos = 1;
    assert_reads_as(&f.message, "e", "1969-12-31T23:59:59.000000001Z");
}

static void assert_refused(const message_t *message, enum cloudevents_reason reason)
{
    struct event_buffer packed = { 0 };
    struct cloudevents_error error;
    assert_false(cloudevents_from_protobuf(message, NULL, &packed, &error));
    assert_string_equal(cloudevents_reason_name(error.reason), cloudevents_reason_name(reason));
    event_buffer_free(&packed);
}

static void refuses_bad_messages(void **state)
{
    struct fixture f;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    fixture_open(&f, "e")->id = text_of("");
    assert_refused(&f.message, CLOUDEVENTS_MISSING_ATTRIBUTE);
    fixture_open(&f, "e")->spec_version = text_of("0.3");
    assert_refused(&f.message, CLOUDEVENTS_BAD_SPECVERSION);
    fixture_open(&f, "e")->id = (ProtobufCBinaryData){ 3, (uint8_t[]){ 'a', 0, 'b' } };
    assert_refused(&f.message, CLOUDEVENTS_BAD_CHARACTER);
    fixture_open(&f, "e")->type = text_of("\xff");
    assert_refused(&f.message, CLOUDEVENTS_BAD_UTF8);
    assert_refused(fixture_open(&f, "id"), CLOUDEVENTS_DUPLICATE_ATTRIBUTE);
    assert_refused(fixture_open(&f, ":reply-to"), CLOUDEVENTS_BAD_ATTRIBUTE_NAME);
    assert_refused(fixture_open(&f, ""), CLOUDEVENTS_BAD_ATTRIBUTE_NAME);
    fixture_open(&f, "e");
    f.value.attr_case = 0;
    assert_refused(&f.message, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE);
    f.entry.value = NULL;
    assert_refused(&f.message, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE);
    fixture_open(&f, "e");
    f.value.attr_case = VALUE(TIMESTAMP);
    f.value.ce_timestamp = &time;
    time.nanos = 1000000000;
    assert_refused(&f.message, CLOUDEVENTS_BAD_TIME);
    fixture_open(&f, "e")->data_case = DATA(TEXT_DATA);
    f.message.text_data = text_of("\xff");
    assert_refused(&f.message, CLOUDEVENTS_BAD_UTF8);
    fixture_open(&f, "e")->data_case = DATA(PROTO_DATA);
    f.message.proto_data = &any;
    assert_refused(&f.message, CLOUDEVENTS_BAD_PROTOBUF);
    fixture_open(&f, "dataschema")->data_case = DATA(PROTO_DATA);
    any.type_url = text_of("type.googleapis.com/a.B");
    f.message.proto_data = &any;
    f.value.ce_string = text_of("https://other");
    assert_refused(&f.message, CLOUDEVENTS_DATA_CONFLICT);
}

/* Encodes, decodes and reads `event` again: the packed form must not change. */
static void assert_round_trip(struct event event, int data_case)
{
    struct event_buffer again = { 0 }, before = { 0 };
    struct cloudevents_error error;
    uint8_t wire[4096];
    message_t *message = cloudevents_to_protobuf(event, NULL);
    assert_non_null(message);
    size_t length = io__cloudevents__v1__cloud_event__pack(message, wire);
    free(message);
    message_t *decoded = io__cloudevents__v1__cloud_event__unpack(NULL, length, wire);
    assert_non_null(decoded);
    assert_int_equal(decoded->data_case, data_case);
    if (!cloudevents_from_protobuf(decoded, NULL, &again, &error)) {
        fail_msg("%s", error.message);
    }
    event_pack(&before, event);
    assert_int_equal(again.length, before.length);
    assert_memory_equal(again.at, before.at, before.length);
    io__cloudevents__v1__cloud_event__free_unpacked(decoded, NULL);
    event_buffer_free(&again);
    event_buffer_free(&before);
}

static void goes_out_as_it_came(void **state)
{
    static const struct {
        const char *type, *schema, *data;
        int data_case;
    } rows[] = {
        { "application/json", "https://a/b", "{}", DATA(TEXT_DATA) },
        { "text/plain", NULL, "\xc3\xa9", DATA(TEXT_DATA) },
        { "text/plain", NULL, "\xff", DATA(BINARY_DATA) },
        { "image/png", NULL, "png", DATA(BINARY_DATA) },
        { NULL, NULL, "{}", DATA(BINARY_DATA) },
        { NULL, NULL, "", 0 },
        { "application/protobuf", "type.googleapis.com/a.B", "\x08\x01", DATA(PROTO_DATA) },
        { "application/protobuf", "https://a/b", "\x08\x01", DATA(BINARY_DATA) },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_buffer block = { 0 };
        event_buffer_attribute_text(&block, "specversion", "1.0");
        event_buffer_attribute_text(&block, "id", "1");
        event_buffer_attribute_text(&block, "source", "/s");
        event_buffer_attribute_text(&block, "type", "t");
        event_buffer_attribute_text(&block, "time", "2026-11-23T17:31:00.500Z");
        event_buffer_attribute_text(&block, "traceparent", "00-x");
        if (rows[i].type != NULL) {
            event_buffer_attribute_text(&block, "datacontenttype", rows[i].type);
        }
        if (rows[i].schema != NULL) {
            event_buffer_attribute_text(&block, "dataschema", rows[i].schema);
        }
        assert_round_trip((struct event){ { block.at, block.length }, bytes_of(rows[i].data) }, rows[i].data_case);
        event_buffer_free(&block);
    }
}

static void leaves_control_entries_behind(void **state)
{
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&block, ":ack", "secret");
    event_buffer_attribute_text(&block, "id", "1");
    message_t *message = cloudevents_to_protobuf((struct event){ { block.at, block.length }, { 0 } }, NULL);
    assert_non_null(message);
    assert_int_equal(message->n_attributes, 0);
    free(message);
    assert_null(cloudevents_to_protobuf((struct event){ { block.at, block.length - 1 }, { 0 } }, NULL));
    event_buffer_free(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_types_their_canonical_form),
        cmocka_unit_test(refuses_bad_messages),
        cmocka_unit_test(goes_out_as_it_came),
        cmocka_unit_test(leaves_control_entries_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
