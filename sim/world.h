/* What the files of the simulator share: the world and everything in it. Private to sim/.
 *
 * One world is one run of one seed on one thread. Time is `now`, nanoseconds since the world began; it moves only from
 * event to event. Nodes hold a core each; jet.h is the modelled broker; links join them. Files: node.c feeds a core and
 * takes its effects, perform.c carries effects out, far_end.c is the broker's end of a link, wire.c cuts and mends,
 * process.c and client.c are the people and processes, fault.c the bad luck, judge.c the law, finish.c the last
 * judgement, story.c the telling. */
#ifndef STEAD_SIM_WORLD_H
#define STEAD_SIM_WORLD_H

#include <setjmp.h>

#include "core/core.h"
#include "core/draw.h"
#include "sim/choices.h"
#include "sim/jet.h"
#include "sim/kernel.h"
#include "sim/schedule.h"
#include "sim/sim.h"

enum {
    NODES_MAX = 3,
    FUNCTIONS_MAX = 6,
    STREAMS_MAX = 16, /* executions at once in one modelled worker */
    WORKERS_MAX = 16,
    BLOBS_MAX = 4096,
    ROWS_MAX = 1 << 10, /* rows of a core's table that the world takes notes about */
    ROUTES_MAX = 2,
    ROUTE_VERSION_FIRST = 1 << 16, /* versions that only routes name are numbered from here */
};

enum blob_use { BLOB_FREE, BLOB_HELD };

/* What the world remembers of one blob of one node; for a message also the story of its delivery. */
struct slot {
    struct content content;
    uint64_t since_ns; /* when the core got it */
    uint64_t after_ns; /* the delay that the function asked for when it failed */
    uint32_t length;
    uint8_t use;      /* enum blob_use */
    uint8_t verdicts; /* ACK and HAND_BACK so far */
    uint8_t puts;     /* LEDGER_PUTs so far */
    uint8_t charges;  /* failures so far */
    bool executed;
    uint32_t next_free;
    uint64_t conditions; /* of a message: how its function's requests were divided when it came (share.c) */
};

enum process_state { PROCESS_NONE, PROCESS_STARTING, PROCESS_READY, PROCESS_BROKEN };

struct running {
    uint16_t stream;
    bool used, started; /* started: not waiting behind another call */
    uint32_t execution;
    struct content message;
};

struct worker {
    struct handle handle;
    uint32_t function, version, stamp; /* stamp: events of an earlier process in the same row are void */
    uint16_t concurrency, busy;
    uint8_t state; /* enum process_state */
    bool stopping;
    bool ahead; /* runs one call at a time and lets others wait behind it */
    struct running running[STREAMS_MAX];
};

/* One connection after another between a node and the broker. */
struct link {
    bool up, told_up; /* up: at the broker; told_up: as the core was told */
    bool connecting;
    uint32_t epoch;      /* of `connection`, as the core knows it */
    uint32_t connection; /* unique in the world; 0 none yet */
    uint32_t last_connection;
    uint64_t sends_until_ns; /* what arrives at the broker later than this is lost */
    uint64_t hears_until_ns; /* what arrives at the node later than this is lost */
    uint64_t last_sends_until_ns;
    uint64_t sent_ns, received_ns; /* order within a connection: nothing overtakes */
    uint64_t messages;             /* counter for draws */
};

struct function_note {
    struct handle handle;
    uint32_t function;
    uint64_t over_ns;     /* when all pulls so far are over for certain, by the node's clock */
    uint32_t outstanding; /* messages asked for on this connection and not yet come, as the core knows it */
};

/* A route as an instance was told of it; `serving`: the version that it said to be up. */
struct seen_route {
    uint32_t version, serving;
    uint8_t weight;
};

struct seen_routes {
    struct seen_route row[ROUTES_MAX * 2]; /* by place and alias */
    uint8_t closing;
};

enum node_state { NODE_DOWN, NODE_UP, NODE_DRAINING };

