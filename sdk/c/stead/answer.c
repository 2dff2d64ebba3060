/* A call's answer: the reply's attributes, its data and why a call failed; and the frames that carry them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

stead_status stead_fail(stead_ctx *ctx, stead_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ctx->failure, sizeof ctx->failure, format, arguments);
    va_end(arguments);
    return status;
}

void stead_retry_after_ms(stead_ctx *ctx, uint64_t after_ms)
{
    ctx->after_ms = after_ms;
}

static void reply_time(struct stead_block *reply)
{
    struct timespec now;
    struct tm utc;
    char seconds[32], text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%06ldZ", seconds, (now.tv_nsec / 1000) % 1000000);
    stead_block_add_text(reply, "time", text);
}

/* The reply's attributes; see plugin.h for what is kept of the event's. */
static void reply_attributes(stead_ctx *ctx, const char *type, const char *content_type)
{
    static const char *const kept[] = { "traceparent", "tracestate" };
    struct stead_block *reply = &ctx->reply;
    stead_bytes event_id = stead_event_attribute(ctx->event, "id");
    stead_bytes base = stead_request_id(ctx).n > 0 ? stead_request_id(ctx) : event_id;
    stead_bytes correlation = stead_event_attribute(ctx->event, "correlationid");
    char id[512], source[192];
    snprintf(id, sizeof id, "%.*s.result", (int)(base.n < 480 ? base.n : 480), base.n > 0 ? (const char *)base.p : "");
    snprintf(source, sizeof source, "stead:function/%s", ctx->function);
    reply->n = 0;
    stead_block_add_text(reply, "specversion", "1.0");
    stead_block_add_text(reply, "id", id);
    stead_block_add_text(reply, "source", source);
    stead_block_add_text(reply, "type", type);
    reply_time(reply);
    if (content_type != NULL) {
        stead_block_add_text(reply, "datacontenttype", content_type);
    }
    stead_block_add(reply, "causationid", event_id);
    stead_block_add(reply, "correlationid", correlation.n > 0 ? correlation : event_id);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        stead_bytes value = stead_event_attribute(ctx->event, kept[i]);
        if (value.n > 0) {
            stead_block_add(reply, kept[i], value);
        }
    }
}

stead_status stead_reply(stead_ctx *ctx, const char *type, const char *content_type, const void *data, size_t n)
{
    if (ctx->event == NULL || type == NULL || type[0] == 0) {
        return stead_fail(ctx, STEAD_REJECT, "stead_reply() needs a running call and a type");
    }
    reply_attributes(ctx, type, content_type);
    if (n > ctx->result_max || ctx->reply.n > ctx->result_max - n) {
        return stead_fail(ctx, STEAD_REJECT, "the result has %zu bytes; the limit is %zu", ctx->reply.n + n,
                          ctx->result_max);
    }
    uint8_t *copy = (uint8_t *)stead_alloc(ctx, n > 0 ? n : 1);
    if (copy == NULL || ctx->reply.failed) {
        return stead_fail(ctx, STEAD_RETRY, "out of memory for a result of %zu bytes", n);
    }
    if (n > 0) {
        memcpy(copy, data, n);
    }
    ctx->reply_data = copy;
    ctx->reply_n = n;
    ctx->replied = 1;
    return STEAD_OK;
}

stead_status stead_reply_attribute(stead_ctx *ctx, const char *name, const char *value)
{
    size_t name_n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (!ctx->replied || name_n == 0 || name[name_n] != 0 || name_n > 64 || strlen(value) > 8192) {
        return stead_fail(ctx, STEAD_REJECT, "'%s' can't be an attribute of the reply", name);
    }
    stead_block_remove(&ctx->reply, name);
    stead_block_add_text(&ctx->reply, name, value);
    return ctx->reply.failed ? stead_fail(ctx, STEAD_RETRY, "out of memory for an attribute") : STEAD_OK;
}

void stead_answer_failure(stead_ctx *ctx, stead_status status, uint16_t stream)
{
    const char *name = status == STEAD_REJECT ? "permanent" : status == STEAD_THROTTLE ? "throttle" : "retry";
    struct stead_block header = { 0 };
    char after[24];
    stead_block_add_text(&header, ":class", name);
    if (ctx->after_ms > 0) {
        snprintf(after, sizeof after, "%llu", (unsigned long long)ctx->after_ms);
        stead_block_add_text(&header, ":after-ms", after);
    }
    const char *text = ctx->failure[0] != 0 ? ctx->failure : "the function failed without saying why";
    stead_send_block(STEAD_WIRE_FAILURE, stream, &header, (stead_bytes){ text, strlen(text) });
}

void stead_answer_result(stead_ctx *ctx)
{
    if (!ctx->replied) {
        char type[192];
        snprintf(type, sizeof type, "%s.result.v1", ctx->plugin->name != NULL ? ctx->plugin->name : "function");
        reply_attributes(ctx, type, NULL);
    }
    if (ctx->reply.failed || ctx->reply.n + ctx->reply_n > ctx->result_max) {
        stead_fail(ctx, STEAD_REJECT, "the result has %zu bytes; the limit is %zu", ctx->reply.n + ctx->reply_n,
                   ctx->result_max);
        stead_answer_failure(ctx, STEAD_REJECT, ctx->stream);
        return;
    }
    stead_send_frame(STEAD_WIRE_RESULT, ctx->stream, (stead_bytes){ ctx->reply.at, ctx->reply.n },
                     (stead_bytes){ ctx->reply_data, ctx->reply_n });
}
