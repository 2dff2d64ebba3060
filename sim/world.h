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
#include "sim/choices.h"
#include "sim/clock.h"
#include "sim/cluster.h"
#include "sim/draws.h"
#include "sim/fault.h"
#include "sim/follow.h"
#include "sim/hearing.h"
#include "sim/jet.h"
#include "sim/kernel.h"
#include "sim/lease.h"
#include "sim/load.h"
#include "sim/records.h"
#include "sim/routing.h"
#include "sim/schedule.h"
#include "sim/sim.h"

enum {
    NODES_MAX = 3,
    FUNCTIONS_MAX = 64, /* of a fork */
    FUNCTIONS_DRAWN_MAX = 6,
    STREAMS_MAX = 16, /* executions at once in one modelled worker */
    WORKERS_MAX = 16, /* unless the limits allow more */
    BLOBS_MAX = 4096,
    ROWS_MAX = 1 << 10,            /* rows of a core's table that the world takes notes about */
    ROUTE_VERSION_FIRST = 1 << 16, /* versions that only routes name are numbered from here */
};

#define PAYLOAD_FLOOD (UINT64_C(1) << 63) /* of a result: larger than any message may be */

enum blob_use { BLOB_FREE, BLOB_HELD };

/* What the world remembers of one blob of one node; for a message also the story of its delivery. */
struct slot {
    struct content content;
    uint64_t since_ns; /* when the core got it */
    uint64_t after_ns; /* the delay that the function asked for when it failed */
    uint32_t length;
    uint8_t use;                       /* enum blob_use */
    uint8_t verdicts, puts, charges;   /* so far: ACK and HAND_BACK, LEDGER_PUT, failures */
    uint32_t attempts;                 /* as the last charge said; 0: none was charged here */
    uint32_t lost;                     /* of a message: how often it was lost with an instance, as the core was told */
    bool executed, succeeded, visited; /* succeeded: a run gave its result; visited: it only came to be looked at */
    struct handle worker;              /* of a message: where it was sent to be run last, as its stream `stream` */
    uint16_t stream, faults; /* faults: of a message: what happened to it while it ran, a bit for each cause */
    uint32_t next_free;
    uint32_t before;     /* of a message: the slot that had it when it came again; 0: none */
    uint64_t conditions; /* of a message: how its function's requests were divided when it came (share.c) */
};

enum process_state { PROCESS_NONE, PROCESS_STARTING, PROCESS_READY, PROCESS_BROKEN };

struct running {
    uint16_t stream;
    uint32_t attempt;
    bool used, started; /* started: not waiting behind another call */
    bool let_go;        /* it was told to stop, so its core waits for it no more */
    uint32_t lost;      /* how often its request was lost with an instance, as its core read */
    uint32_t execution;
    uint64_t started_ns, ends_ns; /* by its node's clock; by the world's, 0: it hangs, or waits */
    struct content message;
};

struct worker {
    struct handle handle, row;         /* row: of the core's function */
    uint32_t function, version, stamp; /* stamp: events of an earlier process in the same row are void */
    uint16_t concurrency, busy;
    uint8_t state;          /* enum process_state */
    bool stopping, overdue; /* overdue: killed before its core heard that it is ready */
    bool ahead;             /* runs one call at a time and lets others wait behind it */
    struct running running[STREAMS_MAX];
};

/* One connection after another between a node and the broker. */
struct link {
    bool up, told_up;    /* up: at the broker; told_up: as the core was told */
    uint32_t epoch;      /* of `connection`, as the core knows it */
    uint32_t connection; /* unique in the world; 0 none yet */
    uint32_t last_connection;
    bool answers_lost, hints_lost; /* its subscriptions are dead */
    uint64_t forgotten;            /* functions whose pulls on `connection` come to nothing, a bit each */
    uint64_t sends_until_ns;       /* what arrives at the broker later than this is lost */
    uint64_t hears_until_ns;       /* what arrives at the node later than this is lost */
    uint64_t last_sends_until_ns;
    uint32_t replica;              /* of a cluster: the server that it is connected to */
    uint64_t apart_until_ns;       /* it cannot connect before */
    uint64_t sent_ns, received_ns; /* order within a connection: nothing overtakes */
    uint64_t messages;             /* counter for draws */
};

struct function_note {
    struct handle handle;
    uint32_t function;
    uint64_t over_ns;     /* when all pulls so far are over for certain, by the node's clock */
    uint32_t outstanding; /* messages asked for on this connection and not yet come, as the core knows it */
    bool quarantined;
};

