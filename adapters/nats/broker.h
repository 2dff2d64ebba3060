/* The control connection: what must exist on the broker, and slow reads and writes, by blocking calls.
 *
 * An ordinary connection of its own, so that nothing here can hold up the data connection (bus.h). Each call waits at
 * most `timeout_ms` (2 s at most) per exchange with the broker, connects again by itself if the connection was lost,
 * and says in words what went wrong, where, and what to do. Nothing is retried: a call whose status is BROKER_TIMEOUT
 * may still have taken effect.
 *
 * Reads go through the stream's leader (STREAM.MSG.GET), never by direct get: those were seen stale.
 *
 * Thread rule: a struct broker belongs to one thread at a time (the control thread). Memory that a call returns by a
 * `ret_` pointer is the caller's to free() unless said otherwise; `ret_` is untouched on failure. */
#ifndef STEAD_ADAPTERS_NATS_BROKER_H
#define STEAD_ADAPTERS_NATS_BROKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/event/event.h"
#include "adapters/nats/endpoint.h"

#define BROKER_MARK "stead schema=1" /* the description that marks what we made */

#define BROKER_STREAM_REQUESTS  "functions"
#define BROKER_STREAM_RESULTS   "function-results"
#define BROKER_STREAM_DEAD      "function-dead"
#define BROKER_BUCKET_CONFIG    "function-config"
#define BROKER_BUCKET_VERSIONS  "function-versions"
#define BROKER_BUCKET_ATTEMPTS  "function-attempts"
#define BROKER_BUCKET_LEASE     "function-lease"
#define BROKER_BUCKET_STATE     "function-state"
#define BROKER_BUCKET_INSTANCES "function-instances"
#define BROKER_BUCKET_CODE      "function-code"

enum {
    BROKER_OBJECT_BYTES_MAX = 256 << 20,
    BROKER_OBJECT_CHUNK_BYTES = 128 << 10,
    BROKER_OBJECT_NAME_BYTES_MAX = 512,
    BROKER_KEY_BYTES_MAX = 400,
};

struct broker;

enum broker_status {
    BROKER_OK,
    BROKER_UNREACHABLE,   /* no connection; nothing was sent */
    BROKER_TIMEOUT,       /* sent, not answered: outcome unknown */
    BROKER_NO_RESPONDERS, /* no such stream, no leader at the moment, or JetStream is off */
    BROKER_NOT_FOUND,
    BROKER_CONFLICT, /* compare-and-set lost: err_code 10071 */
    BROKER_FOREIGN,  /* it exists, is not ours, and does not fit: left as it is */
    BROKER_REFUSED,  /* the broker said no; error_code tells why */
    BROKER_TOO_LARGE,
    BROKER_CORRUPT, /* digest or size of an object is wrong, or an answer makes no sense */
    BROKER_INVALID, /* a name, key or option that can't be used */
    BROKER_NO_MEMORY,
};

/* Why the last call failed. `text` is one line: what, where, what to do. */
struct broker_error {
    enum broker_status status;
    uint32_t code;       /* 3-digit code of the broker, or 0 */
    uint32_t error_code; /* JetStream err_code, or 0 */
    char text[400];
};

const char *broker_status_name(enum broker_status status);

struct broker_info {
    char server_version[32];
    char server_url[256];
    size_t payload_bytes_max;
    bool jetstream;
    char cluster[64];                            /* "" on a single server */
    int64_t memory_bytes_max, storage_bytes_max; /* of our account; -1: unlimited */
    uint64_t memory_bytes_used, storage_bytes_used;
};

/* Whether a server of that version that is killed with a full stream drops its oldest messages for those that come
 * back, also with discard=new: all before 2.10.6. One that can't be read is taken for such a one. */
bool broker_drops_when_full(const char *server_version);

/* Gives the request stream a higher bound, if it carries BROKER_MARK and has a lower one; *ret_raised says so. */
enum broker_status broker_queue_raise(struct broker *broker, int64_t messages_max, bool *ret_raised,
                                      struct broker_error *ret_error);

/* Connects; NULL with *ret_error filled if that fails. timeout_ms: 0 = 2000, more is cut to 2000. */
struct broker *broker_connect(const struct endpoint *endpoint, uint32_t timeout_ms, struct broker_error *ret_error);
/* Once `*leaving` is true no further exchange begins: it fails as BROKER_UNREACHABLE. So a job of many exchanges with a
 * broker that does not answer ends soon. Any thread may set it. */
void broker_heed(struct broker *broker, const atomic_bool *leaving);
void broker_close(struct broker *broker); /* NULL is fine */
enum broker_status broker_info(struct broker *broker, struct broker_info *ret_info, struct broker_error *ret_error);

/* -- what must exist -- */

