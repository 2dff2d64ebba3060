/* The spawner against real programs of /bin: what children inherit, how they end, and that nothing is left. */
#include "adapters/loop/loop.h"
#include "adapters/spawner/spawner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct spawner *spawner;
static struct loop *loop;
static struct spawner_event last[8]; /* by kind */
static int counts[8];

static void on_event(void *owner, const struct spawner_event *event)
{
    last[event->kind] = *event;
    counts[event->kind]++;
}

static bool await(enum spawner_event_kind kind, int count)
{
    uint64_t deadline_ns = loop_now_ns() + 10000000000u;
    while (counts[kind] < count && loop_now_ns() < deadline_ns) {
        loop_run_once(loop, 50000000u);
    }
    return counts[kind] >= count;
}

static void forget_events(void)
{
    memset(counts, 0, sizeof counts);
}

static void close_started(void)
{
    close(last[SPAWNER_STARTED].channel_fd);
    close(last[SPAWNER_STARTED].stdout_fd);
    close(last[SPAWNER_STARTED].stderr_fd);
}

static char *run_shell(const char *script, struct spawner_run_options options, struct spawner_run_result *result)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    const char *env[] = { "COLOUR=blue", NULL };
    struct spawner_program program = { .argv = argv, .env = env };
    assert_int_equal(spawner_run(spawner, &program, &options, result), 0);
    return result->output;
}

static void test_run_captures_both_outputs(void **state)
{
    struct spawner_run_result result;
    char *output =
        run_shell("echo out; echo err >&2; exit 7", (struct spawner_run_options){ 5000, 1000, NULL }, &result);
    assert_string_equal(output, "out\nerr\n");
    assert_int_equal(result.exit.status, 7);
    assert_false(result.timed_out);
    free(output);
}

static void test_run_world(void **state)
{
    struct spawner_run_result result;
    char *output = run_shell("env | sort | cut -d= -f1 | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '; ulimit -c; "
                             "grep NoNewPrivs /proc/self/status; test $HOME = $(pwd) && echo home",
                             (struct spawner_run_options){ 5000, 4000, NULL }, &result);
    assert_non_null(strstr(output, "COLOUR HOME LANG PATH PWD TMPDIR"));
    assert_non_null(strstr(output, "0 1 2 3 0\n")); /* 3 is ls's own; core limit 0 */
    assert_non_null(strstr(output, "NoNewPrivs:\t1"));
    assert_non_null(strstr(output, "home"));
    free(output);
}

static void test_run_time_limit_kills_descendants(void **state)
{
    struct spawner_run_result result;
    uint64_t started_ns = loop_now_ns();
    char *output = run_shell("sleep 60 & sleep 60", (struct spawner_run_options){ 200, 100, NULL }, &result);
    assert_true(result.timed_out);
    assert_int_equal(result.exit.signal, SIGKILL);
    assert_true(loop_now_ns() - started_ns < 5000000000u);
    free(output);
}

static void *leave_soon(void *leaving)
{
    nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
    *(atomic_bool *)leaving = true;
    return NULL;
}

/* A pipe that all of the group hold open: it ends when the last of them has. */
static int pipe_of_group(char *path)
{
    assert_non_null(mkdtemp(path));
    memcpy(path + strlen(path), "/group", sizeof "/group");
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void expect_group_ended(int fd, char *path)
{
    struct pollfd watched = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&watched, 1, 20000), 1);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = 0;
    assert_int_equal(rmdir(path), 0);
}

static void test_run_given_up(void **state)
{
    char path[64] = "/tmp/stead-spawner-XXXXXX";
    int group = pipe_of_group(path);
    const char *argv[] = { "/bin/sh", "-c", "exec 9>\"$0\"; sleep 60 & sleep 60", path, NULL };
    struct spawner_program program = { .argv = argv };
    atomic_bool leaving = false;
    struct spawner_run_options options = { 60000, 100, &leaving };
    struct spawner_run_result result;
    pthread_t thread;
    uint64_t started_ns = loop_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, leave_soon, &leaving), 0);
    assert_int_equal(spawner_run(spawner, &program, &options, &result), -ECANCELED);
    assert_true(loop_now_ns() - started_ns >= 300000000u && loop_now_ns() - started_ns < 20000000000u);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_group_ended(group, path);
    leaving = false; /* what was given up is not taken for what comes next */
    free(run_shell("exit 7", (struct spawner_run_options){ 5000, 1000, &leaving }, &result));
    assert_int_equal(result.exit.status, 7);
}

static void test_run_endless_output(void **state)
{
    struct spawner_run_result result;
    char *output = run_shell("yes", (struct spawner_run_options){ 200, 100, NULL }, &result);
    assert_true(result.timed_out);
    assert_true(result.truncated);
    assert_int_equal(result.output_bytes, 100);
    free(output);
}

static void test_run_memory_limit(void **state)
{
    const char *argv[] = { "/usr/bin/python3", "-I", "-S", "-c", "x = bytearray(1 << 30)", NULL };
    struct spawner_program program = { .argv = argv, .limits = { .memory_bytes = 256 << 20 } };
    struct spawner_run_options options = { 20000, 4000, NULL };
    struct spawner_run_result result;
    assert_int_equal(spawner_run(spawner, &program, &options, &result), 0);
    assert_int_equal(result.exit.status, 1);
    assert_non_null(strstr(result.output, "MemoryError"));
    free(result.output);
}

