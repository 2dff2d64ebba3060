/* The daemon's side: two lanes to the spawner process, one for the loop thread (never blocks: what the socket can't
 * take is queued here) and one for blocking runs (spawner_run.c). Answers on the loop's lane become events. */
#include "adapters/spawner/spawner.h"

#include "adapters/loop/loop.h"
#include "adapters/spawner/client.h"
#include "adapters/spawner/message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_LANE_FD = 3 };

/* In the new process: keeps 0 to 2 and the lanes, closes everything else that the daemon had open. */
static _Noreturn void become_spawner(const int lanes[LANE_COUNT], const char *scratch_directory)
{
    int high[LANE_COUNT];
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        high[lane] = fcntl(lanes[lane], F_DUPFD_CLOEXEC, 64);
        if (high[lane] < 0) {
            _exit(1);
        }
    }
    int kept[LANE_COUNT];
    close_range(FIRST_LANE_FD, 63, 0);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        kept[lane] = fcntl(high[lane], F_DUPFD_CLOEXEC, FIRST_LANE_FD);
        if (kept[lane] < 0) {
            _exit(1);
        }
    }
    close_range(64, ~0u, 0);
    server_run(kept, scratch_directory);
}

/* Makes sure that 0 to 2 are open, so that no pipe of ours gets such a number. */
static int reserve_standard_fds(void)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        if (fd > 2) {
            close(fd);
            return 0;
        }
    }
}

static void spawner_close_lanes(struct spawner *spawner)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (spawner->lanes[lane] >= 0) {
            close(spawner->lanes[lane]);
            spawner->lanes[lane] = -1;
        }
    }
}

static int open_lanes(int ours[LANE_COUNT], int theirs[LANE_COUNT])
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
            return -errno;
        }
        ours[lane] = pair[0];
        theirs[lane] = pair[1];
    }
    return 0;
}

static int spawner_fork(struct spawner *spawner, const struct spawner_options *options)
{
    int theirs[LANE_COUNT] = { -1, -1 };
    int result = reserve_standard_fds();
    if (result == 0) {
        result = open_lanes(spawner->lanes, theirs);
    }
    if (result == 0) {
        spawner->pid = fork();
        if (spawner->pid == 0) {
            spawner_close_lanes(spawner);
            become_spawner(theirs, options != NULL ? options->scratch_directory : NULL);
        }
        result = spawner->pid < 0 ? -errno : 0;
    }
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (theirs[lane] >= 0) {
            close(theirs[lane]);
        }
    }
    return result;
}

int spawner_start(const struct spawner_options *options, struct spawner **ret_spawner)
{
    struct spawner *spawner = calloc(1, sizeof *spawner);
    if (spawner == NULL) {
        return -ENOMEM;
    }
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        spawner->lanes[lane] = -1;
    }
    pthread_mutex_init(&spawner->run_mutex, NULL);
    int result = spawner_fork(spawner, options);
    if (result != 0) {
        spawner_close_lanes(spawner);
        free(spawner);
        return result;
    }
    *ret_spawner = spawner;
    return 0;
}

static void spawner_drop_queue(struct spawner *spawner)
{
    while (spawner->queue_first != NULL) {
        struct queued_request *next = spawner->queue_first->next;
        free(spawner->queue_first);
        spawner->queue_first = next;
    }
    spawner->queue_last = NULL;
}

void spawner_detach(struct spawner *spawner)
{
    loop_watch_free(spawner->watch);
    spawner->watch = NULL;
    spawner->on_event = NULL;
    spawner_drop_queue(spawner);
}

void spawner_interrupt(struct spawner *spawner)
{
    shutdown(spawner->lanes[LANE_RUN], SHUT_RDWR);
}

