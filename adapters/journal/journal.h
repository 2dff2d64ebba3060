/* The writer of a journal: a ring of mapped files of fixed size, into which an owner puts numbered records of one size.
 *
 * Writing is a store to memory: no system call, no waiting for a disk. What was written survives the death of the
 * process by any signal, but not a loss of power. The disk that a journal takes is taken when it is created, so that a
 * disk that fills up later does no harm. Each file begins with a snapshot of the owner's state, so a ring that lost its
 * oldest file still makes sense.
 *
 * Ownership: one process at a time per folder (a lock). Errors: text for people in ret_error.
 * Threads: one at a time. */
#ifndef STEAD_ADAPTERS_JOURNAL_H
#define STEAD_ADAPTERS_JOURNAL_H

#include "adapters/journal/journal_format.h"

#include <stdbool.h>
#include <stddef.h>

enum { JOURNAL_FILES_MIN = 2, JOURNAL_FILES_MAX = 16 };

struct journal;

struct journal_options {
    const char *folder;  /* made if it is not there; its parent must be */
    uint64_t file_bytes; /* of each file, whole pages */
    uint32_t files;
    uint32_t behaviour, body_bytes;
    uint64_t snapshot_bytes, seed;
    const char *build, *instance;
    const void *setup;
    uint32_t setup_bytes;
};

/* Goes on behind the newest file of what the folder holds; files of another size or beyond `files` are removed. NULL:
 * ret_error says what is wrong and what to do. Nothing is written before journal_turn(). */
struct journal *journal_create(const struct journal_options *options, char *ret_error, size_t error_size);
/* The current file has no room for another record, or there is none yet: a turn is due. */
bool journal_full(const struct journal *journal);
/* Ends the current file (`state`: the owner's hash now) and returns where the snapshot of journal_begin() goes. */
void *journal_turn(struct journal *journal, uint64_t state);
/* The snapshot is in its place, its hash is `state`; the next record is number `first`. */
void journal_begin(struct journal *journal, uint64_t first, uint64_t state);
/* Writes body_bytes of body as the next record. kind is not 0, and the journal not full. */
void journal_write(struct journal *journal, uint32_t kind, uint64_t check, const void *body);
/* Seals the current file, if there is one, and frees the journal; NULL is fine. */
void journal_close(struct journal *journal, uint64_t state);

#endif
