/* A small journal (files of 8 KiB, records of 24 + 16 bytes) is written, and then everything happens to it. */
#include "adapters/journal/journal.h"
#include "adapters/journal/journal_reader.h"
#include "adapters/journal/journal_sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_BYTES = 8192, BODY = 16, SNAPSHOT = 96, RECORD = 40, CAPACITY = (FILE_BYTES - 4224) / RECORD };

static char root[64], folder[96], error[1400];

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/stead-journal-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/journal", root);
    error[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    char path[160];
    (void)state;
    for (int i = 0; i < JOURNAL_FILES_MAX; i++) {
        snprintf(path, sizeof path, "%s/%03d", folder, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/lock", folder);
    unlink(path);
    rmdir(folder);
    rmdir(root);
    return 0;
}

static struct journal *create(uint32_t files, uint64_t file_bytes)
{
    struct journal_options options = { .folder = folder,
                                       .file_bytes = file_bytes,
                                       .files = files,
                                       .behaviour = 7,
                                       .body_bytes = BODY,
                                       .snapshot_bytes = SNAPSHOT,
                                       .seed = 42,
                                       .build = "b1",
                                       .instance = "a1",
                                       .setup = "set",
                                       .setup_bytes = 4 };
    return journal_create(&options, error, sizeof error);
}

/* Records first..last; a record's body and check follow from its number, a snapshot from the one that follows it. */
static void write_records(struct journal *journal, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++) {
        uint64_t body[2] = { number, ~number };
        if (journal_full(journal)) {
            memset(journal_turn(journal, number * 3), (int)(number & 0xff), SNAPSHOT);
            journal_begin(journal, number, number * 3);
        }
        journal_write(journal, 1, number * 5, body);
    }
}

static struct journal_reader *read_file(int index)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%03d", folder, index);
    return journal_read(path, error, sizeof error);
}

static void assert_records(const struct journal_reader *reader, uint64_t first, uint64_t count)
{
    assert_int_equal(journal_reader_head(reader)->first, first);
    assert_int_equal(journal_reader_head(reader)->state, first * 3);
    assert_int_equal(*(const uint8_t *)journal_reader_snapshot(reader), first & 0xff);
    assert_int_equal(journal_reader_count(reader), count);
    for (uint64_t i = 0; i < count; i++) {
        struct journal_record record = journal_reader_record(reader, i);
        uint64_t body[2];
        memcpy(body, record.body, sizeof body);
        assert_int_equal(record.number, first + i);
        assert_int_equal(record.check, (first + i) * 5);
        assert_int_equal(body[0], first + i);
        assert_int_equal(body[1], ~(first + i));
    }
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct journal *journal = create(2, FILE_BYTES);
    assert_non_null(journal);
    write_records(journal, 1, 10);
    struct journal_reader *reader = read_file(0);
    assert_records(reader, 1, 10);
    assert_int_equal(journal_reader_tail(reader), JOURNAL_OPEN);
    assert_string_equal(journal_reader_head(reader)->instance, "a1");
    assert_string_equal(journal_reader_head(reader)->build, "b1");
    assert_int_equal(journal_reader_head(reader)->behaviour, 7);
    assert_memory_equal(journal_reader_head(reader)->setup, "set", 4);
    journal_reader_free(reader);
    journal_close(journal, 99);
    reader = read_file(0);
    assert_records(reader, 1, 10);
    assert_int_equal(journal_reader_tail(reader), JOURNAL_SEALED);
    assert_int_equal(journal_reader_state(reader), 99);
    assert_string_equal(journal_reader_damage(reader), "");
    journal_reader_free(reader);
}