struct node {
    struct core *core;
    void *memory;
    uint64_t core_bytes;
    uint8_t state; /* enum node_state */
    uint32_t incarnation;
    uint64_t booted_ns, clock_base_ns, paused_until_ns, drained_ns, drain_grace_ns;
    int64_t wall_offset_ns;
    uint64_t tick_ns; /* simulated time of the tick that is on its way */
    uint64_t steps;
    struct link link;
    struct slot *slots; /* BLOBS_MAX */
    uint32_t *held;     /* by sequence: the slot of the message, 0 if it is not in hand */
    uint32_t slots_used, slots_free, slots_held;
    struct worker workers[WORKERS_MAX];
    struct function_note notes[ROWS_MAX];
    uint64_t route_gone_ns[FUNCTIONS_MAX]; /* by its own clock: when a route of it went or failed last */
    struct seen_routes routes[FUNCTIONS_MAX];
    bool serves[FUNCTIONS_MAX]; /* the core said that the function is ready, and it was not removed since */
    struct effects effects;
};

enum caller_state { CALLER_OPEN, CALLER_REPLIED, CALLER_CANCELLED, CALLER_CRASHED };

struct call {
    uint32_t request, node, incarnation, replies;
    struct handle handle;
    uint64_t digest, since_ns;
    uint64_t queued;     /* CANCEL: sequence of a message of the request that was in the queue when it was called */
    uint32_t stored;     /* how often a result had been stored, if one was kept when it was called; 0 none */
    uint8_t state, kind; /* enum caller_state, enum call_kind */
    bool certainly_not_started, executed;
    bool ended; /* CANCEL: the result `cancelled` that it asked for is stored */
    uint32_t function;
};

struct request {
    struct key key;
    uint32_t function; /* FUNCTIONS_MAX: one that nobody deployed */
    uint32_t executions, charges;
    uint64_t digest;
    uint32_t cancelled; /* how often a result had been stored when a canceller was told that it is `cancelled` */
    bool accepted;
};

/* A share of a function's requests on another version; version 0: there is none. */
struct route {
    uint32_t version;
    uint8_t alias, weight;
    bool build_fails;
};

struct function {
    struct key name;
    uint32_t version, route_versions;
    struct route routes[ROUTES_MAX];
    uint64_t named[2]; /* by alias: the last 64 versions that it ever stood for, as bits */
    uint8_t closing;   /* enum closing */
    bool removed, build_fails;
    uint64_t timeout_ns, keep_alive_ns, run_ns;
    uint16_t retries_max, concurrency, workers_max;
};

/* Whose turn it is, for fair.c. */
struct fair {
    uint32_t turns[NODES_MAX];
    uint64_t idle_ns[NODES_MAX]; /* since when it has nothing to do and asks for nothing; 0: not so */
};

/* The last execution of a message, for share.c. */
struct execution {
    uint64_t conditions;
    uint32_t version;
};

/* The number-th occasion for a fault at an entity; number 0: how many there were. */
struct occasion {
    uint64_t entity, number, times;
    uint32_t fault;
    bool used;
};

struct occasions {
    struct occasion *row; /* open addressing; a power of two */
    uint32_t count, capacity;
};

struct follow {
    struct occasions counters, strikes;
    uint32_t call_at, fault_at[FAULT_COUNT]; /* the entries that are due next */
};

struct world {
    struct sim_options options;
    struct follow follow;
    struct choices choices;
    struct kernel kernel;
    struct jet jet;
    uint64_t now, steps, steps_target, at_once;
    bool healed;
    bool memory_short;
    uint64_t healed_ns, slow_until_ns, broker_up_ns, calm_until_ns;
    int64_t broker_offset_ns; /* the broker's wall clock minus simulated time */
    uint32_t connections, incarnations, executions, arrivals;
    struct node nodes[NODES_MAX];
    struct function functions[FUNCTIONS_MAX];
    struct fair fair[FUNCTIONS_MAX];
    struct execution *ran; /* by sequence */
    struct request *requests;
    uint32_t requests_count, requests_max, requests_accepted;
    struct call *calls;
    uint32_t calls_count, calls_max, calls_open;
    uint64_t fault_counter[FAULT_COUNT];
    uint64_t hash, effects_hash;
    void *copy; /* room for a copy of a core */
    struct sim_report *report;
    jmp_buf stop;
};

