/* What one running instance is made of, shared by the files of serve/ and by nobody else.
 *
 * serve/ is a table from effects to adapters and from callbacks to inputs. The core names rows by handle; the texts
 * that adapters need (request ids, function names, programs) lie in side tables indexed like the core's own. Everything
 * here belongs to the loop thread; jobs for the control thread carry copies. */
#ifndef STEAD_SERVE_INSTANCE_H
#define STEAD_SERVE_INSTANCE_H

#include "adapters/blob/blob.h"
#include "adapters/build/build.h"
#include "adapters/cloudevents/cloudevents.h"
#include "adapters/cloudevents/names.h"
#include "adapters/config/config.h"
#include "adapters/event/event.h"
#include "adapters/grpc/rpc_server.h"
#include "adapters/http/http.h"
#include "adapters/log/log.h"
#include "adapters/loop/loop.h"
#include "adapters/nats/broker.h"
#include "adapters/nats/bus.h"
#include "adapters/nats/control.h"
#include "adapters/metrics/metrics.h"
#include "adapters/plugin/plugin.h"
#include "adapters/spawner/spawner.h"
#include "core/assert.h"
#include "core/core.h"
#include "serve/record.h"
#include "serve/serve.h"

#include <time.h>
#include <uthash.h>

enum {
    SERVE_FUNCTIONS_MAX = 1024,
    SERVE_WORKERS_MAX = 512,
    SERVE_CALLS_MAX = 4096,
    SERVE_DELIVERIES_MAX = 4096 + SERVE_FUNCTIONS_MAX,
    SERVE_WAITS_MAX = 64,
    SERVE_QUEUE_MAX = 4096, /* inputs that effects caused and that wait for their step */
    SERVE_ID_BYTES = CLOUDEVENTS_REQUEST_ID_BYTES_MAX + 1,
    SERVE_FUNCTION_BYTES = SERVE_KEY_BYTES + 1, /* language/name */
};

/* Subscription tags of the bus. */
enum { TAG_ANSWERS = 1, TAG_RECORDS, TAG_CANCELS };

/* Texts of a waiting call; same index as the core's row. */
struct call_side {
    uint64_t rpc_id; /* key of calls_by_rpc */
    struct handle handle;
    uint64_t submitted_ns;
    enum call_kind kind;
    struct find_job *find; /* the search for its request that is under way; the job's own */
    char request_id[SERVE_ID_BYTES];
    char function[SERVE_FUNCTION_BYTES], digest[CLOUDEVENTS_DIGEST_HEX + 1]; /* CANCEL: of the message found */
    UT_hash_handle hh;
};

/* The call that is being told to the core: its texts, until its row is known or it is refused. */
struct answering {
    uint64_t rpc_id;
    enum call_kind kind;
    const char *request_id;
};

/* Which effect the one outstanding operation of a call or delivery came from; tells a PubAck from a stored message. */
struct pending {
    uint64_t operation;
    uint8_t effect;
    uint32_t counted; /* handle whose result was counted */
};

/* One built version of a function: how to start its process. */
struct program {
    struct record record; /* of the version, as it was when it was built */
    struct build_result build;
    struct program *next;
};

struct function_side {
    struct handle handle;
    UT_hash_handle hh;         /* of functions_by_row */
    char row[SERVE_ROW_BYTES]; /* its key */
    uint8_t alias, weight;
    struct record record; /* the newest that was given to the core */
    struct program *programs;
    uint32_t state; /* enum function_state, as the core announced it last */
    char serving[SERVE_VERSION_BYTES];
    char message[BUILD_MESSAGE_BYTES_MAX];      /* why the last version failed */
    struct metrics_series *ends[END_COUNT];     /* results by outcome, looked up once */
    struct metrics_series *executions, *starts; /* how long they took */
    bool used, seen, again;                     /* again: the version that failed is to be tried once more */
};

struct worker_side {
    struct handle handle;
    uint32_t function;
    uint32_t calls; /* sent and not answered */
    uint8_t phase;  /* enum phase: how far others were told */
    char version[SERVE_VERSION_BYTES];
    uint64_t since_ns; /* when the process was asked for; then, when the call that runs began */
    bool used;
};

/* A caller who waits until a version serves here, or until a function is gone. */
struct change_wait {
    uint64_t rpc_id;
    bool used, removal, reverts;
    bool silent;          /* nobody waits any more: only to take the version back if it fails */
    uint64_t replaced_ns; /* when another version stood in its place; 0: never */
    char row[SERVE_ROW_BYTES];
    char alias[SERVE_NAME_BYTES];
    char version[SERVE_VERSION_BYTES]; /* that is to serve in the row */
    struct record record;              /* of the function, as it was written */
    struct record before;              /* put back if the new version does not start; name "" if there was none */
};

