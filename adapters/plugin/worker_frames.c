/* What a worker's frames mean. Each frame is checked for who may send it and when (docs/reference/pipe-1.md, "End");
 * any offence breaks the worker. An answer to a stream that is not open is no offence: its call may be over for us. */
#include "adapters/plugin/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_TEXT_BYTES_MAX = 8192, ERROR_TYPE_BYTES_MAX = 128 };

bool worker_stream_open(struct worker *worker, uint16_t stream)
{
    size_t word = stream / 64u;
    if (word >= worker->open_words) {
        uint64_t *grown = realloc(worker->open_streams, (word + 1) * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        memset(grown + worker->open_words, 0, (word + 1 - worker->open_words) * sizeof *grown);
        worker->open_streams = grown;
        worker->open_words = word + 1;
    }
    worker->open_streams[word] |= 1ull << (stream % 64u);
    return true;
}

bool worker_stream_close(struct worker *worker, uint16_t stream)
{
    size_t word = stream / 64u;
    uint64_t bit = 1ull << (stream % 64u);
    if (word >= worker->open_words || (worker->open_streams[word] & bit) == 0) {
        return false;
    }
    worker->open_streams[word] &= ~bit;
    return true;
}

void worker_refuse(struct worker *worker, uint16_t stream)
{
    uint16_t *grown = realloc(worker->refused, (worker->refused_count + 1) * sizeof *grown);
    if (grown == NULL) {
        worker_break(worker, "out of memory for a call to it");
        return;
    }
    worker->refused = grown;
    worker->refused[worker->refused_count++] = stream;
    worker_mark_dirty(worker);
}

static void worker_emit_error(struct worker *worker, uint16_t stream, const char *type, const char *text)
{
    struct plugin_event event = { .kind = PLUGIN_ERROR,
                                  .stream = stream,
                                  .error_class = PLUGIN_PERMANENT,
                                  .type = bytes_of(type),
                                  .text = bytes_of(text) };
    worker_emit(worker, &event);
}

void worker_report_refused(struct worker *worker)
{
    size_t count = worker->refused_count; /* on_event may refuse more: those are for the next turn */
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count && !worker->forgotten; i++) {
        worker_emit_error(worker, worker->refused[i], "input-too-large", "the event does not fit into a frame");
    }
    memmove(worker->refused, worker->refused + count, (worker->refused_count - count) * sizeof *worker->refused);
    worker->refused_count -= count;
}

static bool list_has(struct bytes list, char wanted)
{
    for (size_t i = 0; i < list.length; i++) {
        bool starts = i == 0 || list.at[i - 1] == ',' || list.at[i - 1] == ' ';
        bool ends = i + 1 == list.length || list.at[i + 1] == ',' || list.at[i + 1] == ' ';
        if (starts && ends && list.at[i] == (uint8_t)wanted) {
            return true;
        }
    }
    return false;
}

