/* A function's folder as an ordered list of files, its digest and its copy. Private to this folder. */
#ifndef STEAD_ADAPTERS_BUILD_SOURCE_H
#define STEAD_ADAPTERS_BUILD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE_DEPTH_MAX = 16 };

struct source_file {
    char *path; /* relative, with '/' */
    uint64_t bytes;
    bool executable; /* by its owner */
};

/* Sorted by path, so that every machine sees the same order. */
struct source {
    struct source_file *files;
    size_t count, capacity;
    uint64_t bytes;
};

struct digest; /* SHA-256 in progress */

/* Lists a folder, following no links and leaving out hidden names and __pycache__. 0, or -errno: -E2BIG and -EFBIG for
 * the caps of build.h, -ELOOP for the depth. source_free() in any case. */
int source_list(const char *directory, struct source *source);
void source_free(struct source *source);
bool source_has_suffix(const char *path, const char *suffix);
/* Copies every file into `to` (created) and feeds path, size, executable bit and content to the digest. 0 or -errno. */
int source_copy(const struct source *source, const char *from, const char *to, struct digest *digest);

struct digest *digest_create(void);                        /* NULL: out of memory */
void digest_text(struct digest *digest, const char *text); /* with its NUL, so that parts can't run together */
void digest_bytes(struct digest *digest, const void *bytes, size_t length);
/* Writes 64 hex digits and a NUL, and frees the digest. */
void digest_end(struct digest *digest, char hex[65]);

#endif
