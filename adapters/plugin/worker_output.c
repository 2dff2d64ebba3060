/* A worker's stdout and stderr: always read, so that a function that prints can't block on a full pipe; passed on as
 * lines within a budget; the last of stderr is kept for the report of its end. */
#include "adapters/plugin/worker.h"

#include "adapters/loop/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { OUTPUT_READ_BYTES = 32 * 1024 };

void worker_log(struct worker *worker, enum plugin_log_source source, enum plugin_log_level level, uint16_t stream,
                struct bytes text, struct bytes fields)
{
    uint64_t dropped = worker->line_budget.dropped;
    if (!line_budget_take(&worker->line_budget, loop_now_ns(), worker->host->options.log_lines_per_s_max)) {
        return;
    }
    if (dropped > 0) {
        char note[80];
        snprintf(note, sizeof note, "%" PRIu64 " lines before this one were dropped: too many a second", dropped);
        struct plugin_event event = {
            .kind = PLUGIN_LOG, .log_source = source, .log_level = PLUGIN_LOG_WARN, .text = bytes_of(note)
        };
        worker->line_budget.dropped = 0;
        worker_emit(worker, &event);
    }
    struct plugin_event event = { .kind = PLUGIN_LOG,
                                  .log_source = source,
                                  .log_level = level,
                                  .stream = stream,
                                  .text = text,
                                  .event = { .block = fields } };
    worker_emit(worker, &event);
}

static void worker_output_line(void *owner, struct bytes line)
{
    struct worker_output *output = owner;
    worker_log(output->worker, output->source, PLUGIN_LOG_INFO, 0, line, (struct bytes){ 0 });
}

/* Reads once. False at the end, or if nothing is there. */
static bool worker_output_read(struct worker_output *output)
{
    uint8_t bytes[OUTPUT_READ_BYTES];
    if (output->fd < 0) {
        return false;
    }
    ssize_t got = read(output->fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        lines_end(&output->lines, worker_output_line, output);
        worker_output_close(output);
        return false;
    }
    struct bytes view = { bytes, (size_t)got };
    if (output->source == PLUGIN_LOG_STDERR) {
        tail_feed(&output->worker->stderr_tail, view);
    }
    lines_feed(&output->lines, view, worker_output_line, output);
    return true;
}

static void worker_output_ready(void *owner, unsigned ready)
{
    struct worker_output *output = owner;
    struct worker *worker = output->worker;
    worker_hold(worker);
    worker_output_read(output);
    worker_release(worker);
}

bool worker_output_open(struct worker *worker, int index, int fd)
{
    struct worker_output *output = &worker->outputs[index];
    output->fd = fd;
    return fd >= 0 && lines_create(&output->lines, worker->host->options.log_line_bytes_max) &&
           loop_watch_create(worker->host->loop, fd, LOOP_READ, worker_output_ready, output, &output->watch) == 0;
}

void worker_output_drain(struct worker_output *output)
{
    /* The writers are dead, so a pipe's capacity bounds this; 64 rounds are 2 MiB. */
    for (int i = 0; i < 64 && worker_output_read(output); i++) {
    }
    if (output->fd >= 0) {
        lines_end(&output->lines, worker_output_line, output);
        worker_output_close(output);
    }
}

void worker_output_close(struct worker_output *output)
{
    loop_watch_free(output->watch);
    output->watch = NULL;
    if (output->fd >= 0) {
        close(output->fd);
        output->fd = -1;
    }
    lines_free(&output->lines);
}
