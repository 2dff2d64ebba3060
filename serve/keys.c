/* Keys are XXH3-128 of a text: seeded per process for the core's tables (so that nobody can choose colliding names),
 * and unseeded where several instances must agree (the ledger's record of a request). What users see of code is named
 * by SHA-256. */
#include "serve/instance.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <xxhash.h>

struct key key_of_text(const struct instance *instance, struct bytes text)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(text.at, text.length, instance->hash_seed);
    struct key key = { hash.high64, hash.low64 };
    if (key_is_none(key)) {
        key.lo = 1;
    }
    return key;
}

void key_hex(struct bytes text, char ret_hex[33])
{
    XXH128_hash_t hash = XXH3_128bits(text.at, text.length);
    snprintf(ret_hex, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void content_hex(struct bytes content, char ret_hex[65])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(content.at, content.length, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    }
}
