/* A raw conversation with a plugin: poll() on its channel and its outputs (which must be read, or a plugin that
 * prints would block), the codec for frames, the spawner's events for its exit. */
#include "cli/plugin_subject.h"

#include "adapters/loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHECK_FRAME_BYTES_MAX = 4 * 1024 * 1024, EXIT_STATUS_PENDING = -2 };

static const uint64_t patience_ns = 10000000000u; /* for one frame or one exit */

const char *subject_problem(struct subject *subject, const char *what)
{
    snprintf(subject->problem, sizeof subject->problem, "%s", what);
    return subject->problem;
}

void subject_on_spawner_event(void *owner, const struct spawner_event *event)
{
    struct subject *subject = owner;
    if (event->id != subject->id) {
        return;
    }
    if (event->kind == SPAWNER_STARTED) {
        subject->channel_fd = event->channel_fd;
        subject->stdout_fd = event->stdout_fd;
        subject->stderr_fd = event->stderr_fd;
    } else if (event->kind == SPAWNER_EXITED) {
        subject->exit_status = event->exit.status;
    } else {
        subject->failed = true;
        errno = event->error;
    }
}

/* Its output must be read, or a plugin that prints would block. */
static void subject_drain_output(struct subject *subject)
{
    char bytes[4096];
    int fds[2] = { subject->stdout_fd, subject->stderr_fd };
    for (int i = 0; i < 2; i++) {
        while (fds[i] >= 0 && read(fds[i], bytes, sizeof bytes) > 0) {
        }
    }
}

/* ---- frames ---- */

static bool subject_wait_for(struct subject *subject, short events, uint64_t deadline_ns)
{
    while (loop_now_ns() < deadline_ns) {
        struct pollfd watched[3] = { { .fd = subject->channel_fd, .events = events },
                                     { .fd = subject->stdout_fd, .events = POLLIN },
                                     { .fd = subject->stderr_fd, .events = POLLIN } };
        poll(watched, 3, 50);
        subject_drain_output(subject);
        if (watched[0].revents != 0) {
            return true;
        }
    }
    return false;
}

bool subject_send_bytes(struct subject *subject, const uint8_t *bytes, size_t length)
{
    uint64_t deadline_ns = loop_now_ns() + patience_ns;
    size_t sent = 0;
    while (sent < length) {
        ssize_t put = send(subject->channel_fd, bytes + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            sent += (size_t)put;
        } else if (errno != EAGAIN || !subject_wait_for(subject, POLLOUT, deadline_ns)) {
            return false;
        }
    }
    return true;
}

bool subject_send(struct subject *subject, uint8_t type, uint8_t flags, uint16_t stream, struct bytes header,
                  struct bytes body)
{
    struct event_buffer buffer = { 0 };
    struct frame frame = { .type = type, .flags = flags, .stream = stream, .header = header, .body = body };
    bool sent = frame_append(&buffer, frame, UINT32_MAX - 64) && subject_send_bytes(subject, buffer.at, buffer.length);
    event_buffer_free(&buffer);
    return sent;
}

static bool subject_read_more(struct subject *subject, size_t wanted)
{
    if (subject->used > 0) {
        memmove(subject->input, subject->input + subject->used, subject->length - subject->used);
        subject->length -= subject->used;
        subject->used = 0;
    }
    if (subject->capacity < wanted + 65536) {
        uint8_t *grown = realloc(subject->input, wanted + 65536);
        if (grown == NULL) {
            return false;
        }
        subject->input = grown;
        subject->capacity = wanted + 65536;
    }
    if (!subject_wait_for(subject, POLLIN, loop_now_ns() + patience_ns)) {
        subject_problem(subject, "no frame within 10 s");
        return false;
    }
    ssize_t got = recv(subject->channel_fd, subject->input + subject->length, subject->capacity - subject->length, 0);
    if (got <= 0) {
        subject_problem(subject, "it closed its channel");
        return false;
    }
    subject->length += (size_t)got;
    return true;
}

/* The next frame other than LOG and optional ones; false with the problem set. */
bool subject_receive(struct subject *subject, struct frame *ret_frame)
{
    for (;;) {
        struct bytes input = { subject->input + subject->used, subject->length - subject->used };
        size_t used = FRAME_PREFIX_BYTES;
        const char *why = NULL;
        switch (frame_decode(input, CHECK_FRAME_BYTES_MAX, ret_frame, &used, &why)) {
        case FRAME_BAD:
            subject_problem(subject, why);
            return false;
        case FRAME_PARTIAL:
            if (!subject_read_more(subject, used)) {
                return false;
            }
            break;
        case FRAME_COMPLETE:
            subject->used += used;
            if (ret_frame->type != FRAME_LOG && !(ret_frame->flags & FRAME_OPTIONAL)) {
                return true;
            }
        }
    }
}

