/* One worker's life, from the request to start it to the report of its end. The order of the end is what callers rely
 * on: when the spawner reports the exit, the channel and both outputs are read to their ends first, then EXITED goes
 * out, so that a result written just before a crash counts. */
#include "adapters/plugin/worker.h"

#include "adapters/loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t linger_ns = 1000000000u; /* what plugin.h promises to a process that closed its channel */

struct worker *worker_create(struct plugin_host *host, uint32_t id, const struct plugin_program *program)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return NULL;
    }
    worker->id = id;
    worker->host = host;
    worker->channel.fd = -1;
    worker->outputs[0] = (struct worker_output){ .worker = worker, .source = PLUGIN_LOG_STDOUT, .fd = -1 };
    worker->outputs[1] = (struct worker_output){ .worker = worker, .source = PLUGIN_LOG_STDERR, .fd = -1 };
    worker->function = strdup(program->function != NULL ? program->function : "");
    worker->version = strdup(program->version != NULL ? program->version : "");
    if (worker->function == NULL || worker->version == NULL) {
        free(worker->function);
        free(worker->version);
        free(worker);
        return NULL;
    }
    return worker;
}

static void worker_close(struct worker *worker)
{
    loop_watch_free(worker->channel_watch);
    worker->channel_watch = NULL;
    loop_timer_free(worker->linger);
    worker->linger = NULL;
    channel_close(&worker->channel);
    worker_output_close(&worker->outputs[0]);
    worker_output_close(&worker->outputs[1]);
}

static void worker_destroy(struct worker *worker)
{
    worker_close(worker);
    free(worker->function);
    free(worker->version);
    free(worker->open_streams);
    free(worker->refused);
    free(worker);
}

void worker_hold(struct worker *worker)
{
    worker->holds++;
}

void worker_release(struct worker *worker)
{
    worker->holds--;
    if (worker->forgotten && worker->holds == 0) {
        worker_destroy(worker);
    }
}

void worker_emit(struct worker *worker, struct plugin_event *event)
{
    if (worker->forgotten) {
        return;
    }
    event->worker = worker->id;
    worker->host->on_event(worker->host->owner, event);
}

void worker_break(struct worker *worker, const char *problem)
{
    if (worker->broken || worker->phase == WORKER_DEAD) {
        return;
    }
    worker->broken = true;
    loop_watch_free(worker->channel_watch);
    worker->channel_watch = NULL;
    spawner_kill(worker->host->spawner, worker->id, SIGKILL);
    struct plugin_event event = { .kind = PLUGIN_BROKEN, .text = bytes_of(problem) };
    worker_emit(worker, &event);
}

static void worker_linger_due(void *owner)
{
    struct worker *worker = owner;
    spawner_kill(worker->host->spawner, worker->id, SIGKILL);
}

/* The channel is at its end while the process is not known to be: give it a moment to exit with its own status. */
static void worker_channel_ended(struct worker *worker)
{
    loop_watch_free(worker->channel_watch);
    worker->channel_watch = NULL;
    if (worker->linger == NULL &&
        loop_timer_create(worker->host->loop, worker_linger_due, worker, &worker->linger) != 0) {
        spawner_kill(worker->host->spawner, worker->id, SIGKILL);
        return;
    }
    loop_timer_arm(worker->linger, linger_ns);
}

static void worker_channel_ready(void *owner, unsigned ready)
{
    struct worker *worker = owner;
    worker_hold(worker);
    if (ready & LOOP_WRITE) {
        worker_mark_dirty(worker);
    }
    if (ready & LOOP_READ) {
        channel_fill(&worker->channel);
        worker_read_frames(worker);
    }
    if (!worker->forgotten && !worker->broken && worker->channel.state == CHANNEL_ENDED) {
        worker_channel_ended(worker);
    }
    worker_release(worker);
}

void worker_started(struct worker *worker, const struct spawner_event *event)
{
    struct plugin_host *host = worker->host;
    channel_open(&worker->channel, event->channel_fd, FRAME_LENGTH_MAX_DEFAULT, host->options.pending_bytes_max);
    bool watched = worker_output_open(worker, 0, event->stdout_fd);
    watched = worker_output_open(worker, 1, event->stderr_fd) && watched;
    watched = watched && event->channel_fd >= 0 &&
              loop_watch_create(host->loop, event->channel_fd, LOOP_READ, worker_channel_ready, worker,
                                &worker->channel_watch) == 0;
    worker->phase = WORKER_GREETING;
    struct plugin_event started = { .kind = PLUGIN_STARTED, .pid = event->pid };
    worker_emit(worker, &started);
    if (!watched) {
        worker_break(worker, "out of memory or descriptors for its pipes");
    }
}

/* Everything that the dead process had written before. */
static void worker_drain(struct worker *worker)
{
    while (!worker->broken && !worker->forgotten && channel_fill(&worker->channel)) {
        worker_read_frames(worker);
    }
    for (int i = 0; i < 2 && !worker->forgotten; i++) {
        worker_output_drain(&worker->outputs[i]);
    }
}

void worker_exited(struct worker *worker, const struct spawner_exit *exit, int start_error)
{
    worker_drain(worker);
    char problem[160];
    struct bytes text = { (const uint8_t *)worker->stderr_tail.bytes, worker->stderr_tail.length };
    if (start_error != 0) {
        snprintf(problem, sizeof problem, "the process could not be started: %s", strerror(start_error));
        text = bytes_of(problem);
    }
    worker_close(worker);
    worker->phase = WORKER_DEAD;
    struct plugin_event event = {
        .kind = PLUGIN_EXITED,
        .start_error = start_error,
        .text = text,
        .exit_status = exit->status,
        .exit_signal = exit->signal,
        .exit_memory_bytes_max = exit->memory_bytes_max,
        .exit_cpu_us = exit->cpu_user_us + exit->cpu_system_us,
    };
    worker_emit(worker, &event);
}

void worker_mark_dirty(struct worker *worker)
{
    if (!worker->dirty && !worker->forgotten) {
        worker->dirty = true;
        worker->dirty_next = worker->host->dirty;
        worker->host->dirty = worker;
        loop_flush_soon(worker->host->loop);
        worker_hold(worker); /* the list's; worker_flush()'s caller releases it */
    }
}

void worker_flush(struct worker *worker)
{
    worker->dirty = false;
    if (worker->forgotten) {
        return;
    }
    bool left = channel_flush(&worker->channel);
    if (worker->channel_watch != NULL) {
        loop_watch_want(worker->channel_watch, left ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    }
    if (worker->channel.state == CHANNEL_BROKEN) {
        worker_break(worker, worker->channel.problem);
    }
    worker_report_refused(worker);
}

void worker_forget(struct worker *worker)
{
    HASH_DEL(worker->host->workers, worker);
    if (worker->phase != WORKER_DEAD) {
        spawner_kill(worker->host->spawner, worker->id, SIGKILL);
    }
    worker_hold(worker);
    worker->forgotten = true;
    worker_release(worker);
}
