/* Structured mode: a JSON object becomes a packed event in one pass over its members. `data` and `data_base64` are only
 * remembered on the way, since what data means depends on datacontenttype, which may come later. */
#include "adapters/cloudevents/internal.h"
#include "adapters/cloudevents/json.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct json json;
    struct packer packer;
    struct event_buffer scratch; /* an unescaped name, then its value */
    struct bytes data;           /* raw text of the value, at == NULL if absent */
    struct bytes data_base64;
    struct cloudevents_error *error;
};

static bool fail_at(struct reader *reader)
{
    return cloudevents_fail(reader->error, CLOUDEVENTS_BAD_JSON, bytes_of(""), "the event is not JSON at byte %zu: %s",
                            reader->json.at, reader->json.why);
}

static bool fail_unescape(struct reader *reader, struct bytes name)
{
    return cloudevents_fail(reader->error, CLOUDEVENTS_BAD_UTF8, name,
                            "the string holds a lone surrogate: write the character as UTF-8");
}

/* An Integer attribute: signed 32 bits, in canonical form. */
static bool integer_of(struct bytes raw, char ret_text[16])
{
    if (raw.length == 0 || raw.length > 11) {
        return false;
    }
    char text[12] = { 0 };
    memcpy(text, raw.at, raw.length);
    char *end;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || number < INT32_MIN || number > INT32_MAX) {
        return false;
    }
    memcpy(ret_text, number == 0 ? "0" : text, number == 0 ? 2 : raw.length + 1);
    return true;
}

