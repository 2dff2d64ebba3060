/* mkdtemp() and nftw() do the work. What a child left behind is removed depth first. */
#include "adapters/spawner/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

char *scratch_create(const char *parent_directory)
{
    const char *parent = parent_directory != NULL ? parent_directory : getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/stead-XXXXXX", parent != NULL && parent[0] == '/' ? parent : "/tmp") < 0) {
        return NULL;
    }
    if (mkdtemp(path) == NULL) {
        free(path);
        return NULL;
    }
    return path;
}

static int scratch_remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    if (type == FTW_DNR) {
        chmod(path, 0700);
    }
    remove(path);
    return 0; /* go on: what can't be removed must not keep the rest */
}

void scratch_remove(const char *directory)
{
    nftw(directory, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