/* status.c's own: what the HTTP server refers to. */
struct status {
    struct http_check checks[3];
    struct http_probe live, ready;
    struct http_route routes[3];
    struct metrics_series *grpc_calls; /* admission to answer */
};

struct instance {
    const struct serve_options *options;
    const struct config *_Atomic config; /* the running one: reload.c swaps it, jobs read it */
    struct reload *reload;
    char name[64];
    uint64_t hash_seed;
    struct loop *loop;
    struct control *control, *builders;   /* builders: builds and deploys, which may take long */
    struct broker *broker, *build_broker; /* of these threads while jobs run */
    struct records *records;              /* records.c's own; the control thread's while a job runs */
    struct bus *bus;
    struct rpc_server *rpc;
    struct http_server *http;
    struct plugin_host *plugins;
    struct blob_store *blobs;
    struct metrics *metrics;
    struct status status;
    struct core *core;
    struct recorder *recorder; /* NULL: nothing is recorded */
    struct loop_timer *deadline, *tick, *provision_retry, *housekeeping;
    struct loop_wake *rpc_wake, *signal_wake;
    struct effects *effects;
    struct input *queue; /* ring */
    uint32_t queue_head, queue_count;
    bool stepping, link_fed, down_told, provisioning, sampling, refreshing, refresh_again, refresh_force, sweeping,
        refreshed, ready, draining, stopped;
    uint64_t stopped_ns;
    int exit_code;
    uint64_t ticks;
    uint64_t config_full_told;  /* of the records that the core has no room for, the newest that the log tells of */
    uint64_t config_clash_told; /* of the records that claim a name of another language's, the newest told of */
    uint64_t sweep_until;       /* last sequence of the queue at the newest connection; 0: nothing to sweep */
    struct call_side *calls, *calls_by_rpc;
    struct pending *pending_calls, *pending_deliveries;
    const struct row *setting; /* the row that is being told to the core */
    struct program *kept;      /* built before the core asked for it */
    const struct answering *answering;
    uint32_t finds; /* searches under way */
    int64_t stream_created_ns;
    struct function_side *functions, *functions_by_row;
    struct worker_side *workers;
    char (*ran)[SERVE_VERSION_BYTES]; /* by row of the core's deliveries: the version that ran it last */
    struct change_wait *waits;        /* SERVE_WAITS_MAX */
    uint32_t waits_reserved;          /* for callers whose change is being made */
    uint64_t registry_due_ns;         /* when others are told what changed here; 0: nothing did */
    uint64_t records_known;           /* all changes of records up to this revision are in force */
    uint64_t registry_told_ns, registry_twin_ns, status_events;
    bool registry_checking, registry_checked;
    int64_t started_unix_ms;
    uint32_t closing_checks; /* jobs under way that look whether a function may go */
    bool serves[BUILD_LANGUAGE_COUNT];
    char nats_url[256], nats_shown[256]; /* shown: without user and password, for logs and the ports file */
    uint32_t run;                        /* random; tells this process from others of its name */
    char inbox[96], answer_prefix[128];  /* _INBOX.stead.<instance>.<run>, and with .answer. behind it */
    char sdk_directory[1024], cache_directory[1024], source_directory[1024];
};

/* surroundings.c: what an instance finds where it starts */
void surroundings_name(struct instance *instance);
void surroundings_sdk(struct instance *instance);
bool surroundings_folders(struct instance *instance); /* false, and said on stderr, if they can't be made */
void surroundings_toolchains(struct instance *instance);

/* turn.c: the core's step and its timer */
void instance_feed(struct instance *instance, struct input *input); /* now, or after the running step */
void instance_turn(void *instance);
struct input instance_input(const struct instance *instance, enum input_kind kind);

/* effects.c: the table effect -> adapter */
void instance_perform(struct instance *instance, const struct effect *effect);

/* keys.c: hashes of texts */
struct key key_of_text(const struct instance *instance, struct bytes text);
void key_hex(struct bytes text, char ret_hex[33]);        /* stable across instances: names a request's ledger record */
void content_hex(struct bytes content, char ret_hex[65]); /* SHA-256: names code */

