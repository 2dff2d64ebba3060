/* What the files of the plugin host share: a worker and its host. Private to this folder; loop thread only.
 *
 * Every entry from the loop or the spawner is bracketed by worker_hold() and worker_release(), because on_event may
 * forget the worker that is being handled: it is freed by the last release. */
#ifndef STEAD_ADAPTERS_PLUGIN_WORKER_H
#define STEAD_ADAPTERS_PLUGIN_WORKER_H

#include "adapters/plugin/channel.h"
#include "adapters/plugin/lines.h"
#include "adapters/plugin/plugin.h"
#include "adapters/spawner/spawner.h"

/* Ids are 32 bits and the caller's own numbers; the default hash of uthash falls through cases, which clang warns of.
 */
#define HASH_FUNCTION(key, key_bytes, hash) ((hash) = worker_id_hash(key))
#include <string.h>
#include <uthash.h>

static inline unsigned worker_id_hash(const void *key)
{
    uint32_t id;
    memcpy(&id, key, sizeof id);
    return (id ^ id >> 16) * 2654435761u >> 7;
}

struct loop_watch;
struct loop_timer;

enum worker_phase {
    WORKER_STARTING,   /* the spawner was asked */
    WORKER_GREETING,   /* runs; HELLO is awaited */
    WORKER_CONFIGURED, /* CONFIG is sent; READY is awaited */
    WORKER_READY,
    WORKER_DEAD, /* EXITED was reported */
};

/* One of stdout and stderr. */
struct worker_output {
    struct worker *worker;
    enum plugin_log_source source;
    int fd;
    struct loop_watch *watch;
    struct lines lines;
};

struct worker {
    UT_hash_handle hh;
    uint32_t id;
    struct plugin_host *host;
    enum worker_phase phase;
    bool broken;
    bool forgotten;
    unsigned holds;
    char *function;
    char *version;
    char sdk[64];
    char problem[160];
    uint32_t concurrency;
    bool ahead;
    struct channel channel;
    struct loop_watch *channel_watch;
    struct loop_timer *linger; /* from the end of the channel to the kill */
    struct worker_output outputs[2];
    struct line_budget line_budget;
    struct tail stderr_tail;
    uint64_t *open_streams; /* a bit each */
    size_t open_words;
    uint16_t *refused; /* streams whose CALL did not fit into a frame */
    size_t refused_count;
    struct worker *dirty_next;
    bool dirty;
};

struct plugin_host {
    struct loop *loop;
    struct spawner *spawner;
    struct plugin_host_options options;
    char *instance;
    void (*on_event)(void *owner, const struct plugin_event *event);
    void *owner;
    struct worker *workers; /* by id */
    struct worker *dirty;   /* have something for the end of the turn */
    bool gone;
};

/* worker.c: life */
struct worker *worker_create(struct plugin_host *host, uint32_t id, const struct plugin_program *program);
void worker_hold(struct worker *worker);
void worker_release(struct worker *worker);
void worker_emit(struct worker *worker, struct plugin_event *event);
void worker_break(struct worker *worker, const char *problem);
void worker_started(struct worker *worker, const struct spawner_event *event);
void worker_exited(struct worker *worker, const struct spawner_exit *exit, int start_error);
void worker_mark_dirty(struct worker *worker);
void worker_flush(struct worker *worker);
void worker_forget(struct worker *worker);

/* worker_frames.c: protocol */
void worker_read_frames(struct worker *worker);
bool worker_stream_open(struct worker *worker, uint16_t stream);
bool worker_stream_close(struct worker *worker, uint16_t stream); /* true if it was open */
void worker_refuse(struct worker *worker, uint16_t stream);
void worker_report_refused(struct worker *worker);

/* worker_output.c: stdout and stderr */
bool worker_output_open(struct worker *worker, int index, int fd);
void worker_output_drain(struct worker_output *output);
void worker_output_close(struct worker_output *output);
void worker_log(struct worker *worker, enum plugin_log_source source, enum plugin_log_level level, uint16_t stream,
                struct bytes text, struct bytes fields);

#endif
