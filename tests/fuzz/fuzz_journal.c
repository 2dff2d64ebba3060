/* Files of journals as anybody could make them. Since sums keep almost every mutation out, the sums of the head and of
 * the snapshot are put right first where there is room for them: what they guard must not be trusted either. A file
 * that is accepted has records that lie in it. */
#include <stdlib.h>
#include <string.h>

#include "adapters/journal/journal_reader.h"
#include "adapters/journal/journal_sums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void put_right(uint8_t *bytes, size_t size)
{
    struct journal_head head;
    if (size < JOURNAL_SNAPSHOT_AT) {
        return;
    }
    memcpy(&head, bytes, sizeof head);
    head.magic = JOURNAL_MAGIC;
    head.format = JOURNAL_FORMAT;
    head.file_bytes = size;
    if (head.snapshot_bytes <= size - JOURNAL_SNAPSHOT_AT) {
        head.snapshot_sum = XXH3_64bits_withSeed(bytes + JOURNAL_SNAPSHOT_AT, head.snapshot_bytes, journal_seed(&head));
    }
    head.sum = journal_head_sum(&head);
    memcpy(bytes, &head, sizeof head);
}

static void read_all(const uint8_t *data, size_t size, bool right)
{
    char error[512] = "";
    uint64_t seen = 0;
    uint8_t *bytes = malloc(size + 1);
    require(bytes != NULL);
    memcpy(bytes, data, size);
    if (right) {
        put_right(bytes, size);
    }
    struct journal_reader *reader = journal_parse(bytes, size, "fuzz", error, sizeof error);
    if (reader == NULL) {
        require(strncmp(error, "fuzz: ", 6) == 0);
        return;
    }
    const struct journal_head *head = journal_reader_head(reader);
    uint64_t count = journal_reader_count(reader);
    require(count <= size / head->body_bytes);
    for (uint64_t i = 0; i < count; i++) {
        struct journal_record record = journal_reader_record(reader, i);
        require(record.number == head->first + i && record.kind != 0);
        const uint8_t *body = record.body;
        for (uint32_t at = 0; at < head->body_bytes; at++) {
            seen += body[at];
        }
    }
    require(seen <= count * head->body_bytes * 255);
    require(strlen(journal_reader_damage(reader)) < JOURNAL_FAULT_BYTES);
    journal_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size, false);
    read_all(data, size, true);
    return 0;
}
