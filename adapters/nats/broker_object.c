/* Objects by ADR-20: the bytes in chunks on "$O.<bucket>.C.<nuid>", a description on "$O.<bucket>.M.<base64url name>"
 * that rolls up its predecessor. A new version gets a new nuid, so that readers of the old one are not disturbed until
 * the description points to the new one; only then the old chunks are purged. If anything fails before that, the new
 * chunks are purged and the old version stands. Links and object headers are not supported. */
#include "adapters/nats/broker_object.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "adapters/nats/wire.h"

struct object_names {
    char stream[BROKER_SUBJECT_BYTES / 2];
    char meta[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
};

static bool object_names(const char *bucket, const char *name, const char *verb, struct object_names *ret_names,
                         struct broker_error *error)
{
    char encoded[BROKER_OBJECT_NAME_BYTES_MAX * 4 / 3 + 8];
    if (!wire_name_valid(bytes_of(bucket)) || strlen(bucket) > 64 || *name == '\0' ||
        strlen(name) > BROKER_OBJECT_NAME_BYTES_MAX ||
        !wire_base64url_encode(bytes_of(name), encoded, sizeof encoded)) {
        broker_fail(error, BROKER_INVALID, "'%.100s' can't be an object of bucket %.64s", name, bucket);
        return false;
    }
    snprintf(ret_names->stream, sizeof ret_names->stream, "OBJ_%s", bucket);
    snprintf(ret_names->meta, sizeof ret_names->meta, "$O.%s.M.%s", bucket, encoded);
    snprintf(ret_names->what, sizeof ret_names->what, "%s object %s of bucket %s", verb, name, bucket);
    return true;
}

static void digest_text(const unsigned char hash[EVP_MAX_MD_SIZE], char ret_text[64])
{
    memcpy(ret_text, "SHA-256=", 8);
    wire_base64url_encode((struct bytes){ hash, 32 }, ret_text + 8, 56);
}

static bool digest_of(struct bytes content, char ret_text[64])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    if (EVP_Digest(content.at, content.length, hash, NULL, EVP_sha256(), NULL) != 1) {
        return false;
    }
    digest_text(hash, ret_text);
    return true;
}

/* Some clients leave the padding out. */
static bool digest_equal(const char *a, const char *b)
{
    size_t length = strcspn(a + 8, "=") + 8;
    return strlen(a) >= 8 && strlen(b) >= 8 && strcspn(b + 8, "=") + 8 == length && memcmp(a, b, length) == 0;
}

/* 22 letters and digits, as other clients make them. */
static bool nuid_make(char ret_nuid[NUID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t random[22];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        return false;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        ret_nuid[i] = digits[random[i] % (sizeof digits - 1)];
    }
    ret_nuid[sizeof random] = '\0';
    return true;
}

bool object_meta_parse(struct bytes json, struct object_meta *ret_meta)
{
    struct object_meta meta = { 0 };
    cJSON *root = cJSON_ParseWithLength((const char *)json.at, json.length);
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(root, "options");
    int64_t size = json_integer(root, "size", 0);
    int64_t chunks = json_integer(root, "chunks", 0);
    const char *name = json_text(root, "name");
    bool fits = cJSON_IsObject(root) && size >= 0 && chunks >= 0 && chunks <= UINT32_MAX && *name != '\0' &&
                strlen(name) < sizeof meta.object.name && strlen(json_text(root, "nuid")) < sizeof meta.nuid &&
                strlen(json_text(root, "digest")) < sizeof meta.object.digest;
    if (fits) {
        text_copy(meta.object.name, sizeof meta.object.name, name);
        text_copy(meta.object.digest, sizeof meta.object.digest, json_text(root, "digest"));
        text_copy(meta.nuid, sizeof meta.nuid, json_text(root, "nuid"));
        meta.object.size = (uint64_t)size;
        meta.object.chunks = (uint32_t)chunks;
        meta.object.deleted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "deleted"));
        meta.link = cJSON_HasObjectItem(options, "link");
        *ret_meta = meta;
    }
    cJSON_Delete(root);
    return fits;
}

static enum broker_status meta_get(struct broker *broker, const struct object_names *names,
                                   struct object_meta *ret_meta, struct broker_error *error)
{
    struct broker_message message;
    enum broker_status status = broker_message_get(broker, names->stream, names->meta, 0, &message, error);
    if (status != BROKER_OK) {
        return status;
    }
    bool parsed = object_meta_parse(message.body, ret_meta);
    broker_message_free(&message);
    return parsed ? BROKER_OK : broker_fail(error, BROKER_CORRUPT, "%s: its description can't be read", names->what);
}

