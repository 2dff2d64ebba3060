/* The blob store: references, bounds, reuse of slots, and that misuse ends the process. */
#include "adapters/blob/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void keeps_until_the_last_drop(void **state)
{
    struct blob_store *store = blob_store_create(4, 100);
    uint32_t slot = 0;
    assert_true(blob_put(store, "hello", 5, &slot));
    assert_int_not_equal(slot, BLOB_NONE);
    blob_keep(store, slot);
    blob_drop(store, slot);
    assert_true(bytes_equal_text(blob_get(store, slot), "hello"));
    assert_int_equal(blob_counts(store).bytes_used, 5);
    blob_drop(store, slot);
    blob_drop(store, BLOB_NONE);
    assert_int_equal(blob_counts(store).bytes_used, 0);
    assert_int_equal(blob_counts(store).slots_used, 0);
    blob_store_free(store);
}

static void full_is_an_answer(void **state)
{
    struct blob_store *store = blob_store_create(2, 10);
    uint32_t first, second, third = 77;
    assert_true(blob_put(store, "1234567890", 10, &first));
    assert_false(blob_put(store, "x", 1, &third));  /* bytes */
    assert_true(blob_put(store, NULL, 0, &second)); /* nothing needs no bytes */
    assert_false(blob_put(store, NULL, 0, &third)); /* slots */
    assert_int_equal(third, 77);
    assert_int_equal(blob_counts(store).refused, 2);
    blob_drop(store, first);
    assert_true(blob_put(store, "x", 1, &third));
    assert_int_equal(third, first); /* the slot is used again */
    blob_store_free(store);         /* what is held is freed with it */
}

static void adopts_without_copying(void **state)
{
    struct blob_store *store = blob_store_create(1, 10);
    uint8_t *buffer = malloc(10);
    uint32_t slot;
    assert_true(blob_adopt(store, buffer, 10, &slot));
    assert_ptr_equal(blob_get(store, slot).at, buffer);
    uint8_t *other = malloc(1);
    assert_false(blob_adopt(store, other, 1, &slot));
    free(other); /* still ours */
    blob_store_free(store);
}

/* Runs `misuse` in a child, since it must abort. */
static void assert_aborts(void (*misuse)(struct blob_store *))
{
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        misuse(blob_store_create(2, 10));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void drop_empty(struct blob_store *store)
{
    blob_drop(store, 1);
}

static void get_none(struct blob_store *store)
{
    blob_get(store, BLOB_NONE);
}

static void keep_out_of_range(struct blob_store *store)
{
    blob_keep(store, 3);
}

static void misuse_aborts(void **state)
{
    assert_aborts(drop_empty);
    assert_aborts(get_none);
    assert_aborts(keep_out_of_range);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_until_the_last_drop),
        cmocka_unit_test(full_is_an_answer),
        cmocka_unit_test(adopts_without_copying),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
