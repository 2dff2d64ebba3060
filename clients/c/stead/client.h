/* Calls functions that Stead runs, from C: execute, submit, result, cancel.
 *
 *     stead_client *client = stead_client_open(NULL);
 *     stead_client_event *event = stead_client_event_new("greet.v1", "application/json", json, strlen(json));
 *     stead_client_reply *reply = stead_client_execute(client, "hello", event, 5000);
 *     if (reply->end == STEAD_CLIENT_OK)
 *         fwrite(reply->data, 1, reply->data_size, stdout);
 *     else
 *         fprintf(stderr, "%s\n", reply->message);
 *     stead_client_reply_free(reply);
 *     stead_client_event_free(event);
 *     stead_client_close(client);
 *
 * Errors: every call gives a reply, also when nobody answers; only out of memory it is NULL.
 * Ownership: what a function returns is the caller's and has a free function, but for `const` pointers, which live as
 * long as the object that they came from. What is passed in is copied.
 * Threads: any number of threads may call with one client; opening and closing it happen alone, with no call in flight.
 * An event may be read by several threads, or changed by one. Don't use a client across fork().
 * Retries: a call that ends as UNAVAILABLE is tried again while its time and `retries` allow, always with the same
 * event id, so that Stead tells a repeated request from a new one: whatever was accepted runs once and has one result.
 * The delay is what the server asks for, else 0.1 s doubled up to 2 s, the upper half of it random. */
#ifndef STEAD_CLIENTS_C_STEAD_CLIENT_H
#define STEAD_CLIENTS_C_STEAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stead_client stead_client;
typedef struct stead_client_event stead_client_event;

/* ---- connection ---------------------------------------------------------------------------------------------- */

/* Zero-initialise it; what is 0 takes the default. */
typedef struct stead_client_settings {
    const char *address;  /* "host:port" or "unix:/path"; else $STEAD_ADDR, else 127.0.0.1:7600 */
    uint32_t connections; /* size of the pool, 2; at most 64. A call takes the one with the fewest calls in flight */
    int32_t retries;      /* of an UNAVAILABLE call, 7; -1: none */
    int64_t keepalive_ms; /* silence, with calls in flight, after which a connection is probed, 30000; -1: never */
} stead_client_settings;

/* Connects at the first call. NULL settings are all defaults. NULL: out of memory or more than 64 connections. */
stead_client *stead_client_open(const stead_client_settings *settings);
void stead_client_close(stead_client *client); /* NULL is ignored */

/* ---- events -------------------------------------------------------------------------------------------------- */

/* A CloudEvent 1.0 with a random id and the source "stead:client". type NULL: "stead.request.v1"; content_type NULL:
 * "application/octet-stream" if there are data. The same id and source for the same function name the same request:
 * sent again, it is answered with the first result. */
stead_client_event *stead_client_event_new(const char *type, const char *content_type, const void *data, size_t size);
void stead_client_event_free(stead_client_event *event); /* NULL is ignored */

/* Sets or replaces an attribute by its string form; value NULL or "" removes it. False, with the event unchanged: the
 * name is not 1 to 64 of a-z and 0-9, is `specversion` or `data`, a required attribute would be removed, there are 64
 * attributes already, or memory is out. Values are checked by Stead: a wrong one is a reply with INVALID_EVENT. */
bool stead_client_event_set(stead_client_event *event, const char *name, const char *value);
/* The other CloudEvents types, in their string form. */
bool stead_client_event_set_integer(stead_client_event *event, const char *name, int32_t value);
bool stead_client_event_set_boolean(stead_client_event *event, const char *name, bool value);
bool stead_client_event_set_bytes(stead_client_event *event, const char *name, const void *data, size_t size);
bool stead_client_event_set_time(stead_client_event *event, const char *name, struct timespec since_1970);