/* message.c: what the core holds as blobs */
struct message {
    struct bytes control; /* entries that begin with ':' */
    struct event event;
};
bool message_open(const struct instance *instance, struct blob blob, struct message *ret_message);
/* Begins a message blob in `buffer`: its control block is `control`; the packed event is appended by the caller. */
void message_begin(struct event_buffer *buffer, const struct event_buffer *control);
/* Hands the buffer's memory to the blob store; {0,0} and a warning if the store is full. */
struct blob message_close(struct instance *instance, struct event_buffer *buffer);
/* The text of a control entry as a C string; "" if absent. */
void message_text(const struct message *message, const char *name, char *ret_text, size_t size);

/* bus_in.c: from the broker to inputs; bus_out.c: from effects to the broker */
extern const struct bus_callbacks instance_bus_callbacks;
void bus_perform_request(struct instance *instance, const struct effect *effect);
void bus_perform_result(struct instance *instance, const struct effect *effect);
void bus_perform_dead(struct instance *instance, const struct effect *effect);
void bus_perform_answer(struct instance *instance, const struct effect *effect);
void bus_perform_cancelled(struct instance *instance, const struct effect *effect);
void bus_perform_remove(struct instance *instance, const struct effect *effect);
void bus_perform_announce(struct instance *instance, const struct effect *effect);
void bus_perform_fetch(struct instance *instance, const struct effect *effect);
void bus_perform_ledger(struct instance *instance, const struct effect *effect);
void bus_perform_pull(struct instance *instance, const struct effect *effect);
/* Notes which effect the operation came from. */
void pending_note(struct instance *instance, const struct effect *effect);
void bus_perform_token(struct instance *instance, const struct effect *effect);

/* calls.c: the gRPC door */
void calls_receive(void *instance);
void calls_perform_reply(struct instance *instance, const struct effect *effect);
/* The first effect that names a call's row: its texts are bound to it. */
void calls_bind(struct instance *instance, const struct effect *effect);
/* The call that the handle names, or NULL if it is over. */
struct call_side *calls_side(struct instance *instance, struct handle handle);
void calls_forget(struct instance *instance, struct handle handle);

/* find.c: the search for a queued request */
void find_perform(struct instance *instance, const struct effect *effect);

/* reasons.c */
struct reason_answer {
    enum rpc_status status;
    uint32_t nats_code;
    int64_t retry_after_ms;
};
struct reason_answer reason_answer(enum reason reason);

/* functions.c: the rows of the core and their side table */
struct function_side *function_side(struct instance *instance, struct handle handle);
/* By the text of its row: a function's is its name. */
struct function_side *function_named(const struct instance *instance, const char *row);
/* The row of that route of the function's record; NULL if it is not there, or about to go. */
const struct function_side *function_route(const struct instance *instance, const struct function_side *function,
                                           size_t alias, size_t route);
/* Whether the version stands in any row of the function now. */
bool function_routes(const struct instance *instance, const char *name, const char *version);
/* The place of an alias of the function; "" is `live`; ALIAS_UNKNOWN. */
uint8_t functions_alias(struct instance *instance, struct bytes name, struct bytes alias);
/* Of a route; a row that is none is a function's. */
bool row_is_route(const char *row);
/* Rows that are free in the core, and what a caller is told if there are not enough. */
uint32_t functions_free(const struct instance *instance);
#define FUNCTIONS_FULL_TEXT                                                                                            \
    "no room for another function, version or alias: an instance has 1024 rows, one for each function and one for "    \
    "each further version that an alias names; remove what is not used"
/* If that version failed in the row, it is tried again with the next reconciliation. */
void functions_again(struct instance *instance, const char *row, const char *version);
/* Why it is in its state, and what serves if the version that is to serve does not. */
void functions_message(const struct function_side *side, char *ret_text, size_t size);
void functions_built(struct instance *instance, uint64_t operation, const struct record *record,
                     struct build_result *build, enum reason reason);
/* Makes the core's rows what `rows` says: all of them, functions before their routes. */
void functions_reconcile(struct instance *instance, const struct row *rows, size_t count);
void functions_perform_state(struct instance *instance, const struct effect *effect);
void functions_perform_build(struct instance *instance, const struct effect *effect);
void functions_perform_consumer(struct instance *instance, const struct effect *effect);
void functions_forget(struct instance *instance, struct handle handle);
void functions_stop(struct instance *instance); /* frees what they hold */
bool functions_settled(const struct instance *instance);
/* programs.c: takes `build`; NULL if memory is short */
struct program *program_make(const struct record *record, struct build_result *build);
void program_add(struct function_side *side, struct program *program); /* takes it; NULL is fine */
void programs_free(struct program *program);                           /* and all behind it */
/* A version that was built here already, so that the core's build of it ends at once; takes `build`. */
void functions_keep_build(struct instance *instance, const struct record *record, struct build_result *build);
void program_use_kept(struct instance *instance, struct function_side *side);
/* The program of that version, or NULL. */
const struct program *function_program(const struct function_side *side, const char *version);

