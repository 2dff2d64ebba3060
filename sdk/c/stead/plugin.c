/* The C SDK: pipe/1 over fd 3, one call at a time.
 *
 * A frame is used where it lies in the input and consumed after its call. stead_cancelled() may read ahead, but
 * only into room that is free already, so that the event of the running call never moves. A protocol error ends the
 * process with status 65, the end of fd 3 with 0. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

stead_bytes stead_event_data(const stead_event *event)
{
    return event->data;
}

stead_bytes stead_event_attribute(const stead_event *event, const char *name)
{
    return name[0] == ':' ? (stead_bytes){ NULL, 0 } : stead_block_find(event->header, name);
}

stead_bytes stead_request_id(const stead_ctx *ctx)
{
    return ctx->event != NULL ? stead_block_find(ctx->event->header, ":request-id") : (stead_bytes){ NULL, 0 };
}

uint32_t stead_attempt(const stead_ctx *ctx)
{
    return ctx->event != NULL ? (uint32_t)stead_block_find_number(ctx->event->header, ":attempt", 1) : 1;
}

uint64_t stead_remaining_ms(const stead_ctx *ctx)
{
    uint64_t now = now_ms();
    if (ctx->deadline_ms == UINT64_MAX) {
        return UINT64_MAX;
    }
    return ctx->deadline_ms > now ? ctx->deadline_ms - now : 0;
}

int stead_cancelled(stead_ctx *ctx)
{
    if (ctx->event == NULL) {
        return 0;
    }
    if (ctx->capacity > ctx->end) {
        ssize_t got = recv(STEAD_WIRE_CHANNEL_FD, ctx->input + ctx->end, ctx->capacity - ctx->end, MSG_DONTWAIT);
        ctx->end += got > 0 ? (size_t)got : 0;
    }
    struct stead_frame frame;
    while (ctx->call_end < ctx->end && stead_parse_frame(ctx, ctx->call_end, &frame)) {
        if (frame.type == STEAD_WIRE_CANCEL && frame.stream == ctx->stream) {
            ctx->cancelled = 1;
        }
        ctx->call_end += frame.whole;
    }
    return ctx->cancelled;
}

void *stead_alloc(stead_ctx *ctx, size_t n)
{
    if (n > SIZE_MAX - sizeof(struct stead_allocation)) {
        return NULL;
    }
    struct stead_allocation *allocation = (struct stead_allocation *)calloc(1, sizeof *allocation + n);
    if (allocation == NULL) {
        return NULL;
    }
    allocation->next = ctx->allocations;
    ctx->allocations = allocation;
    return allocation->memory;
}

void stead_set_self(stead_ctx *ctx, void *self)
{
    ctx->self = self;
}

void *stead_self(const stead_ctx *ctx)
{
    return ctx->self;
}

void stead_log(stead_ctx *ctx, stead_level level, const char *format, ...)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct stead_block header = { 0 };
    stead_block_add_text(&header, ":level", names[(unsigned)level <= STEAD_ERROR ? level : STEAD_INFO]);
    if (ctx->event != NULL) {
        stead_block_add(&header, ":request-id", stead_request_id(ctx));
    }
    stead_send_block(STEAD_WIRE_LOG, ctx->stream, &header, (stead_bytes){ text, strlen(text) });
}

static void call_begin(stead_ctx *ctx, const struct stead_frame *frame, const stead_event *event)
{
    uint64_t budget_ms = stead_block_find_number(frame->header, ":budget-ms", UINT64_MAX);
    uint64_t now = now_ms();
    ctx->event = event;
    ctx->call_end = ctx->start;
    ctx->stream = frame->stream;
    ctx->deadline_ms = budget_ms > UINT64_MAX - now ? UINT64_MAX : now + budget_ms;
    ctx->reply.n = 0;
    ctx->reply.failed = 0;
    ctx->reply_data = NULL;
    ctx->reply_n = 0;
    ctx->replied = 0;
    ctx->cancelled = 0;
    ctx->failure[0] = 0;
    ctx->after_ms = 0;
}

static void call_end(stead_ctx *ctx)
{
    while (ctx->allocations != NULL) {
        struct stead_allocation *next = ctx->allocations->next;
        free(ctx->allocations);
        ctx->allocations = next;
    }
    ctx->event = NULL;
    ctx->stream = 0;
    fflush(stdout); /* so that a log line does not wait for the next call */
}

static void on_call(stead_ctx *ctx, const struct stead_frame *frame)
{
    stead_event event = { frame->header, frame->body };
    call_begin(ctx, frame, &event);
    stead_status status = ctx->plugin->execute(ctx, &event);
    if (status == STEAD_OK) {
        stead_answer_result(ctx);
    } else {
        stead_answer_failure(ctx, status, ctx->stream);
    }
    call_end(ctx);
}