bool subject_expect(struct subject *subject, uint8_t type, struct frame *ret_frame)
{
    if (!subject_receive(subject, ret_frame)) {
        return false;
    }
    if (ret_frame->type != type) {
        snprintf(subject->problem, sizeof subject->problem, "it sent %s where %s was due", frame_name(ret_frame->type),
                 frame_name(type));
        return false;
    }
    return true;
}

/* ---- life ---- */

bool subject_start(struct subject *subject)
{
    subject->id++;
    subject->channel_fd = subject->stdout_fd = subject->stderr_fd = -1;
    subject->exit_status = EXIT_STATUS_PENDING;
    subject->failed = false;
    subject->used = subject->length = 0;
    subject->limits.frame_bytes_max = CHECK_FRAME_BYTES_MAX;
    subject->limits.result_bytes_max = CHECK_FRAME_BYTES_MAX - FRAME_LENGTH_MIN;
    subject->concurrency = 1;
    subject->ahead = false;
    snprintf(subject->problem, sizeof subject->problem, "it can't be started");
    struct spawner_program program = { .argv = subject->argv };
    if (spawner_spawn(subject->spawner, subject->id, &program) != 0) {
        return false;
    }
    while (subject->channel_fd < 0 && !subject->failed && loop_run_once(subject->loop, 100000000u) == 0) {
    }
    if (subject->failed) {
        snprintf(subject->problem, sizeof subject->problem, "it can't be started: %s", strerror(errno));
    }
    return !subject->failed;
}

bool subject_await_exit(struct subject *subject)
{
    uint64_t deadline_ns = loop_now_ns() + patience_ns;
    while (subject->exit_status == EXIT_STATUS_PENDING && loop_now_ns() < deadline_ns) {
        subject_drain_output(subject);
        loop_run_once(subject->loop, 20000000u);
    }
    return subject->exit_status != EXIT_STATUS_PENDING;
}

void subject_end(struct subject *subject)
{
    if (subject->exit_status == EXIT_STATUS_PENDING && subject->channel_fd >= 0) {
        spawner_kill(subject->spawner, subject->id, SIGKILL);
        subject_await_exit(subject);
    }
    int fds[3] = { subject->channel_fd, subject->stdout_fd, subject->stderr_fd };
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    subject->channel_fd = subject->stdout_fd = subject->stderr_fd = -1;
}

static bool subject_take_concurrency(struct subject *subject, struct bytes header)
{
    uint64_t value = 0;
    struct bytes text;
    if (!event_find(header, ":concurrency", &text)) {
        return true;
    }
    if (!event_find_u64(header, ":concurrency", &value) || value < 1 || value > UINT16_MAX) {
        subject_problem(subject, "its :concurrency is not a number from 1 to 65535");
        return false;
    }
    subject->concurrency = (uint32_t)value;
    return true;
}

bool subject_greeted(struct subject *subject)
{
    struct frame frame;
    struct bytes versions;
    struct bytes features;
    if (!subject_expect(subject, FRAME_HELLO, &frame)) {
        return false;
    }
    if (!event_find(frame.header, ":pipe", &versions) || memchr(versions.at, '1', versions.length) == NULL) {
        subject_problem(subject, "its HELLO does not offer version 1 in :pipe");
        return false;
    }
    subject->ahead = event_find(frame.header, ":features", &features) &&
                     memmem(features.at, features.length, "ahead", strlen("ahead")) != NULL;
    return subject_take_concurrency(subject, frame.header);
}

static bool subject_configure(struct subject *subject)
{
    struct event_buffer header = { 0 };
    event_buffer_attribute_text(&header, ":pipe", "1");
    event_buffer_attribute_text(&header, ":function", "check/check");
    event_buffer_attribute_text(&header, ":version", "1");
    event_buffer_attribute_text(&header, ":from-the-future", "to be ignored");
    event_buffer_attribute_u64(&header, ":frame-bytes-max", subject->limits.frame_bytes_max);
    event_buffer_attribute_u64(&header, ":result-bytes-max", subject->limits.result_bytes_max);
    struct frame frame;
    bool ready =
        subject_send(subject, FRAME_CONFIG, 0, 0, (struct bytes){ header.at, header.length }, (struct bytes){ 0 }) &&
        subject_expect(subject, FRAME_READY, &frame) && subject_take_concurrency(subject, frame.header);
    event_buffer_free(&header);
    return ready;
}

bool subject_ready(struct subject *subject)
{
    return subject_greeted(subject) && subject_configure(subject);
}
