/* A function's source as one archive: tar, the form in which it lies in the object store, so that any NATS client can
 * put one there with the tools that everybody has.
 *
 * Packing is reproducible: sorted paths, no times, no owners. Unpacking trusts nothing: plain files only, relative
 * paths without "..", caps on count and size. Blocking; any thread. Errors: false with one line for users in ret_error.
 */
#ifndef STEAD_ADAPTERS_ARCHIVE_H
#define STEAD_ADAPTERS_ARCHIVE_H

#include "adapters/event/event.h"

enum { ARCHIVE_FILES_MAX = 1000, ARCHIVE_BYTES_MAX = 64 << 20, ARCHIVE_PATH_BYTES_MAX = 255 };

struct archive_file {
    struct bytes path;
    struct bytes content;
    bool executable;
};

/* Appends the archive of `files` to `ret_archive`, which the caller frees. */
bool archive_pack(const struct archive_file *files, size_t count, struct event_buffer *ret_archive, char *ret_error,
                  size_t error_size);
/* Writes the files below `directory`, which is made if it is missing. What is there already is replaced. */
bool archive_unpack(struct bytes archive, const char *directory, char *ret_error, size_t error_size);
/* True if `path` may be written below a folder: relative, no empty, "." or ".." part, no NUL or control character. */
bool archive_path_valid(struct bytes path);

#endif
