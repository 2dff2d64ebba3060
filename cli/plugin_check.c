/* The conformance program. Every check is a conversation with a fresh process over a raw channel, written with the codec
 * alone (not with the host of adapters/plugin, so that neither can hide the other's mistakes): a table of named
 * functions that give NULL or what went wrong. A plugin may answer a call with RESULT or ERROR as it likes; what is checked
 * is the protocol. Reads have a deadline, so a plugin that hangs fails its check and is killed. */
#include "cli/plugin_check.h"

#include "adapters/loop/loop.h"
#include "adapters/plugin/frame.h"
#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHECK_CALLS = 500,
    CHECK_LARGE_BYTES = 700 * 1024,
    CHECK_FRAME_BYTES_MAX = 4 * 1024 * 1024,
    EXIT_STATUS_PENDING = -2,
};

static const uint64_t patience_ns = 10000000000u; /* for one frame or one exit */

/* One process under check. */
struct subject {
    struct loop *loop;
    struct spawner *spawner;
    const char *const *argv;
    uint32_t id;
    int channel_fd, stdout_fd, stderr_fd;
    int exit_status; /* EXIT_STATUS_PENDING while it runs, -1 after a signal */
    bool failed;
    uint8_t *input;
    size_t used, length, capacity;
    char problem[256];
};

static const char *problem(struct subject *subject, const char *what)
{
    snprintf(subject->problem, sizeof subject->problem, "%s", what);
    return subject->problem;
}

static void on_spawner_event(void *owner, const struct spawner_event *event)
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
static void drain_output(struct subject *subject)
{
    char bytes[4096];
    int fds[2] = { subject->stdout_fd, subject->stderr_fd };
    for (int i = 0; i < 2; i++) {
        while (fds[i] >= 0 && read(fds[i], bytes, sizeof bytes) > 0) {
        }
    }
}

/* ---- frames ---- */

static bool wait_for(struct subject *subject, short events, uint64_t deadline_ns)
{
    while (loop_now_ns() < deadline_ns) {
        struct pollfd watched[3] = { { .fd = subject->channel_fd, .events = events },
                                     { .fd = subject->stdout_fd, .events = POLLIN },
                                     { .fd = subject->stderr_fd, .events = POLLIN } };
        poll(watched, 3, 50);
        drain_output(subject);
        if (watched[0].revents != 0) {
            return true;
        }
    }
    return false;
}

static bool send_bytes(struct subject *subject, const uint8_t *bytes, size_t length)
{
    uint64_t deadline_ns = loop_now_ns() + patience_ns;
    size_t sent = 0;
    while (sent < length) {
        ssize_t put = send(subject->channel_fd, bytes + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            sent += (size_t)put;
        } else if (errno != EAGAIN || !wait_for(subject, POLLOUT, deadline_ns)) {
            return false;
        }
    }
    return true;
}

static bool send_frame(struct subject *subject, uint8_t type, uint8_t flags, uint16_t stream, struct bytes header,
                       struct bytes body)
{
    struct event_buffer buffer = { 0 };
    struct frame frame = { .type = type, .flags = flags, .stream = stream, .header = header, .body = body };
    bool sent = frame_append(&buffer, frame, UINT32_MAX - 64) && send_bytes(subject, buffer.at, buffer.length);
    event_buffer_free(&buffer);
    return sent;
}

static bool read_more(struct subject *subject, size_t wanted)
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
    if (!wait_for(subject, POLLIN, loop_now_ns() + patience_ns)) {
        problem(subject, "no frame within 10 s");
        return false;
    }
    ssize_t got = recv(subject->channel_fd, subject->input + subject->length, subject->capacity - subject->length, 0);
    if (got <= 0) {
        problem(subject, "it closed its channel");
        return false;
    }
    subject->length += (size_t)got;
    return true;
}

