/* Driver 1: one production instance. Wires the adapters to a core by a table effect -> adapter; decides nothing.
 *
 * serve_run() owns the calling thread (it becomes the loop thread) and starts the control thread and the gRPC thread.
 * The spawner must have been started before any thread exists, first thing in main(). SIGTERM and SIGINT drain: health
 * goes NOT_SERVING, nothing new is taken, what runs finishes within service.shutdownGrace; a second signal ends at
 * once. */
#ifndef STEAD_SERVE_SERVE_H
#define STEAD_SERVE_SERVE_H

#include "adapters/config/config.h"

struct spawner;

struct serve_options {
    const struct config *config;
    const struct config_sources *sources; /* what SIGHUP reads again; NULL: nothing */
    struct spawner *spawner;
    const char *ports_file;  /* NULL: none. Written (and renamed into place) once everything is ready:
                               {"grpc": "...", "http": "...", "nats": "..."} */
    bool ready_without_nats; /* write the ports file and serve although the broker is not there yet */
};

/* Runs until drained. Returns the process's exit code: 0, 69 (port in use, broker refused), 78 (configuration); what
 * went wrong was logged or printed to stderr with what to do. */
int serve_run(const struct serve_options *options);

#endif
