/* The writer. All files are made, given their disk space and mapped when the journal is created; a turn only goes to
 * the next mapping. The next file is the one with the lowest sequence, so what a dead process left is overwritten last.
 *
 * Order matters, since the process may die between any two stores: a record's body is there before its mark, the mark
 * behind it is zeroed before that, and a head's magic comes last. Pages that are full are let go (they stay in the page
 * cache), so that the journal counts with at most a chunk and a snapshot in the memory of the process. */
#include "adapters/journal/journal.h"

#include "adapters/journal/journal_reader.h"
#include "adapters/journal/journal_sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LET_GO_BYTES     UINT64_C(1048576)
#define MAKE_READY_BYTES UINT64_C(262144)
#define PAGE_BYTES       UINT64_C(4096)

struct slot {
    uint8_t *at; /* the mapping */
    uint64_t sequence;
};

struct journal {
    struct journal_head head; /* of the current file, and what the next takes over */
    struct slot slots[JOURNAL_FILES_MAX];
    uint32_t files, current;
    int lock;
    bool begun;        /* the current slot is a file that takes records */
    uint64_t cursor;   /* where the next record goes, from the start of the file */
    uint64_t let_go;   /* what lies before was let go */
    uint64_t ready;    /* what lies before has pages that can be written */
    uint64_t next;     /* number of the next record */
    uint64_t sequence; /* the highest so far */
};

static void fail(char *ret_error, size_t error_size, const char *path, const char *what)
{
    snprintf(ret_error, error_size, "%s: %s", path, what);
}

static void path_of(const char *folder, uint32_t index, char ret_path[JOURNAL_PATH_BYTES])
{
    snprintf(ret_path, JOURNAL_PATH_BYTES, "%s/%03u", folder, index);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool lock_take(struct journal *journal, const char *folder, char *ret_error, size_t error_size)
{
    char path[JOURNAL_PATH_BYTES];
    snprintf(path, sizeof path, "%s/lock", folder);
    journal->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->lock < 0) {
        fail(ret_error, error_size, path, strerror(errno));
        return false;
    }
    if (flock(journal->lock, LOCK_EX | LOCK_NB) != 0) {
        fail(ret_error, error_size, folder,
             "another process writes its journal there; give each instance a store.directory of its own");
        return false;
    }
    return true;
}

