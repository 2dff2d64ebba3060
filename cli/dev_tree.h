/* What the files of a folder look like: enough to tell later that one of them has changed, and which.
 *
 * Names that a deploy leaves behind (folder.h) are no part of it. A file is known by its path, inode, size, time of
 * its last change and executable bit; contents are not read. Zero-initialise; dev_tree_free(). Any thread, one at a
 * time. */
#ifndef STEAD_CLI_DEV_TREE_H
#define STEAD_CLI_DEV_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dev_tree {
    struct dev_tree_file {
        char *path; /* below the folder */
        uint64_t inode, bytes;
        int64_t changed_ns;
        bool executable;
    } * files; /* sorted by path */
    size_t count, capacity;
    bool failed; /* out of memory, over a cap, or not readable: there may be more */
};

/* Reads the folder; calls `folder_seen` (may be NULL) for it and each folder below. Replaces what `tree` held. */
void dev_tree_read(struct dev_tree *tree, const char *directory, void (*folder_seen)(void *owner, const char *path),
                   void *owner);
/* How many files came, went or changed, and the first one's path ("" if none). */
size_t dev_tree_difference(const struct dev_tree *old, const struct dev_tree *new, const char **ret_first);
void dev_tree_free(struct dev_tree *tree);

#endif
