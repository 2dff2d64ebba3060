/* How often the broker forces to disk what it has acknowledged: its own word where it can be had, and otherwise the
 * default of its version. The word stands in varz, which is told to users of the system account and on the monitoring
 * port; servers before 2.10 don't tell it and can't be set. */
#include "adapters/nats/broker_look.h"

#include "adapters/nats/broker_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SYSTEM_MS = 500, VARZ_BYTES_MAX = 1 << 20, URL_BYTES = 256 };
#define MINUTE_NS INT64_C(60000000000)

struct broker_sync broker_sync_default(const char *server_version)
{
    char *rest;
    long major = strtol(server_version, &rest, 10), minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    bool before =
        (major == 1) || (major == 2 && minor < 10); /* not one that is unknown: the longer is the safer word */
    return (struct broker_sync){ .interval_ns = before ? MINUTE_NS : 2 * MINUTE_NS };
}

bool broker_sync_parse(const char *varz, size_t length, struct broker_sync *ret_sync)
{
    cJSON *json = varz == NULL ? NULL : cJSON_ParseWithLength(varz, length);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    const cJSON *stream = cJSON_GetObjectItemCaseSensitive(data != NULL ? data : json, "jetstream");
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(stream, "config");
    int64_t interval_ns = json_integer(config, "sync_interval", 0);
    bool always = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "sync_always"));
    cJSON_Delete(json);
    if (interval_ns <= 0 && !always) {
        return false;
    }
    *ret_sync = (struct broker_sync){ .told = true, .always = always, .interval_ns = always ? 0 : interval_ns };
    return true;
}

static bool sync_by_system(struct broker *broker, struct broker_sync *ret_sync)
{
    struct broker_error error;
    natsMsg *reply = NULL;
    if (broker_link(broker, &error) != BROKER_OK ||
        natsConnection_RequestString(&reply, broker->connection, "$SYS.REQ.SERVER.PING.VARZ", "", SYSTEM_MS) !=
            NATS_OK) {
        return false;
    }
    bool told = broker_sync_parse(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), ret_sync);
    natsMsg_Destroy(reply);
    return told;
}

/* The whole answer to GET /varz, its length in *ret_length; NULL if there is none. */
static char *varz_read(int fd, size_t *ret_length)
{
    static const char request[] = "GET /varz HTTP/1.0\r\nConnection: close\r\n\r\n";
    char *text = malloc(VARZ_BYTES_MAX);
    size_t used = 0;
    ssize_t got = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    while (text != NULL && got > 0 && used < VARZ_BYTES_MAX) {
        got = recv(fd, text + used, VARZ_BYTES_MAX - used, 0);
        used += got > 0 ? (size_t)got : 0;
    }
    *ret_length = used;
    return text;
}

static bool sync_by_monitor(struct broker *broker, const char *monitor_url, struct broker_sync *ret_sync)
{
    char url[URL_BYTES];
    size_t length = 0;
    text_copy(url, sizeof url, monitor_url);
    char *host = strstr(url, "://");
    char *path = strchr(host != NULL ? host + 3 : url, '/');
    if (path != NULL) {
        *path = '\0';
    }
    int fd = broker_socket(url, broker->timeout_ms);
    if (fd < 0) {
        return false;
    }
    char *text = varz_read(fd, &length);
    close(fd);
    const char *body = text == NULL ? NULL : memmem(text, length, "\r\n\r\n", 4);
    bool told = body != NULL && broker_sync_parse(body + 4, length - (size_t)(body + 4 - text), ret_sync);
    free(text);
    return told;
}

void broker_sync_find(struct broker *broker, const char *monitor_url, const char *server_version,
                      struct broker_sync *ret_sync)
{
    bool monitored = monitor_url != NULL && monitor_url[0] != '\0';
    if (!sync_by_system(broker, ret_sync) && !(monitored && sync_by_monitor(broker, monitor_url, ret_sync))) {
        *ret_sync = broker_sync_default(server_version);
    }
}
