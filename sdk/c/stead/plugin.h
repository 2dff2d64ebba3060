/* Stead functions in C. One header and one source file (plugin.c beside it), no dependencies; `stead deploy`
 * compiles both with your *.c files.
 *
 * #include <stead/plugin.h>
 *
 * static stead_status execute(stead_ctx *ctx, const stead_event *in) { stead_bytes data = stead_event_data(in); if
 * (data.n == 0) return stead_fail(ctx, STEAD_REJECT, "the event has no data"); return stead_reply(ctx,
 * "com.example.echo.v1", "text/plain", data.p, data.n); } static const stead_plugin plugin = { .abi = STEAD_ABI,
 * .name = "echo", .execute = execute }; int main(int argc, char **argv) { return stead_main(argc, argv, &plugin); }
 *
 * One call runs at a time, on the thread of main(). What a call gets (event, bytes, stead_alloc()ed memory) lives
 * until execute() returns; what it passes in is copied. stdout and stderr are yours: they become the function's
 * log. */
#ifndef STEAD_PLUGIN_H
#define STEAD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STEAD_ABI = 1 };

typedef enum stead_status {
    STEAD_OK = 0,
    STEAD_RETRY = 1,    /* may succeed later: tried again, if retries are left */
    STEAD_REJECT = 2,   /* will never succeed with this event: not tried again */
    STEAD_THROTTLE = 3, /* not now; not the event's fault */
} stead_status;

typedef enum stead_level { STEAD_DEBUG, STEAD_INFO, STEAD_WARN, STEAD_ERROR } stead_level;

/* Borrowed bytes, not NUL-terminated. p is NULL if there are none. */
typedef struct stead_bytes {
    const void *p;
    size_t n;
} stead_bytes;

typedef struct stead_ctx stead_ctx;
typedef struct stead_event stead_event;

typedef struct stead_plugin {
    int abi;          /* STEAD_ABI */
    const char *name; /* the function's; used for the type of a result that has none */
    stead_status (*execute)(stead_ctx *ctx, const stead_event *in);
    stead_status (*initialize)(stead_ctx *ctx); /* optional: once, before the first call */
    void (*stop)(stead_ctx *ctx);               /* optional: once, after the last call */
} stead_plugin;

/* Serves calls until the host says stop. Gives main()'s return value. */
int stead_main(int argc, char **argv, const stead_plugin *plugin);

/* The event */
stead_bytes stead_event_data(const stead_event *event);
/* An attribute in its string form: "id", "source", "type", "subject", "time", "datacontenttype", any extension. */
stead_bytes stead_event_attribute(const stead_event *event, const char *name);

/* The answer. stead_reply() makes an event with a new id, this function as its source, causationid = the event's id,
 * and the event's correlationid (or id) and trace context kept. The last call wins; without one the result is empty.
 * Gives STEAD_OK, or the failure that execute() should return (out of memory, too large). */
stead_status stead_reply(stead_ctx *ctx, const char *type, const char *content_type, const void *data, size_t n);
/* Adds or replaces an attribute of the reply; after stead_reply(). */
stead_status stead_reply_attribute(stead_ctx *ctx, const char *name, const char *value);
/* Says why the call fails and gives `status` back, to be returned. */
stead_status stead_fail(stead_ctx *ctx, stead_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Asks for a delay before the next try; before returning STEAD_RETRY or STEAD_THROTTLE. */
void stead_retry_after_ms(stead_ctx *ctx, uint64_t after_ms);

/* The call */
stead_bytes stead_request_id(const stead_ctx *ctx);
uint32_t stead_attempt(const stead_ctx *ctx);      /* from 1 */
uint64_t stead_remaining_ms(const stead_ctx *ctx); /* of the request's time; UINT64_MAX if it has no limit */
int stead_cancelled(stead_ctx *ctx);               /* 1 if nobody waits for this call any more */
void *stead_alloc(stead_ctx *ctx, size_t n);       /* zeroed; freed after the call; NULL if memory is out */
void stead_log(stead_ctx *ctx, stead_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A pointer of yours that lives as long as the process. */
void stead_set_self(stead_ctx *ctx, void *self);
void *stead_self(const stead_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
