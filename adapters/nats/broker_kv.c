/* Records: messages of a bucket's stream by ADR-8. A deletion is an empty message with "KV-Operation: DEL"; so a create
 * that finds the key's last message to be one is repeated against that revision. */
#include "adapters/nats/broker_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/nats/wire.h"

struct key_names {
    char stream[BROKER_SUBJECT_BYTES / 2];
    char subject[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
};

static bool key_valid(const char *key)
{
    size_t length = strlen(key);
    if (length == 0 || length > BROKER_KEY_BYTES_MAX || key[0] == '.' || key[length - 1] == '.' ||
        strstr(key, "..") != NULL) {
        return false;
    }
    return strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/=.") == length;
}

static bool key_names(const char *bucket, const char *key, const char *verb, struct key_names *ret_names,
                      struct broker_error *error)
{
    if (!wire_name_valid(bytes_of(bucket)) || !key_valid(key)) {
        broker_fail(error, BROKER_INVALID, "'%.100s' can't be a key of bucket %.100s: use A-Z a-z 0-9 - _ / = and dots",
                    key, bucket);
        return false;
    }
    snprintf(ret_names->stream, sizeof ret_names->stream, "KV_%s", bucket);
    snprintf(ret_names->subject, sizeof ret_names->subject, "$KV.%s.%s", bucket, key);
    snprintf(ret_names->what, sizeof ret_names->what, "%s key %s of bucket %s", verb, key, bucket);
    return true;
}

static bool is_tombstone(const struct broker_message *message)
{
    return broker_message_header(message, "KV-Operation") != NULL;
}

enum broker_status broker_kv_get(struct broker *broker, const char *bucket, const char *key, uint8_t **ret_value,
                                 size_t *ret_length, uint64_t *ret_revision, struct broker_error *ret_error)
{
    struct key_names names;
    struct broker_message message;
    if (!key_names(bucket, key, "read", &names, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = broker_message_get(broker, names.stream, names.subject, 0, &message, ret_error);
    if (status == BROKER_NOT_FOUND && ret_error->error_code != JS_NO_MESSAGE) {
        return broker_fail(ret_error, BROKER_NO_RESPONDERS, "%s: the bucket is gone", names.what);
    }
    if (status != BROKER_OK) {
        return status;
    }
    uint8_t *value = is_tombstone(&message) ? NULL : malloc(message.body.length + 1);
    if (value == NULL) {
        status = is_tombstone(&message) ? BROKER_NOT_FOUND : BROKER_NO_MEMORY;
        broker_fail(ret_error, status, "%s: %s", names.what,
                    status == BROKER_NOT_FOUND ? "it was deleted" : "out of memory");
        broker_message_free(&message);
        return status;
    }
    memcpy(value, message.body.at, message.body.length);
    value[message.body.length] = '\0';
    *ret_value = value;
    *ret_length = message.body.length;
    *ret_revision = message.sequence;
    broker_message_free(&message);
    return BROKER_OK;
}

enum broker_status broker_kv_put(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                 uint64_t *ret_revision, struct broker_error *ret_error)
{
    struct key_names names;
    if (!key_names(bucket, key, "write", &names, ret_error)) {
        return BROKER_INVALID;
    }
    return broker_store(broker, names.subject, NULL, 0, value, names.what, ret_revision, NULL, ret_error);
}

static enum broker_status store_expecting(struct broker *broker, const struct key_names *names, struct bytes value,
                                          uint64_t revision, const char *operation, uint64_t *ret_revision,
                                          struct broker_error *error)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%" PRIu64, revision);
    const struct broker_header headers[] = { { "Nats-Expected-Last-Subject-Sequence", expected },
                                             { "KV-Operation", operation } };
    return broker_store(broker, names->subject, headers, operation != NULL ? 2 : 1, value, names->what, ret_revision,
                        NULL, error);
}

enum broker_status broker_kv_update(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                    uint64_t revision, uint64_t *ret_revision, struct broker_error *ret_error)
{
    struct key_names names;
    if (!key_names(bucket, key, "update", &names, ret_error)) {
        return BROKER_INVALID;
    }
    return store_expecting(broker, &names, value, revision, NULL, ret_revision, ret_error);
}

enum broker_status broker_kv_create(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                    uint64_t *ret_revision, struct broker_error *ret_error)
{
    struct key_names names;
    struct broker_message last;
    struct broker_error read_error;
    if (!key_names(bucket, key, "create", &names, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = store_expecting(broker, &names, value, 0, NULL, ret_revision, ret_error);
    if (status != BROKER_CONFLICT ||
        broker_message_get(broker, names.stream, names.subject, 0, &last, &read_error) != BROKER_OK) {
        return status;
    }
    if (is_tombstone(&last)) {
        status = store_expecting(broker, &names, value, last.sequence, NULL, ret_revision, ret_error);
    }
    broker_message_free(&last);
    return status;
}

enum broker_status broker_kv_delete(struct broker *broker, const char *bucket, const char *key, uint64_t revision,
                                    struct broker_error *ret_error)
{
    static const struct broker_header tombstone = { "KV-Operation", "DEL" };
    const struct bytes nothing = { NULL, 0 };
    struct key_names names;
    if (!key_names(bucket, key, "delete", &names, ret_error)) {
        return BROKER_INVALID;
    }
    if (revision == 0) {
        return broker_store(broker, names.subject, &tombstone, 1, nothing, names.what, NULL, NULL, ret_error);
    }
    return store_expecting(broker, &names, nothing, revision, "DEL", NULL, ret_error);
}

struct bucket_names {
    char stream[BROKER_SUBJECT_BYTES / 2];
    char prefix[BROKER_SUBJECT_BYTES / 2];
    char filter[BROKER_SUBJECT_BYTES];
};

/* A pattern is a key in which tokens may be '*' and the last one '>'. */
static bool bucket_names(const char *bucket, const char *pattern, struct bucket_names *ret_names,
                         struct broker_error *error)
{
    size_t length = strlen(pattern);
    bool good = length > 0 && length <= BROKER_KEY_BYTES_MAX &&
                strspn(pattern, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/=.*>") == length;
    if (!wire_name_valid(bytes_of(bucket)) || !good) {
        broker_fail(error, BROKER_INVALID, "'%.100s' can't be a bucket, or '%.100s' no keys of it", bucket, pattern);
        return false;
    }
    snprintf(ret_names->stream, sizeof ret_names->stream, "KV_%s", bucket);
    snprintf(ret_names->prefix, sizeof ret_names->prefix, "$KV.%s.", bucket);
    snprintf(ret_names->filter, sizeof ret_names->filter, "%s%s", ret_names->prefix, pattern);
    return true;
}

/* The next one at or after *next; *ret_end if there is none. No message is the end; no stream is an error. */
static enum broker_status message_next(struct broker *broker, const struct bucket_names *names, uint64_t *next,
                                       struct broker_message *ret_message, bool *ret_end, struct broker_error *error)
{
    enum broker_status status = broker_message_get(broker, names->stream, names->filter, *next, ret_message, error);
    *ret_end = status == BROKER_NOT_FOUND && error->error_code == JS_NO_MESSAGE;
    if (status == BROKER_OK) {
        *next = ret_message->sequence + 1;
    }
    return *ret_end ? BROKER_OK : status;
}

enum broker_status broker_kv_each(struct broker *broker, const char *bucket, const char *pattern,
                                  broker_kv_entry *entry, void *owner, struct broker_error *ret_error)
{
    struct bucket_names names;
    if (!bucket_names(bucket, pattern, &names, ret_error)) {
        return BROKER_INVALID;
    }
    for (uint64_t next = 1;;) {
        struct broker_message message;
        struct broker_message last;
        bool end;
        enum broker_status status = message_next(broker, &names, &next, &message, &end, ret_error);
        if (status != BROKER_OK || end) {
            return status;
        }
        /* Buckets keep old revisions: an entry counts only if it is the last of its key. */
        status = broker_message_get(broker, names.stream, message.subject, 0, &last, ret_error);
        if (status == BROKER_OK && last.sequence == message.sequence && !is_tombstone(&message) &&
            strncmp(message.subject, names.prefix, strlen(names.prefix)) == 0) {
            entry(owner, message.subject + strlen(names.prefix), message.body, message.sequence);
        }
        if (status == BROKER_OK) {
            broker_message_free(&last);
        }
        broker_message_free(&message);
        if (status != BROKER_OK && status != BROKER_NOT_FOUND) {
            return status;
        }
    }
}

enum broker_status broker_kv_changes(struct broker *broker, const char *bucket, uint64_t after,
                                     broker_kv_change *change, void *owner, struct broker_error *ret_error)
{
    struct bucket_names names;
    if (!bucket_names(bucket, ">", &names, ret_error)) {
        return BROKER_INVALID;
    }
    for (uint64_t next = after + 1;;) {
        struct broker_message message;
        bool end;
        enum broker_status status = message_next(broker, &names, &next, &message, &end, ret_error);
        if (status != BROKER_OK || end) {
            return status;
        }
        if (strncmp(message.subject, names.prefix, strlen(names.prefix)) == 0) {
            const struct bytes *value = is_tombstone(&message) ? NULL : &message.body;
            change(owner, message.subject + strlen(names.prefix), value, message.sequence);
        }
        broker_message_free(&message);
    }
}