/* True if the comma-separated list holds exactly that word. */
static bool list_has_word(struct bytes list, const char *word)
{
    size_t start = 0;
    for (size_t i = 0; i <= list.length; i++) {
        if (i == list.length || list.at[i] == ',') {
            if (bytes_equal_text((struct bytes){ list.at + start, i - start }, word)) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

/* The number of calls that HELLO or READY names; keeps what was known if there is none. */
static bool worker_take_concurrency(struct worker *worker, struct bytes header)
{
    struct bytes text;
    uint64_t value = 0;
    if (!event_find(header, ":concurrency", &text)) {
        return true;
    }
    if (!event_find_u64(header, ":concurrency", &value) || value < 1 || value > UINT16_MAX) {
        worker_break(worker, "its :concurrency is not a number from 1 to 65535");
        return false;
    }
    worker->concurrency = (uint32_t)value;
    return true;
}

static void worker_send_config(struct worker *worker)
{
    const struct plugin_host_options *options = &worker->host->options;
    struct event_buffer header = { 0 };
    event_buffer_attribute_text(&header, ":pipe", "1");
    event_buffer_attribute_text(&header, ":function", worker->function);
    event_buffer_attribute_text(&header, ":version", worker->version);
    event_buffer_attribute_text(&header, ":instance", worker->host->instance);
    event_buffer_attribute_u64(&header, ":frame-bytes-max", options->frame_bytes_max);
    event_buffer_attribute_u64(&header, ":result-bytes-max", options->result_bytes_max);
    if (header.failed) {
        worker_break(worker, "out of memory for its configuration");
    } else {
        channel_put(&worker->channel, FRAME_CONFIG, 0, (struct bytes){ header.at, header.length }, (struct bytes){ 0 },
                    (struct bytes){ 0 });
        worker->channel.length_max = options->frame_bytes_max;
        worker_mark_dirty(worker);
    }
    event_buffer_free(&header);
}

static void worker_on_hello(struct worker *worker, const struct frame *frame)
{
    struct bytes versions = { 0 };
    struct bytes sdk = { 0 };
    struct bytes features = { 0 };
    if (!event_find(frame->header, ":pipe", &versions) || !list_has(versions, '1')) {
        worker_break(worker, "its HELLO does not offer version 1 of the protocol; rebuild it with a matching SDK");
        return;
    }
    worker->concurrency = 1;
    if (!worker_take_concurrency(worker, frame->header)) {
        return;
    }
    worker->ahead = event_find(frame->header, ":features", &features) && list_has_word(features, "ahead");
    event_find(frame->header, ":sdk", &sdk);
    snprintf(worker->sdk, sizeof worker->sdk, "%.*s", (int)(sdk.length > 63 ? 63 : sdk.length),
             sdk.at != NULL ? (const char *)sdk.at : "");
    worker->phase = WORKER_CONFIGURED;
    worker_send_config(worker);
}

static void worker_on_ready(struct worker *worker, const struct frame *frame)
{
    if (!worker_take_concurrency(worker, frame->header)) {
        return;
    }
    worker->phase = WORKER_READY;
    struct plugin_event event = {
        .kind = PLUGIN_READY, .concurrency = worker->concurrency, .ahead = worker->ahead, .text = bytes_of(worker->sdk)
    };
    worker_emit(worker, &event);
}

static void worker_on_result(struct worker *worker, const struct frame *frame)
{
    if (frame_block_has_control(frame->header)) {
        worker_break(worker, "a RESULT of it has control entries in its header");
        return;
    }
    if (!worker_stream_close(worker, frame->stream)) {
        return;
    }
    size_t size = frame->header.length + frame->body.length;
    uint32_t size_max = worker->host->options.result_bytes_max;
    if (size > size_max) {
        char text[128];
        snprintf(text, sizeof text, "the result has %zu bytes; the limit is %u", size, size_max);
        worker_emit_error(worker, frame->stream, "result-too-large", text);
        return;
    }
    const char *problem = frame_result_problem(frame->header);
    if (problem != NULL) {
        worker_emit_error(worker, frame->stream, "invalid-result", problem);
        return;
    }
    struct plugin_event event = { .kind = PLUGIN_RESULT,
                                  .stream = frame->stream,
                                  .event = { .block = frame->header, .data = frame->body } };
    worker_emit(worker, &event);
}

/* Cuts text without leaving half a UTF-8 character. */
static struct bytes text_cut(struct bytes text, size_t length_max)
{
    if (text.length > length_max) {
        text.length = length_max;
        while (text.length > 0 && (text.at[text.length] & 0xc0) == 0x80) {
            text.length--;
        }
    }
    return text;
}

static void worker_on_error(struct worker *worker, const struct frame *frame)
{
    bool initialising = worker->phase != WORKER_READY && frame->stream == 0;
    if (!initialising && !worker_stream_close(worker, frame->stream)) {
        return;
    }
    struct plugin_event event = { .kind = PLUGIN_ERROR, .stream = frame->stream, .error_class = PLUGIN_RETRY };
    struct bytes class = { 0 };
    if (event_find(frame->header, ":class", &class)) {
        event.error_class = bytes_equal_text(class, "permanent")  ? PLUGIN_PERMANENT
                            : bytes_equal_text(class, "throttle") ? PLUGIN_THROTTLE
                                                                  : PLUGIN_RETRY;
    }
    event_find_u64(frame->header, ":after-ms", &event.after_ms);
    event_find(frame->header, ":type", &event.type);
    event.type = text_cut(event.type, ERROR_TYPE_BYTES_MAX);
    event.text = text_cut(frame->body, ERROR_TEXT_BYTES_MAX);
    worker_emit(worker, &event);
}

static void worker_on_log(struct worker *worker, const struct frame *frame)
{
    static const struct {
        const char *name;
        enum plugin_log_level level;
    } levels[] = { { "debug", PLUGIN_LOG_DEBUG },
                   { "info", PLUGIN_LOG_INFO },
                   { "warn", PLUGIN_LOG_WARN },
                   { "error", PLUGIN_LOG_ERROR } };
    struct bytes name = { 0 };
    enum plugin_log_level level = PLUGIN_LOG_INFO;
    event_find(frame->header, ":level", &name);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (bytes_equal_text(name, levels[i].name)) {
            level = levels[i].level;
        }
    }
    worker_log(worker, PLUGIN_LOG_FRAME, level, frame->stream,
               text_cut(frame->body, worker->host->options.log_line_bytes_max), frame->header);
}

static void worker_on_pong(struct worker *worker)
{
    struct plugin_event event = { .kind = PLUGIN_PONG };
    worker_emit(worker, &event);
}

static bool frame_in_time(const struct worker *worker, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_HELLO:
        return worker->phase == WORKER_GREETING;
    case FRAME_READY:
        return worker->phase == WORKER_CONFIGURED;
    case FRAME_ERROR:
        return worker->phase == WORKER_READY || frame->stream == 0;
    case FRAME_LOG:
        return true;
    default:
        return worker->phase == WORKER_READY;
    }
}

/* NULL if the frame may come now; "" if it is to be skipped; else what is wrong with it. */
static const char *frame_offence(struct worker *worker, const struct frame *frame)
{
    char sender = frame_sender(frame->type);
    if (sender != 'p' && sender != 'h' && (frame->flags & FRAME_OPTIONAL)) {
        return "";
    }
    const char *offence = NULL;
    if (sender == 0 || sender == '-') {
        offence = "which this version does not know";
    } else if (sender == 'h') {
        offence = "which only the host may send";
    } else if (!frame_in_time(worker, frame)) {
        offence = "at the wrong time";
    }
    if (offence == NULL) {
        return NULL;
    }
    snprintf(worker->problem, sizeof worker->problem, "it sent a frame of type 0x%02x (%s), %s", frame->type,
             frame_name(frame->type), offence);
    return worker->problem;
}

static void worker_on_frame(struct worker *worker, const struct frame *frame)
{
    const char *offence = frame_offence(worker, frame);
    if (offence != NULL) {
        if (offence[0] != 0) {
            worker_break(worker, offence);
        }
        return;
    }
    switch (frame->type) {
    case FRAME_HELLO:
        worker_on_hello(worker, frame);
        break;
    case FRAME_READY:
        worker_on_ready(worker, frame);
        break;
    case FRAME_RESULT:
        worker_on_result(worker, frame);
        break;
    case FRAME_ERROR:
        worker_on_error(worker, frame);
        break;
    case FRAME_LOG:
        worker_on_log(worker, frame);
        break;
    default:
        worker_on_pong(worker);
        break;
    }
}

void worker_read_frames(struct worker *worker)
{
    struct frame frame;
    while (!worker->broken && !worker->forgotten && channel_next(&worker->channel, &frame)) {
        worker_on_frame(worker, &frame);
    }
    if (!worker->forgotten && worker->channel.state == CHANNEL_BROKEN) {
        worker_break(worker, worker->channel.problem);
    }
}
