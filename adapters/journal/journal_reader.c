/* A reader of one file. The head decides the sizes, so it is judged first; then the snapshot; then records are counted
 * up to the first that is not whole. Whether that is the end, a torn tail or damage is told by the seal, or by a look
 * at everything behind it. */
#include "adapters/journal/journal_reader.h"

#include "adapters/journal/journal_sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (INT64_C(1) << 36)

struct journal_reader {
    uint8_t *bytes;
    size_t size;
    struct journal_head head;
    struct journal_seal seal;
    uint64_t seed, capacity, count;
    enum journal_tail tail;
    char damage[JOURNAL_FAULT_BYTES];
};

static const uint8_t *record_at(const struct journal_reader *reader, uint64_t index)
{
    uint64_t bytes = sizeof(struct journal_mark) + reader->head.body_bytes;
    return reader->bytes + journal_records_at(reader->head.snapshot_bytes) + index * bytes;
}

static struct journal_mark mark_of(const struct journal_reader *reader, uint64_t index)
{
    struct journal_mark mark;
    memcpy(&mark, record_at(reader, index), sizeof mark);
    return mark;
}

static bool record_whole(const struct journal_reader *reader, uint64_t index)
{
    struct journal_mark mark = mark_of(reader, index);
    return mark.kind != 0 && mark.number == reader->head.first + index &&
           mark.sum == journal_record_sum(record_at(reader, index), reader->head.body_bytes, reader->seed);
}

/* NULL if the head is good, else what is wrong. */
static const char *head_fault(const struct journal_head *head, size_t size)
{
    if (head->magic != JOURNAL_MAGIC) {
        return "not a journal of this kind of machine, or its first bytes are damaged";
    }
    if (head->sum != journal_head_sum(head)) {
        return "the head is damaged";
    }
    if (head->format != JOURNAL_FORMAT) {
        return "written in a format that this program does not know; use the one that wrote it";
    }
    if (head->file_bytes != size) {
        return "the file is not as long as its head says";
    }
    bool good = head->body_bytes > 0 && head->body_bytes <= JOURNAL_BODY_BYTES_MAX &&
                head->setup_bytes <= JOURNAL_SETUP_BYTES_MAX && head->snapshot_bytes <= head->file_bytes &&
                journal_records_at(head->snapshot_bytes) <= head->file_bytes && head->first > 0 &&
                memchr(head->build, '\0', sizeof head->build) != NULL &&
                memchr(head->instance, '\0', sizeof head->instance) != NULL;
    return good ? NULL : "the head contradicts itself";
}

static void damaged(struct journal_reader *reader, const char *what, uint64_t number)
{
    if (number == 0) {
        snprintf(reader->damage, sizeof reader->damage, "%s", what);
    } else {
        snprintf(reader->damage, sizeof reader->damage, "record %llu %s", (unsigned long long)number, what);
    }
}

/* False if the seal is neither zeros nor good. */
static bool seal_read(struct journal_reader *reader)
{
    static const struct journal_seal zeros;
    memcpy(&reader->seal, reader->bytes + JOURNAL_SEAL_AT, sizeof reader->seal);
    if (memcmp(&reader->seal, &zeros, sizeof zeros) == 0) {
        return true;
    }
    bool good = reader->seal.sum == journal_seal_sum(&reader->seal, reader->seed) && reader->seal.sealed == 1 &&
                reader->seal.count <= reader->capacity;
    if (!good) {
        reader->seal = zeros;
    }
    return good;
}

static bool whole_behind(const struct journal_reader *reader, uint64_t index)
{
    for (uint64_t i = index + 1; i < reader->capacity; i++) {
        if (record_whole(reader, i)) {
            return true;
        }
    }
    return false;
}

static void tail_judge(struct journal_reader *reader)
{
    static const struct journal_mark zeros;
    uint64_t at = reader->count, number = reader->head.first + at;
    if (reader->seal.sealed != 0) {
        reader->tail = JOURNAL_SEALED;
        if (at < reader->seal.count) {
            damaged(reader, "is damaged", number);
        }
        return;
    }
    reader->tail = JOURNAL_OPEN;
    if (at == reader->capacity) {
        return;
    }
    struct journal_mark mark = mark_of(reader, at);
    if (whole_behind(reader, at)) {
        damaged(reader, "is damaged; whole ones follow it", number);
    } else if (memcmp(&mark, &zeros, sizeof zeros) != 0) {
        reader->tail = JOURNAL_TORN;
    }
}

