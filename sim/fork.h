/* What the parts of a fork share while its world begins. Private to sim/.
 *
 * A core that ran in production names things by hashes and numbers of its own. The world names its requests, functions,
 * versions, messages, blobs and callers by its own rows. So the core's copy is renamed first (core_rename()), and
 * everything that it believes in is then made true in the world, or, where it can't know, drawn. */
#ifndef STEAD_SIM_FORK_H
#define STEAD_SIM_FORK_H

#include "core/portrait.h"
#include "sim/world.h"

/* fork.c: called while the world is made; do nothing, or must not be called, if it is no fork. */
void fork_choices(struct world *world);
bool fork_boot(struct world *world); /* the first node; false if memory ran out */

enum {
    FORK_REQUESTS_MAX = 4000,
    FORK_BLOBS_MAX = BLOBS_MAX / 2,
    FORK_EXTRA_MAX = 12, /* messages in the queue that the core knows nothing of */
};

enum fork_kind { FORK_NONE, FORK_REQUEST, FORK_FUNCTION, FORK_VERSION, FORK_BLOB, FORK_CALLER };

/* From a name of theirs to a number of ours; never 0. */
struct fork_map {
    struct fork_entry {
        uint64_t hi, lo, value;
        uint32_t kind; /* enum fork_kind; FORK_NONE: not used */
    } * row;           /* open addressing; a power of two */
    uint32_t capacity, count;
};

bool fork_map_put(struct fork_map *map, enum fork_kind kind, struct key key, uint64_t value);
uint64_t fork_map_get(const struct fork_map *map, enum fork_kind kind, struct key key); /* 0: unknown */

struct fork {
    struct world *world;
    const struct sim_fork *from;
    struct portrait portrait;
    struct fork_map map;
    uint64_t *sequences; /* that the core knows, ascending */
    uint32_t sequences_count;
    uint32_t draws;
    bool short_of_memory;
};

/* Another number at each call, below `bound`. */
uint64_t fork_draw(struct fork *fork, uint64_t bound);
void fork_put(struct fork *fork, enum fork_kind kind, struct key key, uint64_t value);
uint32_t fork_request_of(const struct fork *fork, struct key request); /* a number of the world */
uint32_t fork_function_of(const struct fork *fork, struct handle function);
/* The rank of a sequence among those that are known: their order is what counts. */
uint64_t fork_sequence_of(const struct fork *fork, uint64_t sequence);
struct key fork_version_name(struct handle function, struct key version);

/* fork_node.c: connection, clock, blobs, functions and processes of the first node; fork_pending.c: what it waits
 * for. */
void fork_functions(struct fork *fork);
void fork_node(struct fork *fork);
void fork_clock(struct world *world, const struct portrait *portrait);
void fork_blobs(struct fork *fork);
void fork_processes(struct fork *fork);
void fork_pending(struct fork *fork);

/* fork_broker.c: the streams as they may be, and the callers. */
void fork_calls(struct fork *fork);
void fork_messages(struct fork *fork);

#endif
