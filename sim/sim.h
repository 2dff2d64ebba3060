/* The simulator: real cores in a made-up world, one seed at a time.
 *
 * sim_run() plays one seed: it draws a world (nodes, functions, limits, which kinds of faults happen and how
 * often), lets clients and faults work against 1 to 3 cores, heals everything, and waits until all is quiet. Each
 * effect of each core is judged at once against the invariants of docs/invariants.md; the first violation ends the
 * run. The same seed and build give the same report, on every compiler: nothing here reads a clock, and every
 * choice is an addressed draw.
 *
 * Thread rule: sim_run() has no globals; any number of threads may run it at once. Memory is its own, freed at
 * return. A program that links this library gets a weak stead_panic() which turns a failed assertion of the core
 * into a violation named A0; a program with a stead_panic() of its own calls sim_panicked() first. */
#ifndef STEAD_SIM_SIM_H
#define STEAD_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/effect.h"
#include "core/input.h"
#include "core/reason.h"
#include "core/states.h"
#include "sim/sometimes.h"

enum { SIM_STEPS_DEFAULT = 20000 };

/* What can go wrong. X(NAME, text for people) The order is part of every seed's meaning: append only. */
#define SIM_FAULTS(X)                                                                                                  \
    X(LINK_CUT, "connection cut")                                                                                      \
    X(LINK_MUTE, "connection silent, not cut")                                                                         \
    X(NODE_CRASH, "instance crashed")                                                                                  \
    X(NODE_PAUSE, "instance paused")                                                                                   \
    X(NODE_DRAIN, "instance drained")                                                                                  \
    X(BROKER_KILL, "broker killed and restarted")                                                                      \
    X(CONSUMER_DELETE, "consumer deleted by a stranger")                                                               \
    X(WALL_JUMP, "wall clock of an instance jumped")                                                                   \
    X(BROKER_JUMP, "wall clock of the broker jumped")                                                                  \
    X(REDEPLOY, "new version of a function")                                                                           \
    X(FUNCTION_REMOVE, "function removed and put back")                                                                \
    X(SLOW_NETWORK, "slow network for a while")                                                                        \
    X(ANSWER_LOST, "answer to a gateway lost")                                                                         \
    X(REPLY_LOST, "broker's answer lost")                                                                              \
    X(DUPLICATE, "completion delivered twice")                                                                         \
    X(STALE, "fact of a passed connection delivered late")                                                             \
    X(PUBLISH_REFUSED, "publish refused by the broker")                                                                \
    X(ERROR_RETRY, "function failed, may be retried")                                                                  \
    X(ERROR_PERMANENT, "function failed for good")                                                                     \
    X(ERROR_THROTTLE, "function asked for a delay")                                                                    \
    X(WORKER_CRASH, "worker crashed while it ran")                                                                     \
    X(WORKER_HANG, "worker hung")                                                                                      \
    X(WORKER_GARBAGE, "worker broke the protocol")                                                                     \
    X(WORKER_SLOW, "execution took long")                                                                              \
    X(WORKER_DIE, "idle worker died")                                                                                  \
    X(START_FAIL, "worker exited at start")                                                                            \
    X(START_HANG, "worker never became ready")                                                                         \
    X(BUILD_FAIL, "build failed")                                                                                      \
    X(ENSURE_FAIL, "consumer could not be ensured")                                                                    \
    X(CLIENT_RESUBMIT, "same id submitted again")                                                                      \
    X(CLIENT_CONFLICT, "same id with another input")                                                                   \
    X(CLIENT_CANCEL, "client went away")                                                                               \
    X(CLIENT_HURRY, "short deadline")                                                                                  \
    X(CLIENT_STRANGE, "function that nobody deployed")                                                                 \
    X(RAW_PUBLISH, "raw publish to the stream")                                                                        \
    X(RAW_INVALID, "raw publish of an invalid event")                                                                  \
    X(BURST, "burst of calls")                                                                                         \
    X(SHARE, "share of a function's requests moved to or from another version")                                        \
    X(CLOSE, "function closed, then removed and put back")                                                             \
    X(SETTING, "setting changed while running")                                                                        \
    X(ALIAS, "request named another alias")                                                                            \
    X(ELSEWHERE, "instance that does not serve a function's language")                                                 \
    X(CLIENT_SUBMIT, "request submitted without waiting")                                                              \
    X(CLIENT_AWAIT, "result of a request awaited")                                                                     \
    X(CLIENT_LOOK, "result of a request looked for")                                                                   \
    X(CLIENT_END, "request cancelled")                                                                                 \
    X(CANCEL_FORGED, "instances told of a cancel that is none")                                                        \
    X(CANCEL_UNHEARD, "instance that did not hear of a cancel")                                                        \
    X(FIND_FAIL, "queue could not be searched")                                                                        \
    X(LINK_DEAF, "connection one way: nothing arrives at the instance")                                                \
    X(LINK_UNHEARD, "connection one way: nothing arrives at the broker")                                               \
    X(PARTITION, "instance cut off for a while")                                                                       \
    X(ANSWER_LATE, "broker's answer overtaken by later ones")                                                          \
    X(ANSWER_AGAIN, "message to an instance delivered twice")                                                          \
    X(CLOCK_RATE, "monotonic clock of an instance fast or slow")                                                       \
    X(WALL_SKEW, "wall clock of an instance wrong from the start")                                                     \
    X(WALL_RATE, "wall clock of an instance drifting")                                                                 \
    X(LEAP, "leap second in all wall clocks")                                                                          \
    X(STORAGE_FULL, "broker's storage full for a while")                                                               \
    X(QUEUE_FULL, "request stream full for a while")                                                                   \
    X(RESULTS_FULL, "result stream full for a while")                                                                  \
    X(DEAD_FULL, "dead-letter stream full for a while")                                                                \
    X(PULL_LOST, "pull vanished without a status")                                                                     \
    X(PULL_REFUSED, "pull refused by the broker")                                                                      \
    X(WORKER_MEMORY, "worker ran out of memory")                                                                       \
    X(WORKER_FLOOD, "result too large to store")                                                                       \
    X(START_SLOW, "worker slow to start")                                                                              \
    X(RACK, "several instances and the broker crashed at once")                                                        \
    X(ROLLING, "instances restarted one after the other")                                                              \
    X(SWIZZLE, "instances stopped one by one, restarted in another order")                                             \
    X(ROLLOUT, "new versions and another setting while instances restart")                                             \
    X(LEADER_CHANGE, "leaders of streams and consumers stepped down")                                                  \
    X(QUORUM_LOST, "two of three servers killed")                                                                      \
    X(HINT_LOST, "hint of a changed record lost")                                                                      \
    X(HINT_LATE, "hint of a changed record late")                                                                      \
    X(OBJECT_FAIL, "code of a version could not be fetched")                                                           \
    X(HEAL_PART, "only a part healed")                                                                                 \
    X(POWER_LOSS, "power lost, and what was not on the disk")                                                          \
    X(PAUSE, "function paused for a while")                                                                            \
    X(UNSERVED, "function that no instance serves")                                                                    \
    X(UNDEPLOYED, "mail for a function that nobody deployed")                                                          \
    X(PROVISION_FAIL, "broker that could not be used yet")                                                             \
    X(PULLS_FORGOTTEN, "pulls of a function forgotten until the next connection")                                      \
    X(GARBLE, "garbled facts, for a copy of an instance")                                                              \
    X(INBOX_DEAF, "answers lost until the next connection")                                                            \
    X(HINTS_DEAF, "hints of changed records lost until the next connection")                                           \
    X(OVERLOAD, "execution slowed by those beside it")                                                                 \
    X(ADAPTIVE, "function whose concurrency adapts")                                                                   \
    X(BOUNDED, "function with bounds at the door")                                                                     \
    X(POISON, "request that takes down each instance that runs it")                                                    \
    X(BROKER_END, "broker ended by SIGTERM and restarted")                                                             \
    X(BUILD_ROOM, "build failed on one instance for want of room")                                                     \
    X(NAKS_FORGED, "deliveries refused by a stranger")                                                                 \
    X(ACK_FORGED, "delivery acknowledged by a stranger")                                                               \
    X(BROKER_STEP, "wall clock of the broker wrong by up to ten minutes")                                              \
    X(AGE_CUT, "max age of the queue cut by hand for a while")

