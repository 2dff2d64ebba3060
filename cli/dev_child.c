/* A child's output is read in lines by the loop. Which lines people see is told by the forms that the two programs
 * write: logfmt records of `stead serve` (dev asks for that form), and nats-server's "[INF]", "[WRN]", "[ERR]". */
#include "cli/dev_child.h"

#include "cli/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUNCTION_NAME_SHOWN = 64 };

/* -- lines --------------------------------------------------------------------------------------------------------- */

/* The value of ` key=` in a logfmt record, without its quotes; false if there is none. */
static bool record_value(const char *line, const char *key, char *ret_value, size_t size)
{
    size_t used = 0;
    const char *at = strstr(line, key);
    if (at == NULL) {
        return false;
    }
    at += strlen(key);
    bool quoted = *at == '"';
    for (at += quoted; *at != '\0' && *at != (quoted ? '"' : ' ') && used + 1 < size; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
            ret_value[used++] = *at == 'n' || *at == 't' ? ' ' : *at;
        } else {
            ret_value[used++] = *at;
        }
    }
    ret_value[used] = '\0';
    return true;
}

/* What a function printed: its name and the text alone. */
static bool show_function_line(const char *line)
{
    char name[FUNCTION_NAME_SHOWN], text[DEV_LINE_BYTES];
    if (strstr(line, " msg=\"function says\"") == NULL || !record_value(line, " function=", name, sizeof name) ||
        !record_value(line, " text=", text, sizeof text)) {
        return false;
    }
    fprintf(stderr, "%s%-8s%s ", say_colour(stderr, COLOUR_DIM), name, say_colour(stderr, COLOUR_NONE));
    say_text(stderr, bytes_of(text));
    fputc('\n', stderr);
    return true;
}

static bool worth_showing(const struct dev_child *child, const char *line)
{
    if (child->kind == DEV_CHILD_SERVE) {
        return strncmp(line, "ts=", 3) != 0 || strstr(line, " level=warn ") != NULL ||
               strstr(line, " level=error ") != NULL;
    }
    return line[0] != '[' || strstr(line, "[WRN]") != NULL || strstr(line, "[ERR]") != NULL ||
           strstr(line, "[FTL]") != NULL;
}

static void line_keep(struct dev_child *child, const char *line)
{
    char **slot = &child->kept[child->kept_count++ % DEV_LINES_KEPT];
    free(*slot);
    *slot = strdup(line);
}

static void line_take(struct dev_child *child, const char *line)
{
    line_keep(child, line);
    if (child->kind == DEV_CHILD_SERVE && !child->children->verbose && show_function_line(line)) {
        return;
    }
    /* A child that can't start says why on its last lines, which its obituary shows. */
    if (child->children->verbose || (!child->quiet && worth_showing(child, line))) {
        fprintf(stderr, "%s%-8s%s ", say_colour(stderr, COLOUR_DIM), child->name, say_colour(stderr, COLOUR_NONE));
        say_text(stderr, bytes_of(line));
        fputc('\n', stderr);
    }
}

static void lines_split(struct dev_stream *stream)
{
    char *end;
    while ((end = memchr(stream->line, '\n', stream->used)) != NULL || stream->used == DEV_LINE_BYTES - 1) {
        size_t length = end == NULL ? stream->used : (size_t)(end - stream->line);
        size_t taken = end == NULL ? length : length + 1;
        stream->line[length] = '\0';
        line_take(stream->child, stream->line);
        memmove(stream->line, stream->line + taken, stream->used - taken);
        stream->used -= taken;
    }
}

static void stream_close(struct dev_stream *stream)
{
    loop_watch_free(stream->watch);
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    stream->watch = NULL;
    stream->fd = -1;
}

static void stream_ready(void *owner, unsigned ready)
{
    struct dev_stream *stream = owner;
    (void)ready;
    ssize_t got = read(stream->fd, stream->line + stream->used, DEV_LINE_BYTES - 1 - stream->used);
    if (got > 0) {
        stream->used += (size_t)got;
        lines_split(stream);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        stream_close(stream);
    }
}

static void stream_open(struct dev_child *child, size_t index, int fd)
{
    struct dev_stream *stream = &child->streams[index];
    *stream = (struct dev_stream){ .child = child, .fd = fd };
    if (loop_watch_create(child->children->loop, fd, LOOP_READ, stream_ready, stream, &stream->watch) != 0) {
        stream->watch = NULL;
        stream_close(stream);
    }
}

/* -- life ---------------------------------------------------------------------------------------------------------- */

static void child_ended(struct dev_child *child)
{
    /* What it wrote last may still lie in the pipes. */
    for (size_t i = 0; i < 2; i++) {
        for (int reads = 0; child->started && child->streams[i].fd >= 0 && reads < 64; reads++) {
            size_t before = child->streams[i].used;
            stream_ready(&child->streams[i], LOOP_READ);
            if (child->streams[i].used == before) {
                break;
            }
        }
    }
    child->ended = true;
}

