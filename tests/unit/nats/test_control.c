/* The control thread: order, threads, a full queue, and a stop that owes nobody an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "adapters/loop/loop.h"
#include "adapters/nats/control.h"

struct probe {
    pthread_t ran_on;
    uint32_t runs, ends, cancelled;
    uint32_t order;
    pthread_mutex_t *gate;
};

static uint32_t next_end;

static void probe_run(void *argument)
{
    struct probe *probe = argument;
    if (probe->gate != NULL) {
        pthread_mutex_lock(probe->gate);
        pthread_mutex_unlock(probe->gate);
    }
    probe->ran_on = pthread_self();
    probe->runs++;
}

static void probe_done(void *argument, bool cancelled)
{
    struct probe *probe = argument;
    probe->ends++;
    probe->cancelled += cancelled;
    probe->order = next_end++;
}

static void test_order_and_threads(void **state)
{
    struct loop *loop = NULL;
    struct probe probes[50] = { 0 };
    next_end = 0;
    assert_int_equal(loop_create(&loop), 0);
    struct control *control = control_start(loop, "test");
    assert_non_null(control);
    for (size_t i = 0; i < 50; i++) {
        assert_true(control_submit(control, probe_run, probe_done, &probes[i]));
    }
    for (int i = 0; i < 500 && control_pending(control) > 0; i++) {
        loop_run_once(loop, 10000000);
    }
    assert_int_equal(control_pending(control), 0);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(probes[i].runs, 1);
        assert_int_equal(probes[i].ends, 1);
        assert_int_equal(probes[i].order, i);
        assert_false(pthread_equal(probes[i].ran_on, pthread_self()));
    }
    control_stop(control);
    loop_free(loop);
}

static void test_full_and_stopped(void **state)
{
    struct loop *loop = NULL;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    struct probe blocker = { .gate = &gate };
    static struct probe rest[CONTROL_JOBS_MAX];
    memset(rest, 0, sizeof rest);
    assert_int_equal(loop_create(&loop), 0);
    struct control *control = control_start(loop, "test");
    pthread_mutex_lock(&gate);
    assert_true(control_submit(control, probe_run, probe_done, &blocker));
    for (size_t i = 0; i < CONTROL_JOBS_MAX - 1; i++) {
        assert_true(control_submit(control, probe_run, probe_done, &rest[i]));
    }
    assert_false(control_submit(control, probe_run, probe_done, &rest[CONTROL_JOBS_MAX - 1]));
    assert_int_equal(control_pending(control), CONTROL_JOBS_MAX);
    pthread_mutex_unlock(&gate);
    control_stop(control);
    assert_int_equal(blocker.ends, 1);
    for (size_t i = 0; i < CONTROL_JOBS_MAX - 1; i++) {
        assert_int_equal(rest[i].ends, 1);
        assert_int_equal(rest[i].runs + rest[i].cancelled, 1);
    }
    assert_int_equal(rest[CONTROL_JOBS_MAX - 1].ends, 0);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_threads),
        cmocka_unit_test(test_full_and_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
