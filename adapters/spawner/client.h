/* The daemon's side of the spawner, as its files share it. Private to this folder. */
#ifndef STEAD_ADAPTERS_SPAWNER_CLIENT_H
#define STEAD_ADAPTERS_SPAWNER_CLIENT_H

#include "adapters/spawner/server.h"
#include "adapters/spawner/spawner.h"

#include <pthread.h>
#include <sys/types.h>

struct loop_watch;

/* A request that the socket had no room for. */
struct queued_request {
    struct queued_request *next;
    size_t length;
    char bytes[];
};

struct spawner {
    pid_t pid;
    int lanes[LANE_COUNT];
    struct loop *loop;
    struct loop_watch *watch;
    void (*on_event)(void *owner, const struct spawner_event *event);
    void *owner;
    bool gone;
    struct queued_request *queue_first, *queue_last;
    pthread_mutex_t run_mutex; /* one spawner_run() at a time owns LANE_RUN */
    uint32_t run_id;
};

#endif
