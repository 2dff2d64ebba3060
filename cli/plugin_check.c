/* The conformance program. Every check is a conversation with a fresh process over a raw channel, written with the
 * codec alone (not with the host of adapters/plugin, so that neither can hide the other's mistakes): a table of
 * named functions that give NULL or what went wrong. A plugin may answer a call with RESULT or ERROR as it likes;
 * what is checked is the protocol. Reads have a deadline, so a plugin that hangs fails its check and is killed. */
#include "cli/plugin_check.h"

#include "adapters/loop/loop.h"
#include "cli/plugin_subject.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHECK_CALLS = 500, CHECK_LARGE_BYTES = 700 * 1024 };

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
    if (!subject_receive(subject, ret_frame)) {
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
            subject_problem(subject, why);
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
    bool answered = subject_send_bytes(subject, buffer.at, buffer.length) && take_answer(subject, stream, &frame);
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
    bool answered = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length) &&
                    take_answer(subject, 9, &frame);
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
        good = subject_send_bytes(subject, buffer.at + i, 1);
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
                subject_send(subject, 0xee, FRAME_OPTIONAL, 77, (struct bytes){ 0 }, bytes_of("skip me")) &&
                call(subject, 1, small_data);
    return good ? NULL : subject->problem;
}

static const char *check_ping(struct subject *subject)
{
    struct frame frame;
    bool good = subject_ready(subject) &&
                subject_send(subject, FRAME_PING, 0, 0, (struct bytes){ 0 }, bytes_of("are you there?")) &&
                subject_expect(subject, FRAME_PONG, &frame);
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
    bool good = subject_ready(subject) && subject_send(subject, FRAME_CANCEL, 0, 40, none, none);
    call_frame(&buffer, 41, small_data);
    good = good && subject_send_bytes(subject, buffer.at, buffer.length) &&
           subject_send(subject, FRAME_CANCEL, 0, 41, none, none) && take_answer(subject, 41, &frame) &&
           call(subject, 42, small_data);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

static const char *check_stop(struct subject *subject)
{
    struct bytes none = { 0 };
    if (!subject_ready(subject) || !call(subject, 1, small_data) ||
        !subject_send(subject, FRAME_STOP, 0, 0, none, none)) {
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
    if (!subject_ready(subject) || !subject_send_bytes(subject, garbage, sizeof garbage)) {
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
    if (!subject_ready(subject) || !subject_send(subject, 0xee, 0, 0, none, none)) {
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
    static char runner[PATH_MAX + 64];
    static char path[PATH_MAX];
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
    /* Absolute, since the program runs in a folder of its own. */
    if (realpath(argv[0], path) == NULL) {
        fprintf(stderr, "stead: plugin check: %s: %s\n", argv[0], strerror(errno));
        return false;
    }
    if (argc > command_max - count - 1) {
        fprintf(stderr, "stead: plugin check: more than %d arguments\n", command_max - count - 1);
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
        result = spawner_attach(subject.spawner, subject.loop, subject_on_spawner_event, &subject);
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