struct broker_provision {
    const char *const *languages; /* one subject function.<language>.* each */
    size_t language_count;
    uint32_t replicas; /* wanted; 1 if the broker can't, with a warning */
    bool storage_in_memory;
    int64_t queue_messages_max; /* ≤ 0: unlimited, here and below */
    int64_t queue_bytes_max;
    int64_t queue_age_max_ns; /* a backstop: older requests vanish */
    int64_t message_bytes_max;
    int64_t duplicate_window_ns; /* 0: the broker's two minutes */
    int64_t results_retention_ns;
    int64_t results_count_max;
    int64_t results_bytes_max;
    int64_t dead_retention_ns;
    int64_t dead_count_max;
    int64_t attempts_ttl_ns; /* longer than the longest life of a request */
    int64_t lease_ttl_ns;
    int64_t instances_ttl_ns;
    int64_t code_bytes_max;
};

enum broker_report { BROKER_REPORT_CREATED, BROKER_REPORT_CHANGED, BROKER_REPORT_WARNING, BROKER_REPORT_ERROR };
typedef void broker_report(void *owner, enum broker_report kind, const char *text);

/* Creates or reconciles all streams, buckets and the object store. Never deletes anything, never takes a subject away,
 * never lowers a limit below what is stored, and never touches what does not carry BROKER_MARK: if such a stream fits
 * it is used as it is (a warning), otherwise the call goes on with the rest and ends with BROKER_FOREIGN.
 * Each creation, change, downgrade and mismatch is reported, one line each. */
enum broker_status broker_provision(struct broker *broker, const struct broker_provision *provision,
                                    broker_report *report, void *owner, struct broker_error *ret_error);

/* One stream as `doctor` and the core need it. */
struct broker_stream {
    char name[256];
    char description[128];
    bool ours;
    char storage[16];   /* "file", "memory" */
    char retention[16]; /* "workqueue", "limits", "interest" */
    char discard[8];    /* "new", "old" */
    uint32_t replicas;
    bool duplicate_window_known;
    int64_t duplicate_window_ns, age_max_ns, messages_max, bytes_max, message_bytes_max, messages_per_subject_max;
    uint64_t messages, bytes, first_sequence, last_sequence, consumers;
    int64_t created_wall_ns;             /* tells a stream from its successor of the same name */
    int64_t first_wall_ns, last_wall_ns; /* when the oldest and the newest message were stored */
    char subjects[1024];                 /* separated by spaces */
    char leader[64];                     /* "" on a single server */
};
enum broker_status broker_stream_info(struct broker *broker, const char *stream, struct broker_stream *ret_stream,
                                      struct broker_error *ret_error);

struct broker_consumer {
    bool created_now;
    bool changed;
    uint64_t fresh_after_sequence; /* last sequence of the stream when the consumer was known to exist */
    int64_t created_wall_ns;
    uint64_t pending, ack_pending; /* waiting in the queue; delivered and not settled */
    uint64_t floor;                /* up to here it takes all for acknowledged */
    uint64_t before, after;  /* messages of the function in the stream, before and after the consumer was looked at */
    uint64_t first_sequence; /* of its oldest; 0: there is none */
};
/* The durable pull consumer <language>-<name> of the queue: explicit ack, unlimited deliveries, no BackOff. */
enum broker_status broker_consumer_ensure(struct broker *broker, const char *language, const char *name,
                                          int64_t ack_wait_ns, uint32_t ack_pending_max,
                                          struct broker_consumer *ret_consumer, struct broker_error *ret_error);
/* Puts right what was changed by hand in consumers that carry BROKER_MARK: limits are written back, and one that may
 * have passed messages by is deleted, so that whoever needs it makes it anew. One line is reported for each. */
enum broker_status broker_consumers_mend(struct broker *broker, int64_t ack_wait_ns, uint32_t ack_pending_max,
                                         broker_report *report, void *owner, struct broker_error *ret_error);
/* How many messages the request stream holds of each function that it holds any of, and how many bytes, headers
 * included, one of all its messages takes on average; 0: there is none. */
typedef void broker_queue(void *owner, const char *language, const char *name, uint64_t messages);
enum broker_status broker_queues(struct broker *broker, broker_queue *queue, void *owner, uint64_t *ret_bytes_mean,
                                 struct broker_error *ret_error);
/* The oldest of a function's, and when the broker stored it; 0 and 0: there is none. */
enum broker_status broker_queue_first(struct broker *broker, const char *language, const char *name,
                                      uint64_t *ret_sequence, int64_t *ret_stored_wall_ns,
                                      struct broker_error *ret_error);
/* The first of a function's that its consumer has given to nobody, without those that wait for another try; as above. A
 * function that has no consumer has given none to anybody. */
enum broker_status broker_queue_waiting(struct broker *broker, const char *language, const char *name,
                                        int64_t *ret_stored_wall_ns, struct broker_error *ret_error);
/* Only if it carries BROKER_MARK (else BROKER_FOREIGN); messages stay in the queue. */
enum broker_status broker_consumer_delete(struct broker *broker, const char *language, const char *name,
                                          struct broker_error *ret_error);
/* Removes one message of a stream by its sequence (cancel). */
enum broker_status broker_message_delete(struct broker *broker, const char *stream, uint64_t sequence,
                                         struct broker_error *ret_error);

