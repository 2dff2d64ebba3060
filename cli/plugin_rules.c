/* The rules of calls: what a plugin says and answers while all goes well. Written with the codec alone (not with the
 * host of adapters/plugin, so that neither can hide the other's mistakes). A plugin may answer a call with RESULT or
 * ERROR as it likes; what is checked is the protocol. Reads have a deadline, so a plugin that hangs breaks its rule. */
#include "cli/plugin_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHECK_CALLS = 500,
    CHECK_LARGE_BYTES = 700 * 1024,
    CHECK_OPEN_MAX = 64,
    CHECK_FRAME_LIMIT_BYTES = 1024 * 1024,
    CHECK_RESULT_LIMIT_BYTES = 700,
};

void rule_call_frame(struct event_buffer *buffer, uint16_t stream, struct bytes data)
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
bool rule_take_answer(struct subject *subject, uint16_t stream, struct frame *ret_frame)
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

bool rule_call(struct subject *subject, uint16_t stream, struct bytes data)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    rule_call_frame(&buffer, stream, data);
    bool answered = subject_send_bytes(subject, buffer.at, buffer.length) && rule_take_answer(subject, stream, &frame);
    event_buffer_free(&buffer);
    return answered;
}

const struct bytes rule_small_data = { (const uint8_t *)"{\"text\":\"one two\",\"values\":[1,2]}", 34 };

uint32_t rule_calls_open_max(const struct subject *subject)
{
    uint32_t count = subject->concurrency + (subject->concurrency == 1 && subject->ahead ? 3 : 0);
    return count < CHECK_OPEN_MAX ? count : CHECK_OPEN_MAX;
}

/* ---- the rules: NULL, or what went wrong ---- */

static const char *check_handshake(struct subject *subject)
{
    return subject_ready(subject) ? NULL : subject->problem;
}

static const char *check_call(struct subject *subject)
{
    return subject_ready(subject) && rule_call(subject, 1, rule_small_data) ? NULL : subject->problem;
}

static const char *check_attribute(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes sent = { 0 };
    struct bytes echoed = { 0 };
    rule_call_frame(&buffer, 9, rule_small_data);
    bool answered = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length) &&
                    rule_take_answer(subject, 9, &frame);
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
        if (!rule_call(subject, (uint16_t)(1 + i * 131 % 65535), rule_small_data)) {
            return subject->problem;
        }
    }
    return NULL;
}

static const char *check_odd_data(struct subject *subject)
{
    static const uint8_t binary[] = { 0, 255, 128, 10, 13, 0 };
    bool answered = subject_ready(subject) && rule_call(subject, 65535, (struct bytes){ 0 }) &&
                    rule_call(subject, 2, (struct bytes){ binary, sizeof binary }) &&
                    rule_call(subject, 3, rule_small_data);
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
    bool answered = subject_ready(subject) && rule_call(subject, 1, (struct bytes){ data, CHECK_LARGE_BYTES }) &&
                    rule_call(subject, 2, rule_small_data);
    free(data);
    return answered ? NULL : subject->problem;
}

