/* What the broker tells about a stream and about itself. The server's version is only in the greeting that it sends to
 * whoever connects, and nats.c keeps that to itself, so one more socket is opened to read it. */
#include "adapters/nats/broker_private.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "adapters/nats/wire.h"

enum { GREETING_BYTES_MAX = 32 << 10 };

/* "function.go.* function.python.*"; what does not fit is left out. */
static void subjects_join(const cJSON *config, char *ret_text, size_t capacity)
{
    const cJSON *subject;
    size_t used = 0;
    ret_text[0] = '\0';
    cJSON_ArrayForEach(subject, cJSON_GetObjectItemCaseSensitive(config, "subjects"))
    {
        const char *text = cJSON_IsString(subject) ? subject->valuestring : "";
        if (used + strlen(text) + 2 < capacity) {
            used += (size_t)snprintf(ret_text + used, capacity - used, "%s%s", used == 0 ? "" : " ", text);
        }
    }
}

enum broker_status broker_stream_info(struct broker *broker, const char *stream, struct broker_stream *ret_stream,
                                      struct broker_error *ret_error)
{
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    if (!wire_name_valid(bytes_of(stream))) {
        return broker_fail(ret_error, BROKER_INVALID, "'%s' is no name of a stream", stream);
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.INFO.%s", stream);
    snprintf(what, sizeof what, "look up stream %s", stream);
    enum broker_status status = broker_api(broker, api, NULL, what, &answer, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(answer, "config");
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "state");
    *ret_stream = (struct broker_stream){
        .ours = broker_made_it(config),
        .replicas = (uint32_t)json_integer(config, "num_replicas", 1),
        .duplicate_window_known = cJSON_HasObjectItem(config, "duplicate_window"),
        .duplicate_window_ns = json_integer(config, "duplicate_window", 0),
        .age_max_ns = json_integer(config, "max_age", 0),
        .messages_max = json_integer(config, "max_msgs", -1),
        .bytes_max = json_integer(config, "max_bytes", -1),
        .message_bytes_max = json_integer(config, "max_msg_size", -1),
        .messages_per_subject_max = json_integer(config, "max_msgs_per_subject", -1),
        .messages = (uint64_t)json_integer(state, "messages", 0),
        .bytes = (uint64_t)json_integer(state, "bytes", 0),
        .first_sequence = (uint64_t)json_integer(state, "first_seq", 0),
        .last_sequence = (uint64_t)json_integer(state, "last_seq", 0),
        .consumers = (uint64_t)json_integer(state, "consumer_count", 0),
        .created_wall_ns = json_time_ns(answer, "created"),
        .first_wall_ns = json_time_ns(state, "first_ts"),
        .last_wall_ns = json_time_ns(state, "last_ts"),
    };
    subjects_join(config, ret_stream->subjects, sizeof ret_stream->subjects);
    text_copy(ret_stream->name, sizeof ret_stream->name, stream);
    text_copy(ret_stream->description, sizeof ret_stream->description, json_text(config, "description"));
    text_copy(ret_stream->storage, sizeof ret_stream->storage, json_text(config, "storage"));
    text_copy(ret_stream->retention, sizeof ret_stream->retention, json_text(config, "retention"));
    text_copy(ret_stream->discard, sizeof ret_stream->discard, json_text(config, "discard"));
    text_copy(ret_stream->leader, sizeof ret_stream->leader,
              json_text(cJSON_GetObjectItemCaseSensitive(answer, "cluster"), "leader"));
    cJSON_Delete(answer);
    return BROKER_OK;
}

/* "nats://user:secret@host:4222" -> host and port. IPv6 hosts stand in brackets. */
static bool url_split(const char *url, char host[256], char port[16])
{
    const char *at = strstr(url, "://");
    at = at != NULL ? at + 3 : url;
    const char *secret_end = strrchr(at, '@');
    at = secret_end != NULL ? secret_end + 1 : at;
    const char *colon = strrchr(at, ':');
    if (colon == NULL || colon == at || strlen(colon + 1) >= 16 || (size_t)(colon - at) >= 256) {
        return false;
    }
    bool bracketed = *at == '[' && colon[-1] == ']';
    snprintf(host, 256, "%.*s", (int)(colon - at) - (bracketed ? 2 : 0), bracketed ? at + 1 : at);
    snprintf(port, 16, "%s", colon + 1);
    return true;
}

int broker_socket(const char *url, uint32_t timeout_ms)
{
    char host[256];
    char port[16];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const struct timeval timeout = { .tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000 };
    if (!url_split(url, host, port) || getaddrinfo(host, port, &hints, &list) != 0) {
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *one = list; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (fd < 0) {
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
        if (connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* The JSON of "INFO {…}\r\n", or NULL. */
static cJSON *greeting_read(int fd)
{
    char *line = malloc(GREETING_BYTES_MAX);
    size_t used = 0;
    char *end = NULL;
    while (line != NULL && end == NULL && used < GREETING_BYTES_MAX) {
        ssize_t got = recv(fd, line + used, GREETING_BYTES_MAX - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        end = memmem(line, used, "\r\n", 2);
    }
    cJSON *greeting = NULL;
    if (end != NULL && end - line > 5 && memcmp(line, "INFO ", 5) == 0) {
        greeting = cJSON_ParseWithLength(line + 5, (size_t)(end - line) - 5);
    }
    free(line);
    return greeting;
}

static void info_from_greeting(struct broker *broker, const char *url, struct broker_info *info)
{
    int fd = broker_socket(url, broker->timeout_ms);
    if (fd < 0) {
        return;
    }
    cJSON *greeting = greeting_read(fd);
    close(fd);
    text_copy(info->server_version, sizeof info->server_version, json_text(greeting, "version"));
    text_copy(info->cluster, sizeof info->cluster, json_text(greeting, "cluster"));
    cJSON_Delete(greeting);
}

enum broker_status broker_info(struct broker *broker, struct broker_info *ret_info, struct broker_error *ret_error)
{
    struct broker_info info = { 0 };
    char url[256] = "";
    cJSON *answer = NULL;
    enum broker_status status = broker_link(broker, ret_error);
    if (status != BROKER_OK) {
        return status;
    }
    natsConnection_GetConnectedUrl(broker->connection, url, sizeof url);
    const char *at = strrchr(url, '@');
    text_copy(info.server_url, sizeof info.server_url, at != NULL ? at + 1 : url);
    info.payload_bytes_max = (size_t)natsConnection_GetMaxPayload(broker->connection);
    info_from_greeting(broker, url, &info);
    status = broker_api(broker, "$JS.API.INFO", NULL, "look up the JetStream account", &answer, ret_error);
    if (status == BROKER_OK) {
        const cJSON *limits = cJSON_GetObjectItemCaseSensitive(answer, "limits");
        info.jetstream = true;
        info.memory_bytes_max = json_integer(limits, "max_memory", -1);
        info.storage_bytes_max = json_integer(limits, "max_storage", -1);
        info.memory_bytes_used = (uint64_t)json_integer(answer, "memory", 0);
        info.storage_bytes_used = (uint64_t)json_integer(answer, "storage", 0);
        cJSON_Delete(answer);
    } else if (status == BROKER_UNREACHABLE || status == BROKER_TIMEOUT) {
        return status;
    }
    *ret_info = info;
    return BROKER_OK;
}