enum sim_fault {
#define X(name, text) FAULT_##name,
    SIM_FAULTS(X)
#undef X
        FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault); /* "LINK_CUT"; never NULL */
const char *sim_fault_text(enum sim_fault fault); /* "connection cut"; never NULL */

struct schedule;
struct core;

/* A state to go on from, instead of an empty world: a core that ran elsewhere, and the effects that it asked for and
 * that were not answered yet. The world around it is made up: by the seed, of what the core believed. */
struct sim_fork {
    const struct core *core;
    const struct effect *pending;
    uint32_t pending_count;
    const bool *faults; /* FAULT_COUNT: which may happen; NULL: what the seed draws */
};

/* NULL, or why the simulator can't go on from this state, in words. */
const char *sim_fork_obstacle(const struct sim_fork *fork);

struct sim_options {
    uint64_t seed;
    uint64_t steps;        /* core steps, over all cores, after which the faults end; 0: SIM_STEPS_DEFAULT */
    uint32_t mutant;       /* planted bug of the core; only in builds with STEAD_MUTANTS */
    bool wall_jumps_never; /* the same world with all wall clocks steady: the effects must not differ */
    bool other_lengths;    /* the same world with payloads of other lengths: the effects must not differ */
    bool heal_whole;       /* nothing is left dead, cut off or stopped */
    /* NULL, or what happens, instead of what the seed would draw. Its seed, steps and mutant count, not those here. */
    const struct schedule *schedule;
    struct schedule *record; /* NULL, or filled with what happened; sorted. The caller frees it */
    /* NULL, or what is given each line of the history. The run then goes on after a violation that concerns only what
     * is told to others, so that the history can be judged by itself; the first violation is reported all the same. */
    void (*history)(void *owner, const char *line, size_t length);
    void *history_owner;
    bool messages;       /* the history also has what goes over connections: for pictures, nobody outside sees it */
    const char *without; /* NULL, or the invariant that is not judged: "S5" */
    const struct sim_fork *fork; /* NULL, or what the first instance goes on from */
    FILE *story;                 /* NULL, or where the run is told, one line an event */
};