static const char *check_split(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    rule_call_frame(&buffer, 5, rule_small_data);
    bool good = subject_ready(subject);
    for (size_t i = 0; good && i < buffer.length; i++) {
        good = subject_send_bytes(subject, buffer.at + i, 1);
        if (i % 16 == 0) {
            usleep(1000); /* let it read a part */
        }
    }
    good = good && rule_take_answer(subject, 5, &frame);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

static const char *check_optional(struct subject *subject)
{
    bool good = subject_ready(subject) &&
                subject_send(subject, 0xee, FRAME_OPTIONAL, 77, (struct bytes){ 0 }, bytes_of("skip me")) &&
                rule_call(subject, 1, rule_small_data);
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
    rule_call_frame(&buffer, 41, rule_small_data);
    good = good && subject_send_bytes(subject, buffer.at, buffer.length) &&
           subject_send(subject, FRAME_CANCEL, 0, 41, none, none) && rule_take_answer(subject, 41, &frame) &&
           rule_call(subject, 42, rule_small_data);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

/* As many as it takes, in one piece; each is answered once, in any order. */
static const char *check_in_flight(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    bool open[CHECK_OPEN_MAX + 1] = { false };
    if (!subject_ready(subject)) {
        return subject->problem;
    }
    uint32_t count = rule_calls_open_max(subject);
    for (uint32_t i = 1; i <= count; i++) {
        rule_call_frame(&buffer, (uint16_t)(i * 1000), rule_small_data);
        open[i] = true;
    }
    bool good = subject_send_bytes(subject, buffer.at, buffer.length);
    for (uint32_t i = 1; good && i <= count; i++) {
        good = subject_receive(subject, &frame);
        uint32_t stream = good ? frame.stream / 1000u : 0;
        bool answer = good && (frame.type == FRAME_RESULT || frame.type == FRAME_ERROR);
        if (good && (!answer || frame.stream % 1000u != 0 || stream > count || !open[stream])) {
            subject_problem(subject, "it answered a stream that was not open, or twice");
            good = false;
        } else if (good) {
            open[stream] = false;
        }
    }
    event_buffer_free(&buffer);
    return good && rule_call(subject, 1, rule_small_data) ? NULL : subject->problem;
}

/* Two frames and a half in one piece, then the other half. */
static const char *check_glued(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes none = { 0 };
    frame_append(&buffer, (struct frame){ .type = 0xee, .flags = FRAME_OPTIONAL, .body = rule_small_data }, UINT32_MAX);
    frame_append(&buffer, (struct frame){ .type = FRAME_PING, .header = none, .body = bytes_of("1") }, UINT32_MAX);
    size_t half = buffer.length;
    rule_call_frame(&buffer, 6, rule_small_data);
    half += (buffer.length - half) / 2;
    bool good = subject_ready(subject) && subject_send_bytes(subject, buffer.at, half) &&
                subject_expect(subject, FRAME_PONG, &frame) &&
                subject_send_bytes(subject, buffer.at + half, buffer.length - half) &&
                rule_take_answer(subject, 6, &frame);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

/* A CALL whose length is the limit to the byte. */
static const char *check_frame_limit(struct subject *subject)
{
    struct event_buffer empty = { 0 };
    struct event_buffer buffer = { 0 };
    struct frame frame;
    rule_call_frame(&empty, 1, (struct bytes){ 0 });
    size_t length = CHECK_FRAME_LIMIT_BYTES + 4 - empty.length;
    uint8_t *data = malloc(length);
    if (data != NULL) {
        memset(data, ' ', length);
        data[0] = '1';
        rule_call_frame(&buffer, 1, (struct bytes){ data, length });
    }
    subject->limits.frame_bytes_max = CHECK_FRAME_LIMIT_BYTES;
    bool good = data != NULL && subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length) &&
                rule_take_answer(subject, 1, &frame) && rule_call(subject, 2, rule_small_data);
    free(data);
    event_buffer_free(&empty);
    event_buffer_free(&buffer);
    return good ? NULL : subject->problem;
}

static const char *check_result_limit(struct subject *subject)
{
    uint8_t data[8 * CHECK_RESULT_LIMIT_BYTES];
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes class = { 0 };
    memset(data, 'x', sizeof data);
    data[0] = data[sizeof data - 1] = '"';
    subject->limits.result_bytes_max = CHECK_RESULT_LIMIT_BYTES;
    rule_call_frame(&buffer, 1, (struct bytes){ data, sizeof data });
    bool good = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length) &&
                rule_take_answer(subject, 1, &frame);
    event_buffer_free(&buffer);
    if (!good) {
        return subject->problem;
    }
    if (frame.type == FRAME_RESULT) {
        bool small = frame.header.length + frame.body.length <= CHECK_RESULT_LIMIT_BYTES;
        return small ? NULL : "its RESULT is larger than :result-bytes-max";
    }
    return event_find(frame.header, ":class", &class) ? NULL : "its ERROR has no :class";
}

static void entry_frame(struct event_buffer *buffer, uint16_t stream, int entries, const char *budget)
{
    struct event_buffer header = { 0 };
    char name[16];
    if (budget != NULL) {
        event_buffer_attribute_text(&header, ":budget-ms", budget);
    }
    event_buffer_attribute_text(&header, "specversion", "1.0");
    event_buffer_attribute_text(&header, "id", "check-1");
    event_buffer_attribute_text(&header, "source", "/check");
    event_buffer_attribute_text(&header, "type", "check.call.v1");
    event_buffer_attribute_text(&header, "test", "first");
    event_buffer_attribute_text(&header, "test", "second");
    for (int i = budget != NULL ? 7 : 6; i < entries; i++) {
        snprintf(name, sizeof name, "extra%d", i);
        event_buffer_attribute_text(&header, name, "");
    }
    struct frame frame = { .type = FRAME_CALL, .stream = stream, .header = { header.at, header.length } };
    frame_append(buffer, frame, UINT32_MAX - 64);
    event_buffer_free(&header);
}

/* A header with as many entries as one may have; the first of two entries of a name counts. */
static const char *check_entries(struct subject *subject)
{
    struct event_buffer buffer = { 0 };
    struct frame frame;
    struct bytes echoed = { 0 };
    entry_frame(&buffer, 4, FRAME_ENTRIES_MAX, NULL);
    bool good = subject_ready(subject) && subject_send_bytes(subject, buffer.at, buffer.length) &&
                rule_take_answer(subject, 4, &frame);
    event_buffer_free(&buffer);
    if (!good) {
        return subject->problem;
    }
    bool echoes = frame.type == FRAME_RESULT && event_find(frame.header, "echoed", &echoed);
    return !echoes || bytes_equal_text(echoed, "first") ? NULL : "of two entries with one name the last counted";
}

/* Without a budget, with none left, and with the longest: each is answered all the same. */
static const char *check_budgets(struct subject *subject)
{
    static const char *const budgets[] = { NULL, "0", "1", "18446744073709551615" };
    struct frame frame;
    bool good = subject_ready(subject);
    for (size_t i = 0; good && i < sizeof budgets / sizeof budgets[0]; i++) {
        struct event_buffer buffer = { 0 };
        entry_frame(&buffer, (uint16_t)(i + 1), 0, budgets[i]);
        good = subject_send_bytes(subject, buffer.at, buffer.length) &&
               rule_take_answer(subject, (uint16_t)(i + 1), &frame);
        event_buffer_free(&buffer);
    }
    return good ? NULL : subject->problem;
}

const struct plugin_rule plugin_rules_of_calls[] = {
    { "says HELLO, takes CONFIG, says READY", check_handshake },
    { "answers a call once, with a valid event or an error", check_call },
    { "leaves attributes untouched", check_attribute },
    { "takes 128 entries, and the first of two with one name", check_entries },
    { "answers many calls on changing streams", check_many_calls },
    { "answers as many calls in flight as it takes, each once", check_in_flight },
    { "answers whatever the budget is", check_budgets },
    { "takes empty and binary data", check_odd_data },
    { "takes 700 kB", check_large },
    { "takes a frame as large as CONFIG allows", check_frame_limit },
    { "sends no result that is larger than CONFIG allows", check_result_limit },
    { "takes a frame byte by byte", check_split },
    { "takes two frames and a half at once", check_glued },
    { "skips an unknown optional frame", check_optional },
    { "answers PING with its bytes", check_ping },
    { "answers a cancelled call once and ignores a stray CANCEL", check_cancel },
    { NULL, NULL },
};