static bool is_string_only(struct bytes name)
{
    static const char *const names[] = { "id",      "source",          "specversion", "type",
                                         "subject", "datacontenttype", "dataschema",  "time" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (bytes_equal_text(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool read_string_attribute(struct reader *reader, struct bytes name, struct bytes raw)
{
    struct event_buffer value = { 0 };
    struct bytes inner = { raw.at + 1, raw.length - 2 };
    bool good = json_unescape(inner, &value) || fail_unescape(reader, name);
    if (good && value.failed) {
        good = cloudevents_fail(reader->error, CLOUDEVENTS_TOO_LARGE, name, "no memory for the attribute's value");
    }
    good = good && packer_attribute(&reader->packer, name, (struct bytes){ value.at, value.length });
    event_buffer_free(&value);
    return good;
}

static bool read_attribute(struct reader *reader, struct bytes name, struct bytes raw)
{
    char integer[16];
    struct bytes ignored;
    if (bytes_equal_text(raw, "null")) {
        return true; /* null is the same as not given */
    }
    /* A name with ':' would pass for a control entry, so names are checked before they reach the block. */
    if (name.length == 0 || name.at[0] == ':' || memchr(name.at, 0, name.length) != NULL) {
        return cloudevents_fail(reader->error, CLOUDEVENTS_BAD_ATTRIBUTE_NAME, name,
                                "an attribute name may hold only a-z and 0-9: rename it");
    }
    char text[CLOUDEVENTS_NAME_BYTES_MAX + 1] = { 0 };
    memcpy(text, name.at, name.length < sizeof text ? name.length : sizeof text - 1);
    if (packer_find(&reader->packer, text, &ignored)) {
        return cloudevents_fail(reader->error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, name,
                                "the attribute is given twice: send it once");
    }
    if (raw.at[0] == '"') {
        return read_string_attribute(reader, name, raw);
    }
    bool boolean = raw.at[0] == 't' || raw.at[0] == 'f';
    if (is_string_only(name) || (!boolean && !integer_of(raw, integer))) {
        return cloudevents_fail(reader->error, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, name,
                                "the value must be a string%s: put other values into data",
                                is_string_only(name) ? "" : ", a boolean or a 32-bit integer");
    }
    return packer_attribute(&reader->packer, name, boolean ? raw : bytes_of(integer));
}

static bool read_member(struct reader *reader, struct bytes name)
{
    struct bytes raw;
    if (!json_value(&reader->json, &raw)) {
        return fail_at(reader);
    }
    struct bytes *slot = bytes_equal_text(name, "data")          ? &reader->data
                         : bytes_equal_text(name, "data_base64") ? &reader->data_base64
                                                                 : NULL;
    if (slot == NULL) {
        return read_attribute(reader, name, raw);
    }
    if (slot->at != NULL) {
        return cloudevents_fail(reader->error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, name,
                                "the member is given twice: send it once");
    }
    *slot = raw;
    return true;
}

static bool read_members(struct reader *reader)
{
    bool first = true;
    struct bytes inner;
    if (!json_take(&reader->json, '{', "an object is expected")) {
        return fail_at(reader);
    }
    reader->json.depth = 1;
    while (json_member(&reader->json, &first, &inner)) {
        reader->scratch.length = 0;
        if (!json_unescape(inner, &reader->scratch)) {
            return fail_unescape(reader, inner);
        }
        if (reader->scratch.failed) {
            return cloudevents_fail(reader->error, CLOUDEVENTS_TOO_LARGE, bytes_of(""),
                                    "no memory for a member's name");
        }
        if (!read_member(reader, (struct bytes){ reader->scratch.at, reader->scratch.length })) {
            return false;
        }
    }
    return (reader->json.why == NULL && json_end(&reader->json)) || fail_at(reader);
}

static bool close_with_base64(struct reader *reader)
{
    struct event_buffer text = { 0 }, data = { 0 };
    struct bytes raw = reader->data_base64;
    bool good = raw.at[0] == '"' && json_unescape((struct bytes){ raw.at + 1, raw.length - 2 }, &text) &&
                cloudevents_base64_decode((struct bytes){ text.at, text.length }, &data);
    if (!good) {
        cloudevents_fail(reader->error, CLOUDEVENTS_BAD_BASE64, bytes_of("data_base64"),
                         "data_base64 must be a string in standard base64 with padding");
    } else if (text.failed || data.failed) {
        good =
            cloudevents_fail(reader->error, CLOUDEVENTS_TOO_LARGE, bytes_of("data_base64"), "no memory for the data");
    } else {
        good = packer_close(&reader->packer, (struct bytes){ data.at, data.length });
    }
    event_buffer_free(&text);
    event_buffer_free(&data);
    return good;
}

/* `data` of a type other than JSON: a JSON string that stands for its text. */
static bool close_with_text(struct reader *reader)
{
    struct bytes raw = reader->data;
    if (raw.at[0] != '"') {
        return cloudevents_fail(reader->error, CLOUDEVENTS_BAD_ATTRIBUTE_TYPE, bytes_of("data"),
                                "data is JSON but datacontenttype is not: send a string, or application/json");
    }
    struct event_buffer text = { 0 };
    bool good =
        json_unescape((struct bytes){ raw.at + 1, raw.length - 2 }, &text) || fail_unescape(reader, bytes_of("data"));
    if (good && text.failed) {
        good = cloudevents_fail(reader->error, CLOUDEVENTS_TOO_LARGE, bytes_of("data"), "no memory for the data");
    }
    good = good && packer_close(&reader->packer, (struct bytes){ text.at, text.length });
    event_buffer_free(&text);
    return good;
}

static bool close_with_data(struct reader *reader)
{
    struct bytes type;
    bool base64 = reader->data_base64.at != NULL && !bytes_equal_text(reader->data_base64, "null");
    if (base64 && reader->data.at != NULL) {
        return cloudevents_fail(reader->error, CLOUDEVENTS_DATA_CONFLICT, bytes_of("data"),
                                "data and data_base64 exclude each other: send one of them");
    }
    if (base64) {
        return close_with_base64(reader);
    }
    if (reader->data.at == NULL) {
        return packer_close(&reader->packer, (struct bytes){ NULL, 0 });
    }
    bool typed = packer_find(&reader->packer, "datacontenttype", &type);
    if (typed && !cloudevents_is_json(type)) {
        return close_with_text(reader);
    }
    /* Without a type, data of the JSON format is application/json; other formats need that written out. */
    return (typed || packer_attribute(&reader->packer, bytes_of("datacontenttype"), bytes_of("application/json"))) &&
           packer_close(&reader->packer, reader->data);
}

bool cloudevents_from_json(struct bytes text, const struct cloudevents_limits *limits, struct event_buffer *packed,
                           struct cloudevents_error *error)
{
    struct reader reader = { .json = { .text = text }, .error = error };
    reader.packer = packer_open(packed, limits, error);
    bool good = read_members(&reader) && close_with_data(&reader);
    event_buffer_free(&reader.scratch);
    return good;
}
