/* One walk collects the files; they are sorted by path, so two trees are compared by one merge. */
#include "cli/dev_tree.h"

#include "cli/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
    struct dev_tree *tree;
    const char *directory;
    void (*folder_seen)(void *owner, const char *path);
    void *owner;
};

static int wanted(const struct dirent *entry)
{
    return folder_name_wanted(entry->d_name);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct dev_tree_file *)a)->path, ((const struct dev_tree_file *)b)->path);
}

static void file_add(struct dev_tree *tree, const char *path, const struct stat *status)
{
    if (tree->count == tree->capacity && tree->count < FOLDER_FILES_MAX) {
        size_t capacity = tree->capacity == 0 ? 16 : tree->capacity * 2;
        struct dev_tree_file *files = realloc(tree->files, capacity * sizeof *files);
        tree->files = files == NULL ? tree->files : files;
        tree->capacity = files == NULL ? tree->capacity : capacity;
    }
    char *copy = tree->count < tree->capacity ? strdup(path) : NULL;
    if (copy == NULL) {
        tree->failed = true;
        return;
    }
    tree->files[tree->count++] =
        (struct dev_tree_file){ .path = copy,
                                .inode = (uint64_t)status->st_ino,
                                .bytes = (uint64_t)status->st_size,
                                .changed_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
                                .executable = (status->st_mode & S_IXUSR) != 0 };
}

static void walk_folder(const struct walk *walk, const char *below, int depth);

static void walk_entry(const struct walk *walk, const char *path, int depth)
{
    char full[FOLDER_PATH_BYTES];
    struct stat status;
    if (snprintf(full, sizeof full, "%s/%s", walk->directory, path) >= (int)sizeof full || lstat(full, &status) != 0 ||
        !folder_path_wanted(path)) {
        return; /* Gone meanwhile: that change shows at the next look. */
    }
    if (S_ISDIR(status.st_mode)) {
        walk_folder(walk, path, depth + 1);
    } else if (!S_ISLNK(status.st_mode) || stat(full, &status) == 0) {
        file_add(walk->tree, path, &status);
    }
}

static void walk_folder(const struct walk *walk, const char *below, int depth)
{
    char path[FOLDER_PATH_BYTES];
    struct dirent **entries;
    int length = snprintf(path, sizeof path, "%s%s%s", walk->directory, below[0] == '\0' ? "" : "/", below);
    if (walk->folder_seen != NULL && length < (int)sizeof path) {
        walk->folder_seen(walk->owner, path); /* Before it is read: a watch must see what comes later. */
    }
    int count = depth < FOLDER_DEPTH_MAX && length < (int)sizeof path ? scandir(path, &entries, wanted, NULL) : -1;
    if (count < 0) {
        walk->tree->failed = true;
        return;
    }
    for (int i = 0; i < count; i++) {
        length = snprintf(path, sizeof path, "%s%s%s", below, below[0] == '\0' ? "" : "/", entries[i]->d_name);
        if (length < (int)sizeof path) {
            walk_entry(walk, path, depth);
        }
        free(entries[i]);
    }
    free(entries);
}

void dev_tree_read(struct dev_tree *tree, const char *directory, void (*folder_seen)(void *owner, const char *path),
                   void *owner)
{
    struct walk walk = { .tree = tree, .directory = directory, .folder_seen = folder_seen, .owner = owner };
    dev_tree_free(tree);
    walk_folder(&walk, "", 0);
    if (tree->count > 0) {
        qsort(tree->files, tree->count, sizeof *tree->files, by_path);
    }
}

static bool same(const struct dev_tree_file *a, const struct dev_tree_file *b)
{
    return a->inode == b->inode && a->bytes == b->bytes && a->changed_ns == b->changed_ns &&
           a->executable == b->executable;
}

size_t dev_tree_difference(const struct dev_tree *old, const struct dev_tree *new, const char **ret_first)
{
    size_t count = 0, i = 0, k = 0;
    const char *first = "";
    while (i < old->count || k < new->count) {
        int order = i == old->count ? 1 : k == new->count ? -1 : strcmp(old->files[i].path, new->files[k].path);
        if (order != 0 || !same(&old->files[i], &new->files[k])) {
            first = count > 0 ? first : order < 0 ? old->files[i].path : new->files[k].path;
            count++;
        }
        i += order <= 0;
        k += order >= 0;
    }
    *ret_first = first;
    return count;
}

void dev_tree_free(struct dev_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->files[i].path);
    }
    free(tree->files);
    *tree = (struct dev_tree){ 0 };
}
