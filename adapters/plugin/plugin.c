/* The host: a table of workers by the caller's id, the spawner's events handed to them, and one hook at the end of each
 * turn that writes what was collected for every worker that has something. */
#include "adapters/plugin/plugin.h"

#include "adapters/loop/loop.h"
#include "adapters/plugin/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PENDING_BYTES_MAX_DEFAULT = 64 * 1024 * 1024,
    LOG_LINE_BYTES_MAX_DEFAULT = 4096,
    LOG_LINES_PER_S_MAX_DEFAULT = 100,
};

static struct worker *host_find(struct plugin_host *host, uint32_t id)
{
    struct worker *worker = NULL;
    HASH_FIND(hh, host->workers, &id, sizeof id, worker);
    return worker;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void host_lost_spawner(struct plugin_host *host)
{
    host->gone = true;
    struct spawner_exit killed = { .status = -1, .signal = SIGKILL };
    struct worker *worker, *next;
    HASH_ITER(hh, host->workers, worker, next)
    {
        /* The callback may forget any worker, `next` too: start over after each. */
        if (worker->phase != WORKER_DEAD) {
            worker_hold(worker);
            worker_exited(worker, &killed, 0);
            worker_release(worker);
            next = host->workers;
        }
    }
    struct plugin_event event = { .kind = PLUGIN_SPAWNER_GONE };
    host->on_event(host->owner, &event);
}

static void host_on_spawner_event(void *owner, const struct spawner_event *event)
{
    struct plugin_host *host = owner;
    if (event->kind == SPAWNER_GONE) {
        host_lost_spawner(host);
        return;
    }
    struct worker *worker = host_find(host, event->id);
    if (worker == NULL || worker->phase == WORKER_DEAD) {
        close_fd(event->channel_fd);
        close_fd(event->stdout_fd);
        close_fd(event->stderr_fd);
        return; /* forgotten: it was killed then */
    }
    worker_hold(worker);
    switch (event->kind) {
    case SPAWNER_STARTED:
        worker_started(worker, event);
        break;
    case SPAWNER_FAILED:
        worker_exited(worker, &(struct spawner_exit){ .status = -1 }, event->error != 0 ? event->error : EIO);
        break;
    default:
        worker_exited(worker, &event->exit, 0);
        break;
    }
    worker_release(worker);
}

static void host_flush(void *owner)
{
    struct plugin_host *host = owner;
    struct worker *worker = host->dirty;
    host->dirty = NULL;
    while (worker != NULL) {
        struct worker *next = worker->dirty_next;
        worker_flush(worker);
        worker_release(worker);
        worker = next;
    }
    /* What a callback added meanwhile is for the next turn, which then starts at once: or this one might never end. */
}

static void host_set_options(struct plugin_host *host, const struct plugin_host_options *options)
{
    struct plugin_host_options *ours = &host->options;
    if (options != NULL) {
        *ours = *options;
    }
    ours->frame_bytes_max = ours->frame_bytes_max ? ours->frame_bytes_max : FRAME_LENGTH_MAX_DEFAULT;
    ours->result_bytes_max = ours->result_bytes_max ? ours->result_bytes_max : ours->frame_bytes_max - FRAME_LENGTH_MIN;
    ours->pending_bytes_max = ours->pending_bytes_max ? ours->pending_bytes_max : PENDING_BYTES_MAX_DEFAULT;
    ours->log_line_bytes_max = ours->log_line_bytes_max ? ours->log_line_bytes_max : LOG_LINE_BYTES_MAX_DEFAULT;
    ours->log_lines_per_s_max = ours->log_lines_per_s_max ? ours->log_lines_per_s_max : LOG_LINES_PER_S_MAX_DEFAULT;
    ours->instance = NULL; /* host->instance is our copy */
}

int plugin_host_create(struct loop *loop, struct spawner *spawner, const struct plugin_host_options *options,
                       void (*on_event)(void *owner, const struct plugin_event *event), void *owner,
                       struct plugin_host **ret_host)
{
    struct plugin_host *host = calloc(1, sizeof *host);
    if (host == NULL) {
        return -ENOMEM;
    }
    *host = (struct plugin_host){ .loop = loop, .spawner = spawner, .on_event = on_event, .owner = owner };
    host->instance = strdup(options != NULL && options->instance != NULL ? options->instance : "");
    host_set_options(host, options);
    int result = host->instance == NULL ? -ENOMEM : spawner_attach(spawner, loop, host_on_spawner_event, host);
    if (result == 0) {
        result = loop_turn_add(loop, LOOP_TURN_FLUSH, host_flush, host);
        if (result != 0) {
            spawner_detach(spawner);
        }
    }
    if (result != 0) {
        free(host->instance);
        free(host);
        return result;
    }
    *ret_host = host;
    return 0;
}

void plugin_host_free(struct plugin_host *host)
{
    if (host == NULL) {
        return;
    }
    while (host->workers != NULL) {
        worker_forget(host->workers);
    }
    host_flush(host); /* releases what the dirty list holds; nothing is written or reported */
    loop_turn_remove(host->loop, LOOP_TURN_FLUSH, host_flush, host);
    spawner_detach(host->spawner);
    free(host->instance);
    free(host);
}

int plugin_start(struct plugin_host *host, uint32_t id, const struct plugin_program *program)
{
    if (host->gone) {
        return -EPIPE;
    }
    if (host_find(host, id) != NULL) {
        return -EEXIST;
    }
    struct worker *worker = worker_create(host, id, program);
    if (worker == NULL) {
        return -ENOMEM;
    }
    HASH_ADD(hh, host->workers, id, sizeof worker->id, worker);
    struct spawner_program child = {
        .argv = program->argv,
        .env = program->env,
        .directory = program->directory,
        .limits = { .memory_bytes = program->memory_bytes_max, .cpu_s = program->cpu_s_max },
    };
    int result = spawner_spawn(host->spawner, id, &child);
    if (result != 0) {
        worker->phase = WORKER_DEAD; /* nothing to kill */
        worker_forget(worker);
    }
    return result;
}

static struct worker *host_find_alive(struct plugin_host *host, uint32_t id)
{
    struct worker *worker = host_find(host, id);
    bool alive = worker != NULL && !worker->broken && worker->phase != WORKER_DEAD;
    return alive ? worker : NULL;
}

void plugin_execute(struct plugin_host *host, uint32_t id, uint16_t stream, struct bytes control_block,
                    struct event event)
{
    struct worker *worker = host_find_alive(host, id);
    if (worker == NULL || worker->phase != WORKER_READY || stream == 0) {
        return;
    }
    if (!channel_put(&worker->channel, FRAME_CALL, stream, control_block, event.block, event.data)) {
        worker_refuse(worker, stream);
        return;
    }
    if (!worker_stream_open(worker, stream)) {
        worker_break(worker, "out of memory for a call to it");
        return;
    }
    worker_mark_dirty(worker);
}

static void host_send_plain(struct plugin_host *host, uint32_t id, enum frame_type type, uint16_t stream)
{
    struct worker *worker = host_find_alive(host, id);
    if (worker != NULL && worker->phase == WORKER_READY) {
        struct bytes none = { 0 };
        channel_put(&worker->channel, type, stream, none, none, none);
        worker_mark_dirty(worker);
    }
}

void plugin_cancel(struct plugin_host *host, uint32_t id, uint16_t stream)
{
    host_send_plain(host, id, FRAME_CANCEL, stream);
}

void plugin_ping(struct plugin_host *host, uint32_t id)
{
    host_send_plain(host, id, FRAME_PING, 0);
}

void plugin_stop(struct plugin_host *host, uint32_t id)
{
    struct worker *worker = host_find_alive(host, id);
    if (worker != NULL && worker->phase != WORKER_READY) {
        spawner_kill(host->spawner, id, SIGTERM); /* it is not listening yet and has nothing to lose */
        return;
    }
    host_send_plain(host, id, FRAME_STOP, 0);
}

void plugin_kill(struct plugin_host *host, uint32_t id)
{
    struct worker *worker = host_find(host, id);
    if (worker != NULL && worker->phase != WORKER_DEAD) {
        spawner_kill(host->spawner, id, SIGKILL);
    }
}

void plugin_forget(struct plugin_host *host, uint32_t id)
{
    struct worker *worker = host_find(host, id);
    if (worker != NULL) {
        worker_forget(worker);
    }
}
