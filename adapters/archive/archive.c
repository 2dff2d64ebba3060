/* Tar by libarchive. Paths are checked here before anything is written, and files are opened below the target folder
 * without following links, so that an archive can't reach outside it. */
#include "adapters/archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BLOCK_BYTES = 65536, PLAIN_MODE = 0644, PROGRAM_MODE = 0755 };

static bool part_valid(const uint8_t *at, size_t length)
{
    bool dots = (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.');
    return length > 0 && !dots;
}

bool archive_path_valid(struct bytes path)
{
    size_t start = 0;
    if (path.length == 0 || path.length > ARCHIVE_PATH_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i <= path.length; i++) {
        if (i < path.length && (path.at[i] < ' ' || path.at[i] == 0x7f || path.at[i] == '\\')) {
            return false;
        }
        if (i == path.length || path.at[i] == '/') {
            if (!part_valid(path.at + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return true;
}

static bool fail(char *ret_error, size_t error_size, const char *what, struct bytes path)
{
    snprintf(ret_error, error_size, "%s: %.*s", what, (int)(path.length < 200 ? path.length : 200),
             path.length > 0 ? (const char *)path.at : "");
    return false;
}

static int compare_paths(const void *a, const void *b)
{
    const struct archive_file *left = *(const struct archive_file *const *)a;
    const struct archive_file *right = *(const struct archive_file *const *)b;
    size_t least = left->path.length < right->path.length ? left->path.length : right->path.length;
    int order = memcmp(left->path.at, right->path.at, least);
    return order != 0 ? order : (left->path.length > right->path.length) - (left->path.length < right->path.length);
}

static bool files_check(const struct archive_file *files, size_t count, char *ret_error, size_t error_size)
{
    size_t total = 0;
    if (count == 0 || count > ARCHIVE_FILES_MAX) {
        return fail(ret_error, error_size, "a function has 1 to 1000 files", (struct bytes){ 0 });
    }
    for (size_t i = 0; i < count; i++) {
        if (!archive_path_valid(files[i].path)) {
            return fail(ret_error, error_size, "not a relative path without '..'", files[i].path);
        }
        total += files[i].content.length;
        if (total > ARCHIVE_BYTES_MAX) {
            return fail(ret_error, error_size, "the files are over 64 MiB together", (struct bytes){ 0 });
        }
    }
    return true;
}

static la_ssize_t write_to_buffer(struct archive *archive, void *owner, const void *at, size_t length)
{
    struct event_buffer *buffer = owner;
    (void)archive;
    event_buffer_append(buffer, at, length);
    return buffer->failed ? -1 : (la_ssize_t)length;
}

static bool write_file(struct archive *archive, const struct archive_file *file)
{
    char path[ARCHIVE_PATH_BYTES_MAX + 1];
    memcpy(path, file->path.at, file->path.length);
    path[file->path.length] = '\0';
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_size(entry, (la_int64_t)file->content.length);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, file->executable ? PROGRAM_MODE : PLAIN_MODE);
    bool good = archive_write_header(archive, entry) == ARCHIVE_OK;
    if (good && file->content.length > 0) {
        good = archive_write_data(archive, file->content.at, file->content.length) == (la_ssize_t)file->content.length;
    }
    archive_entry_free(entry);
    return good;
}

bool archive_pack(const struct archive_file *files, size_t count, struct event_buffer *ret_archive, char *ret_error,
                  size_t error_size)
{
    if (!files_check(files, count, ret_error, error_size)) {
        return false;
    }
    const struct archive_file **sorted = malloc(count * sizeof *sorted);
    struct archive *archive = archive_write_new();
    bool good = sorted != NULL && archive != NULL;
    for (size_t i = 0; good && i < count; i++) {
        sorted[i] = &files[i];
    }
    if (good) {
        qsort(sorted, count, sizeof *sorted, compare_paths); /* Paths differ, so the order is total. */
        archive_write_set_format_ustar(archive);
        archive_write_set_bytes_in_last_block(archive, 1);
        good = archive_write_open(archive, ret_archive, NULL, write_to_buffer, NULL) == ARCHIVE_OK;
    }
    for (size_t i = 0; good && i < count; i++) {
        good = write_file(archive, sorted[i]);
    }
    good = archive != NULL && archive_write_free(archive) == ARCHIVE_OK && good && !ret_archive->failed;
    free(sorted);
    return good || fail(ret_error, error_size, "the archive can't be written (memory, or a path too long)",
                        (struct bytes){ 0 });
}

/* Makes the folders above `path` and opens it, all relative to `folder`, never through a link. */
static int open_below(int folder, char *path, mode_t mode)
{
    int at = dup(folder);
    char *part = path;
    for (char *slash = strchr(part, '/'); slash != NULL && at >= 0; slash = strchr(part, '/')) {
        *slash = '\0';
        mkdirat(at, part, 0755);
        int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
        part = slash + 1;
    }
    if (at < 0) {
        return -1;
    }
    unlinkat(at, part, 0);
    int file = openat(at, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    close(at);
    return file;
}

static bool copy_content(struct archive *archive, int file, uint64_t *total)
{
    static const size_t block = READ_BLOCK_BYTES;
    char *buffer = malloc(block);
    la_ssize_t got = 0;
    bool good = buffer != NULL;
    while (good && (got = archive_read_data(archive, buffer, block)) > 0) {
        *total += (uint64_t)got;
        good = *total <= ARCHIVE_BYTES_MAX && write(file, buffer, (size_t)got) == got;
    }
    free(buffer);
    return good && got == 0;
}

static bool unpack_entry(struct archive *archive, struct archive_entry *entry, int folder, uint64_t *total,
                         char *ret_error, size_t error_size)
{
    const char *name = archive_entry_pathname(entry);
    if (name == NULL) {
        return fail(ret_error, error_size, "an entry has no readable name", (struct bytes){ 0 });
    }
    while (strncmp(name, "./", 2) == 0) {
        name += 2;
    }
    struct bytes path = bytes_of(name);
    bool directory = archive_entry_filetype(entry) == AE_IFDIR;
    if (directory) {
        return true; /* Made on the way to its files. */
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL) {
        return fail(ret_error, error_size, "only plain files are allowed", path);
    }
    if (!archive_path_valid(path)) {
        return fail(ret_error, error_size, "not a relative path without '..'", path);
    }
    char copy[ARCHIVE_PATH_BYTES_MAX + 1];
    memcpy(copy, path.at, path.length + 1);
    int file = open_below(folder, copy, archive_entry_perm(entry) & 0100 ? PROGRAM_MODE : PLAIN_MODE);
    if (file < 0) {
        return fail(ret_error, error_size, strerror(errno), path);
    }
    bool good = copy_content(archive, file, total);
    good = close(file) == 0 && good;
    return good || fail(ret_error, error_size, "can't be unpacked (damaged, too large, or the disk is full)", path);
}

bool archive_unpack(struct bytes bytes, const char *directory, char *ret_error, size_t error_size)
{
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        return fail(ret_error, error_size, strerror(errno), bytes_of(directory));
    }
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    uint64_t total = 0;
    uint32_t count = 0;
    bool good = folder >= 0 && archive != NULL && archive_read_support_format_tar(archive) == ARCHIVE_OK &&
                archive_read_open_memory(archive, bytes.at, bytes.length) == ARCHIVE_OK;
    if (!good) {
        fail(ret_error, error_size, "not a tar archive", (struct bytes){ 0 });
    }
    int status = ARCHIVE_EOF;
    while (good && (status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        good = ++count <= ARCHIVE_FILES_MAX && unpack_entry(archive, entry, folder, &total, ret_error, error_size);
    }
    if (good && status != ARCHIVE_EOF) {
        good = fail(ret_error, error_size, "the tar archive is damaged", (struct bytes){ 0 });
    }
    if (archive != NULL) {
        archive_read_free(archive);
    }
    if (folder >= 0) {
        close(folder);
    }
    return good;
}
