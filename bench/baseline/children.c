/* A frame is  u32 length of what follows | u32 number of the delivery | data,  the same both ways. A child takes whole
 * frames from what it read, answers each with its own data, and writes once when nothing is left to take: as lean as a
 * separate process can be. The loop's side writes once a turn. */
#include "bench/baseline/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

enum { BUFFER_BYTES = 2 * (FRAME_DATA_MAX + FRAME_PREFIX) };

struct side {
    int socket;
    uint8_t in[BUFFER_BYTES];
    size_t in_length;
    struct event_buffer out;
    size_t out_sent;
};

struct children {
    uint32_t count, next;
    struct side sides[];
};

static void frame_add(struct event_buffer *out, uint32_t delivery, struct bytes data)
{
    uint32_t prefix[2] = { (uint32_t)data.length + 4, delivery };
    event_buffer_append(out, prefix, sizeof prefix);
    event_buffer_append(out, data.at, data.length);
}

/* The frame at *offset of what came in; false if there is no whole one. */
static bool frame_next(const struct side *side, size_t *offset, uint32_t *ret_delivery, struct bytes *ret_data)
{
    uint32_t prefix[2];
    size_t left = side->in_length - *offset;
    if (left < FRAME_PREFIX) {
        return false;
    }
    memcpy(prefix, side->in + *offset, sizeof prefix);
    if (prefix[0] < 4 || prefix[0] > FRAME_DATA_MAX + 4) {
        baseline_fail("a frame is too long");
    }
    if (left < (size_t)prefix[0] + 4) {
        return false;
    }
    *ret_delivery = prefix[1];
    *ret_data = (struct bytes){ side->in + *offset + FRAME_PREFIX, prefix[0] - 4 };
    *offset += (size_t)prefix[0] + 4;
    return true;
}

static void side_keep_rest(struct side *side, size_t offset)
{
    memmove(side->in, side->in + offset, side->in_length - offset);
    side->in_length -= offset;
}

/* Reads once; false at the end. */
static bool side_read(struct side *side)
{
    ssize_t got = recv(side->socket, side->in + side->in_length, sizeof side->in - side->in_length, 0);
    if (got > 0) {
        side->in_length += (size_t)got;
        return true;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool side_write(struct side *side, int flags)
{
    while (side->out_sent < side->out.length) {
        ssize_t sent =
            send(side->socket, side->out.at + side->out_sent, side->out.length - side->out_sent, flags | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return false;
        }
        if (sent < 0 && errno != EINTR) {
            baseline_fail("a child is gone");
        }
        side->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    side->out.length = 0;
    side->out_sent = 0;
    return true;
}

static _Noreturn void child_main(struct side *side)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "echo");
    while (side_read(side)) {
        size_t offset = 0;
        uint32_t delivery;
        struct bytes data;
        while (frame_next(side, &offset, &delivery, &data)) {
            frame_add(&side->out, delivery, data);
        }
        side_keep_rest(side, offset);
        side_write(side, 0);
    }
    _exit(0);
}

static int child_start(struct side *side)
{
    int pair[2];
    pid_t child = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        child = fork();
    }
    if (child < 0) {
        baseline_fail("no child can be started");
    }
    if (child == 0) {
        close(pair[0]);
        side->socket = pair[1];
        child_main(side);
    }
    close(pair[1]);
    return pair[0];
}

struct children *children_start(uint32_t count)
{
    struct children *children = calloc(1, sizeof *children + count * sizeof(struct side));
    if (!children) {
        baseline_fail("no memory");
    }
    for (; children->count < count; children->count++) {
        struct side *side = &children->sides[children->count];
        side->socket = child_start(side);
    }
    return children;
}

int children_socket(const struct children *children, uint32_t number)
{
    return children->sides[number].socket;
}

void children_execute(struct children *children, uint32_t delivery, struct bytes data)
{
    frame_add(&children->sides[children->next].out, delivery, data);
    children->next = (children->next + 1) % children->count;
}

bool children_read(struct children *children, uint32_t number, struct broker *broker)
{
    struct side *side = &children->sides[number];
    size_t offset = 0;
    uint32_t delivery;
    struct bytes data;
    if (!side_read(side)) {
        return false;
    }
    while (frame_next(side, &offset, &delivery, &data)) {
        broker_store_result(broker, delivery, data);
    }
    side_keep_rest(side, offset);
    return true;
}

bool children_flush(struct children *children, uint32_t number)
{
    return side_write(&children->sides[number], MSG_DONTWAIT);
}
