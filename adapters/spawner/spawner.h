/* The spawner: a process forked first thing in main(), before any thread exists, that starts and reaps every child.
 *
 * Purpose: the daemon runs threads and libraries that must not be forked, so it asks this small single-threaded process
 * instead. A child gets a session of its own, dies with the spawner, inherits nothing but the listed environment, stdin
 * from /dev/null, captured stdout and stderr, and (for plugins) one end of a stream socketpair as fd 3. The spawner
 * dies when the daemon does, and takes all children and their descendants along.
 *
 * Ids are the caller's: any number that no living child of the same caller has. Unknown ids are ignored. Requests of
 * the loop thread are fire-and-forget; answers come as events through the loop.
 *
 * Threads: spawner_start() and spawner_stop() by the main thread while no other uses the spawner; spawner_attach(),
 * spawner_spawn() and spawner_kill() by the loop thread; spawner_run() by any one thread at a time (others wait).
 * Errors: int results are 0 or -errno; outputs are untouched on failure. */
#ifndef STEAD_ADAPTERS_SPAWNER_H
#define STEAD_ADAPTERS_SPAWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAWNER_REQUEST_BYTES_MAX = 96 * 1024, /* argv, environment and directory of one request */
    SPAWNER_ARGUMENTS_MAX = 256,           /* entries of argv, and of the environment */
    SPAWNER_CHILDREN_MAX = 4096,
    SPAWNER_CHANNEL_FD = 3,
};

struct loop;
struct spawner;

struct spawner_options {
    const char *scratch_directory; /* where children get private temporary directories; NULL: $TMPDIR or /tmp */
};

/* 0 = the default of the kind of child; see spawner.c for the table. Memory is what a process may write
 * and shares with nobody (RLIMIT_DATA): addresses that a runtime reserves and never touches don't count. */
struct spawner_limits {
    uint64_t memory_bytes; /* default: no limit */
    uint64_t file_bytes;   /* largest file a child may write; default 256 MiB */
    uint64_t cpu_s;        /* default: no limit */
    uint32_t files;        /* default 256 */
    uint32_t processes;    /* of the whole user, as the kernel counts them; default 4096 */
};

/* What to run; everything is borrowed for the call. */
struct spawner_program {
    const char *const *argv; /* NULL-terminated; argv[0] is a path with a slash */
    const char *const *env;  /* NULL-terminated NAME=value, the whole environment; NULL: none. HOME, TMPDIR, PATH and
                                 LANG are added if missing */
    const char *directory;   /* working directory; NULL: a private one that is removed afterwards */
    struct spawner_limits limits;
};

enum spawner_event_kind {
    SPAWNER_STARTED, /* channel_fd, stdout_fd and stderr_fd now belong to the receiver; non-blocking */
    SPAWNER_FAILED,  /* could not start: `error`; the id is free again */
    SPAWNER_EXITED,  /* reaped; the id is free again */
    SPAWNER_GONE,    /* the spawner itself died: every child is dead, no other event will come; id is 0 */
};

struct spawner_exit {
    int status; /* exit status, or -1 if a signal ended it */
    int signal; /* 0, or that signal */
    uint64_t cpu_user_us, cpu_system_us;
    uint64_t memory_bytes_max; /* largest resident set */
};

struct spawner_event {
    enum spawner_event_kind kind;
    uint32_t id;
    int32_t pid; /* for logs only: never signal it */
    int channel_fd, stdout_fd, stderr_fd;
    int error; /* errno */
    struct spawner_exit exit;
};

/* Forks the spawner. Call it first thing in main(). */
int spawner_start(const struct spawner_options *options, struct spawner **ret_spawner);
/* Kills every child, ends the spawner and frees it; NULL is fine. */
void spawner_stop(struct spawner *spawner);
/* Kills every child and ends the process, so that a blocked spawner_run() returns -EPIPE. From any thread;
 * spawner_stop() must still follow. */
void spawner_interrupt(struct spawner *spawner);
/* Delivers events to `on_event` on the loop thread. Before any spawner_spawn(). */
int spawner_attach(struct spawner *spawner, struct loop *loop,
                   void (*on_event)(void *owner, const struct spawner_event *event), void *owner);
void spawner_detach(struct spawner *spawner);

/* Asks for a plugin process with a channel on fd 3. -E2BIG or -EINVAL if the request is malformed, -EPIPE if the
 * spawner is gone; after 0, exactly one of STARTED or FAILED follows, and EXITED after STARTED. */
int spawner_spawn(struct spawner *spawner, uint32_t id, const struct spawner_program *program);
/* Signals the child's whole process group, even if it is still being started. */
void spawner_kill(struct spawner *spawner, uint32_t id, int signal);

struct spawner_run_options {
    uint64_t time_limit_ms;     /* 0: none; then the group is killed */
    size_t output_bytes_max;    /* what is kept of stdout and stderr together; the rest is read and dropped */
    const atomic_bool *leaving; /* once true the group is killed and not waited for; any thread may set it; or NULL */
};

struct spawner_run_result {
    struct spawner_exit exit;
    bool timed_out;
    bool truncated; /* output was longer than kept */
    char *output;   /* NUL-terminated, owned by the caller: free() */
    size_t output_bytes;
};

/* Runs a program to its end, blocking. 0 if it ran (whatever its exit status), else -errno of why it could not start,
 * -EPIPE if the spawner is gone, or -ECANCELED if `leaving`. */
int spawner_run(struct spawner *spawner, const struct spawner_program *program,
                const struct spawner_run_options *options, struct spawner_run_result *ret_result);

#endif