static void records_judge(struct journal_reader *reader)
{
    bool seal_good = seal_read(reader);
    uint64_t limit = reader->seal.sealed != 0 ? reader->seal.count : reader->capacity;
    while (reader->count < limit && record_whole(reader, reader->count)) {
        reader->count++;
    }
    tail_judge(reader);
    if (!seal_good && reader->damage[0] == '\0') {
        damaged(reader, "the seal is damaged", 0);
    }
}

static const char *open_fault(struct journal_reader *reader)
{
    if (reader->size < JOURNAL_SNAPSHOT_AT) {
        return "too short for a journal";
    }
    memcpy(&reader->head, reader->bytes, sizeof reader->head);
    const char *fault = head_fault(&reader->head, reader->size);
    if (fault != NULL) {
        return fault;
    }
    const struct journal_head *head = &reader->head;
    reader->seed = journal_seed(head);
    if (head->snapshot_sum !=
        XXH3_64bits_withSeed(reader->bytes + JOURNAL_SNAPSHOT_AT, head->snapshot_bytes, reader->seed)) {
        return "the snapshot is damaged";
    }
    reader->capacity = (head->file_bytes - journal_records_at(head->snapshot_bytes)) /
                       (sizeof(struct journal_mark) + head->body_bytes);
    records_judge(reader);
    return NULL;
}

struct journal_reader *journal_parse(void *bytes, size_t size, const char *name, char *ret_error, size_t error_size)
{
    struct journal_reader *reader = calloc(1, sizeof *reader);
    const char *fault = "out of memory";
    if (reader != NULL) {
        reader->bytes = bytes;
        reader->size = size;
        fault = open_fault(reader);
    }
    if (fault == NULL) {
        return reader;
    }
    snprintf(ret_error, error_size, "%s: %s", name, fault);
    free(bytes);
    free(reader);
    return NULL;
}

/* All of it, or NULL and errno. */
static uint8_t *bytes_read(const char *path, size_t *ret_size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    uint8_t *bytes = NULL;
    size_t got = 0;
    if (fstat(file, &status) == 0) {
        errno = !S_ISREG(status.st_mode) ? EINVAL : status.st_size > FILE_BYTES_MAX ? EFBIG : 0;
        bytes = errno == 0 ? malloc((size_t)status.st_size + 1) : NULL;
    }
    while (bytes != NULL && got < (size_t)status.st_size) {
        ssize_t more = read(file, bytes + got, (size_t)status.st_size - got);
        if (more < 0 && errno != EINTR) {
            free(bytes);
            bytes = NULL;
        }
        if (more == 0) {
            break;
        }
        got += more > 0 ? (size_t)more : 0;
    }
    int error = errno;
    close(file);
    errno = error;
    *ret_size = got;
    return bytes;
}

struct journal_reader *journal_read(const char *path, char *ret_error, size_t error_size)
{
    size_t size = 0;
    uint8_t *bytes = bytes_read(path, &size);
    if (bytes == NULL) {
        snprintf(ret_error, error_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    return journal_parse(bytes, size, path, ret_error, error_size);
}

void journal_reader_free(struct journal_reader *reader)
{
    if (reader != NULL) {
        free(reader->bytes);
        free(reader);
    }
}

const struct journal_head *journal_reader_head(const struct journal_reader *reader)
{
    return &reader->head;
}

const void *journal_reader_snapshot(const struct journal_reader *reader)
{
    return reader->bytes + JOURNAL_SNAPSHOT_AT;
}

uint64_t journal_reader_count(const struct journal_reader *reader)
{
    return reader->count;
}

struct journal_record journal_reader_record(const struct journal_reader *reader, uint64_t index)
{
    struct journal_mark mark = mark_of(reader, index);
    return (struct journal_record){
        .number = mark.number, .check = mark.check, .kind = mark.kind, .body = record_at(reader, index) + sizeof mark
    };
}

enum journal_tail journal_reader_tail(const struct journal_reader *reader)
{
    return reader->tail;
}

uint64_t journal_reader_state(const struct journal_reader *reader)
{
    return reader->seal.state;
}

const char *journal_reader_damage(const struct journal_reader *reader)
{
    return reader->damage;
}
