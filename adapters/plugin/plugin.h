/* The host's side of plugins: starts worker processes by the spawner and speaks pipe/1 (docs/reference/pipe-1.md) with
 * them over their channels.
 *
 * A worker is named by the caller's number; the host neither invents nor reuses one. Life of a worker:
 *
 *     plugin_start() -> STARTED -> READY -> (RESULT | ERROR | LOG | PONG)* -> [BROKEN] -> EXITED -> plugin_forget()
 *
 * EXITED comes exactly once, also if the program could not be started (then `start_error` is set), and after every
 * frame and every line that the process wrote before its end. BROKEN comes at most once, when the process breaks the
 * protocol; the host has then killed it and EXITED follows. A process that closes its channel gets one second to exit
 * before it is killed. Nothing else is decided here: no time limits, restarts or retries.
 *
 * Unknown workers and streams are ignored, in both directions; every function may be called from inside on_event, also
 * plugin_forget() of the worker that the event is about. Everything in an event is borrowed for the callback. Frames
 * are collected and written once a turn of the loop, one write for each worker. Threads: the loop thread only. Errors:
 * int results are 0 or -errno. */
#ifndef STEAD_ADAPTERS_PLUGIN_H
#define STEAD_ADAPTERS_PLUGIN_H

#include "adapters/event/event.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct spawner;
struct plugin_host;

enum { PLUGIN_STDERR_TAIL_BYTES = 4096 };

struct plugin_host_options {
    uint32_t frame_bytes_max;   /* largest frame in both directions; 0: 16 MiB */
    uint32_t result_bytes_max;  /* largest attributes + data of a result; 0: the frame limit. A larger result becomes an
                                   ERROR of class permanent */
    uint32_t pending_bytes_max; /* written but not yet read by a worker; 0: 64 MiB. More is BROKEN */
    uint32_t log_line_bytes_max;  /* longer lines are cut; 0: 4096 */
    uint32_t log_lines_per_s_max; /* for each worker; what exceeds it is counted and dropped; 0: 100 */
    const char *instance;         /* told to plugins; may be NULL */
};

/* What a worker runs; borrowed for the call. */
struct plugin_program {
    const char *const *argv;   /* NULL-terminated, argv[0] a path */
    const char *const *env;    /* NULL-terminated extra environment; NULL: none */
    const char *directory;     /* NULL: a private one */
    const char *function;      /* "language/name" */
    const char *version;       /* the function's version */
    uint64_t memory_bytes_max; /* private writable memory; 0: no limit */
    uint64_t cpu_s_max;        /* 0: no limit */
};

enum plugin_event_kind {
    PLUGIN_STARTED, /* the process runs; not ready yet */
    PLUGIN_READY,   /* handshake done: `concurrency` calls at once; `text` names the SDK */
    PLUGIN_RESULT,  /* `stream`, `event` */
    PLUGIN_ERROR, /* `stream`, `error_class`, `after_ms`, `type`, `text`; stream 0 before READY: it can't initialise */
    PLUGIN_PONG,  /* answer to plugin_ping() */
    PLUGIN_LOG,   /* `log_source`, `log_level`, `stream` (0 = none), `text`; `event.block` holds a LOG frame's fields */
    PLUGIN_BROKEN,       /* `text` says what it did; it has been killed */
    PLUGIN_EXITED,       /* `exit_*`, `start_error`, `text` = the last 4 KiB of stderr, or why it could not start */
    PLUGIN_SPAWNER_GONE, /* `worker` is 0: every worker has EXITED and none can start any more; the daemon must end */
};

enum plugin_error_class { PLUGIN_RETRY, PLUGIN_PERMANENT, PLUGIN_THROTTLE };
enum plugin_log_source { PLUGIN_LOG_STDOUT, PLUGIN_LOG_STDERR, PLUGIN_LOG_FRAME };
enum plugin_log_level { PLUGIN_LOG_DEBUG, PLUGIN_LOG_INFO, PLUGIN_LOG_WARN, PLUGIN_LOG_ERROR };

struct plugin_event {
    uint32_t worker;
    enum plugin_event_kind kind;
    uint16_t stream;
    uint32_t concurrency;
    bool ahead; /* READY: calls may be sent ahead of their turn */
    struct event event;
    enum plugin_error_class error_class;
    uint64_t after_ms;
    struct bytes type; /* a short machine-readable name, e.g. "ValueError" or "result-too-large"; may be empty */
    struct bytes text; /* UTF-8 as far as the plugin keeps its promise; may be empty */
    enum plugin_log_source log_source;
    enum plugin_log_level log_level;
    int start_error; /* errno, or 0 */
    int exit_status; /* -1 if a signal ended it */
    int exit_signal;
    uint64_t exit_memory_bytes_max;
    uint64_t exit_cpu_us;
    int32_t pid; /* STARTED: for logs only */
};

/* The spawner's events go to the host from here on (spawner_attach()). `options` may be NULL. */
int plugin_host_create(struct loop *loop, struct spawner *spawner, const struct plugin_host_options *options,
                       void (*on_event)(void *owner, const struct plugin_event *event), void *owner,
                       struct plugin_host **ret_host);
/* Kills what still runs and reports nothing more. NULL is fine. */
void plugin_host_free(struct plugin_host *host);

/* -EEXIST if the worker is known, else as spawner_spawn(). After a failure the worker is unknown and no event comes. */
int plugin_start(struct plugin_host *host, uint32_t worker, const struct plugin_program *program);
/* Sends a CALL whose header is control_block followed by event.block (the first entry of a name wins). The bytes are
 * copied. Streams are 1..65535 and the caller's: one at a time for each call. A call too large for a frame is reported
 * as a permanent ERROR at the end of the turn. */
void plugin_execute(struct plugin_host *host, uint32_t worker, uint16_t stream, struct bytes control_block,
                    struct event event);
/* Asks the worker to give up a call; it answers that stream all the same, once. */
void plugin_cancel(struct plugin_host *host, uint32_t worker, uint16_t stream);
void plugin_ping(struct plugin_host *host, uint32_t worker);
/* Asks the worker to finish what it has and exit. */
void plugin_stop(struct plugin_host *host, uint32_t worker);
/* SIGKILL to the worker's process group, at any time after plugin_start(). */
void plugin_kill(struct plugin_host *host, uint32_t worker);
/* Drops what the host knows of the worker, killing it if it lives; no event about it comes any more. */
void plugin_forget(struct plugin_host *host, uint32_t worker);

#endif
