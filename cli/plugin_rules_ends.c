/* The rules of ends: what breaks the protocol must end the process with status 65, and STOP and the end of the channel
 * must end it in time. */
#include "cli/plugin_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { EXIT_STATUS_PROTOCOL = 65, CHECK_FRAME_LIMIT_BYTES = 256 * 1024 };

static const struct bytes none;

/* NULL if it exits with that status. */
static const char *exits_with(struct subject *subject, int status, const char *after)
{
    if (!subject_await_exit(subject)) {
        snprintf(subject->problem, sizeof subject->problem, "it does not exit after %s", after);
    } else if (subject->exit_status != status) {
        snprintf(subject->problem, sizeof subject->problem, "its exit status after %s is %d instead of %d", after,
                 subject->exit_status, status);
    } else {
        return NULL;
    }
    return subject->problem;
}

/* Sends the bytes to a ready plugin, which must end for it. Sending may fail half-way: it is gone by then. */
static const char *broken_by(struct subject *subject, struct bytes bytes, const char *what)
{
    if (!subject_ready(subject)) {
        return subject->problem;
    }
    subject_send_bytes(subject, bytes.at, bytes.length);
    return exits_with(subject, EXIT_STATUS_PROTOCOL, what);
}

/* ---- STOP and the end of the channel ---- */

static const char *check_stop(struct subject *subject)
{
    if (!subject_ready(subject) || !rule_call(subject, 1, rule_small_data) ||
        !subject_send(subject, FRAME_STOP, 0, 0, none, none)) {
        return subject->problem;
    }
    return exits_with(subject, 0, "STOP");
}

/* STOP right behind as many calls as it takes: they are answered first. */
static const char *check_stop_open(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    if (!subject_ready(subject)) {
        return subject->problem;
    }
    uint32_t count = rule_calls_open_max(subject);
    for (uint32_t i = 1; i <= count; i++) {
        rule_call_frame(&buffer, (uint16_t)i, rule_small_data);
    }
    frame_append(&buffer, (struct frame){ .type = FRAME_STOP }, UINT32_MAX);
    bool good = subject_send_bytes(subject, buffer.at, buffer.length);
    for (uint32_t i = 1; good && i <= count; i++) {
        good = subject_receive(subject, &frame);
        if (good && frame.type != FRAME_RESULT && frame.type != FRAME_ERROR) {
            subject_problem(subject, "it did not answer the calls that were open when STOP came");
            good = false;
        }
    }
    event_buffer_free(&buffer);
    return good ? exits_with(subject, 0, "STOP") : subject->problem;
}

/* The host lets go; the exit status is the plugin's own business. */
static const char *let_go(struct subject *subject, const char *otherwise)
{
    shutdown(subject->channel_fd, SHUT_RDWR);
    return subject_await_exit(subject) ? NULL : otherwise;
}

static const char *check_end(struct subject *subject)
{
    return subject_ready(subject) ? let_go(subject, "it lives on after the end of fd 3") : subject->problem;
}

static const char *check_end_in_frame(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    rule_call_frame(&buffer, 1, rule_small_data);
    bool good = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length / 2);
    event_buffer_free(&buffer);
    return good ? let_go(subject, "it lives on after fd 3 ended in the middle of a frame") : subject->problem;
}

static const char *check_end_in_call(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    rule_call_frame(&buffer, 1, rule_small_data);
    bool good = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length);
    event_buffer_free(&buffer);
    return good ? let_go(subject, "it lives on after fd 3 ended during a call") : subject->problem;
}

/* ---- what breaks the protocol ---- */

static const char *check_garbage(struct subject *subject)
{
    uint8_t garbage[64];
    memset(garbage, 0xff, sizeof garbage);
    return broken_by(subject, (struct bytes){ garbage, sizeof garbage }, "garbage");
}

static const char *check_length(struct subject *subject)
{
    static const uint8_t short_frame[] = { 7, 0, 0, 0, FRAME_PING, 0, 0, 0, 0, 0, 0, 0 };
    return broken_by(subject, (struct bytes){ short_frame, sizeof short_frame }, "a frame of length 7");
}