static enum broker_status meta_put(struct broker *broker, const char *bucket, const struct object_names *names,
                                   const struct object_meta *meta, struct broker_error *error)
{
    static const struct broker_header rollup = { "Nats-Rollup", "sub" };
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "name", meta->object.name);
    cJSON *options = cJSON_AddObjectToObject(root, "options");
    cJSON_AddNumberToObject(options, "max_chunk_size", BROKER_OBJECT_CHUNK_BYTES);
    cJSON_AddStringToObject(root, "bucket", bucket);
    cJSON_AddStringToObject(root, "nuid", meta->nuid);
    cJSON_AddNumberToObject(root, "size", (double)meta->object.size);
    cJSON_AddStringToObject(root, "mtime", "0001-01-01T00:00:00Z"); /* readers take the message's time */
    cJSON_AddNumberToObject(root, "chunks", meta->object.chunks);
    if (meta->object.deleted) {
        cJSON_AddBoolToObject(root, "deleted", true);
    } else {
        cJSON_AddStringToObject(root, "digest", meta->object.digest);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL) {
        return broker_fail(error, BROKER_NO_MEMORY, "%s: out of memory", names->what);
    }
    enum broker_status status =
        broker_store(broker, names->meta, &rollup, 1, bytes_of(text), names->what, NULL, NULL, error);
    cJSON_free(text);
    return status;
}

