/* The ring alone, and between two threads that sleep and wake each other; the second half is for the thread sanitizer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>

#include "adapters/ring/ring.h"

static void wake_count(void *owner)
{
    ++*(unsigned *)owner;
}

static void keeps_order_and_says_when_it_is_full(void **state)
{
    struct ring ring;
    int items[5];
    assert_true(ring_init(&ring, 3, NULL, NULL)); /* rounded up to 4 */
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            assert_true(ring_push(&ring, &items[i]));
        assert_false(ring_push(&ring, &items[4]));
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(ring_pop(&ring), &items[i]);
        assert_null(ring_pop(&ring));
    }
    ring_free(&ring);
}

static void wakes_once_and_only_a_sleeper(void **state)
{
    struct ring ring;
    unsigned wakes = 0;
    int item;
    assert_true(ring_init(&ring, 8, wake_count, &wakes));
    assert_true(ring_push(&ring, &item));
    assert_int_equal(wakes, 0);
    assert_false(ring_sleep(&ring)); /* there is work */
    assert_non_null(ring_pop(&ring));
    assert_true(ring_sleep(&ring));
    assert_true(ring_push(&ring, &item));
    assert_true(ring_push(&ring, &item));
    assert_int_equal(wakes, 1);
    assert_non_null(ring_pop(&ring));
    assert_non_null(ring_pop(&ring));
    assert_true(ring_sleep(&ring));
    ring_awake(&ring);
    assert_true(ring_push(&ring, &item));
    assert_int_equal(wakes, 1);
    ring_free(&ring);
}

enum { ITEMS = 200000, PLACES = 64 };

struct pair {
    struct ring there, back;
    sem_t popper, pusher;
    uint64_t sum;
};

static void wake_popper(void *owner)
{
    sem_post(&((struct pair *)owner)->popper);
}

static void wake_pusher(void *owner)
{
    sem_post(&((struct pair *)owner)->pusher);
}

/* Takes each item, changes it and sends it back: the memory behind the pointer must be handed over too. */
static void *answer_all(void *argument)
{
    struct pair *pair = argument;
    for (unsigned done = 0; done < ITEMS;) {
        uint64_t *item = ring_pop(&pair->there);
        if (!item) {
            if (ring_sleep(&pair->there))
                sem_wait(&pair->popper);
            continue;
        }
        *item += 1;
        while (!ring_push(&pair->back, item))
            sched_yield();
        done++;
    }
    return NULL;
}

static void hands_memory_over_between_threads(void **state)
{
    struct pair pair = { .sum = 0 };
    uint64_t items[PLACES] = { 0 };
    pthread_t thread;
    sem_init(&pair.popper, 0, 0);
    sem_init(&pair.pusher, 0, 0);
    assert_true(ring_init(&pair.there, PLACES, wake_popper, &pair));
    assert_true(ring_init(&pair.back, PLACES, wake_pusher, &pair));
    assert_int_equal(pthread_create(&thread, NULL, answer_all, &pair), 0);
    unsigned sent = 0;
    unsigned received = 0;
    while (received < ITEMS) {
        while (sent < ITEMS && sent - received < PLACES)
            assert_true(ring_push(&pair.there, &items[sent++ % PLACES]));
        uint64_t *item = ring_pop(&pair.back);
        if (item) {
            assert_ptr_equal(item, &items[received % PLACES]);
            received++;
            pair.sum += *item;
        } else if (ring_sleep(&pair.back)) {
            sem_wait(&pair.pusher);
        }
    }
    pthread_join(thread, NULL);
    uint64_t rounds = ITEMS / PLACES;
    assert_int_equal(pair.sum, PLACES * (rounds * (rounds + 1) / 2));
    ring_free(&pair.there);
    ring_free(&pair.back);
    sem_destroy(&pair.popper);
    sem_destroy(&pair.pusher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_says_when_it_is_full),
        cmocka_unit_test(wakes_once_and_only_a_sleeper),
        cmocka_unit_test(hands_memory_over_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
