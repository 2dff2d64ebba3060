/* The records of functions in their bucket, and what each instance has read of them. Private to sim/. */
#ifndef STEAD_SIM_RECORDS_H
#define STEAD_SIM_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

enum { RECORDS_MAX = 64, ROUTES_MAX = 2, UNDO_MAX = 64 };

/* A share of a function's requests on another version; version 0: there is none. */
struct route {
    uint32_t version;
    uint8_t alias, weight;
    bool build_fails;
};

/* What operators wrote of a function. */
struct record {
    uint64_t revision, change, written_ns;
    uint32_t version;
    struct route routes[ROUTES_MAX];
    uint8_t closing; /* enum closing */
    bool removed, build_fails, paused;
};

struct records {
    uint64_t last; /* revision of the bucket */
    uint64_t revision[RECORDS_MAX];
    uint64_t changes; /* never given out again, unlike revisions */
    struct record now[RECORDS_MAX];
    struct {
        struct record before;
        uint64_t last;
        uint32_t function;
    } undo[UNDO_MAX]; /* the last changes, in a ring */
    uint32_t undo_count;
    uint32_t versions[RECORDS_MAX]; /* the last that was given out */
    bool object_lost[RECORDS_MAX];  /* the code of the version is gone */
};

/* Of one process of an instance. */
struct seen_records {
    uint64_t known;                 /* the bucket's revision when it was read last */
    uint64_t change[RECORDS_MAX];   /* of each record that the core was told; 0: none, or there was no room for it */
    uint64_t revision[RECORDS_MAX]; /* the same, as its bucket numbers it */
    bool reading, again;            /* again: something changed while it read */
};

struct world;

void records_begin(struct world *world);
void records_changed(struct world *world, uint32_t function);
void records_word(struct world *world, uint32_t index);   /* something changed */
void records_heard(struct world *world, uint32_t index);  /* reads what did */
void records_arrive(struct world *world, uint32_t index); /* what was asked for is read, or can't be */
void records_lose_power(struct world *world, uint64_t random);
uint32_t records_version(struct world *world, uint32_t function); /* a new one */
void records_poll(struct world *world, uint32_t index);           /* once a second */
void records_refused(struct world *world, uint32_t index, uint32_t function);

#endif