/* admin.c: the admin service */
void admin_request(struct instance *instance, const struct rpc_request *request);
void admin_status(struct instance *instance, uint64_t rpc_id, enum rpc_status status, const char *reason,
                  const char *text);
void admin_shutting_down(struct instance *instance, uint64_t rpc_id); /* what was asked for is not done */
void admin_busy(struct instance *instance, uint64_t rpc_id);          /* too many jobs wait */
/* One function as Deploy and the like answer it. */
void admin_answer_function(struct instance *instance, uint64_t rpc_id, const struct function_side *side);
/* One that this instance need not know (any more), with a word for its state. */
void admin_answer_record(struct instance *instance, uint64_t rpc_id, const struct record *record, const char *state);
/* The function that the request names; NULL, and answered, if there is none. */
struct function_side *admin_find(struct instance *instance, const struct rpc_request *request);

/* waits.c: callers who wait for a change. A place is reserved first: false, and answered, if there is none. */
bool wait_reserve(struct instance *instance, uint64_t rpc_id);
void wait_release(struct instance *instance);
void wait_begin(struct instance *instance, const struct change_wait *wait); /* after the release, in the same turn */
void wait_refused(struct instance *instance, const struct row *row);        /* the core has no room for the row */
void wait_check(struct instance *instance);                 /* something changed: answers those who need wait no more */
void wait_gone(struct instance *instance, uint64_t rpc_id); /* the caller is */

/* versions.c: what moves aliases between stored versions; removal.c: closes a function and removes it */
void versions_list(struct instance *instance, const struct rpc_request *request);
void versions_rollback(struct instance *instance, const struct rpc_request *request);
void versions_alias(struct instance *instance, const struct rpc_request *request);
void removal_start(struct instance *instance, const struct rpc_request *request);
bool removal_tick(struct instance *instance); /* looks after functions that are closing; false if there is none */

/* registry.c: what others know of this instance */
void registry_changed(struct instance *instance); /* soon told */
void registry_tick(struct instance *instance);
/* Whether an instance's record says that it goes by that revision of the function's record, or admits no call of it. */
bool registry_knows(struct bytes value, const struct record *record);

/* lifecycle.c: events on function.status.<instance>. A process is registered, initialising, ready, active,
 * unregistered and shut down, in this order; what is left out is told before what follows it. */
enum phase {
    PHASE_NONE,
    PHASE_REGISTERED,
    PHASE_INITIALISING,
    PHASE_READY,
    PHASE_ACTIVE,
    PHASE_UNREGISTERED,
    PHASE_SHUTDOWN,
    PHASE_COUNT
};
void lifecycle_worker(struct instance *instance, struct worker_side *worker, enum phase phase);
void lifecycle_instance(struct instance *instance, const char *state);

/* rollout.c: what this instance knows of the others */
void rollout_function(struct instance *instance, const struct rpc_request *request);
void rollout_instances(struct instance *instance, const struct rpc_request *request);

/* provision.c: the link and what must exist on the broker */
void provision_start(struct instance *instance);
void provision_sample_clock(struct instance *instance);
/* Something that must exist seems to be gone: makes it anew if so, and says so. */
void provision_check(struct instance *instance);

/* workers.c */
void workers_perform_start(struct instance *instance, const struct effect *effect);
void workers_perform_execute(struct instance *instance, const struct effect *effect);
void workers_event(void *instance, const struct plugin_event *event);
void workers_forget(struct instance *instance, struct handle handle);

/* reload.c: SIGHUP, and what of the configuration the core decides by */
bool reload_start(struct instance *instance);
void reload_stop(struct instance *instance);
struct settings reload_settings(const struct config *config);

/* status.c: probes, metrics, the ports file */
bool status_start(struct instance *instance, char *ret_error, size_t error_size);
void status_check_ready(struct instance *instance);
/* Counts a result that is being stored, once per delivery. */
void status_count_result(struct instance *instance, const struct effect *effect);
/* Counts a request of "language/name" that was cancelled from here. */
void status_count_cancelled(struct instance *instance, const char *function);
void status_measure_start(struct instance *instance, struct worker_side *worker);
void status_measure_execution(struct instance *instance, struct worker_side *worker);
void status_stop(struct instance *instance);

#endif