/* A route as an instance was told of it; `serving`: the version that it said to be up. */
struct seen_route {
    uint32_t version, serving;
    uint8_t weight;
};

struct seen_routes {
    struct seen_route row[ROUTES_MAX * 2]; /* by place and alias */
    uint8_t closing;
    uint64_t conditions; /* all of it, as a hash; 0: to be worked out anew */
};

enum node_state { NODE_DOWN, NODE_UP, NODE_DRAINING };

struct node {
    struct core *core;
    void *memory;
    uint64_t core_bytes;
    uint8_t state; /* enum node_state */
    uint32_t incarnation;
    struct clocks clocks;
    uint64_t paused_until_ns, drained_ns, drain_grace_ns;
    uint64_t tick_ns; /* simulated time of the tick that is on its way */
    uint64_t steps;
    struct link link;
    struct slot *slots; /* BLOBS_MAX */
    uint32_t *held;     /* by sequence: the slot of the message, 0 if it is not in hand */
    uint32_t slots_used, slots_free, slots_held;
    struct worker *workers; /* workers_count */
    uint32_t workers_count;
    struct function_note notes[ROWS_MAX];
    bool paused[FUNCTIONS_MAX];         /* as it was told */
    uint64_t resumed_ns[FUNCTIONS_MAX]; /* by its own clock */
    uint64_t seen_ns;                   /* when others saw it last */
    uint64_t looked_ns, born_ns;        /* when it looked at the request stream last, and first */
    uint32_t born, stray; /* the incarnation that did so at born_ns; the function that it is told mail for */
    uint64_t route_gone_ns[FUNCTIONS_MAX]; /* by its own clock: when a route of it went or failed last */
    struct seen_routes routes[FUNCTIONS_MAX];
    struct seen_records seen;
    struct told told[FUNCTIONS_MAX];
    struct hearing hearing;
    bool left_out;                          /* never healed: dead, cut off or stopped for ever */
    bool start_failed[FUNCTIONS_MAX];       /* a process of it ended before it ran anything */
    uint32_t serves_version[FUNCTIONS_MAX]; /* which one it said last to be ready */
    bool serves[FUNCTIONS_MAX];             /* the core said that the function is ready, and it was not removed since */
    struct effects effects;
};

enum caller_state { CALLER_OPEN, CALLER_REPLIED, CALLER_CANCELLED, CALLER_CRASHED };

struct call {
    uint32_t request, node, incarnation, replies;
    struct handle handle;
    uint64_t digest, since_ns;
    uint64_t looked_ns, born_ns; /* when the node looked at the request stream last before it, and first */
    uint64_t queued;     /* CANCEL: sequence of a message of the request that was in the queue when it was called */
    uint32_t stored;     /* how often a result had been stored, if one was kept when it was called; 0 none */
    uint8_t state, kind; /* enum caller_state, enum call_kind */
    bool certainly_not_started, executed;
    bool ended;         /* CANCEL: the result `cancelled` that it asked for is stored */
    uint64_t operation; /* its last publish, and the connection on which that was confirmed as new; 0: none */
    uint32_t confirmed;
    uint32_t function;
};

struct request {
    struct key key;
    uint32_t function; /* FUNCTIONS_MAX: one that nobody deployed */
    uint32_t executions, charges;
    uint32_t messages; /* to the broker about it, since the heal */
    uint64_t digest;
    uint8_t alias;      /* which it names */
    bool poisonous;     /* it takes down each instance that runs it, until the heal */
    uint32_t cancelled; /* how often a result had been stored when a canceller was told that it is `cancelled` */
    bool accepted;
};

struct function {
    struct key name;
    uint32_t version, route_versions;
    struct route routes[ROUTES_MAX];
    uint64_t named[2]; /* by alias: the last 64 versions that it ever stood for, as bits */
    uint8_t closing;   /* enum closing */
    bool removed, build_fails, paused;
    uint64_t back_ns; /* when all instances had heard that it is there again */
    bool elsewhere;   /* the first node does not serve its language, the others do */
    uint64_t timeout_ns, keep_alive_ns, run_ns;
    uint16_t retries_max, concurrency, workers_max;
    struct {
        uint64_t retry_ns_base, retry_ns_max;
        uint8_t jitter, retries[CAUSE_KEPT];
    } policy;
    struct bounds bounds;
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
    uint32_t request; /* after a lost power the number may be another one's, while this one still runs */
};