static void test_run_errors(void **state)
{
    struct spawner_run_options options = { 1000, 100, NULL };
    struct spawner_run_result result;
    struct spawner_program absent = { .argv = (const char *const[]){ "/no/such/program", NULL } };
    struct spawner_program relative = { .argv = (const char *const[]){ "sh", NULL } };
    struct spawner_program nowhere = { .argv = (const char *const[]){ "/bin/true", NULL }, .directory = "/no/such" };
    assert_int_equal(spawner_run(spawner, &absent, &options, &result), -ENOENT);
    assert_int_equal(spawner_run(spawner, &relative, &options, &result), -EINVAL);
    assert_int_equal(spawner_run(spawner, &nowhere, &options, &result), -ENOENT);
    char *large = malloc(SPAWNER_REQUEST_BYTES_MAX + 1);
    assert_non_null(large);
    memset(large, 'x', SPAWNER_REQUEST_BYTES_MAX);
    large[SPAWNER_REQUEST_BYTES_MAX] = 0;
    struct spawner_program big = { .argv = (const char *const[]){ "/bin/true", large, NULL } };
    assert_int_equal(spawner_run(spawner, &big, &options, &result), -E2BIG);
    free(large);
}

static void test_spawn_channel(void **state)
{
    forget_events();
    const char *argv[] = { "/bin/sh", "-c", "read line <&3; echo \"got $line\" >&3; echo noise; exit 4", NULL };
    struct spawner_program program = { .argv = argv };
    assert_int_equal(spawner_spawn(spawner, 1, &program), 0);
    assert_true(await(SPAWNER_STARTED, 1));
    int fd = last[SPAWNER_STARTED].channel_fd;
    assert_int_equal(write(fd, "hello\n", 6), 6);
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&readable, 1, 5000), 1);
    char text[32] = { 0 };
    assert_int_equal(read(fd, text, sizeof text - 1), 10);
    assert_string_equal(text, "got hello\n");
    assert_true(await(SPAWNER_EXITED, 1));
    assert_int_equal(last[SPAWNER_EXITED].id, 1);
    assert_int_equal(last[SPAWNER_EXITED].exit.status, 4);
    close_started();
}

static void test_spawn_failed_then_id_is_free(void **state)
{
    forget_events();
    struct spawner_program absent = { .argv = (const char *const[]){ "/no/such/program", NULL } };
    struct spawner_program good = { .argv = (const char *const[]){ "/bin/true", NULL } };
    assert_int_equal(spawner_spawn(spawner, 2, &absent), 0);
    assert_true(await(SPAWNER_FAILED, 1));
    assert_int_equal(last[SPAWNER_FAILED].error, ENOENT);
    assert_int_equal(spawner_spawn(spawner, 2, &good), 0);
    assert_true(await(SPAWNER_EXITED, 1));
    close_started();
}

static void test_kill_right_after_spawn_takes_descendants(void **state)
{
    forget_events();
    /* setsid(1) leaves the session: a stray that only the subreaper can find. */
    const char *argv[] = { "/bin/sh", "-c", "setsid sleep 61 & sleep 61 & echo up; wait", NULL };
    struct spawner_program program = { .argv = argv };
    assert_int_equal(spawner_spawn(spawner, 3, &program), 0);
    assert_true(await(SPAWNER_STARTED, 1));
    struct pollfd up = { .fd = last[SPAWNER_STARTED].stdout_fd, .events = POLLIN };
    assert_int_equal(poll(&up, 1, 5000), 1);
    usleep(50000); /* for setsid to have left */
    spawner_kill(spawner, 3, SIGKILL);
    spawner_kill(spawner, 77, SIGKILL);
    assert_true(await(SPAWNER_EXITED, 1));
    assert_int_equal(last[SPAWNER_EXITED].exit.signal, SIGKILL);
    char text[8];
    while (read(up.fd, text, sizeof text) > 0) {
    }
    /* Every holder of the pipe is dead: end of file, and not "nothing there yet". */
    assert_int_equal(poll(&up, 1, 5000), 1);
    assert_int_equal(read(up.fd, text, sizeof text), 0);
    close_started();
}

static void test_many(void **state)
{
    forget_events();
    struct spawner_program program = { .argv = (const char *const[]){ "/bin/true", NULL } };
    for (uint32_t id = 100; id < 200; id++) {
        assert_int_equal(spawner_spawn(spawner, id, &program), 0);
        assert_true(await(SPAWNER_STARTED, (int)(id - 99)));
        close_started();
    }
    assert_true(await(SPAWNER_EXITED, 100));
}

/* The last test: a spawner whose daemon is gone takes its children along. */
static void test_stop_kills_children(void **state)
{
    forget_events();
    struct spawner_program program = { .argv = (const char *const[]){ "/bin/sleep", "62", NULL } };
    assert_int_equal(spawner_spawn(spawner, 500, &program), 0);
    assert_true(await(SPAWNER_STARTED, 1));
    int fd = last[SPAWNER_STARTED].stdout_fd;
    spawner_stop(spawner);
    spawner = NULL;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0); /* the writer is dead already */
    close_started();
}

int main(void)
{
    if (spawner_start(NULL, &spawner) != 0 || loop_create(&loop) != 0 ||
        spawner_attach(spawner, loop, on_event, NULL) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_captures_both_outputs),
        cmocka_unit_test(test_run_world),
        cmocka_unit_test(test_run_time_limit_kills_descendants),
        cmocka_unit_test(test_run_given_up),
        cmocka_unit_test(test_run_endless_output),
        cmocka_unit_test(test_run_memory_limit),
        cmocka_unit_test(test_run_errors),
        cmocka_unit_test(test_spawn_channel),
        cmocka_unit_test(test_spawn_failed_then_id_is_free),
        cmocka_unit_test(test_kill_right_after_spawn_takes_descendants),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_stop_kills_children),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    loop_free(loop);
    return failures;
}
