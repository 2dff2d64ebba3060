/* The protocol is lines; a message is a line and as many bytes as it says. A header block begins with a line
 * "NATS/1.0 408 Request Timeout"; only the status of it matters here. PINGs are answered as they come. */
#include "conform/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 65536, LINE_MAX_BYTES = 4096 };

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void wire_close(struct wire *wire, bool reset)
{
    if (wire->fd >= 0) {
        struct linger abrupt = { .l_onoff = 1, .l_linger = 0 };
        if (reset) {
            (void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
        }
        (void)close(wire->fd);
    }
    free(wire->in);
    free(wire->out);
    *wire = (struct wire){ .fd = -1 };
}

static bool append(char **bytes, size_t *used, size_t *room, const char *from, size_t size)
{
    if (*used + size > *room) {
        size_t wanted = (*used + size) * 2 + READ_BYTES;
        char *larger = realloc(*bytes, wanted);
        if (larger == NULL) {
            return false;
        }
        *bytes = larger;
        *room = wanted;
    }
    memcpy(*bytes + *used, from, size);
    *used += size;
    return true;
}

static bool send_bytes(struct wire *wire, const char *bytes, size_t size)
{
    return wire->fd >= 0 && append(&wire->out, &wire->out_used, &wire->out_room, bytes, size);
}

__attribute__((format(printf, 2, 3))) static bool send_line(struct wire *wire, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return length > 0 && length < (int)sizeof(text) && send_bytes(wire, text, (size_t)length);
}

static bool flush(struct wire *wire)
{
    while (wire->out_used > 0) {
        ssize_t sent = send(wire->fd, wire->out, wire->out_used, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        wire->out_used -= (size_t)sent;
        memmove(wire->out, wire->out + sent, wire->out_used);
    }
    return true;
}

bool wire_turn(struct wire *wire)
{
    char bytes[READ_BYTES];
    if (wire->fd < 0 || !flush(wire)) {
        return false;
    }
    if (wire->in_at > 0) {
        wire->in_used -= wire->in_at;
        memmove(wire->in, wire->in + wire->in_at, wire->in_used);
        wire->in_at = 0;
    }
    for (;;) {
        ssize_t got = recv(wire->fd, bytes, sizeof(bytes), 0);
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (got == 0 || !append(&wire->in, &wire->in_used, &wire->in_room, bytes, (size_t)got)) {
            return false;
        }
    }
}

bool wire_subscribe(struct wire *wire, const char *subject, uint32_t subscription)
{
    return send_line(wire, "SUB %s %" PRIu32 "\r\n", subject, subscription) && flush(wire);
}

bool wire_publish(struct wire *wire, const char *subject, const char *reply, const char *headers, const char *body,
                  size_t body_size)
{
    bool good;
    const char *to = reply == NULL ? "" : reply, *blank = reply == NULL ? "" : " ";
    if (headers == NULL) {
        good = send_line(wire, "PUB %s%s%s %zu\r\n", subject, blank, to, body_size);
    } else {
        size_t size = strlen("NATS/1.0\r\n") + strlen(headers) + 2;
        good = send_line(wire, "HPUB %s%s%s %zu %zu\r\nNATS/1.0\r\n", subject, blank, to, size, size + body_size) &&
               send_bytes(wire, headers, strlen(headers)) && send_bytes(wire, "\r\n", 2);
    }
    return good && send_bytes(wire, body, body_size) && send_bytes(wire, "\r\n", 2) && flush(wire);
}

/* -- reading -- */

/* The line at the front, without its end; false: it is not complete. */
static bool line_at(const struct wire *wire, char ret_line[LINE_MAX_BYTES], size_t *ret_size)
{
    const char *begin = wire->in + wire->in_at;
    size_t there = wire->in_used - wire->in_at;
    const char *end = there == 0 ? NULL : memmem(begin, there, "\r\n", 2);
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - begin), kept = length < LINE_MAX_BYTES - 1 ? length : LINE_MAX_BYTES - 1;
    memcpy(ret_line, begin, kept);
    ret_line[kept] = 0;
    *ret_size = length + 2;
    return true;
}

/* "MSG subject sid [reply] size" or "HMSG subject sid [reply] header total". */
static bool message_parse(struct wire *wire, char *line, size_t line_size, struct wire_message *ret_message)
{
    char *words[6] = { NULL }, *rest = NULL;
    uint32_t count = 0;
    bool headed = line[0] == 'H';
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < 6; word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    uint32_t sizes = headed ? 2 : 1;
    if (count < 3 + sizes) {
        return false;
    }
    size_t total = strtoul(words[count - 1], NULL, 10), head = headed ? strtoul(words[count - 2], NULL, 10) : 0;
    if (wire->in_used - wire->in_at < line_size + total + 2) {
        return false;
    }
    const char *begin = wire->in + wire->in_at + line_size;
    *ret_message = (struct wire_message){ .body = begin + head, .body_size = total - head };
    (void)snprintf(ret_message->subject, sizeof(ret_message->subject), "%s", words[1]);
    (void)snprintf(ret_message->reply, sizeof(ret_message->reply), "%s", count > 3 + sizes ? words[3] : "");
    ret_message->subscription = (uint32_t)strtoul(words[2], NULL, 10);
    if (headed && head > 12) {
        ret_message->status = (uint16_t)strtoul(begin + strlen("NATS/1.0"), NULL, 10);
    }
    wire->in_at += line_size + total + 2;
    return true;
}

bool wire_next(struct wire *wire, struct wire_message *ret_message)
{
    char line[LINE_MAX_BYTES];
    size_t size;
    while (wire->fd >= 0 && line_at(wire, line, &size)) {
        if (strncmp(line, "MSG ", 4) == 0 || strncmp(line, "HMSG ", 5) == 0) {
            return message_parse(wire, line, size, ret_message);
        }
        if (strncmp(line, "PING", 4) == 0) {
            (void)(send_line(wire, "PONG\r\n") && flush(wire));
        } else if (strncmp(line, "PONG", 4) == 0) {
            wire->in_at += size;
            *ret_message = (struct wire_message){ .subscription = 0, .body = "" };
            return true;
        } else if (strncmp(line, "-ERR", 4) == 0) {
            (void)snprintf(wire->error, sizeof(wire->error), "%.110s", line);
        }
        wire->in_at += size;
    }
    return false;
}

/* Messages of subscription 0, which is nobody's, stand for a PONG. */
static bool wait_pong(struct wire *wire, uint64_t until_ms)
{
    struct wire_message message;
    while (now_ms() < until_ms) {
        struct pollfd wait = { .fd = wire->fd, .events = POLLIN };
        (void)poll(&wait, 1, 20);
        if (!wire_turn(wire)) {
            return false;
        }
        while (wire_next(wire, &message)) {
            if (message.subscription == 0) {
                return true;
            }
        }
    }
    return false;
}

bool wire_open(struct wire *wire, uint16_t port, uint32_t timeout_ms)
{
    uint64_t until = now_ms() + timeout_ms;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *wire = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    bool good = wire->fd >= 0 && connect(wire->fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
                fcntl(wire->fd, F_SETFL, O_NONBLOCK) == 0;
    if (good) {
        (void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        good = send_line(wire, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
                               "\"lang\":\"c\",\"version\":\"1\",\"name\":\"conform\"}\r\nPING\r\n") &&
               wait_pong(wire, until);
    }
    if (!good) {
        wire_close(wire, false);
    }
    return good;
}