static const char *check_over_limit(struct subject *subject)
{
    uint8_t prefix[FRAME_PREFIX_BYTES];
    subject->limits.frame_bytes_max = CHECK_FRAME_LIMIT_BYTES;
    frame_prefix(prefix, FRAME_CALL, 0, 1, 0, CHECK_FRAME_LIMIT_BYTES - FRAME_LENGTH_MIN + 1, UINT32_MAX);
    return broken_by(subject, (struct bytes){ prefix, sizeof prefix }, "the prefix of a frame over CONFIG's limit");
}

static const char *check_header_length(struct subject *subject)
{
    static const uint8_t frame[] = { 10, 0, 0, 0, FRAME_CALL, 0, 1, 0, 3, 0, 0, 0, 'h', 'i' };
    return broken_by(subject, (struct bytes){ frame, sizeof frame }, "a header that is longer than its frame");
}

static const char *check_flags(struct subject *subject)
{
    static const uint8_t frame[] = { 8, 0, 0, 0, FRAME_PING, 4, 0, 0, 0, 0, 0, 0 };
    return broken_by(subject, (struct bytes){ frame, sizeof frame }, "an unknown flag");
}

static const char *check_block(struct subject *subject)
{
    static const uint8_t frame[] = { 13, 0, 0, 0, FRAME_CALL, 0, 1, 0, 5, 0, 0, 0, 1, 'a', 9, 0, 'x' };
    return broken_by(subject, (struct bytes){ frame, sizeof frame }, "a CALL with a malformed header");
}

static const char *sends_one(struct subject *subject, uint8_t type, const char *what)
{
    if (!subject_ready(subject) || !subject_send(subject, type, 0, 0, none, none)) {
        return subject->problem;
    }
    return exits_with(subject, EXIT_STATUS_PROTOCOL, what);
}

static const char *check_unknown(struct subject *subject)
{
    return sends_one(subject, 0xee, "an unknown frame that is not optional");
}

static const char *check_direction(struct subject *subject)
{
    return sends_one(subject, FRAME_READY, "a frame that only plugins send");
}

static const char *check_time(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    rule_call_frame(&buffer, 1, rule_small_data);
    bool good = subject_greeted(subject) && subject_send_bytes(subject, buffer.at, buffer.length);
    event_buffer_free(&buffer);
    return good ? exits_with(subject, EXIT_STATUS_PROTOCOL, "a CALL where CONFIG was due") : subject->problem;
}

static const char *check_version(struct subject *subject)
{
    struct event_buffer header = { 0 };
    event_buffer_attribute_text(&header, ":pipe", "2");
    bool good = subject_greeted(subject) &&
                subject_send(subject, FRAME_CONFIG, 0, 0, (struct bytes){ header.at, header.length }, none);
    event_buffer_free(&header);
    return good ? exits_with(subject, EXIT_STATUS_PROTOCOL, "a CONFIG of version 2") : subject->problem;
}

const struct plugin_rule plugin_rules_of_ends[] = {
    { "exits with 0 after STOP", check_stop },
    { "answers what is open, then exits with 0 after STOP", check_stop_open },
    { "exits when the host goes", check_end },
    { "exits when the host goes in the middle of a frame", check_end_in_frame },
    { "exits when the host goes during a call", check_end_in_call },
    { "exits with 65 after garbage", check_garbage },
    { "exits with 65 after a frame of length 7", check_length },
    { "exits with 65 after a frame over the limit", check_over_limit },
    { "exits with 65 after a header longer than its frame", check_header_length },
    { "exits with 65 after an unknown flag", check_flags },
    { "exits with 65 after a malformed header", check_block },
    { "exits with 65 after an unknown frame", check_unknown },
    { "exits with 65 after a frame of the wrong direction", check_direction },
    { "exits with 65 after a CALL before CONFIG", check_time },
    { "exits with 65 after a CONFIG of another version", check_version },
    { NULL, NULL },
};