static void test_ring_turns(void **state)
{
    struct journal_entry *entries = calloc(JOURNAL_ENTRIES_MAX, sizeof *entries);
    struct stat status;
    size_t count = 0;
    uint64_t all = CAPACITY * 7 + 3;
    (void)state;
    struct journal *journal = create(3, FILE_BYTES);
    write_records(journal, 1, all);
    journal_close(journal, 1);
    assert_true(journal_list(folder, entries, &count, error, sizeof error));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct journal_reader *reader = journal_read(entries[i].path, error, sizeof error);
        assert_records(reader, 1 + CAPACITY * (5 + i), i < 2 ? CAPACITY : 3);
        assert_int_equal(journal_reader_tail(reader), JOURNAL_SEALED);
        assert_int_equal(entries[i].sequence, 6 + i);
        assert_int_equal(entries[i].run, entries[0].run);
        journal_reader_free(reader);
        assert_int_equal(stat(entries[i].path, &status), 0);
        assert_int_equal(status.st_size, FILE_BYTES);
    }
    free(entries);
}

static void test_next_process_writes_over_the_oldest(void **state)
{
    struct journal_entry *entries = calloc(JOURNAL_ENTRIES_MAX, sizeof *entries);
    size_t count = 0;
    (void)state;
    struct journal *journal = create(3, FILE_BYTES);
    write_records(journal, 1, CAPACITY * 2 + 5);
    journal_close(journal, 1);
    journal = create(3, FILE_BYTES);
    assert_non_null(journal);
    write_records(journal, 1, 4);
    assert_true(journal_list(folder, entries, &count, error, sizeof error));
    assert_int_equal(count, 3);
    assert_int_equal(entries[0].first, 1 + CAPACITY);
    assert_int_equal(entries[2].first, 1);
    assert_true(entries[1].run == entries[0].run && entries[2].run != entries[0].run);
    struct journal_reader *reader = journal_read(entries[2].path, error, sizeof error);
    assert_records(reader, 1, 4); /* and nothing of the lap before */
    assert_int_equal(journal_reader_tail(reader), JOURNAL_OPEN);
    assert_string_equal(journal_reader_damage(reader), "");
    journal_reader_free(reader);
    journal_close(journal, 1);
    free(entries);
}

static void test_one_writer_per_folder(void **state)
{
    (void)state;
    struct journal *journal = create(2, FILE_BYTES);
    assert_null(create(2, FILE_BYTES));
    assert_non_null(strstr(error, "another process writes its journal there"));
    journal_close(journal, 0);
    journal = create(2, FILE_BYTES);
    assert_non_null(journal);
    journal_close(journal, 0);
}

static void test_another_size_begins_anew(void **state)
{
    struct journal_entry *entries = calloc(JOURNAL_ENTRIES_MAX, sizeof *entries);
    size_t count = 9;
    (void)state;
    struct journal *journal = create(3, FILE_BYTES);
    write_records(journal, 1, CAPACITY * 3);
    journal_close(journal, 0);
    journal = create(2, 2 * FILE_BYTES);
    assert_true(journal_list(folder, entries, &count, error, sizeof error));
    assert_int_equal(count, 0);
    journal_close(journal, 0);
    assert_null(create(2, 4096));
    assert_non_null(strstr(error, "too small"));
    free(entries);
}

static uint8_t *bytes_of_file(int index)
{
    char path[160];
    uint8_t *bytes = malloc(FILE_BYTES);
    snprintf(path, sizeof path, "%s/%03d", folder, index);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, FILE_BYTES, file), FILE_BYTES);
    fclose(file);
    return bytes;
}

/* Parses a copy with one bit of it changed. */
static struct journal_reader *parse_flipped(const uint8_t *bytes, size_t bit)
{
    uint8_t *copy = malloc(FILE_BYTES);
    memcpy(copy, bytes, FILE_BYTES);
    copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1U << bit % 8);
    error[0] = '\0';
    return journal_parse(copy, FILE_BYTES, "flipped", error, sizeof error);
}

