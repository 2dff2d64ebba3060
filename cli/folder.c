/* A walk with openat() and caps. A symbolic link is followed only if its real path lies below the folder's own and is
 * a plain file, so that a deploy never carries away what the user did not put there. Entries are sorted: the same
 * folder is the same request everywhere. */
#include "cli/folder.h"

#include "adapters/build/build.h"
#include "adapters/config/config.h"
#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

static bool fail(struct folder *folder, int exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail(struct folder *folder, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(folder->problem, sizeof folder->problem, format, arguments);
    va_end(arguments);
    folder->exit_code = exit_code;
    return false;
}

static bool read_content(int fd, size_t size, uint8_t **ret_content, size_t *ret_length)
{
    uint8_t *content = malloc(size + 1);
    size_t used = 0;
    ssize_t got = 1;
    while (content != NULL && used < size && got > 0) {
        got = read(fd, content + used, size - used);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    if (content == NULL || got < 0) {
        free(content);
        return false;
    }
    content[used] = '\0';
    *ret_content = content;
    *ret_length = used;
    return true;
}

/* Opens a file of the folder; -1 with `problem` if it may not or can't be read. */
static int open_inside(struct folder *folder, const char *path)
{
    char full[3 * FOLDER_PATH_BYTES], real[FOLDER_PATH_BYTES];
    size_t root = strlen(folder->directory);
    snprintf(full, sizeof full, "%s/%s", folder->directory, path);
    if (realpath(full, real) == NULL) {
        fail(folder, EXIT_USAGE, "%s: %s", full, strerror(errno));
        return -1;
    }
    if (strncmp(real, folder->directory, root) != 0 || (real[root] != '/' && root > 1)) {
        fail(folder, EXIT_USAGE, "%.250s points out of the folder, to %.250s: copy the file, or leave the link out",
             full, real);
        return -1;
    }
    int fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        fail(folder, errno == EACCES ? EXIT_NOT_PERMITTED : EXIT_USAGE, "%s: %s", full, strerror(errno));
    }
    return fd;
}

static bool add_file(struct folder *folder, const char *path)
{
    struct stat status;
    size_t length;
    int fd = open_inside(folder, path);
    if (fd < 0) {
        return false;
    }
    bool plain = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    bool fits =
        plain && folder->file_count < FOLDER_FILES_MAX && (uint64_t)status.st_size <= FOLDER_BYTES_MAX - folder->bytes;
    struct folder_memory *memory = fits ? &folder->memory[folder->file_count] : NULL;
    bool good = fits && read_content(fd, (size_t)status.st_size, &memory->content, &length);
    close(fd);
    if (!plain) {
        return fail(folder, EXIT_USAGE, "%s/%s is no plain file", folder->directory, path);
    }
    if (!fits) {
        return fail(folder, EXIT_USAGE, "%s is too much for a function: at most %d files and %d MiB (%s is over)",
                    folder->directory, FOLDER_FILES_MAX, FOLDER_BYTES_MAX >> 20, path);
    }
    memory->path = good ? strdup(path) : NULL;
    folder->file_count++;
    if (memory->path == NULL) {
        return fail(folder, EXIT_UNAVAILABLE, "%s/%s can't be read: %s", folder->directory, path, strerror(errno));
    }
    folder->files[folder->file_count - 1] = (struct rpc_file){ .path = bytes_of(memory->path),
                                                               .content = { memory->content, length },
                                                               .executable = (status.st_mode & S_IXUSR) != 0 };
    folder->bytes += length;
    return true;
}

bool folder_name_wanted(const char *name)
{
    size_t length = strlen(name);
    bool leftover = name[0] == '#' || (length > 0 && name[length - 1] == '~') || strcmp(name, "4913") == 0;
    return name[0] != '.' && !leftover && strcmp(name, "__pycache__") != 0;
}

bool folder_path_wanted(const char *path)
{
    return strcmp(path, "node_modules/@stead") != 0;
}

static int wanted(const struct dirent *entry)
{
    return folder_name_wanted(entry->d_name);
}

static bool walk(struct folder *folder, const char *below, int depth);

static bool add_entry(struct folder *folder, const char *path, int depth)
{
    char full[3 * FOLDER_PATH_BYTES];
    struct stat status;
    if (!folder_path_wanted(path)) {
        return true;
    }
    snprintf(full, sizeof full, "%s/%s", folder->directory, path);
    if (lstat(full, &status) != 0) {
        return fail(folder, EXIT_USAGE, "%s: %s", full, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return depth + 1 < FOLDER_DEPTH_MAX
                   ? walk(folder, path, depth + 1)
                   : fail(folder, EXIT_USAGE, "%s: over %d folders deep", full, FOLDER_DEPTH_MAX);
    }
    return add_file(folder, path);
}

static bool walk(struct folder *folder, const char *below, int depth)
{
    char path[FOLDER_PATH_BYTES + PATH_BYTES];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/%s", folder->directory, below);
    int count = scandir(path, &entries, wanted, alphasort);
    if (count < 0) {
        return fail(folder, errno == EACCES ? EXIT_NOT_PERMITTED : EXIT_USAGE, "%s: %s", path, strerror(errno));
    }
    bool good = true;
    for (int i = 0; i < count; i++) {
        if (good) {
            int length = snprintf(path, PATH_BYTES, "%s%s%s", below, below[0] == '\0' ? "" : "/", entries[i]->d_name);
            good = length < PATH_BYTES ? add_entry(folder, path, depth)
                                       : fail(folder, EXIT_USAGE, "%s: a path in it is too long", folder->directory);
        }
        free(entries[i]);
    }
    free(entries);
    return good;
}

/* -- what it is ---------------------------------------------------------------------------------------------------- */

static bool manifest_find(struct folder *folder)
{
    struct bytes text = { (const uint8_t *)"", 0 };
    for (size_t i = 0; i < folder->file_count; i++) {
        if (bytes_equal_text(folder->files[i].path, "stead.yaml")) {
            text = folder->files[i].content;
        }
    }
    folder->manifest = strndup((const char *)text.at, text.length);
    return folder->manifest != NULL || fail(folder, EXIT_TRY_AGAIN, "out of memory");
}

static bool manifest_read(struct folder *folder)
{
    char path[FOLDER_PATH_BYTES + 16];
    struct config_problems problems = { 0 };
    struct manifest manifest;
    if (!manifest_find(folder)) {
        return false;
    }
    snprintf(path, sizeof path, "%s/stead.yaml", folder->directory);
    if (!manifest_load_text(folder->manifest, strlen(folder->manifest), path, NULL, &manifest, &problems)) {
        return fail(folder, EXIT_CONFIGURATION, "%s", problems.text[0]);
    }
    snprintf(folder->name, sizeof folder->name, "%s", manifest.name);
    snprintf(folder->language, sizeof folder->language, "%s", manifest.language);
    manifest_free(&manifest);
    return true;
}

static bool name_and_language(struct folder *folder, const char *name, const char *language)
{
    enum build_language detected;
    char message[256];
    const char *slash = strrchr(folder->directory, '/');
    if (name != NULL || folder->name[0] == '\0') {
        snprintf(folder->name, sizeof folder->name, "%s", name != NULL ? name : slash + 1);
    }
    if (language != NULL) {
        snprintf(folder->language, sizeof folder->language, "%s", language);
    }
    if (folder->language[0] == '\0') {
        if (!build_detect(folder->directory, &detected, message, sizeof message)) {
            return fail(folder, EXIT_USAGE, "%s holds no function: %s", folder->directory, message);
        }
        snprintf(folder->language, sizeof folder->language, "%s", build_language_name(detected));
    }
    return true;
}

bool folder_read(const char *directory, const char *name, const char *language, struct folder *ret_folder)
{
    struct stat status;
    *ret_folder = (struct folder){ .exit_code = EXIT_USAGE };
    if (realpath(directory, ret_folder->directory) == NULL || stat(directory, &status) != 0) {
        return fail(ret_folder, EXIT_USAGE, "%s: %s", directory, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return fail(ret_folder, EXIT_USAGE, "%s is a file: name the folder that holds the function", directory);
    }
    ret_folder->files = calloc(FOLDER_FILES_MAX, sizeof *ret_folder->files);
    ret_folder->memory = calloc(FOLDER_FILES_MAX, sizeof *ret_folder->memory);
    if (ret_folder->files == NULL || ret_folder->memory == NULL) {
        return fail(ret_folder, EXIT_TRY_AGAIN, "out of memory");
    }
    return walk(ret_folder, "", 0) && manifest_read(ret_folder) && name_and_language(ret_folder, name, language);
}

void folder_free(struct folder *folder)
{
    for (size_t i = 0; i < folder->file_count; i++) {
        free(folder->memory[i].path);
        free(folder->memory[i].content);
    }
    free(folder->memory);
    free(folder->files);
    free(folder->manifest);
    *folder = (struct folder){ 0 };
}

bool folder_is_function(const char *directory)
{
    enum build_language language;
    char message[256], path[FOLDER_PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/stead.yaml", directory);
    return build_detect(directory, &language, message, sizeof message) ||
           (length < (int)sizeof path && access(path, R_OK) == 0);
}