/* A file of another size is of another configuration: it goes. */
static int file_open(const char *path, uint64_t bytes)
{
    struct stat status;
    if (stat(path, &status) == 0 && (uint64_t)status.st_size != bytes) {
        unlink(path);
    }
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* posix_fallocate() returns its error. */
static bool slot_map(struct journal *journal, struct slot *slot, const char *path, char *ret_error, size_t error_size)
{
    int file = file_open(path, journal->head.file_bytes);
    if (file < 0) {
        fail(ret_error, error_size, path, strerror(errno));
        return false;
    }
    int error = posix_fallocate(file, 0, (off_t)journal->head.file_bytes);
    void *at = MAP_FAILED;
    if (error == 0) {
        at = mmap(NULL, journal->head.file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        error = errno;
    }
    close(file);
    if (at == MAP_FAILED) {
        fail(ret_error, error_size, path, strerror(error));
        unlink(path); /* what was allocated of it is of no use */
        return false;
    }
    slot->at = at;
    struct journal_head *head = at;
    bool good = head->magic == JOURNAL_MAGIC && head->sum == journal_head_sum(head);
    slot->sequence = good ? head->sequence : 0;
    journal->sequence = slot->sequence > journal->sequence ? slot->sequence : journal->sequence;
    return true;
}

static bool slots_map(struct journal *journal, const char *folder, char *ret_error, size_t error_size)
{
    char path[JOURNAL_PATH_BYTES];
    for (uint32_t i = 0; i < JOURNAL_FILES_MAX; i++) {
        path_of(folder, i, path);
        if (i >= journal->files) {
            unlink(path);
        } else if (!slot_map(journal, &journal->slots[i], path, ret_error, error_size)) {
            return false;
        }
    }
    return true;
}

static bool options_good(const struct journal_options *options, char *ret_error, size_t error_size)
{
    uint64_t record = sizeof(struct journal_mark) + options->body_bytes;
    uint64_t least = journal_records_at(options->snapshot_bytes) + 2 * record;
    bool good = options->files >= JOURNAL_FILES_MIN && options->files <= JOURNAL_FILES_MAX &&
                options->setup_bytes <= JOURNAL_SETUP_BYTES_MAX && options->body_bytes > 0 &&
                options->body_bytes <= JOURNAL_BODY_BYTES_MAX && options->body_bytes % 8 == 0;
    if (!good || options->file_bytes < least || options->file_bytes % 4096 != 0) {
        snprintf(ret_error, error_size, "%s: a file of %llu bytes is too small (a snapshot alone takes %llu)",
                 options->folder, (unsigned long long)options->file_bytes, (unsigned long long)least);
        return false;
    }
    return true;
}

static void head_fill(struct journal_head *head, const struct journal_options *options)
{
    *head = (struct journal_head){ .magic = JOURNAL_MAGIC,
                                   .format = JOURNAL_FORMAT,
                                   .behaviour = options->behaviour,
                                   .body_bytes = options->body_bytes,
                                   .setup_bytes = options->setup_bytes,
                                   .snapshot_bytes = options->snapshot_bytes,
                                   .file_bytes = options->file_bytes,
                                   .seed = options->seed };
    snprintf(head->build, sizeof head->build, "%s", options->build);
    snprintf(head->instance, sizeof head->instance, "%s", options->instance);
    memcpy(head->setup, options->setup, options->setup_bytes);
}

static void journal_free(struct journal *journal)
{
    for (uint32_t i = 0; i < journal->files; i++) {
        if (journal->slots[i].at != NULL) {
            munmap(journal->slots[i].at, journal->head.file_bytes);
        }
    }
    if (journal->lock >= 0) {
        close(journal->lock);
    }
    free(journal);
}

struct journal *journal_create(const struct journal_options *options, char *ret_error, size_t error_size)
{
    if (!options_good(options, ret_error, error_size)) {
        return NULL;
    }
    struct journal *journal = calloc(1, sizeof *journal);
    uint64_t run = 0;
    if (journal == NULL || getrandom(&run, sizeof run, 0) != sizeof run) {
        free(journal);
        fail(ret_error, error_size, options->folder, "out of memory");
        return NULL;
    }
    journal->files = options->files;
    journal->lock = -1;
    head_fill(&journal->head, options);
    journal->head.run = run;
    if (mkdir(options->folder, 0700) != 0 && errno != EEXIST) {
        fail(ret_error, error_size, options->folder, strerror(errno));
    } else if (lock_take(journal, options->folder, ret_error, error_size) &&
               slots_map(journal, options->folder, ret_error, error_size)) {
        return journal;
    }
    journal_free(journal);
    return NULL;
}

static uint64_t record_bytes(const struct journal *journal)
{
    return sizeof(struct journal_mark) + journal->head.body_bytes;
}

bool journal_full(const struct journal *journal)
{
    return !journal->begun || journal->cursor + record_bytes(journal) > journal->head.file_bytes;
}

static uint32_t oldest(const struct journal *journal)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < journal->files; i++) {
        found = journal->slots[i].sequence < journal->slots[found].sequence ? i : found;
    }
    return found;
}

static void seal(struct journal *journal, uint64_t state)
{
    struct journal_seal *at = (void *)(journal->slots[journal->current].at + JOURNAL_SEAL_AT);
    struct journal_seal written = { .count = journal->next - journal->head.first, .state = state, .sealed = 1 };
    written.sum = journal_seal_sum(&written, journal_seed(&journal->head));
    *at = written;
    madvise(journal->slots[journal->current].at, journal->head.file_bytes, MADV_DONTNEED);
    journal->begun = false;
}