/* An attribute in its string form, or NULL. */
const char *stead_client_event_get(const stead_client_event *event, const char *name);
/* The data; NULL and 0 if there are none. */
const void *stead_client_event_data(const stead_client_event *event, size_t *ret_size);

/* One event in the JSON format of CloudEvents. NULL if it is no valid event or memory is out; then `ret_why`, unless it
 * is NULL, holds the reason as text (cut to fit). */
stead_client_event *stead_client_event_from_json(const char *json, size_t size, char *ret_why, size_t why_size);
/* The same form, NUL-terminated, to be freed by free(). NULL: out of memory. */
char *stead_client_event_to_json(const stead_client_event *event);

/* ---- calls --------------------------------------------------------------------------------------------------- */

enum {
    STEAD_CLIENT_TIMEOUT_DEFAULT = 0, /* 60 s */
    STEAD_CLIENT_FOREVER = -1,
};

typedef enum stead_client_end {
    STEAD_CLIENT_OK,             /* done; execute and result: `data` and `event` are the answer */
    STEAD_CLIENT_FUNCTION_ERROR, /* the function ran and said no: message, error_type, error_class, retryable */
    STEAD_CLIENT_OUTCOME,        /* the stored result says that the request ended otherwise: outcome, reason */
    STEAD_CLIENT_PLATFORM_ERROR, /* a gRPC status: status, reason, message, retry_after_ms, not_started */
} stead_client_end;

typedef struct stead_client_violation {
    const char *field;
    const char *description;
} stead_client_violation;

/* Texts are never NULL; what an answer does not have is "", 0 or false. More members may come at the end. */
typedef struct stead_client_reply {
    stead_client_end end;
    const char *request_id; /* names the stored result */
    const char *message;    /* for people, of any end but OK */

    const void *data; /* followed by a NUL that data_size does not count */
    size_t data_size;
    const stead_client_event *event; /* the whole result event, or NULL */

    const char *error_type;  /* the function's own name for the error */
    const char *error_class; /* "retry", "permanent" or "throttle" */
    bool retryable;          /* the same event may succeed later (under a new id: this one has its result) */
    uint32_t attempts;       /* how often the function ran, where it is known */

    const char *outcome;  /* of result: "succeeded", "failed", "expired", "dead-lettered" or "cancelled" */
    const char *function; /* of result: language/name */
    const char *version;  /* of result */
    bool duplicate;       /* of submit: the same event was accepted for this function before */

    int status;              /* the number of the gRPC status */
    const char *status_name; /* "NOT_FOUND" */
    const char *reason;      /* a word of the error table; "" if Stead did not give this status */
    int64_t retry_after_ms;  /* after which trying again may help; -1 if Stead did not say */
    bool not_started; /* Stead itself answered each attempt with UNAVAILABLE: the function certainly did not start
                                and will not. False is no promise */
    const stead_client_violation *violations; /* what is wrong in the request */
    size_t violation_count;
} stead_client_reply;

/* Runs the function once for the event (NULL: one without data) and waits for its answer, timeout_ms at most. */
stead_client_reply *stead_client_execute(stead_client *client, const char *name, const stead_client_event *event,
                                         int64_t timeout_ms);
/* Ends as soon as the request is stored on the broker, with its request_id. */
stead_client_reply *stead_client_submit(stead_client *client, const char *name, const stead_client_event *event,
                                        int64_t timeout_ms);
/* The stored result of a request, whoever made it. Without one: NOT_FOUND at once, or DEADLINE_EXCEEDED with `wait`. */
stead_client_reply *stead_client_result(stead_client *client, const char *request_id, bool wait, int64_t timeout_ms);
/* Ends a request as cancelled; ALREADY_ENDED or REQUEST_NOT_FOUND say that it can't be. */
stead_client_reply *stead_client_cancel(stead_client *client, const char *request_id, int64_t timeout_ms);

void stead_client_reply_free(stead_client_reply *reply); /* NULL is ignored */

#ifdef __cplusplus
}
#endif

#endif