static void handshake(stead_ctx *ctx)
{
    struct stead_block hello = { 0 };
    stead_block_add_text(&hello, ":pipe", "1");
    stead_block_add_text(&hello, ":sdk", "stead-c/0.1.0");
    stead_block_add_text(&hello, ":language", "c");
    stead_block_add_text(&hello, ":concurrency", "1");
    stead_block_add_text(&hello, ":features", "ahead"); /* Frames are read one by one, so calls wait in the socket. */
    stead_send_block(STEAD_WIRE_HELLO, 0, &hello, (stead_bytes){ NULL, 0 });
    struct stead_frame frame;
    stead_next_frame(ctx, &frame);
    if (frame.type != STEAD_WIRE_CONFIG) {
        stead_die("the host did not answer HELLO with CONFIG");
    }
    stead_bytes version = stead_block_find(frame.header, ":pipe");
    if (version.n != 1 || *(const char *)version.p != '1') {
        stead_die("the host does not speak pipe/1");
    }
    stead_bytes function = stead_block_find(frame.header, ":function");
    if (function.n > 0) {
        size_t n = function.n < sizeof ctx->function ? function.n : sizeof ctx->function - 1;
        memcpy(ctx->function, function.p, n);
        ctx->function[n] = 0;
    }
    ctx->frame_max = (size_t)stead_block_find_number(frame.header, ":frame-bytes-max", STEAD_WIRE_FRAME_MAX_DEFAULT);
    ctx->result_max = (size_t)stead_block_find_number(frame.header, ":result-bytes-max", ctx->frame_max - 8);
}

static int initialize(stead_ctx *ctx)
{
    stead_status status = ctx->plugin->initialize == NULL ? STEAD_OK : ctx->plugin->initialize(ctx);
    if (status == STEAD_OK) {
        stead_send_frame(STEAD_WIRE_READY, 0, (stead_bytes){ NULL, 0 }, (stead_bytes){ NULL, 0 });
        return 0;
    }
    stead_answer_failure(ctx, status, 0);
    fprintf(stderr, "stead: initialize: %s\n", ctx->failure);
    return 1;
}

static int serve(stead_ctx *ctx)
{
    for (;;) {
        struct stead_frame frame;
        stead_next_frame(ctx, &frame);
        switch (frame.type) {
        case STEAD_WIRE_CALL:
            on_call(ctx, &frame);
            break;
        case STEAD_WIRE_PING:
            stead_send_frame(STEAD_WIRE_PONG, 0, (stead_bytes){ NULL, 0 }, frame.body);
            break;
        case STEAD_WIRE_CANCEL: /* its call is over, or it was seen by stead_cancelled() */
            break;
        case STEAD_WIRE_STOP:
            if (ctx->plugin->stop != NULL) {
                ctx->plugin->stop(ctx);
            }
            return 0;
        default:
            if (!(frame.flags & STEAD_WIRE_OPTIONAL)) {
                stead_die("the host sent a frame of a type that this SDK does not know");
            }
        }
    }
}

int stead_main(int argc, char **argv, const stead_plugin *plugin)
{
    (void)argc;
    struct stat status;
    if (plugin == NULL || plugin->abi != STEAD_ABI || plugin->execute == NULL) {
        fprintf(stderr, "stead: the plugin needs .abi = STEAD_ABI and .execute\n");
        return STEAD_WIRE_EXIT_USAGE;
    }
    if (fstat(STEAD_WIRE_CHANNEL_FD, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        fprintf(stderr,
                "stead: this is a function, started by Stead with a channel on fd 3.\n"
                "Try it with: stead plugin check %s\n",
                argv != NULL && argv[0] != NULL ? argv[0] : "./plugin");
        return STEAD_WIRE_EXIT_USAGE;
    }
    static stead_ctx ctx;
    ctx.plugin = plugin;
    ctx.frame_max = STEAD_WIRE_FRAME_MAX_DEFAULT;
    ctx.result_max = STEAD_WIRE_FRAME_MAX_DEFAULT - 8;
    ctx.deadline_ms = UINT64_MAX;
    snprintf(ctx.function, sizeof ctx.function, "c/%s", plugin->name != NULL ? plugin->name : "function");
    stead_make_room(&ctx, 0);
    handshake(&ctx);
    int result = initialize(&ctx);
    if (result == 0) {
        result = serve(&ctx);
    }
    free(ctx.input);
    free(ctx.reply.at);
    return result;
}
