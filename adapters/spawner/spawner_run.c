/* Blocking runs, for compilers: the calling thread owns the run lane, asks for the child, collects its output and waits
 * for its exit, with a deadline on the monotonic clock. When time is up the group is killed, which also closes the
 * output. */
#include "adapters/spawner/client.h"
#include "adapters/spawner/message.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 100, /* whether it is to be given up */
    IDLE_MS = 60000,
};

struct run {
    int lane;
    uint32_t id;
    int output_fd;
    bool exited;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    size_t output_bytes_max;
    const atomic_bool *leaving;
    struct spawner_run_result result;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static int run_request(struct run *run, const struct spawner_program *program)
{
    char *bytes = malloc(SPAWNER_REQUEST_BYTES_MAX);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    long length = request_pack(REQUEST_RUN, run->id, program, bytes);
    int result = length < 0 ? (int)length : 0;
    if (result == 0 && send(run->lane, bytes, (size_t)length, MSG_NOSIGNAL) < 0) {
        result = -EPIPE;
    }
    free(bytes);
    return result;
}

static bool run_left(const struct run *run)
{
    return run->leaving != NULL && *run->leaving;
}

/* Of one that was given up before nobody has read yet how it began and ended. */
static int run_receive(const struct run *run, struct answer *ret_answer, int ret_fds[MESSAGE_FDS_MAX])
{
    for (;;) {
        int result = answer_receive(run->lane, MSG_DONTWAIT, ret_answer, ret_fds);
        if (result != 0 || ret_answer->id == run->id) {
            return result;
        }
        for (int i = 0; i < MESSAGE_FDS_MAX; i++) {
            if (ret_fds[i] >= 0) {
                close(ret_fds[i]);
            }
        }
    }
}

/* Before the child is there only the spawner can be waited for, which may be stopped. */
static int run_await_start(struct run *run)
{
    struct answer answer;
    int fds[MESSAGE_FDS_MAX], result;
    struct pollfd watched = { .fd = run->lane, .events = POLLIN };
    do {
        if (run_left(run)) {
            return -ECANCELED;
        }
        poll(&watched, 1, run->leaving != NULL ? LOOK_MS : -1);
        result = run_receive(run, &answer, fds);
    } while (result == -EAGAIN);
    if (result != 0) {
        return result;
    }
    if (answer.kind == SPAWNER_FAILED) {
        return answer.error != 0 ? -answer.error : -EIO;
    }
    run->output_fd = fds[0];
    return run->output_fd >= 0 ? 0 : -EMFILE; /* the kernel had no room for the descriptor that came along */
}

static void run_kill(struct run *run)
{
    struct request request = { .kind = REQUEST_KILL, .id = run->id, .signal = SIGKILL };
    send(run->lane, &request, sizeof request, MSG_NOSIGNAL);
}

static void run_keep(struct run *run, const char *bytes, size_t length)
{
    size_t room = run->output_bytes_max - run->result.output_bytes;
    if (length > room) {
        length = room;
        run->result.truncated = true;
    }
    memcpy(run->result.output + run->result.output_bytes, bytes, length);
    run->result.output_bytes += length;
}

/* Reads what is there; closes the output at its end. */
static void run_read_output(struct run *run)
{
    char bytes[4096];
    ssize_t got = 0;
    /* Bounded, so that endless output can't keep us from the deadline. */
    for (int i = 0; i < 64; i++) {
        got = read(run->output_fd, bytes, sizeof bytes);
        if (got <= 0) {
            break;
        }
        run_keep(run, bytes, (size_t)got);
    }
    if (got > 0) {
        return;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(run->output_fd);
        run->output_fd = -1;
    }
}

static int run_read_answer(struct run *run)
{
    struct answer answer;
    int fds[MESSAGE_FDS_MAX];
    int result = run_receive(run, &answer, fds);
    if (result == 0 && answer.kind == SPAWNER_EXITED) {
        run->exited = true;
        run->result.exit = answer.exit;
    }
    return result == -EAGAIN ? 0 : result;
}

static int run_poll_ms(const struct run *run)
{
    uint64_t most = run->leaving != NULL ? LOOK_MS : IDLE_MS, now = now_ms();
    uint64_t left = run->result.timed_out ? most : run->deadline_ms > now ? run->deadline_ms - now : 0;
    return (int)(left < most ? left : most);
}

static int run_wait(struct run *run)
{
    while (!run->exited) {
        struct pollfd watched[2] = { { .fd = run->lane, .events = POLLIN },
                                     { .fd = run->output_fd, .events = POLLIN } };
        int ready = poll(watched, 2, run_poll_ms(run));
        if (ready < 0 && errno != EINTR) {
            return -errno;
        }
        if (ready > 0 && watched[1].revents != 0) {
            run_read_output(run);
        }
        if (ready > 0 && watched[0].revents != 0) {
            int result = run_read_answer(run);
            if (result != 0) {
                return result;
            }
        }
        if (!run->exited && run_left(run)) {
            return -ECANCELED;
        }
        if (!run->result.timed_out && now_ms() >= run->deadline_ms) {
            run->result.timed_out = true;
            run_kill(run);
        }
    }
    if (run->output_fd >= 0) {
        run_read_output(run); /* what it wrote last; a stray that holds the pipe open is not waited for */
    }
    return 0;
}

static int run_locked(struct spawner *spawner, const struct spawner_program *program, struct run *run)
{
    run->lane = spawner->lanes[LANE_RUN];
    run->id = ++spawner->run_id;
    int result = run_request(run, program);
    if (result == 0) {
        result = run_await_start(run);
    }
    if (result == 0) {
        result = run_wait(run);
    }
    if (result == -ECANCELED) {
        run_kill(run);
    }
    if (run->output_fd >= 0) {
        close(run->output_fd);
    }
    return result;
}

int spawner_run(struct spawner *spawner, const struct spawner_program *program,
                const struct spawner_run_options *options, struct spawner_run_result *ret_result)
{
    struct run run = { .output_fd = -1, .output_bytes_max = options->output_bytes_max, .leaving = options->leaving };
    run.deadline_ms = options->time_limit_ms == 0 ? UINT64_MAX : now_ms() + options->time_limit_ms;
    run.result.output = malloc(options->output_bytes_max + 1);
    if (run.result.output == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&spawner->run_mutex);
    int result = run_locked(spawner, program, &run);
    pthread_mutex_unlock(&spawner->run_mutex);
    if (result != 0) {
        free(run.result.output);
        return result;
    }
    run.result.output[run.result.output_bytes] = 0;
    *ret_result = run.result;
    return 0;
}
