/* What a folder holds: the heads of its files, in the order in which they were begun. */
#include "adapters/journal/journal_reader.h"

#include "adapters/journal/journal_sums.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The writer's names: three digits. */
static bool name_fits(const char *name)
{
    return strlen(name) == 3 && strspn(name, "0123456789") == 3;
}

/* False if the file was not begun. */
static bool entry_read(struct journal_entry *entry)
{
    struct journal_head head = { 0 };
    int file = open(entry->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, &head, sizeof head);
    if (got < 0) {
        snprintf(entry->fault, sizeof entry->fault, "%s", strerror(errno));
    }
    if (file >= 0) {
        close(file);
    }
    if (got >= 0 && head.magic == 0) {
        return false;
    }
    if (got >= 0 &&
        (got < (ssize_t)sizeof head || head.magic != JOURNAL_MAGIC || head.sum != journal_head_sum(&head))) {
        snprintf(entry->fault, sizeof entry->fault, "the head is damaged");
    }
    if (entry->fault[0] == '\0') {
        entry->sequence = head.sequence;
        entry->run = head.run;
        entry->first = head.first;
    } else {
        entry->sequence = UINT64_MAX; /* behind the others */
    }
    return true;
}

static int entry_compare(const void *one, const void *other)
{
    const struct journal_entry *a = one, *b = other;
    if (a->sequence != b->sequence) {
        return a->sequence < b->sequence ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

bool journal_list(const char *folder, struct journal_entry ret_entries[JOURNAL_ENTRIES_MAX], size_t *ret_count,
                  char *ret_error, size_t error_size)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        snprintf(ret_error, error_size, "%s: %s", folder, strerror(errno));
        return false;
    }
    size_t count = 0;
    for (struct dirent *found; count < JOURNAL_ENTRIES_MAX && (found = readdir(directory)) != NULL;) {
        struct journal_entry *entry = &ret_entries[count];
        *entry = (struct journal_entry){ .sequence = 0 };
        if (name_fits(found->d_name)) {
            snprintf(entry->path, sizeof entry->path, "%s/%s", folder, found->d_name);
            count += entry_read(entry);
        }
    }
    closedir(directory);
    qsort(ret_entries, count, sizeof *ret_entries, entry_compare);
    *ret_count = count;
    return true;
}
