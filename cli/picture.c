/* The page is written beside its place and then renamed, so that a browser never reloads half of one. */
#include "cli/picture.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static bool page_write(const struct check *check, const struct check_picture *picture, const char *path)
{
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return false;
    }
    bool drawn = check_draw(check, picture, out);
    return fclose(out) == 0 && drawn;
}

bool picture_save(const struct check *check, const struct check_picture *picture, const char *path)
{
    char beside[PATH_MAX];
    errno = 0;
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside)) {
        fprintf(stderr, "stead: %s: the name is too long\n", path);
        return false;
    }
    if (!page_write(check, picture, beside) || rename(beside, path) != 0) {
        fprintf(stderr, "stead: %s: the picture can't be written: %s\n", path,
                errno != 0 ? strerror(errno) : "out of memory");
        remove(beside);
        return false;
    }
    fprintf(stderr, "picture  %s\n", path);
    return true;
}
