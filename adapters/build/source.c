/* Lists, copies and digests a folder. Files are opened by O_NOFOLLOW relative to their folder, and digested from the
 * very bytes that are copied, so an artifact can't differ from its name when somebody edits the folder meanwhile. */
#include "adapters/build/source.h"

#include "adapters/build/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool source_has_suffix(const char *path, const char *suffix)
{
    size_t path_length = strlen(path);
    size_t suffix_length = strlen(suffix);
    return path_length >= suffix_length && strcmp(path + path_length - suffix_length, suffix) == 0;
}

void source_free(struct source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        free(source->files[i].path);
    }
    free(source->files);
    *source = (struct source){ 0 };
}

static int source_add(struct source *source, const char *path, const struct stat *status)
{
    uint64_t bytes = (uint64_t)status->st_size;
    if (source->count == BUILD_FILES_MAX) {
        return -E2BIG;
    }
    if (bytes > BUILD_SOURCE_BYTES_MAX || source->bytes > BUILD_SOURCE_BYTES_MAX - bytes) {
        return -EFBIG;
    }
    if (source->count == source->capacity) {
        size_t capacity = source->capacity * 2 + 16;
        struct source_file *grown = realloc(source->files, capacity * sizeof *grown);
        if (grown == NULL) {
            return -ENOMEM;
        }
        source->files = grown;
        source->capacity = capacity;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return -ENOMEM;
    }
    source->files[source->count++] = (struct source_file){ copy, bytes, (status->st_mode & S_IXUSR) != 0 };
    source->bytes += bytes;
    return 0;
}

static int source_walk(struct source *source, int folder_fd, const char *prefix, int depth);

static int source_visit(struct source *source, int folder_fd, const char *prefix, const char *name, int depth)
{
    struct stat status;
    if (name[0] == '.' || strcmp(name, "__pycache__") == 0 ||
        fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return 0;
    }
    char path[BUILD_PATH_BYTES_MAX];
    int length = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != 0 ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return -ENAMETOOLONG;
    }
    if (S_ISREG(status.st_mode)) {
        return source_add(source, path, &status);
    }
    if (!S_ISDIR(status.st_mode)) {
        return 0;
    }
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : source_walk(source, fd, path, depth + 1);
}

/* Takes over folder_fd. */
static int source_walk(struct source *source, int folder_fd, const char *prefix, int depth)
{
    DIR *folder = depth > SOURCE_DEPTH_MAX ? NULL : fdopendir(folder_fd);
    if (folder == NULL) {
        int error = depth > SOURCE_DEPTH_MAX ? ELOOP : errno;
        close(folder_fd);
        return -error;
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(folder)) != NULL) {
        result = source_visit(source, dirfd(folder), prefix, entry->d_name, depth);
    }
    closedir(folder);
    return result;
}

static int source_compare(const void *a, const void *b)
{
    return strcmp(((const struct source_file *)a)->path, ((const struct source_file *)b)->path);
}

int source_list(const char *directory, struct source *source)
{
    *source = (struct source){ 0 };
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int result = source_walk(source, fd, "", 0);
    if (result == 0 && source->count > 1) {
        qsort(source->files, source->count, sizeof *source->files,
              source_compare); /* paths are unique: a total order */
    }
    return result;
}

static void make_parents(const char *root, const char *path)
{
    char full[2 * BUILD_PATH_BYTES_MAX];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(full, sizeof full, "%s/%.*s", root, (int)(slash - path), path);
        mkdir(full, 0700);
    }
}

static int copy_bytes(int from, int to, uint64_t bytes, struct digest *digest)
{
    char buffer[64 * 1024];
    uint64_t copied = 0;
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0) {
        copied += (uint64_t)got;
        if (copied > bytes) {
            return -EAGAIN; /* it grew while we looked */
        }
        digest_bytes(digest, buffer, (size_t)got);
        if (write(to, buffer, (size_t)got) != got) {
            return errno != 0 ? -errno : -ENOSPC;
        }
    }
    return got < 0 ? -errno : copied == bytes ? 0 : -EAGAIN;
}

static int source_copy_file(const struct source_file *file, const char *from, const char *to, struct digest *digest)
{
    char path[2 * BUILD_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", from, file->path);
    int input = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (input < 0) {
        return -errno;
    }
    make_parents(to, file->path);
    snprintf(path, sizeof path, "%s/%s", to, file->path);
    int output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->executable ? 0700 : 0600);
    int result = output < 0 ? -errno : 0;
    if (result == 0) {
        digest_text(digest, file->path);
        digest_bytes(digest, &file->bytes, sizeof file->bytes);
        digest_bytes(digest, &file->executable, sizeof file->executable);
        result = copy_bytes(input, output, file->bytes, digest);
        if (close(output) != 0 && result == 0) {
            result = -errno;
        }
    }
    close(input);
    return result;
}

int source_copy(const struct source *source, const char *from, const char *to, struct digest *digest)
{
    if (mkdir(to, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    int result = 0;
    for (size_t i = 0; i < source->count && result == 0; i++) {
        result = source_copy_file(&source->files[i], from, to, digest);
    }
    return result;
}

struct digest *digest_create(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return (struct digest *)context;
}

void digest_bytes(struct digest *digest, const void *bytes, size_t length)
{
    EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, length);
}

void digest_text(struct digest *digest, const char *text)
{
    digest_bytes(digest, text, strlen(text) + 1);
}

void digest_end(struct digest *digest, char hex[65])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex((EVP_MD_CTX *)digest, raw, &length);
    EVP_MD_CTX_free((EVP_MD_CTX *)digest);
    for (unsigned i = 0; i < 32; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
    }
}