/* Every bit that means something: refused, or the damage is named, or (the last record of an open file) left out. */
static void flip_all(const uint8_t *bytes, uint64_t count, bool sealed)
{
    size_t records = (size_t)journal_records_at(SNAPSHOT), end = records + count * RECORD + (sealed ? 0 : 16);
    for (size_t bit = 0; bit < end * 8; bit++) {
        size_t at = bit / 8;
        bool seal = at >= JOURNAL_SEAL_AT && at < JOURNAL_SEAL_AT + sizeof(struct journal_seal);
        if ((at >= sizeof(struct journal_head) && at < JOURNAL_SNAPSHOT_AT && !seal) ||
            (at >= JOURNAL_SNAPSHOT_AT + SNAPSHOT && at < records)) {
            continue; /* between the parts */
        }
        struct journal_reader *reader = parse_flipped(bytes, bit);
        if (reader == NULL) {
            assert_true(at < records && strncmp(error, "flipped: ", 9) == 0);
            continue;
        }
        uint64_t hit = at < records ? count : (at - records) / RECORD;
        assert_int_equal(journal_reader_count(reader), hit < count ? hit : count);
        bool named = journal_reader_damage(reader)[0] != '\0';
        assert_true(named || (!sealed && hit + 1 >= count && journal_reader_tail(reader) == JOURNAL_TORN));
        journal_reader_free(reader);
    }
}

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct journal *journal = create(2, FILE_BYTES);
    write_records(journal, 1, 6);
    uint8_t *open = bytes_of_file(0);
    flip_all(open, 6, false);
    journal_close(journal, 99);
    uint8_t *sealed = bytes_of_file(0);
    flip_all(sealed, 6, true);
    free(open);
    free(sealed);
}

/* The writer dies after any byte of its last record. */
static void test_torn_tail_is_left_out(void **state)
{
    (void)state;
    struct journal *journal = create(2, FILE_BYTES);
    write_records(journal, 1, 6);
    uint8_t *before = bytes_of_file(0);
    write_records(journal, 7, 7);
    uint8_t *after = bytes_of_file(0);
    size_t last = (size_t)journal_records_at(SNAPSHOT) + 6 * RECORD;
    for (size_t got = 0; got < RECORD; got++) {
        uint8_t *torn = malloc(FILE_BYTES);
        memcpy(torn, after, FILE_BYTES);
        memcpy(torn + last, before + last, sizeof(struct journal_mark));      /* the body comes first, */
        memcpy(torn + last + 24, after + last + 24, got < BODY ? got : BODY); /* then the mark */
        if (got >= BODY) {
            memcpy(torn + last + 4, after + last + 4, got - BODY < 20 ? got - BODY : 20);
        }
        struct journal_reader *reader = journal_parse(torn, FILE_BYTES, "torn", error, sizeof error);
        assert_records(reader, 1, 6);
        assert_int_equal(journal_reader_tail(reader), got <= BODY ? JOURNAL_OPEN : JOURNAL_TORN);
        assert_string_equal(journal_reader_damage(reader), "");
        journal_reader_free(reader);
    }
    free(before);
    free(after);
    journal_close(journal, 0);
}

static void test_what_is_no_journal_is_refused(void **state)
{
    (void)state;
    assert_null(journal_parse(calloc(1, 16), 16, "x", error, sizeof error));
    assert_string_equal(error, "x: too short for a journal");
    assert_null(journal_parse(calloc(1, FILE_BYTES), FILE_BYTES, "x", error, sizeof error));
    assert_non_null(strstr(error, "not a journal"));
    assert_null(read_file(0));
    assert_non_null(strstr(error, "No such file"));
    assert_null(journal_read("/tmp", error, sizeof error));
    struct journal *journal = create(2, FILE_BYTES);
    write_records(journal, 1, 2);
    uint8_t *bytes = bytes_of_file(0);
    assert_null(journal_parse(bytes, FILE_BYTES - 8, "cut", error, sizeof error));
    assert_string_equal(error, "cut: the file is not as long as its head says");
    journal_close(journal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ring_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_process_writes_over_the_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_writer_per_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_size_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_tail_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_journal_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
