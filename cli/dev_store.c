/* One dev at a time: two brokers on the same streams would ruin them, so the folder is locked for as long as the
 * process lives (flock: the kernel gives it back even after kill -9). */
#include "cli/dev_store.h"

#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_path(const char *path)
{
    char part[DEV_PATH_BYTES + 16];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static bool default_path(char *ret_path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state != NULL && state[0] == '/') {
        return snprintf(ret_path, size, "%s/stead/dev", state) < (int)size;
    }
    if (home != NULL && home[0] == '/') {
        return snprintf(ret_path, size, "%s/.local/state/stead/dev", home) < (int)size;
    }
    return false;
}

static bool lock_take(struct dev_store *store, int *ret_exit, char *ret_error, size_t size)
{
    char path[DEV_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/lock", store->directory);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd >= 0 && flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    bool taken = errno == EWOULDBLOCK;
    *ret_exit = taken ? EXIT_UNAVAILABLE : EXIT_NOT_PERMITTED;
    snprintf(ret_error, size,
             taken ? "%s is in use by another stead dev: stop that one, or take another place by --store DIR"
                   : "%s can't be locked: choose another place by --store DIR",
             store->directory);
    dev_store_close(store);
    return false;
}

bool dev_store_open(const char *named, struct dev_store *ret_store, int *ret_exit, char *ret_error, size_t size)
{
    char wanted[DEV_PATH_BYTES], real[4096];
    *ret_store = (struct dev_store){ .lock_fd = -1, .chosen = named != NULL };
    *ret_exit = EXIT_USAGE;
    bool fits = named != NULL ? snprintf(wanted, sizeof wanted, "%s", named) < (int)sizeof wanted
                              : default_path(wanted, sizeof wanted);
    if (!fits || wanted[0] == '\0') {
        snprintf(ret_error, size,
                 "no place for the store: HOME is not set or a path is too long; name one by --store DIR");
        return false;
    }
    if (!make_path(wanted) || realpath(wanted, real) == NULL || strlen(real) >= DEV_PATH_BYTES) {
        *ret_exit = errno == EACCES ? EXIT_NOT_PERMITTED : EXIT_USAGE;
        snprintf(ret_error, size, "%s can't be made: %s; choose another place by --store DIR", wanted, strerror(errno));
        return false;
    }
    memcpy(ret_store->directory, real, strlen(real) + 1);
    snprintf(ret_store->nats, sizeof ret_store->nats, "%s/nats", ret_store->directory);
    snprintf(ret_store->serve, sizeof ret_store->serve, "%s/serve", ret_store->directory);
    snprintf(ret_store->ports, sizeof ret_store->ports, "%s/ports.json", ret_store->directory);
    if (!lock_take(ret_store, ret_exit, ret_error, size)) {
        return false;
    }
    unlink(ret_store->ports);
    return true;
}

void dev_store_close(struct dev_store *store)
{
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
        store->lock_fd = -1;
    }
}

bool dev_store_read(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t length = fread(ret_text, 1, size - 1, file);
    bool good = !ferror(file) && length > 0 && length < size - 1;
    fclose(file);
    ret_text[length] = '\0';
    return good;
}

bool dev_store_write(const char *path, const char *text)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part) {
        return false;
    }
    FILE *file = fopen(part, "we");
    if (file == NULL) {
        return false;
    }
    bool written = fputs(text, file) != EOF;
    return fclose(file) == 0 && written && rename(part, path) == 0;
}