struct world {
    struct sim_options options;
    uint64_t draws; /* draw_root() of the seed */
    bool follows;   /* it is recorded, or follows a schedule */
    struct follow follow;
    struct choices choices;
    struct kernel kernel;
    struct jet jet;
    struct cluster cluster;
    struct records records;
    bool unanswered; /* what arrives now is done, and its answer is lost */
    uint64_t now, steps, steps_target, at_once, books_judged;
    bool healed, quiet, memory_short,
        age_cut;          /* came to the last judgement; the queue has another age limit than due */
    uint64_t ended_by_ns; /* all requests, once healed: L1 */
    uint64_t unserved;    /* messages that nobody served who was healed, at the heal, and calls that wait to be some */
    uint64_t healed_ns, slow_until_ns, broker_up_ns, calm_until_ns, storage_until_ns;
    int64_t began_wall_ns;    /* the right time of day when the world began */
    int64_t broker_offset_ns; /* the broker's wall clock minus the right time */
    uint32_t connections, incarnations, executions, arrivals, published;
    struct node nodes[NODES_MAX];
    struct function functions[FUNCTIONS_MAX];
    struct fair fair[FUNCTIONS_MAX];
    struct lease_record lease;
    uint64_t lease_revisions, lease_holders, visits;
    struct execution *ran; /* by sequence */
    struct request *requests;
    uint32_t requests_count, requests_max, requests_accepted;
    struct call *calls;
    uint32_t calls_count, calls_max, calls_open, calls_settled; /* settled: none before it is open; lags behind */
    uint64_t fault_counter[FAULT_COUNT];
    uint64_t hash, effects_hash;
    void *copy, *other_copy; /* room for copies of a core */
    bool garbled;            /* a copy hears what makes no sense: if it asserts, that is S19 */
    struct sim_report *report;
    jmp_buf stop;
};

/* -- small things; those that every event needs stand here -- */
static inline uint64_t world_draw(const struct world *world, uint64_t entity, uint64_t purpose, uint64_t counter)
{
    return draw_from(world->draws, entity, purpose, counter);
}

static inline uint64_t world_draw_below(const struct world *world, uint64_t bound, uint64_t entity, uint64_t purpose,
                                        uint64_t counter)
{
    return draw_below(world_draw(world, entity, purpose, counter), bound);
}

