/* The spawner's process: one thread, one poll() over two lanes and a signalfd for SIGCHLD.
 *
 * Only this process reaps its children, and a process id can't be reused before it is reaped, so signalling a child by
 * its id (and its group, which has the same number) is free of races. When a child exits, its group is killed while the
 * dead leader still holds the number; then it is reaped and reported. Descendants that left the group become the
 * spawner's children (it is a subreaper) and are killed as strays. When the daemon is gone, everything is. */
#include "adapters/spawner/server.h"

#include "adapters/spawner/child.h"
#include "adapters/spawner/message.h"
#include "adapters/spawner/pipes.h"
#include "adapters/spawner/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LANE_NONE = LANE_COUNT }; /* of helpers that nobody asked for */

struct child {
    pid_t pid;
    uint32_t id;
    int lane;
    char *scratch; /* to be removed; NULL: none */
};

struct server {
    int lanes[LANE_COUNT];
    int signal_fd;
    const char *scratch_directory;
    struct child children[SPAWNER_CHILDREN_MAX];
    size_t child_count;
    char request[SPAWNER_REQUEST_BYTES_MAX];
};

static struct child *server_find(struct server *server, int lane, uint32_t id)
{
    for (size_t i = 0; i < server->child_count; i++) {
        if (server->children[i].lane == lane && server->children[i].id == id) {
            return &server->children[i];
        }
    }
    return NULL;
}

static struct child *server_find_pid(struct server *server, pid_t pid)
{
    for (size_t i = 0; i < server->child_count; i++) {
        if (server->children[i].pid == pid) {
            return &server->children[i];
        }
    }
    return NULL;
}

static bool env_has(char *const *env, const char *name)
{
    size_t length = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') {
            return true;
        }
    }
    return false;
}

/* Adds what every program expects. `room` holds the two texts that depend on the directory. */
static void env_complete(char **env, const char *directory, char room[2][4096])
{
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    static char language[] = "LANG=C.UTF-8";
    snprintf(room[0], sizeof room[0], "HOME=%s", directory);
    snprintf(room[1], sizeof room[1], "TMPDIR=%s", directory);
    struct {
        const char *name;
        char *entry;
    } additions[] = { { "PATH", path }, { "LANG", language }, { "HOME", room[0] }, { "TMPDIR", room[1] } };
    size_t count = 0;
    while (env[count] != NULL) {
        count++;
    }
    for (size_t i = 0; i < sizeof additions / sizeof additions[0]; i++) {
        if (!env_has(env, additions[i].name)) {
            env[count++] = additions[i].entry;
            env[count] = NULL;
        }
    }
}

/* Waits until the child has become its program; gives 0, or the errno that it failed with, and then it is reaped. */
static int await_exec(pid_t pid, int status_fd)
{
    int error = 0;
    ssize_t got;
    do {
        got = read(status_fd, &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return 0;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return got == (ssize_t)sizeof error ? error : EIO;
}

static int fork_child(struct request_view *view, const char *directory, struct pipes *pipes, pid_t *ret_pid)
{
    char room[2][4096];
    env_complete(view->env, directory, room);
    struct child_setup setup = {
        .argv = view->argv,
        .env = view->env,
        .directory = directory,
        .limits = view->head.limits,
        .stdout_fd = pipes->out[1],
        .stderr_fd = pipes->error[1] >= 0 ? pipes->error[1] : pipes->out[1],
        .channel_fd = pipes->channel[1],
        .parent = getpid(),
    };
    pid_t pid = fork();
    if (pid < 0) {
        return errno;
    }
    if (pid == 0) {
        child_become(&setup, pipes->status[1]);
    }
    close(pipes->status[1]);
    pipes->status[1] = -1;
    int error = await_exec(pid, pipes->status[0]);
    if (error == 0) {
        *ret_pid = pid;
    }
    return error;
}

static int server_start_child(struct server *server, int lane, struct request_view *view, struct pipes *pipes,
                              pid_t *ret_pid)
{
    if (server->child_count == SPAWNER_CHILDREN_MAX) {
        return EAGAIN;
    }
    if (server_find(server, lane, view->head.id) != NULL) {
        return EEXIST;
    }
    char *scratch = NULL;
    if (view->directory == NULL) {
        scratch = scratch_create(server->scratch_directory);
        if (scratch == NULL) {
            return errno;
        }
    }
    int error = pipes_open(pipes, view->head.kind == REQUEST_SPAWN);
    if (error == 0) {
        error = fork_child(view, scratch != NULL ? scratch : view->directory, pipes, ret_pid);
    }
    if (error != 0) {
        pipes_close(pipes);
        if (scratch != NULL) {
            rmdir(scratch);
            free(scratch);
        }
        return error;
    }
    server->children[server->child_count++] = (struct child){ *ret_pid, view->head.id, lane, scratch };
    return 0;
}

static void server_spawn(struct server *server, int lane, struct request_view *view)
{
    struct pipes pipes;
    pid_t pid = 0;
    int error = server_start_child(server, lane, view, &pipes, &pid);
    if (error != 0) {
        struct answer failed = { .kind = SPAWNER_FAILED, .id = view->head.id, .error = error };
        answer_send(server->lanes[lane], &failed, NULL, 0);
        return;
    }
    struct answer started = { .kind = SPAWNER_STARTED, .id = view->head.id, .pid = pid };
    int fds[MESSAGE_FDS_MAX] = { pipes.out[0], pipes.error[0], pipes.channel[0] };
    answer_send(server->lanes[lane], &started, fds, view->head.kind == REQUEST_SPAWN ? 3 : 1);
    pipes_close(&pipes);
}

static void kill_group(pid_t pid, int signal_number)
{
    if (kill(-pid, signal_number) != 0) {
        kill(pid, signal_number);
    }
}

/* True while the lane lives. */
static bool server_serve(struct server *server, int lane)
{
    ssize_t got = recv(server->lanes[lane], server->request, sizeof server->request, MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        return false;
    }
    static struct request_view view; /* large, and there is one thread */
    if (request_unpack(server->request, (size_t)got, &view) != 0) {
        return true;
    }
    if (view.head.kind == REQUEST_KILL) {
        struct child *child = server_find(server, lane, view.head.id);
        if (child != NULL) {
            kill_group(child->pid, view.head.signal);
        }
        return true;
    }
    server_spawn(server, lane, &view);
    return true;
}

/* Kills children that nobody asked for: descendants that left a session that is gone. Those whose session leader still
 * lives are that child's business. */
static void server_kill_strays(struct server *server)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return; /* a kernel without CONFIG_PROC_CHILDREN: process groups are killed all the same */
    }
    char word[16];
    while (fscanf(file, "%15s", word) == 1) {
        pid_t pid = (pid_t)strtol(word, NULL, 10);
        if (server_find_pid(server, pid) == NULL && server_find_pid(server, getsid(pid)) == NULL) {
            kill(pid, SIGKILL);
        }
    }
    fclose(file);
}

