/* The control connection and its exchanges. Requests to the JetStream API are raw: nats.c's wrappers hide err_codes of
 * KV calls and know fewer fields than servers do. A lost connection is noticed by the call that finds it closed, which
 * connects again before it sends; so a call either reaches the broker now or says that it did not. */
#include "adapters/nats/broker_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/nats/endpoint_options.h"
#include "adapters/nats/wire.h"

enum { TIMEOUT_MS_MAX = 2000 };

const char *broker_status_name(enum broker_status status)
{
    static const char *const names[] = {
        [BROKER_OK] = "ok",
        [BROKER_UNREACHABLE] = "unreachable",
        [BROKER_TIMEOUT] = "timeout",
        [BROKER_NO_RESPONDERS] = "no responders",
        [BROKER_NOT_FOUND] = "not found",
        [BROKER_CONFLICT] = "conflict",
        [BROKER_FOREIGN] = "foreign",
        [BROKER_REFUSED] = "refused",
        [BROKER_TOO_LARGE] = "too large",
        [BROKER_CORRUPT] = "corrupt",
        [BROKER_INVALID] = "invalid",
        [BROKER_NO_MEMORY] = "no memory",
    };
    return (size_t)status < sizeof names / sizeof names[0] ? names[status] : "unknown";
}

enum broker_status broker_fail(struct broker_error *error, enum broker_status status, const char *format, ...)
{
    va_list arguments;
    *error = (struct broker_error){ .status = status };
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

void text_copy(char *ret_text, size_t capacity, const char *text)
{
    snprintf(ret_text, capacity, "%s", text);
}

int64_t json_integer(const cJSON *object, const char *name, int64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double value = cJSON_GetNumberValue(item);
    return cJSON_IsNumber(item) && value > -9.2e18 && value < 9.2e18 ? (int64_t)value : otherwise;
}

const char *json_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

int64_t json_time_ns(const cJSON *object, const char *name)
{
    int64_t wall_ns = 0;
    return wire_time_parse(bytes_of(json_text(object, name)), &wall_ns) ? wall_ns : 0;
}

bool broker_made_it(const cJSON *config)
{
    return strncmp(json_text(config, "description"), BROKER_MARK, sizeof BROKER_MARK - 1) == 0;
}

/* The servers as given, without what stands before an '@'. */
static void describe_servers(const struct broker *broker, char *ret_text, size_t capacity)
{
    const char *urls = broker->endpoint.urls != NULL ? broker->endpoint.urls : "nats://127.0.0.1:4222";
    const char *at = strrchr(urls, '@');
    text_copy(ret_text, capacity, at != NULL ? at + 1 : urls);
}

enum broker_status broker_link(struct broker *broker, struct broker_error *error)
{
    char servers[160];
    natsOptions *options = NULL;
    if (broker->leaving != NULL && *broker->leaving) {
        return broker_fail(error, BROKER_UNREACHABLE, "this instance is shutting down");
    }
    if (broker->connection != NULL && !natsConnection_IsClosed(broker->connection)) {
        return BROKER_OK;
    }
    natsConnection_Destroy(broker->connection);
    broker->connection = NULL;
    natsStatus status = endpoint_options(&broker->endpoint, &options);
    if (status == NATS_OK) {
        status = natsOptions_SetTimeout(options, broker->timeout_ms);
    }
    if (status == NATS_OK) {
        status = natsConnection_Connect(&broker->connection, options);
    }
    natsOptions_Destroy(options);
    if (status == NATS_OK) {
        return BROKER_OK;
    }
    broker->connection = NULL;
    describe_servers(broker, servers, sizeof servers);
    const char *text = nats_GetLastError(NULL);
    return broker_fail(error, BROKER_UNREACHABLE,
                       "cannot connect to nats-server at %s: %.160s; is it running, and are URL and credentials right?",
                       servers, text != NULL && *text != '\0' ? text : natsStatus_GetText(status));
}

struct broker *broker_connect(const struct endpoint *endpoint, uint32_t timeout_ms, struct broker_error *ret_error)
{
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL || !endpoint_copy(endpoint, &broker->endpoint)) {
        free(broker);
        broker_fail(ret_error, BROKER_NO_MEMORY, "out of memory for the control connection");
        return NULL;
    }
    broker->timeout_ms = timeout_ms == 0 || timeout_ms > TIMEOUT_MS_MAX ? TIMEOUT_MS_MAX : timeout_ms;
    if (broker_link(broker, ret_error) != BROKER_OK) {
        broker_close(broker);
        return NULL;
    }
    return broker;
}

void broker_heed(struct broker *broker, const atomic_bool *leaving)
{
    broker->leaving = leaving;
}

void broker_close(struct broker *broker)
{
    if (broker == NULL) {
        return;
    }
    natsConnection_Destroy(broker->connection);
    endpoint_free(&broker->endpoint);
    free(broker);
    nats_ReleaseThreadMemory();
}

static enum broker_status exchange_failed(const struct broker *broker, natsStatus status, const char *what,
                                          struct broker_error *error)
{
    switch (status) {
    case NATS_TIMEOUT:
        return broker_fail(error, BROKER_TIMEOUT,
                           "%s: no answer within %u ms; it may have taken effect, or permission is missing", what,
                           broker->timeout_ms);
    case NATS_NO_RESPONDERS:
        return broker_fail(error, BROKER_NO_RESPONDERS,
                           "%s: nobody answers; JetStream is off (start nats-server with -js) or has no leader now",
                           what);
    case NATS_MAX_PAYLOAD:
        return broker_fail(error, BROKER_TOO_LARGE, "%s: larger than the server's max_payload of %lld bytes", what,
                           (long long)natsConnection_GetMaxPayload(broker->connection));
    case NATS_NO_MEMORY:
        return broker_fail(error, BROKER_NO_MEMORY, "%s: out of memory", what);
    default:
        return broker_fail(error, BROKER_TIMEOUT, "%s: the connection was lost (%s); it may have taken effect", what,
                           natsStatus_GetText(status));
    }
}