/* Draw purposes of the world; entity and counter say which one. */
enum world_draw {
    PURPOSE_FAULT_WHEN = DRAW_USER + 100,
    PURPOSE_FAULT_HIT, /* + the fault: 100 numbers are kept */
    PURPOSE_FAULT_WHO = DRAW_USER + 300,
    PURPOSE_FAULT_HOW,
    PURPOSE_LATENCY,
    PURPOSE_ARRIVAL,
    PURPOSE_CALL,
    PURPOSE_WORKER,
    PURPOSE_RUN,
    PURPOSE_KEY,
    PURPOSE_BOOT,
    PURPOSE_LENGTH,
    PURPOSE_RECONNECT,
    PURPOSE_ALIAS,
    PURPOSE_ELSEWHERE,
    PURPOSE_FIND,
    PURPOSE_DOOR,
};

/* -- world.c: small things -- */
uint64_t world_draw(const struct world *world, uint64_t entity, uint64_t purpose, uint64_t counter);
uint64_t world_draw_below(const struct world *world, uint64_t bound, uint64_t entity, uint64_t purpose,
                          uint64_t counter);
/* Whether that fault strikes now, by its drawn rate; never once healed. Counts it. */
bool world_strikes(struct world *world, enum sim_fault fault, uint64_t entity);
_Noreturn void world_violation(struct world *world, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct event *world_post(struct world *world, uint64_t at, enum event_kind kind);
struct event *world_post_node(struct world *world, uint64_t at, enum event_kind kind, uint32_t node);
void world_hash(struct world *world, uint64_t value);
uint32_t request_of_key(const struct world *world, struct key key);  /* requests_count if it is a stranger's */
uint32_t function_of_key(const struct world *world, struct key key); /* FUNCTIONS_MAX if it is a stranger's */
struct key version_key(uint32_t function, uint32_t version);
uint8_t request_alias(const struct world *world, uint32_t request);                 /* which it names */
bool served_elsewhere(const struct world *world, uint32_t node, uint32_t function); /* and not on this node */
int64_t broker_wall(const struct world *world);

/* -- node.c: a core and its surroundings -- */
bool node_boot(struct world *world, uint32_t index);
void node_crash(struct world *world, uint32_t index);
void node_boot_later(struct world *world, uint32_t index, uint64_t delay_ns);
uint64_t node_clock(const struct world *world, const struct node *node);
/* One step: allots a blob for `content` unless its kind is CONTENT_NONE, then carries all effects out. */
void node_step(struct world *world, uint32_t index, struct input *input, const struct content *content);
void node_tick(struct world *world, uint32_t index);
void node_set_function(struct world *world, uint32_t index, uint32_t function);
struct function_note *node_note(struct node *node, struct handle function);
void node_check(struct world *world, uint32_t index);

/* -- perform.c -- */
void world_perform(struct world *world, uint32_t index, const struct effect *effect);

/* -- far_end.c: what arrives at the broker, and what it sends back -- */
void far_end_arrived(struct world *world, const struct event *event);
/* Tells every instance that is connected that the request is cancelled, true or not. */
void far_end_announce(struct world *world, uint32_t request);
void far_end_hooks(struct world *world, struct jet_hooks *ret_hooks);

/* -- wire.c -- */
void wire_send(struct world *world, uint32_t index, const struct effect *effect);
/* Posts an input to the node's core by this connection; lost if the connection is by then. */
void wire_receive(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                  const struct content *content);
bool wire_sends(const struct world *world, const struct link *link, uint32_t connection);
void wire_arrived(struct world *world, const struct event *event);
void wire_cut(struct world *world, uint32_t index);
void wire_mute(struct world *world, uint32_t index);
void wire_drop(struct world *world, uint32_t index); /* without telling the core: its process is gone */
void wire_connect_later(struct world *world, uint32_t index, uint64_t delay_ns);
void wire_connect(struct world *world, uint32_t index);
void wire_told(struct world *world, const struct event *event);
void wire_clock(struct world *world, uint32_t index);
void wire_heartbeat(struct world *world, uint32_t index);
uint64_t wire_latency(struct world *world, struct link *link, uint32_t index);
void far_end_kill(struct world *world);

/* -- process.c -- */
void process_start(struct world *world, uint32_t index, const struct effect *effect);
void process_execute(struct world *world, uint32_t index, const struct effect *effect);
void process_cancel(struct world *world, uint32_t index, const struct effect *effect);
void process_stop(struct world *world, uint32_t index, const struct effect *effect);
void process_kill(struct world *world, uint32_t index, const struct effect *effect);
void process_event(struct world *world, const struct event *event);
void process_die(struct world *world, uint32_t index, uint64_t pick);

/* -- client.c -- */
void client_arrival(struct world *world);
void client_do(struct world *world, const struct entry *entry); /* what a schedule says */
void client_cancel(struct world *world, uint32_t call);
void client_reply(struct world *world, uint32_t index, const struct effect *effect);
void client_learn(struct world *world, uint32_t index, const struct effect *effect);
void client_node_gone(struct world *world, uint32_t index);

/* -- follow.c: a run that is recorded or follows a schedule; all of it does nothing in other runs -- */
bool follow_begin(struct world *world);
void follow_free(struct world *world);
void follow_healed(struct world *world);
bool follow_over(const struct world *world); /* the schedule's faults end before the next event */
/* Whether that occasion is taken: `drawn` says what the seed would. */
bool follow_strikes(struct world *world, enum sim_fault fault, uint64_t entity, bool drawn);
void follow_fault_next(struct world *world, enum sim_fault fault);
const struct entry *follow_fault_take(struct world *world, enum sim_fault fault);
void follow_fault_note(struct world *world, enum sim_fault fault, uint32_t node, uint64_t random);
void follow_call_post(struct world *world);
void follow_arrival(struct world *world);
void follow_call_note(struct world *world, const struct entry *entry);

/* -- fault.c -- */
void fault_begin(struct world *world);
void fault_event(struct world *world, const struct event *event);
void fault_gone(struct world *world, uint32_t number);
void fault_heal(struct world *world);
void fault_reconcile(struct world *world);

/* -- judge.c: each effect against the invariants, before it is carried out -- */
void judge_input(struct world *world, uint32_t index, const struct input *input);
void judge_effect(struct world *world, uint32_t index, const struct effect *effect);
struct slot *judge_blob(struct world *world, uint32_t index, struct blob blob); /* B1 if the core does not hold it */

/* -- judge_reply.c: what callers and gateways are told -- */
void judge_told(struct world *world, uint32_t request, const struct effect *effect, const struct slot *result);
void judge_reply(struct world *world, uint32_t index, const struct effect *effect);

/* -- fair.c, share.c: the law of routing -- */
void fair_delivered(struct world *world, uint32_t function, uint32_t taken);
void fair_disturbed(struct world *world, uint32_t function);
void fair_heartbeat(struct world *world, uint32_t index);
void share_told(struct world *world, uint32_t index, uint32_t function, uint32_t place, const struct input *input);
void share_state(struct world *world, uint32_t index, const struct effect *effect);
uint64_t share_conditions(const struct world *world, uint32_t index, uint32_t function);
void share_executed(struct world *world, uint32_t index, const struct slot *message, uint32_t version);

/* -- finish.c -- */
/* NULL once nothing is left to do, else the first unmet reason (static text). */
const char *finish_unmet(struct world *world);
void finish_judge(struct world *world);

/* -- digest.c: the hash over all that the cores see and say -- */
void digest_input(struct world *world, uint32_t index, const struct input *input);
void digest_effect(struct world *world, uint32_t index, const struct effect *effect);

/* -- story.c: does nothing unless the run is told -- */
void story_input(const struct world *world, uint32_t index, const struct input *input);
void story_effect(const struct world *world, uint32_t index, const struct effect *effect);
void story_event(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
