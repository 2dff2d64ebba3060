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
#include "serve/death.h"
#include "serve/record.h"
#include "serve/serve.h"
#include "serve/storage.h"
#include "serve/status.h"

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
enum { TAG_ANSWERS = 1, TAG_RECORDS, TAG_CANCELS, TAG_RELEASES };
/* Texts of a waiting call; same index as the core's row. */
/* What the ledger says of a request: attempts that were charged, and why. */
struct charged {
    uint32_t attempts;
    struct causes causes;
};

struct call_side {
    uint64_t rpc_id; /* key of calls_by_rpc */
    struct handle handle;
    uint64_t submitted_ns;
    enum call_kind kind;
    struct find_job *find; /* the search for its request that is under way; the job's own */
    char request_id[SERVE_ID_BYTES];
    char function[SERVE_FUNCTION_BYTES], digest[CLOUDEVENTS_DIGEST_HEX + 1]; /* CANCEL: of the message found */
    struct charged charged;                                                  /* the same */
    UT_hash_handle hh;
};
/* The call that is being told to the core: its texts, until its row is known or it is refused. */
struct answering {
    uint64_t rpc_id;
    enum call_kind kind;
    const char *request_id;
    const struct function_side *function; /* that is to run; NULL if nobody knows it, or another kind of call */
};

/* Which effect the one outstanding operation of a call or delivery came from; tells a PubAck from a stored message. */
struct pending {
    uint64_t operation;
    uint8_t effect;
    uint32_t counted; /* handle whose result was counted */
    uint64_t sent_ns;
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
    struct death *death;                                /* of its processes the last that ended badly; NULL */
    uint64_t quarantine_until_ns;                       /* 0: it is not in quarantine */
    char message[BUILD_MESSAGE_BYTES_MAX];              /* why the last version failed */
    struct metrics_series *ends[END_COUNT];             /* results by outcome, looked up once */
    struct metrics_series *executions, *starts, *waits; /* how long they took */
    uint64_t ended, failed;        /* requests that ended here; those of them that did not succeed */
    int64_t ended_wall_ns;         /* when a request of it last ended here; 0: never */
    bool used, seen, again, stray; /* again: the version that failed is to be tried once more; stray: no record of it */
    uint64_t queued, queue_seen;   /* messages, and at which look */
    int64_t queued_since_ns;       /* the broker's clock when the oldest was stored; 0: not known */
    bool fetched;                  /* of a version that is being built: its archive is here */
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

struct instance {
    const struct serve_options *options;
    const struct config *_Atomic config; /* the running one: reload.c swaps it, jobs read it */
    struct reload *reload;
    char name[64];
    uint64_t hash_seed;
    struct loop *loop;
    atomic_bool leaving;                  /* jobs end as soon as they can */
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
    struct loop_timer *deadline, *tick, *provision_again, *housekeeping;
    struct loop_wake *rpc_wake, *signal_wake;
    struct effects *effects;
    struct input *queue;                     /* ring */
    uint32_t queue_head, queue_count, finds; /* finds: searches under way */
    bool stepping, link_fed, down_told, provisioning, sampling, refreshing, refresh_again, refresh_force, refresh_anew,
        queues_looking, refreshed, ready, draining, stopped, registry_checking, registry_checked, room_needed;
    uint64_t stopped_ns, ticks, mend_ns, registry_told_ns, registry_twin_ns, status_events;
    int exit_code;
    uint64_t config_full_told;  /* of the records that the core has no room for, the newest that the log tells of */
    uint64_t oom_kills_seen;    /* of the kernel's, when a process was last killed (death.c) */
    uint64_t config_clash_told; /* of the records that claim a name of another language's, the newest told of */
    uint64_t queues_seen;       /* looks at the queues so far */
    uint32_t aged_next;         /* for queues.c: the function whose age is to be looked at next */
    uint32_t records_epoch;     /* of the connection, when the records were read last */
    bool hinted;                /* word of a changed record came, and no look has begun since */
    uint64_t lease_operation;   /* the question about the sweeper's lease that is under way */
    struct call_side *calls, *calls_by_rpc;
    struct pending *pending_calls, *pending_deliveries;
    const struct row *setting; /* the row that is being told to the core */
    struct program *kept;      /* built before the core asked for it */
    const struct answering *answering;
    int64_t stream_created_ns;
    struct durability durability;
    uint64_t clock_width_ns; /* how long the exchange took by which it was sampled */
    int64_t clock_offset_ns; /* the broker's wall clock minus our monotonic one, as it was sampled last; 0: never */
    struct function_side *functions, *functions_by_row;
    struct worker_side *workers;
    struct ran *ran;           /* by row of the core's deliveries */
    struct change_wait *waits; /* SERVE_WAITS_MAX */
    uint32_t waits_reserved;   /* for callers whose change is being made */
    uint64_t registry_due_ns;  /* when others are told what changed here; 0: nothing did */
    uint64_t records_known;    /* all changes of records up to this revision are in force */
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
/* The archive of a version that is to be built is here. */
void functions_fetched(struct instance *instance, uint64_t operation);
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
/* It has stopped: nobody is to wait for it. Not said while calls of it may still be on their way to a queue, or if
 * another instance of the same name was seen: then the bucket forgets it in time. */
void registry_leave(struct instance *instance);
/* The same, told at once and confirmed, by a job. NULL if out of memory: then it is told later. To be freed. */
char *registry_announcement(const struct instance *instance);
enum broker_status registry_announce(struct broker *broker, const char *instance_name, const char *announcement,
                                     struct broker_error *error);
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
/* On function.health.<instance>: how it is, by its checks and its queues. */
void lifecycle_health(struct instance *instance);
void lifecycle_instance(struct instance *instance, const char *state);
void lifecycle_quarantine(struct instance *instance, const struct function_side *function, bool begins,
                          const char *why);

/* rollout.c: what this instance knows of the others */
void rollout_function(struct instance *instance, const struct rpc_request *request);
void rollout_instances(struct instance *instance, const struct rpc_request *request);

/* provision.c: the link and what must exist on the broker */
void provision_start(struct instance *instance);
void provision_sample_clock(struct instance *instance);
/* How old is what the broker stored then, by its clock as it was sampled last; false: one of them is not known (0). */
bool provision_age_ns(const struct instance *instance, int64_t stored_wall_ns, uint64_t *ret_age_ns);
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

/* quarantine.c: what people see of functions that kill their processes */
void quarantine_perform(struct instance *instance, const struct effect *effect);
/* "in quarantine for 23 s more: ..."; false if it is not. */
bool quarantine_text(const struct function_side *side, char *ret_text, size_t size);
/* Lets the function and its routes go here, and tells every instance to do so. */
void quarantine_let_go(struct instance *instance, const struct rpc_request *request);
void quarantine_heard(struct instance *instance, struct bytes subject);

#endif