/* A stored message, by value: one allocation, freed by broker_message_free(). */
struct broker_message_header {
    const char *name, *value;
};
struct broker_message {
    uint64_t sequence;
    int64_t stored_wall_ns;
    char *subject;
    struct broker_message_header *headers;
    size_t header_count;
    struct bytes body;
    void *memory;
};
/* The last message of `subject` (sequence 0), the first at or after `sequence` on it, or, if it is NULL, the one at
 * `sequence`; BROKER_NOT_FOUND if there is none. */
enum broker_status broker_message_get(struct broker *broker, const char *stream, const char *subject, uint64_t sequence,
                                      struct broker_message *ret_message, struct broker_error *ret_error);
void broker_message_free(struct broker_message *message);
/* The first value of that header, names compared without case; NULL if absent. */
const char *broker_message_header(const struct broker_message *message, const char *name);

/* Publishes to a stream and waits for the broker's word. A sequence that is expected is a header like any other;
 * BROKER_CONFLICT if it is another. At most 64 headers. `ret_duplicate` (may be NULL): the broker had that Nats-Msg-Id
 * already and stored nothing. */
enum broker_status broker_publish(struct broker *broker, const char *subject,
                                  const struct broker_message_header *headers, size_t header_count, struct bytes body,
                                  bool *ret_duplicate, struct broker_error *ret_error);

/* -- records (KV, ADR-8) -- */

/* The value and the revision that it has; a deleted key is BROKER_NOT_FOUND, a missing bucket is
 * BROKER_NO_RESPONDERS. Free *ret_value. */
enum broker_status broker_kv_get(struct broker *broker, const char *bucket, const char *key, uint8_t **ret_value,
                                 size_t *ret_length, uint64_t *ret_revision, struct broker_error *ret_error);
enum broker_status broker_kv_put(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                 uint64_t *ret_revision, struct broker_error *ret_error);
/* Only if the key does not exist (a deleted one doesn't); BROKER_CONFLICT otherwise. */
enum broker_status broker_kv_create(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                    uint64_t *ret_revision, struct broker_error *ret_error);
/* Only if the key's revision is `revision`; BROKER_CONFLICT otherwise. */
enum broker_status broker_kv_update(struct broker *broker, const char *bucket, const char *key, struct bytes value,
                                    uint64_t revision, uint64_t *ret_revision, struct broker_error *ret_error);
/* revision 0: whatever it is. */
enum broker_status broker_kv_delete(struct broker *broker, const char *bucket, const char *key, uint64_t revision,
                                    struct broker_error *ret_error);
typedef void broker_kv_entry(void *owner, const char *key, struct bytes value, uint64_t revision);
/* Calls `entry` for each live key that fits the pattern ("python.*.x", ">" for all), oldest revision first; two reads
 * per stored revision. */
enum broker_status broker_kv_each(struct broker *broker, const char *bucket, const char *pattern,
                                  broker_kv_entry *entry, void *owner, struct broker_error *ret_error);
/* value NULL: the key was deleted. */
typedef void broker_kv_change(void *owner, const char *key, const struct bytes *value, uint64_t revision);
/* Calls `change` for each stored revision after that one, oldest first; one read each. What was told is valid also if
 * the call fails later. */
enum broker_status broker_kv_changes(struct broker *broker, const char *bucket, uint64_t after,
                                     broker_kv_change *change, void *owner, struct broker_error *ret_error);

/* -- objects (ADR-20) -- */

struct broker_object {
    char name[BROKER_OBJECT_NAME_BYTES_MAX + 1];
    uint64_t size;
    uint32_t chunks;
    char digest[64]; /* "SHA-256=" and base64url with padding */
    bool deleted;
};
/* Stores under a new id, then lets the name point to it, then drops the old bytes: readers see the old or the new. */
enum broker_status broker_object_put(struct broker *broker, const char *bucket, const char *name, struct bytes content,
                                     struct broker_object *ret_object, struct broker_error *ret_error);
/* Size and digest are checked before anything is returned. size_max: larger ones are BROKER_TOO_LARGE. */
enum broker_status broker_object_get(struct broker *broker, const char *bucket, const char *name, size_t size_max,
                                     uint8_t **ret_content, struct broker_object *ret_object,
                                     struct broker_error *ret_error);
/* Whether it is there, without its bytes. */
enum broker_status broker_object_find(struct broker *broker, const char *bucket, const char *name,
                                      struct broker_object *ret_object, struct broker_error *ret_error);
enum broker_status broker_object_delete(struct broker *broker, const char *bucket, const char *name,
                                        struct broker_error *ret_error);
typedef void broker_object_entry(void *owner, const struct broker_object *object);
enum broker_status broker_object_each(struct broker *broker, const char *bucket, broker_object_entry *entry,
                                      void *owner, struct broker_error *ret_error);

/* -- clocks -- */

/* The broker's wall clock minus our CLOCK_MONOTONIC lies in [low_ns, high_ns]. */
struct broker_clock {
    int64_t low_ns, high_ns;
    uint64_t sampled_ns; /* CLOCK_MONOTONIC */
};
/* Writes the record clock.<instance> into BROKER_BUCKET_INSTANCES and reads back when the broker stored it. */
enum broker_status broker_clock_sample(struct broker *broker, const char *instance, struct broker_clock *ret_clock,
                                       struct broker_error *ret_error);

#endif