/* Drops the chunks of one version; what can't be dropped only wastes space. */
static void chunks_purge(struct broker *broker, const char *bucket, const struct object_names *names, const char *nuid)
{
    char api[BROKER_SUBJECT_BYTES];
    char body[BROKER_SUBJECT_BYTES];
    struct broker_error ignored;
    cJSON *answer = NULL;
    if (!wire_name_valid(bytes_of(nuid))) {
        return;
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.PURGE.%s", names->stream);
    snprintf(body, sizeof body, "{\"filter\":\"$O.%s.C.%s\"}", bucket, nuid);
    if (broker_api(broker, api, body, "purge old chunks", &answer, &ignored) == BROKER_OK) {
        cJSON_Delete(answer);
    }
}

static enum broker_status chunks_put(struct broker *broker, const char *bucket, const struct object_names *names,
                                     struct bytes content, struct object_meta *meta, struct broker_error *error)
{
    char subject[BROKER_SUBJECT_BYTES];
    snprintf(subject, sizeof subject, "$O.%s.C.%s", bucket, meta->nuid);
    for (size_t at = 0; at < content.length; at += BROKER_OBJECT_CHUNK_BYTES) {
        size_t rest = content.length - at;
        struct bytes chunk = { content.at + at, rest < BROKER_OBJECT_CHUNK_BYTES ? rest : BROKER_OBJECT_CHUNK_BYTES };
        enum broker_status status = broker_store(broker, subject, NULL, 0, chunk, names->what, NULL, NULL, error);
        if (status != BROKER_OK) {
            return status;
        }
        meta->object.chunks++;
    }
    return BROKER_OK;
}

enum broker_status broker_object_put(struct broker *broker, const char *bucket, const char *name, struct bytes content,
                                     struct broker_object *ret_object, struct broker_error *ret_error)
{
    struct object_names names;
    struct object_meta old = { .nuid = "" };
    struct object_meta meta = { .object.size = content.length };
    if (!object_names(bucket, name, "store", &names, ret_error)) {
        return BROKER_INVALID;
    }
    if (content.length > BROKER_OBJECT_BYTES_MAX) {
        return broker_fail(ret_error, BROKER_TOO_LARGE, "%s: %zu bytes are more than %d", names.what, content.length,
                           BROKER_OBJECT_BYTES_MAX);
    }
    text_copy(meta.object.name, sizeof meta.object.name, name);
    if (!nuid_make(meta.nuid) || !digest_of(content, meta.object.digest)) {
        return broker_fail(ret_error, BROKER_NO_MEMORY, "%s: no randomness or digest to be had", names.what);
    }
    enum broker_status had = meta_get(broker, &names, &old, ret_error);
    if (had != BROKER_OK && had != BROKER_NOT_FOUND && had != BROKER_CORRUPT) {
        return had;
    }
    enum broker_status status = chunks_put(broker, bucket, &names, content, &meta, ret_error);
    if (status == BROKER_OK) {
        status = meta_put(broker, bucket, &names, &meta, ret_error);
    }
    /* After a time-out the description may have been stored: then its chunks must stay. */
    if (status != BROKER_OK && status != BROKER_TIMEOUT) {
        chunks_purge(broker, bucket, &names, meta.nuid);
    }
    if (status != BROKER_OK) {
        return status;
    }
    if (had == BROKER_OK && !old.object.deleted) {
        chunks_purge(broker, bucket, &names, old.nuid);
    }
    if (ret_object != NULL) {
        *ret_object = meta.object;
    }
    return BROKER_OK;
}

/* Reads chunk after chunk by ascending sequence into `content`, which holds the described size. */
static enum broker_status chunks_get(struct broker *broker, const char *bucket, const struct object_names *names,
                                     const struct object_meta *meta, uint8_t *content, struct broker_error *error)
{
    char subject[BROKER_SUBJECT_BYTES];
    uint64_t next = 1;
    size_t used = 0;
    snprintf(subject, sizeof subject, "$O.%s.C.%s", bucket, meta->nuid);
    for (uint32_t i = 0; i < meta->object.chunks; i++) {
        struct broker_message chunk;
        enum broker_status status = broker_message_get(broker, names->stream, subject, next, &chunk, error);
        if (status == BROKER_NOT_FOUND) {
            return broker_fail(error, BROKER_CORRUPT, "%s: chunk %u of %u is missing", names->what, i + 1,
                               meta->object.chunks);
        }
        if (status != BROKER_OK) {
            return status;
        }
        bool fits = chunk.body.length <= meta->object.size - used;
        if (fits) {
            memcpy(content + used, chunk.body.at, chunk.body.length);
            used += chunk.body.length;
            next = chunk.sequence + 1;
        }
        broker_message_free(&chunk);
        if (!fits) {
            return broker_fail(error, BROKER_CORRUPT, "%s: it holds more than the %" PRIu64 " bytes described",
                               names->what, meta->object.size);
        }
    }
    if (used != meta->object.size) {
        return broker_fail(error, BROKER_CORRUPT, "%s: it holds %zu of %" PRIu64 " bytes", names->what, used,
                           meta->object.size);
    }
    return BROKER_OK;
}

static enum broker_status meta_check(const struct object_names *names, const struct object_meta *meta, size_t size_max,
                                     struct broker_error *error)
{
    if (meta->object.deleted) {
        return broker_fail(error, BROKER_NOT_FOUND, "%s: it was deleted", names->what);
    }
    if (meta->link || !wire_name_valid(bytes_of(meta->nuid))) {
        return broker_fail(error, BROKER_INVALID, "%s: it is a link, which is not supported", names->what);
    }
    if (meta->object.size > size_max || meta->object.size > BROKER_OBJECT_BYTES_MAX) {
        return broker_fail(error, BROKER_TOO_LARGE, "%s: its %" PRIu64 " bytes are more than allowed", names->what,
                           meta->object.size);
    }
    return BROKER_OK;
}

enum broker_status broker_object_get(struct broker *broker, const char *bucket, const char *name, size_t size_max,
                                     uint8_t **ret_content, struct broker_object *ret_object,
                                     struct broker_error *ret_error)
{
    struct object_names names;
    struct object_meta meta = { .nuid = "" };
    char digest[64];
    if (!object_names(bucket, name, "fetch", &names, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = meta_get(broker, &names, &meta, ret_error);
    if (status == BROKER_OK) {
        status = meta_check(&names, &meta, size_max, ret_error);
    }
    if (status != BROKER_OK) {
        return status;
    }
    uint8_t *content = malloc(meta.object.size + 1);
    if (content == NULL) {
        return broker_fail(ret_error, BROKER_NO_MEMORY, "%s: out of memory", names.what);
    }
    status = chunks_get(broker, bucket, &names, &meta, content, ret_error);
    if (status == BROKER_OK && (!digest_of((struct bytes){ content, meta.object.size }, digest) ||
                                !digest_equal(digest, meta.object.digest))) {
        status = broker_fail(ret_error, BROKER_CORRUPT, "%s: its bytes have digest %s, described is %s", names.what,
                             digest, meta.object.digest);
    }
    if (status != BROKER_OK) {
        free(content);
        return status;
    }
    *ret_content = content;
    if (ret_object != NULL) {
        *ret_object = meta.object;
    }
    return BROKER_OK;
}

enum broker_status broker_object_find(struct broker *broker, const char *bucket, const char *name,
                                      struct broker_object *ret_object, struct broker_error *ret_error)
{
    struct object_names names;
    struct object_meta meta = { .nuid = "" };
    if (!object_names(bucket, name, "find", &names, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = meta_get(broker, &names, &meta, ret_error);
    if (status == BROKER_OK && meta.object.deleted) {
        return broker_fail(ret_error, BROKER_NOT_FOUND, "%s: it was deleted", names.what);
    }
    if (status == BROKER_OK) {
        *ret_object = meta.object;
    }
    return status;
}

enum broker_status broker_object_delete(struct broker *broker, const char *bucket, const char *name,
                                        struct broker_error *ret_error)
{
    struct object_names names;
    struct object_meta meta = { .nuid = "" };
    if (!object_names(bucket, name, "delete", &names, ret_error)) {
        return BROKER_INVALID;
    }
    enum broker_status status = meta_get(broker, &names, &meta, ret_error);
    if (status != BROKER_OK || meta.object.deleted) {
        return status;
    }
    char nuid[NUID_BYTES];
    memcpy(nuid, meta.nuid, sizeof nuid);
    meta.object.deleted = true;
    meta.object.size = 0;
    meta.object.chunks = 0;
    status = meta_put(broker, bucket, &names, &meta, ret_error);
    if (status == BROKER_OK) {
        chunks_purge(broker, bucket, &names, nuid);
    }
    return status;
}