static void server_remove_scratch(struct server *server, char *scratch)
{
    /* An empty folder goes at once; a full one may take long, so a helper process does it. */
    if (rmdir(scratch) != 0 && server->child_count < SPAWNER_CHILDREN_MAX) {
        pid_t helper = fork();
        if (helper == 0) {
            scratch_remove(scratch);
            _exit(0);
        }
        if (helper > 0) {
            server->children[server->child_count++] = (struct child){ helper, 0, LANE_NONE, NULL };
        }
    }
    free(scratch);
}

static struct answer exit_answer(uint32_t id, pid_t pid, int status, const struct rusage *usage)
{
    return (struct answer){
        .kind = SPAWNER_EXITED,
        .id = id,
        .pid = pid,
        .exit = {
            .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            .cpu_user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000u + (uint64_t)usage->ru_utime.tv_usec,
            .cpu_system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000u + (uint64_t)usage->ru_stime.tv_usec,
            .memory_bytes_max = (uint64_t)usage->ru_maxrss * 1024u,
        },
    };
}

/* Reaps one dead child; false if there is none. */
static bool server_reap_one(struct server *server)
{
    siginfo_t dead = { 0 };
    if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) != 0 || dead.si_pid == 0) {
        return false;
    }
    struct child *child = server_find_pid(server, dead.si_pid);
    if (child != NULL && child->lane != LANE_NONE) {
        kill(-dead.si_pid, SIGKILL);
    }
    int status = 0;
    struct rusage usage = { 0 };
    if (wait4(dead.si_pid, &status, 0, &usage) < 0) {
        return false;
    }
    if (child == NULL) {
        return true;
    }
    struct child gone = *child;
    *child = server->children[--server->child_count];
    if (gone.scratch != NULL) {
        server_remove_scratch(server, gone.scratch);
    }
    if (gone.lane != LANE_NONE) {
        server_kill_strays(server);
        struct answer answer = exit_answer(gone.id, gone.pid, status, &usage);
        answer_send(server->lanes[gone.lane], &answer, NULL, 0);
    }
    return true;
}

static void server_reap(struct server *server)
{
    struct signalfd_siginfo ignored;
    while (read(server->signal_fd, &ignored, sizeof ignored) > 0) {
    }
    while (server_reap_one(server)) {
    }
}

static _Noreturn void server_end(struct server *server)
{
    for (size_t i = 0; i < server->child_count; i++) {
        if (server->children[i].lane != LANE_NONE) {
            kill_group(server->children[i].pid, SIGKILL);
        }
    }
    /* Strays appear only as their parents die, so look again until nobody is left; 10 s bound a hung disk. */
    for (int round = 0; round < 1000; round++) {
        server_reap(server);
        server_kill_strays(server);
        siginfo_t left;
        if (waitid(P_ALL, 0, &left, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) {
            break;
        }
        struct pollfd sleep_on = { .fd = server->signal_fd, .events = POLLIN };
        poll(&sleep_on, 1, 10);
    }
    _exit(0);
}

static void server_set_up_process(struct server *server)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        signal(ignored[i], SIG_IGN); /* the daemon's end is our end, and nothing else is */
    }
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    server->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_NAME, "stead-spawner");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

_Noreturn void server_run(const int lanes[LANE_COUNT], const char *scratch_directory)
{
    static struct server the_server; /* large: not on the stack */
    struct server *server = &the_server;
    memcpy(server->lanes, lanes, sizeof server->lanes);
    server->scratch_directory = scratch_directory;
    server_set_up_process(server);
    if (server->signal_fd < 0) {
        _exit(1);
    }
    for (;;) {
        struct pollfd watched[LANE_COUNT + 1] = {
            { .fd = lanes[LANE_LOOP], .events = POLLIN },
            { .fd = lanes[LANE_RUN], .events = POLLIN },
            { .fd = server->signal_fd, .events = POLLIN },
        };
        if (poll(watched, LANE_COUNT + 1, -1) < 0) {
            continue;
        }
        if (watched[LANE_COUNT].revents != 0) {
            server_reap(server);
        }
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            if (watched[lane].revents != 0 && !server_serve(server, lane)) {
                server_end(server);
            }
        }
    }
}
