/* Internal to the control connection: exchanges with the broker and how their failures become words. */
#ifndef STEAD_ADAPTERS_NATS_BROKER_PRIVATE_H
#define STEAD_ADAPTERS_NATS_BROKER_PRIVATE_H

#include <cjson/cJSON.h>
#include <nats/nats.h>

#include "adapters/nats/broker.h"

/* JetStream err_codes that we tell apart. */
enum {
    JS_NO_SUITABLE_PEERS = 10005,
    JS_CONSUMER_NOT_FOUND = 10014,
    JS_NO_MESSAGE = 10037,
    JS_MESSAGE_TOO_LARGE = 10054,
    JS_STREAM_NOT_FOUND = 10059,
    JS_WRONG_LAST_SEQUENCE = 10071,
    JS_REPLICAS_NEED_CLUSTER = 10074,
    JS_CONSUMER_NOT_UNFILTERED = 10099, /* of a work queue: there is one, for all subjects */
    JS_CONSUMER_NOT_UNIQUE = 10100,     /* of a work queue: there is one, for the same subject */
};

enum { BROKER_SUBJECT_BYTES = 1024 };

struct broker {
    natsConnection *connection; /* NULL before the first call after a loss */
    struct endpoint endpoint;
    uint32_t timeout_ms;
    const atomic_bool *leaving; /* NULL: never */
};

/* One header of a message that we store; both are ours and valid. */
struct broker_header {
    const char *name, *value;
};

/* Fills the error and returns `status`. */
enum broker_status broker_fail(struct broker_error *error, enum broker_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Connects if there is no connection. */
enum broker_status broker_link(struct broker *broker, struct broker_error *error);

/* Sends `body` (NULL: empty) to an API subject and parses the answer; `what` says in the error what was tried.
 * The answer is the caller's to cJSON_Delete(). */
enum broker_status broker_api(struct broker *broker, const char *subject, const char *body, const char *what,
                              cJSON **ret_answer, struct broker_error *error);
/* The same with a JSON body, which is consumed. */
enum broker_status broker_api_json(struct broker *broker, const char *subject, cJSON *body, const char *what,
                                   cJSON **ret_answer, struct broker_error *error);
/* A connected socket to host and port of "scheme://host:port"; -1 if there is none. */
int broker_socket(const char *url, uint32_t timeout_ms);
/* Stores one message and waits for its PubAck; `ret_sequence` and `ret_duplicate` (the broker had that Nats-Msg-Id
 * already) may be NULL. */
enum broker_status broker_store(struct broker *broker, const char *subject, const struct broker_header *headers,
                                size_t header_count, struct bytes body, const char *what, uint64_t *ret_sequence,
                                bool *ret_duplicate, struct broker_error *error);

/* What the broker says of a function's consumer; the answer is the caller's to cJSON_Delete(). (broker_consumer.c) */
enum broker_status broker_consumer_info(struct broker *broker, const char *language, const char *name, cJSON **ret_info,
                                        struct broker_error *error);

/* Fields of answers; absent ones are 0, "" or `otherwise`. */
int64_t json_integer(const cJSON *object, const char *name, int64_t otherwise);
const char *json_text(const cJSON *object, const char *name);
int64_t json_time_ns(const cJSON *object, const char *name);
void text_copy(char *ret_text, size_t capacity, const char *text);

/* True if the description of that stream or consumer config says that we made it. */
bool broker_made_it(const cJSON *config);

#endif