struct sim_violation {
    char id[8];     /* "S2"; empty if there is none */
    uint64_t step;  /* core steps so far */
    uint64_t at_ns; /* simulated time */
    char why[160];  /* one line */
};

struct sim_report {
    uint64_t seed, steps, events, simulated_ns;
    uint64_t hash;         /* over all inputs and effects of all cores, and every final core_hash() */
    uint64_t effects_hash; /* over effects alone: wall clocks must not move it */
    struct sim_violation violation;
    bool cut_short; /* by what `without` says is not judged: nothing can be said of the rest */
    uint32_t nodes, functions;
    uint64_t faults[FAULT_COUNT];
    uint64_t effects[EFFECT_COUNT], inputs[INPUT_COUNT];
    uint64_t ends[END_COUNT]; /* results stored, by how they ended */
    uint64_t replies[REASON_COUNT];
    uint64_t requests, accepted, executions, calls;
    uint64_t seen[SEEN_COUNT]; /* what must happen sometimes */
    struct edges edges;
    uint64_t refused_results; /* create-only publishes that lost: duplicates averted */
    uint64_t redeliveries, resurrected;
    uint64_t visits, lease_holders; /* pulls of the sweeper; how often the lease changed hands */
    uint64_t
        forgotten; /* requests of which a power loss took something, and which the last judgement therefore excused */
    uint64_t taken_lost; /* requests that somebody else took from the queue, and that therefore never ended: excused */
    uint64_t left_out, stranded; /* instances that were never healed; requests that no healed one may run */
    uint64_t turns; /* messages that went out while all instances were equally free, in worlds without faults */
};

/* Plays a seed. False if memory ran out (the report is then empty); a violation is in the report. */
bool sim_run(const struct sim_options *options, struct sim_report *ret_report);

/* To be called first by a program's own stead_panic(): does not return if this thread is inside sim_run(). */
void sim_panicked(const char *file, int line, const char *condition);

#endif
