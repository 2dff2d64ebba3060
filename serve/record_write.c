/* Writes a function's record by compare-and-set, and finds out whether it was written. A write that nobody answered may
 * have taken effect: it is written again against the same revision. If the first one did take effect, the second loses
 * against it, and what is stored then is what was to be stored. Whoever gave up here would leave the caller of a
 * rollback with a question that a second rollback answers wrongly. */
#include "serve/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A broker that was killed is back after one to five seconds. */
enum { TRIES_MAX = 12, PAUSE_MS = 500 };

static enum broker_status write_once(struct broker *broker, const char *key, const char *value, uint64_t before,
                                     uint64_t *ret_revision, struct broker_error *error)
{
    return before == 0
               ? broker_kv_create(broker, BROKER_BUCKET_CONFIG, key, bytes_of(value), ret_revision, error)
               : broker_kv_update(broker, BROKER_BUCKET_CONFIG, key, bytes_of(value), before, ret_revision, error);
}

/* Is it ours that is stored? */
static bool written(struct broker *broker, const char *key, const char *value, uint64_t *ret_revision)
{
    struct broker_error ignored;
    uint8_t *stored = NULL;
    size_t length = 0;
    uint64_t revision;
    bool ours = broker_kv_get(broker, BROKER_BUCKET_CONFIG, key, &stored, &length, &revision, &ignored) == BROKER_OK &&
                length == strlen(value) && memcmp(stored, value, length) == 0;
    free(stored);
    if (ours) {
        *ret_revision = revision;
    }
    return ours;
}

enum broker_status record_write(struct broker *broker, struct record *record, uint64_t before,
                                struct broker_error *error)
{
    char key[SERVE_KEY_BYTES];
    enum broker_status status = BROKER_NO_MEMORY;
    bool unknown = false;
    record_key(record, key);
    char *value = record_print(record);
    for (int tries = 0; value != NULL && tries < TRIES_MAX; tries++) {
        status = write_once(broker, key, value, before, &record->revision, error);
        if (status == BROKER_CONFLICT && unknown && written(broker, key, value, &record->revision)) {
            status = BROKER_OK;
        }
        unknown = unknown || status == BROKER_TIMEOUT;
        bool away = status == BROKER_TIMEOUT || status == BROKER_UNREACHABLE || status == BROKER_NO_RESPONDERS;
        if (!unknown || !away) {
            break;
        }
        nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
    }
    free(value);
    bool settled = status == BROKER_OK || status == BROKER_CONFLICT || !unknown;
    if (!settled) {
        status = BROKER_TIMEOUT;
    }
    return status;
}

struct record_refusal record_refused(enum broker_status status, const struct broker_error *error)
{
    struct record_refusal refusal = { .status = RPC_STATUS_UNAVAILABLE, .reason = "NATS_UNAVAILABLE" };
    snprintf(refusal.text, sizeof refusal.text, "%s", error->text);
    if (status == BROKER_CONFLICT) {
        refusal = (struct record_refusal){ RPC_STATUS_ABORTED, "CONCURRENT_DEPLOY",
                                           "somebody else changed this function just now; look at it with `stead "
                                           "function get` and try again" };
    } else if (status == BROKER_TIMEOUT) {
        refusal.status = RPC_STATUS_UNKNOWN;
        snprintf(refusal.text, sizeof refusal.text,
                 "it is not known whether the change was made: %.300s; look with `stead function get` when the broker "
                 "is back",
                 error->text);
    }
    return refusal;
}

enum broker_status record_read(struct broker *broker, struct record *record, struct broker_error *error)
{
    char key[SERVE_KEY_BYTES];
    uint8_t *value = NULL;
    size_t length = 0;
    uint64_t revision = 0;
    record_key(record, key);
    enum broker_status status = broker_kv_get(broker, BROKER_BUCKET_CONFIG, key, &value, &length, &revision, error);
    if (status == BROKER_OK && record_parse_function(key, (struct bytes){ value, length }, record)) {
        record->revision = revision;
    } else if (status == BROKER_OK) {
        status = BROKER_CORRUPT;
        snprintf(error->text, sizeof error->text, RECORD_UNREADABLE_FORMAT, key);
    }
    free(value);
    return status;
}

struct record_refusal record_unread(enum broker_status status, const struct broker_error *error)
{
    if (status == BROKER_NOT_FOUND) {
        return (struct record_refusal){ RPC_STATUS_NOT_FOUND, "FUNCTION_NOT_FOUND",
                                        "no function of that name is deployed" };
    }
    struct record_refusal refusal = { .status = RPC_STATUS_UNAVAILABLE, .reason = "NATS_UNAVAILABLE" };
    if (status == BROKER_CORRUPT) {
        refusal.status = RPC_STATUS_FAILED_PRECONDITION;
        refusal.reason = "RECORD_UNREADABLE";
    }
    snprintf(refusal.text, sizeof refusal.text, "%s", error->text);
    return refusal;
}
