/* Readers of a journal's files. They trust nothing: every size is checked, every byte that matters has a sum, and what
 * is not whole is named. A file is read into memory at once, so one that is being written can be read too.
 *
 * A record that is not whole with nothing whole behind it is a torn tail: the writer died in the middle of it. One with
 * whole records behind it is damage. Threads: none of their own. */
#ifndef STEAD_ADAPTERS_JOURNAL_READER_H
#define STEAD_ADAPTERS_JOURNAL_READER_H

#include "adapters/journal/journal_format.h"

#include <stdbool.h>
#include <stddef.h>

enum journal_tail {
    JOURNAL_SEALED, /* ended in order; all records are there */
    JOURNAL_OPEN,   /* the writer is at work, or died between two records */
    JOURNAL_TORN    /* the last record is not whole and left out */
};

struct journal_record {
    uint64_t number, check;
    uint32_t kind;
    const void *body; /* body_bytes of the head; not aligned; valid as long as its reader */
};

struct journal_reader;

/* NULL: ret_error names the file and what is wrong. */
struct journal_reader *journal_read(const char *path, char *ret_error, size_t error_size);
/* The same of bytes from malloc(), which it takes over in any case; `name` stands in errors. */
struct journal_reader *journal_parse(void *bytes, size_t size, const char *name, char *ret_error, size_t error_size);
void journal_reader_free(struct journal_reader *reader); /* NULL is fine */
const struct journal_head *journal_reader_head(const struct journal_reader *reader);
const void *journal_reader_snapshot(const struct journal_reader *reader); /* snapshot_bytes of the head */
/* Records that are whole, from the first to the last before the tail or the damage. */
uint64_t journal_reader_count(const struct journal_reader *reader);
struct journal_record journal_reader_record(const struct journal_reader *reader, uint64_t index);
enum journal_tail journal_reader_tail(const struct journal_reader *reader);
/* The hash after the last record of a sealed file. */
uint64_t journal_reader_state(const struct journal_reader *reader);
/* "" or what is damaged and where. */
const char *journal_reader_damage(const struct journal_reader *reader);

/* What a folder holds. */
enum { JOURNAL_ENTRIES_MAX = 64, JOURNAL_PATH_BYTES = 1088, JOURNAL_FAULT_BYTES = 256 };

struct journal_entry {
    char path[JOURNAL_PATH_BYTES];
    uint64_t sequence, run, first;
    char fault[JOURNAL_FAULT_BYTES]; /* why the file can't be placed; "" if it can, and its head is good */
};

/* The files that were begun, oldest first, those with a fault behind them. False: ret_error says why. */
bool journal_list(const char *folder, struct journal_entry ret_entries[JOURNAL_ENTRIES_MAX], size_t *ret_count,
                  char *ret_error, size_t error_size);

#endif