/* One multiply and two shifts a word: enough to tell two runs apart, cheap enough to take in everything. */
static inline void world_hash(struct world *world, uint64_t value)
{
    uint64_t hash = (world->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash = hash ^ hash >> 29;
}

/* -- world.c -- */
bool world_draws_strike(struct world *world, enum sim_fault fault, uint64_t entity);
/* Whether that fault strikes now, by its drawn rate; never once healed. Counts it. */
static inline bool world_strikes(struct world *world, enum sim_fault fault, uint64_t entity)
{
    bool may = world->follows || world->choices.fault[fault] != 0; /* Asked a dozen times a step: mostly not. */
    return may && !world->healed && world_draws_strike(world, fault, entity);
}
_Noreturn void world_violation(struct world *world, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, but returns where the history is written: for what is said or stored wrongly, and harms nothing here. */
void world_wrong(struct world *world, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));
struct event *world_post(struct world *world, uint64_t at, enum event_kind kind);
struct event *world_post_node(struct world *world, uint64_t at, enum event_kind kind, uint32_t node);
/* The same event once more; a popped one stays valid meanwhile. */
void world_post_again(struct world *world, uint64_t at, const struct event *event);
/* Events of the kinds that are more than a head come from these two. Without `content` it is of CONTENT_NONE. */
struct event *world_post_input(struct world *world, uint64_t at, enum event_kind kind, uint32_t node,
                               const struct input *input, const struct content *content);
struct event *world_post_effect(struct world *world, uint64_t at, uint32_t node, const struct effect *effect);
void world_make_functions(struct world *world);
uint32_t request_of_key(const struct world *world, struct key key);  /* requests_count if it is a stranger's */
uint32_t function_of_key(const struct world *world, struct key key); /* FUNCTIONS_MAX if it is a stranger's */
struct key version_key(uint32_t function, uint32_t version);
bool served_elsewhere(const struct world *world, uint32_t node, uint32_t function); /* and not on this node */

/* -- node.c: a core and its surroundings -- */
bool node_boot(struct world *world, uint32_t index);
void node_crash(struct world *world, uint32_t index);
void node_boot_later(struct world *world, uint32_t index, uint64_t delay_ns);
/* One step: allots a blob for `content` unless its kind is CONTENT_NONE, then carries all effects out. */
void node_step(struct world *world, uint32_t index, struct input *input, const struct content *content);
void node_tick(struct world *world, uint32_t index);
void node_set_function(struct world *world, uint32_t index, uint32_t function);
/* Asks the core when it wants to be woken, and makes sure that it is. */
void node_arm(struct world *world, uint32_t index);
struct function_note *node_note(struct node *node, struct handle function);
void node_check(struct world *world, uint32_t index);
uint32_t slot_before(const struct node *node, const struct slot *slot); /* what the core keeps if it drops this copy */

/* -- perform.c -- */
/* Whether the control connection gets no answer about that now. */
bool control_lost(const struct world *world, uint32_t index, enum group group);
void world_perform(struct world *world, uint32_t index, const struct effect *effect);

/* -- far_end.c: what arrives at the broker, and what it sends back -- */
void far_end_arrived(struct world *world, const struct event *event); /* far_end_door.c */
void far_end_serve(struct world *world, const struct event *event);
void far_end_pull(struct world *world, const struct event *event);
void far_end_find(struct world *world, const struct event *event);
void far_end_walk(struct world *world, const struct event *event);
void far_end_publish_answer(struct world *world, const struct event *event, struct jet_ack ack);
/* Tells every instance that is connected that the request is cancelled, true or not. */
void far_end_announce(struct world *world, uint32_t request);
/* far_end_sends.c: what it sends by itself */
bool far_end_keeps_silent(const struct world *world, uint64_t operation);
void far_end_pull_ended(void *owner, const struct pull *pull, uint16_t code);
void far_end_hooks(struct world *world, struct jet_hooks *ret_hooks);

/* -- wire.c -- */
void wire_send(struct world *world, uint32_t index, const struct effect *effect);
/* Posts an input to the node's core by this connection; lost if the connection is by then. */
void wire_receive(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                  const struct content *content);
/* The same, so much later that others may overtake it: servers answer from many threads. */
void wire_receive_late(struct world *world, uint32_t index, uint32_t connection, const struct input *input,
                       const struct content *content, uint64_t late_ns);
bool wire_sends(const struct world *world, const struct link *link, uint32_t connection);
void wire_arrived(struct world *world, const struct event *event);
void wire_cut(struct world *world, uint32_t index);
/* What is sent, or what comes, or both, is lost in silence. */
void wire_mute(struct world *world, uint32_t index, bool sends, bool hears);
void wire_part(struct world *world, uint32_t index,
               uint64_t until_ns);                   /* nothing passes, nor is there a new connection */
void wire_drop(struct world *world, uint32_t index); /* without telling the core: its process is gone */
void wire_connect_later(struct world *world, uint32_t index, uint64_t delay_ns);
void wire_connect(struct world *world, uint32_t index);
void wire_provision(struct world *world, uint32_t index, uint64_t delay_ns); /* tells it again that it is up */
void wire_told(struct world *world, const struct event *event);
void wire_clock(struct world *world, uint32_t index);
void wire_heartbeat(struct world *world, uint32_t index);
uint64_t wire_latency(struct world *world, struct link *link, uint32_t index);
void far_end_kill(struct world *world);
void far_end_lose_power(struct world *world);
void far_end_end(struct world *world); /* SIGTERM and restart */

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
/* -- judge.c: each effect against the invariants, before it is carried out -- */
void judge_input(struct world *world, uint32_t index, const struct input *input);
void judge_effect(struct world *world, uint32_t index, const struct effect *effect);
struct slot *judge_blob(struct world *world, uint32_t index, struct blob blob); /* B1 if the core does not hold it */
/* -- judge_reply.c: what callers and gateways are told -- */
void judge_told(struct world *world, uint32_t request, const struct effect *effect, const struct slot *result);
void judge_reply(struct world *world, uint32_t index, const struct effect *effect);
/* -- judge_owner.c: bytes of one request go to no other -- */
void judge_owner(struct world *world, uint32_t index, const struct effect *effect);
/* -- finish.c -- */
/* NULL once nothing is left to do, else the first unmet reason (static text). */
const char *finish_unmet(struct world *world);
void finish_judge(struct world *world);

/* -- report.c -- */
void report_fill(struct world *world);

/* -- digest.c: the hash over all that the cores see and say -- */
void digest_input(struct world *world, uint32_t index, const struct input *input);
void digest_effect(struct world *world, uint32_t index, const struct effect *effect);

#include "sim/story.h"

#endif