static void on_event(void *owner, const struct spawner_event *event)
{
    struct dev_children *children = owner;
    if (event->kind == SPAWNER_GONE) {
        children->spawner_gone = true;
        for (size_t i = 0; i < DEV_CHILD_COUNT; i++) {
            children->list[i].ended = true;
        }
        return;
    }
    struct dev_child *child = &children->list[event->id - 1];
    if (event->kind == SPAWNER_STARTED) {
        child->pid = event->pid;
        child->started = true;
        close(event->channel_fd);
        stream_open(child, 0, event->stdout_fd);
        stream_open(child, 1, event->stderr_fd);
    } else if (event->kind == SPAWNER_FAILED) {
        child->error = event->error;
        child->ended = true;
    } else {
        child->exit = event->exit;
        child_ended(child);
    }
}

int dev_children_start(struct dev_children *children, struct spawner *spawner, struct loop *loop, bool verbose)
{
    static const char *const names[DEV_CHILD_COUNT] = { [DEV_CHILD_NATS] = "nats", [DEV_CHILD_SERVE] = "serve" };
    *children = (struct dev_children){ .spawner = spawner, .loop = loop, .verbose = verbose };
    for (size_t i = 0; i < DEV_CHILD_COUNT; i++) {
        children->list[i] =
            (struct dev_child){ .name = names[i], .children = children, .kind = (enum dev_child_kind)i };
        children->list[i].streams[0].fd = children->list[i].streams[1].fd = -1;
    }
    return spawner_attach(spawner, loop, on_event, children);
}

bool dev_child_start(struct dev_children *children, enum dev_child_kind kind, const char *const *argv,
                     const char *const *env)
{
    struct dev_child *child = &children->list[kind];
    /* Programs of ours and of the broker: the limits of functions are not theirs. */
    struct spawner_program program = {
        .argv = argv,
        .env = env,
        .directory = "/",
        .limits = { .file_bytes = UINT64_MAX, .files = UINT32_MAX, .processes = UINT32_MAX },
    };
    int error = spawner_spawn(children->spawner, (uint32_t)kind + 1, &program);
    if (error != 0) {
        child->error = -error;
        return false;
    }
    child->asked = true;
    while (!child->started && !child->ended) {
        loop_run_once(children->loop, 100000000);
    }
    return child->started;
}

bool dev_child_alive(struct dev_children *children, enum dev_child_kind kind, uint32_t wait_ms)
{
    loop_run_once(children->loop, (uint64_t)wait_ms * 1000000);
    return children->list[kind].started && !children->list[kind].ended;
}

void dev_child_stop(struct dev_children *children, enum dev_child_kind kind, int signal, uint32_t grace_ms,
                    bool (*hurry)(void))
{
    struct dev_child *child = &children->list[kind];
    if (!child->asked || child->ended) {
        return;
    }
    uint64_t end_ns = loop_now_ns() + (uint64_t)grace_ms * 1000000;
    child->quiet = kind == DEV_CHILD_NATS; /* What serve has to say while it drains matters. */
    spawner_kill(children->spawner, (uint32_t)kind + 1, signal);
    while (!child->ended && loop_now_ns() < end_ns && !hurry()) {
        loop_run_once(children->loop, 100000000);
    }
    if (!child->ended) {
        say("stead dev: %s did not stop in time and is killed", child->name);
        spawner_kill(children->spawner, (uint32_t)kind + 1, 9);
        for (int turns = 0; !child->ended && turns < 50; turns++) {
            loop_run_once(children->loop, 100000000);
        }
    }
}

void dev_child_obituary(const struct dev_child *child)
{
    const char *program = child->kind == DEV_CHILD_NATS ? "nats-server" : "stead serve";
    if (child->error != 0) {
        say_error("%s could not be started: %s", program, strerror(child->error));
    } else if (child->exit.signal != 0) {
        say_error("%s (process %d) was ended by signal %d (%s); its last lines:", program, child->pid,
                  child->exit.signal, strsignal(child->exit.signal));
    } else {
        say_error("%s (process %d) ended with exit code %d; its last lines:", program, child->pid, child->exit.status);
    }
    size_t first = child->kept_count > DEV_LINES_KEPT ? child->kept_count - DEV_LINES_KEPT : 0;
    for (size_t i = first; i < child->kept_count; i++) {
        const char *line = child->kept[i % DEV_LINES_KEPT];
        fputs("       ", stderr);
        say_text(stderr, bytes_of(line == NULL ? "" : line));
        fputc('\n', stderr);
    }
}

bool dev_child_said(const struct dev_child *child, const char *text)
{
    for (size_t i = 0; i < DEV_LINES_KEPT; i++) {
        if (child->kept[i] != NULL && strstr(child->kept[i], text) != NULL) {
            return true;
        }
    }
    return false;
}

void dev_children_free(struct dev_children *children)
{
    for (size_t i = 0; i < DEV_CHILD_COUNT; i++) {
        struct dev_child *child = &children->list[i];
        for (size_t k = 0; k < 2; k++) {
            stream_close(&child->streams[k]);
        }
        for (size_t k = 0; k < DEV_LINES_KEPT; k++) {
            free(child->kept[k]);
        }
    }
    spawner_detach(children->spawner);
}
