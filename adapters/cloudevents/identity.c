/* Request ids and input digests. The id is a cryptographic hash, because a caller must not be able to build an id that
 * collides with a stranger's; the digest only tells an honest retry from a different input, so a fast hash will do. */
#include "adapters/cloudevents/internal.h"
#include "adapters/cloudevents/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <pthread.h>
#include <xxhash.h>

static void hash_or_die(bool done)
{
    if (!done) {
        fputs("stead: hashing failed: out of memory or a broken OpenSSL\n", stderr);
        abort();
    }
}

/* Fetched once: OpenSSL 3 looks EVP_sha256() up again at each use, which costs more than the hash of a short id. */
static const EVP_MD *fetched;

static void sha256_fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sha256_fetch);
    hash_or_die(fetched != NULL);
    return fetched;
}

void cloudevents_request_id(struct bytes function, struct bytes source, struct bytes id,
                            char ret_hex[CLOUDEVENTS_REQUEST_ID_HEX + 1])
{
    struct bytes parts[] = { function, source, id };
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    hash_or_die(context != NULL && EVP_DigestInit_ex2(context, sha256(), NULL) == 1);
    for (size_t i = 0; i < 3; i++) {
        hash_or_die(i == 0 || EVP_DigestUpdate(context, "", 1) == 1);
        hash_or_die(EVP_DigestUpdate(context, parts[i].at, parts[i].length) == 1);
    }
    hash_or_die(EVP_DigestFinal_ex(context, digest, NULL) == 1);
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < CLOUDEVENTS_REQUEST_ID_HEX / 2; i++) {
        ret_hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        ret_hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    ret_hex[CLOUDEVENTS_REQUEST_ID_HEX] = '\0';
}

static void digest_part(XXH3_state_t *state, struct bytes part)
{
    uint8_t length[8];
    for (size_t i = 0; i < sizeof length; i++) {
        length[i] = (uint8_t)((uint64_t)part.length >> (8 * i));
    }
    XXH3_64bits_update(state, length, sizeof length);
    if (part.length > 0) {
        XXH3_64bits_update(state, part.at, part.length);
    }
}

uint64_t cloudevents_digest(struct event event)
{
    static const char *const names[] = { "type", "subject", "dataschema", "datacontenttype" };
    XXH3_state_t *state = XXH3_createState();
    hash_or_die(state != NULL && XXH3_64bits_reset(state) == XXH_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bytes value = { NULL, 0 };
        event_find(event.block, names[i], &value);
        digest_part(state, value);
    }
    digest_part(state, event.data);
    uint64_t digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return digest;
}

void cloudevents_digest_text(uint64_t digest, char ret_hex[CLOUDEVENTS_DIGEST_HEX + 1])
{
    snprintf(ret_hex, CLOUDEVENTS_DIGEST_HEX + 1, "%016" PRIx64, digest);
}

/* Whether a later header of the same name says something else. */
static bool contradicted(const struct cloudevents_header *headers, size_t count, const char *name, struct bytes value)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_text_nocase(headers[i].name, name) && !bytes_equal(headers[i].value, value)) {
            return true;
        }
    }
    return false;
}

bool cloudevents_request_id_of(const struct cloudevents_header *headers, size_t count, struct bytes *ret_id,
                               struct cloudevents_error *error)
{
    struct bytes id;
    error->reason = CLOUDEVENTS_NONE;
    if (cloudevents_header_find(headers, count, "stead-request-id", &id)) {
        if (!cloudevents_request_id_valid(id)) {
            return cloudevents_fail(error, CLOUDEVENTS_BAD_CHARACTER, bytes_of("stead-request-id"),
                                    "the header stead-request-id must be 1 to %d printable ASCII characters other than "
                                    "space . * >",
                                    CLOUDEVENTS_REQUEST_ID_BYTES_MAX);
        }
        if (contradicted(headers, count, "stead-request-id", id)) {
            return cloudevents_fail(error, CLOUDEVENTS_DUPLICATE_ATTRIBUTE, bytes_of("stead-request-id"),
                                    "the header stead-request-id is there twice with different values: send one");
        }
        *ret_id = id;
        return true;
    }
    if (cloudevents_header_find(headers, count, "Nats-Msg-Id", &id) && cloudevents_request_id_valid(id)) {
        *ret_id = id;
        return true;
    }
    return false;
}