/* The next frame other than LOG and optional ones; false with the problem set. */
static bool receive(struct subject *subject, struct frame *ret_frame)
{
    for (;;) {
        struct bytes input = { subject->input + subject->used, subject->length - subject->used };
        size_t used = FRAME_PREFIX_BYTES;
        const char *why = NULL;
        switch (frame_decode(input, CHECK_FRAME_BYTES_MAX, ret_frame, &used, &why)) {
        case FRAME_BAD:
            problem(subject, why);
            return false;
        case FRAME_PARTIAL:
            if (!read_more(subject, used)) {
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

static bool expect(struct subject *subject, uint8_t type, struct frame *ret_frame)
{
    if (!receive(subject, ret_frame)) {
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

static bool subject_start(struct subject *subject)
{
    subject->id++;
    subject->channel_fd = subject->stdout_fd = subject->stderr_fd = -1;
    subject->exit_status = EXIT_STATUS_PENDING;
    subject->failed = false;
    subject->used = subject->length = 0;
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

static bool subject_await_exit(struct subject *subject)
{
    uint64_t deadline_ns = loop_now_ns() + patience_ns;
    while (subject->exit_status == EXIT_STATUS_PENDING && loop_now_ns() < deadline_ns) {
        drain_output(subject);
        loop_run_once(subject->loop, 20000000u);
    }
    return subject->exit_status != EXIT_STATUS_PENDING;
}

static void subject_end(struct subject *subject)
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

static bool subject_hello(struct subject *subject)
{
    struct frame frame;
    struct bytes versions;
    if (!expect(subject, FRAME_HELLO, &frame)) {
        return false;
    }
    if (!event_find(frame.header, ":pipe", &versions) || memchr(versions.at, '1', versions.length) == NULL) {
        problem(subject, "its HELLO does not offer version 1 in :pipe");
        return false;
    }
    return true;
}

static bool subject_configure(struct subject *subject)
{
    struct event_buffer header = { 0 };
    event_buffer_attribute_text(&header, ":pipe", "1");
    event_buffer_attribute_text(&header, ":function", "check/check");
    event_buffer_attribute_text(&header, ":version", "1");
    event_buffer_attribute_text(&header, ":from-the-future", "to be ignored");
    event_buffer_attribute_u64(&header, ":frame-bytes-max", CHECK_FRAME_BYTES_MAX);
    struct frame frame;
    bool ready =
        send_frame(subject, FRAME_CONFIG, 0, 0, (struct bytes){ header.at, header.length }, (struct bytes){ 0 }) &&
        expect(subject, FRAME_READY, &frame);
    event_buffer_free(&header);
    return ready;
}

static bool subject_ready(struct subject *subject)
{
    return subject_hello(subject) && subject_configure(subject);
}

static void call_frame(struct event_buffer *buffer, uint16_t stream, struct bytes data)
{
    struct event_buffer header = { 0 };
    event_buffer_attribute_text(&header, ":request-id", "check-request");
    event_buffer_attribute_text(&header, ":attempt", "1");
    event_buffer_attribute_text(&header, ":budget-ms", "60000");
    event_buffer_attribute_text(&header, ":from-the-future", "\xc3\xa9");
    event_buffer_attribute_text(&header, "specversion", "1.0");
    event_buffer_attribute_text(&header, "id", "check-1");
    event_buffer_attribute_text(&header, "source", "/check");
    event_buffer_attribute_text(&header, "type", "check.call.v1");
    event_buffer_attribute_text(&header, "datacontenttype", "application/json");
    event_buffer_attribute_text(&header, "test",
                                "Gr\xc3\xbc\xc3\x9f"
                                "e, \xe4\xb8\x96\xe7\x95\x8c");
    struct frame frame = { .type = FRAME_CALL, .stream = stream, .header = { header.at, header.length }, .body = data };
    frame_append(buffer, frame, UINT32_MAX - 64);
    event_buffer_free(&header);
}

/* Takes the answer of one call: exactly one RESULT or ERROR on its stream. */
static bool take_answer(struct subject *subject, uint16_t stream, struct frame *ret_frame)
{
    if (!receive(subject, ret_frame)) {
        return false;
    }
    if ((ret_frame->type != FRAME_RESULT && ret_frame->type != FRAME_ERROR) || ret_frame->stream != stream) {
        snprintf(subject->problem, sizeof subject->problem, "it sent %s on stream %u where an answer on %u was due",
                 frame_name(ret_frame->type), ret_frame->stream, stream);
        return false;
    }
    if (ret_frame->type == FRAME_RESULT) {
        const char *why = frame_block_has_control(ret_frame->header) ? "its RESULT has control entries"
                                                                     : frame_result_problem(ret_frame->header);
        if (why != NULL) {
            problem(subject, why);
            return false;
        }
    }
    return true;
}

static bool call(struct subject *subject, uint16_t stream, struct bytes data)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    call_frame(&buffer, stream, data);
    bool answered = send_bytes(subject, buffer.at, buffer.length) && take_answer(subject, stream, &frame);
    event_buffer_free(&buffer);
    return answered;
}

static const struct bytes small_data = { (const uint8_t *)"{\"text\":\"one two\",\"values\":[1,2]}", 34 };

/* ---- the checks: NULL, or what went wrong ---- */

static const char *check_handshake(struct subject *subject)
{
    return subject_ready(subject) ? NULL : subject->problem;
}

static const char *check_call(struct subject *subject)
{
    return subject_ready(subject) && call(subject, 1, small_data) ? NULL : subject->problem;
}

static const char *check_attribute(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes sent = { 0 };
    struct bytes echoed = { 0 };
    call_frame(&buffer, 9, small_data);
    bool answered =
        subject_ready(subject) && send_bytes(subject, buffer.at, buffer.length) && take_answer(subject, 9, &frame);
    const char *why = answered ? NULL : subject->problem;
    if (answered && frame.type == FRAME_RESULT && event_find(frame.header, "echoed", &echoed)) {
        sent = bytes_of("Gr\xc3\xbc\xc3\x9f"
                        "e, \xe4\xb8\x96\xe7\x95\x8c");
        why = bytes_equal(sent, echoed) ? NULL : "an attribute came back changed";
    }
    event_buffer_free(&buffer);
    return why;
}

static const char *check_many_calls(struct subject *subject)
{
    if (!subject_ready(subject)) {
        return subject->problem;
    }
    for (int i = 0; i < CHECK_CALLS; i++) {
        if (!call(subject, (uint16_t)(1 + i * 131 % 65535), small_data)) {
            return subject->problem;
        }
    }
    return NULL;
}

static const char *check_odd_data(struct subject *subject)
{
    static const uint8_t binary[] = { 0, 255, 128, 10, 13, 0 };
    bool answered = subject_ready(subject) && call(subject, 65535, (struct bytes){ 0 }) &&
                    call(subject, 2, (struct bytes){ binary, sizeof binary }) && call(subject, 3, small_data);
    return answered ? NULL : subject->problem;
}

static const char *check_large(struct subject *subject)
{
    uint8_t *data = malloc(CHECK_LARGE_BYTES);
    if (data == NULL) {
        return "out of memory";
    }
    memset(data, 'x', CHECK_LARGE_BYTES);
    data[0] = data[CHECK_LARGE_BYTES - 1] = '"';
    bool answered = subject_ready(subject) && call(subject, 1, (struct bytes){ data, CHECK_LARGE_BYTES }) &&
                    call(subject, 2, small_data);
    free(data);
    return answered ? NULL : subject->problem;
}

static const char *check_split(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    call_frame(&buffer, 5, small_data);
    bool good = subject_ready(subject);
    for (size_t i = 0; good && i < buffer.length; i++) {
        good = send_bytes(subject, buffer.at + i, 1);
        if (i % 16 == 0) {
            usleep(1000); /* let it read a part */
        }
    }
    good = good && take_answer(subject, 5, &frame);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

static const char *check_optional(struct subject *subject)
{
    bool good = subject_ready(subject) &&
                send_frame(subject, 0xee, FRAME_OPTIONAL, 77, (struct bytes){ 0 }, bytes_of("skip me")) &&
                call(subject, 1, small_data);
    return good ? NULL : subject->problem;
}

static const char *check_ping(struct subject *subject)
{
    struct frame frame;
    bool good = subject_ready(subject) &&
                send_frame(subject, FRAME_PING, 0, 0, (struct bytes){ 0 }, bytes_of("are you there?")) &&
                expect(subject, FRAME_PONG, &frame);
    if (!good) {
        return subject->problem;
    }
    return bytes_equal_text(frame.body, "are you there?") ? NULL : "PONG does not carry PING's bytes";
}

static const char *check_cancel(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes none = { 0 };
    bool good = subject_ready(subject) && send_frame(subject, FRAME_CANCEL, 0, 40, none, none);
    call_frame(&buffer, 41, small_data);
    good = good && send_bytes(subject, buffer.at, buffer.length) &&
           send_frame(subject, FRAME_CANCEL, 0, 41, none, none) && take_answer(subject, 41, &frame) &&
           call(subject, 42, small_data);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

static const char *check_stop(struct subject *subject)
{
    struct bytes none = { 0 };
    if (!subject_ready(subject) || !call(subject, 1, small_data) ||
        !send_frame(subject, FRAME_STOP, 0, 0, none, none)) {
        return subject->problem;
    }
    if (!subject_await_exit(subject)) {
        return "it does not exit after STOP";
    }
    return subject->exit_status == 0 ? NULL : "its exit status after STOP is not 0";
}

static const char *check_end(struct subject *subject)
{
    if (!subject_ready(subject)) {
        return subject->problem;
    }
    shutdown(subject->channel_fd, SHUT_RDWR);
    return subject_await_exit(subject) ? NULL : "it lives on after the end of fd 3";
}

static const char *check_garbage(struct subject *subject)
{
    uint8_t garbage[64];
    memset(garbage, 0xff, sizeof garbage);
    if (!subject_ready(subject) || !send_bytes(subject, garbage, sizeof garbage)) {
        return subject->problem;
    }
    if (!subject_await_exit(subject)) {
        return "it does not exit after a frame with a wrong length";
    }
    return subject->exit_status != 0 ? NULL : "its exit status after garbage is 0";
}

static const char *check_unknown(struct subject *subject)
{
    struct bytes none = { 0 };
    if (!subject_ready(subject) || !send_frame(subject, 0xee, 0, 0, none, none)) {
        return subject->problem;
    }
    if (!subject_await_exit(subject)) {
        return "it does not exit after an unknown frame that is not optional";
    }
    return subject->exit_status != 0 ? NULL : "its exit status after an unknown frame is 0";
}

static const struct {
    const char *name;
    const char *(*run)(struct subject *subject);
} checks[] = {
    { "says HELLO, takes CONFIG, says READY", check_handshake },
    { "answers a call once, with a valid event or an error", check_call },
    { "leaves attributes untouched", check_attribute },
    { "answers many calls on changing streams", check_many_calls },
    { "takes empty and binary data", check_odd_data },
    { "takes 700 kB", check_large },
    { "takes a frame byte by byte", check_split },
    { "skips an unknown optional frame", check_optional },
    { "answers PING with its bytes", check_ping },
    { "answers a cancelled call once and ignores a stray CANCEL", check_cancel },
    { "exits with 0 after STOP", check_stop },
    { "exits when the host goes", check_end },
    { "exits with an error after garbage", check_garbage },
    { "exits with an error after an unknown frame", check_unknown },
};

static int run_checks(struct subject *subject)
{
    size_t count = sizeof checks / sizeof checks[0];
    int failures = 0;
    printf("TAP version 13\n1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        const char *why = subject_start(subject) ? checks[i].run(subject) : subject->problem;
        printf("%sok %zu - %s\n", why == NULL ? "" : "not ", i + 1, checks[i].name);
        if (why != NULL) {
            printf("# %s\n", why);
            failures++;
        }
        fflush(stdout);
        subject_end(subject);
    }
    return failures == 0 ? 0 : 1;
}

/* The command line to run: an absolute path for the program, an interpreter before a script. */
static bool subject_command(int argc, char **argv, const char **ret_command, int command_max)
{
    static char runner[4096];
    int count = 0;
    size_t length = strlen(argv[0]);
    if (length > 3 && strcmp(argv[0] + length - 3, ".py") == 0) {
        ret_command[count++] = "/usr/bin/python3";
        const char *sdk = getenv("STEAD_SDK");
        if (sdk != NULL) {
            snprintf(runner, sizeof runner, "%s/python/stead/__main__.py", sdk);
            ret_command[count++] = runner;
        }
    }
    char *path = realpath(argv[0], NULL); /* kept: the program runs in a folder of its own */
    if (path == NULL || argc > command_max - count - 1) {
        fprintf(stderr, "stead: plugin check: %s: %s\n", argv[0],
                path == NULL ? strerror(errno) : "too many arguments");
        free(path);
        return false;
    }
    ret_command[count++] = path;
    for (int i = 1; i < argc; i++) {
        ret_command[count++] = argv[i];
    }
    ret_command[count] = NULL;
    return true;
}

int plugin_check_main(int argc, char **argv)
{
    const char *command[64];
    if (argc < 2) {
        fprintf(stderr, "usage: stead plugin check PROGRAM [ARGUMENT…]\n");
        return 2;
    }
    if (!subject_command(argc - 1, argv + 1, command, 64)) {
        return 2;
    }
    struct subject subject = { .argv = command, .channel_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
    int result = spawner_start(NULL, &subject.spawner);
    if (result == 0) {
        result = loop_create(&subject.loop);
    }
    if (result == 0) {
        result = spawner_attach(subject.spawner, subject.loop, on_spawner_event, &subject);
    }
    if (result != 0) {
        fprintf(stderr, "stead: plugin check: %s\n", strerror(-result));
    } else {
        result = run_checks(&subject);
    }
    spawner_stop(subject.spawner);
    loop_free(subject.loop);
    free(subject.input);
    return result == 0 ? 0 : 1;
}