void *journal_turn(struct journal *journal, uint64_t state)
{
    if (journal->begun) {
        seal(journal, state);
    }
    journal->current = oldest(journal);
    uint8_t *at = journal->slots[journal->current].at;
    ((struct journal_head *)(void *)at)->magic = 0;
    atomic_signal_fence(memory_order_seq_cst);
    memset(at + JOURNAL_SEAL_AT, 0, sizeof(struct journal_seal));
    return at + JOURNAL_SNAPSHOT_AT;
}

/* The mark behind the last record: zeros end an open file. */
static void end_mark(struct journal *journal, uint64_t cursor)
{
    if (cursor + sizeof(struct journal_mark) <= journal->head.file_bytes) {
        memset(journal->slots[journal->current].at + cursor, 0, sizeof(struct journal_mark));
    }
}

void journal_begin(struct journal *journal, uint64_t first, uint64_t state)
{
    struct slot *slot = &journal->slots[journal->current];
    struct journal_head *head = &journal->head;
    head->sequence = slot->sequence = ++journal->sequence;
    head->first = journal->next = first;
    head->state = state;
    head->wall_ns = (int64_t)clock_ns(CLOCK_REALTIME);
    head->mono_ns = clock_ns(CLOCK_MONOTONIC);
    head->snapshot_sum = XXH3_64bits_withSeed(slot->at + JOURNAL_SNAPSHOT_AT, head->snapshot_bytes, journal_seed(head));
    head->sum = journal_head_sum(head);
    journal->cursor = journal_records_at(head->snapshot_bytes);
    journal->let_go = 0;
    journal->ready = journal->cursor & ~(PAGE_BYTES - 1);
    end_mark(journal, journal->cursor);
    memcpy(slot->at + sizeof head->magic, (const uint8_t *)head + sizeof head->magic,
           sizeof *head - sizeof head->magic);
    atomic_signal_fence(memory_order_seq_cst);
    ((struct journal_head *)(void *)slot->at)->magic = JOURNAL_MAGIC;
    journal->begun = true;
}

static void let_go(struct journal *journal)
{
    uint64_t whole = journal->cursor & ~(LET_GO_BYTES - 1);
    if (whole > journal->let_go) {
        madvise(journal->slots[journal->current].at + journal->let_go, whole - journal->let_go, MADV_DONTNEED);
        journal->let_go = whole;
    }
}

/* Pages one by one, when they are first written, would cost a fault each. Kernels before 5.14 say no: then they do. */
static void make_ready(struct journal *journal, uint64_t end)
{
    if (end > journal->ready) {
        uint64_t left = journal->head.file_bytes - journal->ready;
        uint64_t bytes = left < MAKE_READY_BYTES ? left : MAKE_READY_BYTES;
        madvise(journal->slots[journal->current].at + journal->ready, bytes, MADV_POPULATE_WRITE);
        journal->ready += bytes;
    }
}

void journal_write(struct journal *journal, uint32_t kind, uint64_t check, const void *body)
{
    uint8_t *at = journal->slots[journal->current].at + journal->cursor;
    struct journal_mark *mark = (void *)at;
    uint64_t bytes = record_bytes(journal);
    make_ready(journal, journal->cursor + bytes);
    end_mark(journal, journal->cursor + bytes);
    memcpy(at + sizeof *mark, body, journal->head.body_bytes);
    atomic_signal_fence(memory_order_seq_cst);
    mark->number = journal->next++;
    mark->check = check;
    mark->kind = kind;
    mark->sum = journal_record_sum(at, journal->head.body_bytes, journal_seed(&journal->head));
    journal->cursor += bytes;
    let_go(journal);
}

void journal_close(struct journal *journal, uint64_t state)
{
    if (journal == NULL) {
        return;
    }
    if (journal->begun) {
        seal(journal, state);
    }
    journal_free(journal);
}