static enum broker_status status_of_error(uint32_t code, uint32_t error_code)
{
    switch (error_code) {
    case JS_WRONG_LAST_SEQUENCE:
        return BROKER_CONFLICT;
    case JS_MESSAGE_TOO_LARGE:
        return BROKER_TOO_LARGE;
    case JS_STREAM_NOT_FOUND:
    case JS_CONSUMER_NOT_FOUND:
    case JS_NO_MESSAGE:
        return BROKER_NOT_FOUND;
    default:
        return code == 404 ? BROKER_NOT_FOUND : BROKER_REFUSED;
    }
}

static enum broker_status answer_parse(natsMsg *reply, const char *what, cJSON **ret_answer, struct broker_error *error)
{
    cJSON *answer = cJSON_ParseWithLength(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
    if (!cJSON_IsObject(answer)) {
        cJSON_Delete(answer);
        return broker_fail(error, BROKER_CORRUPT, "%s: the answer is no JSON object", what);
    }
    const cJSON *refusal = cJSON_GetObjectItemCaseSensitive(answer, "error");
    if (!cJSON_IsObject(refusal)) {
        *ret_answer = answer;
        return BROKER_OK;
    }
    uint32_t code = (uint32_t)json_integer(refusal, "code", 0);
    uint32_t error_code = (uint32_t)json_integer(refusal, "err_code", 0);
    broker_fail(error, status_of_error(code, error_code), "%s: %s (err_code %u)", what,
                json_text(refusal, "description"), error_code);
    error->code = code;
    error->error_code = error_code;
    cJSON_Delete(answer);
    return error->status;
}

enum broker_status broker_api(struct broker *broker, const char *subject, const char *body, const char *what,
                              cJSON **ret_answer, struct broker_error *error)
{
    natsMsg *reply = NULL;
    enum broker_status linked = broker_link(broker, error);
    if (linked != BROKER_OK) {
        return linked;
    }
    natsStatus status =
        natsConnection_RequestString(&reply, broker->connection, subject, body != NULL ? body : "", broker->timeout_ms);
    if (status != NATS_OK) {
        return exchange_failed(broker, status, what, error);
    }
    enum broker_status parsed = answer_parse(reply, what, ret_answer, error);
    natsMsg_Destroy(reply);
    return parsed;
}

/* cJSON prints 2592000000000000 as 2.592e+15, which the broker refuses for an integer: numbers become raw digits. */
static bool json_exact_integers(cJSON *item)
{
    cJSON *child;
    cJSON_ArrayForEach(child, item)
    {
        if (!json_exact_integers(child)) {
            return false;
        }
    }
    if (!cJSON_IsNumber(item)) {
        return true;
    }
    char *digits = cJSON_malloc(32);
    if (digits == NULL) {
        return false;
    }
    snprintf(digits, 32, "%lld", (long long)item->valuedouble);
    item->type = cJSON_Raw;
    item->valuestring = digits;
    return true;
}

enum broker_status broker_api_json(struct broker *broker, const char *subject, cJSON *body, const char *what,
                                   cJSON **ret_answer, struct broker_error *error)
{
    char *text = json_exact_integers(body) ? cJSON_PrintUnformatted(body) : NULL;
    cJSON_Delete(body);
    if (text == NULL) {
        return broker_fail(error, BROKER_NO_MEMORY, "%s: out of memory", what);
    }
    enum broker_status status = broker_api(broker, subject, text, what, ret_answer, error);
    cJSON_free(text);
    return status;
}

static natsStatus store_request(struct broker *broker, const char *subject, const struct broker_header *headers,
                                size_t header_count, struct bytes body, natsMsg **ret_reply)
{
    natsMsg *message = NULL;
    natsStatus status = natsMsg_Create(&message, subject, NULL, (const char *)body.at, (int)body.length);
    for (size_t i = 0; status == NATS_OK && i < header_count; i++) {
        status = natsMsgHeader_Set(message, headers[i].name, headers[i].value);
    }
    if (status == NATS_OK) {
        status = natsConnection_RequestMsg(ret_reply, broker->connection, message, broker->timeout_ms);
    }
    natsMsg_Destroy(message);
    return status;
}

enum broker_status broker_store(struct broker *broker, const char *subject, const struct broker_header *headers,
                                size_t header_count, struct bytes body, const char *what, uint64_t *ret_sequence,
                                bool *ret_duplicate, struct broker_error *error)
{
    natsMsg *reply = NULL;
    cJSON *answer = NULL;
    enum broker_status linked = broker_link(broker, error);
    if (linked != BROKER_OK) {
        return linked;
    }
    if (body.length > (size_t)natsConnection_GetMaxPayload(broker->connection)) {
        return exchange_failed(broker, NATS_MAX_PAYLOAD, what, error);
    }
    natsStatus status = store_request(broker, subject, headers, header_count, body, &reply);
    if (status != NATS_OK) {
        return exchange_failed(broker, status, what, error);
    }
    enum broker_status parsed = answer_parse(reply, what, &answer, error);
    natsMsg_Destroy(reply);
    if (parsed == BROKER_OK && ret_sequence != NULL) {
        *ret_sequence = (uint64_t)json_integer(answer, "seq", 0);
    }
    if (parsed == BROKER_OK && ret_duplicate != NULL) {
        *ret_duplicate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "duplicate"));
    }
    cJSON_Delete(answer);
    return parsed;
}
