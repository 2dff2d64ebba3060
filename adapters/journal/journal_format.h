/* What lies in a file of a journal, shared by its writer and its readers.
 *
 *     0      struct journal_head, written once, its magic last: a file whose magic is 0 was not begun
 *     2048   struct journal_seal, written when the file ends; zeros as long as it is open
 *     4096   the snapshot: the owner's state before the first record
 *     then   records of one size: struct journal_mark, then body_bytes of body
 *
 * Everything is in the byte order and the layout of the machine that wrote it; others refuse it by its magic.
 * Sums are XXH3 with a seed of the run and the file's number, so that what an earlier lap left never counts. Behind the
 * last record of an open file stands a mark of zeros. */
#ifndef STEAD_ADAPTERS_JOURNAL_FORMAT_H
#define STEAD_ADAPTERS_JOURNAL_FORMAT_H

#include <stdint.h>

enum {
    JOURNAL_FORMAT = 1,
    JOURNAL_SEAL_AT = 2048,
    JOURNAL_SNAPSHOT_AT = 4096,
    JOURNAL_SETUP_BYTES_MAX = 512,
    JOURNAL_BODY_BYTES_MAX = 1024,
    JOURNAL_TEXT_BYTES = 64
};

#define JOURNAL_MAGIC UINT64_C(0x314c4e4a44545300) /* "\0STDJNL1" on little-endian machines */

struct journal_head {
    uint64_t magic;
    uint32_t format, behaviour; /* behaviour: of the code whose inputs these are */
    uint32_t body_bytes, setup_bytes;
    uint64_t snapshot_bytes, file_bytes;
    uint64_t sequence; /* of this file, counted over the life of the folder from 1 */
    uint64_t run;      /* drawn when the process began: files of one run belong together */
    uint64_t seed;
    uint64_t first;        /* number of the first record */
    uint64_t state;        /* the owner's hash of the snapshot's meaning */
    uint64_t snapshot_sum; /* of its bytes */
    int64_t wall_ns;       /* when the file was begun */
    uint64_t mono_ns;
    char build[JOURNAL_TEXT_BYTES], instance[JOURNAL_TEXT_BYTES];
    uint8_t setup[JOURNAL_SETUP_BYTES_MAX]; /* what the owner was set up with */
    uint64_t sum;                           /* of all before it */
};

_Static_assert(sizeof(struct journal_head) <= JOURNAL_SEAL_AT, "the seal lies behind the head");

struct journal_seal {
    uint64_t count; /* records in this file */
    uint64_t state; /* the owner's hash after the last */
    uint64_t sealed;
    uint64_t sum;
};

struct journal_mark {
    uint32_t sum;    /* of the rest of the record */
    uint32_t kind;   /* the owner's, not 0 */
    uint64_t number; /* consecutive, from 1 at the start of a run */
    uint64_t check;  /* the owner's */
};

#endif