void spawner_stop(struct spawner *spawner)
{
    if (spawner == NULL) {
        return;
    }
    spawner_detach(spawner);
    spawner_close_lanes(spawner);
    while (waitpid(spawner->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    pthread_mutex_destroy(&spawner->run_mutex);
    free(spawner);
}

static void spawner_lost(struct spawner *spawner)
{
    if (spawner->gone) {
        return;
    }
    spawner->gone = true;
    loop_watch_want(spawner->watch, 0);
    spawner_drop_queue(spawner);
    struct spawner_event event = { .kind = SPAWNER_GONE, .channel_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
    spawner->on_event(spawner->owner, &event);
}

static void spawner_flush(struct spawner *spawner)
{
    while (spawner->queue_first != NULL) {
        struct queued_request *first = spawner->queue_first;
        if (send(spawner->lanes[LANE_LOOP], first->bytes, first->length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            return; /* full: wait for room; gone: the reader will see it */
        }
        spawner->queue_first = first->next;
        free(first);
    }
    spawner->queue_last = NULL;
    loop_watch_want(spawner->watch, LOOP_READ);
}

static void spawner_ready(void *owner, unsigned ready)
{
    struct spawner *spawner = owner;
    if (ready & LOOP_WRITE) {
        spawner_flush(spawner);
    }
    /* Bounded, so that a burst of exits can't keep the loop from other work; the watch is level-triggered. */
    for (int i = 0; i < 64 && spawner->watch != NULL && !spawner->gone; i++) {
        struct answer answer;
        int fds[MESSAGE_FDS_MAX];
        int result = answer_receive(spawner->lanes[LANE_LOOP], MSG_DONTWAIT, &answer, fds);
        if (result == -EAGAIN) {
            return;
        }
        if (result != 0) {
            spawner_lost(spawner);
            return;
        }
        struct spawner_event event = {
            .kind = (enum spawner_event_kind)answer.kind,
            .id = answer.id,
            .pid = answer.pid,
            .stdout_fd = fds[0],
            .stderr_fd = fds[1],
            .channel_fd = fds[2],
            .error = answer.error,
            .exit = answer.exit,
        };
        spawner->on_event(spawner->owner, &event);
    }
}

int spawner_attach(struct spawner *spawner, struct loop *loop,
                   void (*on_event)(void *owner, const struct spawner_event *event), void *owner)
{
    int result = loop_watch_create(loop, spawner->lanes[LANE_LOOP], LOOP_READ, spawner_ready, spawner, &spawner->watch);
    if (result == 0) {
        spawner->loop = loop;
        spawner->on_event = on_event;
        spawner->owner = owner;
    }
    return result;
}

static int spawner_queue(struct spawner *spawner, const char *bytes, size_t length)
{
    struct queued_request *request = malloc(sizeof *request + length);
    if (request == NULL) {
        return -ENOMEM;
    }
    request->next = NULL;
    request->length = length;
    memcpy(request->bytes, bytes, length);
    if (spawner->queue_last != NULL) {
        spawner->queue_last->next = request;
    } else {
        spawner->queue_first = request;
    }
    spawner->queue_last = request;
    loop_watch_want(spawner->watch, LOOP_READ | LOOP_WRITE);
    return 0;
}

static int spawner_send(struct spawner *spawner, const char *bytes, size_t length)
{
    if (spawner->gone || spawner->watch == NULL) {
        return -EPIPE;
    }
    if (spawner->queue_first == NULL) {
        if (send(spawner->lanes[LANE_LOOP], bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -EPIPE;
        }
    }
    return spawner_queue(spawner, bytes, length);
}

int spawner_spawn(struct spawner *spawner, uint32_t id, const struct spawner_program *program)
{
    char bytes[SPAWNER_REQUEST_BYTES_MAX];
    long length = request_pack(REQUEST_SPAWN, id, program, bytes);
    return length < 0 ? (int)length : spawner_send(spawner, bytes, (size_t)length);
}

void spawner_kill(struct spawner *spawner, uint32_t id, int signal_number)
{
    struct request request = { .kind = REQUEST_KILL, .id = id, .signal = signal_number };
    spawner_send(spawner, (const char *)&request, sizeof request);
}
