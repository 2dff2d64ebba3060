/* What a look at the queues found. Private to serve/queues.c and queue_admin.c. */
#ifndef STEAD_SERVE_QUEUES_H
#define STEAD_SERVE_QUEUES_H

#include "serve/jobs.h"
#include "serve/room.h"

struct queue_seen {
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    uint64_t messages;
    uint32_t takers;
    int64_t stored_wall_ns;  /* of the first; 0: not looked at */
    int64_t waiting_wall_ns; /* of the first that was given to nobody; 0: there is none */
    bool waiting_known;
};

struct queues_job {
    struct instance *instance;
    uint64_t rpc_id; /* of who asked; 0: nobody */
    bool takers_wanted, takers_known, room_wanted, room_known, good;
    struct room_seen room;
    uint32_t epoch; /* of the connection at which the look began */
    char own[64];
    size_t count, capacity;
    struct queue_seen *list;
    uint64_t bytes_mean;           /* of a message of the stream */
    char (*aged)[SERVE_KEY_BYTES]; /* "go/hello": those that have a bound of age, as far as this look is to look */
    size_t aged_count;
    struct broker_error error;
};

/* Answers who asked; the look was good, or not. */
void queues_answer(const struct queues_job *job, bool cancelled);

#endif
