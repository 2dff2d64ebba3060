/* Stored messages, read through the leader and unpacked into one allocation: the decoded header block, the body, the
 * subject and the table of headers, one behind the other. */
#include "adapters/nats/broker_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/nats/wire.h"

enum { HEADERS_MAX = 128 };

static const char *optional_text(const cJSON *object, const char *name)
{
    return json_text(object, name);
}

/* Views into the decoded block become C strings in place: each is followed by a colon or a line end that nobody needs.
 */
static void headers_copy(struct broker_message *message, const struct bus_header *views, size_t count, uint8_t *block,
                         const uint8_t *base)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *name = block + (views[i].name.at - base);
        uint8_t *value = block + (views[i].value.at - base);
        name[views[i].name.length] = '\0';
        value[views[i].value.length] = '\0';
        message->headers[i] = (struct broker_message_header){ (const char *)name, (const char *)value };
    }
    message->header_count = count;
}

/* Memory: headers table | block NUL | body NUL | subject NUL. */
static bool message_unpack(const cJSON *stored, struct broker_message *ret_message)
{
    struct bus_header views[HEADERS_MAX];
    struct bytes block64 = bytes_of(optional_text(stored, "hdrs"));
    struct bytes body64 = bytes_of(optional_text(stored, "data"));
    const char *subject = json_text(stored, "subject");
    size_t table = HEADERS_MAX * sizeof(struct broker_message_header);
    size_t count = 0;
    bool cut = false;
    uint8_t *memory = calloc(1, table + block64.length + body64.length + strlen(subject) + 4);
    if (memory == NULL) {
        return false;
    }
    struct broker_message message = { .memory = memory, .headers = (struct broker_message_header *)(void *)memory };
    uint8_t *block = memory + table;
    int64_t block_length = wire_base64_decode(block64, block, block64.length + 1);
    uint8_t *body = block + block64.length + 1;
    int64_t body_length = wire_base64_decode(body64, body, body64.length + 1);
    if (block_length < 0 || body_length < 0 ||
        (block_length > 0 &&
         !wire_headers_parse((struct bytes){ block, (size_t)block_length }, views, HEADERS_MAX, &count, &cut))) {
        free(memory);
        return false;
    }
    headers_copy(&message, views, count, block, block);
    message.body = (struct bytes){ body, (size_t)body_length };
    message.subject = (char *)body + body64.length + 1;
    memcpy(message.subject, subject, strlen(subject) + 1);
    message.sequence = (uint64_t)json_integer(stored, "seq", 0);
    message.stored_wall_ns = json_time_ns(stored, "time");
    *ret_message = message;
    return true;
}

enum broker_status broker_message_get(struct broker *broker, const char *stream, const char *subject, uint64_t sequence,
                                      struct broker_message *ret_message, struct broker_error *ret_error)
{
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    cJSON *body = cJSON_CreateObject();
    if (subject != NULL && sequence == 0) {
        cJSON_AddStringToObject(body, "last_by_subj", subject);
    } else {
        cJSON_AddNumberToObject(body, "seq", (double)sequence);
    }
    if (subject != NULL && sequence > 0) {
        cJSON_AddStringToObject(body, "next_by_subj", subject);
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.MSG.GET.%s", stream);
    snprintf(what, sizeof what, "read %s of stream %s", subject != NULL ? subject : "a message", stream);
    enum broker_status status = broker_api_json(broker, api, body, what, &answer, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    bool unpacked = message_unpack(cJSON_GetObjectItemCaseSensitive(answer, "message"), ret_message);
    cJSON_Delete(answer);
    return unpacked ? BROKER_OK : broker_fail(ret_error, BROKER_CORRUPT, "%s: the answer can't be decoded", what);
}

void broker_message_free(struct broker_message *message)
{
    free(message->memory);
    *message = (struct broker_message){ 0 };
}

const char *broker_message_header(const struct broker_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcasecmp(message->headers[i].name, name) == 0) {
            return message->headers[i].value;
        }
    }
    return NULL;
}

enum broker_status broker_message_delete(struct broker *broker, const char *stream, uint64_t sequence,
                                         struct broker_error *ret_error)
{
    char api[BROKER_SUBJECT_BYTES];
    char body[96];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    if (!wire_name_valid(bytes_of(stream))) {
        return broker_fail(ret_error, BROKER_INVALID, "'%s' is no name of a stream", stream);
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.MSG.DELETE.%s", stream);
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"no_erase\":true}", sequence);
    snprintf(what, sizeof what, "remove message %" PRIu64 " of stream %s", sequence, stream);
    enum broker_status status = broker_api(broker, api, body, what, &answer, ret_error);
    if (status == BROKER_OK) {
        cJSON_Delete(answer);
    }
    return status;
}

enum broker_status broker_publish(struct broker *broker, const char *subject,
                                  const struct broker_message_header *headers, size_t header_count, struct bytes body,
                                  bool *ret_duplicate, struct broker_error *ret_error)
{
    struct broker_header list[64];
    char what[BROKER_SUBJECT_BYTES];
    if (header_count > sizeof list / sizeof list[0]) {
        return broker_fail(ret_error, BROKER_INVALID, "publish to %.200s: more than 64 headers", subject);
    }
    for (size_t i = 0; i < header_count; i++) {
        list[i] = (struct broker_header){ headers[i].name, headers[i].value };
    }
    snprintf(what, sizeof what, "publish to %.200s", subject);
    return broker_store(broker, subject, list, header_count, body, what, NULL, ret_duplicate, ret_error);
}
