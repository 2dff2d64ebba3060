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
    X(FIND_FAIL, "queue could not be searched")

enum sim_fault {
#define X(name, text) FAULT_##name,
    SIM_FAULTS(X)
#undef X
        FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault); /* "LINK_CUT"; never NULL */
const char *sim_fault_text(enum sim_fault fault); /* "connection cut"; never NULL */

struct schedule;

struct sim_options {
    uint64_t seed;
    uint64_t steps;        /* core steps, over all cores, after which the faults end; 0: SIM_STEPS_DEFAULT */
    uint32_t mutant;       /* planted bug of the core; only in builds with STEAD_MUTANTS */
    bool wall_jumps_never; /* the same world with all wall clocks steady: the effects must not differ */
    /* NULL, or what happens, instead of what the seed would draw. Its seed, steps and mutant count, not those here. */
    const struct schedule *schedule;
    struct schedule *record; /* NULL, or filled with what happened; sorted. The caller frees it */
    FILE *story;             /* NULL, or where the run is told, one line an event */
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
    uint32_t nodes, functions;
    uint64_t faults[FAULT_COUNT];
    uint64_t effects[EFFECT_COUNT], inputs[INPUT_COUNT];
    uint64_t ends[END_COUNT]; /* results stored, by how they ended */
    uint64_t replies[REASON_COUNT];
    uint64_t requests, accepted, executions, calls;
    uint64_t refused_results; /* create-only publishes that lost: duplicates averted */
    uint64_t redeliveries, resurrected;
    uint64_t turns; /* messages that went out while all instances were equally free, in worlds without faults */
};

/* Plays a seed. False if memory ran out (the report is then empty); a violation is in the report. */
bool sim_run(const struct sim_options *options, struct sim_report *ret_report);

/* To be called first by a program's own stead_panic(): does not return if this thread is inside sim_run(). */
void sim_panicked(const char *file, int line, const char *condition);

#endif
