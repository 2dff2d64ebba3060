/* What the broker's records say of functions and their versions, and what rows of the core that makes. record.c reads
 * them; docs/reference/records.md is their form. Plain values: any thread. */
#ifndef STEAD_SERVE_RECORD_H
#define STEAD_SERVE_RECORD_H

#include "adapters/event/event.h"
#include "adapters/grpc/rpc.h"
#include "core/cause.h"

enum {
    SERVE_NAME_BYTES = 64,
    SERVE_LANGUAGE_BYTES = 16,
    SERVE_KEY_BYTES = SERVE_LANGUAGE_BYTES + SERVE_NAME_BYTES + 1,
    SERVE_VERSION_BYTES = 17, /* 16 hex digits */
    SERVE_RETRIES_ALL = 255,
    SERVE_ALIASES_MAX = RPC_ALIASES_MAX,
    SERVE_ROUTES_MAX = RPC_ROUTES_MAX,
    SERVE_ROW_BYTES = 2 * SERVE_NAME_BYTES + SERVE_VERSION_BYTES + 2,
};

/* How requests of an alias are divided. */
struct record_route {
    char version[SERVE_VERSION_BYTES];
    uint32_t weight;
};
struct record_alias {
    char name[SERVE_NAME_BYTES]; /* "" is a free place */
    struct record_route routes[SERVE_ROUTES_MAX];
    uint32_t count;
};

/* One version, and, in a function's record, what the function is to be. A version never changes; a function's record
 * holds all of its first live version, so that older instances can run it without knowing of anything else. */
struct record {
    char language[SERVE_LANGUAGE_BYTES];
    char name[SERVE_NAME_BYTES];
    char version[SERVE_VERSION_BYTES];
    char digest[65]; /* of the archive in the object store: sha256 hex */
    int64_t created_unix_ms;
    int64_t timeout_ns, keep_alive_ns, memory_bytes;
    uint32_t retries_max, concurrency, workers_max;
    int64_t retry_ns_base, retry_ns_max; /* 0: the instance's own */
    uint8_t jitter;                      /* enum jitter + 1; 0: the instance's own */
    uint8_t retries[CAUSE_KEPT];         /* by charged cause; SERVE_RETRIES_ALL: as many as retries_max allows */
    uint32_t concurrency_min;            /* it adapts, and goes no lower; 0: it is as configured */
    int64_t age_ns_max, bytes_max;       /* of what is queued, before the door refuses; 0: no bound */
    char env[2048];                      /* NAME=value lines */
    char command[1024];                  /* of bin: program and arguments, a line each; "" is main */
    struct record_alias aliases[SERVE_ALIASES_MAX]; /* an alias keeps its place; the first is `live` */
    char previous[SERVE_VERSION_BYTES];             /* what was live before */
    uint8_t closing;                                /* enum closing */
    bool paused;                                    /* the function: nothing of it is to begin */
    uint32_t pending_max;                           /* requests that may be queued; 0: queue.maxPending alone */
    uint64_t revision;
};

/* What one row of the core's functions is to be: a function ("hello"), or a share of its requests on another version
 * ("hello@live#0b464216f447271f"). */
struct row {
    char text[SERVE_ROW_BYTES];
    uint8_t alias, place, weight;
    bool stray;           /* there is no record of it */
    struct record record; /* of the version; of the function itself if it is no route */
};

/* True if it is one of schema 1, whole and right, and the one that belongs at this key of its bucket. */
bool record_parse_function(const char *key, struct bytes json, struct record *ret_record);
bool record_parse_version(const char *key, struct bytes json, struct record *ret_record);
uint32_t record_schema(struct bytes json);       /* which it says it has; 0 if it says none, or is no JSON */
char *record_print(const struct record *record); /* free() */
/* Without what a function's record has beside its live version. */
char *record_print_version(const struct record *record);
/* The record's key in its bucket, that of a version, and the name of the function's consumer. */
void record_key(const struct record *record, char ret_key[SERVE_KEY_BYTES]);
void record_version_key(const struct record *record, const char *version, char ret_key[SERVE_ROW_BYTES]);
void record_consumer(const struct record *record, char ret_consumer[SERVE_KEY_BYTES]);
/* The text of the row that serves that route: the function's own for the first live one. */
void record_row(const struct record *record, size_t alias, size_t route, char ret_text[SERVE_ROW_BYTES]);
/* NULL if there is none of that name ("" is live). */
struct record_alias *record_alias(struct record *record, const char *name);
/* NULL if the alias is NULL or does not name that version. */
const struct record_route *record_route(const struct record_alias *alias, const char *version);
/* Takes over what belongs to a version; aliases and all that is the function's stays. */
void record_adopt_version(struct record *record, const struct record *version);
/* record_policy.c: how failures are treated, in a version's record; what is not there is left as it is by default. */
struct cJSON;
void record_policy_parse(const struct cJSON *json, struct record *record);
void record_policy_print(struct cJSON *json, const struct record *record);
struct input;
void record_policy_tell(const struct record *record, struct input *input); /* INPUT_FUNCTION_POLICY, but for its name */
/* How many rows of the core it takes. */
uint32_t record_rows(const struct record *record);

#endif
